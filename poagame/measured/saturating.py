r"""The saturating curve :math:`a + s\,x + g\,x/(c - x)` fitted to points.

For a fixed capacity c it is linear in (a, s, g), so these come from nonnegative least squares and only c is searched
for (variable projection [1]_): on a logarithmic grid of the headroom :math:`c/\max x - 1`, then between the neighbours
of each local minimum. As :math:`c \to \infty` the curve tends to a straight line, and as c falls to the largest load
the last term touches that load alone. So a capacity is claimed only where the points reject the line.

.. [1] Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973) 413-432.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import fdtri

from poagame._arrays import FloatArray, require
from poagame.latency import Polynomial, Saturating
from poagame.measured.least_squares import Solution, nonnegative, require_loads
from poagame.measured.points import Points

_LOG_HEADROOM: Final = np.log(np.logspace(-3.0, 3.0, 121))
_ROUNDING: Final = 1e-24
"""Residual sum of squares, relative to that of the data, below which a fit is exact up to rounding."""


def fit_saturating(points: Points, capacity: float | None, confidence: float) -> Solution:
    """Fit the curve, or the line where the points show no capacity.

    Raises
    ------
    InvalidInput
        If a `capacity` is given that is not above every load.
    FitFailed
        If there are fewer distinct loads than parameters.
    """
    x, y, top = points.load, points.latency, float(points.load.max())
    if capacity is not None:
        require(
            math.isfinite(capacity) and capacity > top,
            f"capacity must be finite and above every load; got {capacity:g}, and the largest load is {top:g}",
        )
        require_loads(points, "saturating (capacity given)", 3)
        return _curve(points, capacity, ("capacity",), notes=(f"the capacity {capacity:g} was given, not fitted",))
    require_loads(points, "saturating", 4)

    def profile(log_headroom: float) -> float:
        return nonnegative(_design(x, top * (1.0 + math.exp(log_headroom))), points)[1]

    line, straight = nonnegative(np.stack([np.ones_like(x), x], axis=1), points)
    best, lowest = _search(profile)
    rounding = _ROUNDING * float((points.weight * y * y).sum())
    freedom = len(x) - 4
    gain = straight - lowest
    shown = gain > rounding and best < float(_LOG_HEADROOM[-1])
    if shown and confidence > 0:
        shown = freedom > 0 and gain * freedom > 2.0 * float(fdtri(2, freedom, confidence)) * max(lowest, rounding)
    fitted = top * (1.0 + math.exp(best))
    if not shown:
        return _line(points, line, fitted if gain > rounding else None, freedom, confidence)
    interval = None
    if freedom > 0 and confidence > 0:
        level = lowest + float(fdtri(1, freedom, confidence)) / freedom * max(lowest, rounding)
        interval = _interval(profile, best, level, top)
    return _curve(points, fitted, interval=interval, at_edge=best <= float(_LOG_HEADROOM[0]) + 1e-6)


def _design(load: FloatArray, capacity: float) -> FloatArray:
    return np.stack([np.ones_like(load), load, load / (capacity - load)], axis=1)


def _search(profile: Callable[[float], float]) -> tuple[float, float]:
    """Log headroom of the least residual, and that residual: the best of the refined local minima of the grid."""
    grid = _LOG_HEADROOM
    values = np.array([profile(float(t)) for t in grid])
    padded = np.concatenate([[np.inf], values, [np.inf]])
    minima = np.flatnonzero((values <= padded[:-2]) & (values <= padded[2:]))
    minima = minima[np.argsort(values[minima], kind="stable")[:4]]
    candidates = [(float(values[i]), float(grid[i])) for i in minima]
    for i in minima:
        bounds = (float(grid[max(i - 1, 0)]), float(grid[min(i + 1, len(grid) - 1)]))
        found = minimize_scalar(profile, bounds=bounds, method="bounded", options={"xatol": 1e-10})
        candidates.append((float(found.fun), float(found.x)))
    lowest, best = min(candidates)
    return best, lowest


def _interval(profile: Callable[[float], float], best: float, level: float, top: float) -> tuple[float, float]:
    """Capacities around the best whose profile stays at or below `level`."""

    def crossing(outwards: FloatArray) -> float | None:
        inner = best
        for outer in outwards.tolist():
            if profile(outer) > level:
                root = brentq(lambda t: profile(t) - level, inner, outer, xtol=1e-9)
                return float(root)  # pyright: ignore[reportArgumentType] - scipy's return type depends on a flag
            inner = outer
        return None

    split = int(np.searchsorted(_LOG_HEADROOM, best))
    low, high = crossing(_LOG_HEADROOM[:split][::-1]), crossing(_LOG_HEADROOM[split:])
    return (
        top if low is None else top * (1.0 + math.exp(low)),
        math.inf if high is None else top * (1.0 + math.exp(high)),
    )


def _line(points: Points, line: FloatArray, fitted: float | None, freedom: int, confidence: float) -> Solution:
    x, top = points.load, float(points.load.max())
    why = "four points leave nothing to check it by" if freedom <= 0 else "a straight line fits no worse"
    if fitted is not None and freedom > 0 and confidence > 0:
        why = f"the straight line is not rejected at {confidence:.0%}; least squares alone would put it at {fitted:.4g}"
    note = f"no capacity is identified by loads up to {top:g} ({why}): the fit is the line; any above it is possible"
    return Solution(
        Polynomial(line),
        {"base": float(line[0]), "slope": float(line[1]), "strain": 0.0, "capacity": math.inf},
        np.stack([np.ones_like(x), x / top], axis=1),
        np.array([1.0, 1.0 / top]),
        at_bound=("strain", "capacity"),
        notes=(note,),
    )


def _curve(
    points: Points,
    capacity: float,
    fixed: tuple[str, ...] = (),
    *,
    interval: tuple[float, float] | None = None,
    at_edge: bool = False,
    notes: tuple[str, ...] = (),
) -> Solution:
    x, top = points.load, float(points.load.max())
    (base, slope, strain), _ = nonnegative(_design(x, capacity), points)
    if at_edge:
        notes += (
            f"the capacity runs to the lower edge of the search, just above the largest load {top:g}: only that load "
            "shows saturation, so the capacity is no measurement",
        )
    if interval is not None:
        notes += (f"capacities from {interval[0]:.4g} to {interval[1]:.4g} are not rejected by the points",)
    return Solution(
        Saturating(base, slope, strain, capacity),
        {"base": float(base), "slope": float(slope), "strain": float(strain), "capacity": capacity},
        np.column_stack([_design(x, capacity), -strain * x / (capacity - x) ** 2]),
        np.ones(4),
        fixed,
        ("capacity",) if at_edge else (),
        interval,
        notes,
    )
