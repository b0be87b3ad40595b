"""Reports as HTML: whole, alone, and with nothing that runs."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from poagame import shipped
from poagame.plotting import plot_curves
from poagame.reproduce.html import write_html
from poagame.reproduce.section import Section, folded, write_report
from tests.command import poagame

NAME = '<script>alert("x")</script> & a|b'
VOID = ("meta", "img", "br", "hr")


class Seen(HTMLParser):
    """Tags with their attributes, and whether each is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID or self.open.pop() == tag


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    figure = plot_curves([1.0, 2.0], {"a": [1.0, 2.0]}, ylabel="ratio [1]")
    frame = pl.DataFrame({"name": [NAME], "value": [1.5]})
    sections = [
        Section(
            NAME, ["Words.", folded("Definitions", "a < b")], {"one": ("A figure.", figure)}, {"one": ("T", frame)}
        ),
        Section("Last", ["More."]),
    ]
    report = write_report(sections, tmp_path_factory.mktemp("html"), "Title", "Preface.")
    return write_html(report).read_text(encoding="utf-8")


def test_it_is_one_file_without_scripts(page: str) -> None:
    seen = Seen()
    seen.feed(page)
    assert seen.open == []
    tags = [tag for tag, _ in seen.tags]
    assert not {"script", "link", "iframe", "object"} & set(tags)
    assert all(attrs["src"].startswith("data:image/svg+xml;base64,") for tag, attrs in seen.tags if tag == "img")  # type: ignore[union-attr]
    assert all(attrs["href"].startswith(("data:text/csv", "#")) for tag, attrs in seen.tags if tag == "a")  # type: ignore[union-attr]
    assert not any(name.startswith("on") for _, attrs in seen.tags for name in attrs)
    assert tags.count("details") == 1
    assert tags.count("h2") == 2


def test_its_figures_tables_and_contents_are_inside(page: str) -> None:
    (image,) = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page)
    assert b"</svg>" in base64.b64decode(image)
    (table,) = re.findall(r"data:text/csv;base64,([^\"]+)", page)
    assert NAME.replace('"', '""').encode() in base64.b64decode(table)
    assert '<a href="#s1">Last</a>' in page
    assert '<h2 id="s1">Last</h2>' in page
    assert "a &lt; b" in page
    assert "color-scheme: light dark" in page


def test_the_command_writes_it(tmp_path: Path) -> None:
    done = poagame("estimate", shipped.path("dynamo090_1P2D_w1_t0_decisions"), "--out", tmp_path, "--html")
    assert "report.html" in done.stdout
    assert "The price" not in done.stderr
    assert (tmp_path / "report.html").read_text(encoding="utf-8").endswith("</html>\n")
    assert not list(tmp_path.glob("*.part"))
    wrong = poagame("estimate", shipped.path("dynamo090_1P2D_w1_t0_decisions"), "--html", ok=False)
    assert "give one" in wrong.stderr
