"""The optimum against brute force, integer programming in cvxpy, and its own lower bound."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import example, given, settings

import poagame as pg
from poagame.errors import InvalidInput
from poagame.games import RoutingGame
from poagame.latency import Polynomial, Saturating, Tabulated
from poagame.solvers import optimum
from poagame.testing import routing_games
from tests import oracles

CONCAVE = Tabulated([0.0, 1.0, 2.0, 6.0], [1.0, 1.0, 5.0, 5.0])


@given(routing_games())
@example(RoutingGame(CONCAVE, np.zeros((5, 2))))
@example(RoutingGame(CONCAVE, [[1.0, 0.0, 2.0]] * 3 + [[0.0, 3.0, 0.0]] * 3, 0.5))
def test_static_optimum_is_that_of_brute_force(game: RoutingGame) -> None:
    least = oracles.least_social_cost(game)
    found = pg.social_optimum(game)
    assert found.social_cost == pytest.approx(least, abs=1e-8)
    assert found.social_cost == pytest.approx(oracles.social_cost(game, tuple(found.profile)), abs=1e-9)
    assert found.lower_bound <= least + 1e-6
    assert found.outcome is pg.Outcome.OPTIMAL


@given(routing_games(max_requests=5, variants=("symmetric", "arrival_order", "weighted")))
def test_small_games_of_every_kind_are_enumerated(game: RoutingGame) -> None:
    found = pg.social_optimum(game)
    assert found.social_cost == pytest.approx(oracles.least_social_cost(game), abs=1e-9)
    assert found.outcome is pg.Outcome.OPTIMAL


@settings(max_examples=25)
@given(routing_games(max_requests=5, max_workers=2, variants=("symmetric", "arrival_order", "weighted")))
def test_beyond_enumeration_the_bounds_enclose_the_optimum(game: RoutingGame) -> None:
    """The same small games with enumeration switched off: integer programme (affinity) and local search between its bounds (weights)."""
    least = oracles.least_social_cost(game)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optimum, "MAX_PROFILES", 1)
        found = pg.social_optimum(game)
    assert found.lower_bound <= least + 1e-6
    assert found.social_cost >= least - 1e-9
    if game.request_weight is None and game.affinity is not None:
        assert found.social_cost == pytest.approx(least, abs=1e-6)


@pytest.mark.parametrize("workers", [2, 5])
def test_agrees_with_an_integer_programme_at_the_papers_size(workers: int) -> None:
    rng = np.random.default_rng(workers)
    counts = [26, 26, 26, 25, 25]
    latency = Saturating(
        rng.uniform(6, 7, workers), rng.uniform(0.02, 0.04, workers), np.full(workers, 0.5), np.full(workers, 200.0)
    )
    game = RoutingGame(latency, 4 * rng.random((5, workers)), 0.8, multiplicity=counts)
    found = pg.social_optimum(game)
    assert found.outcome is pg.Outcome.OPTIMAL
    n = np.arange(129.0)[:, None]
    total = n * latency(np.broadcast_to(n, (129, workers)))
    pick, place = cp.Variable((129, workers), boolean=True), cp.Variable((5, workers), integer=True)
    programme = cp.Problem(
        cp.Minimize(cp.sum(cp.multiply(total, pick)) - 0.8 * cp.sum(cp.multiply(game.overlap, place))),
        [
            place >= 0,
            cp.sum(place, axis=1) == counts,
            cp.sum(pick, axis=0) == 1,
            n[:, 0] @ pick == cp.sum(place, axis=0),
        ],
    )
    programme.solve(solver=cp.SCIPY, scipy_options={"mip_rel_gap": 1e-9})
    assert found.social_cost == pytest.approx(float(programme.value), rel=1e-7)


def test_a_concave_measured_curve_needs_the_integer_programme() -> None:
    """On the envelope alone the loads would be split evenly; crowding one worker of the plateau is cheaper."""
    game = RoutingGame(CONCAVE, np.zeros((7, 3)))
    found = pg.social_optimum(game)
    assert found.outcome is pg.Outcome.OPTIMAL
    assert sorted(game.loads(found.profile)) == [1.0, 1.0, 5.0]
    assert found.social_cost == oracles.least_social_cost(game) == 27.0


def test_many_requests_of_few_types_are_proved_optimal() -> None:
    rng = np.random.default_rng(1)
    latency = Polynomial(np.column_stack([rng.random(100), 0.05 + 0.05 * rng.random(100)]))
    game = RoutingGame(latency, 3 * rng.random((20, 100)), multiplicity=np.full(20, 500))
    found = pg.social_optimum(game)
    assert found.outcome is pg.Outcome.OPTIMAL
    assert abs(found.gap) <= 1e-9 * abs(found.social_cost)


def test_large_games_with_affinity_are_labelled() -> None:
    rng = np.random.default_rng(0)
    e = rng.random((40, 40))
    game = RoutingGame(Polynomial([[1.0, 0.5]] * 4), rng.random((40, 4)), 0.05, e + e.T)
    found = pg.social_optimum(game)
    assert found.outcome is pg.Outcome.BOUNDED
    assert 0 < found.lower_bound < found.social_cost
    assert "not proved" in str(found)


def test_capacity_below_the_load_is_refused() -> None:
    with pytest.raises(InvalidInput, match="5 requests do not fit"):
        pg.social_optimum(RoutingGame(Saturating(1.0, 0.1, 1.0, 2.5), np.zeros((5, 2))))
