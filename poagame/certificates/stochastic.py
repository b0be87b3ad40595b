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
        max over paths of abs(flow − demand · softmax(−cost/temperature)) / demand; infinite where one is no simple path of its
        commodity, or is listed twice.
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
    """Certificate of `paths` (path_ptr, path_edges, flow, commodity) over the listed paths, one path at a time.

    Whether the list holds all paths is not asked: what holds is an equilibrium among those that are listed.
    """
    ptr, edges, flow, commodity = paths
    listed = [(int(k), tuple(edges[ptr[p] : ptr[p + 1]].tolist())) for p, k in enumerate(commodity)]
    missing = np.setdiff1d(np.flatnonzero(game.demand > 0), commodity)
    if len(set(listed)) < len(listed) or missing.size or not all(_is_path(game, k, row) for k, row in listed):
        return StochasticCertificate(np.inf, np.inf, rtol)
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


def _is_path(game: NetworkRouting, k: int, row: tuple[int, ...]) -> bool:
    """Whether the edges lead from k's origin to its destination, through no node twice and none that is closed."""
    if not (0 <= k < game.num_commodities and row and min(row) >= 0 and max(row) < game.num_edges):
        return False
    nodes = [int(game.origin[k]), *(int(game.head[e]) for e in row)]
    return (
        all(int(game.tail[e]) == node for e, node in zip(row, nodes, strict=False))
        and nodes[-1] == int(game.destination[k])
        and len(set(nodes)) == len(nodes)
        and min(nodes[1:-1], default=game.num_nodes) >= game.first_through
    )
