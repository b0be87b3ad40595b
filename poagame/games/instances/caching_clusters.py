r"""Caching on clusters of two levels, cliques of GPUs joined by slower links, in closed form for every placement cost.

With m cliques of g nodes, intra a ≤ inter b, unit demands and placement cost α > a, a served clique has one replica, and serving k cliques
costs :math:`f(k) = k\,[\alpha + (g - 1)\,a] + (m - k)\,g\,b`, linear in k: the optimum is f(m) or f(1). Equilibria of unit demands are the
sets whose members lie α apart at least and that cover everybody within α:

- α < a: all nodes (and at α = a any set that covers, at the same cost nα, the optimum);
- a < α < b: one in each clique, f(m), the optimum, for α < b ≤ g b − (g − 1) a;
- α = b: one in each of k cliques for every k ≥ 1, so that f(1) is the worst and f(m) the optimum;
- α > b: one replica in all, f(1).
"""

from __future__ import annotations

import numpy as np

from poagame._arrays import require
from poagame.games.caching import CachingGame
from poagame.games.checks import finite, positive, whole
from poagame.games.instances.caching import OWN, _nodes


def caching_hierarchy(
    nodes: int, gpus_per_node: int, intra: float, inter: float, placement_cost: float | None = None
) -> CachingGame:
    r"""Unit demands on `nodes` cliques of GPUs, intra inside and inter between them: all equilibria and the optimum in closed form.

    Parameters
    ----------
    nodes, gpus_per_node : int
        m and g, each at least 1, together at least 2 GPUs.
    intra, inter : float
        0 ≤ intra ≤ inter.
    placement_cost : float, optional
        α, positive; by default `inter`, where the price of anarchy is largest (`bounds.caching_clusters`).

    Raises
    ------
    InvalidInput
        If an argument is out of its domain.
    TooLarge
        If the GPUs are more than 4,096.

    Examples
    --------
    >>> caching_hierarchy(2, 4, intra=1.0, inter=10.0).certified["poa"]
    2.0384615384615383
    >>> caching_hierarchy(2, 4, intra=1.0, inter=10.0, placement_cost=5.0).certified["poa"]
    1.0
    """
    m, g = whole(nodes, "nodes", 1), whole(gpus_per_node, "gpus_per_node", 1)
    n = _nodes(m * g)
    a, b = finite(intra, "intra"), finite(inter, "inter")
    require(0 <= a <= b, f"intra must be at least 0 and at most inter; got {a:g} and {b:g}")
    alpha = positive(b if placement_cost is None else placement_cost, "placement_cost")
    clique = np.arange(n) // g
    distance = np.where(clique[:, None] == clique, a, b)
    np.fill_diagonal(distance, 0.0)

    def serving(cliques: int) -> float:
        return cliques * (alpha + (g - 1) * a) + (m - cliques) * g * b

    if alpha <= a:
        worst = best = optimum = n * alpha
    else:
        worst = serving(1 if alpha >= b else m)
        best = serving(1 if alpha > b else m)
        optimum = min(serving(1), serving(m))
    return CachingGame(distance, alpha).named(
        OWN, poa=worst / optimum, pos=best / optimum, equilibrium_cost=worst, optimum_cost=optimum
    )


def caching_spread_worst(nodes: int, ratio: float) -> CachingGame:
    """Node 0 caches, α from everybody, though a copy at any other node would be `ratio` times nearer: the worst of all distances between.

    Unit demands, distances 1 and `ratio` (directed: to node 0 it is far, from node 0 near), α = ratio.

    Parameters
    ----------
    nodes : int
        n ≥ 2.
    ratio : float
        R ≥ 1.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2, or the ratio less than 1.
    TooLarge
        If the nodes are more than 4,096.

    Examples
    --------
    >>> caching_spread_worst(4, 3.0).certified["poa"]
    2.0
    """
    n, far = _nodes(nodes), positive(ratio, "ratio")
    require(far >= 1.0, f"ratio of the largest to the smallest distance must be at least 1; got {far:g}")
    distance = np.ones((n, n))
    distance[:, 0] = far
    np.fill_diagonal(distance, 0.0)
    optimum = far + n - 1.0
    return CachingGame(distance, far).named(
        OWN, poa=n * far / optimum, pos=1.0, equilibrium_cost=n * far, optimum_cost=optimum
    )
