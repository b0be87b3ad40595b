"""Caching games of several items with little room, and of several tiers, that do what games of one copy cannot.

.. [ma2020] Ma, Yeh, Huang: Selfish caching games on directed graphs, arXiv 2012.14148.
"""

from __future__ import annotations

import numpy as np

from poagame._arrays import require
from poagame.games.caching import CachingGame
from poagame.games.checks import positive
from poagame.games.instances.caching import OWN, _nodes
from poagame.games.tiers import Tiers

INF = np.inf


def cache_paradox(with_cache: bool) -> CachingGame:
    """Requests for two items go up a line 2 → 1 → 0 → server: one more cache, at node 0, makes the only equilibrium dearer.

    Hops cost 13, 9 and 4, a cache holds one item, and the server has both (a miss). Without a cache at node 0 the only equilibrium costs
    132, which is optimal; with one 141, though the optimum falls to 108. That it can happen is [ma2020]_; the numbers are ours, all
    placements looked at.

    Parameters
    ----------
    with_cache : bool
        Whether node 0 has a cache.

    Raises
    ------
    InvalidInput
        If with_cache is no bool.

    Examples
    --------
    >>> cache_paradox(False).certified["equilibrium_cost"], cache_paradox(True).certified["equilibrium_cost"]
    (132.0, 141.0)
    """
    require(isinstance(with_cache, bool), f"with_cache is True or False; got {with_cache!r:.80}")
    game = CachingGame(
        [[0, INF, INF], [9, 0, INF], [22, 13, 0]],
        placement_cost=0.0,
        demand=[[2, 5], [4, 5], [7, 4]],
        capacity=[[int(with_cache)], [1], [1]],
        miss_cost=[4, 13, 26],
    )
    cost, optimum = (141.0, 108.0) if with_cache else (132.0, 132.0)
    return game.named(
        f"{OWN}; the effect is ma2020",
        poa=cost / optimum,
        pos=cost / optimum,
        equilibrium_cost=cost,
        optimum_cost=optimum,
    )


def no_pure_caching() -> CachingGame:
    """Three caches of one item on a directed ring, two items: no pure equilibrium, by all placements.

    Requests go round the ring over hops of 8, 4 and 3 to the other two caches, and the last of them asks a server at 39, 45 or 45. That
    limits on storage may leave no equilibrium is [ma2020]_; the numbers are ours.

    Examples
    --------
    >>> no_pure_caching().certified["num_equilibria"]
    0.0
    """
    game = CachingGame(
        [[0, 8, 12], [7, 0, 4], [3, 11, 0]],
        placement_cost=0.0,
        demand=[[6, 7], [6, 9], [4, 4]],
        capacity=1,
        miss_cost=[51, 52, 56],
    )
    return game.named(f"{OWN}; the effect is ma2020", num_equilibria=0.0, optimum_cost=108.0)


def caching_two_tiers(nodes: int, access: float = 1.0) -> CachingGame:
    r"""Colocated nodes, a fast tier at price α = 1 and a slow one of free places and reads of s ≤ 1: nobody buys the copy that serves all.

    For s < 1 a fast copy costs its holder more than reading a slow one, so every equilibrium costs ns, while one fast copy serves everybody
    for 1. At s = 1 that is the worst equilibrium, n, and buying the copy another. Without the slow tier the one equilibrium costs 1: `harm`
    is by how much the added tier raises it, cheapest equilibrium over dearest.

    Parameters
    ----------
    nodes : int
        n ≥ 2.
    access : float
        s, above 1/n and at most 1.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2, or the access is out of range.
    TooLarge
        If the nodes are more than 4,096.

    Examples
    --------
    >>> caching_two_tiers(8).certified["poa"], caching_two_tiers(8, 0.875).certified["pos"]
    (8.0, 7.0)
    """
    n, slow = _nodes(nodes), positive(access, "access")
    require(n * slow > 1 and slow <= 1, f"access must be above 1/{n} and at most 1; got {slow:g}")
    tiers = Tiers(["fast", "slow"], price=[1.0, 0.0], access=[0.0, slow])
    best = 1.0 if slow == 1.0 else n * slow
    return CachingGame(np.zeros((n, n)), 1.0, tiers=tiers).named(
        OWN, poa=n * slow, pos=best, harm=best, equilibrium_cost=n * slow, optimum_cost=1.0
    )
