"""How Sphinx makes the pages: from the notebooks as they are stored; nothing is executed."""

import base64
import hashlib
import importlib
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import nbformat
from bs4 import BeautifulSoup  # furo needs it too
from docutils import nodes
from sphinx.application import Sphinx

project = "Two hand signs, one neural network"
author = "the authors"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_codeautolink",
]
exclude_patterns = ["README.md"]  # the index shows its walk and its results

nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["attrs_block", "dollarmath"]
myst_heading_anchors = 3

add_module_names = False  # the page's title says it
autodoc_typehints = "none"  # the docstrings say it in words
napoleon_use_ivar = True
codeautolink_concat_default = True  # one import serves a whole notebook

html_theme = "furo"
html_title = project
html_copy_source = False
html_use_index = False
html_domain_indices = False
html_show_copyright = False
html_show_sphinx = False
mathjax_path = "tex-svg.js"
html_static_path = [str(files("mathjax") / "static/mathjax/es5" / mathjax_path), "site.css"]
html_css_files = ["site.css"]


PROJECT = Path(__file__).resolve().parent.parent
LIVE = PROJECT / "build" / "live"  # by python_in_pages.py; no script where there is no Python
# What is wider than the window can be moved by keyboard, too.
html_js_files: list[Any] = [
    (
        None,
        {
            "body": """addEventListener("load", () => {
  const look = new ResizeObserver((seen) => {
    for (const { target } of seen)
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
  });
  for (const box of document.querySelectorAll("pre, .math, .table-wrapper, .text_html"))
    look.observe(box);
});"""
        },
    )
]
CAN_RUN = (LIVE / "live.js").exists()
if CAN_RUN:
    html_static_path.append(str(LIVE))
    html_css_files.append("live.css")
    html_js_files.append(("live.js", {"defer": "defer"}))
README = (PROJECT / "README.md").read_text(encoding="utf-8")
WALK = r"\| \[(.+)\]\(notebooks/(.+\.ipynb)\) \| (.+) \| (.+) \|"  # a row of the README's table
THUMBNAILS = ("01_ten_signs", "02_network", "02b_copies", "03_weights", "04_turned", "05_pairs")


def pictures(notebook: Path) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Yield each picture of a notebook: its cell's code, its content, and what is noted on it."""
    for cell in nbformat.read(notebook, as_version=4).cells:
        for output in cell.get("outputs", ()):
            if picture := output.get("data", {}).get("image/png"):
                yield cell.source, base64.b64decode(picture), output.metadata["image/png"]


def walk() -> str:
    """Return the README's table of notebooks as cards."""
    lines = []
    for row, name in zip(re.findall(WALK, README), THUMBNAILS, strict=True):
        title, notebook, question, time = row
        facts = pictures(PROJECT / "notebooks" / notebook)
        alt = next(noted["alt"] for code, _, noted in facts if f'"{name}"' in code)
        lines += [f"- ![{alt}](figures/{name}.png)", f"  **[{title}]({notebook})**"]
        lines += [f"  {question}", f"  *{time}*"]
    return "{.cards}\n" + "\n\n".join(lines)


def results() -> str:
    """Return the README's results, with headings above the tables."""
    start, end = "<!-- results: written by notebooks/run.py -->", "<!-- end of results -->"
    return re.sub(r"(?m)^\*\*(.+)\*\*$", r"### \1", README.split(start)[1].split(end)[0])


def live() -> str:
    """Return what the index says of Python in the pages, where there is some."""
    if not CAN_RUN:
        return ""
    return """The live figures run on these pages, too, once you press the button below one of them:
a neuron ([02](02_derivation.ipynb)), a training lab ([03](03_training.ipynb)), a threshold and a
hand ([04](04_evaluation.ipynb)). No server takes part.

## Your own hand

What does the network say of your hand? Show it a **6** (the thumb touches the little finger) or an
**8** (the thumb touches the middle finger): palm to the camera, fingers up, before a plain wall
that is not red. The picture does not leave this page. The network learned from rendered hands;
[notebook 04](04_evaluation.ipynb) explains what it does, and how it fails.

<div data-figure="own_hand"></div>
"""


