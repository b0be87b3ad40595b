"""Runs of a Planner: by hand, against a run told worker by worker, and what they must keep."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poagame.certificates.nash import certify_nash
from poagame.errors import InvalidInput, TooLarge
from poagame.games.attainment import DecodeBatch, Exponential, PrefillQueue
from poagame.games.resource import ResourceGame
from poagame.solvers.planner import (
    BestReplyPlanner,
    DynamoPlanner,
    DynamoProfile,
    Observation,
    PlannerRule,
    ProportionalPlanner,
    Sine,
    StepPlanner,
    Surge,
    plan,
)
from tests.solvers.planner.simple import Slack, Split, Told, told_period

FOUR = ResourceGame(4, Slack(1.0), Slack(0.5))
"""Attainments 0, ½, ⅔ with 1, 2, 3 prefill workers; ½, ¾, ⅚ of decode."""


def test_by_hand() -> None:
    run = plan(FOUR, StepPlanner(hysteresis=0.1), startup_s=30.0, horizon_s=240.0, start=(1, 3))
    assert run.splits.tolist() == [[1, 3], [2, 2], [3, 1], [3, 1], [2, 2], [2, 2], [3, 1], [3, 1]]
    assert run.serving.tolist() == [[1, 3], [1, 2], [2, 1], [3, 1], [2, 1], [2, 2], [2, 1], [3, 1]]
    shares = [
        [0, 5 / 6],
        [0, 3 / 4],
        [1 / 2, 1 / 2],
        [2 / 3, 1 / 2],
        [1 / 2, 1 / 2],
        [1 / 2, 3 / 4],
        [1 / 2, 1 / 2],
        [2 / 3, 1 / 2],
    ]
    np.testing.assert_allclose(run.attainments, shares, rtol=1e-14)
    assert run.gpu_seconds_lost == 4 * 30.0
    # the best split, 2P/2D, misses ¾ in all
    assert run.excess_missed == pytest.approx(
        30.0 * (5 / 12 + 1 / 2 + 1 / 4 + 1 / 12 + 1 / 4 + 1 / 4 + 1 / 12), rel=1e-14
    )
    assert run.num_moves == 4
    longer = plan(FOUR, StepPlanner(hysteresis=0.1), startup_s=30.0, horizon_s=600.0, start=(1, 3))
    assert (longer.converged, longer.period, longer.settled_s) == (False, 4, np.inf)


def test_a_start_of_half_an_interval() -> None:
    run = plan(FOUR, StepPlanner(hysteresis=0.1), startup_s=15.0, horizon_s=60.0, start=(1, 3))
    np.testing.assert_allclose(run.attainments[1], [0.25, 0.75], rtol=1e-14)
    assert run.serving.tolist() == [[1, 3], [1.5, 2]]
    assert run.gpu_seconds_lost == 15.0


def test_delay() -> None:
    run = plan(FOUR, StepPlanner(hysteresis=0.1), delay_s=31.0, horizon_s=270.0, start=(1, 3))  # two intervals late
    assert run.splits[:, 0].tolist() == [1, 1, 1, 2, 3, 3, 3, 2, 1]


def see(rule: PlannerRule, pools: ResourceGame) -> Any:
    """Return the rule told anew, one run at a time."""
    size, budget = pools.gpus_per_worker, pools.budget

    def step(t: int, now: Split, share: tuple[float, float], level: float) -> Split:
        assert isinstance(rule, StepPlanner)
        if abs(share[0] - share[1]) <= rule.hysteresis:
            return now
        poor = 0 if share[0] < share[1] else 1
        new = list(now)
        for _ in range(rule.gain):  # worker by worker
            if (new[poor] + 1) * size[poor] + size[1 - poor] > budget:
                break
            new[poor] += 1
            while new[0] * size[0] + new[1] * size[1] > budget:
                new[1 - poor] -= 1
        return new[0], new[1]

    def best(t: int, now: Split, share: tuple[float, float], level: float) -> Split:
        pool, game = t % 2, pools.scaled(level)

        def value(workers: int) -> float:
            split = (workers, now[1]) if pool == 0 else (now[0], workers)
            return -float(game.player_costs(np.array(split) * np.array(size))[pool])

        room = int((budget - now[1 - pool] * size[1 - pool]) // size[pool])
        top = max(range(1, room + 1), key=lambda w: (value(w), -w))
        chosen = top if value(top) > value(now[pool]) else now[pool]
        return (chosen, now[1]) if pool == 0 else (now[0], chosen)

    return step if isinstance(rule, StepPlanner) else best


def draw(seed: int) -> tuple[ResourceGame, PlannerRule, dict[str, Any], int]:
    rng = np.random.default_rng(seed)
    size = (1, 1) if seed % 3 else tuple(int(x) for x in rng.choice([1, 2, 4], size=2))
    budget = int(rng.integers(sum(size) + 4, 14))
    curves = [
        Slack(float(rng.uniform(0.3, 2.0)), float(rng.uniform(0.7, 1.5)), float(rng.integers(1, 4))) for _ in range(2)
    ]
    price = float(rng.choice([0.0, 0.02]))
    pools = ResourceGame(budget, curves[0], curves[1], gpus_per_worker=size, price=price, coupled=bool(seed % 2))
    best = seed % 5 == 0
    rule = BestReplyPlanner() if best else StepPlanner(int(rng.integers(1, 4)), float(rng.choice([0.0, 0.05, 0.2])))
    times = {
        "delay_s": float(rng.choice([0.0, 10.0, 30.0, 45.0, 90.0])),
        "startup_s": float(rng.choice([0.0, 12.0, 30.0, 75.0])),
        "load": float(rng.uniform(0.6, 1.4)) if seed % 4 else Sine(1.0, 0.5, float(rng.choice([120.0, 75.0]))),
    }
    return pools, rule, times, 2 if best else 1


@pytest.mark.parametrize("seed", range(40))
def test_equals_the_run_told_worker_by_worker(seed: int) -> None:
    pools, rule, times, turn = draw(seed)
    run = plan(pools, rule, horizon_s=30.0 * 160, **times)
    levels = run.load.tolist()
    told = Told(
        pools,
        see(rule, pools),
        lambda t: levels[t],
        30.0,
        times["delay_s"],
        times["startup_s"],
        tuple(run.splits[0].tolist()),
    )
    splits, shares, lost, states = told.run(160)
    assert run.splits.tolist() == [list(s) for s in splits]
    np.testing.assert_allclose(run.attainments, shares, rtol=1e-9, atol=1e-12)
    assert run.gpu_seconds_lost == pytest.approx(lost, rel=1e-9)
    cycle = {120.0: 4, 75.0: 5}[times["load"].period_s] if isinstance(times["load"], Sine) else 1
    period = told_period(splits, states, int(np.lcm(cycle, turn)))
    assert period >= 0  # the brute force found a state that came back
    assert run.period == period
    assert run.converged == (period == 0)
    if run.converged:
        first = int(run.settled_s / 30.0)
        assert (run.splits[first:] == run.splits[-1]).all()
        assert first == 0 or run.splits[first - 1].tolist() != run.splits[first].tolist()


@pytest.mark.parametrize("rule", [StepPlanner(2, 0.0), BestReplyPlanner(), ProportionalPlanner(), DynamoPlanner()])
@pytest.mark.parametrize("size", [(1, 1), (4, 2), (2, 8)])
def test_gpus_are_kept(rule: PlannerRule, size: tuple[int, int]) -> None:
    decode = DecodeBatch(20.0, lambda n: 8.0 + 0.25 * n, target_ms=12.0, output_tokens=200.0, max_batch=32)
    pools = ResourceGame(
        24, PrefillQueue(15.0, 200.0, 400.0, "exponential"), decode, gpus_per_worker=size, coupled=True
    )
    run = plan(pools, rule, Sine(1.0, 0.6, 900.0), delay_s=40.0, startup_s=100.0, interval_s=30.0, horizon_s=3000.0)
    assert (run.splits >= 1).all()
    assert (run.serving >= 1).all()
    assert (run.serving <= run.splits).all()
    assert (run.unused_gpus >= 0).all()
    starting = ((run.splits - run.serving) * size).sum(axis=1)
    np.testing.assert_allclose((run.serving * size).sum(axis=1) + starting + run.unused_gpus, 24.0)
    assert run.gpu_seconds_lost == pytest.approx(30.0 * starting.sum())
    assert run.excess_missed >= 0.0
    again = plan(pools, rule, Sine(1.0, 0.6, 900.0), delay_s=40.0, startup_s=100.0, interval_s=30.0, horizon_s=3000.0)
    assert (run.splits == again.splits).all()
    assert run.excess_missed == again.excess_missed


@pytest.mark.parametrize("seed", range(12))
def test_best_replies_settle_at_equilibria(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pools = ResourceGame(
        int(rng.integers(4, 16)),
        Slack(rng.uniform(0.3, 2)),
        Slack(rng.uniform(0.3, 2)),
        price=float(rng.choice([0.01, 0.05])),
    )
    run = plan(pools, BestReplyPlanner(), 1.2, delay_s=30.0 * (seed % 2))
    assert run.converged
    assert certify_nash(pools.scaled(1.2).splits(), run.splits[-1] - 1).holds
    assert run.regret.max() <= 1e-12


@pytest.mark.parametrize("seed", range(12))
def test_steps_settle_within_the_hysteresis_or_at_an_end(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pools = ResourceGame(int(rng.integers(6, 20)), Slack(rng.uniform(0.3, 3)), Slack(rng.uniform(0.3, 3)))
    run = plan(pools, StepPlanner(hysteresis=0.2), start=(2, 2))
    if run.converged:
        gap = run.attainments[-1, 0] - run.attainments[-1, 1]
        assert abs(gap) <= 0.2 or run.splits[-1, 1 if gap < 0 else 0] == 1
    # without a price more is never worse, so a split that uses all GPUs is an equilibrium; one with GPUs to spare is none
    assert bool((run.regret > 0).any()) == bool(run.unused_gpus[-1] > 0)


def test_prices_are_no_concern_of_steps() -> None:
    pools = ResourceGame(12, Slack(1.0), Slack(1.0), price=0.05)
    run = plan(pools, StepPlanner())
    assert run.converged
    assert run.splits[-1].tolist() == [6, 6]
    # 1 − 1/c − c/20 is largest at c = 4 and 5, where it is 0.55, against 8/15 at 6
    np.testing.assert_allclose(run.regret, 0.55 - (1 - 1 / 6 - 0.3), rtol=1e-9)
    assert not certify_nash(pools.splits(), run.splits[-1] - 1).holds


def test_dynamo_leaves_gpus_unused() -> None:
    pools = ResourceGame(12, Slack(2.0), Slack(3.0))
    run = plan(pools, DynamoPlanner(profile=DynamoProfile(1.0, 1.0, 1.0, lambda itl_ms: 1.0)))
    assert run.converged
    assert run.splits[-1].tolist() == [2, 2]  # both by the requests that come to prefill
    assert run.regret.tolist() == pytest.approx([1.0 - 2.0 / 10.0, 1.0 - 3.0 / 10.0])


def test_proportional() -> None:
    # GPUs kept busy: 4 · ½ · 2 = 4 and 3 · 1 · 4 = 12, of 24
    pools = ResourceGame(24, Slack(4.0, 2.0), Slack(3.0, 1.0), gpus_per_worker=(2, 4))
    run = plan(pools, ProportionalPlanner(), Sine(1.0, 0.5, 300.0))
    assert run.converged
    assert run.splits[-1].tolist() == [3, 4]
    # coupled: 1 prefill worker lets 2 of 4 pass, which hides decode's work from the rule; then it sees all
    chained = ResourceGame(24, Slack(4.0, 2.0), Slack(4.0, 1.0), gpus_per_worker=(2, 4), coupled=True)
    run = plan(chained, ProportionalPlanner(), start=(1, 5))
    assert run.splits[:4].tolist() == [[1, 5], [4, 4], [2, 5], [2, 5]]


def test_surge_and_arrays() -> None:
    pools = ResourceGame(10, Slack(1.0), Slack(1.5, power=2.0))
    surge = Surge(0.5, 2.0, at_s=100.0, until_s=400.0)
    run = plan(pools, StepPlanner(hysteresis=0.1), surge, horizon_s=1200.0)
    assert np.flatnonzero(run.load == 2.0).tolist() == list(range(4, 14))  # levels are those of the intervals' starts
    same = plan(pools, StepPlanner(hysteresis=0.1), run.load, horizon_s=1200.0)
    assert same.splits.tolist() == run.splits.tolist()
    assert (same.converged, same.period, same.settled_s) == (run.converged, run.period, run.settled_s)
    steady = plan(pools, StepPlanner(hysteresis=0.1), lambda t: np.ones(t.shape), horizon_s=1200.0)
    assert steady.splits.tolist() == plan(pools, StepPlanner(hysteresis=0.1), horizon_s=1200.0).splits.tolist()


def test_what_a_short_horizon_cannot_tell() -> None:
    assert plan(FOUR, StepPlanner(hysteresis=0.5), start=(2, 2), horizon_s=60.0).period == -1  # too short for a proof
    assert plan(FOUR, StepPlanner(hysteresis=0.5), start=(2, 2), horizon_s=90.0).converged
    odd = plan(FOUR, StepPlanner(), Sine(1.0, 0.3, 100.0 * np.pi), horizon_s=900.0)
    assert (odd.period, odd.converged) == (-1, False)  # never a whole number of intervals
    late = plan(FOUR, StepPlanner(hysteresis=0.5), Surge(1.0, 1.1, 840.0, 1e6), start=(2, 2), horizon_s=900.0)
    assert late.period == -1  # the load has just changed
    blind = plan(FOUR, StepPlanner(), delay_s=1e9, horizon_s=300.0, start=(1, 3))
    assert blind.splits.tolist() == [[1, 3]] * 10
    assert blind.period == -1


def test_excess_is_requests_under_goodput() -> None:
    pools = ResourceGame(4, Slack(1.0), Slack(0.5), "goodput")
    run = plan(pools, StepPlanner(hysteresis=1.0), 0.5, start=(3, 1), horizon_s=300.0)
    best = max((1 - 0.5 / p) * (1 - 0.25 / (4 - p)) for p in (1, 2, 3))
    assert run.excess_missed == pytest.approx(300.0 * 0.5 * (best - (1 - 0.5 / 3) * 0.75), rel=1e-12)


class Greedy:
    """A rule of one's own that wants everything."""

    interval_s = 60.0
    cycle = 1

    def __call__(self, seen: Observation) -> Any:
        return np.full(seen.splits.shape, 10**6)


