"""Write the student edition: the course without its answers.

    python grading/student.py                    build/student and build/student.zip
    python grading/student.py --output FOLDER    FOLDER and FOLDER.zip

Nothing is kept twice: the edition is made from the files of the repository. In `nn_helpers.py`
the functions that the rubric names keep signature and docstring and lose their bodies. In the
notebooks every statement of such a body becomes a prompt, in code and in prose, a heading says
"Your turn" before each and before the first cell that needs a function, and each open question
gets a cell for its answer. Outputs are cleared. Before anything is put in place, the whole edition
is searched for answers. If one is left, the command fails and the old edition stays.
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
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import checks

from nn_helpers import write_atomically

PROJECT = checks.PROJECT
COPIED = ["LICENSE", "requirements.txt", "constraints.txt"]
COPIED += ["data/sign_digits.npz", "data/course_file.json"]
COPIED += ["grading/checks.py", "grading/mistakes.json", "grading/rubric.toml"]
COPIED += ["nn_figures.py", "nn_live.py"]
COPIED += [f"live/{path.name}" for path in (PROJECT / "live").iterdir()]
LEFT_OUT = {"05_experiments"}  # it reports runs of the reference that are stored beside it
# A function that is given but for the statement that assigns a name, and what that is.
ASKED = {
    "split_by_signer": (
        "in_test",
        "a truth value for each of `rows`: is its signer one of the first n_test in `order`",
    )
}
# Text that needs other words in the edition, or a cell as a whole, by its name. Each must still
# stand in its notebook.
REWORDED = {
    "01_exploration": {
        " and what not, and how to walk through these notebooks with real ": (
            " and what not. The same notebooks can be walked through with real "
        ),
    },
    "02_derivation": {
        "followed by the few lines of code that compute it.": (
            "followed by room for the few lines of code that compute it. They are yours to write,"
            " wherever a heading says *Your turn*. What a function takes and returns stands in "
            "its docstring in `nn_helpers.py`."
        ),
        "is derived in full, and": "is derived, four of them by you, and",
        "All four agree, for each example and each unit.": (
            "Four times `True`? If not, mend `forward` before you go on: the first letter that "
            "does not agree tells which line to look at."
        ),
        "derive-dz1": """### Back through the hidden layer

From here on the derivation is yours. It is the network that you worked by hand, for $N$
examples and $H$ units. For each letter, ask three questions.

1. **What does it feed, and with which slope?** Multiply.
2. **Does one number feed several others?** Then their shares add up, as for Eq. (12). If it
   feeds only one, nothing is added.
3. **Which shape?** A gradient has the shape of what it belongs to.

By Eq. (4) the activation $a_{1,nh}$ feeds $z_{2,n}$. By Eq. (3) the logit $z_{1,nh}$ feeds
$a_{1,nh}$.

$$d\\mathbf{a}_1 = \\boxed{\\hspace{6em}} \\tag{14}$$

$$d\\mathbf{z}_1 = \\boxed{\\hspace{6em}} \\tag{15}$$

Both have the shape $(N, H)$. For one example and one unit, write the right sides down first.
Then for all of them at once. A vector `v` of shape $(N,)$ becomes a column of shape $(N, 1)$ as
`v[:, None]`.

**Your derivation of Eqs. (14) and (15)** (double-click to write)

""",
        "derive-dW1": """### The hidden weights and biases

The same three questions for the weight $W_{1,dh}$ and the bias $b_{1,h}$. By Eq. (2) both feed
$z_{1,nh}$, in every example $n$.

$$d\\mathbf{W}_1 = \\boxed{\\hspace{6em}} \\tag{16}$$

$$d\\mathbf{b}_1 = \\boxed{\\hspace{6em}} \\tag{17}$$

The shapes are $(D, H)$ and $(H,)$. Which axis do the examples have, and which axis is left?

**Your derivation of Eqs. (16) and (17)** (double-click to write)

