"""More storage, dearer equilibria: the search and what it compares, against equilibria from the definition."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from poagame.anarchy.paradox import more_storage, search_paradox
from poagame.errors import InvalidInput, TooLarge
from poagame.games import topologies
from poagame.games.caching import CachingGame

DEMAND = [[0.0, 4.0, 0.0], [0.0, 3.0, 1.0], [11.0, 0.0, 10.0], [0.0, 10.0, 9.0]]


def cluster(places: Any) -> CachingGame:
    topology = topologies.two_level(2, 2, intra=1.0, inter=11.0)
    return CachingGame(topology.distance, 0.0, DEMAND, capacity=places, miss_cost=17.0)


def node_cost(store: tuple[tuple[int, ...], ...], i: int) -> float:
    """What GPU i pays when GPU j keeps the objects store[j]."""
    paid = 0.0
    for k, asked in enumerate(DEMAND[i]):
        ways = [17.0] + [0.0 if i == j else 1.0 if i // 2 == j // 2 else 11.0 for j in range(4) if k in store[j]]
        paid += asked * min(ways)
    return paid


def equilibrium_costs(places: list[int]) -> list[float]:
    stores = [[c for size in range(p + 1) for c in itertools.combinations(range(3), size)] for p in places]
    costs = []
    for store in itertools.product(*stores):
        stays = all(
            node_cost(store, i) <= min(node_cost((*store[:i], other, *store[i + 1 :]), i) for other in stores[i]) + 1e-9
            for i in range(4)
        )
        if stays:
            costs.append(sum(node_cost(store, i) for i in range(4)))
    return costs


def test_a_first_place_at_one_gpu_makes_every_equilibrium_dearer() -> None:
    before, after = equilibrium_costs([1, 0, 1, 1]), equilibrium_costs([1, 1, 1, 1])
    found = more_storage(cluster([[1], [0], [1], [1]]), 1)
    assert (set(before), set(after)) == ({134.0}, {212.0})
    assert (found.equilibria_before.num_equilibria, found.equilibria_after.num_equilibria) == (len(before), len(after))
    assert found.sure_ratio == found.best_ratio == found.worst_ratio == pytest.approx(212 / 134)
    assert found.equilibria_after.optimum_cost == 123.0 < found.equilibria_before.optimum_cost == 134.0


def test_the_search_finds_games_that_hold_up_and_repeats_itself() -> None:
    found, again = (
        search_paradox("node", games=120, patience=20, seed=3),
        search_paradox("node", games=120, patience=20, seed=np.random.default_rng(3)),
    )
    assert str(found) == str(again)
    assert found.num_games + found.num_without == 120
    assert found.worst is not None
    assert found.worst.worst_ratio == max(1.0, found.worst.worst_ratio) > 1.0
    assert found.num_worst > 0
    assert found.worst.after.capacity is not None
    change = more_storage(found.worst.before, found.worst.after.capacity)
    assert change.worst_ratio == found.worst.worst_ratio
    assert "a node gets its first place: 120 games" in str(found)


def test_doubled_storage_is_compared_too() -> None:
    found = search_paradox("double", gpus_per_node=1, objects=2, games=60)
    assert found.num_games > 0
    assert found.best is not None
    assert np.asarray(found.best.after.capacity).tolist() == (2 * np.asarray(found.best.before.capacity)).tolist()
    assert "twice the places" in str(found)


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "change": ({"change": "more"}, InvalidInput, "change is 'node' or 'double'"),
    "no node": ({"nodes": 0}, InvalidInput, "nodes must be at least 1"),
    "no game": ({"games": 0}, InvalidInput, "games must be at least 1"),
    "half a step": ({"patience": 0.5}, InvalidInput, "patience must be a whole number"),
    "seed": ({"seed": -1}, InvalidInput, "seed is a whole number"),
    "too large": ({"nodes": 4, "gpus_per_node": 8}, TooLarge, "enumeration stops"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    options, error, message = BAD[name]
    with pytest.raises(error, match=message):
        search_paradox(**options)
