"""The figure of a result: `plot` knows which one; each is `plot_curves` or its like with the record's own names and units."""

from __future__ import annotations

from functools import singledispatch

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from poagame.anarchy import AnarchyCurve, AnarchyReport, Attribution, LedCurve, PressureCurve, SplitMap
from poagame.errors import InvalidInput
from poagame.estimator import Knee, PoaHat
from poagame.measured import LatencyFit
from poagame.plotting.curves import plot_curves, plot_knee, plot_latency_fit
from poagame.plotting.resource import plot_generalised_set, plot_planner_run, plot_split_map, plot_stability_map
from poagame.plotting.style import COLOURS, GREY, MARKERS, axes_of, house_style
from poagame.serving import OperatingCurve
from poagame.solvers import GeneralisedSet, LogitBranch
from poagame.solvers.planner import PlannerRun, StabilityMap

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
    """Draw a result: any record that has a figure, from a latency fit to the run of a Planner; refused ones are told what there is.

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


def plot_report(report: AnarchyReport) -> Figure:
    """Costs of optimum, best and worst equilibrium on one axis, with what surely encloses them."""
    optimum = report.optimum
    least = optimum.lower_bound
    rows = {
        "optimum": (optimum.social_cost, least, optimum.social_cost),
        "best equilibrium": (report.best.social_cost, least * report.pos_low, optimum.social_cost * report.pos_high),
        "worst equilibrium": (report.worst.social_cost, least * report.poa_low, optimum.social_cost * report.poa_high),
    }
    with house_style():
        figure, ax = axes_of(None, (5.0, 2.2))
        for k, (name, (cost, low, high)) in enumerate(rows.items()):
            ax.plot([low, high if np.isfinite(high) else cost], [k, k], color=COLOURS[k], lw=4.0, alpha=0.3)
            ax.plot([cost], [k], color=COLOURS[k], marker=MARKERS[k], ls="")
            open_above = "" if np.isfinite(high) else ", or more"
            ax.annotate(f"{name}: {cost:.6g}{open_above}", (cost, k), (0, 7), textcoords="offset points", ha="center")
        ax.set_yticks([])
        ax.set_ylim(-0.5, len(rows) - 0.2)
        ax.margins(x=0.25)
        ax.set_xlabel("social cost [units of the game]")
        ax.set_ylabel(f"concept: {report.concept}")
        sign = "=" if report.exact else "between the bounds of the report; found"
        ax.set_title(f"price of anarchy {sign} {report.poa:.6g}", loc="left")
    return figure


def plot_logit_branch(branch: LogitBranch) -> Figure:
    """Expected social cost along the principal branch by temperature; dotted where other branches cross."""
    shown = np.isfinite(branch.temperatures) & (branch.temperatures > 0)
    figure = plot_curves(
        branch.temperatures[shown],
        {"principal branch": branch.social_costs[shown]},
        xlabel="temperature [units of cost]",
        ylabel="expected social cost [units of cost]",
    )
    (ax,) = figure.axes
    for k, at in enumerate(branch.bifurcations):
        ax.axvline(at, color=GREY, ls=":", lw=1.1, label="another branch crosses" if k == 0 else None)
    with house_style():
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    return figure


def plot_attribution(found: Attribution) -> Figure:
    """What each layer has to do with the loss of a state (Shapley values, which sum to it)."""
    with house_style():
        figure, ax = axes_of(None, (5.0, 2.4))
        names, shares = list(found.share_ms), list(found.share_ms.values())
        ax.barh(names, shares, color=[COLOURS[k % len(COLOURS)] for k in range(len(names))])
        for name, share in found.share_ms.items():
            ax.annotate(f"{share:.4g}", (share, name), (4, 0), textcoords="offset points", va="center")
        ax.axvline(0.0, color=GREY, lw=0.8)
        ax.margins(x=0.15)
        ax.set_xlabel("share of the loss [ms]")
        ax.set_ylabel("layer")
        ax.set_title(f"{found.latency_ms:.4g} ms, of which {found.loss_ms:.4g} ms lost", loc="left")
    return figure


def plot_operating_curve(curve: OperatingCurve) -> Figure:
    """Misses and delay of each detector against its false alarms, with intervals; the same horizon for all."""
    frame = curve.frame
    with house_style():
        figure = Figure(figsize=(5.0, 4.6), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True)
        for k, kind in enumerate(frame["kind"].unique(maintain_order=True)):
            part = frame.filter(pl.col("kind") == kind)
            for ax, name in ((above, "miss"), (below, "delay")):
                (x, across), (y, along) = (_with_errors(part, column) for column in ("false_rate", name))
                ax.errorbar(x, y, along, across, color=COLOURS[k], marker=MARKERS[k], ls="", lw=0.9, label=kind)
        above.set_ylim(bottom=0.0)
        above.set_ylabel(f"missed within {curve.after} polls [1]")
        below.set_ylim(bottom=0.0)
        below.set_ylabel("mean delay [polls]")
        below.set_xlabel("false alarms a poll before the change [1]")
        figure.legend(*above.get_legend_handles_labels(), loc="outside lower left", ncols=2)
    return figure


def _with_errors(frame: pl.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray]:
    """[n] values and [2, n] distances to the ends of their intervals; what is null stays out of the figure."""
    value, low, high = (
        frame[name + end].cast(pl.Float64).fill_null(np.nan).to_numpy() for end in ("", "_low", "_high")
    )
    return value, np.maximum(np.stack([value - low, high - value]), 0.0)


plot.register(LatencyFit, plot_latency_fit)
plot.register(Knee, plot_knee)
plot.register(SplitMap, plot_split_map)
plot.register(GeneralisedSet, plot_generalised_set)
plot.register(PoaHat, plot_poa_hat)
plot.register(AnarchyCurve, plot_anarchy_curve)
plot.register(LedCurve, plot_led_curve)
plot.register(PressureCurve, plot_pressure_curve)
plot.register(AnarchyReport, plot_report)
plot.register(LogitBranch, plot_logit_branch)
plot.register(Attribution, plot_attribution)
plot.register(PlannerRun, plot_planner_run)
plot.register(StabilityMap, plot_stability_map)
plot.register(OperatingCurve, plot_operating_curve)
