r"""Atomic congestion games: prices of anarchy of polynomial latencies, for unweighted, weighted and equal players.

The upper bounds are smoothness arguments (`poagame.bounds.smoothness`) or shorter ones, and so hold for all coarse correlated
equilibria, mixed and pure ones among them; the worst games attain them in pure equilibria.

.. [awerbuch2005] Awerbuch, Azar, Epstein: The price of routing unsplittable flow, STOC 2005.
.. [christodoulou2005] Christodoulou, Koutsoupias: The price of anarchy of finite congestion games, STOC 2005.
.. [aland2011] Aland, Dumrauf, Gairing, Monien, Schoppmann: Exact price of anarchy for polynomial congestion games, SICOMP 40 (2011).
.. [roughgarden2015] Roughgarden: Intrinsic robustness of the price of anarchy, Journal of the ACM 62 (2015).
"""

from __future__ import annotations

from functools import partial

from poagame.bounds._big import big_power, gamma, weighted_power
from poagame.bounds.record import PoaBound
from poagame.games.checks import whole
from poagame.games.congestion import CongestionGame
from poagame.games.instances import _golden, atomic, symmetric, weighted
from poagame.latency import Polynomial

_POLYNOMIALS = "polynomials with nonnegative coefficients of degree at most"


def atomic_affine() -> PoaBound:
    """5/2: no unweighted congestion game with affine latencies is worse; a game of three players is as bad [christodoulou2005]_.

    Examples
    --------
    >>> bound = atomic_affine()
    >>> bound.value, bound.instance.certified["poa"]
    (2.5, 2.5)
    """
    return PoaBound(
        value=2.5,
        kind="coarse correlated",
        valid_for="unweighted congestion games with affine latencies a x + b, a, b ≥ 0",
        tight=True,
        source="Christodoulou and Koutsoupias 2005 [christodoulou2005]; Roughgarden 2015 [roughgarden2015]",
        name="atomic_affine",
        build=atomic.affine_atomic_worst_case,
    )


def atomic_polynomial(degree: int) -> PoaBound:
    r"""Price of anarchy of unweighted congestion games with polynomials of degree at most d [aland2011]_.

    With :math:`k = \lfloor\Phi_d\rfloor`, :math:`(\Phi_d + 1)^d = \Phi_d^{d+1}`,

    .. math:: \gamma(d) = \frac{(k+1)^{2d+1} - k^{d+1}(k+2)^d}{(k+1)^{d+1} - (k+2)^d + (k+1)^d - k^{d+1}},

    the λ/(1 − μ) of `unweighted_smoothness`. Rounded once from 60 digits at any degree: beyond d = 183 the value is
    infinite as a float, and `log10_value` holds it.

    Parameters
    ----------
    degree : int
        1 ≤ d ≤ 10¹⁸. Of a degree above 103 the worst game has costs beyond the range of floats, and the bound comes without it.

    Raises
    ------
    InvalidInput
        If the degree is no whole number of at least 1.

    Examples
    --------
    >>> [atomic_polynomial(d).digits() for d in (1, 2, 100, 10**6)]
    ['2.5', '9.583333333', '6.010402429e+147', '8.217e+4943731']
    """
    d = _golden.degree_of_powers(degree)
    value, log10 = gamma(d)
    buildable = d <= atomic.MOST_DEGREE
    return PoaBound(
        value=value,
        kind="coarse correlated",
        valid_for=f"unweighted congestion games with {_POLYNOMIALS} {d}",
        tight=buildable,
        source="Aland et al. 2011 [aland2011]; Roughgarden 2015 [roughgarden2015]",
        name="atomic_polynomial",
        build=partial(atomic.polynomial_worst_case, d) if buildable else None,
        remark="" if buildable else "tight by [aland2011]; the costs of the worst game are beyond the range of floats",
        log10_value=log10,
    )


def atomic_polynomial_players(degree: int, players: int) -> PoaBound:
    r"""Price of anarchy of at most n unweighted players with polynomials of degree at most d: :math:`\min(n^d, \gamma(d))`.

    With k as in `atomic_polynomial` it is :math:`n^d` for n ≤ k + 1 and γ(d) for n ≥ k + 2. For any n, by its action in the optimum
    nobody pays more than that action costs at load n, and no polynomial of degree d is more than :math:`n^d` times its value at load
    1 or above, where the optimum pays it; so equilibria, coarse correlated ones too, cost at most :math:`n^d` times the optimum.
    `small_players_worst_case` attains it while n ≤ k + 1, and `polynomial_worst_case` γ(d) with k + 2 players.

    Parameters
    ----------
    degree, players : int
        1 ≤ d ≤ 10¹⁸ and n ≥ 1.

    Raises
    ------
    InvalidInput
        If they are no whole numbers of at least 1.

    Examples
    --------
    >>> [round(atomic_polynomial_players(2, n).value, 6) for n in (1, 2, 3, 4, 5)]
    [1.0, 4.0, 9.0, 9.583333, 9.583333]
    """
    d, n = _golden.degree_of_powers(degree), whole(players, "players", 1)
    few = n <= _golden.floor_golden(d) + 1
    value, log10 = big_power(n, d) if few else gamma(d)
    buildable = n == 1 or (atomic.few_players_fit(d, n) if few else d <= atomic.MOST_DEGREE)
    worst = partial(atomic.small_players_worst_case, d, n) if few else partial(atomic.polynomial_worst_case, d)
    return PoaBound(
        value=value,
        kind="coarse correlated",
        valid_for=f"unweighted congestion games of at most {n} players with {_POLYNOMIALS} {d}",
        tight=buildable,
        source="n^d derived here, with games of its own" if few else "Aland et al. 2011 [aland2011]",
        name="atomic_polynomial_players",
        build=None if not buildable else _one_player if n == 1 else worst,
        remark="" if buildable else "tight, but the costs of the worst game are beyond the range of floats",
        log10_value=log10,
    )


