"""Optimum and extreme equilibria of games with limited storage against all placements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import poagame as pg
from poagame.errors import Infeasible, InvalidInput, NoEquilibrium, TooLarge
from poagame.games.caching import CachingGame
from poagame.outcome import Outcome
from poagame.solvers.caching import stores_extremes as extremes_module
from poagame.solvers.caching import stores_programme as programme_module
from poagame.solvers.caching.stores_extremes import stores_extremes
from poagame.solvers.caching.stores_programme import StoresProgramme, stores_optimum
from tests.stores_oracle import INF, StoresOracle, line_of_caches, random_game, random_ring, ring_of_caches


def test_optimum_is_the_least_of_all_placements() -> None:
    rng = np.random.default_rng(0)
    for _ in range(250):
        game = random_game(rng)
        least = StoresOracle(game).social.min()
        found = stores_optimum(game)
        assert found.social_cost == pytest.approx(least, rel=1e-9, abs=1e-9)
        assert found.lower_bound <= least + 1e-9
        assert found.outcome is Outcome.OPTIMAL
        assert game.social_cost(found.profile) == found.social_cost


@pytest.mark.parametrize(("draw", "least_none"), [(random_game, 0), (random_ring, 10)])
def test_extremes_are_those_of_all_equilibria(draw: Callable[..., CachingGame], least_none: int) -> None:
    rng = np.random.default_rng(1)
    none = apart = 0
    for _ in range(200):
        game = draw(rng)
        oracle = StoresOracle(game)
        costs = [oracle.social[tuple(at)] for at in oracle.equilibria()]
        if not costs:
            none += 1
            with pytest.raises(NoEquilibrium, match="infeasible"):
                stores_extremes(game)
            continue
        found = stores_extremes(game)
        assert (found.worst_cost, found.best_cost) == pytest.approx((max(costs), min(costs)), rel=1e-9, abs=1e-9)
        assert found.covered or max(costs) == 0.0  # against nothing no tolerance is small
        assert found.worst_bound >= max(costs) - 1e-9
        assert found.best_bound <= min(costs) + 1e-9
        assert oracle.is_equilibrium(found.worst)
        assert oracle.is_equilibrium(found.best)
        apart += max(costs) > min(costs) + 1e-6
    assert none >= least_none
    assert apart >= 20


def test_programme_finds_what_best_responses_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Known equilibria are a help and no part of the answer."""
    rng = np.random.default_rng(2)
    monkeypatch.setattr(extremes_module, "_stable", lambda game, s: False)
    monkeypatch.setattr(extremes_module, "_repaired", lambda game, s: s)
    compared = 0
    for _ in range(60):
        game = random_game(rng, limited=True)
        oracle = StoresOracle(game)
        costs = [oracle.social[tuple(at)] for at in oracle.equilibria()]
        if costs:
            found = stores_extremes(game)
            assert (found.worst_cost, found.best_cost) == pytest.approx((max(costs), min(costs)), rel=1e-9, abs=1e-9)
            compared += 1
    assert compared > 40


@pytest.mark.parametrize("unit", [1e-12, 1e9])
def test_answers_scale_with_the_unit(unit: float) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        game = random_game(rng, limited=True)
        scaled = CachingGame(
            game.distance * unit,
            game.placement_cost * unit,
            game.demand,
            pg.Tiers(game.tiers.names, game.tiers.price, game.tiers.access * unit),
            game.capacity,
            miss_cost=game.miss_cost * unit,
            subsidy=game.subsidy * unit,
            fixed=game.fixed,
        )
        one, other = stores_optimum(game), stores_optimum(scaled)
        assert other.social_cost == pytest.approx(one.social_cost * unit, rel=1e-9)
        assert other.outcome is one.outcome
        oracle = StoresOracle(game)
        if len(oracle.equilibria()):
            one, other = stores_extremes(game), stores_extremes(scaled)
            assert other.worst_cost == pytest.approx(one.worst_cost * unit, rel=1e-9)
            assert other.best_cost == pytest.approx(one.best_cost * unit, rel=1e-9)


def test_another_cache_makes_the_only_equilibrium_dearer() -> None:
    without, with_cache = stores_extremes(line_of_caches(False)), stores_extremes(line_of_caches(True))
    assert (without.worst_cost, without.best_cost) == (132.0, 132.0)
    assert (with_cache.worst_cost, with_cache.best_cost) == (141.0, 141.0)
    assert with_cache.best.tolist() == [[0, 1], [1, 0], [1, 0]]
    assert stores_optimum(line_of_caches(False)).social_cost == 132.0
    assert stores_optimum(line_of_caches(True)).social_cost == 108.0
    nobody: Any = np.zeros((3, 2))
    assert line_of_caches(True).social_cost(nobody) == 431.0


