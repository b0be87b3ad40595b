"""NVLink and InfiniBand: what selfish caching of one KV block costs eight nodes of eight GPUs, by how much dearer the outer link is.

    python examples/caching_cluster.py [figure.svg]

Each GPU holds the block itself, or reads the nearest copy. Inside a node a read costs 1, between nodes R. If holding costs just more than
a read from inside the node, selfish GPUs are content with a copy on each node, and on all placements in between the worst is searched.
"""

from __future__ import annotations

import sys

import numpy as np

import poagame as pg


def main(figure: str = "caching_cluster.svg", nodes: int = 4, gpus: int = 4) -> list[float]:
    """Print and draw the worst price of anarchy over placement costs, and the proved formula, for R from 1 to 100."""
    ratios = np.array([1.0, 2.0, 4.0, 10.0, 30.0, 100.0])
    found, proved = [], []
    for ratio in ratios:
        cluster = pg.topologies.two_level(nodes, gpus, intra=1.0, inter=float(ratio))
        bound = pg.bounds.caching_clusters(nodes, gpus, ratio=float(ratio))
        costs = [1.0, float(ratio), ratio + gpus - 1.0]
        games = [pg.CachingGame(cluster.distance, placement_cost=cost) for cost in costs]
        found.append(max(pg.price_of_anarchy(game).poa for game in games))
        proved.append(bound.value)
        print(f"R = {ratio:5.0f}: price of anarchy {found[-1]:.4f}, proved at most {bound.value:.4f}")
        assert found[-1] <= bound.value * (1 + 1e-9)
    drawn = pg.plotting.plot_curves(
        ratios,
        {"solved games": found, "proved worst case": proved},
        xlabel="cost of a read between nodes / within a node [1]",
        ylabel="price of anarchy [1]",
    )
    pg.plotting.save(drawn, figure)
    assert abs(found[-1] - proved[-1]) < 1e-6 * proved[-1]
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
