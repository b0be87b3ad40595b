"""What the real router of Dynamo 0.9.0 did in the shipped recordings: its argmin, its softmax, its decode leg, its regret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from poagame._arrays import FloatArray, IntArray, require
from poagame.estimator import poa_hat
from poagame.measured import DecisionTable, read_decisions
from poagame.paper.record import Claim, Finding, Standing
from poagame.serving import DynamoRouter
from poagame.shipped import path

GRID = "agg5_grid.decisions"
GREEDY = ("agg5_sweep.decisions", "dynamo090_1P2D_w1_t0_decisions", "dynamo090_1P5D_w1_t0_decisions")
DISAGGREGATED = GREEDY[1:]

TIE = 1e-9
"""Relative: costs that differ by less are tied."""


def recorded(name: str) -> DecisionTable:
    """Read one of the shipped recordings."""
    return read_decisions(path(name))


def choice_probabilities(logits: FloatArray, temperature: float, normalised: bool = True) -> FloatArray:
    """Softmax of −logit/τ over the last axis; normalised, of −logit/(max − min)/τ, as Dynamo's router does it."""
    require(temperature > 0, f"a softmax needs a temperature above 0; got {temperature}")
    if normalised:
        return DynamoRouter(temperature=temperature).probabilities(logits)
    weight = np.exp((logits.min(axis=-1, keepdims=True) - logits) / temperature)
    return weight / weight.sum(axis=-1, keepdims=True)


def two_workers(normalised: bool = True, gaps: int = 1000, seed: int = 0) -> Finding:
    """Choice probabilities at drawn gaps and temperatures against 1/(1 + e^(−1/τ))."""
    rng = np.random.default_rng(seed)
    base, gap = rng.uniform(0.0, 100.0, gaps), 10.0 ** rng.uniform(-3.0, 3.0, gaps)
    logits = np.stack([base, base + gap], axis=1)
    worst, at = 0.0, logits[0]
    for temperature in (0.1, 0.3, 0.7, 0.8, 1.0):
        better = choice_probabilities(logits, temperature, normalised)[:, 0]
        error = np.abs(better - 1.0 / (1.0 + np.exp(-1.0 / temperature)))
        if error.max() > worst:
            worst, at = float(error.max()), logits[int(error.argmax())]
    five = np.array([[0.0, 1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, 1.0]])
    shape = choice_probabilities(five, 0.7, normalised)[:, 0]
    figures = {
        "largest_error": worst,
        "at_0.7": 1.0 / (1.0 + np.exp(-1.0 / 0.7)),
        "five_low": shape[1],
        "five_high": shape[0],
    }
    if worst > 1e-9:
        text = f"At gap {at[1] - at[0]:.3g} blocks the probability differs from 1/(1 + e^(−1/τ)) by {worst:.2f}."
        return Finding(Standing.FAILS, "theorem", text, counterexample=tuple(at.tolist()), figures=figures)
    text = (
        "Divided by its range, a gap of two costs is 1, so P(better) = 1/(1 + e^(−1/τ)): 0.807 at τ = 0.7, whatever the gap; "
        f"confirmed at {gaps} gaps from 0.001 to 1000 blocks and five temperatures. With five workers the scale drops out too, "
        f"but not the shape: the cheapest is taken with probability {shape[0]:.2f} if alone, {shape[1]:.2f} as one of four."
    )
    return Finding(Standing.HOLDS, "theorem", text, figures=figures)


def _choices(table: DecisionTable) -> list[tuple[float, FloatArray, IntArray]]:
    """(temperature, logits [D, W], chosen [D]) of the untied decisions at each τ > 0."""
    rows = (
        table.frame.filter(pl.col("temperature") > 0)
        .group_by("temperature", "run", "decision")
        .agg(pl.col("logit"), pl.col("selected").arg_max().alias("chosen"), pl.len().alias("workers"))
        .sort("temperature", "run", "decision")
        .collect()
    )
    found: list[tuple[float, FloatArray, IntArray]] = []
    for (temperature, _), part in rows.group_by("temperature", "workers", maintain_order=True):
        logits = np.array(part["logit"].to_list())
        untied = np.ptp(logits, axis=1) > 0
        found.append((float(str(temperature)), logits[untied], part["chosen"].to_numpy()[untied]))
    return found


