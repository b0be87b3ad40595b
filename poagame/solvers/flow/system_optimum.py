r"""The social optimum of a network: the equilibrium of its marginal-cost game, proved by the Frank–Wolfe bound.

Where marginal costs jump, at kinks, that equilibrium need not exist, and quadratic programmes take over.
"""

from __future__ import annotations

from collections.abc import Sequence

from poagame._arrays import FloatArray
from poagame.certificates.flow import flow_lower_bound
from poagame.games.network import NetworkRouting
from poagame.latency.convexity import total_cost_is_convex
from poagame.latency.kinks import kinks
from poagame.outcome import Outcome
from poagame.solvers.flow import nonconvex
from poagame.solvers.flow.path_flows import require_network
from poagame.solvers.flow.wardrop import WardropEquilibrium, wardrop
from poagame.solvers.optimum import Optimum, social_optimum

PROOF_RTOL = 1e-9
"""Relative difference of cost and bound up to which the optimum counts as proved."""

FEW_STEPS = 5
"""Rounds of shortest paths before a quadratic programme, where marginal costs jump and more of them would converge slowly if at all."""


@social_optimum.register
def network_optimum(
    game: NetworkRouting, rtol: float = 1e-12, start: WardropEquilibrium | None = None, max_steps: int = 1000
) -> Optimum:
    """Flow of least social cost; `profile` is its load [E].

    Exact, with proof, where load · latency is convex: smooth, or with known kinks (tables, and sums with them) on networks of up to
    some 100,000 pairs of origin and edge; on larger ones kinks may leave a gap. Where it is not known to be convex (a table whose
    slopes fall somewhere, a latency of the user's own) the best of several searches is returned, with the bound of the convex
    hulls. The outcome is `OPTIMAL` where cost and bound meet, else `BOUNDED`.

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
    marginal = game.marginal_cost_game()
    if not total_cost_is_convex(game.latency).all():
        found = wardrop(marginal, rtol, start, min(max_steps, nonconvex.MAX_STEPS))
        # every flow's prices bound the optimum
        return _best(game, [(load, flow_lower_bound(game, load)) for load in nonconvex.good_flows(game, found)]), found
    corners = kinks(game.latency)
    kinked = bool(((corners > 0.0) & (corners < game.total_demand)).any())
    found = wardrop(marginal, rtol, start, min(max_steps, FEW_STEPS) if kinked else max_steps)
    tried = [(found.load, flow_lower_bound(game, found.load))]
    if kinked and _best(game, tried).outcome is not Outcome.OPTIMAL:
        from poagame.solvers.flow.kinked import refined  # here: cvxpy takes most of a second

        for more in refined(game, found.load):
            tried.append(more)
            if _best(game, tried).outcome is Outcome.OPTIMAL:
                break
        else:
            found = wardrop(marginal, rtol, found, max_steps)
            tried.append((found.load, flow_lower_bound(game, found.load)))
    return _best(game, tried), found


def _best(game: NetworkRouting, tried: Sequence[tuple[FloatArray, float]]) -> Optimum:
    """Of loads with bounds the cheapest, with the best bound."""
    costs = [float(game.social_cost(load)) for load, _ in tried]
    least = min(costs)
    bound = max(bound for _, bound in tried)
    proved = least - bound <= PROOF_RTOL * least
    load = tried[costs.index(least)][0]
    return Optimum(load, least, min(bound, least), Outcome.OPTIMAL if proved else Outcome.BOUNDED)
