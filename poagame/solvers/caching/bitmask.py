r"""All pure equilibria of a caching game of one object: partial placements as bitmasks, node after node.

A placement is a 64-bit word over the slots that an equilibrium may hold (`replies`). Nodes choose one after the other; words whose held
slots exclude one another are dropped at once, and whether a choice is a best reply is looked at as soon as all slots that it excludes or
needs are decided: two ANDs a choice and word. What is left at the end are the equilibria, all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poagame._arrays import FloatArray, IntArray
from poagame.errors import TooLarge
from poagame.games.caching import CachingGame
from poagame.solvers.caching.levels import Levels, game_levels
from poagame.solvers.caching.replies import Replies, possible_replies

Words = NDArray[np.uint64]

MAX_WORDS = 1 << 22
"""Most partial placements at a time; each takes 8 bytes, and a few more while it is looked at."""

MAX_BITS = 63
"""Most slots that can vary."""

CHUNK = 1 << 16
"""Placements whose costs are computed at a time."""


@dataclass(frozen=True, eq=False, slots=True)
class PlacementCensus:
    """The dearest and the cheapest pure equilibrium [n] of a game of one object and how many there are; None where there is none."""

    worst: IntArray | None
    best: IntArray | None
    worst_cost: float
    best_cost: float
    number: int


def equilibrium_census(game: CachingGame, max_words: int = MAX_WORDS) -> PlacementCensus:
    """Worst and best pure equilibrium of a game with demand [n], by all of them, and how many there are.

    Raises
    ------
    TooLarge
        If more than `MAX_BITS` slots can vary, or more than `max_words` placements would be looked at together.

    Examples
    --------
    >>> found = equilibrium_census(CachingGame([[0.0, 1.0], [1.0, 0.0]], placement_cost=3.0, demand=[1.0, 2.0]))
    >>> found.worst, found.best, found.number
    (array([1, 0]), array([0, 1]), 2)
    """
    search = _search(game)
    if search is None or not len(words := search.equilibria(max_words)):
        return PlacementCensus(None, None, -np.inf, np.inf, 0)
    costs = np.concatenate([search.costs(words[begin : begin + CHUNK]) for begin in range(0, len(words), CHUNK)])
    worst, best = search.profiles(words[[costs.argmax(), costs.argmin()]])
    return PlacementCensus(worst, best, float(game.social_cost(worst)), float(game.social_cost(best)), len(words))


def equilibrium_profiles(game: CachingGame, most: int = MAX_WORDS) -> Iterator[IntArray]:
    """Yield all pure equilibria of a game with demand [n], in chunks [M, n].

    Raises
    ------
    TooLarge
        As `equilibrium_census`, or if there are more than `most` equilibria.
    """
    search = _search(game)
    words = np.zeros(0, dtype=np.uint64) if search is None else search.equilibria()
    if search is None:
        return
    if len(words) > most:
        raise TooLarge(f"{len(words):,} equilibria; price_of_anarchy(game) needs no list of them")
    for begin in range(0, len(words), CHUNK):
        yield search.profiles(words[begin : begin + CHUNK])


def _search(game: CachingGame) -> _Search | None:
    levels = game_levels(game)
    replies = possible_replies(levels)
    return None if replies.dead else _Search(levels, replies)


class _Search:
    """Words over the slots that vary; slots that are their node's only choice are held throughout."""

    def __init__(self, levels: Levels, replies: Replies) -> None:
        always = replies.always
        varies = np.flatnonzero(~always)
        if len(varies) > MAX_BITS:
            raise _too_large(f"{len(varies)} places for a copy can vary; enumeration stops at {MAX_BITS}")
        bits = np.uint64(1) << np.arange(len(varies), dtype=np.uint64)
        self.nodes = len(levels.miss)
        rows = np.arange(self.nodes)[:, None]
        self.read = levels.cost[rows, np.minimum(levels.level[:, replies.slots], levels.miss[:, None])].T
        self.hold, self.without = levels.hold[replies.slots], levels.cost[rows[:, 0], levels.miss]
        self.node, self.tier = levels.node[replies.slots], levels.tier[replies.slots]
        self.held, self.varies, self.bits = always, varies, bits

        def word(rows: np.ndarray) -> Words:
            return np.bitwise_or.reduce(np.where(rows[..., varies], bits, np.uint64(0)), axis=-1)

        # whoever always holds is excluded by nobody: such choices are struck out already
        self.excluded = word(replies.excludes)
        self.needed = word(replies.needs)
        self.needy = replies.needy & ~(replies.needs & always).any(axis=1)
        self.conflict = word(replies.conflicts[varies])
        place = np.full(len(always) + 1, -1)
        place[varies] = np.arange(len(varies))
        self.choice_bit = place[replies.slot]
        owner = self.node[varies]
        own = np.array([bits[owner == i].sum(dtype=np.uint64) for i in replies.node], dtype=np.uint64)
        self.own = np.where(self.choice_bit >= 0, bits[self.choice_bit] if len(bits) else np.uint64(0), own)
        self.deciders = np.unique(owner)
        step = np.searchsorted(self.deciders, owner)
        seen = self.excluded | self.needed | own
        self.ready = np.array([step[(bits & w) != 0].max(initial=0) for w in seen], dtype=np.int64)
        trivial = (self.excluded == 0) & ~self.needy
        self.ready[trivial] = -1
        self.goes_without = {int(i) for i, s in zip(replies.node, replies.slot, strict=True) if s < 0}

    def equilibria(self, max_words: int = MAX_WORDS) -> Words:
        """All words that are equilibria."""
        words = np.zeros(1, dtype=np.uint64)
        for step, i in enumerate(self.deciders):
            mine = np.flatnonzero(self.node[self.varies] == i)
            if len(words) * (len(mine) + 1) > 2 * max_words:
                raise _too_large(
                    f"more than {max_words:,} placements of the first {step} of {len(self.deciders)} nodes"
                )
            parts = [words] if int(i) in self.goes_without else []
            parts += [words[(words & self.conflict[b]) == 0] | self.bits[b] for b in mine]
            words = self._content(np.concatenate(parts), step)
        return words if len(self.deciders) else self._content(words, 0)

    def _content(self, words: Words, step: int) -> Words:
        """The words at which everybody decided by this step plays a best reply."""
        for c in np.flatnonzero(self.ready == step):
            chosen = (words & self.own[c]) != 0 if self.choice_bit[c] >= 0 else (words & self.own[c]) == 0
            fits = (words & self.excluded[c]) == 0
            if self.needy[c]:
                fits &= (words & self.needed[c]) != 0
            words = words[fits | ~chosen]
        return words

    def costs(self, words: Words) -> FloatArray:
        """[M] social costs of words [M], from tables for eight slots at a time."""
        nearest = np.minimum(self.without, self.read[self.held].min(axis=0, initial=np.inf))
        nearest = np.broadcast_to(nearest, (len(words), self.nodes)).copy()
        total = np.full(len(words), self.hold[self.held].sum())
        for begin in range(0, len(self.varies), 8):
            slots = self.varies[begin : begin + 8]
            holds = (np.arange(1 << len(slots))[:, None] >> np.arange(len(slots)) & 1).astype(bool)
            byte = (words >> np.uint64(begin)).astype(np.uint8) & np.uint8(len(holds) - 1)
            total += (holds @ self.hold[slots])[byte]
            np.minimum(nearest, np.where(holds[:, :, None], self.read[slots], np.inf).min(axis=1)[byte], out=nearest)
        return total + nearest.sum(axis=1)

    def profiles(self, words: Words) -> IntArray:
        """[M, n] profiles of words [M]."""
        profiles = np.zeros((len(words), self.nodes), dtype=np.int64)
        profiles[:, self.node[self.held]] = self.tier[self.held]
        for bit, s in zip(self.bits, self.varies, strict=True):
            profiles[:, self.node[s]] += self.tier[s] * ((words & bit) != 0)
        return profiles


def _too_large(what: str) -> TooLarge:
    return TooLarge(
        f"{what}. price_of_anarchy(game) finds worst and best equilibrium and optimum by an integer programme, and equilibrium(game) one"
    )