def normalised_softmax(table: DecisionTable | None = None, margin: float = 10.0) -> Finding:
    """Log-likelihood of the recorded choices under the two softmax rules, and the entropy that a true rule would show."""
    table = table or recorded(GRID)
    total, expected, spread, decisions, every = {True: 0.0, False: 0.0}, 0.0, 0.0, 0, True
    for temperature, logits, chosen in _choices(table):
        ours: dict[bool, float] = {}
        for rule in (True, False):
            p = choice_probabilities(logits, temperature, rule)
            ours[rule] = float(np.log(np.maximum(p[np.arange(len(p)), chosen], 1e-300)).sum())
            total[rule] += ours[rule]
            if rule:
                logs = np.log(np.maximum(p, 1e-300))
                mean = (p * logs).sum(axis=1)
                expected += float(mean.sum())
                spread += float(((p * logs**2).sum(axis=1) - mean**2).sum())
        decisions += len(chosen)
        every = every and ours[True] > ours[False]
    gain = total[True] - total[False]
    deviation = (total[True] - expected) / np.sqrt(spread)
    figures = {
        "decisions": float(decisions),
        "loglik_normalised": total[True] / decisions,
        "loglik_plain": total[False] / decisions,
        "loglik_expected": expected / decisions,
        "standard_deviations": float(deviation),
    }
    text = (
        f"{decisions:,} recorded choices among five workers with unequal costs, at τ > 0: log-likelihood a choice "
        f"{total[True] / decisions:.2f} with the range-normalised softmax, {total[False] / decisions:.2f} without "
        f"normalisation{', and larger at every temperature' if every else ''}. If the normalised rule is true, "
        f"{expected / decisions:.2f} is expected; the record is {abs(deviation):.1f} standard deviations away."
    )
    if gain > margin and every:
        return Finding(Standing.HOLDS, "recorded data", text, figures=figures)
    if gain < -margin:
        loglik = {name: figures[name] for name in ("loglik_normalised", "loglik_plain")}
        return Finding(Standing.FAILS, "recorded data", text, counterexample=loglik, figures=figures)
    return Finding(Standing.UNDECIDED, "recorded data", text, decided_by="more decisions at τ > 0", figures=figures)


def argmin_at_zero(tables: Sequence[DecisionTable] | None = None) -> Finding:
    """Whether the chosen candidate always had the least cost where τ = 0."""
    tables = tables or [recorded(name) for name in (GRID, *GREEDY)]
    total = wrong = 0
    refuting: Any = None
    for table in tables:
        frame = table.frame
        if "temperature" in table.columns:
            frame = frame.filter(pl.col("temperature") == 0)
        keys = [name for name in ("run", "phase", "decision") if name in table.columns]
        costs = (
            frame.group_by(keys)
            .agg(
                pl.col("logit").min().alias("least"), pl.col("logit").filter(pl.col("selected")).first().alias("chosen")
            )
            .collect()
        )
        excess = costs["chosen"].to_numpy() - costs["least"].to_numpy()
        bad = costs.filter(pl.Series(excess > TIE * np.maximum(np.abs(costs["least"].to_numpy()), 1.0)))
        total, wrong = total + costs.height, wrong + bad.height
        if bad.height and refuting is None:
            refuting = bad.sort(keys).row(0, named=True)
    figures = {"decisions": float(total), "not_least": float(wrong)}
    text = f"{total - wrong:,} of {total:,} recorded decisions at τ = 0 went to a worker of least cost (ties count as least)."
    if wrong:
        return Finding(Standing.FAILS, "recorded data", text, counterexample=refuting, figures=figures)
    return Finding(Standing.HOLDS, "recorded data", text, figures=figures)


