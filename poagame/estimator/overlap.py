r"""Optimum of a window whose requests find part of their prompt in some workers' caches.

The overlap :math:`o_{ij}` of request i with worker j, in blocks, is

- what `overlap_blocks` says, for the worker that served i;
- for the others *inferred*: if j has served the prefix group of i before the window opened in this run, the median of
  the group's positive `overlap_blocks` (1, if the table has no such column), else 0. Evictions are not seen.

Both optima are then assignments of typed requests to slots with rising prices (`poagame.solvers.routing.transport`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from poagame._arrays import FloatArray, require
from poagame._compiled import compiled
from poagame.errors import MissingColumn, TooLarge
from poagame.estimator.congestion import at_most
from poagame.estimator.timeline import Timeline
from poagame.estimator.windows import Segment
from poagame.solvers.routing.transport_flow import assign_flow

_MAX_RESIDENCY = 2**27


@dataclass(frozen=True, eq=False, slots=True)
class Residency:
    """What is known of overlap: `blocks` [P] of a resident prefix group, and how it is known, in words."""

    blocks: FloatArray
    source: str


def residency(times: Timeline) -> Residency:
    """How much a resident prefix group overlaps, and where that comes from.

    Raises
    ------
    MissingColumn
        If the table has neither prefix groups nor overlaps.
    """
    if times.prefix is None and times.overlap is None:
        raise MissingColumn(
            "overlap_weight > 0 needs to know what the caches hold, and the table has neither overlap_blocks nor "
            "prefix_group: add one of the columns, or leave overlap_weight at 0"
        )
    if times.prefix is None:
        return Residency(
            np.zeros(0), "overlap_blocks for the worker that served the request, 0 for all others (no prefix_group)"
        )
    groups = int(times.prefix.max(initial=-1)) + 1
    if times.overlap is None:
        return Residency(
            np.ones(groups),
            "inferred: 1 for each worker that had served the request's prefix_group before in the run, else 0",
        )
    blocks = np.zeros(groups)
    known = (times.prefix >= 0) & (times.overlap > 0)
    order = np.argsort(times.prefix[known], kind="stable")
    prefix, overlap = times.prefix[known][order], times.overlap[known][order]
    cuts = np.flatnonzero(np.diff(prefix)) + 1
    for part, values in zip(np.split(prefix, cuts), np.split(overlap, cuts), strict=True):
        if len(part):
            blocks[part[0]] = np.median(values)
    return Residency(
        blocks,
        "overlap_blocks for the worker that served the request; inferred for the others: the prefix_group's median "
        "positive overlap_blocks where the worker had served the group before in the run, else 0",
    )


def optimum_with_overlap(
    segment: Segment, times: Timeline, known: Residency, table: FloatArray, overlap_weight: float, *, congested: bool
) -> tuple[FloatArray, FloatArray]:
    """Cost of the optimum and of the actual assignment of each window, less `overlap_weight` × overlap.

    Parameters
    ----------
    table : [1 or W, L]
        Latency at loads 0 … L − 1 ≥ background + length.
    congested
        Slots priced at marginal costs (the routing game); otherwise `Segment.slots` replicated ones at the frozen
        latency, and the actual assignment's cost is that of the matrix too.

    Returns
    -------
    optimum, actual : [V]

    Raises
    ------
    TooLarge
        If workers × prefix groups does not fit in memory.
    """
    members = segment.members
    shape = members.shape
    if not shape[0]:
        return np.empty(0), np.empty(0)
    worker = np.searchsorted(segment.workers, times.worker[members.ravel()]).reshape(shape)
    prefix = np.full(shape, -1, np.int32) if times.prefix is None else times.prefix[members]
    own = np.full(shape, np.nan) if times.overlap is None else times.overlap[members]
    if len(known.blocks) * len(segment.workers) > _MAX_RESIDENCY:
        raise TooLarge(
            f"{len(segment.workers)} workers × {len(known.blocks)} prefix groups exceed {_MAX_RESIDENCY:,} cache "
            "entries; name fewer, coarser prefix groups"
        )
    served = np.full((len(segment.workers), len(known.blocks)), np.inf)
    if times.prefix is not None:
        run = times.run_of(int(members[0, 0]))
        local = np.full(len(times.workers), -1, np.int64)
        local[segment.workers] = np.arange(len(segment.workers))
        _first_served(times.arrival[run], local[times.worker[run]], times.prefix[run], served)
    depth = shape[1] if congested else segment.slots
    enough = int(segment.background.max(initial=0)) + shape[1] + 1
    require(table.shape[1] >= enough, f"the table of latencies needs {enough} loads; it has {table.shape[1]}")
    optimum, actual = np.empty(shape[0]), np.empty(shape[0])
    _optima(
        segment.background,
        worker,
        prefix,
        own,
        times.arrival[members[:, 0]],
        served,
        known.blocks,
        table,
        depth,
        congested,
        overlap_weight,
        optimum,
        actual,
    )
    return (at_most(optimum, actual) if congested else optimum), actual


@compiled
def _first_served(arrival: Any, worker: Any, prefix: Any, served: Any) -> None:  # pragma: no cover - compiled
    """First arrival of each prefix group at each worker."""
    for i in range(len(arrival)):
        if worker[i] >= 0 and prefix[i] >= 0:
            served[worker[i], prefix[i]] = min(served[worker[i], prefix[i]], arrival[i])


@compiled
def _optima(  # pragma: no cover - compiled
    background: Any,
    worker: Any,
    prefix: Any,
    own: Any,
    opened: Any,
    served: Any,
    blocks: Any,
    table: Any,
    depth: Any,
    congested: Any,
    weight: Any,
    optimum: Any,
    actual: Any,
) -> None:
    windows, workers = background.shape
    length = worker.shape[1]
    shared = table.shape[0] == 1
    slots = np.empty((workers, depth))
    costs = np.empty((length, workers))
    ones = np.ones(length, np.int64)
    flow = np.zeros((length, workers), np.int64)
    prices = np.empty(length)
    load = np.empty(workers, np.int64)
    for v in range(windows):
        room = 0
        for j in range(workers):
            row, b = 0 if shared else j, background[v, j]
            for s in range(depth):
                if not congested:
                    slots[j, s] = table[row, b]
                elif table[row, b + s + 1] == np.inf:
                    slots[j, s] = np.inf
                else:
                    slots[j, s] = (s + 1) * table[row, b + s + 1] - (s * table[row, b + s] if s > 0 else 0.0)
                    if s > 0:  # convex but for rounding
                        slots[j, s] = max(slots[j, s], slots[j, s - 1])
                room += slots[j, s] < np.inf
        load[:] = 0
        actual[v] = 0.0
        for i in range(length):
            mine = worker[v, i]
            load[mine] += 1
            for j in range(workers):
                overlap = 0.0
                if j == mine and not np.isnan(own[v, i]):
                    overlap = own[v, i]
                elif prefix[v, i] >= 0 and served[j, prefix[v, i]] < opened[v]:
                    overlap = blocks[prefix[v, i]]
                costs[i, j] = -weight * overlap
            actual[v] += costs[i, mine] + (0.0 if congested else table[0 if shared else mine, background[v, mine]])
        if congested:
            for j in range(workers):
                if load[j] > 0:
                    actual[v] += load[j] * table[0 if shared else j, background[v, j] + load[j]]
        if room < length:
            optimum[v] = np.inf
            continue
        flow[:] = 0
        assign_flow(slots, costs, ones, flow, prices)
        optimum[v] = 0.0
        for j in range(workers):
            used = 0
            for i in range(length):
                if flow[i, j] > 0:
                    optimum[v] += costs[i, j]
                    used += 1
            if congested:
                if used > 0:
                    optimum[v] += used * table[0 if shared else j, background[v, j] + used]
            else:
                optimum[v] += used * table[0 if shared else j, background[v, j]] if used > 0 else 0.0
