"""A conjecture about your own cluster, tested: is selfish routing within a factor of the best, whatever is cached where?

    python examples/conjecture.py [factor]

Requests choose between two workers of saturating latency; cached prefixes make a worker cheaper for some. The search looks for the worst
such cluster, and the smallest one beyond the factor is printed as code.
"""

from __future__ import annotations

import sys

import poagame as pg
from poagame.testing import WorstFound, assert_poa_at_most, minimal_counterexample, routing_games, search_worst


def main(factor: float = 1.5, budget: int = 400) -> WorstFound:
    """Print the worst game found and, where the conjecture fails, a smallest counterexample."""
    clusters = routing_games(max_requests=4, max_workers=2, families=["saturating"])
    worst = search_worst(clusters, budget, bound=factor)
    print(worst, end="\n\n")

    found = minimal_counterexample(clusters, lambda game: assert_poa_at_most(game, factor), budget)
    print(f"no counterexample to {factor} among {budget} games" if found is None else found)
    if found is not None:
        again = pg.price_of_anarchy(found.game)
        assert again.exact
        assert again.poa > factor
    assert worst.report is not None
    assert worst.value == worst.report.poa_low
    return worst


if __name__ == "__main__":
    if len(sys.argv) > 2:
        raise SystemExit(__doc__)
    main(*map(float, sys.argv[1:]))