def test_own_rules() -> None:
    run = plan(FOUR, Greedy())
    assert run.interval_s == 60.0
    assert run.splits[-1].tolist() == [3, 1]  # decode is cut first

    class Half(Greedy):
        def __call__(self, seen: Observation) -> Any:
            return seen.splits / 2

    with pytest.raises(InvalidInput, match="whole numbers of workers"):
        plan(FOUR, Half())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"interval_s": 0.0}, "interval_s"),
        ({"interval_s": True}, "interval_s"),
        ({"delay_s": -1.0}, "delay_s"),
        ({"delay_s": float("nan")}, "delay_s"),
        ({"startup_s": -0.1}, "startup_s"),
        ({"startup_s": float("inf")}, "startup_s"),
        ({"horizon_s": 29.0}, "holds no interval"),
        ({"horizon_s": "long"}, "horizon_s"),
        ({"start": (0, 4)}, "prefill workers"),
        ({"start": (2, 3)}, "budget is 4"),
        ({"start": 3}, "start is"),
        ({"start": (1.5, 2)}, "prefill workers"),
        ({"load": 0.0}, "positive"),
        ({"load": True}, "load"),
        ({"load": "high"}, "load"),
        ({"load": [1.0, 2.0]}, "one level for each of the 120"),
        ({"load": np.full(120, np.nan)}, "load"),
        ({"load": lambda t: -t}, "positive"),
        ({"load": [True] * 120}, "load"),
    ],
)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        plan(FOUR, StepPlanner(), **change)


