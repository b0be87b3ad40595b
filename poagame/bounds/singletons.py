r"""Players that use one resource each: load balancing of jobs that choose among servers.

.. [caragiannis2011] Caragiannis, Flammini, Kaklamanis et al.: Selfish and greedy load balancing, Algorithmica 61 (2011).
.. [suri2007] Suri, Tóth, Zhou: Selfish load balancing and atomic congestion games, Algorithmica 47 (2007).
.. [luecking2008] Lücking, Mavronicolas, Monien, Rode: A new model for selfish routing, Theoretical Computer Science 406 (2008).
.. [christodoulou2005] Christodoulou, Koutsoupias: The price of anarchy of finite congestion games, STOC 2005.
"""

from __future__ import annotations

from poagame.bounds.record import PoaBound
from poagame.games.instances.atomic import symmetric_singletons
from poagame.games.instances.singletons import (
    identical_servers,
    identical_servers_recursion,
    singleton_tree,
    weighted_servers,
)


def singleton_symmetric_affine() -> PoaBound:
    """4/3 for equal players that may use any one of some affine resources [caragiannis2011]_; two players on two links attain it.

    Examples
    --------
    >>> bound = singleton_symmetric_affine()
    >>> bound.value == bound.instance.certified["poa"]
    True
    """
    return PoaBound(
        value=4.0 / 3.0,
        kind="pure",
        valid_for="unweighted players that choose any one of the resources, with affine latencies",
        tight=True,
        source="Caragiannis et al. 2011 [caragiannis2011]",
        name="singleton_symmetric_affine",
        build=symmetric_singletons,
    )


def singleton_affine() -> PoaBound:
    """5/2, as for all affine congestion games [christodoulou2005]_: restricting players to single resources of their own set does not help.

    The trees of `approach` come near with linear latencies and two resources a player [caragiannis2011]_.

    Examples
    --------
    >>> bound = singleton_affine()
    >>> bound.value, round(bound.approach(8).certified["poa"], 4)
    (2.5, 2.4621)
    """
    return PoaBound(
        value=2.5,
        kind="coarse correlated",
        valid_for="unweighted players that choose one resource of a set of their own, with affine latencies",
        tight=True,
        source="Christodoulou and Koutsoupias 2005 [christodoulou2005]; Caragiannis et al. 2011 [caragiannis2011]",
        name="singleton_affine",
        approach=singleton_tree,
    )


def singleton_identical() -> PoaBound:
    r"""2.012067 for unit jobs that choose one server of a set of their own, all of latency x [suri2007]_ [caragiannis2011]_.

    Who compares equal servers compares their loads alone. In an equilibrium with loads u and optimum loads v, a job on load
    u with its optimal server at load u′ has u ≤ u′ + 1, so that f(u) ≤ f(u′ + 1) for *any* nondecreasing f; summed over jobs,
    :math:`\sum u f(u) \le \sum v f(u+1)` over servers. If

    .. math:: v^2 - \rho\,u^2 + u f(u) - v f(u+1) \ge 0 \quad\text{for all whole } u, v \ge 0

    then summing gives an optimum of at least ρ times the equilibrium. The row v = 0 says f(u) ≥ ρu, and the others are met by f(1) = 1,
    :math:`f(u+1) = \min_v [v + (u f(u) - \rho u^2)/v]`; the largest ρ is where this f just stays above ρu. The rows that are met with
    equality, v = 1, 1, 1, 1, 2, 2, …, build the games of `approach`. These are also the rows of the programme of optimal local tolls, so
    that its value is the same number. The argument is for pure equilibria alone: f changes differences of expected costs.

    Examples
    --------
    >>> round(singleton_identical().value, 9)
    2.012066948
    """
    return PoaBound(
        value=identical_servers_recursion()[0],
        kind="pure",
        valid_for="unit jobs that choose one server of a set of their own, on equal servers of latency x",
        tight=True,
        source="Suri, Tóth and Zhou 2007 [suri2007]; Caragiannis et al. 2011 [caragiannis2011]; proof and games derived here",
        name="singleton_identical",
        approach=identical_servers,
        remark="computed to 14 digits",
    )


def weighted_identical_servers() -> PoaBound:
    r"""9/8 for jobs of any sizes on equal servers of latency x, all open to all, social cost Σ load² [luecking2008]_.

    If the fullest server of an equilibrium has one job alone, of load w, take both away. The equilibrium loses w². The optimum of T in
    jobs on m servers was at least :math:`\min_{y \ge w} [y^2 + (T-y)^2/(m-1)]`, which is w² and the square sum of the rest spread evenly,
    as w is no less than the mean of the rest; so the ratio over even loads does not fall. Otherwise the smallest job there is at most half
    of the load M, and since it does not move no load is below M/2. Of loads between M/2 and M the sum of squares over that of even loads
    is at most that of a fraction p at M and the rest at M/2, :math:`(1+3p)/(1+p)^2 \le 9/8`, with equality at p = 1/3. The argument
    is for pure equilibria.

    Examples
    --------
    >>> bound = weighted_identical_servers()
    >>> bound.value == bound.instance.certified["poa"]
    True
    """
    return PoaBound(
        value=9.0 / 8.0,
        kind="pure",
        valid_for="jobs of any sizes that choose any one of equal servers of latency x, social cost Σ load²",
        tight=True,
        source="Lücking et al. 2008 [luecking2008]; proof and game derived here",
        name="weighted_identical_servers",
        build=weighted_servers,
    )
