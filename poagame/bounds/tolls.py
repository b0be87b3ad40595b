r"""What tolls that are handed back leave of the price of anarchy of unweighted congestion games with polynomial latencies.

All but the last two are programmes of `tight_poa`, solved for a number of players. From 20 players on the sixth digit hardly changes for
degrees up to 3, but for tolls that do not depend on the load at degree 1, which rise slowly: 2.1186 at 20 players, 2.1547 in the limit.

.. [paccagnan2021] Paccagnan, Chandan, Ferguson, Marden: Optimal taxes in atomic congestion games, ACM TEAC 9 (2021), arXiv 1911.09806.
.. [paccagnangairing2021] Paccagnan, Gairing: In congestion games, taxes achieve the optimal approximation, EC 2021.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from poagame._arrays import require
from poagame.bounds.record import PoaBound
from poagame.bounds.tight import TightPoa, tight_poa
from poagame.bounds.tight.verb import TollRule
from poagame.games.checks import whole

LARGEST_DEGREE = 50
"""Largest degree at which n players' polynomials stay within floats for every number of players allowed."""


def optimal_local_tolls(degree: int = 1, players: int = 30) -> TightPoa:
    r"""Least price of anarchy that tolls on each resource by its own load can reach, for polynomials of degree d [paccagnan2021]_.

    Affine: 2.012067 from 20 players on, instead of 5/2.

    Raises
    ------
    InvalidInput
        If degree or players are no whole numbers ≥ 1, or the degree is beyond `LARGEST_DEGREE`.
    """
    return _polynomials(degree, players, "optimal", "optimal_local_tolls")


def constant_tolls(degree: int = 1, players: int = 30) -> TightPoa:
    r"""Least price of anarchy that tolls which do not depend on the load can reach, for polynomials of degree d [paccagnan2021]_.

    Raises
    ------
    InvalidInput
        As `optimal_local_tolls`.
    """
    return _polynomials(degree, players, "constant", "constant_tolls")


def marginal_cost_tolls(degree: int = 1, players: int = 30) -> TightPoa:
    r"""Price of anarchy where everyone pays what it costs the others, (k − 1)(c(k) − c(k − 1)) [paccagnan2021]_.

    Marginal-cost tolls make the *best* equilibrium optimal. The worst one of all games with such latencies costs more than without tolls, 3
    instead of 5/2 times the optimum for affine ones. That is so of the class and not of every latency: on c(k) = 100 + k alone they help.

    Raises
    ------
    InvalidInput
        As `optimal_local_tolls`.
    """
    return _polynomials(degree, players, "marginal_cost", "marginal_cost_tolls")


def constant_tolls_affine() -> PoaBound:
    r"""Limit of `constant_tolls(1, n)` for many players, 1 + 2/√3 = 2.1547.

    The values at n = 10 … 240 (see `constant_tolls`) rise towards it like 1/n; that it is this number is read off, not proved here. The
    published digits, 2.15, agree.
    """
    return PoaBound(
        1.0 + 2.0 / math.sqrt(3.0),
        "coarse correlated",
        "unweighted affine congestion games of any size, optimal tolls that do not depend on the load",
        False,
        "Paccagnan et al. 2021 [paccagnan2021], as 2.15; the closed form is ours",
        "constant_tolls_affine",
        approach=_constant_tolls_of,
        remark="the limit of computed values, identified and not proved",
        standing="identified",
    )


def polynomial_time(degree: int = 1) -> PoaBound:
    r"""Factor within which the optimum of polynomial congestion games can be found in polynomial time: the Bell number B(d + 1).

    Tolls that may use all of the game reach this factor, and no polynomial algorithm does better unless P = NP [paccagnangairing2021]_.

    Raises
    ------
    InvalidInput
        If the degree is no whole number ≥ 1.
    """
    d = whole(degree, "degree", 1)
    require(d <= 200, f"Bell numbers of degrees beyond 200 are beyond the range of floats; got {d}")
    return PoaBound(
        float(_bell(d + 1)),
        "coarse correlated",
        f"unweighted congestion games with polynomials of degree {d}, tolls that use the whole game",
        False,
        "Paccagnan, Gairing 2021 [paccagnangairing2021], from memory",
        "polynomial_time",
        remark="tight by a reduction and not by a game, so none is built here",
        standing="quoted",
    )


_RULES: dict[TollRule, str] = {
    "optimal": "the best tolls by the own load of each resource",
    "constant": "the best tolls that do not depend on the load",
    "marginal_cost": "marginal-cost tolls",
}


def _constant_tolls_of(players: int) -> object:
    return constant_tolls(1, players).instance


def _polynomials(degree: int, players: int, rule: TollRule, name: str) -> TightPoa:
    d = whole(degree, "degree", 1)
    require(d <= LARGEST_DEGREE, f"degree must be at most {LARGEST_DEGREE}; got {d}")
    basis: list[Callable[[int], int]] = [lambda load, power=power: load**power for power in range(d + 1)]
    found = tight_poa(basis, players, rule)
    valid_for = (
        f"unweighted congestion games of {found.players} players with polynomials with nonnegative coefficients of degree at most {d}, "
        f"{_RULES[rule]}"
    )
    return replace(found, name=name, valid_for=valid_for)


def _bell(n: int) -> int:
    """Bell's triangle."""
    row = [1]
    for _ in range(n - 1):
        new = [row[-1]]
        for entry in row:
            new.append(new[-1] + entry)
        row = new
    return row[-1]
