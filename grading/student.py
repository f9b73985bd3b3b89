"""Write the student edition: the course without its answers.

    python grading/student.py                    build/student and build/student.zip
    python grading/student.py --output FOLDER    FOLDER and FOLDER.zip

Nothing is kept twice: the edition is made from the files of the repository. In `nn_helpers.py`
the functions that the rubric names keep signature and docstring and lose their bodies. In the
notebooks every statement of such a body becomes a prompt, in code and in prose, and each open
question gets a cell for its answer. Outputs are cleared. Before anything is put in place, the
whole edition is searched for answers. If one is left, the command fails and the old edition stays.
"""

import argparse
import ast
import functools
import io
import itertools
import json
import os
import re
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import checks

from nn_helpers import write_atomically

PROJECT = checks.PROJECT
COPIED = ["LICENSE", "requirements.txt", "constraints.txt", "data/README.md"]
COPIED += ["data/sign_digits.npz", "data/course_file.json"]
COPIED += ["grading/checks.py", "grading/mistakes.json", "grading/rubric.toml"]
COPIED += ["nn_figures.py", "nn_figures.js", "nn_figures.css"]
# The one breaks the reference, line by line: it can't do without the answers. The other reports
# runs of the reference that are stored beside it.
LEFT_OUT = {"02b_find_the_bug", "05_experiments"}
# Sentences that need other words in the edition. Each must still stand in its notebook.
REWORDED = {
    ("02_derivation", "followed by the few lines of code that compute it."): (
        "followed by room for the few lines of code that compute it. They are yours to write, "
        "wherever a cell says `raise NotImplementedError`. What a function takes and returns "
        "stands in its docstring in `nn_helpers.py`."
    ),
    ("02_derivation", "All four agree, for each example and each unit."): (
        "Four times `True`? If not, mend `forward` before you go on: the first letter that does "
        "not agree tells which line to look at."
    ),
    ("02_derivation", "run the cell once more to bring it back to life."): (
        "run the cell once more to bring it back to life.\n\n"
        "The figure calls `nn_helpers`. So first copy your `sigmoid` and `binary_cross_entropy` "
        "into `nn_helpers.py`. Then restart the kernel and run the cells above again."
    ),
    ("02_derivation", "does for each parameter what we did by hand: central differences."): (
        "does for each parameter what we did by hand: central differences. It needs "
        "your `forward` in `nn_helpers.py` too. Copy it, without the `nn.`: there "
        "`nn.Activations` is `Activations`. Then restart the kernel and run the cells above again."
    ),
    ("02_derivation", "so that each pixel has mean 0 and a spread near 1."): (
        "so that each pixel has mean 0 and a spread near 1. Write `fit_standardizer` and "
        "`standardize` in `nn_helpers.py` first."
    ),
    ("02_derivation", "They import them."): (
        "They import them. So copy the rest of what you wrote into `nn_helpers.py`, without the "
        "`nn.`, and restart the kernel."
    ),
    ("02_derivation", "function for it, `np.outer(dz2, W2)`."): "function for it.",
    ("02_derivation", "Next: **2b · Find the bug**, or straight on to "): "Next: ",
    ("04_evaluation", "a file. The table in `README.md` is made from it."): (
        "the file `figures/results.json`."
    ),
    ("04_evaluation", "\n\nNext: **05 · Experiments**."): "",
}
# Statements of graded functions that code which comes along has too. They tell nothing.
COMMON = {
    "return (rows[~in_test], rows[in_test])",  # _split_by_class
    "(TN, FP), (FN, TP) = matrix.tolist()",  # nn_figures.confusion_matrix
    "share = successes / trials",  # checks.py
}
# What working with an edition adds to it.
BY_PRODUCTS = {".venv", "build", "figures", "__pycache__", ".ipynb_checkpoints"}


# What an answer is ----------------------------------------------------------------------


class Answer(NamedTuple):
    """A statement of a graded function: what it computes, by which equations, and as text."""

    names: str
    equations: list[str]
    statement: str


def plain(node: ast.AST) -> str:
    """Return code in one spelling, whether it stands in the module or in a notebook."""
    return re.sub(r"\bnn\.", "", ast.unparse(node))


@functools.cache
def graded_functions(source: str) -> list[ast.FunctionDef]:
    """Return the functions in the source that the rubric names."""
    names = {name for criterion in checks.read_rubric() for name in criterion.functions}
    body = ast.parse(source).body
    return [node for node in body if isinstance(node, ast.FunctionDef) and node.name in names]


