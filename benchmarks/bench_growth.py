"""How time grows with size: log–log, with the exponent of a line fitted to the upper half of the sizes.

    python benchmarks/bench_growth.py

Writes growth.svg beside it: seconds by size relative to the smallest, a line for each verb.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measuring import header, measure, row

import poagame as pg
from poagame.plotting import plot_curves, save
from poagame.serving import ClosedLoop, RoundRobin, Workload
from poagame.serving.experiments import paper_cluster, paper_prompts
from poagame.serving.simulate import simulated

FIGURE = Path(__file__).with_name("growth.svg")


def routing(requests: int) -> Callable[[], Any]:
    latency = pg.latency.Saturating(6.4, 0.05, 0.5, 1.5 * requests).replicated(2)
    overlap = np.array([[8.0, 0.0], [0.0, 8.0], [4.0, 0.0]])
    counts = [requests // 2, requests // 4, requests - requests // 2 - requests // 4]
    game = pg.RoutingGame(latency, overlap, 0.05, multiplicity=counts)
    return lambda: pg.price_of_anarchy(game).poa


def grid(side: int) -> Callable[[], Any]:
    rng = np.random.default_rng(0)
    at = np.arange(side * side).reshape(side, side)
    pairs = [(at[:, :-1], at[:, 1:]), (at[:-1, :], at[1:, :])]
    tail = np.concatenate([np.r_[a.ravel(), b.ravel()] for a, b in pairs])
    head = np.concatenate([np.r_[b.ravel(), a.ravel()] for a, b in pairs])
    latency = pg.latency.BPR(
        rng.uniform(1, 2, tail.size), rng.uniform(5, 10, tail.size), np.full(tail.size, 0.15), np.full(tail.size, 4.0)
    )
    origin = rng.choice(side * side, 4 * side)
    destination = (origin + rng.integers(1, side * side, 4 * side)) % (side * side)
    game = pg.NetworkRouting(latency, tail, head, origin, destination, rng.uniform(0.5, 1.5, 4 * side))
    return lambda: pg.wardrop(game, rtol=1e-8).social_cost


def caching(nodes: int) -> Callable[[], Any]:
    rng = np.random.default_rng(0)
    distance = pg.topologies.random_geometric(nodes, 2.5 / nodes**0.5, seed=0).distance
    game = pg.CachingGame(distance, float(np.median(distance)) * 4, rng.uniform(0.5, 1.5, nodes))
    return lambda: pg.social_optimum(game).social_cost


def batch(games: int) -> Callable[[], Any]:
    rng = np.random.default_rng(0)
    lines = rng.uniform(0, 1, (games, 4, 2)).reshape(-1, 2)
    many = pg.batched.routing_games(pg.latency.Polynomial(lines), rng.uniform(0, 1, (games, 16, 4)), 0.2)
    return lambda: float(pg.batched.best_response(many).max_regret.max())


def simulation(requests: int) -> Callable[[], Any]:
    cluster = paper_cluster(1, 5)
    workload = Workload(paper_prompts(requests), ClosedLoop.steady(128))
    return lambda: float(simulated(cluster, workload, RoundRobin(), 0)[1].done.max())


def tight(players: int) -> Callable[[], Any]:
    line = pg.latency.Polynomial([[1.0, 0.0], [0.0, 1.0]])
    return lambda: pg.bounds.tight_poa(line, players).value


VERBS: dict[str, tuple[Callable[[int], Callable[[], Any]], str, list[int]]] = {
    "price_of_anarchy, routing": (routing, "requests", [32, 64, 128, 256, 512]),
    "wardrop, grid": (grid, "side of the grid", [8, 16, 32, 64]),
    "social_optimum, caching": (caching, "nodes", [125, 250, 500, 1000, 2000]),
    "batched.best_response": (batch, "games", [2_000, 8_000, 32_000, 128_000]),
    "simulate's engine": (simulation, "requests", [10_000, 40_000, 160_000, 640_000]),
    "bounds.tight_poa": (tight, "players", [16, 32, 64, 128, 256]),
}


def main() -> None:
    header("verb", "sizes", "seconds", "exponent, upper half", "peak MB at the largest")
    curves: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, (build, unit, sizes) in VERBS.items():
        found = [measure(build, size, repeats=3) for size in sizes]
        seconds = np.array([each.median for each in found])
        half = len(sizes) // 2
        exponent = np.polyfit(np.log(sizes[half:]), np.log(seconds[half:]), 1)[0]
        shown = ", ".join(f"{s:.3g}" for s in seconds)
        row(
            f"`{name}`",
            f"{', '.join(f'{s:,}' for s in sizes)} {unit}",
            shown,
            f"{exponent:.2f}",
            f"{found[-1].peak_mb:,.0f}",
        )
        curves[f"{name} (exponent {exponent:.2f})"] = (np.array(sizes) / sizes[0], seconds)
    factors = np.unique(np.concatenate([factor for factor, _ in curves.values()]))
    lines = {
        name: np.exp(np.interp(np.log(factors), np.log(factor), np.log(seconds), right=np.nan))
        for name, (factor, seconds) in curves.items()
    }
    save(
        plot_curves(factors, lines, xlabel="size, times the smallest [1]", ylabel="time [s]", log_value=True),
        FIGURE,
    )


if __name__ == "__main__":
    main()
