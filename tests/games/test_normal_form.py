from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poagame.certificates.nash import certify_nash
from poagame.errors import InvalidInput, TooLarge
from poagame.games.congestion import CongestionGame
from poagame.games.normal_form import NormalFormGame
from poagame.games.protocols import FiniteGame
from poagame.latency import MM1
from poagame.solvers import census
from poagame.solvers.best_response import equilibrium
from poagame.solvers.enumeration import equilibria
from poagame.testing.normal_form import normal_form_games
from poagame.testing.strategies import routing_games


@settings(max_examples=60, deadline=None)
@given(normal_form_games(min_players=1, low=-3, high=3))
def test_action_costs_are_entries_of_the_table(game: NormalFormGame) -> None:
    assert isinstance(game, FiniteGame)
    profiles = np.array(list(np.ndindex(game.social.shape)))
    usable = np.isfinite(game.social.ravel())
    batch = game.action_costs(profiles)
    for s, costs in zip(profiles[usable], batch[usable], strict=True):
        for i in range(game.num_players):
            for a in range(game.num_actions):
                t = s.copy()
                t[i] = a
                assert costs[i, a] == game.costs[(i, *t)]
        assert np.array_equal(game.action_costs(s), costs)
        assert game.social_cost(s) == game.social[tuple(s)]


@settings(max_examples=60, deadline=None)
@given(normal_form_games(max_players=3))
def test_nobody_plays_an_action_that_it_lacks(game: NormalFormGame) -> None:
    for profile in np.ndindex(game.social.shape):
        lacks = any(not game.available[i, a] for i, a in enumerate(profile))
        assert not (lacks and certify_nash(game, profile).holds)
    assert np.isfinite(equilibria(game).social_costs).all()
    # dynamics from actions that all lack, where some do, end at actions they have
    last = equilibrium(game, start=[game.num_actions - 1] * game.num_players)
    assert last.certificate.holds is (last.outcome.name == "CONVERGED")
    if last.certificate.holds:
        assert np.isfinite(last.social_cost)


@settings(max_examples=25, deadline=None)
@given(routing_games(max_requests=3, max_workers=3, variants=("static", "symmetric", "arrival_order", "weighted")))
def test_the_table_of_a_game_is_the_game(game) -> None:
    table = NormalFormGame.of(game)
    for profile in np.ndindex(table.social.shape):
        np.testing.assert_allclose(table.action_costs(profile), game.action_costs(profile), rtol=1e-12, atol=1e-12)
        assert table.social_cost(profile) == pytest.approx(game.social_cost(profile), abs=1e-12)
    assert NormalFormGame.of(table) is table


@settings(max_examples=40, deadline=None)
@given(normal_form_games(max_players=3, low=-3, high=3), st.integers(0, 2**32 - 1))
def test_expectations_are_weighted_sums_over_profiles(game: NormalFormGame, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.dirichlet(np.ones(game.num_actions), game.num_players) * game.available
    x /= x.sum(axis=1, keepdims=True)
    social, own = 0.0, np.zeros(game.num_players)
    for s in np.ndindex(game.social.shape):
        weight = np.prod([x[i, a] for i, a in enumerate(s)])
        if weight > 0:
            social += weight * game.social[s]
            own += weight * game.costs[(slice(None), *s)]
    assert game.expected_social_cost(x) == pytest.approx(social, abs=1e-12)
    expected = game.expected_action_costs(x)
    assert np.array_equal(np.isinf(expected), ~game.available)
    paid = (x * np.where(game.available, expected, 0.0)).sum(axis=1)
    np.testing.assert_allclose(paid, own, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(normal_form_games(max_players=3), st.sampled_from([0.0, 10.0]))
def test_payoffs_there_and_back(game: NormalFormGame, offset: float) -> None:
    payoffs = game.payoffs()
    assert payoffs.shape[1:] == tuple(game.available.sum(axis=1))
    back = NormalFormGame.from_payoffs(*payoffs, offset=offset)
    assert np.array_equal(back.costs, game.costs + offset)
    assert np.array_equal(back.available, game.available)
    # the offset moves no equilibrium
    assert {tuple(s) for s in equilibria(back).profiles} == {tuple(s) for s in equilibria(game).profiles}


def test_payoffs_of_different_sizes_are_padded_where_actions_lack() -> None:
    game = NormalFormGame.from_payoffs([[1.0, 2.0, 3.0]], [[6.0, 5.0, 4.0]], offset=7.0)
    assert game.costs.shape == (2, 3, 3)
    assert game.costs[:, 0].tolist() == [[6.0, 5.0, 4.0], [1.0, 2.0, 3.0]]
    assert np.isinf(game.costs[:, 1:]).all()
    assert game.available.tolist() == [[True, False, False], [True, True, True]]


def test_nashpy_there_and_back() -> None:
    nashpy = pytest.importorskip("nashpy")
    first, second = np.arange(6.0).reshape(2, 3), -(np.arange(6.0).reshape(2, 3) ** 2)
    game = NormalFormGame.from_nashpy(nashpy.Game(first, second))
    assert game.social_cost([1, 2]) == 20.0
    back = game.to_nashpy().payoff_matrices
    assert np.array_equal(back[0], first)
    assert np.array_equal(back[1], second)
    zero_sum = NormalFormGame.from_nashpy(nashpy.Game(first))
    assert (zero_sum.social[:2, :] == 0).all()
    with pytest.raises(InvalidInput, match="two players"):
        NormalFormGame(np.ones((3, 2, 2, 2))).to_nashpy()
    with pytest.raises(InvalidInput, match="payoff_matrices"):
        NormalFormGame.from_nashpy([[1.0]])


@pytest.mark.parametrize(
    ("payoffs", "message"),
    [
        ((), "N players"),
        (([[1.0]],), "shapes"),
        (([[1.0, 2.0]], [[1.0], [2.0]]), "shapes"),
        (([[np.inf]], [[1.0]]), "finite"),
        (([["a"]], [[1.0]]), "numbers"),
        ((np.ones((0, 2)), np.ones((0, 2))), "needs an action"),
    ],
)
def test_what_are_no_payoffs(payoffs, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        NormalFormGame.from_payoffs(*payoffs)


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        (np.ones((2, 3)), "shape"),
        (np.ones((2, 3, 2)), "shape"),
        (np.ones((3, 2, 2)), "shape"),
        ([[[1.0, np.nan], [1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]], "NaN"),
        ([[[1.0, np.inf], [1.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]], "finite"),
    ],
)
def test_what_is_no_table(costs, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        NormalFormGame(costs)
    with pytest.raises(InvalidInput, match="offset"):
        NormalFormGame.from_payoffs([1.0], offset=np.nan)


def test_a_table_too_large_is_refused_before_it_is_made() -> None:
    class Many(FiniteGame):
        num_players, num_actions = 40, 2

    with pytest.raises(TooLarge, match="learning need no table"):
        NormalFormGame.of(Many())


def test_its_repr_rebuilds_it() -> None:
    game = NormalFormGame.from_payoffs([[1.0, 2.0]], [[6.0, 5.0]])
    back = eval(repr(game), {"NormalFormGame": NormalFormGame, "inf": np.inf})
    assert np.array_equal(back.costs, game.costs)


def test_nobody_is_stuck_on_an_action_that_it_lacks() -> None:
    """Two players crowd a queue that holds one; the second has no other action, and none that it lacks is an equilibrium."""
    game = CongestionGame(MM1([1.5, 1.5]), [[[0], [1]], [[0]]])
    found = census(game)
    assert found.num_equilibria == len(equilibria(game))
    assert all(p[1] == 0 for p in equilibria(game).profiles)
