from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poagame.certificates.splittable import certify_splittable
from poagame.certificates.variational import certify_variational
from poagame.errors import InvalidInput, NoEquilibrium
from poagame.games.instances.splittable import (
    half_load_balancing,
    load_balancing,
    splittable_affine,
    splittable_affine_equilibrium,
)
from poagame.games.network import NetworkRouting
from poagame.games.normal_form import NormalFormGame
from poagame.games.splittable import SplittableRouting
from poagame.latency import BPR, MM1, Polynomial, Tabulated
from poagame.outcome import Outcome
from poagame.solvers.optimum import social_optimum
from poagame.solvers.splittable import newton, slope_elasticity, splittable_equilibrium, splittable_extremes, why_unique
from poagame.solvers.variational import variational_equilibrium
from poagame.testing.splittable import splittable_games

DIGITS = {3: 1.107143, 5: 1.260870, 20: 1.439227, 100: 1.487791}


@pytest.mark.parametrize("players", sorted(DIGITS))
def test_the_tight_affine_instance(players: int) -> None:
    game = splittable_affine(players)
    assert game.certified["poa"] == pytest.approx(DIGITS[players], abs=5e-7)
    claimed = splittable_affine_equilibrium(players)
    assert certify_splittable(game, claimed).holds
    assert game.social_cost(claimed) == pytest.approx(game.certified["equilibrium_cost"], rel=1e-12)
    best = np.zeros_like(claimed)
    best[:, 0] = 2 / 3
    assert game.social_cost(best) == pytest.approx(game.certified["optimum_cost"], rel=1e-12)
    assert why_unique(game)
    if players <= 20:
        found = splittable_equilibrium(game)
        assert found.outcome is Outcome.CONVERGED
        assert found.social_cost == pytest.approx(game.certified["equilibrium_cost"], rel=1e-10)
        optimum = social_optimum(game)
        assert optimum.outcome is Outcome.OPTIMAL
        assert optimum.lower_bound == pytest.approx(game.certified["optimum_cost"], rel=1e-9)


def test_the_certificate_by_hand() -> None:
    game = SplittableRouting(Polynomial([[0.0, 1.0], [1.0, 0.0]]), [[[0], [1]], [[0], [1]]], [0.5, 0.5])
    found = certify_splittable(game, [[0.25, 0.25], [0.5, 0.0]])  # marginal costs 1, 1 and 5/4, 1
    assert (found.max_regret, found.player, found.first_order) == (0.125, 1, 0.125)
    assert found.tolerance == pytest.approx(0.625e-8)
    for off in (-0.05, 0.05):
        assert certify_splittable(game, [[0.25, 0.25 + off], [0.5, 0.0]]).infeasibility == pytest.approx(0.1)
        assert not certify_splittable(game, [[0.25, 0.25 + off], [0.5, 0.0]]).holds


@pytest.mark.parametrize("own", [True, False])
def test_newton_step_by_player_is_that_of_the_whole_system(own: bool) -> None:
    # alike links, so that one step from even flows leaves all in use; player 2 lacks one
    links = Polynomial(np.column_stack([[1.0, 1.1, 0.9, 1.05], np.ones(4), [0.3, 0.2, 0.4, 0.3]]))
    game = SplittableRouting(links, [[[0], [1], [2], [3]], [[0], [1], [2], [3]], [[1], [2], [3]]], [2.0, 3.0, 0.5])
    problem, x = newton.Problem(game, own), game.start()
    force, cells = problem.operator(x), np.flatnonzero(game.available)
    steps = [step(problem, x, force, cells) for step in (newton._newton_step, newton._step_by_player)]
    assert all((step[game.available] > 0).all() for step in steps)
    # the optimum's flows are many, its loads one
    dense, by_player = (game.player_loads(step) if own else game.loads(step) for step in steps)
    np.testing.assert_allclose(by_player, dense, rtol=1e-6)


