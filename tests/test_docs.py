"""The site: sources, pages and gallery hold together. `make docs` builds it, with warnings as errors."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
ENTRIES = dict(
    re.findall(
        r"^@\w+\{(\w+),\n(.*?)^\}", (DOCS / "references.bib").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
)
CODE = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "poagame").rglob("*.py"))}


def test_every_source_named_is_in_the_bibliography() -> None:
    named = {key for text in CODE.values() for key in re.findall(r"\[([a-z]+(?:19|20)\d\d[a-z]*)\]", text)}
    for page in DOCS.glob("*.md"):
        for keys in re.findall(r"\{cite:p\}`([^`]+)`", page.read_text(encoding="utf-8")):
            named |= set(keys.split(","))
    assert len(named) > 60
    assert named <= set(ENTRIES)


def test_docstrings_and_bibliography_agree() -> None:
    """The first author, the year and the beginning of the title."""
    seen = set()
    for path, text in CODE.items():
        for key, said in re.findall(r"^ *\.\. \[([a-z]\w+)\] (.*)$", text, re.MULTILINE):
            entry = " ".join(ENTRIES[key].split())
            author, _, rest = said.partition(": ")
            assert author.split(",")[0].split(" et al")[0].split()[-1] in entry, (path.name, key)
            assert rest.split(",")[0].split()[0].strip("?") in entry, (path.name, key)
            year = re.search(r"\d{4}", key)
            assert year is None or f"year = {{{year[0]}}}" in entry, (path.name, key)
            seen.add(key)
    assert len(seen) > 60


def test_every_page_can_be_reached() -> None:
    trees = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS / "index.md", DOCS / "reference" / "index.md"))
    lines = {line.strip() for line in trees.splitlines()}
    for page in DOCS.glob("*.md"):
        assert page.stem in lines | {"index"}, page.name
    for page in (DOCS / "reference").glob("*.md"):
        assert page.stem in lines | {"index"}, page.name


def test_every_example_is_in_the_gallery_and_begins_with_a_title() -> None:
    source = ast.parse((DOCS / "extensions" / "gallery.py").read_text(encoding="utf-8"))
    order = next(
        ast.literal_eval(n.value) for n in source.body if isinstance(n, ast.Assign) and n.targets[0].id == "ORDER"
    )  # type: ignore[attr-defined]
    scripts = {path.stem: path for path in (ROOT / "examples").glob("*.py")}
    assert set(order) == set(scripts)
    for path in scripts.values():
        words = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert words is not None
        assert words.splitlines()[1] == ""
        assert f"python examples/{path.name}" in words


@pytest.mark.parametrize("page", ["README.md", *sorted(p.name for p in DOCS.glob("*.md"))])
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page if page == "README.md" else DOCS / page
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if not target.startswith("http") and "gallery/" not in target:
            assert (path.parent / target).exists(), target
