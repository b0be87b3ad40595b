r"""Nonatomic worst cases: two-link networks that attain the anarchy value of their class, Braess networks, queues in parallel.

Every certified value is a closed form evaluated here, never the output of a solver; where only digits are known the source says so.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from poagame._arrays import require
from poagame.games.network import NetworkRouting
from poagame.latency import BPR, MM1, Polynomial
from poagame.latency.log_periodic import LogPeriodic
from poagame.latency.stacked import Stacked


def pigou(degree: float = 1) -> NetworkRouting:
    r"""Pigou's two links, 1 and :math:`x^d`, with demand 1: the worst case of polynomial latencies of degree d.

    All use the second link (cost 1); the optimum puts :math:`x^* = (d+1)^{-1/d}` there, so
    :math:`\mathrm{PoA} = [1 - d\,(d+1)^{-(d+1)/d}]^{-1}`. The first link is edge 0.

    Raises
    ------
    InvalidInput
        If the degree is not positive.

    Examples
    --------
    >>> pigou(1).certified["poa"]
    1.3333333333333333
    """
    require(0 < degree < math.inf, f"degree must be positive and finite; got {degree}")
    best = (degree + 1.0) ** (-1.0 / degree)
    optimum = 1.0 - best + best ** (degree + 1.0)
    return NetworkRouting.parallel(Stacked.of([Polynomial([1.0]), _power(degree)]), 1.0).named(
        "Pigou 1920; roughgarden2002 for d = 1, roughgarden2003 for degree d",
        poa=1.0 / optimum,
        equilibrium_cost=1.0,
        optimum_cost=optimum,
        optimum_load=best,
    )


def monomial_pigou(low: float, high: float) -> NetworkRouting:
    r"""Two links :math:`x^s` and :math:`a\,x^d`: the worst case of monomials of degrees between s and d.

    With demand 1 + y and :math:`a = y^{-d}` the equilibrium has load 1 on the first link and y on the second, both at cost 1. The optimum
    solves :math:`(s+1) x^s = (d+1) a (1 + y - x)^d`; y is chosen by a search over one variable so that the ratio is largest.

    Raises
    ------
    InvalidInput
        Unless 0 < low < high.
    """
    require(0 < low < high < math.inf, f"degrees must satisfy 0 < low < high; got {low} and {high}")

    def optimum(y: float) -> float:
        def surplus(x: float) -> float:
            return (low + 1.0) * x**low - (high + 1.0) * ((1.0 + y - x) / y) ** high

        x: float = brentq(surplus, 0.0, 1.0 + y, xtol=1e-15, full_output=False)  # pyright: ignore[reportAssignmentType]
        return x ** (low + 1.0) + ((1.0 + y - x) / y) ** high * (1.0 + y - x)

    peak = minimize_scalar(
        lambda z: -(1.0 + np.exp(z)) / optimum(float(np.exp(z))), bounds=(-7, 7), options={"xatol": 1e-9}
    )
    y = float(np.exp(peak.x))
    latency = Stacked.of([_power(low), _power(high) * y**-high])
    return NetworkRouting.parallel(latency, 1.0 + y).named(
        "dumrauf2006 (bound); the links are built here",
        poa=(1.0 + y) / optimum(y),
        equilibrium_cost=1.0 + y,
        optimum_cost=optimum(y),
    )


def mm1_pigou(utilisation: float, service_rate: float = 1.0) -> NetworkRouting:
    r"""M/M/1 queue beside a link of constant delay: the worst case of M/M/1 latencies at utilisation ρ.

    Links :math:`1/(\mu - x)` and the constant :math:`1/(\mu - r)`, demand r = ρμ: all queue; at the optimum
    :math:`\mu - x^* = \sqrt{\mu (\mu - r)}`, so :math:`\mathrm{PoA} = \tfrac12 (1 + 1/\sqrt{1 - \rho})`.

    Raises
    ------
    InvalidInput
        Unless 0 < utilisation < 1 and the rate is positive.
    """
    require(0 < utilisation < 1, f"utilisation must lie between 0 and 1; got {utilisation}")
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
    )


def bpr_pigou(load_ratio: float, b: float = 0.15, power: float = 4.0) -> NetworkRouting:
    r"""Road :math:`1 + b x^p` (capacity 1) beside a constant :math:`1 + b Z^p`, demand Z: the worst case of BPR roads loaded up to Z.

    :math:`\mathrm{PoA} = [1 - \tfrac{b Z^p}{1 + b Z^p}\, p\,(p+1)^{-(p+1)/p}]^{-1}`.

    Raises
    ------
    InvalidInput
        If a number is not positive.
    """
    require(min(load_ratio, b, power) > 0, f"load_ratio, b and power must be positive; got {load_ratio}, {b}, {power}")
    bent = b * load_ratio**power
    loss = bent / (1.0 + bent) * power * (power + 1.0) ** (-(power + 1.0) / power)
    cost = load_ratio * (1.0 + bent)
    latency = Stacked.of([BPR(1.0, 1.0, b, power), Polynomial([1.0 + bent])])
    return NetworkRouting.parallel(latency, load_ratio).named(
        "correa2004 (anarchy value); roughgarden2003",
        poa=1.0 / (1.0 - loss),
        equilibrium_cost=cost,
        optimum_cost=cost * (1.0 - loss),
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


def cohen_kelly(arrival_rate: float, service_rate: float) -> NetworkRouting:
    r"""Queueing version of Braess's network: two routes of an M/M/1 queue and a delay of 2, and a bridge with a delay of 1.

    Demand is 2λ, each queue serves at rate φ. Where 2λ > φ − 1 > λ the bridge fills until each queue takes 1, and all wait 3 instead of
    :math:`2 + 1/(\varphi - \lambda)` without it; `harm` is that ratio (up to 3/2). At the optimum each queue has the load
    :math:`\varphi - \sqrt\varphi` clipped to [λ, 2λ].

    Raises
    ------
    InvalidInput
        Unless 2λ > φ − 1 > λ > 0.
    """
    load = service_rate - 1.0
    require(
        2.0 * arrival_rate > load > arrival_rate > 0,
        f"the paradox needs 2·arrival_rate > service_rate − 1 > arrival_rate > 0; got {arrival_rate} and {service_rate}",
    )
    queue = min(max(service_rate - math.sqrt(service_rate), arrival_rate), 2.0 * arrival_rate)
    # of the two queues' load, 2 (queue − λ) is on the bridge and the rest of the demand meets a delay of 2
    optimum = 2.0 * queue / (service_rate - queue) + 4.0 * arrival_rate - 2.0 * (queue - arrival_rate)
    latency = Stacked.of(
        [MM1(service_rate), Polynomial([2.0]), Polynomial([2.0]), MM1(service_rate), Polynomial([1.0])]
    )
    return NetworkRouting(latency, [0, 1, 0, 2, 1], [1, 3, 2, 3, 2], [0], [3], [2.0 * arrival_rate]).named(
        "cohen1990",
        poa=6.0 * arrival_rate / optimum,
        equilibrium_cost=6.0 * arrival_rate,
        optimum_cost=optimum,
        harm=3.0 / (2.0 + 1.0 / (service_rate - arrival_rate)),
    )


def parallel_queues(servers: int, arrival_rate: float) -> NetworkRouting:
    r"""N M/M/1 servers with rates λ + 1, 1, …, 1 and arrivals λ: all wait 1 at the first, and PoA tends to N as λ grows.

    At the optimum the first server has the load x with :math:`(\mu_1 - x)/\sqrt{\mu_1}` equal to that of the others
    (:math:`\mu_j - x_j = t \sqrt{\mu_j}`, where all are used).

    Raises
    ------
    InvalidInput
        Unless servers ≥ 2 and arrival_rate > 0.
    """
    require(servers >= 2 and arrival_rate > 0, f"needs servers >= 2 and arrivals > 0; got {servers} and {arrival_rate}")
    rates = np.array([arrival_rate + 1.0] + [1.0] * (servers - 1))
    optimum = _queues_optimum(rates, arrival_rate)
    return NetworkRouting.parallel(MM1(rates), arrival_rate).named(
        "haviv2007",
        poa=arrival_rate / optimum,
        poa_limit=float(servers),
        equilibrium_cost=arrival_rate,
        optimum_cost=optimum,
    )


def two_queues(arrival_rate: float) -> NetworkRouting:
    r"""M/M/1 servers of rates 4 and 1: at the equilibrium :math:`\mu_i - x_i` is equal on used servers, at the optimum
    :math:`(\mu_i - x_i)/\sqrt{\mu_i}`.

    Raises
    ------
    InvalidInput
        Unless 0 < arrival_rate < 5.
    """
    require(0 < arrival_rate < 5, f"arrivals must lie between 0 and 5; got {arrival_rate}")
    rates = np.array([4.0, 1.0])
    optimum = _queues_optimum(rates, arrival_rate)
    wait = 1.0 / (4.0 - arrival_rate) if arrival_rate <= 3 else 2.0 / (5.0 - arrival_rate)
    return NetworkRouting.parallel(MM1(rates), arrival_rate).named(
        "bell1983", poa=arrival_rate * wait / optimum, equilibrium_cost=arrival_rate * wait, optimum_cost=optimum
    )


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
    require(0 < demand < math.inf, f"demand must be positive; got {demand}")

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
    if float(degree).is_integer():
        return Polynomial(np.eye(1, int(degree) + 1, int(degree)))
    return LogPeriodic(degree, 0.0, 0.0)


def _queues_optimum(rates: np.ndarray, arrivals: float) -> float:
    """Least Σ x/(μ − x): loads μ − t √μ on the fastest servers, as many as stay positive."""
    fastest = np.sort(rates)[::-1]
    t = np.array([(fastest[:k].sum() - arrivals) / np.sqrt(fastest[:k]).sum() for k in range(1, len(rates) + 1)])
    # a server is used if its rate leaves room for a load at the t of all that are faster or as fast
    used = int(np.flatnonzero(np.sqrt(fastest) > t).max()) + 1
    loads = fastest[:used] - t[used - 1] * np.sqrt(fastest[:used])
    return float((loads / (fastest[:used] - loads)).sum())
