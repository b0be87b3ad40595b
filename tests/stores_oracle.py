"""Caching games of several objects from their definition, all joint stores in one table; shares no code with the package."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from poagame.games.caching import CachingGame
from poagame.games.tiers import Tiers

INF = float("inf")


class StoresOracle:
    """What every node pays for every joint store: `cost` [n, S_1, …, S_n], infinite stores left out."""

    def __init__(self, game: Any) -> None:
        n, objects = game.demand.shape
        price, access = (np.asarray(a).tolist() for a in (game.tiers.price, game.tiers.access))
        tiers = range(1, len(price) + 1)
        self.stores = []
        for i in range(n):
            able = []
            for store in itertools.product((0, *tiers), repeat=objects):
                room = game.capacity is None or all(store.count(t) <= game.capacity[i][t - 1] for t in tiers)
                kept = game.fixed is None or all(f in (-1, a) for f, a in zip(game.fixed[i], store, strict=True))
                if room and kept:
                    able.append(store)
            self.stores.append(np.array(able).reshape(-1, objects))
        at = np.indices([len(s) for s in self.stores])
        held = [s[a] for s, a in zip(self.stores, at, strict=True)]
        reach = np.array([INF, *access])
        placing = np.array([0.0, *price])
        self.cost, self.social = [], np.zeros(at.shape[1:])
        for i in range(n):
            read = np.full(held[0].shape, float(game.miss_cost[i]))
            for j in range(n):
                read = np.minimum(read, game.distance[i][j] + reach[held[j]])
            asked = np.asarray(game.demand[i])
            reading = np.where(asked > 0, asked * np.where(asked > 0, read, 0.0), 0.0).sum(axis=-1)
            places = placing[held[i]].sum(axis=-1)
            self.cost.append((game.placement_cost[i] - game.subsidy[i]) * places + reading)
            self.social = self.social + game.placement_cost[i] * places + reading

    def index(self, profile: Any) -> tuple[int, ...]:
        """Where a profile [n, K] is in the table."""
        return tuple(
            int(np.flatnonzero((s == row).all(axis=1))[0]) for s, row in zip(self.stores, profile, strict=True)
        )

    def profile(self, at: Any) -> np.ndarray:
        return np.array([s[a] for s, a in zip(self.stores, at, strict=True)])

    def regret(self, at: tuple[int, ...]) -> list[float]:
        """What each node gains by its best store."""
        gains = []
        for i, cost in enumerate(self.cost):
            best = cost[(*at[:i], slice(None), *at[i + 1 :])].min()
            gains.append(0.0 if np.isinf(best) else cost[at] - best)
        return gains

    def equilibria(self, slack: float = 1e-9) -> np.ndarray:
        """[M, n]: where all pure equilibria of finite cost are."""
        stable = np.isfinite(self.social)
        for i, cost in enumerate(self.cost):
            stable &= cost <= cost.min(axis=i, keepdims=True) + slack
        return np.argwhere(stable)

    def is_equilibrium(self, profile: Any) -> bool:
        return bool((self.equilibria() == np.array(self.index(profile))).all(axis=1).any())


def random_game(rng: np.random.Generator, limited: bool | None = None, whole: bool = True) -> CachingGame:
    """Up to three nodes, objects and two tiers, with everything a game may have; whole numbers make ties."""
    n, objects = rng.choice([1, 2, 3], 2, p=[0.1, 0.3, 0.6]).tolist()
    tiers = int(rng.integers(1, 3))

    def draw(low: int, high: int, shape: Any) -> np.ndarray:
        return rng.integers(low, high, shape).astype(float) if whole else rng.uniform(low, high, shape)

    distance = draw(0, 10, (n, n))
    distance[rng.random((n, n)) < 0.1] = INF
    np.fill_diagonal(distance, 0.0)
    demand = draw(0, 5, (n, objects))
    demand[rng.random(demand.shape) < 0.2] = 0.0
    demand[0, 0] += 1.0
    placement = draw(0, 6, n)
    limited = bool(rng.random() < 0.75) if limited is None else limited
    capacity = rng.integers(0, 3, (n, tiers)) if limited else None
    if capacity is not None:
        capacity[0, 0] += 1
    fixed = None
    if rng.random() < 0.3:
        fixed = np.where(rng.random((n, objects)) < 0.2, rng.integers(0, tiers + 1, (n, objects)), -1)
        if capacity is not None:
            capacity = np.maximum(capacity, np.stack([(fixed == t + 1).sum(axis=1) for t in range(tiers)], axis=1))
    stands = limited or fixed is not None or rng.random() < 0.5
    return CachingGame(
        distance,
        placement,
        demand,
        Tiers([f"G{t}" for t in range(tiers)], draw(0, 3, tiers), draw(0, 3, tiers)),
        capacity,
        miss_cost=draw(1, 20, n) if stands else INF,
        subsidy=placement * rng.random() if rng.random() < 0.3 else 0.0,
        fixed=fixed,
    )


def line_of_caches(with_cache: bool) -> CachingGame:
    """Node 2 reads through 1 and 0 from an origin, two objects; adding node 0's cache makes the only equilibrium dearer."""
    distance = [[0.0, INF, INF], [9.0, 0.0, INF], [22.0, 13.0, 0.0]]
    capacity = [[int(with_cache)], [1], [1]]
    return CachingGame(distance, 0.0, [[2, 5], [4, 5], [7, 4]], capacity=capacity, miss_cost=[4.0, 13.0, 26.0])


def directed_ring(hops: Any, exits: Any, demand: Any, **options: Any) -> CachingGame:
    """Three nodes: requests of i visit i + 1 and i + 2, which exits to an origin; `hops[i]` leads from i to i + 1, `exits[i]` out of i."""
    h = list(hops)
    distance = [[0.0, h[0], h[0] + h[1]], [h[1] + h[2], 0.0, h[1]], [h[2], h[2] + h[0], 0.0]]
    miss = [h[i] + h[(i + 1) % 3] + exits[(i + 2) % 3] for i in range(3)]
    return CachingGame(distance, options.pop("placement_cost", 0.0), demand, miss_cost=miss, **options)


def ring_of_caches() -> CachingGame:
    """A ring with one place at each node, and no pure equilibrium."""
    return directed_ring((8.0, 4.0, 3.0), (45.0, 45.0, 39.0), [[6, 7], [6, 9], [4, 4]], capacity=1)


def random_ring(rng: np.random.Generator) -> CachingGame:
    """A directed ring with a place at each node, or with places that cost: many have no pure equilibrium."""
    hops, exits = rng.integers(1, 10, 3).astype(float), rng.integers(20, 60, 3).astype(float)
    if rng.random() < 0.5:
        return directed_ring(hops, exits, rng.integers(1, 10, (3, 2)), capacity=1)
    demand = np.stack([np.ones(3), rng.random(3)], axis=1)
    return directed_ring(hops, exits, demand, placement_cost=rng.integers(4, 14, 3).astype(float))
