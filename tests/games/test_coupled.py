"""States of a coupled game, the links of a serving cluster, and what both refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

import poagame as pg
from poagame.errors import InvalidInput
from poagame.games.coupled import LAYERS, CoupledGame, CoupledState, follow_workers
from poagame.games.serving_cluster import (
    ServingCluster,
    attainments,
    caching_layer,
    coupled_serving,
    even_loads,
    loads,
    operating_point,
    read_ms,
    resource_layer,
    routing_layer,
    work,
)
from tests.coupled_oracle import dense_law, latency_by_request, small_case


def linear(n: Any) -> Any:
    return 6.0 + 0.1 * n


def cluster(**options: Any) -> ServingCluster:
    given: dict[str, Any] = {"budget": 3, "group_sizes": [4, 4], "itl": linear} | options
    return ServingCluster(**given)


def a_state(split: tuple[int, int], placement: ArrayLike, routing: ArrayLike) -> CoupledState:
    return CoupledState(split, np.array(placement), np.array(routing))


def test_states_compare_and_hash_by_what_they_hold() -> None:
    a, b = a_state((1, 2), np.zeros((2, 1), int), [0, 1]), a_state((1, 2), np.zeros((2, 1), int), [0, 1])
    assert a == b
    assert len({a, b, a_state((2, 2), np.zeros((2, 1), int), [0, 1]), replace(a, routing=np.array([1, 1]))}) == 3
    with pytest.raises(ValueError, match="read-only"):
        a.routing[0] = 1


def test_what_becomes_of_a_state_when_workers_come_and_go() -> None:
    state = a_state((1, 3), [[1, 0], [0, 1], [1, 1]], [0, 1, 2, 2])
    fewer, more = follow_workers(state, 2), follow_workers(state, 4)
    assert (fewer.placement.tolist(), fewer.routing.tolist()) == ([[1, 0], [0, 1]], [0, 1, 0, 0])
    assert (more.placement.tolist()[3], more.routing.tolist()) == ([0, 0], [0, 1, 2, 2])


@pytest.mark.parametrize("seed", range(24))
def test_latency_is_that_of_the_model_request_by_request(seed: int) -> None:
    served, state = small_case(seed)
    expected = latency_by_request(served, state.split[0], state.placement.tolist(), state.routing.tolist())
    assert coupled_serving(served).social_cost(state) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_layers_are_games_of_their_own_parts(seed: int) -> None:
    served, state = small_case(seed)
    game = coupled_serving(served)
    for name in LAYERS:
        profile = game.profile(name, state)
        assert game.with_layer(name, state, profile) == state
        # a layer's game does not depend on its own part through what it costs: its regrets are defined
        assert pg.certificates.certify_nash(game.layer(name, state), profile).max_regret >= 0


def test_a_request_pays_for_its_batch_less_what_overlap_saves() -> None:
    served = cluster(prefix_ms=10.0, transfer_ms=2.0, overlap_weight=0.5, output_tokens=100.0)
    state = a_state((1, 2), [[1, 0], [0, 0]], [0, 0, 0, 1, 1, 1, 1, 1])
    share = operating_point(served, state).chain.decoding / 8
    cost = routing_layer(served, state).request_costs(state.routing)
    assert read_ms(served, state.placement).tolist() == [[0.0, 10.0], [2.0, 10.0]]
    batch = [100.0 * linear(max(1.0, n * share)) for n in (3, 5)]
    np.testing.assert_allclose(cost, [batch[0] - 5.0] * 3 + [batch[1] - 4.0] + [batch[1]] * 4, rtol=1e-12)


def test_the_routing_layer_keeps_its_exact_potential() -> None:
    served, state = small_case(3)
    assert pg.is_exact_potential(routing_layer(served, state))


def test_workers_keep_what_their_requests_need() -> None:
    state = a_state((1, 2), [[1, 0], [0, 0]], [0, 0, 0, 1, 1, 1, 1, 1])
    layer = caching_layer(cluster(places=1), state)
    assert np.asarray(layer.demand).tolist() == [[3.0, 0.0], [1.0, 4.0]]
    assert layer.social_cost(state.placement) == 1 * 2.0 + 4 * 10.0


def test_a_transfer_dearer_than_prefill_is_not_made() -> None:
    count, held = np.array([[2, 2], [2, 2]]), np.array([[1, 1], [0, 0]])
    assert work(cluster(transfer_ms=30.0), count, held) == (10.0 + 10.0 * 4 / 8, 0.0)
    assert work(cluster(transfer_ms=3.0), count, held) == (10.0, 3.0 * 4 / 8)


@pytest.mark.parametrize("prefill", [1, 2])
def test_attainments_from_dense_laws(prefill: int) -> None:
    served = cluster(ttft_target_ms=25.0, itl_target_ms=6.25)
    load, service, transfer = np.array([5, 3]), 12.0, 1.0
    z = [sum(c / 8 * 128.0 * linear(max(1.0, c * m / 8)) for c in load) + transfer for m in range(1, 9)]
    others, whole = dense_law(prefill, service, z[:-1]), dense_law(prefill, service, z)
    ttft = sum(others[n] for n in range(8) if max(n - prefill + 1, 0) / prefill * service + service <= 25.0)
    tokens = sum(whole[8 - m] * m for m in range(9))
    fast = sum(whole[8 - m] * m * c / 8 for m in range(9) for c in load if linear(max(1.0, c * m / 8)) <= 6.25)
    assert 0.0 < fast / tokens < 1.0
    assert attainments(served, prefill, service, load, transfer) == pytest.approx((ttft, fast / tokens), rel=1e-9)


def test_the_planner_expects_even_loads_of_other_splits() -> None:
    served = cluster(budget=4, ttft_target_ms=20.0, itl_target_ms=6.2)
    state = a_state((1, 3), np.zeros((3, 2), int), [0] * 8)
    layer = resource_layer(served, state)
    service, transfer = work(served, loads(served, state), state.placement)
    expected = [
        1 - min(attainments(served, p, service, [8, 0, 0] if d == 3 else even_loads(8, d), transfer))
        for p, d in served.splits
    ]
    np.testing.assert_allclose(layer.cost, expected, atol=1e-12)
    assert [layer.split_of(layer.profile_of(split)) for split in served.splits] == [(1, 3), (2, 2), (3, 1)]


def test_one_request_takes_its_times_one_after_the_other() -> None:
    served = ServingCluster(2, [1], linear, 10.0, 7.0, 5.0, 1.0, 1)
    empty = served.start()
    kept = replace(empty, placement=np.array([[1]]))
    game = coupled_serving(served)
    assert (game.social_cost(empty), game.social_cost(kept)) == (pytest.approx(7 + 5 + 61), pytest.approx(7 + 61))


@pytest.mark.parametrize(
    "options",
    [
        {"budget": 1}, {"budget": np.nan}, {"group_sizes": []}, {"group_sizes": [0]}, {"group_sizes": 4}, {"group_sizes": "44"},
        {"itl": lambda n: -n}, {"itl": lambda n: 9.0 - 0.1 * n}, {"itl": 3.0}, {"itl": lambda n: n * np.nan},
        {"own_ms": 0.0}, {"prefix_ms": -1.0}, {"transfer_ms": np.inf}, {"places": 0}, {"places": True}, {"overlap_weight": "x"},
        {"ttft_target_ms": 0.0}, {"itl_target_ms": -1.0}, {"gpus_per_worker": 1}, {"gpus_per_worker": (1, 0)}, {"output_tokens": 0},
    ],
)  # fmt: skip
def test_clusters_that_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        cluster(**options)


@pytest.mark.parametrize(
    ("split", "placement", "routing"),
    [
        (None, [[0]], [0]), ((1, 1, 1), [[0]], [0]), ((0, 1), [[0]], [0]), ((1, 2), [[0]], [0]), ((1, 1), [[-1]], [0]),
        ((1, 1), [[0.5]], [0]), ((1, 1), [[0]], [1]), ((1, 1), [[0]], [-1]), ((1, 1), [[0]], []), ((1, 1), [0], [0]),
        ((1, 1), [[0]], [True]), ((1, 2), [[0, 0], [0]], [0]),
    ],
)  # fmt: skip
def test_states_that_are_refused(split: Any, placement: Any, routing: Any) -> None:
    with pytest.raises(InvalidInput):
        CoupledState(split, placement, routing)


@pytest.mark.parametrize("split", ["1P/2D", 3, (1, 2, 3), (0, 1)])
def test_splits_to_start_from_that_are_refused(split: Any) -> None:
    with pytest.raises(InvalidInput, match="split"):
        cluster().start(split)


@pytest.mark.parametrize(
    "state",
    [
        CoupledState((1, 2), np.zeros((2, 1), int), np.zeros(8, int)),
        CoupledState((1, 2), np.zeros((2, 2), int), np.zeros(3, int)),
        CoupledState((1, 2), np.ones((2, 2), int), np.zeros(8, int)),
        CoupledState((1, 2), 2 * np.eye(2, dtype=int), np.zeros(8, int)),
    ],
    ids=["groups", "requests", "overfull", "tiers"],
)
def test_states_of_other_clusters_are_refused(state: CoupledState) -> None:
    game = coupled_serving(cluster(places=1))
    for name in LAYERS:
        with pytest.raises(InvalidInput, match="the state"):
            game.layer(name, state)
    with pytest.raises(InvalidInput, match="the state"):
        game.social_cost(state)


def test_what_is_no_coupled_game() -> None:
    game, state = coupled_serving(cluster()), cluster().start()
    with pytest.raises(InvalidInput, match="function of the state"):
        CoupledGame(game.resource, game.caching, 3, game.social_cost)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match="layers are"):
        game.layer("memory", state)  # pyright: ignore[reportArgumentType]