def test_times_beyond_the_horizon_are_the_horizon() -> None:
    """Workers that start for longer than the run never serve, and what is seen later is not seen: at no cost in memory or time."""
    for late in ({"startup_s": 1e300}, {"delay_s": 1e300}):
        (name,) = late
        far, near = (plan(FOUR, StepPlanner(), start=(1, 3), **{name: t}) for t in (1e300, 3600.0))
        assert np.array_equal(far.splits, near.splits)
        assert np.array_equal(far.serving, near.serving)
        assert far.period == near.period


def test_bad_records() -> None:
    for bad in ({"gain": 0}, {"gain": 1.5}, {"hysteresis": -0.1}, {"hysteresis": "no"}, {"interval_s": 0.0}):
        with pytest.raises(InvalidInput, match=next(iter(bad))):
            StepPlanner(**bad)  # pyright: ignore
    for rule in (BestReplyPlanner, ProportionalPlanner):
        with pytest.raises(InvalidInput, match="interval_s"):
            rule(-1.0)
    for args in ((0.0, 0.1, 1.0), (1.0, 1.0, 1.0), (1.0, -0.1, 1.0), (1.0, 0.1, 0.0)):
        with pytest.raises(InvalidInput):
            Sine(*args)
    for args in ((0.0, 1.0, 0.0, 1.0), (1.0, -1.0, 0.0, 1.0), (1.0, 1.0, 2.0, 2.0), (1.0, 1.0, float("nan"), 2.0)):
        with pytest.raises(InvalidInput):
            Surge(*args)


def test_bad_pools() -> None:
    with pytest.raises(InvalidInput, match="holds not one"):
        ResourceGame(4, Slack(1.0), Slack(1.0), gpus_per_worker=(4, 1))
    with pytest.raises(InvalidInput, match="no arrival rate"):
        plan(ResourceGame(4, Exponential(1.0), Slack(1.0)), StepPlanner())
    with pytest.raises(InvalidInput, match="fewest GPUs"):
        plan(ResourceGame(4, Slack(1.0), Slack(1.0), least=2.0), StepPlanner())
    with pytest.raises(TooLarge, match="levels of load"):
        plan(ResourceGame(1500, Slack(1.0), Slack(1.0)), StepPlanner(), np.linspace(1.0, 2.0, 120))
    with pytest.raises(TooLarge, match="intervals"):
        plan(FOUR, StepPlanner(), horizon_s=1e12)

    class Gap(Slack):
        def attained(self, workers: Any, arrival_rate: Any) -> Any:
            return np.where(np.asarray(workers) == 2, np.nan, 0.5)

    with pytest.raises(InvalidInput, match="NaN"):
        plan(ResourceGame(4, Gap(1.0), Slack(1.0)), StepPlanner())
