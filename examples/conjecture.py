"""A conjecture about your own cluster, tested: is selfish routing at most a third dearer than the best, as on affine latencies?

    python examples/conjecture.py [factor [figure.svg]]

A stream of requests chooses between two workers of saturating latency, each request the faster one. The search looks for the worst such
cluster, and the smallest one beyond the factor is printed as code. It breaks 4/3: near saturation the cost of one more request grows much
faster than the latency that it sees. (Prefixes that lie cached are left out on purpose: what they save comes off the optimum too, so a
game of large savings and almost no cost has a ratio of any size, which says nothing about the routing.)
"""

from __future__ import annotations

import sys

import numpy as np

import poagame as pg
from poagame.errors import PoagameError
from poagame.testing import WorstFound, assert_poa_at_most, minimal_counterexample, parallel_links, search_worst


def main(factor: float = 4 / 3, figure: str = "conjecture.svg", budget: int = 400) -> WorstFound:
    """Print the worst game found and, where the conjecture fails, a smallest counterexample; draw the price of anarchy of its links."""
    clusters = parallel_links(2, families=["saturating"])
    worst = search_worst(clusters, budget, bound=factor)
    print(worst, end="\n\n")

    search = minimal_counterexample(clusters, lambda game: assert_poa_at_most(game, factor), budget)
    print(search)
    if search.found:
        assert pg.price_of_anarchy(search.game).poa_low > factor
    demand = worst.game.total_demand * np.linspace(0.05, 1.0, 20)
    curve = pg.anarchy_curve(worst.game, demand)
    labels = {"ylabel": "price of anarchy [1]", "xlabel": "load [requests in flight]"}
    drawn = pg.plotting.plot_curves(
        demand, {"worst found": curve.poa}, references={"conjecture": factor}, log_load=False, **labels
    )
    pg.plotting.save(drawn, figure)
    return worst


if __name__ == "__main__":
    try:
        main(*map(float, sys.argv[1:2]), *sys.argv[2:3])
    except PoagameError as error:
        raise SystemExit(f"conjecture.py: {error}") from None
    except ValueError:
        raise SystemExit(
            f"conjecture.py: the factor is a number >= 1; got {' '.join(sys.argv[1:])}\n\n{__doc__}"
        ) from None
