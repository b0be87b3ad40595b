from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poagame.errors import InvalidInput
from poagame.estimator import bootstrap
from poagame.estimator.bootstrap import block_length, median_interval, ratio_interval, resampled_sums

SEED = np.random.SeedSequence(7)


def series(seed: int, num_windows: int) -> np.ndarray:
    """Positive windows (realised, optimum) of a stationary autoregression with ratio of means 2."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(num_windows + 50, 2))
    state = np.zeros(2)
    values = np.empty((num_windows, 2))
    for k, step in enumerate(noise):
        state = 0.4 * state + step
        if k >= 50:
            values[k - 50] = state
    return np.array([20.0, 10.0]) + values * np.array([3.0, 1.0])


@given(st.integers(1, 60), st.integers(0, 1000))
def test_sums_are_those_of_blocks_spelled_out(num_windows: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(num_windows, 3))
    stream = np.random.SeedSequence(seed)
    sums = resampled_sums(values, 20, stream)
    length = block_length(num_windows)
    expected = []
    for _, starts, last in bootstrap._draws(num_windows, length, 20, stream):
        for row in starts:
            picked = [k for s in row[:-1] for k in range(s, s + length)] + list(range(row[-1], row[-1] + last))
            assert len(picked) == num_windows
            expected.append(values[picked].sum(axis=0))
    np.testing.assert_allclose(sums, expected, atol=1e-12)


def test_drawing_in_portions_covers_every_resample(monkeypatch) -> None:
    monkeypatch.setattr(bootstrap, "_DRAWS", 64)
    values = np.ones((100, 1))
    assert (resampled_sums(values, 101, SEED) == 100.0).all()


def test_block_length_is_the_cube_root() -> None:
    assert [block_length(n) for n in (1, 2, 8, 27, 1000, 2_000_000)] == [1, 1, 2, 3, 10, 126]


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Dependent windows, 300 each: 95 % nominal; single draws, which ignore dependence, cover clearly less."""
    trials, hits, naive = 300, 0, 0
    for trial in range(trials):
        values = series(trial, 300)
        seed = np.random.SeedSequence(trial)
        sums = resampled_sums(values, 400, seed)
        interval = ratio_interval(sums[:, 0], sums[:, 1], 0.95)
        assert interval is not None
        hits += interval[0] <= 2.0 <= interval[1]
        rng = np.random.default_rng(seed)
        single = values[rng.integers(0, 300, (400, 300))].sum(axis=1)
        low, high = np.quantile(single[:, 0] / single[:, 1], [0.025, 0.975])
        naive += low <= 2.0 <= high
    assert 0.89 <= hits / trials <= 0.98
    assert naive / trials < 0.86


@given(st.integers(0, 10**6), st.lists(st.integers(2, 40), min_size=1, max_size=3))
def test_the_interval_of_the_median_is_that_of_resampled_medians(seed: int, sizes: list[int]) -> None:
    rng = np.random.default_rng(seed)
    strata = [rng.integers(0, 12, n).astype(float) for n in sizes]
    streams = np.random.SeedSequence(seed).spawn(len(sizes))
    low, high = median_interval(strata, 200, 0.9, streams)
    medians = []
    drawn = [
        np.concatenate([s for _, s, _ in bootstrap._draws(len(v), block_length(len(v)), 200, k)])
        for v, k in zip(strata, streams, strict=True)
    ]
    for b in range(200):
        picked = []
        for values, starts in zip(strata, drawn, strict=True):
            length = block_length(len(values))
            picked += [k for s in starts[b] for k in values[s : s + length]][: len(values)]
        medians.append(np.sort(picked)[(len(picked) - 1) // 2])
    expected = np.quantile(medians, [0.05, 0.95], method="inverted_cdf")
    assert [low, high] == pytest.approx(expected)


def test_a_resample_without_a_positive_denominator_leaves_no_interval() -> None:
    assert ratio_interval(np.array([1.0, 2.0]), np.array([1.0, 0.0]), 0.95) is None


@pytest.mark.parametrize(("confidence", "resamples"), [(0.0, 10), (1.0, 10), (float("nan"), 10), (0.9, 1), (0.9, 2.5)])
def test_senseless_settings_are_refused(confidence, resamples) -> None:
    with pytest.raises(InvalidInput, match="confidence must|num_resamples must"):
        bootstrap.check(confidence, resamples)


def test_two_million_windows_take_seconds() -> None:
    values = np.random.default_rng(0).random((2_000_000, 2))
    start = time.perf_counter()
    sums = resampled_sums(values, 1000, SEED)
    assert time.perf_counter() - start < 30.0
    assert sums[:, 0].mean() == pytest.approx(values[:, 0].sum(), rel=1e-3)
    assert sums[:, 0].std() == pytest.approx(np.sqrt(2_000_000 / 12), rel=0.15)  # independent windows
