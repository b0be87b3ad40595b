"""Wardrop equilibria of 100,000 games on 10 parallel links each, to a relative gap of 1e-10, certificates included.

    python benchmarks/bench_links.py

Rivals: `pg.wardrop` in a Python loop; and for affine latencies alone, a NumPy bisection on the common level with the inverse in closed
form, to the same gap, and a numba kernel that sorts the links and knows the level in closed form.
"""

from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np
from measuring import header, measure, row

import poagame as pg
from poagame.certificates.links import certify_links
from poagame.latency import BPR, MM1, Latency, Polynomial, Saturating

GAMES, LINKS, RTOL = 100_000, 10, 1e-10


def problem(family: str, games: int) -> tuple[Latency, np.ndarray]:
    rng = np.random.default_rng(0)
    size = games * LINKS

    def draw(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, size)

    if family == "affine":
        return Polynomial(np.stack([draw(0, 1), draw(0.05, 1)], axis=1)), rng.uniform(1, 20, games)
    if family == "quartic":
        return Polynomial(rng.uniform(0, 1, (size, 5))), rng.uniform(1, 20, games)
    if family == "BPR":
        return BPR(draw(0.5, 2), draw(0.5, 2), np.full(size, 0.15), np.full(size, 4.0)), rng.uniform(1, 20, games)
    capacity = draw(0.5, 2)
    demand = capacity.reshape(games, LINKS).sum(axis=1) * rng.uniform(0.1, 0.97, games)
    if family == "M/M/1":
        return MM1(capacity), demand
    return Saturating(draw(0.5, 2), draw(0, 1), draw(0.1, 1), capacity), demand


def ours(family: str, games: int) -> Callable[[], float]:
    latency, demand = problem(family, games)

    def action() -> float:
        found = pg.batched.wardrop(latency, demand, RTOL)
        assert found.converged.all(), f"{(~found.converged).sum()} games missed the gap"
        return float(found.social_cost.sum())

    return action


def loop(family: str, games: int) -> Callable[[], float]:
    latency, demand = problem(family, games)
    rows = np.asarray(latency.coefficients).reshape(games, LINKS, -1)  # type: ignore[attr-defined]
    networks = [pg.NetworkRouting.parallel(Polynomial(r), d) for r, d in zip(rows, demand, strict=True)]
    return lambda: sum(pg.wardrop(network, RTOL).social_cost for network in networks)


def bisection(family: str, games: int) -> Callable[[], float]:
    latency, demand = problem(family, games)
    a, b = np.asarray(latency.coefficients).reshape(games, LINKS, 2).transpose(2, 0, 1)  # type: ignore[attr-defined]

    def action() -> float:
        low, high = a.min(axis=1), (a + b * demand[:, None]).min(axis=1)
        for _ in range(52):
            level = 0.5 * (low + high)
            enough = np.maximum(0.0, (level[:, None] - a) / b).sum(axis=1) >= demand
            low, high = np.where(enough, low, level), np.where(enough, level, high)
        load = np.maximum(0.0, (high[:, None] - a) / b)
        load *= (demand / load.sum(axis=1))[:, None]
        proof = certify_links(latency, load, demand)
        assert (proof.relative_gap <= RTOL).all()
        return float(proof.social_cost.sum())

    return action


@numba.njit(parallel=True)
def _affine(a: np.ndarray, b: np.ndarray, demand: np.ndarray) -> np.ndarray:
    load = np.zeros_like(a)
    for g in numba.prange(len(a)):
        order = np.argsort(a[g])
        weight, speed, level = demand[g], 0.0, 0.0
        for k in range(len(order)):
            j = order[k]
            weight += a[g, j] / b[g, j]
            speed += 1.0 / b[g, j]
            level = weight / speed
            if k + 1 == len(order) or level <= a[g, order[k + 1]]:
                break
        for j in range(len(order)):
            load[g, j] = max(0.0, (level - a[g, j]) / b[g, j])
    return load


def closed_form(family: str, games: int) -> Callable[[], float]:
    latency, demand = problem(family, games)
    a, b = np.asarray(latency.coefficients).reshape(games, LINKS, 2).transpose(2, 0, 1).copy()  # type: ignore[attr-defined]

    def action() -> float:
        proof = certify_links(latency, _affine(a, b, demand), demand)
        assert (proof.relative_gap <= RTOL).all()
        return float(proof.social_cost.sum())

    return action


def main() -> None:
    header(
        f"Wardrop on {LINKS} parallel links, gap {RTOL:g}",
        "games",
        "median s",
        "games/s",
        "time, first row = 1",
        "peak MB",
    )
    first = answer = None
    for name, build, family, games in (
        ("`batched.wardrop`, affine", ours, "affine", GAMES),
        ("rival: numba kernel for affine latencies in closed form", closed_form, "affine", GAMES),
        ("rival: NumPy bisection on the level, affine", bisection, "affine", GAMES),
        ("rival: Python loop over `wardrop(game)`, affine", loop, "affine", 500),
        ("`batched.wardrop`, M/M/1", ours, "M/M/1", GAMES),
        ("`batched.wardrop`, saturating", ours, "saturating", GAMES),
        ("`batched.wardrop`, quartic", ours, "quartic", GAMES),
        ("`batched.wardrop`, BPR of power 4", ours, "BPR", GAMES),
    ):
        found = measure(build, family, games, repeats=3)
        rate = games / found.median
        if first is None:
            first, answer = rate, found.answer
        elif family == "affine" and games == GAMES:
            assert abs(found.answer - answer) < 1e-6 * answer, "the rival's answer differs"
        row(name, f"{games:,}", found.shown(3), f"{rate:,.0f}", f"{first / rate:.2f}×", f"{found.peak_mb:,.0f}")


if __name__ == "__main__":
    main()
