"""Best-response dynamics, greedy and acyclic construction of caching games, against all stores of the definition."""

from __future__ import annotations

import itertools
from typing import Any

import networkx as nx
import numpy as np
import pytest

import poagame as pg
from poagame.errors import InvalidInput
from poagame.games.caching import CachingGame
from poagame.outcome import Outcome
from poagame.solvers import best_response
from poagame.solvers.best_response import BestResponse
from poagame.solvers.caching import dynamics as dynamics_module
from poagame.solvers.caching.best_store_compiled import best_store
from poagame.solvers.caching.convergence import convergence
from poagame.solvers.caching.greedy import greedy_equilibrium
from poagame.solvers.caching.request_loops import acyclic_equilibrium, request_loop
from tests.stores_oracle import INF, StoresOracle, line_of_caches, random_game, random_ring, ring_of_caches

ORDERS = ("round_robin", "random", "most_regret")


@pytest.mark.parametrize("order", ORDERS)
def test_dynamics_end_in_equilibria(order: Any) -> None:
    rng = np.random.default_rng(0)
    converged = 0
    for trial in range(150):
        game = random_game(rng)
        oracle = StoresOracle(game)
        at = tuple(int(rng.integers(len(s))) for s in oracle.stores)
        start = oracle.profile(at) if rng.random() < 0.7 else None
        found = pg.equilibrium(game, BestResponse(order=order, seed=trial), start)
        assert found.certificate.holds == (found.outcome is Outcome.CONVERGED)
        if found.certificate.holds and np.isfinite(found.social_cost):
            converged += 1
            assert oracle.is_equilibrium(found.profile)
            assert found.social_cost == pytest.approx(oracle.social[oracle.index(found.profile)], abs=1e-9)
            again = pg.equilibrium(game, BestResponse(order=order), found.profile)
            assert again.num_steps == 0
            np.testing.assert_array_equal(again.profile, found.profile)
    assert converged > 120


@pytest.mark.parametrize("order", ["round_robin", "most_regret"])
def test_path_is_that_of_the_numbered_game(order: Any) -> None:
    """Without ties best replies are unique, and the generic code walks the same way."""
    rng = np.random.default_rng(1)
    moved = 0
    for _ in range(60):
        game = random_game(rng, whole=False)
        game = game.fix(np.full(game.demand.shape, -1))
        numbered = game.numbered()
        first = pg.equilibrium(game, BestResponse(order=order, max_steps=50))
        generic = pg.equilibrium(numbered, BestResponse(order=order, max_steps=50))
        np.testing.assert_array_equal(first.profile, numbered.placement(generic.profile))
        assert first.num_steps == generic.num_steps
        moved += first.num_steps > game.num_players
    assert moved >= 2


def test_one_object_is_played_as_by_the_generic_code() -> None:
    rng = np.random.default_rng(2)
    for trial in range(100):
        several = random_game(rng, whole=trial % 2 == 0)
        if several.fixed is not None or not several.demand[:, 0].any():
            continue
        game = CachingGame(
            several.distance,
            several.placement_cost,
            several.demand[:, 0],
            several.tiers,
            several.capacity,
            miss_cost=several.miss_cost,
            subsidy=several.subsidy,
        )
        start = rng.integers(0, game.num_tiers + 1, game.num_players)
        for order in ("round_robin", "random"):
            solver = BestResponse(order=order, seed=trial, max_steps=100)
            found = pg.equilibrium(game, solver, start)
            profile, steps, cycles = best_response._dynamics.dispatch(object)(game, solver, start, 100)
            np.testing.assert_array_equal(found.profile, profile)
            assert (found.num_steps, found.outcome is Outcome.CYCLE_FOUND) == (steps, cycles)


def test_many_objects_spread_over_cores_are_played_as_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    points = rng.random((30, 2))
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    game = CachingGame(
        distance, 0.2, rng.random((30, 100)) ** 3, fixed=rng.choice([-1, 0, 1], (30, 100), p=[0.9, 0.05, 0.05])
    )
    alone = pg.equilibrium(game)
    monkeypatch.setattr(dynamics_module, "MANY", 1)
    together = pg.equilibrium(game)
    np.testing.assert_array_equal(alone.profile, together.profile)
    assert alone.num_steps == together.num_steps > 30
    assert together.outcome is Outcome.CONVERGED
    assert pg.equilibrium(game, BestResponse(max_steps=7)).num_steps == 7


def test_cycles_are_proved_where_no_equilibrium_exists() -> None:
    game = ring_of_caches()
    assert len(StoresOracle(game).equilibria()) == 0
    found = pg.equilibrium(game)
    assert found.outcome is Outcome.CYCLE_FOUND
    assert not found.certificate.holds
    assert pg.equilibrium(game, BestResponse("most_regret")).outcome is Outcome.CYCLE_FOUND
    assert pg.equilibrium(game, BestResponse("random", max_steps=60)).outcome is Outcome.MAX_STEPS_REACHED
    assert pg.equilibria(game.numbered()).outcome is Outcome.NO_EQUILIBRIUM
    spread = convergence(game, 40)
    assert (spread.num_converged, spread.num_cycles, spread.worst) == (0, 40, None)
    assert "cycles                      40" in str(spread)
    assert request_loop(game) is not None


