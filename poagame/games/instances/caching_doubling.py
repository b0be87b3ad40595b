"""A cluster on which twice the storage at every GPU makes selfish caching dearer."""

from __future__ import annotations

import numpy as np

from poagame._arrays import require
from poagame.games import topologies
from poagame.games.caching import CachingGame
from poagame.games.checks import positive, whole
from poagame.games.instances.caching import OWN


def doubling_cluster(places: int, inter: float = 10.0, miss: float = 30.0, asked: int = 60) -> CachingGame:
    """Two nodes of three GPUs with as many places each: with one place the only equilibrium costs 891, with two 1,240.

    The optimum falls from 531 to 114. GPUs 0 and 1 keep what GPU 2 reads, blocks 0 and 1, as long as nobody else does; GPUs 3 and 4 keep
    a block of their own in a first place, and blocks 0 and 1 in a second. Then GPUs 0 and 1 read across and keep blocks of their own, and
    GPU 2 reads across, too: its second place goes to block 7, worth a little more to it. As `asked` grows the factor nears 2r/(2 + r) for
    links `inter` = r times as dear across as within.

    Parameters
    ----------
    places : int
        Of each GPU.
    inter, miss : float
        Cost of a read across nodes (1 within), at least 1, and of a miss, larger.
    asked : int
        How often GPU 2 reads blocks 0 and 1.

    Raises
    ------
    InvalidInput
        If places or asked is less than 1, inter less than 1, or miss at most inter.

    Examples
    --------
    >>> from poagame.anarchy import price_of_anarchy
    >>> [round(price_of_anarchy(doubling_cluster(places)).best.social_cost) for places in (1, 2)]
    [891, 1240]
    """
    slots, reads = whole(places, "places", 1), whole(asked, "asked", 1)
    across, missing = positive(inter, "inter"), positive(miss, "miss")
    require(1.0 <= across < missing, f"1 ≤ inter < miss; got inter {across:g} and miss {missing:g}")
    demand = np.zeros((6, 11))
    demand[0, [0, 2, 3]] = 2, 1, 1
    demand[1, [1, 4, 5]] = 2, 1, 1
    # in its first place GPU 2 keeps block 6; a miss of block 7 costs it a little more than reading 0 or 1 across
    demand[2, [0, 1, 6, 7]] = reads, reads, reads + 1, reads * across // missing + 1
    demand[3, [0, 8]] = 1, 2
    demand[4, [1, 9]] = 1, 2
    demand[5, [8, 10]] = 1, 2
    distance = topologies.two_level(2, 3, intra=1.0, inter=across).distance
    return CachingGame(distance, 0.0, demand, capacity=slots, miss_cost=missing).named(OWN)
