r"""How far mixed strategies are from a logit equilibrium.

At temperature τ every player plays each action with probability proportional to :math:`\exp(-\mathbb{E}[c_i(a)]/\tau)` [mckelvey1995]_.

.. [mckelvey1995] McKelvey, Palfrey: Quantal response equilibria for normal form games, Games and Economic Behavior 10 (1995).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import as_floats
from poagame.games.checks import positive
from poagame.games.normal_form import NormalFormGame
from poagame.games.protocols import FiniteGame, as_finite

TOLERANCE = 1e-8
"""Residual that a certificate tolerates, a difference of probabilities."""


@dataclass(frozen=True, slots=True)
class LogitCertificate:
    """How far mixed strategies are from a logit equilibrium.

    Attributes
    ----------
    residual : float
        The largest difference of p_ia and the logit response, without a unit. 0 exactly at an equilibrium.
    tolerance : float
        Largest residual with which the certificate holds.
    """

    residual: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the strategies are a logit equilibrium up to `tolerance`."""
        return self.residual <= self.tolerance


def certify_logit(game: FiniteGame, strategies: ArrayLike, temperature: float) -> LogitCertificate:
    """Certificate of mixed strategies [N, A] as a logit equilibrium, from the expected action costs alone.

    Parameters
    ----------
    game : FiniteGame
        Tabulated if it is no `NormalFormGame`.
    strategies : [N, A]
    temperature : float
        τ > 0, in cost units.

    Raises
    ------
    InvalidInput
        If the temperature is not positive or the strategies are none.
    TooLarge
        If the game is too large to tabulate.
    """
    temperature = positive(temperature, "temperature")
    table = NormalFormGame.of(as_finite(game, "certify_logit"))
    p = table.mixed(as_floats(strategies, "strategies"))
    costs = table.expected_action_costs(p)
    weights = np.exp(-(costs - costs.min(axis=1, keepdims=True)) / temperature)
    response = weights / weights.sum(axis=1, keepdims=True)
    return LogitCertificate(float(np.abs(p - response).max()), TOLERANCE)
