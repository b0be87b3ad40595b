"""The knee in the second derivative, where it is said to lie, and the regimes of PoA-hat in load. (Proposition 4)"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.stats import binom

from poagame.errors import InvalidInput
from poagame.estimator import find_knee, poa_hat
from poagame.estimator.levels import level_means
from poagame.latency import Latency, Polynomial
from poagame.measured import RequestTable, SweepTable, read_requests, read_sweep
from poagame.paper.checks.anarchy import ENGINE
from poagame.paper.numbers import number
from poagame.paper.record import Claim, Finding, Standing
from poagame.shipped import path

LEVEL = 0.05
"""Of the knee's test against a straight line."""


def measured_sweep() -> SweepTable:
    """Rows measured on B200, with end-to-end latency TTFT + (OSL − 1) · TPOT from the two averages."""
    sweep = read_sweep(path("measured_b200_llama31_70b"))
    frame = sweep.frame.with_columns(latency_ms=pl.col("ttft_ms") + (pl.col("osl") - 1) * pl.col("itl_ms"))
    return SweepTable.from_frame(frame, source=sweep.source)


def second_derivative(
    latency: Latency = ENGINE, capacity: float = 100.0, points: Sequence[int] = (9, 17, 33)
) -> Finding:
    """Knee of noiseless sweeps of one latency up to 98 % of its capacity, and the curvature far from it and near."""
    brackets: list[tuple[float, float]] = []
    growth = 0.0
    for n in points:
        load = np.linspace(0.01 * capacity, 0.98 * capacity, n)
        knee = find_knee((load, latency(load)), level=LEVEL)
        growth = float(knee.curvature[-1] / knee.curvature[0])
        if knee.low is not None and knee.high is not None:
            brackets.append((knee.low / capacity, knee.high / capacity))
    figures = {"seen": float(len(brackets)), "sweeps": float(len(points)), "curvature_growth": growth}
    if len(brackets) < len(points):
        text = f"A knee is seen in {len(brackets)} of {len(points)} noiseless sweeps; the curvature grows {growth:.3g}-fold."
        return Finding(Standing.FAILS, "instances", text, counterexample=latency, figures=figures)
    figures |= {"lowest": min(low for low, _ in brackets), "highest": max(high for _, high in brackets)}
    shown = ", ".join(f"({100 * low:.0f}, {100 * high:.0f}]" for low, high in brackets)
    text = (
        f"Noiseless sweeps of {', '.join(map(str, points))} loads up to 98 % of capacity: a knee in each, in % of capacity "
        f"{shown}; the aggregate's second derivative grows {growth:,.0f}-fold over the finest. With ℓ = b + sx + tx/(c − x) it is "
        "2s + 2tc²/(c − x)³: it rises smoothly, so the knee marks the approach to capacity, at a load that moves with the grid, "
        "and not a threshold of its own."
    )
    assumption = "Eq. 9 has the form base + slope·x + strain·x/(capacity − x), which is inferred (I)"
    return Finding(Standing.HOLDS_UNDER, "instances", text, assumption, figures=figures)


def measured_knee(sweep: SweepTable | None = None) -> Finding:
    """Knees of the measured series, against how many chance alone would show."""
    sweep = sweep or measured_sweep()
    outcomes: Counter[str] = Counter()
    for series in sweep.collect(["series"])["series"].unique().sort().to_list():
        try:
            outcomes[find_knee(sweep, where={"series": series}, level=LEVEL).outcome.name] += 1
        except InvalidInput:  # fewer than three loads
            outcomes["TOO_FEW"] += 1
    seen = outcomes["SEEN"]
    tested = sum(outcomes.values()) - outcomes["TOO_FEW"]
    bent = seen + outcomes["SLIGHT"]
    chance, of_bends = (float(binom.sf(count - 1, tested, LEVEL)) for count in (seen, bent))
    figures = {
        "tested": float(tested),
        "seen": float(seen),
        "bent": float(bent),
        "chance": chance,
        "chance_bent": of_bends,
    }
    text = (
        f"{tested} series of Llama-3.1-70B on B200 with five loads or more. {bent} bend upwards at the 5 % level, where straight ones "
        f"would give {LEVEL * tested:.1f} ({'more than chance explains' if of_bends < 0.01 else 'no more than chance explains'}); but "
        f"the slope doubles, as a knee's must, in {seen}, and chance alone gives as many or more with probability {chance:.2f}. "
        "Aggregated serving up to 128 requests; the paper's engine and split are others."
    )
    if chance < 0.01:
        return Finding(Standing.HOLDS, "measured data", text, figures=figures)
    return Finding(
        Standing.UNDECIDED,
        "measured data",
        text,
        decided_by="a finer sweep of one deployment past its capacity, with repetitions",
        figures=figures,
    )


