"""Selfish caching from its definition, and programmes for lines and rings, sharing no code with the package."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Profile = tuple[int, ...]


class CachingOracle:
    """A caching game, one term at a time."""

    def __init__(self, distance: Any, placement: Any, demand: Any) -> None:
        self.distance = np.asarray(distance).tolist()
        self.nodes = len(self.distance)
        self.placement, self.demand = list(placement), list(demand)

    @classmethod
    def of(cls, game: Any) -> CachingOracle:
        return cls(game.distance, game.placement_cost, game.demand)

    def cost(self, s: Profile, i: int) -> float:
        if s[i]:
            return self.placement[i]
        if self.demand[i] == 0:
            return 0.0
        return self.demand[i] * min((self.distance[i][j] for j in range(self.nodes) if s[j]), default=math.inf)

    def social(self, s: Profile) -> float:
        return sum(self.cost(s, i) for i in range(self.nodes))

    def profiles(self) -> list[Profile]:
        return list(itertools.product((0, 1), repeat=self.nodes))

    def is_equilibrium(self, s: Profile, slack: float = 1e-9) -> bool:
        return all(self.cost(s, i) <= self.cost((*s[:i], 1 - s[i], *s[i + 1 :]), i) + slack for i in range(self.nodes))

    def equilibria(self) -> list[Profile]:
        return [s for s in self.profiles() if math.isfinite(self.social(s)) and self.is_equilibrium(s)]

    def least(self) -> float:
        return min(map(self.social, self.profiles()))


def packs_and_covers(distance: Any, placement: float, holders: list[int], slack: float = 1e-9) -> bool:
    """Whether holders lie α apart and everybody lies within α of one: the equilibria of unit demands."""
    d = np.asarray(distance)
    apart = all(d[i, j] >= placement - slack for i in holders for j in holders if i != j)
    near = all(min(d[i, j] for j in holders) <= placement + slack for i in range(len(d))) if holders else False
    return apart and near


def worst_over_placement_costs(distance: Any) -> tuple[float, float]:
    """Largest price of anarchy of unit demands on a topology over *all* placement costs, and one that has it.

    A placement X is an equilibrium exactly for cover(X) <= α <= pack(X). The optimum is the least of n lines in α, so that the ratio of
    X's cost to it is monotone between their crossings: the largest ratio is at a crossing or an end of an interval.
    """
    d = np.asarray(distance, dtype=np.float64)
    n = len(d)
    alone = d + np.diag([np.inf] * n)
    holds = (np.arange(1 << n)[:, None] >> np.arange(n) & 1).astype(bool)
    nearest = np.full((1 << n, n), np.inf)
    other = nearest.copy()  # the nearest replica besides one's own
    for j in range(n):
        half = 1 << j
        nearest[half : 2 * half] = np.minimum(nearest[:half], d[:, j])
        other[half : 2 * half] = np.minimum(other[:half], alone[:, j])
    holds, nearest, other = holds[1:], nearest[1:], other[1:]
    pack = np.where(holds, other, np.inf).min(axis=1)
    cover, total, number = nearest.max(axis=1), nearest.sum(axis=1), holds.sum(axis=1)
    least = np.array([total[number == k].min() for k in range(1, n + 1)])
    counts = np.arange(1, n + 1)
    crossings = [(least[a] - least[b]) / (b - a) for a in range(n) for b in range(a + 1, n)]
    candidates = np.unique([*d.ravel(), *crossings])
    best = (1.0, 1.0)
    for alpha in candidates[candidates > 0]:
        stable = (cover <= alpha) & (alpha <= pack)
        worst = np.where(stable, alpha * number + total, 0.0).max()
        best = max(best, (float(worst / (alpha * counts + least).min()), float(alpha)))
    return best


def line_optimum(nodes: int, placement: float) -> float:
    """Optimum of unit demands on a line of unit edges, by a programme over the position of the last replica."""
    best = np.full(nodes, np.inf)
    for at in range(nodes):
        best[at] = placement + at * (at + 1) / 2
        for before in range(at):
            gap = at - before
            best[at] = min(best[at], best[before] + placement + sum(min(x, gap - x) for x in range(1, gap)))
    return min(best[at] + (nodes - 1 - at) * (nodes - at) / 2 for at in range(nodes))


def line_optimum_fast(nodes: int, placement: float) -> float:
    """As `line_optimum`, a row at a time."""
    gap = np.arange(nodes)
    between = np.array([(g // 2) * ((g - 1) // 2 + 1) if g else 0 for g in range(nodes)], dtype=np.float64)
    best: NDArray[np.float64] = np.empty(nodes)
    for at in range(nodes):
        start = placement + at * (at + 1) / 2
        best[at] = min(start, (best[:at] + placement + between[gap[at:0:-1]]).min()) if at else start
    tail = gap[::-1]
    return float((best + tail * (tail + 1) / 2).min())


def ring_optimum(nodes: int, placement: float) -> float:
    """Optimum of unit demands on a ring of unit edges: a replica at 0, then a programme over the gaps round the ring."""
    between = [sum(min(x, gap - x) for x in range(1, gap)) for gap in range(nodes + 1)]
    best = [0.0] + [math.inf] * nodes
    for at in range(1, nodes + 1):
        best[at] = min(best[before] + placement + between[at - before] for before in range(at))
    return best[nodes]
