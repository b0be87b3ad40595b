r"""How far a point is from solving a variational inequality, by its natural residual.

:math:`x \in X` solves VI(X, F), that is :math:`\langle F(x), y - x\rangle \ge 0` for all :math:`y \in X`, exactly if
:math:`x = P_X(x - t F(x))` for one and then for every t > 0 [facchinei2003]_. For F the pseudogradient of a jointly convex game the
solutions are its variational equilibria [facchinei2007]_.

.. [facchinei2003] Facchinei, Pang: Finite-Dimensional Variational Inequalities and Complementarity Problems,
   Springer 2003, Proposition 1.5.8.
.. [facchinei2007] Facchinei, Kanzow: Generalized Nash equilibrium problems, 4OR 5 (2007).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats
from poagame.games.protocols import JointlyConvexGame

RTOL = 1e-8
"""Natural residual that a certificate tolerates; that of the solvers' default answers is a hundredth of it."""

EXACT = 1e-10
"""A residual by the force alone that needs no look around."""

NEARBY = 1e-3
"""Steps, relative to the length, by which the size of a force that is close to 0 is judged."""


@dataclass(frozen=True, slots=True)
class VariationalCertificate:
    r"""How far a point is from a variational equilibrium.

    Attributes
    ----------
    residual : float
        :math:`\|x - P_X(x - tF(x))\| / \ell` with ℓ the larger of ‖x‖ and the norm of the game's start and :math:`t = \ell / \max(\|F(x)\|,
        \Delta)`: a number without a unit, which no scaling of x or of the costs changes. 0 exactly at a solution; infinite where a cost
        is. Δ is the change of F by a step of ℓ/1000 along or against F(x), the smaller one: at a solution inside X the force is rounding
        alone, which says nothing about its own size.
    tolerance : float
        Largest residual with which the certificate holds.
    """

    residual: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the point solves the variational inequality up to `tolerance`."""
        return self.residual <= self.tolerance


def certify_variational(game: JointlyConvexGame, x: ArrayLike, rtol: float = RTOL) -> VariationalCertificate:
    """Certificate of x as a variational equilibrium; uses the game's projection, pseudogradient and start alone.

    Raises
    ------
    InvalidInput
        If x holds NaN or infinite entries.
    """
    point = as_floats(x, "x")
    length = max(float(np.linalg.norm(point)), float(np.linalg.norm(game.start())))
    return VariationalCertificate(natural_residual(game.pseudogradient, game.projection, point, length), rtol)


def natural_residual(
    operator: Callable[[FloatArray], FloatArray],
    projection: Callable[[FloatArray], FloatArray],
    x: FloatArray,
    length: float,
) -> float:
    """Natural residual of x for any operator F and projection P, relative to `length` > 0, which has the unit of x."""
    force = np.asarray(operator(x), dtype=np.float64)
    if not np.isfinite(force).all():
        return float("inf")
    size = float(np.linalg.norm(force))
    unit = length if length > 0 else 1.0
    if size == 0.0:
        return float(np.linalg.norm(x - projection(x))) / unit
    residual = float(np.linalg.norm(x - projection(x - force * (unit / size)))) / unit
    if residual <= EXACT:
        return residual
    step = force * (NEARBY * unit / size)
    changes = [float(np.linalg.norm(operator(projection(x + s)) - force)) for s in (step, -step)]
    change = min(changes)  # near a capacity one of them may be as large as can be
    if size < change < np.inf:
        residual = float(np.linalg.norm(x - projection(x - force * (unit / change)))) / unit
    return residual
