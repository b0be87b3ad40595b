r"""Servers in parallel that jobs choose among: M/M/1 queues, and servers that drop all jobs but one.

Every certified value is a closed form evaluated here, never the output of a solver.

.. [haviv2007] Haviv, Roughgarden: The price of anarchy in an exponential multi-server, Operations Research Letters 35 (2007).
.. [bell1983] Bell, Stidham: Individual versus social optimization in the allocation of customers to alternative servers, Management
   Science 29 (1983).
.. [gaitonde2020] Gaitonde, Tardos: Stability and learning in strategic queuing systems, EC 2020.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.errors import TooLarge
from poagame.games.checks import positive, whole
from poagame.games.congestion import CongestionGame
from poagame.games.network import NetworkRouting
from poagame.latency import MM1, Tabulated

MOST_SERVERS = 1_000_000
"""Of `parallel_queues`; `contended_servers`, whose costs are a table for each, has up to `MOST_CONTENDED`."""

MOST_CONTENDED = 4096


def mm1_servers(service_rates: ArrayLike, arrival_rate: float) -> NetworkRouting:
    r"""M/M/1 servers of any rates and arrivals that choose among them by mean waiting time alone [bell1983]_.

    At the equilibrium :math:`\mu_j - x_j` is equal on used servers, at the optimum :math:`(\mu_j - x_j)/\sqrt{\mu_j}`; both use
    the fastest servers, as many as stay with a positive load.

    Parameters
    ----------
    service_rates : [N]
        μ > 0.
    arrival_rate : float
        λ, positive and less than Σ μ, in the same unit.

    Raises
    ------
    InvalidInput
        If a rate is not positive, or the arrivals are more than the servers can take, or so few that what they cost is below the range
        of floats.

    Examples
    --------
    >>> round(mm1_servers([4.0, 1.0], 3.0).certified["poa"], 6)
    1.2
    """
    rates = as_floats(service_rates, "service_rates")
    require(rates.ndim == 1 and rates.size > 0, f"service_rates must be [N]; got shape {rates.shape}")
    require(bool((rates > 0).all()), f"service_rates must be positive; the smallest is {rates.min()}")
    arrivals = positive(arrival_rate, "arrival_rate")
    require(
        bool(((rates > 1e-150) & (rates < 1e150)).all()),
        f"service_rates must lie between 1e-150 and 1e150; got {rates.min():g} to {rates.max():g}. Change the unit of time",
    )
    total = float(rates.sum())
    require(
        arrivals < total,
        f"arrivals of {arrivals:g} overload servers of {total:g} together; lower them, or add a server",
    )
    selfish = _filled(rates, np.ones_like(rates), arrivals)
    best = _filled(rates, np.sqrt(rates), arrivals)
    require(
        0.0 < best < math.inf and 0.0 < selfish < math.inf,
        f"the waiting of arrivals of {arrivals:g} at servers of up to {rates.max():g} is beyond the range of floats",
    )
    return NetworkRouting.parallel(MM1(rates), arrivals).named(
        "bell1983", poa=selfish / best, equilibrium_cost=selfish, optimum_cost=best
    )


def two_queues(arrival_rate: float) -> NetworkRouting:
    r"""M/M/1 servers of rates 4 and 1; see `mm1_servers`.

    Raises
    ------
    InvalidInput
        Unless 0 < arrival_rate < 5.
    """
    return mm1_servers([4.0, 1.0], arrival_rate)


def parallel_queues(servers: int, arrival_rate: float) -> NetworkRouting:
    r"""N M/M/1 servers with rates λ + 1, 1, …, 1 and arrivals λ: all wait 1 at the first, and PoA tends to N as λ grows [haviv2007]_.

    Raises
    ------
    InvalidInput
        Unless servers is a whole number of at least 2 and arrival_rate > 0, below 1e150.
    TooLarge
        If the servers are more than `MOST_SERVERS`.
    """
    n, arrivals = whole(servers, "servers", 2), positive(arrival_rate, "arrival_rate")
    require(arrivals < 1e150, f"arrival_rate must be below 1e150; got {arrivals:g}")
    if n > MOST_SERVERS:
        raise TooLarge(f"{n:,} servers; the limit is {MOST_SERVERS:,}")
    rates = np.array([arrivals + 1.0] + [1.0] * (n - 1))
    optimum = _filled(rates, np.sqrt(rates), arrivals)
    return NetworkRouting.parallel(MM1(rates), arrivals).named(
        "haviv2007",
        poa=arrivals / optimum,
        poa_limit=float(n),
        equilibrium_cost=arrivals,
        optimum_cost=optimum,
    )


def contended_servers(servers: int) -> CongestionGame:
    r"""n jobs on n servers, each of which serves one of the jobs that come and drops the others [gaitonde2020]_.

    A job among k at a server is dropped with probability 1 − 1/k, its cost. One job a server is the equilibrium in pure
    strategies. All jobs uniform is an equilibrium in mixed ones, where each is served with probability
    :math:`1 - (1 - 1/n)^n`: the inverse, `stability_factor`, tends to e/(e − 1). Costs can be zero, so that no ratio of costs is
    defined.

    Raises
    ------
    InvalidInput
        If servers is no whole number of at least 2.
    TooLarge
        If the servers are more than `MOST_CONTENDED`.
    """
    n = whole(servers, "servers", 2)
    if n > MOST_CONTENDED:
        raise TooLarge(f"{n:,} servers, with a table of costs each; the limit is {MOST_CONTENDED:,}")
    count = np.arange(1.0, n + 1.0)
    dropped = Tabulated([count] * n, [1.0 - 1.0 / count] * n)
    idle = math.exp(n * math.log1p(-1.0 / n))  # probability that nobody comes to a server
    return CongestionGame(dropped, [[[j] for j in range(n)]], multiplicity=[n]).named(
        "gaitonde2020 (model); one round of it",
        equilibrium_cost=0.0,
        optimum_cost=0.0,
        mixed_equilibrium_cost=n * idle,
        stability_factor=1.0 / (1.0 - idle),
    )


def _filled(rates: FloatArray, weight: FloatArray, arrivals: float) -> float:
    """Σ x/(μ − x) with loads μ − t · weight on the servers of largest μ/weight, as many as stay positive."""
    quotient = rates / weight
    order = np.argsort(-quotient)
    fastest, share = rates[order], weight[order]
    # in terms of what μ/weight falls short of its largest, of which t is s less: few arrivals at fast servers lose no digits
    short = quotient[order[0]] - quotient[order]
    level = (arrivals + np.cumsum(share * short)) / np.cumsum(share)
    used = int(np.flatnonzero(level > short).max(initial=0)) + 1
    load = share[:used] * (level[used - 1] - short[:used])
    free = share[:used] * (fastest[:used].sum() - arrivals) / share[:used].sum()
    return float((load / free).sum())
