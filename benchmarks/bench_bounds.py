"""The tight price of anarchy by linear programming, and the catalogue.

    python benchmarks/bench_bounds.py

`tight_poa` for polynomials 1, x, …, x^d and n players, beside the same programme written out over the reduced set of
triplets (both ends of x) and given whole to scipy's HiGHS, as the resalloc toolbox of Chandan et al. does. That toolbox
is measured too where the variable RESALLOC names the folder of its Python package (it is not on a package index, and needs
`np.int` replaced by `int` to run on today's NumPy). Its rows are not scaled, so that it fails where they grow large; failures are shown.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import numpy as np
from measuring import header, measure, row
from scipy.optimize import linprog

from poagame.bounds import catalogue, tight_poa
from poagame.bounds.tight.rows import Triplets


def table(players: int, degree: int) -> np.ndarray:
    return np.arange(1.0, players + 1) ** np.arange(degree + 1)[:, None]


def ours(players: int, degree: int, tolls: str | None = None) -> Callable[[], float]:
    basis = table(players, degree)
    return lambda: tight_poa(basis, players, tolls).value


def whole(players: int, degree: int) -> Callable[[], float]:
    basis = table(players, degree)

    def action() -> float:
        triplets = Triplets.of(players, both_ends=True)
        spent, due, slope = triplets.equilibrium_costs(basis), triplets.optimum_costs(basis), triplets.slopes(basis)
        rows = np.stack([spent.ravel(), -slope.ravel()], axis=1)
        size = np.maximum(np.abs(rows).max(axis=1), due.ravel())
        found = linprog([-1.0, 0.0], rows / size[:, None], due.ravel() / size, bounds=(0, None), method="highs")
        return 1.0 / float(found.x[0])

    return action


def resalloc(players: int, degree: int) -> Callable[[], float]:
    sys.path.insert(0, os.environ["RESALLOC"])
    from resallocPoA.core import computeCostMinPoA  # pyright: ignore[reportMissingImports]

    basis = table(players, degree)
    total = basis * np.arange(1, players + 1)
    options = {"solver": linprog, "method": "highs"}
    return lambda: float(computeCostMinPoA(players, total, basis, options))


def exact(players: int, degree: int) -> Callable[[], float]:
    bound = tight_poa([lambda x, k=k: x**k for k in range(degree + 1)], players)
    return lambda: float(bound.rational())


def rebuilt(players: int, degree: int) -> Callable[[], float]:
    """The worst game built anew, and its ratio from its own costs."""
    bound = tight_poa(table(players, degree), players)

    def action() -> float:
        game = bound.build() if bound.build else None
        assert game is not None
        ones, zeros = np.ones(players, int), np.zeros(players, int)
        return float(game.social_cost(ones) / game.social_cost(zeros))

    return action


def all_bounds() -> Callable[[], int]:
    return lambda: len(catalogue())


def main() -> None:
    header("bounds", "size", "median ms", "time, first row = 1", "peak MB (before)")

    def line(name: str, size: str, found, first) -> None:
        row(
            name,
            size,
            found.shown(2, 1e-3),
            f"{found.median / first.median:,.2f}×",
            f"{found.peak_mb:,.0f} ({found.base_mb:,.0f})",
        )

    for players, degree in ((20, 3), (100, 3), (200, 6)):
        size = f"n = {players}, d = {degree}"
        first = measure(ours, players, degree, repeats=9)
        line("`tight_poa`", size, first, first)
        rivals = {"rival: all rows, scaled, scipy's HiGHS": whole}
        if "RESALLOC" in os.environ:
            rivals["rival: resalloc toolbox with scipy's HiGHS"] = resalloc
        for name, rival in rivals.items():
            try:
                found = measure(rival, players, degree, repeats=5)
            except RuntimeError as error:
                row(name, size, "–", f"fails: {error.args[0]}", "–")
                continue
            if abs(found.answer / first.answer - 1) > 1e-5:
                row(name, size, found.shown(2, 1e-3), f"wrong: {found.answer:.8g}, not {first.answer:.8g}", "")
            else:
                line(name, size, found, first)
        line("`.rational()`: the value in exact fractions", size, measure(exact, players, degree, repeats=3), first)
        line("`.instance`: the worst game built and evaluated", size, measure(rebuilt, players, degree), first)
    for rule in ("constant", "marginal_cost", "optimal"):
        first = measure(ours, 100, 3, rule)
        line(f'`tight_poa(…, tolls="{rule}")`', "n = 100, d = 3", first, first)
    found = measure(all_bounds, warm_up=False, repeats=1)
    line("`catalogue()`, first call", f"{found.answer} bounds", found, found)
    found = measure(all_bounds)
    line("`catalogue()`, later calls", f"{found.answer} bounds", found, found)


if __name__ == "__main__":
    main()
