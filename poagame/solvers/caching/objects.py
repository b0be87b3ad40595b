"""A caching game as games of one object each, where objects do not compete for places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from poagame._arrays import IntArray
from poagame.games.caching import CachingGame

SHARED = 4
"""Time for the programmes of many objects together, in time limits of one."""

MAX_NUMBERED = 300_000
"""Most profiles of numbered stores that are looked at one by one before a programme is asked."""


def is_separable(game: CachingGame) -> bool:
    """Whether objects compete for no place: each tier of each node has room for none of them or for all."""
    if game.capacity is None:
        return True
    room = np.asarray(game.capacity)
    return not bool(((room > 0) & (room < game.num_objects)).any())


def object_games(game: CachingGame) -> tuple[list[CachingGame], IntArray]:
    """Return the different games of one object of a separable game, and which of them each object is [K]."""
    if not game.has_objects:
        return [game], np.zeros(1, dtype=np.int64)
    columns = np.asarray(game.demand) if game.fixed is None else np.concatenate([game.demand, game.fixed])
    _, first, which = np.unique(columns, axis=1, return_index=True, return_inverse=True)
    fixed = [None if game.fixed is None else game.fixed[:, k] for k in first]
    games = [game._with(demand=game.demand[:, k], fixed=f) for k, f in zip(first, fixed, strict=True)]
    return games, which.reshape(-1)


def joined(game: CachingGame, profiles: Sequence[IntArray], which: IntArray) -> IntArray:
    """Return the profile, in the shape of demand, of one placement for each different game."""
    return np.stack([profiles[g] for g in which], axis=-1) if game.has_objects else profiles[0]
