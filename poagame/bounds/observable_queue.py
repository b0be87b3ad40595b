r"""One M/M/1 queue whose customers may stay away: welfare lost because each looks at its own wait alone.

A customer gains R from service and pays C per unit of time in the system, served at rate μ; :math:`\nu = R\mu/C` is the benefit in
mean service times of waiting and :math:`\rho = \lambda/\mu` the offered load. Ratios here are of welfare, optimum over equilibrium.

.. [naor1969] Naor: The regulation of queue size by levying tolls, Econometrica 37 (1969).
.. [edelson1975] Edelson, Hildebrand: Congestion tolls for Poisson queuing processes, Econometrica 43 (1975).
.. [gilboa2014] Gilboa-Freedman, Hassin, Kerner: The price of anarchy in the Markovian single server queue, IEEE Transactions on
   Automatic Control 59 (2014), 455-459.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from poagame._arrays import FloatArray, require
from poagame.bounds.record import PoaBound
from poagame.games.checks import positive
from poagame.games.network import NetworkRouting
from poagame.latency import MM1, Polynomial
from poagame.latency.stacked import Stacked

LONGEST = 2**23
"""Longest queue that is looked at."""

SLACK = 1e-12
"""Relative tolerance of a supremum: queues beyond the search could exceed it by so much."""


def naor(utilisation: float, benefit: float | None = None) -> PoaBound:
    r"""Price of anarchy of customers who see the queue before they join [naor1969]_ [gilboa2014]_.

    Each joins if fewer than ⌊ν⌋ are there; best is to turn away from :math:`n^*` on, the largest n with
    :math:`\sum_{j \le n} (1 + \rho + … + \rho^{j-1}) \le \nu`. Welfare with at most n customers is, in units of C,
    :math:`S(n) = \nu\rho(1 - p_n) - L_n`, of the M/M/1/n queue.

    Without `benefit` the value is the supremum over all ν. Between whole numbers the ratio falls in ν (the wait grows with n), so ν
    may be taken whole; up to ρ ≈ 0.98 ν = 2 is worst, with :math:`(1 + \rho + \rho^2)/(1 + \rho)`. Else it is
    computed: all ν are tried up to one from which on
    :math:`(\nu - 1)/[(1 - p_\nu)(\nu - 1/(1 - \rho))]`, a bound that falls in ν, is below the largest found (to 1e-12). At
    ρ = 1 it is 2, the limit of large ν; above 1 the ratio grows with ν without bound.

    Parameters
    ----------
    utilisation : float
        ρ > 0; may be 1 or more, as customers turn away.
    benefit : float, optional
        ν > 1. At most 1 nobody gains from joining, and no ratio is defined.

    Raises
    ------
    InvalidInput
        If an argument is out of its range, or ρ so close to 1 from below (about 1e-6) that the search would be too long.

    Examples
    --------
    >>> [round(naor(rho).value, 6) for rho in (0.5, 0.9, 0.99, 1.0)]
    [1.166667, 1.426316, 1.556986, 2.0]
    >>> naor(0.99).remark[:9], round(naor(2.0, benefit=395).value, 2)
    ('at ν = 48', 387.42)
    """
    rho = positive(utilisation, "utilisation")
    where = f"M/M/1 queues that customers see and may leave alone, offered load {rho:g}"
    if benefit is not None:
        nu = positive(benefit, "benefit")
        require(nu > 1.0, f"benefit must exceed 1: at {nu:g} mean service times nobody gains by joining")
        require(nu <= LONGEST, f"benefit must be at most {LONGEST}; got {nu:g}")
        where, value, remark = f"{where}, benefit {nu:g} mean service times", _ratio(rho, nu), ""
    elif rho >= 1.0:
        value, remark = (2.0, "limit of large ν, not attained") if rho == 1.0 else (math.inf, "linear in ν")
    else:
        value, at, last = _supremum(rho)
        remark = f"at ν = {at}, largest of all whole ν up to {last}, and by proof of all beyond"
    return PoaBound(
        value=value,
        kind="pure",
        valid_for=where,
        tight=False,
        source="Naor 1969 [naor1969]; Gilboa-Freedman, Hassin, Kerner 2014 [gilboa2014]; computed here",
        name="naor",
        measure="welfare ratio",
        remark=f"{remark + '; ' if remark else ''}exact, but of welfare in a queue that is no game of this library",
    )


def edelson_hildebrand(utilisation: float, benefit: float) -> PoaBound:
    r"""Price of anarchy, in welfare, of customers who join an M/M/1 queue unseen or stay away [edelson1975]_.

    In units of μ and C, joining at rate x gives welfare :math:`x\,(\nu - 1/(1 - x))`. Customers join up to
    :math:`1 - 1/\nu`, where it is zero; best is :math:`1 - 1/\sqrt\nu`. The value is infinite where the offered load is at least the
    former, 1 where it is at most the latter. The same customers are a nonatomic game of two links, the queue and the
    constant ν of staying away (`instance`), whose welfare is :math:`\nu\rho` less its social cost.

    Parameters
    ----------
    utilisation : float
        ρ > 0, offered.
    benefit : float
        ν > 1.

    Raises
    ------
    InvalidInput
        If an argument is out of its range.

    Examples
    --------
    >>> edelson_hildebrand(0.6, 4.0).value, edelson_hildebrand(0.8, 4.0).value
    (1.1111111111111112, inf)
    """
    rho, nu = positive(utilisation, "utilisation"), positive(benefit, "benefit")
    require(nu > 1.0, f"benefit must exceed 1: at {nu:g} mean service times nobody gains by joining")
    selfish, best = _joining(rho, nu)
    return PoaBound(
        value=best / selfish if selfish > 0.0 else math.inf,
        kind="wardrop",
        valid_for=f"M/M/1 queues that customers do not see, offered load {rho:g}, benefit {nu:g} mean service times",
        tight=False,
        source="Edelson and Hildebrand 1975 [edelson1975]; derived here",
        name="edelson_hildebrand",
        measure="welfare ratio",
        build=partial(_queue_or_away, rho, nu) if nu * rho < math.inf else None,
        remark="exact, but of welfare; the price of anarchy of the instance is of costs",
    )


def _joining(rho: float, nu: float) -> tuple[float, float]:
    """Welfare of customers who join unseen, at the equilibrium and at the optimum."""
    # x (ν − 1/(1 − x)), which is (√ν − 1)² at 1 − 1/√ν
    offered = rho * (nu - 1.0 / (1.0 - rho)) if rho < 1.0 - 1.0 / nu else 0.0
    return offered, offered if rho <= 1.0 - 1.0 / math.sqrt(nu) else (math.sqrt(nu) - 1.0) ** 2


def _queue_or_away(rho: float, nu: float) -> NetworkRouting:
    """The queue and the constant ν of staying away, as two links."""
    selfish, best = _joining(rho, nu)
    cost, least = nu * rho - selfish, nu * rho - best
    game = NetworkRouting.parallel(Stacked.of([MM1(1.0), Polynomial([nu])]), rho)
    return game.named("edelson1975", poa=cost / least, equilibrium_cost=cost, optimum_cost=least)


def _ratio(rho: float, nu: float) -> float:
    """S(n*) / S(⌊ν⌋)."""
    size = math.floor(nu)
    # the sum of n* terms is at least n*, and at least n* (n* + 1)/2 for ρ ≥ 1
    terms = size if rho < 1.0 else math.isqrt(2 * size) + 1
    with np.errstate(over="ignore"):
        best = int((np.cumsum(np.cumsum(_powers(rho, terms))) <= nu).sum())
    return float(_welfare(rho, nu, best) / _welfare(rho, nu, size))


def _powers(rho: float, size: int) -> FloatArray:
    """1, ρ, ρ², … of `size` terms."""
    return rho ** np.arange(size, dtype=np.float64)


def _welfare(rho: float, nu: float, size: int) -> float:
    """S(n), over ρ if ρ ≤ 1; of sums that stay finite, in powers of 1/ρ counted from the full queue if ρ > 1, and of no negative term."""
    powers = _powers(rho if rho <= 1.0 else 1.0 / rho, size + 1)
    joined = np.arange(size)
    # whoever joins n − 1 others gains ν − n
    gain = nu - 1.0 - joined if rho <= 1.0 else nu - size + joined
    return float((gain * powers[:-1]).sum() / powers.sum())


def _supremum(rho: float) -> tuple[float, int, int]:
    """Largest S(n*)/S(ν) over whole ν ≥ 2, where it is, and the last ν tried, for ρ < 1."""
    last, longest = 64, 2.0 / (1.0 - rho)  # the bound on the rest says nothing before 1/(1 − ρ)
    require(
        longest <= LONGEST,
        f"utilisation {rho!r} is too close to 1: the worst benefit is beyond the search; take 1.0, where the value is 2",
    )
    while True:
        powers = _powers(rho, last + 1)
        partial = np.cumsum(powers)  # g_{n+1} = 1 + … + ρ^n
        served = rho * partial[:-1] / partial[1:]  # ρ (1 − p_n), n = 1 …
        length = np.cumsum(np.arange(last + 1) * powers)[1:] / partial[1:]
        nu = np.arange(2, last + 1)
        best = np.searchsorted(np.cumsum(partial[:-1]), nu, side="right")
        optimum = nu * served[best - 1] - length[best - 1]
        ratio = optimum / (nu * served[1:] - length[1:])
        at = int(ratio.argmax())
        room = last - 1.0 / (1.0 - rho)
        if room > 0 and (last - 1.0) / (float(served[-1]) / rho * room) <= float(ratio[at]) * (1.0 + SLACK):
            return float(ratio[at]), at + 2, last
        last *= 2
