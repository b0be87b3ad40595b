r"""Windows of consecutive requests, and the load in flight on each worker when a window opens.

A request is in flight on its worker on the half-open interval [arrival, finish). The load that a window finds is

.. math:: n_j(t) = \#\{k : \text{worker}_k = j,\ \text{arrival}_k < t < \text{finish}_k\}

at the arrival t of its first request, counted over *all* requests of the run, whatever their group or phase. One sweep
over arrivals and finishes gives all loads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from poagame._arrays import IntArray, require
from poagame._compiled import compiled
from poagame.errors import InvalidInput, TooLarge
from poagame.estimator.timeline import Codes, Timeline

MAX_LOADS: Final = 2**28
"""Most loads (windows × workers) that are held at once: 1 GiB."""


@dataclass(frozen=True, eq=False, slots=True)
class Segment:
    """The windows of one group in one run.

    Attributes
    ----------
    group : row of `Timeline.groups`
    workers : [W]
        Indices into `Timeline.workers` of the workers seen in the run.
    members : [V, length]
        Positions in the timeline of each window's requests.
    background : [V, W]
        Requests in flight on each worker when the window opens.
    left_out : requests after the last full window
    """

    group: int
    workers: IntArray
    members: IntArray
    background: Codes
    left_out: int

    @property
    def length(self) -> int:
        """Requests a window."""
        return self.members.shape[1]

    @property
    def slots(self) -> int:
        """Replicated slots a worker: ⌈length / W⌉, the fewest that seat a window."""
        return -(-self.length // len(self.workers))


def split(times: Timeline, window: int | None = None) -> tuple[list[Segment], Codes]:
    """Cut every segment into windows, and sweep the runs once for the loads.

    Parameters
    ----------
    times : Timeline
    window : int, optional
        Requests a window; by default the number of workers seen in the run.

    Returns
    -------
    segments
        One a (group, run), also where no window fits.
    found : [N] int32
        Requests in flight on its own worker that each request finds on arrival.

    Raises
    ------
    InvalidInput
        If the window is not a positive integer, or longer than every segment.
    TooLarge
        If windows × workers exceeds `MAX_LOADS`.
    """
    if window is not None:
        good = isinstance(window, int | np.integer) and not isinstance(window, bool) and window >= 1
        require(good, f"window must be a positive number of requests; got {window!r}")
    count = len(times.group_of_segment)
    order: IntArray = np.argsort(times.segment, kind="stable")
    start = np.searchsorted(times.segment[order], np.arange(count + 1))
    opens = np.full(len(order), -1, np.int64)
    seen: list[IntArray] = []
    members: list[IntArray] = []
    size = 0
    for s in range(count):
        mine = order[start[s] : start[s + 1]]
        # an optimum may use the workers that stood idle in this group
        workers = np.flatnonzero(np.bincount(times.worker[times.run_of(int(mine[0]))], minlength=len(times.workers)))
        length = len(workers) if window is None else int(window)
        full = len(mine) // length
        inside = mine[: full * length].reshape(full, length)
        opens[inside[:, 0]] = size + np.arange(full) * len(workers)
        size += full * len(workers)
        seen.append(workers)
        members.append(inside)
    if not any(len(m) for m in members):
        raise InvalidInput(
            f"a window of {'one request a worker' if window is None else f'{window} requests'} is longer than "
            f"every group: the largest holds {int(np.diff(start).max())}. Give a shorter window=, or coarser groups "
            "with group_by="
        )
    if size > MAX_LOADS:
        raise TooLarge(f"windows × workers = {size:,} loads exceed {MAX_LOADS:,}; give a longer window=")
    background = np.zeros(size, np.int32)
    found = np.zeros(len(order), np.int32)
    first = np.concatenate([[0], np.cumsum([len(w) for w in seen])]).astype(np.int64)
    _sweep(
        times.run_start,
        times.arrival,
        times.finish,
        _finish_order(times),
        times.worker,
        len(times.workers),
        times.segment,
        opens,
        first,
        np.concatenate(seen),
        found,
        background,
    )
    segments: list[Segment] = []
    at = 0
    for s, (workers, inside) in enumerate(zip(seen, members, strict=True)):
        stop = at + len(inside) * len(workers)
        left = int(start[s + 1] - start[s]) - inside.size
        loads = background[at:stop].reshape(len(inside), len(workers))
        segments.append(Segment(int(times.group_of_segment[s]), workers, inside, loads, left))
        at = stop
    return segments, found


def _finish_order(times: Timeline) -> IntArray:
    """Positions in order of finish within each run."""
    order = np.empty(len(times.finish), np.int64)
    for a, b in zip(times.run_start[:-1], times.run_start[1:], strict=True):
        order[a:b] = np.argsort(times.finish[a:b])
        order[a:b] += a
    return order


@compiled
def _sweep(  # pragma: no cover - compiled
    run_start: Any,
    arrival: Any,
    finish: Any,
    finish_order: Any,
    worker: Any,
    num_workers: Any,
    segment: Any,
    opens: Any,
    first: Any,
    seen: Any,
    found: Any,
    background: Any,
) -> None:
    """Fill `found` [N], and `background` from `opens[i]` ≥ 0 on with the loads of the segment's workers."""
    load = np.zeros(num_workers, np.int32)
    for r in range(len(run_start) - 1):
        end = run_start[r + 1]
        done = run_start[r]
        i = run_start[r]
        while i < end:
            now = arrival[i]
            while done < end and finish[finish_order[done]] <= now:
                k = finish_order[done]
                done += 1
                if finish[k] > arrival[k]:  # a request of no duration is never in flight
                    load[worker[k]] -= 1
            stop = i
            while stop < end and arrival[stop] == now:  # simultaneous arrivals do not see each other
                found[stop] = load[worker[stop]]
                if opens[stop] >= 0:
                    at = opens[stop]
                    for w in range(first[segment[stop]], first[segment[stop] + 1]):
                        background[at] = load[seen[w]]
                        at += 1
                stop += 1
            for k in range(i, stop):
                if finish[k] > arrival[k]:
                    load[worker[k]] += 1
            i = stop
        while done < end:
            k = finish_order[done]
            done += 1
            if finish[k] > arrival[k]:
                load[worker[k]] -= 1
