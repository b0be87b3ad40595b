"""No unit is preferred: a game whose costs are all multiplied by a power of two has the same answers, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import poagame as pg
from poagame.errors import UndefinedRatio
from poagame.games import RoutingGame
from poagame.latency import Polynomial
from poagame.testing import routing_games


def scaled(game: RoutingGame, factor: float) -> RoutingGame:
    return RoutingGame(
        factor * game.latency,
        game.overlap,
        factor * game.overlap_weight,
        game.affinity,
        game.affinity_kind,
        game.request_weight,
    )


@settings(max_examples=60)
@given(
    routing_games(max_requests=5, variants=("static", "symmetric", "arrival_order", "weighted")),
    st.sampled_from([2.0**-60, 2.0**-30, 2.0**40]),
)
@example(RoutingGame(Polynomial([[1.0, 1.0], [0.5, 2.0]]), [[0.0, 1.0], [3.0, 0.0], [0.0, 0.0]]), 2.0**-60)
def test_answers_do_not_depend_on_the_unit_of_cost(game: RoutingGame, factor: float) -> None:
    other = scaled(game, factor)
    before, after = pg.equilibria(game), pg.equilibria(other)
    np.testing.assert_array_equal(before.profiles, after.profiles)
    np.testing.assert_array_equal(before.social_costs * factor, after.social_costs)
    np.testing.assert_array_equal(pg.social_optimum(game).profile, pg.social_optimum(other).profile)
    assert pg.is_exact_potential(game) == pg.is_exact_potential(other)
    try:
        assert pg.price_of_anarchy(game).poa == pg.price_of_anarchy(other).poa
    except (UndefinedRatio, pg.errors.NoEquilibrium) as error:
        with pytest.raises(type(error)):
            pg.price_of_anarchy(other)


def test_best_response_moves_at_any_scale() -> None:
    game = RoutingGame(Polynomial([[0.0, 1.0], [0.0, 1.0]]), np.zeros((6, 2)))
    for factor in (1e-30, 1e-12, 1.0, 1e12):
        found = pg.equilibrium(scaled(game, factor), start=np.zeros(6))
        assert sorted(np.bincount(found.profile)) == [3, 3]
        assert not pg.certify_nash(scaled(game, factor), np.zeros(6)).holds


def test_one_enormous_cost_hides_no_regret_of_the_others() -> None:
    """Worker 1 costs 1e15: what it would cost does not count as the size of the costs that are paid."""
    game = RoutingGame(Polynomial([[1.0, 1.0], [1e15, 0.0], [1.0, 1.5]]), np.zeros((4, 3)))
    assert not pg.certify_nash(game, [0, 0, 0, 0]).holds
    assert all(set(s) == {0, 2} for s in pg.equilibria(game).profiles.tolist())
