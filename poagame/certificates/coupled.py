"""Whether a state of a coupled game is an equilibrium of every layer, each certified on its own game."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame.certificates.nash import NashCertificate, certify_nash
from poagame.games.coupled import LAYERS, CoupledGame, CoupledState, Layer


@dataclass(frozen=True, eq=False, slots=True)
class CoupledCertificate:
    """A certificate for each layer, the other layers kept as they are.

    Attributes
    ----------
    routing, caching, resource : NashCertificate
        Largest gains of requests, of workers' stores, and of the Planner or the pools, in their own units.
    """

    routing: NashCertificate
    caching: NashCertificate
    resource: NashCertificate

    @property
    def holds(self) -> bool:
        """Whether nobody in any layer gains."""
        return all(getattr(self, name).holds for name in LAYERS)

    @property
    def unstable(self) -> tuple[Layer, ...]:
        """Layers in which somebody gains."""
        return tuple(name for name in LAYERS if not getattr(self, name).holds)

    @property
    def max_regret(self) -> dict[Layer, float]:
        """Largest gain in each layer, in the unit of its costs."""
        return {name: float(np.max(getattr(self, name).max_regret)) for name in LAYERS}


def certify_coupled(game: CoupledGame, state: CoupledState) -> CoupledCertificate:
    """Certificate of a state, layer by layer; uses the layers' games alone."""
    return CoupledCertificate(
        **{name: certify_nash(game.layer(name, state), game.profile(name, state)) for name in LAYERS}
    )
