"""The controller is its table read at the detector's regime, whatever the observations come from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poagame.errors import InvalidInput
from poagame.serving.controller import PAPER_TABLE, AdaptiveController, Setting, ttft_p99
from poagame.serving.detector import Regime, RegimeDetector
from poagame.serving.prometheus import Histogram

DETECTOR = RegimeDetector(100.0, 2.0, 10.0, smoothing=1.0, polls=2)


def test_the_papers_table() -> None:
    controller = AdaptiveController(DETECTOR)
    state = controller.start()
    seen = [controller.setting(state)]
    for value in (500.0, 500.0, 5000.0, 5000.0):
        state = controller.observe(state, value)
        seen.append(controller.setting(state))
    below, transition, saturated = Setting(0.0, 1.0), Setting(0.7, 1.0), Setting(0.8, 0.1)
    assert seen == [below, below, transition, transition, saturated]
    assert controller.router_config_override(state) == {"overlap_score_weight": 0.1, "router_temperature": 0.8}
    assert controller.router_config_override(state, "1") == {"overlap_score_credit": 0.1, "router_temperature": 0.8}


def test_observing_leaves_the_old_state_alone() -> None:
    controller = AdaptiveController(DETECTOR)
    start = controller.start()
    assert controller.observe(start, 500.0) == controller.observe(start, 500.0)
    assert start == controller.start()


def test_a_histogram_is_its_p99() -> None:
    controller = AdaptiveController(DETECTOR)
    window = Histogram((100.0, 300.0, np.inf), (0.0, 50.0, 0.0), 10_000.0)
    assert window.quantile_ms(0.99) == 298.0
    assert controller.observe(controller.start(), window) == controller.observe(controller.start(), 298.0)
    empty = Histogram((100.0, 300.0, np.inf), (0.0, 0.0, 0.0), 0.0)
    assert controller.observe(controller.start(), empty).empty == 1


def test_a_whole_series_is_poll_by_poll() -> None:
    controller = AdaptiveController(DETECTOR, {r: Setting(1.0 + r, 10.0 - r) for r in Regime})
    series = np.exp(np.random.default_rng(1).normal(np.log(400.0), 1.0, size=(5, 40)))
    temperature, weight = controller.settings(series)
    for row in range(5):
        state = controller.start()
        for t in range(40):
            state = controller.observe(state, series[row, t])
            assert controller.setting(state) == Setting(temperature[row, t], weight[row, t])
    assert len(np.unique(temperature)) == 3


def test_p99_is_the_least_time_that_99_percent_do_not_exceed() -> None:
    rng = np.random.default_rng(5)
    for n in (1, 7, 99, 100, 101, 200, 1234):
        times = rng.exponential(size=n)
        value = ttft_p99(times)
        assert np.mean(times <= value) >= 0.99 > np.mean(times < value)
    assert np.isnan(ttft_p99([]))


@pytest.mark.parametrize("times", [[-1.0], [float("nan")], [float("inf")], ["a"]])
def test_bad_times(times: Any) -> None:
    with pytest.raises(InvalidInput):
        ttft_p99(times)


@pytest.mark.parametrize("setting", [(-0.1, 1.0), (0.0, -1.0), (float("nan"), 1.0), ("0", 1.0), (True, 1.0)])
def test_bad_settings(setting: Any) -> None:
    with pytest.raises(InvalidInput):
        Setting(*setting)


@pytest.mark.parametrize("table", [{}, {Regime.BELOW: Setting(0, 1)}, {r: (0, 1) for r in Regime}, None])
def test_bad_tables(table: Any) -> None:
    with pytest.raises(InvalidInput):
        AdaptiveController(DETECTOR, table)


def test_bad_release_and_detector() -> None:
    controller: Any = AdaptiveController(DETECTOR)
    with pytest.raises(InvalidInput, match=r"0\.9, 1"):
        controller.router_config_override(controller.start(), "2")
    detector: Any = 200.0
    with pytest.raises(InvalidInput):
        AdaptiveController(detector)


def test_table_cannot_be_changed_from_outside() -> None:
    table = dict(PAPER_TABLE)
    controller = AdaptiveController(DETECTOR, table)
    table[Regime.BELOW] = Setting(5.0, 5.0)
    assert controller.setting(controller.start()) == Setting(0.0, 1.0)
    assert hash(controller) == hash(AdaptiveController(DETECTOR))