""",
        "They import them.": (
            "They import them.\n\n#### Your turn, in `nn_helpers.py`\n\nCopy the rest of what you "
            "wrote into that file, without the `nn.`, and save it."
        ),
        "It is not typed.": "It is not typed, and it leaves out what was yours to find.",
        "They are the same. What the helper adds": (
            "Are the results the same? The lines need not be. What a helper for others adds"
        ),
        "Write `db1 = dz1.sum()` instead of summing over axis 0. NumPy does not complain.": (
            "Let `db1` be the sum over everything. NumPy does not complain."
        ),
        "function for it, `np.outer(dz2, W2)`.": "function for it.",
        "Next: **2b · Find the bug**, or straight on to ": "Next: ",
    },
    "02b_find_the_bug": {
        " `python grading/mutants.py` does it here.": "",
        "\n\nNext: **03 · Training**.": "",
    },
    "03_training": {
        "Here it finds its way back, and even ends lowest. That is luck, and": (
            "It may find its way back, and may even end lowest. That is luck, and"
        ),
    },
    "04_evaluation": {
        "All four of the report's figures lie inside this network's intervals. So": (
            "Where a figure of the report lies inside this network's interval,"
        ),
        "a file. The table in `README.md` is made from it.": "the file `figures/results.json`.",
        " Notebook 05 shows it turned and shifted copies while it trains, and measures": (
            " `nn.augment` makes turned and shifted copies to train on. One could measure"
        ),
        "\n\nNotebook 05 builds files of this kind from rendered hands, so that anyone ": (
            "\n\nFiles of this kind can be built from rendered hands, so that anyone "
        ),
        " Notebook 05 compares them with photographs.": "",
        "Next: **05 · Experiments**.": "Next: **2b · Find the bug**.",
    },
}
# Statements of graded functions that code which comes along has too. They tell nothing.
COMMON = {
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
def functions_of(source: str) -> list[ast.FunctionDef]:
    """Return the functions that a module or a cell defines."""
    return [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]


@functools.cache
def graded_functions(source: str) -> list[ast.FunctionDef]:
    """Return those of them that the rubric names."""
    names = {name for criterion in checks.read_rubric() for name in criterion.functions}
    return [function for function in functions_of(source) if function.name in names]


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
        nodes = asked(function) if function.name in ASKED else ast.walk(function)
        for node in nodes:
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


def asked(function: ast.FunctionDef) -> list[ast.Assign]:
    """Return the statements that are asked for of a function that is otherwise given."""
    nodes = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
    return [node for node in nodes if plain(node.targets[0]) == ASKED[function.name][0]]


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


def not_written(names: list[str], equations: list[str], margin: str, otherwise: str = "") -> str:
    """Return the lines that stand where an answer stood, with room to write."""
    message = f"write {' and '.join(names)} here"
    if equations:
        between = " to " if len(equations) > 2 else " and "
        numbers = [equation.removeprefix("Eq. ") for equation in equations]
        numbers = numbers if len(numbers) < 3 else [numbers[0], numbers[-1]]
        message = f"Eq{'s' * (len(numbers) > 1)}. {between.join(numbers)}: {message}"
    turn = f"{margin}# Your turn: {message}. Then delete the last of these lines."
    return f'{turn}\n\n\n{margin}raise NotImplementedError("{message}{otherwise}")'


def without_bodies(source: str, reference: str) -> str:
    """Replace the bodies of graded functions by an error that says what to write."""
    docstrings = {f.name: ast.get_docstring(f) or "" for f in graded_functions(reference)}
    edits = []
    for function in graded_functions(source):
        first, last = function.body[0].lineno, function.end_lineno
        if ast.get_docstring(function) is not None:
            first = function.body[0].end_lineno + 1
        name, otherwise = function.name, ", as the docstring above says"
        if name in ASKED:
            (statement,) = asked(function)
            first, last = statement.lineno, statement.end_lineno
            name, what = ASKED[name]
            otherwise = f", {what}"
        equations = re.findall(r"(Eq\. \(\d+\)): ", docstrings[function.name])
        prompt = not_written([name], equations, "    ", "" if equations else otherwise)
        edits.append((first, last, prompt))
    return replaced(source, edits)


def without_formulas(source: str) -> str:
    """Take out of the graded functions' docstrings what they refuse, and how to go back.

    No check asks for what they refuse. Of the backward pass, the letters and shapes stay.
    """
    raises = r"\n\n    Raises\n    ------\n.*?(?=\n\n|\n    \"\"\")"
    formula = r"(Eq\. \(1[0-7]\): [^ =]+) = [^|]*(\| [^|]*\| [^,\n]*).*"
    without = source
    for function in graded_functions(source):
        docstring = ast.get_source_segment(source, function.body[0])
        new = re.sub(raises, "", docstring, flags=re.DOTALL)
        without = without.replace(docstring, re.sub(formula, r"\1 \2", new))
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
        its equations. Decorators, signatures and docstrings stay, but for `without_formulas`.
    """
    return without_bodies(without_formulas(source), source)


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
                margin = " " * run[0].col_offset
                found = [answer_in(statement, known) for statement in run]
                names = [answer.names for answer in found]
                equations = [equation for answer in found for equation in answer.equations]
                new = f"{margin}# Your lines: {'; '.join(names)}"
                if is_cell:
                    new = not_written(names, equations, margin)
                edits.append((run[0].lineno, run[-1].end_lineno, new))
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


