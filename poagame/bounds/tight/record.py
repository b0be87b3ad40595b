"""What the linear programme answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import numpy as np

from poagame._arrays import FloatArray, require
from poagame.bounds.record import PoaBound
from poagame.bounds.smoothness import Smoothness
from poagame.bounds.tight.cutting_planes import LinearOptimum
from poagame.bounds.tight.rational import exact_optimum
from poagame.bounds.tight.rows import Triplets
from poagame.bounds.tight.worst_case import Witness
from poagame.errors import InvalidInput


@dataclass(frozen=True, eq=False, kw_only=True)
class TightPoa(PoaBound):
    r"""Answer of the linear programme.

    Attributes
    ----------
    players : int
        n.
    basis : [m, n]
        b_j(1 … n).
    perceived : [m, n]
        What players perceive, f_j; `basis` without tolls.
    tolls : [m, n]
        τ_j(k) that each of k users pays on top of b_j(k), to the effect of `perceived`: scaling all that players perceive changes no
        choice, and where the programme chose them, the least scale without a subsidy is taken. Infinite where only ever larger
        tolls come near.
    rho, nu : float
        The solution: 1/ρ is the value.
    witnesses : tuple of Witness
        The active rows behind `instance`.
    gap : float
        Relative difference between 1/ρ and the ratio of the rebuilt game: what double precision left open.
    """

    players: int
    basis: FloatArray
    perceived: FloatArray
    tolls: FloatArray
    rho: float
    nu: float
    witnesses: tuple[Witness, ...]
    gap: float
    exact_tables: tuple[Any, Any] | None = None

    @property
    def smoothness(self) -> Smoothness:
        """(λ, μ) = (1/ν, 1 − ρ/ν), for which every game of the class is smooth and λ/(1 − μ) is the value.

        Raises
        ------
        InvalidInput
            With tolls, or for an infinite value: smoothness compares the costs themselves.
        """
        plain = self.nu > 0.0 and self.perceived is self.basis
        require(
            plain,
            "a pair (λ, μ) belongs to finite values without tolls; what players perceive here is not what is counted",
        )
        return Smoothness(1.0 / self.nu, 1.0 - self.rho / self.nu)

    def rational(self) -> Fraction:
        """The value as an exact fraction, proved in exact arithmetic over all rows; floats in the basis count as they are.

        Raises
        ------
        InvalidInput
            For tolls that the programme chose (their unknowns are too many for the exact method), or an infinite value.
        """
        if self.exact_tables is None:
            raise InvalidInput(
                "exact fractions are for given prices (tolls None, 'marginal_cost' or a table) and finite values"
            )
        return exact_optimum(*self.exact_tables, self.witnesses)

    @classmethod
    def infinite(
        cls, table: FloatArray, perceived: FloatArray, valid_for: str, source: str, name: str, why: str
    ) -> Self:
        """The answer that there is no bound, and why."""
        return cls(
            value=math.inf,
            kind="coarse correlated",
            valid_for=valid_for,
            tight=False,
            source=source,
            name=name,
            remark=f"no bound: {why}",
            players=table.shape[1],
            basis=table,
            perceived=perceived,
            tolls=np.zeros_like(table),
            rho=0.0,
            nu=0.0,
            witnesses=(),
            gap=math.inf,
        )


def witnesses_of(found: LinearOptimum, triplets: Triplets, only: int | None) -> tuple[Witness, ...]:
    """The active rows with their prices; `only` is the latency of a programme of one."""
    kept = found.prices > 1e-15 * found.prices.max(initial=0.0)
    prices, rows = found.prices[kept], found.rows[kept]
    which, at = np.divmod(rows, len(triplets.u))
    u, v, x = triplets.u[at], triplets.v[at], triplets.x[at]
    least = prices.min(initial=np.inf)
    return tuple(
        Witness(int(j) if only is None else only, int(p - q), int(q), int(r - q), float(price / least))
        for j, p, r, q, price in zip(which, u, v, x, prices, strict=True)
    )


def attained(witnesses: Sequence[Witness], table: FloatArray) -> float:
    """Equilibrium over optimum of Σ θ k table(k) in the game that the witnesses make; infinite if the optimum is 0."""

    def total(users: list[int]) -> float:
        return math.fsum(w.price * k * table[w.basis, k - 1] for w, k in zip(witnesses, users, strict=True) if k)

    worst, best = total([w.a + w.x for w in witnesses]), total([w.b + w.x for w in witnesses])
    return worst / best if best > 0 else math.inf


def falls(table: FloatArray) -> bool:
    """Whether some row of a table decreases somewhere."""
    return bool((np.diff(table, axis=1) < 0).any())
