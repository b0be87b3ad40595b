"""The search over load vectors against brute force over profiles, and against transportation LPs at the paper's size."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given
from scipy.optimize import linprog

import poagame as pg
from poagame.certificates import certify_nash
from poagame.errors import InvalidInput, TooLarge
from poagame.games import RoutingGame
from poagame.latency import MM1, Polynomial, Saturating
from poagame.solvers.routing.load_vectors import equilibrium_load_vectors, extreme_equilibria, typed_problem
from poagame.testing import routing_games
from tests import oracles

IDENTICAL = RoutingGame(Polynomial([[0.0, 1.0]]), np.zeros((6, 3)))


@given(routing_games())
@example(IDENTICAL)
@example(RoutingGame(Polynomial([[0.0, 1.0], [3.0, 0.0]]), np.zeros((3, 2))))
def test_all_equilibria_and_their_number_are_those_of_brute_force(game: RoutingGame) -> None:
    oracle = oracles.Oracle(game)
    expected = oracle.equilibria()
    costs = sorted((oracle.social(s) for s in expected), reverse=True)
    found = pg.equilibria(game)
    assert found.count == len(expected)
    np.testing.assert_allclose(np.repeat(found.social_costs, found.multiplicity), costs, rtol=1e-12, atol=1e-9)
    assert {tuple(s) for s in found.profiles.tolist()} <= set(expected)
    extremes = extreme_equilibria(typed_problem(game))
    assert extremes.worst_cost == pytest.approx(costs[0], abs=1e-9)
    assert extremes.best_cost == pytest.approx(costs[-1], abs=1e-9)


@given(routing_games(variants=("symmetric", "arrival_order", "weighted"), max_requests=4))
def test_equilibria_of_other_games_are_those_of_brute_force(game: RoutingGame) -> None:
    found = pg.equilibria(game)
    assert {tuple(s) for s in found.profiles.tolist()} == set(oracles.Oracle(game).equilibria())
    assert set(found.multiplicity) <= {1}


def papers_size(workers: int, seed: int, spread: float = 3.0) -> RoutingGame:
    """128 requests of 5 templates, as in the paper's runs."""
    rng = np.random.default_rng(seed)
    latency = Polynomial(np.column_stack([rng.uniform(8, 9, workers), rng.uniform(0.03, 0.09, workers)]))
    return RoutingGame(latency, spread * rng.random((5, workers)), multiplicity=[26, 26, 26, 25, 25])


@pytest.mark.parametrize("seed", range(4))
def test_two_workers_against_every_load_vector_by_linear_programming(seed: int) -> None:
    """N = 128, W = 2: each of the 129 load vectors by two transportation LPs in SciPy."""
    game = papers_size(2, seed, spread=9.0)
    gain, counts = np.asarray(game.overlap), np.array(game.multiplicity)
    worst, best = -np.inf, np.inf
    for loads in ((n, 128 - n) for n in range(129)):
        now, more = game.latency(np.array(loads)), game.latency(np.array(loads) + 1.0)
        upper = [
            (0, counts[k] if now[j] - gain[k, j] <= more[1 - j] - gain[k, 1 - j] + 1e-9 else 0)
            for k, j in itertools.product(range(5), range(2))
        ]
        equal = np.zeros((7, 10))
        for k, j in itertools.product(range(5), range(2)):
            equal[k, 2 * k + j] = equal[5 + j, 2 * k + j] = 1
        for sign in (1, -1):
            solved = linprog(sign * gain.ravel(), A_eq=equal, b_eq=[*counts, *loads], bounds=upper, method="highs")
            if solved.status == 0:
                cost = float(np.array(loads) @ now - sign * solved.fun)
                worst, best = max(worst, cost), min(best, cost)
    found = extreme_equilibria(typed_problem(game))
    assert found.worst_cost == pytest.approx(worst, rel=1e-12)
    assert found.best_cost == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_five_workers_are_certified_and_enclose_what_best_response_finds(seed: int) -> None:
    game = papers_size(5, seed)
    problem = typed_problem(game)
    found = extreme_equilibria(problem)
    for flow, cost in ((found.worst, found.worst_cost), (found.best, found.best_cost)):
        profile = problem.profile(flow)
        assert certify_nash(game, profile).holds
        assert game.social_cost(profile) == pytest.approx(cost, rel=1e-12)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        reached = pg.equilibrium(game, start=rng.integers(0, 5, 128))
        assert found.best_cost - 1e-9 <= reached.social_cost <= found.worst_cost + 1e-9


def test_equilibrium_load_vectors_of_identical_workers_are_the_balanced_ones() -> None:
    vectors = equilibrium_load_vectors(typed_problem(RoutingGame(Polynomial([[0.0, 1.0]]), np.zeros((128, 5)))))
    assert len(vectors) == 10  # which 3 of 5 workers hold 26 requests
    assert set(map(tuple, np.sort(vectors, axis=1).tolist())) == {(25, 25, 26, 26, 26)}


def test_refusals() -> None:
    with pytest.raises(TooLarge, match="max_nodes"):
        extreme_equilibria(typed_problem(RoutingGame(Polynomial([[1.0, 0.0]]), np.zeros((128, 5)))), max_nodes=1000)
    with pytest.raises(InvalidInput, match="5 requests do not fit: the workers hold 4"):
        typed_problem(RoutingGame(Saturating(1.0, 0.1, 1.0, 2.5), np.zeros((5, 2))))
    with pytest.raises(InvalidInput, match="unit weights and no affinity"):
        typed_problem(RoutingGame(MM1([9.0]), np.zeros((2, 2)), request_weight=[1.0, 2.0]))
    with pytest.raises(TooLarge, match="profiles"):
        pg.equilibria(RoutingGame(MM1([90.0]), np.zeros((40, 2)), request_weight=np.arange(1.0, 41.0) / 40))
