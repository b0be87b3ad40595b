r"""Waiting in M/M/c by Erlang's formula, also for numbers of servers between whole ones.

Load a = arrival rate × mean service time, in servers; a queue with c servers is stable if a < c. A request waits with probability
:math:`C = \frac{c B}{c - a (1 - B)}`, where Erlang's blocking :math:`B = \frac{a^c e^{-a}}{\Gamma(c + 1, a)}` extends to real c
[jagers1986]_; and longer than t mean service times with probability :math:`C e^{-(c - a) t}`.

.. [jagers1986] Jagers, van Doorn: On the continued Erlang loss function, Operations Research Letters 5 (1986).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaincc, gammaln, xlogy

from poagame._arrays import FloatArray, as_floats, require
from poagame.games.checks import finite

LARGE = 30.0
"""Servers from which Stirling's series is exact to rounding."""


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
    c, a = _numbers(workers, load)
    stable = a < c
    servers, offered = np.where(stable, c, 1.0), np.where(stable, a, 0.0)
    # below c the incomplete gamma function is at least about a half: no underflow
    blocked = np.exp(_log_poisson(servers, offered)) / gammaincc(servers + 1.0, offered)
    # (c - a) / c, as 1 - a/c may round to 0 where c - a does not
    share = (servers - offered) / servers
    return np.where(stable, np.minimum(blocked / (share + offered / servers * blocked), 1.0), 1.0)


def exponential_wait(workers: ArrayLike, load: ArrayLike, wait: float) -> FloatArray:
    """P(W ≤ wait) of M/M/c; 0 where the load is at least the workers.

    Parameters
    ----------
    workers, load : array
        As of `erlang_c`.
    wait : float
        In mean service times, ≥ 0.

    Raises
    ------
    InvalidInput
        If a number is negative, infinite or NaN.

    Examples
    --------
    >>> exponential_wait([1.0, 2.0], [0.5, 1.0], 0.0).round(12).tolist()
    [0.5, 0.666666666667]
    """
    c, a = _numbers(workers, load)
    spare, patience = np.maximum(c - a, 0.0), nonnegative(wait, "wait")
    with np.errstate(over="ignore"):
        late = np.log(np.maximum(erlang_c(c, a), 1e-300)) - spare * patience
    return np.where(spare > 0, -np.expm1(late), 0.0)


def nonnegative(value: object, name: str) -> float:
    """`value` as a float ≥ 0."""
    number = finite(value, name)
    require(number >= 0, f"{name} must be nonnegative; got {number:g}")
    return number


def _numbers(workers: ArrayLike, load: ArrayLike) -> tuple[FloatArray, FloatArray]:
    c, a = as_floats(workers, "workers"), as_floats(load, "load")
    for array, name in ((c, "workers"), (a, "load")):
        require(bool((array >= 0).all()), f"{name} must be nonnegative; the smallest is {array.min(initial=0.0):g}")
    c, a = np.broadcast_arrays(c, a)
    return c, a


def _log_poisson(c: FloatArray, a: FloatArray) -> FloatArray:
    """log(a^c e^-a / Γ(c + 1)) for a < c, with the rounding of c - a instead of that of c log c."""
    most, least = np.maximum(c, LARGE), np.minimum(c, LARGE)
    gap, inverse = (a - most) / most, 1.0 / most
    stirling = 0.5 * np.log(2.0 * np.pi * most) + inverse / 12 - inverse**3 / 360 + inverse**5 / 1260
    with np.errstate(divide="ignore", over="ignore"):
        large = most * (np.log1p(np.maximum(gap, -1.0)) - gap) - stirling
    return np.where(c > LARGE, large, xlogy(least, a) - a - gammaln(least + 1.0))
