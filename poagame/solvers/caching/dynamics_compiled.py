# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
"""The compiled best replies behind `poagame.solvers.caching.dynamics`, `.convergence`, `.greedy` and `.request_loops`.

A visited node looks for the nearest copy of each object. Where c nodes hold an object, the list of them takes c steps; the neighbours in
the order of their distance take about n / c until the first copy, and end where a copy of its own is cheaper anyway. The shorter is taken.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from poagame._arrays import FloatArray, IntArray
from poagame._compiled import compiled
from poagame.solvers.caching.best_store_compiled import best_store, fits

SOME = 32
"""Objects that are looked at together, so that a node's neighbours are read once for all of them."""

SMALLEST = 5e-324
"""The smallest positive number: what is free is not as cheap as what costs anything."""


class Tables(NamedTuple):
    """A caching game of n nodes, K objects, T tiers."""

    distance: FloatArray
    """[n, n]"""
    by_distance: np.ndarray
    """[n, n − 1] int32: the others, nearest first"""
    near: FloatArray
    """[n, n − 1]: their distances"""
    access: FloatArray
    """[T]"""
    paid: FloatArray
    """[n, T]"""
    hold: FloatArray
    """[n, T]"""
    demand: FloatArray
    """[n, K]"""
    miss: FloatArray
    """[n]"""
    fixed: np.ndarray
    """[n, K] int8, −1 where the node chooses"""
    capacity: IntArray
    """[n, T]"""
    limited: bool
    """whether a node may lack room for all objects, so that its choices for them depend on each other"""


class Copies(NamedTuple):
    """Who holds what."""

    held: np.ndarray
    """[K, n] int8: 0 or the tier"""
    holders: np.ndarray
    """[K, n] int32: the first `count` of a row hold the object, in no order"""
    count: IntArray
    """[K]"""


@compiled
def copies_of(held):  # pragma: no cover - compiled
    """List the holders of a placement [K, n]."""
    holders = np.empty(held.shape, np.int32)
    count = np.zeros(held.shape[0], np.int64)
    for k in range(held.shape[0]):
        for i in range(held.shape[1]):
            if held[k, i] > 0:
                holders[k, count[k]] = i
                count[k] += 1
    return Copies(held, holders, count)


@compiled
def place(copies, k, i, choice):  # pragma: no cover - compiled
    """Let node i hold object k as said."""
    before = copies.held[k, i]
    copies.held[k, i] = choice
    if before == 0 and choice > 0:
        copies.holders[k, copies.count[k]] = i
        copies.count[k] += 1
    elif before > 0 and choice == 0:
        copies.count[k] -= 1
        last = copies.holders[k, copies.count[k]]
        for h in range(copies.count[k]):
            if copies.holders[k, h] == i:
                copies.holders[k, h] = last
                break


@compiled
def nearest(tables, copies, k, i, limit):  # pragma: no cover - compiled
    """Cost of reading another node's copy of object k, for each unit of demand, or the limit if that is less."""
    count, best = copies.count[k], limit
    if count * count <= tables.miss.size:
        for h in range(count):
            j = copies.holders[k, h]
            if j != i:
                best = min(best, tables.distance[i, j] + tables.access[copies.held[k, j] - 1])
        return best
    least = tables.access.min()
    for p in range(tables.near.shape[1]):
        if tables.near[i, p] + least >= best:
            break
        tier = copies.held[k, tables.by_distance[i, p]]
        if tier > 0:
            best = min(best, tables.near[i, p] + tables.access[tier - 1])
    return best


@compiled
def own_copy(tables, k, i):  # pragma: no cover - compiled
    """Least cost of holding object k, and the lowest tier that has it; infinite and 0 where node i may not."""
    least, tier = np.inf, 0
    for t in range(tables.access.size):
        cost = tables.paid[i, t] + tables.demand[i, k] * tables.access[t]
        if tables.capacity[i, t] > 0 and cost < least:
            least, tier = cost, t + 1
    return least, tier


@compiled
def _reply(tables, copies, k, i, rtol):  # pragma: no cover - compiled
    """What node i should hold of object k by itself; what it holds already if that gains nothing."""
    now = copies.held[k, i]
    if tables.fixed[i, k] >= 0:
        return tables.fixed[i, k]
    asked = tables.demand[i, k]
    least, tier = own_copy(tables, k, i)
    if asked == 0.0:
        return np.int8(0) if now > 0 and (tables.paid[i, now - 1] > 0.0 or tables.capacity[i, now - 1] == 0) else now
    # how far away a copy is does not matter where one's own is surely cheaper
    enough = max(least / asked * (1.0 + 2.0 * rtol + 1e-12), SMALLEST)
    read = nearest(tables, copies, k, i, min(tables.miss[i], enough))
    if read >= enough:
        read = np.inf
    without = asked * read
    pays = without
    if now > 0:
        pays = tables.paid[i, now - 1] + asked * min(tables.access[now - 1], read)
        if tables.capacity[i, now - 1] == 0:
            pays = np.inf
    best = min(without, least)
    if not best + rtol * best < pays:
        return now
    return np.int8(0) if without <= least else np.int8(tier)


