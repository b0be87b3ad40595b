"""The integer programme against the search, and what it says where it cannot finish."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings

import poagame as pg
from poagame.certificates import certify_nash
from poagame.errors import NoEquilibrium
from poagame.games.congestion import CongestionGame
from poagame.games.instances import atomic
from poagame.latency import MM1, Polynomial
from poagame.solvers.congestion.optimum import optimum_by_search
from poagame.solvers.congestion.programme import pure_extremes
from poagame.solvers.congestion.search import extreme_pure_equilibria
from poagame.testing.congestion import congestion_games
from tests.solvers.test_congestion_search import EVERYTHING_TIES, SAME_ACTION_TWICE, random_game, weighted_pair


@settings(max_examples=12)
@given(congestion_games(variants=("unweighted", "counted"), max_players=4))
@example(EVERYTHING_TIES)
@example(SAME_ACTION_TWICE)
@example(atomic.polynomial_worst_case(2))
@example(
    CongestionGame(
        Polynomial([[0.0, 2.0], [1.0, 1.0], [3.0, 0.0]]), [[[0], [1, 2], [2]]], weights=[3.0], multiplicity=[4]
    )
)
def test_worst_best_and_optimum_are_those_of_the_search(game: CongestionGame) -> None:
    exact, bounded = pure_extremes(game), pure_extremes(game, max_nodes=0)
    assert exact.covered
    assert bounded.covered
    size = 1e-4 * (1e-9 + float(game.action_costs(exact.worst)[np.isfinite(game.action_costs(exact.worst))].max()))
    assert bounded.worst_cost == pytest.approx(exact.worst_cost, rel=1e-9)
    assert bounded.best_cost == pytest.approx(exact.best_cost, rel=1e-9)
    assert exact.worst_cost <= bounded.worst_bound <= exact.worst_cost + 1e3 * size
    assert exact.best_cost - 1e3 * size <= bounded.best_bound <= exact.best_cost
    assert certify_nash(game, bounded.worst).holds
    assert certify_nash(game, bounded.best).holds
    optimum, programme = optimum_by_search(game), optimum_by_search(game, max_branches=0)
    assert programme.social_cost == pytest.approx(optimum.social_cost, rel=1e-9)
    assert programme.lower_bound <= optimum.social_cost
    assert programme.outcome is pg.Outcome.OPTIMAL


def test_the_programme_finds_what_best_response_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    from poagame.solvers.congestion import programme as congestion_programme

    monkeypatch.setattr(congestion_programme, "_from_starts", lambda game, time_limit: [])
    for seed in range(3):
        game = random_game(8, 3, 6, 2, seed)
        exact, found = extreme_pure_equilibria(game), pure_extremes(game, max_nodes=0)
        assert found.covered
        assert (found.worst_cost, found.best_cost) == pytest.approx((exact.worst_cost, exact.best_cost), rel=1e-9)


def test_a_gain_below_the_tolerance_is_not_decided_but_bounded() -> None:
    # dominance by 2^-20 of costs near 12: to HiGHS the optimum is nearly an equilibrium
    game = atomic.price_of_stability(1, 3)
    exact, found = pure_extremes(game), pure_extremes(game, max_nodes=0)
    assert exact.covered
    assert found.worst_cost == found.best_cost == exact.worst_cost
    assert found.best_bound <= exact.best_cost
    assert exact.worst_cost <= found.worst_bound <= exact.worst_cost * (1 + 1e-4)


def test_without_time_the_bounds_still_hold() -> None:
    game = random_game(16, 3, 12, 3, 1)
    exact = extreme_pure_equilibria(game)
    found = pure_extremes(game, max_nodes=10, time_limit=0.3)
    assert found.best_bound <= exact.best_cost <= found.best_cost
    assert found.worst_cost <= exact.worst_cost <= found.worst_bound
    assert "0.3 s" in found.note


def test_games_beyond_the_programme_are_labelled() -> None:
    weighted = CongestionGame(Polynomial([[0.0, 1.0], [1.0, 1.0]]), [[[0], [1]]] * 3, weights=[1.0, 2.0, 3.0])
    capacity = CongestionGame(MM1([2.5, 2.5]), [[[0], [1]]] * 3)
    for game in (weighted, capacity):
        found = pure_extremes(game, max_nodes=0)
        assert not found.covered
        assert (found.worst_bound, found.best_bound) == (np.inf, -np.inf)
        assert "others may exist" in found.note
        assert pure_extremes(game).covered


def test_no_equilibrium_is_an_error_that_says_what_is_known() -> None:
    game = next(g for seed in range(4000) if not pg.equilibria(g := weighted_pair(seed)).count)
    with pytest.raises(NoEquilibrium, match="no pure equilibrium: the search"):
        pure_extremes(game)
    with pytest.raises(NoEquilibrium, match="too large to prove"):
        pure_extremes(game, max_nodes=0)


def test_a_game_of_37_players_is_solved_without_a_tolerance() -> None:
    # those without a choice are placed first; placed last, their load is unknown for too long, and only the programme ends
    game = atomic.price_of_stability(10, 27)
    report = pg.price_of_anarchy(game)
    assert report.exact
    assert report.optimum.lower_bound == report.optimum.social_cost == pytest.approx(game.certified["optimum_cost"])
    assert (report.poa, report.pos) == pytest.approx((game.certified["poa"],) * 2, rel=1e-12)
