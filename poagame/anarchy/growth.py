"""How fast a ratio grows with the size of a game: the exponent of a power law, by least squares in logarithms."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from poagame._arrays import as_floats, require
from poagame.games.checks import positive

Student: Any = stats.t
# 2026-11: scipy ships no types for its distributions.


class GrowthExponent(NamedTuple):
    """Exponent b of ratio ≈ a · size^b over the sizes looked at, and an interval for it."""

    exponent: float
    low: float
    high: float

    def __str__(self) -> str:
        """Exponent and interval."""
        return f"{self.exponent:.3f} ({self.low:.3f} to {self.high:.3f})"


def growth_exponent(sizes: ArrayLike, ratios: ArrayLike, level: float = 0.95) -> GrowthExponent:
    r"""Fit :math:`\log r_k = \log a + b \log n_k` and give b with its t-interval, :math:`b \pm t_{K-2}\, s / \sqrt{S_{xx}}`.

    Of exact ratios the interval says how far they are from a power law over these sizes, not what noise there was; where growth slows down
    or speeds up, exponents of larger sizes lie outside it.

    Parameters
    ----------
    sizes, ratios : [K]
        Positive; at least three, and two of the sizes different.
    level : float
        Confidence, between 0 and 1.

    Raises
    ------
    InvalidInput
        If the two differ in length, are too few or not positive, all sizes are one, or the level is out of range.

    Examples
    --------
    >>> print(growth_exponent([1, 4, 9, 16], [2, 4, 6, 8]))
    0.500 (0.500 to 0.500)
    >>> print(growth_exponent([10, 100, 1000], [1.0, 9.0, 120.0]))
    1.040 (0.413 to 1.666)
    """
    x, y = as_floats(sizes, "sizes"), as_floats(ratios, "ratios")
    require(
        x.ndim == 1 and x.shape == y.shape and len(x) > 2,
        f"sizes and ratios are two lists of one length, at least 3; got shapes {x.shape} and {y.shape}",
    )
    require(bool((x > 0).all() and (y > 0).all()), "sizes and ratios must be positive: a power law has a logarithm")
    require(positive(level, "level") < 1.0, f"level must be below 1; got {level:g}")
    x, y = np.log(x), np.log(y)
    off = x - x.mean()
    spread = float(off @ off)
    require(spread > 0, "sizes are all the same: give at least two different ones")
    slope = float(off @ y) / spread
    residual = y - y.mean() - slope * off
    error = np.sqrt(float(residual @ residual) / (len(x) - 2) / spread)
    half = float(Student.ppf(0.5 + level / 2.0, len(x) - 2)) * error
    return GrowthExponent(slope, slope - half, slope + half)