@compiled
def choice_costs(tables, copies, k, i, costs):  # pragma: no cover - compiled
    """Write what each choice for object k costs node i [T + 1], infinite where it has no such choice."""
    asked, chosen = tables.demand[i, k], tables.fixed[i, k]
    read = nearest(tables, copies, k, i, tables.miss[i])
    for a in range(costs.size):
        costs[a] = 0.0
        if asked > 0.0:
            costs[a] = asked * (read if a == 0 else min(read, tables.access[a - 1]))
        if a > 0:
            costs[a] += tables.paid[i, a - 1]
        if (chosen >= 0 and chosen != a) or (a > 0 and tables.capacity[i, a - 1] == 0):
            costs[a] = np.inf


@compiled
def gain(tables, copies, i, rtol, costs, store):  # pragma: no cover - compiled
    """What node i gains by its best store, which is written into `store` [K]; 0 where `rtol` explains it. `costs` is workspace."""
    objects = store.size
    best = best_store(costs, tables.capacity[i], store)
    pays = 0.0
    for k in range(objects):
        pays += costs[k, copies.held[k, i]]
    if not fits(copies.held[:, i], tables.capacity[i]):
        pays = np.inf
    return pays - best if best + rtol * best < pays else 0.0


@compiled
def _take(tables, copies, i, rtol, costs, store, changed):  # pragma: no cover - compiled
    """Let node i, whose choices cost `costs`, take its best store; return whether it moves."""
    if gain(tables, copies, i, rtol, costs, store) == 0.0:
        return False
    moved = False
    for k in range(store.size):
        if store[k] != copies.held[k, i]:
            place(copies, k, i, store[k])
            changed[k] = True
            moved = True
    return moved


@compiled
def _visit(tables, copies, active, i, rtol, costs, store, changed):  # pragma: no cover - compiled
    """Let node i move to its best store, of the active objects where they are independent; return whether it moves."""
    if tables.limited:
        for k in range(store.size):
            choice_costs(tables, copies, k, i, costs[k])
        return _take(tables, copies, i, rtol, costs, store, changed)
    moved = False
    for k in active:
        choice = _reply(tables, copies, k, i, rtol)
        if choice != copies.held[k, i]:
            place(copies, k, i, choice)
            changed[k] = True
            moved = True
    return moved


@compiled
def play_round(tables, copies, order, active, rtol, budget, changed):  # pragma: no cover - compiled
    """Visit nodes in order, up to a number of moves; mark the objects that changed, and return the moves."""
    costs = np.empty((tables.demand.shape[1], tables.access.size + 1))
    store = np.empty(tables.demand.shape[1], np.int8)
    moves = 0
    for i in order:
        if moves >= budget:
            break
        moves += _visit(tables, copies, active, i, rtol, costs, store, changed)
    return moves


@numba.njit(cache=True, nogil=True, parallel=True)
def play_apart(tables, copies, order, active, rtol, changed):  # pragma: no cover - compiled
    """`play_round` to its end for objects that are independent, some at a time on each core."""
    moved = np.zeros((-(-active.size // SOME), order.size), np.bool_)
    for part in numba.prange(moved.shape[0]):
        for i in order:
            for k in active[part * SOME : (part + 1) * SOME]:
                choice = _reply(tables, copies, k, i, rtol)
                if choice != copies.held[k, i]:
                    place(copies, k, i, choice)
                    changed[k] = True
                    moved[part, i] = True
    moves = 0
    for i in range(order.size):
        moves += moved[:, i].any()
    return moves


@numba.njit(cache=True, nogil=True, parallel=True)
def gains(tables, copies, rtol):  # pragma: no cover - compiled
    """[n]: what each node gains by its best store."""
    found = np.zeros(tables.miss.size)
    for i in numba.prange(tables.miss.size):
        costs = np.empty((tables.demand.shape[1], tables.access.size + 1))
        for k in range(costs.shape[0]):
            choice_costs(tables, copies, k, i, costs[k])
        found[i] = gain(tables, copies, i, rtol, costs, np.empty(costs.shape[0], np.int8))
    return found


@compiled
def social_cost(tables, copies):  # pragma: no cover - compiled
    """What all pay for a placement."""
    total = 0.0
    for k in range(copies.count.size):
        for i in range(tables.miss.size):
            tier = copies.held[k, i]
            if tier > 0:
                total += tables.hold[i, tier - 1]
            if tables.demand[i, k] > 0.0:
                limit = tables.miss[i] if tier == 0 else min(tables.miss[i], tables.access[tier - 1])
                total += tables.demand[i, k] * nearest(tables, copies, k, i, limit)
    return total


@compiled
def of_use(read, use, chooses):  # pragma: no cover - compiled
    """Whether for some object that j chooses a copy there costs i less than what it is of use at."""
    depends = np.zeros(read.shape, np.bool_)
    for i in range(read.shape[0]):
        most = use[i].max()
        for j in range(read.shape[0]):
            if i != j and read[i, j] < most:
                for k in range(use.shape[1]):
                    if chooses[j, k] and read[i, j] < use[i, k]:
                        depends[i, j] = True
                        break
    return depends
