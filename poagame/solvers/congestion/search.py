r"""All pure equilibria of a congestion game, and the worst and best of them, by a pruned search that misses none.

Players are placed one by one, equal players by their number in each action. Latencies do not decrease, so a resource
costs between its cost at the load placed so far and at that load plus everyone who may still come. A branch is cut as soon as some
placed player certainly gains by a deviation:

- with each load by itself at its least (what the player leaves) or its most (where it goes);
- where all weights are equal, jointly: costs are bounded by lines of the number of players who still come, and each of those picks
  the action that favours the present player's choice most. With affine latencies this bound is exact for one player's
  deviation, so dominated actions are never looked at.

Loads are indices into tables. Players of equal weight count by number; different weights by the number of each weight, so
a table has :math:`\prod_c (n_c + 1)` loads for :math:`n_c` players of weight c. A singleton game in which equal players may
use the same resources is searched by its load vectors instead (`solvers.routing.load_vectors`). The method is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import factorial, prod
from typing import Any

import numpy as np

from poagame._arrays import FloatArray, IntArray, require
from poagame.certificates.nash import TIE_RTOL
from poagame.errors import InvalidInput, TooLarge
from poagame.games.congestion import CongestionGame, PlayerTypes
from poagame.games.routing import RoutingGame
from poagame.latency import Latency
from poagame.solvers.congestion import search_compiled as compiled
from poagame.solvers.enumeration import MAX_LISTED, Equilibria, _sorted, equilibria
from poagame.solvers.routing.load_vectors import extreme_equilibria, typed_problem

MAX_NODES = 5_000_000
"""Most partial placements that a search looks at (tens of seconds)."""

MAX_TABLE = 30_000_000
"""Most entries latencies × resources × loads of the cost tables (240 MB)."""


@dataclass(frozen=True, eq=False, slots=True)
class CellProblem:
    """A congestion game as arrays. A cell is an action of a type; x [C] counts the players in each.

    Attributes
    ----------
    cost : [L, R, S]
        Latencies at each load index.
    load : [S]
        The load that an index stands for.
    shape, sets : tuples of arrays
        What the compiled searches read: types and cells; the resources of each cell.
    linear : bool
        Whether all weights are equal, so that an index is a number of players.
    action : [C]
        The action of each cell.
    types : PlayerTypes
    makespan : bool
    slack : float
        More than what counts as a tie at any profile: a gain above it is a gain.
    """

    cost: FloatArray
    load: FloatArray
    shape: tuple[Any, ...]
    sets: tuple[IntArray, IntArray]
    linear: bool
    action: IntArray
    types: PlayerTypes
    makespan: bool
    slack: float

    @property
    def kind(self) -> IntArray:
        """[C]: type of each cell."""
        return self.shape[4]

    @property
    def uses(self) -> np.ndarray:
        """[C, R] bool: the resources of each cell."""
        at, members = self.sets
        uses = np.zeros((len(at) - 1, self.cost.shape[1]), bool)
        uses[np.repeat(np.arange(len(at) - 1), np.diff(at)), members] = True
        return uses

    def profile(self, x: IntArray) -> IntArray:
        """A profile [N] with x [C] players in each cell, earlier players on lower actions."""
        profile = np.empty(len(self.types.type_of), np.int64)
        profile[np.argsort(self.types.type_of, kind="stable")] = np.repeat(self.action, x)
        return profile

    def cell_of(self, profile: IntArray) -> IntArray:
        """The cell [N] of each player at a profile of actions that the players have."""
        return (self.shape[5][self.types.type_of] + profile).astype(np.int64)

    def count(self, x: IntArray) -> int:
        """Profiles that have x players in each cell."""
        return prod(factorial(int(m)) for m in self.types.counts) // prod(factorial(int(n)) for n in x)


def cell_problem(game: CongestionGame) -> CellProblem:
    """Tabulate a congestion game.

    Raises
    ------
    TooLarge
        If the cost tables have more than `MAX_TABLE` entries.
    InvalidInput
        If a latency decreases with load.
    """
    types = _fewest_actions_first(game, game.types())
    weight, counts = np.asarray(game.row_weights)[types.row], types.counts
    latencies = [game.latencies[i] for i in np.unique(game.latency_of[types.row])]
    which = np.unique(game.latency_of[types.row], return_inverse=True)[1].reshape(-1).astype(np.int64)
    sizes, of_type = np.unique(weight, return_inverse=True)
    of_type = of_type.reshape(-1)
    radix = np.bincount(of_type, counts, minlength=len(sizes)).astype(np.int64) + 1
    loads = prod(int(n) for n in radix)
    if loads * game.num_resources * len(latencies) > MAX_TABLE:
        raise TooLarge(
            f"{game.num_players} players of {len(sizes)} weights have {loads:,} loads, which on {game.num_resources} resources of "
            f"{len(latencies)} latencies are more table entries than {MAX_TABLE:,}. equilibrium(game) finds one equilibrium of any game"
        )
    strides = np.concatenate([[1], np.cumprod(radix[:-1])]).astype(np.int64)
    numbers = np.arange(loads)[:, None] // strides % radix
    load: FloatArray = (numbers @ sizes).astype(np.float64)
    cost = np.stack([_table(latency, load, game.num_resources) for latency in latencies])
    _check_rising(cost, radix)
    available = game.available[types.row]
    kind, action = (a.astype(np.int64) for a in np.nonzero(available))
    uses = game.incidence[types.row][kind, action]
    start = np.concatenate([[0], np.cumsum(available.sum(axis=1))]).astype(np.int64)
    stride = strides[of_type]
    later = np.zeros(uses.shape, bool)
    for c in range(len(kind) - 2, -1, -1):
        if kind[c] == kind[c + 1]:
            later[c] = later[c + 1] | uses[c + 1]
    anyone = np.logical_or.reduceat(uses, start[:-1], axis=0) * (counts * stride)[:, None]
    rest = np.concatenate([np.cumsum(anyone[::-1], axis=0)[::-1], np.zeros((1, game.num_resources), np.int64)]).astype(
        np.int64
    )
    finite = np.where(np.isfinite(cost), np.abs(cost), 0.0).max(axis=2)
    scale = float((finite[which[kind]] * uses).sum(axis=1).max())
    return CellProblem(
        cost,
        load,
        (which, stride, counts, weight, kind, start, later, rest),
        _ragged(uses),
        len(sizes) == 1,
        action,
        types,
        game.objective == "makespan",
        2.0 * TIE_RTOL * scale,
    )


def _fewest_actions_first(game: CongestionGame, types: PlayerTypes) -> PlayerTypes:
    """The same types in another order: players without a choice are placed first, for their load sharpens every bound."""
    order = np.argsort(game.available[types.row].sum(axis=1), kind="stable")
    return PlayerTypes(types.row[order], types.counts[order], np.argsort(order)[types.type_of])


@dataclass(frozen=True, eq=False, slots=True)
class CongestionExtremes:
    """The dearest and the cheapest pure equilibrium of a congestion game; no profile where there is none.

    Attributes
    ----------
    worst, best : [N] or None
    worst_cost, best_cost : float
    num_nodes : int
        Partial placements looked at.
    """

    worst: IntArray | None
    best: IntArray | None
    worst_cost: float
    best_cost: float
    num_nodes: int


def extreme_pure_equilibria(game: CongestionGame, max_nodes: int = MAX_NODES) -> CongestionExtremes:
    """Worst and best pure equilibrium by exhaustive pruned search, without a list of them.

    Raises
    ------
    TooLarge
        If more than `max_nodes` partial placements would be looked at, or the tables are too large.
    """
    routing = as_routing(game)
    if routing is not None:
        problem = typed_problem(routing)
        found = extreme_equilibria(problem)
        worst, best = (from_routing(game, problem.profile(flow)) for flow in (found.worst, found.best))
        return CongestionExtremes(worst, best, found.worst_cost, found.best_cost, found.num_nodes)
    problem = cell_problem(game)
    nodes, number, costs, extremes = _search(game, problem, np.zeros((0, len(problem.action)), np.int64), max_nodes)
    if not number:
        return CongestionExtremes(None, None, -np.inf, np.inf, nodes)
    worst, best = (problem.profile(x) for x in extremes)
    return CongestionExtremes(worst, best, float(costs[0]), float(costs[1]), nodes)


@equilibria.register
def _(game: CongestionGame) -> Equilibria:
    routing = as_routing(game)
    if routing is not None:
        found = equilibria(routing)
        profiles = np.stack([from_routing(game, p) for p in found.profiles])
        return _sorted(profiles, np.asarray(game.social_cost(profiles)), list(found.multiplicity))
    problem = cell_problem(game)
    number, buffer = 1024, np.zeros((0, len(problem.action)), np.int64)
    while number > len(buffer):
        if number > MAX_LISTED or number * game.num_players > 50_000_000:
            raise TooLarge(
                f"{number:,} equilibria; {MAX_LISTED:,} are listed at most (fewer of many players). extreme_pure_equilibria(game) and "
                "price_of_anarchy(game) need no list of them"
            )
        buffer = np.zeros((number, len(problem.action)), np.int64)
        _, number, _, _ = _search(game, problem, buffer, MAX_NODES)
    listed = buffer[:number]
    profiles = np.array([problem.profile(x) for x in listed], np.int64).reshape(number, game.num_players)
    social = np.asarray(game.social_cost(profiles)) if number else np.zeros(0)
    return _sorted(profiles, social, [problem.count(x) for x in listed])


def as_routing(game: CongestionGame) -> RoutingGame | None:
    """The same game as requests of one type that choose workers, where it is one, else None.

    It is where players have weight 1, one latency and single resources, the same ones for all, and the total as social cost.
    """
    single = game.is_singleton and isinstance(game.latency, Latency) and game.objective == "total"
    if not single or not bool((game.row_weights == 1).all()):
        return None
    allowed, each = game.incidence.any(axis=1), game.incidence.sum(axis=1)
    if not (allowed == allowed[0]).all() or each.max() > 1:
        return None
    resources = np.flatnonzero(allowed[0])
    assert isinstance(game.latency, Latency)
    crowded = game.latency(np.full(game.num_resources, game.num_players + 1.0))
    if not np.isfinite(crowded).all():
        return None
    latency = _Chosen(game.latency, tuple(resources.tolist()))
    return RoutingGame(latency, np.zeros((1, len(resources))), multiplicity=[game.num_players])


def from_routing(game: CongestionGame, workers: IntArray) -> IntArray:
    """A profile [N] of the congestion game from workers [N] of `as_routing(game)`."""
    resources = np.flatnonzero(game.incidence.any(axis=(0, 1)))
    action = game.incidence.argmax(axis=1)[:, resources]  # [K, W]: the action of a row that uses a resource
    return action[game.row_of, workers].astype(np.int64)


class _Chosen(Latency):
    """Some resources of a latency."""

    latency: Latency
    resources: tuple[int, ...]

    @property
    def num_resources(self) -> int:
        """W, the number of resources chosen."""
        return len(self.resources)

    def value(self, load: Any) -> Any:
        """ℓ of those chosen."""
        return self._of("value", load)

    def derivative(self, load: Any) -> Any:
        """ℓ′ of those chosen."""
        return self._of("derivative", load)

    def curvature(self, load: Any) -> Any:
        """ℓ″ of those chosen."""
        return self._of("curvature", load)

    def primitive(self, load: Any) -> Any:
        """∫ℓ of those chosen."""
        return self._of("primitive", load)

    def _of(self, name: str, load: Any) -> Any:
        given = np.broadcast_to(load, (*np.shape(load)[:-1], self.num_resources))
        whole = np.zeros((*given.shape[:-1], self.latency.num_resources))
        whole[..., self.resources] = given
        return getattr(self.latency, name)(whole)[..., self.resources]


def _search(
    game: CongestionGame, problem: CellProblem, found: IntArray, max_nodes: int
) -> tuple[int, int, FloatArray, IntArray]:
    costs, extremes = np.array([-np.inf, np.inf]), np.zeros((2, len(problem.action)), np.int64)
    nodes, number = compiled.search(
        problem.cost,
        problem.shape,
        problem.sets,
        _pairs(problem),
        problem.linear,
        problem.slack,
        TIE_RTOL,
        problem.makespan,
        max_nodes,
        found,
        costs,
        extremes,
    )
    if nodes > max_nodes:
        raise TooLarge(
            f"{game.num_players} players of {len(problem.types.counts)} types with {game.num_actions} actions need more than "
            f"{max_nodes:,} partial placements; pure_extremes(game) bounds worst and best equilibrium by an integer programme, "
            "equilibrium(game) finds one equilibrium"
        )
    return int(nodes), int(number), costs, extremes


def _table(latency: Latency, load: FloatArray, resources: int) -> FloatArray:
    """[R, S] latency at each load."""
    return np.ascontiguousarray(np.asarray(latency(np.broadcast_to(load[:, None], (len(load), resources)))).T)


def _check_rising(cost: FloatArray, radix: IntArray) -> None:
    """Refuse latencies that decrease by more than rounding."""
    cube = cost.reshape(-1, *radix[::-1])
    known = np.isfinite(cube)
    scale = np.abs(np.where(known, cube, 0.0)).max(axis=tuple(range(1, cube.ndim)), keepdims=True)
    for axis in range(1, cube.ndim):
        with np.errstate(invalid="ignore"):
            falls = np.diff(cube, axis=axis) < -1e-13 * scale
        require(not falls.any(), "a latency decreases with load; the search needs nondecreasing ones")
    if np.isnan(cost).any():
        raise InvalidInput("a latency is NaN at some load")


def _ragged(sets: np.ndarray) -> tuple[IntArray, IntArray]:
    """Rows of a boolean matrix as offsets and members."""
    at = np.concatenate([[0], np.cumsum(sets.sum(axis=1))]).astype(np.int64)
    return at, np.nonzero(sets)[1].astype(np.int64)


def _pairs(problem: CellProblem) -> tuple[IntArray, IntArray, IntArray]:
    """For each cell c and each cell d of its type, in order: the resources of c that d lacks."""
    kind, start, uses = problem.kind, problem.shape[5], problem.uses
    options = np.diff(start)
    at = np.concatenate([[0], np.cumsum(options[kind])[:-1]]).astype(np.int64)
    size, only = [np.zeros(1, np.int64)], []
    for begin, end in pairwise(start):
        block = uses[begin:end, None] & ~uses[None, begin:end]
        size.append(block.sum(axis=2).reshape(-1))
        only.append(np.nonzero(block)[2])
    return at, np.cumsum(np.concatenate(size)).astype(np.int64), np.concatenate(only).astype(np.int64)
