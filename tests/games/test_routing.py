"""The routing game's costs against a term-by-term restatement of their definition, and its potential against their differences."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import poagame as pg
from poagame.errors import InvalidInput, NoPotential
from poagame.games import FiniteGame, RoutingGame
from poagame.latency import MM1, Polynomial
from poagame.testing import routing_games
from tests import oracles

VARIANTS = ("static", "symmetric", "arrival_order", "weighted")


def drawn_profile(game: RoutingGame, data: st.DataObject) -> tuple[int, ...]:
    n = game.num_players
    return tuple(data.draw(st.lists(st.integers(0, game.num_actions - 1), min_size=n, max_size=n)))


@given(routing_games(variants=VARIANTS), st.data())
def test_costs_are_the_definition(game: RoutingGame, data: st.DataObject) -> None:
    s = drawn_profile(game, data)
    oracle = oracles.Oracle(game)
    own = oracle.costs(s)
    np.testing.assert_allclose(game.request_costs(s), own, rtol=1e-12, atol=1e-12)
    assert game.social_cost(s) == pytest.approx(oracle.social(s), rel=1e-12, abs=1e-12)
    costs = game.action_costs(s)
    for i, j in np.ndindex(*costs.shape):
        assert costs[i, j] == pytest.approx(oracle.cost((*s[:i], j, *s[i + 1 :]), i), rel=1e-12, abs=1e-12)


@given(routing_games(variants=VARIANTS), st.data())
def test_many_profiles_at_once_are_the_single_ones(game: RoutingGame, data: st.DataObject) -> None:
    several = np.array([drawn_profile(game, data) for _ in range(3)])
    np.testing.assert_array_equal(game.action_costs(several), [game.action_costs(s) for s in several])
    np.testing.assert_array_equal(game.social_cost(several), [game.social_cost(s) for s in several])


@given(routing_games(variants=("static", "symmetric")), st.data())
@example(
    RoutingGame(Polynomial([[1.0, 1.0], [0.0, 2.0]]), [[3.0, 0.0], [0.0, 1.0]], 1.0, [[0.0, 2.0], [2.0, 0.0]]), None
)
def test_potential_changes_by_what_the_mover_gains(game: RoutingGame, data: st.DataObject | None) -> None:
    """Static overlap and symmetric affinity keep an exact potential, whatever the overlap."""
    s = drawn_profile(game, data) if data else (0, 0)
    oracle = oracles.Oracle(game)
    for i in range(len(s)):
        for j in range(game.num_actions):
            moved = (*s[:i], j, *s[i + 1 :])
            change = pg.potential(game, moved) - pg.potential(game, s)
            assert change == pytest.approx(oracle.cost(moved, i) - oracle.cost(s, i), abs=1e-9)


@given(routing_games(variants=("weighted",), families=("affine",)), st.data())
def test_weighted_potential_changes_by_weight_times_gain(game: RoutingGame, data: st.DataObject) -> None:
    s, w, oracle = drawn_profile(game, data), game.weights, oracles.Oracle(game)
    for i in range(len(s)):
        for j in range(game.num_actions):
            moved = (*s[:i], j, *s[i + 1 :])
            gain = oracle.cost(moved, i) - oracle.cost(s, i)
            scale = (
                1.0 if (w == w[0]).all() else w[i]
            )  # one common weight: the unweighted potential, with its own scale
            assert pg.potential(game, moved) - pg.potential(game, s) == pytest.approx(scale * gain, abs=1e-8)


def test_multiplicity_is_the_written_out_game() -> None:
    latency = Polynomial([[1.0, 0.5], [0.0, 1.0], [2.0, 0.1]])
    rows = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])
    short, long = (
        RoutingGame(latency, rows, 0.7, multiplicity=[2, 3]),
        RoutingGame(latency, np.repeat(rows, [2, 3], axis=0), 0.7),
    )
    s = [0, 1, 2, 2, 1]
    np.testing.assert_array_equal(short.action_costs(s), long.action_costs(s))
    assert short.social_cost(s) == long.social_cost(s)
    assert pg.potential(short, s) == pg.potential(long, s)
    assert short.num_players == long.num_players == 5
    assert sorted(short.types().counts) == sorted(long.types().counts)


def test_beyond_capacity_is_infinite_never_nan() -> None:
    game = RoutingGame(MM1([1.5, 3.0]), np.zeros((3, 2)))
    assert np.isposinf(game.social_cost([0, 0, 1]))
    assert not np.isnan(game.action_costs([0, 0, 1])).any()
    assert np.isposinf(pg.potential(game, [0, 0, 1]))


def test_is_a_finite_game_and_a_pytree() -> None:
    game = RoutingGame(Polynomial([[0.0, 1.0]]), np.zeros((3, 2)))
    assert isinstance(game, FiniteGame)
    again = jax.tree.map(lambda leaf: leaf, game)
    assert again.social_cost([0, 1, 1]) == game.social_cost([0, 1, 1])


@given(routing_games(variants=VARIANTS), st.data())
def test_repr_rebuilds_the_game(game: RoutingGame, data: st.DataObject) -> None:
    s = drawn_profile(game, data)
    again = eval(repr(game), {**vars(pg.latency), "RoutingGame": RoutingGame})  # noqa: S307
    assert again.social_cost(s) == game.social_cost(s)


def test_potential_is_refused_where_there_is_none() -> None:
    e = [[0.0, 1.0], [2.0, 0.0]]
    with pytest.raises(NoPotential, match="arrival order"):
        pg.potential(RoutingGame(Polynomial([[0.0, 1.0]]), np.zeros((2, 2)), 1.0, e, "arrival_order"), [0, 1])
    with pytest.raises(NoPotential, match="affine"):
        pg.potential(RoutingGame(Polynomial([[0.0, 0.0, 1.0]]), np.zeros((2, 2)), request_weight=[1.0, 2.0]), [0, 1])
    with pytest.raises(NoPotential, match="no potential formula"):
        pg.potential(object(), [0, 1])


LINE = Polynomial([[0.0, 1.0]])
BAD = [
    (lambda: RoutingGame(lambda x: x, np.zeros((2, 2))), "poagame latency"),  # type: ignore[arg-type]
    (lambda: RoutingGame(LINE, np.zeros(3)), "requests, workers"),
    (lambda: RoutingGame(Polynomial([[0.0, 1.0]] * 3), np.zeros((2, 2))), "3 resources.*2 workers"),
    (lambda: RoutingGame(LINE, [[np.nan, 0.0]]), "finite"),
    (lambda: RoutingGame(LINE, np.zeros((2, 2)), -1.0), "overlap_weight"),
    (lambda: RoutingGame(LINE, np.zeros((2, 2)), affinity=np.zeros((3, 3))), r"\[2, 2\]"),
    (lambda: RoutingGame(LINE, np.zeros((2, 2)), affinity=[[0.0, 1.0], [2.0, 0.0]]), "symmetric but is not"),
    (lambda: RoutingGame(LINE, np.zeros((2, 2)), affinity_kind="sideways"), "'symmetric' or"),  # type: ignore[arg-type]
    (lambda: RoutingGame(LINE, np.zeros((2, 2)), request_weight=[1.0, 0.0]), "positive"),
    (lambda: RoutingGame(LINE, np.zeros((2, 2)), multiplicity=[1, 0]), "whole numbers >= 1"),
    (
        lambda: RoutingGame(LINE, np.zeros((2, 2)), request_weight=[1.0, 2.0], multiplicity=[1, 2]),
        "static overlap alone",
    ),
    (lambda: RoutingGame(LINE, np.zeros((2, 2))).social_cost([0]), "2 players"),
    (lambda: RoutingGame(LINE, np.zeros((2, 2))).social_cost([0, 2]), "0 … 1"),
    (lambda: RoutingGame(LINE, np.zeros((2, 2))).social_cost([0, 0.5]), "whole numbers"),
]


@pytest.mark.parametrize(("build", "message"), BAD, ids=[m for _, m in BAD])
def test_bad_input_is_refused_with_its_reason(build: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"(?s){message}"):
        build()  # type: ignore[operator]
