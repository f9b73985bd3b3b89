"""The notebooks and README as they are stored: whole, readable, and of one piece."""

import ast
import base64
import inspect
import json
import linecache
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import numpy as np
import pytest
import run

import nn_figures as draw
import nn_helpers as nn

pytest_plugins = "pytester"
SHOW = ("draw.show", "draw.live")
PATHS = sorted((nn.PROJECT / "notebooks").glob("*.ipynb"))
NOTEBOOKS = {path.stem: nbformat.read(path, as_version=4) for path in PATHS}


def code_cells(name):
    return [cell for cell in NOTEBOOKS[name].cells if cell.cell_type == "code"]


def shown_figures(cell):
    """Return the names that a cell gives to `draw.show` or `draw.live`.

    One figure is for files that do not name their signers. The embedded set does.
    """
    return [
        call.args[1].value
        for call in ast.walk(ast.parse(cell.source))
        if isinstance(call, ast.Call) and ast.unparse(call.func) in SHOW
        if call.args[1].value != "01_copies"
    ]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_stored_as_run_once_from_top_to_bottom(name):
    cells = code_cells(name)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_nothing_stored_needs_a_kernel_to_be_seen(name):
    assert "widgets" not in NOTEBOOKS[name].metadata
    for cell in code_cells(name):
        for output in cell.outputs:
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_cells_are_short_and_announced(name):
    lengths = [len(cell.source.splitlines()) for cell in code_cells(name)]
    assert max(lengths) <= 25
    assert statistics.median(lengths) <= 6
    kinds = "".join(cell.cell_type[0] for cell in NOTEBOOKS[name].cells)
    assert kinds.startswith("mc")
    assert "cccc" not in kinds  # prose carries the thought
    assert kinds.endswith("m")


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_shortcuts(name):
    for cell in code_cells(name):
        for line in cell.source.splitlines():
            assert not line.startswith(("%", "!"))
            assert "import *" not in line
            assert "sys.path" not in line


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_opens_and_closes_as_a_page_should(name):
    first, last = NOTEBOOKS[name].cells[0].source, NOTEBOOKS[name].cells[-1].source
    for part in ("What you'll do.", "What you'll learn", "What you'll need."):
        assert part in first
    for part in ("## What to try next", "**On your own**", "**Further reading**"):
        assert part in last


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_image_has_alt_text_and_is_the_one_under_figures(name):
    for cell in code_cells(name):
        pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        for figure, output in zip(shown_figures(cell), pictures, strict=True):
            stored = nn.PROJECT / "figures" / f"{figure}.png"
            assert base64.b64decode(output.data["image/png"]) == stored.read_bytes()
            assert len(output.metadata["image/png"]["alt"]) > 20


def test_every_figure_belongs_to_a_notebook():
    shown = {
        figure for name in NOTEBOOKS for cell in code_cells(name) for figure in shown_figures(cell)
    }
    assert shown == {path.stem for path in (nn.PROJECT / "figures").glob("*.png")}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_first_cell_fetches_the_project_on_colab_and_does_nothing_elsewhere(
    name, tmp_path, monkeypatch
):
    cell = code_cells(name)[0]
    assert cell.id == "colab"
    assert cell.source == code_cells("01_exploration")[0].source
    ran = []

    def run_command(command, check):
        ran.append(command[1])
        assert check
        if command[1] == "clone":
            assert "where it is" in command
            (tmp_path / "project").mkdir()
            (tmp_path / "project" / "nn_helpers.py").touch()

    monkeypatch.setattr("subprocess.run", run_command)
    monkeypatch.setattr("builtins.input", lambda _: "where it is")
    monkeypatch.chdir(tmp_path)
    exec(cell.source)
    assert ran == []
    monkeypatch.setitem(sys.modules, "google.colab", None)
    for folder, done in ((tmp_path, 2), (tmp_path / "project", 2), (tmp_path, 3)):
        os.chdir(folder)  # from the start, once more, and after a restart of the kernel
        exec(cell.source)
        assert ran == ["clone", "-m", "-m"][:done]
        assert os.getcwd() == str(tmp_path / "project")


# Equations


def test_every_equation_has_its_function_and_every_function_its_equation():
    prose = "\n".join(
        cell.source for cell in NOTEBOOKS["02_derivation"].cells if cell.cell_type == "markdown"
    )
    tags = [int(n) for n in re.findall(r"\\tag\{(\d+)\}", prose)]
    for place, tag in enumerate(tags, start=1):
        assert tag == place, f"02_derivation: the equation after ({place - 1}) is numbered ({tag})"
    cited = {}
    for name, function in inspect.getmembers(nn, inspect.isfunction):
        for n in re.findall(r"Eq\. \((\d+)\)", function.__doc__ or ""):
            assert int(n) not in cited, f"Eq. ({n}) is cited by {name} and by {cited[int(n)]}"
            cited[int(n)] = name
    assert set(tags) - set(cited) == set(), "equations that no function cites"
    assert set(cited) - set(tags) == set(), "citations of equations that notebook 02 lacks"


