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

from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.bounds.tight.basis import Basis, as_fractions, as_table, basis_values, check_size, num_players
from poagame.bounds.tight.chosen_prices import choose_prices
from poagame.bounds.tight.constant_tolls import choose_constant_tolls
from poagame.bounds.tight.record import TIGHT, Proof, TightPoa, falls
from poagame.bounds.tight.rows import Triplets
from poagame.bounds.tight.two_unknowns import highest
from poagame.bounds.tight.worst_case import Witness, named, scaled, worst_congestion_game, worst_shared_resources

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
        Pure to coarse correlated equilibria; `instance` is the worst game: a `CongestionGame`, or a `SharedResources` with tolls or where a
        latency decreases. Infinite if a latency is (a capacity up to n), or if some optimum costs nothing.

    Raises
    ------
    InvalidInput
        If players is no whole number ≥ 1, a value is negative or NaN, all are 0, sizes disagree, or tolls are unknown.
    TooLarge
        Beyond `MAX_PLAYERS` players, or `MAX_ROWS` rows m · (n + 1)².

    Notes
    -----
    The programme of given prices has two unknowns and is solved without any tolerance (`two_unknowns`); the best constant tolls are such
    programmes nested (`constant_tolls`), and the best load-dependent ones follow from load to load (`chosen_prices`). No unit is
    preferred, and values are good to about 1e-13: `gap` says how well the rebuilt game agrees with the value, and `rational` proves
    digits in whole numbers where they matter. What floats cannot hold ends it: n · b(n) must be below 1e300, and of a toll 1e16 times the
    latency only the toll is left.

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
    check_size(len(table), n)
    rule = _rule(tolls)
    valid_for = (
        f"unweighted congestion games of {n} players, nonnegative combinations of {_count(len(table))}{_SUFFIX[rule]}"
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
        return _constant(table, valid_for)
    exact = as_fractions(rows)
    extra = _exact_tolls(exact, tolls, table.shape)
    added = as_table(extra)
    perceived = table if tolls is None else table + added
    triplets = Triplets.of(n, both_ends=falls(perceived))
    spent, due = triplets.equilibrium_costs(table), triplets.optimum_costs(table)
    # apart, so that what is left of the latency where large tolls cancel is not lost in their sum
    slope = triplets.slopes(table) + triplets.slopes(added)
    found = highest(spent.ravel(), slope.ravel(), due.ravel())
    witnesses = triplets.witnesses(found.rows // len(triplets.u), found.rows % len(triplets.u), found.prices)
    prices = [[b + t for b, t in zip(*both, strict=True)] for both in zip(exact, extra, strict=True)]
    return _answer(found.rho, found.nu, witnesses, table, perceived, added, valid_for, (exact, prices))


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


def _exact_tolls(exact: list[list[Fraction]], tolls: Any, shape: tuple[int, ...]) -> list[list[Fraction]]:
    """What players pay on top, of the rule that is no choice, or as given."""
    if tolls is None:
        return [[Fraction(0)] * len(row) for row in exact]
    if isinstance(tolls, str):
        return [
            [k * (b - before) for k, (b, before) in enumerate(zip(row, [row[0], *row], strict=False))] for row in exact
        ]
    given = np.atleast_2d(as_floats(tolls, "tolls"))
    require(given.shape == shape, f"tolls must be a table [m, n] = {shape}; got shape {given.shape}")
    return as_fractions(given.tolist())


def _optimal(table: FloatArray, valid_for: str) -> TightPoa:
    """Prices of one latency at a time; the worst of them decides, and each keeps its own tolls."""
    loads = np.arange(1.0, table.shape[1] + 1)
    found = {j: choose_prices(loads * row, loads * row, 1.0) for j, row in enumerate(table) if row.any()}
    worst = min(found, key=lambda j: found[j].rho)
    perceived = np.array([found[j].prices if j in found else np.zeros_like(loads) for j in range(len(table))])
    rho, rows = found[worst].rho, found[worst].rows
    used = table > 0  # there f(k) ≥ ρ b(k) > 0
    scale = float(np.max(table[used] / perceived[used])) if rho > 0 else 1.0
    witnesses = scaled(
        Witness(worst, u - x, x, v - x, float(p)) for (u, v, x), p in zip(rows, found[worst].shares, strict=True)
    )
    return _answer(rho, 1.0, witnesses, table, perceived, scale * perceived - table, valid_for)


def _constant(table: FloatArray, valid_for: str) -> TightPoa:
    """Each latency in a unit of its own, which changes neither the class nor the ratio."""
    kept = table.any(axis=1)
    if (table[kept] == 0).any():  # where a load costs nothing, so does some optimum, whatever the tolls
        return _no_bound(table, table, np.zeros_like(table), valid_for)
    unit = table[kept].max(axis=1, keepdims=True)
    triplets = Triplets.of(table.shape[1], both_ends=falls(table))
    found = choose_constant_tolls(triplets, table[kept] / unit)
    added = np.zeros((len(table), 1))
    added[kept] = found.tolls[:, None] * unit
    with np.errstate(divide="ignore"):  # ν = 0: the limit of ever larger tolls
        rates = np.divide(added, found.nu, out=np.zeros_like(added), where=added > 0)
    which = np.flatnonzero(kept)[found.latencies]
    witnesses = triplets.witnesses(which, found.rows, found.prices / unit[found.latencies, 0])
    perceived = found.nu * table + added
    return _answer(found.rho, found.nu, witnesses, table, perceived, np.broadcast_to(rates, table.shape), valid_for)


def _answer(
    rho: float,
    nu: float,
    witnesses: tuple[Witness, ...],
    table: FloatArray,
    perceived: FloatArray,
    tolls: FloatArray,
    valid_for: str,
    exact: tuple[Any, Any] | None = None,
) -> TightPoa:
    if rho <= 0.0:
        return _no_bound(table, perceived, tolls, valid_for)
    loads = np.arange(1.0, table.shape[1] + 1)
    proof = Proof.of(witnesses, table * loads, perceived, rho)
    if perceived is table and not falls(table):
        build: Any = partial(named, worst_congestion_game, witnesses, proof.ratio, table)
    else:
        build = partial(named, worst_shared_resources, witnesses, proof.ratio, perceived, table * loads)
    return TightPoa(
        value=1.0 / rho,
        kind="coarse correlated",
        valid_for=valid_for,
        tight=proof.gap < TIGHT,
        source=_SOURCE,
        name="tight_poa",
        build=build,
        remark=proof.remark(),
        players=table.shape[1],
        basis=table,
        perceived=perceived,
        tolls=tolls,
        rho=rho,
        nu=nu if perceived is table else 0.0,
        witnesses=witnesses,
        gap=proof.gap,
        exact_tables=exact,
    )


def _no_bound(table: FloatArray, perceived: FloatArray, tolls: FloatArray, valid_for: str) -> TightPoa:
    why = "the optimum of some games costs nothing, while an equilibrium does not"
    found = TightPoa.infinite(table, perceived, valid_for, _SOURCE, "tight_poa", why)
    return replace(found, tolls=tolls)


def _count(latencies: int) -> str:
    return "one latency" if latencies == 1 else f"{latencies} latencies"
