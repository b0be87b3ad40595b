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
from poagame.plotting.curves import plot_heat_map
from poagame.plotting.style import COLOURS, GREY, MARKERS, axes_of, house_style

if TYPE_CHECKING:
    from poagame.anarchy.splits import SplitMap
    from poagame.solvers.planner.run import PlannerRun
    from poagame.solvers.planner.stability import StabilityMap
    from poagame.solvers.resource.generalised import GeneralisedSet


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


def plot_generalised_set(found: GeneralisedSet) -> Figure:
    """Draw the generalised equilibria in the plane of both pools' GPUs, on the budget line and off it."""
    with house_style():
        figure, ax = axes_of(None)
        ax.plot([0.0, found.budget], [found.budget, 0.0], color=GREY, lw=0.9, ls="--", label="the whole budget")
        for k, (first, last) in enumerate(found.intervals):
            ends = np.array([first, last])
            label = "equilibria on the budget line" if k == 0 else None
            ax.plot(ends, found.budget - ends, color=COLOURS[0], lw=3.0, marker=MARKERS[0], label=label)
        if len(found.points):
            ax.plot(*found.points.T, color=COLOURS[1], marker=MARKERS[1], ls="", label="both pools have all they want")
        ax.set_xlabel("GPUs of prefill")
        ax.set_ylabel("GPUs of decode")
        ax.legend(loc="upper right")
    return figure


def plot_planner_run(run: PlannerRun) -> Figure:
    """Draw the workers that a Planner ordered and those that served, interval by interval, above the load."""
    with house_style():
        figure = Figure(figsize=(5.0, 4.2), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.3))
        for k, pool in enumerate(("prefill", "decode")):
            above.step(run.time_s, run.serving[:, k], where="post", color=COLOURS[k], label=f"{pool}, serving")
            above.step(
                run.time_s, run.splits[:, k], where="post", color=COLOURS[k], lw=0.9, ls="--", label=f"{pool}, ordered"
            )
        below.step(run.time_s, run.load, where="post", color=GREY)
        above.set_ylim(bottom=0.0)
        above.yaxis.set_major_locator(MaxNLocator(integer=True))
        above.set_ylabel("workers")
        below.set_ylim(bottom=0.0)
        below.set_ylabel("load\n[times the rates]")
        below.set_xlabel("time [s]")
        figure.legend(*above.get_legend_handles_labels(), loc="outside lower left", ncols=2)
    return figure


def plot_stability_map(found: StabilityMap) -> Figure:
    """Draw the period of the split by delay and gain at the smallest swing of the load; a period that no run showed stays white."""
    at = int(found.swings.argmin())
    period = found.period[:, :, at].astype(np.float64)
    return plot_heat_map(
        np.where(period < 0, np.nan, period),
        [f"{delay:g}" for delay in found.delays_s],
        [f"{gain:g}" for gain in found.gains],
        row_label="delay [s]",
        column_label="workers moved a step",
        value_label="period [intervals], 0: settled",
        title=f"load swings by {found.swings[at]:g} of its mean",
    )
