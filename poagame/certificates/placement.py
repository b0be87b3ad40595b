r"""What a node of a caching game of several objects could save by its best store, evaluated from the costs of its choices.

Without limits the best store takes the cheapest choice for each object. With limits it is an assignment of objects to places: in one
tier the largest gains, in several a linear assignment. An object gains at most
:math:`\max_t (c_{k0} - c_{kt})`, so that of one tier only as many objects matter as there are places in all tiers: those that gain most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from poagame._arrays import FloatArray, IntArray, require
from poagame.games.caching import CachingGame

CHUNK = 300_000
"""Choice costs that are looked at together; a handful of arrays of that size are alive at once."""


@dataclass(frozen=True, eq=False, slots=True)
class StoreCosts:
    """What each node pays, and what its best store would cost it.

    Attributes
    ----------
    current, best : [n]
    change : [n] int64
        The object whose choice in the best store saves most by itself, −1 where the node has nothing to gain.
    """

    current: FloatArray
    best: FloatArray
    change: IntArray


def store_costs(game: CachingGame, profile: ArrayLike) -> StoreCosts:
    """Compare what each node stores in `profile` [n, K] with its best store, the others fixed.

    Raises
    ------
    InvalidInput
        If `profile` is not one profile of the game.
    """
    s = game.as_profile(profile)
    require(s.ndim == 2, f"a certificate is for one profile, in the shape {game.demand.shape} of demand; got {s.shape}")
    nodes, objects = s.shape
    limited = game.capacity is not None and bool((np.asarray(game.capacity) < objects).any())
    costs = np.empty((nodes, objects, game.num_tiers + 1)) if limited else np.empty(0)
    current, best, saved, change = np.zeros(nodes), np.zeros(nodes), np.zeros(nodes), np.full(nodes, -1)
    width = max(1, CHUNK // (nodes * (game.num_tiers + 1)))
    for begin in range(0, objects, width):
        block = slice(begin, begin + width)
        fixed = None if game.fixed is None else game.fixed[:, block]
        some = game._with(demand=game.demand[:, block], fixed=fixed).choice_costs(s[:, block])
        paid, least = np.take_along_axis(some, s[:, block, None], axis=2)[:, :, 0], some.min(axis=2)
        current += paid.sum(axis=1)
        best += least.sum(axis=1)
        saves = _difference(paid, least)
        largest = saves.max(axis=1)
        change = np.where(largest > saved, begin + saves.argmax(axis=1), change)
        saved = np.maximum(saved, largest)
        if limited:
            costs[:, block] = some
    current = np.where(game.has_room(s), current, np.inf)
    if not limited:
        return StoreCosts(current, best, change)
    for i in range(nodes):
        store = best_store(costs[i], np.asarray(game.capacity)[i])
        rows = np.arange(objects)
        best[i], change[i] = np.inf, -1
        if store is not None:
            best[i] = costs[i, rows, store].sum()
            saves = _difference(costs[i, rows, s[i]], costs[i, rows, store])
            change[i] = saves.argmax() if current[i] > best[i] else -1
    return StoreCosts(current, best, change)


def best_store(costs: FloatArray, capacity: IntArray) -> IntArray | None:
    """[K]: choices of least total cost with at most `capacity` [T] objects in each tier, None if every one costs infinity.

    Parameters
    ----------
    costs : [K, T + 1]
        Of each choice for each object, infinite where there is no such choice.
    """
    if np.isinf(costs.min(axis=1)).any():
        return None
    store, tiers = costs.argmin(axis=1), np.arange(1, costs.shape[1])
    if bool(((store[:, None] == tiers).sum(axis=0) <= capacity).all()):
        return store
    must = np.isinf(costs[:, 0])  # there is no way without a copy: it gains infinitely much
    gain = costs[:, :1] - np.where(must[:, None], 0.0, costs[:, 1:])
    rivals = np.flatnonzero((gain > 0).any(axis=1))
    places = np.minimum(capacity, len(rivals))
    if must.sum() > places.sum():
        return None
    if len(tiers) == 1:
        order = rivals[np.argsort(-gain[rivals, 0], kind="stable")][: places[0]]
        store = np.zeros(len(costs), dtype=np.int64)
        store[order] = 1
        return store
    named = must.copy()
    optional = rivals[~must[rivals]]
    for t in tiers:
        named[optional[np.argsort(-gain[optional, t - 1], kind="stable")[: int(places.sum())]]] = True
    chosen = np.flatnonzero(named)
    # a column for each place, and one for each object to go without
    tier_of = np.repeat(tiers, places)
    without = np.full((len(chosen), len(chosen)), np.inf)
    np.fill_diagonal(without, costs[chosen, 0])
    try:
        row, column = linear_sum_assignment(np.concatenate([costs[chosen][:, tier_of], without], axis=1))
    except ValueError:  # scipy's word for: infeasible
        return None
    store = np.zeros(len(costs), dtype=np.int64)
    store[chosen[row]] = np.concatenate([tier_of, np.zeros(len(chosen), dtype=np.int64)])[column]
    return store


def _difference(paid: FloatArray, least: FloatArray) -> FloatArray:
    """What is saved; nothing between infinite costs."""
    stuck = np.isinf(least)
    return np.where(stuck, 0.0, paid - np.where(stuck, 0.0, least))
