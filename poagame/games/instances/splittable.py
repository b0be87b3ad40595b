r"""Games of players that split, with answers in closed form.

.. [cominetti2009] Cominetti, Correa, Stier-Moses: The impact of oligopolistic competition in networks, Operations Research 57 (2009).
.. [roughgarden2015splittable] Roughgarden, Schoppmann: Local smoothness and the price of anarchy in splittable congestion
   games, Journal of Economic Theory 156 (2015).
"""

from __future__ import annotations

import numpy as np

from poagame._arrays import FloatArray
from poagame.errors import TooLarge
from poagame.games.checks import whole
from poagame.games.instances._size import check_size
from poagame.games.load_balancing import FractionalLoadBalancing
from poagame.games.splittable import SplittableRouting
from poagame.latency import Polynomial

MOST_JOBS = 4096
"""Of `half_load_balancing`: flows of more on as many servers would take 134 MB each."""


def splittable_affine(players: int) -> SplittableRouting:
    r"""Affine game whose price of anarchy tends to 3/2, the worst of all affine splittable games, as players are added.

    Player i owns three resources of latency x/3; with s = 2/(3(n−1)), two more resources cost 4s/3 and 1/3 + 5s/3 whatever their load.
    Its demand 2/3 goes over O = {own three, second constant} (action 0, the optimum) and, for each other player j, over
    {own three, the third of j, first constant} and {the three of j, the first two of the player after j} (the equilibrium, evenly).
    The game is affine, so all equilibria cost the same, and

    .. math:: \mathrm{PoA} = \frac{1 + 4s/9}{2/3 + 10s/9}.

    Reaching 3/2 in the limit, it shows the bound of [cominetti2009]_ and [roughgarden2015splittable]_ tight.

    Parameters
    ----------
    players : int
        n ≥ 3.

    Raises
    ------
    InvalidInput
        If there is no whole number of players, or fewer than three: below, the optimum is another.

    Examples
    --------
    >>> round(splittable_affine(5).certified["poa"], 6)
    1.26087
    """
    n = whole(players, "players", 3)
    check_size(n, 2 * n - 1, 3 * n + 2)
    s = 2.0 / (3.0 * (n - 1))
    small, large = 3 * n, 3 * n + 1
    actions: list[list[list[int]]] = []
    for i in range(n):
        own, others = [3 * i, 3 * i + 1, 3 * i + 2], [(i + k) % n for k in range(1, n)]
        mine = [[*own, large]]
        for j, after in zip(others, [*others[1:], others[0]], strict=True):
            mine += [[*own, 3 * j + 2, small], [3 * j, 3 * j + 1, 3 * j + 2, 3 * after, 3 * after + 1]]
        actions.append(mine)
    coefficients = np.vstack(
        [np.tile([0.0, 1.0 / 3.0], (3 * n, 1)), [[4.0 * s / 3.0, 0.0], [(1.0 + 5.0 * s) / 3.0, 0.0]]]
    )
    worst, least = n * (1.0 + 4.0 * s / 9.0), n * (2.0 / 3.0 + 10.0 * s / 9.0)
    game = SplittableRouting(Polynomial(coefficients), actions, np.full(n, 2.0 / 3.0))
    source = "tight for [roughgarden2015splittable], Theorem on affine splittable games; own construction, conditions verified"
    return game.named(source, poa=worst / least, pos=worst / least, equilibrium_cost=worst, optimum_cost=least)


def splittable_affine_equilibrium(players: int) -> FloatArray:
    """[N, A]: the equilibrium of `splittable_affine`, even over all actions but the optimum's."""
    players = whole(players, "players", 3)
    flow = np.full((players, 2 * players - 1), 1.0 / (3.0 * (players - 1)))
    flow[:, 0] = 0.0
    return flow


def load_balancing(players: int) -> SplittableRouting:
    """n equal jobs of size 1 split over n equal servers of latency x: in the only equilibrium all spread evenly, which is optimal.

    The same jobs that count half of their own load are a `games.load_balancing.FractionalLoadBalancing`, whose price of anarchy is 2 − 1/n.

    Raises
    ------
    InvalidInput
        If players is no whole number of at least 1.

    Examples
    --------
    >>> load_balancing(3).certified["poa"]
    1.0
    """
    players = whole(players, "players", 1)
    check_size(players, players, players)
    game = SplittableRouting(Polynomial([0.0, 1.0]), [[[r] for r in range(players)]] * players, np.ones(players))
    return game.named("own derivation", poa=1.0, pos=1.0, equilibrium_cost=float(players), optimum_cost=float(players))


def half_load_balancing(players: int) -> FractionalLoadBalancing:
    """n equal jobs on n equal servers that count half of their own load: price of anarchy 2 − 1/n, price of stability 1.

    Any flows with equal loads are an equilibrium: worst where all jobs spread evenly, best and optimal with one job a server.

    Raises
    ------
    InvalidInput
        If players is no whole number of at least 1.
    TooLarge
        If the players are more than `MOST_JOBS`.

    Examples
    --------
    >>> half_load_balancing(10).certified["poa"]
    1.9
    """
    n = whole(players, "players", 1)
    if n > MOST_JOBS:
        raise TooLarge(f"{n:,} jobs on as many servers, whose flows are too many to hold; the limit is {MOST_JOBS:,}")
    game = FractionalLoadBalancing(np.ones(n), np.ones(n))
    answers = {"poa": 2.0 - 1.0 / n, "pos": 1.0, "equilibrium_cost": n - 0.5, "optimum_cost": 0.5 * n}
    return game.named("own derivation: the social cost lies between the potential and 2 - 1/n times it", **answers)
