"""The student edition: no answer in it, everything else works, and nobody's files are lost."""

import ast
import contextlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import checks
import nbformat
import numpy as np
import pytest
import student
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import nn_helpers as nn

REFERENCE = (nn.PROJECT / "nn_helpers.py").read_text(encoding="utf-8")
GRADED = [function.name for function in student.graded_functions(REFERENCE)]
NOTEBOOKS = checks.rubric()["notebook"]
NAMES = [notebook["file"] for notebook in NOTEBOOKS.values()] + ["02b_find_the_bug"]
SOURCES = {n: (nn.PROJECT / f"{n}.py").read_text("utf-8") for n in ("nn_helpers", "nn_figures")}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the folder of an edition that no test changes."""
    folder = tmp_path_factory.mktemp("edition") / "student"
    assert student.main(["--output", str(folder)]) == 0
    return folder


@pytest.fixture
def edition(built, tmp_path):
    """Return the folder of an edition to work in, with its zip beside it."""
    shutil.copy(built.with_name("student.zip"), tmp_path)
    return shutil.copytree(built, tmp_path / "student")


@pytest.fixture(scope="module")
def module(built):
    return checks.load_module(built / "nn_helpers.py")


def contents(folder):
    return dict(student.files_of(folder))


def notebook(folder, name):
    return nbformat.read(folder / "notebooks" / f"{name}.ipynb", as_version=4)


def with_body(text, name):
    """Return the module with one function as it is in the reference."""
    empty, full = (
        ast.get_source_segment(source, function)
        for source in (text, REFERENCE)
        for function in student.graded_functions(source)
        if function.name == name
    )
    return text.replace(empty, full)


def check_command(folder):
    command = [sys.executable, "grading/checks.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


# What is in it


def test_two_runs_write_the_same_bytes(built, tmp_path):
    again = tmp_path / "student"
    for _ in range(2):  # the second replaces the first
        assert student.main(["--output", str(again)]) == 0
        assert contents(again) == contents(built)
        assert again.with_suffix(".zip").read_bytes() == built.with_suffix(".zip").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["student", "student.zip"]


def test_zip_holds_the_folder(built):
    with zipfile.ZipFile(built.with_name("student.zip")) as archive:
        assert {n: archive.read(n) for n in archive.namelist()} == {
            f"student/{name}": content for name, content in contents(built).items()
        }
        assert archive.namelist() == sorted(archive.namelist())
        for entry in archive.infolist():  # nothing that another day or machine would change
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.external_attr >> 16 == 0o100644
            assert entry.compress_type == zipfile.ZIP_STORED


def test_holds_what_students_need_and_nothing_else(built):
    assert sorted(contents(built)) == sorted(
        [
            *("LICENSE", "Makefile", "README.md", "nn_helpers.py"),
            *("nn_figures.py", "nn_live.py"),
            *(f"live/{path.name}" for path in (nn.PROJECT / "live").iterdir()),
            *("constraints.txt", "pyproject.toml", "requirements.txt"),
            *("data/README.md", "data/course_file.json", "data/sign_digits.npz"),
            "data/six_and_eight.png",
            *("grading/checks.py", "grading/mistakes.json", "grading/rubric.toml"),
            *(f"notebooks/{name}.ipynb" for name in NAMES),
        ]
    )


def test_files_that_it_names_are_there(built):
    for name, content in contents(built).items():
        text = content.decode() if name.endswith((".md", "file", ".ipynb")) else ""
        for path in re.findall(r"\]\((\w[^):]+)\)|\b((?:data|grading|notebooks)/\w+\.\w+)", text):
            assert (built / "".join(path)).is_file(), path


def test_package_can_be_installed_from_it(built):
    settings = tomllib.loads((built / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(settings) == {"build-system", "project", "tool"}
    modules = ["nn_figures", "nn_helpers", "nn_live"]
    assert settings["tool"] == {"setuptools": {"py-modules": modules}}
    assert (built / settings["project"]["readme"]).is_file()


def test_makefile_has_rules_for_what_it_offers(built):
    text = (built / "Makefile").read_text(encoding="utf-8")
    rules = re.findall(r"^([a-z]+):", text, flags=re.MULTILINE)
    offered = ["all" if name == " " else name for name in re.findall(r"# make (\w+| )", text)]
    assert rules == offered == re.search(r"\.PHONY: (.*)", text)[1].split()


def test_readme_opens_the_notebooks_as_the_makefile_does(built):
    for name in ("Makefile", "README.md"):
        (command,) = re.findall(r"jupyter lab .*", (built / name).read_text(encoding="utf-8"))
        assert command == "jupyter lab --notebook-dir=. notebooks/01_exploration.ipynb"


# No answers


def test_no_answer_is_left(built):
    assert student.answers_left(built) == []


CODE = {
    "statement": "def helper():\n    {statement}\n",
    "value under another name": "found = {value}\n",
    "comment": "# {statement}\n",
    "string": 'HINT = """{statement}"""\n',
}
PROSE = {
    "block": "\n```python\n{statement}\n```\n",
    "span": "The line is `{value}`.\n",
    "sentence": "The line is {statement}, of course.\n",
}
PLACES = [
    *(("nn_helpers.py", None, template) for template in CODE.values()),
    *(("notebooks/03_training.ipynb", "code", template) for template in CODE.values()),
    *(("notebooks/03_training.ipynb", "markdown", template) for template in PROSE.values()),
    *(("README.md", None, template) for template in PROSE.values()),
]


@pytest.mark.parametrize(("name", "kind", "template"), PLACES)
def test_answers_put_back_are_found(edition, name, kind, template):
    known = student.answers(REFERENCE)
    leaked = "\n" + "".join(
        template.format(statement=answer.statement, value=text)
        for text, answer in known.items()
        if text != answer.statement
    )
    path, where = edition / name, name
    if kind is None:
        path.write_text(path.read_text(encoding="utf-8") + leaked, encoding="utf-8")
    else:
        pages = nbformat.read(path, as_version=4)
        cell = next(cell for cell in pages.cells if cell.cell_type == kind)
        cell.source += leaked
        nbformat.write(pages, path)
        where = f"{name}, {cell.id}"
    expected = {f"{where}: {answer.statement}" for answer in known.values()}
    assert set(student.answers_left(edition)) == expected


@pytest.mark.parametrize(("name", "margin"), [("nn_helpers.py", "# "), ("README.md", "    ")])
def test_every_body_put_back_is_found(edition, name, margin):
    leaked = "".join(f"{margin}{line}\n" for line in REFERENCE.split("\n"))
    with open(edition / name, "a", encoding="utf-8") as file:
        file.write(leaked)
    expected = {f"{name}: {answer.statement}" for answer in student.answers(REFERENCE).values()}
    assert set(student.answers_left(edition)) == expected
    for function in student.graded_functions(REFERENCE):  # and none is without an answer
        assert expected & {f"{name}: {student.plain(n)}" for n in ast.walk(function)}


@pytest.mark.parametrize("stored", [{"execution_count": 1}, {"outputs": ["printed"]}])
def test_stored_outputs_are_found(edition, stored):
    path = edition / "notebooks" / "01_exploration.ipynb"
    pages = json.loads(path.read_text(encoding="utf-8"))
    pages["cells"][1].update(stored)
    path.write_text(json.dumps(pages), encoding="utf-8")
    assert student.answers_left(edition) == [
        f"notebooks/01_exploration.ipynb, {pages['cells'][1]['id']}: a stored output"
    ]


def test_common_statements_are_common(built, monkeypatch):
    before = student.COMMON
    monkeypatch.setattr(student, "COMMON", set())
    monkeypatch.setattr(student, "answers", student.answers.__wrapped__)
    assert {line.partition(": ")[2] for line in student.answers_left(built)} == before


def test_no_derivation_that_is_asked_for_is_left(built):
    text = str(notebook(nn.PROJECT, "02_derivation").cells)
    equations = dict(re.findall(r"=([^$]*?)\\\\tag\{(\d+)\}", text.replace("\\n", "")))
    formulas = {number: formula for formula, number in equations.items()}
    edition = " ".join(str(notebook(built, name).cells) for name in NAMES)
    for number in ("14", "15", "16", "17"):
        assert formulas[number].strip() not in edition
    docstring = checks.load_module(built / "nn_helpers.py").backward.__doc__
    assert re.findall(r"Eq\. \((\d+)\): \S+ \|", docstring) == [str(n) for n in range(10, 18)]
    assert not set("=⊙ᵀ") & set(docstring)


def test_no_page_leads_to_one_that_is_left_out(built):
    for name in student.LEFT_OUT:
        number = name.partition("_")[0].lstrip("0")
        for path in (built / "notebooks").iterdir():
            text = path.read_text(encoding="utf-8")
            assert f"**{number} ·" not in text
            assert f"otebook {number}" not in text


# The module


def test_graded_functions_say_what_to_write(module):
    equations = {"sigmoid": r"Eq. \(1\)", "forward": r"Eqs. \(2\) to \(5\)"}
    equations |= {"binary_cross_entropy": r"Eqs. \(6\) and \(7\)"}
    equations |= {"backward": r"Eqs. \(10\) to \(17\)"}
    equations |= {"gradient_step": r"Eq. \(18\)", "initialize_parameters": r"Eq. \(19\)"}
    for name in GRADED:
        function = getattr(module, name)
        arguments = dict.fromkeys(inspect.signature(function).parameters)
        if name in student.ASKED:
            signers, rng = np.arange(5), np.random.default_rng()
            with pytest.raises(
                NotImplementedError, match=r"^write in_test here, a truth value for each"
            ):
                function(signers, rng=rng)
            continue
        pattern = f"^{equations[name]}: write {name} here$" if name in equations else "docstring"
        with pytest.raises(NotImplementedError, match=pattern) as raised:
            function(**arguments)
        assert f"write {name} here" in str(raised.value)


def test_signatures_and_docstrings_stay(module):
    for name, member in inspect.getmembers(nn, inspect.isroutine):
        assert inspect.signature(getattr(module, name)) == inspect.signature(member)
        described = inspect.getdoc(member)
        if name in GRADED:  # no check asks what it refuses
            described = described.partition("\n\nRaises\n")[0]
        if name != "backward":
            assert inspect.getdoc(getattr(module, name)) == described


def test_with_its_bodies_back_the_module_is_the_reference(built):
    text = (built / "nn_helpers.py").read_text(encoding="utf-8")
    for name in GRADED:
        text = with_body(text, name)
    assert text == REFERENCE


def test_other_functions_work(module, built, monkeypatch):
    monkeypatch.delenv("SIGN_DIGITS_FIGURES")
    data = module.load_sign_digits()
    assert built / "figures" == module.figures_folder()
    assert np.array_equal(data.images, nn.load_sign_digits().images)
    assert module.relative_error(np.ones(3), np.ones(3)) == 0
    assert np.allclose(module.central_differences(np.sum, np.ones(3)), 1)


def test_check_command_counts_no_point_and_says_what_is_open(built):
    result = check_command(built)
    assert result.returncode == 1
    assert not result.stderr
    assert "\n0 of 80 points earned, 80 open\n" in result.stdout
    assert len(re.findall("^  open", result.stdout, flags=re.MULTILINE)) == len(checks.CHECKS)
    assert "The next to write: select_digits" in result.stdout


def test_check_command_names_a_known_mistake(edition):
    path = edition / "nn_helpers.py"
    text = with_body(path.read_text(encoding="utf-8"), "backward")
    path.write_text(text.replace("dz2 = (a2 - y) / len(y)", "dz2 = a2 - y"), encoding="utf-8")
    assert "answers exactly as with this mistake: 1/N missing (Eq. 11)" in (
        check_command(edition).stdout
    )


def test_make_check_takes_a_notebook_and_never_fails_for_open_points(built):
    makefile = (built / "Makefile").read_text(encoding="utf-8")
    makefile = makefile.replace("$(BIN)/python", sys.executable)
    command = ["make", "--file=-", "--assume-old=.venv/installed", "check", "NOTEBOOK=02"]
    result = subprocess.run(
        command, cwd=built, input=makefile, capture_output=True, text=True, timeout=120
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "Notebook 02: 0 of 49 points" in result.stdout
    assert "Notebook 01" not in result.stdout
    assert "The next to write: sigmoid" in result.stdout


def test_check_command_counts_every_point_of_the_reference(edition):
    shutil.copy(nn.PROJECT / "nn_helpers.py", edition)
    result = check_command(edition)
    assert result.returncode == 0, result.stdout
    assert "80 of 80 points earned, 0 open" in result.stdout


# The notebooks


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_the_reference_apart_from_prompts(built, name):
    before, pages = notebook(nn.PROJECT, name), notebook(built, name)
    nbformat.validate(pages)
    assert pages.metadata == before.metadata
    assert "colab" not in {cell.id for cell in pages.cells}  # it would fetch the answers
    assert len({cell.id for cell in pages.cells}) == len(pages.cells)
    code = [cell for cell in before.cells if cell.cell_type == "code" and cell.id != "colab"]
    found = [cell for cell in pages.cells if cell.cell_type == "code"]
    assert [cell.id for cell in found] == [cell.id for cell in code]
    prompt = r' *# Your turn: .*|| *raise NotImplementedError\(".*"\)|draw\.classroom\(\).*'
    for cell, old in zip(found, code, strict=True):
        lines = (line for line in cell.source.split("\n") if line not in old.source.split("\n"))
        for line in lines:
            assert re.fullmatch(prompt, line), line


@pytest.mark.parametrize("name", NAMES)
def test_room_for_each_answer_stands_right_under_its_question(built, name):
    (listed,) = (c for c in notebook(nn.PROJECT, name).cells if "**On your own**" in c.source)
    questions = re.findall(r"^\d+\. .*", listed.source, flags=re.MULTILINE)
    cells = notebook(built, name).cells
    places = [i for i, cell in enumerate(cells) if cell.id.startswith("question-")]
    assert questions
    assert len(places) == len(questions)
    for number, place in enumerate(places, 1):
        assert cells[place].source.startswith(f"{number}. ")
        answer = cells[place + 1]
        assert answer.cell_type == "markdown"
        assert answer.source.startswith(f"**Your answer to {number}**")
        assert answer.source.endswith("\n\n")


def test_statements_in_a_cell_become_one_prompt():
    lines = "if ready:\n    {}\n    check(dW2)\ntotal = 0"
    filled = lines.format("dW2 = a1.T @ dz2\n    other = dz2.sum()  # the same")
    prompt = (
        "# Your turn: Eqs. (12) and (13): write dW2 and db2 here. Then delete the last of these "
        "lines.\n\n\n"
        '    raise NotImplementedError("Eqs. (12) and (13): write dW2 and db2 here")'
    )
    assert student.student_code(filled, REFERENCE, is_cell=True) == lines.format(prompt)


def test_code_in_prose_is_blanked_where_it_is_an_answer():
    def prose(text):
        return student.student_prose(text, REFERENCE)

    assert prose("Then `dz2 = (a2 - y) / len(y)`.") == "Then `dz2 = …`."
    assert prose("Is `dz2[:,None]*W2` it?") == "Is your line for da1 it?"
    assert prose("Or `(X - mean) / scale`?") == "Or your line for the result of standardize?"
    kept = "See `W1`, `nn.train`, `y[:, None] == y`, `make check`, `(` and $z_1$."
    assert prose(kept) == kept
    block = "```python\nfor batch in batches:\n    {}\n```"
    filled = block.format("activations = nn.forward(X_batch, parameters)")
    assert prose(filled) == block.format("# Your lines: activations")
    other = "```\nmake check\n```"
    assert prose(other) == other


def calls(cell):
    """Return what a cell calls, as it is written there."""
    if cell.cell_type == "markdown":
        return []
    nodes = ast.walk(ast.parse(cell.source))
    return [ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)]


def test_rubric_lists_each_function_with_the_first_notebook_that_needs_it(built):
    left = set(GRADED)
    for name, rows in zip(NAMES, [*NOTEBOOKS.values(), {"functions": []}], strict=True):
        cells = [c.source for c in notebook(nn.PROJECT, name).cells if c.cell_type == "code"]
        needs = set().union(*(student.needed(source, SOURCES) for source in cells))
        defined = {f.name for source in cells for f in student.graded_functions(source)}
        assert set(rows["functions"]) == (needs | defined) & left
        left -= needs | defined
    assert left == set()
    readme = (built / "README.md").read_text(encoding="utf-8")
    for notebook_ in NOTEBOOKS.values():
        assert ", ".join(f"`{name}`" for name in notebook_["functions"]) in readme


def test_figures_need_what_they_call():
    assert student.needed("draw.neuron(x, y)", SOURCES) == {"sigmoid", "binary_cross_entropy"}
    assert student.needed("draw.confusion_matrix(m)", SOURCES) == set()  # not nn's
    assert student.needed("run = nn.train", SOURCES) >= {"train", "minibatches", "sigmoid"}
    assert student.needed("train(X)", SOURCES) == set()  # the notebook's own


def test_a_function_is_asked_for_before_the_first_cell_that_needs_it(built):
    asked = set()
    for name in NAMES:
        for cell in notebook(built, name).cells:
            if cell.cell_type == "code":
                assert student.needed(cell.source, SOURCES) <= asked, cell.source
            elif "`nn_helpers.py`" in cell.source:
                asked.update(re.findall(r"`(\w+)`", cell.source))
                if "Copy the rest of what you wrote" in " ".join(cell.source.split()):
                    asked |= {f for f in NOTEBOOKS["02"]["functions"]}


@pytest.mark.parametrize("name", NAMES)
def test_run_all_stops_at_a_sentence(edition, name):
    pages, outputs = executed(edition, notebook(edition, name))
    assert [output for output in outputs if output.output_type == "error"] == []
    (said,) = (o.data["text/markdown"] for o in outputs if "text/markdown" in o.get("data", {}))
    assert re.match(r"\*\*Your turn\*\*, (above|in `nn_helpers.py`, line \d+): .*write", said)
    assert pages.cells[-1].get("execution_count") is None


def executed(edition, pages):
    """Run a notebook of an edition as JupyterLab does, up to the first cell that fails."""
    environment = {**os.environ, "PYTHONPATH": str(edition)}
    environment["SIGN_DIGITS_FIGURES"] = str(edition / "figures")
    resources = {"metadata": {"path": str(edition / "notebooks")}}
    quiet = ["--log-level=ERROR"]
    client = NotebookClient(pages, timeout=120, resources=resources, extra_arguments=quiet)
    with contextlib.suppress(CellExecutionError):
        client.execute(env=environment)
    return pages, [output for cell in pages.cells for output in cell.get("outputs", ())]


def test_notebook_02_checks_forward_before_it_is_used(built):
    cells = notebook(built, "02_derivation").cells
    ids = [cell.id for cell in cells]
    uses = [cell.id for cell in cells if "forward" in calls(cell)]
    assert uses[0] == "loops-agree"
    written = next(cell.id for cell in cells if "def forward" in cell.source)
    assert ids.index(written) < ids.index("loops") < ids.index("loops-agree")
    for cell in cells:
        if cell.id.startswith("loops"):
            assert "NotImplementedError" not in cell.source


def test_readme_states_the_rubric(built):
    readme, rubric = (built / "README.md").read_text(encoding="utf-8"), checks.rubric()
    for part in (*rubric["part"], rubric["by_hand"]):
        assert f"| {part['title']} | {part['points']} |" in readme
    for line in rubric["by_hand"]["look_for"]:
        assert line in readme
    assert "<!--" not in readme


def test_filled_in_notebooks_run(edition):
    shutil.copy(nn.PROJECT / "nn_helpers.py", edition)
    for name in ("02_derivation", "02b_find_the_bug"):
        pages, filled = notebook(edition, name), notebook(nn.PROJECT, name)
        sources = {cell.id: cell.source for cell in filled.cells}
        for cell in pages.cells:
            if cell.cell_type == "code" and "NotImplementedError" in cell.source:
                cell.source = sources[cell.id]
        pages.cells.append(nbformat.v4.new_code_cell("str(nn.PROJECT)"))
        _, outputs = executed(edition, pages)
        assert "error" not in {output.output_type for output in outputs}
        # No other module than the edition's.
        assert outputs[-1].data["text/plain"] == repr(str(edition.resolve()))
        if name == "02_derivation":
            assert "True" in outputs[-2].data["text/plain"]
            assert "False" not in outputs[-2].data["text/plain"]


def test_a_changed_module_counts_from_the_next_cell_on(edition):
    code = "import nn_figures as draw\nimport nn_helpers as nn\ndraw.classroom()"
    change = (
        "path = nn.PROJECT / 'nn_helpers.py'\n"
        "text = path.read_text('utf-8').replace('raise NotImplemented', 'return 7\\n    #', 1)\n"
        "_ = path.write_text(text, 'utf-8')"
    )
    pages = nbformat.v4.new_notebook()
    broken = "_ = path.write_text('\\n\\n1 +', 'utf-8')"
    cells = (code, change, "nn.select_digits(0)", broken, "nn.select_digits(0)")
    pages.cells = [nbformat.v4.new_code_cell(source) for source in cells]
    _, outputs = executed(edition, pages)
    seven, said, again = outputs
    assert seven.data["text/plain"] == again.data["text/plain"] == "7"
    assert "SyntaxError in line 3" in said.data["text/markdown"]


# Writing it


def test_an_old_edition_is_replaced_with_what_use_added(edition):
    old = edition / "requirements.txt"
    old.write_text("numpy\n")
    edition.with_name("student.zip").write_bytes(student.zipped(contents(edition), "student"))
    for name in (".venv/pyvenv.cfg", "figures/01.png", "nn_helpers.egg-info/PKG-INFO"):
        (edition / name).parent.mkdir()
        (edition / name).write_text("x")
    assert student.main(["--output", str(edition)]) == 0
    assert not (edition / ".venv").exists()
    assert old.read_text() != "numpy\n"


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "new").mkdir()
    assert student.main(["--output", str(tmp_path / "new")]) == 0
    assert (tmp_path / "new" / "nn_helpers.py").is_file()


@pytest.mark.parametrize("name", ["thesis.txt", "nn_helpers.py", "notebooks/mine.ipynb"])
def test_a_folder_with_anything_else_in_it_is_left_alone(edition, name, capsys):
    (edition / name).write_text("my work")
    before = contents(edition)
    assert student.main(["--output", str(edition)]) == 1
    assert name in capsys.readouterr().err
    assert contents(edition) == before


@pytest.mark.parametrize("name", ["student", "student.zip"])
def test_a_file_in_its_place_is_left_alone(tmp_path, name, capsys):
    (tmp_path / name).write_text("my work")
    assert student.main(["--output", str(tmp_path / "student")]) == 1
    assert "--output must be" in capsys.readouterr().err
    assert (tmp_path / name).read_text() == "my work"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_failure_leaves_the_old_edition(edition, monkeypatch, capsys):
    before = contents(edition), edition.with_name("student.zip").read_bytes()
    monkeypatch.setattr(student, "student_prose", lambda text, reference: text)
    assert student.main(["--output", str(edition)]) == 1
    assert "dz2 = (a2 - y) / len(y)" in capsys.readouterr().err
    assert (contents(edition), edition.with_name("student.zip").read_bytes()) == before
    names = sorted(path.name for path in edition.parent.iterdir())
    assert names == ["student", "student.zip"]


def test_a_failure_at_the_last_step_brings_the_old_edition_back(edition, monkeypatch, capsys):
    before, rename = contents(edition), Path.rename

    def failing(self, target):
        if self.name == "new":
            raise OSError("the disk is full")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    assert student.main(["--output", str(edition)]) == 1
    assert "the disk is full" in capsys.readouterr().err
    assert contents(edition) == before


def test_a_sentence_that_changed_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(student.REWORDED["03_training"], "no such sentence", "")
    assert student.main(["--output", str(tmp_path / "student")]) == 1
    assert "03_training no longer says 'no such sentence'" in capsys.readouterr().err
    assert not (tmp_path / "student").exists()
