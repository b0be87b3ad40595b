r"""Price of stability: the best equilibrium over the optimum, for unweighted congestion games.

An upper bound on the best pure equilibrium is one on the best correlated and coarse correlated one, as those include it.

.. [christodoulou2005stability] Christodoulou, Koutsoupias: Price of anarchy and stability of correlated equilibria, ESA 2005.
.. [caragiannis2011] Caragiannis, Flammini, Kaklamanis et al.: Selfish and greedy load balancing, Algorithmica 61 (2011).
.. [christodoulou2016] Christodoulou, Gairing: Price of stability in polynomial congestion games, ACM TEAC 4 (2016).
"""

from __future__ import annotations

import math

from poagame.bounds.record import PoaBound
from poagame.games.checks import whole
from poagame.games.instances.atomic import price_of_stability


def price_of_stability_affine() -> PoaBound:
    """1 + 1/√3 = 1.577…: affine games have an equilibrium as good [caragiannis2011]_, and some none better [christodoulou2005stability]_.

    In the games of `approach` (of size k, with n ≈ (1 + √3) k) one action of each player is strictly dominant, so that the only equilibrium
    of any kind is the bad one.

    Examples
    --------
    >>> bound = price_of_stability_affine()
    >>> round(bound.value, 6), round(bound.approach(20).certified["pos"], 6)
    (1.57735, 1.571271)
    """
    return PoaBound(
        value=1.0 + 1.0 / math.sqrt(3.0),
        kind="coarse correlated",
        valid_for="unweighted congestion games with affine latencies",
        tight=True,
        source="Christodoulou and Koutsoupias 2005 [christodoulou2005stability]; Caragiannis et al. 2011 [caragiannis2011]",
        name="price_of_stability_affine",
        measure="price of stability",
        approach=_dominant,
    )


def price_of_stability_polynomial(degree: int) -> PoaBound:
    r"""Price of stability with polynomials of degree at most d, by the formula of [christodoulou2016]_ as remembered.

    .. math:: \max_{r > 1} \frac{(2^d d + 2^d - 1)\,r^{d+1} - (d+1)\,r^d + 1}
              {(2^d + d - 1)\,r^{d+1} - (d+1)\,r^d + 2^d d - d + 1}

    Both sides are divided by :math:`2^d r^{d+1}`, and the maximum is where the derivative vanishes, found by bisection in
    :math:`t = (r/2)^d`: no degree overflows. At d = 1 it is the proved 1 + 1/√3. That d + 1 is a bound is proved by the potential, which
    lies between the social cost and its (d + 1)-th part; the value here is below and tends to it.

    Parameters
    ----------
    degree : int
        d ≥ 1.

    Raises
    ------
    InvalidInput
        If the degree is no whole number of at least 1.

    Examples
    --------
    >>> [round(price_of_stability_polynomial(d).value, 6) for d in (1, 2, 10, 10**6)]
    [1.57735, 2.361206, 10.941054, 1000001.0]
    """
    d = whole(degree, "degree", 1)
    return PoaBound(
        value=_ratio(d, best_growth(d)),
        kind="coarse correlated",
        valid_for=f"unweighted congestion games with polynomials with nonnegative coefficients of degree at most {d}",
        tight=False,
        source="Christodoulou and Gairing 2016 [christodoulou2016], from memory",
        name="price_of_stability_polynomial",
        measure="price of stability",
        approach=_dominant if d == 1 else None,
        remark="formula from memory, not derived here; it agrees with the proved value at d = 1 and stays below the proved d + 1",
        standing="proved" if d == 1 else "quoted",
    )


def best_growth(degree: int) -> float:
    """The r at which the formula of `price_of_stability_polynomial` is largest, e.g. 2 + √3 for degree 1."""
    d = degree
    half = 0.5**d
    # the derivative has the sign of (t − 2^-d) · denominator − (t − d + 2^-d (d − 1)) · numerator, positive at r = 1, where t = 2^-d
    low, high = math.log(2.0) * -d, math.log(8.0 * (d + 1.0))
    for _ in range(200):
        middle = 0.5 * (low + high)
        t, r = math.exp(middle), 2.0 * math.exp(middle / d)
        above, below = _sides(d, r)
        rising = (t - half) * below > (t - d + half * (d - 1)) * above
        low, high = (middle, high) if rising else (low, middle)
    return 2.0 * math.exp(0.5 * (low + high) / d)


def _ratio(d: int, r: float) -> float:
    above, below = _sides(d, r)
    return above / below


def _sides(d: int, r: float) -> tuple[float, float]:
    """Numerator and denominator over 2^d r^(d+1)."""
    half, shrunk = 0.5**d, math.exp(-(d + 1) * math.log(r))
    above = d + 1.0 - half - half * (d + 1) / r + half * shrunk
    below = 1.0 + half * (d - 1) - half * (d + 1) / r + (d - half * (d - 1)) * shrunk
    return above, below


def _dominant(size: int) -> object:
    return price_of_stability(size, round((1.0 + math.sqrt(3.0)) * whole(size, "size", 1)))
