r"""Variational inequalities by first-order methods with steps that adapt to the operator.

Find :math:`x \in X` with :math:`\langle F(x), y - x\rangle \ge 0` for all :math:`y \in X`. Both methods converge for
every monotone, locally Lipschitz
F that has a solution, linearly if F is strongly monotone or affine on a polyhedron; beyond, the certificate decides.

.. [korpelevich1976] Korpelevich: The extragradient method for finding saddle points and other problems, Matecon 12 (1976).
.. [khobotov1987] Khobotov: Modification of the extra-gradient method, USSR Computational Mathematics and Mathematical Physics 27 (1987).
.. [marcotte1991] Marcotte: Application of Khobotov's algorithm to variational inequalities and network equilibrium
   problems, INFOR 29 (1991).
.. [malitsky2015] Malitsky: Projected reflected gradient methods for monotone variational inequalities, SIAM Journal
   on Optimization 25 (2015).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.certificates.variational import RTOL, VariationalCertificate, certify_variational, natural_residual
from poagame.errors import InvalidInput
from poagame.games.protocols import FiniteGame, FlowGame, JointlyConvexGame
from poagame.outcome import Outcome

Map: TypeAlias = Callable[[FloatArray], FloatArray]

CONTRACTION = 0.9
"""Extragradient steps keep t ‖F(x) − F(y)‖ ≤ this × ‖x − y‖; below 1 the method converges."""

REFLECTION = 0.4
"""The same for reflected steps, which need a number below √2 − 1."""

SHRINK = 0.5
"""Factor on a step that left the region of finite costs."""


@dataclass(frozen=True, eq=False, slots=True)
class Steps:
    """Where a method ended: the point, steps made, and whether its own stopping rule was met."""

    x: FloatArray
    num_steps: int
    converged: bool


@dataclass(frozen=True, slots=True)
class Extragradient:
    r"""Korpelevich's method: :math:`y = P(x - tF(x))`, then :math:`x^+ = P(x - tF(y))` [korpelevich1976]_.

    F is evaluated at points of X alone, and steps are shortened where costs would be infinite, so it suits costs with a
    capacity. The step adapts by Khobotov's and Marcotte's rule [khobotov1987]_ [marcotte1991]_.

    Parameters
    ----------
    rtol : float
        Natural residual (`VariationalCertificate.residual`) to stop at.
    max_steps : int
    step : float, optional
        First step length t; estimated where not given.

    Raises
    ------
    InvalidInput
        If a parameter is not positive.
    """

    rtol: float = 1e-10
    max_steps: int = 100_000
    step: float | None = None

    def __post_init__(self) -> None:
        _check(self.rtol, self.max_steps, self.step)

    def run(self, operator: Map, projection: Map, start: FloatArray, length: float) -> Steps:
        """Iterate from `start`, a point of X with finite F, until the residual relative to `length` is at most `rtol`."""
        x, force = start, _finite_at(operator, start)
        step = self.step or _first_step(operator, projection, x, force, length)
        for k in range(self.max_steps):
            while True:
                y = projection(x - step * force)
                moved = float(np.linalg.norm(y - x))
                if _small(moved, step, force, length, self.rtol) or (
                    moved <= self.rtol * length and natural_residual(operator, projection, x, length) <= self.rtol
                ):
                    return Steps(x, k, True)
                there = operator(y)
                change = float(np.linalg.norm(there - force))
                if not np.isfinite(change):
                    step *= SHRINK
                    continue
                if step * change > CONTRACTION * moved:
                    step *= max(0.1, min(0.8, 0.8 * CONTRACTION * moved / (step * change)))
                    continue
                new = projection(x - step * there)
                new_force = operator(new)
                if np.isfinite(new_force).all():
                    break
                step *= SHRINK
            if step * change < 0.6 * CONTRACTION * moved:
                step *= 1.3
            x, force = new, new_force
            length = max(length, float(np.linalg.norm(x)))
        return Steps(x, self.max_steps, False)


@dataclass(frozen=True, slots=True)
class ProjectedReflectedGradient:
    r"""Malitsky's method: :math:`x^+ = P(x - tF(y))` with the reflected point :math:`y = x + \tau(x - x^-)` [malitsky2015]_.

    One projection and usually one value of F a step, half of extragradient's. Steps adapt downwards only (τ is the ratio of
    the last two). F is also evaluated outside X, where it must be defined and, for the guarantee, monotone; a game of loads,
    which are nonnegative, is not, and says so: use `Extragradient` there.

    Parameters
    ----------
    rtol, max_steps, step
        As for `Extragradient`.

    Raises
    ------
    InvalidInput
        If a parameter is not positive.
    """

    rtol: float = 1e-10
    max_steps: int = 100_000
    step: float | None = None

    def __post_init__(self) -> None:
        _check(self.rtol, self.max_steps, self.step)

    def run(self, operator: Map, projection: Map, start: FloatArray, length: float) -> Steps:
        """Iterate from `start`, a point of X with finite F, until the residual relative to `length` is at most `rtol`."""
        force = _finite_at(operator, start)
        step = self.step or _first_step(operator, projection, start, force, length)
        before, x, y = start, projection(start - step * force), start
        for k in range(self.max_steps):
            last = step
            while True:
                reflected = x + (step / last) * (x - before)
                new_force = operator(reflected)
                change, moved = float(np.linalg.norm(new_force - force)), float(np.linalg.norm(reflected - y))
                if np.isfinite(change) and step * change <= REFLECTION * moved:
                    break
                if moved == 0.0:  # x and both reflected points agree; F is a function, so `change` was 0 too
                    raise InvalidInput(
                        "the operator gave two values at one point, or an infinite one inside the feasible set"
                    )
                ratio = REFLECTION * moved / (step * change) if np.isfinite(change) else SHRINK
                step *= max(0.1, min(0.9, 0.9 * ratio))
            y, force = reflected, new_force
            before, x = x, projection(x - step * force)
            length = max(length, float(np.linalg.norm(x)))
            # cheap signs of convergence first: the residual itself costs a value of F
            near = float(np.linalg.norm(x - before)) + float(np.linalg.norm(y - before))
            if (near <= self.rtol * length or _small(near, step, force, length, self.rtol)) and natural_residual(
                operator, projection, x, length
            ) <= self.rtol:
                return Steps(x, k + 1, True)
        return Steps(x, self.max_steps, False)


Solver: TypeAlias = Extragradient | ProjectedReflectedGradient


@dataclass(frozen=True, eq=False, slots=True)
class VariationalEquilibrium:
    """A point that the players of a jointly convex game have no reason to leave, with equal multipliers of shared constraints.

    Attributes
    ----------
    x : array
        In the shape of the game's variables.
    social_cost : float
    certificate : VariationalCertificate
        Evaluated at `x` from the game's projection and pseudogradient alone.
    outcome : Outcome
        CONVERGED exactly where the certificate holds.
    num_steps : int
        Steps of the solver.
    """

    x: FloatArray
    social_cost: float
    certificate: VariationalCertificate
    outcome: Outcome
    num_steps: int

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.outcome} (social cost {self.social_cost:.6g}, natural residual {self.certificate.residual:.3g},"
            f" {self.num_steps} steps)"
        )


@singledispatch
def direct(game: object) -> Steps | None:
    """The solution of a game that needs no iterations, if there is one; a kind of game registers its own beside its solver."""
    return None


def variational_equilibrium(
    game: JointlyConvexGame, solver: Solver | None = None, start: ArrayLike | None = None
) -> VariationalEquilibrium:
    """Find a variational equilibrium of a jointly convex game.

    Parameters
    ----------
    game : JointlyConvexGame
        A `ResourceGame` is solved on its budget line.
    solver : Extragradient or ProjectedReflectedGradient, optional
    start : array, optional
        Where to begin, projected onto the feasible set; `game.start()` where not given.

    Raises
    ------
    InvalidInput
        If the game is no `JointlyConvexGame`, or a cost is infinite or NaN at the start.

    Examples
    --------
    Two players with costs (x1 − 1)² and (x2 − 1/2)² share x1 + x2 ≤ 1: every (t, 1 − t) with t between 1/2 and 1 is a generalised
    equilibrium, one of them variational.

    >>> import numpy as np
    >>> class Shared:
    ...     def pseudogradient(self, x):
    ...         return 2.0 * (np.asarray(x) - [1.0, 0.5])
    ...     def projection(self, x):
    ...         return x - max(0.0, np.sum(x) - 1.0) / 2.0
    ...     def social_cost(self, x):
    ...         return float(np.sum((np.asarray(x) - [1.0, 0.5]) ** 2))
    ...     def start(self):
    ...         return np.zeros(2)
    >>> variational_equilibrium(Shared()).x.round(9).tolist()
    [0.75, 0.25]
    """
    if not isinstance(game, JointlyConvexGame):
        instead = ""
        if isinstance(game, FlowGame):
            instead = "; for a network use wardrop(game)"
        elif isinstance(game, FiniteGame):
            instead = "; for finitely many actions use equilibrium(game) or mixed_equilibria(game)"
        raise InvalidInput(
            f"variational_equilibrium needs a game over real vectors, and {type(game).__name__} is none: it lacks pseudogradient, "
            f"projection, social_cost or start{instead}"
        )
    origin = game.start()
    first = game.projection(origin if start is None else as_floats(start, "start"))
    length = max(float(np.linalg.norm(first)), float(np.linalg.norm(origin)))
    steps = direct(game) if solver is None and start is None else None
    certificate = None if steps is None else certify_variational(game, steps.x)
    if steps is None or certificate is None or not certificate.holds:
        steps = (solver or Extragradient()).run(game.pseudogradient, game.projection, first, length)
        certificate = certify_variational(game, steps.x)
    outcome = Outcome.CONVERGED if certificate.holds else Outcome.MAX_STEPS_REACHED
    return VariationalEquilibrium(steps.x, float(game.social_cost(steps.x)), certificate, outcome, steps.num_steps)


@dataclass(frozen=True, eq=False, slots=True)
class VariationalPoint:
    """A point found for a bare operator and projection: `x`, its certificate, how the solver ended, its steps."""

    x: FloatArray
    certificate: VariationalCertificate
    outcome: Outcome
    num_steps: int


def solve_variational(
    operator: Map, projection: Map, start: ArrayLike, solver: Solver | None = None
) -> VariationalPoint:
    """Solve VI(X, F) for any operator F and the projection onto X, from a start that is projected first.

    Raises
    ------
    InvalidInput
        If F is infinite or NaN at the start.

    Examples
    --------
    >>> import numpy as np
    >>> turn = lambda z: np.array([z[1], -z[0]])  # monotone, not a gradient: plain projected steps would circle
    >>> np.abs(solve_variational(turn, lambda z: np.clip(z, -1, 1), [1.0, 1.0]).x).max().round(9)
    np.float64(0.0)
    """
    first = projection(as_floats(start, "start"))
    length = float(np.linalg.norm(first))
    steps = (solver or Extragradient()).run(operator, projection, first, length)
    residual = natural_residual(operator, projection, steps.x, max(length, float(np.linalg.norm(steps.x))))
    certificate = VariationalCertificate(residual, RTOL)
    outcome = Outcome.CONVERGED if certificate.holds else Outcome.MAX_STEPS_REACHED
    return VariationalPoint(steps.x, certificate, outcome, steps.num_steps)


def _check(rtol: float, max_steps: int, step: float | None) -> None:
    require(0.0 < rtol < np.inf, f"rtol must be positive; got {rtol}")
    require(max_steps >= 1, f"max_steps must be at least 1; got {max_steps}")
    require(step is None or 0.0 < step < np.inf, f"step must be positive; got {step}")


def _finite_at(operator: Map, x: FloatArray) -> FloatArray:
    force = np.asarray(operator(x), dtype=np.float64)
    if force.shape != x.shape:
        raise InvalidInput(f"the operator must keep the shape of x, {x.shape}; it gave {force.shape}")
    if not np.isfinite(force).all():
        raise InvalidInput("a cost is infinite or NaN at the start: begin where all loads are below their capacities")
    return force


def _first_step(operator: Map, projection: Map, x: FloatArray, force: FloatArray, length: float) -> float:
    """1 / (Lipschitz constant of F between x and a point nearby), or what moves x by its own length if F is constant there."""
    size = float(np.linalg.norm(force))
    unit = length if length > 0 else 1.0
    step = unit / size if size > 0 else unit
    for _ in range(60):
        y = projection(x - 1e-3 * step * force)
        change = float(np.linalg.norm(operator(y) - force))
        if np.isfinite(change):
            moved = float(np.linalg.norm(y - x))
            return 0.5 * moved / change if change > 1e-12 * size and moved > 0 else step
        step *= 0.1
    return step


def _small(moved: float, step: float, force: FloatArray, length: float, rtol: float) -> bool:
    """Whether a projected step of length `step` that moved x by `moved` proves a residual of at most `rtol`.

    ‖x − P(x − tF)‖ grows with t, and grows less than t does.
    """
    size = float(np.linalg.norm(force))
    unit = length if length > 0 else 1.0
    wanted = unit / size if size > 0 else step
    return moved * max(1.0, wanted / step) <= rtol * unit
