"""The shipped recordings: the real Dynamo 0.9.0 router, driving its mock engine. The router is real, the latencies simulated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from poagame.estimator import poa_hat
from poagame.estimator.levels import level_means
from poagame.measured import DecisionTable, RequestTable, read_decisions, read_requests
from poagame.plotting import plot_heat_map
from poagame.reproduce.recorded import (
    decision_section,
    described,
    idle_latency,
    provenance,
    request_section,
    steady_latency,
)
from poagame.reproduce.section import Section, folded
from poagame.shipped import path

_GRID = ["overlap_weight", "temperature"]


def dynamo_sections(step: Callable[[str], None]) -> list[Section]:
    """One prefill worker with two and five decode workers, five aggregated workers, and the 4 × 4 grid."""
    sections: list[Section] = []
    for topology, name in (("1P/2D", "dynamo090_1P2D_w1_t0"), ("1P/5D", "dynamo090_1P5D_w1_t0")):
        step(f"PoA-hat of the recorded {topology} run")
        sections += _disaggregated(topology, read_requests(path(name)))
        step(f"decisions of the recorded {topology} run")
        decisions = read_decisions(path(f"{name}_decisions"))
        sections.append(decision_section(f"{topology}: the router's decisions", decisions, _stem(topology)))
    step("PoA-hat of the recorded sweep of five workers")
    sweep = read_requests(path("agg5_sweep.requests"))
    sections.append(_aggregated(sweep))
    step("decisions of the recorded sweep of five workers")
    decisions = read_decisions(path("agg5_sweep.decisions"))
    sections.append(decision_section("Five workers: the router's decisions", decisions, "recorded_five_workers"))
    step("heat maps of the recorded 4 × 4 grid")
    grid, choices = read_requests(path("agg5_grid.requests")), read_decisions(path("agg5_grid.decisions"))
    sections.append(grid_section(grid, choices, sweep))
    return sections


def _disaggregated(topology: str, table: RequestTable) -> list[Section]:
    levels = level_means(table, "latency_ms", "ttft_ms", "itl_ms")
    last = levels.row(-1, named=True)
    top, share = last["concurrency"], last["ttft_ms"] / last["latency_ms"]
    low, high = (float(f(levels["itl_ms"].to_numpy())) for f in (np.min, np.max))
    bottleneck = (
        f"**The queue is at the one prefill worker.** At C = {top}, {share:.0%} of the mean latency is time to first "
        f"token, while the mean inter-token latency stays within {low:.2f} to {high:.2f} ms over all levels. End-to-end "
        "latency and its knee are the prefill worker's; no choice of a decode worker could have mended them. The router "
        "called this leg with overlap weight 0."
    )
    return [
        request_section(
            f"{topology}, end-to-end latency (simulated engine)",
            table,
            _stem(topology),
            costs=("frozen",),
            remarks=[bottleneck],
        ),
        request_section(
            f"{topology}, inter-token latency (simulated engine)",
            table,
            f"{_stem(topology)}_itl",
            remarks=["The part of the latency that the choice of a decode worker can change."],
            metric="itl_ms",
        ),
    ]


def _aggregated(sweep: RequestTable) -> Section:
    steady = steady_latency(sweep)
    return request_section(
        "Five workers, end-to-end latency (simulated engine)",
        sweep,
        "recorded_five_workers",
        game_latency=steady,
        remarks=[
            "Overlap acts on the router's choices here (overlap weight 1), but hardly on the outcome: every worker's "
            "cache holds all five templates (hit rates 0.86 to 0.875), so a prefix is as near on one worker as on "
            "another, and the estimates below leave overlap out.",
            f"The games use the mean latency of each level at C/5 requests a worker, fitted by {described(steady)}: "
            "within one level of a closed loop the load hardly varies, and a fit to single requests is flattened by the "
            "ramp at its start.",
        ],
    )


def grid_section(table: RequestTable, decisions: DecisionTable, sweep: RequestTable) -> Section:
    """Heat maps over temperature and overlap weight: the index, the assignment ratio, and the router's own regret."""
    groups = [*_GRID, "phase"]
    idle, _ = idle_latency(sweep, "latency_ms")
    steady = steady_latency(sweep)
    index = poa_hat(table, "frozen", latency=idle, group_by=groups)
    congestion = poa_hat(table, "congestion", latency=steady.latency, group_by=groups)
    regret = poa_hat(decisions, "decision", group_by=_GRID)
    tails = (
        table.frame.filter(pl.col("phase") != "warm")
        .group_by(groups)
        .agg(
            pl.col("latency_ms").mean().alias("mean_ms"),
            pl.col("latency_ms").quantile(0.99).alias("p99_ms"),
            pl.len().alias("requests"),
        )
        .collect()
    )
    frame = (
        index.by_group.select(*groups, frozen="value", frozen_low="low", frozen_high="high")
        .join(congestion.by_group.select(*groups, "assignment_ratio", "assignment_low", "assignment_high"), on=groups)
        .join(tails, on=groups)
        .sort("phase", *_GRID)
    )
    own = regret.by_group.select(*_GRID, "mean_regret", "mean_regret_low", "mean_regret_high", "suboptimal").sort(_GRID)
    figures = {}
    for phase, meaning in (("low", "16 requests in flight"), ("high", "256 requests in flight")):
        part = frame.filter(pl.col("phase") == phase)
        for stem, label in (("frozen", "frozen index, idle latency [1]"), ("assignment", "assignment ratio [1]")):
            column = "frozen" if stem == "frozen" else "assignment_ratio"
            figures[f"grid_{phase}_{stem}"] = (
                f"Recorded grid, {meaning} (simulated engine), one run a cell: {label}, with 95% intervals within the run.",
                _heat_map(
                    part, column, f"{stem}_low", f"{stem}_high", label, f"{meaning} (simulated engine), one run a cell"
                ),
            )
    figures["grid_regret"] = (
        "Recorded grid, both phases: the router's mean regret on its own costs, with 95% intervals within the run.",
        _heat_map(
            own,
            "mean_regret",
            "mean_regret_low",
            "mean_regret_high",
            "mean regret [blocks]",
            "router's own decisions (real), one run a cell",
        ),
    )
    sentences = [_by_temperature(frame.filter(pl.col("phase") == phase)) for phase in ("low", "high")]
    return Section(
        "The recorded grid of temperature and overlap weight (simulated engine)",
        [
            provenance(table),
            "Sixteen runs of the real router on five aggregated workers, one run a cell: intervals hold what varies within "
            "a run and nothing of what varies between runs, so no difference between cells is a tested effect.",
            f"The index hardly tells the cells apart: largest over smallest is {_spread(frame, 'low')} at 16 requests in "
            f"flight and {_spread(frame, 'high')} at 256. The paper reports 18.7 ± 0.10 over its sixteen configurations at "
            "C = 64 and 34.3 ± 3.7 at C = 128 for its 340B model (P: stated in the paper), on other hardware and with another "
            "workload; 256 in flight is not shown to be saturated here (the sweep's latency is straight).",
            "The router's own regret does: at temperature 0 it takes its argmin every time; the higher the temperature, the "
            "more its choices cost on its own matrix (means over the four overlap weights: "
            + ", ".join(
                f"{r:.1f} blocks at τ = {t:g}"
                for t, r in own.group_by("temperature").agg(pl.col("mean_regret").mean()).sort("temperature").rows()
            )
            + ").",
            f"In the model, the assignment ratio (means over overlap weights, no test) is {sentences[1]} at 256 in flight "
            f"and {sentences[0]} at 16.",
            "Latencies come from the separate sweep of the same cluster: the index divides by its median at C = 4, the "
            f"games use its mean latency at C/5 requests a worker ({described(steady)}).",
            folded("Definition: frozen", index.definition),
            folded("Definition: congestion, of which the assignment ratio is shown", congestion.definition),
            folded("Definition: decision", regret.definition),
        ],
        figures,
        {"grid": ("The sixteen cells in both phases", frame), "grid_regret": ("The router's regret by cell", own)},
    )


def _heat_map(frame: pl.DataFrame, column: str, low: str, high: str, label: str, title: str):  # pyright: ignore
    rows, columns = (frame[c].unique().sort().to_list() for c in _GRID)
    ordered = frame.sort(_GRID)
    value, below, above = (ordered[c].to_numpy().reshape(len(rows), len(columns)) for c in (column, low, high))
    return plot_heat_map(
        value,
        rows,
        columns,
        low=below,
        high=above,
        row_label="overlap weight ω [1]",
        column_label="temperature τ [1]",
        value_label=label,
        digits=4,
        title=title,
    )


def _spread(frame: pl.DataFrame, phase: str) -> str:
    index = frame.filter(pl.col("phase") == phase)["frozen"].to_numpy()
    return f"{np.max(index) / np.min(index):.3f}"


def _by_temperature(part: pl.DataFrame) -> str:
    means = part.group_by("temperature").agg(pl.col("assignment_ratio").mean()).sort("temperature").rows()
    return ", ".join(f"{ratio:.3f} at τ = {heat:g}" for heat, ratio in means)


def _stem(name: str) -> str:
    return f"recorded_{name.replace('/', '_')}"
