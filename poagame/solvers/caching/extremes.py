"""Worst and best pure equilibrium of a caching game: by all of them, else by integer programmes, else labelled."""

from __future__ import annotations

from time import monotonic

import numpy as np

from poagame._arrays import IntArray
from poagame.certificates.nash import certify_nash
from poagame.errors import NoEquilibrium, TooLarge
from poagame.games.caching import CachingGame
from poagame.games.checks import positive
from poagame.outcome import Outcome
from poagame.solvers.best_response import BestResponse, equilibrium
from poagame.solvers.caching.bitmask import equilibrium_census
from poagame.solvers.caching.objects import MAX_NUMBERED, SHARED, is_separable, joined, object_games
from poagame.solvers.caching.programme import TIME_LIMIT, Placed, extreme_placement
from poagame.solvers.caching.stores_extremes import stores_extremes
from poagame.solvers.congestion.programme import PureExtremes
from poagame.solvers.enumeration import census

NUM_STARTS = 20
"""Starts of best response beside a programme that did not end."""

MAX_WORDS = 1 << 17
"""Most placements that bitmasks look at together before programmes are asked: tenths of a second."""

SHARP = 1e-5
"""Most that tolerances may be against a cost which counts as proved."""


def caching_extremes(game: CachingGame, time_limit: float = TIME_LIMIT) -> PureExtremes:
    """Worst and best pure equilibrium with bounds on all of them.

    Objects that do not compete for places are solved one by one, equal ones once, and summed. One object: by all equilibria while they
    are few (`bitmask`), else by an integer programme for each end (`programme`). Competing objects: by all profiles of small
    games, else by `stores_extremes`.

    Parameters
    ----------
    game : CachingGame
    time_limit : float
        Seconds for each programme; many objects share four times that.

    Raises
    ------
    NoEquilibrium
        If there is proved to be none, or none was found in time.

    Examples
    --------
    >>> from poagame.games.instances import caching_star
    >>> found = caching_extremes(caching_star(70))
    >>> found.worst_cost, found.best_cost, found.covered
    (139.0, 71.0, True)
    """
    positive(time_limit, "time_limit")
    if not is_separable(game):
        return _competing(game, time_limit)
    games, which = object_games(game)
    until, found = monotonic() + SHARED * time_limit, list[PureExtremes]()
    for k, one in enumerate(games):
        share = max(0.1, (until - monotonic()) / (2 * (len(games) - k)))
        found.append(_of_one(one, min(time_limit, share)))
    if len(games) == 1 and not game.has_objects:
        return found[0]
    worst, best = joined(game, [f.worst for f in found], which), joined(game, [f.best for f in found], which)
    ends = float(game.social_cost(worst)), float(game.social_cost(best))
    limits = sum(found[g].worst_bound for g in which), sum(found[g].best_bound for g in which)
    covered = all(f.covered for f in found)
    notes = sorted({f.note for f in found}, key=len)
    note = f"{len(which):,} objects, {len(games):,} different; each by {' or '.join(notes)}"
    return PureExtremes(worst, best, *ends, *(ends if covered else limits), covered, note)


def _of_one(game: CachingGame, time_limit: float) -> PureExtremes:
    try:
        found = equilibrium_census(game, MAX_WORDS)
    except TooLarge:
        return _by_programme(game, time_limit)
    if found.worst is None or found.best is None:
        raise _none("every placement that could be one was looked at")
    ends = found.worst_cost, found.best_cost
    return PureExtremes(found.worst, found.best, *ends, *ends, True, "all pure equilibria, by bitmasks")


