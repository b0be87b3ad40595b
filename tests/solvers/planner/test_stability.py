"""Where the Planner settles: the map against single runs, and the law of delay and hysteresis."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from poagame.errors import InvalidInput
from poagame.games.attainment import DecodeBatch, PrefillQueue
from poagame.games.resource import ResourceGame
from poagame.solvers.planner import BestReplyPlanner, Sine, StepPlanner, plan, stability_map
from tests.solvers.planner.simple import Slack

POOLS = ResourceGame(
    12,
    PrefillQueue(20.0, service_ms=200.0, target_ms=400.0),
    DecodeBatch(20.0, lambda n: 8.0 + 0.25 * n, target_ms=12.0, output_tokens=200.0, max_batch=32),
)


@pytest.mark.parametrize("rule_of", [StepPlanner, lambda gain: BestReplyPlanner()])
def test_equals_single_runs(rule_of: Any) -> None:
    delays, gains, swings = [0.0, 45.0, 60.0], [1, 3], [0.0, 0.3, 0.5]
    times: dict[str, Any] = {"startup_s": 40.0, "horizon_s": 5400.0, "start": (2, 10)}
    found = stability_map(POOLS, rule_of, delays, gains, swings, mean=1.1, period_s=450.0, **times)
    assert found.period.shape == (3, 2, 3)
    for (i, delay), (j, gain), (k, swing) in itertools.product(*map(enumerate, (delays, gains, swings))):
        run = plan(POOLS, rule_of(gain), Sine(1.1, swing, 450.0), delay_s=delay, **times)
        at = (i, j, k)
        assert found.converged[at] == run.converged
        assert found.period[at] == run.period
        assert found.settled_s[at] == run.settled_s
        assert found.num_moves[at] == run.num_moves
        assert found.gpu_seconds_lost[at] == pytest.approx(run.gpu_seconds_lost, rel=1e-12)
        assert found.excess_missed[at] == pytest.approx(run.excess_missed, rel=1e-12)
    assert "gain 3" in str(found)


@pytest.mark.parametrize("late", range(5))
@pytest.mark.parametrize("hysteresis", [0.001, 0.02, 0.05, 0.08])
def test_steps_oscillate_where_delay_is_longer_than_the_hysteresis_is_wide(late: int, hysteresis: float) -> None:
    """±1 worker, seen L intervals late, settles if more than L splits lie within the hysteresis, else has period 4L + 2."""
    pools = ResourceGame(40, Slack(3.0), Slack(3.1))
    prefill = np.arange(1, 40)
    gap = (1 - 3.0 / prefill) - (1 - 3.1 / (40 - prefill))
    within = int((np.abs(gap) <= hysteresis).sum())
    run = plan(pools, StepPlanner(hysteresis=hysteresis), delay_s=30.0 * late, start=(8, 32))
    assert run.converged == (within > late)
    assert run.period == (0 if within > late else 4 * late + 2)


@pytest.mark.parametrize(("late", "startup"), [(0, 1), (0, 3), (1, 1), (2, 3), (3, 2)])
def test_slow_starts_lengthen_the_cycle(late: int, startup: int) -> None:
    """Each interval of starting adds two to the period: one each way."""
    pools = ResourceGame(60, Slack(3.0), Slack(3.1))
    run = plan(
        pools,
        StepPlanner(hysteresis=0.001),
        delay_s=30.0 * late,
        startup_s=30.0 * startup,
        start=(10, 50),
        horizon_s=9e3,
    )
    assert run.period == 4 * late + 2 * startup + 2


def test_real_pools_bear_one_interval_of_delay() -> None:
    found = stability_map(POOLS, delays_s=[0.0, 30.0, 60.0, 120.0], gains=[1], swings=[0.0], start=(2, 10))
    # 6P/6D and 7P/5D alone are within 0.05, so that one interval's delay is borne and two are not
    workers = np.arange(1.0, 12.0)
    within = np.abs(POOLS.prefill(workers) - POOLS.decode(12.0 - workers)) <= 0.05
    assert (np.flatnonzero(within) + 1).tolist() == [6, 7]
    assert found.converged[:, 0, 0].tolist() == [True, True, False, False]
    assert found.period[2:, 0, 0].tolist() == [4 * 2 + 2, 4 * 4 + 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"delays_s": []}, "delays_s"),
        ({"delays_s": [-1.0]}, "delays_s"),
        ({"gains": [0]}, "gains"),
        ({"gains": [1.5]}, "gains"),
        ({"swings": [1.0]}, "swing"),
        ({"swings": [[0.1]]}, "swings"),
        ({"period_s": 0.0}, "period_s"),
        ({"mean": -1.0}, "mean"),
        ({"horizon_s": 1.0}, "horizon"),
        ({"startup_s": -1.0}, "startup_s"),
        ({"start": (12, 1)}, "budget"),
    ],
)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        stability_map(POOLS, **change)
