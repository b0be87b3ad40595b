"""The detector against a plain rereading of its rule, and the rule's consequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poagame.errors import InvalidInput
from poagame.serving.detector import DetectorState, Regime, RegimeDetector


def reread(detector: RegimeDetector, series: list[float]) -> list[int]:
    """The rule in words of history: look back over the last k values of the EWMA since the last switch."""
    regime, since, smooth, out = 0, [], None, []
    for x in series:
        if not np.isnan(x):
            smooth = x if smooth is None else detector.smoothing * x + (1 - detector.smoothing) * smooth
            since.append(sum(smooth >= t for t in (detector.transition_ms, detector.saturation_ms)))
            last = since[-detector.polls :]
            if len(last) == detector.polls and (min(last) > regime or max(last) < regime):
                regime = min(last) if min(last) > regime else max(last)
                since = []
        out.append(regime)
    return out


@pytest.mark.parametrize("polls", [1, 2, 3, 5])
@pytest.mark.parametrize("smoothing", [0.2, 0.7, 1.0])
def test_agrees_with_a_plain_rereading(polls: int, smoothing: float) -> None:
    rng = np.random.default_rng(polls)
    detector = RegimeDetector(100.0, 2.0, 6.0, smoothing, polls)
    series = np.exp(rng.normal(np.log(350.0), 0.9, size=(60, 80)))
    series[rng.random(series.shape) < 0.1] = np.nan
    regimes = detector.regimes(series)
    assert regimes.tolist() == [reread(detector, list(row)) for row in series]
    assert set(np.unique(regimes)) == {0, 1, 2}


def test_poll_by_poll_is_the_whole_series() -> None:
    rng = np.random.default_rng(7)
    detector = RegimeDetector(100.0, 2.0, 6.0)
    series = np.exp(rng.normal(np.log(350.0), 1.2, size=(2, 3, 50)))
    series[0, 0, :3] = np.nan
    smooth, regimes = detector.trace(series)
    assert np.array_equal(regimes, detector.regimes(series))
    for index in np.ndindex(2, 3):
        state = detector.start()
        for t, value in enumerate(series[index]):
            state = detector.observe(state, value)
            assert state.regime == regimes[index][t]
            assert (np.nan if state.smooth_ms is None else state.smooth_ms) == pytest.approx(
                smooth[index][t], nan_ok=True
            )
        assert state.polls == 50
        assert state.empty == np.isnan(series[index]).sum()
        assert state.switches == (np.diff(regimes[index], prepend=0) != 0).sum()


def test_ewma_of_a_step_is_geometric() -> None:
    smooth, _ = RegimeDetector(1.0, smoothing=0.25).trace([0.0] + [8.0] * 20)
    assert smooth == pytest.approx(8.0 * (1 - 0.75 ** np.arange(21)))


def test_below_is_left_though_polls_straddle_the_upper_threshold() -> None:
    detector = RegimeDetector(1.0, 2.0, 10.0, smoothing=1.0, polls=3)
    assert detector.regimes([5, 50, 5, 50, 50, 50]).tolist() == [0, 0, 1, 1, 1, 2]
    assert detector.regimes([50, 50, 50, 1, 5, 1]).tolist() == [0, 0, 2, 2, 2, 1]


def test_one_poll_back_starts_the_count_anew() -> None:
    detector = RegimeDetector(1.0, 2.0, 10.0, smoothing=1.0, polls=3)
    assert detector.regimes([5, 5, 1, 5, 5, 1] * 20).max() == 0


def test_a_threshold_belongs_to_the_regime_above() -> None:
    detector = RegimeDetector(1.0, 2.0, 10.0, smoothing=1.0, polls=1)
    assert detector.regimes([np.nextafter(2.0, 0), 2.0, np.nextafter(10.0, 0), 10.0]).tolist() == [0, 1, 1, 2]


def test_gaps_hold_and_count() -> None:
    detector = RegimeDetector(1.0, 2.0, 10.0, smoothing=1.0, polls=2)
    first = detector.observe(detector.start(), float("nan"))
    assert first == DetectorState(polls=1, empty=1)
    high = detector.observe(first, 5.0)
    held = detector.observe(high, float("nan"))
    assert (held.smooth_ms, held.candidate, held.streak) == (5.0, Regime.TRANSITION, 1)
    assert detector.observe(held, 5.0).regime is Regime.TRANSITION


def test_scale_does_not_matter() -> None:
    series = np.exp(np.random.default_rng(3).normal(2.0, 1.0, size=(20, 60)))
    one, thousand = RegimeDetector(1.0), RegimeDetector(1024.0)
    assert np.array_equal(one.regimes(series), thousand.regimes(1024.0 * series))


@pytest.mark.parametrize(
    "bad",
    [
        {"baseline_ttft_ms": 0.0},
        {"baseline_ttft_ms": float("nan")},
        {"baseline_ttft_ms": "200"},
        {"transition": -1.0},
        {"transition": 50.0},
        {"transition": 60.0},
        {"saturation": float("inf")},
        {"baseline_ttft_ms": 1e308},
        {"smoothing": 0.0},
        {"smoothing": 1.1},
        {"smoothing": True},
        {"polls": 0},
        {"polls": 2.5},
    ],
)
def test_bad_detectors(bad: Any) -> None:
    with pytest.raises(InvalidInput):
        RegimeDetector(**({"baseline_ttft_ms": 200.0} | bad))


@pytest.mark.parametrize("value", [-1.0, float("inf"), float("-inf"), "1", None, True])
def test_bad_polls(value: Any) -> None:
    detector = RegimeDetector(200.0)
    with pytest.raises(InvalidInput):
        detector.observe(detector.start(), value)
    with pytest.raises(InvalidInput):
        detector.regimes([value])


@pytest.mark.parametrize("series", [[], 3.0, [[]], [[1.0], [1.0, 2.0]], ["a"]])
def test_bad_series(series: Any) -> None:
    with pytest.raises(InvalidInput):
        RegimeDetector(200.0).regimes(series)