def published_knee(sweep: SweepTable | None = None) -> Finding:
    """Whether the measured rows reach past the published bracket, and what they show if they do."""
    sweep = sweep or measured_sweep()
    said = number("knee")
    low, high = said.at("low"), said.at("high")
    loads = sweep.collect(["series", "concurrency"]).group_by("series").agg(pl.col("concurrency").max().alias("top"))
    far = loads.filter(pl.col("top") > high)["series"].sort().to_list()
    figures = {"largest_load": float(loads["top"].to_numpy().max()), "series_past": float(len(far))}
    if not far:
        text = (
            f"The largest load in the shipped measurements is {figures['largest_load']:g} requests, so no series reaches past "
            f"the bracket ({low:g}, {high:g}], and none is of a disaggregated deployment. The bracket is one cell of the "
            "published grid of loads."
        )
        return Finding(
            Standing.UNDECIDED,
            "no data",
            text,
            decided_by="a public sweep of a 1P/2D or 1P/5D deployment with loads on both sides of 96 to 128",
            figures=figures,
        )
    knees = [find_knee(sweep, where={"series": name}) for name in far]
    inside = [k for k in knees if k.low is not None and k.high is not None and k.low < high and k.high > low]
    text = f"{len(far)} series reach past {high:g}; {len(inside)} have a knee whose bracket meets ({low:g}, {high:g}]."
    if len(inside) == len(far):
        return Finding(Standing.HOLDS, "measured data", text, figures=figures)
    outside = next((name, k.low, k.high) for name, k in zip(far, knees, strict=True) if k not in inside)
    return Finding(Standing.FAILS, "measured data", text, counterexample=outside, figures=figures)


def explosive_growth() -> Finding:
    """The published levels of PoA-hat below and past the knee, which no public file lets anyone recompute."""
    below, past, deep = number("grid-64"), number("grid-128"), number("deep-saturation")
    ratio = past.at("value") / below.at("value")
    text = (
        f"Published: over 16 configurations of 340B {below} at C = 64 and {past} at C = 128; {deep} in deep saturation, of which model is "
        f"not known (laid to prefill exhaustion, not to routing). From 64 to 128 the value grows {ratio:.2f}-fold; two loads give no "
        "exponent."
    )
    return Finding(
        Standing.UNDECIDED,
        "published numbers",
        text,
        decided_by="the runs' (request, decode worker, latency) records at five or more loads past the knee",
        figures={"growth": ratio},
    )


def three_regimes(sweep: RequestTable | None = None) -> Finding:
    """The published levels, and our frozen index by load in the recorded sweep, whose engine does not saturate."""
    sweep = sweep or read_requests(path("agg5_sweep.requests"))
    idle = Polynomial([[float(level_means(sweep, "latency_ms")["latency_ms"][0])]])
    rows = poa_hat(sweep, "frozen", latency=idle, group_by=["concurrency"], num_resamples=2).by_group
    levels = rows.sort("concurrency").select("concurrency", "value").rows()
    figures = {f"index_{load}": float(value) for load, value in levels}
    text = (
        f"Published: a plateau of {number('plateau')} over models and topologies, coefficient of variation "
        f"{number('plateau-variation')} (A). Our index frozen at the idle cluster, which need not be the paper's, on the recorded sweep "
        f"(real router, simulated engine): {', '.join(f'{value:.2f} at {load}' for load, value in levels)} in flight. In that sweep: "
        f"{find_knee(sweep).outcome}."
    )
    return Finding(
        Standing.UNDECIDED,
        "recorded data",
        text,
        decided_by="the paper's estimator in full, and a sweep from few requests to well past a knee",
        figures=figures,
    )


CLAIMS = (
    Claim(
        "three-regimes",
        "PoA-hat has three regimes in load: an artefact at low concurrency, a stable plateau, and explosive growth.",
        "the paper (P); the plateau's variation below 0.5 % (A)",
        three_regimes,
    ),
    Claim(
        "knee-second-derivative",
        "The transition to saturation shows in the second derivative of aggregate latency in load.",
        "Prop 4 (S)",
        second_derivative,
    ),
    Claim(
        "knee-measured",
        "The same knee shows in latency measured on B200.",
        "Prop 4 (S), asked of public measurements (I)",
        measured_knee,
    ),
    Claim(
        "knee-96-128",
        "The knee lies between 96 and 128 requests for both models.",
        "the paper (P), which experiment is not known",
        published_knee,
    ),
    Claim(
        "growth-past-knee",
        "Past the knee PoA-hat grows explosively, to some 200 to 309 in deep saturation.",
        "the paper (P), which experiment is not known",
        explosive_growth,
    ),
)
