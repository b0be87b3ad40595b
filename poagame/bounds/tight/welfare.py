r"""The sibling for welfare: players share what their resources are worth; the price of anarchy is optimum over worst equilibrium.

k users of a resource are worth :math:`w(k)` together and each takes :math:`f(k)`. The price of anarchy is the least μ such that with
some λ ≥ 0

.. math:: w_j(v) - \mu\,w_j(u) + \lambda\,[\,(u - x)\,f_j(u) - (v - x)\,f_j(u + 1)\,] \le 0

for every j and all triplets (see `rows`) [chandan2019]_.

.. [chandan2019] Chandan, Paccagnan, Marden: Optimal price of anarchy in cost-sharing games, ACC 2019; Optimal mechanisms for distributed
   resource-allocation, arXiv 1911.07823.
.. [gairing2009] Gairing: Covering games: approximation through non-cooperation, WINE 2009.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.bounds.tight.basis import Basis, as_table, basis_values, check_size, num_players
from poagame.bounds.tight.chosen_prices import choose_prices
from poagame.bounds.tight.record import TIGHT, Proof, TightPoa, falls
from poagame.bounds.tight.rows import Triplets
from poagame.bounds.tight.two_unknowns import NoSolution, highest
from poagame.bounds.tight.worst_case import Witness, named, scaled, worst_shared_resources

ShareRule = Literal["marginal_contribution", "equal_share", "optimal"]
Shares: TypeAlias = ShareRule | ArrayLike

_SOURCE = "Chandan, Paccagnan, Marden 2019 [chandan2019]; value computed"


def tight_welfare_poa(welfare: Basis, players: int, shares: Shares = "marginal_contribution") -> TightPoa:
    r"""Exact price of anarchy of n-player games in which the users of a resource share a welfare, optimum over worst equilibrium.

    Parameters
    ----------
    welfare : function, [n], or a sequence of them
        :math:`w_j`: what 1 … n users are worth; each resource has a nonnegative multiple of combinations of these.
    players : int
        n ≥ 1.
    shares : "marginal_contribution", "equal_share", "optimal" or [m, n]
        What each of k users takes: w(k) − w(k − 1), by which everyone takes what it adds; w(k)/k; the rule that makes the price of anarchy
        least (one programme a welfare); or a table.

    Returns
    -------
    TightPoa
        Pure to coarse correlated equilibria; `basis` holds the welfare, `perceived` the shares, and `instance` is a `SharedResources` whose
        costs are the negative welfare. Infinite if equilibria of some games are worth nothing.

    Raises
    ------
    InvalidInput, TooLarge
        As `tight_poa`.

    Examples
    --------
    Covering: a resource is worth 1 if anyone uses it. Marginal contributions lose half, the best rule 1/e in the limit:

    >>> round(tight_welfare_poa(lambda k: 1, 10).value, 9), round(tight_welfare_poa(lambda k: 1, 10, "optimal").value, 9)
    (2.0, 1.581976706)
    """
    n = num_players(players)
    table = as_table(basis_values(welfare, n))
    check_size(len(table), n)
    require(bool(np.isfinite(table).all()), "a welfare must be finite at every number of users")
    table = table[(table > 0).any(axis=1)]
    require(len(table) > 0, "the welfare is zero everywhere, and no ratio is defined")
    valid_for = f"games of {n} players that share combinations of {len(table)} welfares, {_name(shares)}"
    perceived = table
    try:
        if isinstance(shares, str) and _rule(shares) == "optimal":
            found = [choose_prices(row, -row, -1.0) for row in table]
            worst = int(np.argmin([one.rho for one in found]))
            game = zip(found[worst].rows, found[worst].shares, strict=True)
            witnesses = scaled(Witness(worst, u - x, x, v - x, float(price)) for (u, v, x), price in game)
            return _answer(-found[worst].rho, witnesses, table, np.array([-one.prices for one in found]), valid_for)
        perceived = _given(shares, table)
        triplets = Triplets.of(n, both_ends=falls(-perceived))
        reached, best = triplets.equilibrium_values(table), triplets.optimum_values(table)
        top = highest(reached.ravel(), -triplets.slopes(perceived).ravel(), -best.ravel())
        witnesses = triplets.witnesses(top.rows // len(triplets.u), top.rows % len(triplets.u), top.prices)
        return _answer(-top.rho, witnesses, table, perceived, valid_for)
    except NoSolution:
        return TightPoa.infinite(
            table, perceived, valid_for, _SOURCE, "tight_welfare_poa", "equilibria of some games are worth nothing"
        )


def _rule(shares: str) -> str:
    require(
        shares in get_args(ShareRule),
        f"shares is {', '.join(map(repr, get_args(ShareRule)))} or a table; got {shares!r}",
    )
    return shares


def _name(shares: Any) -> str:
    return shares.replace("_", " ") if isinstance(shares, str) else "shares as given"


def _given(shares: Any, table: FloatArray) -> FloatArray:
    if isinstance(shares, str):
        if shares == "equal_share":
            return table / np.arange(1.0, table.shape[1] + 1)
        return np.diff(table, axis=1, prepend=0.0)
    given = np.atleast_2d(as_floats(shares, "shares"))
    require(given.shape == table.shape, f"shares must be a table [m, n] = {table.shape}; got shape {given.shape}")
    return given


def _answer(
    value: float, witnesses: tuple[Witness, ...], table: FloatArray, shares: FloatArray, valid_for: str
) -> TightPoa:
    proof = Proof.of(witnesses, -table, -shares, value)
    return TightPoa(
        value=value,
        kind="coarse correlated",
        valid_for=valid_for,
        tight=proof.gap < TIGHT,
        source=_SOURCE,
        name="tight_welfare_poa",
        build=partial(named, worst_shared_resources, witnesses, value, -shares, -table),
        remark=proof.remark(),
        players=table.shape[1],
        basis=table,
        perceived=shares,
        tolls=np.zeros_like(table),
        rho=1.0 / value,
        nu=0.0,
        witnesses=witnesses,
        gap=proof.gap,
    )
