r"""Prices that depend on the load, chosen for the least price of anarchy: one latency at a time, from load to load.

With C(v) = v b(v) and A(u) = u b(u), a ratio ρ can be had if prices f(1) … f(n) exist with

.. math:: C(v) - \rho A(u) + (u - x)\,f(u) - (v - x)\,f(u + 1) \ge 0

for both ends of x. Rows with v > x bound f(u + 1) from above, the less tightly the larger f(u) is; rows with v = x bound f(u) from
below. So the largest prices, taken one after another, are the best, and ρ can be had if and only if they meet the lower bounds. What they
miss one by is a concave, piecewise linear function of ρ, and Newton's method finds where it vanishes. The row that binds there and those
that made its price, back to f(1), are the worst game: the dual price of each follows from that of the row after it.

Welfare is the same with C(v) = −w(v), A(u) = w(u), negative prices and ρ = −μ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame._arrays import FloatArray
from poagame.bounds.tight.two_unknowns import NoSolution

Row = tuple[int, int, int]
"""(u, v, x)."""


@dataclass(frozen=True, eq=False, slots=True)
class ChosenPrices:
    """The best prices.

    Attributes
    ----------
    rho : float
    prices : [n]
        f(1) … f(n).
    rows : tuple of (u, v, x)
        The rows behind the worst game.
    shares : [k]
        Their dual prices > 0.
    """

    rho: float
    prices: FloatArray
    rows: tuple[Row, ...]
    shares: FloatArray


def choose_prices(spent: FloatArray, due: FloatArray, most: float) -> ChosenPrices:
    """Largest ρ ≤ `most` that prices allow, for A(1 … n) = `spent` ≥ 0 and C(1 … n) = `due`.

    Errors in ρ grow from load to load, so that at the last digits of ρ the prices of high loads are noise. The prices returned are those of
    a ρ that is lower by some 1e-13, at which no bound is missed, and that ρ is the one returned.

    Raises
    ------
    NoSolution
        If no ρ is allowed.
    """
    rho = most
    held = int(np.flatnonzero(spent > 0)[0]) + 1
    row: Row = (held, held, held)  # says ρ ≤ most
    while (missed := _sweep(spent, due, rho, _EPSILON).missed) is not None:
        step, row = missed
        rho -= step
        if not np.isfinite(rho):
            raise NoSolution
    below = 0.0
    while (sweep := _sweep(spent, due, rho - below, 0.0)).missed is not None:
        below = 4.0 * below if below else _EPSILON * abs(rho)
        if not np.isfinite(below):
            raise NoSolution
    return ChosenPrices(rho - below, np.array(sweep.prices), *_game(row, _sweep(spent, due, rho, _EPSILON).makers))


@dataclass(frozen=True, eq=False, slots=True)
class _Sweep:
    """The largest prices at one ρ, the row that made each, and the first lower bound that is missed: (Newton's step in ρ, row)."""

    prices: list[float]
    makers: list[Row]
    missed: tuple[float, Row] | None


def _sweep(spent: FloatArray, due: FloatArray, rho: float, rounding: float) -> _Sweep:
    """The largest prices at ρ, up to the first lower bound that is missed by more than `rounding` of ρ."""
    n = len(spent)
    prices, makers = list[float](), list[Row]()
    v = np.arange(1, n + 1)
    with_none = np.concatenate([[0.0], due])
    now, rate, cost = 0.0, 0.0, 0.0  # f(u), its slope in ρ, and A(u)
    for u in range(n):
        # x = max(0, u + v − n) < v always, as u < n; x = min(u, v) < v where v > u
        x = np.concatenate([np.maximum(0, u + v - n), np.full(n - u, u)])
        by, among = np.concatenate([v, v[u:]]), np.concatenate([due, due[u:]])
        bound = (among - rho * cost + (u - x) * now) / (by - x)
        k = int(bound.argmin())
        rate = max(((u - x[k]) * rate - cost) / (by[k] - x[k]), _STEEPEST)
        now, cost = float(bound[k]), float(spent[u])
        prices.append(now)
        makers.append((u, int(by[k]), int(x[k])))
        # the rows of v = x = 0 … u + 1, which bound f(u + 1) from below
        share = np.arange(u + 1, -1, -1)
        left = with_none[: u + 2] - rho * cost + share * now
        slope = share * rate - cost
        size = np.abs(with_none[: u + 2]) + abs(rho * cost) + np.abs(share * now)
        short = left < -_EPSILON * n * size
        if (short & (slope >= 0.0)).any():
            return _Sweep(prices, makers, (np.inf, (u + 1, 0, 0)))
        step = np.divide(left, slope, out=np.zeros_like(left), where=short & (slope < 0.0))
        worst = int(step.argmax())
        if step[worst] > rounding * abs(rho):
            return _Sweep(prices, makers, (float(step[worst]), (u + 1, worst, worst)))
        if (left < -0.01 * size).any():  # the rounding of ρ, grown up: from here on prices say nothing
            break
    return _Sweep(prices, makers, None)


def _game(row: Row, makers: list[Row]) -> tuple[tuple[Row, ...], FloatArray]:
    """The row that binds and the makers of its price, with their dual prices, the first of which is 1."""
    rows, shares = [row], [1.0]
    u, v, _ = row
    weight = float(u - v)
    while u > 0 and weight > 0.0:
        before, v, x = makers[u - 1]
        share = weight / (v - x)
        rows.append((before, v, x))
        shares.append(share)
        u, weight = before, share * (before - x)
    return tuple(rows), np.array(shares)


_STEEPEST = -1e200
"""Slope of a price in ρ beyond which it is all rounding; it grows from load to load."""

_EPSILON = 4.0 * float(np.finfo(np.float64).eps)
