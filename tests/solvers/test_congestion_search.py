"""The pruned search and the branch and bound against brute force from the definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import poagame as pg
from poagame.certificates import certify_nash
from poagame.errors import InvalidInput, TooLarge
from poagame.games.congestion import CongestionGame
from poagame.games.instances.atomic import best_reply_cycle
from poagame.latency import MM1, Latency, Polynomial
from poagame.solvers.best_response import _dynamics
from poagame.solvers.congestion import search as congestion_search
from poagame.solvers.congestion.optimum import optimum_by_search
from poagame.solvers.congestion.search import as_routing, cell_problem, extreme_pure_equilibria
from poagame.solvers.enumeration import equilibria
from poagame.testing.congestion import congestion_games
from tests.congestion_oracle import CongestionOracle

ALL: Any = ("unweighted", "weighted", "player_specific", "counted")
LINEAR = Polynomial([[0.0, 1.0]])
PIGOU = Polynomial([[0.0, 1.0], [2.0, 0.0]])
EVERYTHING_TIES = CongestionGame(Polynomial([[1.0]]), [[[0], [1], [2]]] * 3)
COSTS_NOTHING = CongestionGame(Polynomial([[0.0, 0.0]]), [[[0, 1], [1]]] * 3)
SAME_ACTION_TWICE = CongestionGame(LINEAR, [[[0], [0], [1]]] * 3)
STUCK = CongestionGame(MM1([1.5, 2.5, 9.0]), [[[0], [1]], [[0, 1], [2]], [[0], [0, 2]], [[0]]])
SPREAD = CongestionGame(Polynomial([[0.0, 1e12], [0.0, 1e-12], [1.0, 1.0]]), [[[0], [1, 2]], [[1], [0, 2]], [[2], [0]]])


def random_game(players: int, actions: int, resources: int, size: int, seed: int) -> CongestionGame:
    rng = np.random.default_rng(seed)
    chosen = [[rng.choice(resources, size, replace=False).tolist() for _ in range(actions)] for _ in range(players)]
    return CongestionGame(Polynomial(rng.uniform(0.0, 1.0, (resources, 2))), chosen)


def check(game: CongestionGame) -> None:
    oracle = CongestionOracle.of(game)
    expected = oracle.equilibria()
    found = pg.equilibria(game)
    assert found.count == len(expected)
    assert {tuple(s) for s in found.profiles.tolist()} <= set(expected)
    assert len({tuple(s) for s in found.profiles.tolist()}) == len(found)
    costs = sorted((oracle.social(s) for s in expected), reverse=True)
    np.testing.assert_allclose(np.repeat(found.social_costs, found.multiplicity), costs, rtol=1e-11)
    extremes = extreme_pure_equilibria(game)
    if expected:
        assert extremes.worst is not None
        assert extremes.best is not None
        assert certify_nash(game, extremes.worst).holds
        assert certify_nash(game, extremes.best).holds
        assert game.social_cost(extremes.worst) == pytest.approx(costs[0], rel=1e-11)
        assert game.social_cost(extremes.best) == pytest.approx(costs[-1], rel=1e-11)
        assert extremes.worst_cost == pytest.approx(costs[0], rel=1e-11)
        assert extremes.best_cost == pytest.approx(costs[-1], rel=1e-11)
    else:
        assert extremes.worst is None
        assert found.outcome is pg.Outcome.NO_EQUILIBRIUM


@settings(max_examples=40)
@given(congestion_games(variants=ALL, objectives=("total", "makespan")))
@example(EVERYTHING_TIES)
@example(COSTS_NOTHING)
@example(SAME_ACTION_TWICE)
@example(STUCK)
@example(SPREAD)
def test_all_equilibria_are_those_of_brute_force(game: CongestionGame) -> None:
    check(game)


@settings(max_examples=40)
@given(congestion_games(variants=ALL, objectives=("total", "makespan")))
@example(EVERYTHING_TIES)
@example(COSTS_NOTHING)
@example(SAME_ACTION_TWICE)
@example(SPREAD)
def test_the_optimum_is_that_of_brute_force(game: CongestionGame) -> None:
    least = CongestionOracle.of(game).least()
    found = optimum_by_search(game)
    assert found.outcome is pg.Outcome.OPTIMAL
    assert found.social_cost == pytest.approx(least, rel=1e-11)
    assert found.lower_bound == pytest.approx(least, rel=1e-11)
    assert pg.social_optimum(game).social_cost == pytest.approx(least, rel=1e-11)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("players", "actions", "resources", "size"), [(7, 3, 6, 2), (10, 2, 6, 3), (6, 4, 5, 1)])
def test_random_games_with_many_equilibria_tied_and_not(
    players: int, actions: int, resources: int, size: int, seed: int
) -> None:
    game = random_game(players, actions, resources, size, seed)
    rounded = CongestionGame(Polynomial(np.round(game.latency.coefficients * 2)), game.actions)  # ty: ignore
    for g in (game, rounded):
        generic = equilibria.dispatch(object)(g)
        found = pg.equilibria(g)
        if max(found.multiplicity, default=1) == 1:
            np.testing.assert_array_equal(found.profiles, generic.profiles)
        assert found.count == len(generic)


@pytest.mark.parametrize("factor", [1e-12, 1e12])
def test_no_unit_is_preferred(factor: float) -> None:
    game = random_game(8, 2, 6, 2, 3)
    scaled = CongestionGame(game.latency * factor, game.actions)  # type: ignore[operator]
    np.testing.assert_array_equal(pg.equilibria(game).profiles, pg.equilibria(scaled).profiles)
    assert optimum_by_search(scaled).social_cost == pytest.approx(
        factor * optimum_by_search(game).social_cost, rel=1e-12
    )


def test_sixteen_players_take_few_nodes() -> None:
    game = random_game(16, 2, 20, 3, 0)
    assert extreme_pure_equilibria(game).num_nodes < 5_000  # of 2^17 partial placements
    np.testing.assert_array_equal(pg.equilibria(game).profiles, equilibria.dispatch(object)(game).profiles)


def test_equal_players_are_counted_not_listed() -> None:
    rows = [[0, 1], [1, 2], [0, 2], [3]]
    game = CongestionGame(Polynomial([[0.0, 1.0], [1.0, 2.0], [0.5, 1.5], [0.0, 3.0]]), [rows], multiplicity=[40])
    found = pg.equilibria(game)
    assert len(found) < 100
    assert all(certify_nash(game, s).holds for s in found.profiles)
    few = CongestionGame(game.latency, [rows], multiplicity=[6])
    assert pg.equilibria(few).count == len(CongestionOracle.of(few).equilibria())


def test_singletons_for_all_go_by_load_vectors() -> None:
    latency = Polynomial([[0.0, 1.0], [2.0, 0.3], [5.0, 5.0], [1.0, 0.5]])
    game = CongestionGame(latency, [[[3], [0], [1]], [[0], [1], [3]]], multiplicity=[60, 40])
    assert as_routing(game) is not None
    found, generic = (
        extreme_pure_equilibria(game),
        congestion_search._search(game, cell_problem(game), np.zeros((0, 6), int), 10**6),
    )
    assert (found.worst_cost, found.best_cost) == pytest.approx(tuple(generic[2]), rel=1e-12)
    assert found.worst is not None
    assert certify_nash(game, found.worst).holds
    assert game.social_cost(found.worst) == pytest.approx(found.worst_cost, rel=1e-12)
    optimum = pg.social_optimum(game)
    assert optimum.social_cost == pytest.approx(optimum_by_search(game).social_cost, rel=1e-12)
    for other in (
        CongestionGame(latency, [[[3], [0]], [[0], [1]]]),
        CongestionGame(latency, [[[3], [0]]], weights=[2.0], multiplicity=[3]),
        CongestionGame(latency, [[[3], [3]]], multiplicity=[3]),
        CongestionGame(latency, [[[3], [0]]], multiplicity=[3], objective="makespan"),
        CongestionGame(MM1([2.0]), [[[0], [1]]], multiplicity=[3]),
    ):
        assert as_routing(other) is None
        check(other)


def test_a_weighted_game_without_equilibrium_is_proved_to_have_none() -> None:
    # found by random search over two players of weights 1 and 2; the oracle agrees
    game = next(g for seed in range(4000) if not pg.equilibria(g := weighted_pair(seed)).count)
    assert not CongestionOracle.of(game).equilibria()
    assert pg.equilibria(game).outcome is pg.Outcome.NO_EQUILIBRIUM


def weighted_pair(seed: int) -> CongestionGame:
    rng = np.random.default_rng(seed)
    latency = pg.latency.Tabulated([1.0, 2.0, 3.0], np.sort(rng.integers(0, 20, (6, 3)), axis=1))
    actions = [[sorted(rng.choice(6, 3, replace=False).tolist()) for _ in range(2)] for _ in range(2)]
    return CongestionGame(latency, actions, weights=[1.0, 2.0])


@settings(max_examples=25)
@given(
    congestion_games(variants=ALL),
    st.sampled_from(["round_robin", "random", "most_regret"]),
    st.sampled_from(["best", "better"]),
    st.integers(0, 3),
)
@example(STUCK, "round_robin", "best", 0)
@example(EVERYTHING_TIES, "most_regret", "better", 0)
def test_compiled_dynamics_are_those_on_action_costs(game: CongestionGame, order: Any, moves: Any, seed: int) -> None:
    solver = pg.BestResponse(order=order, moves=moves, seed=seed, max_steps=60)
    start = np.zeros(game.num_players, np.int64)
    compiled, plain = _dynamics(game, solver, start, 60), _dynamics.dispatch(object)(game, solver, start, 60)
    np.testing.assert_array_equal(compiled[0], plain[0])
    assert compiled[1:] == plain[1:]
    found = pg.equilibrium(game, solver)
    if game.is_unweighted and isinstance(game.latency, Latency):
        assert found.outcome is pg.Outcome.CONVERGED
        assert CongestionOracle.of(game).is_equilibrium(tuple(found.profile.tolist()), 1e-9)


def test_better_moves_take_the_first_action_that_helps_or_a_random_one() -> None:
    game = CongestionGame(Polynomial([[9.0], [5.0], [1.0]]), [[[0], [1], [2]]])
    best, first = (pg.equilibrium(game, pg.BestResponse(moves=m)) for m in ("best", "better"))
    assert (best.num_steps, first.num_steps) == (1, 2)
    randomly = {pg.equilibrium(game, pg.BestResponse("random", moves="better", seed=s)).num_steps for s in range(8)}
    assert randomly == {1, 2}
    routing = pg.RoutingGame(Polynomial([[9.0], [5.0], [1.0]]), [[0.0, 0.0, 0.0]])
    assert pg.equilibrium(routing, pg.BestResponse(moves="better")).num_steps == 2
    with pytest.raises(InvalidInput, match="'best' or 'better'"):
        pg.BestResponse(moves="good")  # type: ignore[arg-type]


def test_best_replies_of_player_specific_costs_are_seen_to_cycle() -> None:
    game = best_reply_cycle()
    for moves in ("best", "better"):
        found = pg.equilibrium(game, pg.BestResponse(moves=moves), start=[2, 0, 0])
        assert found.outcome is pg.Outcome.CYCLE_FOUND
    assert pg.equilibrium(game, pg.BestResponse("most_regret"), start=[2, 0, 0]).outcome is pg.Outcome.CONVERGED


def test_a_start_with_a_lacking_action_leaves_it() -> None:
    game = CongestionGame(PIGOU, [[[0], [1]], [[0]]])
    assert pg.equilibrium(game, start=[0, 1]).profile.tolist() in ([0, 0], [1, 0])


class Falling(Latency):
    @property
    def num_resources(self) -> int:
        return 2

    def value(self, load: Any) -> Any:
        return 10.0 - load

    def derivative(self, load: Any) -> Any:
        return -1.0 + 0.0 * load

    def curvature(self, load: Any) -> Any:
        return 0.0 * load

    def primitive(self, load: Any) -> Any:
        return 10.0 * load - load * load / 2


def test_what_the_search_cannot_do_is_said_before_it() -> None:
    with pytest.raises(InvalidInput, match="decreases with load"):
        extreme_pure_equilibria(CongestionGame(Falling(), [[[0], [0, 1]]] * 30))
    game = random_game(16, 2, 20, 3, 0)
    with pytest.raises(
        TooLarge, match=r"16 players of 16 types with 2 actions need more than 10 partial placements.*pure_extremes"
    ):
        extreme_pure_equilibria(game, max_nodes=10)
    weights = np.arange(1.0, 31.0)
    with pytest.raises(TooLarge, match=r"30 players of 30 weights make up to 2\^30.0 loads of a resource"):
        pg.equilibria(CongestionGame(LINEAR, [[[0], [1]]] * 30, weights=weights))
    with pytest.raises(TooLarge, match=r"131,072 equilibria; 100,000 are listed at most"):
        pg.equilibria(CongestionGame(Polynomial([[1.0]]), [[[i], [17 + i]] for i in range(17)]))
    with pytest.raises(InvalidInput, match="capacity"):
        optimum_by_search(CongestionGame(MM1([1.0]), [[[0]], [[0]]]))
