"""The rule of Dynamo 0.9.0, from its text by hand."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from poagame.errors import InvalidInput
from poagame.games.attainment import DecodeBatch, PrefillQueue
from poagame.games.resource import ResourceGame
from poagame.solvers.planner import DynamoPlanner, DynamoProfile, dynamo_workers, plan
from tests.solvers.planner.simple import Slack

ROUND = {"isl": 1.0, "osl": 1.0, "prefill_throughput": 1.0, "decode_throughput": 1.0}


def wants(p: float, d: float, budget: float, gpus: tuple[float, float] = (1.0, 1.0), least: int = 1) -> list[int]:
    """What the rule makes of p and d GPUs' worth of tokens a second."""
    return dynamo_workers(
        1.0,
        1.0,
        isl=p,
        osl=d,
        prefill_throughput=1.0,
        decode_throughput=1.0,
        gpus_per_worker=gpus,
        budget=budget,
        least=least,
    ).tolist()


@pytest.mark.parametrize(
    ("p", "d", "budget", "gpus", "least", "expected"),
    [
        (2.1, 3.0, 8, (1, 1), 1, [3, 3]),  # ceilings
        (1e-9, 0.2, 8, (1, 1), 1, [1, 1]),  # at least one each
        (1e-9, 0.2, 8, (1, 1), 2, [2, 2]),
        (8.0, 8.1, 100, (4, 8), 1, [2, 2]),  # by worker, not by GPU
        (8.0, 8.0, 8, (1, 1), 1, [4, 4]),  # s = ½
        (3.0, 13.0, 8, (1, 1), 1, [2, 6]),  # 3/2 is rounded to the even 2
        (5.0, 11.0, 8, (1, 1), 1, [2, 6]),  # 5/2 likewise
        (10.0, 14.0, 8, (2, 2), 1, [2, 2]),  # 5 and 7 workers of 2: s = ⅓, round(5/3) = 2, round((8 − 4)/2) = 2
        (1.0, 99.0, 10, (1, 1), 1, [1, 9]),  # round(0.1) = 0 is raised to 1
        (6.0, 8.0, 7, (1, 4), 1, [3, 1]),  # s = 7/14
        (
            40.0,
            4.0,
            12,
            (4, 4),
            1,
            [3, 1],
        ),  # 10 and 1 workers: round(120/44) = 3 takes all, decode still 1: 16 of 12 GPUs
        (4.0, 12.0, 10, (1, 4), 1, [2, 2]),  # s = 10/16, round(2.5) = 2, round(8/4) = 2
        (4.0, 20.0, 11, (1, 4), 1, [2, 2]),  # s = 11/24, round(1.83) = 2, round(9/4) = 2
        (3.0, 20.0, 8, (1, 4), 1, [1, 2]),  # s = 8/23, round(1.04) = 1, round(7/4) = 2: 9 of 8 GPUs
    ],
)
def test_by_hand(p: float, d: float, budget: float, gpus: tuple[float, float], least: int, expected: list[int]) -> None:
    assert wants(p, d, budget, gpus, least) == expected


def test_corrections() -> None:
    rule: dict[str, Any] = {
        "isl": 100.0,
        "osl": 50.0,
        "prefill_throughput": 250.0,
        "decode_throughput": 100.0,
        "budget": 1000.0,
    }
    # 360 requests in 180 s: 200 tokens a second in, 100 out
    assert dynamo_workers(360, 180.0, **rule).tolist() == [1, 1]
    assert dynamo_workers(0, 180.0, **rule).tolist() == [1, 1]
    n = [3600, 3600, 3600]
    # 2,000 / 250 = 8 workers; queues (c > 1) change nothing, cached prefixes (c < 1) do
    assert dynamo_workers(n, 180.0, prefill_correction=[1.0, 7.0, 0.3], **rule)[:, 0].tolist() == [8, 8, 3]


def test_agrees_with_exact_arithmetic() -> None:
    rng = np.random.default_rng(5)
    for _ in range(300):
        p, d = rng.integers(1, 60, size=2).tolist()
        gp, gd = rng.choice([1, 2, 4, 8], size=2).tolist()
        budget = int(rng.integers(gp + gd, 64))
        wish = [max(1, math.ceil(Fraction(p, gp))), max(1, math.ceil(Fraction(d, gd)))]
        need = wish[0] * gp + wish[1] * gd
        if need > budget:
            first = max(1, round(wish[0] * Fraction(budget, need)))
            wish = [first, max(1, round(Fraction(budget - first * gp, gd)))]
        assert wants(p, d, budget, (gp, gd)) == wish


