r"""Exact integer assignment of typed requests to workers whose slots have rising prices.

.. math:: \min_x \sum_j \sum_{s < n_j} p_{js} + \sum_{kj} c_{kj} x_{kj}, \qquad
          n_j = \sum_k x_{kj},\quad \sum_j x_{kj} = m_k,\quad x \in \mathbb{Z}_{\ge 0}.

With slot prices nondecreasing in s this is a minimum-cost flow with convex arc costs, solved by successive shortest paths with node
potentials [ahuja1993]_: a unit of type k enters a worker, may displace a unit of another type to a further worker, and so on until
a free slot takes the last one. Types, not requests, are the nodes, so equal requests cost no memory. Many requests are first assigned in bundles of 4^q, then what
the bundles got wrong is taken back and assigned anew in smaller ones (scaling). The potentials that remain are optimal dual prices,
from which `poagame.certificates` proves the answer.

.. [ahuja1993] Ahuja, Magnanti, Orlin: Network Flows, 1993, section 9.7 (successive shortest paths) and chapter 14 (convex costs).
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from poagame._arrays import FloatArray, IntArray, require


@dataclass(frozen=True, eq=False, slots=True)
class Assignment:
    """An optimal assignment with its dual prices.

    Attributes
    ----------
    flow : [K, W] int64
        Units of each type on each worker.
    prices : [K]
        Optimal dual price of one unit of each type: Σ_k m_k π_k + Σ_js min(0, p_js − max_k(π_k − c_kj)) equals the cost.
    cost : float
        Value of the objective at `flow`.
    """

    flow: IntArray
    prices: FloatArray
    cost: float

    @property
    def loads(self) -> IntArray:
        """Units on each worker [W]."""
        return self.flow.sum(axis=0)


def assign(slot_costs: FloatArray, type_costs: FloatArray, counts: IntArray) -> Assignment:
    """Assign `counts[k]` units of each type k to workers at least total cost.

    Parameters
    ----------
    slot_costs : [W, S]
        Price of slot s of worker j, nondecreasing along s; infinite where there is no slot.
    type_costs : [K, W]
        What a unit of type k pays on worker j besides.
    counts : [K]
        Units of each type.

    Raises
    ------
    InvalidInput
        If slot prices decrease, or the finite slots are fewer than the units.

    Examples
    --------
    >>> import numpy as np
    >>> a = assign(np.array([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]), np.array([[0.0, -5.0]]), np.array([2]))
    >>> a.flow, a.cost
    (array([[0, 2]]), -4.0)
    """
    slots = np.ascontiguousarray(slot_costs, dtype=np.float64)
    costs = np.ascontiguousarray(type_costs, dtype=np.float64)
    units = np.ascontiguousarray(counts, dtype=np.int64)
    (types, workers), total = costs.shape, int(units.sum())
    require(slots.ndim == 2 and len(slots) == workers, f"slot_costs must be [{workers}, S]; got {slots.shape}")
    require(
        units.shape == (types,) and bool((units >= 0).all()),
        f"counts must be {types} nonnegative integers; got {units}",
    )
    require(not np.isnan(slots).any(), "slot_costs must not be NaN")
    require(bool(np.isfinite(costs).all()), "type_costs must be finite")
    require(bool((slots[:, 1:] >= slots[:, :-1]).all()), "slot_costs must not decrease along a worker's slots")
    available = int(np.isfinite(slots).sum())
    require(
        available >= total, f"{total} requests do not fit: the workers have {available} slots of finite cost together"
    )
    flow = np.zeros((types, workers), np.int64)
    prices = np.zeros(types)
    _assign(slots, costs, units, flow, prices)
    loads = flow.sum(axis=0)
    used = np.arange(slots.shape[1])[None, :] < loads[:, None]
    return Assignment(flow, prices, float(slots[used].sum() + (costs * flow).sum()))


@numba.njit(cache=True, nogil=True)
def _assign(slots, costs, counts, flow, prices):  # pragma: no cover - compiled
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
        sink_potential = _augment(
            prices_of_bundles, costs, remaining, flow, type_potential, worker_potential, sink_potential
        )
        if bundle == 1:
            break
        bundle //= 4
        flow *= 4
        done *= 4
    for k in range(types):
        prices[k] = sink_potential - type_potential[k]


@numba.njit(cache=True, nogil=True)
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


@numba.njit(cache=True, nogil=True)
def _augment(
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
