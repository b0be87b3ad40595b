r"""What selfish placement of replicas costs where distances differ by a factor at most: clusters of two levels, and any distances.

Unit demands and one placement cost throughout, one tier and no limits on storage. What links cost relative to each other bounds the price
of anarchy whatever the number of nodes: fast links within cliques beside slow ones between them are what it can grow by.

.. [chun2004] Chun, Chaudhuri, Wee, Barreno, Papadimitriou, Kubiatowicz: Selfish caching in distributed systems: a game-theoretic
   analysis, PODC 2004.
"""

from __future__ import annotations

import math
from functools import partial

from poagame._arrays import require
from poagame.bounds.caching import NOT_BUILT, _buildable
from poagame.bounds.record import PoaBound
from poagame.games.caching import CachingGame
from poagame.games.checks import positive, whole
from poagame.games.instances import caching_clusters as instances
from poagame.games.instances.caching import caching_two_clusters as caching_two_clusters_game

OWN = "own proof"


def caching_clusters(nodes: int, gpus_per_node: int, ratio: float = math.inf) -> PoaBound:
    r"""Cluster of m cliques of g nodes, links between them R times as dear as within, unit demands, any α: exact price of anarchy.

    .. math:: \frac{1}{m} \Big( 1 + (m - 1) \frac{g R}{R + g - 1} \Big) < \min(g, R) \quad (m, g, R > 1).

    *Proof.* Let a and b = R a be the costs within and between. For α < b all equilibria are optimal (see
    `poagame.games.instances.caching_clusters`). From α = b on one replica in all is the worst equilibrium. It costs
    :math:`\alpha + (g - 1) a + (m - 1) g b`, one in each clique :math:`m\,[\alpha + (g - 1) a]`, and no number of cliques served in between
    less than both. The ratio falls as α grows, so it is largest at α = b.

    With R infinite, 1/m + (1 − 1/m) g. So on clusters it grows as n where cliques grow and their number does not; as √n where both grow
    alike; and not at all where only the number of cliques does: always as long as g is small beside R.

    Parameters
    ----------
    nodes, gpus_per_node : int
        m and g, each at least 1, together at least 2 GPUs.
    ratio : float
        R ≥ 1, infinite where links within a clique cost nothing.

    Raises
    ------
    InvalidInput
        If an argument is out of its domain.

    Examples
    --------
    >>> caching_clusters(8, 8, ratio=10.0).value
    4.24264705882353
    >>> caching_clusters(2, 8).value
    4.5
    """
    value, m, g, far = _clusters(nodes, gpus_per_node, ratio)
    shown = _buildable(m * g)
    return PoaBound(
        value,
        "pure",
        f"selfish caching, {_described(m, g, far)}, unit demands, any one placement cost",
        shown,
        OWN,
        "caching_clusters",
        build=partial(_at_worst, m, g, far) if shown else None,
        remark="" if shown else NOT_BUILT,
    )


def caching_clusters_best(nodes: int, gpus_per_node: int, ratio: float = math.inf) -> PoaBound:
    r"""As `caching_clusters`, for the *best* equilibrium: the same number, approached from placement costs just above b.

    At α = b equilibria serve any number of cliques, also all, which is optimal; above b all of them have one replica and cost the same.

    Parameters
    ----------
    nodes, gpus_per_node, ratio
        As of `caching_clusters`.

    Raises
    ------
    InvalidInput
        If an argument is out of its domain.

    Examples
    --------
    >>> round(caching_clusters_best(8, 8, ratio=10.0).approach(10**6).certified["pos"], 5)
    4.24264
    """
    value, m, g, far = _clusters(nodes, gpus_per_node, ratio)
    shown = _buildable(m * g)
    return PoaBound(
        value,
        "pure",
        f"selfish caching, {_described(m, g, far)}, unit demands, any one placement cost",
        shown,
        OWN,
        "caching_clusters_best",
        "price of stability",
        approach=partial(_just_above, m, g, far) if shown else None,
        remark="approached as the placement cost falls to that of the links between cliques, never attained above 1"
        if shown
        else NOT_BUILT,
    )


