"""Equilibria, optima and fair splits of two pools, against closed forms, cvxpy, brute force and definitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import poagame as pg
from poagame import testing
from poagame._arrays import FloatArray
from poagame.anarchy.splits import WELFARES, resource_anarchy, split_map
from poagame.certificates.generalised import certify_generalised
from poagame.errors import InvalidInput
from poagame.games.attainment import Curve, DecodeBatch, Exponential, PrefillQueue, Quadratic
from poagame.games.resource import ResourceGame
from poagame.solvers.coupled.dynamics import orbit
from poagame.solvers.planner import StepPlanner, plan
from poagame.solvers.resource import (
    budget_split,
    dominant_resource_fairness,
    generalised_equilibria,
    multiplier,
    nash_bargaining,
    uniqueness,
    variational_equilibria,
)
from poagame.testing.resource import resource_games

WAVES = ResourceGame(9.0, Curve(lambda c: np.sin(c) ** 2), Exponential(1.0))
TEXTBOOK = ResourceGame(1.0, Quadratic(1.0), Quadratic(0.5), least=0.0)


def itl(batch: FloatArray) -> FloatArray:
    return 9.0 + 0.1 * batch


def pools(budget: float, rate: float = 10.0, **options: Any) -> ResourceGame:
    return ResourceGame(budget, PrefillQueue(rate, 200.0, 400.0), DecodeBatch(rate, itl, 10.0, 500.0), **options)


def test_the_textbook_game() -> None:
    """GNE {(t, 1 − t): ½ ≤ t ≤ 1}, variational (¾, ¼) with multiplier ½."""
    found = generalised_equilibria(TEXTBOOK)
    assert found.ends() == pytest.approx(np.array([[0.5, 0.5], [1.0, 0.0]]), abs=1e-9)
    assert found.contains([0.6, 0.4])
    assert not found.contains([0.4, 0.6])
    assert not found.contains([0.6, 0.3])
    assert pg.variational_equilibrium(TEXTBOOK).x == pytest.approx([0.75, 0.25], abs=1e-12)
    assert multiplier(TEXTBOOK, np.array([0.75, 0.25])) == pytest.approx(0.5, abs=1e-12)
    for t in np.linspace(0.0, 1.0, 21):
        assert certify_generalised(TEXTBOOK, [t, 1.0 - t]).holds == bool(t + 1e-9 >= 0.5)
    anarchy = resource_anarchy(TEXTBOOK)
    assert (anarchy.poa, anarchy.pos, anarchy.variational) == pytest.approx((2.0, 1.0, 1.0), abs=1e-8)


def test_a_budget_for_all_binds_nobody() -> None:
    game = ResourceGame(3.0, Quadratic(1.0), Quadratic(0.5), least=0.0)
    found = generalised_equilibria(game)
    assert found.intervals == ()
    assert found.points == pytest.approx(np.array([[1.0, 0.5]]), abs=1e-9)
    assert pg.variational_equilibrium(game).x == pytest.approx([1.0, 0.5], abs=1e-9)
    assert multiplier(game, np.array([1.0, 0.5])) == 0.0


@settings(max_examples=60)
@given(resource_games(curves=("exponential",)))
def test_equal_multipliers_by_cvxpy(game: ResourceGame) -> None:
    """Pools that are not coupled share a concave potential, whose maximum the oracle finds."""
    assert isinstance(game.prefill, Exponential)
    assert isinstance(game.decode, Exponential)
    x = cp.Variable(2)
    size = np.array(game.gpus_per_worker) * np.array([game.prefill.scale, game.decode.scale])
    value = cp.sum(1 - cp.exp(cp.multiply(-1.0 / size, x)) - cp.multiply(np.array(game.price), x))
    constraints: Any = [cp.sum(x) <= game.budget, x >= np.array(game.least)]
    problem = cp.Problem(cp.Maximize(value), constraints)
    problem.solve(solver=cp.CLARABEL)
    found = pg.variational_equilibrium(game)
    assert found.certificate.holds
    assert found.x.sum() <= game.budget * (1 + 1e-12)
    cost = game.player_costs(found.x).sum()
    assert cost <= 2.0 - float(np.asarray(problem.value)) + 1e-6
    gain, free = -game.pseudogradient(found.x), found.x > np.array(game.least) * (1 + 1e-9)
    if free.all() and multiplier(game, found.x) > 1e-9:
        assert gain[0] == pytest.approx(gain[1], abs=1e-9)


@settings(max_examples=40)
@given(resource_games(curves=("exponential", "quadratic", "queue"), welfares=("sum",)))
def test_generalised_equilibria_by_definition(game: ResourceGame) -> None:
    """Ends and insides are certified, points a little outside are not, and the variational equilibrium of concave pools is one."""
    found = generalised_equilibria(game, 801)
    for x in found.sample(7):
        assert certify_generalised(game, x).max_regret <= 1e-7
    for a, b in found.intervals:
        for t in (a - 3 * found.step, b + 3 * found.step):
            inside = any(c - found.step <= t <= d + found.step for c, d in found.intervals)
            x = np.array([t, game.budget - t])
            if not inside and (x > np.array(game.least)).all():
                assert certify_generalised(game, x).max_regret > 0.0
    if uniqueness(game, 17).strictly_monotone:
        assert len(found) == 1
        assert found.contains(pg.variational_equilibrium(game).x, 1e-6)


@settings(max_examples=40)
@given(resource_games(curves=("exponential", "queue")))
def test_the_optimum_and_its_bound_against_a_fine_grid(game: ResourceGame) -> None:
    found = pg.social_optimum(game)
    assert found.lower_bound <= found.social_cost
    side = np.linspace(0.0, 1.0, 161)
    room = game.budget - sum(game.least)
    p, share = np.meshgrid(side, side)
    x = np.stack([game.least[0] + room * p, game.least[1] + room * (1 - p) * share], axis=-1)
    least = float(np.min(game.social_cost(x)))
    assert found.lower_bound <= least + 1e-12
    assert found.social_cost <= least + (1e-9 if found.outcome is pg.Outcome.OPTIMAL else 1e-3)
    assert found.profile.sum() <= game.budget * (1 + 1e-12)


@settings(max_examples=25)
@given(resource_games(curves=("exponential", "queue"), welfares=("sum", "goodput")))
def test_finer_workers_come_near_the_continuous_solution(game: ResourceGame) -> None:
    """With workers of a tenth of a GPU, each a tenth as strong, the best whole split nears the best split from above."""
    first = pg.social_optimum(game)

    def finer(parts: int) -> float:
        p, d = game.prefill, game.decode
        curves = (Curve(lambda c: p(c / parts)), Curve(lambda c: d(c / parts)))
        least = max(game.least[0], game.least[1])
        small = ResourceGame(
            game.budget, *curves, game.welfare, gpus_per_worker=np.array(game.gpus_per_worker) / parts, price=game.price
        )
        table = np.array(small.splits().table[1])
        workers = np.arange(1, len(table) + 1) * 1.0
        one = np.meshgrid(workers * small.gpus_per_worker[0], workers * small.gpus_per_worker[1], indexing="ij")
        table[(one[0] < game.least[0] - 1e-9) | (one[1] < game.least[1] - 1e-9)] = np.inf
        assert least > 0
        return float(table.min())

    coarse, fine = finer(2), finer(16)
    assert first.lower_bound <= fine + 1e-9
    assert fine <= coarse + 1e-9  # a split of larger workers is one of smaller ones


@settings(max_examples=40)
@given(resource_games(curves=("exponential", "queue")))
def test_whole_splits_by_brute_force(game: ResourceGame) -> None:
    splits = game.splits()
    cost, _ = splits.table
    found = {tuple(p) for p in pg.equilibria(splits).profiles.tolist()}
    number = splits.num_actions
    tie = 1e-11
    stable = {
        (p, d)
        for p in range(number)
        for d in range(number)
        if np.isfinite(cost[:, p, d]).all()
        and cost[0, p, d] <= cost[0, :, d].min() * (1 + tie)
        and cost[1, p, d] <= cost[1, p, :].min() * (1 + tie)
    }
    assert found == stable


def test_several_variational_equilibria_of_s_shaped_pools() -> None:
    """Prefill is S-shaped: both ends and points inside solve the variational inequality, and the library names the best of them."""
    game = pools(8.0)
    found = variational_equilibria(game)
    assert len(found) > 1
    assert all(one.certificate.holds for one in found)
    assert not uniqueness(game).strictly_monotone
    chosen = pg.variational_equilibrium(game)
    assert chosen.social_cost == pytest.approx(min(one.social_cost for one in found), abs=1e-9)
    assert chosen.x == pytest.approx(budget_split(game))


def test_remark_1_depends_on_the_welfare() -> None:
    """For the sum the variational equilibrium is best, the pools having a potential; for the others it need not be."""
    game = ResourceGame(8.0, Exponential(2.0), Exponential(4.0))
    ratio = {w: resource_anarchy(game.with_welfare(w)).variational for w in WELFARES}
    assert ratio["sum"] == pytest.approx(1.0, abs=1e-8)
    assert ratio["goodput"] > 1.0 + 1e-4
    assert ratio["min"] > 1.0 + 1e-2


def test_coupled_pools() -> None:
    """Certified by the definition, and the optimum beside a grid."""
    game = pools(6.0, coupled=True)
    found = generalised_equilibria(game, 201)
    assert len(found) > 0
    for x in found.ends():
        assert certify_generalised(game, x).max_regret <= 1e-6
    best = pg.social_optimum(game)
    t = np.linspace(1.0, 5.0, 2001)
    grid = np.asarray(game.social_cost(np.stack([t, 6.0 - t], axis=-1)))
    assert best.lower_bound <= grid.min() + 1e-12
    assert best.social_cost <= grid.min() + 1e-9


def test_the_split_map_against_one_load_at_a_time() -> None:
    game = ResourceGame(
        24, PrefillQueue(1.0, 200.0, 400.0), DecodeBatch(1.0, itl, 10.0, 500.0), gpus_per_worker=(4, 8), price=0.001
    )
    found = split_map(game, [0.5, 3.0, 6.0])
    for k, load in enumerate((0.5, 3.0, 6.0)):
        for m, welfare in enumerate(WELFARES):
            splits = game.scaled(load).with_welfare(welfare).splits()
            profiles = np.argwhere(found.equilibrium[k])
            assert sorted(map(tuple, profiles.tolist())) == sorted(map(tuple, pg.equilibria(splits).profiles.tolist()))
            best = pg.social_optimum(splits)
            assert found.optimum[k, m] == pytest.approx(best.social_cost, abs=1e-12)
            report = pg.price_of_anarchy(splits)
            assert (found.poa[k, m], found.pos[k, m]) == pytest.approx((report.poa, report.pos), rel=1e-9)
    where = found.where("2P/2D")
    assert set(where) == {"equilibrium", *WELFARES}
    with pytest.raises(pg.InvalidInput, match="does not fit"):
        found.where("9P/1D")
    with pytest.raises(pg.InvalidInput, match="named like"):
        found.where("two")


def test_bargaining_over_equal_pools_and_by_first_order() -> None:
    game = ResourceGame(10.0, Exponential(1.0), Exponential(3.0))
    found = nash_bargaining(game)
    slope = -game.pseudogradient(found.x)
    assert slope[0] / found.gain[0] == pytest.approx(slope[1] / found.gain[1], rel=1e-5)
    assert found.gain.min() > 0
    with pytest.raises(pg.Infeasible, match="no split"):
        nash_bargaining(game, [0.0, 0.0])


@settings(max_examples=60)
@given(st.data())
def test_dominant_resource_fairness_by_its_properties(data: st.DataObject) -> None:
    users, resources = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    whole = st.integers(0, 5)
    demand = np.array(
        data.draw(st.lists(st.lists(whole, min_size=resources, max_size=resources), min_size=users, max_size=users)),
        float,
    )
    assume((demand.max(axis=1) > 0).all())
    room = np.array(data.draw(st.lists(st.integers(1, 30), min_size=resources, max_size=resources)), float)
    found = dominant_resource_fairness(room, demand)
    used = found.tasks @ demand
    assert (used <= room * (1 + 1e-9)).all()
    # Pareto: everybody needs some resource that is used up
    full = used >= room * (1 - 1e-9)
    assert ((demand > 0) & full).any(axis=1).all()
    # sharing incentive: at least what an equal part of everything would allow
    alone = np.array([np.min(room[d > 0] / users / d[d > 0]) for d in demand])
    assert (found.tasks >= alone * (1 - 1e-9)).all()
    # no envy: nobody could run more with another's bundle
    for i, mine in enumerate(demand):
        for j in range(users):
            bundle = found.tasks[j] * demand[j]
            assert found.tasks[i] >= np.min(bundle[mine > 0] / mine[mine > 0]) * (1 - 1e-9)


def test_the_least_dominant_share_is_the_largest_possible() -> None:
    """A linear programme for the largest common share agrees with progressive filling's least."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        room, demand = rng.uniform(1, 9, 3), rng.uniform(0, 2, (4, 3))
        share = (demand / room).max(axis=1)
        # tasks = s / share: demand used is s Σ demand/share
        found = linprog([-1.0], A_ub=(demand / share[:, None]).sum(axis=0)[:, None], b_ub=room)
        assert dominant_resource_fairness(room, demand).dominant_share.min() == pytest.approx(-found.fun, rel=1e-8)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: generalised_equilibria(TEXTBOOK, 2), pg.InvalidInput, "points"),
        (lambda: uniqueness(TEXTBOOK, 1), pg.InvalidInput, "side"),
        (lambda: certify_generalised(TEXTBOOK, [1.0]), pg.InvalidInput, "both pools"),
        (
            lambda: resource_anarchy(ResourceGame(3.0, Quadratic(1.0), Quadratic(0.5), least=0.0)),
            pg.UndefinedRatio,
            "more than 0",
        ),
        (lambda: split_map(TEXTBOOK, [1.0]), pg.InvalidInput, "not one prefill|have none"),
        (lambda: split_map(pools(6.0), [0.0]), pg.InvalidInput, "positive factors"),
        (lambda: split_map(pools(6.0), []), pg.InvalidInput, "positive factors"),
        (lambda: split_map(pools(6.0), [1.0]).where(3), pg.InvalidInput, "named like"),  # type: ignore[arg-type]
        (lambda: split_map(pools(6.0), [1.0], ["sum"]).best_split("min"), pg.InvalidInput, "the map is of sum"),
        (
            lambda: pg.variational_equilibrium(ResourceGame(9.0, Curve(lambda c: c * np.nan), Exponential(1.0))),
            pg.InvalidInput,
            "finite",
        ),
        (lambda: split_map(pools(6.0), [1.0], ["all"]), pg.InvalidInput, "welfares are"),  # type: ignore[list-item]
        (lambda: dominant_resource_fairness([0.0], [[1.0]]), pg.InvalidInput, "capacity"),
        (lambda: dominant_resource_fairness([1.0], [[0.0]]), pg.InvalidInput, "more than 0"),
        (
            lambda: pg.social_optimum(ResourceGame(9.0, Curve(lambda c: np.sin(c) ** 2), Exponential(1.0))),
            pg.InvalidInput,
            "rise or are concave",
        ),
    ],
)
def test_what_is_refused(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call()


def test_equal_multipliers_where_both_pools_have_nearly_all() -> None:
    """At the fewest workers of prefill: its curve turns flat there, and what is left to gain is a few requests in a billion."""
    prefill, decode = pg.PrefillQueue(0.8729, 224.35, 1900.8), pg.PrefillQueue(1.9341, 844.06, 2022.2)
    found = pg.variational_equilibrium(ResourceGame(7.1268, prefill, decode))
    assert found.certificate.holds
    assert found.x[0] == 1.0


def test_strategies_are_public() -> None:
    assert testing.resource_games is resource_games


@pytest.mark.parametrize(
    "solve",
    [generalised_equilibria, variational_equilibria, uniqueness, nash_bargaining, resource_anarchy],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("game", [None, "1P/2D", 3.0])
def test_what_is_no_resource_game_is_refused(solve: Callable[[object], object], game: object) -> None:
    with pytest.raises(InvalidInput, match="game is a ResourceGame; got"):
        solve(game)


def test_what_is_no_game_or_rule_is_not_planned_for() -> None:
    with pytest.raises(InvalidInput, match="pools is a ResourceGame"):
        plan(None, StepPlanner())  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match="rule is a PlannerRule"):
        plan(pools(6.0), "step")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match="game is a CoupledGame"):
        orbit(pools(6.0), None)  # pyright: ignore[reportArgumentType]


def test_a_projection_is_of_two_numbers_and_a_price_is_no_bool() -> None:
    game = pools(6.0)
    for point in ([np.nan, 1.0], [1.0], 3.0):
        with pytest.raises(InvalidInput, match="x"):
            game.projection(point)
    with pytest.raises(InvalidInput, match="price is a number"):
        ResourceGame(game.budget, game.prefill, game.decode, price=True)
