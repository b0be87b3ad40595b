"""Costs, loads and potentials of congestion games against their definition; bad input."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poagame as pg
from poagame.certificates import certify_nash, is_exact_potential, regret
from poagame.errors import InvalidInput, NoPotential
from poagame.games.congestion import CongestionGame
from poagame.games.normal_form import NormalFormGame
from poagame.latency import BPR, MM1, Polynomial, Saturating, Tabulated
from poagame.testing.congestion import congestion_games
from tests.congestion_oracle import CongestionOracle

ALL: Any = ("unweighted", "weighted", "player_specific", "counted")
PIGOU = Polynomial([[0.0, 1.0], [2.0, 0.0]])
NAMES = {c.__name__: c for c in (CongestionGame, Polynomial, BPR, MM1, Saturating, Tabulated)}


@settings(max_examples=30)
@given(congestion_games(variants=ALL, objectives=("total", "makespan")), st.data())
def test_costs_are_those_of_the_definition(game: CongestionGame, data: st.DataObject) -> None:
    oracle = CongestionOracle.of(game)
    profiles = list(itertools.islice(oracle.profiles(), 20))
    batch = np.array(profiles)
    costs, social, paid = game.action_costs(batch), game.social_cost(batch), game.player_costs(batch)
    for at, s in enumerate(profiles):
        np.testing.assert_allclose(paid[at], oracle.costs(s), rtol=1e-12, atol=1e-300)
        assert social[at] == pytest.approx(oracle.social(s), rel=1e-12)
    s = profiles[data.draw(st.integers(0, len(profiles) - 1))]
    np.testing.assert_allclose(game.action_costs(s), costs[profiles.index(s)], rtol=1e-12)
    for i in range(game.num_players):
        for a in range(game.num_actions):
            if a < len(oracle.sets[i]):
                expected = oracle.costs((*s[:i], a, *s[i + 1 :]))[i]
                assert costs[profiles.index(s), i, a] == pytest.approx(expected, rel=1e-12)
            else:
                assert costs[profiles.index(s), i, a] == np.inf


@settings(max_examples=30)
@given(congestion_games(variants=("unweighted", "weighted", "counted")))
def test_total_cost_is_load_times_latency(game: CongestionGame) -> None:
    for s in itertools.islice(CongestionOracle.of(game).profiles(), 20):
        loads = game.loads(s)
        assert game.social_cost(s) == pytest.approx(float((loads * game.latency(loads)).sum()), rel=1e-12)


def deviations(game: CongestionGame) -> Any:
    oracle = CongestionOracle.of(game)
    for s in itertools.islice(oracle.profiles(), 3):
        for i in range(game.num_players):
            for a in range(len(oracle.sets[i])):
                t = (*s[:i], a, *s[i + 1 :])
                yield i, s, t, oracle.costs(t)[i] - oracle.costs(s)[i]


@settings(max_examples=30)
@given(congestion_games(variants=("unweighted", "counted")))
def test_rosenthals_potential_changes_as_the_deviators_cost(game: CongestionGame) -> None:
    scale = 1e-10 * max(CongestionOracle.of(game).costs((0,) * game.num_players))
    potential = cache(game.potential)
    for _, s, t, change in deviations(game):
        size = scale + 1e-11 * (abs(potential(s)) + abs(potential(t)))
        assert potential(t) - potential(s) == pytest.approx(change, abs=size)


@settings(max_examples=30)
@given(congestion_games(variants=("weighted",), families=("affine",)))
def test_weighted_affine_potential_changes_as_the_weighted_cost(game: CongestionGame) -> None:
    if game.is_unweighted:
        game = CongestionGame(game.latency, game.actions)
    potential, weights = cache(game.potential), game.weights
    for i, s, t, change in deviations(game):
        size = 1e-11 * (1.0 + abs(potential(s)) + abs(potential(t)))
        assert potential(t) - potential(s) == pytest.approx(weights[i] * change, abs=size)


def test_potential_of_equal_weights_other_than_one() -> None:
    game = CongestionGame(Polynomial([[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]), [[[0], [1]]] * 3, weights=[2.0, 2.0, 2.0])
    assert is_exact_potential(game)
    for s in itertools.product(range(2), repeat=3):
        t = (1 - s[0], *s[1:])
        assert game.potential(t) - game.potential(s) == game.player_costs(t)[0] - game.player_costs(s)[0]


@settings(max_examples=20)
@given(
    congestion_games(
        variants=("unweighted", "weighted", "player_specific", "counted"), objectives=("total", "makespan")
    )
)
def test_repr_is_code_that_rebuilds_the_game(game: CongestionGame) -> None:
    again = eval(repr(game), NAMES)  # noqa: S307
    assert repr(again) == repr(game)
    profiles = np.array(list(itertools.islice(CongestionOracle.of(game).profiles(), 10)))
    np.testing.assert_array_equal(again.action_costs(profiles), game.action_costs(profiles))


def test_types_group_equal_rows_of_one_weight_and_latency() -> None:
    rows = [[[0], [1]], [[0], [1]], [[1], [0]], [[0], [1]], [[0], [1]]]
    types = CongestionGame(PIGOU, rows, weights=[1, 1, 1, 2, 1], multiplicity=[2, 1, 1, 1, 1]).types()
    assert types.counts.tolist() == [4, 1, 1]
    assert types.type_of.tolist() == [0, 0, 0, 1, 2, 0]
    assert CongestionGame([PIGOU, Polynomial([[1.0], [2.0]])], rows[:2]).types().counts.tolist() == [1, 1]
    assert CongestionGame([PIGOU, PIGOU], rows[:2]).types().counts.tolist() == [2]


def test_loads_beyond_capacity_cost_infinity_and_never_nan() -> None:
    game = CongestionGame(MM1([1.5, 1.5, 9.0]), [[[0, 2], [1]], [[0], [1, 2]], [[0], [2]]])
    assert game.player_costs([0, 0, 1])[0] == np.inf
    assert game.player_costs([0, 0, 1])[2] == pytest.approx(1.0 / 7.0)
    for s in itertools.product(range(2), repeat=3):
        assert not np.isnan(game.action_costs(s)).any()
        assert not np.isnan(regret(game, s)).any()
    assert game.social_cost([0, 1, 1]) == pytest.approx(CongestionOracle.of(game).social((0, 1, 1)))
    stuck = CongestionGame(MM1([1.0]), [[[0]], [[0]]])  # nobody can do better, so nobody regrets
    assert certify_nash(stuck, [0, 0]).holds


def test_the_last_bits_of_a_cheap_action_survive_a_dear_one() -> None:
    game = CongestionGame(Polynomial([[1e-9, 0.0], [1e12, 1e12]]), [[[0], [1]], [[0], [1]]])
    assert game.action_costs([0, 0])[0, 0] == 1e-9
    assert game.action_costs([1, 1])[0, 0] == 1e-9


def test_a_lacking_action_costs_infinity() -> None:
    game = CongestionGame(PIGOU, [[[0], [1]], [[0]]])
    assert game.social_cost([0, 1]) == np.inf
    assert game.potential([0, 1]) == np.inf
    assert regret(game, [0, 1])[1] == np.inf
    assert NormalFormGame.of(game).available.tolist() == [[True, True], [True, False]]


def test_source_and_answers_travel_with_the_game() -> None:
    game = CongestionGame(PIGOU, [[[0], [1]]]).named("somewhere", poa=1.0)
    assert (game.source, game.certified["poa"]) == ("somewhere", 1.0)
    assert game.is_singleton
    assert not CongestionGame(PIGOU, [[[0, 1]]]).is_singleton


def test_a_large_game_has_a_short_repr() -> None:
    assert (
        repr(CongestionGame(PIGOU, [[[0], [1]]] * 200)) == "<CongestionGame of 200 players on 2 resources, Polynomial>"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"actions": [[[0], [2]]]}, "action 1 of row 0 names resource 2, but the latency has resources 0 … 1"),
        ({"actions": [[[0]], []]}, "row 1 has no action"),
        ({"actions": [[[0], []]]}, "outside option a resource of latency 0"),
        ({"actions": [[[0, 0]]]}, "names a resource twice"),
        ({"actions": []}, "at least one player"),
        ({"actions": [[0, 1]]}, "iterable of resource numbers"),
        ({"actions": 3}, "iterable of resource numbers"),
        ({"actions": [[[0.5]]]}, "resource numbers 0, 1"),
        ({"actions": [[[-1]]]}, "resource numbers 0, 1"),
        ({"actions": [["01"]]}, "resource numbers 0, 1"),
        ({"weights": [1.0]}, "weights must be one for each of 2 rows"),
        ({"weights": [1.0, 0.0]}, "weights must be positive"),
        ({"weights": [1.0, float("nan")]}, "weights must be finite"),
        ({"multiplicity": [1, 0]}, "whole numbers >= 1"),
        ({"multiplicity": [1.5, 2.0]}, "whole numbers >= 1"),
        ({"multiplicity": [3]}, "multiplicity must be 2"),
        ({"objective": "mean"}, "'total' or 'makespan'"),
        ({"latency": 3}, "a poagame latency"),
        ({"latency": []}, "a poagame latency"),
        ({"latency": [PIGOU]}, "one for each of 2 rows"),
        ({"latency": [PIGOU, Polynomial([[1.0]] * 3)]}, "of the same resources"),
    ],
)
def test_bad_input_is_refused(arguments: dict[str, Any], message: str) -> None:
    given_arguments = {"latency": PIGOU, "actions": [[[0], [1]], [[0], [1]]], **arguments}
    with pytest.raises(InvalidInput, match=message.replace("[", r"\[")):
        CongestionGame(**given_arguments)


def test_a_latency_of_one_resource_serves_all() -> None:
    game = CongestionGame(Polynomial([[0.0, 1.0]]), [[[0], [2]]] * 2)
    assert game.num_resources == 3
    assert game.social_cost([0, 0]) == 4.0


def test_no_potential_says_why() -> None:
    with pytest.raises(NoPotential, match="player-specific"):
        pg.potential(CongestionGame([PIGOU, 2.0 * PIGOU], [[[0], [1]]] * 2), [0, 0])
    with pytest.raises(NoPotential, match="affine"):
        pg.potential(CongestionGame(MM1([9.0]), [[[0]]] * 2, weights=[1.0, 2.0]), [0, 0])
