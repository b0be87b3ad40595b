"""The figure of a result: `plot` knows which one; each is `plot_curves` or its like with the record's own names and units."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from poagame.anarchy import AnarchyCurve, LedCurve, PressureCurve, SplitMap
from poagame.errors import InvalidInput
from poagame.estimator import Knee, PoaHat
from poagame.measured import LatencyFit
from poagame.plotting.curves import plot_curves, plot_knee, plot_latency_fit
from poagame.plotting.resource import plot_generalised, plot_split_map
from poagame.solvers import GeneralisedSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_LINES = 8
"""Lines that a figure can tell apart by colour and marker."""

_KEYS = {
    "topology": "",
    "temperature": "τ = ",
    "overlap_weight": "ω = ",
    "prefix_group": "group ",
    "phase": "",
    "run": "",
}
"""What tells the lines of a PoA-hat apart, and how a label begins."""

_RATIO = "ratio to the optimum [1]"


@singledispatch
def plot(result: object) -> Figure:
    """Draw a result: a latency fit, a knee, a PoA-hat, a curve of prices of anarchy, a split map, a set of equilibria.

    Raises
    ------
    InvalidInput
        If there is no figure of such a result.

    Examples
    --------
    >>> import poagame as pg
    >>> curve = pg.anarchy_curve(pg.instances.braess(), [0.5, 1.0, 1.5])
    >>> pg.plotting.plot(curve).axes[0].get_ylabel()
    'price of anarchy [1]'
    """
    known = sorted(kind.__name__ for kind in plot.registry if kind is not object)
    raise InvalidInput(
        f"no figure is known of {type(result).__name__}; there are figures of {', '.join(known)}. plot_curves draws any numbers"
    )


def plot_poa_hat(estimate: PoaHat) -> Figure:
    """PoA-hat by load level, with its bootstrap interval; several runs or settings become several lines.

    Raises
    ------
    InvalidInput
        If there is no column `concurrency` to draw it by, or more than eight lines would have to be told apart.
    """
    groups = estimate.by_group
    if "concurrency" not in groups.columns or groups["concurrency"].null_count() == groups.height:
        raise InvalidInput(
            "this PoA-hat has no load levels: its table has no column concurrency, or group_by left it out"
        )
    varying = _distinguishing(groups)
    levels = groups["concurrency"].drop_nulls().unique().sort()
    names = ("value", "low", "high")
    parts = groups.partition_by(varying, as_dict=True, maintain_order=True) if varying else {(): groups}
    if len(parts) > _MOST_LINES:
        raise InvalidInput(
            f"{len(parts)} settings that differ in {', '.join(varying)} are too many lines; estimate a part, as in "
            f"poa_hat(table.where({varying[-1]}=…))"
        )
    curves = {}
    for key, part in parts.items():
        found = pl.DataFrame({"concurrency": levels}).join(part, on="concurrency", how="left", maintain_order="left")
        label = ", ".join(f"{_KEYS[name]}{value}" for name, value in zip(varying, key, strict=True)) or estimate.cost
        curves[label] = tuple(found[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in names)
    return plot_curves(levels.to_numpy(), curves, ylabel=f"PoA-hat, {estimate.cost} [1]")


def _distinguishing(groups: pl.DataFrame) -> list[str]:
    """Columns by which the groups of one load level differ, as few as do."""
    chosen: list[str] = []
    for name in _KEYS:
        together = groups.select("concurrency", *chosen).n_unique()
        if name in groups.columns and together < groups.height:
            wider = groups.select("concurrency", *chosen, name).n_unique()
            chosen += [name] if wider > together else []
    return chosen


def plot_anarchy_curve(curve: AnarchyCurve) -> Figure:
    """Price of anarchy by demand, with the interval that surely holds it."""
    order = np.argsort(curve.demand)
    band = tuple(values[order] for values in (curve.poa, curve.poa_low, curve.poa_high))
    return plot_curves(
        curve.demand[order], {"price of anarchy": band}, ylabel="price of anarchy [1]", xlabel="total demand"
    )


def plot_led_curve(curve: LedCurve) -> Figure:
    """Prices of anarchy and stability by the fraction of nodes that a leader rules."""
    return plot_curves(
        curve.fraction,
        {"worst equilibrium": (curve.poa, curve.poa_low, curve.poa_high), "best equilibrium": curve.pos},
        ylabel=_RATIO,
        xlabel="fraction of the nodes that the leader rules [1]",
        log_load=False,
    )


def plot_pressure_curve(curve: PressureCurve) -> Figure:
    """What the equilibria found, and nodes that know of no peers, cost over the optimum, by memory pressure."""
    return plot_curves(
        curve.pressure,
        {
            "dearest equilibrium found": curve.worst_ratio,
            "cheapest equilibrium found": curve.best_ratio,
            "nodes that know of no peers": curve.alone_ratio,
        },
        ylabel=_RATIO,
        xlabel="working set / places of a node [1]",
    )


plot.register(LatencyFit, plot_latency_fit)
plot.register(Knee, plot_knee)
plot.register(SplitMap, plot_split_map)
plot.register(GeneralisedSet, plot_generalised)
plot.register(PoaHat, plot_poa_hat)
plot.register(AnarchyCurve, plot_anarchy_curve)
plot.register(LedCurve, plot_led_curve)
plot.register(PressureCurve, plot_pressure_curve)
