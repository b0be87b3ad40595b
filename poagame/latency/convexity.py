r"""Where load × latency is provably convex: there an equilibrium of marginal costs is an optimum."""

from __future__ import annotations

from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from poagame.latency.analytic import BPR, MM1, Polynomial, Saturating
from poagame.latency.base import Latency, Preloaded, Scaled, Shifted, Sum
from poagame.latency.marginal import MarginalCost
from poagame.latency.stacked import Stacked
from poagame.latency.tabulated import Tabulated


@singledispatch
def total_cost_is_convex(latency: Latency) -> NDArray[np.bool_]:
    r"""[R]: whether :math:`x \mapsto x\,\ell_r(b + x)` is proved convex on x ≥ 0 for every background load b ≥ 0.

    True for polynomial, BPR, M/M/1 and saturating latencies; for a table if its slopes never fall; for sums,
    multiples, tolls and preloads of those. False where it is unknown: register a class of your own with
    `total_cost_is_convex.register`.
    """
    return np.zeros(latency.num_resources, dtype=bool)


@total_cost_is_convex.register(Polynomial)
@total_cost_is_convex.register(BPR)
@total_cost_is_convex.register(MM1)
@total_cost_is_convex.register(Saturating)
def _analytic(latency: Latency) -> NDArray[np.bool_]:
    # ℓ is convex, or ℓ = t(1 + b z^p) with p < 1, where 2ℓ′(b+x) + xℓ″(b+x) ∝ 2(b+x) + x(p−1) > 0
    return np.ones(latency.num_resources, dtype=bool)


@total_cost_is_convex.register
def _(latency: Tabulated) -> NDArray[np.bool_]:
    slopes = np.diff(latency.latency, axis=1) / np.diff(latency.load, axis=1)
    # slopes of one line differ by the rounding of its points
    dust = 1e-12 * np.abs(latency.latency).max(axis=1) / np.diff(latency.load, axis=1).min(axis=1)
    return (np.diff(slopes, axis=1) >= -dust[:, None]).all(axis=1)


@total_cost_is_convex.register
def _(latency: Sum) -> NDArray[np.bool_]:
    return total_cost_is_convex(latency.first) & total_cost_is_convex(latency.second)


@total_cost_is_convex.register(Scaled)
@total_cost_is_convex.register(Shifted)
@total_cost_is_convex.register(Preloaded)
def _same(latency: Scaled | Shifted | Preloaded) -> NDArray[np.bool_]:
    return np.broadcast_to(total_cost_is_convex(latency.latency), (latency.num_resources,))


@total_cost_is_convex.register
def _(latency: Stacked) -> NDArray[np.bool_]:
    whole = np.empty(latency.num_resources, dtype=bool)
    for part, where in zip(latency.parts, latency.positions, strict=True):
        whole[where] = total_cost_is_convex(part)
    return whole


@total_cost_is_convex.register
def _(latency: MarginalCost) -> NDArray[np.bool_]:
    inner = latency.latency
    if isinstance(inner, Sum):
        return total_cost_is_convex(MarginalCost(inner.first)) & total_cost_is_convex(MarginalCost(inner.second))
    if isinstance(inner, Scaled | Shifted):
        return np.broadcast_to(total_cost_is_convex(MarginalCost(inner.latency)), (inner.num_resources,))
    if isinstance(inner, Stacked):
        return total_cost_is_convex(Stacked([MarginalCost(part) for part in inner.parts], inner.positions))
    # xℓ + x²ℓ′, where x²ℓ′ is a sum of powers, or a product of increasing convex functions
    return np.full(latency.num_resources, isinstance(inner, Polynomial | BPR | MM1 | Saturating))
