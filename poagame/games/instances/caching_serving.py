"""Caching games shaped like a serving cluster: GPUs in NVLink cliques joined by InfiniBand, KV blocks of sessions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import IntArray, require
from poagame.errors import TooLarge
from poagame.games.caching import CachingGame
from poagame.games.caching_input import distances
from poagame.games.checks import generator, positive, whole
from poagame.games.instances.caching import OWN
from poagame.games.tiers import Tiers

MAX_ENTRIES = 200_000_000
"""Most demands that `caching_sessions` may come to (1.6 GB)."""

CLUSTER_DEMAND = ((0, 4, 0), (0, 3, 1), (11, 0, 10), (0, 10, 9))
"""Reads of three objects by each of four GPUs."""


def cluster_paradox(with_cache: bool) -> CachingGame:
    """Two nodes of two GPUs: a first place at GPU 1 makes the only equilibrium cost 212 instead of 134, while the optimum falls to 123.

    Reading costs 1 within a node, 11 across, a miss 17; a GPU with storage keeps one object. Without a place at GPU 1 the others keep
    objects 1, 0 and 2, and all is optimal. With one it keeps object 2; GPU 3 can then read that across, and keeps object 1 instead; and
    GPU 2, which read object 2 from GPU 3, has to go across for it ten times. Found by `poagame.anarchy.search_paradox`; all placements
    looked at.

    Parameters
    ----------
    with_cache : bool
        Whether GPU 1 has a place.

    Raises
    ------
    InvalidInput
        If with_cache is no bool.

    Examples
    --------
    >>> cluster_paradox(False).certified["poa"], round(cluster_paradox(True).certified["poa"], 6)
    (1.0, 1.723577)
    """
    require(isinstance(with_cache, bool), f"with_cache is True or False; got {with_cache!r:.80}")
    side = np.array([0, 0, 1, 1])
    distance = np.where(side[:, None] == side, 1.0, 11.0)
    np.fill_diagonal(distance, 0.0)
    capacity = [[1], [int(with_cache)], [1], [1]]
    cost, optimum = (212.0, 123.0) if with_cache else (134.0, 134.0)
    game = CachingGame(distance, 0.0, CLUSTER_DEMAND, capacity=capacity, miss_cost=17.0)
    return game.named(OWN, poa=cost / optimum, pos=cost / optimum, equilibrium_cost=cost, optimum_cost=optimum)


def caching_sessions(
    distance: ArrayLike,
    *,
    sessions: int = 300,
    mean_turns: float = 3.0,
    most_blocks: int = 8,
    capacity: int | None = None,
    access: float = 1.0,
    miss_cost: float = 1000.0,
    seed: int | np.random.Generator = 0,
) -> CachingGame:
    """Synthetic sessions on workers that a router chooses blindly: each turn reads all blocks of the session so far, and adds some.

    A session has 1 + Poisson(`mean_turns` − 1) turns, each of which adds 1 to `most_blocks` blocks and goes to any worker alike, as under
    a router that knows nothing of caches. All sessions begin with one common block (a system prompt).

    Parameters
    ----------
    distance : [n, n]
        Between workers, as of `CachingGame`.
    sessions, mean_turns, most_blocks
        How many, of how many turns on average (at least 1), and most new blocks a turn.
    capacity : int, optional
        Places of each worker; None for no limits.
    access, miss_cost : float
        Reading a block of its own, and computing it anew, positive, in the unit of distance.
    seed : int or numpy.random.Generator

    Raises
    ------
    InvalidInput
        If a number is out of its range; else as `CachingGame`.
    TooLarge
        If the demands may be more than 200 million.

    Examples
    --------
    >>> game = caching_sessions([[0.0, 2.0], [2.0, 0.0]], sessions=20)
    >>> game.num_objects, int(game.demand[:, 0].sum()), int(game.demand.sum())
    (290, 60, 786)
    """
    number, most = whole(sessions, "sessions", 1), whole(most_blocks, "most_blocks", 1)
    extra = positive(mean_turns, "mean_turns") - 1.0
    require(extra >= 0.0, f"mean_turns must be at least 1: a session has a turn; got {mean_turns:g}")
    reads, misses = positive(access, "access"), positive(miss_cost, "miss_cost")
    workers = len(distances(distance))
    if workers * number * (1.0 + extra) * most > MAX_ENTRIES:
        raise TooLarge(
            f"{workers} workers × {number:,} sessions × {1 + extra:g} turns × up to {most} blocks exceed {MAX_ENTRIES:,}; give fewer"
        )
    rng = generator(seed)
    turns = 1 + rng.poisson(extra, number)
    at = rng.integers(workers, size=turns.sum())
    added = rng.integers(1, most + 1, size=turns.sum())
    demand = _reads(turns, at, workers)
    every = np.bincount(at, minlength=workers)[:, None]
    demand = np.concatenate([every, np.repeat(demand, added, axis=1)], axis=1).astype(np.float64)
    tier = Tiers(["HBM"], [1.0], [reads])
    return CachingGame(distance, 0.0, demand, tier, capacity, miss_cost=misses).named(f"{OWN}: synthetic sessions")


def _reads(turns: IntArray, at: IntArray, workers: int) -> IntArray:
    """[n, turns]: how often each worker reads a block added in each turn: in that turn and in the later ones of the session."""
    there = np.zeros((workers, len(at)), dtype=np.int64)
    there[at, np.arange(len(at))] = 1
    # what is left of a session from each turn on: the total to its end less the total before the turn
    total = np.concatenate([np.zeros((workers, 1), dtype=np.int64), np.cumsum(there, axis=1)], axis=1)
    end = np.repeat(np.cumsum(turns), turns)
    return total[:, end] - total[:, :-1]
