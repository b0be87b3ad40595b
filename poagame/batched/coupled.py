"""Many orbits of serving clusters in one compiled call: the same model and responses as `poagame.solvers.coupled`, written anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, require
from poagame.batched import coupled_compiled as compiled
from poagame.games.checks import whole
from poagame.games.coupled import CoupledState
from poagame.games.serving_cluster import ServingCluster
from poagame.solvers.coupled.dynamics import Planner

_PLANNERS: dict[Planner, int] = {"fixed": compiled.FIXED, "step": compiled.STEP, "best": compiled.BEST}


@dataclass(frozen=True, eq=False, slots=True)
class OrbitBatch:
    """B orbits of T steps.

    Attributes
    ----------
    split : [B, T + 1, 2]
        Prefill and decode workers.
    latency_ms : [B, T + 1]
        Social cost: mean latency of a request.
    period : [B]
        Steps after which the state comes back, 1 at a fixed point; 0 where none came back. States are told apart by 64-bit codes.
    transient : [B]
        Steps before the state that comes back first; T where none did.
    """

    split: IntArray
    latency_ms: FloatArray
    period: IntArray
    transient: IntArray

    def __len__(self) -> int:
        """B."""
        return len(self.period)


def coupled_orbits(
    clusters: Sequence[ServingCluster],
    starts: Sequence[CoupledState],
    num_steps: int = 200,
    *,
    planner: Planner = "step",
    delay: ArrayLike = 0,
) -> OrbitBatch:
    """Follow many clusters at once, layers responding in the order routing, caching, resource.

    Parameters
    ----------
    clusters : sequence of B ServingCluster
        With the same groups and splits; all else may differ.
    starts : sequence of B CoupledState
        At splits of the budget.
    num_steps : int
        T.
    planner : str
        As of `Response`.
    delay : int or [B]
        Steps by which the Planner sees the other layers late.

    Raises
    ------
    InvalidInput
        If clusters differ in groups or splits, or a start does not fit its cluster.

    Examples
    --------
    >>> cluster = ServingCluster(3, [4, 4], itl=lambda n: 6.0 + 0.1 * n)
    >>> found = coupled_orbits([cluster] * 2, [cluster.start((1, 2)), cluster.start((2, 1))], 20)
    >>> found.period.tolist(), found.split[:, -1].tolist()
    ([1, 1], [[1, 2], [2, 1]])
    """
    require(len(clusters) > 0 and len(clusters) == len(starts), f"{len(clusters)} clusters and {len(starts)} starts")
    require(
        isinstance(planner, str) and planner in _PLANNERS,
        f"planner is {', '.join(map(repr, _PLANNERS))}; got {planner!r:.60}",
    )
    steps, first = whole(num_steps, "num_steps", 1), clusters[0]
    same = all(c.group_sizes == first.group_sizes and c.splits == first.splits for c in clusters)
    require(same, "clusters of one batch have the same groups of requests and the same splits of their budgets")
    late = np.asarray(delay)
    require(late.shape in ((), (len(clusters),)), f"delay is one number or one a cluster; got shape {late.shape}")
    late = np.broadcast_to(late, (len(clusters),))
    require(
        late.dtype.kind in "iu" and bool((late >= 0).all() and (late <= steps).all()), "delay is whole steps, 0 … T"
    )
    splits = np.array(first.splits)
    index = {tuple(s): k for k, s in enumerate(first.splits)}
    fit = all(
        s.split in index and s.placement.shape[1] == first.num_groups and len(s.routing) == first.num_requests
        for s in starts
    )
    require(
        fit,
        f"a start has {first.num_requests} requests, {first.num_groups} groups and one of the splits {first.splits}",
    )
    held = np.zeros((len(starts), int(splits[:, 1].max()), first.num_groups), dtype=np.int8)
    for b, state in enumerate(starts):
        held[b, : state.split[1]] = state.placement
    require(bool((held <= 1).all()), "caches of a serving cluster have one tier: placements are 0 or 1")
    numbers = np.array(
        [
            (c.output_tokens, c.own_ms, c.prefix_ms, c.transfer_ms, c.overlap_weight, c.ttft_target_ms, c.itl_target_ms)
            for c in clusters
        ]
    )
    shape = (len(clusters), steps + 1)
    split, cost, code = np.empty(shape, np.int64), np.empty(shape), np.empty(shape, np.uint64)
    compiled.orbits(
        np.stack([c.token_ms for c in clusters]),
        numbers,
        np.array([c.places for c in clusters]),
        first.group,
        splits,
        np.array([index[s.split] for s in starts]),
        held,
        np.stack([s.routing for s in starts]),
        steps,
        _PLANNERS[planner],
        late.astype(np.int64),
        split,
        cost,
        code,
    )
    period, transient = _periods(code, late)
    return OrbitBatch(splits[split], cost, period, transient)


def _periods(code: np.ndarray, late: np.ndarray) -> tuple[IntArray, IntArray]:
    """Smallest period of each row, the past that its delay reaches included, and where it begins."""
    period, transient = np.zeros(len(code), dtype=np.int64), np.full(len(code), code.shape[1] - 1)
    settled = (code[:, -1:] == code[:, -2:-1]).ravel()
    for b in range(len(code)):
        row = code[b]
        if settled[b]:  # the compiled orbit fills up with a state only when it stays
            begin = int(np.flatnonzero(row != row[-1])[-1]) + 1 if (row != row[-1]).any() else 0
            period[b], transient[b] = 1, begin + (int(late[b]) if begin else 0)
            continue
        met: dict[bytes, int] = {}
        padded = np.concatenate([np.repeat(row[:1], int(late[b])), row])
        for t in range(len(row)):
            window = padded[t : t + int(late[b]) + 1].tobytes()
            if window in met:
                transient[b], period[b] = met[window], t - met[window]
                break
            met[window] = t
    return period, transient
