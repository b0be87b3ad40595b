r"""The best replies in a caching game of one object, as a table of small whole numbers.

What a node should do depends on the others through one number: the cost c of its cheapest way to the object without a copy of its own.
That takes few values, the node's **levels**: the costs of reading each possible copy, in order, the last one being a miss. Choice a costs
:math:`\text{paid}_a + \min(w a_t, c)` (c for no copy), so the difference of two choices is monotone in c and each choice is a best reply on
one range of levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame._arrays import FloatArray, IntArray, require
from poagame.certificates.nash import TIE_RTOL
from poagame.games.caching import CachingGame


@dataclass(frozen=True, eq=False, slots=True)
class Levels:
    """A caching game of one object and n nodes, T tiers, S slots (what somebody may hold: a node and a tier).

    Attributes
    ----------
    node, tier : [S]
        Of each slot; tiers are 1 … T.
    hold, paid : [S]
        What a copy there costs, and what its node pays of that.
    cost : [n, L]
        What reader i pays at each of its levels, ascending; rows are padded with their last entry.
    miss : [n]
        The level of a miss, the last one of each node.
    level : [n, S]
        At which level reader i reads a copy in slot s (at most `miss`); `miss` + 1 where a copy is no better than a miss or out of reach.
    own : [S]
        The level, among those of its node, of what a copy in the slot costs its own node to read, as `level`.
    first, last : [n, T + 1]
        Choice a of node i is a best reply exactly from level `first` to level `last` of the *others'* copies, ties by `TIE_RTOL`;
        `first` > `last` where it never is, or is not allowed. No choice is one at an infinite cost.
    """

    node: IntArray
    tier: IntArray
    hold: FloatArray
    paid: FloatArray
    cost: FloatArray
    miss: IntArray
    level: IntArray
    first: IntArray
    last: IntArray

    @property
    def own(self) -> IntArray:
        """[S]: the level at which its own node reads a copy in each slot."""
        return self.level[self.node, np.arange(len(self.node))]

    def profile(self, held: np.ndarray) -> IntArray:
        """Return the profile [n] of slots that are held [S], the lowest tier of each node."""
        profile = np.zeros(len(self.miss), dtype=np.int64)
        for s in np.flatnonzero(held)[::-1]:
            profile[self.node[s]] = self.tier[s]
        return profile


def game_levels(game: CachingGame) -> Levels:
    """Return the table of a game with demand [n]; slots that are not allowed are left out.

    Raises
    ------
    InvalidInput
        If demand names objects.
    """
    require(not game.has_objects, "levels are those of one object: call game.one_object(k)")
    n = game.num_players
    allowed = game.allowed
    node, index = np.nonzero(allowed[:, 1:])
    demand = np.asarray(game.demand)[:, None]
    read = demand * np.where(demand > 0, game.read_cost[:, node, index], 0.0)
    miss = (demand * np.where(demand > 0, np.asarray(game.miss_cost)[:, None], 0.0))[:, 0]
    worth = read < miss[:, None]
    # levels: equal up to rounding are one, so that a copy and its equal are told apart by nobody
    order = np.argsort(np.where(worth, read, np.inf), axis=1, kind="stable")
    ranked = np.take_along_axis(np.where(worth, read, np.inf), order, axis=1)
    new = np.ones(ranked.shape, dtype=bool)
    new[:, 1:] = ranked[:, 1:] > ranked[:, :-1] * (1.0 + TIE_RTOL)
    rank = np.cumsum(new & np.isfinite(ranked), axis=1) - 1
    level = np.empty(read.shape, dtype=np.int64)
    np.put_along_axis(level, order, rank, axis=1)
    last_level = np.where(worth.any(axis=1), np.where(worth, level, -1).max(axis=1, initial=-1) + 1, 0)
    level[~worth] = np.broadcast_to(last_level[:, None] + 1, level.shape)[~worth]
    cost = np.repeat(miss[:, None], int(last_level.max()) + 1, axis=1)
    rows, slots = np.nonzero(worth)
    np.minimum.at(cost, (rows, level[rows, slots]), read[rows, slots])

    access = demand * np.where(demand > 0, game.tiers.access, 0.0)
    paid = np.concatenate([np.zeros((n, 1)), game.paid_cost], axis=1)
    pays = paid[:, None] + np.minimum(
        cost[:, :, None], np.concatenate([np.full((n, 1), np.inf), access], axis=1)[:, None]
    )
    pays = np.where(allowed[:, None], pays, np.inf)
    best = pays.min(axis=2, keepdims=True)
    real = np.arange(cost.shape[1]) <= last_level[:, None]
    reply = np.isfinite(pays) & (pays <= best * (1.0 + TIE_RTOL)) & real[:, :, None]
    found = reply.any(axis=1)
    first = np.where(found, reply.argmax(axis=1), 1)
    last = np.where(found, cost.shape[1] - 1 - reply[:, ::-1].argmax(axis=1), 0)
    return Levels(
        node,
        index + 1,
        game.hold_cost[node, index],
        game.paid_cost[node, index],
        cost,
        last_level,
        level,
        first,
        last,
    )