def test_ring_without_pure_equilibrium() -> None:
    assert len(StoresOracle(ring_of_caches()).equilibria()) == 0
    with pytest.raises(NoEquilibrium, match="infeasible"):
        stores_extremes(ring_of_caches())


def cluster(nodes: int, size: int, objects: int, capacity: int, seed: int) -> CachingGame:
    rng = np.random.default_rng(seed)
    group = np.arange(nodes * size) // size
    distance = np.where(group[:, None] == group, 1.0, 10.0)
    np.fill_diagonal(distance, 0.0)
    demand = rng.random((nodes * size, objects)) / np.arange(1, objects + 1)
    return CachingGame(distance, rng.random(nodes * size), demand, capacity=capacity, miss_cost=40.0)


def test_hierarchies_are_solved_by_the_linear_programme() -> None:
    for seed in range(5):
        game = cluster(3, 3, 20, 2, seed)
        programme = StoresProgramme(game)
        y, bound = programme.relaxed(60.0)
        assert y is not None
        assert np.abs(y - np.round(y)).max() < 1e-6
        assert game.social_cost(programme.rounded(y)) == pytest.approx(bound, rel=1e-8)
        # for each object 9 places, 3 cliques and the whole: a node's own set is no variable
        assert programme.cost.size == 20 * (9 + 3 + 1)


def test_without_time_the_bounds_are_labelled() -> None:
    game = cluster(3, 3, 20, 2, 0)
    exact, hurried = stores_optimum(game), stores_optimum(game, time_limit=1e-6)
    assert hurried.outcome is Outcome.BOUNDED
    assert hurried.lower_bound < exact.social_cost <= hurried.social_cost
    small = cluster(2, 2, 4, 1, 0)
    exact, hurried = stores_extremes(small), stores_extremes(small, time_limit=1e-6)
    assert exact.covered
    assert not hurried.covered
    assert hurried.worst_bound >= exact.worst_cost
    assert hurried.best_bound <= exact.best_cost


def test_games_that_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    not_a_game: Any = np.zeros((2, 2))
    for verb in (stores_optimum, stores_extremes):
        with pytest.raises(InvalidInput, match="of a CachingGame"):
            verb(not_a_game)
    # either object is in reach of both, and both together are not: the places suffice for each node alone
    split = CachingGame(
        [[0.0, 1.0, INF], [INF, 0.0, INF], [INF, 1.0, 0.0]],
        0.0,
        [[1, 1], [0, 0], [1, 1]],
        capacity=1,
        fixed=[[1, 0], [-1, -1], [0, 1]],
    )
    with pytest.raises(Infeasible, match="left without"):
        stores_optimum(split)
    monkeypatch.setattr(programme_module, "MAX_VARIABLES", 10)
    with pytest.raises(TooLarge, match="variables"):
        stores_optimum(cluster(2, 2, 4, 1, 0))
    monkeypatch.setattr(programme_module, "MAX_VARIABLES", 10**6)
    monkeypatch.setattr(extremes_module, "MAX_LEVELS", 10)
    with pytest.raises(TooLarge, match="convergence"):
        stores_extremes(cluster(2, 2, 4, 1, 0))


@pytest.mark.parametrize("dear", [1e4, 1e6])
@pytest.mark.parametrize("where", ["miss", "one node"])
def test_a_cost_that_nobody_need_pay_changes_no_optimum_and_is_labelled(dear: float, where: str) -> None:
    """HiGHS's tolerances are absolute: in the unit of a dear miss, or of one hot object, all other costs are small."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        distance = rng.integers(1, 9, (5, 5)).astype(float)
        np.fill_diagonal(distance, 0.0)
        demand = rng.integers(0, 9, (5, 3)).astype(float)
        if where == "one node":
            demand[4] = [dear, 0.0, 0.0]
        game = CachingGame(distance, 0.0, demand, capacity=1, miss_cost=dear if where == "miss" else 30.0)
        oracle = StoresOracle(game)
        least = float(oracle.social.min())
        costs = [oracle.social[tuple(at)] for at in oracle.equilibria()]
        found = stores_optimum(game)
        assert found.social_cost == pytest.approx(least, rel=1e-9)
        assert found.lower_bound <= least * (1 + 1e-9)
        if costs:
            ends = stores_extremes(game)
            assert ends.best_bound <= min(costs) * (1 + 1e-9)
            assert ends.worst_bound >= max(costs) * (1 - 1e-9)
            assert not ends.covered or (ends.worst_cost, ends.best_cost) == pytest.approx((max(costs), min(costs)))
