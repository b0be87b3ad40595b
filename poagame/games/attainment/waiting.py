"""Prefill as a queue with several workers: the share of prompts whose first token comes in time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator

from poagame._arrays import FloatArray, as_floats, require
from poagame.games.attainment.base import STEP
from poagame.games.attainment.erlang import exponential_wait
from poagame.games.attainment.fixed_service import deterministic_wait, surely_enough
from poagame.games.checks import positive

Service = Literal["deterministic", "exponential"]

HUGE = 1e300
"""Loads and waits beyond count as this."""


@dataclass(frozen=True, slots=True)
class PrefillQueue:
    r"""Share of prompts with TTFT = wait + service time ≤ target, of a queue with one line for all workers.

    "deterministic" is M/D/c: prompts of one length. Between whole numbers of workers the curve is a monotone cubic through the exact
    values and 0 at the load (ours, `scipy.interpolate.PchipInterpolator`). "exponential" is M/M/c with Erlang's formula for real c; the
    *mean* service time stands for a prompt's own in TTFT, so that only the wait varies. Where the load is at least the workers the share
    is 0: the line grows without end. A `LoadedAttainment`, S-shaped: 0 to the load, then steep, then concave.

    Parameters
    ----------
    arrival_rate : float
        Prompts a second, ≥ 0.
    service_ms : float
        Mean time of a worker for a prompt, ms.
    target_ms : float
        Of TTFT, ms; below service_ms no prompt is in time.
    service : str
        "deterministic" or "exponential".

    Raises
    ------
    InvalidInput
        If a time is not positive, the rate negative, or the service none of the two.
    TooLarge
        When called, for fixed service times and more than 100,000 workers, unless nearly all prompts find one free.

    Examples
    --------
    >>> prefill = PrefillQueue(arrival_rate=10.0, service_ms=200.0, target_ms=400.0)      # a load of two workers
    >>> prefill([2.0, 3.0, 4.0]).round(4).tolist(), prefill.throughput([1.0, 3.0]).tolist()
    ([0.0, 0.9417, 0.9977], [5.0, 10.0])
    """

    arrival_rate: float
    service_ms: float
    target_ms: float
    service: Service = "deterministic"

    def __post_init__(self) -> None:
        object.__setattr__(self, "arrival_rate", rate(self.arrival_rate))
        for name in ("service_ms", "target_ms"):
            object.__setattr__(self, name, positive(getattr(self, name), name))
        require(
            self.service in get_args(Service),
            f"service is {' or '.join(map(repr, get_args(Service)))}; got {self.service!r:.80}",
        )

    @classmethod
    def from_profile(
        cls, isl: ArrayLike, ttft_ms: ArrayLike, tokens: float, arrival_rate: float, target_ms: float
    ) -> Self:
        """Queue of prompts of `tokens` tokens, with the service time between measured points of a worker alone.

        Parameters
        ----------
        isl, ttft_ms : [P]
            Prompt lengths, strictly rising, and times to first token of one request at a time.
        tokens : float
            Within the lengths measured.
        arrival_rate, target_ms : float
            As of the class.

        Raises
        ------
        InvalidInput
            If the profile has gaps (NaN), is not rising in length, or `tokens` lies outside it.

        Examples
        --------
        >>> PrefillQueue.from_profile([100, 2135], [19.0, 95.2], tokens=1000, arrival_rate=10.0, target_ms=500.0).service_ms
        52.700...
        """
        x, y = as_floats(isl, "isl"), as_floats(ttft_ms, "ttft_ms")
        require(
            x.ndim == 1 and x.shape == y.shape and x.size > 0, f"isl and ttft_ms are [P]; got {x.shape} and {y.shape}"
        )
        require(bool((np.diff(x) > 0).all()), "isl must rise strictly: sort the profile and keep one row a length")
        length = positive(tokens, "tokens")
        require(
            float(x[0]) <= length <= float(x[-1]),
            f"the profile goes from {x[0]:g} to {x[-1]:g} tokens, and nothing is known of {length:g}; profile that length",
        )
        return cls(arrival_rate, float(np.interp(length, x, y)), target_ms)

    def __call__(self, workers: ArrayLike) -> FloatArray:
        """Share in time with so many workers."""
        return self.attained(workers, self.arrival_rate)

    def attained(self, workers: ArrayLike, arrival_rate: ArrayLike) -> FloatArray:
        """Share in time with so many workers at other rates, both broadcast."""
        c, lam = np.broadcast_arrays(as_floats(workers, "workers"), as_floats(arrival_rate, "arrival_rate"))
        require(bool((c >= 0).all() and (lam >= 0).all()), "workers and arrival rates must be nonnegative")
        wait = min(self.target_ms / self.service_ms - 1.0, HUGE)
        if wait < 0:
            return np.zeros(c.shape)
        with np.errstate(over="ignore"):
            load = np.minimum(lam * (self.service_ms / 1000.0), HUGE)
        if self.service == "exponential":
            return exponential_wait(c, load, wait)
        share = np.empty(c.shape)
        for one in np.unique(load):
            at = load == one
            share[at] = _between(c[at], float(one), wait)
        return share

    def derivative(self, workers: ArrayLike) -> FloatArray:
        """Gain by a worker more: the cubic's slope, or for exponential times a difference within the stable side."""
        c = as_floats(workers, "workers")
        require(bool((c >= 0).all()), "workers must be nonnegative")
        if self.service == "deterministic":
            wait = min(self.target_ms / self.service_ms - 1.0, HUGE)
            return _slope(c.ravel(), self._load, wait).reshape(c.shape) if wait >= 0 else np.zeros(c.shape)
        step = STEP * np.maximum(c, 1.0)
        low = np.maximum(c - step, np.where(c >= self._load, np.minimum(c, self._load), 0.0))
        return np.maximum(self(c + step) - self(low), 0.0) / (c + step - low)

    def throughput(self, workers: ArrayLike) -> FloatArray:
        """Prompts a second that so many workers finish."""
        c = as_floats(workers, "workers")
        require(bool((c >= 0).all()), "workers must be nonnegative")
        with np.errstate(over="ignore"):
            return np.minimum(self.arrival_rate, c * 1000.0 / self.service_ms)

    def at_rate(self, arrival_rate: float) -> Self:
        """Return the same workers under another rate."""
        return replace(self, arrival_rate=arrival_rate)

    @property
    def _load(self) -> float:
        return min(self.arrival_rate * (self.service_ms / 1000.0), HUGE)


