r"""The programme of two unknowns in exact fractions: rows :math:`A\rho - D\nu \le C` with ρ, ν ≥ 0, the largest ρ."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from math import lcm
from typing import Any

import numpy as np

from poagame.bounds.tight.rows import Triplets
from poagame.bounds.tight.worst_case import Witness

Line = tuple[int, int, int]
"""(A, D, C) of a row, in whole numbers."""


def exact_optimum(
    basis: Sequence[Sequence[Fraction]], perceived: Sequence[Sequence[Fraction]], witnesses: Sequence[Witness]
) -> Fraction:
    """1/ρ, exactly: the vertex of the active rows, moved on while any row of all is violated in whole numbers."""
    n = len(basis[0])
    triplets = Triplets.of(n, both_ends=True)
    a, d, c = (np.concatenate(parts) for parts in zip(*_rows(basis, perceived, triplets), strict=True))
    index = {
        (int(u), int(v), int(x)): t for t, (u, v, x) in enumerate(zip(triplets.u, triplets.v, triplets.x, strict=True))
    }
    pool = {w.basis * len(triplets.u) + index[w.a + w.x, w.b + w.x, w.x] for w in witnesses}
    while True:
        rho, nu = _vertex([(a[t], d[t], c[t]) for t in pool])
        excess = a * (rho.numerator * nu.denominator) - d * (nu.numerator * rho.denominator)
        excess = excess - c * (rho.denominator * nu.denominator)
        worst = int(np.argmax(excess))
        if excess[worst] <= 0:
            return 1 / rho
        pool.add(worst)


def _rows(basis: Any, perceived: Any, triplets: Triplets) -> Any:
    """A, D and C of all rows of each latency as whole numbers, each latency by a common denominator of its own."""
    u, v, x = (np.array(side.tolist(), dtype=object) for side in (triplets.u, triplets.v, triplets.x))
    for costs, prices in zip(basis, perceived, strict=True):
        unit = lcm(*(value.denominator for value in (*costs, *prices)))
        cost, price = (np.array([0, *(int(value * unit) for value in row), 0], dtype=object) for row in (costs, prices))
        yield (
            u * cost[triplets.u],
            (u - x) * price[triplets.u] - (v - x) * price[triplets.u + 1],
            v * cost[triplets.v],
        )


def _vertex(pool: Sequence[Line]) -> tuple[Fraction, Fraction]:
    """Largest ρ, and a ν ≥ 0 that goes with it, over a few rows; the objective is bounded by ρ ≤ 1."""
    lines: list[Line] = [*pool, (1, 0, 1), (0, 1, 0)]  # ρ ≤ 1 and −ν ≤ 0
    best: tuple[Fraction, Fraction] | None = None
    for (a1, d1, c1), (a2, d2, c2) in combinations(lines, 2):
        determinant = a2 * d1 - a1 * d2
        if determinant == 0:
            continue
        rho = Fraction(c2 * d1 - c1 * d2, determinant)
        nu = Fraction(a1 * c2 - a2 * c1, determinant)
        feasible = nu >= 0 and all(a * rho - d * nu <= c for a, d, c in lines)
        if feasible and (best is None or rho > best[0]):
            best = rho, nu
    assert best is not None  # (0, 0) and ρ ≤ 1 bound the programme
    return best
