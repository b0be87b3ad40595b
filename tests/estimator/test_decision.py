from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poagame.errors import EmptyTable, InvalidInput, MissingColumn, UndefinedRatio
from poagame.estimator import poa_hat
from poagame.measured import DecisionTable, read_decisions


def table_of(decisions: list[tuple[list[float], int]], **columns: object) -> DecisionTable:
    """A table of (logits of the candidates, index of the chosen one)."""
    rows = [
        {"decision": k, "worker": str(2**60 + j), "logit": logit, "selected": bool(j == chosen)}
        | {name: values[k] if isinstance(values, list) else values for name, values in columns.items()}
        for k, (logits, chosen) in enumerate(decisions)
        for j, logit in enumerate(logits)
    ]
    return DecisionTable.from_frame(pl.DataFrame(rows))


def test_a_tiny_example_by_hand() -> None:
    # regrets 0, 2, 0 (a tie), 1.5 on minima 1, 4, 3, 2
    table = table_of([([1.0, 5.0], 0), ([6.0, 4.0], 0), ([3.0, 3.0], 1), ([2.0, 3.5], 1)])
    hat = poa_hat(table, "decision")
    assert hat.value == pytest.approx((1 + 6 + 3 + 3.5) / (1 + 4 + 3 + 2))
    row = hat.overall.row(0, named=True)
    assert row["mean_regret"] == pytest.approx(3.5 / 4)
    assert row["suboptimal"] == 0.5
    assert row["num_decisions"] == 4
    assert row["median"] == pytest.approx(np.median([1.0, 1.5, 1.0, 1.75]))
    assert hat.windows["regret"].to_list() == pytest.approx([0.0, 2.0, 0.0, 1.5])


@given(st.integers(0, 10**6))
def test_sums_over_random_decisions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.integers(0, 6, (30, 4)).astype(float)
    chosen = rng.integers(0, 4, 30)
    phases = rng.choice(["prefill", "decode"], 30)
    hat = poa_hat(table_of(list(zip(logits.tolist(), chosen, strict=True)), phase=phases.tolist()), "decision")
    for phase, value, regret, share in hat.by_group.select("phase", "value", "mean_regret", "suboptimal").iter_rows():
        mine = phases == phase
        paid, least = logits[mine, chosen[mine]], logits[mine].min(axis=1)
        assert regret == pytest.approx((paid - least).mean())
        assert share == pytest.approx((paid > least).mean())
        assert value == (pytest.approx(paid.sum() / least.sum()) if least.sum() > 0 else None)


def test_a_leg_priced_at_nothing_has_no_ratio_and_says_so() -> None:
    table = table_of([([0.0, 0.0], 0), ([0.0, 7.0], 1)], phase="decode")
    hat = poa_hat(table, "decision")
    assert hat.value is None
    assert hat.low is None
    assert hat.overall["mean_regret"].item() == 3.5
    assert "= undefined, no interval" in str(hat)
    assert "undefined (–): value, where the least costs do not sum to more than 0" in hat.definition
    with pytest.raises(UndefinedRatio, match="2 of 2 ratios of group \\(phase decode\\)"):
        poa_hat(table, "decision", aggregate="median")


def test_one_leg_without_a_ratio_does_not_hide_the_other() -> None:
    table = table_of([([0.0, 0.0], 0), ([2.0, 3.0], 1)], phase=["decode", "prefill"])
    hat = poa_hat(table, "decision")
    assert dict(hat.by_group.select("phase", "value").iter_rows()) == {"decode": None, "prefill": 1.5}


def test_decisions_of_unchecked_tables_that_make_no_sense_are_left_out_and_counted() -> None:
    good = table_of([([1.0, 5.0], 0), ([6.0, 4.0], 0)])
    none_chosen = good.frame.with_columns(selected=pl.col("selected") & (pl.col("decision") > 0))
    broken = DecisionTable(none_chosen, "memory", "memory", good.bad_rows, (), 4)
    hat = poa_hat(broken, "decision")
    assert hat.overall["num_decisions"].item() == 1
    assert "1 of 2 decisions left out" in hat.definition
    nothing = good.frame.with_columns(selected=pl.lit(value=False))
    with pytest.raises(EmptyTable, match="none of the 2 decisions"):
        poa_hat(DecisionTable(nothing, "memory", "memory", good.bad_rows, (), 4), "decision")


def test_groups_are_columns_of_decisions() -> None:
    table = table_of([([1.0, 5.0], 0), ([6.0, 4.0], 0)], phase=["prefill", "decode"])
    assert poa_hat(table, "decision", group_by=[]).by_group.height == 1
    with pytest.raises(MissingColumn, match="run"):
        poa_hat(table, "decision", group_by=["run"])
    with pytest.raises(InvalidInput, match="decisions can be grouped by run, phase"):
        poa_hat(table, "decision", group_by=["worker"])


def test_the_real_router_at_temperature_0_has_no_regret_and_above_it_some(shared_data: Path) -> None:
    hat = poa_hat(read_decisions(shared_data / "dynamo090" / "agg5_grid.decisions.csv.gz"), "decision")
    temperature = hat.by_group["run"].str.extract(r"_t([\d.]+)$").cast(pl.Float64)
    cold, hot = hat.by_group.filter(temperature == 0), hat.by_group.filter(temperature > 0)
    assert (cold.height, hot.height) == (4, 12)
    assert cold.select(pl.col("mean_regret", "suboptimal").abs().max()).row(0) == (0.0, 0.0)
    assert (cold["value"] == 1.0).all()
    assert (hot["value"] > 1.0).all()
    assert (hot["low"] > 1.0).all()
    # the range-normalised softmax among five workers: the best one is chosen less often the hotter it is
    by_temperature = dict(
        hat.by_group.with_columns(t=temperature).group_by("t").agg(pl.col("suboptimal").mean()).iter_rows()
    )
    assert 0.0 < by_temperature[0.3] < by_temperature[0.7] < by_temperature[1.0] < 0.8


def test_the_decode_leg_is_a_group_of_its_own(shared_data: Path) -> None:
    hat = poa_hat(read_decisions(shared_data / "dynamo090" / "dynamo090_1P5D_w1_t0_decisions.csv"), "decision")
    legs = {row["phase"]: row for row in hat.by_group.iter_rows(named=True)}
    assert legs["decode"]["overlap_weight"] == 0.0
    assert legs["decode"]["num_workers"] == 5
    assert legs["decode"]["suboptimal"] == 0.0
