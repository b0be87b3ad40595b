r"""A closed line of prefill and decode: N requests go round, one begins as one ends.

n requests are at the prefill station of p workers with mean time s, the other m = N − n decode and take Z(m) on average. The number
at prefill is a birth–death chain with rates up :math:`m / Z(m)` and down :math:`\min(n, p) / s`:

.. math:: \pi_n \propto \prod_{k=1}^{n} \frac{(N - k + 1)\, s}{Z(N - k + 1)\, \min(k, p)}.

Exact for exponential prefill times and, as decode is a station at which nobody waits, any decode times with those means. By
Little's law the mean time of a round, a request's latency, is N over the throughput.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.games.checks import positive, whole


@dataclass(frozen=True, eq=False, slots=True)
class ClosedChain:
    """The chain in its stationary state; times in the unit of those given, ms here.

    Attributes
    ----------
    law : [N + 1]
        Probability of n at the prefill station, n = 0 … N.
    throughput : float
        Requests a ms.
    """

    law: FloatArray
    throughput: float

    @property
    def latency_ms(self) -> float:
        """N over the throughput."""
        return (len(self.law) - 1) / self.throughput

    @property
    def ttft_ms(self) -> float:
        """Time at the prefill station."""
        return float(self.law @ np.arange(len(self.law))) / self.throughput

    @property
    def decoding(self) -> float:
        """Mean number of requests that decode."""
        return float(self.law @ np.arange(len(self.law))[::-1])


def closed_chain(prefill_workers: int, service_ms: float, decode_ms: ArrayLike) -> ClosedChain:
    """Stationary law and throughput.

    Parameters
    ----------
    prefill_workers : int
        p ≥ 1.
    service_ms : float
        s > 0.
    decode_ms : [N]
        Z(1) … Z(N) > 0.

    Raises
    ------
    InvalidInput
        If a number is out of its range.

    Examples
    --------
    One request: it takes both times, one after the other.

    >>> round(closed_chain(1, 10.0, [30.0]).latency_ms, 9)
    40.0
    """
    p, s = whole(prefill_workers, "prefill_workers", 1), positive(service_ms, "service_ms")
    times = as_floats(decode_ms, "decode_ms")
    require(times.ndim == 1 and times.size > 0 and bool((times > 0).all()), "decode_ms is [N], positive times")
    n = np.arange(1, len(times) + 1)
    up, down = n[::-1] / times[::-1], np.minimum(n, p) / s
    log_weight = np.concatenate([[0.0], np.cumsum(np.log(up) - np.log(down))])
    weight = np.exp(log_weight - log_weight.max())
    law = weight / weight.sum()
    return ClosedChain(law, float(law[1:] @ down))


def even_loads(requests: int, workers: int) -> IntArray:
    """[workers] whole numbers that differ by 1 at most and sum to `requests`."""
    return requests // workers + (np.arange(workers) < requests % workers).astype(np.int64)
