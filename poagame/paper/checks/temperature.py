"""Does a higher temperature lower the cost at saturation, as the controller's setting (0.8, 0.1) supposes?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from poagame.anarchy import price_of_anarchy
from poagame.estimator import find_knee
from poagame.estimator.levels import steady_rows
from poagame.games import NetworkRouting, RoutingGame
from poagame.latency import Polynomial, Saturating
from poagame.latency.stacked import Stacked
from poagame.measured import RequestTable, read_requests
from poagame.paper.checks.anarchy import CAPACITY, ENGINE
from poagame.paper.numbers import number
from poagame.paper.record import Claim, Finding, Standing
from poagame.shipped import path

GAIN = 1e-6
"""Relative: what a temperature must save to count as help."""


def saturated_workers(requests: int = 4) -> RoutingGame:
    """Requests on two identical workers that can hardly hold them all."""
    latency = Saturating(10.0, 0.1, 2.0, requests + 0.5)
    return RoutingGame(latency, np.zeros((requests, 2)), 1.0)


def crowded_worker() -> NetworkRouting:
    """A worker at 90 % of its capacity in equilibrium, beside links of constant cost 20 and 500."""
    links = Stacked.of([ENGINE, Polynomial([[20.0]]), Polynomial([[500.0]])])
    return NetworkRouting.parallel(links, 0.9 * CAPACITY)


TEMPERATURES = (0.8, 5.0, 50.0, 500.0)
"""Plain logit, in units of cost; the first is the number that the controller has, whose softmax is another."""


def noise_helps(alike: RoutingGame | None = None, temperature: float = TEMPERATURES[0]) -> Finding:
    """The cheapest logit equilibrium of identical saturated workers against the noiseless one."""
    alike = alike or saturated_workers()
    still = price_of_anarchy(alike)
    noisy = price_of_anarchy(alike, concept="logit", temperature=temperature)
    figures = {"still": still.poa, "noisy_least": noisy.pos}
    text = (
        f"{alike.num_players} requests on {alike.num_actions} identical workers near capacity: without noise {still.poa:.3f} times "
        f"the optimum, at τ = {temperature:g} (plain logit, in cost units) {noisy.pos:.3f} times or more in the equilibria found. "
        "The overlap weight's part was not looked at."
    )
    if still.poa < 1.0 + GAIN:
        text += " Where the noiseless equilibrium is optimal, no temperature can lower its cost."
    if noisy.pos > still.poa * (1.0 + GAIN):
        return Finding(Standing.FAILS, "instances", text, counterexample=alike, figures=figures)
    decides = "a game that noise makes dearer"
    return Finding(Standing.UNDECIDED, "instances", text, decided_by=decides, figures=figures)


def some_noise_helps(helped: NetworkRouting | None = None, temperatures: Sequence[float] = TEMPERATURES) -> Finding:
    """Cost of the logit equilibrium of one nonatomic cluster by temperature."""
    helped = helped or crowded_worker()
    still = price_of_anarchy(helped)
    costs = [price_of_anarchy(helped, concept="logit", temperature=t).worst.social_cost for t in temperatures]
    at_rest = still.worst.social_cost
    figures = {"still": at_rest, "optimum": still.optimum.social_cost}
    figures |= {f"at_{t:g}": cost for t, cost in zip(temperatures, costs, strict=True)}
    text = (
        f"In {helped!r} the noiseless equilibrium costs {at_rest:,.0f} and the optimum {still.optimum.social_cost:,.0f}; the logit "
        f"equilibrium (unique) {', '.join(f'{c:,.0f} at τ = {t:g}' for t, c in zip(temperatures, costs, strict=True))} (in cost units)."
    )
    if min(costs) >= at_rest * (1.0 - GAIN):
        decides = "a cluster that some temperature makes cheaper"
        return Finding(Standing.UNDECIDED, "instances", text, decided_by=decides, figures=figures)
    if bool((np.diff(costs) > 0).any()):
        text += " So some temperatures help here, but a higher one is not always better than a lower."
    if max(costs) > at_rest:
        text += " The highest cost is above the noiseless one."
    return Finding(Standing.HOLDS, "instances", text, figures=figures)


def recorded_temperature(sweep: RequestTable | None = None, grid: RequestTable | None = None) -> Finding:
    """Mean latency by temperature in the recorded grid's heavy phase, if the sweep shows that phase to be saturated."""
    sweep = sweep or read_requests(path("agg5_sweep.requests"))
    grid = grid or read_requests(path("agg5_grid.requests"))
    runs = (
        steady_rows(grid)
        .filter(pl.col("concurrency") == pl.col("concurrency").max())
        .group_by("temperature", "overlap_weight")
        .agg(pl.col("latency_ms").mean(), pl.col("concurrency").first())
        .sort("temperature", "overlap_weight")
        .collect()
    )
    load = float(runs["concurrency"][0])
    spread = (pl.col("latency_ms").std() / pl.len().sqrt()).alias("error")
    by_heat = runs.group_by("temperature").agg(pl.col("latency_ms").mean(), spread).sort("temperature")
    cold, hot = by_heat.row(0, named=True), by_heat.row(-1, named=True)
    change = hot["latency_ms"] / cold["latency_ms"] - 1.0
    error = float(np.hypot(hot["error"], cold["error"])) / cold["latency_ms"]
    knee = find_knee(sweep)
    saturated = knee.high is not None and knee.high <= load
    refuting = [(row["temperature"], row["latency_ms"]) for row in (cold, hot)]
    figures = {
        "cold_ms": cold["latency_ms"],
        "hot_ms": hot["latency_ms"],
        "change": change,
        "standard_error": error,
        "saturated": float(saturated),
    }
    text = (
        f"Recorded grid (simulated engine, no split of prefill and decode), {load:g} requests in flight: mean latency changes by "
        f"{100 * change:+.1f} % from τ = {cold['temperature']:g} to {hot['temperature']:g}, standard error over runs "
        f"{100 * error:.1f} %."
    )
    if not saturated:
        text += f" The sweep of the same cluster shows no saturation there ({knee.outcome})."
        return Finding(
            Standing.UNDECIDED,
            "recorded data",
            text,
            decided_by="runs of one cluster past its knee, several for each temperature",
            figures=figures,
        )
    if change < -3.0 * error:
        return Finding(Standing.HOLDS, "recorded data", text, figures=figures)
    if change > 3.0 * error:
        return Finding(Standing.FAILS, "recorded data", text, counterexample=refuting, figures=figures)
    return Finding(
        Standing.UNDECIDED,
        "recorded data",
        text,
        decided_by="more runs: the change is within its error",
        figures=figures,
    )


