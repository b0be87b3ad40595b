"""Linear programmes of few variables and very many short rows, by HiGHS on the rows that matter."""

from __future__ import annotations

from dataclasses import dataclass, replace

import highspy
import numpy as np

from poagame._arrays import FloatArray, IntArray

TOLERANCE = 1e-10
"""Violation that is let pass, relative to the largest term of a row; HiGHS takes none smaller."""

MAX_ROUNDS = 1000


class NoSolution(Exception):
    """No unknowns meet the rows."""


@dataclass(frozen=True, eq=False, slots=True)
class Programme:
    """max c·z over rows Σ_k values[t, k] · z[columns[t, k]] ≤ right[t] and bounds on z.

    Attributes
    ----------
    objective, low, high : [n]
        c, and bounds of z.
    columns, values : [T, K]
        The few entries of each row; a padded entry has the value 0.
    right : [T]
    group : [T]
        A number for each row; a round adds the most violated row of each group.
    start : [k]
        Rows to begin with, which must bound the objective.
    scale : [n]
        About how large the variables will be.
    """

    objective: FloatArray
    low: FloatArray
    high: FloatArray
    columns: IntArray
    values: FloatArray
    right: FloatArray
    group: IntArray
    start: IntArray
    scale: FloatArray

    def excess(self, z: FloatArray) -> FloatArray:
        """[T]: by how much z violates each row (negative where it does not)."""
        return (self.values * z[self.columns]).sum(axis=1) - self.right

    def size(self, scale: FloatArray) -> FloatArray:
        """[T]: the largest term of each row at variables of this size; 1 where a row has none."""
        terms = (np.abs(self.values) * scale[self.columns]).max(axis=1)
        largest = np.maximum(terms, np.abs(self.right))
        return np.where(largest > 0, largest, 1.0)


@dataclass(frozen=True, eq=False, slots=True)
class LinearOptimum:
    """Solution of a `Programme`.

    Attributes
    ----------
    z : [n]
    rows : [k]
        Rows that are active, as many as variables that are not at a bound.
    prices : [k]
        Dual prices ≥ 0 of those rows.
    violation : float
        The most by which z violates any row of all, relative to the row's largest term.
    rounds : int
        Programmes solved.
    """

    z: FloatArray
    rows: IntArray
    prices: FloatArray
    violation: float
    rounds: int


def maximise(programme: Programme) -> LinearOptimum:
    """Solve a programme to the digits of floats.

    HiGHS solves it on the rows found so far, until no row of all is violated; again with variables and rows scaled by the answer, so that
    its absolute tolerance is a relative one, until the scale fits; and the active rows are then solved as equations.

    Raises
    ------
    NoSolution
        If the rows contradict one another.
    RuntimeError
        If HiGHS ends without an optimum, or rows stay violated: a fault of this code, not of its caller.
    """
    scale, rows, rounds = programme.scale, programme.start, 0
    goal = programme.objective != 0
    while True:
        found = _rounds(programme, scale, rows)
        rounds += found.rounds
        share = np.abs(found.z) / scale
        hidden = share <= _DUST
        if (hidden[goal].any() and scale[goal].min() < _LEAST) or ((share[goal] >= 0.1) & (share[goal] <= 10.0)).all():
            return replace(found, rounds=rounds)
        # what matters may be lost in the tolerance; what does not may stay as small as it is
        scale = scale * np.where(hidden, _DUST if hidden[goal].any() else 1.0, share)
        rows = np.union1d(programme.start, found.rows)


_DUST = 1e-6
"""Share of its scale below which a variable may be all tolerance."""

_LEAST = 1e-200
"""Scale at which the objective counts as 0."""


