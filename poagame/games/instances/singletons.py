r"""Players that use one resource each, with equilibria that are bad in closed form.

.. [caragiannis2011] Caragiannis, Flammini, Kaklamanis et al.: Selfish and greedy load balancing, Algorithmica 61 (2011).
.. [suri2007] Suri, Tóth, Zhou: Selfish load balancing and atomic congestion games, Algorithmica 47 (2007).
.. [luecking2008] Lücking, Mavronicolas, Monien, Rode: A new model for selfish routing, Theoretical Computer Science 406 (2008).
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import lcm, prod

import numpy as np

from poagame.games.checks import whole
from poagame.games.congestion import CongestionGame
from poagame.games.instances._size import check_size
from poagame.latency import Polynomial


def singleton_tree(levels: int) -> CongestionGame:
    r"""Players are the edges of a tree and choose one of its ends; with all at the upper ends the ratio tends to 5/2 [caragiannis2011]_.

    Servers are the nodes, of latency c x. Down to level k the tree is binary, with :math:`c = (2/3)^i` at level i < k; from each of
    the :math:`2^k` nodes of level k hangs a chain of k nodes with :math:`c = (2/3)^{k-1} 2^{-j}`, j = 0 … k − 1, and a last one of the
    same c as the one above. All at the upper end (action 0) is an equilibrium in which everybody would pay as much at the lower end;
    all at the lower end (action 1) is the optimum: moving players up along any path adds at least the c of its upper end and saves
    the smaller c of its lower end. With :math:`q = (4/3)^k` the ratio is

    .. math:: \frac{(15 - 3 \cdot 2^{-k})\,q - 12}{6 q - 4}.

    That no equilibrium is dearer is recomputed for the sizes in the tests.

    Parameters
    ----------
    levels : int
        k ≥ 1; the game has :math:`2^k (k + 2) - 2` players.

    Raises
    ------
    InvalidInput
        If levels is no whole number of at least 1.
    TooLarge
        If the levels are more than 9.

    Examples
    --------
    >>> [round(singleton_tree(k).certified["poa"], 4) for k in (1, 2, 6)]
    [1.5, 2.0, 2.4238]
    """
    k = whole(levels, "levels", 1, 100)
    check_size(2**k * (k + 2) - 2, 2, 2**k * (k + 2) - 1)
    cost = [(2.0 / 3.0) ** i for i in range(k) for _ in range(2**i)]
    parent = [(node - 1) // 2 for node in range(1, 2**k - 1)]
    for leaf in range(2**k):
        above = 2 ** (k - 1) - 1 + leaf // 2
        for j in [*range(k), k - 1]:
            parent.append(above)
            above = len(cost)
            cost.append((2.0 / 3.0) ** (k - 1) * 0.5**j)
    actions = [[[above], [node]] for node, above in enumerate(parent, start=1)]
    game = CongestionGame(Polynomial([[0.0, c] for c in cost]), actions)
    q = Fraction(4, 3) ** k
    worst, least = (15 - Fraction(3, 2**k)) * q - 12, 6 * q - 4
    return game.named(
        "caragiannis2011, restricted singletons with linear latencies",
        poa=float(worst / least),
        poa_limit=2.5,
        equilibrium_cost=float(worst),
        optimum_cost=float(least),
    )


def identical_servers(levels: int) -> CongestionGame:
    r"""Unit jobs that may use one of two equal servers each, latency x: the ratio tends to 2.012067, the worst of such games.

    A server of class u = 0 … U has u jobs in the equilibrium (action 0) and :math:`v_u` in the optimum (action 1), :math:`v_U = 0`;
    the jobs of class u have their other server in class u − 1, so that none gains by moving. There are :math:`N_u` of a class,
    :math:`u N_u = v_{u-1} N_{u-1}`, and the ratio is :math:`\sum N_u u^2 / \sum N_u v_u^2`. The v are those of
    `identical_servers_recursion`. The bound that it reaches is that of [suri2007]_ and [caragiannis2011]_; classes and v are derived here.

    Parameters
    ----------
    levels : int
        U ≥ 1; the game has 15 jobs at 3, 1,002 at 6 and 7,042 at 7, on nearly as many servers.

    Raises
    ------
    InvalidInput
        If levels is no whole number of at least 1.
    TooLarge
        If the levels are more than 8.

    Examples
    --------
    >>> [round(identical_servers(levels).certified["equilibrium_ratio"], 4) for levels in (2, 4, 6)]
    [1.5, 1.9375, 1.9943]
    """
    top = whole(levels, "levels", 1, 20)
    wanted = [*identical_servers_recursion()[1][:top], 0]
    share = [Fraction(prod(wanted[:u]), prod(range(1, u + 1))) for u in range(top + 1)]  # N_u / N_0
    unit = lcm(*(part.denominator for part in share))
    counts = [int(part * unit) for part in share]
    check_size(sum(u * count for u, count in enumerate(counts)), 2, sum(counts))
    first = np.concatenate([[0], np.cumsum(counts)]).tolist()
    actions = [
        [[first[u] + job // u], [first[u - 1] + job // wanted[u - 1]]]
        for u in range(1, top + 1)
        for job in range(u * counts[u])
    ]
    game = CongestionGame(Polynomial([[0.0, 1.0]] * first[-1]), actions)
    worst = sum(count * u * u for u, count in enumerate(counts))
    least = sum(count * v * v for v, count in zip(wanted, counts, strict=True))
    return game.named(
        "suri2007; caragiannis2011 (the bound); construction derived here",
        equilibrium_ratio=worst / least,
        poa_limit=identical_servers_recursion()[0],
        equilibrium_cost=float(worst),
        optimum_cost=float(least),
    )


@cache
def identical_servers_recursion() -> tuple[float, tuple[int, ...]]:
    r"""Price of anarchy of unit jobs on restricted equal servers, 1/ρ to 14 digits, and the optimum's loads :math:`v_0, v_1, …`.

    ρ is the largest number for which :math:`f(1) = 1,\ f(u+1) = \min_{v \ge 1} [v + (u f(u) - \rho u^2)/v]` stays at or above ρu; the
    :math:`v_u` attain the minima. Why, see `poagame.bounds.singleton_identical`. The recursion multiplies errors by u/v a step, so that
    floats fix only the first 30 of the v; the classes beyond weigh less than :math:`10^{-14}`.
    """
    low, high = 0.25, 1.0
    while high - low > 1e-16:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _descend(middle)[0] else (low, middle)
    return 1.0 / low, tuple(_descend(low)[1])


def _descend(rho: float, length: int = 30) -> tuple[bool, list[int]]:
    f, loads = 1.0, [1]
    for u in range(1, length):
        rest = u * f - rho * u * u
        if rest < 0.0:
            return False, loads
        f, best = min((v + rest / v, v) for v in range(1, u + 2))
        loads.append(best)
    return True, loads


def weighted_servers() -> CongestionGame:
    """Two jobs of size 6 and six of size 2 on three equal servers: 9/8, the most for the sum of squared loads [luecking2008]_.

    Loads 12, 6, 6 with both large jobs on one server are an equilibrium, loads 8, 8, 8 the optimum.

    Examples
    --------
    >>> weighted_servers().certified["poa"]
    1.125
    """
    anywhere = [[0], [1], [2]]
    game = CongestionGame(Polynomial([[0.0, 1.0]] * 3), [anywhere, anywhere], weights=[6.0, 2.0], multiplicity=[2, 6])
    worst, least = 12.0**2 + 2.0 * 6.0**2, 3.0 * 8.0**2
    return game.named(
        "luecking2008, quadratic social cost of weighted jobs on equal servers",
        poa=worst / least,
        pos=1.0,
        equilibrium_cost=worst,
        optimum_cost=least,
    )
