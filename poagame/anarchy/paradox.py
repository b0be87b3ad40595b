r"""Does more storage ever make selfish caching dearer? A search on two-level clusters, all pure equilibria of each game looked at.

With more places the optimum never costs more. Equilibria may: what one node keeps is no longer worth keeping for another, whose place then
goes to something that helps others less (the cache paradox [ma2020]_).

.. [ma2020] Ma, Yeh, Huang: Selfish caching games on directed graphs, arXiv 2012.14148.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from poagame._arrays import FloatArray, require
from poagame.errors import UndefinedRatio
from poagame.games import topologies
from poagame.games.caching import CachingGame
from poagame.games.checks import generator, whole
from poagame.solvers.enumeration import Census, census

Change: TypeAlias = Literal["node", "double"]

LARGEST_DEMAND = 12


@dataclass(frozen=True, eq=False, slots=True)
class StorageChange:
    """All pure equilibria of a game and of the same game with more storage.

    Attributes
    ----------
    before, after : CachingGame
    equilibria_before, equilibria_after : Census
        With `worst` and `best` None where there is no pure equilibrium; ratios then raise `UndefinedRatio`, as where equilibria were free.
    """

    before: CachingGame
    after: CachingGame
    equilibria_before: Census
    equilibria_after: Census

    @property
    def best_ratio(self) -> float:
        """Best equilibrium after over the best before; above 1: the best that selfishness allows is dearer."""
        return _ratio(self.equilibria_after.best_cost, self.equilibria_before.best_cost)

    @property
    def worst_ratio(self) -> float:
        """Worst equilibrium after over the worst before."""
        return _ratio(self.equilibria_after.worst_cost, self.equilibria_before.worst_cost)

    @property
    def sure_ratio(self) -> float:
        """Best equilibrium after over the worst before; above 1: every equilibrium is dearer than each was."""
        return _ratio(self.equilibria_after.best_cost, self.equilibria_before.worst_cost)


@dataclass(frozen=True, eq=False, slots=True)
class ParadoxSearch:
    """What a search over changes of storage found.

    Attributes
    ----------
    change : "node" or "double"
    num_games : int
        Games with equilibria before and after, climbing included.
    num_without : int
        Games left out: no pure equilibrium before or after, or a free one before.
    num_best, num_worst, num_sure : int
        How many of them have that ratio above 1.
    best, worst, sure : StorageChange or None
        Those with the largest ratios; None if no game was looked at.
    """

    change: Change
    num_games: int
    num_without: int
    num_best: int
    num_worst: int
    num_sure: int
    best: StorageChange | None
    worst: StorageChange | None
    sure: StorageChange | None

    def __str__(self) -> str:
        """A table."""
        rows = [("", "games with more cost", "largest ratio")]
        for name, count, found, ratio in (
            ("best equilibrium", self.num_best, self.best, "best_ratio"),
            ("worst equilibrium", self.num_worst, self.worst, "worst_ratio"),
            ("best after, worst before", self.num_sure, self.sure, "sure_ratio"),
        ):
            rows.append((name, f"{count:,}", "" if found is None else f"{getattr(found, ratio):.6g}"))
        widths = [max(len(row[k]) for row in rows) for k in range(3)]
        lines = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}".rstrip() for a, b, c in rows]
        what = "a node gets its first place" if self.change == "node" else "every node gets twice the places"
        return "\n".join([f"{what}: {self.num_games:,} games, {self.num_without:,} more left out", *lines])


def _ratio(after: float, before: float) -> float:
    if not (0.0 < before < np.inf and after < np.inf):
        raise UndefinedRatio(
            f"equilibria cost {before:g} before and {after:g} after (infinite: there is none), and no ratio is defined: take a game with "
            "equilibria on both sides and costs above 0"
        )
    return after / before


def more_storage(game: CachingGame, capacity: object) -> StorageChange:
    """Compare all pure equilibria of a small game with those of the same game and another capacity.

    Raises
    ------
    TooLarge
        If the game's stores are too many to number, or its profiles to look at.
    InvalidInput
        If the capacity does not fit the game.
    """
    require(isinstance(game, CachingGame), f"game is a CachingGame; got {type(game).__name__}")  # pyright: ignore[reportUnnecessaryIsInstance]
    after = game.limited(capacity)  # pyright: ignore[reportArgumentType] - checked there
    return StorageChange(game, after, census(game.numbered()), census(after.numbered()))


def search_paradox(
    change: Change = "node",
    *,
    nodes: int = 2,
    gpus_per_node: int = 2,
    objects: int = 3,
    games: int = 300,
    patience: int = 60,
    seed: int | np.random.Generator = 0,
) -> ParadoxSearch:
    """Look for games on two-level clusters in which more storage makes equilibria dearer.

    Games have one place a GPU (but "node": none at one GPU before), free of charge; reading within a node costs 1, across 2 to 12, a miss
    up to 30 more; demands are whole numbers to 12. From a random game the search climbs: a few demands or costs change at a time, and what
    does not lower `sure_ratio` stays.

    Parameters
    ----------
    change : "node" or "double"
        A GPU without storage gets a place, or every GPU gets a second one.
    nodes, gpus_per_node, objects : int
        Size of the games, each at least 1; all stores of all GPUs are looked at, so 4 GPUs and 3 objects take 10 ms a game, and larger
        ones far more.
    games : int
        How many to look at.
    patience : int
        Steps without a higher ratio after which a climb starts again from a random game.
    seed : int or numpy.random.Generator

    Raises
    ------
    InvalidInput
        If the change is unknown or a number out of its range.
    TooLarge
        If the games are too large to look at every profile.
    """
    require(change in get_args(Change), f"change is 'node' or 'double'; got {change!r:.40}")
    sizes = [whole(v, n, 1) for v, n in ((nodes, "nodes"), (gpus_per_node, "gpus_per_node"), (objects, "objects"))]
    budget, most_idle = whole(games, "games", 1), whole(patience, "patience", 1)
    rng = generator(seed)
    tried: list[StorageChange | None] = []
    while len(tried) < budget:
        at = _Draw.random(sizes, change, rng)
        highest, idle = -np.inf, 0
        while len(tried) < budget and idle <= most_idle:
            step = at.changed(rng)
            tried.append(found := step.compare())
            ratio = -np.inf if found is None else found.sure_ratio
            idle = 0 if ratio > highest else idle + 1
            if ratio >= highest:
                at, highest = step, ratio
    looked_at = [each for each in tried if each is not None]

    def raised(ratio: str) -> int:
        return sum(getattr(each, ratio) > 1.0 + 1e-9 for each in looked_at)

    def largest(ratio: str) -> StorageChange | None:
        return max(looked_at, key=lambda each: getattr(each, ratio), default=None)

    return ParadoxSearch(
        change,
        num_games=len(looked_at),
        num_without=len(tried) - len(looked_at),
        num_best=raised("best_ratio"),
        num_worst=raised("worst_ratio"),
        num_sure=raised("sure_ratio"),
        best=largest("best_ratio"),
        worst=largest("worst_ratio"),
        sure=largest("sure_ratio"),
    )


@dataclass(frozen=True, eq=False, slots=True)
class _Draw:
    """Numbers of a game: cost between nodes, what a miss costs above it, demands, and the GPU that gets a place."""

    sizes: list[int]
    change: Change
    between: int
    above: int
    demand: FloatArray
    gpu: int

    @classmethod
    def random(cls, sizes: list[int], change: Change, rng: np.random.Generator) -> _Draw:
        gpus = sizes[0] * sizes[1]
        asked = rng.random((gpus, sizes[2])) < 0.8
        demand = np.where(asked, rng.integers(0, LARGEST_DEMAND + 1, (gpus, sizes[2])), 0.0)
        return cls(sizes, change, int(rng.integers(2, 13)), int(rng.integers(1, 31)), demand, int(rng.integers(gpus)))

    def changed(self, rng: np.random.Generator) -> _Draw:
        demand = self.demand.copy()
        for _ in range(rng.integers(1, 4)):
            at = rng.integers(demand.shape[0]), rng.integers(demand.shape[1])
            demand[at] = rng.integers(0, LARGEST_DEMAND + 1)
        between = int(np.clip(self.between + rng.integers(-2, 3) * int(rng.random() < 0.25), 2, 12))
        above = int(np.clip(self.above + rng.integers(-4, 5) * int(rng.random() < 0.25), 1, 30))
        return _Draw(self.sizes, self.change, between, above, demand, self.gpu)

    def compare(self) -> StorageChange | None:
        if not self.demand.any():
            return None
        topology = topologies.two_level(self.sizes[0], self.sizes[1], intra=1.0, inter=float(self.between))
        one = np.ones((len(self.demand), 1), dtype=int)
        less = one.copy()
        less[self.gpu] = 0
        before, after = (less, one) if self.change == "node" else (one, 2 * one)
        if not before.any():
            return None
        game = CachingGame(
            topology.distance, 0.0, self.demand, capacity=before, miss_cost=float(self.between + self.above)
        )
        found = more_storage(game, after)
        missing = found.equilibria_before.worst is None or found.equilibria_after.worst is None
        return None if missing or found.equilibria_before.best_cost <= 0 else found