def regret_grows(table: DecisionTable | None = None) -> Finding:
    """Mean regret of the router on its own costs, by temperature, for all overlap weights together and for each."""
    table = table or recorded(GRID)
    pooled = poa_hat(table, "decision", group_by=["temperature"], num_resamples=2).by_group.sort("temperature")
    heats, means = pooled["temperature"].to_list(), pooled["mean_regret"].to_list()
    cells = poa_hat(table, "decision", group_by=["overlap_weight", "temperature"], num_resamples=2).by_group
    rising = {
        omega[0]: bool((np.diff(part.sort("temperature")["mean_regret"].to_numpy()) > 0).all())
        for omega, part in cells.group_by("overlap_weight", maintain_order=True)
    }
    by_heat = list(zip(heats, means, strict=True))
    figures = {f"regret_{heat:g}": mean for heat, mean in by_heat}
    text = "Mean regret on the router's own costs: " + ", ".join(
        f"{mean:.1f} blocks at τ = {heat:g}" for heat, mean in by_heat
    )
    text += f" (rising at every step in {sum(rising.values())} of {len(rising)} overlap weights); one run a setting, no test."
    if not bool((np.diff(means) > 0).all()):
        return Finding(Standing.FAILS, "recorded data", text, counterexample=by_heat, figures=figures)
    if not all(rising.values()):
        assumption = "the mean is over all overlap weights; within single ones it is not always so"
        return Finding(Standing.HOLDS_UNDER, "recorded data", text, assumption, figures=figures)
    return Finding(Standing.HOLDS, "recorded data", text, figures=figures)


def decode_weight(tables: Sequence[DecisionTable] | None = None) -> Finding:
    """Overlap weights on the decode legs of the disaggregated recordings."""
    tables = tables or [recorded(name) for name in DISAGGREGATED]
    legs = [t.frame.filter(pl.col("phase") == "decode").select("overlap_weight", "run", "decision").collect()
            if "run" in t.columns else t.frame.filter(pl.col("phase") == "decode").select("overlap_weight", "decision").collect()
            for t in tables]  # fmt: skip
    counts = [leg["decision"].n_unique() for leg in legs]
    weighted = [int((leg["overlap_weight"] != 0).sum()) for leg in legs]
    prefill = [
        t.frame.filter(pl.col("phase") != "decode").select(pl.col("overlap_weight").max()).collect().item()
        for t in tables
    ]
    figures = {"decode_decisions": float(sum(counts)), "with_weight": float(sum(weighted))}
    text = (
        f"Overlap weight 0 on all candidates of {sum(counts):,} recorded decode decisions of {len(tables)} deployments"
        if not sum(weighted)
        else f"{sum(weighted)} candidates of decode decisions have an overlap weight other than 0"
    )
    text += f", whose prefill legs were set to {max(p or 0.0 for p in prefill):g}."
    if not sum(counts):
        return Finding(
            Standing.UNDECIDED, "no data", "No decode decision is recorded.", decided_by="a log with decode legs"
        )
    if sum(weighted):
        leg = next(leg for leg, n in zip(legs, weighted, strict=True) if n)
        refuting = leg.filter(pl.col("overlap_weight") != 0).row(0, named=True)
        return Finding(Standing.FAILS, "recorded data", text, counterexample=refuting, figures=figures)
    text += " So in these recordings overlap entered no decode decision."
    return Finding(Standing.HOLDS, "recorded data", text, figures=figures)


CLAIMS = (
    Claim(
        "router-argmin",
        "Without temperature the router takes the worker of least cost.",
        "Game 3 (S)",
        argmin_at_zero,
    ),
    Claim(
        "router-normalised",
        "The router's softmax divides costs by their range before the temperature applies.",
        "our reading of Dynamo 0.9.0 (I)",
        normalised_softmax,
    ),
    Claim(
        "router-two-workers",
        "Over two workers the range-normalised softmax picks the better one with probability 1/(1 + e^(−1/τ)), whatever the gap.",
        "our own (I)",
        two_workers,
    ),
    Claim(
        "router-regret",
        "A higher temperature makes the router depart further from its own least cost.",
        "our reading of the controller (I)",
        regret_grows,
    ),
    Claim(
        "router-decode-weight",
        "In a disaggregated deployment Dynamo 0.9.0 gives overlap no weight on the decode leg.",
        "our own (I)",
        decode_weight,
    ),
)
