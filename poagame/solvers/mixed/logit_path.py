"""Following branches of logit equilibria by pseudo-arclength, with detection of crossings and branch switching."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame._arrays import BoolArray, FloatArray, IntArray
from poagame.games.normal_form import NormalFormGame

MAX_ARC_STEPS = 2_000
"""Most steps along one branch."""


@dataclass(frozen=True, eq=False, slots=True)
class Crossing:
    """A point where two branches cross: z, inverse temperature, and the tangent of the branch it was found on."""

    z: FloatArray
    inverse: float
    tangent: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Path:
    """Points z at the inverse temperatures asked for (as many as were reached), and the crossings passed."""

    points: list[FloatArray]
    crossings: list[Crossing]


class LogitMap:
    """H(z, λ) = z + λ E(softmax z) over the available actions of all players, costs in units of their spread."""

    available: BoolArray
    spread: float
    costs: FloatArray
    cells: IntArray
    size: int

    def __init__(self, table: NormalFormGame) -> None:
        self.available = np.asarray(table.available)
        finite = np.where(np.isfinite(table.costs), table.costs, 0.0)
        self.spread = max(float(np.ptp(c[np.isfinite(c)])) for c in np.asarray(table.costs))
        self.spread = self.spread if self.spread > 0 else 1.0
        # a common shift of a player's costs changes no probability; without it the numbers are as small as they can be
        lowest = np.array([c[np.isfinite(c)].min() for c in np.asarray(table.costs)])
        shape = (-1,) + (1,) * table.num_players
        self.costs = np.where(np.isfinite(table.costs), finite - lowest.reshape(shape), 0.0) / self.spread
        self.cells = np.flatnonzero(self.available.ravel())
        self.size = self.cells.size

    def strategies(self, z: FloatArray) -> FloatArray:
        """[N, A] softmax of z."""
        full = np.full(self.available.size, -np.inf)
        full[self.cells] = z
        full = full.reshape(self.available.shape)
        weights = np.exp(full - full.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)

    def expected(self, p: FloatArray) -> FloatArray:
        """[Z] expected costs of the available actions."""
        n = len(p)
        rows = [contract(self.costs[i], [None if j == i else p[j] for j in range(n)]) for i in range(n)]
        return np.stack(rows).ravel()[self.cells]

    def response(self, p: FloatArray, inverse: float) -> FloatArray:
        """Z whose softmax is the logit response to p."""
        return -inverse * self.expected(p)

    def response_jacobian(self, p: FloatArray) -> FloatArray:
        """[Z, Z]: derivative of the expected costs at softmax z by z."""
        n, a = p.shape
        by_strategy = np.zeros((n, a, n, a))
        for i in range(n):
            for k in range(n):
                if k != i:
                    block = contract(self.costs[i], [None if j in (i, k) else p[j] for j in range(n)])
                    by_strategy[i, :, k] = block if i < k else block.T
        softmax = np.zeros((n, a, n, a))
        for i in range(n):
            softmax[i, :, i] = np.diag(p[i]) - np.outer(p[i], p[i])
        whole = by_strategy.reshape(n * a, n * a) @ softmax.reshape(n * a, n * a)
        return whole[np.ix_(self.cells, self.cells)]

    def value(self, z: FloatArray, inverse: float) -> FloatArray:
        """H."""
        return z + inverse * self.expected(self.strategies(z))

    def jacobian(self, z: FloatArray, inverse: float) -> FloatArray:
        """[Z, Z + 1]: derivative of H by z and by λ."""
        p = self.strategies(z)
        by_z = np.eye(self.size) + inverse * self.response_jacobian(p)
        return np.column_stack([by_z, self.expected(p)])

    def is_stable(self, p: FloatArray, inverse: float) -> bool:
        """Whether every eigenvalue of the response's Jacobian has real part below 1."""
        return bool(np.linalg.eigvals(-inverse * self.response_jacobian(p)).real.max() < 1.0)

    def index(self, p: FloatArray, inverse: float) -> int:
        """Sign of det H_z at p. Over all equilibria, where none is degenerate, these sum to 1, as at λ = 0."""
        return int(np.linalg.slogdet(np.eye(self.size) + inverse * self.response_jacobian(p))[0])

    def is_nearly_pure_equilibrium(self, p: FloatArray) -> bool:
        """Whether no player gains more than a thousandth of the spread by leaving the pure profile p."""
        costs = np.full(self.available.size, np.inf)
        costs[self.cells] = self.expected(p)
        costs = costs.reshape(self.available.shape)
        return bool(((costs * (p > 0.5)).max(axis=1, where=p > 0.5, initial=0.0) - costs.min(axis=1)).max() <= 1e-3)

    def damped(self, p: FloatArray, inverse: float) -> FloatArray:
        """Z after damped responses to p, which settle at stable equilibria."""
        for _ in range(100):
            new = self.strategies(self.response(p, inverse))
            if np.abs(new - p).max() < 1e-7:
                break
            p = p + 0.3 * (new - p)
        return self.response(p, inverse)


