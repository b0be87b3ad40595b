"""Whether a split of a shared budget is a generalised equilibrium, by what each pool could gain within what the other leaves it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.games.resource import ResourceGame

TOLERANCE = 1e-8
"""Gain, as a share of requests, that a certificate tolerates."""

POINTS = 2_001
"""Choices of each pool that are looked at, evenly spread; the best of them is then looked at more closely."""

ZOOMS = 4


@dataclass(frozen=True, eq=False, slots=True)
class GeneralisedCertificate:
    """What each pool could gain by another number of GPUs within the budget.

    Attributes
    ----------
    regret : [2]
        Cost at the split less the least cost found among 2,001 choices and the neighbourhood of the best; ≥ 0. A narrower spike would be
        overlooked.
    excess : float
        GPUs over the budget or below the fewest, as a share of the budget.
    tolerance : float
        Largest regret and excess with which the certificate holds.
    """

    regret: FloatArray
    excess: float
    tolerance: float

    @property
    def max_regret(self) -> float:
        """The larger of the two."""
        return float(self.regret.max())

    @property
    def holds(self) -> bool:
        """Whether neither gains, and the split is possible."""
        return self.max_regret <= self.tolerance and self.excess <= self.tolerance


def certify_generalised(game: ResourceGame, x: ArrayLike, tolerance: float = TOLERANCE) -> GeneralisedCertificate:
    """Certificate of GPUs x [2] as a generalised equilibrium; uses the game's costs alone.

    Raises
    ------
    InvalidInput
        If x is no pair of numbers.

    Examples
    --------
    >>> from poagame.games.attainment import Quadratic
    >>> game = ResourceGame(1.0, Quadratic(1.0), Quadratic(0.5), least=0.0)
    >>> certify_generalised(game, [0.6, 0.4]).holds, certify_generalised(game, [0.4, 0.6]).holds
    (True, False)
    """
    point = as_floats(x, "x")
    require(point.shape == (2,), f"x is GPUs of both pools, [2]; got shape {point.shape}")
    low = np.asarray(game.least)
    excess = max(float(point.sum()) - game.budget, float((low - point).max()), 0.0) / game.budget
    now = game.player_costs(point)
    regret = np.zeros(2)
    for i in range(2):
        a, b = float(low[i]), max(float(low[i]), game.budget - float(point[1 - i]))
        for _ in range(ZOOMS):
            own = np.linspace(a, b, POINTS)
            both = np.empty((POINTS, 2))
            both[:, i], both[:, 1 - i] = own, point[1 - i]
            cost = game.player_costs(both)[:, i]
            regret[i] = max(regret[i], float(now[i] - cost.min()))
            k = int(cost.argmin())
            a, b = own[max(k - 1, 0)], own[min(k + 1, POINTS - 1)]
    return GeneralisedCertificate(regret, excess, tolerance)
