r"""Nonatomic routing: the price of anarchy of classes of latencies whose worst network is a pair of links.

All follow from the anarchy value of the class (Pigou bound) :math:`\alpha = 1/(1 - \beta)`,
:math:`\beta = \sup_{\ell, r, x} x\,(\ell(r) - \ell(x)) / (r\,\ell(r))`: no network whose edges have latencies of the class, with any
number of commodities, has a larger ratio. `anarchy_value` computes it for latencies without a closed form.

.. [roughgarden2002] Roughgarden, Tardos: How bad is selfish routing?, Journal of the ACM 49 (2002).
.. [roughgarden2003] Roughgarden: The price of anarchy is independent of the network topology, Journal of Computer and System
   Sciences 67 (2003).
.. [correa2004] Correa, Schulz, Stier-Moses: Selfish routing in capacitated networks, Mathematics of Operations Research 29 (2004).
.. [dumrauf2006] Dumrauf, Gairing: Price of anarchy for polynomial Wardrop games, WINE 2006.
"""

from __future__ import annotations

import math

from poagame._arrays import require
from poagame.bounds.record import PoaBound
from poagame.games.checks import positive
from poagame.games.instances.nonatomic import bpr_pigou, braess, mm1_pigou, monomial_pigou, pigou
from poagame.games.network import NetworkRouting


def nonatomic_affine() -> PoaBound:
    """4/3: no network of affine latencies has a larger price of anarchy; Braess's attains it [roughgarden2002]_.

    Examples
    --------
    >>> bound = nonatomic_affine()
    >>> round(bound.value, 12), bound.instance.certified["poa"] == bound.value
    (1.333333333333, True)
    """
    return PoaBound(
        value=4.0 / 3.0,
        kind="wardrop",
        valid_for="networks of affine latencies a x + b with a, b ≥ 0",
        tight=True,
        source="Roughgarden and Tardos 2002 [roughgarden2002]",
        name="nonatomic_affine",
        build=braess,
    )


def nonatomic_polynomial(degree: float) -> PoaBound:
    r"""Price of anarchy of networks of polynomials of degree at most d: :math:`[1 - d\,(d+1)^{-(d+1)/d}]^{-1}`.

    Evaluated as :math:`(d+1) / (1 + d\,(1 - (d+1)^{-1/d}))`, which loses no digits at any degree; it grows like d / ln d.

    Parameters
    ----------
    degree : float
        d ≥ 1, a whole number or not: sums of powers of the load between 0 and d with nonnegative coefficients.

    Raises
    ------
    InvalidInput
        If the degree is no finite number of at least 1.

    Examples
    --------
    >>> [round(nonatomic_polynomial(d).value, 4) for d in (1, 4, 100, 10**6)]
    [1.3333, 2.1505, 18.3295, 67497.3279]
    """
    d = degree_of(degree)
    return PoaBound(
        value=1.0 / pigou_optimum(d),
        kind="wardrop",
        valid_for=f"networks of polynomials of degree at most {d:g} with nonnegative coefficients",
        tight=True,
        source="Roughgarden 2003 [roughgarden2003]",
        name="nonatomic_polynomial",
        build=lambda: pigou(d),
    )


def mm1(utilisation: float) -> PoaBound:
    r"""Price of anarchy of networks of M/M/1 queues and constant delays: :math:`\tfrac12 (1 + 1/\sqrt{1 - \rho})`.

    Parameters
    ----------
    utilisation : float
        0 < ρ < 1: no queue carries more than ρ times its service rate at the equilibrium; total demand over the least service rate is
        always enough.

    Raises
    ------
    InvalidInput
        Unless 0 < utilisation < 1: at 1 there is no bound.

    Examples
    --------
    >>> mm1(0.75).value
    1.5
    """
    rho = below_one(utilisation, "utilisation")
    return PoaBound(
        value=0.5 * (1.0 + 1.0 / math.sqrt(1.0 - rho)),
        kind="wardrop",
        valid_for=f"networks of M/M/1 queues loaded to at most {rho:g} of their rates, and constant delays",
        tight=True,
        source="Roughgarden 2003 [roughgarden2003]",
        name="mm1",
        build=lambda: mm1_pigou(rho),
    )