def test_equations_stand_in_the_symbol_table_in_order():
    numbers = draw.symbol_table()["equation"].str.extract(r"^\((\d+)\)")[0].dropna().astype(int)
    cited = re.findall(r"Eq\. \((\d+)\): ", inspect.getsource(nn))
    assert list(numbers) == list(range(1, len(cited) + 1))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_prose_refers_to_equations_that_exist(name):
    last = draw.symbol_table()["equation"].str.startswith("(").sum()
    for cell in NOTEBOOKS[name].cells:
        for n in re.findall(r"Eq\. \((\d+)\)", cell.source):
            assert 1 <= int(n) <= last


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("X @ W1 + b1", "X @ W1"),
        ("X @ W1 + b1", "X @ W1 - b1"),
        ("a1 = sigmoid(z1)", "a1 = np.tanh(z1)"),
        ("a1 @ W2 + b2", "a1 @ W2"),
        ("a1 @ W2 + b2", "(a1 * W2 + b2).sum(axis=1)"),
        ("a1 @ W2 + b2", "(a1 @ W2 + b2)[:, None]"),
        ("a2 = sigmoid(z2)", "a2 = z2"),
    ],
)
def test_loops_notice_a_wrong_forward(right, wrong, capsys):
    cells, names = {cell.id: cell.source for cell in code_cells("02_derivation")}, {}
    assert right in cells["cell-19"]
    cells["cell-19"] = cells["cell-19"].replace(right, wrong)
    for name in ("cell-01", "cell-05", "cell-13", "cell-19", "loops", "loops-agree"):
        exec(cells[name], names)
    said = capsys.readouterr().out
    assert said.count("agrees with the loops") == 4
    assert "False" in said


def test_arrays_have_the_shapes_that_the_symbol_table_states():
    sizes = {"N": 7, "D": 5, "H": 3}
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((7, 5)), np.array([0, 1, 1, 0, 1, 0, 1])
    parameters = nn.initialize_parameters(5, 3, rng=rng)
    activations = nn.forward(X, parameters)
    gradients = nn.backward(X, y, parameters, activations)._asdict()
    found = {"X": X, "y": y, **parameters._asdict(), **activations._asdict()}
    found |= {f"d{name}": gradient for name, gradient in gradients.items()}
    stated = draw.symbol_table().set_index("name in code")["shape"]
    checked = 0
    for name, shape in stated.items():
        if name in found:
            expected = tuple(sizes[letter] for letter in re.findall(r"[NDH]", shape))
            assert np.shape(found[name]) == expected, name
            checked += 1
    assert checked == 6 + 4 + 4 + 1  # letters, forward, backward, and W1 once more at its start


# The test signers


@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if name != "04_evaluation"])
def test_nothing_is_learned_from_a_test_signer_before_notebook_04(name, monkeypatch, tmp_path):
    """Run the cells, with one epoch and few splits, and see whose pictures are measured."""
    X, y, signers = nn.select_digits(nn.load_sign_digits())
    hidden, met, sweep = {x.tobytes() for x in X[nn.course_split(signers, y)[1]]}, set(), nn.sweep

    def watched(function):
        def call(X, *args, **kwargs):
            met.update(x.tobytes() for x in X)
            return function(X, *args, **kwargs)

        return call

    for function in ("fit_standardizer", "scale_pixels", "picture_distances", "closest_mean"):
        monkeypatch.setattr(nn, function, watched(getattr(nn, function)))
    monkeypatch.setattr(nn, "sweep", lambda *args, **_: sweep(*args, n_splits=2))
    fewest = {"02b_find_the_bug": 40, "03_training": 20}  # its cells ask for so many
    for settings in (nn.SETTINGS, nn.train.__kwdefaults__):
        monkeypatch.setitem(settings, "epochs", fewest.get(name, 1))
    monkeypatch.setenv("SIGN_DIGITS_FIGURES", str(tmp_path))
    names = {}
    for number, cell in enumerate(code_cells(name)):
        file = f"{name}, cell {number}"
        linecache.cache[file] = (0, None, cell.source.splitlines(keepends=True), file)
        exec(compile(cell.source, file, "exec"), names)
    assert met
    assert not met & hidden


# The module


def test_every_public_function_says_what_it_does():
    for name, member in inspect.getmembers(nn):
        is_ours = getattr(member, "__module__", None) == "nn_helpers"
        if is_ours and not name.startswith("_"):
            assert inspect.getdoc(member), name


