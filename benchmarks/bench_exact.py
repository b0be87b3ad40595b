"""Exact price of anarchy over load vectors, and the social optimum, each beside a rival that must give the same answer.

    python benchmarks/bench_exact.py

(a) `price_of_anarchy` (worst and best equilibrium, optimum, certificates) at N = 128 requests of K = 5 types on W = 2
and W = 5 workers; the rival finds worst and best equilibrium by a NumPy pass over all load vectors (pairwise necessary
conditions, then types, then the transportation problems by scipy's HiGHS). Then a hard case: a table with plateaus, on
which many load vectors look alike.
(b) `social_optimum` at N = 100,000, K = 50, W = 1,000, proved by its dual bound; and at N = 2,000, K = 50, W = 20
beside scipy's dense assignment of requests to replicated marginal-cost slots.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from measuring import header, measure, row
from scipy.optimize import linear_sum_assignment, linprog

from poagame.anarchy import price_of_anarchy
from poagame.games.routing import RoutingGame
from poagame.latency import Saturating, Tabulated
from poagame.outcome import Outcome
from poagame.solvers.optimum import social_optimum
from poagame.solvers.routing.load_vectors import extreme_equilibria, typed_problem


def game(requests: int, types: int, workers: int) -> RoutingGame:
    rng = np.random.default_rng(0)
    capacity = rng.uniform(1.5, 3.0, workers) * requests / workers
    latency = Saturating(
        rng.uniform(11, 15, workers), rng.uniform(0.01, 0.1, workers), rng.uniform(1, 3, workers), capacity
    )
    counts = np.full(types, requests // types) + (np.arange(types) < requests % types)
    return RoutingGame(latency, rng.uniform(0.0, 10.0, (types, workers)), multiplicity=counts)


Extreme = tuple[float, float]
TOLERANCE = 1e-9


def search(workers: int) -> Callable[[], Extreme]:
    given = game(128, 5, workers)

    def action() -> Extreme:
        found = price_of_anarchy(given)
        assert found.exact
        return found.worst.social_cost, found.best.social_cost

    return action


def plateaus(workers: int) -> Callable[[], Extreme]:
    overlap = 1e-3 * np.random.default_rng(0).random((5, workers))
    given = RoutingGame(
        Tabulated([0.0, 60.0, 80.0, 130.0], [5.0, 5.0, 9.0, 20.0]), overlap, multiplicity=[26, 26, 26, 25, 25]
    )

    def action() -> Extreme:
        found = extreme_equilibria(typed_problem(given))
        return found.worst_cost, found.best_cost

    return action


def _load_vectors(requests: int, workers: int) -> Iterator[np.ndarray]:
    """All load vectors [M, W], those with equal first load at a time."""
    if workers == 2:
        first = np.arange(requests + 1)
        yield np.stack([first, requests - first], axis=1)
        return
    for first in range(requests + 1):
        rest = requests - first
        middle = np.indices((rest + 1,) * (workers - 2), dtype=np.int16).reshape(workers - 2, -1).T
        middle = middle[middle.sum(axis=1) <= rest]
        yield np.column_stack([np.full(len(middle), first), middle, rest - middle.sum(axis=1)])


def numpy_pass(workers: int) -> Callable[[], Extreme]:
    given = game(128, 5, workers)
    types = given.types()
    gain, counts = types.overlap, types.counts
    latency = given.latency(np.broadcast_to(np.arange(130.0)[:, None], (130, workers))).T

    def action() -> Extreme:
        worst, best = -math.inf, math.inf
        for loads in _load_vectors(128, workers):
            for j in range(workers):
                for u in range(workers):
                    if j != u:  # some type on j must not want to go to u
                        spread = (gain[:, j] - gain[:, u]).max() + TOLERANCE
                        loads = loads[
                            (loads[:, j] == 0) | (latency[j, loads[:, j]] <= latency[u, loads[:, u] + 1] + spread)
                        ]
            for n in loads:
                stay, move = latency[range(workers), n] - gain, latency[range(workers), n + 1] - gain
                others = np.where(np.eye(workers, dtype=bool), np.inf, move[:, None, :]).min(axis=2)
                accepts = stay <= others + TOLERANCE
                if (n > counts @ accepts).any() or not (accepts & (n > 0)).any(axis=1).all():
                    continue
                congestion = float((n[n > 0] * latency[range(workers), n][n > 0]).sum())
                for sign in (1.0, -1.0):
                    cost = _transport(sign * gain, accepts, counts, n)
                    if cost is not None and sign > 0:
                        worst = max(worst, congestion - cost)
                    elif cost is not None:
                        best = min(best, congestion + cost)
        return worst, best

    return action


def _transport(costs: np.ndarray, accepts: np.ndarray, counts: np.ndarray, loads: np.ndarray) -> float | None:
    types, workers = costs.shape
    rows, columns = np.kron(np.eye(types), np.ones(workers)), np.kron(np.ones(types), np.eye(workers))
    bounds = [(0, None if ok else 0) for ok in accepts.ravel()]
    found = linprog(costs.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([counts, loads]), bounds=bounds)
    return float(found.fun) if found.status == 0 else None


def slots(given: RoutingGame, depth: int) -> np.ndarray:
    """[W, depth] steps of n·latency(n)."""
    loads = np.arange(1.0, depth + 1)[:, None]
    total = loads * given.latency(np.broadcast_to(loads, (depth, given.num_actions)))
    with np.errstate(invalid="ignore"):
        steps = np.diff(total, axis=0, prepend=0.0)
    return np.where(np.isfinite(total), steps, np.inf).T


def optimum(requests: int, types: int, workers: int) -> Callable[[], float]:
    given = game(requests, types, workers)

    def action() -> float:
        found = social_optimum(given)
        assert found.outcome is Outcome.OPTIMAL
        return found.social_cost

    return action


def dense(requests: int, types: int, workers: int, depth: int) -> Callable[[], float]:
    given = game(requests, types, workers)
    groups = given.types()
    prices = slots(given, depth)
    kept = np.isfinite(prices)
    matrix = prices[kept][None, :] - groups.overlap[:, np.nonzero(kept)[0]][groups.type_of]

    def action() -> float:
        rows, columns = linear_sum_assignment(matrix)
        return float(matrix[rows, columns].sum())

    return action


def main() -> None:
    header("exact answers", "size", "median s", "time, first row = 1", "peak MB (before)")

    def line(name: str, size: str, found, first) -> None:
        row(
            name,
            size,
            found.shown(4),
            f"{found.median / first.median:,.1f}×",
            f"{found.peak_mb:,.0f} ({found.base_mb:,.0f})",
        )

    for workers, repeats in ((2, 5), (5, 1)):
        size = f"N = 128, K = 5, W = {workers}: {math.comb(127 + workers, workers - 1):,} load vectors"
        ours, rival = measure(search, workers), measure(numpy_pass, workers, repeats=repeats, warm_up=workers == 2)
        if not np.allclose(ours.answer, rival.answer, rtol=1e-9):
            raise AssertionError(f"worst and best equilibrium differ: {ours.answer} and {rival.answer}")
        line("`price_of_anarchy`", size, ours, ours)
        line("rival: NumPy pass over all load vectors", size, rival, ours)
    hard = measure(plateaus, 5, repeats=1, warm_up=False)
    line("the same search on a table with plateaus (a hard case, once)", "N = 128, K = 5, W = 5", hard, hard)
    large = measure(optimum, 100_000, 50, 1_000)
    line("`social_optimum`", "N = 100,000, K = 50, W = 1,000", large, large)
    size = "N = 2,000, K = 50, W = 20"
    ours, rival = measure(optimum, 2_000, 50, 20), measure(dense, 2_000, 50, 20, 310, repeats=3)
    if abs(ours.answer - rival.answer) > 1e-9 * abs(rival.answer):
        raise AssertionError(f"optimal costs differ: {ours.answer} and {rival.answer}")
    line("`social_optimum`", size, ours, ours)
    line("rival: scipy `linear_sum_assignment` on replicated slots", size, rival, ours)


if __name__ == "__main__":
    main()
