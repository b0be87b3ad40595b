r"""PoA-hat: what a recorded cluster paid, over the least that a stated model says it could have paid.

Three definitions, never mixed up; each result carries its own as text (`PoaHat.definition`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

import numpy as np
import polars as pl

from poagame._arrays import FloatArray, require
from poagame.errors import FitFailed, InvalidInput
from poagame.estimator import bootstrap
from poagame.estimator.congestion import congestion_optimum, latency_table, require_convex
from poagame.estimator.decision import decision_estimate
from poagame.estimator.frozen import frozen_optimum
from poagame.estimator.overlap import Residency, optimum_with_overlap, residency
from poagame.estimator.result import Draw, PoaHat, summary
from poagame.estimator.timeline import Codes, Timeline, timeline
from poagame.estimator.windows import Segment, split
from poagame.latency import Latency

if TYPE_CHECKING:
    from poagame.measured.tables import DecisionTable, RequestTable

Cost: TypeAlias = Literal["frozen", "congestion", "decision"]
Aggregate: TypeAlias = Literal["ratio_of_sums", "median"]

COSTS: Final = ("frozen", "congestion", "decision")
AGGREGATES: Final = ("ratio_of_sums", "median")


def poa_hat(
    table: RequestTable | DecisionTable,
    cost: Cost = "frozen",
    *,
    metric: str = "latency_ms",
    stage: Literal["decode", "prefill"] = "decode",
    window: int | None = None,
    group_by: Iterable[str] | None = None,
    latency: Latency | Literal["unloaded"] | None = None,
    overlap_weight: float = 0.0,
    confidence: float = 0.95,
    num_resamples: int = 1000,
    aggregate: Aggregate = "ratio_of_sums",
    seed: int = 0,
) -> PoaHat:
    r"""Estimate the price of anarchy of a recorded cluster, by one of three definitions.

    Requests of one group in one run are cut, by arrival, into windows of consecutive ones. For a window with
    :math:`n_j` requests in flight on worker j when it opens, and realised metrics :math:`t_i`,

    .. math:: \text{frozen: } \frac{\sum_i t_i}{\min_{\text{slots}} \sum_i \ell_{j(i)}(n_{j(i)}) - \omega o_{i j(i)}}
              \qquad
              \text{congestion: } \frac{\sum_i t_i}{\min_x \sum_j x_j \ell_j(n_j + x_j) - \omega \sum_i o_{i j(i)}}

    and "decision" compares the logit of the router's choice with the least of its candidates.

    Parameters
    ----------
    table
        Requests for "frozen" and "congestion"; decisions for "decision".
    cost
        "frozen": the paper's reading. An index: it over-states inefficiency, and may also be below 1.
        "congestion": the optimum is that of the routing game with latencies preloaded; `by_group` and `overall` also
        hold `assignment_ratio`, the actual assignment over the optimum, both in the model, which is at least 1.
        "decision": the router's regret on its own cost matrix; also `mean_regret` (blocks) and `suboptimal` (share).
    metric
        "latency_ms", "ttft_ms" or "itl_ms": the realised cost, and what the latencies are fitted to.
    stage
        Whose worker counts: "decode" or "prefill". Decisions are grouped by phase instead.
    window
        Requests a window. By default the number of workers seen in the run.
    group_by
        Columns that name the groups; by default all present among run, topology, overlap_weight, temperature, phase,
        concurrency (for decisions run, phase, overlap_weight, temperature). Windows never span runs, and hold no
        request of phase "warm".
    latency
        Latency, in the metric's unit, at a number of requests in flight: of one resource for all workers, or of one a
        worker (sorted by id as text). For "frozen" that is the number a request finds (a fit of `fit_latency` counts
        the request too: give `fit.latency.preloaded(1)`), for "congestion" with the request itself. By default it is
        fitted to the table; "unloaded" (frozen only) is the median metric of the requests that found their worker at
        the lowest load of their group.
    overlap_weight
        ω ≥ 0, in the metric's unit a block. Not the router's own weight.
    confidence, num_resamples, seed
        Of the moving-block bootstrap over windows.
    aggregate
        "ratio_of_sums" over windows, or the "median" of the windows' ratios.

    Returns
    -------
    PoaHat

    Raises
    ------
    InvalidInput
        Unknown cost, metric, stage or aggregate; the wrong kind of table; a window longer than every group; a latency
        that is infinite at loads of the table, is for another number of workers, or (congestion) is not convex.
    MissingColumn
        If the worker of the stage, or another column needed, is unknown; the message says how to record it.
    UndefinedRatio
        If the optimum of a group is not positive.
    EmptyTable
        If no row can be used.
    FitFailed
        If no latency fits, for "congestion". For "frozen" the unloaded median takes over, and the definition says so.
    """
    require(cost in COSTS, f"cost must be one of {', '.join(map(repr, COSTS))}; got {cost!r}")
    require(aggregate in AGGREGATES, f"aggregate must be one of {', '.join(map(repr, AGGREGATES))}; got {aggregate!r}")
    weight = float(overlap_weight)
    require(seed >= 0, f"seed must be a whole number >= 0; got {seed}")
    require(np.isfinite(weight) and weight >= 0, f"overlap_weight must be finite and nonnegative; got {overlap_weight}")
    bootstrap.check(confidence, num_resamples)
    wanted = "decisions" if cost == "decision" else "requests"
    kind = getattr(table, "kind", type(table).__name__)
    require(kind == wanted, f"cost={cost!r} needs a table of {wanted} (pg.read_{wanted}); got one of {kind}")
    draw = Draw(aggregate, confidence, num_resamples, seed)
    if cost == "decision":
        return decision_estimate(cast("DecisionTable", table), group_by, draw)
    requests = cast("RequestTable", table)
    times = timeline(requests, metric=metric, stage=stage, group_by=group_by, with_overlap=weight > 0)
    segments, found = split(times, window)
    known = residency(times) if weight > 0 else None
    model, source = _latency(times, segments, found, latency, metric, cost)
    windows = _windows(times, segments, found, model, known, weight, congested=cost == "congestion")
    notes = [
        *_formula(cost, metric, weight),
        f"latency: {source}",
        *_choices(segments, stage, window, known),
        *times.notes,
    ]
    facts = [
        pl.col("workers").max().alias("num_workers"),
        pl.col("requests").max().alias("window"),
        pl.len().cast(pl.Int64).alias("num_windows"),
        pl.col("requests").sum().alias("num_requests"),
    ]
    ratios = {"value": ("realised", "optimum")}
    if cost == "congestion":
        ratios["assignment_ratio"] = ("assigned", "optimum")
    return summary(cost, times.groups, windows, ratios, facts, draw, notes)


def _latency(
    times: Timeline,
    segments: Sequence[Segment],
    found: Codes,
    latency: Latency | str | None,
    metric: str,
    cost: str,
) -> tuple[Latency | None, str]:
    """Choose the latency (None: unloaded medians), and say where it comes from."""
    lowest = _span(int(found[s.members].min()) for s in segments if len(s.members))
    unloaded = (
        f"the median {metric} of the requests that found their worker at the lowest load of their group ({lowest} in "
        "flight), constant in load"
    )
    if isinstance(latency, Latency):
        return latency, f"given, {type(latency).__name__} of {latency.num_resources} resource(s)"
    if latency == "unloaded":
        require(
            cost == "frozen", "latency='unloaded' is constant in load, which leaves no game; it needs cost='frozen'"
        )
        return None, f"asked for: {unloaded}"
    require(latency is None, f"latency must be a Latency, 'unloaded', or None to fit one; got {latency!r}")
    from poagame.measured.fit import fit_points

    # requests pooled by load weigh as much as they are: the same fit as on single requests
    used = times.segment >= 0
    load = found[used]
    count = np.bincount(load)
    seen = np.flatnonzero(count)
    mean = np.bincount(load, times.metric[used])[seen] / count[seen]
    # frozen prices a worker at what a request finds there; in a game a request counts in the load that it sees
    counted = "what a request finds in flight" if cost == "frozen" else "the request itself and those that it finds"
    points = (seen + (0.0 if cost == "frozen" else 1.0), mean)
    try:
        fit = fit_points(*points, "saturating", count[seen], metric=metric, unit="ms")
    except FitFailed as error:
        if cost != "frozen":
            raise
        return None, f"the saturating fit failed ({error}); in its place {unloaded}"
    because = ""
    top = max(int(s.background.max(initial=0)) + s.length for s in segments if len(s.members))
    if cost == "congestion" and not np.isfinite(fit.latency(float(top))).all():
        because = (
            f", as the saturating fit has its capacity at {fit.parameters['capacity']:.4g}, and a window can put up to "
            f"{top} on one worker in the game"
        )
        fit = fit_points(*points, "quadratic", count[seen], metric=metric, unit="ms")
    values = ", ".join(f"{name} {value:.5g}" for name, value in fit.parameters.items())
    notes = "".join(f"; {note}" for note in fit.notes)
    pooled = f"{int(count.sum())} requests pooled at {len(seen)} loads ({counted})"
    return fit.latency, f"fitted to the table, {fit.family}{because}: {values}; {pooled}{notes}"


def _windows(
    times: Timeline,
    segments: Sequence[Segment],
    found: Codes,
    model: Latency | None,
    known: Residency | None,
    overlap_weight: float,
    *,
    congested: bool,
) -> pl.DataFrame:
    """Price the windows: a row each, in order of group, run and time."""
    longest = max(s.length for s in segments if len(s.members))
    loads = max(int(s.background.max(initial=0)) for s in segments) + longest + 2
    shared = None if model is None else latency_table(model, loads)
    if shared is not None and congested:
        require_convex(shared, longest)
    frames: list[pl.DataFrame] = []
    for s in sorted(segments, key=lambda s: s.group):
        if not len(s.members):
            continue
        table = np.full((1, loads), _unloaded(times, s, found)) if shared is None else shared
        if len(table) not in (1, len(s.workers)):
            raise InvalidInput(
                f"latency has {len(table)} resources, and a group shows {len(s.workers)} workers; give one resource "
                "for all workers, or one a worker, with groups that see all of them"
            )
        if known is not None:
            optimum, assigned = optimum_with_overlap(s, times, known, table, overlap_weight, congested=congested)
        elif congested:
            optimum, assigned = congestion_optimum(s, times, table)
        else:
            optimum = assigned = frozen_optimum(s, table)
        _require_finite(optimum, assigned if congested else optimum, s)
        columns = {
            "group": np.full(len(optimum), s.group, np.int64),
            "opened_ms": times.arrival[s.members[:, 0]],
            "requests": np.full(len(optimum), s.length, np.int64),
            "workers": np.full(len(optimum), len(s.workers), np.int64),
            "realised": times.metric[s.members].sum(axis=1),
            "optimum": optimum,
        } | ({"assigned": assigned} if congested else {})
        ratio = pl.when(pl.col("optimum") > 0).then(pl.col("realised") / pl.col("optimum"))
        frames.append(pl.DataFrame(columns).with_columns(ratio.alias("ratio"), pl.lit(len(frames)).alias("_stratum")))
    return pl.concat(frames)


def _unloaded(times: Timeline, segment: Segment, found: Codes) -> float:
    members = segment.members.ravel()
    load = found[members]
    return float(np.median(times.metric[members[load == load.min()]]))


def _require_finite(optimum: FloatArray, assigned: FloatArray, segment: Segment) -> None:
    bad = ~np.isfinite(optimum) | ~np.isfinite(assigned)
    if bad.any():
        raise InvalidInput(
            f"the latency is infinite in {int(bad.sum())} of {len(bad)} windows of a group whose workers hold up to "
            f"{int(segment.background.max())} requests when a window of {segment.length} opens: the model is past its "
            "capacity where the table is not. Give latency= one that is finite there, such as "
            "fit_latency(table, family='polynomial').latency, or a shorter window="
        )


def _formula(cost: str, metric: str, overlap_weight: float) -> list[str]:
    if cost == "frozen":
        overlap = f" − {overlap_weight:g}·o_ij" if overlap_weight else ""
        return [
            f"definition: frozen. Σ realised {metric} / Σ OPT over windows; OPT = least-cost assignment of a window's "
            f"requests to replicated worker slots at c_ij = ℓ_j(n_j){overlap}, with n_j the requests in flight on "
            "worker j when the window opens",
            "reading: an index of regime, not an efficiency ratio: frozen latencies under-state the optimum, and it "
            "may be far from 1, below 1 too",
        ]
    overlap = f" − {overlap_weight:g}·Σ_i o_ij(i)" if overlap_weight else ""
    return [
        f"definition: congestion. Σ realised {metric} / Σ OPT over windows; OPT = exact optimum of the window's "
        f"routing game, min Σ_j x_j·ℓ_j(n_j + x_j){overlap}, with n_j the requests in flight on worker j when the "
        "window opens",
        "reading: value also holds what the model misses, and may be below 1; assignment_ratio is the actual "
        "assignment over OPT, both under the model, and at least 1",
    ]


def _choices(segments: Sequence[Segment], stage: str, window: int | None, known: Residency | None) -> list[str]:
    used = [s for s in segments if len(s.members)]
    why = "as many as the run has workers" if window is None else "as asked"
    dropped = len(segments) - len(used)
    lines = [
        f"window: {_span(s.length for s in used)} consecutive requests by arrival of one group and run ({why}); "
        f"{_span(s.slots for s in used)} slot(s) a {stage} worker; the workers are those seen in the run",
        "load: all requests of the run on [arrival, finish), waiting and other stages included; simultaneous arrivals "
        "do not see each other",
        f"left out: {sum(s.left_out for s in segments)} requests after the last full window of their group"
        + (f"; {dropped} of {len(segments)} groups are shorter than a window and have no value" if dropped else ""),
    ]
    return lines if known is None else [*lines, f"overlap: {known.source}"]


def _span(values: Iterable[int]) -> str:
    low, *_, high = [*(found := sorted(set(values))), found[-1]]
    return f"{low}" if low == high else f"{low}–{high}"
