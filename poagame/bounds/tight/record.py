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
from poagame.bounds.tight.rational import exact_optimum
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
        What double precision left open: relative difference between the value and the ratio of the rebuilt game, or what a player still
        gains there by a deviation.
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


TIGHT = 1e-9
"""Relative difference up to which a value and its rebuilt game count as one."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the game of the witnesses says of a value.

    Attributes
    ----------
    ratio : float
        Cost of its equilibrium over that of its optimum; infinite if the latter is 0.
    miss : float
        What a player gains by going over to the optimum, relative to what is at stake: 0 at an equilibrium.
    gap : float
        The larger of `miss` and the relative difference of `ratio` and value.
    """

    ratio: float
    miss: float
    gap: float

    @classmethod
    def of(cls, witnesses: Sequence[Witness], total: FloatArray, paid: FloatArray, rho: float) -> Self:
        """Of the ratio 1/ρ, in tables [m, n] of what 1 … n users cost all, and of what each of them pays."""

        def at(table: FloatArray, basis: int, users: int) -> float:
            return float(table[basis, users - 1]) if users else 0.0

        worst = math.fsum(w.price * at(total, w.basis, w.a + w.x) for w in witnesses)
        best = math.fsum(w.price * at(total, w.basis, w.b + w.x) for w in witnesses)
        stay = [w.price * w.a * at(paid, w.basis, w.a + w.x) for w in witnesses]
        move = [w.price * w.b * at(paid, w.basis, w.a + w.x + 1) for w in witnesses if w.b]
        stake = math.fsum(abs(term) for term in (*stay, *move))
        miss = max(0.0, math.fsum(stay) - math.fsum(move)) / stake if stake else 0.0
        ratio = worst / best if best != 0 else math.inf
        return cls(ratio, miss, max(miss, abs(ratio * rho - 1.0)) if math.isfinite(ratio) else math.inf)

    def remark(self) -> str:
        """In words."""
        return f"computed; its worst game agrees to {self.gap:.1g}"


def falls(table: FloatArray) -> bool:
    """Whether some row of a table decreases somewhere."""
    return bool((np.diff(table, axis=1) < 0).any())
