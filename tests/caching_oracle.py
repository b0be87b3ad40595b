"""Selfish caching from its definition, and programmes for lines and rings, sharing no code with the package."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Profile = tuple[Any, ...]
"""What each node holds: a choice 0 … T, or a tuple of one for each object."""


class CachingOracle:
    """A caching game, one term at a time, in plain Python."""

    def __init__(
        self,
        distance: Any,
        placement: Any,
        demand: Any,
        price: Any = (1.0,),
        access: Any = (0.0,),
        capacity: Any = None,
        miss: Any = None,
        subsidy: Any = None,
        fixed: Any = None,
    ) -> None:
        self.distance = np.asarray(distance).tolist()
        self.nodes, self.tiers = len(self.distance), len(price)
        self.price, self.access = list(price), list(access)
        self.placement = np.asarray(placement).tolist()
        self.objects = None if np.ndim(demand) == 1 else np.shape(demand)[1]
        self.demand = [self._row(w) for w in np.asarray(demand).tolist()]
        self.capacity = None if capacity is None else np.asarray(capacity).tolist()
        self.miss = [math.inf] * self.nodes if miss is None else np.asarray(miss).tolist()
        self.subsidy = [0.0] * self.nodes if subsidy is None else np.asarray(subsidy).tolist()
        self.fixed = None if fixed is None else [self._row(f) for f in np.asarray(fixed).tolist()]

    @classmethod
    def of(cls, game: Any) -> CachingOracle:
        return cls(
            game.distance,
            game.placement_cost,
            game.demand,
            np.asarray(game.tiers.price).tolist(),
            np.asarray(game.tiers.access).tolist(),
            game.capacity,
            game.miss_cost,
            game.subsidy,
            game.fixed,
        )

    def _row(self, choices: Any) -> list[Any]:
        return [choices] if self.objects is None else list(choices)

    def read(self, s: Profile, i: int, k: int) -> float:
        """What a unit of node i's demand for object k costs: the least of all copies, and of none."""
        least = self.miss[i]
        for j in range(self.nodes):
            tier = self._row(s[j])[k]
            if tier:
                least = min(least, self.distance[i][j] + self.access[tier - 1])
        return least

    def allowed(self, i: int, k: int, choice: int) -> bool:
        """Whether node i can make this choice for object k if it holds nothing else."""
        if self.fixed is not None and self.fixed[i][k] >= 0 and self.fixed[i][k] != choice:
            return False
        return choice == 0 or self.capacity is None or self.capacity[i][choice - 1] >= 1

    def fits(self, store: Any, i: int) -> bool:
        """Whether node i has room for all that is in the store."""
        held = self._row(store)
        return self.capacity is None or all(held.count(t + 1) <= most for t, most in enumerate(self.capacity[i]))

    def part(self, s: Profile, i: int, k: int, share: float) -> float:
        """Node i's cost of object k, of whose place it pays placement cost less `share`."""
        tier = self._row(s[i])[k]
        if not self.allowed(i, k, tier):
            return math.inf
        place = (self.placement[i] - share) * self.price[tier - 1] if tier else 0.0
        asked = self.demand[i][k]
        return place + (asked * self.read(s, i, k) if asked else 0.0)

    def cost(self, s: Profile, i: int) -> float:
        if not self.fits(s[i], i):
            return math.inf
        return sum(self.part(s, i, k, self.subsidy[i]) for k in range(self.objects or 1))

    def social(self, s: Profile) -> float:
        if not all(self.fits(s[i], i) for i in range(self.nodes)):
            return math.inf
        return sum(self.part(s, i, k, 0.0) for i in range(self.nodes) for k in range(self.objects or 1))

    def everything(self) -> list[Any]:
        """All that a node may name, feasible or not."""
        choices = range(self.tiers + 1)
        return list(choices if self.objects is None else itertools.product(choices, repeat=self.objects))

    def stores(self, i: int) -> list[Any]:
        """All that node i can store."""
        able = [s for s in self.everything() if self.fits(s, i)]
        return [s for s in able if all(self.allowed(i, k, choice) for k, choice in enumerate(self._row(s)))]

    def profiles(self) -> list[Profile]:
        return list(itertools.product(*map(self.stores, range(self.nodes))))

    def is_equilibrium(self, s: Profile, slack: float = 1e-9) -> bool:
        return all(
            self.cost(s, i) <= self.cost((*s[:i], other, *s[i + 1 :]), i) + slack
            for i in range(self.nodes)
            for other in self.stores(i)
        )

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
