"""Independent answers for a closed loop of prefill and decode: dense algebra, simulation, and every state of small clusters."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray
from poagame.games.coupled import CoupledState
from poagame.games.serving_cluster import ServingCluster


def dense_law(p: int, s: float, z: ArrayLike) -> FloatArray:
    """Stationary law of the number at prefill, from the generator by least squares."""
    times = np.asarray(z, dtype=np.float64)
    number = len(times)
    q = np.zeros((number + 1, number + 1))
    for n in range(number + 1):
        m = number - n
        if m:
            q[n, n + 1] = m / times[m - 1]
        if n:
            q[n, n - 1] = min(n, p) / s
        q[n, n] = -q[n].sum()
    system = np.vstack([q.T, np.ones(number + 1)])
    return np.linalg.lstsq(system, np.r_[np.zeros(number + 1), 1.0], rcond=None)[0]


def dense_latency(p: int, s: float, z: ArrayLike) -> float:
    law = dense_law(p, s, z)
    n = np.arange(len(law))
    return float((len(law) - 1) / (law @ (np.minimum(n, p) / s)))


def simulated_latency(p: int, s: float, z: Sequence[float], jumps: int, seed: int) -> float:
    """Mean time of a round, from a run of so many jumps."""
    rng = np.random.default_rng(seed)
    number, n, clock, done = len(z), 0, 0.0, 0
    for unit, pick in zip(rng.exponential(size=jumps), rng.random(jumps), strict=True):
        up = (number - n) / z[number - n - 1] if n < number else 0.0
        down = min(n, p) / s
        clock += unit / (up + down)
        if pick * (up + down) < up:
            n += 1
        else:
            n, done = n - 1, done + 1
    return number * clock / done


def latency_by_request(
    cluster: ServingCluster, p: int, placement: Sequence[Sequence[int]], routing: Sequence[int]
) -> float:
    """The model written out request by request."""
    groups = [k for k, size in enumerate(cluster.group_sizes) for _ in range(size)]
    number, d = len(groups), len(placement)
    prefill = transfer = 0.0
    for j, k in zip(routing, groups, strict=True):
        prefill += cluster.own_ms
        if placement[j][k]:
            continue
        if any(placement[i][k] for i in range(d)) and cluster.transfer_ms < cluster.prefix_ms:
            transfer += cluster.transfer_ms
        else:
            prefill += cluster.prefix_ms
    count = [sum(1 for j in routing if j == i) for i in range(d)]
    z = [
        sum(c / number * float(cluster.batch_ms(max(c * m / number, 1.0))) for c in count) + transfer / number
        for m in range(1, number + 1)
    ]
    return dense_latency(p, prefill / number, z)


def least_latency(
    cluster: ServingCluster, split: tuple[int, int], routing: IntArray | None = None, placement: IntArray | None = None
) -> float:
    """Least over all routings and all placements that are not given."""
    p, d = split
    stores = [s for s in itertools.product((0, 1), repeat=cluster.num_groups) if sum(s) <= cluster.places]
    placements = list(itertools.product(stores, repeat=d)) if placement is None else [placement.tolist()]
    routings = itertools.product(range(d), repeat=cluster.num_requests) if routing is None else [routing.tolist()]
    different = {
        tuple(np.bincount(d * cluster.group + r, minlength=d * cluster.num_groups).tolist()): r
        for r in map(np.array, routings)
    }
    return min(latency_by_request(cluster, p, held, r.tolist()) for r in different.values() for held in placements)


ITL: tuple[Callable[[FloatArray], ArrayLike], ...] = (
    lambda n: 5 + 0.5 * n,
    lambda n: 5 + 3 * np.sqrt(n),  # load × ITL is convex, ITL is not
    lambda n: np.where(n < 3, 4.0, 9.0),  # nor is load × ITL
    lambda n: 3 + n**2.0,
)


def small_case(seed: int) -> tuple[ServingCluster, CoupledState]:
    """A random cluster small enough for `least_latency`, and any state of it."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, rng.integers(1, 3)).tolist()
    cluster = ServingCluster(
        int(rng.integers(2, 5)),
        sizes,
        ITL[seed % len(ITL)],
        10.0,
        float(rng.uniform(1, 60)),
        float(rng.uniform(0, 120)),
        float(rng.uniform(0, 60)),
        int(rng.integers(1, 3)),
        float(rng.choice([0.0, 1.0])),
    )
    split = cluster.splits[int(rng.integers(len(cluster.splits)))]
    placement = np.zeros((split[1], len(sizes)), dtype=np.int64)
    for row in placement:
        row[rng.permutation(len(sizes))[: rng.integers(0, cluster.places + 1)]] = 1
    return cluster, CoupledState(split, placement, rng.integers(0, split[1], cluster.num_requests))
