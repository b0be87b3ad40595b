r"""The exact price of anarchy of congestion games with given latencies, by linear programming.

For n players and resources whose latencies are nonnegative combinations of a basis :math:`b_1, …, b_m`, where players perceive
:math:`f_j` in the place of :math:`b_j` (tolls), the price of anarchy is 1/ρ for the largest ρ such that with some ν ≥ 0

.. math:: v\,b_j(v) - \rho\,u\,b_j(u) + \nu\,[\,(u - x)\,f_j(u) - (v - x)\,f_j(u + 1)\,] \ge 0

for every j and all u, v, x (see `rows`) [paccagnan2021]_. Summed over resources, and over any distribution of profiles in which no player
gains by going over to its optimal action, this says ρ · E[cost] ≤ optimum: the value covers coarse correlated equilibria. The dual gives a
game with a pure equilibrium that attains it.

.. [paccagnan2021] Paccagnan, Chandan, Ferguson, Marden: Optimal taxes in atomic congestion games, ACM TEAC 9 (2021), arXiv 1911.09806.
.. [bilo2018] Bilò: A unifying tool for bounding the quality of non-cooperative solutions in weighted congestion games, Theory of Computing
   Systems 62 (2018).
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.bounds.tight import programmes
from poagame.bounds.tight.basis import Basis, as_fractions, as_table, basis_values, num_players
from poagame.bounds.tight.cutting_planes import LinearOptimum, maximise
from poagame.bounds.tight.record import TightPoa, attained, falls, witnesses_of
from poagame.bounds.tight.rows import Triplets
from poagame.bounds.tight.worst_case import named, worst_congestion_game, worst_shared_resources

TollRule = Literal["optimal", "constant", "marginal_cost"]
Tolls: TypeAlias = TollRule | ArrayLike | None

_SOURCE = "Paccagnan et al. 2021, Theorems 1 to 3 [paccagnan2021]; value computed"


def tight_poa(basis: Basis, players: int, tolls: Tolls = None) -> TightPoa:
    r"""Exact price of anarchy of n-player congestion games whose latencies are nonnegative combinations of a basis.

    Parameters
    ----------
    basis : latency, function, [n], or a sequence of them
        :math:`b_j`: a latency (of m resources: m members), a function of the load, or the values at loads 1 … n. Finite and
        nonnegative; decreasing values are allowed.
    players : int
        n ≥ 1.
    tolls : None, "optimal", "constant", "marginal_cost" or [m, n]
        What players pay on top of the latency and get back: nothing; the load-dependent tolls that make the price of anarchy least (one
        programme a latency); the best tolls that do not depend on the load; (k − 1)(b(k) − b(k − 1)), by which everyone pays what it
        costs the others; or a table of your own over loads 1 … n.

    Returns
    -------
    TightPoa
        Pure to coarse correlated equilibria; `instance` is the worst game, a `CongestionGame`, or with tolls a `SharedResources`. Infinite
        if a latency is (a capacity up to n), or if some optimum costs nothing.

    Raises
    ------
    InvalidInput
        If players is no whole number ≥ 1, a value is negative or NaN, all are 0, sizes disagree, or tolls are unknown.
    TooLarge
        Beyond `MAX_PLAYERS` players.

    Notes
    -----
    Rows are scaled by their largest term and variables by the answer, and the active rows are solved as equations: for given prices the
    value is good to about 1e-14. Under optimal tolls the worst game has prices that shrink geometrically, and beyond 20 players or degree
    5 double precision leaves some 1e-9 (`gap` says how well the rebuilt game agrees). `rational` proves digits where they matter. The
    table must stay in the range of floats: n · b(n) < 1e300.

    Examples
    --------
    >>> from poagame.bounds import tight_poa
    >>> affine = tight_poa([lambda x: 1, lambda x: x], players=3)
    >>> round(affine.value, 12), affine.rational(), affine.smoothness
    (2.5, Fraction(5, 2), Smoothness(lam=1.6666666666666..., mu=0.3333333333333...))
    >>> round(tight_poa([lambda x: 1, lambda x: x], 20, tolls="optimal").value, 6)
    2.012067
    """
    n = num_players(players)
    rows = basis_values(basis, n)
    table = as_table(rows)
    rule = _rule(tolls)
    valid_for = (
        f"unweighted congestion games of {n} players, nonnegative combinations of {len(table)} latencies{_SUFFIX[rule]}"
    )
    if not np.isfinite(table).all():
        return TightPoa.infinite(
            table, table, valid_for, _SOURCE, "tight_poa", "a latency is infinite at a load that the players can make"
        )
    require(
        bool((table > 0).any()),
        f"the latencies are zero up to load {n}: every profile costs nothing, and no ratio is defined",
    )
    require(
        float(table.max()) * n < 1e300,
        "n · b(n) must stay below 1e300: divide the basis by a constant, or take fewer players",
    )
    if rule == "optimal":
        return _optimal(table, valid_for)
    if rule == "constant":
        triplets = Triplets.of(n, both_ends=falls(table))
        found = maximise(programmes.constant_tolls(triplets, table))
        perceived = found.z[1] * table + found.z[2:, None]
        with np.errstate(divide="ignore", invalid="ignore"):  # ν = 0: the limit of ever larger tolls
            rates = np.where(found.z[2:] > 0, found.z[2:] / found.z[1], 0.0)
        return _answer(found, triplets, table, perceived, np.broadcast_to(rates[:, None], table.shape), valid_for)
    exact = as_fractions(rows)
    prices = _exact_prices(exact, tolls, table.shape)
    perceived = table if prices is exact else as_table(prices)
    triplets = Triplets.of(n, both_ends=falls(perceived))
    found = maximise(programmes.given_prices(triplets, table, perceived))
    return _answer(found, triplets, table, perceived, perceived - table, valid_for, exact=(exact, prices))


_SUFFIX = {
    "none": "",
    "optimal": ", optimal local tolls",
    "constant": ", optimal tolls that do not depend on the load",
    "marginal_cost": ", marginal-cost tolls",
    "table": ", tolls as given",
}


def _rule(tolls: Any) -> str:
    if tolls is None:
        return "none"
    if isinstance(tolls, str):
        name = tolls.replace("-", "_")
        require(
            name in get_args(TollRule),
            f"tolls is None, {', '.join(map(repr, get_args(TollRule)))} or a table; got {tolls!r}",
        )
        return name
    return "table"


def _exact_prices(exact: list[list[Fraction]], tolls: Any, shape: tuple[int, ...]) -> list[list[Fraction]]:
    """What players perceive, from the latencies and the tolls that are given."""
    if tolls is None:
        return exact
    if isinstance(tolls, str):
        return [
            [k * b - (k - 1) * before for k, (b, before) in enumerate(zip(row, [Fraction(0), *row], strict=False), 1)]
            for row in exact
        ]
    given = np.atleast_2d(as_floats(tolls, "tolls"))
    require(
        given.shape == shape,
        f"tolls must be a table [m, n] = {shape}; got shape {given.shape}",
    )
    return [
        [b + Fraction(t) for b, t in zip(row, extra, strict=True)]
        for row, extra in zip(exact, given.tolist(), strict=True)
    ]


def _optimal(table: FloatArray, valid_for: str) -> TightPoa:
    """One programme a latency; the worst of them decides, and each keeps its own tolls."""
    triplets = Triplets.of(table.shape[1], both_ends=True)
    found = [maximise(programmes.optimal_tolls(triplets, row[None])) for row in table]
    worst = int(np.argmin([one.z[0] for one in found]))
    perceived = np.array([one.z[1:] for one in found])
    used = table > 0  # there f(k) ≥ ρ b(k) > 0
    scale = float(np.max(table[used] / perceived[used]))
    return _answer(found[worst], triplets, table, perceived, scale * perceived - table, valid_for, only=worst)


def _answer(
    found: LinearOptimum,
    triplets: Triplets,
    table: FloatArray,
    perceived: FloatArray,
    tolls: FloatArray,
    valid_for: str,
    *,
    exact: tuple[Any, Any] | None = None,
    only: int | None = None,
) -> TightPoa:
    rho = float(found.z[0])
    if rho <= 0.0:
        return TightPoa.infinite(
            table,
            table,
            valid_for,
            _SOURCE,
            "tight_poa",
            "the optimum of some games costs nothing, while an equilibrium does not",
        )
    witnesses = witnesses_of(found, triplets, only)
    ratio = attained(witnesses, table)
    gap = abs(ratio * rho - 1.0)
    if perceived is table and not falls(table):
        build: Any = partial(named, worst_congestion_game, witnesses, ratio, table)
    else:
        total = table * np.arange(1.0, table.shape[1] + 1)
        build = partial(named, worst_shared_resources, witnesses, ratio, perceived, total)
    return TightPoa(
        value=1.0 / rho,
        kind="coarse correlated",
        valid_for=valid_for,
        tight=gap < 1e-6,
        source=_SOURCE,
        name="tight_poa",
        build=build,
        remark=f"computed; its worst game agrees to {gap:.1g}, and no row is violated by more than {found.violation:.1g}",
        players=table.shape[1],
        basis=table,
        perceived=perceived,
        tolls=tolls,
        rho=rho,
        nu=float(found.z[1]) if perceived is table else 0.0,
        witnesses=witnesses,
        gap=gap,
        exact_tables=exact,
    )
