"""Assignment with slot prices against SciPy's dense assignment and a linear programme in cvxpy; its duals prove it."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from poagame.certificates import assignment_lower_bound
from poagame.errors import InvalidInput
from poagame.solvers.routing.transport import assign


@st.composite
def problems(draw: st.DrawFn, max_count: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slot prices (integers, so that ties abound; some slots missing), type costs and counts that fit."""
    types, workers = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    counts = np.array(draw(st.lists(st.integers(0, max_count), min_size=types, max_size=types)))
    total = int(counts.sum())
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    spare = rng.integers(0, 3, workers)
    room = rng.multinomial(total, np.full(workers, 1 / workers)) + spare
    depth = max(1, int(room.max()))
    slots = np.sort(rng.integers(0, 12, (workers, depth)).astype(float), axis=1)
    slots[np.arange(depth) >= room[:, None]] = np.inf
    costs = rng.integers(-9, 9, (types, workers)).astype(float)
    if draw(st.booleans()):
        costs += rng.random(costs.shape)
        slots += np.sort(rng.random(slots.shape), axis=1)
    return slots, costs, counts


@given(problems())
@example((np.array([[0.0, 0.0, 5.0], [1.0, 2.0, np.inf]]), np.array([[0.0, -4.0], [1.0, 0.0]]), np.array([3, 2])))
def test_equals_the_dense_assignment_and_is_proved_by_its_prices(
    problem: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    slots, costs, counts = problem
    answer = assign(slots, costs, counts)
    dense = np.repeat(np.repeat(costs, counts, axis=0), slots.shape[1], axis=1) + slots.reshape(1, -1)
    dense[~np.isfinite(dense)] = 1e6
    rows, columns = linear_sum_assignment(dense)
    assert answer.cost == pytest.approx(dense[rows, columns].sum(), abs=1e-9)
    np.testing.assert_array_equal(answer.flow.sum(axis=1), counts)
    assert (answer.flow >= 0).all()
    assert assignment_lower_bound(slots, costs, counts, answer.prices) == pytest.approx(answer.cost, abs=1e-9)


@given(problems(max_count=60))
def test_bundles_do_not_change_the_answer(problem: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Counts large enough that bundles of 4 and 16 are assigned first."""
    slots, costs, counts = problem
    answer = assign(slots, costs, counts)
    assert assignment_lower_bound(slots, costs, counts, answer.prices) == pytest.approx(
        answer.cost, rel=1e-12, abs=1e-8
    )


def test_agrees_with_a_linear_programme() -> None:
    rng = np.random.default_rng(3)
    slots, costs, counts = np.sort(rng.random((6, 30)) * 9, axis=1), rng.normal(size=(4, 6)), np.array([20, 0, 31, 9])
    flow, use = cp.Variable((4, 6), nonneg=True), cp.Variable((6, 30), nonneg=True)
    programme = cp.Problem(
        cp.Minimize(cp.sum(cp.multiply(costs, flow)) + cp.sum(cp.multiply(slots, use))),
        [cp.sum(flow, axis=1) == counts, cp.sum(flow, axis=0) == cp.sum(use, axis=1), use <= 1],
    )
    programme.solve(solver=cp.CLARABEL)
    assert assign(slots, costs, counts).cost == pytest.approx(float(programme.value), rel=1e-7)


def test_large_grouped_problem_is_proved_optimal() -> None:
    rng = np.random.default_rng(0)
    counts = rng.multinomial(20_000, np.full(30, 1 / 30))
    slots = rng.random(200)[:, None] * 5 + (0.1 + rng.random(200))[:, None] * (2 * np.arange(1, 601) - 1)
    costs = -20 * rng.random((30, 200))
    answer = assign(slots, costs, counts)
    assert assignment_lower_bound(slots, costs, counts, answer.prices) == pytest.approx(answer.cost, rel=1e-13)


def test_bad_input_is_refused() -> None:
    one = np.zeros((1, 1))
    with pytest.raises(InvalidInput, match="must not decrease"):
        assign(np.array([[2.0, 1.0]]), one, np.array([1]))
    with pytest.raises(InvalidInput, match="3 requests do not fit"):
        assign(np.array([[1.0, 2.0, np.inf]]), one, np.array([3]))
    with pytest.raises(InvalidInput, match="finite"):
        assign(np.array([[1.0]]), np.array([[np.inf]]), np.array([1]))
    with pytest.raises(InvalidInput, match="NaN"):
        assign(np.array([[np.nan]]), one, np.array([1]))
    with pytest.raises(InvalidInput, match="nonnegative integers"):
        assign(np.array([[1.0]]), one, np.array([-1]))
