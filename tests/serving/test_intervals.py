"""Intervals against SciPy's, and what they cover."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, geom, t

from poagame.errors import InvalidInput
from poagame.serving.intervals import mean, percentile_90, share, wilson


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (0, 20), (3, 20), (20, 20), (517, 10_000)])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_wilson_is_scipys(successes: int, trials: int, confidence: float) -> None:
    expected = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    assert wilson(successes, trials, confidence) == pytest.approx((expected.low, expected.high), rel=1e-12, abs=1e-15)


def test_fewer_effective_trials_say_less() -> None:
    (low, high), (lower, higher) = wilson(10, 100), wilson(2.5, 25)
    assert lower < low < 0.1 < high < higher
    assert share(0, 0, 0.95) == (None, None, None)


def test_mean_is_students() -> None:
    values = np.array([3, 3, 4, 9, 5])
    low, high = t.interval(0.9, 4, values.mean(), values.std(ddof=1) / np.sqrt(5))
    assert mean(values, 0.9) == pytest.approx((4.8, low, high))
    assert mean(values[:1], 0.9) == (3.0, None, None)
    assert mean(values[:0], 0.9) == (None, None, None)


@pytest.mark.parametrize("n", [30, 200])
def test_percentile_is_covered(n: int) -> None:
    rng = np.random.default_rng(9)
    truth = geom(0.1).ppf(0.9)
    inside = 0
    for _ in range(2000):
        found = percentile_90(rng.geometric(0.1, n), 10**9, 0.9)
        inside += (found.low or 0.0) <= truth <= (found.high or np.inf)
    assert inside / 2000 >= 0.9 - 3 * np.sqrt(0.09 / 2000)


def test_percentile_at_its_ends() -> None:
    assert percentile_90(np.arange(1, 11), 20, 0.95).value == 9.0
    assert percentile_90(np.full(50, 4), 20, 0.95) == (4.0, 4.0, 4.0)
    assert percentile_90(np.full(50, 21), 20, 0.95) == (None, None, None)
    assert percentile_90(np.zeros(0, dtype=np.int64), 20, 0.95) == (None, None, None)


def test_bad_counts() -> None:
    given: Any
    for given in ((1, 0), (-1, 5), (6, 5), (1, 5, 1.0), (1, 5, 0.0), ("1", 5), (1, float("nan"))):
        with pytest.raises(InvalidInput):
            wilson(*given)
