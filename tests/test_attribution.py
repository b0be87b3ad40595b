"""Shares of a loss: every subset of layers against every state, Shapley's sums, and the saturated cluster."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import poagame as pg
from poagame.anarchy.attribution import attribute_loss, attribution_by_load
from poagame.errors import InvalidInput
from poagame.games.coupled import LAYERS, CoupledState, Layer
from poagame.games.serving_cluster import ServingCluster, coupled_serving
from poagame.solvers.coupled import Response, joint_equilibrium
from tests.coupled_oracle import least_latency, small_case

MEASURED = pg.latency.Tabulated([4, 8, 16, 32, 64, 128], [6.62, 6.99, 7.31, 7.95, 9.72, 13.21])


def settled(cluster: ServingCluster, state: CoupledState, split: tuple[int, int]) -> CoupledState:
    game = coupled_serving(cluster)
    if split == state.split:
        return state
    return joint_equilibrium(game, game.at_split(state, split), Response(("routing", "caching"), "fixed"), 40).state


def _in_order(names: tuple[Layer, ...]) -> tuple[Layer, ...]:
    return tuple(x for x in LAYERS if x in names)


@pytest.mark.parametrize("seed", range(12))
def test_each_subset_of_layers_and_the_shares(seed: int) -> None:
    cluster, state = small_case(seed)
    found = attribute_loss(cluster, state)
    least: dict[tuple[Layer, ...], float] = {}
    for size in range(4):
        for subset in itertools.combinations(LAYERS, size):
            states = [settled(cluster, state, s) for s in (cluster.splits if "resource" in subset else [state.split])]
            least[subset] = min(
                least_latency(
                    cluster,
                    s.split,
                    None if "routing" in subset else s.routing,
                    None if "caching" in subset else s.placement,
                )
                for s in states
            )
            assert found.best_ms[subset] == pytest.approx(least[subset], rel=1e-9)
    share = dict.fromkeys(LAYERS, 0.0)
    for order in itertools.permutations(LAYERS):
        for k, name in enumerate(order):
            before, after = (_in_order(order[:n]) for n in (k, k + 1))
            share[name] += (least[before] - least[after]) / 6
    assert found.share_ms == pytest.approx(share, abs=1e-6)
    assert sum(found.share_ms.values()) == pytest.approx(found.loss_ms, abs=1e-9)
    alone = sum(found.latency_ms - found.best_ms[name,] for name in LAYERS)
    assert found.interaction_ms == pytest.approx(found.loss_ms - alone, abs=1e-9)
    assert found.lower_bound_ms <= least[LAYERS] * (1 + 1e-9)
    for a, b in itertools.product(found.best_ms, repeat=2):
        if set(a) <= set(b):
            assert found.best_ms[b] <= found.best_ms[a]


def test_in_deep_saturation_the_loss_is_allocation() -> None:
    # 1P/5D and N = 64: one prefill worker of 24 ms a request passes 41.7 requests a second, so all 64 take 1,536 ms
    cluster = ServingCluster(6, [13, 13, 13, 13, 12], MEASURED, 128.0, 24.0, 24.0, 1.0, 5, 0.0)
    table = attribution_by_load(cluster, (1, 5), [64])
    row = table.row(0, named=True)
    assert row["latency_ms"] == pytest.approx(64 * 24.0, rel=1e-4)
    assert row["allocation_ms"] > 0.99 * (row["latency_ms"] - row["lowest_ms"]) > 100
    assert row["bound_ms"] <= row["lowest_ms"]
    assert row["ttft_ms"] + row["decode_ms"] == pytest.approx(row["latency_ms"])


def test_below_saturation_nothing_is_lost_by_allocation() -> None:
    cluster = ServingCluster(3, [7, 7, 6, 6, 6], MEASURED, 128.0, 2.0, 2.0, 1.0, 5, 0.0)
    row = attribution_by_load(cluster, (1, 2), [32]).row(0, named=True)
    assert row["allocation_ms"] == 0.0
    assert row["ratio"] < 1.005


def test_tables_from_one_request_on() -> None:
    cluster = ServingCluster(3, [4], lambda n: 6.0 + 0.1 * n)
    table = attribution_by_load(cluster, (1, 2), [1, 2, 5, 9])
    assert table["requests"].to_list() == [1, 2, 5, 9]
    assert np.isfinite(table["latency_ms"].to_numpy()).all()
    assert table["latency_ms"].to_list()[0] == pytest.approx(10.0 + 128 * 6.1)


@pytest.mark.parametrize("number", [0, 2.5, "x", True, np.nan])
def test_numbers_of_requests_that_are_refused(number: Any) -> None:
    with pytest.raises(InvalidInput, match="requests"):
        attribution_by_load(ServingCluster(3, [4, 2], lambda n: 6.0 + n), (1, 2), [number])


@pytest.mark.parametrize("requests", [[], 8])
def test_lists_of_requests_that_are_refused(requests: Any) -> None:
    with pytest.raises(InvalidInput, match="requests lists"):
        attribution_by_load(ServingCluster(3, [4, 2], lambda n: 6.0 + n), (1, 2), requests)


def test_a_split_that_leaves_gpus_idle_is_refused() -> None:
    cluster = ServingCluster(3, [4], lambda n: 6.0 + n)
    with pytest.raises(InvalidInput, match="budget"):
        attribute_loss(cluster, cluster.start((1, 1)))
