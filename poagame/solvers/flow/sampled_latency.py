# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
"""Compiled pairwise path shifts on latencies that are sampled at many loads: slower than a quadratic model, never misled by one."""

from __future__ import annotations

import numpy as np

from poagame._compiled import compiled


@compiled
def _at(loads, costs, x):  # pragma: no cover - compiled
    """Linear interpolation of one edge's samples; the last segment goes on."""
    low, high = 0, loads.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        if loads[middle] <= x:
            low = middle
        else:
            high = middle
    width = loads[high] - loads[low]
    if width <= 0.0:
        return costs[low]
    return costs[low] + (costs[high] - costs[low]) * ((max(x, 0.0) - loads[low]) / width)


@compiled
def _difference(loads, costs, x, path_ptr, path_edges, stamp, best, p, mark, shift):  # pragma: no cover - compiled
    """Cost of path `best` minus that of `p` after `shift` went from p to best; edges of both paths cancel."""
    total = 0.0
    for a in range(path_ptr[best], path_ptr[best + 1]):
        e = path_edges[a]
        if stamp[e] == mark:
            total += _at(loads[e], costs[e], x[e] + shift)
    for a in range(path_ptr[p], path_ptr[p + 1]):
        e = path_edges[a]
        if stamp[e] == -mark:
            total -= _at(loads[e], costs[e], x[e] - shift)
    return total


@compiled
def descend_on_tables(
    loads, costs, x, commodity_ptr, path_ptr, path_edges, flow, ratio, max_sweeps
):  # pragma: no cover - compiled
    """Equalise pairs of paths, one commodity after another, at the sampled costs [E, M]; change `x` [E] and `flow` in place.

    Ends when a sweep finds less than `ratio` of the first one's excess cost.
    """
    stamp = np.zeros(x.size, np.int64)
    mark = 0
    first = 0.0
    for sweep in range(max_sweeps):
        excess = 0.0
        for k in range(commodity_ptr.size - 1):
            begin, end = commodity_ptr[k], commodity_ptr[k + 1]
            if end - begin < 2:
                continue
            best, least = begin, np.inf
            for p in range(begin, end):
                total = 0.0
                for a in range(path_ptr[p], path_ptr[p + 1]):
                    total += _at(loads[path_edges[a]], costs[path_edges[a]], x[path_edges[a]])
                if total < least:
                    best, least = p, total
            for p in range(begin, end):
                if p == best or flow[p] <= 0.0:
                    continue
                mark += 1
                for a in range(path_ptr[best], path_ptr[best + 1]):
                    stamp[path_edges[a]] = mark
                for a in range(path_ptr[p], path_ptr[p + 1]):
                    e = path_edges[a]
                    stamp[e] = 0 if stamp[e] == mark else -mark
                now = _difference(loads, costs, x, path_ptr, path_edges, stamp, best, p, mark, 0.0)
                if now >= 0.0:
                    continue
                excess -= now * flow[p]
                low, high, below = 0.0, flow[p], now
                above = _difference(loads, costs, x, path_ptr, path_edges, stamp, best, p, mark, high)
                shift = high
                if above > 0.0:
                    for i in range(80):
                        shift = 0.5 * (low + high) if i % 2 else low + (high - low) * (below / (below - above))
                        there = _difference(loads, costs, x, path_ptr, path_edges, stamp, best, p, mark, shift)
                        if abs(there) <= -1e-3 * now or high - low <= 1e-14 * flow[p]:
                            break
                        if there < 0.0:
                            low, below = shift, there
                        else:
                            high, above = shift, there
                if shift <= 0.0:
                    continue
                flow[p] = 0.0 if shift >= flow[p] else flow[p] - shift
                flow[best] += shift
                for a in range(path_ptr[best], path_ptr[best + 1]):
                    if stamp[path_edges[a]] == mark:
                        x[path_edges[a]] += shift
                for a in range(path_ptr[p], path_ptr[p + 1]):
                    if stamp[path_edges[a]] == -mark:
                        x[path_edges[a]] = max(0.0, x[path_edges[a]] - shift)
        if sweep == 0:
            first = excess
        if excess <= ratio * first:
            break
