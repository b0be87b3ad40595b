from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from poagame.errors import InvalidInput
from poagame.games.simplex import project_to_simplices
from poagame.games.splittable import SplittableRouting
from poagame.latency import MM1, Polynomial
from poagame.outcome import Outcome
from poagame.solvers.variational import (
    Extragradient,
    ProjectedReflectedGradient,
    solve_variational,
    variational_equilibrium,
)
from tests.certificates.test_variational import Shared

SOLVERS = [Extragradient(), ProjectedReflectedGradient()]


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize(("length", "cost"), [(1.0, 1.0), (1e6, 1e-9), (1e-6, 1e9)])
def test_the_shared_constraint_of_two_players(solver, length: float, cost: float) -> None:
    found = variational_equilibrium(Shared(length, cost), solver, start=[0.1 * length, 0.9 * length])
    assert found.outcome is Outcome.CONVERGED
    assert found.x / length == pytest.approx([0.75, 0.25], abs=1e-9)
    assert found.social_cost / cost == pytest.approx(0.125, rel=1e-8)


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda s: type(s).__name__)
def test_a_monotone_operator_that_is_no_gradient(solver) -> None:
    rng = np.random.default_rng(3)
    m = rng.normal(size=(8, 8))
    m = m - m.T + 0.2 * np.eye(8)
    q = rng.normal(size=8)
    found = solve_variational(lambda x: m @ x + q, lambda x: np.clip(x, 0.0, 1.0), np.full(8, 0.5), solver)
    assert found.outcome is Outcome.CONVERGED
    force = m @ found.x + q
    # the defining inequality over all corners of the box
    assert (force * found.x).sum() <= np.minimum(force, 0.0).sum() + 1e-8
    assert 0 < (found.x > 1e-6).sum() < 8


def test_too_few_steps_are_reported() -> None:
    found = variational_equilibrium(Shared(), Extragradient(max_steps=1, step=1e-6))
    assert found.outcome is Outcome.MAX_STEPS_REACHED
    assert not found.certificate.holds


def test_the_start_may_not_cost_infinity() -> None:
    game = SplittableRouting(MM1([2.0, 3.0]), [[[0], [1]]], [2.5])
    with pytest.raises(InvalidInput, match="infinite or NaN at the start"):
        variational_equilibrium(game, start=[[2.5, 0.0]])
    # steps that would pass the capacity are shortened
    assert variational_equilibrium(game, Extragradient(step=1e6), start=[[1.9, 0.6]]).certificate.holds


def test_one_player_plays_the_queue_optimum() -> None:
    found = variational_equilibrium(SplittableRouting(MM1([4.0, 1.0]), [[[0], [1]]], [3.0]))
    assert found.x[0] == pytest.approx([8 / 3, 1 / 3], abs=1e-8)  # (mu - x) / sqrt(mu) is equal


@pytest.mark.parametrize("bad", [{"rtol": 0.0}, {"max_steps": 0}, {"step": -1.0}])
def test_bad_parameters(bad) -> None:
    for kind in (Extragradient, ProjectedReflectedGradient):
        with pytest.raises(InvalidInput):
            kind(**bad)


rows = hnp.arrays(np.float64, (3, 4), elements=st.floats(-50, 50))


@given(rows, st.lists(st.floats(0.1, 30), min_size=3, max_size=3), hnp.arrays(np.bool_, (3, 4)))
def test_projection_satisfies_the_conditions_of_the_nearest_point(x, total, some) -> None:
    available = some | (np.arange(4) == 2)
    y = project_to_simplices(x, total, available)
    assert (y >= 0).all()
    assert (y[~available] == 0).all()
    assert y.sum(axis=1) == pytest.approx(total, rel=1e-14)
    # x − y is one number where y > 0 and no more elsewhere
    for i in range(3):
        level = (x - y)[i][y[i] > 0]
        assert np.ptp(level) <= 1e-11 * (1 + np.abs(x).max() + total[i])
        assert (x[i][available[i] & (y[i] == 0)] <= level.max() + 1e-11 * (1 + np.abs(x).max())).all()


def test_projection_agrees_with_a_quadratic_programme() -> None:
    x = np.random.default_rng(0).normal(size=(2, 5))
    y = cp.Variable((2, 5), nonneg=True)
    cp.Problem(cp.Minimize(cp.sum_squares(y - x)), [cp.sum(y, axis=1) == np.array([1.0, 2.0])]).solve(
        solver=cp.CLARABEL
    )
    assert project_to_simplices(x, [1.0, 2.0]) == pytest.approx(y.value, abs=1e-6)


def test_projection_refuses_rows_without_room() -> None:
    with pytest.raises(InvalidInput, match="available"):
        project_to_simplices([[1.0, 2.0]], [1.0], np.zeros((1, 2), bool))
    with pytest.raises(InvalidInput, match="finite"):
        project_to_simplices([[np.inf, 2.0]], [1.0])


def test_reflected_steps_need_the_operator_everywhere() -> None:
    game = SplittableRouting(Polynomial([[0.0, 1.0], [5.0, 0.0]]), [[[0], [1]]], [1.0])
    with pytest.raises(InvalidInput, match="nonnegative"):
        variational_equilibrium(game, ProjectedReflectedGradient(step=0.05), start=[[0.5, 0.5]])
