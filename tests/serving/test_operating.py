"""Operating curves against the exact laws of runs, the EWMA's closed form and a plain replay."""

from __future__ import annotations

import math
from typing import Any

import joblib
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from poagame.errors import InvalidInput
from poagame.serving.curvature import CurvatureDetector
from poagame.serving.detector import RegimeDetector
from poagame.serving.operating import operating_curve, operating_sweep
from poagame.serving.streaks import mean_wait, switch_probabilities, switch_rate
from poagame.serving.ttft_process import TtftProcess

PROCESS = TtftProcess(200.0, jump=4.0, noise=0.3, rate_rps=10.0)
SURE = 0.9999


def row(frame: pl.DataFrame, index: int = 0) -> dict[str, Any]:
    return frame.row(index, named=True)


def raised(p: float, streak: int, polls: int) -> float:
    """Mean number of switches up, by the chain over (regime, polls of the streak)."""
    law, total = np.zeros((2, streak)), 0.0
    law[0, 0] = 1.0
    for _ in range(polls):
        after = np.zeros_like(law)
        for regime, away in ((0, p), (1, 1.0 - p)):
            after[regime, 0] += law[regime].sum() * (1.0 - away)
            after[regime, 1:] += law[regime, :-1] * away
            after[1 - regime, 0] += law[regime, -1] * away
        total += law[0, -1] * p
        law = after
    return total


@pytest.mark.parametrize("streak", [1, 3, 5])
@pytest.mark.parametrize("requests", [50, 500])
def test_delay_is_the_exact_wait(streak: int, requests: int) -> None:
    process = TtftProcess(200.0, jump=4.0, noise=0.3, rate_rps=requests / 5.0)
    threshold = {50: 1650.0, 500: 1590.0}[requests]
    p = process.beyond(threshold, jump=4.0)
    assert 0.1 < p < 0.6
    assert process.beyond(threshold) < 1e-9
    found = row(
        operating_curve(
            [RegimeDetector(threshold, 1.0, 50.0, 1.0, streak)], process, 2000, 1, before=5, after=4000, confidence=SURE
        ).frame
    )
    law = switch_probabilities(p, streak, 4000)
    # of the runs that alarm within the horizon
    n = np.arange(1, 4001)
    mean = float(n @ np.diff(law)) / law[-1]
    assert found["delay_low"] <= mean <= found["delay_high"]
    if streak < 5:
        assert mean == pytest.approx(mean_wait(p, streak), rel=1e-6)
    assert found["miss_low"] <= 1.0 - law[-1] <= found["miss_high"]
    assert found["delay_p90_low"] <= int(np.argmax(law >= 0.9)) <= found["delay_p90_high"]
    assert found["delay_ms"] == found["delay"] * 5000.0


@pytest.mark.parametrize("streak", [1, 2, 4])
@pytest.mark.parametrize("threshold", [380.0, 440.0, 520.0])
def test_false_alarms_and_misses_have_the_exact_laws(streak: int, threshold: float) -> None:
    detector = RegimeDetector(threshold, 1.0, 50.0, 1.0, streak)
    process = TtftProcess(200.0, jump=1.0, noise=0.3, rate_rps=10.0)
    found = row(operating_curve([detector], process, 3000, 2, before=100, after=20, confidence=SURE).frame)
    p = process.beyond(threshold)
    assert found["false_alarm_low"] <= switch_probabilities(p, streak, 100)[-1] <= found["false_alarm_high"]
    exact = raised(p, streak, 100) / 100
    assert found["false_rate_low"] <= exact <= found["false_rate_high"]
    assert exact == pytest.approx(switch_rate(p, streak) / 2.0, abs=1.0 / 100)
    if found["false_rate"]:
        assert found["false_gap_ms"] == pytest.approx(5000.0 / found["false_rate"])


