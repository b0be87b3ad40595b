r"""The best placement and routing of a serving cluster at a split, between a state found and a bound below all states.

Latency is N over the throughput of a closed chain, which rises with every rate of the chain as long as the rates rise with the
number at a station [shanthikumar1986]_. So no state is better than one with the least prefill work (as many prefixes held somewhere
as there are places), no transfers, and the least decode time: with x · itl(x) convex that of loads as even as whole numbers allow.
If a state attains all three it is the optimum.

.. [shanthikumar1986] Shanthikumar, Yao: The effect of increasing service rates in a closed queueing network, Journal of Applied
   Probability 23 (1986).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from poagame._arrays import FloatArray, IntArray
from poagame.games.closed_chain import closed_chain, even_loads
from poagame.games.coupled import CoupledState
from poagame.games.serving_cluster import ServingCluster, decode_times, loads, work

RTOL = 1e-9
"""Relative gap of cost and bound that rounding explains."""

SWEEPS = 60


@dataclass(frozen=True, eq=False, slots=True)
class BestState:
    """The best state found, and a bound.

    Attributes
    ----------
    state : CoupledState
    latency_ms : float
    lower_bound_ms : float
        No routing and no placement at this split has a lower latency.
    """

    state: CoupledState
    latency_ms: float
    lower_bound_ms: float

    @property
    def exact(self) -> bool:
        """Whether the two agree."""
        return self.latency_ms <= self.lower_bound_ms * (1.0 + RTOL)


def latency_bound(cluster: ServingCluster, split: tuple[int, int]) -> float:
    """Latency that no state at a split beats, ms; see the module."""
    p, d = split
    sizes = np.sort(np.asarray(cluster.group_sizes))[::-1]
    missed = float(sizes[min(len(sizes), cluster.places * d) :].sum()) / cluster.num_requests
    # a miss may be answered by a transfer instead only if somebody holds the prefix
    service = cluster.own_ms + cluster.prefix_ms * missed
    if _convex_work(cluster):
        times = decode_times(cluster, even_loads(cluster.num_requests, d), 0.0)
    else:
        times = np.full(cluster.num_requests, float(cluster.batch_ms(1.0)))
    # rates must rise for the theorem: the largest rates that do, and are at least these
    n = np.arange(1.0, cluster.num_requests + 1.0)
    rate = np.maximum.accumulate(n / times)
    return closed_chain(p, service, n / rate).latency_ms


def best_state(
    cluster: ServingCluster, start: CoupledState, *, routing: bool = True, caching: bool = True
) -> BestState:
    """The best state near `start` with its split, changing routing, placement, or both.

    Local search from the start and, where both may change, from states built to meet the bound. The bound is of both changing.
    """
    count, placement = loads(cluster, start), start.placement
    found = [_search(cluster, start.split[0], count, placement, routing, caching)]
    if routing and caching:
        built = _built(cluster, start.split[1])
        found.append(_search(cluster, start.split[0], *built, routing=True, caching=True))
    cost, count, placement = min(found, key=lambda f: f[0])
    state = CoupledState(
        start.split, placement, _as_routing(cluster, count, start.routing) if routing else start.routing
    )
    return BestState(state, cost, latency_bound(cluster, start.split))


def _search(
    cluster: ServingCluster, p: int, count: IntArray, placement: IntArray, routing: bool, caching: bool
) -> tuple[float, IntArray, IntArray]:
    """Latency, loads [d, K] and placement after moves of requests and changes of single stores, while they help."""

    def cost(counts: IntArray, held: IntArray) -> float:
        service, transfer = work(cluster, counts, held)
        return closed_chain(p, service, decode_times(cluster, counts.sum(axis=1), transfer)).latency_ms

    count, placement, best = count.copy(), placement.copy(), cost(count, placement)
    for _ in range(SWEEPS):
        before = best
        if caching:
            placement, best = _stores(cluster, placement, best, lambda held, counts=count: cost(counts, held))
        if routing:
            count, best = _moves(count, best, lambda counts, held=placement: cost(counts, held))
        if not best < before * (1.0 - 1e-12):
            break
    return best, count, placement


def _stores(
    cluster: ServingCluster, placement: IntArray, best: float, cost: Callable[[IntArray], float]
) -> tuple[IntArray, float]:
    """Each worker's store in turn, the best of all."""
    d, groups = placement.shape
    stores = list(combinations(range(groups), min(cluster.places, groups)))
    for j in range(d):
        for kept in stores:
            held = placement.copy()
            held[j] = 0
            held[j, list(kept)] = 1
            value = cost(held)
            if value < best * (1.0 - 1e-12):
                placement, best = held, value
    return placement, best


def _moves(count: IntArray, best: float, cost: Callable[[IntArray], float]) -> tuple[IntArray, float]:
    """Requests of a group from one worker to another, many at first and one by one at last."""
    d, groups = count.shape
    size = max(1, int(count.max()) // 2)
    while size >= 1:
        moved = False
        for k in range(groups):
            for i in range(d):
                for j in range(d):
                    if i != j and count[i, k] >= size:
                        other = count.copy()
                        other[i, k] -= size
                        other[j, k] += size
                        value = cost(other)
                        if value < best * (1.0 - 1e-12):
                            count, best, moved = other, value, True
        if not moved:
            size //= 2
    return count, best


def _built(cluster: ServingCluster, d: int) -> tuple[IntArray, IntArray]:
    """Loads [d, K] as even as can be, filled with groups in order, and the prefixes that each worker then needs most."""
    room = even_loads(cluster.num_requests, d)
    count = np.zeros((d, cluster.num_groups), dtype=np.int64)
    j = 0
    for k, size in enumerate(cluster.group_sizes):
        left = size
        while left:
            put = min(left, int(room[j] - count[j].sum()))
            count[j, k] += put
            left -= put
            j += int(count[j].sum() == room[j])
    placement = np.zeros_like(count)
    for row, have in zip(placement, count, strict=True):
        row[np.argsort(-have, kind="stable")[: cluster.places]] = 1
    return count, placement


def _as_routing(cluster: ServingCluster, count: IntArray, before: IntArray) -> IntArray:
    """[N] a routing with those loads, requests staying where they were as far as it has room for them."""
    routing = np.full(cluster.num_requests, -1, dtype=np.int64)
    left = count.copy()
    for i, (j, k) in enumerate(zip(before.tolist(), cluster.group.tolist(), strict=True)):
        if left[j, k]:
            routing[i], left[j, k] = j, left[j, k] - 1
    for i in np.flatnonzero(routing < 0):
        j = int(left[:, cluster.group[i]].argmax())
        routing[i] = j
        left[j, cluster.group[i]] -= 1
    return routing


def _convex_work(cluster: ServingCluster) -> bool:
    """Whether x · itl(x) is convex on a grid finer than whole batches: then even loads decode fastest."""
    x = np.linspace(0.0, float(cluster.num_requests), 8 * cluster.num_requests + 1)
    value: FloatArray = x * cluster.batch_ms(x)
    return bool((np.diff(value, 2) >= -1e-9 * float(value.max())).all())
