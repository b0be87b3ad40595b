r"""The best placement and routing of a serving cluster at a split, between a state found and a bound below all states.

Latency is N over the throughput of a closed chain, which rises with every rate of the chain as long as the rates rise with the
number at a station [shanthikumar1986]_. So no state is better than one with the least prefill work (as many prefixes held somewhere
as there are places), no transfers, and the least decode time (`least_decode_ms`). If a state attains all three it is the optimum.

.. [shanthikumar1986] Shanthikumar, Yao: The effect of increasing service rates in a closed queueing network, Journal of Applied
   Probability 23 (1986).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np

from poagame._arrays import FloatArray, IntArray
from poagame.games.closed_chain import closed_chain, even_loads
from poagame.games.coupled import CoupledState
from poagame.games.serving_cluster import ServingCluster, decode_times, loads, work
from poagame.solvers.coupled.least_decode import least_decode_ms
from poagame.solvers.coupled.stores import MAX_GROUPS, stores_by_union

RTOL = 1e-9
"""Relative gap of cost and bound that rounding explains."""

SWEEPS = 60

STARTS = 8
"""Starts that are searched from beside the state itself: the best of those built."""


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
    times = least_decode_ms(cluster, d)
    # rates must rise for the theorem: the largest rates that do, and are at least these
    n = np.arange(1.0, cluster.num_requests + 1.0)
    rate = np.maximum.accumulate(n / times)
    return closed_chain(p, service, n / rate).latency_ms


def best_state(
    cluster: ServingCluster, start: CoupledState, *, routing: bool = True, caching: bool = True
) -> BestState:
    """The best state near `start` with its split, changing routing, placement, or both.

    Where placement alone changes, the best there is, of up to 10 groups (`stores_by_union`). Else what a local search finds from the
    start and, where routing may change, from loads built to be even or to need no transfer. The bound is of both changing.
    """
    count, placement = loads(cluster, start), start.placement
    begin = [(count, placement)]
    if routing:
        for built in _built(cluster, count, placement):
            begin.append((built, placement))
            if caching:
                begin.append((built, _needed(cluster, built)))
    latency = _Latency(cluster, start.split[0])
    begin = [begin[0], *sorted(_different(begin[1:]), key=lambda each: latency(*each))[:STARTS]]
    bound, cost = latency_bound(cluster, start.split), np.inf
    for each in begin:
        found = _search(latency, *each, routing, caching)
        if found[0] < cost:
            cost, count, placement = found
        if cost <= bound * (1.0 + RTOL):
            break
    state = CoupledState(
        start.split, placement, _as_routing(cluster, count, start.routing) if routing else start.routing
    )
    return BestState(state, cost, bound)


class _Latency:
    """Latency by loads [d, K] and placement, with that many prefill workers."""

    def __init__(self, cluster: ServingCluster, prefill: int) -> None:
        self.cluster, self.prefill = cluster, prefill
        self.times: dict[bytes, FloatArray] = {}  # by loads, which many candidates share

    def __call__(self, count: IntArray, placement: IntArray) -> float:
        service, transfer = work(self.cluster, count, placement)
        load = np.sort(count.sum(axis=1))
        key = load.tobytes()
        if key not in self.times:
            self.times[key] = decode_times(self.cluster, load, 0.0)
        return closed_chain(self.prefill, service, self.times[key] + transfer).latency_ms


def _search(
    latency: _Latency, count: IntArray, placement: IntArray, routing: bool, caching: bool
) -> tuple[float, IntArray, IntArray]:
    """Latency, loads [d, K] and placement after moves of requests and changes of single stores, while they help."""
    best = latency(count, placement)
    for _ in range(SWEEPS):
        before = best
        if caching:
            placement, best = _stores(latency, count, placement, best)
        if routing:
            count, best = _moves(latency, count, placement, best)
        if not best < before * (1.0 - 1e-12):
            break
    return best, count, placement


def _stores(latency: _Latency, count: IntArray, placement: IntArray, best: float) -> tuple[IntArray, float]:
    """The best stores of all workers; of many groups, stores in which one prefix for another is no better."""
    if placement.shape[1] <= MAX_GROUPS:
        return _least(latency, count, stores_by_union(count, latency.cluster.places), placement, best)
    for j in range(len(placement)):
        for new in range(placement.shape[1]):
            kept = np.flatnonzero(placement[j])
            if new in kept:
                continue
            full = len(kept) == latency.cluster.places
            others = np.repeat(placement[None], len(kept) if full else 1, axis=0)
            if full:
                others[np.arange(len(kept)), j, kept] = 0
            others[:, j, new] = 1
            placement, best = _least(latency, count, others, placement, best)
    return placement, best


def _least(
    latency: _Latency, count: IntArray, tried: IntArray, placement: IntArray, best: float
) -> tuple[IntArray, float]:
    """The best of placements [U, d, K] and of the one at hand."""
    for held in tried:
        value = latency(count, held)
        if value < best * (1.0 - 1e-12):
            placement, best = held, value
    return placement, best


def _moves(latency: _Latency, count: IntArray, placement: IntArray, best: float) -> tuple[IntArray, float]:
    """Requests of a group from one worker to another, alone or for as many of another group; many at first and one by one at last."""
    d, groups = count.shape
    reads = _reads(latency.cluster, placement)
    size = max(1, int(count.max()) // 2)
    while size >= 1:
        moved = False
        for (i, j), k, back in product(permutations(range(d), 2), range(groups), (-1, *range(groups))):
            if back == k or count[i, k] < size or (back >= 0 and count[j, back] < size):
                continue
            if back >= 0:
                more = reads[:, j, k] - reads[:, i, k] + reads[:, i, back] - reads[:, j, back]
                if more[0] == 0 and more[1] >= 0:  # loads and prefill stay, transfers do not fall
                    continue
            other = count.copy()
            other[[i, j], k] += (-size, size)
            if back >= 0:
                other[[i, j], back] += (size, -size)
            value = latency(other, placement)
            if value < best * (1.0 - 1e-12):
                count, best, moved = other, value, True
        if not moved:
            size //= 2
    return count, best


def _reads(cluster: ServingCluster, placement: IntArray) -> IntArray:
    """[2, d, K]: whether a request of a group at a worker has its prefix prefilled anew, and whether it is transferred."""
    away = placement == 0
    anew = (
        (placement > 0).sum(axis=0) == 0
        if cluster.transfer_ms < cluster.prefix_ms
        else np.ones(placement.shape[1], bool)
    )
    return np.stack([away & anew, away & ~anew]).astype(np.int64)


def _built(cluster: ServingCluster, count: IntArray, placement: IntArray) -> Iterator[IntArray]:
    """Loads [d, K] to begin with: even ones filled group by group, all at one worker, and each group where it is held."""
    d, groups = count.shape
    sizes = np.asarray(cluster.group_sizes)
    large = np.argsort(-sizes, kind="stable")
    for order in (np.arange(groups), large, large[::-1]):
        yield _filled(sizes, even_loads(cluster.num_requests, d), order)
    for j in range(d):
        yield np.where(np.arange(d)[:, None] == j, sizes, 0)
    # a group that is held nowhere is at home with the first
    yield np.where(np.arange(d)[:, None] == (placement > 0).argmax(axis=0), sizes, 0)


def _filled(sizes: IntArray, room: IntArray, order: IntArray) -> IntArray:
    """[d, K]: workers filled one after the other with groups in order; a group that does not fit goes on at the next."""
    ends = np.cumsum(sizes[order])
    low = np.maximum((np.cumsum(room) - room)[:, None], ends - sizes[order])
    high = np.minimum(np.cumsum(room)[:, None], ends)
    count = np.zeros((len(room), len(sizes)), dtype=np.int64)
    count[:, order] = np.maximum(high - low, 0)
    return count


def _needed(cluster: ServingCluster, count: IntArray) -> IntArray:
    """[d, K]: the prefixes that each worker needs most."""
    rank = np.argsort(np.argsort(-count, axis=1, kind="stable"), axis=1)
    return (rank < cluster.places).astype(np.int64)


def _different(begin: list[tuple[IntArray, IntArray]]) -> list[tuple[IntArray, IntArray]]:
    return list({(count.tobytes(), held.tobytes()): (count, held) for count, held in begin}.values())


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
