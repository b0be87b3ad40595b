r"""Runs of a Planner, many at once: the state, what is seen of it, and what it loses.

In interval t the pools have :math:`g_t` workers ordered. A worker that is ordered serves nobody for `startup_s`; those ordered last are
given up first. Then those that serve are the fewest ordered at any time within the last `startup_s`,

.. math:: \min_{t - m \le s \le t} g_s,

so that nothing but past orders is the state. If `startup_s` is m intervals and a share f of one, an interval has two phases: for the
share f of it one order more counts, t − m − 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from poagame._arrays import FloatArray, IntArray
from poagame.errors import InvalidInput
from poagame.games.checks import shown
from poagame.solvers.planner.loads import WHOLE_RTOL
from poagame.solvers.planner.rules import Observation, PlannerRule
from poagame.solvers.planner.tables import PoolTables, beside


@dataclass(frozen=True, slots=True)
class Timing:
    """Times in intervals.

    Attributes
    ----------
    lag : [B]
        Whole intervals by which what is seen is older than the last one.
    startup : int
        m.
    part : float
        f.
    """

    lag: IntArray
    startup: int
    part: float

    @property
    def memory(self) -> IntArray:
        """[B]: past orders, the current one among them, that all to come depends on."""
        return self.lag + self.startup + 2


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """B runs of T intervals.

    Attributes
    ----------
    splits : [B, T, 2]
        Workers ordered.
    serving : [B, T, 2]
        Workers that serve, on average over the interval.
    attainments : [B, T, 2]
        On average over the interval.
    missed : [B, T]
        What attainments leave to be desired, by the game's welfare, on average over the interval.
    """

    splits: IntArray
    serving: FloatArray
    attainments: FloatArray
    missed: FloatArray


def timing(delay_s: FloatArray, startup_s: float, interval_s: float, intervals: int) -> Timing:
    """Times in intervals; delays are rounded up to whole ones, since only whole intervals are seen.

    What lasts longer than all `intervals` of a run lasts as long as they do: nobody sees the difference.
    """
    horizon = intervals * interval_s
    lag = np.ceil(np.minimum(delay_s, horizon) / interval_s * (1.0 - WHOLE_RTOL)).astype(np.int64)
    startup = min(startup_s, horizon) / interval_s
    whole = int(startup * (1.0 + WHOLE_RTOL))
    return Timing(lag, whole, max(startup - whole, 0.0))


def simulate(
    tables: PoolTables,
    rules: Sequence[tuple[PlannerRule, slice]],
    level: IntArray,
    times: Timing,
    start: tuple[int, int],
) -> Paths:
    """Run all rules, each on its slice of the B runs.

    Parameters
    ----------
    tables : PoolTables
        Of the levels.
    rules : sequence of (rule, slice)
        Which rule plans for which runs.
    level : [B, T]
        Index of the level of each interval.
    times : Timing
        Of all runs.
    start : (int, int)
        Workers that serve before the first interval.

    Raises
    ------
    InvalidInput
        If a rule answers with anything but whole numbers [B, 2].
    """
    runs, intervals = level.shape
    b, before = np.arange(runs), times.startup + 1
    orders = np.empty((runs, before + intervals, 2), dtype=np.int64)
    orders[:, : before + 1] = start
    attained, rates = np.empty((runs, intervals, 2)), np.empty((runs, intervals, 2))
    serving, missed = np.empty((runs, intervals, 2)), np.empty((runs, intervals))
    share, came = tables.attainments, tables.rates[:, :, None].repeat(tables.most[1], axis=2)
    for t in range(intervals):
        if t > 0:
            now, seen = orders[:, before + t - 1], t - 1 - times.lag
            k, wanted = np.maximum(seen, 0), np.empty((runs, 2), dtype=np.int64)
            for rule, part in rules:
                view = Observation(
                    tables, t, now[part], level[b, k][part], attained[b, k][part], rates[b, k][part]
                )  # of a time before the first nothing is seen, and what the rule says is not heard
                wanted[part] = _workers(rule(view), rule, view)
            orders[:, before + t] = np.where((seen >= 0)[:, None], granted(tables, wanted), now)
        late = orders[:, t + 1 : t + before + 1].min(axis=1)
        early = np.minimum(late, orders[:, t])
        for array, table in ((attained, share), (rates, came), (missed, tables.missed)):
            array[:, t] = _mean(times.part, table, level[:, t], early, late)
        serving[:, t] = late - times.part * (late - early)
    return Paths(orders[:, before:], serving, attained, missed)


def granted(tables: PoolTables, wanted: IntArray) -> IntArray:
    """[B, 2]: what of the workers wanted the budget holds, at least one each; decode is cut first."""
    prefill = np.clip(wanted[:, 0], 1, tables.most[0])
    decode = np.clip(wanted[:, 1], 1, beside(tables.pools, 1, prefill))
    return np.stack([prefill, decode], axis=1)


def _mean(part: float, table: FloatArray, level: IntArray, early: IntArray, late: IntArray) -> FloatArray:
    """Mean over an interval's phases of what a table [L, P, D, …] says."""
    second = table[level, late[:, 0] - 1, late[:, 1] - 1]
    if part == 0.0:
        return second
    return second + part * (table[level, early[:, 0] - 1, early[:, 1] - 1] - second)


def _workers(answer: object, rule: PlannerRule, view: Observation) -> IntArray:
    wanted = np.asarray(answer)
    if wanted.shape != view.splits.shape or wanted.dtype.kind not in "iu":
        raise InvalidInput(
            f"{type(rule).__name__} is to answer with whole numbers of workers {view.splits.shape}; got {shown(answer)}"
        )
    return wanted.astype(np.int64)
