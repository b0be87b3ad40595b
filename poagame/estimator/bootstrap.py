r"""Moving-block bootstrap of sums over a series of dependent windows.

Neighbouring windows share load, so single windows are no independent draws. Blocks of b consecutive windows are drawn
with replacement instead [kunsch1989]_, with :math:`b = \operatorname{round}(n^{1/3})`, the order that is best for the
variance of a mean. Prefix sums make a block cost two look-ups whatever its length.

.. [kunsch1989] Künsch: The jackknife and the bootstrap for general stationary observations,
   Annals of Statistics 17, 1989.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from poagame._arrays import FloatArray, IntArray, require

_DRAWS: Final = 2**20
"""Blocks drawn at once, which bounds the memory."""


def block_length(num_windows: int) -> int:
    """Windows a block: the cube root of their number, rounded, at least 1."""
    return max(1, round(num_windows ** (1 / 3)))


def resampled_sums(values: FloatArray, num_resamples: int, seed: np.random.SeedSequence) -> FloatArray:
    """Resample the series and sum the columns of `values`.

    Parameters
    ----------
    values : [n, Q]
        A row a window, in order of time, n ≥ 1.
    num_resamples : B
    seed : SeedSequence
        The same seed draws the same blocks, whatever the values.

    Returns
    -------
    [B, Q]
        Each row sums exactly n windows: ⌈n/b⌉ blocks, the last one shortened.
    """
    num_windows, columns = values.shape
    length = block_length(num_windows)
    prefix = np.zeros((columns, num_windows + 1))
    np.cumsum(values.T, axis=1, out=prefix[:, 1:])
    sums = np.zeros((num_resamples, columns))
    for rows, starts, last in _draws(num_windows, length, num_resamples, seed):
        for q in range(columns):
            sums[rows, q] = (prefix[q][starts[:, :-1] + length] - prefix[q][starts[:, :-1]]).sum(axis=1)
            sums[rows, q] += prefix[q][starts[:, -1] + last] - prefix[q][starts[:, -1]]
    return sums


def _draws(
    num_windows: int, length: int, num_resamples: int, seed: np.random.SeedSequence
) -> Iterator[tuple[slice, IntArray, int]]:
    """Draw the starts of the blocks [m, ⌈n/b⌉] of some resamples at a time; with the length of the last block."""
    rng = np.random.default_rng(seed)
    blocks = -(-num_windows // length)
    step = max(1, _DRAWS // blocks)
    for first in range(0, num_resamples, step):
        count = min(step, num_resamples - first)
        starts = rng.integers(0, num_windows - length + 1, size=(count, blocks))
        yield slice(first, first + count), starts, num_windows - (blocks - 1) * length


def ratio_interval(numerator: FloatArray, denominator: FloatArray, confidence: float) -> tuple[float, float] | None:
    """Percentile interval of a ratio of resampled sums; None where a resample has no positive denominator."""
    if (denominator <= 0).any():
        return None
    low, high = np.quantile(numerator / denominator, _levels(confidence))
    return float(low), float(high)


def median_interval(
    strata: Sequence[FloatArray], num_resamples: int, confidence: float, seeds: Sequence[np.random.SeedSequence]
) -> tuple[float, float]:
    """Percentile interval of the (lower) median of all strata together.

    A resample's median is at most t iff at least half of its windows are. So its distribution at t needs only sums of
    the indicator of t, and its quantiles are found by bisection over the observed values, without any resampled series.
    """
    values = np.unique(np.concatenate(strata))
    half = sum(len(s) for s in strata) / 2

    def share_at_most(t: float) -> float:
        counts = np.zeros(num_resamples)
        for stratum, seed in zip(strata, seeds, strict=True):
            counts += resampled_sums((stratum <= t)[:, None].astype(np.float64), num_resamples, seed)[:, 0]
        return float((counts >= half).mean())

    def quantile(level: float) -> float:
        low, high = 0, len(values) - 1
        while low < high:
            middle = (low + high) // 2
            if share_at_most(values[middle]) >= level:
                high = middle
            else:
                low = middle + 1
        return float(values[low])

    low, high = _levels(confidence)
    return quantile(low), quantile(high)


def check(confidence: float, num_resamples: int) -> None:
    """Refuse a confidence outside (0, 1) and fewer than two resamples."""
    require(0.0 < confidence < 1.0, f"confidence must lie strictly between 0 and 1; got {confidence!r}")
    require(
        isinstance(num_resamples, int) and num_resamples >= 2,
        f"num_resamples must be an integer ≥ 2; got {num_resamples!r}",
    )


def _levels(confidence: float) -> tuple[float, float]:
    return (1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0
