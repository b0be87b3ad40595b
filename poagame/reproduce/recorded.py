"""PoA-hat of recorded requests and decisions by group, with the knee: for the shipped recordings and for users' files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import polars as pl

from poagame.errors import PoagameError
from poagame.estimator import poa_hat
from poagame.estimator.knee import Knee
from poagame.estimator.levels import knee_or_reason, level_means, steady_rows
from poagame.latency import Latency, Polynomial
from poagame.measured import DecisionTable, RequestTable, SweepTable
from poagame.measured.fit import LatencyFit, fit_points
from poagame.plotting import plot_curves, plot_knee
from poagame.reproduce.section import Section, folded

_READING = {
    "frozen": "*Frozen* divides what requests took by an assignment on frozen latencies. It is an index: with the latency "
    "of an idle cluster it grows with load whatever the router does; a latency fitted to the same requests pulls it "
    "towards 1 over all levels together, and what is left at a level is the fit's misfit.",
    "congestion": "*Congestion* divides by the exact optimum of each window's routing game. Its *assignment ratio* "
    "compares the router's assignment with that optimum, both under the model: the excess that the model gives it, if a "
    "window's requests overlap in time. A realised ratio away from 1 beside an assignment ratio near 1 is the misfit of "
    "the latency model, not inefficiency.",
}


def request_section(
    name: str,
    table: RequestTable,
    stem: str,
    *,
    costs: Sequence[Literal["frozen", "congestion"]] = ("frozen", "congestion"),
    game_latency: LatencyFit | None = None,
    remarks: Sequence[str] = (),
    **options: Any,
) -> Section:
    """Frozen and congestion PoA-hat of requests by group, with the knee if the groups are one curve over concurrency.

    Parameters
    ----------
    name, stem : str
        Heading, and beginning of the file names.
    table : RequestTable
        Its notes and bad rows head the section.
    costs : sequence
        Estimates wanted.
    game_latency : LatencyFit, optional
        Latency of the games; by default fitted to the table.
    remarks : sequence of str
        Further paragraphs, first.
    options
        Of `poa_hat`: metric, stage, window, overlap_weight, seed.
    """
    metric = options.get("metric", "latency_ms")
    paragraphs = [provenance(table), *remarks, *(_READING[cost] for cost in costs)]
    rows: list[pl.DataFrame] = []
    definitions: list[str] = []

    def add(label: str, definition: str, frame: pl.DataFrame) -> None:
        rows.append(frame.drop("group").select(pl.lit(label).alias("estimate"), pl.all()))
        definitions.append(f"{label}\n{definition}")

    if "frozen" in costs:
        idle, label = idle_latency(table, metric)
        estimate = poa_hat(table, "frozen", latency=idle, **options)
        add(label, estimate.definition, estimate.by_group)
        estimate = poa_hat(table, "frozen", **options)
        add("frozen, fitted latency", estimate.definition, estimate.by_group)
    if "congestion" in costs:
        try:
            given = None if game_latency is None else game_latency.latency
            estimate = poa_hat(table, "congestion", latency=given, **options)
        except PoagameError as error:
            paragraphs.append(f"No congestion estimate: {error}")
        else:
            found = estimate.by_group
            if "concurrency" in found.columns:  # fewer clients than a window: its requests cannot have overlapped
                found = found.filter(pl.col("concurrency") >= pl.col("window"))
            extra = [c for c in found.columns if c.startswith("assignment_")]
            add("congestion, realised", estimate.definition, found.drop(extra))
            own = [c for c in ("value", "low", "high", "median", "undefined_windows") if c in found.columns]
            names = {"assignment_ratio": "value", "assignment_low": "low", "assignment_high": "high"}
            add("congestion, assignment ratio", "as realised, assigned over optimum", found.drop(own).rename(names))
    frame = pl.concat(rows, how="diagonal_relaxed")
    paragraphs.append(folded("Definitions", "\n\n".join(definitions)))
    figures = {}
    if _is_curve(frame):
        loads = frame["concurrency"].unique().sort().to_numpy()
        labels = frame["estimate"].unique(maintain_order=True).to_list()
        curves = {label: _band(frame.filter(pl.col("estimate") == label), loads) for label in labels}
        figures[f"{stem}_poa_hat"] = (
            f"{name}: PoA-hat by concurrency; bands are 95% moving-block bootstrap intervals.",
            plot_curves(loads, curves, ylabel="PoA-hat [1]", references={"1": 1.0}, log_value=True, title=name),
        )
        knee = knee_or_reason(table, metric)
        if isinstance(knee, Knee):
            paragraphs.append(f"```text\n{knee}\n```")
            caption = f"{name}: mean {metric} and the curvature of load × {metric}."
            figures[f"{stem}_knee"] = (caption, plot_knee(knee, title=name))
        else:
            paragraphs.append(f"No knee: {knee}")
    return Section(name, paragraphs, figures, {f"{stem}_poa_hat": ("PoA-hat by group", frame)})


def decision_section(name: str, table: DecisionTable, stem: str, seed: int = 0) -> Section:
    """Regret of the router on its own cost matrix."""
    estimate = poa_hat(table, "decision", seed=seed)
    return Section(
        name,
        [provenance(table), folded("Definition", estimate.definition)],
        {},
        {f"{stem}_decisions": ("Regret of the router on its own costs", estimate.by_group.drop("group"))},
    )


def provenance(table: RequestTable | DecisionTable | SweepTable) -> str:
    """Where a table comes from, what to know about it, and its bad rows."""
    lines = [f"Source: `{table.source}` ({table.format}), {table.num_rows:,} usable rows."]
    lines += table.notes
    if table.bad_rows.count:
        reasons = "; ".join(f"{reason}: {count}" for reason, count in table.bad_rows.reasons.items())
        lines.append(f"**{table.bad_rows.count} bad rows** are in no window, nor in any load ({reasons}).")
    return "\n".join(f"- {line}" for line in lines)


def idle_latency(table: RequestTable, metric: str) -> tuple[Latency | Literal["unloaded"], str]:
    """The median at the lowest concurrency as a constant; without concurrency, the estimator's own unloaded median."""
    if "concurrency" not in table.columns:
        return "unloaded", "frozen, unloaded median"
    lowest = pl.col("concurrency") == pl.col("concurrency").min()
    level = steady_rows(table).filter(lowest).select(pl.col("concurrency").first(), pl.col(metric).median())
    load, median = level.collect().row(0)
    return Polynomial([[median]]), f"frozen, latency at C = {load}"