def bpr(load_ratio: float, b: float = 0.15, power: float = 4.0) -> PoaBound:
    r"""Price of anarchy of road networks :math:`t\,(1 + b\,(x/c)^p)` whose roads carry at most Z times their capacity c.

    .. math:: \Big[1 - \frac{b Z^p}{1 + b Z^p}\;p\,(p+1)^{-(p+1)/p}\Big]^{-1}

    Parameters
    ----------
    load_ratio : float
        Z > 0, of the loads at the equilibrium; infinity for no limit, which gives the bound of polynomials of degree p.
    b, power : float
        b > 0 and p > 0, common to all roads.

    Raises
    ------
    InvalidInput
        If a number is not positive, or b or power is infinite.

    Examples
    --------
    >>> round(bpr(1.0).value, 7), round(bpr(float("inf")).value, 7)
    (1.0750164, 2.1505018)
    """
    b, power = positive(b, "b"), positive(power, "power")
    endless = load_ratio == math.inf
    ratio = math.inf if endless else positive(load_ratio, "load_ratio")
    exponent = math.log(b) + power * math.log(ratio)  # of bZ^p, which may be beyond the range of floats
    bent = math.exp(min(exponent, 709.0))
    best = pigou_optimum(power)
    # 1 − β share = (1 − β) + β (1 − share)
    value = 1.0 / (best if endless else best + (1.0 - best) / (1.0 + bent))
    # bZ^p beyond 1e16 times 1: the road is a monomial to the last digit, and only its limit can be built
    limit = endless or exponent > 37.0

    def road(size: int) -> NetworkRouting:
        return bpr_pigou((size / b) ** (1.0 / power), b, power)

    return PoaBound(
        value=value,
        kind="wardrop",
        valid_for=f"networks of roads t (1 + {b:g} (x/c)^{power:g}) with loads up to {ratio:g} times c, and constant times",
        tight=True,
        source="Correa, Schulz, Stier-Moses 2004 [correa2004]; Roughgarden 2003 [roughgarden2003]",
        name="bpr",
        build=None if limit else lambda: bpr_pigou(ratio, b, power),
        approach=road if limit else None,
        remark="approached by roads with b Z^p = size" if limit else "",
    )


def monomials(low: float, high: float) -> PoaBound:
    r"""Price of anarchy of networks whose latencies are sums of powers of the load between s and d, without lower ones.

    The smoothness bound :math:`\min_\lambda \lambda / (1 - \max_q \mu_q)`, :math:`\mu_q = \tfrac{q}{q+1} (\lambda (q+1))^{-1/q}`. In q, μ
    falls and then rises, so that q is s or d; :math:`\lambda/(1 - \mu_q)` is least at 1/(q+1) and rises from there, so that
    the minimum is where :math:`\mu_s = \mu_d`, an equation that is linear in ln λ:

    .. math:: \ln \lambda = \Big[\ln\frac{s}{s+1} - \frac{\ln(s+1)}{s} - \ln\frac{d}{d+1} + \frac{\ln(d+1)}{d}\Big]
              \Big/ \Big[\frac1s - \frac1d\Big].

    The two links of `monomial_pigou` have the same λ and μ as equilibrium and optimum and attain it.

    Parameters
    ----------
    low, high : float
        0 ≤ s ≤ d. With s = 0 there are constants, and the bound is that of `nonatomic_polynomial`; with s = d equilibrium and
        optimum coincide.

    Raises
    ------
    InvalidInput
        Unless 0 ≤ low ≤ high, high positive and finite.

    Examples
    --------
    >>> round(monomials(1, 2).value, 7), round(729 / 704, 7)
    (1.0355114, 1.0355114)
    """
    s, d = 0.0 if low == 0 and not isinstance(low, bool) else positive(low, "low"), positive(high, "high")
    require(s <= d, f"low must be at most high; got {low} and {high}")
    valid_for = f"networks of sums of powers of the load between {s:g} and {d:g} with nonnegative coefficients"
    source = "Dumrauf and Gairing 2006 [dumrauf2006]; closed form and links derived here"
    if s == 0:
        value, build = 1.0 / pigou_optimum(d), lambda: pigou(d)
    else:
        # of degrees that agree to the sixth digit it is 1 to the thirteenth, and 0/0 in the closed form
        value, build = 1.0 if d - s <= 1e-6 * d else _two_degrees(s, d), lambda: monomial_pigou(s, d)
    return PoaBound(value, "wardrop", valid_for, True, source, name="monomials", build=build)


def pigou_optimum(degree: float) -> float:
    """Optimum of Pigou's links 1 and x^d over their equilibrium, 1 − β = 1/α, without loss of digits."""
    return (1.0 - degree * math.expm1(-math.log1p(degree) / degree)) / (degree + 1.0)


def degree_of(value: object) -> float:
    """`value` as the degree of a class of polynomials.

    Raises
    ------
    InvalidInput
        If it is no finite number of at least 1.
    """
    degree = positive(value, "degree")
    require(degree >= 1.0, f"degree must be at least 1; got {value!r:.80}. monomials(low, high) has lower powers")
    return degree


def below_one(value: object, name: str) -> float:
    """`value` as a float between 0 and 1.

    Raises
    ------
    InvalidInput
        If it is not.
    """
    number = positive(value, name)
    require(number < 1.0, f"{name} must be below 1, where queues stay finite; got {value!r:.80}")
    return number


def _two_degrees(low: float, high: float) -> float:
    bend_low, bend_high = (math.log1p(-1.0 / (q + 1.0)) - math.log1p(q) / q for q in (low, high))
    log_rate = (bend_low - bend_high) / (1.0 / low - 1.0 / high)
    log_mu = bend_high - log_rate / high
    return math.exp(log_rate) / -math.expm1(log_mu)
