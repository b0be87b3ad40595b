"""Optima of limited storage on hierarchies against every placement; the bound of prices against its definition."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import poagame as pg
from poagame.certificates.hierarchical import hierarchical_lower_bound
from poagame.errors import InvalidInput
from poagame.games.caching import CachingGame
from poagame.outcome import Outcome
from poagame.solvers.caching.hierarchical import hierarchical_optimum

Floats = NDArray[np.float64]


def ultrametric(nodes: int, rng: np.random.Generator) -> Floats:
    """Heights of the joins of a random tree of nodes, merged two groups at a time."""
    groups, distance, height = [[i] for i in range(nodes)], np.zeros((nodes, nodes)), 0.0
    while len(groups) > 1:
        height += float(rng.integers(0, 3))
        a, b = rng.choice(len(groups), 2, replace=False)
        for i, j in itertools.product(groups[a], groups[b]):
            distance[i, j] = distance[j, i] = height
        groups = [g for k, g in enumerate(groups) if k not in (a, b)] + [groups[a] + groups[b]]
    return distance


def cost(game: CachingGame, held: Any) -> float:
    """Social cost, a term at a time."""
    total, access = 0.0, float(game.tiers.access[0])
    for i, k in itertools.product(range(game.num_players), range(game.num_objects)):
        total += held[i][k] * float(game.placement_cost[i]) * float(game.tiers.price[0])
        reads = [float(game.distance[i, j]) + access for j in range(game.num_players) if held[j][k]]
        total += float(game.demand[i, k]) * min([float(game.miss_cost[i]), *reads])
    return total


def least(game: CachingGame) -> float:
    assert game.capacity is not None
    rows = [
        [r for r in itertools.product((0, 1), repeat=game.num_objects) if sum(r) <= int(game.capacity[i, 0])]
        for i in range(game.num_players)
    ]
    return min(cost(game, held) for held in itertools.product(*rows))


def draw(rng: np.random.Generator, scale: float = 1.0) -> CachingGame:
    nodes, objects = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    demand = rng.integers(0, 4, (nodes, objects)).astype(float)
    demand[:, -1] = demand[:, 0]  # two objects that everybody asks for equally
    demand[0, 0] = 1.0
    return CachingGame(
        scale * ultrametric(nodes, rng),
        scale * rng.integers(0, 4, nodes) * int(rng.integers(0, 2)),
        demand,
        pg.Tiers(["HBM"], [1.0], [scale * float(rng.integers(0, 3))]),
        rng.integers(0, 3, (nodes, 1)) + np.eye(nodes, 1, dtype=int),
        miss_cost=scale * rng.integers(0, 12, nodes).astype(float),
    )


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e9])
def test_the_optimum_is_the_least_of_all_placements_and_its_bound_meets_it(scale: float) -> None:
    rng = np.random.default_rng(7)
    for _ in range(60):
        game = draw(rng, scale)
        found, wanted = hierarchical_optimum(game), least(game)
        size = 1e-9 * (wanted + scale)
        assert found.outcome is Outcome.OPTIMAL
        assert found.social_cost == pytest.approx(wanted, abs=size)
        assert cost(game, found.profile.tolist()) == pytest.approx(wanted, abs=size)
        assert bool(game.has_room(found.profile).all())
        assert found.social_cost >= found.lower_bound >= wanted - size


def test_any_prices_bound_every_placement() -> None:
    rng = np.random.default_rng(3)
    below = 0.0
    for _ in range(60):
        game = draw(rng)
        bound = hierarchical_lower_bound(game, rng.integers(0, 9, game.num_players) * rng.random())
        wanted = least(game)
        assert bound <= wanted + 1e-9
        below = max(below, wanted - bound)
    assert below > 1.0


def test_equal_objects_are_spread_over_the_groups_of_three_levels() -> None:
    halves = np.arange(8)[:, None] // np.array([1, 2, 4]) != np.arange(8)[:, None, None] // np.array([1, 2, 4])
    distance = np.array([1.0, 4.0, 20.0]) @ np.maximum.accumulate(halves[..., ::-1], axis=-1).transpose(0, 2, 1)
    np.fill_diagonal(distance, 0.0)
    rng = np.random.default_rng(0)
    demand = np.repeat(rng.integers(0, 9, (8, 5)), 40, axis=1)[:, rng.permutation(200)].astype(float)
    game = CachingGame(distance, 0.0, demand, capacity=rng.integers(5, 60, (8, 1)), miss_cost=100.0)
    found = hierarchical_optimum(game)
    assert found.outcome is Outcome.OPTIMAL
    assert found.lower_bound == pytest.approx(found.social_cost, rel=1e-12)
    assert bool(game.has_room(found.profile).all())


TWO = [[0.0, 1.0], [1.0, 0.0]]
LINE = [[0.0, 1.0, 2.0], [1.0, 0.0, 1.0], [2.0, 1.0, 0.0]]
REFUSED = {
    "one object": (CachingGame(TWO, 1.0, miss_cost=1.0), "needs demand"),
    "no limits": (CachingGame(TWO, 1.0, [[1.0], [1.0]], miss_cost=1.0), "and capacity"),
    "tiers": (CachingGame(TWO, 1.0, [[1.0]] * 2, pg.Tiers(["a", "b"], [1, 0], [0, 1]), 1, miss_cost=1.0), "2 tiers"),
    "fixed": (CachingGame(TWO, 1.0, [[1.0]] * 2, capacity=1, miss_cost=1.0, fixed=[[1], [-1]]), "fixed"),
    "no miss": (CachingGame(TWO, 1.0, [[1.0]] * 2, capacity=1), "a miss costs infinity"),
    "line": (CachingGame(LINE, 1.0, [[1.0]] * 3, capacity=1, miss_cost=9.0), "not hierarchical"),
    "directed": (CachingGame([[0.0, 1.0], [2.0, 0.0]], 1.0, [[1.0]] * 2, capacity=1, miss_cost=9.0), "not symmetric"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_games_are_refused(name: str) -> None:
    game, why = REFUSED[name]
    with pytest.raises(InvalidInput, match=f"does not solve this game: .*{why}.*social_optimum"):
        hierarchical_optimum(game)


def test_many_different_distances_are_told_at_once() -> None:
    distance = np.abs(np.subtract.outer(np.arange(600.0) ** 1.5, np.arange(600.0) ** 1.5))
    game = CachingGame(distance, 1.0, np.ones((600, 1)), capacity=1, miss_cost=9.0)
    with pytest.raises(InvalidInput, match="not hierarchical"):
        hierarchical_lower_bound(game, np.zeros(600))


@pytest.mark.parametrize("prices", [[-1.0, 0.0], [np.nan, 0.0], [1.0], "dear"])
def test_bad_prices(prices: Any) -> None:
    game = CachingGame(TWO, 1.0, [[1.0]] * 2, capacity=1, miss_cost=9.0)
    with pytest.raises(InvalidInput, match="prices must be"):
        hierarchical_lower_bound(game, prices)