def test_the_network_needs_only_numpy():
    """Data, training and evaluation, in a Python that has NumPy and the standard library alone."""
    program = """
import sys
kept = {"numpy", "nn_helpers", *sys.stdlib_module_names}
class Nothing:
    def find_spec(self, name, *_):
        if name.partition(".")[0] not in kept:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Nothing())
import numpy as np
import nn_helpers as nn
X, y, signers = nn.select_digits(nn.load_sign_digits())
train, test = nn.course_split(signers, y)
standardizer = nn.fit_standardizer(X[train])
rng = np.random.default_rng(0)
watched = nn.standardize(X[test], standardizer), y[test]
run = nn.train(nn.standardize(X[train], standardizer), y[train], rng=rng, validation=watched)
matrix = nn.confusion_matrix(y[test], nn.predict(watched[0], run.parameters))
print(nn.classification_metrics(matrix).accuracy, nn.wilson_interval(matrix.trace(), len(test)))
for name in ("pandas", "matplotlib", "scipy", "joblib"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        print("no", name)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    accuracy = json.loads((nn.PROJECT / "figures" / "results.json").read_text())["metrics"]
    assert result.stdout.startswith(str(accuracy["accuracy"]["value"])), result.stderr
    assert result.stdout.count("\nno ") == 4


# Results


def test_readme_shows_the_stored_results():
    readme = (nn.PROJECT / "README.md").read_text(encoding="utf-8")
    _, _, rest = readme.partition(run.BEGIN)
    assert rest.startswith(run.results_table(nn.PROJECT / "figures") + run.END)


@pytest.mark.parametrize("name", ["results.json", "photographs.json"])
def test_stored_results_are_of_the_digits_that_the_course_has_now(name):
    results = json.loads((nn.PROJECT / "figures" / name).read_text())
    assert tuple(results["digits"]) == nn.DIGITS


def test_results_follow_from_their_confusion_matrix():
    results = json.loads((nn.PROJECT / "figures" / "results.json").read_text())
    expected = nn.metric_intervals(results["confusion_matrix"])
    for name, row in expected.iterrows():
        assert results["metrics"][name] == pytest.approx(dict(row), abs=1e-4)


COURSE_FILE = nn.PROJECT / "data" / "course_file.json"  # numbers that were measured elsewhere
NOT_PROSE = re.compile(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)|arXiv:\S+", re.DOTALL)
NUMBER = r"(?<![-\w.])\d+(?:\.\d+)?"


def stored_numbers():
    """Return what the results files hold, as they are and as percentages."""

    def values(node):
        if isinstance(node, dict | list):
            for key, child in node.items() if isinstance(node, dict) else enumerate(node):
                if key != "each":  # single splits are no result
                    yield from values(child)
        elif isinstance(node, int | float):
            yield node

    files = [nn.PROJECT / "figures" / name for name in ("results.json", "photographs.json")]
    for file in (*files, COURSE_FILE):
        for value in values(json.loads(file.read_text())):
            yield f"{value:g}"
            yield f"{100 * value:.1f}"


def unexplained(prose, known):
    """Return the numbers in prose that look like results and that nothing explains."""
    looks_like_a_result = re.compile(rf"{NUMBER}(?=\s?%)|(?<![-\w.])\d+\.\d+")
    allowed = {float(number) for number in known}
    found = looks_like_a_result.findall(NOT_PROSE.sub(" ", prose))
    return [number for number in found if float(number) not in allowed]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_result_in_a_notebook_is_typed(name):
    """A decimal or a percentage in prose stands in an output, a results file or a setting."""
    known = set(stored_numbers())
    for cell in code_cells(name):
        known.update(re.findall(NUMBER, cell.source))
        for output in cell.outputs:
            printed = output.get("text", "") + output.get("data", {}).get("text/plain", "")
            known.update(re.findall(NUMBER, printed))
    for cell in NOTEBOOKS[name].cells:
        if cell.cell_type == "markdown":
            assert unexplained(cell.source, known) == [], cell.source


def test_no_result_in_readme_is_typed():
    settings = str(inspect.signature(nn.train))
    settings += (nn.PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    known = {*stored_numbers(), *re.findall(NUMBER, settings), *re.findall(r"\d\.\d+", settings)}
    readme = (nn.PROJECT / "README.md").read_text(encoding="utf-8")
    assert unexplained(readme, known | {"95"}) == []  # 95 % is the level of the intervals


def test_the_audit_and_its_numbers_agree():
    """Every number measured elsewhere stands in notebook 04, and the files of both agree."""
    prose = " ".join(c.source for c in NOTEBOOKS["04_evaluation"].cells if "elsewhere" in c.source)
    said = {float(number.replace("−", "-")) for number in re.findall(r"[-−]?\d+(?:\.\d+)?", prose)}
    numbers = json.loads(COURSE_FILE.read_text())
    del numbers["about"]
    for what, values in numbers.items():
        assert set(np.ravel(values)) <= said, what
    _, section = (nn.PROJECT / "data" / "README.md").read_text().split("## The course's own file")
    assert unexplained(section, stored_numbers()) == []


def test_typed_results_are_found():
    assert unexplained("It reaches 97.3 %, or 0.973, of `0.5` and $0.1$.", {"1"}) == [
        "97.3",
        "0.973",
    ]
    assert unexplained("It reaches 97.3 %.", {"97.30"}) == []


# The command that runs them


def test_failing_notebook_is_named_and_left_as_it_was(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SIGN_DIGITS_FIGURES")
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in ("x = 1", "x / 0", "x")]
    path = tmp_path / "broken.ipynb"
    nbformat.write(notebook, path)
    before = path.read_bytes()
    assert run.main([str(path)]) == 1
    assert path.read_bytes() == before
    assert "broken.ipynb" in (error := capsys.readouterr().err)
    assert "ZeroDivisionError" in error


def test_missing_notebook_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SIGN_DIGITS_FIGURES")
    assert run.main([str(tmp_path / "none.ipynb")]) == 1
    assert "none.ipynb" in capsys.readouterr().err


@pytest.mark.parametrize("variable", ["SIGN_DIGITS", "SIGN_DIGITS_FIGURES"])
def test_other_data_do_not_overwrite_the_stored_notebooks(variable, monkeypatch, capsys):
    monkeypatch.delenv("SIGN_DIGITS_FIGURES")
    monkeypatch.setenv(variable, "elsewhere")
    with pytest.raises(SystemExit):
        run.main([])
    assert f"{variable} is set: give --output" in capsys.readouterr().err


# The command that opens them


def fetch(url, server):
    """Return what a server sends, which names its address a moment before it listens there."""
    while server.poll() is None:
        try:
            with urllib.request.urlopen(url) as answer:
                return answer.read()
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
        time.sleep(0.1)
    pytest.fail("the server has ended")


def test_lab_opens_the_first_notebook_and_can_open_the_module(tmp_path):
    makefile = (nn.PROJECT / "Makefile").read_text(encoding="utf-8")
    (options,) = re.findall(r"^lab:.*\n\t\$\(BIN\)/jupyter lab (.*)", makefile, re.MULTILINE)
    command = [sys.executable, "-m", "jupyterlab", *options.split()]
    command += ["--no-browser", "--ip=127.0.0.1", "--port=0", "--allow-root"]
    environment = {**os.environ, "JUPYTER_TOKEN": "secret"}
    for place in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        environment[f"JUPYTER_{place}"] = str(tmp_path)
    server = subprocess.Popen(
        command, cwd=nn.PROJECT, env=environment, stderr=subprocess.PIPE, text=True
    )
    with server:
        try:
            addresses = (re.search(r"http://127\.0\.0\.1:\d+", line) for line in server.stderr)
            address = next(filter(None, addresses))[0]
            for name in ("nn_helpers.py", "notebooks/01_exploration.ipynb"):
                served = fetch(f"{address}/files/{name}?token=secret", server)
                assert served == (nn.PROJECT / name).read_bytes()
            (page,) = tmp_path.glob("jpserver-file-to-run-*.html")  # what a browser is sent to
            assert f"{address}/lab/tree/notebooks/01_exploration.ipynb?" in page.read_text()
        finally:
            server.kill()  # it may miss a signal to end that comes while it writes to its log


# The command that tests them


def test_skipped_tests_are_counted_by_what_they_lack(pytester, monkeypatch):
    monkeypatch.setenv("SIGN_DIGITS_FIGURES", os.environ["SIGN_DIGITS_FIGURES"])
    pytester.makepyfile(
        test_it="""
import pytest

lacks = pytest.mark.skipif(True, reason="no sandbox: install it")

@lacks
@pytest.mark.parametrize("n", range(3))
def test_many(n): ...

def test_one():
    pytest.importorskip("no_such_package", reason="no package: install it")

def test_runs(): ...
"""
    )
    own = ("-p", "conftest", "-p", "no:nbval", "test_it.py")
    said = pytester.runpytest_inprocess(*own).outlines
    place = said.index("3 skipped: no sandbox: install it")
    assert said[place + 1] == "1 skipped: no package: install it"
    assert "skipped tests" not in str(pytester.runpytest_inprocess("-k", "runs", *own).outlines)
