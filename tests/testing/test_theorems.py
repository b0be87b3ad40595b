"""Three theorems that the kit confirms, and three conjectures that it refutes with small games."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import example, given, settings

import poagame as pg
from poagame import testing
from poagame.testing import minimal_counterexample, search_worst


@given(testing.congestion_games(max_players=4, families=("affine",)))
@example(pg.instances.affine_atomic_worst_case())
def test_affine_congestion_games_have_poa_at_most_five_halves(game: pg.CongestionGame) -> None:
    testing.assert_poa_at_most(game, 5 / 2)


@given(testing.networks(families=("affine",)))
@example(pg.instances.braess())
def test_affine_networks_have_poa_at_most_four_thirds(game: pg.NetworkRouting) -> None:
    testing.assert_poa_at_most(game, pg.bounds.anarchy_value(pg.latency.Polynomial([[0.0, 1.0]]), 1.0))


@given(testing.routing_games(max_requests=4, families=("affine", "mm1", "saturating", "tabulated", "composed")))
def test_static_overlap_keeps_the_exact_potential(game: pg.RoutingGame) -> None:
    testing.assert_exact_potential(game)


def test_the_search_reaches_five_halves_and_no_more() -> None:
    found = search_worst(testing.cyclic_games(max_positions=3, max_player_kinds=1), 400, bound=5 / 2)
    assert found.value == pytest.approx(5 / 2)
    assert found.share == pytest.approx(1.0)


def test_false_that_weights_do_not_matter() -> None:
    games = testing.cyclic_games(max_positions=3, max_resources=2, weighted=True)
    found = minimal_counterexample(games, lambda game: testing.assert_poa_at_most(game, 5 / 2), seed=5)
    assert found.found
    print(found)
    golden = (1 + np.sqrt(5)) / 2
    report = pg.price_of_anarchy(found.game)
    assert report.exact
    assert 5 / 2 < report.poa <= golden**2 + 1e-9
    assert found.game.num_players == 4  # that of Awerbuch, Azar and Epstein: weights w, w, 1, 1
    w = max(found.game.weights) / min(found.game.weights)
    assert report.poa == pytest.approx(((w + 1) ** 2 + w**2) / (w**2 + 1))


def test_false_that_a_complete_graph_caches_well_for_any_demand() -> None:
    unequal = testing.caching_games(kinds=("complete",), demands="any")
    found = minimal_counterexample(unequal, lambda game: testing.assert_poa_at_most(game, 1.0))
    assert found.found
    print(found)
    assert found.game.num_players == 2
    # equal demands keep it, on the same graphs
    equal = testing.caching_games(kinds=("complete",))
    assert minimal_counterexample(equal, lambda game: testing.assert_poa_at_most(game, 1.0), 200).found is False


def noise_never_costs(game: pg.NetworkRouting) -> None:
    noisy = pg.stochastic_wardrop(game, temperature=0.1).social_cost
    testing.assert_at_most(game, noisy, pg.wardrop(game).social_cost, "noise never costs")


def test_false_that_temperature_always_helps() -> None:
    noise_never_costs(pg.instances.pigou(1))  # it helps where selfishness hurts
    found = minimal_counterexample(testing.parallel_links(2, ("affine",)), noise_never_costs)
    assert found.found
    print(found)
    # where the equilibrium is optimal, noise can only hurt
    assert pg.social_optimum(found.game).social_cost == pytest.approx(pg.wardrop(found.game).social_cost)


def test_a_hundred_random_routing_games_take_seconds() -> None:
    seen = []

    @settings(max_examples=100, database=None)
    @given(testing.routing_games())
    def bounded(game: pg.RoutingGame) -> None:
        testing.assert_poa_at_most(game, 1e6)
        seen.append(game)

    bounded()  # compiles
    start, before = time.process_time(), len(seen)
    bounded()
    assert len(seen) - before >= 100
    assert time.process_time() - start < 10.0
