r"""Queues: what selfish joining, choosing among servers and routing cost.

.. [haviv2007] Haviv, Roughgarden: The price of anarchy in an exponential multi-server, Operations Research Letters 35 (2007), 421-426.
.. [bell1983] Bell, Stidham: Individual versus social optimization in the allocation of customers to alternative servers, Management
   Science 29 (1983).
.. [cohen1990] Cohen, Kelly: A paradox of congestion in a queuing network, Journal of Applied Probability 27 (1990).
.. [gaitonde2020] Gaitonde, Tardos: Stability and learning in strategic queuing systems, EC 2020.
.. [gaitonde2021] Gaitonde, Tardos: Virtues of patience in strategic queuing systems, EC 2021.

Customers that see a queue or do not, and may stay away, are in `observable_queue`.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import require
from poagame.bounds.record import PoaBound
from poagame.games.checks import shown, whole
from poagame.games.instances.nonatomic import cohen_kelly as cohen_kelly_network
from poagame.games.instances.queues import MOST_SERVERS, contended_servers, mm1_servers, parallel_queues
from poagame.games.network import NetworkRouting


def haviv_roughgarden(servers: int) -> PoaBound:
    """N parallel M/M/1 servers of any rates, chosen by mean waiting time: price of anarchy N, whatever the arrivals [haviv2007]_.

    Servers of rates λ + 1, 1, …, 1 approach it as λ grows, with an error of order 1/√λ; it is not attained for N ≥ 2.

    Parameters
    ----------
    servers : int
        N ≥ 1. Of more than a million no sequence of games is built.

    Raises
    ------
    InvalidInput
        If servers is no whole number of at least 1.

    Examples
    --------
    >>> bound = haviv_roughgarden(3)
    >>> bound.value, round(bound.approach(10**6).certified["poa"], 6)
    (3.0, 2.98806)
    """
    n = whole(servers, "servers", 1)
    buildable = n <= MOST_SERVERS
    return PoaBound(
        value=float(n),
        kind="wardrop",
        valid_for=f"{n} parallel M/M/1 servers of any rates, unobservable, with any arrivals that they can serve",
        tight=buildable,
        source="Haviv and Roughgarden 2007 [haviv2007]",
        name="haviv_roughgarden",
        build=partial(mm1_servers, [2.0], 1.0) if n == 1 else None,
        approach=partial(_loaded, n) if n > 1 and buildable else None,
        remark="" if buildable else "approached by `instances.parallel_queues`, of too many servers to build here",
    )


def bell_stidham(service_rates: ArrayLike, arrival_rate: float) -> PoaBound:
    r"""Exact price of anarchy of given parallel M/M/1 servers and arrivals [bell1983]_.

    At the equilibrium :math:`\mu_j - x_j` is equal on used servers, at the optimum :math:`(\mu_j - x_j)/\sqrt{\mu_j}`.

    Parameters
    ----------
    service_rates : [N]
        μ > 0.
    arrival_rate : float
        0 < λ < Σ μ, in the same unit.

    Raises
    ------
    InvalidInput
        If a rate is not positive, or the arrivals are more than the servers can take.

    Examples
    --------
    >>> [round(bell_stidham([4.0, 1.0], arrivals).value, 6) for arrivals in (3.0, 4.0, 4.5)]
    [1.2, 1.142857, 1.125]
    """
    game = mm1_servers(service_rates, arrival_rate)
    rates = [float(rate) for rate in np.ravel(service_rates)]
    return PoaBound(
        value=game.certified["poa"],
        kind="wardrop",
        valid_for=f"parallel M/M/1 servers of rates {', '.join(f'{rate:g}' for rate in rates)}, arrivals {arrival_rate:g}",
        tight=True,
        source="Bell and Stidham 1983 [bell1983]",
        name="bell_stidham",
        build=partial(mm1_servers, rates, float(arrival_rate)),
    )


def cohen_kelly() -> PoaBound:
    r"""3/2: how much longer all wait after a bridge was added to Cohen and Kelly's network of queues [cohen1990]_.

    Where :math:`2\lambda > \varphi - 1 > \lambda` the wait grows from :math:`2 + 1/(\varphi - \lambda)` to 3, a factor below 3/2 that tends
    to it as φ − λ grows.

    Examples
    --------
    >>> round(cohen_kelly().approach(1000).certified["harm"], 6)
    1.499251
    """
    return PoaBound(
        value=1.5,
        kind="wardrop",
        valid_for="Cohen and Kelly's network of two M/M/1 queues, with any rates for which its bridge is used by some",
        tight=True,
        source="Cohen and Kelly 1990 [cohen1990]",
        name="cohen_kelly",
        measure="harm",
        approach=_bridged,
        remark="of this network alone: others may be harmed more",
    )


def _loaded(servers: int, size: int) -> NetworkRouting:
    return parallel_queues(servers, float(whole(size, "size", 1)))


def _bridged(size: int) -> NetworkRouting:
    size = whole(size, "size", 1, 10**12)  # beside larger ones 0.9 would be lost
    return cohen_kelly_network(float(size), 2.0 * size + 0.9)


def gaitonde_tardos(patient: bool = False) -> PoaBound:
    r"""Factor of spare capacity with which selfish queues that send to shared servers stay stable [gaitonde2020]_ [gaitonde2021]_.

    In each round every queue sends its oldest packet to a server, which serves the oldest that it gets, if it can, and sends the others
    back. If for each k the k fastest servers together serve more than this factor times the arrivals of the k
    busiest queues, all stay stable: the factor is 2 for queues that learn without regret, and e/(e − 1) for patient
    queues at a Nash equilibrium of their long-run rates. A central scheduler needs 1.

    Parameters
    ----------
    patient : bool

    Raises
    ------
    InvalidInput
        If patient is no bool.

    Examples
    --------
    >>> gaitonde_tardos().value, round(gaitonde_tardos(patient=True).value, 6)
    (2.0, 1.581977)
    """
    require(isinstance(patient, bool), f"patient is True or False; got {shown(patient)}")
    source = "Gaitonde and Tardos 2021 [gaitonde2021]" if patient else "Gaitonde and Tardos 2020 [gaitonde2020]"
    remark = "tight by the source, for queues in time, which are no game of this library"
    if patient:
        remark += (
            "; one round with all queues full and every server equally likely serves 1 − (1 − 1/n)^n jobs a server "
        )
        remark += "(`instances.contended_servers`), whose inverse tends to the factor"
    return PoaBound(
        value=math.e / (math.e - 1.0) if patient else 2.0,
        kind="mixed" if patient else "coarse correlated",
        valid_for="queues that send packets to servers without buffers, older packets first, "
        + ("at equilibria of patient queues" if patient else "with no-regret learning"),
        tight=False,
        source=source,
        name="gaitonde_tardos",
        measure="stability factor",
        approach=contended_servers if patient else None,
        remark=remark,
    )
