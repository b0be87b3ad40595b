# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
"""The compiled successive shortest paths behind `poagame.solvers.routing.transport`."""

from __future__ import annotations

import numpy as np

from poagame._compiled import compiled


@compiled
def assign_flow(slots, costs, counts, flow, prices):  # pragma: no cover - compiled
    """Fill `flow` [K, W] (zeros at the start) and `prices` [K]. Feasibility is the caller's."""
    types, workers = costs.shape
    type_potential = np.zeros(types)
    worker_potential = np.empty(workers)
    sink_potential = np.inf
    for j in range(workers):
        worker_potential[j] = np.min(costs[:, j])
    bundle = 1
    while 16 * bundle * workers <= counts.sum():
        bundle *= 4
    done = np.zeros(types, np.int64)
    while True:
        depth = slots.shape[1] // bundle
        prices_of_bundles = slots
        if bundle > 1:
            prices_of_bundles = np.empty((workers, depth))
            for j in range(workers):
                for s in range(depth):
                    prices_of_bundles[j, s] = np.mean(slots[j, s * bundle : (s + 1) * bundle])
        sink_potential = _take_back(prices_of_bundles, flow, done, worker_potential)
        remaining = counts // bundle - done
        if bundle > 1:  # bundles may not fit where single requests do
            room = np.int64(0)
            for j in range(workers):
                for s in range(depth):
                    room += np.isfinite(prices_of_bundles[j, s])
            room -= flow.sum()
            for k in range(types):
                remaining[k] = max(0, min(remaining[k], room))
                room -= remaining[k]
        done += remaining
        sink_potential = augment(
            prices_of_bundles, costs, remaining, flow, type_potential, worker_potential, sink_potential
        )
        if bundle == 1:
            break
        bundle //= 4
        flow *= 4
        done *= 4
    for k in range(types):
        prices[k] = sink_potential - type_potential[k]


@compiled
def _take_back(slots, flow, done, worker_potential):  # pragma: no cover - compiled
    """Remove what slots of finer bundles show to be too dear at the present prices; return the price at which the rest is optimal."""
    types, workers = flow.shape
    depth = slots.shape[1]
    load = flow.sum(axis=0)
    sink_potential = np.inf
    for j in range(workers):
        if load[j] < depth:
            sink_potential = min(sink_potential, slots[j, load[j]] + worker_potential[j])
    if sink_potential == np.inf:  # no slot is free, so the dearest one taken sets the price
        sink_potential = -np.inf
        for j in range(workers):
            if 0 < load[j] <= depth and slots[j, load[j] - 1] < np.inf:
                sink_potential = max(sink_potential, slots[j, load[j] - 1] + worker_potential[j])
    for j in range(workers):
        while load[j] > 0 and (load[j] > depth or slots[j, load[j] - 1] + worker_potential[j] > sink_potential):
            for k in range(types):
                if flow[k, j] > 0:
                    flow[k, j] -= 1
                    done[k] -= 1
                    load[j] -= 1
                    break
    return sink_potential


@compiled
def augment(
    slots, costs, remaining, flow, type_potential, worker_potential, sink_potential
):  # pragma: no cover - compiled
    """Send what remains along shortest paths, keeping reduced costs nonnegative.

    Return the potential of the sink, NaN where no path is left (infinite costs forbid a type to be on a worker).
    """
    types, workers = costs.shape
    depth = slots.shape[1]
    by_type = types <= workers  # Dijkstra's queue is a scan over the fewer nodes
    load = flow.sum(axis=0)
    present = np.empty((workers, types), np.int64)  # types on each worker, the first num_present of the row
    num_present = np.zeros(workers, np.int64)
    for j in range(workers):
        for k in range(types):
            if flow[k, j] > 0:
                present[j, num_present[j]] = k
                num_present[j] += 1

    type_distance = np.empty(types)
    worker_distance = np.empty(workers)
    from_worker = np.empty(types, np.int64)  # the worker that type k is displaced from on the shortest path
    from_type = np.empty(workers, np.int64)  # the type that moves onto worker j on it
    scanned = np.empty(types, np.bool_)
    popped = np.empty(workers, np.bool_)
    batch = np.empty(types, np.int64)

    for source in range(types):
        while remaining[source] > 0:
            type_distance[:] = np.inf
            worker_distance[:] = np.inf
            scanned[:] = False
            popped[:] = False
            batch[0] = source
            in_batch = 1
            near = 0.0
            from_worker[source] = -1
            sink_distance = np.inf
            last = -1
            while in_batch > 0:
                for b in range(in_batch):
                    k = batch[b]
                    scanned[k] = True
                    type_distance[k] = near
                    lift = near + type_potential[k]
                    for j in range(workers):
                        reach = max(near, lift + costs[k, j] - worker_potential[j])
                        if reach < worker_distance[j] and reach < sink_distance:
                            worker_distance[j] = reach
                            from_type[j] = k
                            if load[j] < depth:
                                end = reach + max(0.0, slots[j, load[j]] + worker_potential[j] - sink_potential)
                                if end < sink_distance:
                                    sink_distance = end
                                    last = j
                            if by_type:
                                for at in range(num_present[j]):
                                    other = present[j, at]
                                    if not scanned[other] and reach < type_distance[other]:
                                        type_distance[other] = reach
                                        from_worker[other] = j
                in_batch = 0
                near = sink_distance
                if by_type:
                    for k in range(types):
                        if not scanned[k] and type_distance[k] < near:
                            batch[0] = k
                            near = type_distance[k]
                            in_batch = 1
                else:
                    nearest = -1
                    for j in range(workers):
                        if not popped[j] and num_present[j] > 0 and worker_distance[j] < near:
                            nearest = j
                            near = worker_distance[j]
                    while nearest >= 0 and in_batch == 0:
                        popped[nearest] = True
                        for at in range(num_present[nearest]):
                            k = present[nearest, at]
                            if not scanned[k]:
                                batch[in_batch] = k
                                from_worker[k] = nearest
                                in_batch += 1
                        if in_batch == 0:  # all its types are scanned already: the next worker
                            nearest = -1
                            near = sink_distance
                            for j in range(workers):
                                if not popped[j] and num_present[j] > 0 and worker_distance[j] < near:
                                    nearest = j
                                    near = worker_distance[j]
            if last < 0:
                return np.nan
            for k in range(types):
                if type_distance[k] < sink_distance:
                    type_potential[k] += type_distance[k] - sink_distance
            for j in range(workers):
                if worker_distance[j] < sink_distance:
                    worker_potential[j] += worker_distance[j] - sink_distance

            # as many units as the path carries at this very price
            units = remaining[source]
            same = 1
            while (
                same < units and load[last] + same < depth and slots[last, load[last] + same] == slots[last, load[last]]
            ):
                same += 1
            units = min(units, same)
            j, k = last, from_type[last]
            while k != source:
                j = from_worker[k]
                units = min(units, flow[k, j])
                k = from_type[j]
            load[last] += units
            remaining[source] -= units
            j = last
            while True:
                k = from_type[j]
                if flow[k, j] == 0:
                    present[j, num_present[j]] = k
                    num_present[j] += 1
                flow[k, j] += units
                if k == source:
                    break
                j = from_worker[k]
                flow[k, j] -= units
                if flow[k, j] == 0:
                    at = 0
                    while present[j, at] != k:
                        at += 1
                    num_present[j] -= 1
                    present[j, at] = present[j, num_present[j]]
    return sink_potential
