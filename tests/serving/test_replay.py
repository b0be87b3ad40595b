"""The replay of decisions against a plain recount of the recorded files, known choices, and records that cannot be."""

from __future__ import annotations

import csv
import gzip
import math
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from poagame import shipped
from poagame.errors import InvalidInput, MissingColumn, PoagameError
from poagame.measured import read_decisions
from poagame.measured.tables import DecisionTable
from poagame.serving import DynamoRouter
from poagame.serving.replay import replay
from poagame.serving.router_1x import DynamoRouter1

GREEDY = ["dynamo090_1P2D_w1_t0_decisions", "dynamo090_1P5D_w1_t0_decisions"]
HOT = "dynamo090_T_1P2D_t05_decisions"
GRID = "agg5_grid.decisions"


def legs(table: DecisionTable, router: DynamoRouter | DynamoRouter1) -> dict[str, dict[str, Any]]:
    return {row["leg"]: row for row in replay(table, router).by_leg.iter_rows(named=True)}


def recounted(name: str, temperature: float, phase: str, run: str | None = None) -> dict[str, float]:
    """The file read line by line, and each decision priced with nothing but arithmetic; at what weight, the file says."""
    decisions: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    with gzip.open(shipped.path(name), "rt") as file:
        for row in csv.DictReader(file):
            if row["phase"] == phase and row.get("run_id") == run:
                decisions[row["decision"]].append(row)
    count: defaultdict[str, float] = defaultdict(float)
    for candidates in decisions.values():
        costs = [
            float(c["overlap_weight"]) * float(c["prefill_blocks"]) + float(c["decode_blocks"]) for c in candidates
        ]
        errors = [abs(cost - float(c["logit"])) for cost, c in zip(costs, candidates, strict=True)]
        count["largest_error"] = max(count["largest_error"], *errors)
        costs = [round(cost, 4) for cost in costs]  # prices are multiples of a thousandth
        (chosen,) = (cost for cost, c in zip(costs, candidates, strict=True) if c["selected"] == "1")
        low, high = min(costs), max(costs)
        count["decisions"] += 1
        count["untied"] += low < high
        count["cheapest"] += chosen == low
        count["untied_cheapest"] += chosen == low < high
        if temperature:
            for key, scale in (("log_likelihood", (high - low) or 1.0), ("log_likelihood_plain", 1.0)):
                weights = [math.exp(-(cost - low) / scale / temperature) for cost in costs]
                count[key] += -(chosen - low) / scale / temperature - math.log(sum(weights))
    return dict(count)


def agree(found: dict[str, Any], expected: dict[str, float]) -> None:
    assert {"decisions", "untied", "cheapest", "untied_cheapest"} < expected.keys()
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=1e-9, abs=1e-9), key


@pytest.mark.parametrize("name", GREEDY)
def test_the_recorded_router_took_the_cheapest_every_time(name: str) -> None:
    found = legs(read_decisions(shipped.path(name)), DynamoRouter(1.0, 0.0))
    for phase in ("decode", "prefill_or_agg"):
        agree(found[phase], recounted(name, 0.0, phase))
        assert found[phase]["decisions"] == found[phase]["cheapest"] == 1035
        assert found[phase]["largest_error"] == 0.0
        assert found[phase]["log_likelihood"] is None
    assert found["decode"]["untied"] > 700


def test_at_temperature_one_half_the_range_divides() -> None:
    table = read_decisions(shipped.path(HOT))
    found = legs(table, DynamoRouter(1.0, 0.5))["decode"]
    agree(found, recounted(HOT, 0.5, "decode"))
    assert (found["untied"], found["untied_cheapest"]) == (119, 103)
    # of two workers, each untied choice has probability 1/(1 + e^∓2), each tie 1/2
    by_hand = -103 * math.log1p(math.exp(-2)) - 16 * math.log1p(math.exp(2)) - (513 - 119) * math.log(2)
    assert found["log_likelihood"] == pytest.approx(by_hand, rel=1e-12)
    assert found["log_likelihood"] > found["log_likelihood_plain"] + 200
    heats = [legs(table, DynamoRouter(1.0, heat))["decode"]["log_likelihood"] for heat in (0.1, 0.5, 5.0)]
    assert heats[1] == max(heats)


