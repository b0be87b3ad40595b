from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

from poagame.errors import InvalidInput
from poagame.serving import (
    AdaptiveController,
    ClosedLoop,
    Cluster,
    DecodeTime,
    DynamoRouter,
    MarginalCost,
    Policy,
    PrefillTime,
    Prompts,
    Regime,
    RegimeDetector,
    RoundRobin,
    Setting,
    Workload,
    simulate,
)
from poagame.serving.adaptive import simulate_adaptive
from poagame.serving.continuous import ContinuousController
from poagame.serving.window_optimum import simulate_windows

CLUSTER = Cluster(
    prefill=1,
    decode=3,
    prefill_time=PrefillTime.constant(20.0),
    decode_time=DecodeTime([1, 100], [9.0, 40.0]),
    prefill_requests=1,
)
SPIKE = Workload(Prompts.templates(3000, output_tokens=32), ClosedLoop.spike(4, 128, 20_000.0, 45_000.0))


@dataclass(frozen=True)
class Always:
    """A controller that never changes its mind."""

    router: Policy

    def start(self) -> int:
        return 0

    def observe(self, state: int, observation: float, /) -> int:
        return state + 1

    def policy(self, state: int, /) -> Policy:
        return self.router


@pytest.mark.parametrize("policy", [DynamoRouter(1.0, 0.3), RoundRobin(), MarginalCost(np.array([9.0, 9.5, 11.0]))])
@pytest.mark.parametrize("poll_ms", [137.0, 5000.0])
def test_a_controller_that_changes_nothing_changes_nothing(policy: Policy, poll_ms: float) -> None:
    adapted = simulate_adaptive(CLUSTER, SPIKE, Always(policy), seed=3, poll_ms=poll_ms)
    columns = ["request_id", "arrival_ms", "ttft_ms", "finish_ms", "decode_worker"]
    assert adapted.requests.collect(columns).equals(simulate(CLUSTER, SPIKE, policy, seed=3).collect(columns))


def test_polls_see_the_first_tokens_of_their_interval() -> None:
    adapted = simulate_adaptive(CLUSTER, SPIKE, Always(DynamoRouter()), poll_ms=2000.0)
    frame = adapted.requests.collect()
    first = (frame["arrival_ms"] + frame["ttft_ms"]).to_numpy()
    assert adapted.polls["time_ms"].to_list() == [2000.0 * (k + 1) for k in range(adapted.polls.height)]
    for time, seen in adapted.polls.select("time_ms", "ttft_p99_ms").iter_rows():
        inside = np.sort(frame["ttft_ms"].to_numpy()[(first > time - 2000.0) & (first <= time)])
        assert seen == (None if inside.size == 0 else pytest.approx(inside[int(np.ceil(0.99 * inside.size)) - 1]))


def test_the_paper_controller_goes_up_in_the_spike_and_comes_back() -> None:
    controller = AdaptiveController(RegimeDetector(60.0, saturation=1000.0))
    polls = simulate_adaptive(CLUSTER, SPIKE, controller).polls
    hot = polls.filter(pl.col("policy").str.contains("temperature=0.7"))["time_ms"].to_list()
    assert 20_000.0 < hot[0] <= 45_000.0
    assert "temperature=0.0" in polls["policy"][-1]
    settings = controller.settings(polls["ttft_p99_ms"].fill_null(np.nan).to_numpy())
    assert [f"temperature={value}" in text for value, text in zip(settings[0], polls["policy"], strict=True)] == [
        True
    ] * polls.height


def test_a_new_setting_acts_only_from_its_poll_on() -> None:
    """Whatever the table says above the first regime, nothing changes before the detector has left it."""
    detector = RegimeDetector(60.0)
    usual = AdaptiveController(detector)
    other = AdaptiveController(
        detector, {**usual.table, Regime.TRANSITION: Setting(5.0, 0.0), Regime.SATURATED: Setting(9.0, 0.0)}
    )
    runs = [simulate_adaptive(CLUSTER, SPIKE, controller, seed=1) for controller in (usual, other)]
    changed = min(time for time, text in runs[0].polls.select("time_ms", "policy").iter_rows() if "0.7" in text)
    early = [
        run.requests.collect(["arrival_ms", "finish_ms", "decode_worker"]).filter(pl.col("finish_ms") <= changed)
        for run in runs
    ]
    assert early[0].equals(early[1])
    assert not runs[0].requests.collect(["finish_ms"]).equals(runs[1].requests.collect(["finish_ms"]))