def published_gain(static: float | None = None, adaptive: float | None = None, gain: float | None = None) -> Finding:
    """The published values against their published ratio; the data behind them are not public."""
    before = number("surge-static").at("value") if static is None else static
    after = number("surge-adaptive").at("value") if adaptive is None else adaptive
    said = number("surge-gain").at("value") if gain is None else gain
    ratio = before / after
    figures = {"ratio": ratio, "published": said}
    text = (
        f"The two published values give {before:g} / {after:g} = {ratio:.2f}, published as {said:g}×. They are PoA-hat, an index "
        "that also follows load, of three runs with a spread of 18 % in one arm, and the controller's setting for saturation "
        "(0.8, 0.1) never fired."
    )
    if abs(ratio - said) > 0.05 + 1e-9:
        return Finding(Standing.FAILS, "published numbers", text, counterexample=(before, after, said), figures=figures)
    return Finding(
        Standing.UNDECIDED,
        "published numbers",
        text,
        decided_by="the runs' (request, decode worker, latency) records, or a repetition with more than three runs an arm",
        figures=figures,
    )


CLAIMS = (
    Claim(
        "temperature-games",
        "A higher temperature lowers the cost of a saturated cluster.",
        "what the controller supposes (I), from its published settings (P)",
        noise_helps,
    ),
    Claim(
        "temperature-some",
        "In some saturated cluster some temperature lowers the cost.",
        "our own (I)",
        some_noise_helps,
    ),
    Claim(
        "temperature-recorded",
        "In the recorded grid a higher temperature lowers the latency at saturation.",
        "our question to the recordings (I)",
        recorded_temperature,
    ),
    Claim(
        "controller-gain",
        "At saturation the adaptive controller makes PoA-hat 3.1 times smaller than static routing does, 21.5 for 66.4 (70B, 1P/5D).",
        "Exp 3 (P)",
        published_gain,
    ),
)