@pytest.mark.parametrize(("weight", "temperature"), [(0.5, 0.3), (2.0, 0.0), (2.0, 0.7)])
def test_five_workers_at_other_settings(weight: float, temperature: float) -> None:
    run = f"grid_w{weight}_t{temperature}"
    table = read_decisions(shipped.path(GRID)).where(run=run)
    found = legs(table, DynamoRouter(weight, temperature))["aggregated"]
    agree(found, recounted(GRID, temperature, "aggregated", run))
    assert found["largest_error"] < 0.0015  # a log of three decimals
    if temperature:
        assert found["log_likelihood"] > 10 * found["log_likelihood_plain"]
    else:
        assert found["cheapest"] == found["decisions"]
    wrong = legs(table, DynamoRouter(weight + 1.0, temperature))["aggregated"]
    assert wrong["largest_error"] > 1.0
    assert wrong["cheapest"] < found["cheapest"]


def decided(costs: Iterable[tuple[list[float], int]], **columns: Any) -> DecisionTable:
    """A record of decode decisions by the costs of their candidates and who was taken."""
    rows = [
        {"decision": k, "worker": str(w), "prefill_blocks": 7.0, "cached_blocks": 3.0, "decode_blocks": cost}
        | {"logit": cost, "selected": w == chosen, "phase": "decode"}
        for k, (each, chosen) in enumerate(costs)
        for w, cost in enumerate(each)
    ]
    return DecisionTable.from_frame(pl.DataFrame(rows).with_columns(**columns))


def test_by_hand_with_ties_and_decisions_of_any_size() -> None:
    table = decided([([4.0, 2.0, 2.0], 2), ([1.0, 3.0], 1), ([5.0], 0), ([6.0, 6.0, 6.0], 1), ([8.0, 0.0, 4.0], 0)])
    found = legs(table, DynamoRouter(1.0, 0.5))["decode"]
    assert [found[name] for name in ("decisions", "untied", "cheapest", "untied_cheapest")] == [5, 3, 3, 1]
    e = math.exp
    rule = [1 / (2 + e(-2)), e(-2) / (1 + e(-2)), 1.0, 1 / 3, e(-2) / (1 + e(-1) + e(-2))]
    plain = [1 / (2 + e(-4)), e(-4) / (1 + e(-4)), 1.0, 1 / 3, e(-16) / (1 + e(-8) + e(-16))]
    assert found["log_likelihood"] == pytest.approx(math.log(math.prod(rule)), rel=1e-12)
    assert found["log_likelihood_plain"] == pytest.approx(math.log(math.prod(plain)), rel=1e-12)
    assert found["largest_error"] == 0.0
    shifted = decided([([4.0, 2.0], 1)], logit=pl.col("logit") - 0.25)
    assert legs(shifted, DynamoRouter())["decode"]["largest_error"] == 0.25


def test_rounding_of_floats_makes_no_gap() -> None:
    table = decided([([21.1, 21.1 + 4e-15], 1)] * 3)
    found = legs(table, DynamoRouter(1.0, 1.0))["decode"]
    assert (found["untied"], found["cheapest"]) == (0, 3)
    assert found["log_likelihood"] == pytest.approx(3 * math.log(0.5))


def test_a_likelihood_below_the_range_of_floats_is_a_number() -> None:
    found = legs(decided([([0.0, 5000.0], 1)]), DynamoRouter(1.0, 1e-3))["decode"]
    assert found["log_likelihood"] == pytest.approx(-1e3)
    assert found["log_likelihood_plain"] == pytest.approx(-5e6)


def test_choices_drawn_by_the_rule_are_likeliest_under_it() -> None:
    rng = np.random.default_rng(5)
    router = DynamoRouter(1.0, 0.5)
    costs = rng.integers(0, 200, (600, 4)).astype(float)
    table = decided([(each.tolist(), router.choose(each, rng)) for each in costs])
    found = {heat: legs(table, DynamoRouter(1.0, heat))["decode"]["log_likelihood"] for heat in (0.3, 0.5, 0.9)}
    assert max(found, key=lambda heat: found[heat]) == 0.5
    p = router.probabilities(costs)
    expected, spread = (p * np.log(p)).sum(), np.sqrt(((p * np.log(p) ** 2).sum(1) - (p * np.log(p)).sum(1) ** 2).sum())
    assert abs(found[0.5] - expected) < 3 * spread