def module(name: str) -> str:
    """Return a page on a module, with a heading for each of the sections in its source."""
    found = re.findall(
        r"(?m)^# (\w.*?) -{4,}$|^(class|def) ([A-Za-z]\w*)",
        inspect.getsource(importlib.import_module(name)),
    )
    lines = [f"# The module `{name}`", "Each name has a link to its source."]
    lines += [f"```{{eval-rst}}\n.. automodule:: {name}\n```"]
    for section, kind, what in found:
        directive = "autoclass" if kind == "class" else "autofunction"
        block = f"```{{eval-rst}}\n.. {directive}:: {name}.{what}\n```"
        lines.append(f"## {section}" if section else block)
    return "\n\n".join(lines)


def fill_in(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Put in place of a comment, such as "% walk" or "% module nn_helpers", what it names."""
    makers = {"walk": walk, "results": results, "live": live, "module": module}
    source[0] = re.sub(
        rf"(?m)^% ({'|'.join(makers)})(?: (\w+))?$",
        lambda found: makers[found[1]](*filter(None, [found[2]])),
        source[0],
    )


def finish_notebook(app: Sphinx, doctree: nodes.document) -> None:
    """Give pictures the descriptions stored beside them, and mark columns that hold words."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    stored = {hashlib.sha256(c).hexdigest(): (code, noted) for code, c, noted in pictures(path)}
    for image in list(doctree.findall(nodes.image)):
        code, facts = stored[Path(image["uri"]).stem]
        image["alt"], image["width"] = facts["alt"], f"{facts['width']}px"
        if found := re.search(r'draw\.live\(.*?, "\w+", "(\w+)"', code, re.DOTALL):
            place = f'<div data-figure="{found[1]}"></div>'  # where its script puts a button
            image.parent.insert(image.parent.index(image) + 1, nodes.raw("", place, format="html"))
    for raw in doctree.findall(nodes.raw):
        if "<table" in raw.astext():
            raw[0] = nodes.Text(mark_words(raw.astext()))


def mark_words(html: str) -> str:
    """Give the cells of a column a class if it is an index or if a cell starts like a word."""
    table = BeautifulSoup(html, "html.parser")
    for style in table.find_all("style"):  # of pandas, and would hold for all the page
        style.decompose()
    columns = defaultdict(list)
    for row in table.find_all("tr"):  # from the right: on the left a cell may span rows
        for place, cell in enumerate(reversed(row.find_all(["th", "td"]))):
            columns[place].append(cell)
    for cells in columns.values():
        body = [cell for cell in cells if cell.find_parent("tbody")]
        if any(cell.name == "th" or re.match(r"(?!NaN)[^\W\d]|\(", cell.text) for cell in body):
            for cell in cells:
                cell["class"] = "words"
    return str(table)


def tidy_docstring(
    _app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]
) -> None:
    """Make a table of lines "Eq. (n): formula | shape | meaning", and no list of "h. Much ..."."""
    tidy: list[str] = []
    for line, before in zip(lines, ["", *lines], strict=False):
        if found := re.match(r"Eq\. \((\d+)\): (.+) \| (.+) \| (.+)", line):
            if not before.startswith("Eq. ("):
                tidy += [".. list-table::", "   :class: equations", "   :header-rows: 1", ""]
                tidy += ["   * - Eq.", "     - formula", "     - shape", "     - meaning"]
            number, formula, shape, meaning = found.groups()
            cells = (number, f"``{formula}``", f"``{shape}``", meaning)
            tidy += [f"   {'* -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(cells)]
        else:
            tidy.append(re.sub(r"^(\s*)(?=[A-Za-z][.)] )", r"\1\\", line))
    lines[:] = tidy


def finish_page(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _: Any) -> None:
    """Give the headings of the navigation a level, which the theme leaves out."""
    tree = context.get("furo_navigation_tree", "")
    levelled = tree.replace('role="heading"', 'role="heading" aria-level="2"')
    context["furo_navigation_tree"] = levelled


def setup(app: Sphinx) -> None:
    """Tell Sphinx of the functions above."""
    app.connect("source-read", fill_in)
    app.connect("doctree-read", finish_notebook)
    app.connect("html-page-context", finish_page, priority=900)  # after furo
    app.connect("autodoc-process-docstring", tidy_docstring, priority=400)  # before napoleon
