"""Whether the price of anarchy and the loss by selfish routing grow at saturation. (Proposition 4)"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from poagame._arrays import FloatArray
from poagame.anarchy import price_of_anarchy
from poagame.bounds import anarchy_value
from poagame.games import NetworkRouting, RoutingGame
from poagame.latency import Latency, Polynomial, Saturating
from poagame.latency.stacked import Stacked
from poagame.paper.record import Claim, Finding, Standing

ENGINE = Saturating(10.0, 0.05, 0.5, 100.0)
"""A worker of the shape inferred for Eq. 9: about linear, then singular at capacity."""

CAPACITY = 100.0

CONSTANT = 30.0
"""Cost of the link beside the worker, the same at every load."""

BELOW, NEAR, BEYOND = (0.1, 0.5), (0.9, 0.95, 0.99, 0.999), (1.2, 2.0, 10.0)
"""Demand over capacity: below saturation, near it, and beyond what the worker alone can serve."""

RISE = 1.25
"""A price of anarchy that is this many times its value below saturation has grown."""


def at(cluster: Latency, demand: float) -> NetworkRouting:
    """All demand, infinitely divided, on the links of a cluster."""
    return NetworkRouting.parallel(cluster, demand)


def _two_clusters(alike: Latency | None, constant: float) -> tuple[Latency, Latency]:
    """Two identical workers, and one beside a link of constant cost: each the same at all loads."""
    return alike or ENGINE.replicated(2), Stacked.of([ENGINE, Polynomial([[constant]])])


def _sweep(cluster: Latency, capacity: float, shares: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    """Price of anarchy, and cost of the equilibrium over that of the optimum, by demand."""
    reports = [price_of_anarchy(at(cluster, share * capacity)) for share in shares]
    loss = [report.worst.social_cost - report.optimum.social_cost for report in reports]
    return np.array([report.poa for report in reports]), np.array(loss)


def anarchy_at_capacity(alike: Latency | None = None, constant: float = CONSTANT) -> Finding:
    """Price of anarchy by demand of two clusters that stay as they are: identical workers, and a worker beside a constant link."""
    same, mixed = _two_clusters(alike, constant)
    flat, _ = _sweep(same, 2.0 * CAPACITY, [*BELOW, *NEAR])
    beside, _ = _sweep(mixed, CAPACITY, [*BELOW, *NEAR, *BEYOND])
    requests = int(0.95 * 2 * CAPACITY)
    atomic = price_of_anarchy(RoutingGame(ENGINE, np.zeros((1, 2)), 0.0, multiplicity=[requests])).poa
    figures = {"atomic": atomic, "most": constant / float(ENGINE(0.0)[0])}
    for name, values in (("alike", flat), ("beside", beside)):
        figures |= {f"{name}_{share:g}": v for share, v in zip([*BELOW, *NEAR, *BEYOND], values, strict=False)}
    text = (
        f"Clusters that stay the same under rising demand (nonatomic). Two workers, demand {_percent([*BELOW, *NEAR])} of their capacity: "
        f"{_list(flat)}. A worker of capacity {CAPACITY:g} beside a link of constant cost {constant:g}, demand "
        f"{_percent([*BELOW, *NEAR])} of the worker's capacity: "
        f"{_list(beside[: -len(BEYOND)])}; demand {_percent(BEYOND)}: {_list(beside[-len(BEYOND) :])}. "
        f"{requests} atomic requests on two identical workers at 95 %: exactly {atomic:.6g}."
    )
    stays = [not _grows(values) for values in (flat, beside)]
    if not any(stays):
        return Finding(Standing.HOLDS, "instances", text, figures=figures)
    if stays[0] and alike is None:
        text += " On identical workers an even split is equilibrium and optimum at every load (x ℓ(x) is convex)."
    if not stays[1]:
        text += (
            " So it grows where workers differ, up to a top near the worker's capacity, and then falls back towards 1; it never exceeds "
            f"the constant over the idle latency, {figures['most']:g}, as no request pays more than "
            "the one in equilibrium or less than the other."
        )
    refuting = at(same, 1.9 * CAPACITY) if stays[0] else at(mixed, 0.95 * CAPACITY)
    return Finding(Standing.FAILS, "instances", text, counterexample=refuting, figures=figures)


def _grows(values: FloatArray) -> bool:
    """Whether it stays within 5 % below saturation and is `RISE` times as large near it."""
    below, near = values[: len(BELOW)], values[len(BELOW) : len(BELOW) + len(NEAR)]
    return bool(np.ptp(below) < 0.05 and near.max() > RISE * below.max())


def worst_case_at_capacity(
    latency: Latency = ENGINE, capacity: float = CAPACITY, nearness: Sequence[float] = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
) -> Finding:
    """Anarchy value of one latency up to loads nearer and nearer to its capacity, and the games that attain it, solved."""
    bounds = [anarchy_value(latency, (1.0 - gap) * capacity) for gap in nearness]
    values = np.array([bound.value for bound in bounds])
    solved = np.array([price_of_anarchy(bound.instance).poa for bound in bounds])
    first_order = np.array([0.5 / math.sqrt(gap) for gap in nearness])
    figures = {f"worst_{gap:g}": value for gap, value in zip(nearness, values, strict=True)}
    figures |= {"solved_error": float(np.abs(solved / values - 1.0).max())}
    text = (
        f"At loads short of capacity by {_percent(nearness)}: {_list(values)}; the worker beside a constant link that attains "
        f"each, solved, gives {_list(solved)}. Each is another game: the link's cost is the worker's latency at that load. "
    )
    if not np.allclose(solved, values, rtol=1e-6):
        decides = "instances that attain the bound at each load"
        return Finding(Standing.UNDECIDED, "instances", text.strip(), decided_by=decides, figures=figures)
    if values[-1] < 2.0 * values[-2]:
        text += "From the last but one to the last it does not double."
        return Finding(Standing.FAILS, "instances", text, counterexample=latency, figures=figures)
    text += (
        "Proof that it has no limit: at load r the pair with the constant ℓ(r), all on the worker in equilibrium, is better off with "
        f"c − √(c(c − r)) there, and the ratio is ½√(c/(c − r)) to first order, {_list(first_order)} at these loads."
    )
    return Finding(Standing.HOLDS, "theorem", text, figures=figures)


def loss_grows(alike: Latency | None = None, constant: float = CONSTANT) -> Finding:
    """Equilibrium less optimum by demand, in the two clusters of `anarchy_at_capacity`."""
    same, mixed = _two_clusters(alike, constant)
    shares = [*BELOW, *NEAR, *BEYOND]
    demand, up_to = CAPACITY * np.array(shares), len(BELOW) + len(NEAR)
    _, flat = _sweep(same, 2.0 * CAPACITY, shares[:up_to])
    _, beside = _sweep(mixed, CAPACITY, shares)
    figures = {f"loss_{share:g}": value for share, value in zip(shares, beside, strict=True)}
    figures["alike_most"] = float(flat.max())
    text = (
        f"Cost of the equilibrium less that of the optimum. Two workers, demand {_percent(shares[:up_to])} of their capacity: "
        f"{_list(np.maximum(flat, 0.0))}. A worker of capacity {CAPACITY:g} beside a link of constant cost {constant:g}, demand "
        f"{_percent(shares)} of the worker's capacity: {_list(np.maximum(beside, 0.0))}."
    )
    superlinear = [_superlinear(demand[:up_to], values[:up_to]) for values in (flat, beside)]
    if all(superlinear):
        return Finding(Standing.HOLDS, "instances", text, figures=figures)
    if superlinear[1]:
        text += " Beside the link it grows faster than demand near the worker's capacity, and no longer beyond it."
    if not superlinear[0] and alike is None:
        text += " Identical workers lose nothing at any load (x ℓ(x) is convex, so an even split is optimal)."
    refuting = at(mixed, 0.95 * CAPACITY) if superlinear[0] else at(same, 1.9 * CAPACITY)
    return Finding(Standing.FAILS, "instances", text, counterexample=refuting, figures=figures)


def _superlinear(demand: FloatArray, loss: FloatArray) -> bool:
    """Whether the loss a request is larger near capacity than at the first load near it, and there is one."""
    first, last = len(BELOW), int(loss.argmax())
    return bool(loss[last] > 1e-6 * demand[last] and loss[last] / demand[last] > 1.01 * loss[first] / demand[first])


def _percent(shares: Sequence[float]) -> str:
    return ", ".join(f"{100 * share:g}" for share in shares) + " %"


def _list(values: Sequence[float] | FloatArray) -> str:
    return ", ".join(f"{value:.3g}" if value < 1000 else f"{value:,.0f}" for value in values)


CLAIMS = (
    Claim(
        "anarchy-at-capacity",
        "The price of anarchy is stable below saturation and grows fast at it.",
        "Prop 4 (S), of clusters that do not change with load (I)",
        anarchy_at_capacity,
    ),
    Claim(
        "anarchy-worst-case",
        "Over all networks, chosen anew for each load r, the price of anarchy of b + sx + tx/(c − x) has no limit as r nears c.",
        "our own (I), on the form inferred for Eq. 9 (I)",
        worst_case_at_capacity,
    ),
    Claim(
        "routing-loss",
        "As a cluster nears saturation, the loss by selfish routing grows faster than the load.",
        "Prop 4, mechanism (a) (S), in words of ours (I)",
        loss_grows,
    ),
)
