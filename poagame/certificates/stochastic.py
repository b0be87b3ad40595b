"""Are these path flows a stochastic user equilibrium?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame.certificates.flow import Paths
from poagame.games.network import NetworkRouting


@dataclass(frozen=True, slots=True)
class StochasticCertificate:
    """How far path flows are from the logit flows at their own costs.

    Attributes
    ----------
    residual : float
        max over paths of |flow − demand · softmax(−cost/temperature)| / demand.
    conservation_error : float
        Largest relative difference of a commodity's flows from its demand.
    rtol : float
        Residual that was asked for.
    """

    residual: float
    conservation_error: float
    rtol: float

    @property
    def holds(self) -> bool:
        """Whether both are small."""
        return self.residual <= self.rtol and self.conservation_error <= 1e-12


def certify_stochastic(game: NetworkRouting, temperature: float, paths: Paths, rtol: float) -> StochasticCertificate:
    """Certificate of `paths` (path_ptr, path_edges, flow, commodity) over the listed paths, one path at a time."""
    ptr, edges, flow, commodity = paths
    load = np.zeros(game.num_edges)
    np.add.at(load, edges, np.repeat(flow, np.diff(ptr)))
    cost = np.asarray(game.edge_cost(load), dtype=np.float64)
    residual = imbalance = 0.0
    for k in np.unique(commodity):
        mine = np.flatnonzero(commodity == k)
        paid = np.array([cost[edges[ptr[p] : ptr[p + 1]]].sum() for p in mine])
        weight = np.exp(-(paid - paid.min()) / temperature)
        demand = float(game.demand[k])
        residual = max(residual, float(np.abs(flow[mine] / demand - weight / weight.sum()).max()))
        imbalance = max(imbalance, abs(float(flow[mine].sum()) / demand - 1.0))
    return StochasticCertificate(residual, imbalance, rtol)
