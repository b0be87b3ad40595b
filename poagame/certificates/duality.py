r"""Lower bounds on the optimum from dual prices, valid for any prices: no solver need be trusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.games.routing import RoutingGame


def assignment_lower_bound(
    slot_costs: FloatArray, type_costs: FloatArray, counts: ArrayLike, prices: ArrayLike
) -> float:
    r"""Lagrangian bound on an assignment problem, for any `prices` [K].

    .. math:: \sum_k m_k \pi_k + \sum_j \min_{0 \le n \le S} \Big[\sum_{s < n} p_{js} - n \max_k (\pi_k - c_{kj})\Big]
              \;\le\; \min_x \sum_j \sum_{s < n_j} p_{js} + \sum_{kj} c_{kj} x_{kj}.

    Relax the constraints that each type is placed in full, at price π_k a unit. The minimum over n is taken by
    enumeration of prefix sums, so slot prices need not be monotone.

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

    The slot prices are the steps of :math:`n\,\ell_j(n)`, evaluated here from the latency. With `max_load` given, each
    further request on worker j is taken to cost :math:`\ell_j` at that load, which is too little as latency does not
    decrease; without it all loads up to N are looked at.
    """
    types, requests = game.types(), game.num_players
    depth = requests if max_load is None else min(requests, max_load)
    total = congestion_totals(game, depth)
    with np.errstate(invalid="ignore"):
        steps = np.diff(total, axis=0)
    steps = np.where(np.isfinite(steps), steps, np.inf)
    costs = -float(game.overlap_weight) * types.overlap
    bound = assignment_lower_bound(steps.T, costs, types.counts, prices)
    if depth < requests:
        value = (as_floats(prices, "prices")[:, None] - costs).max(axis=0)
        bound += requests * float(np.minimum(0.0, total[-1] / depth - value).sum())
    return bound


def load_price_lower_bound(game: RoutingGame, load_prices: ArrayLike, resolution: int = 2000) -> float:
    r"""Lower bound on the social cost of every profile of any routing game, from a price [W] of load on each worker.

    Relax :math:`L_j = \sum_i w_i x_{ij}` at price λ_j. With :math:`\bar e_{ik} = (w_i e_{ik} + w_k e_{ki})/2` the
    affinity that a pair can share, and :math:`a_i` the sum of its positive entries over k,

    .. math:: \sum_j \min_{0 \le L \le \sum w} L\,(\ell_j(L) - \lambda_j)
              + \sum_i \Big( w_i \min_j (\lambda_j - \omega o_{ij}) - \omega a_i \Big).

    For unit weights L runs over the integers, and the affinity of a worker with n requests is bounded by n times the largest sum of
    n − 1 entries of a row instead of by :math:`a_i`, whichever is tighter. For other weights the minimum over L is bounded from below
    cell by cell of a grid, by monotone latency.
    """
    price = as_floats(load_prices, "load_prices")
    require(
        price.shape == (game.num_actions,),
        f"load_prices must be one for each of {game.num_actions} workers; got {price.shape}",
    )
    w, omega = game.weights, float(game.overlap_weight)
    unit = game.request_weight is None
    overlap = game.overlap if game.multiplicity is None else np.repeat(game.overlap, game.multiplicity, axis=0)
    placed = float((w * (price - omega * overlap).min(axis=1)).sum())
    shared = np.zeros((1, 1))
    if game.affinity is not None:
        pair = w[:, None] * game.affinity
        shared = np.maximum(0.0, (pair + pair.T) / 2.0)
    all_shared = omega * float(shared.sum())
    if not unit:
        grid = np.linspace(0.0, w.sum(), resolution + 1)[:, None]
        latency = game.latency(np.broadcast_to(grid, (resolution + 1, game.num_actions)))[:-1]
        with np.errstate(invalid="ignore"):
            cells = np.minimum(grid[:-1] * (latency - price), grid[1:] * (latency - price))
        cells[np.isnan(cells)] = 0.0  # load 0 at infinite latency
        return float(cells.min(axis=0).sum()) + placed - all_shared
    total = congestion_totals(game)
    loads = np.arange(len(total), dtype=np.float64)[:, None]
    plain = float((total - price * loads).min(axis=0).sum()) + placed - all_shared
    if game.affinity is None:
        return plain
    bonus = omega * loads * affinity_caps(game)[:, None]
    return max(plain, float((total - price * loads - bonus).min(axis=0).sum()) + placed)


def congestion_totals(game: RoutingGame, max_load: int | None = None) -> FloatArray:
    """[n+1, W]: n·ℓ_j(n), the cost of n unit requests on worker j before any overlap, up to `max_load` (N); 0 at n = 0."""
    depth = game.num_players if max_load is None else max_load
    loads = np.broadcast_to(np.arange(depth + 1.0)[:, None], (depth + 1, game.num_actions))
    total = np.zeros(loads.shape)
    total[1:] = loads[1:] * game.latency(loads[1:])
    return total


def affinity_caps(game: RoutingGame) -> FloatArray:
    """[N+1]: the most affinity that one of n unit requests on a worker can average, for n = 0 … N."""
    n = game.num_players
    if game.affinity is None:
        return np.zeros(n + 1)
    shared = (game.affinity + game.affinity.T) / 2.0
    np.fill_diagonal(shared, -np.inf)
    ranked = -np.sort(-shared, axis=1)[:, : n - 1]
    return (
        np.concatenate([[0.0], np.concatenate([[0.0], np.cumsum(ranked, axis=1).max(axis=0)])])
        if n > 1
        else np.zeros(n + 1)
    )
