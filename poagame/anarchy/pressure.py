r"""What selfish caching costs as storage gets scarce: working set over capacity.

The **working set** of a node is the number of objects that it asks for; pressure p gives every node :math:`\lfloor W / p \rfloor` places,
W the mean working set, and one at least. Up to p = 1 nodes with equal working sets keep what they read, and nothing is lost. Beyond, they
choose what to keep and whose copies to rely on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.errors import UndefinedRatio
from poagame.games.caching import CachingGame
from poagame.games.checks import whole
from poagame.outcome import Outcome
from poagame.solvers.best_response import BestResponse, equilibrium
from poagame.solvers.optimum import social_optimum


@dataclass(frozen=True, eq=False, slots=True)
class PressureCurve:
    """Costs at each pressure; ratios are over the optimum and labelled as what they are.

    Attributes
    ----------
    pressure : [P]
        Mean working set over places of a node.
    capacity : [P]
        Places of each node.
    optimum_cost, optimum_low : [P]
        The best placement found and the bound below all placements; equal where the optimum is proved.
    worst_cost, best_cost : [P]
        Dearest and cheapest *equilibrium found*, NaN where none was.
    converged : [P]
        Share of the starts that ended in a certified equilibrium.
    alone_cost : [P]
        Every node keeps what it reads most, as if there were no other: no equilibrium, but what caches do that know of no peers.
    working_set : float
        Mean over nodes of the number of objects asked for.
    """

    pressure: FloatArray
    capacity: IntArray
    optimum_cost: FloatArray
    optimum_low: FloatArray
    worst_cost: FloatArray
    best_cost: FloatArray
    converged: FloatArray
    alone_cost: FloatArray
    working_set: float

    def __len__(self) -> int:
        """P, the number of pressures."""
        return len(self.pressure)

    @property
    def worst_ratio(self) -> FloatArray:
        """[P]: worst equilibrium found over the optimum's cost, a lower bound on the price of anarchy."""
        return _ratio(self.worst_cost, self.optimum_cost)

    @property
    def best_ratio(self) -> FloatArray:
        """[P]: best equilibrium found over the optimum's bound, an upper bound on the price of stability."""
        return _ratio(self.best_cost, self.optimum_low)

    @property
    def alone_ratio(self) -> FloatArray:
        """[P]: cost of nodes that know of no peers over the optimum's."""
        return _ratio(self.alone_cost, self.optimum_cost)


def pressure_curve(
    game: CachingGame, pressure: ArrayLike, starts: int = 6, seed: int = 0, max_steps: int | None = None
) -> PressureCurve:
    """Find equilibria and optima of a caching game at rising pressure on its storage.

    Parameters
    ----------
    game : CachingGame
        With demand [n, K] and one tier; its capacity is replaced.
    pressure : [P]
        Above 0.
    starts : int
        Runs of best response at each pressure, each in a random order of its own: the first from empty storage, the second from what nodes
        would keep alone, the rest from random stores.
    seed : int
        Of orders and starts.
    max_steps : int, optional
        Of each run, as of `BestResponse`.

    Raises
    ------
    InvalidInput
        If the game has one object or several tiers, pressures are not positive, starts is no whole number of at least 1, or the seed none
        of at least 0.
    """
    require(isinstance(game, CachingGame), f"game is a CachingGame; got {type(game).__name__}")  # pyright: ignore[reportUnnecessaryIsInstance]
    p = np.atleast_1d(as_floats(pressure, "pressure"))
    require(
        p.ndim == 1 and p.size > 0 and bool((p > 0).all()), f"pressure must be numbers above 0; got {pressure!r:.60}"
    )
    require(game.has_objects, "pressure is of several objects on the storage of a node: give demand [n, K]")
    require(game.num_tiers == 1, f"pressure is on one tier; the game has {game.num_tiers}")
    runs, first = whole(starts, "starts", 1), whole(seed, "seed")
    working_set = float((np.asarray(game.demand) > 0).sum(axis=1).mean())
    capacity = np.clip(np.floor(working_set / np.maximum(p, 1e-9)), 1, 2.0**40).astype(np.int64)
    rows = [_at(game.limited(int(c)), runs, first, max_steps) for c in capacity]
    columns = np.array(rows).T
    return PressureCurve(p, capacity, *columns, working_set=working_set)


def alone(game: CachingGame) -> IntArray:
    """Return the profile in which every node keeps what it asks for most, of equal demands the first, up to its capacity.

    Raises
    ------
    InvalidInput
        If the game is no caching game with demand [n, K].
    """
    require(isinstance(game, CachingGame), f"game is a CachingGame; got {type(game).__name__}")  # pyright: ignore[reportUnnecessaryIsInstance]
    require(game.has_objects, "what a node keeps most of is of several objects: give demand [n, K]")
    value = np.asarray(game.demand)
    keep = np.argsort(-value, axis=1, kind="stable")
    rank = np.empty_like(keep)
    np.put_along_axis(rank, keep, np.broadcast_to(np.arange(value.shape[1]), value.shape), axis=1)
    room = value.shape[1] if game.capacity is None else np.asarray(game.capacity)[:, :1]
    return ((rank < room) & (value > 0)).astype(np.int64)


def _at(game: CachingGame, starts: int, seed: int, max_steps: int | None) -> tuple[float, ...]:
    """Optimum, its bound, worst and best equilibrium found, share of starts that converged, and the cost of nodes alone."""
    optimum, lonely = social_optimum(game), alone(game)
    rng = np.random.default_rng(seed)
    costs: list[float] = []
    for run in range(starts):
        start = lonely * 0 if run == 0 else lonely if run == 1 else _random_store(game, rng)
        found = equilibrium(game, BestResponse("random", max_steps=max_steps, seed=seed + run), start)
        if found.outcome is Outcome.CONVERGED:
            costs.append(found.social_cost)
    worst, best = (max(costs), min(costs)) if costs else (np.nan, np.nan)
    # an equilibrium may be better than what a heuristic took for the optimum
    least = float(np.fmin(optimum.social_cost, best))
    return least, min(optimum.lower_bound, least), worst, best, len(costs) / starts, float(game.social_cost(lonely))


def _random_store(game: CachingGame, rng: np.random.Generator) -> IntArray:
    """As many copies as fit, of objects drawn from those asked for."""
    asked = np.where(np.asarray(game.demand) > 0, rng.random(game.demand.shape), 0.0)
    room = np.asarray(game.capacity)[:, :1]
    rank = np.argsort(np.argsort(-asked, axis=1), axis=1)
    return ((rank < room) & (asked > 0)).astype(np.int64)


def _ratio(cost: FloatArray, over: FloatArray) -> FloatArray:
    if not (over > 0).all():
        raise UndefinedRatio(
            "the optimum may cost nothing where every node keeps all that it reads, and no ratio is defined there: give tiers with "
            "an access time above 0, or leave out the lowest pressures"
        )
    return cost / over
