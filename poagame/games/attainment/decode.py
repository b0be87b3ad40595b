r"""Decode as batches that share their workers: the share of requests whose tokens come fast enough.

Requests go to c workers alike, a rate λ/c to each. With n requests in its batch a worker makes a token of each in itl(n) ms, so that it
finishes :math:`\mu_n = n / (o \cdot itl(n))` requests a ms for outputs of o tokens, up to a largest batch M; others wait. That is processor
sharing with a speed that depends on the state: the number in the worker has

.. math:: \pi_n \propto \prod_{k=1}^{n} \frac{\lambda / c}{\mu_{\min(k, M)}}

whatever the distribution of output lengths, as long as nobody waits [cohen1979]_; beyond M it is exact for exponential lengths. An arriving
request finds n with probability :math:`\pi_n` and joins a batch of n + 1.

.. [cohen1979] Cohen: The multiple phase service network with generalized processor sharing, Acta Informatica 12 (1979).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.games.attainment.waiting import rate
from poagame.games.checks import positive, whole
from poagame.latency.base import Latency

CHUNK = 4_000_000
"""Most states held at once (32 MB)."""


@dataclass(frozen=True, slots=True)
class DecodeBatch:
    """Share of requests that join a batch fast enough: itl(batch) ≤ target; of those that wait, a full one. A `LoadedAttainment`.

    Parameters
    ----------
    arrival_rate : float
        Requests a second, ≥ 0.
    itl : Latency or callable
        ms a token by the requests in the batch, 1 … max_batch, positive; it need not rise. A `Latency` of one resource, such as
        `poagame.fit_latency` makes of measured rows.
    target_ms : float
        Of ITL, ms.
    output_tokens : float
        Mean tokens a request.
    max_batch : int
        M.

    Raises
    ------
    InvalidInput
        If a number is out of its range, or itl is not positive and finite somewhere.

    Examples
    --------
    >>> decode = DecodeBatch(2.0, lambda n: 9.0 + 0.1 * n, target_ms=10.0, output_tokens=500.0)
    >>> decode([1.0, 2.0]).round(4).tolist(), decode.throughput([0.01, 1.0]).round(3).tolist()
    ([0.4513, 0.9718], [0.148, 2.0])
    """

    arrival_rate: float
    itl: Latency | Callable[[FloatArray], ArrayLike]
    target_ms: float
    output_tokens: float
    max_batch: int = 256
    batch_itl: FloatArray = field(init=False, repr=False, compare=False)
    """[M] ms a token at each batch."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "arrival_rate", rate(self.arrival_rate))
        for name in ("target_ms", "output_tokens"):
            object.__setattr__(self, name, positive(getattr(self, name), name))
        object.__setattr__(self, "max_batch", whole(self.max_batch, "max_batch", 1, 100_000))
        object.__setattr__(self, "batch_itl", token_times(self.itl, self.max_batch))

    def __call__(self, workers: ArrayLike) -> FloatArray:
        """Share in time with so many workers."""
        return self.attained(workers, self.arrival_rate)

    def attained(self, workers: ArrayLike, arrival_rate: ArrayLike) -> FloatArray:
        """Share in time with so many workers at other rates, both broadcast."""
        return self._moments(workers, arrival_rate)[0]

    def derivative(self, workers: ArrayLike) -> FloatArray:
        """Gain by a worker more: the covariance of the number in a worker with being in time, over −c."""
        c = as_floats(workers, "workers")
        good, mean, both = self._moments(c, self.arrival_rate)
        return np.where(c > 0, (good * mean - both) / np.where(c > 0, c, 1.0), 0.0)

    def throughput(self, workers: ArrayLike) -> FloatArray:
        """Requests a second that so many workers finish."""
        return np.minimum(self.arrival_rate, as_floats(workers, "workers") * self._rates()[-1] * 1000.0)

    def at_rate(self, arrival_rate: float) -> Self:
        """Return the same workers under another rate."""
        return replace(self, arrival_rate=arrival_rate)

    def _rates(self) -> FloatArray:
        """[M] requests a ms that a worker finishes, by its batch."""
        return np.arange(1, self.max_batch + 1) / (self.output_tokens * self.batch_itl)

    def _moments(self, workers: ArrayLike, arrival_rate: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
        """P(in time), E n, E[n; in time], n what an arrival finds; 0 where workers cannot keep up."""
        c, lam = np.broadcast_arrays(as_floats(workers, "workers"), as_floats(arrival_rate, "arrival_rate"))
        require(bool((c >= 0).all() and (lam >= 0).all()), "workers and arrival rates must be nonnegative")
        flat = lam.ravel() / 1000.0 / np.maximum(c.ravel(), 1e-300)
        most = max(1, CHUNK // (self.max_batch + 1))
        parts = [self._of(flat[k : k + most]) for k in range(0, max(flat.size, 1), most)]
        good, mean, both = (np.concatenate(p).reshape(c.shape) for p in zip(*parts, strict=True))
        return good, mean, both

    def _of(self, each: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The three for arrivals a ms and worker."""
        rates, m = self._rates(), self.max_batch
        stable = each < rates[-1] * (1.0 - 1e-12)
        lam = np.where(stable, each, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_weight = np.arange(m + 1) * np.log(lam)[:, None] - np.concatenate([[0.0], np.cumsum(np.log(rates))])
        log_weight[:, 0] = 0.0  # also without arrivals, where 0 · log 0
        weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        full = lam / rates[-1]
        # all states from M on: a geometric tail
        tail = weight[:, -1] / (1.0 - full)
        tail_mean = tail * (m + full / (1.0 - full))
        n = np.arange(m)
        total = weight[:, :m].sum(axis=1) + tail
        fast = self.batch_itl <= self.target_ms
        good = weight[:, :m] @ fast + tail * fast[-1]
        mean = weight[:, :m] @ n + tail_mean
        both = weight[:, :m] @ (n * fast) + tail_mean * fast[-1]
        return (stable * (good / total), stable * (mean / total), stable * (both / total))


def token_times(itl: Any, max_batch: int) -> FloatArray:
    """[max_batch] ms a token at batches 1, 2, …

    Raises
    ------
    InvalidInput
        If `itl` is no latency and no function, or a value is not positive and finite.
    """
    n = np.arange(1.0, max_batch + 1.0)
    if isinstance(itl, Latency):
        require(itl.num_resources == 1, f"itl is of one worker; the latency has {itl.num_resources} resources")
        times = np.asarray(itl(n[:, None]))[:, 0]
    else:
        require(callable(itl), f"itl is a latency or a function of the batch; got {itl!r:.80}")
        times = np.broadcast_to(as_floats(itl(n), "itl"), n.shape)
    bad = ~((times > 0) & np.isfinite(times))
    if bad.any():
        first = int(bad.argmax())
        require(
            False, f"itl must be positive and finite up to max_batch; at a batch of {first + 1} it is {times[first]}"
        )
    return np.array(times)
