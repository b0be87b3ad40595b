"""How the documentation site is built: `make docs`."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "poagame"
author = "The poagame authors"
copyright = "The poagame authors, Apache-2.0"
version = release = importlib.metadata.version("poagame")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinxcontrib.bibtex",
    "extensions.gallery",
    "extensions.mathml",
]
exclude_patterns = ["extensions", "_build"]
default_role = "code"
suppress_warnings = ["ref.python"]  # fields named alike, such as poa, in several records
html_theme = "furo"
html_title = f"poagame {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False

myst_enable_extensions = ["deflist", "dollarmath", "attrs_inline"]
myst_heading_anchors = 3
myst_fence_as_directive = ["math"]

autodoc_typehints = "none"  # the signature says the types; the docstring what they mean
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "alpha"
math_number_all = False
html_math_renderer = "mathml"


_KEYS = "|".join(re.findall(r"^@\w+\{(\w+),", (HERE / "references.bib").read_text(encoding="utf-8"), re.MULTILINE))


def _cite(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Sources of docstrings are those of the bibliography: definitions go, mentions become citations."""
    text = "\n".join(lines) + "\n"
    text = re.sub(r"^\.\. \[\w+\] .*\n(?:   *\S.*\n)*", "", text, flags=re.MULTILINE)
    text = re.sub(r"^References\n-+\n\n*", "", text, flags=re.MULTILINE)
    if what == "class":  # fields described together: napoleon splits names of parameters, but not of attributes
        text = re.sub(r"^\w+(?:, \w+)+(?= :|\n +\S)", lambda m: m[0].replace(", ", ","), text, flags=re.MULTILINE)
    lines[:] = re.sub(rf"\[({_KEYS})\]_?", r":cite:p:`\1`", text).split("\n")


def setup(app) -> None:
    app.connect("autodoc-process-docstring", _cite, priority=400)
