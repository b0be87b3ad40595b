"""The social optimum of a congestion game: by branch and bound, then by integer programme, or between labelled bounds.

Where the cost tables are too large, a small game is decided by looking at every profile. Beyond, the answer is the best profile that
best responses and a descent find, and the bound the larger of two: what all pay where each player is alone on its cheapest action,
and what they pay where they may split their weight (`SplittableRouting`).
"""

from __future__ import annotations

import numpy as np

from poagame._arrays import FloatArray, IntArray
from poagame.errors import Infeasible, InvalidInput, TooLarge
from poagame.games.congestion import CongestionGame
from poagame.games.splittable import SplittableRouting
from poagame.latency import Latency
from poagame.outcome import Outcome
from poagame.solvers.best_response import equilibrium
from poagame.solvers.congestion import search_compiled as compiled
from poagame.solvers.congestion.cells import CellProblem, FallingLatency
from poagame.solvers.congestion.programme import TIME_LIMIT, Programme, programmable
from poagame.solvers.congestion.search import as_routing, cells_or_census, from_routing
from poagame.solvers.enumeration import Census
from poagame.solvers.optimum import RTOL, Optimum, social_optimum
from poagame.solvers.splittable import splittable_optimum

MAX_BRANCHES = 500_000
"""Most partial placements of the branch and bound (seconds); beyond, the integer programme decides."""

DESCENT_SWEEPS = 100
"""Most sweeps of the descent that gives branch and bound its first placement."""

MAX_TRIED = 30_000_000
"""Most numbers (players × actions × players) that the descent without tables looks at (seconds)."""

MAX_SPLIT = 20_000
"""Most rows × actions whose split the bound without tables asks for."""

STUCK = "no placement was found that keeps all loads below capacity; raise capacities"