def rate(value: object) -> float:
    """`value` as a rate ≥ 0."""
    return 0.0 if not isinstance(value, bool | str) and value == 0 else positive(value, "arrival_rate")


def _between(workers: FloatArray, load: float, wait: float) -> FloatArray:
    """P(W ≤ wait) of M/D/c at real c: a monotone cubic through 0 at the load and the values at whole c beyond."""
    open_ = (workers > load) & (workers < _enough(load))
    share = np.where(workers > load, 1.0, 0.0)
    if open_.any():
        share[open_] = np.clip(_cubic(workers[open_], load, wait)(workers[open_]), 0.0, 1.0)
    return share


def _slope(workers: FloatArray, load: float, wait: float) -> FloatArray:
    """Slope of `_between`, at the load that on its right."""
    open_ = (workers >= load) & (workers < _enough(load))
    slope = np.zeros(workers.shape)
    if open_.any():
        slope[open_] = np.maximum(_cubic(workers[open_], load, wait)(workers[open_], 1), 0.0)
    return slope


def _enough(load: float) -> int:
    """Workers from which on the share is 1."""
    return max(surely_enough(load), int(load) + 2)


def _cubic(workers: FloatArray, load: float, wait: float) -> PchipInterpolator:
    """The monotone cubic near those workers, which are at least the load."""
    # a cubic's slopes come from the nodes next to its ends, so that a value depends on no other that is asked for
    near = np.unique(np.floor(workers)[:, None] + np.arange(-1.0, 3.0))
    nodes = np.concatenate([[load], near[near > load]])
    return PchipInterpolator(nodes, [0.0, *(deterministic_wait(int(n), load, wait) for n in nodes[1:])])
