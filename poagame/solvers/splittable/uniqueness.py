r"""Is the cost of the equilibrium of players that split one number?

Write :math:`k_r = L \ell_r''(L) / \ell_r'(L)`. For a change v of the players'
loads on a resource, with
:math:`u = \sum_i v_i`, the symmetric part of the operator's Jacobian gives
:math:`\ell'(\|v\|^2 + u^2) + \ell''\,(x \cdot v)\,u \ge \ell'(\|v\|^2 + u^2 - |k|\,\|v\|\,|u|)`, as ‖x‖ ≤ L. So
**the operator is monotone wherever
|k| ≤ 2**: polynomials and BPR of degree up to 3 [altman2002]_, M/M/1 up to half its service rate. Player loads on resources that are
not constant are then the same in all equilibria, and so is the social cost. On parallel links that are open to all players, positive,
strictly increasing convex latencies suffice [orda1993]_. Elsewhere there may be several equilibria.

.. [orda1993] Orda, Rom, Shimkin: Competitive routing in multiuser communication networks, IEEE/ACM Transactions on Networking 1 (1993).
.. [altman2002] Altman, Başar, Jiménez, Shimkin: Competitive routing in networks with polynomial costs, IEEE
   Transactions on Automatic Control 47 (2002).
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from poagame._arrays import FloatArray
from poagame.games.splittable import SplittableRouting
from poagame.latency import BPR, MM1, Latency, Polynomial, Preloaded, Saturating, Scaled, Shifted, Sum
from poagame.latency.stacked import Stacked


def why_unique(game: SplittableRouting) -> str:
    """Why all equilibria have one social cost, or "" where that is not known."""
    most = float(np.sum(game.demand))
    used = np.unique(game.resource)
    if (slope_elasticity(game.latency, most)[used] <= 2.0).all():
        return "the marginal costs are a monotone operator (|L ℓ″| ≤ 2 ℓ′ on every resource)"
    alike = bool(game.available.all()) and all(row == game.actions[0] for row in game.actions)
    singleton = bool((np.bincount(game.cell, minlength=game.available.size) <= 1).all())
    if alike and singleton and strictly_convex_increasing(game.latency)[used].all():
        return "parallel links open to all, with increasing convex latencies (Orda, Rom, Shimkin 1993)"
    return ""


@singledispatch
def slope_elasticity(latency: Latency, most: float) -> FloatArray:
    """[R]: a bound on |L ℓ″(L)| / ℓ′(L) for loads 0 < L ≤ most, 0 where ℓ is constant, ∞ where none is known."""
    return np.full(latency.num_resources, np.inf)


@slope_elasticity.register
def _(latency: Polynomial, most: float) -> FloatArray:
    powers = np.arange(latency.coefficients.shape[1])
    return np.maximum(0.0, (np.where(latency.coefficients > 0, powers, 0)).max(axis=1) - 1.0)


@slope_elasticity.register
def _(latency: BPR, most: float) -> FloatArray:
    return np.where(latency.free_flow_time * latency.b * latency.power > 0, np.abs(latency.power - 1.0), 0.0)


@slope_elasticity.register
def _(latency: MM1, most: float) -> FloatArray:
    return _queue_elasticity(latency.service_rate, most)


@slope_elasticity.register
def _(latency: Saturating, most: float) -> FloatArray:
    return _queue_elasticity(latency.capacity, most)


@slope_elasticity.register
def _(latency: Sum, most: float) -> FloatArray:
    return np.maximum(slope_elasticity(latency.first, most), slope_elasticity(latency.second, most))


@slope_elasticity.register(Scaled)
@slope_elasticity.register(Shifted)
def _same(latency: Scaled | Shifted, most: float) -> FloatArray:
    return np.broadcast_to(slope_elasticity(latency.latency, most), (latency.num_resources,))


@slope_elasticity.register
def _(latency: Preloaded, most: float) -> FloatArray:
    # L |ℓ″(b + L)| ≤ (b + L) |ℓ″(b + L)|
    behind = float(np.max(latency.background))
    return np.broadcast_to(slope_elasticity(latency.latency, most + behind), (latency.num_resources,))


@slope_elasticity.register
def _(latency: Stacked, most: float) -> FloatArray:
    whole = np.empty(latency.num_resources)
    for part, where in zip(latency.parts, latency.positions, strict=True):
        whole[where] = slope_elasticity(part, most)
    return whole


def _queue_elasticity(capacity: FloatArray, most: float) -> FloatArray:
    return np.where(most < capacity, 2.0 * most / np.where(most < capacity, capacity - most, 1.0), np.inf)


def strictly_convex_increasing(latency: Latency) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """[R]: whether ℓ is known to be positive, strictly increasing and convex on positive loads."""
    if isinstance(latency, Polynomial):
        return (latency.coefficients[:, 1:] > 0).any(axis=1)
    if isinstance(latency, BPR):
        return (latency.free_flow_time * latency.b > 0) & (latency.power >= 1.0)
    if isinstance(latency, MM1):
        return np.ones(latency.num_resources, dtype=bool)
    if isinstance(latency, Saturating):
        return latency.slope + latency.strain > 0
    if isinstance(latency, Stacked):
        whole = np.empty(latency.num_resources, dtype=bool)
        for part, where in zip(latency.parts, latency.positions, strict=True):
            whole[where] = strictly_convex_increasing(part)
        return whole
    return np.zeros(latency.num_resources, dtype=bool)