def _rounds(programme: Programme, scale: FloatArray, start: IntArray) -> LinearOptimum:
    size = len(programme.objective)
    weight = programme.size(scale)
    solver = _solver(programme, scale)
    used = np.zeros(len(programme.right), bool)
    kept = np.zeros(0, np.int64)
    fresh = start
    for count in range(1, MAX_ROUNDS + 1):
        _add(solver, programme, fresh, scale, weight)
        used[fresh] = True
        kept = np.concatenate([kept, fresh])
        solver.run()
        status = solver.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            raise NoSolution
        if status != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(f"HiGHS ended with {solver.modelStatusToString(status)}")
        solution = solver.getSolution()
        z = np.array(solution.col_value) * scale
        excess = programme.excess(z) / weight
        worst = _largest_of_groups(excess, programme.group)
        fresh = worst[(excess[worst] > TOLERANCE) & ~used[worst]]
        if len(fresh):
            continue
        basis = solver.getBasis()
        active = np.array([status != highspy.HighsBasisStatus.kBasic for status in basis.row_status])
        free = np.array([status == highspy.HighsBasisStatus.kBasic for status in basis.col_status])
        vertex = _vertex(programme, kept[active], np.flatnonzero(free), z, scale)
        if vertex is None:
            z_exact, prices = z, np.abs(np.array(solution.row_dual))[active] / weight[kept[active]]
        else:
            z_exact, prices = vertex
        left = programme.excess(z_exact) / weight
        return LinearOptimum(z_exact, kept[active], prices, float(left.max(initial=0.0)), count)
    raise RuntimeError(f"rows stay violated after {MAX_ROUNDS} rounds of {size} variables")


class _QuietHighs(highspy.Highs):
    """HiGHS without its callbacks, whose set-up prints a banner before the output can be turned off."""

    def __init__(self) -> None:
        super(highspy.Highs, self).__init__()
        self.setOptionValue("output_flag", False)


def _solver(programme: Programme, scale: FloatArray) -> highspy.Highs:
    solver = _QuietHighs()
    options = {
        "threads": 1,
        "small_matrix_value": 1e-12,
        "presolve": "off",
        "primal_feasibility_tolerance": TOLERANCE,
        "dual_feasibility_tolerance": TOLERANCE,
    }
    for name, value in options.items():
        solver.setOptionValue(name, value)
    size = len(scale)
    none = np.zeros(0, np.int32)
    gain = programme.objective * scale
    low, high = programme.low / scale, programme.high / scale
    solver.addCols(size, gain / np.abs(gain).max(), low, high, 0, np.zeros(size, np.int32), none, np.zeros(0))
    solver.changeObjectiveSense(highspy.ObjSense.kMaximize)
    return solver


def _add(solver: highspy.Highs, programme: Programme, rows: IntArray, scale: FloatArray, weight: FloatArray) -> None:
    values = programme.values[rows] * scale[programme.columns[rows]] / weight[rows, None]
    filled = values != 0
    starts = np.concatenate([[0], np.cumsum(filled.sum(axis=1))[:-1]]).astype(np.int32)
    below = np.full(len(rows), -highspy.kHighsInf)
    columns = programme.columns[rows][filled].astype(np.int32)
    solver.addRows(
        len(rows), below, programme.right[rows] / weight[rows], len(columns), starts, columns, values[filled]
    )


def _vertex(
    programme: Programme, rows: IntArray, free: IntArray, z: FloatArray, scale: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Unknowns at which the rows hold with equality (those at a bound stay), and prices of the rows; None if they are no vertex."""
    if len(rows) != len(free):
        return None
    matrix = np.zeros((len(rows), len(z)))
    np.add.at(matrix, (np.arange(len(rows))[:, None], programme.columns[rows]), programme.values[rows])
    fixed = np.ones(len(z), bool)
    fixed[free] = False
    right = programme.right[rows] - matrix[:, fixed] @ z[fixed]
    square = matrix[:, free] * scale[free]
    size = np.abs(square).max(axis=1, initial=0.0)
    try:
        inner = np.linalg.solve(square / size[:, None], right / size)
        prices = np.linalg.solve((square / size[:, None]).T, (programme.objective * scale)[free]) / size
    except np.linalg.LinAlgError:
        return None
    vertex = z.copy()
    vertex[free] = inner * scale[free]
    return np.clip(vertex, programme.low, programme.high), np.maximum(prices, 0.0)


def _largest_of_groups(values: FloatArray, group: IntArray) -> IntArray:
    order = np.lexsort((values, group))
    last = np.append(np.diff(group[order]) > 0, True)
    return order[last]
