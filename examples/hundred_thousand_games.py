"""100,000 random fleets at once: how much does selfish routing cost over queues of unequal speed?

    python examples/hundred_thousand_games.py [figure.svg [games]]

Each game is four M/M/1 workers of random speed at a random utilisation. Equilibria and optima of all of them are computed by one compiled
function each, on the GPU where JAX sees one, and every answer carries its own certificate.
"""

from __future__ import annotations

import sys
import time

import jax
import numpy as np

import poagame as pg

WORKERS = 4


def main(figure: str = "hundred_thousand_games.svg", games: int = 100_000, seed: int = 0) -> np.ndarray:
    """Print time and quantiles of the price of anarchy, and draw them by the busiest worker's utilisation beside the tight bound."""
    rng = np.random.default_rng(seed)
    latency = pg.latency.MM1(rng.lognormal(0.0, 1.0, games * WORKERS))
    capacity = np.asarray(latency.service_rate).reshape(games, WORKERS).sum(axis=1)
    utilisation = rng.uniform(0.02, 0.98, games)

    start = time.perf_counter()
    selfish = pg.batched.wardrop(latency, utilisation * capacity)
    optimal = pg.batched.wardrop(pg.latency.MarginalCost(latency), utilisation * capacity)
    seconds = time.perf_counter() - start
    load = optimal.load.reshape(-1)
    best = (load * latency(load)).reshape(games, WORKERS).sum(axis=1)
    poa = selfish.social_cost / best
    print(f"{games:,} games on {jax.default_backend()}: {seconds:.1f} s, equilibria and optima\n{selfish}\n{optimal}")

    busiest = (selfish.load / np.asarray(latency.service_rate).reshape(games, WORKERS)).max(axis=1)
    edges = np.linspace(0.3, 1.0, 15)
    inside = [poa[(low < busiest) & (busiest <= high)] for low, high in zip(edges, edges[1:], strict=False)]
    low, half, high, worst = (np.array([np.quantile(part, q) for part in inside]) for q in (0.05, 0.5, 0.95, 1.0))
    tight = np.array([pg.bounds.mm1(utilisation=min(u, busiest.max())).value for u in edges[1:].tolist()])
    drawn = pg.plotting.plot_curves(
        edges[1:],
        {"median and 90 % of games": (half, low, high), "worst drawn": worst, "tight bound": tight},
        xlabel="utilisation of the busiest worker, up to [1]",
        ylabel="price of anarchy [1]",
        log_load=False,
        log_value=True,
    )
    pg.plotting.save(drawn, figure)
    assert selfish.converged.all()
    assert optimal.converged.all()
    assert (poa >= 1 - 1e-9).all()
    assert (worst <= tight).all()
    return poa


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "hundred_thousand_games.svg", *map(int, sys.argv[2:3]))
