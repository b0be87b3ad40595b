# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
"""The compiled descent on the social cost of a caching game: each node in turn takes the store that is best for all."""

from __future__ import annotations

import numpy as np

from poagame._compiled import compiled
from poagame.solvers.caching.best_store_compiled import best_store
from poagame.solvers.caching.dynamics_compiled import copies_of, place

ROUNDING = 1e-12
"""A node moves for a saving of more than this part of what its objects cost all."""


@compiled
def descend(tables, held, max_rounds):  # pragma: no cover - compiled
    """Change the placement `held` [K, n] until no node alone can lower the social cost."""
    copies = copies_of(held)
    nodes, objects = tables.demand.shape
    costs = np.empty((objects, tables.access.size + 1))
    store = np.empty(objects, np.int8)
    for _ in range(max_rounds):
        moved = False
        for i in range(nodes):
            now = 0.0
            for k in range(objects):
                _costs_to_all(tables, copies, k, i, costs[k])
                now += costs[k, held[k, i]]
            best = best_store(costs, tables.capacity[i], store)
            if not best + ROUNDING * best < now:
                continue
            moved = True
            for k in range(objects):
                if store[k] != held[k, i]:
                    place(copies, k, i, store[k])
        if not moved:
            break


@compiled
def _costs_to_all(tables, copies, k, i, costs):  # pragma: no cover - compiled
    """Write what all pay for object k under each choice of node i [T + 1], the other places apart."""
    nodes, tiers = tables.hold.shape
    costs[0] = 0.0
    costs[1:] = tables.hold[i]
    for r in range(nodes):
        asked = tables.demand[r, k]
        if asked == 0.0:
            continue
        read = tables.miss[r]
        for h in range(copies.count[k]):
            j = copies.holders[k, h]
            if j != i:
                read = min(read, tables.distance[r, j] + tables.access[copies.held[k, j] - 1])
        costs[0] += asked * read
        for t in range(tiers):
            costs[t + 1] += asked * min(read, tables.distance[r, i] + tables.access[t])
    for a in range(tiers + 1):
        if (tables.fixed[i, k] >= 0 and tables.fixed[i, k] != a) or (a > 0 and tables.capacity[i, a - 1] == 0):
            costs[a] = np.inf
