r"""All pure equilibria of a congestion game, and the worst and best of them, by a pruned search that misses none.

Players are placed one by one, equal players by their number in each action. Latencies do not decrease, so a resource
costs between its cost at the load placed so far and at that load plus everyone who may still come. A branch is cut as soon as some
placed player certainly gains by a deviation:

- with each load by itself at its least (what the player leaves) or its most (where it goes);
- where all weights are equal, jointly: costs are bounded by lines of the number of players who still come, and each of those picks
  the action that favours the present player's choice most. With affine latencies this bound is exact for one player's
  deviation, so dominated actions are never looked at.

Loads are indices into tables. Players of equal weight count by number; different weights by the number of each weight, so
the table of a resource has :math:`\prod_c (n_c + 1)` loads for :math:`n_c` players of weight c that can use it. Where the tables
are too large or a latency decreases, small games are decided by looking at every profile. A singleton game in which equal players may
use the same resources is searched by its load vectors instead (`solvers.routing.load_vectors`). The method is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from poagame._arrays import FloatArray, IntArray
from poagame.certificates.nash import TIE_RTOL
from poagame.errors import TooLarge
from poagame.games.congestion import CongestionGame
from poagame.games.protocols import num_profiles_exceed
from poagame.games.routing import RoutingGame
from poagame.latency import Latency
from poagame.solvers.congestion import search_compiled as compiled
from poagame.solvers.congestion.cells import CellProblem, FallingLatency, cell_problem
from poagame.solvers.enumeration import MAX_LISTED, MAX_PROFILES, Census, Equilibria, _sorted, census, equilibria
from poagame.solvers.routing.load_vectors import extreme_equilibria, typed_problem

MAX_COSTS = 10_000_000
"""Most costs (profiles × players × actions) of a look at every profile where the tables are too large (seconds)."""

MAX_NODES = 5_000_000
"""Most partial placements that a search looks at (tens of seconds)."""


@dataclass(frozen=True, eq=False, slots=True)
class CongestionExtremes:
    """The dearest and the cheapest pure equilibrium of a congestion game; no profile where there is none.

    Attributes
    ----------
    worst, best : [N] or None
    worst_cost, best_cost : float
    num_nodes : int
        What was looked at, counted.
    looked_at : str
        "load vectors", "partial placements" or "profiles".
    """

    worst: IntArray | None
    best: IntArray | None
    worst_cost: float
    best_cost: float
    num_nodes: int
    looked_at: str = "partial placements"


def extreme_pure_equilibria(game: CongestionGame, max_nodes: int = MAX_NODES) -> CongestionExtremes:
    """Worst and best pure equilibrium by exhaustive pruned search, without a list of them.

    Raises
    ------
    TooLarge
        If more than `max_nodes` partial placements would be looked at, or the tables and the number of profiles are too large.
    InvalidInput
        If a latency is NaN, or decreases in a game that is too large to look at every profile.
    """
    routing = as_routing(game)
    if routing is not None:
        problem = typed_problem(routing)
        found = extreme_equilibria(problem)
        worst, best = (from_routing(game, problem.profile(flow)) for flow in (found.worst, found.best))
        return CongestionExtremes(worst, best, found.worst_cost, found.best_cost, found.num_nodes, "load vectors")
    problem = cells_or_census(game)
    if isinstance(problem, Census):
        profiles = game.num_actions**game.num_players
        return CongestionExtremes(
            problem.worst, problem.best, problem.worst_cost, problem.best_cost, profiles, "profiles"
        )
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
    try:
        problem = cell_problem(game)
    except (TooLarge, FallingLatency):
        if num_profiles_exceed(game, MAX_PROFILES):
            raise
        return equilibria.dispatch(object)(game)
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


def cells_or_census(game: CongestionGame) -> CellProblem | Census:
    """The game as arrays; where the tables do not express it, what a look at every profile finds.

    Raises
    ------
    TooLarge
        If tables and census are too large.
    InvalidInput
        If a latency is NaN, or decreases in a game that is too large for the census.
    """
    try:
        return cell_problem(game)
    except (TooLarge, FallingLatency) as error:
        # where labelled bounds are to be had, they are not waited for long
        falls = isinstance(error, FallingLatency)
        limit, entries = (MAX_PROFILES, 1) if falls else (MAX_COSTS, game.num_players * game.num_actions)
        if num_profiles_exceed(game, limit, entries):
            raise
        return census(game)


def as_routing(game: CongestionGame) -> RoutingGame | None:
    """The same game as requests of one type that choose workers, where it is one, else None.

    It is where players have weight 1, one rising latency and single resources, the same ones for all, and the total as social cost.
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
    loads = np.unique(np.linspace(0.0, game.num_players + 1.0, min(game.num_players + 2, 10_000)).round())
    costs = game.latency(np.broadcast_to(loads[:, None], (len(loads), game.num_resources)))
    if not (np.diff(costs, axis=0) >= -1e-13 * np.abs(costs).max(axis=0)).all():
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


def _pairs(problem: CellProblem) -> tuple[IntArray, IntArray, IntArray]:
    """For each cell c and each cell d of its type, in order: the resources of c that d lacks."""
    kind, start, uses = problem.kind, problem.shape.start, problem.uses
    options = np.diff(start)
    at = np.concatenate([[0], np.cumsum(options[kind])[:-1]]).astype(np.int64)
    size, only = [np.zeros(1, np.int64)], []
    for begin, end in pairwise(start):
        block = uses[begin:end, None] & ~uses[None, begin:end]
        size.append(block.sum(axis=2).reshape(-1))
        only.append(np.nonzero(block)[2])
    return at, np.cumsum(np.concatenate(size)).astype(np.int64), np.concatenate(only).astype(np.int64)
