"""Figures of pools that share a budget: splits by load, and whose loss is how large."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from poagame._arrays import require
from poagame.plotting.style import COLOURS, GREY, MARKERS, axes_of, house_style

if TYPE_CHECKING:
    from poagame.anarchy.splits import SplitMap


def plot_split_map(
    found: SplitMap, ax: Axes | None = None, *, xlabel: str = "load [times the rates]", title: str = ""
) -> Figure:
    """Draw, against load, which numbers of prefill workers some equilibrium has (grey) and which the best split of each welfare has.

    Parameters
    ----------
    found : SplitMap
    ax : Axes, optional
    xlabel : str
        With the unit of the loads.
    title : str
    """
    with house_style():
        figure, ax = axes_of(ax)
        stable = found.equilibrium.any(axis=2)
        load, prefill = np.nonzero(stable)
        ax.scatter(found.load[load], prefill + 1, s=14, color="#CCCCCC", marker="s", label="in some equilibrium")
        for k, welfare in enumerate(found.welfares):
            best = [int(name.split("P")[0]) for name in found.best_split(welfare)]
            ax.step(
                found.load,
                best,
                where="mid",
                color=COLOURS[k],
                lw=1.4 + 0.6 * (len(found.welfares) - k),
                label=f"best, {welfare}",
            )
        ax.set_xlabel(xlabel)
        ax.set_ylabel("prefill workers")
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_title(title, loc="left")
        figure.legend(loc="outside lower left", ncols=2)
    return figure


def plot_shares(
    load: ArrayLike,
    shares: Mapping[str, ArrayLike],
    ax: Axes | None = None,
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
) -> Figure:
    """Draw what parts make of a whole, stacked, against load.

    Parameters
    ----------
    load : [L]
    shares : name → [L]
        Parts; those below 0 are drawn below the axis.
    xlabel, ylabel, title : str
        With units.

    Raises
    ------
    InvalidInput
        If there is no part, or lengths differ.
    """
    x = np.asarray(load, dtype=np.float64)
    parts = {name: np.asarray(part, dtype=np.float64) for name, part in shares.items()}
    require(len(parts) > 0, "plot_shares needs at least one part")
    require(
        all(part.shape == x.shape for part in parts.values()), f"each part has one value for each of {x.size} loads"
    )
    with house_style():
        figure, ax = axes_of(ax)
        place, above, below = np.arange(x.size), np.zeros(x.size), np.zeros(x.size)
        for k, (name, part) in enumerate(parts.items()):
            base = np.where(part >= 0, above, below)
            ax.bar(place, part, bottom=base, color=COLOURS[k], width=0.7, label=name)
            above, below = above + np.maximum(part, 0), below + np.minimum(part, 0)
        ax.axhline(0.0, color=GREY, lw=0.8)
        ax.set_xticks(place, [f"{value:g}" for value in x])
        ax.set_xlabel(xlabel)
        ax.set_ylabel(ylabel)
        ax.set_title(title, loc="left")
        ax.legend(loc="upper left")
    return figure


def plot_generalised(
    prefill: ArrayLike,
    costs: Mapping[str, ArrayLike],
    interval: tuple[float, float],
    points: Mapping[str, float],
    *,
    ylabel: str,
) -> Figure:
    """Draw costs along the budget line, the interval of generalised equilibria shaded and points marked.

    Parameters
    ----------
    prefill : [M]
        GPUs of prefill.
    costs : name → [M]
    interval : (float, float)
        First and last generalised equilibrium.
    points : name → float
        Prefill's GPUs at the variational equilibrium, say.
    ylabel : str
        With its unit.
    """
    x = np.asarray(prefill, dtype=np.float64)
    with house_style():
        figure, ax = axes_of(None)
        ax.axvspan(*interval, color="#E3F2FB", label="generalised equilibria")
        for k, (name, cost) in enumerate(costs.items()):
            ax.plot(x, np.asarray(cost), color=COLOURS[k], label=name)
        for k, (name, at) in enumerate(points.items()):
            ax.axvline(at, color=GREY, lw=0.9, ls=("--", ":")[k % 2])
            ax.plot([at], [0.0], marker=MARKERS[k], color=GREY, ls="", label=name, clip_on=False)
        ax.set_ylim(bottom=0.0)
        ax.set_xlabel("GPUs of prefill")
        ax.set_ylabel(ylabel)
        ax.legend(loc="upper right")
    return figure