@pytest.mark.parametrize("smoothing", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("streak", [1, 3])
@pytest.mark.parametrize("jump", [3.5, 6.0, 40.0])
def test_without_noise_the_delay_is_the_ewmas(smoothing: float, streak: int, jump: float) -> None:
    process = TtftProcess(100.0, jump=jump, noise=0.0)
    curve = operating_curve([RegimeDetector(100.0, 3.0, 50.0, smoothing, streak)], process, 2, before=3)
    # s = J − (J − 1)(1 − α)^j ≥ 3
    crossing = math.log((jump - 1.0) / (jump - 3.0)) / -math.log(1.0 - smoothing)
    expected = math.ceil(crossing) + streak - 1
    found = row(curve.frame)
    assert [found[x] for x in ("delay", "delay_low", "delay_high", "delay_p90")] == [expected] * 4
    assert [found[x] for x in ("false_alarm", "false_rate", "alarmed", "miss", "returned")] == [0.0] * 5
    assert found["false_gap_ms"] is None


def test_all_figures_are_those_of_a_plain_replay() -> None:
    process = TtftProcess(200.0, jump=1.3, noise=0.5, rate_rps=10.0, window=2, ramp=3)
    detectors = [RegimeDetector(700.0, 1.0, 3.0, 0.5, 2), CurvatureDetector(200.0, 4)]
    before, after, runs = 30, 10, 80
    frame = operating_curve(detectors, process, runs, 6, before=before, after=after).frame
    series = process.polls(runs, before, after, 6)
    for index, detector in enumerate(detectors):
        onsets, with_onset, alarmed, delays, missed, ended = [], 0, 0, [], 0, 0
        for values in series:
            if isinstance(detector, RegimeDetector):
                state, on = detector.start(), []
                for value in values:
                    state = detector.observe(state, value)
                    on.append(state.regime > 0)
            else:
                fits = [
                    np.polyfit(range(4), values[i - 3 : i + 1], 2)[0] * 2 if i >= 3 else 0.0
                    for i in range(before + after)
                ]
                on = [fit > detector.limit for fit in fits]
            onsets.append(sum(on[i] and (i == 0 or not on[i - 1]) for i in range(before)))
            with_onset += onsets[-1] > 0
            if on[before - 1]:
                alarmed += 1
                continue
            late = on[before:]
            if True not in late:
                missed += 1
                continue
            delays.append(late.index(True) + 1)
            ended += False in late[delays[-1] :]
        found = row(frame, index)
        assert min(with_onset, alarmed, missed, ended) > 0
        assert found["false_alarm"] == with_onset / runs
        assert found["false_rate"] == pytest.approx(sum(onsets) / (runs * before))
        assert found["alarmed"] == alarmed / runs
        assert found["miss"] == missed / (runs - alarmed)
        assert found["delay"] == pytest.approx(np.mean(delays))
        assert found["returned"] == ended / len(delays)
        waits = sorted(delays + [99] * missed)
        p90 = waits[math.ceil(0.9 * len(waits)) - 1]
        assert found["delay_p90"] == (p90 if p90 <= after else None)


def test_interval_of_the_rate_is_wider_where_alarms_come_in_clumps() -> None:
    """It covers the long-run rate as often as it says; taking polls as independent would do so in 79 of 100 cases."""
    process, detector = (
        TtftProcess(200.0, jump=1.0, noise=0.3, rate_rps=10.0),
        RegimeDetector(420.0, 1.0, 50.0, 0.05, 1),
    )
    rate = row(operating_curve([detector], process, 8000, 10**6, before=400, after=1).frame)["false_rate"]
    covered = 0
    for seed in range(200):
        found = row(operating_curve([detector], process, 50, seed, before=400, after=1).frame)
        covered += found["false_rate_low"] <= rate <= found["false_rate_high"]
    assert covered / 200 >= 0.95 - 3.5 * math.sqrt(0.05 * 0.95 / 200)


def test_curvature_alarms_as_often_as_it_is_told_to() -> None:
    # the P99 of a million requests is all but Gaussian
    process = TtftProcess(200.0, jump=1.2, noise=0.3, rate_rps=200_000.0)
    noise = float(process.polls(20_000, 1, 0, 1).std())
    detector = CurvatureDetector.for_noise(noise, 0.01, 5)
    found = row(operating_curve([detector], process, 20_000, 2, before=10, after=5, confidence=SURE).frame)
    assert found["alarmed_low"] <= 0.01 <= found["alarmed_high"]
    assert found["miss"] == 0.0
    assert found["delay"] == 1.0
    assert found["returned"] == 1.0  # a level, however high, has no curvature


def test_more_hysteresis_means_fewer_false_alarms() -> None:
    detectors = [RegimeDetector(420.0, 1.0, 50.0, 0.3, k) for k in range(1, 7)]
    frame = operating_curve(detectors, PROCESS, 300, 4).frame
    assert frame["false_alarm"].is_sorted(descending=True)
    assert frame["false_alarm"][0] > frame["false_alarm"][-1]
    assert frame["polls"].to_list() == list(range(1, 7))


def test_only_ratios_matter() -> None:
    one = operating_curve([RegimeDetector(250.0, 2.0)], PROCESS, 100, 5).frame
    two = operating_curve([RegimeDetector(500.0, 2.0)], TtftProcess(400.0, 4.0, 0.3, 10.0), 100, 5).frame
    assert_frame_equal(one.drop("baseline_ttft_ms"), two.drop("baseline_ttft_ms"))


def test_sweep_is_the_curves_whatever_the_jobs() -> None:
    detector = RegimeDetector(400.0, 1.2)
    grid = {"polls": [1, 3], "noise": [0.1, 0.4], "smoothing": [0.3, 1.0], "interval_ms": [1000.0, 5000.0]}
    swept = operating_sweep(detector, PROCESS, grid, 50, 8, before=40)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert_frame_equal(swept, operating_sweep(detector, PROCESS, grid, 50, 8, before=40))
    assert swept.height == 16
    assert swept.select("noise", "interval_ms", "requests", "polls", "smoothing").n_unique() == 16
    assert swept.filter(interval_ms=1000.0)["requests"].unique().to_list() == [10]
    seed = np.random.default_rng(8).spawn(4)[2]
    one = TtftProcess(200.0, 4.0, 0.4, 10.0, 1000.0)
    detectors = [RegimeDetector(400.0, 1.2, 50.0, a, k) for k in (1, 3) for a in (0.3, 1.0)]
    alone = operating_curve(detectors, one, 50, seed, before=40).frame
    assert_frame_equal(swept.filter(noise=0.4, interval_ms=1000.0).select(alone.columns), alone)


@pytest.mark.parametrize(
    "grid",
    [
        {"alpha": [0.3]},
        {"polls": []},
        {"polls": 3},
        {"polls": "35"},
        {"polls": [1, 2.5]},
        {"noise": [0.1, -0.1]},
        {"noise": [float("nan")]},
        {"smoothing": ["0.3"]},
        {"transition": [60.0]},
        {"rate_rps": [0.001]},
        {3: [1]},
        ["polls"],
    ],
)
def test_bad_grids(grid: Any) -> None:
    with pytest.raises(InvalidInput):
        operating_sweep(RegimeDetector(400.0), PROCESS, grid, 10)


@pytest.mark.parametrize(
    "given",
    [
        {"detectors": []},
        {"detectors": RegimeDetector(400.0)},
        {"detectors": ["ewma"]},
        {"process": 0.3},
        {"num_runs": 1},
        {"num_runs": "9"},
        {"before": 0},
        {"after": 0},
        {"after": float("nan")},
        {"confidence": 95},
        {"seed": "x"},
    ],
)
def test_bad_arguments(given: Any) -> None:
    with pytest.raises(InvalidInput):
        operating_curve(**({"detectors": [RegimeDetector(400.0)], "process": PROCESS, "num_runs": 10} | given))


def test_bad_sweeps() -> None:
    given: Any
    for given in ((None, PROCESS, {}), (RegimeDetector(400.0), None, {})):
        with pytest.raises(InvalidInput):
            operating_sweep(*given)
    with pytest.raises(InvalidInput):
        operating_sweep(RegimeDetector(400.0), PROCESS, {}, 10, n_jobs=0)
