"""Curvature of what has a known one, and false alarms at their exact rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.signal import savgol_coeffs

from poagame.errors import InvalidInput
from poagame.serving.curvature import CurvatureDetector, curvature_over_load


def test_quadratic_latency_has_its_curvature_on_any_grid() -> None:
    load = np.array([1.0, 2.0, 4.0, 8.0, 9.0, 32.0])
    slopes = np.array([[3.0], [-1.0]])
    assert curvature_over_load(load, 0.25 * load**2 + slopes * load + 7.0) == pytest.approx(np.full((2, 4), 0.5))


def test_curvature_over_load_finds_where_latency_bends() -> None:
    load = np.array([1.0, 2, 4, 8, 16, 32, 64, 96, 128])
    assert np.flatnonzero(curvature_over_load(load, 100 + np.maximum(load - 64.0, 0.0)) > 1e-9).tolist() == [5]


@pytest.mark.parametrize("window", [3, 4, 5, 11])
def test_fit_is_the_least_squares_parabola(window: int) -> None:
    series = np.random.default_rng(window).normal(size=(3, 20))
    found = CurvatureDetector(1.0, window).curvature(series)
    assert found.shape == (3, 21 - window)
    t = np.arange(window)
    wanted = [[2 * np.polyfit(t, row[i : i + window], 2)[0] for i in range(21 - window)] for row in series]
    assert found == pytest.approx(np.array(wanted), abs=1e-10)
    if window % 2:
        assert found[0, 0] == pytest.approx(savgol_coeffs(window, 2, deriv=2, use="dot") @ series[0, :window])


def test_with_three_polls_it_is_the_second_difference() -> None:
    series = np.random.default_rng(0).normal(size=30)
    assert CurvatureDetector(1.0, 3).curvature(series) == pytest.approx(np.diff(series, 2))


@pytest.mark.parametrize("window", [3, 7])
def test_false_alarms_come_at_their_rate(window: int) -> None:
    rng = np.random.default_rng(window)
    series = 100.0 + 3.0 * np.arange(window) + rng.normal(0.0, 20.0, size=(200_000, window))
    alarms = (CurvatureDetector.for_noise(20.0, 0.01, window).first_alarm(series) >= 0).sum()
    assert alarms == pytest.approx(2000, abs=4 * np.sqrt(2000))


def test_onset_alarms_and_a_steady_height_does_not() -> None:
    detector = CurvatureDetector(5.0, 5)
    ramp = np.concatenate([np.full(10, 100.0), 100.0 + 20.0 * np.arange(1, 8) ** 2])
    assert detector.first_alarm([ramp, np.full(17, 1e6)]).tolist() == [10, -1]


@pytest.mark.parametrize(
    "given",
    [
        ([1, 2], [1, 2]),
        ([1, 1, 2], [1, 2, 3]),
        ([1, 2, 3], [1, 2]),
        ([1, 2, 3], [1, 2, np.nan]),
        (3.0, 4.0),
        ("abc", [1, 2, 3]),
    ],
)
def test_bad_loads(given: Any) -> None:
    with pytest.raises(InvalidInput):
        curvature_over_load(*given)


def test_bad_detectors() -> None:
    for limit, window in ((0.0, 5), (-1.0, 5), (np.nan, 5), (1.0, 2), (1.0, 3.5)):
        given: Any = window
        with pytest.raises(InvalidInput):
            CurvatureDetector(limit, given)
    for noise, rate in ((0.0, 0.1), (1.0, 0.0), (1.0, 0.5), (1.0, np.nan)):
        with pytest.raises(InvalidInput):
            CurvatureDetector.for_noise(noise, rate)
    with pytest.raises(InvalidInput, match="window"):
        CurvatureDetector(1.0, 5).curvature([1.0, 2.0])