@functools.cache
def answers(reference: str) -> dict[str, Answer]:
    """Find the answers, under the text of the statement and under that of its value alone.

    A statement is an answer if it assigns or returns something that it computes. Others check
    arguments, loop, or keep books.
    """
    found = {}
    idle = (ast.Name, ast.Attribute, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.expr_context)
    for function in graded_functions(reference):
        cited = re.findall(r"(Eq\. \(\d+\)): (\S+)", ast.get_docstring(function) or "")
        for node in ast.walk(function):
            if not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return):
                continue
            value = node.value or ast.Constant(None)
            if plain(node) in COMMON or all(isinstance(part, idle) for part in ast.walk(value)):
                continue
            targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
            names = ", ".join(plain(target).strip("()") for target in targets if target)
            names = names or f"the result of {function.name}"
            equations = [equation for equation, symbol in cited if symbol == names]
            for text in (plain(node), plain(value)):
                found[text] = Answer(names, equations, plain(node))
    return found


def answer_in(node: ast.stmt, known: dict[str, Answer]) -> Answer | None:
    """Return the answer that a statement is, or that its value is under another name."""
    value = getattr(node, "value", None)
    return (known.get(plain(node)) or known.get(plain(value))) if value else None


# Taking the answers out -----------------------------------------------------------------


def replaced(source: str, edits: list[tuple[int, int, str]]) -> str:
    """Put one line for several, first to last, counted from 1. All others stay, to the byte."""
    lines = source.split("\n")
    for first, last, new in sorted(edits, reverse=True):
        lines[first - 1 : last] = [new]
    return "\n".join(lines)


def not_written(names: list[str], equations: list[str], otherwise: str = "") -> str:
    """Return the line that stands where an answer stood, such as "Eq. (1): write sigmoid here"."""
    message = f"write {' and '.join(names)} here{'' if equations else otherwise}"
    if equations:
        between = " to " if len(equations) > 2 else " and "
        numbers = [equation.removeprefix("Eq. ") for equation in equations]
        numbers = numbers if len(numbers) < 3 else [numbers[0], numbers[-1]]
        message = f"Eq{'s' * (len(numbers) > 1)}. {between.join(numbers)}: {message}"
    return f'raise NotImplementedError("{message}")'


def without_bodies(source: str, reference: str) -> str:
    """Replace the bodies of graded functions by an error that says what to write."""
    docstrings = {f.name: ast.get_docstring(f) or "" for f in graded_functions(reference)}
    edits = []
    for function in graded_functions(source):
        first = function.body[0].lineno
        if ast.get_docstring(function) is not None:
            first = function.body[0].end_lineno + 1
        equations = re.findall(r"(Eq\. \(\d+\)): ", docstrings[function.name])
        new = not_written([function.name], equations, ", as the docstring above says")
        edits.append((first, function.end_lineno, f"    {new}"))
    return replaced(source, edits)


def without_raises(source: str) -> str:
    """Take out of the graded functions' docstrings which arguments they refuse: no check asks."""
    raises = r"\n\n    Raises\n    ------\n.*?(?=\n\n|\n    \"\"\")"
    without = source
    for function in graded_functions(source):
        docstring = ast.get_source_segment(source, function.body[0])
        without = without.replace(docstring, re.sub(raises, "", docstring, flags=re.DOTALL))
    return without


def student_module(source: str) -> str:
    """Return `nn_helpers.py` as students get it.

    Parameters
    ----------
    source : str
        The reference.

    Returns
    -------
    str
        The same text, except that each graded function raises NotImplementedError, which names
        its equations. Decorators, signatures and docstrings stay, but for what it refuses.
    """
    return without_bodies(without_raises(source), source)


def student_code(source: str, reference: str, *, is_cell: bool) -> str:
    """Return the code of a cell, or in prose, with prompts in the place of answers."""
    source, known, edits = without_bodies(source, reference), answers(reference), []
    for node in ast.walk(ast.parse(source)):
        blocks = (getattr(node, field, None) for field in ("body", "orelse", "finalbody"))
        for block in (b for b in blocks if isinstance(b, list)):  # a lambda's is an expression
            for is_answer, run in itertools.groupby(block, lambda n: bool(answer_in(n, known))):
                if not is_answer:
                    continue
                run = list(run)
                found = [answer_in(statement, known) for statement in run]
                new = not_written(
                    [answer.names for answer in found],
                    [equation for answer in found for equation in answer.equations],
                )
                if not is_cell:
                    new = f"# Your lines: {'; '.join(answer.names for answer in found)}"
                edits.append((run[0].lineno, run[-1].end_lineno, " " * run[0].col_offset + new))
    return replaced(source, edits)


