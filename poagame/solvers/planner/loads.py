"""How much comes when: levels that multiply the arrival rates of both pools, one an interval of the Planner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.games.checks import finite, positive

WHOLE_RTOL = 1e-9
"""A ratio of times this close to a whole number is one."""


@dataclass(frozen=True, slots=True)
class Sine:
    r"""The level :math:`m\,(1 + w \sin(2 \pi t / T))`.

    Parameters
    ----------
    mean : float
        m > 0.
    swing : float
        w, 0 ≤ w < 1: of the mean.
    period_s : float
        T, s.

    Raises
    ------
    InvalidInput
        If a number is out of its range.

    Examples
    --------
    >>> Sine(1.0, 0.5, 40.0)([0.0, 10.0, 20.0, 30.0]).round(12).tolist()
    [1.0, 1.5, 1.0, 0.5]
    """

    mean: float
    swing: float
    period_s: float

    def __post_init__(self) -> None:
        positive(self.mean, "mean")
        positive(self.period_s, "period_s")
        require(
            0.0 <= finite(self.swing, "swing") < 1.0,
            f"swing is a share of the mean, at least 0 and below 1; got {self.swing:g}",
        )

    def __call__(self, time_s: ArrayLike) -> FloatArray:
        """Level at each time."""
        turn = np.asarray(time_s, dtype=np.float64) / self.period_s
        return self.mean * (1.0 + self.swing * np.sin(2.0 * np.pi * turn))


@dataclass(frozen=True, slots=True)
class Surge:
    """The level `high` from `at_s` on until before `until_s`, else `low`.

    Parameters
    ----------
    low, high : float
        Positive; high may be below low.
    at_s, until_s : float
        s, at_s < until_s.

    Raises
    ------
    InvalidInput
        If a number is out of its range.

    Examples
    --------
    >>> Surge(1.0, 2.0, at_s=10.0, until_s=30.0)([0.0, 10.0, 29.0, 30.0]).tolist()
    [1.0, 2.0, 2.0, 1.0]
    """

    low: float
    high: float
    at_s: float
    until_s: float

    def __post_init__(self) -> None:
        positive(self.low, "low")
        positive(self.high, "high")
        require(
            finite(self.at_s, "at_s") < finite(self.until_s, "until_s"),
            f"a surge begins before it ends; got at_s={self.at_s:g}, until_s={self.until_s:g}",
        )

    def __call__(self, time_s: ArrayLike) -> FloatArray:
        """Level at each time."""
        t = np.asarray(time_s, dtype=np.float64)
        return np.where((t >= self.at_s) & (t < self.until_s), self.high, self.low)


Load: TypeAlias = float | ArrayLike | Sine | Surge | Callable[[FloatArray], ArrayLike]
"""A level for all times, one for each interval [T], or a function of the time in s."""


class Levels(NamedTuple):
    """A load by intervals."""

    level: FloatArray
    """[T]: that of each interval's start, held through it."""
    cycle: int
    """Intervals after which the load repeats itself for ever, 1 if it is constant from `since` on, 0 if never in whole intervals."""
    since: int
    """Interval from which on that is so."""


def levels_of(load: Load, num_intervals: int, interval_s: float) -> Levels:
    """Levels of the intervals, and after how many they repeat.

    A `Sine` repeats after its period, if a number of periods up to the horizon is one of intervals. All else is taken to stay at its last
    level.

    Raises
    ------
    InvalidInput
        If a level is not positive, or an array has not one for each interval.
    """
    times = interval_s * np.arange(num_intervals)
    if isinstance(load, Sine) and load.swing > 0.0:
        cycle = _cycle(load.period_s, num_intervals, interval_s)
        # one cycle, repeated: rounding of far phases must not make new levels
        once = load(times[: cycle or num_intervals])
        return Levels(_positive(np.resize(once, num_intervals)), cycle, 0)
    anything: Any = load
    given: Any = anything(times) if callable(anything) else anything
    level = as_floats(given, "load")
    require(
        np.asarray(given).dtype.kind in "iuf",
        f"a load is a positive number, an array of them, or a function of time; got {given!r:.80}",
    )
    if level.ndim == 0:
        level = np.full(num_intervals, float(level))
    require(
        level.shape == (num_intervals,),
        f"a load has one level for each of the {num_intervals} intervals of the horizon; got shape {level.shape}",
    )
    changes = np.flatnonzero(np.diff(level))
    return Levels(_positive(level), 1, int(changes[-1]) + 1 if changes.size else 0)


def _cycle(period_s: float, num_intervals: int, interval_s: float) -> int:
    """Fewest intervals that make whole periods, 0 if that takes more than there are."""
    turns = np.arange(1, num_intervals + 1) * (interval_s / period_s)
    found = np.flatnonzero((np.rint(turns) >= 1) & (np.abs(turns - np.rint(turns)) <= WHOLE_RTOL * turns))
    return int(found[0]) + 1 if found.size else 0


def _positive(level: FloatArray) -> FloatArray:
    require(bool((level > 0).all()), f"levels multiply arrival rates and are positive; the smallest is {level.min():g}")
    return level