def test_it_ends_when_no_client_sends_any_more() -> None:
    stops = ClosedLoop(np.zeros(2), np.array([3000.0, 3000.0]))
    adapted = simulate_adaptive(CLUSTER, replace(SPIKE, arrivals=stops), Always(DynamoRouter()), poll_ms=500.0)
    assert adapted.requests.num_rows < 3000
    assert adapted.polls["time_ms"][-1] <= 4500.0


def test_continuous_settings_lie_between_the_ends_and_rise() -> None:
    controller = ContinuousController(10.0, smoothing=1.0)
    temperatures: list[float] = []
    for value in (0.0, 49.0, 60.0, 100.0, 300.0, 499.0, 501.0, 1e6):
        router = controller.policy(controller.observe(None, value))
        temperatures.append(router.temperature)
        assert 0.1 <= router.overlap_weight <= 1.0
    assert temperatures == sorted(temperatures)
    assert temperatures[0] == temperatures[1] == 0.0
    assert temperatures[-1] == 0.8
    assert controller.observe(7.0, float("nan")) == 7.0


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_window_optimum_serves_everybody_and_beats_round_robin(weight: float) -> None:
    rng = np.random.default_rng(0)
    prompts = Prompts.templates(600, groups=8, shared_tokens=64, output_tokens=rng.geometric(1 / 64, 600))
    cluster = replace(CLUSTER, prefill=4)
    workload = Workload(prompts, ClosedLoop.steady(96))
    latency = 64.0 * np.interp(np.arange(1, 101), [1, 100], [9.0, 40.0])
    table = simulate_windows(cluster, workload, latency, weight)
    assert table.num_rows == 600
    itl = [
        run.collect(["itl_ms"])["itl_ms"].drop_nulls().to_numpy().mean()
        for run in (table, simulate(cluster, workload, RoundRobin()))
    ]
    assert itl[0] < itl[1]


def test_one_request_at_a_time_goes_where_the_marginal_cost_is_least() -> None:
    """With windows shorter than the time between decisions, the little optimum is the greedy one."""
    workload = Workload(Prompts.templates(80, output_tokens=40), ClosedLoop.steady(6, stagger_ms=31.0))
    latency = np.interp(np.arange(1, 101), [1, 100], [9.0, 40.0])
    table = simulate_windows(CLUSTER, workload, latency, window_ms=1.0, most_requests=1).collect()
    decided = (table["arrival_ms"] + table["ttft_ms"]).to_numpy()
    ends, worker = table["finish_ms"].to_numpy(), table["decode_worker"].to_numpy()
    for k in np.argsort(decided)[10:]:
        running = (decided < decided[k]) & (ends > decided[k] + 40.0)  # clear of the last iterations' bookkeeping
        loads = [int((running & (worker == f"d{w}")).sum()) for w in range(3)]
        assert loads[int(worker[k][1])] <= min(loads) + 1


@pytest.mark.parametrize("poll_ms", [0.0, -1.0, float("nan"), 1e-9])
def test_polls_that_cannot_be(poll_ms: float) -> None:
    with pytest.raises(InvalidInput, match="poll"):
        simulate_adaptive(CLUSTER, SPIKE, Always(DynamoRouter()), poll_ms=poll_ms)


def test_bad_continuous_controllers() -> None:
    with pytest.raises(InvalidInput, match="wrong order"):
        ContinuousController(10.0, transition=9.0, saturation=3.0)
    with pytest.raises(InvalidInput, match="smoothing"):
        ContinuousController(10.0, smoothing=2.0)
    with pytest.raises(InvalidInput, match="Setting"):
        ContinuousController(10.0, below=0.3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match="nonnegative"):
        ContinuousController(10.0).observe(None, -1.0)