def _by_programme(game: CachingGame, time_limit: float) -> PureExtremes:
    high, low = Placed(None, np.inf, False, 0.0), Placed(None, -np.inf, False, 0.0)
    looked = f"the game is too large for an integer programme ({game.num_players:,} nodes), others may exist"
    start = equilibrium(game)
    first = [start.profile] if start.certificate.holds else list[IntArray]()
    try:
        high = extreme_placement(game, True, time_limit)
        low = _cheapest(game, start.social_cost if first else np.inf, time_limit)
        looked = "integer programmes of worst and best, with a time limit"
    except TooLarge:
        pass
    if high.impossible or low.impossible:
        raise _none("an integer programme has no solution")
    known = [p.profile for p in (high, low) if p.profile is not None and certify_nash(game, p.profile).holds] + first
    if not (known and _proved(game, known, high, low)):
        known += _from_starts(game, time_limit)
    if not known:
        raise NoEquilibrium(
            f"no pure equilibrium was found, by best response from {NUM_STARTS} starts and {looked}; there may be one"
        )
    costs = [float(game.social_cost(s)) for s in known]
    worst, best = int(np.argmax(costs)), int(np.argmin(costs))
    covered = _proved(game, known, high, low)
    # a bound that a known equilibrium breaks is none
    above = np.inf if high.bound < costs[worst] - 2.0 * high.slack else max(high.bound, costs[worst])
    below = -np.inf if low.bound > costs[best] + 2.0 * low.slack else min(low.bound, costs[best])
    ends = costs[worst], costs[best]
    return PureExtremes(known[worst], known[best], *ends, *(ends if covered else (above, below)), covered, looked)


def _cheapest(game: CachingGame, known: float, time_limit: float) -> Placed:
    """The best equilibrium, asked for again below the cost found where tolerances are not small against that."""
    found = extreme_placement(game, False, time_limit, known * (1.0 + SHARP))
    if found.profile is not None and 2.0 * found.slack > SHARP * (cost := float(game.social_cost(found.profile))):
        found = extreme_placement(game, False, time_limit, cost * (1.0 + SHARP))
    return found


def _proved(game: CachingGame, known: list[IntArray], high: Placed, low: Placed) -> bool:
    """Whether both bounds meet the costs of the extremes known, up to tolerances that are small against these."""
    costs = [float(game.social_cost(s)) for s in known]
    ends = (high.bound - max(costs), high.slack, max(costs)), (min(costs) - low.bound, low.slack, min(costs))
    return all(abs(gap) <= 2.0 * slack <= SHARP * cost for gap, slack, cost in ends)


def _from_starts(game: CachingGame, time_limit: float) -> list[IntArray]:
    """Equilibria that best responses reach from as many of `NUM_STARTS` starts as begin within the time limit, at least one."""
    until, rng = monotonic() + time_limit, np.random.default_rng(0)
    allowed = game.allowed
    found: list[IntArray] = []
    for k in range(NUM_STARTS):
        if k and monotonic() > until:
            break
        chance = np.where(allowed, rng.random(allowed.shape), -1.0)
        end = equilibrium(game, BestResponse(order="random", seed=k), chance.argmax(axis=-1) if k else None)
        if end.outcome is Outcome.CONVERGED:
            found.append(end.profile)
    return found


def _competing(game: CachingGame, time_limit: float) -> PureExtremes:
    try:
        numbered = game.numbered()
        found = census(numbered, MAX_NUMBERED)
    except TooLarge:
        return stores_extremes(game, time_limit)
    if found.worst is None or found.best is None:
        raise _none(f"all {numbered.num_actions}^{numbered.num_players} profiles were looked at")
    worst, best = numbered.placement(found.worst), numbered.placement(found.best)
    ends = found.worst_cost, found.best_cost
    return PureExtremes(worst, best, *ends, *ends, True, f"all {numbered.num_actions}^{numbered.num_players} profiles")


def _none(why: str) -> NoEquilibrium:
    return NoEquilibrium(
        f"the game has no pure equilibrium: {why}. improvement_cycle(game) shows a cycle of best replies of a small game, and with a "
        "finite miss_cost concept='mixed' looks for mixed equilibria of one (of several objects: of game.numbered())"
    )
