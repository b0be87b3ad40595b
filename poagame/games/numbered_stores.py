"""A caching game of several objects as a finite game: the actions of a node are the sets of copies that it can store."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, ClassVar

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import Array, FloatArray, IntArray
from poagame.errors import TooLarge
from poagame.games.protocols import as_profile

if TYPE_CHECKING:
    from poagame.games.caching import CachingGame

MAX_STORES = 4096
"""Most stores that are numbered: each costs K numbers a node and a profile."""


class NumberedStores(eqx.Module):
    """A `FiniteGame` on a `CachingGame`: action a of any node is to store `stores[a]`, infinitely dear where that does not fit.

    Examples
    --------
    >>> from poagame.games.caching import CachingGame
    >>> game = CachingGame([[0, 1], [1, 0]], 0.0, [[3, 2], [2, 3]], capacity=1, miss_cost=5.0).numbered()
    >>> game.stores.tolist()
    [[0, 0], [0, 1], [1, 0]]
    >>> game.social_cost([2, 1])
    4.0
    """

    takes_profiles: ClassVar[bool] = True
    finite_only: ClassVar[bool] = True

    game: CachingGame
    stores: Array
    """[A, K] int64: 0 where an object is not held, t where it is, in tier t."""
    fits: Array
    """[n, A]: whether node i has room for store a, and a leader has not fixed something else."""

    def __init__(self, game: CachingGame) -> None:
        objects, tiers = game.num_objects, game.num_tiers
        room = None if game.capacity is None else np.asarray(game.capacity).max(axis=0)
        self.stores = _stores(objects, tiers, room)
        self.game = game
        fixed = None if game.fixed is None else np.asarray(game.fixed).reshape(game.num_players, objects)
        held = np.stack([(self.stores == t).sum(axis=1) for t in range(1, tiers + 1)], axis=1)
        fits = np.ones((game.num_players, len(self.stores)), dtype=bool)
        if game.capacity is not None:
            fits &= (held[None] <= np.asarray(game.capacity)[:, None]).all(axis=2)
        if fixed is not None:
            fits &= ((fixed[:, None] < 0) | (fixed[:, None] == self.stores[None])).all(axis=2)
        self.fits = fits

    @property
    def num_players(self) -> int:
        """N = n, the number of nodes."""
        return self.game.num_players

    @property
    def num_actions(self) -> int:
        """A, the number of stores."""
        return len(self.stores)

    def placement(self, profile: ArrayLike) -> IntArray:
        """Return the profile of the caching game for action numbers [..., n]."""
        held = self.stores[as_profile(self, profile)]
        return held if self.game.has_objects else held[..., 0]

    def action_costs(self, profile: ArrayLike) -> FloatArray:
        """What each node would pay for each store, the others fixed [..., n, A]."""
        choice = self.game.choice_costs(self.placement(profile))
        choice = choice if self.game.has_objects else choice[..., None, :]
        costs = sum(choice[..., k, :][..., self.stores[:, k]] for k in range(self.game.num_objects))
        return np.where(self.fits, costs, np.inf)

    def social_cost(self, profile: ArrayLike) -> float | FloatArray:
        """What all pay: a number for one profile and [...] for many."""
        return self.game.social_cost(self.placement(profile))


def _stores(objects: int, tiers: int, room: IntArray | None) -> IntArray:
    """All placements of K objects in T tiers with at most `room` [T] in each, in lexicographic order."""
    limit = [objects] * tiers if room is None else [min(objects, int(r)) for r in room]
    rows: list[tuple[int, ...]] = [()]
    for _ in range(objects):
        longer = itertools.product(rows, range(tiers + 1))
        rows = [(*row, t) for row, t in longer if t == 0 or row.count(t) < limit[t - 1]]
        if len(rows) > MAX_STORES:
            raise TooLarge(
                f"nodes can store {objects} objects in {tiers} tiers in more than {MAX_STORES:,} ways, too many to number; "
                "equilibrium(game) and price_of_anarchy(game) need no numbers"
            )
    return np.array(rows, dtype=np.int64)