CHECKED_LOADS = 1_000
"""Loads at which a latency must rise for the bound without tables."""


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
        If every profile costs infinity, or none that does not was found; or if a latency is NaN, or decreases in a game that is too
        large to look at every profile.
    """
    try:
        problem = cells_or_census(game)
    except TooLarge:
        return _without_tables(game)
    if isinstance(problem, Census):
        return _finite(Optimum(problem.optimum, problem.optimum_cost, problem.optimum_cost, Outcome.OPTIMAL))
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
    profile = problem.profile(best)
    social = float(game.social_cost(profile))
    return _finite(Optimum(profile, social, min(social, float(cost)), Outcome.OPTIMAL))


def _finite(optimum: Optimum) -> Optimum:
    if not np.isfinite(optimum.social_cost):
        raise InvalidInput(
            "every profile costs infinity: no placement keeps all loads below capacity; raise capacities"
        )
    return optimum


def _beyond_branches(
    game: CongestionGame, problem: CellProblem, best: IntArray, root: float, time_limit: float
) -> Optimum:
    known, bound, slack = [problem.profile(best)], root, 0.0
    if programmable(game) is not None:
        programme = Programme(problem)
        known_cost = float(game.social_cost(known[0]))
        x, proved = programme.optimum(known_cost if np.isfinite(known_cost) else None, time_limit)
        slack = programme.slack
        bound = max(bound, proved - slack)
        known += [] if x is None else [problem.profile(x)]
    costs = [float(game.social_cost(s)) for s in known]
    least = int(np.argmin(costs))
    if not np.isfinite(costs[least]):
        raise InvalidInput(STUCK)
    # the programme proves its bound up to its tolerance
    proved_here = costs[least] - bound <= RTOL * abs(costs[least]) + 2.0 * slack
    return Optimum(
        known[least], costs[least], min(bound, costs[least]), Outcome.OPTIMAL if proved_here else Outcome.BOUNDED
    )


def _without_tables(game: CongestionGame) -> Optimum:
    alone = _alone(game)
    bound = max(_alone_cost(game, alone), _split_cost(game))
    starts = alone.argmin(axis=1)[game.row_of].astype(np.int64), equilibrium(game).profile
    best = min((_descend(game, start) for start in starts), key=lambda profile: float(game.social_cost(profile)))
    cost = float(game.social_cost(best))
    if not np.isfinite(cost):
        raise InvalidInput(STUCK)
    proved = cost - bound <= RTOL * abs(cost)
    return Optimum(best, cost, min(bound, cost), Outcome.OPTIMAL if proved else Outcome.BOUNDED)


def _alone(game: CongestionGame) -> FloatArray:
    """[K, A]: what a player of each row pays for each action with its own load alone; no player ever pays less.

    Raises
    ------
    FallingLatency
        If a latency decreases between the loads looked at.
    """
    most = float(np.sum(game.weights))
    grid = np.linspace(float(np.min(game.row_weights)), most, CHECKED_LOADS)[:, None]
    for latency in game.latencies:
        costs = np.asarray(latency(np.broadcast_to(grid, (len(grid), game.num_resources))))
        with np.errstate(invalid="ignore"):
            falls = np.diff(costs, axis=0) < -1e-13 * np.abs(np.where(np.isfinite(costs), costs, 0.0)).max(axis=0)
        if np.isnan(costs).any():
            raise InvalidInput("a latency is NaN at some load")
        if falls.any():
            raise FallingLatency(
                "a latency decreases with load, and the lower bound of a game of this size needs nondecreasing ones"
            )
    sets = np.asarray(game.incidence)
    costs = np.full(sets.shape[:2], np.inf)
    for k, (which, weight) in enumerate(zip(game.latency_of, game.row_weights, strict=True)):
        own = np.asarray(game.latencies[which](np.full(game.num_resources, weight)))
        costs[k] = np.where(sets[k], own, 0.0).sum(axis=1)
    return np.where(game.available, costs, np.inf)


def _alone_cost(game: CongestionGame, alone: FloatArray) -> float:
    least = alone.min(axis=1)
    if game.objective == "makespan":
        return float(least.max())
    return float((np.asarray(game.row_weights) * least) @ np.asarray(game.multiplicity))


def _split_cost(game: CongestionGame) -> float:
    """What all pay at least if every player may split its weight over its actions, where that is asked for in seconds."""
    if not isinstance(game.latency, Latency) or game.objective == "makespan" or game.available.size > MAX_SPLIT:
        return -np.inf
    weights = np.asarray(game.row_weights) * np.asarray(game.multiplicity)
    try:
        return splittable_optimum(SplittableRouting(game.latency, game.actions, weights)).lower_bound
    except Infeasible:
        return -np.inf


def _descend(game: CongestionGame, profile: IntArray) -> IntArray:
    """Move single players, the heaviest first, to where all together pay least, until none helps or `MAX_TRIED` is spent."""
    profile, actions, players = profile.copy(), game.num_actions, game.num_players
    order = np.argsort(-game.weights, kind="stable")
    visits, idle = MAX_TRIED // (actions * max(players, game.num_resources)), 0
    cost = float(game.social_cost(profile))
    for visit in range(visits):
        mover = order[visit % players]
        tried = np.tile(profile, (actions, 1))
        tried[:, mover] = np.arange(actions)
        costs = np.asarray(game.social_cost(tried))
        to = int(costs.argmin())
        idle += 1
        if costs[to] < cost - 1e-12 * abs(cost) or (np.isinf(cost) and np.isfinite(costs[to])):
            profile[mover], cost, idle = to, float(costs[to]), 0
        if idle == players:
            break
    return profile


def _first(problem: CellProblem) -> IntArray:
    """All players of each type in its first cell."""
    x = np.zeros(len(problem.kind), np.int64)
    x[problem.shape.start[:-1]] = problem.shape.counts
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
    marginal[:, np.arange(problem.cost.shape[2]) >= problem.loads[:, None]] = np.inf
    return np.ascontiguousarray(np.minimum.accumulate(marginal[:, :, ::-1], axis=2)[:, :, ::-1])