def caching_two_clusters(nodes: int) -> PoaBound:
    r"""Two clusters of colocated nodes, unit demands: even the *best* equilibrium may cost (1 + ⌊n/2⌋)/2 times the optimum.

    With the clusters D apart, D < α, every equilibrium has one replica. It costs at least α + D s with s ≤ ⌊n/2⌋ nodes in the smaller
    cluster, and two replicas cost 2α: the ratio is at most :math:`(1 + s D / \alpha)/2 < (1 + s)/2`, approached as D tends to α. With
    D ≥ α an optimum with a replica in each cluster is an equilibrium. So on metrics at large the price of stability is of order n,
    as the price of anarchy is.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2.
    """
    n = whole(nodes, "nodes", 2)
    return PoaBound(
        (1 + n // 2) / 2,
        "pure",
        f"selfish caching, {n} nodes in two colocated clusters, unit demands, one placement cost",
        _buildable(n),
        "own proof; order n is chun2004",
        "caching_two_clusters",
        "price of stability",
        approach=partial(_just_too_near, n) if _buildable(n) else None,
        remark="approached as the distance of the clusters tends to the placement cost, never attained for n >= 4"
        if _buildable(n)
        else NOT_BUILT,
    )


def caching_spread(nodes: int, ratio: float) -> PoaBound:
    r"""Any distances of which the largest is R times the smallest, unit demands: price of anarchy n R/(n + R − 1), below n and R.

    *Proof.* Let distances be between 1 and R. For α ≤ 1 it costs nobody more to cache than to fetch, and all caching is optimal at nα,
    which no equilibrium exceeds. For α > 1 the optimum has a replica and everybody else pays at least 1: :math:`\alpha + n - 1`. At an
    equilibrium nobody pays more than α, and for α ≥ R it costs :math:`\alpha + (n - 1) R` at most. Both
    :math:`n \alpha/(\alpha + n - 1)` up to R and :math:`[\alpha + (n - 1) R]/[\alpha + n - 1]` from there are largest at α = R.

    Neither symmetry nor the triangle inequality is needed. R = 1 is the complete graph; with R infinite it is `caching_directed`. Metrics
    come as near to R: two cliques of which one is a single node have n R/(n + 2R − 2).

    Parameters
    ----------
    nodes : int
        n ≥ 2.
    ratio : float
        R ≥ 1.

    Raises
    ------
    InvalidInput
        If an argument is out of its domain.

    Examples
    --------
    >>> caching_spread(64, 10.0).value
    8.767123287671232
    """
    n, far = whole(nodes, "nodes", 2), _ratio(ratio)
    shown = _buildable(n) and math.isfinite(far)
    return PoaBound(
        _harmonic(n, far),
        "pure",
        f"selfish caching, {n} nodes, the largest distance {far:g} times the smallest, unit demands, any one placement cost",
        shown,
        OWN,
        "caching_spread",
        build=partial(instances.caching_spread_worst, n, far) if shown else None,
        remark=""
        if shown
        else NOT_BUILT
        if math.isfinite(far)
        else "caching_directed(nodes) is this bound, and has its game",
    )


def _clusters(nodes: int, gpus_per_node: int, ratio: float) -> tuple[float, int, int, float]:
    m, g, far = whole(nodes, "nodes", 1), whole(gpus_per_node, "gpus_per_node", 1), _ratio(ratio)
    whole(m * g, "nodes * gpus_per_node", 2)
    return 1 / m + (m - 1) / m * _harmonic(g, far), m, g, far


def _harmonic(size: int, ratio: float) -> float:
    """n R/(n + R − 1), also where either is beyond the range of floats."""
    return 1.0 / (1 / size + (size - 1) / size / ratio)


def _ratio(value: float) -> float:
    far = math.inf if isinstance(value, float) and value == math.inf else positive(value, "ratio")
    require(far >= 1.0, f"ratio of the larger to the smaller distance must be at least 1; got {far:g}")
    return far


def _described(cliques: int, size: int, ratio: float) -> str:
    links = "free links within" if math.isinf(ratio) else f"links between them {ratio:g} times as dear as within"
    return f"cluster of {cliques} cliques of {size} nodes, {links}"


def _at_worst(cliques: int, size: int, ratio: float) -> CachingGame:
    return instances.caching_hierarchy(cliques, size, 1.0 / ratio, 1.0)


def _just_above(cliques: int, size: int, ratio: float, steps: int) -> CachingGame:
    return instances.caching_hierarchy(cliques, size, 1.0 / ratio, 1.0, 1.0 + 1.0 / whole(steps, "size", 1))


def _just_too_near(nodes: int, size: int) -> CachingGame:
    return caching_two_clusters_game(nodes, 1.0 + whole(size, "size", 1))
