r"""What selfish placement of replicas costs [chun2004]_, n nodes with one placement cost α.

At an equilibrium no node pays more than α, for it could cache, and the optimum costs at least α: no price of anarchy exceeds n. Everything
sharper depends on distances and demands. That all nodes have one placement cost is needed throughout: two nodes of which one pays M times
as much as the other have price of anarchy of order M, for the dear one may hold the only replica.

.. [chun2004] Chun, Chaudhuri, Wee, Barreno, Papadimitriou, Kubiatowicz: Selfish caching in distributed systems: a game-theoretic
   analysis, PODC 2004.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from poagame.bounds.record import PoaBound
from poagame.games.caching import CachingGame
from poagame.games.checks import whole
from poagame.games.instances import caching as instances
from poagame.games.instances.placement import MAX_SETS, PlacedFarOff, grid_costs, line_costs, ring_costs, worst_on_line

ENUMERATED = f"up to {MAX_SETS} nodes no equilibrium at any placement cost is worse (all placements, all placement costs looked at)"

ALL_LINES = f"up to {instances.MAX_NODES:,} nodes no equilibrium at any placement cost is worse (all lengths of ends and gaps looked at)"

NOT_BUILT = f"shown by a game of more than {instances.MAX_NODES:,} nodes, too large to build here"


def caching_uniform(nodes: int) -> PoaBound:
    r"""Unit demands on a metric: price of anarchy exactly n/2.

    *Proof.* Let X be an equilibrium. If the optimum has two replicas or more it costs at least 2α, and X at most nα. Otherwise it has
    one, at o. If X holds x ≠ y, neither would rather fetch, so :math:`\alpha \le d_{xy} \le d_{xo} + d_{oy}` and the optimum costs at
    least 2α again. If X = {x}, x ≠ o, let :math:`D = d_{xo} \le \alpha` and :math:`S = \sum_{i \ne x} d_{io}`. Others pay at most
    :math:`d_{io} + D`, so the ratio is at most :math:`(\alpha + (n - 1) D + S) / (\alpha + D + S)`, which is largest at S = 0 and
    D = α: n/2.

    Both halves of "metric" are needed: directed distances allow n (`caching_directed`), and three nodes of which two cache at distance 1
    of each other and 0 of the third have price of anarchy 2 (no triangle inequality).

    Parameters
    ----------
    nodes : int
        n ≥ 2.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2.

    Examples
    --------
    >>> caching_uniform(8).value
    4.0
    """
    n = whole(nodes, "nodes", 2)
    return PoaBound(
        n / 2,
        "pure",
        f"selfish caching, {n} nodes in a metric, equal demands, one placement cost",
        _buildable(n),
        "own proof; order n is chun2004",
        "caching_uniform",
        build=partial(instances.caching_uniform_worst, n) if _buildable(n) else None,
        remark="" if _buildable(n) else NOT_BUILT,
    )


def caching_weighted(nodes: int) -> PoaBound:
    r"""Any demands on a metric: price of anarchy below n, and as near as one likes.

    Equality would need an optimum with one replica at o that nobody pays for reaching, and an equilibrium at which all pay α. Then a node
    x that caches has a demand (else it would not) and :math:`d_{xo} = 0`, so that o reaches x at no cost.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2.
    """
    n = whole(nodes, "nodes", 2)
    return PoaBound(
        float(n),
        "pure",
        f"selfish caching, {n} nodes in a metric, any demands, one placement cost",
        _buildable(n),
        "own proof; order n is chun2004",
        "caching_weighted",
        approach=partial(_hardly_asking, n) if _buildable(n) else None,
        remark="approached as the demand of one node vanishes, never attained" if _buildable(n) else NOT_BUILT,
    )


def caching_directed(nodes: int) -> PoaBound:
    """Distances that may differ by direction, or be no metric: price of anarchy n, already for unit demands.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2.
    """
    n = whole(nodes, "nodes", 2)
    return PoaBound(
        float(n),
        "pure",
        f"selfish caching, {n} nodes, any distances and demands, one placement cost",
        _buildable(n),
        "own proof; order n is chun2004",
        "caching_directed",
        build=partial(instances.caching_directed_worst, n) if _buildable(n) else None,
        remark="" if _buildable(n) else NOT_BUILT,
    )


def caching_complete(nodes: int) -> PoaBound:
    r"""Complete graph of equal distances D, equal demands w and one placement cost: all equilibria are optimal.

    If w D > α all cache, if w D < α exactly one does, and at w D = α every profile with a replica costs nα. All three equalities are
    needed: see `caching_complete_unequal` for demands, and the module for placement costs.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2.
    """
    n = whole(nodes, "nodes", 2)
    return PoaBound(
        1.0,
        "pure",
        f"selfish caching, complete graph of {n} nodes, equal distances and demands, one placement cost",
        _buildable(n),
        "chun2004; own proof",
        "caching_complete",
        build=partial(instances.caching_complete, n) if _buildable(n) else None,
        remark="" if _buildable(n) else NOT_BUILT,
    )


def caching_complete_unequal(nodes: int) -> PoaBound:
    r"""Complete graph of equal distances D and any demands: price of anarchy below 2 whatever n, and as near as one likes.

    Let :math:`v_i = w_i D`. If some v exceeds α, those nodes cache at every equilibrium and at the optimum, all others fetch (or are
    indifferent): ratio 1. If none does, one replica is best, at the node with the largest v, and an equilibrium with one replica at x costs
    :math:`\alpha + V - v_x` (one with more has only nodes of v = α among them, and costs the optimum), so the ratio is at most

    .. math:: \frac{\alpha + V - v_{\min}}{\alpha + V - v_{\max}} = 1 + \frac{v_{\max} - v_{\min}}{\alpha + V - v_{\max}}
              < 1 + \frac{v_{\max}}{\alpha} \le 2,

    approached with :math:`v_{\max} = \alpha` and all others near 0: a node that hardly asks for the object holds the only replica.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2.
    """
    n = whole(nodes, "nodes", 2)
    return PoaBound(
        2.0,
        "pure",
        f"selfish caching, complete graph of {n} nodes, equal distances, any demands, one placement cost",
        _buildable(n),
        "own proof",
        "caching_complete_unequal",
        approach=partial(_one_asking, n) if _buildable(n) else None,
        remark="approached as all demands but one vanish, never attained" if _buildable(n) else NOT_BUILT,
    )


def caching_star(nodes: int) -> PoaBound:
    r"""Star of n − 1 equal edges, unit demands, any α: price of anarchy (2n − 1)/(n + 1), below 2.

    With edges of length 1: for α < 1 all cache. For 1 ≤ α < 2 the equilibria are the centre alone, which is optimal at α + n − 1, and all
    leaves, at (n − 1)α + 1: a ratio that grows with α. From 2 on a leaf alone costs α + 2n − 3, which falls against the optimum as α grows;
    at 2 both are 2n − 1, and so is any set of leaves.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2.
    """
    n = whole(nodes, "nodes", 2)
    return PoaBound(
        (2 * n - 1) / (n + 1),
        "pure",
        f"selfish caching, star of {n} nodes with equal edges, unit demands, any one placement cost",
        _buildable(n),
        "own proof; topology of chun2004",
        "caching_star",
        build=partial(instances.caching_star, n) if _buildable(n) else None,
        remark="" if _buildable(n) else NOT_BUILT,
    )


def caching_line(nodes: int) -> PoaBound:
    r"""Line of n nodes at equal distances, unit demands, any α: the ratio of one replica at an end, about √n/2.

    Tight up to 4,096 nodes: the dearest equilibrium at each placement cost is found in closed form (`worst_on_line` of
    `poagame.games.instances.placement`), and none is worse. Beyond, a lower bound.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2.
    """
    n, costs = whole(nodes, "nodes", 2), line_costs(nodes)
    exact = _buildable(n) and worst_on_line(n).ratio <= costs.ratio
    build = partial(instances.caching_line, n)
    return _far_off(costs, n, f"line of {n} nodes", "caching_line", build, exact, ALL_LINES)


def caching_ring(nodes: int) -> PoaBound:
    r"""Ring of n nodes at equal distances, unit demands, any α: the ratio of one replica at α = ⌊n/2⌋, about √(n/8).

    Tight up to 16 nodes, where all equilibria at all placement costs were looked at; beyond, a lower bound.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 3.
    """
    n, costs = whole(nodes, "nodes", 3), ring_costs(nodes)
    return _far_off(costs, n, f"ring of {n} nodes", "caching_ring", partial(instances.caching_ring, n), n <= MAX_SETS)


def caching_grid(rows: int, columns: int | None = None) -> PoaBound:
    r"""Grid of unit edges, unit demands, any α: the ratio of one replica at a corner with α the diameter.

    Tight up to 16 nodes, where all equilibria at all placement costs were looked at. Beyond, a lower bound that compares with a lattice of
    replicas, 0.667 n^(1/3) for large squares.

    Parameters
    ----------
    rows, columns : int
        At least 2 nodes together; as many columns as rows where not given.

    Raises
    ------
    InvalidInput
        If rows or columns are no whole numbers of at least 1, or there is one node.
    TooLarge
        If the shorter side has more than 10,000 nodes.
    """
    height = whole(rows, "rows", 1)
    width = height if columns is None else whole(columns, "columns", 1)
    n, shape = height * width, f"grid of {height} × {width} nodes"
    if n <= MAX_SETS:
        game = instances.caching_grid(height, width)
        answers = game.certified
        costs = PlacedFarOff(
            int(game.placement_cost[0]), int(answers["equilibrium_cost"]), int(answers["optimum_cost"])
        )
    else:
        costs = grid_costs(height, width)
    return _far_off(costs, n, shape, "caching_grid", partial(instances.caching_grid, height, width), n <= MAX_SETS)


def caching_payment() -> PoaBound:
    r"""Caching with bids for replicas at other nodes: some equilibrium is optimal, whatever distances, demands and placement costs.

    Let :math:`c_j(Y)` be what j pays to read from Y, and X an optimum. A placement is that of an equilibrium if

    1. no node outside X would rather cache, :math:`c_j(X) \le \alpha_j`, and
    2. each holder is worth its cost to itself and to those that it is nearest to, who at worst cache too:
       :math:`c_i(X \setminus i) + \sum_{j \notin X} [\min(c_j(X \setminus i), \alpha_j) - c_j(X)]^+ \ge \alpha_i`,

    for bids of up to those terms then pay for i what it lacks, and who lowers its bid loses the replica. Adding j to X saves nothing, which
    is 1. Nor does it to take i away and let every j with :math:`c_j(X \setminus i) > \alpha_j` cache, which is 2. (`chun2004` proves it for
    one placement cost and symmetric distances; that nothing else is needed, and that 1 and 2 are also necessary, is ours. See
    `poagame.solvers.caching.payments`.)

    The *worst* equilibrium need not be: those without payments are among them. It costs at most :math:`\sum_i \alpha_i`, so with one
    placement cost the price of anarchy is at most n, and on a metric with unit demands at most n/2, as without payments. Of a single game
    it may be larger: on a ring of six unit edges with α = 9/4 all equilibria are optimal without payments, and 21/17 is reached with them.

    Examples
    --------
    >>> caching_payment().value, caching_payment().standing
    (1.0, 'proved')
    """
    return PoaBound(
        1.0,
        "pure",
        "selfish caching with payments between nodes, any distances, demands and placement costs",
        True,
        "chun2004; own proof",
        "caching_payment",
        "price of stability",
        build=partial(instances.caching_uniform_worst, 8),
        remark="no ratio is below 1; worst equilibria with payments may cost more than those without",
    )


def _buildable(nodes: int) -> bool:
    return nodes <= instances.MAX_NODES


def _hardly_asking(nodes: int, size: int) -> CachingGame:
    return instances.caching_uniform_worst(nodes, 1.0 / whole(size, "size", 1))


def _one_asking(nodes: int, size: int) -> CachingGame:
    return instances.caching_complete(nodes, demand=[1.0] + [1.0 / whole(size, "size", 1)] * (nodes - 1))


def _far_off(
    costs: PlacedFarOff,
    nodes: int,
    topology: str,
    name: str,
    build: Callable[[], CachingGame],
    exact: bool,
    how: str = ENUMERATED,
) -> PoaBound:
    return PoaBound(
        costs.ratio,
        "pure",
        f"selfish caching, {topology} with equal edges, unit demands, any one placement cost",
        exact,
        "own derivation; topology of chun2004",
        name,
        side="upper" if exact else "lower",
        build=build if _buildable(nodes) else None,
        remark=how if exact else f"the value of a known game; {how}",
    )