def student_prose(text: str, reference: str) -> str:
    """Return Markdown whose code, in a block or within a line, gives no answer away."""

    def without_answer(match: re.Match) -> str:
        code = match["block"] or match["span"]
        try:
            body = ast.parse(code.strip()).body
        except SyntaxError:  # no Python
            return match[0]
        if match["block"]:
            return match[0].replace(code, student_code(code, reference, is_cell=False))
        answer = answer_in(body[0], answers(reference)) if body else None
        if answer and isinstance(body[0], ast.Assign):
            return f"`{', '.join(plain(target) for target in body[0].targets)} = …`"
        return f"your line for {answer.names}" if answer else match[0]

    code = r"^```\w*\n(?P<block>.*?)\n```$|`(?P<span>[^`\n]+)`"
    return re.sub(code, without_answer, text, flags=re.MULTILINE | re.DOTALL)


def student_notebook(name: str, notebook: dict, reference: str) -> dict:
    """Return a notebook with prompts, without outputs, and with a cell for each answer."""
    cells, rewordings = [], {old: new for (where, old), new in REWORDED.items() if where == name}
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["id"] == "colab":
            continue  # it fetches the course, answers included
        if cell["cell_type"] == "code":
            source = student_code(source, reference, is_cell=True)
            cell = {**cell, "outputs": [], "execution_count": None}
        else:
            for old in [old for old in rewordings if old in source]:
                source = source.replace(old, rewordings.pop(old))
            source = student_prose(source, reference)
        cells.append({**cell, "source": source.splitlines(keepends=True)})
        questions = source.partition("**On your own**\n\n")[2].partition("\n\n")[0]
        for number in re.findall(r"^(\d+)\. ", questions, flags=re.MULTILINE):
            room = [f"**Your answer to {number}** (double-click to write)\n", "\n"]
            answer = {"cell_type": "markdown", "id": f"answer-{number}", "metadata": {}}
            cells.append({**answer, "source": room})
    if rewordings:
        raise ValueError(f"REWORDED: {name} no longer says {next(iter(rewordings))!r}")
    return {**notebook, "cells": cells}


# The edition ----------------------------------------------------------------------------


def student_readme(template: str) -> str:
    """Return README.md, with what the rubric says in the places that the template marks."""
    rubric = tomllib.loads((PROJECT / "grading" / "rubric.toml").read_text(encoding="utf-8"))
    by_hand = rubric["by_hand"]
    points = ["| part | points | found by |", "|---|---|---|"]
    points += [
        f"| {part['title']} | {part['points']} | {len(part['criteria'])} self-checks |"
        for part in rubric["part"]
    ]
    points += [f"| {by_hand['title']} | {by_hand['points']} | reading your notebooks |"]
    look_for = [f"- {line}" for line in by_hand["look_for"]]
    for mark, lines in {"points": points, "look for": look_for}.items():
        template = template.replace(f"<!-- {mark} -->", "\n".join(lines))
    return template


def student_makefile(makefile: str) -> str:
    """Return a Makefile with those of the course's own rules that work in the edition."""
    kept = r"^(PYTHON \?=|\$\(VENV\)/installed:|lab:|check:)"
    blocks = [re.sub(r"(?m)^#.*\n", "", block) for block in makefile.split("\n\n")]
    settings, *rules = [b for b in blocks if re.search(kept, b, flags=re.MULTILINE)]
    comment = (
        "# make          the packages, once\n"
        "# make lab      open the notebooks\n"
        "# make check    run the self-checks on nn_helpers.py and count the points"
    )
    ready = "all: $(VENV)/installed\n\t@echo Ready: make lab opens the notebooks."
    return "\n\n".join([comment, settings, ready, *rules, ".PHONY: all lab check\n"])


