"""Whether runs have settled, and after how many intervals they repeat themselves otherwise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from poagame._arrays import BoolArray, IntArray

UNKNOWN = -1
"""Period of a run that does not come back to an earlier state within its horizon."""


class Ends(NamedTuple):
    """How runs end."""

    converged: BoolArray
    """[B]: the split stays for ever."""
    period: IntArray
    """[B]: of the cycle of splits in intervals, 0 if it stays, −1 if unknown."""


def ends(splits: IntArray, memory: IntArray, cycle: IntArray, since: IntArray) -> Ends:
    """How runs go on, since the last `memory` orders and the phase of the load determine all that follows.

    The least number q of intervals is looked for, a multiple of the load's and the rule's cycle, after which a run came back to the state
    that it ends in; with the same state it repeats what it did, for ever.

    Parameters
    ----------
    splits : [B, T, 2]
        Orders.
    memory : [B]
        How many of them are the state.
    cycle : [B]
        Intervals after which load and rule repeat; 0 if never.
    since : [B]
        Interval from which on that is so.
    """
    runs, intervals = splits.shape[:2]
    code = splits[..., 0] * (splits[..., 1].max(initial=0) + 1) + splits[..., 1]
    back = np.zeros(runs, dtype=np.int64)
    for q in range(1, intervals):
        open_ = (back == 0) & (cycle > 0) & (intervals - q - memory >= since)
        if not open_.any():
            break
        tried = np.flatnonzero(open_ & (q % np.maximum(cycle, 1) == 0))
        if tried.size:
            longest = min(int(memory[tried].max()), intervals - q)
            same = code[tried, intervals - longest :] == code[tried, intervals - longest - q : intervals - q]
            ahead = np.arange(longest, 0, -1) > memory[tried, None]
            back[tried[(same | ahead).all(axis=1)]] = q
    period = np.array([_least_period(code[r, intervals - q :]) if q else UNKNOWN for r, q in enumerate(back.tolist())])
    return Ends(period == 0, period)


def _least_period(sequence: IntArray) -> int:
    """Least period of a sequence repeated for ever, 0 if it is constant."""
    if (sequence == sequence[0]).all():
        return 0
    n = len(sequence)
    return next(r for r in range(2, n + 1) if n % r == 0 and (sequence[r:] == sequence[:-r]).all())
