"""Bounds on caching on clusters, by the spread of distances, and with tiers: attained, approached, and by no game exceeded."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poagame as pg
from poagame.bounds import (
    caching_added_tier,
    caching_clusters,
    caching_clusters_best,
    caching_directed,
    caching_spread,
    caching_tiers,
    caching_tiers_best,
)
from poagame.bounds.record import PoaBound
from poagame.errors import InvalidInput
from poagame.games import instances
from poagame.games.caching import CachingGame
from poagame.testing.caching import KINDS, caching_games
from tests.caching_oracle import CachingOracle, worst_over_placement_costs

INF = math.inf
SHAPES = [(1, 2), (2, 1), (1, 6), (6, 1), (2, 2), (2, 4), (4, 2), (3, 3), (2, 5), (5, 2), (2, 6), (6, 2), (3, 4)]
ATTAINED: list[PoaBound] = [
    *(caching_clusters(m, g, ratio) for m, g in SHAPES for ratio in (1.0, 3.0, 1000.0, INF)),
    *(caching_spread(n, ratio) for n in (2, 3, 8, 11) for ratio in (1.0, 3.0, 1000.0)),
    *(caching_tiers(n) for n in (2, 3, 8)),
]
APPROACHED: list[PoaBound] = [
    *(caching_clusters_best(m, g, ratio) for m, g in [(2, 2), (2, 4), (3, 3)] for ratio in (3.0, INF)),
    *(caching_tiers_best(n) for n in (2, 3, 8)),
    *(caching_added_tier(n) for n in (2, 3, 8)),
]


@pytest.mark.parametrize("bound", ATTAINED, ids=lambda b: f"{b.name}-{b.valid_for}")
def test_instances_attain_their_bounds(bound: PoaBound) -> None:
    assert (bound.tight, bound.side) == (True, "upper")
    report = pg.price_of_anarchy(bound.instance, bound)
    assert report.exact
    assert report.poa == pytest.approx(bound.value, rel=1e-12)


@pytest.mark.parametrize("bound", APPROACHED, ids=lambda b: f"{b.name}-{b.valid_for}")
def test_sequences_approach_their_bounds_from_below(bound: PoaBound) -> None:
    assert bound.approach is not None

    def reached(size: int) -> float:
        assert bound.approach is not None
        game = bound.approach(size)
        report = pg.price_of_anarchy(game)
        assert report.exact
        if bound.measure == "price of stability":
            return report.pos
        before = pg.price_of_anarchy(CachingGame(game.distance, game.placement_cost))  # without the slow tier
        return report.best.social_cost / before.worst.social_cost

    shortfall = [bound.value - reached(size) for size in (10, 100, 10_000)]
    assert shortfall[0] > shortfall[1] > shortfall[2] > 0
    assert shortfall[2] < 2e-3


@pytest.mark.parametrize(("cliques", "size"), [*SHAPES, (2, 7), (7, 2), (3, 5), (4, 4)])
@pytest.mark.parametrize("ratio", [1.0, 1.7, 10.0, INF])
def test_no_placement_cost_is_worse_on_clusters(cliques: int, size: int, ratio: float) -> None:
    distance = np.asarray(instances.caching_hierarchy(cliques, size, 1.0 / ratio, 1.0).distance)
    worst, _ = worst_over_placement_costs(distance)
    assert worst == pytest.approx(caching_clusters(cliques, size, ratio).value, rel=1e-12)


@pytest.mark.parametrize("ratio", [1.0, 2.0, 30.0, INF])
def test_limits_of_clusters(ratio: float) -> None:
    far = caching_clusters(10**9, 8, ratio).value
    assert far == pytest.approx(8.0 if math.isinf(ratio) else 8 * ratio / (ratio + 7), rel=1e-6)
    if math.isfinite(ratio):
        assert caching_clusters(2, 10**9, ratio).value == pytest.approx((1 + ratio) / 2, rel=1e-6)
        assert caching_clusters(10**9, 10**9, ratio).value == pytest.approx(ratio, rel=1e-6)
        assert caching_clusters(10**9, 10**9, ratio).value <= ratio
    else:
        assert caching_clusters(2, 10**9).value == pytest.approx((1 + 10**9) / 2, rel=1e-14)


@settings(max_examples=150)
@given(caching_games(6, ("metric", "directed", "complete"), min_nodes=2))
def test_no_game_exceeds_what_its_distances_allow(game: CachingGame) -> None:
    n = game.num_players
    apart = np.asarray(game.distance)[~np.eye(n, dtype=bool)]
    found = pg.equilibria(game)
    if apart.min() == 0 or len(found) == 0:
        return
    limit = caching_spread(n, float(apart.max() / apart.min()))
    worst = found.social_costs.max() / pg.social_optimum(game).social_cost
    assert worst <= limit.value * (1 + 1e-9)
    assert limit.value <= min(n, apart.max() / apart.min()) * (1 + 1e-12)


@settings(max_examples=200)
@given(st.integers(0, 2**32 - 1))
def test_no_directed_distances_of_ratio_three_are_worse(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 6))
    distance = rng.choice([1.0, 1.5, 2.0, 3.0], (n, n))
    np.fill_diagonal(distance, 0.0)
    for alpha in (1.5, 2.0, 3.0, 3.5):
        game = CachingGame(distance, alpha)
        found = pg.equilibria(game)
        if len(found):
            worst = found.social_costs.max() / pg.social_optimum(game).social_cost
            assert worst <= caching_spread(n, 3.0).value * (1 + 1e-9)


def test_metrics_come_as_near_to_the_ratio() -> None:
    """Two cliques, one of them a single node that holds the only replica."""
    for n, ratio in ((5, 3.0), (10, 8.0)):
        distance = np.ones((n, n))
        distance[0] = distance[:, 0] = ratio
        np.fill_diagonal(distance, 0.0)
        game = CachingGame(distance, ratio, metric=True)
        assert pg.price_of_anarchy(game).poa == pytest.approx(n * ratio / (n + 2 * ratio - 2), rel=1e-12)


def test_the_spread_without_limit_is_that_of_any_distances() -> None:
    bound = caching_spread(8, INF)
    assert bound.value == caching_directed(8).value == 8.0
    assert (bound.tight, bound.instance) == (False, None)
    assert "caching_directed" in bound.remark


def ratio_of(game: CachingGame) -> float | None:
    """Worst equilibrium over optimum by the definition, None without one or at an optimum of 0."""
    oracle = CachingOracle.of(game)
    costs, least = [oracle.social(s) for s in oracle.equilibria()], oracle.least()
    return max(costs) / least if costs and least > 0 else None


@settings(max_examples=150)
@given(caching_games(3, KINDS, "any", features=("tiers", "miss", "objects"), min_nodes=2))
def test_no_game_of_tiers_exceeds_the_nodes(game: CachingGame) -> None:
    found = ratio_of(game)
    assert found is None or found <= caching_tiers(game.num_players).value * (1 + 1e-6)


def test_the_bound_of_tiers_needs_one_placement_cost_and_no_limits() -> None:
    dear = CachingGame([[0.0, 0.5], [0.5, 0.0]], [100.0, 1.0])
    assert pg.price_of_anarchy(dear).poa > 2.0
    # the one place is kept for what its holder wants a little more, and its neighbour a hundred times less
    demand = [[100.0, 0.0], [1.0, 1.1]]
    limited = CachingGame(np.zeros((2, 2)), 0.0, demand, capacity=[[0], [1]], miss_cost=10.0)
    assert ratio_of(limited) == pytest.approx(1010.0 / 11.0)


@pytest.mark.parametrize("call", [caching_clusters, caching_clusters_best])
def test_names_and_sizes_of_clusters(call: Callable[..., PoaBound]) -> None:
    assert call(2, 3, 4.0).name == call.__name__
    large = call(100, 100, 4.0)
    assert (large.tight, large.instance, large.approach) == (False, None, None)
    assert large.remark
    assert call(10**150, 10**149, 4.0).value == pytest.approx(4.0)
    bad: list[tuple[Any, ...]] = [(1, 1), (0, 3), (3, 0), (2.5, 2), ("2", 2), (True, 4), (2, 2, 0.5), (2, 2, math.nan)]
    for arguments in [*bad, (2, 2, "4"), (2, 2, -INF)]:
        with pytest.raises(InvalidInput, match=r"must be (a whole number|at least|positive)|must be at least 1"):
            call(*arguments)


@pytest.mark.parametrize(
    "call", [caching_tiers, caching_tiers_best, caching_added_tier, lambda n: caching_spread(n, 2.0)]
)
def test_bad_nodes(call: Callable[[Any], PoaBound]) -> None:
    for nodes in (1, 0, 2.5, math.nan, "4", True, None):
        with pytest.raises(InvalidInput, match=r"must be (a whole number|at least)"):
            call(nodes)
    large = call(5000)
    assert not large.tight
    assert large.remark
    assert call(4).tight
