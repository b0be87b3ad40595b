"""Where a Planner settles: over delay, gain and swing of the load, all runs at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import BoolArray, FloatArray, IntArray, as_floats, require
from poagame.games.checks import positive, whole
from poagame.games.resource import ResourceGame
from poagame.solvers.planner.cycles import ends
from poagame.solvers.planner.loads import Sine, levels_of
from poagame.solvers.planner.rules import PlannerRule, StepPlanner
from poagame.solvers.planner.run import losses, moves, nonnegative, num_intervals, settled, start_split
from poagame.solvers.planner.simulate import simulate, timing
from poagame.solvers.planner.tables import tabulate


@dataclass(frozen=True, slots=True, eq=False)
class StabilityMap:
    """How runs end, by delay × gain × swing; each entry is what `plan` finds for that run.

    Attributes
    ----------
    delays_s, gains, swings : [D], [G], [S]
        Of the axes.
    interval_s, period_s : float
        Of the Planner and of the load, s.
    converged : [D, G, S]
        Whether the split stays for ever.
    period : [D, G, S]
        Of the cycle of splits in intervals, 0 if it stays, −1 if unknown. Under a swinging load a Planner that follows it has the load's
        period; at swing 0 any period is the Planner's own.
    settled_s : [D, G, S]
        When it changed last, infinite where it does not stay.
    num_moves : [D, G, S]
        Intervals at whose start the split changed.
    gpu_seconds_lost, excess_missed : [D, G, S]
        As in `PlannerRun`.
    """

    delays_s: FloatArray
    gains: FloatArray
    swings: FloatArray
    interval_s: float
    period_s: float
    converged: BoolArray
    period: IntArray
    settled_s: FloatArray
    num_moves: IntArray
    gpu_seconds_lost: FloatArray
    excess_missed: FloatArray

    def __str__(self) -> str:
        """Periods by delay and gain at the smallest swing."""
        at = int(self.swings.argmin())
        rows = [f"period in intervals (0 settled, -1 unknown) at swing {self.swings[at]:g}"]
        rows += ["delay_s   " + " ".join(f"gain {g:<5g}" for g in self.gains)]
        rows += [
            f"{d:<9g} " + " ".join(f"{p:<10d}" for p in row)
            for d, row in zip(self.delays_s, self.period[:, :, at].tolist(), strict=True)
        ]
        return "\n".join(row.rstrip() for row in rows)


def stability_map(
    pools: ResourceGame,
    rule_of: Callable[[int], PlannerRule] = StepPlanner,
    delays_s: ArrayLike = (0.0, 30.0, 60.0, 120.0),
    gains: ArrayLike = (1, 2, 4),
    swings: ArrayLike = (0.0, 0.25, 0.5),
    *,
    mean: float = 1.0,
    period_s: float = 1200.0,
    interval_s: float | None = None,
    startup_s: float = 0.0,
    horizon_s: float = 7200.0,
    start: tuple[int, int] | None = None,
) -> StabilityMap:
    """Run a family of rules under sine loads, all combinations in one pass over time.

    Parameters
    ----------
    pools : ResourceGame
        As of `plan`.
    rule_of : callable
        From a gain to a rule.
    delays_s, gains, swings : [D], [G], [S]
        Delays ≥ 0, s; whole gains ≥ 1; swings as of `Sine`.
    mean, period_s : float
        Of the load, as of `Sine`.
    interval_s : float, optional
        That of the first rule if not given.
    startup_s, horizon_s, start
        As of `plan`.

    Raises
    ------
    InvalidInput
        If a number is out of its range or an axis is empty.
    TooLarge
        If the intervals of all runs, or the levels of the load times the splits, are too many; a `period_s` of few intervals needs few
        levels.

    Examples
    --------
    >>> from poagame.games.attainment import DecodeBatch, PrefillQueue
    >>> prefill = PrefillQueue(20.0, service_ms=200.0, target_ms=400.0)
    >>> decode = DecodeBatch(20.0, lambda n: 8.0 + 0.25 * n, target_ms=12.0, output_tokens=200.0, max_batch=32)
    >>> pools = ResourceGame(12, prefill, decode)
    >>> print(stability_map(pools, delays_s=[0.0, 60.0], gains=[1, 2], swings=[0.0], start=(2, 10)))
    period in intervals (0 settled, -1 unknown) at swing 0
    delay_s   gain 1     gain 2
    0         0          0
    60        10         10
    """
    delays, sizes, widths = _axis(delays_s, "delays_s"), _axis(gains, "gains"), _axis(swings, "swings")
    for delay in delays.tolist():
        nonnegative(delay, "delays_s")
    rules = [rule_of(whole(gain, "gains", 1)) for gain in sizes.tolist()]
    step = positive(rules[0].interval_s if interval_s is None else interval_s, "interval_s")
    intervals = num_intervals(horizon_s, step, delays.size * sizes.size * widths.size)
    startup = nonnegative(startup_s, "startup_s")
    loads = [levels_of(Sine(mean, swing, period_s), intervals, step) for swing in widths.tolist()]
    known, index = np.unique(np.stack([load.level for load in loads]), return_inverse=True)
    tables = tabulate(pools, known)
    # gains first, so that each rule plans for one slice of the batch
    shape = (len(sizes), len(delays), len(widths))
    each = len(delays) * len(widths)
    g, d, s = (axis.ravel() for axis in np.indices(shape))
    level, times = index.reshape(len(widths), intervals)[s], timing(delays[d], startup, step, intervals)
    parts = [(rule, slice(k * each, (k + 1) * each)) for k, rule in enumerate(rules)]
    paths = simulate(tables, parts, level, times, start_split(pools, start))
    cycle = np.lcm(
        np.array([load.cycle for load in loads])[s], np.array([whole(rule.cycle, "cycle", 1) for rule in rules])[g]
    )
    end = ends(paths.splits, times.memory, cycle, np.array([load.since for load in loads])[s])
    idle, excess = losses(tables, paths, level, step)

    def cube(values: Any) -> Any:
        return np.moveaxis(values.reshape(shape), 0, 1)

    return StabilityMap(
        delays,
        sizes,
        widths,
        step,
        float(period_s),
        cube(end.converged),
        cube(end.period),
        cube(settled(paths.splits, end.converged, step)),
        cube(moves(paths.splits).sum(axis=1)),
        cube(idle),
        cube(excess),
    )


def _axis(values: ArrayLike, name: str) -> FloatArray:
    axis = np.atleast_1d(as_floats(values, name))
    require(axis.ndim == 1 and axis.size > 0, f"{name} is a list of at least one number; got shape {axis.shape}")
    return axis