def weighted_polynomial(degree: int) -> PoaBound:
    r"""Price of anarchy of weighted players with polynomials of degree at most d: :math:`\Phi_d^{d+1}`, :math:`(\Phi+1)^d = \Phi^{d+1}`.

    The social cost is weighted, :math:`\sum_i w_i c_i`. Affine games reach φ² = 2.618… with four players [awerbuch2005]_, degrees up to
    10 by `weighted_attained`, and chains (`weighted_worst_case`) come near [aland2011]_. Beyond affine latencies weighted games need not
    have pure equilibria; the bound covers the mixed and coarse correlated ones that they have.

    Parameters
    ----------
    degree : int
        1 ≤ d ≤ 10¹⁸.

    Raises
    ------
    InvalidInput
        If the degree is no whole number in this range.

    Examples
    --------
    >>> [weighted_polynomial(d).digits() for d in (1, 2, 10**6)]
    ['2.618033989', '9.909268339', '1.879e+4943732']
    """
    d = _golden.degree_of_powers(degree)
    value, log10 = weighted_power(d)
    finite = d <= weighted.MOST_DEGREE
    attained = weighted.four_players if d == 1 else partial(weighted.weighted_attained, d)
    return PoaBound(
        value=value,
        kind="coarse correlated",
        valid_for=f"weighted congestion games with {_POLYNOMIALS} {d}",
        tight=finite,
        source="Awerbuch, Azar and Epstein 2005 [awerbuch2005]; Aland et al. 2011 [aland2011]",
        name="weighted_polynomial",
        build=attained if finite else None,
        approach=partial(atomic.weighted_worst_case, d) if finite else None,
        remark=""
        if finite
        else "tight by [aland2011] and the construction of weighted_attained, of too many players to build",
        log10_value=log10,
    )


def symmetric_affine(players: int) -> PoaBound:
    r"""Price of anarchy (5n − 2)/(2n + 1) of n unweighted players with the same actions and affine latencies [christodoulou2005]_.

    A player that plays the optimum's action of a player drawn at random pays on a resource of u and v users (equilibrium, optimum) a
    :math:`v/n` share of load u + 1, or u if it is there already: all n together :math:`v (u + 1 - u/n)`. Whole numbers satisfy

    .. math:: v\,(u + 1 - u/n) \le \lambda v^2 + \mu u^2, \qquad
              \lambda = \tfrac53 - \tfrac{2}{3n}, \quad \mu = \tfrac13 - \tfrac{1}{3n},

    since it is linear in 1/n, at 1/n = 0 the inequality of `unweighted_smoothness`, and at 1/n = 1 that v ≤ v². As λ ≥ 1 constants satisfy
    theirs too; so λ/(1 − μ) bounds coarse correlated equilibria. `instances.symmetric_affine` attains it for every n.

    Parameters
    ----------
    players : int
        n ≥ 1. Of more than 119 the game is too large to build, and the bound comes without it.

    Raises
    ------
    InvalidInput
        If players is no whole number of at least 1.

    Examples
    --------
    >>> [round(symmetric_affine(n).value, 6) for n in (1, 2, 3, 4, 5)]
    [1.0, 1.6, 1.857143, 2.0, 2.090909]
    """
    n = whole(players, "players", 1)
    buildable = symmetric.symmetric_affine_fits(n)
    return PoaBound(
        value=(5 * n - 2) / (2 * n + 1),
        kind="coarse correlated",
        valid_for=f"unweighted congestion games of {n} players with the same actions and affine latencies",
        tight=buildable,
        source="Christodoulou and Koutsoupias 2005 [christodoulou2005]; proof for coarse correlated equilibria and games derived here",
        name="symmetric_affine",
        build=None if not buildable else partial(symmetric.symmetric_affine, n) if n > 1 else _one_player,
        remark="" if buildable else "attained by `instances.symmetric_affine`, of too many players to build here",
    )


def _one_player() -> CongestionGame:
    return CongestionGame(Polynomial([0.0, 1.0]), [[[0]]]).named("one player is optimal", poa=1.0)
