r"""Lower bounds on the optimum from dual prices, valid for any prices: no solver need be trusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.games.routing import RoutingGame


def assignment_lower_bound(slot_costs: FloatArray, type_costs: FloatArray, counts: ArrayLike, prices: ArrayLike) -> float:
    r"""Lagrangian bound on an assignment problem, for any `prices` [K].

    .. math:: \sum_k m_k \pi_k + \sum_j \min_{0 \le n \le S} \Big[\sum_{s < n} p_{js} - n \max_k (\pi_k - c_{kj})\Big]
              \;\le\; \min_x \sum_j \sum_{s < n_j} p_{js} + \sum_{kj} c_{kj} x_{kj}.

    Relax the constraints that each type is placed in full, at price π_k a unit. The minimum over n is taken by enumeration of prefix
    sums, so slot prices need not be monotone.

    Parameters
    ----------
    slot_costs : [W, S]
        Price of each further slot of each worker; infinite where there is none.
    type_costs : [K, W]
        What a unit of a type pays on a worker besides.
    counts, prices : [K]
        Units of each type, and their prices.
    """
    m, pi = np.asarray(counts, dtype=np.float64), as_floats(prices, "prices")
    require(pi.shape == m.shape, f"prices must be one for each of {m.size} types; got shape {pi.shape}")
    value = (pi[:, None] - type_costs).max(axis=0)
    sums = np.cumsum(slot_costs, axis=1) - value[:, None] * np.arange(1, slot_costs.shape[1] + 1)
    return float(m @ pi + np.minimum(0.0, sums.min(axis=1)).sum())


def routing_lower_bound(game: RoutingGame, prices: ArrayLike, max_load: int | None = None) -> float:
    r"""Lower bound on the social cost of every profile of a static routing game, from prices [K] of its request types.

    The slot prices are the steps of :math:`n\,\ell_j(n)`, evaluated here from the latency. With `max_load` given, loads beyond it are
    bounded by the convexity that the caller vouches for; without it all loads up to N are looked at.
    """
    types = game.types()
    depth = game.num_players if max_load is None else max_load
    loads = np.arange(depth + 1.0)[:, None]
    total = np.where(loads > 0, loads * np.where(loads > 0, game.latency(np.broadcast_to(loads, (depth + 1, game.num_actions))), 0.0), 0.0)
    with np.errstate(invalid="ignore"):
        steps = np.where(np.isfinite(total[1:]), total[1:] - np.where(np.isfinite(total[:-1]), total[:-1], 0.0), np.inf)
    return assignment_lower_bound(steps.T, -float(game.overlap_weight) * types.overlap, types.counts, prices)
