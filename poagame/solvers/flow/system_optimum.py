r"""The social optimum of a network: the equilibrium of its marginal-cost game, proved by the Frank–Wolfe bound."""

from __future__ import annotations

from poagame.certificates.flow import flow_lower_bound
from poagame.games.network import NetworkRouting
from poagame.outcome import Outcome
from poagame.solvers.flow.wardrop import WardropEquilibrium, wardrop
from poagame.solvers.optimum import Optimum, social_optimum

PROOF_RTOL = 1e-9
"""Relative difference of cost and bound up to which the optimum counts as proved."""


@social_optimum.register
def network_optimum(
    game: NetworkRouting, rtol: float = 1e-12, start: WardropEquilibrium | None = None, max_steps: int = 1000
) -> Optimum:
    """Flow of least social cost; `profile` is its load [E].

    Exact, with proof, where load · latency is convex and smooth. A table whose slopes fall somewhere has no proved bound (−∞), and one
    with kinks may leave a gap: the outcome is then `BOUNDED`.
    """
    found = wardrop(game.marginal_cost_game(), rtol=rtol, start=start, max_steps=max_steps)
    cost = float(game.social_cost(found.load))
    bound = flow_lower_bound(game, found.load)
    proved = cost - bound <= PROOF_RTOL * cost
    return Optimum(found.load, cost, min(bound, cost), Outcome.OPTIMAL if proved else Outcome.BOUNDED)
