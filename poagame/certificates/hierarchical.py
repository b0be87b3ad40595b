r"""A lower bound on every placement in a caching game with limited storage on a hierarchical topology, from prices of places.

For any prices :math:`\pi \ge 0`, a placement within capacities C costs at least what it costs with each place dearer by π, less
:math:`\sum_i \pi_i C_i`. With prices but without limits objects are apart, and the best copies of one object are found group by
group: a group with a copy earns its gain and the best of its parts,

.. math:: A_c = g_c + \sum_{b \subset c} A_b^+ \text{ if some } A_b > 0, \text{ else } g_c + \max_b A_b.

So the least cost is at least :math:`\sum_k (\text{all miss}_k - A_{\text{root},k}^+) - \sum_i \pi_i C_i`, over the roots of the forest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.games.caching import CachingGame


@dataclass(frozen=True, eq=False, slots=True)
class HierarchicalGame:
    """A caching game of one tier on a hierarchy of groups.

    Attributes
    ----------
    radius : [L]
        Distances between nodes, ascending.
    groups : tuple of L arrays [n]
        The number of each node's group of nodes within that distance of each other.
    order : [n]
        Nodes such that those of any group follow each other.
    access, miss, hold : [n]
        What a unit of demand costs from one's own copy and without any, and what a place costs.
    capacity : [n]
        Places.
    """

    radius: FloatArray
    groups: tuple[IntArray, ...]
    order: IntArray
    access: FloatArray
    miss: FloatArray
    hold: FloatArray
    capacity: IntArray

    @classmethod
    def of(cls, game: CachingGame) -> Self:
        """Return the groups and costs of a game that `why_not` has nothing against."""
        radius, groups = _hierarchy(np.asarray(game.distance))
        n = game.num_players
        return cls(
            radius,
            groups,
            np.lexsort(groups) if groups else np.arange(n),
            np.broadcast_to(game.tiers.access, (n,)),
            np.asarray(game.miss_cost),
            game.hold_cost[:, 0],
            np.asarray(game.capacity)[:, 0],
        )

    @staticmethod
    def why_not(game: CachingGame) -> str | None:
        """What keeps a game from being of this kind; None if it is."""
        if not game.has_objects or game.capacity is None:
            return "it needs demand [n, K] and capacity"
        if game.num_tiers > 1:
            return f"it has {game.num_tiers} tiers"
        if game.fixed is not None:
            return "a leader has fixed choices"
        if not np.isfinite(game.miss_cost).all():
            return "a miss costs infinity"
        distance = np.asarray(game.distance)
        if not np.array_equal(distance, distance.T):
            return "its distances are not symmetric"
        apart = np.unique(distance[np.isfinite(distance)])
        if len(apart) > len(distance):  # a tree of n leaves joins them in n - 1 steps at most
            return "its distances are not hierarchical (ultrametric)"
        radius, groups = _hierarchy(distance)
        joined = np.full(distance.shape, np.inf)
        for r, labels in zip(radius[::-1], groups[::-1], strict=True):
            joined[labels[:, None] == labels] = r
        np.fill_diagonal(joined, 0.0)
        return None if np.array_equal(joined, distance) else "its distances are not hierarchical (ultrametric)"

    def own_gain(self, demand: FloatArray) -> FloatArray:
        """[n, Q]: what a copy of its own saves a node against the nearest other place, less the place's cost."""
        first = self.radius[0] if len(self.radius) else np.inf
        saved = np.minimum(self.miss, first + self.access) - np.minimum(self.miss, self.access)
        return demand * saved[:, None] - self.hold[:, None]

    def group_gains(self, demand: FloatArray) -> list[FloatArray]:
        """For each level [groups, Q]: what a copy in the group saves its nodes against the nearest one outside."""
        gains: list[FloatArray] = []
        for level, labels in enumerate(self.groups):
            near = self.radius[level] + self.access
            far = self.radius[level + 1] + self.access if level + 1 < len(self.radius) else np.inf
            saved = np.minimum(self.miss, far) - np.minimum(self.miss, near)
            member = csr_array((saved, (labels, np.arange(len(labels)))), shape=(int(labels.max()) + 1, len(labels)))
            gains.append(member @ demand)
        return gains

    def scale(self, game: CachingGame) -> float:
        """Cost of a miss for all, the size of the numbers that gains are taken from."""
        return float(self.miss @ np.asarray(game.demand).sum(axis=1))


def hierarchical_lower_bound(game: CachingGame, prices: ArrayLike) -> float:
    """Bound the social cost of every placement within the capacities from below.

    Parameters
    ----------
    game : CachingGame
        With demand [n, K], hierarchical distances, one tier, limited storage, finite miss costs and nothing fixed.
    prices : [n]
        π ≥ 0 of a place at each node; any are valid, those of the linear programme meet the optimum.

    Raises
    ------
    InvalidInput
        If prices are not [n], finite and ≥ 0, or the game is another.
    """
    require(isinstance(game, CachingGame), f"game is a CachingGame; got {type(game).__name__}")  # pyright: ignore[reportUnnecessaryIsInstance]
    price = as_floats(prices, "prices")
    require(
        price.shape == (game.num_players,) and bool((price >= 0).all()),
        f"prices must be [{game.num_players}], >= 0, one for a place at each node; got {price!r:.60}",
    )
    reason = HierarchicalGame.why_not(game)
    require(reason is None, f"the bound does not hold for this game: {reason}")
    tree = HierarchicalGame.of(game)
    demand = np.asarray(game.demand)
    worth = tree.own_gain(demand) - price[:, None]
    labels = np.arange(game.num_players)
    for gain, group in zip(tree.group_gains(demand), tree.groups, strict=True):
        parent = np.zeros(len(worth), dtype=np.int64)
        parent[labels] = group
        several, most = np.zeros(gain.shape), np.full(gain.shape, -np.inf)
        np.add.at(several, parent, np.maximum(worth, 0.0))
        np.maximum.at(most, parent, worth)
        worth, labels = gain + np.where(most > 0, several, most), group
    missed = float((np.asarray(game.miss_cost)[:, None] * demand).sum())
    return missed - float(np.maximum(worth, 0.0).sum()) - float(price @ tree.capacity)


def _hierarchy(distance: FloatArray) -> tuple[FloatArray, tuple[IntArray, ...]]:
    """Finite distances between different nodes, ascending, and the groups of nodes that each joins."""
    apart = distance[~np.eye(len(distance), dtype=bool)]
    radius = np.unique(apart[np.isfinite(apart)])
    groups = tuple(connected_components(csr_array(distance <= r), directed=False)[1].astype(np.int64) for r in radius)
    return radius, groups
