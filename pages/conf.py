"""How Sphinx makes the pages: from the notebooks as they are stored; nothing is executed."""

import base64
import hashlib
from importlib.resources import files
from pathlib import Path

import nbformat
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
exclude_patterns = ["README.md"]  # only its results are shown, on the index

nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
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


def describe_pictures(app: Sphinx, doctree: nodes.document) -> None:
    """Give the pictures of a notebook the descriptions that are stored beside them."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    stored = {}
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", ()):
            if picture := output.get("data", {}).get("image/png"):
                name = hashlib.sha256(base64.b64decode(picture)).hexdigest()
                stored[name] = output.metadata["image/png"]
    for image in doctree.findall(nodes.image):
        facts = stored[Path(image["uri"]).stem]
        image["alt"], image["width"] = facts["alt"], f"{facts['width']}px"


def skip_fields(_app: Sphinx, _what: str, _name: str, member: object, *_: object) -> bool | None:
    """Leave out the fields of named tuples: the class describes them already."""
    return True if (member.__doc__ or "").startswith("Alias for field") else None


def setup(app: Sphinx) -> None:
    """Tell Sphinx of the functions above."""
    app.connect("doctree-read", describe_pictures)
    app.connect("autodoc-skip-member", skip_fields)
