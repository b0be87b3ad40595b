r"""Waiting in M/D/c: several servers that all take the same time, here 1, so that the load a is the arrival rate.

With X the number in the system, the line :math:`M = (X - c)^+` is the supremum of a random walk with steps Poisson(a) − c, and a request
waits longer than t if M and the arrivals of a time y = k − t, k = ⌊t⌋ + 1, come to kc or more [franx2001]_:

.. math:: P(W \le t) = P(M + \mathrm{Poisson}(a y) < k c).

Spitzer's identity gives :math:`E z^M = \exp \sum_{k \ge 1} b_k (z^k - 1)`, with :math:`b_k` the coefficients of the positive powers in
:math:`-\log(1 - E z^{S})`, S a step. As a comes near c, the roots 1 and :math:`z_0 > 1` of :math:`E z^{S} = 1` close in on each other, and
the line grows as :math:`1 / \log z_0`. So the two are divided out (ours): M is a geometric number of ratio :math:`1 / z_0`, whose sums are
known in closed form, plus a rest whose coefficients

.. math:: d_k = [z^k]\; -\log \frac{1 - e^{a (z - 1)} z^{-c}}{(1 - 1/z)(1 - z/z_0)}

fall off fast at any load and come from one Fourier transform on the circle of radius c/a, between the two roots.

.. [franx2001] Franx: A simple solution for the M/D/c waiting time distribution, Operations Research Letters 29 (2001).
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, expm1, factorial, log1p, log2

import numpy as np
from numpy.typing import NDArray

from poagame._arrays import FloatArray
from poagame.errors import TooLarge
from poagame.games.attainment.erlang import nonnegative
from poagame.games.checks import whole

MAX_WORKERS = 100_000
"""Most workers whose distribution is computed (about a tenth of a second each)."""

LOG_SERIES = [(-1.0) ** n / n for n in range(21, 1, -1)]
"""(w - log(1 + w)) / w² as a polynomial for |w| < 0.1."""

EXP_SERIES = [1.0 / factorial(n) for n in range(20, 1, -1)]
"""(e^y - 1 - y) / y² as a polynomial for y < 0.5."""


def deterministic_wait(workers: int, load: float, wait: float) -> float:
    """P(W ≤ wait) of M/D/c; 0 where the load is at least the workers.

    Parameters
    ----------
    workers : int
        c ≥ 0.
    load : float
        a ≥ 0.
    wait : float
        In service times, ≥ 0.

    Raises
    ------
    InvalidInput
        If workers is no whole number, or a number is negative, infinite or NaN.
    TooLarge
        For more than 100,000 workers unless nearly all requests find one free.

    Examples
    --------
    >>> round(deterministic_wait(1, 0.5, 0.0), 12)
    0.5
    """
    return _share(whole(workers, "workers"), nonnegative(load, "load"), nonnegative(wait, "wait"))


def surely_enough(load: float) -> int:
    """Workers of which one is free for all but e^-50 of the requests."""
    return ceil(load + 12.0 * load**0.5 + 40.0)


@lru_cache(maxsize=65_536)
def _share(c: int, a: float, wait: float) -> float:
    if c <= a:
        return 0.0
    if a < 1e-17 or c >= surely_enough(a):
        return 1.0
    if c > MAX_WORKERS:
        raise TooLarge(f"fixed service times go to {MAX_WORKERS:,} workers, got {c:,}; use service='exponential'")
    spare = (c - a) / a
    rate = _log_root(spare)
    # the rest and the arrivals end before this many, and the coefficients' next roots are far enough to fall by e^-40
    points = 2 ** ceil(log2(256.0 + 64.0 * c**0.5 + 2.0 * a))
    angle = 2.0 * np.pi * np.arange(points // 2 + 1) / points
    turn = np.sin(angle) * 1j - 2.0 * np.sin(angle / 2.0) ** 2  # e^iθ - 1
    d = _rest(c, a, spare, rate, turn)
    early = int(wait) + 1
    log_law = np.fft.rfft(d, points) - d.sum() + a * (early - wait) * turn.conj()
    law = np.fft.irfft(np.exp(log_law), points)
    left = np.maximum(float(early) * c - np.arange(points), 0.0)
    return float(min(max(-(law @ np.expm1(-left * rate)), 0.0), 1.0))


def _rest(c: int, a: float, spare: float, rate: float, turn: NDArray[np.complex128]) -> FloatArray:
    """[0 and the d_k], from z = (1 + spare)(1 + turn)."""
    w = spare + (1.0 + spare) * turn  # z - 1 without the rounding of z
    near = np.abs(w) < 0.1
    small = np.where(near, w, 0.0)
    # a w - c log(1 + w), which near 1 is a small difference of large terms
    exponent = np.where(
        near,
        small * (c * small * np.polyval(LOG_SERIES, small) - (c - a)),
        a * w - c * np.log1p(np.where(near, 0.0, w)),
    )
    root = expm1(rate)
    rest = -np.log(-np.expm1(exponent) * (1.0 + w) * (1.0 + root) / (w * (root - w)))
    k = np.arange(len(turn) - 1)
    d = np.fft.irfft(rest.conj())[: len(k)] * np.exp(-k * log1p(spare))
    d[0] = 0.0
    return d


def _log_root(spare: float) -> float:
    """Log z_0: the y > 0 of (e^y - 1) / y = 1 + spare. From the right Newton's steps only fall, the function being convex."""
    y = 2.0 * log1p(spare)
    while True:
        excess = y * y * float(np.polyval(EXP_SERIES, y)) if y < 0.5 else expm1(y) - y
        step = (excess - spare * y) / (expm1(y) - spare)
        if step <= 1e-15 * y:
            return y - step
        y -= step