def student_notebook(name: str, notebook: dict, sources: Mapping[str, str], known: set) -> dict:
    """Return a notebook with prompts, without outputs, and with a cell for each answer.

    Parameters
    ----------
    name, notebook : its name without ``.ipynb``, and what it holds
    sources : text of the reference and of the figures, by the names of their modules
    known : functions that other notebooks asked for; those that this one asks for are added
    """
    reference = sources["nn_helpers"]
    cells, rewordings = [], {**REWORDED.get(name, {})}
    hours = {row["file"]: row["hours"] for row in checks.rubric()["notebook"].values()}
    written_here: dict[str, str] = {}
    for cell in notebook["cells"]:
        source, ident = "".join(cell["source"]), cell["id"]
        if ident == "colab":
            continue  # it fetches the course, answers included
        if cell["cell_type"] == "markdown":
            source = rewordings.pop(ident, source)
            for old in [old for old in rewordings if old in source]:
                source = source.replace(old, rewordings.pop(old))
            if name in hours:
                source = re.sub(r"About \d+ minutes\.", f"About {hours[name]:g} hours.", source)
            source = student_prose(source, reference)
            parts = rooms(source) if "**On your own**" in source else [(ident, source)]
            cells += [markdown(part, text) for part, text in parts]
            continue
        if wanted := needed(source, sources) - known:
            known |= wanted
            cells.append(markdown(f"write-{ident}", reminder(sorted(wanted), written_here)))
        written_here |= {f.name: ast.unparse(f) for f in graded_functions(source)}
        code = student_code(source, reference, is_cell=True)
        if prompt := re.search(r"# Your turn: (?:(Eqs?\. .+?): )?write (.+) here\.", code):
            names = " and ".join(f"`{name}`" for name in prompt[2].split(" and "))
            what = ", ".join(filter(None, [prompt[1], names]))
            cells.append(markdown(f"turn-{ident}", f"#### Your turn: {what}"))
        if "import nn_figures as draw" in code:
            code += "\n\ndraw.classroom()  # a changed nn_helpers.py counts from the next cell on"
        cell = {**cell, "source": code.splitlines(keepends=True)}
        cells.append({**cell, "outputs": [], "execution_count": None})
    known |= set(written_here)
    if rewordings:
        raise ValueError(f"REWORDED: {name} no longer says {next(iter(rewordings))!r}")
    return {**notebook, "cells": cells}


def markdown(ident: str, source: str) -> dict:
    """Return a cell of text."""
    lines = source.splitlines(keepends=True)
    return {"cell_type": "markdown", "id": ident, "metadata": {}, "source": lines}


def rooms(source: str) -> Iterator[tuple[str, str]]:
    """Yield names and texts of cells: each open question, and right under it room to answer."""
    before, questions, after = re.split(r"(?m)^(?=1\. )|(?<=\n)\n(?=\*\*In practice)", source)
    yield "questions", before
    for number, question in enumerate(re.split(r"(?m)^(?=\d+\. )", questions)[1:], 1):
        yield f"question-{number}", question.strip()
        yield f"answer-{number}", f"**Your answer to {number}** (double-click to write)\n\n"
    yield "after", after


def needed(code: str, sources: Mapping[str, str]) -> set[str]:
    """Return the graded functions that code calls through a module, there and further on."""
    functions = {
        (module, function.name): function
        for module, source in sources.items()
        for function in functions_of(source)
    }
    short = {"nn": "nn_helpers", "draw": "nn_figures"}
    waiting: list[tuple[str, ast.AST]] = [("", ast.parse(code))]
    found = set()
    while waiting:
        within, node = waiting.pop()
        named = {
            (short.get(ast.unparse(part.value)), part.attr)
            for part in ast.walk(node)
            if isinstance(part, ast.Attribute)
        }
        called = {
            (within, part.func.id)
            for part in ast.walk(node)
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Name)
        }
        new = ((named | called) & functions.keys()) - found
        found |= new
        waiting += [(module, functions[module, name]) for module, name in new]
    graded = {function.name for function in graded_functions(sources["nn_helpers"])}
    return {name for module, name in found if module == "nn_helpers"} & graded