def test_each_phase_has_its_rule_and_its_row() -> None:
    # costs at weight 2: 14 of prefill, and what is decoded
    def cost(phase: str | None, router: DynamoRouter | DynamoRouter1) -> tuple[str, float]:
        ((leg, row),) = legs(decided([([5.0], 0)], phase=pl.lit(phase, pl.String), logit=pl.lit(0.0)), router).items()
        return leg, row["largest_error"]

    old = DynamoRouter(2.0)
    assert cost("prefill", old) == ("prefill", 14.0)
    assert cost("decode", old) == ("decode", 5.0)
    assert cost("aggregated", old) == ("aggregated", 19.0)
    assert cost("prefill_or_agg", old) == ("prefill_or_agg", 19.0)
    assert cost(None, old) == ("untold", 19.0)
    assert cost("aggregated", DynamoRouter1(2.0, 1.0)) == ("aggregated", 19.0)
    assert cost("aggregated", DynamoRouter1(2.0, 0.5)) == ("aggregated", 22.0)  # 7 + 3 raw, less half of 3
    after = decided([([5.0], 0)], phase=pl.lit("prefill"), decision=pl.lit(1))
    both = DecisionTable.from_frame(pl.concat([decided([([4.0], 0)]).frame, after.frame]))
    assert [(leg, row["decisions"]) for leg, row in legs(both, old).items()] == [("decode", 1), ("prefill", 1)]


def test_the_text_says_what_the_numbers_say() -> None:
    text = str(replay(read_decisions(shipped.path(HOT)), DynamoRouter(1.0, 0.5)))
    assert "decode: the cheapest in 497 of 513 decisions, in 103 of the 119 whose costs differ" in text
    assert "log-likelihood -320.2, not divided by the range -609.1" in text
    assert "log-likelihood" not in str(replay(read_decisions(shipped.path(GREEDY[0])), DynamoRouter()))


def test_what_cannot_be_replayed_is_said(tmp_path: Path) -> None:
    table = decided([([4.0, 2.0], 1), ([1.0, 3.0], 0)])
    frame = table.collect()
    with pytest.raises(MissingColumn, match="decode_blocks"):
        replay(DecisionTable.from_frame(frame.drop("decode_blocks")), DynamoRouter())
    uncached = DecisionTable.from_frame(frame.drop("cached_blocks"))
    assert legs(uncached, DynamoRouter()).keys() == {"decode"}
    with pytest.raises(MissingColumn, match="cached_blocks"):
        replay(uncached, DynamoRouter1())
    holes = frame.with_columns(decode_blocks=pl.when(pl.col("decision") > 0).then("decode_blocks"))
    with pytest.raises(InvalidInput, match="decode_blocks is missing in 2 of 4 rows"):
        replay(DecisionTable.from_frame(holes), DynamoRouter())
    with pytest.raises(InvalidInput, match="got warmup"):
        replay(decided([([4.0, 2.0], 1)], phase=pl.lit("warmup")), DynamoRouter())
    with pytest.raises(InvalidInput, match="0 are selected in leg decode, decision 0"):
        replay(table.where(worker="0"), DynamoRouter())
    with pytest.raises(InvalidInput, match="router is a DynamoRouter"):
        replay(table, 0.5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match="decisions is a DecisionTable"):
        replay(frame, DynamoRouter())  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\x13nonsense" * 50,
        b"decision,worker_id,prefill_blocks,decode_blocks,logit,selected\n",
        b"decision,time,phase,worker_id,overlap_weight,cached_blocks,prefill_blocks,decode_blocks,logit,selected\n"
        b"0,2026-11-23T08:56:10Z,decode,17,0,0,-4,1,nonsense,1\n",
        b"the router chose wisely\n",
    ],
)
def test_a_nonsense_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    path.write_bytes(content)
    with pytest.raises(PoagameError):
        replay(read_decisions(path), DynamoRouter())