def edition() -> dict[str, bytes]:
    """Return the files of the student edition, by their paths."""

    def read(name: str) -> str:
        return (PROJECT / name).read_text(encoding="utf-8")

    reference = read("nn_helpers.py")
    # Settings of ruff and pytest stay behind.
    tables = [t for t in read("pyproject.toml").split("\n\n") if not re.match(r"\[tool\.[rp]", t)]
    files = {
        "nn_helpers.py": student_module(reference),
        "README.md": student_readme(read("grading/student_readme.md")),
        "Makefile": student_makefile(read("Makefile")),
        "pyproject.toml": "\n\n".join(tables).rstrip() + "\n",
    }
    for path in (PROJECT / "notebooks").glob("[0-9]*.ipynb"):
        if path.stem not in LEFT_OUT:
            notebook = json.loads(path.read_text(encoding="utf-8"))
            notebook = student_notebook(path.stem, notebook, reference)
            text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
            files[f"notebooks/{path.name}"] = text + "\n"
    copied = {name: (PROJECT / name).read_bytes() for name in COPIED}
    return dict(sorted({**copied, **{name: text.encode() for name, text in files.items()}}.items()))


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of an edition's files, without what working with it added."""
    for root, folders, names in os.walk(folder):
        kept = sorted(name for name in set(folders) - BY_PRODUCTS if ".egg-info" not in name)
        folders[:] = kept
        for path in (Path(root, name) for name in sorted(names)):
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def answers_left(folder: Path) -> list[str]:
    """Search an edition for answers and stored outputs.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of str
        Where something was found, and what.
    """
    known = answers((PROJECT / "nn_helpers.py").read_text(encoding="utf-8"))
    found = []

    def squeezed(text: str) -> str:  # what differs between two spellings of a statement is gone
        return re.sub(r"\bnn\.|[\s(),#]", "", text).replace('"', "'")

    def look(where: str, text: str, *, is_code: bool) -> None:
        here = []
        if is_code:
            nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
            here = [answer for node in nodes if (answer := answer_in(node, known))]
        # As text too, for comments and strings. In prose the value is enough; in code a check
        # may need it.
        text = squeezed(text)
        for part, answer in known.items():
            if squeezed(answer.statement if is_code else part) in text:
                here.append(answer)
        found.extend(dict.fromkeys(f"{where}: {answer.statement}" for answer in here))

    for name, content in files_of(folder):
        try:
            text = content.decode()
        except UnicodeDecodeError:  # data
            continue
        if not name.endswith(".ipynb"):
            look(name, text, is_code=name.endswith(".py"))
            continue
        for cell in json.loads(text)["cells"]:
            where = f"{name}, {cell['id']}"
            look(where, "".join(cell["source"]), is_code=cell["cell_type"] == "code")
            if cell.get("outputs") or cell.get("execution_count"):
                found.append(f"{where}: a stored output")
    return found


# Writing it -----------------------------------------------------------------------------


def zipped(files: dict[str, bytes], folder: str) -> bytes:
    """Return a zip that depends on nothing but the files: no clock, no user, no compressor."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(f"{folder}/{name}", (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def refuse_to_destroy(output: Path, archive: Path, files: dict[str, bytes]) -> None:
    """Raise FileExistsError unless all that would be replaced is as this command wrote it."""
    old = {}
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as stored:
            old = {name.partition("/")[2]: stored.read(name) for name in stored.namelist()}
    if output.is_file() or (archive.exists() and "grading/rubric.toml" not in old):
        raise FileExistsError(
            f"--output must be a new folder or an old student edition, but {output} or {archive} "
            "is something else"
        )
    for name, content in files_of(output):
        if content not in (old.get(name), files.get(name)):
            raise FileExistsError(
                f"--output must be a new folder or an old student edition, but {output} holds "
                f"{name}, which is not as this command wrote it"
            )


def write(output: Path, files: dict[str, bytes]) -> None:
    """Write the edition as a folder and a zip, or leave both as they are.

    Raises
    ------
    FileExistsError
        Something else is in that place.
    ValueError
        The edition gives answers away.
    """
    archive = output.with_name(f"{output.name}.zip")
    refuse_to_destroy(output, archive, files)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as temporary:
        new, old = Path(temporary, "new"), Path(temporary, "old")
        for name, content in files.items():
            write_atomically(new / name, content)
        if left := answers_left(new):
            raise ValueError("the edition gives answers away:\n  " + "\n  ".join(left))
        if output.exists():
            output.rename(old)
        try:
            new.rename(output)
        except BaseException:
            if old.exists():
                old.rename(output)
            raise
    write_atomically(archive, zipped(files, output.name))


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=PROJECT / "build" / "student")
    output = parser.parse_args(argv).output.resolve()
    try:
        files = edition()
        write(output, files)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{output}: {len(files)} files, no answer left\n{output}.zip: the same, zipped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
