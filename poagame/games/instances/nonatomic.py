r"""Nonatomic worst cases: two-link networks that attain the anarchy value of their class, and Braess networks.

Every certified value is a closed form evaluated here, never the output of a solver; where only digits are known the source says so.
"""

from __future__ import annotations

import math

import numpy as np

from poagame._arrays import require
from poagame.games.checks import positive
from poagame.games.network import NetworkRouting
from poagame.latency import BPR, MM1, Latency, Polynomial
from poagame.latency.log_periodic import LogPeriodic
from poagame.latency.stacked import Stacked

FAINTEST = 1e-300
"""Least degree of `monomial_pigou`: what is below is 0 for floats."""

TABLED_DEGREE = 32
"""Whole degrees up to this are polynomials; beyond, a table of coefficients would be almost all zeros."""


def pigou(degree: float = 1) -> NetworkRouting:
    r"""Pigou's two links, 1 and :math:`x^d`, with demand 1: the worst case of polynomial latencies of degree d.

    All use the second link (cost 1); the optimum puts :math:`x^* = (d+1)^{-1/d}` there, so
    :math:`\mathrm{PoA} = [1 - \beta]^{-1}` with :math:`\beta = d\,(d+1)^{-(d+1)/d}`. The optimum of demand 1 + β costs what the
    equilibrium costs (`augmentation`). The first link is edge 0. Degrees of a million lose no digits.

    Raises
    ------
    InvalidInput
        If the degree is not positive and finite.

    Examples
    --------
    >>> pigou(1).certified["poa"]
    1.3333333333333333
    """
    degree = positive(degree, "degree")
    best, optimum = math.exp(-math.log1p(degree) / degree), pigou_optimum(degree)
    return NetworkRouting.parallel(Stacked.of([Polynomial([1.0]), _power(degree)]), 1.0).named(
        "Pigou 1920; roughgarden2002 for d = 1, roughgarden2003 for degree d",
        poa=1.0 / optimum,
        equilibrium_cost=1.0,
        optimum_cost=optimum,
        optimum_load=best,
        augmentation=1.0 + best * degree / (degree + 1.0),
    )


def pigou_optimum(degree: float) -> float:
    """Optimum of Pigou's links over their equilibrium, 1 − β = 1/α, without loss of digits."""
    # 1 − x* + x*^(d+1), of which x*^(d+1) = x*/(d+1)
    return (1.0 - degree * math.expm1(-math.log1p(degree) / degree)) / (degree + 1.0)


def monomial_pigou(low: float, high: float) -> NetworkRouting:
    r"""Two links :math:`a\,x^s` and :math:`x^d`: the worst case of monomials of degrees between s and d.

    At the equilibrium both cost 1, with load 1 on the second link. At the optimum the loads are :math:`t_s` and :math:`t_d` times
    those, :math:`t_q = (\lambda (q+1))^{-1/q}`: both marginal costs are 1/λ, and λ is such that
    :math:`\mu = \tfrac{q}{q+1} t_q` is the same for q = s and q = d. The load y of the first link at the equilibrium follows from equal
    demands, :math:`y\,(t_s - 1) = 1 - t_d`, and :math:`a = y^{-s}`; then :math:`\mathrm{PoA} = \lambda / (1 - \mu)`.

    Of equal degrees (or equal to the sixth digit: the ratio is then 1 to the thirteenth) equilibrium and optimum coincide.

    Raises
    ------
    InvalidInput
        Unless 10⁻³⁰⁰ ≤ low ≤ high (`pigou` has the constant links of low = 0), or if the links are beyond the range of floats.
    """
    low, high = positive(low, "low"), positive(high, "high")
    require(FAINTEST <= low <= high, f"degrees must satisfy {FAINTEST:g} <= low <= high; got {low} and {high}")
    require(monomial_pigou_fits(low, high), f"the links of degrees {low:g} and {high:g} are beyond the range of floats")
    more, less, y = _worst_loads(low, high)
    optimum = y * math.exp((low + 1.0) * more) + math.exp((high + 1.0) * less)
    latency = Stacked.of([_power(low) * y**-low, _power(high) * 1.0])
    return NetworkRouting.parallel(latency, 1.0 + y).named(
        "dumrauf2006 (bound); the links are built here",
        poa=(1.0 + y) / optimum,
        equilibrium_cost=1.0 + y,
        optimum_cost=optimum,
    )


