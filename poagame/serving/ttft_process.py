r"""TTFT that is lognormal around a median that rises, and the P99 that a poll sees of it: the noise that a detector has to live with.

All here is ours. The k-th smallest of n independent draws is the quantile function at the k-th smallest of n uniform ones, and that one is
Beta(k, n − k + 1) (David and Nagaraja, Order Statistics, section 2.1): a poll costs one draw however many requests it saw.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, ndtr, ndtri

from poagame._arrays import FloatArray, require
from poagame.games.checks import Seed, finite, generator, positive, whole

AT_ONCE = 2**22
"""Numbers in memory at a time."""

LARGEST_RUN = 5 * 10**7
"""Numbers drawn or sorted for one run."""


@dataclass(frozen=True, slots=True)
class TtftProcess:
    r"""Polls of TTFT P99: ln TTFT ~ N(ln m, σ²), independent over requests, where the median m rises at the start of a polling interval.

    In the i-th interval after the change the median is m₀ (1 + (J − 1) min(1, i/r)), the same throughout the interval. The P99 of a poll
    is the ⌈0.99 n⌉-th smallest of the n requests in its window, as `poagame.serving.ttft_p99` takes it.

    Parameters
    ----------
    median_ms : float
        m₀, before the change.
    jump : float
        J ≥ 1; 1 is no change.
    noise : float
        σ ≥ 0.
    rate_rps : float
        Requests finished a second. An interval holds the whole number of them nearest to rate · interval.
    interval_ms : float
        Between polls; 5 s by default (A).
    window : int
        Intervals that a poll looks back over. With more than one, the windows of neighbouring polls overlap, so polls depend on each other.
    ramp : int
        r ≥ 1, intervals until the rise is complete; 1 is a jump.

    Raises
    ------
    InvalidInput
        If a number is out of its range, an interval holds no request, or TTFTs would leave the range of floats.

    Examples
    --------
    >>> process = TtftProcess(200.0, jump=4.0, noise=0.3, rate_rps=10.0)
    >>> process.requests, round(process.beyond(400.0), 3), round(process.beyond(400.0, jump=4.0), 3)
    (50, 0.408, 1.0)
    """

    median_ms: float
    jump: float = 4.0
    noise: float = 0.3
    rate_rps: float = 10.0
    interval_ms: float = 5000.0
    window: int = 1
    ramp: int = 1

    def __post_init__(self) -> None:
        for name in ("median_ms", "jump", "rate_rps", "interval_ms"):
            object.__setattr__(self, name, positive(getattr(self, name), name))
        object.__setattr__(self, "noise", finite(self.noise, "noise"))
        for name in ("window", "ramp"):
            object.__setattr__(self, name, whole(getattr(self, name), name, 1, 10**6))
        require(self.noise >= 0.0, f"noise is the standard deviation of ln TTFT, at least 0; got {self.noise:g}")
        require(self.jump >= 1.0, f"jump is the rise of the median, at least 1 (no change); got {self.jump:g}")
        # where the draws are cut off, the normal quantile is below 38
        require(
            abs(math.log(self.median_ms)) + math.log(self.jump) + 40.0 * self.noise < 700.0,
            "median_ms · jump · exp(40 · noise) must stay in the range of floats; make noise smaller",
        )
        seen = self.rate_rps * self.interval_ms / 1000.0
        require(
            0.5 < seen <= 1e9,
            f"a polling interval must hold between one and 10^9 requests; rate_rps · interval_ms / 1000 is {seen:g}",
        )

    @property
    def requests(self) -> int:
        """n, of an interval."""
        return round(self.rate_rps * self.interval_ms / 1000.0)

    @property
    def numbers_a_poll(self) -> int:
        """Drawn and sorted for a poll of one run."""
        return self._kept() * self.window

    def beyond(self, threshold_ms: float, jump: float = 1.0) -> float:
        r"""Probability that a poll is at least the threshold, where the median has been `jump` · m₀ for all of the poll's window.

        P(Beta(k, n − k + 1) ≥ u) = 1 − I_u(k, n − k + 1) = P(Binomial(n, u) < k) with u = Φ(ln(θ/m)/σ); a step without noise.

        Raises
        ------
        InvalidInput
            If threshold or jump is not positive.
        """
        threshold_ms, median = positive(threshold_ms, "threshold_ms"), self.median_ms * positive(jump, "jump")
        if self.noise == 0.0:
            return float(median >= threshold_ms)
        n, top = self._ranks()
        return float(betainc(top, n - top + 1, ndtr(-math.log(threshold_ms / median) / self.noise)))

    def polls(self, num_runs: int, before: int, after: int, seed: Seed) -> FloatArray:
        """[num_runs, before + after]: P99 in ms of each poll, the first with a full window; the change comes after `before` polls.

        Exact draws: of each interval only the largest requests that can be the P99 of a window are drawn, by the spacings of exponential
        order statistics (Rényi); one Beta draw where windows do not overlap.

        Raises
        ------
        InvalidInput
            If a number is out of its range, or a run would need more than fifty million numbers.
        """
        num_runs = whole(num_runs, "num_runs", 1, 10**7)
        before, after = whole(before, "before", 0, 10**7), whole(after, "after", 0, 10**7)
        require(before + after >= 1, "before + after must be at least one poll")
        rng, (n, top), w = generator(seed), self._ranks(), self.window
        kept = self._kept()
        require(
            (before + after) * self.numbers_a_poll <= LARGEST_RUN,
            f"a run of {before + after} polls needs {(before + after) * self.numbers_a_poll:,} numbers, at most {LARGEST_RUN:,}; "
            "take fewer polls, a shorter window or a lower rate",
        )
        rise = np.minimum(np.arange(1, after + 1) / self.ramp, 1.0) * (self.jump - 1.0)
        level = math.log(self.median_ms) + np.log1p(np.concatenate([np.zeros(w - 1 + before), rise]))
        if w == 1:
            return np.exp(level + self.noise * _normal(rng.beta(top, n - top + 1, size=(num_runs, before + after))))
        # −ln of the largest, the second largest, … of the interval's uniform draws
        spacing = rng.standard_exponential((num_runs, level.size, kept)) / (self.requests - np.arange(kept))
        logs = level[:, None] + self.noise * _normal(-np.expm1(-np.cumsum(spacing, axis=-1)))
        seen = np.lib.stride_tricks.sliding_window_view(logs, w, axis=1).reshape(num_runs, before + after, kept * w)
        return np.exp(np.partition(seen, kept * w - top, axis=-1)[..., kept * w - top])

    def chunks(self, num_runs: int, before: int, after: int, seed: Seed) -> Iterator[FloatArray]:
        """`polls` of all runs, as many at a time as memory is meant for."""
        num_runs, rng = whole(num_runs, "num_runs", 2, 10**7), generator(seed)
        size = max(1, AT_ONCE // ((before + after) * self.numbers_a_poll))
        for start in range(0, num_runs, size):
            yield self.polls(min(size, num_runs - start), before, after, rng)

    def _kept(self) -> int:
        """Requests of an interval that can be the P99 of a window; one draw does where windows do not overlap."""
        return min(self._ranks()[1], self.requests) if self.window > 1 else 1

    def _ranks(self) -> tuple[int, int]:
        """Requests in a window, and the rank of their P99 from the top."""
        n = self.requests * self.window
        return n, n - -(-99 * n // 100) + 1


def _normal(tail: FloatArray) -> FloatArray:
    """Normal quantile of 1 − tail; draws that rounding put on 0 or 1 stay finite."""
    return -ndtri(np.clip(tail, 1e-300, 1.0 - 2.0**-53))
