"""The notebooks and README as they are stored: whole, readable, and of one piece."""

import ast
import base64
import importlib.util
import inspect
import json
import re
import statistics

import nbformat
import pytest

import nn_helpers as nn

PATHS = sorted((nn.PROJECT / "notebooks").glob("*.ipynb"))
NOTEBOOKS = {path.stem: nbformat.read(path, as_version=4) for path in PATHS}

_spec = importlib.util.spec_from_file_location("run", nn.PROJECT / "notebooks" / "run.py")
run = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(run)


def code_cells(name):
    return [cell for cell in NOTEBOOKS[name].cells if cell.cell_type == "code"]


def shown_figures(cell):
    """Return the names that a cell gives to `nn.show_figure`."""
    return [
        call.args[1].value
        for call in ast.walk(ast.parse(cell.source))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "nn.show_figure"
    ]


def images(name):
    for cell in code_cells(name):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                yield cell, output


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_stored_as_run_once_from_top_to_bottom(name):
    cells = code_cells(name)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text


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
    for cell, output in images(name):
        (figure,) = shown_figures(cell)
        stored = nn.PROJECT / "figures" / f"{figure}.png"
        assert base64.b64decode(output.data["image/png"]) == stored.read_bytes()
        assert len(output.metadata["image/png"]["alt"]) > 20


def test_every_figure_belongs_to_a_notebook():
    shown = {
        figure for name in NOTEBOOKS for cell in code_cells(name) for figure in shown_figures(cell)
    }
    assert shown == {path.stem for path in (nn.PROJECT / "figures").glob("*.png")}


# Equations


def test_every_equation_has_its_function_and_every_function_its_equation():
    prose = "\n".join(
        cell.source for cell in NOTEBOOKS["02_derivation"].cells if cell.cell_type == "markdown"
    )
    tags = [int(n) for n in re.findall(r"\\tag\{(\d+)\}", prose)]
    assert tags == list(range(1, len(tags) + 1))
    cited = [
        int(n)
        for _, function in inspect.getmembers(nn, inspect.isfunction)
        for n in re.findall(r"Eq\. \((\d+)\)", function.__doc__ or "")
    ]
    assert sorted(cited) == tags
    for name in NOTEBOOKS:
        for cell in NOTEBOOKS[name].cells:
            for n in re.findall(r"Eq\. \((\d+)\)", cell.source):
                assert int(n) in tags


# The module


def test_every_public_function_says_what_it_does():
    for name, member in inspect.getmembers(nn):
        is_ours = getattr(member, "__module__", None) == "nn_helpers"
        if is_ours and not name.startswith("_"):
            assert inspect.getdoc(member), name


def test_the_network_needs_only_numpy():
    tree = ast.parse((nn.PROJECT / "nn_helpers.py").read_text(encoding="utf-8"))
    imported = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    third_party = {name for name in imported if importlib.util.find_spec(name) is not None} & {
        "numpy",
        "pandas",
        "matplotlib",
        "seaborn",
        "scipy",
        "sklearn",
    }
    assert third_party == {"numpy"}


# Results


def test_readme_shows_the_stored_results():
    readme = (nn.PROJECT / "README.md").read_text(encoding="utf-8")
    _, _, rest = readme.partition(run.BEGIN)
    assert rest.startswith(run.results_table(nn.PROJECT / "figures") + run.END)


def test_results_follow_from_their_confusion_matrix():
    results = json.loads((nn.PROJECT / "figures" / "results.json").read_text())
    expected = nn.metric_intervals(results["confusion_matrix"])
    for name, row in expected.iterrows():
        assert results["metrics"][name] == pytest.approx(dict(row), abs=1e-4)


# The command that runs them


def test_failing_notebook_is_named_and_left_as_it_was(tmp_path, capsys):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in ("x = 1", "x / 0", "x")]
    path = tmp_path / "broken.ipynb"
    nbformat.write(notebook, path)
    before = path.read_bytes()
    assert run.main([str(path)]) == 1
    assert path.read_bytes() == before
    assert "broken.ipynb" in (error := capsys.readouterr().err)
    assert "ZeroDivisionError" in error


def test_missing_notebook_is_named(tmp_path, capsys):
    assert run.main([str(tmp_path / "none.ipynb")]) == 1
    assert "none.ipynb" in capsys.readouterr().err
