from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from poagame.errors import InvalidInput
from poagame.games.normal_form import NormalFormGame
from poagame.outcome import Outcome
from poagame.solvers.mixed.lemke_howson import lemke_howson
from poagame.solvers.mixed.mixed_equilibria import mixed_equilibria
from poagame.testing.normal_form import normal_form_games


@settings(max_examples=80, deadline=None)
@given(normal_form_games(max_players=2, max_actions=4, low=0, high=2))
def test_every_label_ends_at_an_extreme_equilibrium_also_of_degenerate_games(game: NormalFormGame) -> None:
    every = mixed_equilibria(game).strategies
    for label in range(int(game.available.sum())):
        found = lemke_howson(game, label, max_steps=1000)
        assert found.outcome is Outcome.CONVERGED
        assert found.certificate.holds
        assert np.abs(every - found.strategies).max(axis=(1, 2)).min() < 1e-9
        assert found.social_cost == pytest.approx(game.expected_social_cost(found.strategies))


@pytest.mark.parametrize("size", [2, 3, 5])
def test_every_path_ends_where_that_of_nashpy_does(size: int) -> None:
    # without degeneracy a label fixes the path, whatever the tableau looks like
    pytest.importorskip("nashpy")
    for seed in range(4):
        game = NormalFormGame(np.random.default_rng(seed).normal(size=(2, size, size)))
        rival = game.to_nashpy()
        for label in range(2 * size):
            wanted = np.array(rival.lemke_howson(initial_dropped_label=label))
            np.testing.assert_allclose(lemke_howson(game, label).strategies, wanted, atol=1e-9)


# found by random search: with the first of the tied rows the paths of the first two cycle, with the last one that of the third,
# and that of the fourth ends at no equilibrium
TIED = [
    (
        6,
        [[2, 1, 2, 1], [2, 1, 0, 0], [1, 2, 0, 0], [0, 0, 2, 2]],
        [[0, 2, 2, 1], [2, 0, 1, 2], [1, 1, 1, 1], [0, 0, 1, 1]],
    ),
    (
        5,
        [[1, 0, 2, 2], [2, 0, 1, 1], [2, 1, 1, 2], [0, 2, 0, 0]],
        [[0, 1, 0, 0], [1, 1, 0, 2], [2, 0, 0, 1], [2, 0, 0, 2]],
    ),
    (
        4,
        [[0, 2, 0, 2], [0, 0, 2, 1], [0, 2, 0, 2], [0, 1, 2, 0]],
        [[1, 0, 2, 1], [2, 2, 1, 2], [1, 0, 0, 2], [2, 0, 1, 2]],
    ),
    (
        1,
        [[0, 0, 0, 1], [0, 1, 0, 1], [1, 2, 0, 2], [0, 0, 2, 1]],
        [[2, 1, 2, 0], [2, 0, 0, 1], [1, 1, 2, 2], [0, 1, 0, 2]],
    ),
]


@pytest.mark.parametrize(("label", "first", "second"), TIED)
def test_ties_are_broken_so_that_no_path_cycles(label: int, first: list[list[int]], second: list[list[int]]) -> None:
    found = lemke_howson(NormalFormGame([first, second]), label, max_steps=100)
    assert found.outcome is Outcome.CONVERGED
    assert found.certificate.holds


def test_labels_lead_to_each_pure_equilibrium_of_a_coordination_game() -> None:
    game = NormalFormGame.from_payoffs(np.diag([1.0, 2.0, 3.0]), np.diag([1.0, 2.0, 3.0]))
    ends = [lemke_howson(game, label).strategies.tolist() for label in range(6)]
    for label in range(6):
        assert ends[label] == [np.eye(3)[label % 3].tolist()] * 2


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_a_change_of_unit_changes_nothing(unit: float) -> None:
    costs = np.random.default_rng(0).normal(size=(2, 30, 30))
    plain, scaled = lemke_howson(NormalFormGame(costs)), lemke_howson(NormalFormGame(unit * costs))
    assert plain.certificate.holds
    assert scaled.certificate.holds
    np.testing.assert_allclose(scaled.strategies, plain.strategies, atol=1e-9)


def test_limits_end_the_path_and_say_so() -> None:
    game = NormalFormGame(np.random.default_rng(1).normal(size=(2, 20, 20)))
    short = lemke_howson(game, max_steps=2)
    assert short.outcome is Outcome.MAX_STEPS_REACHED
    assert not short.certificate.holds
    late = lemke_howson(game, time_limit=0.0)
    assert late.outcome is Outcome.TIME_LIMIT_REACHED
    np.testing.assert_allclose(late.strategies.sum(axis=1), 1.0)


def test_bad_input() -> None:
    game = NormalFormGame(np.ones((2, 2, 2)))
    with pytest.raises(InvalidInput, match="label"):
        lemke_howson(game, 4)
    with pytest.raises(InvalidInput, match="two players"):
        lemke_howson(NormalFormGame(np.ones((3, 2, 2, 2))))
    with pytest.raises(InvalidInput, match="whole number"):
        lemke_howson(game, 1.5)
    with pytest.raises(InvalidInput, match="finite game"):
        lemke_howson([[1.0]])
    with pytest.raises(InvalidInput, match="limits"):
        lemke_howson(game, time_limit=-1.0)
