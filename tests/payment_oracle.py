"""Caching with side payments from its definition: every strategy of a grid, one term at a time, sharing no code with the package."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

Strategy = tuple[int, float, float]
"""Whom a node bids to (−1: nobody), how much, and its threshold."""


def strategies(node: int, nodes: int, most: int) -> list[Strategy]:
    """All with whole bids up to `most` and thresholds up to all bids that there can be, or infinite."""
    bids = [(-1, 0.0)] + [(to, float(b)) for to in range(nodes) if to != node for b in range(1, most + 1)]
    thresholds = [*map(float, range((nodes - 1) * most + 1)), math.inf]
    return [(to, bid, t) for to, bid in bids for t in thresholds]


def strategy_costs(game: Any, most: int) -> np.ndarray:
    """[n, S, …, S]: what each node pays at every profile of strategies."""
    n = len(game.distance)
    own = [strategies(i, n, most) for i in range(n)]
    axes = np.meshgrid(*(np.arange(len(s)) for s in own), indexing="ij")
    to, bid, threshold = (
        np.stack([np.array([s[part] for s in own[i]])[axes[i]] for i in range(n)]) for part in range(3)
    )
    received = np.zeros(bid.shape)
    for i, j in itertools.permutations(range(n), 2):
        received[i] += np.where(to[j] == i, bid[j], 0.0)
    holds = received >= threshold
    costs = np.zeros(bid.shape)
    for i in range(n):
        fetch = np.full(bid.shape[1:], game.miss_cost[i])
        for j in range(n):
            if j != i:
                fetch = np.where(holds[j], np.minimum(fetch, game.distance[i][j]), fetch)
        access = game.demand[i] * fetch if game.demand[i] > 0 else np.zeros(fetch.shape)
        costs[i] = np.where(holds[i], game.placement_cost[i] - received[i], access)
        for j in range(n):
            costs[i] += np.where((to[i] == j) & holds[j], bid[i], 0.0)
    return costs


def equilibrium_placements(game: Any, most: int) -> set[tuple[int, ...]]:
    """Placements of all pure equilibria among the strategies of the grid, at finite cost to all."""
    n = len(game.distance)
    costs = strategy_costs(game, most)
    content = np.isfinite(costs).all(axis=0)
    for i in range(n):
        content &= costs[i] <= costs[i].min(axis=i, keepdims=True) + 1e-9
    own = [strategies(i, n, most) for i in range(n)]
    found = set()
    for at in np.argwhere(content):
        chosen = [own[i][k] for i, k in enumerate(at)]
        received = [sum(b for to, b, _ in chosen if to == i) for i in range(n)]
        found.add(tuple(int(r >= t) for r, (_, _, t) in zip(received, chosen, strict=True)))
    return found
