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


@dataclass(frozen=True, slots=True)
class VariationalCertificate:
    r"""How far a point is from a variational equilibrium.

    Attributes
    ----------
    residual : float
        :math:`\|x - P_X(x - tF(x))\| / \ell` with :math:`t = \ell / \|F(x)\|` and ℓ the larger of ‖x‖ and the norm of the game's start: a
        number without a unit, which no scaling of x or of the costs changes. 0 exactly at a solution; infinite where a cost is.
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
    moved = projection(x - force * (unit / size) if size > 0 else x)
    return float(np.linalg.norm(x - moved)) / unit
