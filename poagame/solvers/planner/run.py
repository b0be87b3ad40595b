r"""The dynamics of a split: a rule that sees late, workers that start slowly, and a load that moves.

The order of an interval t = 0, 1, … T − 1 of Δ seconds is ours:

1. At its start the rule decides (from t = 1 on). It knows its own orders, and sees attainments, rates and the load's level of the last
   interval that ended at least `delay_s` before: interval :math:`t - 1 - \lceil delay / Δ \rceil`; before there is one it is not asked.
2. What it wants is ordered as far as the budget holds it, decode cut first. Workers given up stop at once, those that start last first;
   those new serve nobody for `startup_s`.
3. The load keeps the level of the interval's start; each pool attains what its serving workers attain at that level, at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from poagame._arrays import BoolArray, FloatArray, IntArray, require
from poagame.certificates.nash import regret
from poagame.errors import TooLarge
from poagame.games.checks import finite, positive, require_instance, shown, whole
from poagame.games.resource import ResourceGame
from poagame.solvers.planner.cycles import ends
from poagame.solvers.planner.loads import WHOLE_RTOL, Load, levels_of
from poagame.solvers.planner.rules import PlannerRule
from poagame.solvers.planner.simulate import Paths, simulate, timing
from poagame.solvers.planner.tables import PoolTables, beside, most_workers, tabulate

MAX_INTERVALS = 10_000_000
"""Most intervals that are simulated, all runs together (about 1 GB)."""


@dataclass(frozen=True, slots=True, eq=False)
class PlannerRun:
    """What a Planner did.

    Attributes
    ----------
    pools : ResourceGame
        Whom it planned for.
    rule : PlannerRule
        How.
    interval_s, delay_s, startup_s : float
        s.
    time_s : [T]
        Start of each interval.
    load : [T]
        Level of each interval.
    splits : [T, 2]
        Prefill and decode workers ordered, starting ones among them.
    serving : [T, 2]
        Workers that serve, on average over the interval.
    attainments : [T, 2]
        Share of requests that meet prefill's and decode's target, on average over the interval.
    converged : bool
        Whether the split stays as it is for ever if the load goes on as it did (a `Sine` with its period, all else at its last level).
        Proved by a state that came back, never guessed from a quiet end.
    period : int
        Of the cycle of splits, intervals; 0 if it settled; −1 if no state came back within the horizon (too short, or the load's period
        is no whole number of intervals).
    settled_s : float
        Start of the first interval from which on the split does not change, if converged; infinite if not.
    num_moves : int
        Intervals at whose start the split changed.
    gpu_seconds_lost : float
        Σ over intervals of Δ times the GPUs of workers that are starting: they serve nobody. GPUs not ordered at all are no part of it.
    excess_missed : float
        Σ over intervals of Δ · prefill's arrival rate · (missed − least missed of any split at that level), with `ResourceGame.missed` of
        the serving workers. Under welfare "goodput" that is the expected number of requests that miss a target and need not have; "sum"
        counts one that misses both twice. Never negative.
    regret : [2]
        What each pool would gain by itself from another number of workers in what the other leaves, at the last split and level, in
        cost, from `poagame.certificates.nash`. Where a settled run has some, the rule wants something else than the pools: a
        `StepPlanner` leaves them be within its hysteresis, a `DynamoPlanner` leaves GPUs unused.
    """

    pools: ResourceGame
    rule: PlannerRule
    interval_s: float
    delay_s: float
    startup_s: float
    time_s: FloatArray
    load: FloatArray
    splits: IntArray
    serving: FloatArray
    attainments: FloatArray
    converged: bool
    period: int
    settled_s: float
    num_moves: int
    gpu_seconds_lost: float
    excess_missed: float
    regret: FloatArray

    @property
    def unused_gpus(self) -> FloatArray:
        """[T] GPUs that no worker has."""
        return self.pools.budget - (self.splits * np.asarray(self.pools.gpus_per_worker)).sum(axis=1)

    def __str__(self) -> str:
        """A line."""
        p, d = self.splits[-1].tolist()
        if self.converged:
            how = f"settled at {p}P/{d}D after {self.settled_s:g} s"
        else:
            how = (
                f"repeats itself every {self.period} intervals" if self.period > 0 else "neither settled nor came back"
            )
        return f"{how}; {self.gpu_seconds_lost:g} GPU-seconds lost, {self.excess_missed:.4g} requests missed in excess"


def plan(
    pools: ResourceGame,
    rule: PlannerRule,
    load: Load = 1.0,
    *,
    interval_s: float | None = None,
    delay_s: float = 0.0,
    startup_s: float = 0.0,
    horizon_s: float = 3600.0,
    start: tuple[int, int] | None = None,
) -> PlannerRun:
    """Let a rule plan the split of two pools.

    Parameters
    ----------
    pools : ResourceGame
        Curves with arrival rates, such as `PrefillQueue` and `DecodeBatch`; at least one worker each.
    rule : PlannerRule
        `StepPlanner`, `DynamoPlanner`, `BestReplyPlanner`, `ProportionalPlanner`, or your own.
    load : float, array [T], Sine, Surge or callable
        What both arrival rates are multiplied by, > 0: for all times, by interval, or by time in s.
    interval_s : float, optional
        Δ, s; the rule's own if not given.
    delay_s : float
        Age of what is seen, ≥ 0; counted in whole intervals, rounded up.
    startup_s : float
        For so long a new worker serves nobody, ≥ 0.
    horizon_s : float
        At least an interval; the whole intervals in it are simulated.
    start : (int, int), optional
        Workers that serve at first; if not given prefill has half of the GPUs or the fewest workers, and decode all else.

    Raises
    ------
    InvalidInput
        If a number is out of its range, a curve has no arrival rate, the start is over the budget, or a rule's answer is none.
    TooLarge
        If the intervals, or the levels of the load times the splits, are too many.

    Examples
    --------
    >>> from poagame.games.attainment import DecodeBatch, PrefillQueue
    >>> from poagame.games.resource import ResourceGame
    >>> from poagame.solvers.planner import StepPlanner
    >>> prefill = PrefillQueue(20.0, service_ms=200.0, target_ms=400.0)
    >>> decode = DecodeBatch(20.0, lambda n: 8.0 + 0.25 * n, target_ms=12.0, output_tokens=200.0, max_batch=32)
    >>> pools = ResourceGame(12, prefill, decode)
    >>> print(plan(pools, StepPlanner(), startup_s=30.0, start=(2, 10)))
    settled at 7P/5D after 150 s; 150 GPU-seconds lost, 3332 requests missed in excess
    """
    require_instance(pools, ResourceGame, "pools")
    require_instance(rule, PlannerRule, "rule")
    step = positive(rule.interval_s if interval_s is None else interval_s, "interval_s")
    delay, startup = nonnegative(delay_s, "delay_s"), nonnegative(startup_s, "startup_s")
    intervals = num_intervals(horizon_s, step)
    levels = levels_of(load, intervals, step)
    first = start_split(pools, start)
    known, index = np.unique(levels.level, return_inverse=True)
    tables = tabulate(pools, known)
    times = timing(np.array([delay]), startup, step, intervals)
    paths = simulate(tables, [(rule, slice(None))], index[None], times, first)
    cycle = int(np.lcm(levels.cycle, whole(rule.cycle, "cycle", 1)))
    converged, period = ends(paths.splits, times.memory, np.array([cycle]), np.array([levels.since]))
    lost = losses(tables, paths, index[None], step)
    final = pools.scaled(float(levels.level[-1])).splits()
    return PlannerRun(
        pools,
        rule,
        step,
        delay,
        startup,
        step * np.arange(intervals, dtype=np.float64),
        levels.level,
        paths.splits[0],
        paths.serving[0],
        paths.attainments[0],
        bool(converged[0]),
        int(period[0]),
        float(settled(paths.splits, converged, step)[0]),
        int(moves(paths.splits)[0].sum()),
        float(lost[0][0]),
        float(lost[1][0]),
        regret(final, paths.splits[0, -1] - 1),
    )


def moves(splits: IntArray) -> BoolArray:
    """[B, T − 1]: whether the split changed from one interval to the next."""
    return (np.diff(splits, axis=1) != 0).any(axis=2)


def settled(splits: IntArray, converged: BoolArray, interval_s: float) -> FloatArray:
    """[B]: when runs that converged changed last, s; infinite for others."""
    moved = moves(splits)
    last = np.where(moved.any(axis=1), moved.shape[1] - moved[:, ::-1].argmax(axis=1), 0) if moved.shape[1] else 0
    return np.where(converged, last * interval_s, np.inf)


def losses(tables: PoolTables, paths: Paths, level: IntArray, interval_s: float) -> tuple[FloatArray, FloatArray]:
    """[B] GPU-seconds of workers that are starting, and [B] requests that miss in excess of the best split."""
    idle = ((paths.splits - paths.serving) * np.asarray(tables.pools.gpus_per_worker)).sum(axis=2)
    excess = tables.rates[level, 0, 0] * np.maximum(paths.missed - tables.best[level], 0.0)
    return interval_s * idle.sum(axis=1), interval_s * excess.sum(axis=1)


def num_intervals(horizon_s: float, interval_s: float, runs: int = 1) -> int:
    """Whole intervals within the horizon, of which all runs together are not too many."""
    horizon = positive(horizon_s, "horizon_s")
    if horizon / interval_s * runs > MAX_INTERVALS:
        raise TooLarge(
            f"{runs:,} runs of {horizon / interval_s:.3g} intervals are more than {MAX_INTERVALS:,} intervals in all; "
            "shorten the horizon, or plan less often"
        )
    number = int(horizon / interval_s * (1.0 + WHOLE_RTOL))
    require(number >= 1, f"a horizon of {horizon:g} s holds no interval of {interval_s:g} s; make it longer")
    return number


def start_split(pools: ResourceGame, start: tuple[int, int] | None) -> tuple[int, int]:
    """Workers to begin with."""
    most = most_workers(pools)
    if start is None:
        p = min(max(int(pools.budget / 2 // pools.gpus_per_worker[0]), 1), most[0])
        return p, int(beside(pools, 1, np.array(p)))
    pair: Any = tuple(start) if isinstance(start, list | tuple | np.ndarray) else ()
    require(len(pair) == 2, f"start is (prefill workers, decode workers); got {shown(start)}")
    p, d = whole(pair[0], "prefill workers", 1), whole(pair[1], "decode workers", 1)
    size = pools.gpus_per_worker
    require(
        p <= most[0] and d <= int(beside(pools, 1, np.array(p))),
        f"{p}P/{d}D need {p * size[0] + d * size[1]:g} GPUs and the budget is {pools.budget:g}",
    )
    return p, d


def nonnegative(value: object, name: str) -> float:
    """`value` as a float ≥ 0."""
    number = finite(value, name)
    require(number >= 0.0, f"{name} must be nonnegative; got {number:g}")
    return number
