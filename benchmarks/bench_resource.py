"""The resource game and coupled games: a variational equilibrium, a map of splits by load, orbits.

    python benchmarks/bench_resource.py

Rivals: NashOpt 1.3.9 (general GNEPs by Levenberg-Marquardt on the KKT conditions, JAX gradients) on the textbook game, once with its
problem built anew at each solve and once built before; a Python loop over `pg.orbit`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from measuring import header, measure, row

import poagame as pg
from poagame.batched import coupled_orbits
from poagame.games.attainment import Quadratic

WANTED = np.array([0.75, 0.25])
STEPS = 200


def variational() -> Callable[[], float]:
    game = pg.ResourceGame(1.0, Quadratic(1.0), Quadratic(0.5), least=0.0)

    def action() -> float:
        found = pg.variational_equilibrium(game)
        assert found.certificate.holds
        return float(np.abs(found.x - WANTED).max())

    return action


def _problem() -> Any:
    import jax.numpy as jnp
    import nashopt  # pyright: ignore[reportMissingImports]

    return nashopt.GNEP(
        [1, 1],
        [lambda x: (x[0] - 1.0) ** 2, lambda x: (x[1] - 0.5) ** 2],
        g=lambda x: jnp.array([x[0] + x[1] - 1.0]),
        ng=1,
        lb=np.zeros(2),
        ub=np.ones(2),
        variational=True,
    )


def nashopt_anew() -> Callable[[], float]:
    return lambda: float(np.abs(np.asarray(_problem().solve(x0=np.zeros(2), verbose=0).x) - WANTED).max())


def nashopt_built() -> Callable[[], float]:
    problem = _problem()
    return lambda: float(np.abs(np.asarray(problem.solve(x0=np.zeros(2), verbose=0).x) - WANTED).max())


def splits() -> Callable[[], int]:
    decode = pg.DecodeBatch(1.0, lambda n: 9.0 + 0.1 * n, target_ms=10.0, output_tokens=500.0)
    game = pg.ResourceGame(24, pg.PrefillQueue(1.0, 200.0, 400.0), decode)
    loads = np.linspace(0.5, 20.0, 40)
    return lambda: pg.split_map(game, loads).optimum.size


def clusters(number: int) -> tuple[list[pg.ServingCluster], list[pg.CoupledState]]:
    rng = np.random.default_rng(0)
    drawn = [
        pg.ServingCluster(
            6, [4, 4, 4], lambda n, a=a, b=b: a + b * n, own_ms=own, prefix_ms=prefix, transfer_ms=transfer
        )
        for a, b, own, prefix, transfer in rng.uniform([5, 0.05, 5, 5, 1], [10, 0.5, 40, 40, 5], (number, 5))
    ]
    return drawn, [c.start(c.splits[k % len(c.splits)]) for k, c in enumerate(drawn)]


def orbits(number: int) -> Callable[[], int]:
    drawn, starts = clusters(number)
    return lambda: int((coupled_orbits(drawn, starts, STEPS).period > 0).sum())


def orbits_one_by_one(number: int) -> Callable[[], int]:
    drawn, starts = clusters(number)
    games = [pg.coupled_serving(c) for c in drawn]
    return lambda: sum(pg.orbit(g, s, STEPS).period > 0 for g, s in zip(games, starts, strict=True))


def main() -> None:
    header("task", "size", "median s", "time a unit, first of its kind = 1", "error or answer", "peak MB")
    first = 0.0
    for name, build, repeats in (
        ("`variational_equilibrium`, certificate included", variational, 200),
        ("rival: NashOpt 1.3.9, problem built before", nashopt_built, 5),
        ("rival: NashOpt 1.3.9, problem built at each solve", nashopt_anew, 5),
    ):
        found = measure(build, repeats=repeats)
        assert found.answer < 1e-6
        first = first or found.median
        row(
            name,
            "2 pools",
            found.shown(3),
            f"{found.median / first:,.0f}×",
            f"{found.answer:.0e}",
            f"{found.peak_mb:,.0f}",
        )
    found = measure(splits, repeats=3)
    row(
        "`split_map`, M/D/c waits",
        "40 loads × 276 splits × 3 welfares",
        found.shown(3),
        "1×",
        f"{found.answer} optima",
        f"{found.peak_mb:,.0f}",
    )
    first = 0.0
    for name, build, number in (
        ("`batched.coupled_orbits`", orbits, 10_000),
        ("rival: Python loop over `orbit(game)`, which stops at the first return", orbits_one_by_one, 30),
    ):
        found = measure(build, number, repeats=3)
        each = found.median / number
        first = first or each
        row(
            name,
            f"{number:,} × {STEPS} steps",
            found.shown(3),
            f"{each / first:,.0f}×",
            f"{found.answer:,} come back",
            f"{found.peak_mb:,.0f}",
        )


if __name__ == "__main__":
    main()
