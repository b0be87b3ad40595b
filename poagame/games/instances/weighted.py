r"""Players of different weights that attain the price of anarchy of weighted polynomial congestion games.

.. [awerbuch2005] Awerbuch, Azar, Epstein: The price of routing unsplittable flow, STOC 2005.
.. [aland2011] Aland, Dumrauf, Gairing, Monien, Schoppmann: Exact price of anarchy for polynomial congestion games, SICOMP 40 (2011).
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from math import comb

import numpy as np

from poagame._arrays import require
from poagame.games.checks import positive
from poagame.games.congestion import CongestionGame
from poagame.games.instances._golden import degree_of_powers, digits_for, golden
from poagame.latency import Polynomial

MOST_DEGREE = 10
"""Of `weighted_attained`: beyond, players are tens of thousands."""


def four_players(weight: float | None = None) -> CongestionGame:
    r"""Four players on a network of three nodes: price of anarchy 5/2 at weight 1, φ² = 2.618… at weight φ [awerbuch2005]_.

    Players of weight w go from u to v and from u to w, players of weight 1 from v to w and from w to v, each by its own edge of
    latency x (action 0, the optimum) or by the third node (action 1); edges back to u are free. All by the third node is an
    equilibrium in which each would pay the same on its own edge, and the ratio is

    .. math:: \frac{(w+1)^2 + w^2}{w^2 + 1}.

    Parameters
    ----------
    weight : float, optional
        w > 0; the golden ratio φ, at which the ratio is largest, where not given.

    Raises
    ------
    InvalidInput
        If the weight is not positive and finite.

    Examples
    --------
    >>> four_players(1.0).certified["poa"], round(four_players().certified["poa"], 6)
    (2.5, 2.618034)
    """
    w = float(golden(1)) if weight is None else positive(weight, "weight")
    uv, uw, vw, wv = range(4)
    actions = [[[uv], [uw, wv]], [[uw], [uv, vw]], [[vw], [uw]], [[wv], [uv]]]
    game = CongestionGame(Polynomial([[0.0, 1.0]] * 4), actions, weights=[w, w, 1.0, 1.0])
    worst, least = 2.0 * ((w + 1.0) ** 2 + w * w), 2.0 * (w * w + 1.0)
    return game.named(
        "awerbuch2005, weighted players on a network",
        poa=worst / least,
        poa_limit=float(golden(1)) ** 2,
        equilibrium_cost=worst,
        optimum_cost=least,
    )


def weighted_attained(degree: int) -> CongestionGame:
    r"""Finite game with price of anarchy :math:`\Phi_d^{d+1}`, the most for weighted players and polynomials of degree d [aland2011]_.

    For j = 0 … d there are m players of weight :math:`\Phi^j` and m resources of latency :math:`a_j x^d`, one of each player
    (action 0, the optimum). In the equilibrium (action 1) a player of weight :math:`\Phi^j` uses one resource j − 1 (if j ≥ 1),
    and :math:`\binom dj` resources d, so that resources j < d have the load :math:`\Phi^{j+1}` and resources d the load
    :math:`\sum_j \binom dj \Phi^j = (1+\Phi)^d = \Phi^{d+1}`: Φ times that of the optimum everywhere. With :math:`\alpha_j = a_j \Phi^{jd}`
    nobody gains by moving to its own resource if

    .. math:: \Phi\,\alpha_j = \alpha_{j-1} + \tbinom dj\,\alpha_d, \quad\text{so}\quad
              \alpha_j = \alpha_d\,\Phi^{-j-1} \sum_{i \le j} \tbinom di\,\Phi^i,

    which is consistent at j = d. The smallest m for which a player's resources are different is the largest :math:`\binom dj`, and
    2 for d = 1, where the game is `four_players`. The construction is derived here; the bound is that of [aland2011]_.

    Parameters
    ----------
    degree : int
        1 ≤ d ≤ 10; there are (d + 1) m players.

    Raises
    ------
    InvalidInput
        If the degree is no whole number in this range.

    Examples
    --------
    >>> game = weighted_attained(2)
    >>> game.num_players, round(game.certified["poa"], 8)
    (6, 9.90926834)
    """
    d = degree_of_powers(degree)
    require(
        d <= MOST_DEGREE, f"weighted_attained has degrees up to {MOST_DEGREE}; got {d}. weighted_worst_case has more"
    )
    m = max(2, comb(d, d // 2))
    with localcontext(digits_for(d)):
        phi = golden(d)
        # α_d = 1
        alpha = [sum((comb(d, i) * phi**i for i in range(j + 1)), Decimal(0)) / phi ** (j + 1) for j in range(d + 1)]
        slope = [float(alpha[j] / phi ** (j * d)) for j in range(d + 1)]
        weight = [float(phi**j) for j in range(d + 1)]
        least, ratio = float(m * sum(alpha[j] * phi**j for j in range(d + 1))), float(phi ** (d + 1))
    table = np.zeros(((d + 1) * m, d + 1))
    table[:, d] = np.repeat(slope, m)
    actions: list[list[list[int]]] = []
    for j in range(d + 1):
        for i in range(m):
            # the one resource d of a player whose own is also a resource d is the next one
            shared = [d * m + (i + s) % m for s in range(1, comb(d, j) + 1)]
            actions.append([[j * m + i], ([(j - 1) * m + i] if j else []) + shared])
    game = CongestionGame(Polynomial(table), actions, weights=np.repeat(weight, m))
    return game.named(
        "aland2011 (the bound); construction derived here",
        poa=ratio,
        poa_limit=ratio,
        equilibrium_cost=ratio * least,
        optimum_cost=least,
    )