def monomial_pigou_fits(low: float, high: float) -> bool:
    """Whether the links of `monomial_pigou` are within the range of floats."""
    more, _, y = _worst_loads(low, high)
    return more < 600.0 and y > 1e-250 and low * abs(math.log(y)) < 600.0


def _worst_loads(low: float, high: float) -> tuple[float, float, float]:
    """Return ln t of the low and the high degree, and y, of `monomial_pigou`."""
    if high - low <= 1e-6 * high:
        return 0.0, 0.0, 1.0
    log_rate, _ = equal_smoothness(low, high)
    more, less = (-(log_rate + math.log1p(q)) / q for q in (low, high))
    return more, less, -math.expm1(less) / math.expm1(min(more, 700.0)) if more > 0.0 else 0.0


def equal_smoothness(low: float, high: float) -> tuple[float, float]:
    r"""Return ln λ and ln μ at which monomials of two degrees have the same :math:`\mu_q = \tfrac{q}{q+1} (\lambda (q+1))^{-1/q}`."""
    # ln μ = ln q/(q+1) − (ln λ + ln(q+1))/q
    bend_low, bend_high = (-math.log1p(1.0 / q) - math.log1p(q) / q for q in (low, high))
    log_rate = (bend_low - bend_high) / (1.0 / low - 1.0 / high)
    return log_rate, bend_high - log_rate / high


def mm1_pigou(utilisation: float, service_rate: float = 1.0) -> NetworkRouting:
    r"""M/M/1 queue beside a link of constant delay: the worst case of M/M/1 latencies at utilisation ρ.

    Links :math:`1/(\mu - x)` and the constant :math:`1/(\mu - r)`, demand r = ρμ: all queue; at the optimum
    :math:`\mu - x^* = \sqrt{\mu (\mu - r)}`, so :math:`\mathrm{PoA} = \tfrac12 (1 + 1/\sqrt{1 - \rho})`. The optimum of
    :math:`2/(1 + \sqrt{1 - \rho})` times the demand costs what the equilibrium costs (`augmentation`).

    Raises
    ------
    InvalidInput
        Unless 0 < utilisation < 1 and the rate is positive.
    """
    utilisation, service_rate = positive(utilisation, "utilisation"), positive(service_rate, "service_rate")
    require(utilisation < 1.0, f"utilisation must lie between 0 and 1; got {utilisation}")
    demand = utilisation * service_rate
    constant = 1.0 / (service_rate - demand)
    free = math.sqrt(service_rate * (service_rate - demand))
    load = service_rate - free
    optimum = load / free + (demand - load) * constant
    return NetworkRouting.parallel(Stacked.of([MM1(service_rate), Polynomial([constant])]), demand).named(
        "roughgarden2003 (The price of anarchy is independent of the network topology)",
        poa=0.5 * (1.0 + 1.0 / math.sqrt(1.0 - utilisation)),
        equilibrium_cost=demand * constant,
        optimum_cost=optimum,
        optimum_load=load,
        augmentation=2.0 / (1.0 + math.sqrt(1.0 - utilisation)),
    )


