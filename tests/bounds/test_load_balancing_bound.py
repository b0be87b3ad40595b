"""Static load balancing and no-regret play, against solvers and brute force."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poagame as pg
from poagame.bounds.load_balancing import fractional_load_balancing, no_regret
from poagame.certificates.variational import certify_variational
from poagame.errors import InvalidInput, TooLarge
from poagame.games import instances
from poagame.games.load_balancing import FractionalLoadBalancing


def least_potential(game: FractionalLoadBalancing) -> float:
    """Least Σ (s X + X²/2)/μ over loads X of the total size: no profile costs less."""
    loads = cp.Variable(game.rate.size, nonneg=True)
    root = np.sqrt(0.5 / game.rate)
    background = np.broadcast_to(game.background, game.rate.shape) / game.rate
    goal = background @ loads + cp.sum_squares(cp.multiply(root, loads))
    problem = cp.Problem(cp.Minimize(goal), [cp.sum(loads) == game.size.sum()])
    problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12)
    value: Any = problem.value
    return float(value)


@pytest.mark.parametrize(("players", "value"), [(1, 1.0), (2, 1.5), (3, 1.666667), (10, 1.9)])
def test_half_of_the_own_load(players: int, value: float) -> None:
    bound = fractional_load_balancing(players)
    assert bound.value == pytest.approx(value, abs=5.1e-7)
    assert bound.tight
    game = bound.instance
    worst = pg.variational_equilibrium(game)
    assert worst.certificate.holds
    assert certify_variational(game, worst.x, 1e-12).holds
    # one job a server costs as little as any profile can
    best = game.social_cost(np.eye(players))
    assert best == pytest.approx(least_potential(game), rel=1e-8)
    assert worst.social_cost / best == pytest.approx(bound.value, rel=1e-10)


@settings(max_examples=20)
@given(st.integers(2, 4), st.integers(2, 4), st.integers(0, 10**6))
def test_no_game_of_split_jobs_has_more(players: int, servers: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    game = FractionalLoadBalancing(
        rng.uniform(0.1, 2.0, players), rng.uniform(0.2, 2.0, servers), rng.uniform(0.0, 1.0, servers)
    )
    found = pg.variational_equilibrium(game)
    assert found.certificate.holds
    bound, least = fractional_load_balancing(players).value, least_potential(game)
    # all flows with these loads are equilibria; spread in proportion they cost most
    spread = game.size[:, None] * found.x.sum(axis=0) / game.size.sum()
    assert certify_variational(game, spread).holds
    for flow in (found.x, spread):
        assert least * (1 - 1e-7) <= game.social_cost(flow) <= bound * least * (1 + 1e-7)


@pytest.mark.parametrize(
    ("lam", "mu", "value"),
    [(5 / 3, 1 / 3, 5 / 2), (115 / 19, 7 / 19, 115 / 12), (1.0, 0.0, 1.0), (1.0, 0.25, 4 / 3), (2.0, -0.5, 4 / 3)],
)
def test_smooth_games(lam: float, mu: float, value: float) -> None:
    bound = no_regret(lam, mu)
    assert bound.value == pytest.approx(value, rel=1e-15)
    assert bound.kind == "coarse correlated"
    assert bound.covers("cce")
    assert not bound.tight


def test_numbers_of_any_kind() -> None:
    lam, mu = (np.array([value], kind)[0] for value, kind in ((2, np.int64), (0.5, np.float32)))
    assert no_regret(lam, mu).value == 4.0
    assert no_regret(2, 0).value == 2.0


def test_many_jobs_are_not_built() -> None:
    few, many = fractional_load_balancing(4096), fractional_load_balancing(4097)
    assert few.tight
    assert few.instance.certified["poa"] == few.value
    assert (many.tight, many.instance) == (False, None)
    assert "too many jobs" in many.remark
    assert fractional_load_balancing(10**6).value == 2.0 - 1e-6
    with pytest.raises(TooLarge, match="4,096"):
        instances.half_load_balancing(10**6)


def test_coarse_correlated_equilibria_of_smooth_games_obey() -> None:
    """The best μ of a game for each λ by trying all pairs of profiles; then its worst coarse correlated equilibrium."""
    rng = np.random.default_rng(11)
    for _ in range(6):
        coefficients = rng.integers(0, 4, size=(4, 2)) + [[0, 1]]
        actions = [[[0], [1, 2]], [[1], [0, 3]], [[2, 3], [0]]]
        game = pg.CongestionGame(pg.latency.Polynomial(coefficients), actions)
        profiles = list(itertools.product(range(2), repeat=3))
        cost = {s: game.social_cost(s) for s in profiles}
        for lam in (1.0, 5 / 3):
            mu = max(
                (sum(game.action_costs(s)[i][t[i]] for i in range(3)) - lam * cost[t]) / cost[s]
                for s in profiles
                for t in profiles
            )
            if mu < 1.0:
                bound = no_regret(lam, max(mu, 1.0 - lam))
                report = pg.price_of_anarchy(game, bound=bound, concept="cce")
                assert report.poa <= bound.value * (1 + 1e-9)


def test_the_affine_pair_is_met_by_a_game() -> None:
    game = instances.affine_atomic_worst_case()
    bound = no_regret(5 / 3, 1 / 3)
    assert pg.price_of_anarchy(game, bound=bound, concept="cce").poa == pytest.approx(bound.value, rel=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fractional_load_balancing(0), "at least 1"),
        (lambda: fractional_load_balancing(1.5), "whole"),  # pyright: ignore[reportArgumentType]
        (lambda: no_regret(1.0, 1.0), "below 1"),
        (lambda: no_regret(0.4, 0.5), "at least 1"),
        (lambda: no_regret(0.0, 0.5), "lam must be positive"),
        (lambda: no_regret(1.0, -3.0), "at least 1"),
        (lambda: no_regret(1.0, 10**400), "mu"),
        (lambda: no_regret(math.nan, 0.5), "lam"),
        (lambda: no_regret(1.0, math.inf), "mu"),
        (lambda: no_regret("1", 0.0), "lam"),  # pyright: ignore[reportArgumentType]
        (lambda: no_regret(True, 0.0), "lam"),
    ],
)
def test_bad_input_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()
