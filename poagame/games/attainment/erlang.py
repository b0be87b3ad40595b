r"""Waiting in queues with several servers: Erlang's formula, also for numbers of servers between whole ones, and fixed service times.

Load a = arrival rate × mean service time, in servers; a queue with c servers is stable if a < c.

M/M/c. The probability to wait is :math:`C = \frac{c B}{c - a (1 - B)}` with Erlang's blocking
:math:`B = \frac{a^c e^{-a}}{\Gamma(c + 1, a)}`, which extends to real c [jagers1986]_; the wait exceeds t with probability
:math:`C e^{-(c - a) t / s}` for a mean service time s.

M/D/c. With service time 1 and X the number in the system, the queue :math:`M = (X - c)^+` is the supremum of a random walk with steps
Poisson(a) − c, so that by Spitzer's identity :math:`E z^M = \exp \sum_{k \ge 1} b_k (z^k - 1)`, :math:`b_k = \sum_n P(S_n = k) / n`; the
:math:`b_k` are Fourier coefficients of :math:`-\log(1 - E z^{S_1})` on a circle of radius c/a, where the expectation is least.
From the distribution function Q of M the wait is [franx2001]_, with k = ⌊t⌋ + 1 and y = k − t,

.. math:: P(W \le t) = \sum_{j=0}^{kc - 1} Q_{kc - 1 - j}\; e^{-a y} (a y)^j / j!.

All terms are positive, so nothing cancels.

.. [jagers1986] Jagers, van Doorn: On the continued Erlang loss function, Operations Research Letters 5 (1986).
.. [franx2001] Franx: A simple solution for the M/D/c waiting time distribution, Operations Research Letters 29 (2001).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaincc, gammaln, xlogy

from poagame._arrays import FloatArray, as_floats, require

NEARLY_FULL = 1.0 - 1e-4
"""Load of a server above which P(W ≤ t) of M/D/c is taken as linear in what is left of it: relative error about 1e-4 of a value near 0."""

MAX_POINTS = 2**20
"""Most points of the Fourier transform."""


def erlang_c(workers: ArrayLike, load: ArrayLike) -> FloatArray:
    """Probability that a request has to wait in M/M/c; 1 where the load is at least the workers.

    Parameters
    ----------
    workers : array
        c ≥ 0, whole or not.
    load : array
        a ≥ 0, broadcast against workers.

    Raises
    ------
    InvalidInput
        If an entry is negative, infinite or NaN.

    Examples
    --------
    >>> erlang_c([1.0, 2.0], [0.5, 1.0]).round(12).tolist()
    [0.5, 0.333333333333]
    """
    c, a = np.broadcast_arrays(_nonnegative(workers, "workers"), _nonnegative(load, "load"))
    stable = a < c
    servers, offered = np.where(stable, c, 1.0), np.where(stable, a, 0.0)
    # below c the incomplete gamma function is at least about a half: no underflow
    blocked = np.exp(xlogy(servers, offered) - offered - gammaln(servers + 1.0)) / gammaincc(servers + 1.0, offered)
    # 1 - a/c may round to 0 where c - a does not
    return np.where(stable, servers * blocked / (servers - offered + offered * blocked), 1.0)


def exponential_wait(workers: ArrayLike, load: ArrayLike, wait: float) -> FloatArray:
    """P(W ≤ wait) of M/M/c, the wait ≥ 0 in mean service times; 0 where the load is at least the workers."""
    c, a = np.broadcast_arrays(_nonnegative(workers, "workers"), _nonnegative(load, "load"))
    spare = np.maximum(c - a, 0.0)
    return np.where(spare > 0, -np.expm1(-spare * wait + np.log(np.maximum(erlang_c(c, a), 1e-300))), 0.0)


@lru_cache(maxsize=65_536)
def deterministic_wait(workers: int, load: float, wait: float) -> float:
    """P(W ≤ wait) of M/D/c for whole c, the wait ≥ 0 in service times; 0 where the load is at least the workers.

    Examples
    --------
    >>> round(deterministic_wait(1, 0.5, 0.0), 12)
    0.5
    """
    c, a = workers, load
    if c <= a:
        return 0.0
    if a <= 0.0 or c > a + 12.0 * a**0.5 + 40.0:  # nobody waits, up to e^-50
        return 1.0
    if a > c * NEARLY_FULL:
        return deterministic_wait(c, c * NEARLY_FULL, wait) * (1.0 - a / c) / (1.0 - NEARLY_FULL)
    whole = int(wait) + 1
    last = whole * c
    weight = _queue_cumulative(c, a, last)
    mean = a * (whole - wait)
    j = np.arange(last)
    poisson = np.exp(xlogy(j, mean) - mean - gammaln(j + 1.0))
    return float(min(1.0, weight[::-1] @ poisson))


def _queue_cumulative(c: int, a: float, length: int) -> FloatArray:
    """[length]: P(at most m wait), m = 0, 1, …"""
    log_radius = np.log(c / a)
    points = 2 ** int(np.ceil(np.log2(max(256.0, 4.0 * length, 45.0 / log_radius))))
    require(points <= MAX_POINTS, f"{c} workers at load {a:g} need {points:,} points; the limit is {MAX_POINTS:,}")
    angle = 2.0 * np.pi * np.arange(points // 2 + 1) / points
    step = np.exp(a * ((c / a) * np.exp(1j * angle) - 1.0) - c * (log_radius + 1j * angle))
    k = np.arange(1, points // 2)
    b = np.fft.irfft(-np.log1p(-step).conj(), points)[1 : points // 2] * np.exp(-k * log_radius)
    queue = np.empty(length)
    queue[0] = np.exp(-b.sum())
    kb = (k * b)[: length - 1]
    for m in range(1, length):
        queue[m] = kb[:m] @ queue[m - 1 :: -1][:m] / m
    return np.cumsum(queue)


def _nonnegative(value: ArrayLike, name: str) -> FloatArray:
    array = as_floats(value, name)
    require(bool((array >= 0).all()), f"{name} must be nonnegative; the smallest is {array.min(initial=0.0):g}")
    return array
