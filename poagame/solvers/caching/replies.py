r"""Which choices can be part of a pure equilibrium of a caching game of one object, and what each needs from the others.

A choice that is no best reply to anything the others may still do is struck out, until none is left to strike; what remains holds every
equilibrium. From the ranges of `Levels` each remaining choice is a best reply exactly if

- none of the slots that it **excludes** is held (those of other nodes at a level below its first), and
- one of those that it **needs** is held (those of other nodes at a level up to its last), unless it stands a miss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame._arrays import IntArray
from poagame.solvers.caching.levels import Levels


@dataclass(frozen=True, eq=False, slots=True)
class Replies:
    """The C choices that may be played at an equilibrium, over the S slots that may be held there.

    Attributes
    ----------
    slots : [S]
        Which slots of the `Levels` these are.
    node, slot : [C]
        Of each choice: whose it is, and the slot (0 … S−1) that it holds, −1 for nothing.
    excludes, needs : [C, S] bool
        See the module.
    needy : [C] bool
        Whether the choice needs anything.
    dead : bool
        A node has no choice left: there is no equilibrium.
    """

    slots: IntArray
    node: IntArray
    slot: IntArray
    excludes: np.ndarray
    needs: np.ndarray
    needy: np.ndarray
    dead: bool

    @property
    def always(self) -> np.ndarray:
        """[S] bool: slots that are the only choice of their node."""
        alone = np.bincount(self.node, minlength=int(self.node.max(initial=-1)) + 1)[self.node] == 1
        held = np.zeros(len(self.slots), dtype=bool)
        held[self.slot[alone & (self.slot >= 0)]] = True
        return held

    @property
    def conflicts(self) -> np.ndarray:
        """[S, S] bool, symmetric: slots that no equilibrium holds both of, a slot and itself left out."""
        by_slot = np.zeros((len(self.slots), len(self.slots)), dtype=bool)
        holds = self.slot >= 0
        by_slot[self.slot[holds]] = self.excludes[holds]
        owner = np.empty(len(self.slots), dtype=np.int64)
        owner[self.slot[holds]] = self.node[holds]
        same = owner[:, None] == owner
        return (by_slot | by_slot.T | same) & ~np.eye(len(self.slots), dtype=bool)


def possible_replies(levels: Levels) -> Replies:
    """Strike out choices that are no best reply to anything that is left, and return the rest with their conditions."""
    n = len(levels.miss)
    possible = levels.first <= levels.last
    while True:
        low, high = _range_of_others(levels, possible)
        left = possible & (levels.first <= high[:, None]) & (levels.last >= low[:, None])
        if (left == possible).all():
            break
        possible = left
    slots = np.flatnonzero(possible[levels.node, levels.tier])
    number = np.full(possible.shape, -1)
    number[levels.node[slots], levels.tier[slots]] = np.arange(len(slots))
    node, action = np.nonzero(possible)
    others = levels.node[slots] != node[:, None]
    level = levels.level[node][:, slots]
    first, last = levels.first[node, action], levels.last[node, action]
    needy = last < levels.miss[node]
    return Replies(
        slots,
        node,
        number[node, action],
        others & (level < first[:, None]),
        others & (level <= last[:, None]) & needy[:, None],
        needy,
        len(np.unique(node)) < n,
    )


def _range_of_others(levels: Levels, possible: np.ndarray) -> tuple[IntArray, IntArray]:
    """[n], [n]: between which levels the cheapest copy of others can be, if all play possible choices."""
    n = len(levels.miss)
    slots = np.flatnonzero(possible[levels.node, levels.tier])
    low, high = levels.miss.copy(), levels.miss.copy()
    if not len(slots):
        return low, high
    owner = levels.node[slots]
    start = np.flatnonzero(np.diff(owner, prepend=-1))
    holders = owner[start]
    level = levels.level[:, slots]
    nearest, farthest = np.minimum.reduceat(level, start, axis=1), np.maximum.reduceat(level, start, axis=1)
    own = np.arange(n)[:, None] == holders
    may_go_without = possible[holders, 0]
    beyond = np.iinfo(np.int64).max
    low = np.minimum(low, np.where(own, beyond, nearest).min(axis=1))
    high = np.minimum(high, np.where(own | may_go_without, beyond, farthest).min(axis=1))
    return low, high
