r"""Games of players that split, with answers in closed form.

.. [cominetti2009] Cominetti, Correa, Stier-Moses: The impact of oligopolistic competition in networks, Operations Research 57 (2009).
.. [roughgarden2015] Roughgarden, Schoppmann: Local smoothness and the price of anarchy in splittable congestion
   games, Journal of Economic Theory 156 (2015).
"""

from __future__ import annotations

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, require
from poagame.games.named import NamedGame
from poagame.games.simplex import project_to_simplices
from poagame.games.splittable import SplittableRouting
from poagame.latency import Polynomial


def splittable_affine(players: int) -> SplittableRouting:
    r"""Affine game whose price of anarchy tends to 3/2, the worst of all affine splittable games, as players are added.

    Player i owns three resources of latency x/3; with s = 2/(3(n−1)), two more resources cost 4s/3 and 1/3 + 5s/3 whatever their load.
    Its demand 2/3 goes over O = {own three, second constant} (action 0, the optimum) and, for each other player j, over
    {own three, the third of j, first constant} and {the three of j, the first two of the player after j} (the equilibrium, evenly).
    The game is affine, so all equilibria cost the same, and

    .. math:: \mathrm{PoA} = \frac{1 + 4s/9}{2/3 + 10s/9}.

    Reaching 3/2 in the limit, it shows the bound of [cominetti2009]_ and [roughgarden2015]_ tight.

    Parameters
    ----------
    players : int
        n ≥ 3.

    Raises
    ------
    InvalidInput
        If there are fewer than three players: below, the optimum is another.

    Examples
    --------
    >>> round(splittable_affine(5).certified["poa"], 6)
    1.26087
    """
    n = players
    require(n >= 3, f"the instance needs at least three players; got {n}")
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
    source = "tight for [roughgarden2015], Theorem on affine splittable games; own construction, conditions verified"
    return game.named(source, poa=worst / least, pos=worst / least, equilibrium_cost=worst, optimum_cost=least)


def splittable_affine_equilibrium(players: int) -> FloatArray:
    """[N, A]: the equilibrium of `splittable_affine`, even over all actions but the optimum's."""
    require(players >= 3, f"the instance needs at least three players; got {players}")
    flow = np.full((players, 2 * players - 1), 1.0 / (3.0 * (players - 1)))
    flow[:, 0] = 0.0
    return flow


def load_balancing(players: int) -> SplittableRouting:
    """n equal jobs of size 1 split over n equal servers of latency x: in the only equilibrium all spread evenly, which is optimal.

    The same jobs that count half of their own load are `FractionalLoadBalancing`, whose price of anarchy is 2 − 1/n.

    Examples
    --------
    >>> load_balancing(3).certified["poa"]
    1.0
    """
    require(players >= 1, f"there must be at least one player; got {players}")
    game = SplittableRouting(Polynomial([0.0, 1.0]), [[[r] for r in range(players)]] * players, np.ones(players))
    return game.named("own derivation", poa=1.0, pos=1.0, equilibrium_cost=float(players), optimum_cost=float(players))


class FractionalLoadBalancing(NamedGame):
    r"""Jobs split over servers and wait for the load of others and half of their own.

    Job i of size :math:`d_i` pays :math:`\sum_j \frac{x_{ij}}{\mu_j}\big(s_j + \sum_{k \ne i} x_{kj} + \tfrac12
    x_{ij}\big)`. Its marginal cost is
    :math:`(s_j + X_j)/\mu_j`, the same for all jobs: the equilibria are the flows whose loads X minimise
    :math:`\Phi = \sum_j (s_j X_j + X_j^2/2)/\mu_j`. The social cost lies between Φ and (2 − 1/n) Φ, so the price of anarchy is at most
    2 − 1/n. A `JointlyConvexGame` over flows [N, M].

    Parameters
    ----------
    size : [N]
        d > 0.
    rate : [M]
        μ > 0.
    background : [M], optional
        s ≥ 0; 0 where not given.

    Raises
    ------
    InvalidInput
        If sizes or rates are not positive, or the background is negative.
    """

    size: FloatArray = eqx.field(converter=lambda v: np.atleast_1d(np.asarray(v, dtype=np.float64)))
    rate: FloatArray = eqx.field(converter=lambda v: np.atleast_1d(np.asarray(v, dtype=np.float64)))
    background: FloatArray = eqx.field(default=0.0, converter=lambda v: np.atleast_1d(np.asarray(v, dtype=np.float64)))

    def __check_init__(self) -> None:
        for name in ("size", "rate"):
            value = getattr(self, name)
            require(
                value.ndim == 1 and bool((value > 0).all() and np.isfinite(value).all()),
                f"{name} must be positive numbers",
            )
        require(self.background.shape in ((1,), self.rate.shape), f"background must be [{self.rate.size}]")
        require(
            bool((self.background >= 0).all() and np.isfinite(self.background).all()), "background must be nonnegative"
        )

    def pseudogradient(self, x: ArrayLike) -> FloatArray:
        """[N, M]: (s_j + X_j) / μ_j, for every job alike."""
        flow = np.asarray(x, dtype=np.float64)
        return np.broadcast_to((self.background + flow.sum(axis=0)) / self.rate, flow.shape).copy()

    def projection(self, x: ArrayLike) -> FloatArray:
        """The nearest flows of the given sizes."""
        return project_to_simplices(x, self.size)

    def player_costs(self, x: ArrayLike) -> FloatArray:
        """[N]: what each job pays."""
        flow = np.asarray(x, dtype=np.float64)
        return (flow * (self.background + flow.sum(axis=0) - 0.5 * flow) / self.rate).sum(axis=1)

    def social_cost(self, x: ArrayLike) -> float:
        """Sum of what the jobs pay."""
        return float(self.player_costs(x).sum())

    def start(self) -> FloatArray:
        """Every job spread evenly."""
        return np.broadcast_to(self.size[:, None] / self.rate.size, (self.size.size, self.rate.size)).copy()


def half_load_balancing(players: int) -> FractionalLoadBalancing:
    """n equal jobs on n equal servers that count half of their own load: price of anarchy 2 − 1/n, price of stability 1.

    Any flows with equal loads are an equilibrium: worst where all jobs spread evenly, best and optimal with one job a server.

    Examples
    --------
    >>> half_load_balancing(10).certified["poa"]
    1.9
    """
    n = players
    require(n >= 1, f"there must be at least one player; got {n}")
    game = FractionalLoadBalancing(np.ones(n), np.ones(n))
    answers = {"poa": 2.0 - 1.0 / n, "pos": 1.0, "equilibrium_cost": n - 0.5, "optimum_cost": 0.5 * n}
    return game.named("own derivation: the social cost lies between the potential and 2 - 1/n times it", **answers)
