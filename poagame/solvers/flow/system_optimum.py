r"""The social optimum of a network: the equilibrium of its marginal-cost game, proved by the Frank–Wolfe bound."""

from __future__ import annotations

import numpy as np

from poagame.certificates.flow import flow_lower_bound
from poagame.games.network import NetworkRouting
from poagame.latency.convexity import total_cost_is_convex
from poagame.outcome import Outcome
from poagame.solvers.flow import nonconvex
from poagame.solvers.flow.path_flows import require_network
from poagame.solvers.flow.wardrop import WardropEquilibrium, wardrop
from poagame.solvers.optimum import Optimum, social_optimum

PROOF_RTOL = 1e-9
"""Relative difference of cost and bound up to which the optimum counts as proved."""


@social_optimum.register
def network_optimum(
    game: NetworkRouting, rtol: float = 1e-12, start: WardropEquilibrium | None = None, max_steps: int = 1000
) -> Optimum:
    """Flow of least social cost; `profile` is its load [E].

    Exact, with proof, where load · latency is convex and smooth; kinks may leave a gap. Where it is not known to be convex (a table
    whose slopes fall somewhere, a latency of the user's own) the best of several searches is returned, with the bound of the
    convex hulls. The outcome is `OPTIMAL` where cost and bound meet, else `BOUNDED`.

    Raises
    ------
    Infeasible, InvalidInput
        As `wardrop`.
    """
    return system_optimum(game, rtol, start, max_steps)[0]


def system_optimum(
    game: NetworkRouting, rtol: float = 1e-12, start: WardropEquilibrium | None = None, max_steps: int = 1000
) -> tuple[Optimum, WardropEquilibrium]:
    """`network_optimum`, and the equilibrium of the marginal-cost game behind it: a `start` for the same network at other demand."""
    require_network(game, "network_optimum")
    convex = bool(total_cost_is_convex(game.latency).all())
    steps = max_steps if convex else min(max_steps, nonconvex.MAX_STEPS)
    found = wardrop(game.marginal_cost_game(), rtol, start, steps)
    loads = [found.load] if convex else nonconvex.good_flows(game, found)
    costs = [float(game.social_cost(load)) for load in loads]
    best = int(np.argmin(costs))
    # every flow's prices bound the optimum
    bound = max(flow_lower_bound(game, load) for load in loads)
    proved = costs[best] - bound <= PROOF_RTOL * costs[best]
    outcome = Outcome.OPTIMAL if proved else Outcome.BOUNDED
    return Optimum(loads[best], costs[best], min(bound, costs[best]), outcome), found
