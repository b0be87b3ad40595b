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

import math
from functools import partial
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.bounds.tight.basis import Basis, as_table, basis_values, num_players
from poagame.bounds.tight.cutting_planes import LinearOptimum, NoSolution, maximise
from poagame.bounds.tight.programmes import chosen_shares, given_shares
from poagame.bounds.tight.record import TightPoa, attained, falls, witnesses_of
from poagame.bounds.tight.rows import Triplets
from poagame.bounds.tight.worst_case import named, worst_shared_resources

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
    require(bool(np.isfinite(table).all()), "a welfare must be finite at every number of users")
    table = table[(table > 0).any(axis=1)]
    require(len(table) > 0, "the welfare is zero everywhere, and no ratio is defined")
    valid_for = f"games of {n} players that share combinations of {len(table)} welfares, {_name(shares)}"
    perceived = table
    try:
        if isinstance(shares, str) and _rule(shares) == "optimal":
            triplets = Triplets.of(n, both_ends=True)
            several = [maximise(chosen_shares(triplets, row[None])) for row in table]
            only = int(np.argmax([one.z[0] for one in several]))
            perceived = np.array([one.z[1:] for one in several])
            return _answer(several[only], triplets, table, perceived, valid_for, only)
        perceived = _given(shares, table)
        triplets = Triplets.of(n, both_ends=falls(-perceived))
        return _answer(maximise(given_shares(triplets, table, perceived)), triplets, table, perceived, valid_for, None)
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
    found: LinearOptimum, triplets: Triplets, table: FloatArray, shares: FloatArray, valid_for: str, only: int | None
) -> TightPoa:
    value = float(found.z[0])
    witnesses = witnesses_of(found, triplets, only)
    counted = table / np.arange(1.0, table.shape[1] + 1)
    ratio = 1.0 / attained(witnesses, counted)
    gap = abs(ratio / value - 1.0) if math.isfinite(ratio) else math.inf
    return TightPoa(
        value=value,
        kind="coarse correlated",
        valid_for=valid_for,
        tight=gap < 1e-6,
        source=_SOURCE,
        name="tight_welfare_poa",
        build=partial(named, worst_shared_resources, witnesses, ratio, -shares, -table),
        remark=f"computed; its worst game agrees to {gap:.1g}, and no row is violated by more than {found.violation:.1g}",
        players=table.shape[1],
        basis=table,
        perceived=shares,
        tolls=np.zeros_like(table),
        rho=1.0 / value,
        nu=0.0,
        witnesses=witnesses,
        gap=gap,
    )
