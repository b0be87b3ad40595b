r"""Routing by a little optimum: every so often, the requests that wait for a decode worker are assigned together, at least marginal cost.

Ours. It knows what a router can know: who waits, how many requests each worker has, and a curve of latency by load; not what comes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from poagame._arrays import FloatArray, IntArray
from poagame.games.checks import positive, whole
from poagame.measured.tables import RequestTable
from poagame.serving.adaptive import router_of
from poagame.serving.cluster import Cluster
from poagame.serving.engine.loop_compiled import run
from poagame.serving.engine.state import NOBODY, Given, Int32Array, State, fresh
from poagame.serving.policies import MarginalCost, encode
from poagame.serving.simulate import as_table, compiled
from poagame.serving.workload import Workload


def simulate_windows(
    cluster: Cluster,
    workload: Workload,
    latency_ms: ArrayLike,
    overlap_weight: float = 0.0,
    *,
    window_ms: float = 100.0,
    most_requests: int = 64,
    seed: int = 0,
) -> RequestTable:
    r"""Simulate a router that assigns the next requests together, every `window_ms`.

    A worker that has n requests offers slots k = 1, 2, … at the marginal cost
    :math:`\ell(n + k) + (n + k - 1) (\ell(n + k) - \ell(n + k - 1))`; the next requests without a decode worker take slots so that the sum
    of slots' costs less :math:`\omega` times overlaps is least (Hungarian method). For convex ℓ that is the optimum of the requests at hand
    with those that run held fixed, as if all were placed at once. Only what is placed within the window is used; then it is done anew.

    Parameters
    ----------
    latency_ms : [K]
        ℓ: what a request takes as one of 1, 2, …, K at a worker; linear beyond.
    overlap_weight : float
        ω in ms a block found in the worker's cache.
    window_ms : float
        From one assignment to the next.
    most_requests : int
        Assigned together; further ones of the window go round robin.

    Raises
    ------
    InvalidInput
        As `simulate`; or if a number is out of its range.
    """
    policy = MarginalCost(np.asarray(latency_ms, dtype=np.float64), overlap_weight)
    step, most = positive(window_ms, "window_ms"), whole(most_requests, "most_requests", least=1, most=4096)
    encoded = encode(policy)
    given = compiled(cluster, workload, encoded)._replace(
        forced=np.arange(len(workload.prompts)) % cluster.num_decoders
    )
    state = fresh(given, whole(seed, "seed", most=2**64 - 1))
    router = router_of(encoded)
    ahead = 0.0
    while np.isfinite(ahead):
        _assign(given, state, policy, cluster.prefill, most)
        # idle time is skipped: the next pause is a window after something happens
        ahead = run(given, state, router, max(float(state.now[0]), ahead) + step)
    return as_table(cluster, workload, policy, given, state)


def _assign(given: Given, state: State, policy: MarginalCost, first: int, most: int) -> None:
    """Write decode workers for the next requests into `given.forced`."""
    upcoming = np.flatnonzero(state.decoder == NOBODY)[:most]
    if upcoming.size == 0:
        return
    loads = state.routed[first:]
    slots = _slot_costs(policy.latency_ms, loads, upcoming.size)
    costs = np.tile(slots.ravel(), (upcoming.size, 1))
    if policy.overlap_weight > 0:
        overlap = np.array([_found(given, state.held[first:], int(request)) for request in upcoming])
        costs = costs - policy.overlap_weight * np.repeat(overlap, upcoming.size, axis=1)
    rows, columns = linear_sum_assignment(costs)
    given.forced[upcoming[rows]] = columns // upcoming.size


def _slot_costs(latency: FloatArray, loads: IntArray, count: int) -> FloatArray:
    """[W, count] marginal cost of the next slots of each worker."""
    others = loads[:, None] + np.arange(count)
    last = latency.size - 1
    slope = latency[last] - latency[last - 1] if last > 0 else 0.0

    def at(index: IntArray) -> FloatArray:
        return latency[np.clip(index, 0, last)] + slope * np.maximum(index - last, 0)

    here = at(others)
    return here + others * (here - at(np.maximum(others - 1, 0)))


def _found(given: Given, held: Int32Array, request: int) -> IntArray:
    """[W] blocks of the prompt, from its beginning, that each worker holds."""
    pattern = given.pattern[request]
    segments = given.segments[given.first_segment[pattern] : given.first_segment[pattern + 1]]
    whole_before = np.cumprod(held[:, segments] >= given.blocks[segments], axis=1)
    reached = (
        np.column_stack([np.ones(len(held), dtype=np.int64), whole_before[:, :-1]]) if segments.size else whole_before
    )
    return (held[:, segments] * reached).sum(axis=1)