def bpr_pigou(load_ratio: float, b: float = 0.15, power: float = 4.0) -> NetworkRouting:
    r"""Road :math:`1 + b x^p` (capacity 1) beside a constant :math:`1 + b Z^p`, demand Z: the worst case of BPR roads loaded up to Z.

    :math:`\mathrm{PoA} = [1 - \tfrac{b Z^p}{1 + b Z^p}\, p\,(p+1)^{-(p+1)/p}]^{-1}`.

    Raises
    ------
    InvalidInput
        If a number is not positive and finite, or the road's cost at that load is beyond the range of floats.
    """
    load_ratio, b, power = positive(load_ratio, "load_ratio"), positive(b, "b"), positive(power, "power")
    steep = power * abs(math.log(load_ratio))
    require(
        steep + abs(math.log(b)) < 690.0,
        f"(x/c)^{power:g} at {load_ratio:g} times the capacity is beyond the range of floats; take a smaller power or ratio",
    )
    bent = b * load_ratio**power
    best = pigou_optimum(power)
    spared = best + (1.0 - best) / (1.0 + bent)
    cost = load_ratio * (1.0 + bent)
    latency = Stacked.of([BPR(1.0, 1.0, b, power), Polynomial([1.0 + bent])])
    return NetworkRouting.parallel(latency, load_ratio).named(
        "correa2004 (anarchy value); roughgarden2003",
        poa=1.0 / spared,
        equilibrium_cost=cost,
        optimum_cost=cost * spared,
    )