@pytest.mark.parametrize("moves", ["best", "better"])
def test_improvement_cycles_are_walks_over_placements(moves: Any) -> None:
    game = ring_of_caches()
    oracle = StoresOracle(game)
    cycle = pg.improvement_cycle(game, moves)
    assert cycle is not None
    for step, (before, mover, gain) in enumerate(zip(cycle.profiles, cycle.players, cycle.gains, strict=True)):
        after = cycle.profiles[(step + 1) % len(cycle)]
        assert [i for i in range(3) if before[i] != after[i]] == [mover]
        saved = oracle.cost[mover][oracle.index(before)] - oracle.cost[mover][oracle.index(after)]
        assert saved == pytest.approx(gain)
        assert gain > 0
    assert pg.improvement_cycle(line_of_caches(True), moves) is None


def test_another_cache_makes_best_responses_end_dearer() -> None:
    costs = [pg.equilibrium(line_of_caches(cache)).social_cost for cache in (False, True)]
    assert costs == [132.0, 141.0]
    assert [len(StoresOracle(line_of_caches(cache)).equilibria()) for cache in (False, True)] == [1, 1]
    for cache, cost in ((False, 132.0), (True, 141.0)):
        assert request_loop(line_of_caches(cache)) is None
        assert acyclic_equilibrium(line_of_caches(cache)).social_cost == cost


def symmetric(rng: np.random.Generator, whole: bool) -> CachingGame:
    game = random_game(rng, limited=False, whole=whole)
    distance = np.triu(game.distance, 1)
    return CachingGame(
        distance + distance.T,
        game.placement_cost,
        game.demand,
        game.tiers,
        miss_cost=game.miss_cost,
        subsidy=game.subsidy,
        fixed=game.fixed if np.isfinite(game.miss_cost).all() else None,
    )


def test_greedy_is_an_equilibrium_on_symmetric_distances() -> None:
    rng = np.random.default_rng(4)
    for trial in range(400):
        game = symmetric(rng, whole=trial % 2 == 0)
        found = greedy_equilibrium(game)
        assert found.outcome is Outcome.CONVERGED
        assert StoresOracle(game).is_equilibrium(found.profile)


def test_greedy_says_where_it_fails() -> None:
    failed = 0
    rng = np.random.default_rng(5)
    for _ in range(100):
        game = random_ring(rng)
        if game.capacity is not None:
            with pytest.raises(InvalidInput, match="compete for places"):
                greedy_equilibrium(game)
            continue
        found = greedy_equilibrium(game)
        assert (found.outcome is Outcome.CONVERGED) == StoresOracle(game).is_equilibrium(found.profile)
        failed += found.outcome is Outcome.NO_EQUILIBRIUM_FOUND
    assert failed > 5


def depends(game: CachingGame) -> nx.DiGraph:
    """Who depends on whom, one object and tier at a time."""
    graph = nx.DiGraph()
    n, objects = game.demand.shape
    capacity = np.full((n, game.num_tiers), objects) if game.capacity is None else game.capacity
    free = np.full((n, objects), True) if game.fixed is None else game.fixed < 0
    price, access = np.asarray(game.tiers.price), np.asarray(game.tiers.access)
    for i, j, k, t in itertools.product(range(n), range(n), range(objects), range(game.num_tiers)):
        if i == j or not (
            free[i, k] and free[j, k] and game.demand[i, k] > 0 < game.demand[j, k] and capacity[j, t] > 0
        ):
            continue
        limit = float(game.miss_cost[i])
        for own in range(game.num_tiers):
            if capacity[i, own] >= (free[i] & (game.demand[i] > 0)).sum():
                paid = (game.placement_cost[i] - game.subsidy[i]) * price[own]
                limit = min(limit, paid / game.demand[i, k] + access[own])
        if game.distance[i, j] + access[t] < limit:
            graph.add_edge(i, j)
    return graph


def test_without_request_loops_an_equilibrium_is_built() -> None:
    rng = np.random.default_rng(6)
    built = looped = 0
    for _ in range(400):
        game = random_game(rng, whole=False)
        if game.fixed is not None and game.capacity is not None:  # a leader's copies take places: told apart below
            continue
        graph, loop = depends(game), request_loop(game)
        assert (loop is None) == nx.is_directed_acyclic_graph(graph)
        if loop is not None:
            looped += 1
            assert len(set(loop)) == len(loop) >= 2
            assert all(graph.has_edge(i, j) for i, j in zip(loop, [*loop[1:], loop[0]], strict=True))
            with pytest.raises(InvalidInput, match="in a circle"):
                acyclic_equilibrium(game)
            continue
        built += 1
        found = acyclic_equilibrium(game)
        assert found.outcome is Outcome.CONVERGED
        if np.isfinite(found.social_cost):
            assert StoresOracle(game).is_equilibrium(found.profile)
    assert built > 80
    assert looped > 15


