r"""Linear programmes of two unknowns, solved exactly up to rounding whatever the units.

The largest ρ with :math:`a_t\,\rho \le c_t + d_t\,\nu` for all rows t and some ν ≥ 0, where :math:`a_t \ge 0`. Rows of a > 0 are lines
:math:`(c + d\nu)/a` over ν, rows of a = 0 limit ν, and ρ is the highest point below all lines: where a rising line meets a falling one.
From one of each, the lowest line at their meeting point takes the place of the one that slopes like it, until no line is lower. No
tolerance in absolute units enters, as it would with a general solver, and where c ≥ 0 the terms of the answer have one sign.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame._arrays import FloatArray, IntArray

_EPSILON = 4.0 * float(np.finfo(np.float64).eps)


class NoSolution(Exception):
    """No unknowns meet the rows."""


@dataclass(frozen=True, eq=False, slots=True)
class Vertex:
    """The highest point.

    Attributes
    ----------
    rho, nu : float
    rows : [k]
        Numbers of the one or two rows that hold it down.
    prices : [k]
        Their dual prices θ > 0: Σ θ a = 1, and Σ θ d = 0, or < 0 if ν = 0.
    """

    rho: float
    nu: float
    rows: IntArray
    prices: FloatArray


def highest(a: FloatArray, d: FloatArray, c: FloatArray) -> Vertex:
    """Solve the programme of rows a [T] ≥ 0, d [T], c [T].

    Raises
    ------
    NoSolution
        If the rows of a = 0 leave no ν.
    """
    size = np.maximum(np.maximum(a, np.abs(d)), np.abs(c))
    size = np.where(size > 0, size, 1.0)
    a, d, c = a / size, d / size, c / size
    low, high, floor, ceiling = _limits(a, d, c)
    lines = np.flatnonzero(a > 0)
    start, slope = c[lines] / a[lines], d[lines] / a[lines]

    def lowest(nu: float, rising: bool) -> int:
        """The lowest line at ν; of several, the steepest down, or up if `rising`."""
        height = start + slope * nu
        bottom = float(height.min())
        slack = _EPSILON * (np.abs(start) + np.abs(slope) * nu)
        level = np.flatnonzero(height <= bottom + slack)
        return int(level[(slope[level] if not rising else -slope[level]).argmin()])

    left = lowest(low, rising=False)
    if slope[left] <= 0.0:
        return _at_limit(a, d, c, size, int(lines[left]), floor if slope[left] < 0 else None, low)
    if high < np.inf:
        right = lowest(high, rising=True)
        if slope[right] >= 0.0:
            return _at_limit(a, d, c, size, int(lines[right]), ceiling if slope[right] > 0 else None, high)
    else:
        right = int(np.lexsort((start, slope))[0])
    for _ in lines:  # a line that was left lies above the meeting point for good, so no more steps are needed
        nu = (start[right] - start[left]) / (slope[left] - slope[right])
        height = start + slope * nu
        # lower by more than the rounding of its own terms, which for a steep line exceeds what is left of them
        lower = height < start[left] + slope[left] * nu - _EPSILON * (np.abs(start) + np.abs(slope) * nu)
        lower[[left, right]] = False
        if not lower.any():
            break
        new = int(np.where(lower, height, np.inf).argmin())
        left, right = (new, right) if slope[new] > 0 else (left, new)
    return _crossing(a, d, c, size, int(lines[left]), int(lines[right]))


def _limits(a: FloatArray, d: FloatArray, c: FloatArray) -> tuple[float, float, int | None, int | None]:
    """Least and largest ν that the rows of a = 0 allow, and which rows say so."""
    bare = np.flatnonzero(a == 0)
    if ((d[bare] == 0) & (c[bare] < 0)).any():
        raise NoSolution
    low, high, floor, ceiling = 0.0, np.inf, None, None
    up, down = bare[(d[bare] > 0) & (c[bare] < 0)], bare[d[bare] < 0]
    if up.size:
        floor = int(up[(-c[up] / d[up]).argmax()])
        low = float(-c[floor] / d[floor])
    if down.size:
        ceiling = int(down[(c[down] / -d[down]).argmin()])
        high = float(c[ceiling] / -d[ceiling])
    if high < low * (1.0 - _EPSILON):
        raise NoSolution
    return low, max(low, high), floor, ceiling


def _at_limit(
    a: FloatArray, d: FloatArray, c: FloatArray, size: FloatArray, line: int, limit: int | None, nu: float
) -> Vertex:
    """At the end of the range of ν, or on a level line."""
    rho, price = float((c[line] + d[line] * nu) / a[line]), 1.0 / a[line]
    if limit is None:
        return Vertex(rho, nu, np.array([line]), np.array([price / size[line]]))
    other = -price * d[line] / d[limit]
    return Vertex(rho, nu, np.array([line, limit]), np.array([price / size[line], other / size[limit]]))


def _crossing(a: FloatArray, d: FloatArray, c: FloatArray, size: FloatArray, left: int, right: int) -> Vertex:
    """Where a rising line meets one that does not rise."""
    up, down = d[left], -d[right]
    common = a[left] * down + a[right] * up
    rho, nu = (c[left] * down + c[right] * up) / common, (c[right] * a[left] - c[left] * a[right]) / common
    prices = np.array([down / common / size[left], up / common / size[right]])
    kept = prices > 0
    return Vertex(float(rho), float(nu), np.array([left, right])[kept], prices[kept])