def newton(problem: LogitMap, z: FloatArray, inverse: float) -> FloatArray | None:
    """A zero of H at fixed λ by damped Newton steps from z, or None."""
    value = problem.value(z, inverse)
    size = float(np.abs(value).max())
    for _ in range(60):
        if size <= 1e-13 * (1.0 + inverse):
            return z
        try:
            step = np.linalg.solve(problem.jacobian(z, inverse)[:, :-1], value)
        except np.linalg.LinAlgError:
            return None
        factor = 1.0
        while factor > 1e-4:
            trial = z - factor * step
            found = problem.value(trial, inverse)
            if float(np.abs(found).max()) < size:
                break
            factor *= 0.5
        else:
            return z if size <= 1e-10 * (1.0 + inverse) else None
        z, value, size = trial, found, float(np.abs(found).max())
    return z if size <= 1e-10 * (1.0 + inverse) else None


def follow(problem: LogitMap, z: FloatArray, inverse: float, direction: FloatArray | None, goals: FloatArray) -> Path:
    """Follow a branch from (z, λ) along `direction` until it has passed all `goals` (increasing λ), or ends.

    It ends also where it turns back past λ = 0, gets to twice the last goal (to where branches that begin beyond it run off), or
    is not through after `MAX_ARC_STEPS`.
    """
    point = np.append(z, inverse)
    ahead = np.append(np.zeros(problem.size), 1.0) if direction is None else direction
    tangent = _tangent(problem, point, ahead)
    sign = _bordered_sign(problem, point, tangent)
    step, points, crossings = 0.05, list[FloatArray](), list[Crossing]()
    for _ in range(MAX_ARC_STEPS):
        found = _corrected(problem, point + step * tangent, tangent)
        if found is None:
            step *= 0.5
            if step < 1e-9:
                break
            continue
        new, num_steps = found
        new_tangent = _tangent(problem, new, tangent)
        if float(new_tangent @ tangent) < 0.9 and step > 1e-6:
            step *= 0.5
            continue
        new_sign = _bordered_sign(problem, new, new_tangent)
        if new_sign * sign < 0:
            crossings.append(_locate(problem, point, tangent, step, sign))
        while len(points) < len(goals) and (point[-1] - goals[len(points)]) * (new[-1] - goals[len(points)]) <= 0:
            goal = goals[len(points)]
            share = (goal - point[-1]) / (new[-1] - point[-1]) if new[-1] != point[-1] else 0.0
            at = newton(problem, (point + share * (new - point))[:-1], float(goal))
            points.append(new[:-1] if at is None else at)
        if len(points) == len(goals) or new[-1] < 0 or new[-1] > 2.0 * goals[-1]:
            break
        point, tangent, sign = new, new_tangent, new_sign
        if num_steps <= 3:
            step = min(step * 1.5, 0.05 * (1.0 + float(np.abs(point).max())))
    return Path(points, crossings)


