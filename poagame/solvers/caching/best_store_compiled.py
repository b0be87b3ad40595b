# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
"""The compiled search for the store of least cost of one node: largest gains first in one tier, shortest augmenting paths in several."""

from __future__ import annotations

import numpy as np

from poagame._compiled import compiled

ROUNDING = 1e-14
"""Detours between tiers that save less than this part of the dearest finite cost are rounding, and would go round in circles."""


@compiled
def fits(store, capacity):  # pragma: no cover - compiled
    """Whether a store [K] holds at most `capacity` [T] objects in each tier."""
    used = np.zeros(capacity.size + 1, np.int64)
    for choice in store:
        used[choice] += 1
    return (used[1:] <= capacity).all()


@compiled
def best_store(costs, capacity, store):  # pragma: no cover - compiled
    """Write the choices of least total `costs` [K, T + 1] into `store` [K], the lowest of equal ones where all fit; return the total."""
    total = 0.0
    for k in range(store.size):
        store[k] = costs[k].argmin()
        total += costs[k, store[k]]
    if total == np.inf or fits(store, capacity):
        return total
    if capacity.size == 1:
        return _largest_gains(costs, capacity[0], store)
    return _augment(costs, capacity, store)


@compiled
def _largest_gains(costs, room, store):  # pragma: no cover - compiled
    rivals = np.flatnonzero(store)
    order = rivals[np.argsort(costs[rivals, 1] - costs[rivals, 0], kind="mergesort")]
    for k in order[room:]:
        store[k] = 0
    total = 0.0
    for k in range(store.size):
        total += costs[k, store[k]]
    return total


@compiled
def _augment(costs, capacity, store):  # pragma: no cover - compiled
    """Add the objects that gain by a place one after the other, each along the cheapest chain of objects that make room."""
    tiers = capacity.size + 1
    rivals = np.flatnonzero(store)
    store[rivals] = 0
    placed = np.empty(min(rivals.size, capacity.sum()), np.int64)
    num_placed = 0
    used = np.zeros(tiers, np.int64)
    slack = 0.0
    for cost in costs.ravel():
        if cost < np.inf:
            slack = max(slack, ROUNDING * cost)
    arc, by = np.empty((tiers, tiers)), np.empty((tiers, tiers), np.int64)
    reach, via = np.empty(tiers), np.empty(tiers, np.int64)
    for k in rivals:
        arc[:] = np.inf
        for h in range(num_placed):
            o = placed[h]
            for a in range(tiers):
                step = costs[o, a] - costs[o, store[o]]
                if a != store[o] and step < arc[store[o], a]:
                    arc[store[o], a] = step
                    by[store[o], a] = o
        reach[:] = costs[k]
        via[:] = -1
        for _ in range(tiers):
            for b in range(1, tiers):
                for a in range(1, tiers):
                    if reach[b] + arc[b, a] < reach[a] - slack:
                        reach[a] = reach[b] + arc[b, a]
                        via[a] = b
        best, end, drops = reach[0], 0, False
        for a in range(1, tiers):
            if used[a] < capacity[a - 1] and reach[a] < best:
                best, end, drops = reach[a], a, False
            if reach[a] + arc[a, 0] < best:
                best, end, drops = reach[a] + arc[a, 0], a, True
        if best == np.inf:
            return np.inf
        if end == 0:
            continue
        if drops:
            out = by[end, 0]
            store[out] = 0
            for h in range(num_placed):
                if placed[h] == out:
                    placed[h] = k
        else:
            used[end] += 1
            placed[num_placed] = k
            num_placed += 1
        while via[end] >= 0:
            store[by[via[end], end]] = end
            end = via[end]
        store[k] = end
    total = 0.0
    for k in range(store.size):
        total += costs[k, store[k]]
    return total
