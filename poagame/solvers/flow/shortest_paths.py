# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
"""Compiled shortest path trees that respect the first through node, and the columns (new paths) that they give."""

from __future__ import annotations

import numpy as np

from poagame._compiled import compiled


@compiled
def shortest_tree(
    origin, out_ptr, out_edge, head, cost, first_through, dist, entering, keys, items
):  # pragma: no cover - compiled
    """Dijkstra from `origin`: fill `dist` [V] and `entering` [V], the edge by which a shortest path enters each node (−1 without).

    `keys` and `items` [E + 1] are the heap's memory. Edges that cost infinity are not used.
    """
    dist[:] = np.inf
    entering[:] = -1
    dist[origin] = 0.0
    keys[0], items[0] = 0.0, origin
    size = 1
    while size > 0:
        key, u = keys[0], items[0]
        size -= 1
        last_key, last = keys[size], items[size]
        i = 0
        while True:  # sift the last entry down from the root
            child = 2 * i + 1
            if child >= size:
                break
            if child + 1 < size and keys[child + 1] < keys[child]:
                child += 1
            if keys[child] >= last_key:
                break
            keys[i], items[i] = keys[child], items[child]
            i = child
        keys[i], items[i] = last_key, last
        if key > dist[u] or (u < first_through and u != origin):
            continue
        for a in range(out_ptr[u], out_ptr[u + 1]):
            e = out_edge[a]
            v = head[e]
            reach = key + cost[e]
            if reach < dist[v]:
                dist[v] = reach
                entering[v] = e
                i = size
                size += 1
                while i > 0:
                    parent = (i - 1) // 2
                    if keys[parent] <= reach:
                        break
                    keys[i], items[i] = keys[parent], items[parent]
                    i = parent
                keys[i], items[i] = reach, v


@compiled
def with_shortest_paths(
    out_ptr, out_edge, tail, head, first_through, cost, origins, origin_ptr, destination, demand, slack,
    commodity_ptr, path_ptr, path_edges, flow,
):  # pragma: no cover - compiled  # fmt: skip
    """Drop unused paths and add each commodity's shortest path where it beats those kept by more than `slack` (relative).

    Commodities are sorted by origin: those of `origins[o]` are `origin_ptr[o]` … `origin_ptr[o + 1]`. Paths are rows of edges in CSR
    form, sorted by commodity. A commodity without paths puts its whole demand on the new one. Returns the new commodity_ptr,
    path_ptr, path_edges, flow, and each commodity's distance.
    """
    nodes, edges, commodities = out_ptr.size - 1, head.size, destination.size
    dist, entering = np.empty(nodes), np.empty(nodes, np.int64)
    keys, items = np.empty(edges + 1), np.empty(edges + 1, np.int64)
    distance = np.empty(commodities)
    new_commodity_ptr = np.zeros(commodities + 1, np.int64)
    new_path_ptr = np.zeros(flow.size + commodities + 1, np.int64)
    new_flow = np.zeros(flow.size + commodities)
    new_edges = np.empty(path_edges.size + 8 * commodities + nodes, path_edges.dtype)
    paths = filled = 0
    for o in range(origins.size):
        shortest_tree(origins[o], out_ptr, out_edge, head, cost, first_through, dist, entering, keys, items)
        for k in range(origin_ptr[o], origin_ptr[o + 1]):
            distance[k] = dist[destination[k]]
            cheapest = np.inf
            room = filled + nodes + path_ptr[commodity_ptr[k + 1]] - path_ptr[commodity_ptr[k]]
            if room > new_edges.size:
                larger = np.empty(2 * room, path_edges.dtype)
                larger[:filled] = new_edges[:filled]
                new_edges = larger
            for p in range(commodity_ptr[k], commodity_ptr[k + 1]):
                if flow[p] > 0.0:
                    total = 0.0
                    for a in range(path_ptr[p], path_ptr[p + 1]):
                        total += cost[path_edges[a]]
                        new_edges[filled] = path_edges[a]
                        filled += 1
                    cheapest = min(cheapest, total)
                    new_flow[paths] = flow[p]
                    paths += 1
                    new_path_ptr[paths] = filled
            if distance[k] < np.inf and distance[k] < cheapest - slack * cheapest or cheapest == np.inf:
                if distance[k] == np.inf:
                    new_commodity_ptr[k + 1] = paths
                    continue
                begin, v = filled, destination[k]
                while v != origins[o]:
                    new_edges[filled] = entering[v]
                    v = tail[entering[v]]
                    filled += 1
                new_edges[begin:filled] = new_edges[begin:filled][::-1].copy()
                if paths == new_commodity_ptr[k]:
                    new_flow[paths] = demand[k]
                paths += 1
                new_path_ptr[paths] = filled
            new_commodity_ptr[k + 1] = paths
    return (
        new_commodity_ptr,
        new_path_ptr[: paths + 1].copy(),
        new_edges[:filled].copy(),
        new_flow[:paths].copy(),
        distance,
    )