def test_without_request_loops_in_whole_numbers_and_beside_a_leader() -> None:
    rng = np.random.default_rng(7)
    built = 0
    for _ in range(400):
        game = random_game(rng)
        if request_loop(game) is None:
            found = acyclic_equilibrium(game)
            assert found.outcome is Outcome.CONVERGED
            if np.isfinite(found.social_cost):
                assert StoresOracle(game).is_equilibrium(found.profile)
                built += 1
    assert built > 100


def test_convergence_reports_what_was_reached() -> None:
    rng = np.random.default_rng(8)
    several = 0
    for _ in range(25):
        game = random_game(rng)
        oracle = StoresOracle(game)
        stable = oracle.equilibria()
        costs = [oracle.social[tuple(at)] for at in stable]
        found = convergence(game, 60, seed=3)
        again = convergence(game, 60, seed=3)
        np.testing.assert_array_equal(found.social_costs, again.social_costs)
        assert found.num_converged == len(found.social_costs) == len(found.rounds) == len(found.moves)
        assert found.num_converged + found.num_cycles == 60
        if found.worst is None or found.best is None or not costs:
            continue
        assert found.worst_certificate == pg.certify_nash(game, found.worst)
        assert found.worst_certificate.holds
        assert game.social_cost(found.worst) == pytest.approx(found.social_costs.max())
        assert game.social_cost(found.best) == pytest.approx(found.social_costs.min())
        assert np.abs(found.social_costs[:, None] - costs).min(axis=1).max() < 1e-9
        # more than the equilibria there are cannot be told apart, and each cost is one at least
        assert len(np.unique(found.social_costs.round(9))) <= found.num_distinct <= len(stable)
        assert str(found).count("\n") == 6
        several += found.num_distinct > 1
    assert several > 5


def test_convergence_of_one_object_reaches_all_equilibria_of_a_pair() -> None:
    found = convergence(CachingGame([[0.0, 1.0], [1.0, 0.0]], [2.0, 3.0]), 100)
    assert found.num_distinct == 2
    assert sorted(set(found.social_costs.tolist())) == [3.0, 4.0]
    assert (found.best.tolist(), found.worst.tolist()) == ([1, 0], [0, 1])  # type: ignore[union-attr]
    assert found.rounds.max() <= 2


@pytest.mark.parametrize("tiers", [1, 2, 3])
def test_best_store_is_the_best_of_all(tiers: int) -> None:
    rng = np.random.default_rng(tiers)
    infeasible = 0
    for _ in range(200):
        costs = rng.integers(0, 12, (5, tiers + 1)).astype(float)
        costs[rng.random(costs.shape) < 0.2] = INF
        capacity = rng.integers(0, 3, tiers)
        least = min(
            sum(costs[k, a] for k, a in enumerate(store))
            for store in itertools.product(range(tiers + 1), repeat=5)
            if all(store.count(t + 1) <= capacity[t] for t in range(tiers))
        )
        store = np.empty(5, np.int8)
        assert best_store(costs, capacity, store) == least
        if least < INF:
            assert all((store == t + 1).sum() <= capacity[t] for t in range(tiers))
            assert costs[np.arange(5), store].sum() == least
        infeasible += least == INF
    assert 0 < infeasible < 200


@pytest.mark.parametrize("unit", [2.0**-70, 2.0**70])
def test_dynamics_do_not_know_the_unit(unit: float) -> None:
    rng = np.random.default_rng(9)
    for _ in range(40):
        game = random_game(rng)
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
        one, other = pg.equilibrium(game), pg.equilibrium(scaled)
        np.testing.assert_array_equal(one.profile, other.profile)
        assert (one.num_steps, one.outcome) == (other.num_steps, other.outcome)
        assert other.social_cost == one.social_cost * unit
        first, second = convergence(game, 20), convergence(scaled, 20)
        np.testing.assert_array_equal(first.social_costs * unit, second.social_costs)


def test_input_that_is_refused() -> None:
    game = line_of_caches(True)
    with pytest.raises(InvalidInput, match="moves='best'"):
        pg.equilibrium(game, BestResponse(moves="better"))
    with pytest.raises(InvalidInput, match=r"one profile \[n, K\]"):
        pg.equilibrium(game, start=np.zeros((4, 3, 2)))
    with pytest.raises(InvalidInput, match="shape"):
        pg.equilibrium(game, start=[0, 0, 0])
    not_a_game: Any = "game"
    verbs: list[Any] = [convergence, greedy_equilibrium, request_loop, acyclic_equilibrium]
    for verb in verbs:
        with pytest.raises(InvalidInput, match="of a CachingGame"):
            verb(not_a_game)
    with pytest.raises(InvalidInput, match="starts"):
        convergence(game, 0)
    with pytest.raises(InvalidInput, match="rtol"):
        convergence(game, 10, rtol=0.0)