def braess(*, bridge: bool = True) -> NetworkRouting:
    r"""Braess's network: two routes of a link x and a constant link 1 each, joined by a free bridge; demand 1.

    With the bridge everyone takes it and pays 2, the optimum 3/2 ignores it: PoA 4/3. Without it equilibrium and optimum are 3/2.
    Edges: s→v (x), v→t (1), s→w (1), w→t (x), v→w (0).
    """
    tail, head = [0, 1, 0, 2, 1], [1, 3, 2, 3, 2]
    rows = [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    edges = 5 if bridge else 4
    cost = 2.0 if bridge else 1.5
    return NetworkRouting(Polynomial(rows[:edges]), tail[:edges], head[:edges], [0], [3], [1.0]).named(
        "braess1968; roughgarden2002", poa=cost / 1.5, equilibrium_cost=cost, optimum_cost=1.5
    )


def cohen_kelly(arrival_rate: float, service_rate: float, *, bridge: bool = True) -> NetworkRouting:
    r"""Queueing version of Braess's network: two routes of an M/M/1 queue and a delay of 2, and a bridge with a delay of 1.

    Demand is 2λ, each queue serves at rate φ. Where 2λ > φ − 1 > λ the bridge fills until each queue takes 1, and all wait 3 instead of
    :math:`2 + 1/(\varphi - \lambda)` without it, which is then also optimal; `harm` is that ratio (up to 3/2). At the optimum each
    queue has the load :math:`\varphi - \sqrt\varphi` clipped to [λ, 2λ].

    Raises
    ------
    InvalidInput
        Unless 2λ > φ − 1 > λ > 0.
    """
    arrival_rate, service_rate = positive(arrival_rate, "arrival_rate"), positive(service_rate, "service_rate")
    load = service_rate - 1.0
    require(
        2.0 * arrival_rate > load > arrival_rate,
        f"the paradox needs 2·arrival_rate > service_rate − 1 > arrival_rate > 0; got {arrival_rate} and {service_rate}",
    )
    queue = min(max(service_rate - math.sqrt(service_rate), arrival_rate), 2.0 * arrival_rate)
    # of the two queues' load, 2 (queue − λ) is on the bridge and the rest of the demand meets a delay of 2
    optimum = 2.0 * queue / (service_rate - queue) + 4.0 * arrival_rate - 2.0 * (queue - arrival_rate)
    before = 2.0 * arrival_rate * (2.0 + 1.0 / (service_rate - arrival_rate))
    links: list[Latency] = [MM1(service_rate), Polynomial([2.0]), Polynomial([2.0]), MM1(service_rate)]
    tail, head = [0, 1, 0, 2], [1, 3, 2, 3]
    answers = {"poa": 1.0, "equilibrium_cost": before, "optimum_cost": before}
    if bridge:
        links, tail, head = [*links, Polynomial([1.0])], [*tail, 1], [*head, 2]
        answers = {
            "poa": 6.0 * arrival_rate / optimum,
            "equilibrium_cost": 6.0 * arrival_rate,
            "optimum_cost": optimum,
            "harm": 3.0 / (2.0 + 1.0 / (service_rate - arrival_rate)),
        }
    game = NetworkRouting(Stacked.of(links), tail, head, [0], [3], [2.0 * arrival_rate])
    return game.named("cohen1990", **answers)


def unsettled_links(degree: int = 1, links: int = 3) -> NetworkRouting:
    r"""Parallel links on which the price of anarchy converges neither in light nor in heavy traffic.

    :math:`\ell_0 = x^d`, :math:`\ell_k = x^d (1 + \tfrac12 \sin(\ln x + \varphi_k))`: demand times
    :math:`e^{2\pi}` gives the same game in other units, so PoA is periodic in the logarithm of demand. Use
    `game.scaled(total)`. Certified are its least and largest value on 257
    demands :math:`e^t`, t from 0 to 2π in equal steps, by root finding for each link's inverse.

    Raises
    ------
    InvalidInput
        Unless degree is 1 or 2 and links 2, 3 or 4.
    """
    scanned = {
        (1, 2): (1.0000004927, 1.0309349925),
        (1, 3): (1.0019549031, 1.0605363268),
        (1, 4): (1.0063926508, 1.0686652179),
        (2, 3): (1.0002670648, 1.0204095370),
        (2, 4): (1.0035312014, 1.0174669519),
    }
    require((degree, links) in scanned, f"(degree, links) is one of {sorted(scanned)}; got {(degree, links)}")
    if links == 4:
        phases = [0.0, 2.0 * math.pi / 3.0, 4.0 * math.pi / 3.0]
    else:
        phases = [0.0, math.pi if degree == 1 else 2.0 * math.pi / 3.0][: links - 1]
    low, high = scanned[degree, links]
    latency = LogPeriodic(float(degree), [0.0] + [0.5] * (links - 1), [0.0, *phases])
    return NetworkRouting.parallel(latency, 1.0).named(
        "after colini2020 (a network whose PoA does not tend to 1); links and digits are ours",
        poa_low=low,
        poa_high=high,
    )


def slow_convergence(demand: float = 1.0) -> NetworkRouting:
    r"""Links :math:`1 + x` and :math:`2 + x^2`: in heavy traffic PoA − 1 falls only like :math:`M^{-1/2}`.

    The equilibrium has :math:`y = (\sqrt{4 M - 3} - 1)/2` on the second link for M > 1, the optimum
    :math:`y = (\sqrt{1 + 3 (2M - 1)} - 1)/3` for M > 1/2.

    Raises
    ------
    InvalidInput
        If demand is not positive.
    """
    demand = positive(demand, "demand")

    def cost(y: float) -> float:
        return (demand - y) * (1.0 + demand - y) + y * (2.0 + y * y)

    # 1 + M − y = 2 + y²  and  1 + 2(M − y) = 2 + 3y²
    selfish = max(0.0, 0.5 * (math.sqrt(max(0.0, 4.0 * demand - 3.0)) - 1.0))
    best = max(0.0, (math.sqrt(max(0.0, 1.0 + 3.0 * (2.0 * demand - 1.0))) - 1.0) / 3.0)
    return NetworkRouting.parallel(Polynomial([[1.0, 1.0, 0.0], [2.0, 0.0, 1.0]]), demand).named(
        "colini2020 (heavy traffic); the example is ours",
        poa=cost(selfish) / cost(best),
        equilibrium_cost=cost(selfish),
        optimum_cost=cost(best),
    )


def _power(degree: float) -> Polynomial | LogPeriodic:
    """Return x^d on one link."""
    if float(degree).is_integer() and degree <= TABLED_DEGREE:
        return Polynomial(np.eye(1, int(degree) + 1, int(degree)))
    return LogPeriodic(degree, 0.0, 0.0)
