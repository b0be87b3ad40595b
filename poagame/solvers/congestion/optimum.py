"""The social optimum of a congestion game: by branch and bound, then by integer programme, or between labelled bounds."""

from __future__ import annotations

import numpy as np

from poagame._arrays import FloatArray, IntArray
from poagame.errors import InvalidInput
from poagame.games.congestion import CongestionGame
from poagame.outcome import Outcome
from poagame.solvers.congestion import search_compiled as compiled
from poagame.solvers.congestion.programme import TIME_LIMIT, _programmable, _Programme
from poagame.solvers.congestion.search import CellProblem, as_routing, cell_problem, from_routing
from poagame.solvers.optimum import RTOL, Optimum, social_optimum

MAX_BRANCHES = 500_000
"""Most partial placements of the branch and bound (seconds); beyond, the integer programme decides."""

DESCENT_SWEEPS = 100
"""Most sweeps of the descent that gives branch and bound its first placement."""


@social_optimum.register
def _(game: CongestionGame) -> Optimum:
    routing = as_routing(game)
    if routing is not None:
        found = social_optimum(routing)
        profile = from_routing(game, found.profile)
        return Optimum(profile, float(game.social_cost(profile)), found.lower_bound, found.outcome)
    return optimum_by_search(game)


def optimum_by_search(
    game: CongestionGame, max_branches: int = MAX_BRANCHES, time_limit: float = TIME_LIMIT
) -> Optimum:
    """Branch and bound up to `max_branches` partial placements, then the integer programme up to its time limit.

    Raises
    ------
    InvalidInput
        If every profile costs infinity, or none that does not was found.
    TooLarge
        If the cost tables are too large.
    """
    problem = cell_problem(game)
    step = _steps(problem)
    best = _first(problem)
    cost = compiled.descend(problem.cost, problem.shape, problem.sets, problem.makespan, best, DESCENT_SWEEPS)
    while True:
        slack = 0.1 * RTOL * abs(cost) if np.isfinite(cost) else 0.0
        nodes, cost, root = compiled.least_social_cost(
            problem.cost, step, problem.shape, problem.sets, problem.makespan, slack, max_branches, cost, best
        )
        if nodes > max_branches or slack <= RTOL * abs(cost):
            break
    if nodes > max_branches:
        return _beyond_branches(game, problem, best, float(root), time_limit)
    if not np.isfinite(cost):
        raise InvalidInput(
            "every profile costs infinity: no placement keeps all loads below capacity; raise capacities"
        )
    profile = problem.profile(best)
    social = float(game.social_cost(profile))
    return Optimum(profile, social, min(social, float(cost)), Outcome.OPTIMAL)


def _beyond_branches(
    game: CongestionGame, problem: CellProblem, best: IntArray, root: float, time_limit: float
) -> Optimum:
    known, bound, slack = [problem.profile(best)], root, 0.0
    if _programmable(game) is not None:
        programme = _Programme(problem)
        known_cost = float(game.social_cost(known[0]))
        x, proved = programme.optimum(known_cost if np.isfinite(known_cost) else None, time_limit)
        slack = programme.slack
        bound = max(bound, proved - slack)
        known += [] if x is None else [problem.profile(x)]
    costs = [float(game.social_cost(s)) for s in known]
    least = int(np.argmin(costs))
    if not np.isfinite(costs[least]):
        raise InvalidInput("no placement was found that keeps all loads below capacity; raise capacities")
    # the programme proves its bound up to its tolerance
    proved_here = costs[least] - bound <= RTOL * abs(costs[least]) + 2.0 * slack
    return Optimum(
        known[least], costs[least], min(bound, costs[least]), Outcome.OPTIMAL if proved_here else Outcome.BOUNDED
    )


def _first(problem: CellProblem) -> IntArray:
    """All players of each type in its first cell."""
    x = np.zeros(len(problem.kind), np.int64)
    x[problem.shape[5][:-1]] = problem.shape[2]
    return x


def _steps(problem: CellProblem) -> FloatArray:
    """[L, R, S]: what one more player adds at least to the total, for each unit of its weight, where it makes the load an index.

    At least its own cost there; for equal weights and one latency the least marginal cost n c(n) − (n−1) c(n−1) from there on.
    """
    if not problem.linear or len(problem.cost) > 1 or problem.makespan:
        return problem.cost
    total = problem.cost * np.arange(problem.cost.shape[2])
    total[:, :, 0] = 0.0
    with np.errstate(invalid="ignore"):
        marginal = np.diff(total, axis=2, prepend=0.0)
    marginal[np.isnan(marginal)] = np.inf
    return np.ascontiguousarray(np.minimum.accumulate(marginal[:, :, ::-1], axis=2)[:, :, ::-1])