@pytest.mark.parametrize("own", [True, False])
def test_steps_by_player_lead_where_dense_ones_do(own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    actions = [[sorted(rng.choice(8, 3, replace=False).tolist()) for _ in range(6)] for _ in range(4)]
    latency = BPR(rng.uniform(1, 2, 8), rng.uniform(1, 3, 8), np.full(8, 0.5), np.full(8, 3.0))
    game = SplittableRouting(latency, actions, rng.uniform(1, 2, 4))
    solve = splittable_equilibrium if own else social_optimum
    dense = solve(game)
    monkeypatch.setattr(newton, "MAX_DENSE", 0)
    by_player = solve(game)
    assert by_player.outcome is dense.outcome
    assert by_player.social_cost == pytest.approx(dense.social_cost, rel=1e-9)


@pytest.mark.parametrize("players", [1, 2, 3, 10])
def test_load_balancing_with_half_and_with_full_own_load(players: int) -> None:
    half = half_load_balancing(players)
    spread = variational_equilibrium(half)
    assert spread.certificate.holds
    assert spread.social_cost == pytest.approx(half.certified["equilibrium_cost"], rel=1e-12)
    assert certify_variational(half, np.eye(players)).holds
    assert half.social_cost(np.eye(players)) == pytest.approx(half.certified["optimum_cost"], rel=1e-12)
    assert half.certified["poa"] == pytest.approx(2 - 1 / players)
    full = load_balancing(players)
    found = splittable_extremes(full)
    assert found.covered
    assert found.worst.social_cost == pytest.approx(full.certified["equilibrium_cost"], rel=1e-12)
    assert social_optimum(full).social_cost == pytest.approx(full.certified["optimum_cost"], rel=1e-12)


@settings(max_examples=10)
@given(splittable_games(families=("affine",)))
def test_affine_equilibrium_minimises_the_potential(game: SplittableRouting) -> None:
    # the equilibria of affine games minimise Σ a L + b/2 (L² + Σ_i x_ir²)
    c = game.latency.coefficients
    x = cp.Variable(game.available.shape, nonneg=True)
    use = np.zeros((game.available.size, game.num_resources))
    use[game.cell, game.resource] = 1.0
    use = use.reshape(*game.available.shape, -1)
    mine = cp.vstack([x[i] @ use[i] for i in range(game.num_players)])
    load = cp.sum(mine, axis=0)
    root = np.sqrt(c[:, 1])
    potential = load @ c[:, 0] + 0.5 * cp.sum_squares(cp.multiply(root, load))
    potential = potential + 0.5 * cp.sum_squares(cp.multiply(np.tile(root, (game.num_players, 1)), mine))
    limits = [cp.sum(x, axis=1) == np.asarray(game.demand), cp.multiply(x, ~game.available) == 0]
    cp.Problem(cp.Minimize(potential), limits).solve(solver=cp.CLARABEL)
    found = splittable_equilibrium(game)
    assert found.certificate.holds
    assert found.social_cost == pytest.approx(game.social_cost(np.maximum(x.value, 0.0)), rel=1e-5, abs=1e-6)


@settings(max_examples=15)
@given(splittable_games(families=("affine", "polynomial", "mm1", "saturating")), st.sampled_from([1e-9, 1e9]))
def test_equilibria_and_optima_are_certified_in_any_unit(game: SplittableRouting, unit: float) -> None:
    found, optimum = splittable_equilibrium(game), social_optimum(game)
    assert found.certificate.holds
    assert found.certificate.residual <= 1e-9
    assert optimum.outcome is Outcome.OPTIMAL
    assert optimum.social_cost <= found.social_cost * (1 + 1e-9)
    scaled = SplittableRouting(unit * game.latency, game.actions, game.demand)
    again = splittable_equilibrium(scaled)
    assert again.certificate.holds
    if why_unique(game):
        assert again.social_cost / unit == pytest.approx(found.social_cost, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(("players", "ratio"), [(1, 1.0), (2, 28 / 27), (3, 13 / 12), (9, 91 / 75)])
def test_price_of_anarchy_of_split_pigou_links_by_hand(players: int, ratio: float) -> None:
    # links x and 1, demand 1 in n parts: load n/(n + 1) on the first; cost 1 − n/(n + 1)² against 3/4
    assert ratio == pytest.approx((1 - players / (players + 1) ** 2) / 0.75)
    game = SplittableRouting(
        Polynomial([[0.0, 1.0], [1.0, 0.0]]), [[[0], [1]]] * players, np.full(players, 1 / players)
    )
    extremes, optimum = splittable_extremes(game), social_optimum(game)
    assert extremes.covered
    assert extremes.worst.social_cost / optimum.social_cost == pytest.approx(ratio, rel=1e-9)
    assert ratio <= 1.5


def test_one_player_plays_the_optimum_and_many_approach_wardrop() -> None:
    network = NetworkRouting.parallel(Polynomial([[1.0, 0.0], [0.0, 1.0]]), 1.0)
    alone = splittable_equilibrium(SplittableRouting.from_network(network))
    assert alone.social_cost == pytest.approx(0.75, rel=1e-12)
    for players in (10, 100):
        game = SplittableRouting(network.latency, [[[0], [1]]] * players, np.full(players, 1 / players))
        # load n/(n + 1) on the link that congests; Wardrop's is 1
        assert splittable_equilibrium(game).load[1] == pytest.approx(players / (players + 1), rel=1e-9)


def test_wider_starts_meet_where_uniqueness_is_known() -> None:
    game = SplittableRouting(MM1([2.0, 3.0, 4.0, 0.2]), [[[0], [1], [2], [3]]] * 3, [0.5, 2.5, 4.0])
    first = splittable_equilibrium(game)
    other = splittable_equilibrium(game, start=[[0.5, 0, 0, 0], [0, 2.5, 0, 0], [0.5, 0, 3.5, 0]])
    assert first.certificate.holds
    assert other.certificate.holds
    assert first.flow == pytest.approx(other.flow, abs=1e-8)


def test_what_is_known_about_uniqueness() -> None:
    steep = SplittableRouting(Polynomial([[0.0, 0, 0, 0, 1.0]] * 3), [[[0, 1], [2]], [[1], [2]]], [1.0, 1.0])
    assert why_unique(steep) == ""
    found = splittable_extremes(steep, num_starts=2)
    assert not found.covered
    assert "may be others" in found.note
    assert found.best.certificate.holds
    assert found.worst.certificate.holds
    assert (found.best_limit, found.worst_limit) == (0.0, np.inf)
    parallel = SplittableRouting(Polynomial([[0.0, 0, 0, 0, 1.0]] * 2), [[[0], [1]]] * 2, [1.0, 1.0])
    assert "parallel links" in why_unique(parallel)
    table = SplittableRouting(Tabulated([0.0, 1.0], [0.0, 1.0]).replicated(2), [[[0], [1]]], [1.0])
    assert why_unique(table) == ""


@pytest.mark.parametrize(
    "latency",
    [
        Polynomial([0.5, 1.0, 0.0, 2.0]),
        BPR(1.0, 2.0, 0.15, 0.5),
        BPR(1.0, 2.0, 0.15, 2.5),
        MM1(9.0) + 2.0,
        3.0 * MM1(7.0),
    ],
)
def test_the_slope_elasticity_is_a_bound(latency) -> None:
    load = np.linspace(0.01, 3.0, 400)[:, None]
    seen = np.abs(load * latency.curvature(load) / latency.derivative(load)).max()
    assert seen <= slope_elasticity(latency, 3.0)[0] * (1 + 1e-12)


@given(st.integers(0, 10_000))
def test_the_operator_is_monotone_where_the_elasticity_is_at_most_two(seed: int) -> None:
    rng = np.random.default_rng(seed)
    game = SplittableRouting(
        Polynomial(rng.exponential(size=(3, 4)) * rng.integers(0, 2, (3, 4))),
        [[[0, 1], [1, 2], [2]]] * 4,
        rng.exponential(size=4) + 0.1,
    )
    x, y = (game.projection(rng.dirichlet([0.2] * 3, 4) * np.asarray(game.demand)[:, None]) for _ in range(2))
    change = ((game.pseudogradient(x) - game.pseudogradient(y)) * (x - y)).sum()
    assert change >= -1e-12 * np.abs(game.pseudogradient(x)).max()


TABLE = SplittableRouting(Tabulated([0, 1, 2], [[0, 2, 2.5], [1, 1.5, 1.6]]), [[[0], [1]]] * 2, [1.0, 1.0])


@pytest.mark.parametrize("sharp", [True, False])
def test_a_stationary_point_that_proves_nothing_is_said_to_be_one(sharp: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not sharp:
        monkeypatch.setattr(newton, "_newton", lambda *_: (None, 0))
    found = splittable_equilibrium(TABLE)
    assert found.num_steps < 100_000
    assert found.outcome is Outcome.NO_EQUILIBRIUM_FOUND
    assert found.certificate.first_order < 1e-6
    assert "no bound on regret" in str(found)
    assert "first-order gap" in str(found)
    short = splittable_equilibrium(splittable_affine(5), max_steps=1)
    assert short.outcome in (Outcome.MAX_STEPS_REACHED, Outcome.CONVERGED)
    slow = splittable_equilibrium(SplittableRouting(MM1([2.0, 3.0]), [[[0], [1]]] * 2, [1.0, 3.9]), max_steps=1)
    assert slow.outcome is (Outcome.CONVERGED if slow.certificate.holds else Outcome.MAX_STEPS_REACHED)


def test_points_that_are_not_certified_are_no_extremes() -> None:
    with pytest.raises(NoEquilibrium, match="fit a convex family"):
        splittable_extremes(TABLE, num_starts=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: splittable_equilibrium(TABLE, start=[[1]]), r"flows \[N, A\] = \(2, 2\)"),
        (lambda: splittable_equilibrium(TABLE, rtol=0.0), "rtol"),
        (lambda: splittable_equilibrium(TABLE, max_steps=1.5), "max_steps"),
        (lambda: splittable_equilibrium(NetworkRouting.parallel(Polynomial([[0.0, 1.0]]), 1.0)), "from_network"),
        (lambda: splittable_equilibrium(half_load_balancing(2)), "variational_equilibrium"),
        (lambda: splittable_extremes(NormalFormGame([[0.0, 1.0]])), "equilibrium"),
        (lambda: splittable_extremes(TABLE, num_starts=0.5), "num_starts"),
        (lambda: variational_equilibrium(NetworkRouting.parallel(Polynomial([[0.0, 1.0]]), 1.0)), "wardrop"),
        (lambda: variational_equilibrium(NormalFormGame([[0.0, 1.0]])), "mixed_equilibria"),
        (lambda: splittable_affine(3.5), "whole number"),
        (lambda: splittable_affine(2), "at least 3"),
        (lambda: load_balancing("a"), "whole number"),
        (lambda: half_load_balancing(0), "at least 1"),
    ],
)
def test_bad_input(call, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