def switch(problem: LogitMap, crossing: Crossing) -> list[tuple[FloatArray, float, FloatArray]]:
    """Points a little along the other branch at a crossing, both ways: (z, λ, direction)."""
    point = np.append(crossing.z, crossing.inverse)
    # at a simple crossing the Jacobian [Z, Z + 1] has a two-dimensional kernel: the tangent, and the way to the other branch
    _, _, rows = np.linalg.svd(problem.jacobian(crossing.z, crossing.inverse))
    kernel = rows[-2:]
    along = kernel @ crossing.tangent
    other = np.array([-along[1], along[0]]) @ kernel
    other /= np.linalg.norm(other)
    found: list[tuple[FloatArray, float, FloatArray]] = []
    for way in (other, -other):
        for distance in (1e-3, 1e-2, 1e-1):
            corrected = _corrected(problem, point + distance * way, way)
            if corrected is not None and abs(float((corrected[0] - point) @ way) - distance) < 0.1 * distance:
                new = corrected[0]
                found.append((new[:-1], float(new[-1]), (new - point) / np.linalg.norm(new - point)))
                break
    return found


def _locate(problem: LogitMap, point: FloatArray, tangent: FloatArray, step: float, sign: float) -> Crossing:
    """The crossing between `point` and `step` further, by bisection on the sign of the bordered determinant."""
    low, high, at, ahead = 0.0, step, point, tangent
    for _ in range(45):
        middle = 0.5 * (low + high)
        found = _corrected(problem, point + middle * tangent, tangent)
        if found is None:  # the corrector may fail very near to the crossing, which is then located
            break
        at, ahead = found[0], _tangent(problem, found[0], tangent)
        low, high = (middle, high) if _bordered_sign(problem, at, ahead) * sign > 0 else (low, middle)
    return Crossing(at[:-1], float(at[-1]), ahead)


def _corrected(problem: LogitMap, guess: FloatArray, tangent: FloatArray) -> tuple[FloatArray, int] | None:
    """A point of a branch in the hyperplane through `guess` across `tangent`, and Newton steps taken."""
    point = guess
    for k in range(12):
        value = np.append(problem.value(point[:-1], float(point[-1])), (point - guess) @ tangent)
        if float(np.abs(value).max()) <= 1e-12 * (1.0 + float(np.abs(point).max())):
            return point, k
        matrix = np.vstack([problem.jacobian(point[:-1], float(point[-1])), tangent])
        try:
            point = point - np.linalg.solve(matrix, value)
        except np.linalg.LinAlgError:
            return None
        if not np.isfinite(point).all() or np.linalg.norm(point - guess) > 1.0 + 0.1 * np.linalg.norm(guess):
            return None
    return None


def _tangent(problem: LogitMap, point: FloatArray, ahead: FloatArray) -> FloatArray:
    """Unit tangent of the branch at a point, on the side of `ahead`."""
    matrix = np.vstack([problem.jacobian(point[:-1], float(point[-1])), ahead])
    try:
        tangent = np.linalg.solve(matrix, np.append(np.zeros(problem.size), 1.0))
    except np.linalg.LinAlgError:
        return ahead
    return tangent / np.linalg.norm(tangent)


def _bordered_sign(problem: LogitMap, point: FloatArray, tangent: FloatArray) -> float:
    """Sign of det [H_z H_λ; tangent], which changes where branches cross and not at folds."""
    matrix = np.vstack([problem.jacobian(point[:-1], float(point[-1])), tangent])
    return float(np.linalg.slogdet(matrix)[0])


def contract(table: FloatArray, rows: list[FloatArray | None]) -> FloatArray:
    """Contract each axis of `table` with its row of probabilities; an axis without one stays."""
    for axis in reversed(range(len(rows))):
        row = rows[axis]
        if row is not None:
            table = table @ row if axis == table.ndim - 1 else np.tensordot(table, row, axes=(axis, 0))
    return table