def test_profile_of_pools() -> None:
    prefill = PrefillQueue(9.0, service_ms=500.0, target_ms=2000.0)
    decode = DecodeBatch(9.0, lambda n: 10.0 + n, target_ms=50.0, output_tokens=100.0, max_batch=64)
    pools = ResourceGame(64, prefill, decode, gpus_per_worker=(2, 4))
    # 9 · ½ s = 4.5 prefill workers; 40 requests a batch at 50 ms: 800 tokens/s of 900
    run = plan(pools, DynamoPlanner(), horizon_s=1800.0)
    assert run.splits[1:].tolist() == [[5, 2]] * 9
    assert run.converged
    assert run.settled_s == 180.0
    # an ITL of 20 ms allows batches of 10: 500 tokens/s; c_D = 2 asks for that of a target of 40 ms
    for rule in (DynamoPlanner(itl_ms=20.0), DynamoPlanner(itl_ms=40.0, decode_correction=2.0)):
        assert plan(pools, rule, horizon_s=360.0).splits[-1].tolist() == [5, 2]
    assert plan(pools, DynamoPlanner(itl_ms=15.0), horizon_s=360.0).splits[-1].tolist() == [5, 3]  # 5 / 15 ms = 333
    # no batch is fast enough: the smallest, 1 / 11 ms
    assert plan(pools, DynamoPlanner(itl_ms=5.0), horizon_s=360.0).splits[-1].tolist() == [5, 10]
    # half of the prompts' tokens are cached
    assert plan(pools, DynamoPlanner(prefill_correction=0.5), horizon_s=360.0).splits[-1].tolist() == [3, 2]


def test_over_budget_is_cut_to_the_gpus() -> None:
    pools = ResourceGame(8, Slack(2.5), Slack(20.0), gpus_per_worker=(1, 4))
    profile = DynamoProfile(1.0, 1.0, 1.0, lambda itl_ms: 1.0)
    assert wants(2.5, 2.5, 8, (1, 4)) == [3, 1]
    profile = DynamoProfile(1.0, 8.0, 1.0, lambda itl_ms: 1.0)  # wants 1P/2D of 9 GPUs
    run = plan(pools, DynamoPlanner(profile=profile), horizon_s=360.0)
    assert wants(2.5, 20.0, 8, (1, 4)) == [1, 2]
    assert run.splits[-1].tolist() == [1, 1]
    assert run.unused_gpus[-1] == 3.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"requests": -1.0}, "requests"),
        ({"requests": float("nan")}, "requests"),
        ({"interval_s": 0.0}, "interval_s"),
        ({"isl": 0.0}, "isl"),
        ({"decode_throughput": [1.0, 0.0]}, "decode_throughput"),
        ({"prefill_correction": 0.0}, "prefill_correction"),
        ({"gpus_per_worker": (1.0, 0.0)}, "gpus_per_worker"),
        ({"gpus_per_worker": 1.0}, "gpus_per_worker is of prefill and decode"),
        ({"budget": -3.0}, "budget"),
        ({"least": 0}, "least"),
        ({"isl": 1e300}, "units"),
    ],
)
def test_bad_input(change: dict[str, object], message: str) -> None:
    given: dict[str, object] = {"requests": 10.0, "interval_s": 1.0, "budget": 8.0} | ROUND | change
    with pytest.raises(InvalidInput, match=message):
        dynamo_workers(**given)  # pyright: ignore


def test_bad_planner() -> None:
    with pytest.raises(InvalidInput, match="profile"):
        plan(ResourceGame(4, Slack(1.0), Slack(1.0)), DynamoPlanner())
    for name in ("ttft_ms", "itl_ms", "interval_s", "prefill_correction", "decode_correction"):
        with pytest.raises(InvalidInput, match=name):
            DynamoPlanner(**{name: 0.0})  # pyright: ignore
    with pytest.raises(InvalidInput, match="isl"):
        DynamoProfile(0.0, 1.0, 1.0, lambda itl_ms: 1.0)
    with pytest.raises(InvalidInput, match="decode_throughput"):
        DynamoProfile(1.0, 1.0, 1.0, 3.0)  # pyright: ignore
