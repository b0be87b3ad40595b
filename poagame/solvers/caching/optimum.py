"""The social optimum of a caching game: object by object where they do not compete, by all profiles, an integer programme or prices."""

from __future__ import annotations

from time import monotonic

import numpy as np

from poagame._arrays import FloatArray, IntArray
from poagame.certificates.hierarchical import HierarchicalGame
from poagame.errors import InvalidInput, TooLarge
from poagame.games.caching import CachingGame
from poagame.games.checks import positive
from poagame.games.protocols import num_profiles_exceed
from poagame.outcome import Outcome
from poagame.solvers.caching.facility import facility_location
from poagame.solvers.caching.hierarchical import hierarchical_optimum
from poagame.solvers.caching.objects import MAX_NUMBERED, SHARED, is_separable, joined, object_games
from poagame.solvers.caching.programme import TIME_LIMIT, optimal_placement
from poagame.solvers.caching.stores_programme import stores_optimum
from poagame.solvers.enumeration import census
from poagame.solvers.optimum import Optimum, social_optimum

SMALL = 4096
"""Most profiles of a game that are all looked at, in milliseconds."""

RTOL = 1e-9
"""Relative gap between cost and the bound of prices at which the optimum counts as proved: sums of thousands of numbers tell no more."""


@social_optimum.register
def _(game: CachingGame) -> Optimum:
    return placement_optimum(game)


def placement_optimum(game: CachingGame, time_limit: float = TIME_LIMIT) -> Optimum:
    """The cheapest placement for all together, with a lower bound; fixed choices are kept.

    Objects that do not compete for places are solved one by one, equal ones once, and summed. One object: by all profiles of tiny games,
    else by prices of the readers, which prove most optima of thousands of nodes (`facility`); where they leave a gap by an integer
    programme up to some 250 nodes, a thousand in clusters (`programme`). Competing objects: on hierarchies of links by a flow
    (`hierarchical`), else by all profiles of small games, else by `stores_optimum`.

    Raises
    ------
    InvalidInput
        If every placement leaves somebody with an infinite cost.

    Examples
    --------
    >>> found = placement_optimum(CachingGame(1.0 - np.eye(30), placement_cost=3.0))
    >>> found.social_cost, found.outcome.name
    (32.0, 'OPTIMAL')
    """
    positive(time_limit, "time_limit")
    if not is_separable(game):
        return _competing(game, time_limit)
    games, which = object_games(game)
    until, found = monotonic() + SHARED * time_limit, list[Optimum]()
    for k, one in enumerate(games):
        share = max(0.1, (until - monotonic()) / (len(games) - k))
        found.append(_of_one(one, min(time_limit, share)))
    if not game.has_objects:
        return found[0]
    profile = joined(game, [np.asarray(f.profile) for f in found], which)
    cost, bound = float(game.social_cost(profile)), float(sum(found[g].lower_bound for g in which))
    proved = all(f.outcome is Outcome.OPTIMAL for f in found)
    return Optimum(profile, cost, min(bound, cost), Outcome.OPTIMAL if proved else Outcome.BOUNDED)


def _of_one(game: CachingGame, time_limit: float) -> Optimum:
    if not num_profiles_exceed(game, SMALL):
        found = census(game, SMALL)
        if not np.isfinite(found.optimum_cost):
            raise _nobody_served()
        return Optimum(found.optimum, found.optimum_cost, found.optimum_cost, Outcome.OPTIMAL)
    found = _by_prices(game)
    if found.gap <= RTOL * found.social_cost:
        return Optimum(found.profile, found.social_cost, found.lower_bound, Outcome.OPTIMAL)
    try:
        exact = optimal_placement(game, time_limit, found.social_cost * (1.0 + RTOL))
    except TooLarge:
        return found
    profile, cost = found.profile, found.social_cost
    if exact.profile is not None and (least := float(game.social_cost(exact.profile))) < cost:
        profile, cost = exact.profile, least
    if (
        exact.impossible or exact.bound > cost + 2.0 * exact.slack
    ):  # no bound at all: the programme lost its way among the tolerances
        return Optimum(profile, cost, found.lower_bound, Outcome.BOUNDED)
    bound = max(exact.bound, found.lower_bound)
    proved = cost - bound <= RTOL * cost + 2.0 * exact.slack
    return Optimum(profile, cost, min(bound, cost), Outcome.OPTIMAL if proved else Outcome.BOUNDED)


def _by_prices(game: CachingGame) -> Optimum:
    allowed = game.allowed
    node, index = np.nonzero(allowed[:, 1:])
    read, miss = _reading(game, node, index)
    found = facility_location(read, game.hold_cost[node, index], miss, ~allowed[node, 0])
    profile = _profile(game, node, index, found.held)
    cost = float(game.social_cost(profile))
    if not np.isfinite(cost):
        raise _nobody_served()
    return Optimum(profile, cost, found.lower_bound, Outcome.BOUNDED)


def _reading(game: CachingGame, node: IntArray, index: IntArray) -> tuple[FloatArray, FloatArray]:
    """[n, S], [n]: what readers pay for each slot, and without any."""
    demand = np.asarray(game.demand)
    distance = np.where(demand[:, None] > 0, np.asarray(game.distance), 0.0)
    read = demand[:, None] * (distance[:, node] + np.asarray(game.tiers.access)[index])
    return read, demand * np.where(demand > 0, np.asarray(game.miss_cost), 0.0)


def _profile(game: CachingGame, node: IntArray, index: IntArray, held: np.ndarray) -> IntArray:
    """The profile of held slots; of several at one node the one that is read fastest, which is never dearer to anybody."""
    profile = np.zeros(game.num_players, dtype=np.int64)
    at = np.flatnonzero(held)
    at = at[np.argsort(-np.asarray(game.tiers.access)[index[at]], kind="stable")]
    profile[node[at]] = index[at] + 1  # the last one written stays
    return profile


def _competing(game: CachingGame, time_limit: float) -> Optimum:
    if HierarchicalGame.why_not(game) is None:
        return hierarchical_optimum(game)
    try:
        numbered = game.numbered()
        found = census(numbered, MAX_NUMBERED)
    except TooLarge:
        return stores_optimum(game, time_limit)
    if not np.isfinite(found.optimum_cost):
        raise _nobody_served()
    return Optimum(numbered.placement(found.optimum), found.optimum_cost, found.optimum_cost, Outcome.OPTIMAL)


def _nobody_served() -> InvalidInput:
    return InvalidInput(
        "every placement leaves a node without a copy within its reach, at an infinite cost: give miss_cost, what a unit of demand costs "
        "without a copy, more capacity, or fewer fixed choices"
    )
