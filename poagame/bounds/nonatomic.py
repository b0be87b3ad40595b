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
from functools import partial

import numpy as np

from poagame._arrays import require
from poagame.bounds.record import PoaBound
from poagame.games.checks import is_number, positive, shown, whole
from poagame.games.instances.nonatomic import (
    FAINTEST,
    bpr_pigou,
    braess,
    equal_smoothness,
    mm1_pigou,
    monomial_pigou,
    monomial_pigou_fits,
    pigou,
    pigou_optimum,
)
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
        build=partial(pigou, d),
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
        build=partial(mm1_pigou, rho),
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
    endless = isinstance(load_ratio, float | np.floating) and load_ratio == math.inf
    ratio = math.inf if endless else positive(load_ratio, "load_ratio")
    exponent = math.log(b) + power * math.log(ratio)  # of bZ^p, which may be beyond the range of floats
    bent = math.exp(min(exponent, 709.0))
    best = pigou_optimum(power)
    # 1 − β share = (1 − β) + β (1 − share)
    value = 1.0 / (best if endless else best + (1.0 - best) / (1.0 + bent))
    # bZ^p beyond 1e16 times 1: the road is a monomial to the last digit, and only its limit can be built
    limit = endless or exponent > 37.0
    if limit:  # the road of size 10^4 must be within the range of floats, and the ratio that is near 1 at high powers in their digits
        buildable = abs(math.log(b)) < 300.0 and abs(math.log(1e4 / b)) < 300.0 * power and power < 1e10
    else:
        buildable = abs(math.log(b)) + power * abs(math.log(ratio)) < 600.0
    remark = "approached by roads with b Z^p = size" if limit else ""

    return PoaBound(
        value=value,
        kind="wardrop",
        valid_for=f"networks of roads t (1 + {b:g} (x/c)^{power:g}) with loads up to {ratio:g} times c, and constant times",
        tight=buildable,
        source="Correa, Schulz, Stier-Moses 2004 [correa2004]; Roughgarden 2003 [roughgarden2003]",
        name="bpr",
        build=partial(bpr_pigou, ratio, b, power) if buildable and not limit else None,
        approach=partial(_road, b, power) if buildable and limit else None,
        remark=remark if buildable else "tight, but the roads that show it are beyond the range of floats",
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
        s = 0 or 10⁻³⁰⁰ ≤ s ≤ d. With s = 0 there are constants, and the bound is that of `nonatomic_polynomial`; with s = d equilibrium and
        optimum coincide.

    Raises
    ------
    InvalidInput
        Unless low is 0 or at least 10⁻³⁰⁰, low ≤ high, and high positive and finite.

    Examples
    --------
    >>> round(monomials(1, 2).value, 7), round(729 / 704, 7)
    (1.0355114, 1.0355114)
    """
    s, d = 0.0 if is_number(low) and low == 0 else positive(low, "low"), positive(high, "high")
    require(s <= d, f"low must be at most high; got {shown(low)} and {shown(high)}")
    require(s == 0.0 or s >= FAINTEST, f"low must be 0 or at least {FAINTEST:g}; got {low}. Take 0 for it")
    valid_for = f"networks of sums of powers of the load between {s:g} and {d:g} with nonnegative coefficients"
    source = "Dumrauf and Gairing 2006 [dumrauf2006]; closed form and links derived here"
    if s == 0:
        value, build, buildable = 1.0 / pigou_optimum(d), partial(pigou, d), True
    else:
        buildable = monomial_pigou_fits(s, d)
        # of degrees that agree to the sixth digit it is 1 to the thirteenth, and 0/0 in the closed form
        value, build = 1.0 if d - s <= 1e-6 * d else _two_degrees(s, d), partial(monomial_pigou, s, d)
    return PoaBound(
        value,
        "wardrop",
        valid_for,
        buildable,
        source,
        name="monomials",
        build=build if buildable else None,
        remark="" if buildable else "tight, but the links that show it are beyond the range of floats",
    )


def degree_of(value: object) -> float:
    """`value` as the degree of a class of polynomials.

    Raises
    ------
    InvalidInput
        If it is no finite number of at least 1.
    """
    degree = positive(value, "degree")
    require(degree >= 1.0, f"degree must be at least 1; got {shown(value)}. monomials(low, high) has lower powers")
    return degree


def below_one(value: object, name: str) -> float:
    """`value` as a float between 0 and 1.

    Raises
    ------
    InvalidInput
        If it is not.
    """
    number = positive(value, name)
    require(number < 1.0, f"{name} must be below 1, where queues stay finite; got {shown(value)}")
    return number


def _road(b: float, power: float, size: int) -> NetworkRouting:
    """The road that is loaded so much that its delay is size times its free time."""
    size = whole(size, "size", 1, 10**15)
    return bpr_pigou(math.exp(min(math.log(size / b) / power, 600.0)), b, power)


def _two_degrees(low: float, high: float) -> float:
    log_rate, log_mu = equal_smoothness(low, high)
    return math.exp(log_rate) / -math.expm1(log_mu)
