# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
# ruff: noqa: NPY002
# 2026-11: of the random numbers that numba compiles only the legacy ones have a state for each thread; each start seeds it anew.
"""The compiled dynamics from many random starts, and the greedy construction, for `.convergence` and `.greedy`."""

from __future__ import annotations

import numba
import numpy as np

from poagame._compiled import compiled
from poagame.solvers.caching.dynamics_compiled import copies_of, nearest, own_copy, place, play_round, social_cost

CONVERGED, CYCLES, STOPPED = 0, 1, 2


@compiled
def run(tables, seed, rtol, max_rounds):  # pragma: no cover - compiled
    """Play from a random placement, the nodes in a random order that stays; return copies, how it ended, rounds and moves."""
    np.random.seed(seed)
    nodes, objects = tables.demand.shape
    order = np.random.permutation(nodes)
    share = np.random.random()
    held = np.zeros((objects, nodes), np.int8)
    for i in range(nodes):
        room = tables.capacity[i].copy()
        for k in range(objects):
            if tables.fixed[i, k] > 0:
                held[k, i] = tables.fixed[i, k]
                room[tables.fixed[i, k] - 1] -= 1
        for k in np.random.permutation(objects):
            tier = np.random.randint(room.size)
            if tables.fixed[i, k] < 0 and np.random.random() < share and room[tier] > 0:
                held[k, i] = tier + 1
                room[tier] -= 1
    copies = copies_of(held)
    active = np.arange(objects)
    changed = np.zeros(objects, np.bool_)
    seen, next_seen, moves = held.copy(), 1, 0
    for rounds in range(max_rounds):
        changed[:] = False
        made = play_round(tables, copies, order, active, rtol, nodes, changed)
        moves += made
        if made == 0:
            return copies, CONVERGED, rounds, moves
        if not tables.limited:
            active = np.flatnonzero(changed)
        if (held == seen).all():
            return copies, CYCLES, rounds + 1, moves
        if rounds + 1 == next_seen:  # Brent: remember ever later placements
            seen[:] = held
            next_seen *= 2
    return copies, STOPPED, max_rounds, moves


@numba.njit(cache=True, nogil=True, parallel=True)
def run_all(tables, seeds, rtol, max_rounds):  # pragma: no cover - compiled
    """`run` for each seed: how it ended, rounds, moves, social cost, and a fingerprint of where."""
    size = seeds.size
    ends, rounds, moves = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64)
    costs, prints = np.empty(size), np.empty(size, np.uint64)
    for s in numba.prange(size):
        copies, ends[s], rounds[s], moves[s] = run(tables, seeds[s], rtol, max_rounds)
        costs[s] = social_cost(tables, copies)
        value = np.uint64(14695981039346656037)  # FNV-1a
        for choice in copies.held.ravel():
            value = (value ^ np.uint64(choice)) * np.uint64(1099511628211)
        prints[s] = value
    return ends, rounds, moves, costs, prints


@numba.njit(cache=True, nogil=True, parallel=True)
def place_greedily(tables, copies, order):  # pragma: no cover - compiled
    """For each object, let nodes in order [n, K] hold it whom no copy serves as cheaply as their own would; return the copies placed."""
    placed = 0
    for k in numba.prange(copies.count.size):
        for i in order[:, k]:
            asked = tables.demand[i, k]
            if tables.fixed[i, k] >= 0 or asked == 0.0:
                continue
            least, tier = own_copy(tables, k, i)
            if asked * nearest(tables, copies, k, i, tables.miss[i]) > least:
                place(copies, k, i, np.int8(tier))
                placed += 1
    return placed
