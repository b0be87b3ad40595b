r"""Load balancing of jobs that split, and no-regret play of smooth games.

.. [roughgarden2015] Roughgarden: Intrinsic robustness of the price of anarchy, Journal of the ACM 62 (2015).
"""

from __future__ import annotations

from functools import partial

from poagame.bounds.record import PoaBound
from poagame.bounds.smoothness import Smoothness
from poagame.games.checks import whole
from poagame.games.instances.splittable import MOST_JOBS, half_load_balancing


def fractional_load_balancing(players: int) -> PoaBound:
    r"""n jobs that split over servers and count half of their own load: price of anarchy 2 − 1/n, exactly.

    For any sizes, rates and background loads (`FractionalLoadBalancing`): equilibria are the flows whose loads minimise the
    potential Φ, and the social cost lies between Φ and (2 − 1/n) Φ, as
    :math:`X^2/n \le \sum_i x_i^2 \le X^2` on each server. n equal jobs on n equal servers attain it, all spread evenly against one job
    a server.

    Parameters
    ----------
    players : int
        n ≥ 1. Of more than 4,096 the game is not built.

    Raises
    ------
    InvalidInput
        If players is no whole number of at least 1.

    Examples
    --------
    >>> fractional_load_balancing(10).value
    1.9
    """
    n = whole(players, "players", 1)
    return PoaBound(
        value=2.0 - 1.0 / n,
        kind="pure",
        valid_for=f"{n} jobs split over servers of linear delay that count half of their own load",
        tight=n <= MOST_JOBS,
        source="own derivation: the social cost lies between the potential and 2 - 1/n times it",
        name="fractional_load_balancing",
        build=partial(half_load_balancing, n) if n <= MOST_JOBS else None,
        remark="" if n <= MOST_JOBS else "attained by `instances.half_load_balancing`, of too many jobs to build here",
    )


def no_regret(lam: float, mu: float) -> PoaBound:
    r"""Games that are (λ, μ)-smooth: :math:`\lambda/(1 - \mu)`, for no-regret play in the long run too [roughgarden2015]_.

    Smooth: :math:`\sum_i C_i(s^*_i, s_{-i}) \le \lambda\,C(s^*) + \mu\,C(s)` for all profiles s and s*. Then the expected cost of every
    coarse correlated equilibrium, and the mean cost of play without regret, is at most that much times the optimum.

    Parameters
    ----------
    lam, mu : float
        λ > 0 and μ < 1, with λ + μ ≥ 1: with s = s* no game of positive cost is smooth with less.

    Raises
    ------
    InvalidInput
        If the numbers are not finite or out of these ranges.

    Examples
    --------
    >>> no_regret(5 / 3, 1 / 3).value  # affine congestion games
    2.5
    """
    pair = Smoothness(lam, mu)
    return PoaBound(
        value=pair.poa,
        kind="coarse correlated",
        valid_for=f"({pair.lam:g}, {pair.mu:g})-smooth games",
        tight=False,
        source="Roughgarden 2015, Theorem on smooth games [roughgarden2015]",
        name="no_regret",
        remark="tight for congestion games of a class at its best pair (see `tight_poa`), not for every smooth game",
    )
