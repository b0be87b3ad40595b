"""Intervals of what a simulation counts: shares, means and percentiles, each (value, low, high)."""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy.stats import binom, norm, t

from poagame._arrays import IntArray, require
from poagame.games.checks import finite, positive


class Interval(NamedTuple):
    """A figure and where it lies; None where the sample cannot say."""

    value: float | None
    low: float | None
    high: float | None


def wilson(successes: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share; counts may be fractions, as those of trials worth less than independent ones are.

    Raises
    ------
    InvalidInput
        If trials is not positive, successes not in [0, trials] or confidence not in (0, 1).
    """
    trials, successes = positive(trials, "trials"), finite(successes, "successes")
    require(0.0 <= successes <= trials, f"successes lie between 0 and {trials:g}; got {successes:g}")
    z2 = float(norm.isf((1.0 - checked_confidence(confidence)) / 2.0)) ** 2
    share = successes / trials
    half = math.sqrt(z2 * share * (1.0 - share) / trials + (z2 / (2.0 * trials)) ** 2)
    middle, scale = share + z2 / (2.0 * trials), 1.0 + z2 / trials
    # rounding must not move an end that is exactly 0 or 1
    low = 0.0 if successes == 0.0 else float((middle - half) / scale)
    return low, 1.0 if successes == trials else float((middle + half) / scale)


def share(successes: float, trials: float, confidence: float) -> Interval:
    """successes / trials with `wilson`'s interval."""
    if trials == 0:
        return Interval(None, None, None)
    return Interval(successes / trials, *wilson(successes, trials, confidence))


def mean(values: IntArray, confidence: float) -> Interval:
    """Mean of values [n] with Student's interval; none with fewer than two values."""
    if values.size < 2:
        return Interval(float(values[0]) if values.size else None, None, None)
    middle, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(values.size)
    half = float(t.isf((1.0 - confidence) / 2.0, values.size - 1)) * error
    return Interval(middle, middle - half, middle + half)


def percentile_90(waits: IntArray, horizon: int, confidence: float) -> Interval:
    """The ⌈0.9 n⌉-th smallest of waits [n] between two others, whatever their law; None where one is beyond the horizon.

    The number of waits below the percentile is binomial, which gives the two ranks.
    """
    n = waits.size
    if n == 0:
        return Interval(None, None, None)
    ordered, tail = sorted(int(w) for w in waits), (1.0 - confidence) / 2.0
    low, high = int(binom.ppf(tail, n, 0.9)), int(binom.isf(tail, n, 0.9)) + 1
    picked = [ordered[max(rank, 1) - 1] if rank <= n else horizon + 1 for rank in (-(-9 * n // 10), low, high)]
    return Interval(*(float(w) if w <= horizon else None for w in picked))


def checked_confidence(value: object) -> float:
    """`value` as a float between 0 and 1.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    confidence = finite(value, "confidence")
    require(0.0 < confidence < 1.0, f"confidence lies between 0 and 1; got {confidence:g}")
    return confidence
