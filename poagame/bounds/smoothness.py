r"""Smoothness: inequalities on the costs of single resources that bound all equilibria at once [roughgarden2015]_.

A game is (λ, μ)-smooth if :math:`\sum_i C_i(s^*_i, s_{-i}) \le \lambda\,C(s^*) + \mu\,C(s)` for all profiles s and s*. Then no coarse
correlated equilibrium costs more than λ/(1 − μ) times the optimum. Congestion games are smooth if all latencies ℓ are, for the
loads u and v of a resource in s and in s*:

- unweighted: :math:`v\,\ell(u + 1) \le \lambda\,v\,\ell(v) + \mu\,u\,\ell(u)` for whole u, v;
- weighted: :math:`v\,\ell(u + v) \le \lambda\,v\,\ell(v) + \mu\,u\,\ell(u)` for real u, v;
- nonatomic: :math:`v\,\ell(u) \le \lambda\,v\,\ell(v) + \mu\,u\,\ell(u)`;
- splittable, *locally*: :math:`v\,\ell(u) + \ell'(u)\,K \le \lambda\,v\,\ell(v) + \mu\,u\,\ell(u)` with K = v²/4 for v ≤ 2u and
  u (v − u) beyond. Local smoothness compares marginal costs, and bounds correlated equilibria but not coarse correlated
  ones [roughgarden2015splittable]_.

Each function here gives the pair with the least λ/(1 − μ) for polynomials of degree at most d with nonnegative coefficients.

.. [roughgarden2015] Roughgarden: Intrinsic robustness of the price of anarchy, Journal of the ACM 62 (2015).
.. [roughgarden2015splittable] Roughgarden, Schoppmann: Local smoothness and the price of anarchy in splittable congestion games,
   Journal of Economic Theory 156 (2015).
.. [aland2011] Aland, Dumrauf, Gairing, Monien, Schoppmann: Exact price of anarchy for polynomial congestion games, SICOMP 40 (2011).
.. [roughgarden2003] Roughgarden: The price of anarchy is independent of the network topology, Journal of Computer and System
   Sciences 67 (2003).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, localcontext

from poagame._arrays import require
from poagame.bounds._big import MOST_EXPONENT, big
from poagame.errors import TooLarge
from poagame.games.checks import finite, positive
from poagame.games.instances._golden import degree_of_powers, digits_for, golden

ROUNDING = 1e-9
"""By how much a pair that was computed may fall short of λ + μ = 1, relative to λ."""


@dataclass(frozen=True, slots=True)
class Smoothness:
    """A pair (λ, μ).

    Attributes
    ----------
    lam : float
        λ > 0.
    mu : float
        μ < 1, and at least 1 − λ: with s = s* no game of positive cost is smooth with less.

    Raises
    ------
    InvalidInput
        If they are not finite and in these ranges.

    Examples
    --------
    >>> Smoothness(5 / 3, 1 / 3).poa
    2.5
    """

    lam: float
    mu: float

    def __post_init__(self) -> None:
        lam, mu = positive(self.lam, "lam"), finite(self.mu, "mu")
        require(mu < 1.0, f"mu must be below 1, or smoothness bounds nothing; got {mu}")
        require(
            lam >= (1.0 - mu) * (1.0 - ROUNDING),
            f"lam + mu must be at least 1: no game is smooth with less; got {lam} and {mu}",
        )
        object.__setattr__(self, "lam", lam)
        object.__setattr__(self, "mu", mu)

    @property
    def poa(self) -> float:
        """λ/(1 − μ)."""
        return self.lam / (1.0 - self.mu)


def unweighted_smoothness(degree: int) -> Smoothness:
    r"""Unweighted players: both sides are equal at (u, v) = (k, 1) and (k + 1, 1), :math:`k = \lfloor\Phi_d\rfloor` [aland2011]_.

    .. math:: \mu = \frac{(k+2)^d - (k+1)^d}{(k+1)^{d+1} - k^{d+1}}, \qquad \lambda = (k+1)^d - \mu\,k^{d+1}.

    Raises
    ------
    InvalidInput
        If the degree is no whole number of at least 1.
    TooLarge
        If λ is beyond the range of floats; `atomic_polynomial` has the logarithm of the bound.

    Examples
    --------
    >>> pair = unweighted_smoothness(2)
    >>> [round(number, 7) for number in (pair.lam, pair.mu, pair.poa)]
    [6.0526316, 0.3684211, 9.5833333]
    """
    d = degree_of_powers(degree)
    with localcontext(digits_for(d)):
        k = int(golden(d))
        top = Decimal(k + 1)
        # all divided by (k + 1)^d
        before, after = k * (1 - 1 / top) ** d, (1 + 1 / top) ** d
        mu = (after - 1) / (top - before)
        return _pair(d * top.log10() + (1 - mu * before).log10(), mu)


def weighted_smoothness(degree: int) -> Smoothness:
    r"""Weighted players: with v = 1 both sides touch at u = Φ_d, where :math:`(u+1)^d = \lambda + \mu u^{d+1}` [aland2011]_.

    .. math:: \mu = \frac{d\,\Phi}{(d+1)(\Phi+1)}, \qquad \lambda = \Phi^{d+1} (1 - \mu).

    Raises
    ------
    InvalidInput
        If the degree is no whole number of at least 1.
    TooLarge
        If λ is beyond the range of floats; `weighted_polynomial` has the logarithm of the bound.

    Examples
    --------
    >>> round(weighted_smoothness(1).poa, 9)
    2.618033989
    """
    d = degree_of_powers(degree)
    with localcontext(digits_for(d)):
        phi = golden(d)
        mu = d * phi / ((d + 1) * (phi + 1))
        return _pair((d + 1) * phi.log10() + (1 - mu).log10(), mu)


def nonatomic_smoothness(degree: float) -> Smoothness:
    r"""Nonatomic flow: λ = 1 and :math:`\mu = d\,(d+1)^{-(d+1)/d}`, with equality at :math:`v = (d+1)^{-1/d} u` [roughgarden2003]_.

    Raises
    ------
    InvalidInput
        If the degree is not positive and finite.

    Examples
    --------
    >>> nonatomic_smoothness(1)
    Smoothness(lam=1.0, mu=0.25)
    """
    d = positive(degree, "degree")
    return Smoothness(1.0, d / (d + 1.0) * math.exp(-math.log1p(d) / d))


def local_smoothness(degree: int) -> Smoothness:
    r"""Atomic players that split: both sides touch at u = 1 and :math:`v = 2/(1 + \sqrt{d+1})` for d ≥ 2 [roughgarden2015splittable]_.

    There :math:`\lambda = v^{-d}/\sqrt{d+1}` and :math:`\mu = 1 - v/\sqrt{d+1}`, so that :math:`\lambda/(1-\mu) = v^{-d-1}`. At d = 1
    that λ is 0.854 and fails for constants, which need λ ≥ 1: the pair is (1, 1/3), with equality at v = 2/3.

    Raises
    ------
    InvalidInput
        If the degree is no whole number of at least 1.
    TooLarge
        If λ is beyond the range of floats; `splittable` has the logarithm of the bound.

    Examples
    --------
    >>> local_smoothness(1).poa, round(local_smoothness(3).poa, 12)
    (1.4999999999999998, 5.0625)
    """
    d = degree_of_powers(degree)
    if d == 1:
        return Smoothness(1.0, 1.0 / 3.0)
    with localcontext(digits_for(d)):
        root = Decimal(d + 1).sqrt()
        touch = 2 / (1 + root)
        return _pair(-d * touch.log10() - root.log10(), 1 - touch / root)


def _pair(log_lam: Decimal, mu: Decimal) -> Smoothness:
    if log_lam >= MOST_EXPONENT - 1:
        raise TooLarge(
            f"lam has {int(log_lam) + 1} digits, beyond the range of floats; the bound of this degree has log10_value"
        )
    return Smoothness(big(log_lam).value, float(mu))
