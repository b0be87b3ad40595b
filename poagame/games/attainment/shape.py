"""Where a curve is not concave: what equilibria of pools want, and service levels are not in general."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame._arrays import require
from poagame.games.attainment.base import Attainment
from poagame.games.checks import finite, whole

SLOPE_RTOL = 1e-9
"""Rises of the slope smaller than this share of the largest slope are rounding."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a grid tells of a curve's shape.

    Attributes
    ----------
    low, high : float
        Between which numbers of workers.
    points : int
        Of the grid; between them nothing is known.
    convex : tuple of (float, float)
        Intervals on which chords get steeper: the curve is not concave there.
    rise : float
        Most by which a chord is steeper than the one before, 0 if concave.
    rise_at : float
        Workers at which those two chords meet; `low` if concave.
    """

    low: float
    high: float
    points: int
    convex: tuple[tuple[float, float], ...]
    rise: float
    rise_at: float

    @property
    def is_concave(self) -> bool:
        """Whether no chord of the grid is steeper than the one before."""
        return not self.convex

    def __str__(self) -> str:
        """A line."""
        where = ", ".join(f"{a:.4g} to {b:.4g}" for a, b in self.convex)
        most = f", most at {self.rise_at:.4g}, where a worker more is worth {self.rise:.3g} more than the one before"
        found = f"not concave from {where}{most}" if where else "concave"
        return f"{found} between {self.low:g} and {self.high:g} workers (by {self.points:,} points)"


def shape(curve: Attainment, low: float, high: float, points: int = 513) -> Shape:
    """Look at a curve's chords between `low` and `high` workers.

    Raises
    ------
    InvalidInput
        If low is not below high, or points fewer than 3.

    Examples
    --------
    >>> from poagame.games.attainment import Exponential, PrefillQueue
    >>> print(shape(Exponential(2.0), 1.0, 8.0))
    concave between 1 and 8 workers (by 513 points)

    A queue is worth nothing to the number of workers that keep up, here two, and most just beyond:

    >>> found = shape(PrefillQueue(10.0, 200.0, 400.0), 1.0, 8.0)
    >>> found.is_concave, round(found.rise_at, 1)
    (False, 2.0)
    """
    a, b, number = finite(low, "low"), finite(high, "high"), whole(points, "points", 3)
    require(a < b, f"low is below high; got {a:g} and {b:g}")
    x = np.linspace(a, b, number)
    slope = np.diff(curve(x)) / np.diff(x)
    rise = np.diff(slope)
    rising = rise > SLOPE_RTOL * max(float(np.abs(slope).max()), 1e-300)
    edge = np.diff(np.concatenate([[0], rising.astype(np.int64), [0]]))
    starts, ends = np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)
    convex = tuple((float(x[i]), float(x[j + 1])) for i, j in zip(starts, ends, strict=True))
    if not convex:
        return Shape(a, b, number, (), 0.0, a)
    most = int(rise.argmax())
    return Shape(a, b, number, convex, float(rise[most]), float(x[most + 1]))
