r"""Is the variational equilibrium the only one? Rosen's diagonal strict concavity, looked at numerically.

If the symmetric part of the pseudogradient's Jacobian is positive definite on the feasible set there is one variational equilibrium
[rosen1965]_ (with equal weights). For pools that are not coupled it is diagonal: both attainments strictly concave.

.. [rosen1965] Rosen: Existence and uniqueness of equilibrium points for concave n-person games, Econometrica 33 (1965).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame._arrays import FloatArray
from poagame.games.checks import require_instance, whole
from poagame.games.resource import ResourceGame

STEP = 1e-4
"""Of differences, as a share of the budget."""


@dataclass(frozen=True, eq=False, slots=True)
class Uniqueness:
    """What a grid of the feasible set tells of the pseudogradient.

    Attributes
    ----------
    least_eigenvalue : float
        Of the symmetric part of the Jacobian (by differences), over the grid.
    at : [2]
        GPUs at which it is least.
    points : int
        Of the grid; between them nothing is known.
    failures : [M, 2]
        GPUs at which the eigenvalue is not positive.
    """

    least_eigenvalue: float
    at: FloatArray
    points: int
    failures: FloatArray

    @property
    def strictly_monotone(self) -> bool:
        """Whether all eigenvalues of the grid are positive, so that there is one variational equilibrium as far as the grid tells."""
        return self.least_eigenvalue > 0.0

    def __str__(self) -> str:
        """A line."""
        if self.strictly_monotone:
            return f"strictly monotone at all {self.points:,} points (least eigenvalue {self.least_eigenvalue:.3g})"
        return (
            f"not strictly monotone at {len(self.failures):,} of {self.points:,} points, "
            f"the worst ({self.at[0]:.4g}, {self.at[1]:.4g}) with eigenvalue {self.least_eigenvalue:.3g}"
        )


def uniqueness(game: ResourceGame, side: int = 65) -> Uniqueness:
    """Test for Rosen's diagonal strict concavity on a grid of the budget's triangle, `side` points along each edge.

    Raises
    ------
    InvalidInput
        If side is no whole number of at least 2.

    Examples
    --------
    >>> from poagame.games.attainment import PrefillQueue, Quadratic
    >>> print(uniqueness(ResourceGame(1.0, Quadratic(1.0), Quadratic(0.5), least=0.0)))
    strictly monotone at all 2,145 points (least eigenvalue 2)
    >>> uniqueness(ResourceGame(8.0, PrefillQueue(10.0, 200.0, 400.0), Quadratic(3.0, 0.1))).strictly_monotone
    False
    """
    require_instance(game, ResourceGame, "game")
    n, low = whole(side, "side", 2, 2_000), np.asarray(game.least)
    room = game.budget - float(low.sum())
    p, d = np.meshgrid(np.linspace(0.0, room, n), np.linspace(0.0, room, n), indexing="ij")
    x = np.stack([p, d], axis=-1)[p + d <= room * (1.0 + 1e-12)] + low
    step = STEP * game.budget
    # one-sided at the fewest GPUs, below which curves may be undefined
    back = np.minimum(step, x - low)
    jacobian = np.empty((len(x), 2, 2))
    for k in range(2):
        ahead, behind = x.copy(), x.copy()
        ahead[:, k] += step
        behind[:, k] -= back[:, k]
        width = (ahead[:, k] - behind[:, k])[:, None]
        jacobian[:, :, k] = (game.pseudogradient(ahead) - game.pseudogradient(behind)) / width
    least = np.linalg.eigvalsh(0.5 * (jacobian + jacobian.transpose(0, 2, 1)))[:, 0]
    k = int(least.argmin())
    return Uniqueness(float(least[k]), x[k], len(x), x[least <= 0.0])