def steady_latency(table: RequestTable, metric: str = "latency_ms") -> LatencyFit:
    """Mean metric of a closed-loop sweep against requests in flight a worker, C/W: one point a level."""
    workers = steady_rows(table).select(pl.col("decode_worker").n_unique()).collect().item()
    levels = level_means(table, metric)
    load, mean = levels["concurrency"].to_numpy() / workers, levels[metric].to_numpy()
    return fit_points(load, mean, "saturating", metric=metric, unit="ms")


def described(fit: LatencyFit) -> str:
    """Parameters of a fit in words."""
    return ", ".join(f"{name} {value:.4g}" for name, value in fit.parameters.items() if np.isfinite(value))


def _is_curve(frame: pl.DataFrame) -> bool:
    """Whether each estimate has at most one group a concurrency, and there are several."""
    if "concurrency" not in frame.columns or frame["concurrency"].n_unique() < 2:
        return False
    sizes = frame.group_by("estimate").agg(pl.len(), pl.col("concurrency").n_unique().alias("loads"))
    return bool((sizes["len"] == sizes["loads"]).all())


def _band(frame: pl.DataFrame, loads: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    placed = pl.DataFrame({"concurrency": loads}).join(frame, on="concurrency", how="left").sort("concurrency")
    value, low, high = (placed[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in ("value", "low", "high"))
    return value, low, high