def reminder(names: list[str], written_here: Mapping[str, str]) -> str:
    """Return the text that asks for functions in `nn_helpers.py` before a cell needs them."""

    def said(names: list[str]) -> str:
        in_part = {name: f"the line that is missing in `{name}`" for name in ASKED}
        return " and ".join(in_part.get(name, f"`{name}`") for name in names)

    copied = [name for name in names if name in written_here]
    new = [name for name in names if name not in written_here]
    lines = ["#### Your turn, in `nn_helpers.py`"]
    if new:
        place = "What stands there" if set(new) <= set(ASKED) else "The docstring there"
        lines.append(f"Write {said(new)}. {place} says what is asked for.")
    if copied:
        lines.append(f"Copy {said(copied)} from this notebook into that file.")
        if any("nn." in written_here[name] for name in copied):
            lines[-1] += " Leave the `nn.` out: there `nn.Activations` is `Activations`."
    return "\n\n".join([*lines, "Save the file. Then the next cell can run."])


# The edition ----------------------------------------------------------------------------


def student_readme(template: str) -> str:
    """Return README.md, with what the rubric says in the places that the template marks."""
    rubric = checks.rubric()
    by_hand, notebooks = rubric["by_hand"], rubric["notebook"].items()
    functions = ["| notebook | write in `nn_helpers.py` | hours |", "|---|---|---|"]
    functions += [
        f"| [{number} {notebook['file'][3:].title()}](notebooks/{notebook['file']}.ipynb) | "
        f"{', '.join(f'`{name}`' for name in notebook['functions'])} | {notebook['hours']:g} |"
        for number, notebook in notebooks
    ]
    points = ["| part | points | found by |", "|---|---|---|"]
    points += [
        f"| {part['title']} | {part['points']} | {len(part['criteria'])} self-checks |"
        for part in rubric["part"]
    ]
    points += [f"| {by_hand['title']} | {by_hand['points']} | reading your notebooks |"]
    look_for = [f"- {line}" for line in by_hand["look_for"]]
    hours = [f"{sum(notebook['hours'] for _, notebook in notebooks):g}"]
    marks = {"points": points, "look for": look_for, "functions": functions, "hours": hours}
    for mark, lines in marks.items():
        template = template.replace(f"<!-- {mark} -->", "\n".join(lines))
    return template


def student_data_readme(text: str) -> str:
    """Return what data/README.md says of the format and of the embedded set, without commands."""
    intro, rest = text.split("\n\nThe embedded set is the default.", 1)
    embedded = rest.partition("\n## ")[2].partition("\n## ")[0]
    leads = ("What it is", "Why it exists", "What it can stand for", "What it can't", "Licence")
    paragraphs = embedded.split("\n\n")
    kept = [text for text in paragraphs if text.startswith(tuple(f"**{lead}" for lead in leads))]
    intro = intro.replace("Three sources, one format. ", "")
    return "\n\n".join([intro, "## The embedded set, `sign_digits.npz`", *kept]).strip() + "\n"


def student_makefile(makefile: str) -> str:
    """Return a Makefile with those of the course's own rules that work in the edition."""
    kept = r"^(PYTHON \?=|\$\(VENV\)/installed:|lab:|check:)"
    blocks = [re.sub(r"(?m)^#.*\n", "", block) for block in makefile.split("\n\n")]
    settings, *rules = [b for b in blocks if re.search(kept, b, flags=re.MULTILINE)]
    comment = (
        "# make          the packages, once\n"
        "# make lab      open the notebooks\n"
        "# make check    run the self-checks on nn_helpers.py and count the points\n"
        "#               (NOTEBOOK=02: only what that notebook asks for)"
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
        "data/README.md": student_data_readme(read("data/README.md")),
        "Makefile": student_makefile(read("Makefile")),
        "pyproject.toml": "\n\n".join(tables).rstrip() + "\n",
    }
    sources = {"nn_helpers": reference, "nn_figures": read("nn_figures.py")}
    known: set[str] = set()
    paths = (PROJECT / "notebooks").glob("[0-9]*.ipynb")
    for path in sorted(paths, key=lambda path: ("b_" in path.stem, path)):  # 02b comes last
        if path.stem not in LEFT_OUT:
            notebook = json.loads(path.read_text(encoding="utf-8"))
            notebook = student_notebook(path.stem, notebook, sources, known)
            text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
            files[f"notebooks/{path.name}"] = text + "\n"
    copied = {name: (PROJECT / name).read_bytes() for name in COPIED}
    copied["data/six_and_eight.png"] = (PROJECT / "figures/01_six_and_eight.png").read_bytes()
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
