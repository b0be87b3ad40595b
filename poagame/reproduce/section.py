"""A section of a report: words, tables, figures; and how sections become files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import polars as pl

from poagame._arrays import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Effort = Literal["quick", "usual", "full"]
"""How much a report simulates."""


@dataclass(frozen=True, eq=False, slots=True)
class Section:
    """A part of a report.

    Attributes
    ----------
    title : str
        Its heading.
    paragraphs : sequence of str
        Markdown, in order.
    figures : file stem → (caption, figure)
        Written as SVG and PNG.
    tables : file stem → (caption, frame)
        Written as CSV in full; the report shows them too if they are short.
    """

    title: str
    paragraphs: Sequence[str]
    figures: Mapping[str, tuple[str, Figure]] = field(default_factory=dict)
    tables: Mapping[str, tuple[str, pl.DataFrame]] = field(default_factory=dict)


_SHOWN_ROWS = 30


def write_report(sections: Sequence[Section], out: Path, title: str, preface: str) -> Path:
    """Write `report.md` with its figures (SVG and PNG) and tables (CSV) into the folder `out`; return the report's path."""
    from poagame.plotting import save

    check_folder(out)
    out.mkdir(parents=True, exist_ok=True)
    lines = [f"# {title}", "", preface, ""]
    for section in sections:
        lines += [f"## {section.title}", ""]
        for paragraph in section.paragraphs:
            lines += [paragraph, ""]
        for stem, (caption, figure) in section.figures.items():
            save(figure, out / f"{stem}.svg")
            save(figure, out / f"{stem}.png")
            lines += [f"![{caption}]({stem}.svg)", "", f"*{caption}*", ""]
        for stem, (caption, frame) in section.tables.items():
            frame.write_csv(out / f"{stem}.csv")
            if frame.height <= _SHOWN_ROWS:
                lines += [f"**{caption}** ([{stem}.csv]({stem}.csv))", "", *markdown(frame), ""]
            else:
                lines += [f"**{caption}**: {frame.height} rows in [{stem}.csv]({stem}.csv)", ""]
    report = out / "report.md"
    report.write_text("\n".join(lines), encoding="utf-8")
    return report


def check_folder(out: Path) -> None:
    """Refuse a report's folder that is a file."""
    require(out.is_dir() or not out.exists(), f"{out} is a file; give a folder for the report")


def folded(summary: str, text: str) -> str:
    """Long text that a reader opens if it is wanted."""
    return f"<details><summary>{summary}</summary>\n\n```text\n{text}\n```\n\n</details>"


def markdown(frame: pl.DataFrame) -> list[str]:
    """A frame as a Markdown table that lines up, numbers to four digits."""
    cells = [[_cell(value) for value in row] for row in frame.rows()]
    widths = [
        max(len(name), *(len(row[k]) for row in cells)) if cells else len(name) for k, name in enumerate(frame.columns)
    ]
    right = [dtype.is_numeric() for dtype in frame.dtypes]

    def line(row: Sequence[str]) -> str:
        return (
            "| "
            + " | ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True))
            + " |"
        )

    rule = "|" + "|".join("-" * (w + 1) + (":" if r else "-") for w, r in zip(widths, right, strict=True)) + "|"
    return [line(frame.columns), rule, *(line(row) for row in cells)]


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("|", "\\|")
