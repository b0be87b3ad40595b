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

    Where itl rises with the batch the share rises with the workers. Where small batches are the slow ones, as in some measurements, it may
    fall. If a full batch is fast enough all batches may be, and the share jumps from 0 to 1 at the workers that keep up.

    Parameters
    ----------
    arrival_rate : float
        Requests a second, ≥ 0.
    itl : Latency or callable
        ms a token by the requests in the batch, 1 … max_batch, positive; it need not rise. A `Latency` of one resource, such as
        `poagame.fit_latency` makes of measured rows; beyond their largest load it extrapolates, so keep max_batch below.
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

    From measured rows:

    >>> import poagame as pg
    >>> sweep = pg.read_sweep(pg.shipped.path("measured_b200_llama31_70b"))
    >>> row = "b200_sxm meta-llama/Llama-3.1-70B trtllm fp8 TP4 agg 1024/1024"
    >>> itl = pg.fit_latency(sweep, "tabulated", where={"series": row}).latency
    >>> DecodeBatch(10.0, itl, target_ms=9.0, output_tokens=1024, max_batch=128)([1.0, 2.0, 3.0]).round(4).tolist()
    [0.0, 0.7427, 0.9998]
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
        least, most = float(self.batch_itl.min()), float(self.batch_itl.max())
        require(
            1e-290 / self.output_tokens < least and most < 1e290 / self.output_tokens,
            f"output_tokens of {self.output_tokens:g} at {least:g} to {most:g} ms each leave the range of floats",
        )

    def __call__(self, workers: ArrayLike) -> FloatArray:
        """Share in time with so many workers."""
        return self.attained(workers, self.arrival_rate)

    def attained(self, workers: ArrayLike, arrival_rate: ArrayLike) -> FloatArray:
        """Share in time with so many workers at other rates, both broadcast."""
        return self._moments(workers, arrival_rate)[0]

    def derivative(self, workers: ArrayLike) -> FloatArray:
        """Gain by a worker more: the covariance of the number in a worker with being in time, over −c."""
        c = as_floats(workers, "workers")
        _, covariance = self._moments(c, self.arrival_rate)
        return np.where(c > 0, -covariance / np.where(c > 0, c, 1.0), 0.0)

    def throughput(self, workers: ArrayLike) -> FloatArray:
        """Requests a second that so many workers finish."""
        c = as_floats(workers, "workers")
        require(bool((c >= 0).all()), "workers must be nonnegative")
        with np.errstate(over="ignore"):
            return np.minimum(self.arrival_rate, c * (self._rates()[-1] * 1000.0))

    def at_rate(self, arrival_rate: float) -> Self:
        """Return the same workers under another rate."""
        return replace(self, arrival_rate=arrival_rate)

    def _rates(self) -> FloatArray:
        """[M] requests a ms that a worker finishes, by its batch."""
        return np.arange(1, self.max_batch + 1) / (self.output_tokens * self.batch_itl)

    def _moments(self, workers: ArrayLike, arrival_rate: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """P(in time) and its covariance with the number that an arrival finds; 0 where workers cannot keep up."""
        c, lam = np.broadcast_arrays(as_floats(workers, "workers"), as_floats(arrival_rate, "arrival_rate"))
        require(bool((c >= 0).all() and (lam >= 0).all()), "workers and arrival rates must be nonnegative")
        some = c.ravel() > 0
        with np.errstate(over="ignore"):
            each = np.where(some, lam.ravel() / 1000.0 / np.where(some, c.ravel(), 1.0), np.inf)
        most = max(1, CHUNK // (self.max_batch + 1))
        parts = [self._of(each[k : k + most]) for k in range(0, max(each.size, 1), most)]
        share, covariance = (np.concatenate(p).reshape(c.shape) for p in zip(*parts, strict=True))
        return share, covariance

    def _of(self, each: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Both for arrivals a ms and worker."""
        rates, m = self._rates(), self.max_batch
        stable = each < rates[-1] * (1.0 - 1e-12)
        lam = np.where(stable, each, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_weight = np.arange(m + 1) * np.log(lam)[:, None] - np.concatenate([[0.0], np.cumsum(np.log(rates))])
        log_weight[:, 0] = 0.0  # also without arrivals, where 0 · log 0
        weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        # all states from M on: a geometric tail, as large as 10^12 beside the others
        full = lam / rates[-1]
        tail = weight[:, -1] / (1.0 - full)
        tail_mean = tail * (m + full / (1.0 - full))
        n, fast = np.arange(m), (self.batch_itl <= self.target_ms).astype(np.float64)
        # what batches differ by from a full one: so the tail, which is full, drops out of both results
        differ = fast - fast[-1]
        total = weight[:, :m].sum(axis=1) + tail
        share = weight[:, :m] @ differ / total
        mean = (weight[:, :m] @ n + tail_mean) / total
        covariance = weight[:, :m] @ (n * differ) / total - share * mean
        return stable * np.clip(fast[-1] + share, 0.0, 1.0), stable * covariance


def token_times(itl: Any, max_batch: int) -> FloatArray:
    """[max_batch] ms a token at batches 1, 2, …

    Raises
    ------
    InvalidInput
        If `itl` is no latency and no function, its values are not one for each batch, or one is not positive and finite.
    """
    n = np.arange(1.0, max_batch + 1.0)
    if isinstance(itl, Latency):
        require(itl.num_resources == 1, f"itl is of one worker; the latency has {itl.num_resources} resources")
        times = np.asarray(itl(n[:, None]))[:, 0]
    else:
        require(callable(itl), f"itl is a latency or a function of the batch; got {itl!r:.80}")
        given = as_floats(itl(n), "itl")
        require(
            given.shape in ((), n.shape), f"itl gives a time for each of {max_batch} batches; got shape {given.shape}"
        )
        times = np.broadcast_to(given, n.shape)
    bad = ~((times > 0) & np.isfinite(times))
    if bad.any():
        first = int(bad.argmax())
        require(
            False, f"itl must be positive and finite up to max_batch; at a batch of {first + 1} it is {times[first]}"
        )
    return np.array(times)
