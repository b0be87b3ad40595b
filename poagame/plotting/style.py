"""What all figures share: colours that people with any colour vision tell apart (Okabe and Ito), sizes, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
GREY: Final = "#666666"
STYLE: Final[Mapping[str, Any]] = {
    "figure.figsize": (5.0, 3.4),
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "svg.hashsalt": "poagame",
    "svg.fonttype": "path",
    "savefig.dpi": 200,
}


def save(figure: Figure, path: str | Path) -> Path:
    """Write a figure, in the format of the name's ending, without date, so that equal figures are equal files."""
    target = Path(path)
    undated: Mapping[str, dict[str, Any]] = {
        ".svg": {"Date": None},
        ".pdf": {"CreationDate": None},
        ".png": {"Software": None},
    }
    with house_style():
        figure.savefig(target, metadata=undated.get(target.suffix.lower()))
    return target


def axes_of(ax: Axes | None, size: tuple[float, float] | None = None) -> tuple[Figure, Axes]:
    """Return the axes given and their figure, or new ones."""
    if ax is None:
        figure = Figure(figsize=size, layout="constrained")
        return figure, figure.subplots()
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure, ax


def house_style() -> AbstractContextManager[None]:
    """Sizes, fonts and lines of every figure, for a `with` block."""
    return mpl.rc_context(dict(STYLE))  # pyright: ignore[reportArgumentType] - its stub lists the keys as literals
