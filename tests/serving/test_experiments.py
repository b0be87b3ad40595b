from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import f_oneway

from poagame.errors import InvalidInput
from poagame.estimator import poa_hat
from poagame.latency import Polynomial
from poagame.serving import (
    AdaptiveController,
    ClosedLoop,
    DynamoRouter,
    LeastWork,
    MarginalCost,
    Random,
    RegimeDetector,
    Workload,
    simulate,
)
from poagame.serving.experiments import (
    SCALE_340B,
    cluster_of,
    paper_cluster,
    paper_prompts,
    prefill_bound,
    saturation,
    settings_grid,
    spike,
    spread_of,
    transients,
    varied_prompts,
)


def test_saturation_has_a_plateau_a_knee_and_a_line() -> None:
    frame = saturation(
        {"1P/2D": paper_cluster(1, 2), "slow": paper_cluster(1, 2, slower=SCALE_340B)},
        (1, 16, 128, 256),
        seeds=range(2),
    )
    mean = {key: part["latency_ratio"].to_numpy().mean() for key, part in frame.group_by("cluster", "concurrency")}
    assert mean["1P/2D", 1] == pytest.approx(1.0)
    assert mean["1P/2D", 16] == pytest.approx(1.0, abs=0.03)
    # past the knee the one prefill worker sets the pace: latency is in proportion to clients
    assert mean["1P/2D", 256] / mean["1P/2D", 128] == pytest.approx(2.0, abs=0.01)
    # a slower model is the same in its own time
    assert mean["slow", 256] == pytest.approx(mean["1P/2D", 256], rel=1e-6)


def test_the_ratio_is_poa_hat_with_the_unloaded_latency_as_frozen_cost() -> None:
    cluster, clients = paper_cluster(1, 2), 96
    workload = Workload(paper_prompts(9 * clients, seed=clients), ClosedLoop.steady(clients))
    table = simulate(cluster, workload, DynamoRouter(), seed=0)
    frame = saturation({"x": cluster}, (1, clients), seeds=(0,))
    unloaded = frame.filter(pl.col("concurrency") == 1)["latency_mean_ms"].item()
    counted = table.collect().filter(pl.col("request_id").cast(pl.Int64) >= clients)
    kept = type(table).from_frame(counted, source="kept")
    found = poa_hat(kept, "frozen", latency=Polynomial([unloaded]), num_resamples=50)
    ratio = frame.filter(pl.col("concurrency") == clients)["latency_ratio"].item()
    assert found.value == pytest.approx(ratio, rel=0.01)  # windows leave a few requests out


@pytest.mark.parametrize("decode", [2, 5])
@pytest.mark.parametrize("clients", [64, 200])
def test_no_router_gets_below_the_prefill_bound(decode: int, clients: int) -> None:
    cluster = paper_cluster(1, decode)
    bound = prefill_bound(cluster, clients)
    curve = np.linspace(1200.0, 2000.0, 64)
    for router in (DynamoRouter(), DynamoRouter(0.1, 0.8), Random(), LeastWork(), MarginalCost(curve)):
        table = simulate(cluster, Workload(paper_prompts(12 * clients), ClosedLoop.steady(clients)), router, 1)
        latency = table.collect()["latency_ms"].to_numpy()[2 * clients : -2 * clients]
        assert latency.mean() > bound * 0.999
        assert latency.mean() < bound * 1.05


def test_the_bound_is_refused_where_it_does_not_hold() -> None:
    with pytest.raises(InvalidInput, match="one prompt at a time"):
        prefill_bound(paper_cluster(1, 2, "batched"), 8)
    with pytest.raises(InvalidInput, match="one prompt at a time"):
        prefill_bound(cluster_of("5A"), 8)


def test_spread_is_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(10.0, 1.0, (16, 20)) + rng.normal(0.0, 2.0, (16, 1))
    found = spread_of(values)
    assert found.p_value == pytest.approx(f_oneway(*values).pvalue)
    assert found.within == pytest.approx(np.sqrt(values.var(axis=1, ddof=1).mean()))
    assert found.between == pytest.approx(2.0, abs=1.0)
    same = spread_of(np.ones((4, 3)))
    assert (same.between, same.within, same.p_value) == (0.0, 0.0, 1.0)
    with pytest.raises(InvalidInput, match="two of each"):
        spread_of(np.ones((1, 5)))


def test_settings_are_one_below_the_knee() -> None:
    rows, spread = settings_grid(paper_cluster(1, 2), 16, seeds=range(6))
    assert rows.height == 96
    assert spread.range < 1.005
    assert "between settings" in str(spread)


def test_a_spike_has_three_phases_and_all_its_requests() -> None:
    routers = {"static": DynamoRouter(), "adaptive": AdaptiveController(RegimeDetector(400.0))}
    frame = spike(paper_cluster(1, 5), routers, until_ms=220_000.0, seeds=range(2), prompts=varied_prompts)
    assert frame.height == 2 * 2 * 3
    wide = (
        frame.group_by("router", "phase")
        .agg(pl.col("latency_mean_ms").mean())
        .pivot("phase", index="router", values="latency_mean_ms")
    )
    assert (wide["spike"] > 2.0 * wide["before"]).all()
    before = frame.filter(pl.col("phase") == "before").group_by("seed").agg(pl.col("latency_mean_ms").n_unique())
    assert before["latency_mean_ms"].to_list() == [1, 1]  # nothing has happened yet that a controller could see


def test_transients_come_from_the_polls() -> None:
    frame = transients(
        paper_cluster(1, 5), AdaptiveController(RegimeDetector(20.0)), until_ms=220_000.0, seeds=range(2)
    )
    assert frame["change"].to_list() == ["up", "down"] * 2
    up, down = (frame.filter(pl.col("change") == change) for change in ("up", "down"))
    assert (up["target_ms"] > 10.0 * down["target_ms"]).all()
    assert (up["settling_s"] > 0).all()
    assert (up["switches"] >= 1).all()


@pytest.mark.parametrize("name", ["", "P/D", "1P", "3B", "1P/2D/3A"])
def test_topologies_that_are_none(name: str) -> None:
    with pytest.raises(InvalidInput, match="topology is written"):
        cluster_of(name)
