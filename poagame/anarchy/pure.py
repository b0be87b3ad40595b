"""Worst and best pure Nash equilibrium of a finite game: one way for each kind of game."""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from poagame._arrays import IntArray
from poagame.anarchy.report import Costs
from poagame.certificates import certify_nash
from poagame.errors import NoEquilibrium, TooLarge
from poagame.games.caching import CachingGame
from poagame.games.congestion import CongestionGame
from poagame.games.protocols import FiniteGame
from poagame.games.routing import RoutingGame
from poagame.outcome import Outcome
from poagame.solvers.best_response import BestResponse, Equilibrium, equilibrium
from poagame.solvers.caching.extremes import caching_extremes
from poagame.solvers.caching.optimum import placement_optimum
from poagame.solvers.congestion.programme import pure_extremes
from poagame.solvers.enumeration import census
from poagame.solvers.optimum import Optimum, social_optimum
from poagame.solvers.routing.load_vectors import extreme_equilibria, typed_problem
from poagame.solvers.routing.room import check_room

NUM_STARTS = 20
"""Starts of best response where not all equilibria can be known."""


@singledispatch
def pure_costs(game: FiniteGame) -> tuple[Costs, Optimum]:
    """Worst and best pure equilibrium, and the optimum, of a finite game: by looking at every profile."""
    found = census(game)
    if found.worst is None or found.best is None:
        raise NoEquilibrium(
            f"the game has no pure equilibrium: all {game.num_actions}^{game.num_players} profiles were looked at. "
            "improvement_cycle(game) shows a cycle of best replies, and concept='mixed' looks for mixed equilibria"
        )
    optimum = Optimum(found.optimum, found.optimum_cost, found.optimum_cost, Outcome.OPTIMAL)
    profiles = game.num_actions**game.num_players
    return _costs(game, found.worst, found.best, optimum, f"all {profiles:,} profiles"), optimum


@pure_costs.register
def _(game: RoutingGame) -> tuple[Costs, Optimum]:
    check_room(game)
    if not game.is_static:
        try:
            return pure_costs.dispatch(object)(game)
        except TooLarge:
            return _from_starts(game)
    problem = typed_problem(game)
    optimum = social_optimum(game)
    try:
        extremes = extreme_equilibria(problem)
    except TooLarge:
        return _from_starts(game)
    kinds = f"{len(problem.counts)} type{'s' if len(problem.counts) > 1 else ''}"
    note = f"all load vectors of {game.num_players} requests of {kinds} on {game.num_actions} workers"
    worst, best = problem.profile(extremes.worst), problem.profile(extremes.best)
    return _costs(game, worst, best, optimum, note), optimum


@pure_costs.register
def _(game: CongestionGame) -> tuple[Costs, Optimum]:
    found, optimum = pure_extremes(game), social_optimum(game)
    limits = None if found.covered else (found.worst_bound, found.best_bound)
    return _costs(game, found.worst, found.best, optimum, found.note, limits), optimum


@pure_costs.register
def _(game: CachingGame) -> tuple[Costs, Optimum]:
    found, optimum = caching_extremes(game), placement_optimum(game)
    limits = None if found.covered else (found.worst_bound, found.best_bound)
    return _costs(game, found.worst, found.best, optimum, found.note, limits), optimum


def _from_starts(game: RoutingGame) -> tuple[Costs, Optimum]:
    rng = np.random.default_rng(0)
    starts = [None, *rng.integers(0, game.num_actions, (NUM_STARTS - 1, game.num_players))]
    found = [equilibrium(game, BestResponse(), start) for start in starts]
    found = [e for e in found if e.outcome is Outcome.CONVERGED]
    if not found:
        raise NoEquilibrium(f"best response from {NUM_STARTS} starts reached no equilibrium; the game may have none")
    costs = [e.social_cost for e in found]
    note = f"equilibria of best response from {NUM_STARTS} starts ({len(found)} converged); others may exist"
    worst, best = found[int(np.argmax(costs))].profile, found[int(np.argmin(costs))].profile
    optimum = social_optimum(game)
    return _costs(game, worst, best, optimum, note, (np.inf, -np.inf)), optimum


def _costs(
    game: FiniteGame,
    worst: IntArray,
    best: IntArray,
    optimum: Optimum,
    note: str,
    limits: tuple[float, float] | None = None,
) -> Costs:
    """Certify both; `limits` bound the costs of all equilibria where the two are not known to be the extremes."""
    high, low = (_as_equilibrium(game, profile) for profile in (worst, best))
    blurred = game.num_players * max(high.certificate.max_regret, low.certificate.max_regret)
    if not (high.certificate.holds and low.certificate.holds) or blurred > 1e-6 * optimum.social_cost:
        limits = (np.inf, -np.inf) if limits is None else limits
        note = f"{note}; but the regret of a profile found there is not small against the optimum"
    sure = high.certificate.holds, low.certificate.holds
    above, below = (high.social_cost, low.social_cost) if limits is None else limits
    below = max(below, min(optimum.lower_bound, low.social_cost))  # no equilibrium undercuts the optimum
    known = (high.social_cost if sure[0] else below, low.social_cost if sure[1] else above)
    return Costs(high, low, known[0], above, below, known[1], limits is None, note)


def _as_equilibrium(game: FiniteGame, profile: IntArray) -> Equilibrium:
    certificate = certify_nash(game, profile)
    outcome = Outcome.CONVERGED if certificate.holds else Outcome.NO_EQUILIBRIUM_FOUND
    return Equilibrium(profile, float(game.social_cost(profile)), certificate, outcome, 0)
