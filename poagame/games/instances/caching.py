r"""Caching games with answers in closed form, or by an exhaustive look at all placements that shares nothing with the solvers.

.. [chun2004] Chun, Chaudhuri, Wee, Barreno, Papadimitriou, Kubiatowicz: Selfish caching in distributed systems: a game-theoretic
   analysis, PODC 2004.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, require
from poagame.errors import TooLarge
from poagame.games.caching import CachingGame
from poagame.games.checks import positive, whole
from poagame.games.instances.placement import MAX_SETS, PlacedFarOff, grid_costs, least_cost, line_costs, ring_costs

MAX_NODES = 4096
"""Most nodes of an instance: their distances take 134 MB."""

OWN = "own derivation"


def caching_uniform_worst(nodes: int, weight: float = 1.0) -> CachingGame:
    r"""Node 0 caches for n − 1 colocated nodes at distance α, which should cache for it: PoA n/2, and n/(1 + w) if node 0 asks for w ≤ 1.

    No metric game with unit demands has a larger one than n/2, none with any demands reaches n (`bounds.caching_uniform`,
    `bounds.caching_weighted`).

    Parameters
    ----------
    nodes : int
        n ≥ 2.
    weight : float
        Demand of node 0, positive; all others have 1, as have placement cost and distance.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2, or the weight is not positive.

    Examples
    --------
    >>> caching_uniform_worst(8).certified["poa"], round(caching_uniform_worst(8, 1e-6).certified["poa"], 6)
    (4.0, 7.999992)
    """
    n, w = _nodes(nodes), positive(weight, "weight")
    distance = np.zeros((n, n))
    distance[0, 1:] = distance[1:, 0] = 1.0
    optimum = 1.0 + min(w, 1.0)
    return CachingGame(distance, 1.0, [w] + [1.0] * (n - 1)).named(
        f"{OWN}; the growth is that of chun2004",
        poa=n / optimum,
        pos=1.0,
        equilibrium_cost=float(n),
        optimum_cost=optimum,
    )


def caching_directed_worst(nodes: int) -> CachingGame:
    """Distances that differ by direction: node 0 caches for all others at distance 1, while all reach node 1 at distance 0; PoA n.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2.

    Examples
    --------
    >>> caching_directed_worst(5).certified["poa"]
    5.0
    """
    n = _nodes(nodes)
    distance = np.zeros((n, n))
    distance[1:, 0] = 1.0
    return CachingGame(distance, 1.0).named(OWN, poa=float(n), pos=1.0, equilibrium_cost=float(n), optimum_cost=1.0)


def caching_two_clusters(nodes: int, placement_cost: float = 2.0) -> CachingGame:
    r"""Two clusters of ⌈n/2⌉ and ⌊n/2⌋ colocated nodes at distance α − 1: all equilibria have one replica, though two may cost less.

    A second replica saves its own node only α − 1 [chun2004]_. For even n all equilibria cost the same,
    :math:`\text{PoA} = \text{PoS} = [\alpha + (\alpha - 1) n/2] / (2\alpha)` once the cost of two is less, and tend to n/4 + 1/2.

    Parameters
    ----------
    nodes : int
        n ≥ 2.
    placement_cost : float
        α > 1.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2, or placement_cost is not above 1.

    Examples
    --------
    >>> game = caching_two_clusters(8, 10.0)
    >>> game.certified["poa"], game.certified["pos"], game.certified["pos_limit"]
    (2.3, 2.3, 2.5)
    """
    n, cost = _nodes(nodes), positive(placement_cost, "placement_cost")
    require(cost > 1.0, f"placement_cost must be above 1, for the clusters lie placement_cost - 1 apart; got {cost:g}")
    apart, large, small = cost - 1.0, n - n // 2, n // 2
    side = np.arange(n) < large
    optimum = min(2.0 * cost, cost + apart * small)
    worst, best = cost + apart * large, cost + apart * small
    return CachingGame(np.where(side[:, None] != side, apart, 0.0), cost).named(
        f"chun2004 (growth of the optimistic price of anarchy); {OWN}",
        poa=worst / optimum,
        pos=best / optimum,
        pos_limit=(1.0 + small) / 2.0,
        equilibrium_cost=worst,
        optimum_cost=optimum,
    )


def caching_complete(
    nodes: int, placement_cost: float = 1.0, distance: float = 1.0, demand: ArrayLike = 1.0
) -> CachingGame:
    r"""Complete graph of equal distances D: PoA 1 for equal demands, and below 2 for any.

    With :math:`v_i = w_i D`, all whose v exceeds α cache at every equilibrium and at the optimum. If there is none, one replica is
    enough, anybody with a demand may hold it, and whoever asks for most should:
    :math:`\text{PoA} = (\alpha + V - v_{\min}) / (\alpha + V - v_{\max})` with :math:`V = \sum_i v_i` and the least v above 0.

    Parameters
    ----------
    nodes : int
        n ≥ 2.
    placement_cost, distance : float
        α and D, positive.
    demand : float or [n]
        w ≥ 0, not all 0.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2, a cost or distance is not positive, or demands are not those of a `CachingGame`.

    Examples
    --------
    >>> caching_complete(3).certified["poa"], caching_complete(3, demand=[1.0, 0.0625, 0.0625]).certified["poa"]
    (1.0, 1.8333333333333333)
    """
    n, cost, apart = _nodes(nodes), positive(placement_cost, "placement_cost"), positive(distance, "distance")
    game = CachingGame(np.where(np.eye(n, dtype=bool), 0.0, apart), cost, demand)
    value: FloatArray = np.asarray(game.demand) * apart
    if value.max() > cost:
        worst = optimum = float(np.minimum(value, cost).sum())
    else:
        alone = cost + value.sum()
        worst, optimum = float(alone - value[value > 0].min()), float(alone - value.max())
    return game.named(
        f"chun2004 for equal demands; {OWN}",
        poa=worst / optimum,
        pos=1.0,
        equilibrium_cost=worst,
        optimum_cost=optimum,
    )


def caching_star(nodes: int) -> CachingGame:
    """Star of n − 1 edges of length 1 around node 0, α = 2: replicas at leaves cost 2n − 1 and one at the centre n + 1.

    Any set of leaves is an equilibrium, for they are 2 apart. No other placement cost is worse (`bounds.caching_star`).

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2.

    Examples
    --------
    >>> caching_star(4).certified["poa"]
    1.4
    """
    n = _nodes(nodes)
    leaf = np.arange(n) > 0
    distance = np.where(np.eye(n, dtype=bool), 0, leaf[:, None] + leaf.astype(int))
    return CachingGame(distance, 2.0).named(
        f"{OWN}; topology of chun2004",
        poa=(2 * n - 1) / (n + 1),
        pos=1.0,
        equilibrium_cost=2.0 * n - 1.0,
        optimum_cost=n + 1.0,
    )


def caching_line(nodes: int) -> CachingGame:
    r"""n nodes on a line of unit edges, α = n − 1: a replica at an end is an equilibrium, and its ratio grows as √n/2 [chun2004]_.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2.
    TooLarge
        If the nodes are more than `MAX_NODES`.

    Examples
    --------
    >>> round(caching_line(16).certified["poa"], 6)
    2.177419
    """
    costs = line_costs(nodes)
    n = _nodes(nodes)
    at = np.arange(n)
    return _far_off(np.abs(at[:, None] - at), costs, "line", pos=(n - 1 + n * n // 4) / costs.optimum_cost)


def caching_ring(nodes: int) -> CachingGame:
    r"""n nodes on a ring of unit edges, α = ⌊n/2⌋: one replica is an equilibrium.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 3.
    TooLarge
        If the nodes are more than `MAX_NODES`.

    Examples
    --------
    >>> caching_ring(12).certified["poa"]
    1.4
    """
    costs = ring_costs(nodes)
    n = _nodes(nodes)
    at = np.arange(n)
    along = np.abs(at[:, None] - at)
    return _far_off(np.minimum(along, n - along), costs, "ring")


def caching_grid(rows: int, columns: int | None = None) -> CachingGame:
    """Grid of unit edges with α its diameter: a replica at a corner is an equilibrium.

    Up to `MAX_SETS` nodes the optimum is the best of all placements; beyond, `poa_low` and `optimum_high` compare with a lattice.

    Parameters
    ----------
    rows, columns : int
        At least 2 nodes together; as many columns as rows where not given.

    Raises
    ------
    InvalidInput
        If rows or columns are no whole numbers of at least 1, or there is one node.
    TooLarge
        If the nodes are more than `MAX_NODES`.

    Examples
    --------
    >>> caching_grid(3).certified["poa"], round(caching_grid(3, 4).certified["poa"], 6)
    (1.375, 1.458333)
    """
    lattice = grid_costs(rows, columns)
    height = whole(rows, "rows", 1)
    width = height if columns is None else whole(columns, "columns", 1)
    n = _nodes(height * width)
    y, x = np.divmod(np.arange(n), width)
    distance = np.abs(y[:, None] - y) + np.abs(x[:, None] - x)
    if n <= MAX_SETS:
        exact = PlacedFarOff(
            lattice.placement_cost, lattice.equilibrium_cost, least_cost(distance, lattice.placement_cost)
        )
        return _far_off(distance, exact, "grid")
    return CachingGame(distance, float(lattice.placement_cost)).named(
        f"{OWN}; topology of chun2004", poa_low=lattice.ratio, optimum_high=float(lattice.optimum_cost)
    )


def _nodes(nodes: int) -> int:
    n = whole(nodes, "nodes", 2)
    if n > MAX_NODES:
        raise TooLarge(f"{n:,} nodes, whose distances are too many to hold; the limit is {MAX_NODES:,}")
    return n


def _far_off(distance: FloatArray, costs: PlacedFarOff, topology: str, **answers: float) -> CachingGame:
    return CachingGame(distance, float(costs.placement_cost)).named(
        f"{OWN}; {topology} of chun2004",
        poa=costs.ratio,
        equilibrium_cost=float(costs.equilibrium_cost),
        optimum_cost=float(costs.optimum_cost),
        **answers,
    )
