"""All pure equilibria of a caching game, listed: of one object by bitmasks, of many by their products or by numbered stores."""

from __future__ import annotations

import math

import numpy as np

from poagame._arrays import IntArray
from poagame.errors import TooLarge
from poagame.games.caching import CachingGame
from poagame.games.protocols import num_profiles_exceed
from poagame.solvers.caching.bitmask import equilibrium_profiles
from poagame.solvers.caching.objects import is_separable, object_games
from poagame.solvers.enumeration import MAX_LISTED, MAX_PROFILES, Equilibria, _sorted, equilibria

MAX_NUMBERS = 50_000_000
"""Most whole numbers in a list of equilibria (400 MB)."""


@equilibria.register
def _(game: CachingGame) -> Equilibria:
    return placement_equilibria(game)


def placement_equilibria(game: CachingGame) -> Equilibria:
    """All pure equilibria of a caching game, as `equilibria` returns them: profiles [M, n], or [M, n, K] of several objects.

    Raises
    ------
    TooLarge
        If there are too many placements to look at, or too many equilibria to list.
    """
    shape = np.shape(game.demand)
    if is_separable(game):
        games, which = object_games(game)
        each = [_of_one(g) for g in games]
        number = math.prod(len(each[g]) for g in which)
        if number > MAX_LISTED or number * math.prod(shape) > MAX_NUMBERS:
            raise TooLarge(
                f"{number:,} equilibria, combinations of those of {len(which):,} objects; at most {MAX_LISTED:,} are listed, fewer of "
                "many nodes. price_of_anarchy(game) needs no list of them"
            )
        picks = (
            np.indices([len(each[g]) for g in which]).reshape(len(which), -1)
            if number
            else np.zeros((len(which), 0), int)
        )
        chosen = [each[g][pick] for g, pick in zip(which, picks, strict=True)]
        profiles = np.stack(chosen, axis=-1) if game.has_objects else chosen[0]
    else:
        numbered = game.numbered()
        if num_profiles_exceed(numbered, MAX_PROFILES):
            raise TooLarge(
                f"{game.num_players} nodes with {numbered.num_actions} stores have {numbered.num_actions}^{game.num_players} profiles; "
                f"enumeration stops at {MAX_PROFILES:,}. price_of_anarchy(game) finds worst and best by an integer programme, "
                "equilibrium(game) one"
            )
        profiles = np.asarray(numbered.placement(equilibria.dispatch(object)(numbered).profiles))
    if not len(profiles):
        profiles = np.zeros((0, *shape), dtype=np.int64)
    social = np.atleast_1d(np.asarray(game.social_cost(profiles), dtype=np.float64)) if len(profiles) else np.zeros(0)
    found = _sorted(profiles.reshape(len(profiles), math.prod(shape)), social, [1] * len(profiles))
    return Equilibria(found.profiles.reshape(profiles.shape), found.social_costs, found.multiplicity, found.outcome)


def _of_one(game: CachingGame) -> IntArray:
    """[M, n]: the equilibria of one object."""
    found = list(equilibrium_profiles(game, MAX_LISTED))
    return np.concatenate(found) if found else np.zeros((0, game.num_players), dtype=np.int64)
