"""The simulated hysteresis against the exact law of independent polls and against detectors with each k."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poagame.errors import InvalidInput
from poagame.serving.detector import RegimeDetector
from poagame.serving.hysteresis import hysteresis
from poagame.serving.streaks import smallest_streak, switch_probabilities
from poagame.serving.ttft_process import TtftProcess

PROCESS = TtftProcess(200.0, noise=0.3, rate_rps=10.0)


@pytest.mark.parametrize("threshold", [380.0, 440.0])
def test_without_smoothing_it_is_the_exact_law(threshold: float) -> None:
    found = hysteresis(RegimeDetector(threshold, 1.0, 50.0, 1.0), PROCESS, 0.01, 4000, 1, polls=200, confidence=0.999)
    p = PROCESS.beyond(threshold)
    assert found.beyond == p
    assert found.independent == smallest_streak(p, 200, 0.01)
    for k, _, low, high, independent in found.frame.rows():
        assert independent == switch_probabilities(p, k, 200)[-1]
        assert low <= independent <= high
    assert found.independent <= found.simulated <= found.independent + 1
    assert switch_probabilities(p, found.simulated, 200)[-1] <= 0.01


def test_with_smoothing_it_is_that_of_the_detectors() -> None:
    process, polls = TtftProcess(200.0, noise=0.3, rate_rps=10.0, window=2), 100
    found = hysteresis(RegimeDetector(440.0, 1.0, 50.0, 0.3), process, 0.02, 500, 3, polls=polls)
    series = process.polls(500, polls, 0, 3)
    for k, share, *_ in found.frame.rows():
        assert share == np.mean((RegimeDetector(440.0, 1.0, 50.0, 0.3, k).regimes(series) > 0).any(axis=1))
    assert found.frame["high"][-1] <= 0.02 < found.frame["high"][-2]
    assert found.simulated == found.frame.height > found.independent  # polls that depend stay beyond for longer


def test_ends() -> None:
    quiet = hysteresis(RegimeDetector(1e6, 1.0, 50.0, 0.3), PROCESS, 0.05, 100, polls=10)
    assert (quiet.simulated, quiet.independent, quiet.beyond) == (1, 1, 0.0)
    always = hysteresis(RegimeDetector(1.0, 1.0, 50.0, 0.3), PROCESS, 0.05, 100, polls=10)
    assert (always.simulated, always.independent, always.beyond) == (11, 11, 1.0)


def test_bad_arguments() -> None:
    detector = RegimeDetector(440.0, 1.0, 50.0)
    given: Any
    for given in (
        {"flapping": 0.0},
        {"flapping": 1.0},
        {"flapping": "x"},
        {"polls": 0},
        {"num_runs": 1},
        {"confidence": 1},
    ):
        with pytest.raises(InvalidInput):
            hysteresis(detector, PROCESS, **given)
    with pytest.raises(InvalidInput, match="at least 3"):
        hysteresis(detector, PROCESS, 0.001, 1000)
    for given in ((None, PROCESS), (detector, 3.0)):
        with pytest.raises(InvalidInput):
            hysteresis(*given)
