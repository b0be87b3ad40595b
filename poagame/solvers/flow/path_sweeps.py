# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
"""The compiled path flows behind `poagame.solvers.flow.wardrop`: loads, and gradient projection on a quadratic model."""

from __future__ import annotations

import numpy as np

from poagame._compiled import compiled

REST = 4
"""Sweeps after which a commodity that needed no change is looked at again."""


@compiled
def settled_loads(demand, commodity_ptr, path_ptr, path_edges, flow, edges):  # pragma: no cover - compiled
    """Loads [E] of the path flows, after the largest of each commodity is set so that they sum to its demand."""
    load = np.zeros(edges)
    for k in range(demand.size):
        begin, end = commodity_ptr[k], commodity_ptr[k + 1]
        largest = begin
        for p in range(begin + 1, end):
            if flow[p] > flow[largest]:
                largest = p
        rest = 0.0
        for p in range(begin, end):
            if p != largest:
                rest += flow[p]
        if end > begin:
            flow[largest] = demand[k] - rest
        for p in range(begin, end):
            for a in range(path_ptr[p], path_ptr[p + 1]):
                load[path_edges[a]] += flow[p]
    return load


@compiled
def descend(cost, slope, commodity_ptr, path_ptr, path_edges, flow, ratio, max_sweeps):  # pragma: no cover - compiled
    """Shift flow between paths, one commodity after another, where edges cost `cost + slope · change`.

    Each dearer path gives the cheapest of its commodity as much as makes them equal, or all it has (Gauss–Seidel on the
    quadratic model). Commodities that had next to no excess are looked at in every `REST`th sweep only. Changes `cost` and `flow`;
    ends when a sweep finds less than `ratio` of the first one's excess cost.
    Returns the excess of the first and of the last sweep.
    """
    stamp = np.full(cost.size, -1, np.int64)
    several = np.flatnonzero(commodity_ptr[1:] - commodity_ptr[:-1] >= 2)
    seen = np.zeros(several.size)
    first = excess = little = 0.0
    for sweep in range(max_sweeps):
        excess = 0.0
        full = sweep % REST == 0
        for i in range(several.size):
            if seen[i] < little and not full:
                excess += seen[i]
                continue
            k = several[i]
            begin, end = commodity_ptr[k], commodity_ptr[k + 1]
            before = excess
            best, least = begin, np.inf
            for p in range(begin, end):
                total = 0.0
                for a in range(path_ptr[p], path_ptr[p + 1]):
                    total += cost[path_edges[a]]
                if total < least:
                    best, least = p, total
            own = 0.0
            for a in range(path_ptr[best], path_ptr[best + 1]):
                stamp[path_edges[a]] = k
                own += slope[path_edges[a]]
            for p in range(begin, end):
                if p == best or flow[p] <= 0.0:
                    continue
                total, mine, shared = 0.0, 0.0, 0.0
                for a in range(path_ptr[p], path_ptr[p + 1]):
                    e = path_edges[a]
                    total += cost[e]
                    if stamp[e] == k:
                        shared += slope[e]
                    else:
                        mine += slope[e]
                saving = total - least
                bend = mine + max(own - shared, 0.0)
                shift = flow[p]
                if saving > 0.0:
                    excess += saving * flow[p]
                    if saving < bend * shift:
                        shift = saving / bend
                else:  # an earlier shift made the cheapest path dearer than this one
                    if saving == 0.0 or bend == 0.0:
                        continue
                    shift = -min(flow[best], -saving / bend)
                if shift == 0.0:
                    continue
                flow[p] = 0.0 if shift == flow[p] else flow[p] - shift
                flow[best] = max(0.0, flow[best] + shift)
                for a in range(path_ptr[p], path_ptr[p + 1]):
                    cost[path_edges[a]] -= slope[path_edges[a]] * shift
                for a in range(path_ptr[best], path_ptr[best + 1]):
                    cost[path_edges[a]] += slope[path_edges[a]] * shift
                least += shift * max(own - shared, 0.0)
            for a in range(path_ptr[best], path_ptr[best + 1]):
                stamp[path_edges[a]] = -1
            seen[i] = excess - before
        if sweep == 0:
            first = excess
            little = 0.5 * ratio * first / max(several.size, 1)
        if excess <= ratio * first:
            break
    return first, excess
