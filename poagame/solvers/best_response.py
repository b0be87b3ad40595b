r"""Best-response dynamics: players move in turn to their cheapest action until nobody gains by moving.

In a game with an exact potential (static overlap, symmetric affinity) each move lowers it, so the dynamics end at a
pure equilibrium [monderer1996]_; elsewhere (arrival-order affinity) they may cycle, which the outcome then says. A
routing game runs as compiled code that keeps the loads: O(W) a visit, and O(N) more where there is affinity. So does a
congestion game whose cost tables fit, and a caching game, whose nodes move to their best store. Any other `FiniteGame`
runs on its `action_costs`.

.. [monderer1996] Monderer, Shapley: Potential games, Games and Economic Behavior 14 (1996), 124-143.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import jax
import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, require
from poagame.certificates.nash import NashCertificate, certify_nash
from poagame.games.caching import CachingGame
from poagame.games.checks import positive, whole
from poagame.games.congestion import CongestionGame
from poagame.games.protocols import FiniteGame, as_finite, as_profile, checked_costs
from poagame.games.routing import RoutingGame
from poagame.outcome import Outcome
from poagame.solvers.caching.dynamics import PlacementDynamics
from poagame.solvers.congestion.cells import cells_or_none
from poagame.solvers.congestion.rounds import play_cells
from poagame.solvers.routing.room import check_room
from poagame.solvers.routing.rounds import NOBODY, OUTSIDE, Problem, by_regret, in_turn, padded

Order = Literal["round_robin", "random", "most_regret"]
Moves = Literal["best", "better"]


@dataclass(frozen=True, slots=True)
class BestResponse:
    """How the dynamics run.

    Parameters
    ----------
    order : "round_robin", "random" or "most_regret"
        Who is visited next: players by number, by a new permutation each round (of the rows, where a routing game has
        `multiplicity`), or always the one who gains most (which looks at all costs for each move).
    max_steps : int, optional
        Most moves; 1,000 + 100 N where not given.
    rtol : float
        A player moves for a gain above `rtol` × its best cost. The default is a tenth of what the certificate takes for
        rounding; with a coarser one the dynamics may end short of an equilibrium, and the outcome says so.
    seed : int
        Of the random order, and of the random better moves in it.
    moves : "best" or "better"
        To the cheapest action, or to any that helps: the lowest numbered one, and in the random order a random one.

    Raises
    ------
    InvalidInput
        If the order or the moves are unknown, `max_steps` or the seed is no whole number of at least 0, or `rtol` is not positive.
    """

    order: Order = "round_robin"
    max_steps: int | None = None
    rtol: float = 1e-10
    seed: int = 0
    moves: Moves = "best"

    def __post_init__(self) -> None:
        orders = ("round_robin", "random", "most_regret")
        require(self.order in orders, f"order is one of {orders}; got {self.order!r}")
        require(self.moves in ("best", "better"), f"moves is 'best' or 'better'; got {self.moves!r}")
        if self.max_steps is not None:
            whole(self.max_steps, "max_steps")
        positive(self.rtol, "rtol, without which rounding alone makes players move,")
        require(
            not isinstance(self.seed, np.random.Generator),
            "seed of a BestResponse is a whole number, so that the record means the same each time; draw one with "
            "int(rng.integers(2**32))",
        )
        whole(self.seed, "seed")


@dataclass(frozen=True, eq=False, slots=True)
class Equilibrium:
    """Where the dynamics ended, with the certificate at that point.

    Attributes
    ----------
    profile : [N] int64
        [n, K] of a caching game of several objects.
    social_cost : float
    certificate : NashCertificate
        Evaluated at `profile` by code that shares nothing with the solver.
    outcome : Outcome
        CONVERGED exactly where the certificate holds.
    num_steps : int
        Moves made, arrivals not counted.
    """

    profile: IntArray
    social_cost: float
    certificate: NashCertificate
    outcome: Outcome
    num_steps: int

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.outcome} (social cost {self.social_cost:.6g}, largest regret {self.certificate.max_regret:.3g}, "
            f"{self.num_steps} moves of {len(self.profile)} players)"
        )


def equilibrium(game: FiniteGame, solver: BestResponse | None = None, start: ArrayLike | None = None) -> Equilibrium:
    """Find a pure Nash equilibrium by best-response dynamics.

    A visited player moves to its cheapest action, the lowest numbered of several; with `moves="better"` to any cheaper one.

    Parameters
    ----------
    game : FiniteGame
    solver : BestResponse, optional
    start : [N], optional
        Profile to begin with. Without it, the requests of a routing game arrive by number, each picking its cheapest
        worker given those before it; in any other game, and with better moves, all players begin with action 0. In a caching game of
        several objects [n, K]: without it nobody holds anything but what is fixed.

    Returns
    -------
    Equilibrium
        CONVERGED only if the certificate holds at the returned profile. CYCLE_FOUND is a proof that the dynamics never
        end (orders "round_robin" and "most_regret", where the profile decides what follows); the profile is then the
        last one.

    Raises
    ------
    InvalidInput
        If `start` is no profile, the workers cannot hold all requests below their capacities, a game's costs are NaN or −∞, or better
        moves are asked for in a caching game of several objects (there `game.numbered()` names them).

    Examples
    --------
    >>> import poagame as pg
    >>> game = pg.RoutingGame(pg.latency.Polynomial([[0.0, 1.0], [2.0, 0.0]]), [[0.0, 0.0]] * 3)
    >>> print(pg.equilibrium(game))
    converged: the certificate holds at the returned point (social cost 6, largest regret 0, 0 moves of 3 players)
    """
    solver = BestResponse() if solver is None else solver
    stores = isinstance(game, CachingGame) and game.has_objects
    game = game if stores else as_finite(game, "equilibrium")
    require(isinstance(solver, BestResponse), f"solver is a BestResponse(...); got {solver!r:.80}")
    limit = 1000 + 100 * game.num_players if solver.max_steps is None else solver.max_steps
    begin = None
    if start is not None:
        begin = game.as_profile(start) if isinstance(game, CachingGame) else as_profile(game, start)
        wanted = 2 if stores else 1
        require(
            begin.ndim == wanted,
            f"start is one profile {'[n, K]' if stores else '[N]'}; got shape {begin.shape}. poagame.batched takes many",
        )
    profile, steps, cycles = _dynamics(game, solver, begin, limit)
    certificate = certify_nash(game, profile)
    if certificate.holds:
        outcome = Outcome.CONVERGED
    elif cycles:
        outcome = Outcome.CYCLE_FOUND
    else:
        outcome = Outcome.MAX_STEPS_REACHED if steps >= limit else Outcome.NO_EQUILIBRIUM_FOUND
    return Equilibrium(profile, float(game.social_cost(profile)), certificate, outcome, steps)


_End: TypeAlias = tuple[IntArray, int, bool]
"""Last profile, moves made, whether a profile came back at the end of a round."""

_Play: TypeAlias = Callable[[IntArray, IntArray, int], tuple[IntArray, int]]
"""One round: from a profile, an order of visits and the most moves, the next profile and the moves made."""


@functools.singledispatch
def _dynamics(game: FiniteGame, solver: BestResponse, start: IntArray | None, limit: int) -> _End:
    """Run the dynamics of any finite game on its `action_costs`."""
    players = np.arange(game.num_players)
    draws = _draws(solver, len(players))

    def play(profile: IntArray, order: IntArray, budget: int) -> tuple[IntArray, int]:
        profile = profile.copy()
        moves, begin, chance = 0, 0, draws()
        while moves < min(budget, len(players)) and begin < len(players):
            costs = checked_costs(game, game.action_costs(profile))
            best, paid = costs.min(axis=1), costs[players, profile]
            wants = best + solver.rtol * np.abs(best) < paid
            if solver.order == "most_regret":
                gains = np.full(len(players), -np.inf)
                gains[wants] = paid[wants] - best[wants]
                mover = int(gains.argmax())
            else:
                begin += int(wants[order[begin:]].argmax())
                mover = int(order[begin])
                begin += 1
            if not wants[mover]:
                break
            if solver.moves == "best":
                profile[mover] = costs[mover].argmin()
            else:
                helps = np.flatnonzero(costs[mover] + solver.rtol * np.abs(costs[mover]) < paid[mover])
                profile[mover] = helps[int(chance[mover] * len(helps))]
            moves += 1
        return profile, moves

    return _rounds(play, np.zeros(len(players), np.int64) if start is None else start, len(players), solver, limit)


def _draws(solver: BestResponse, players: int) -> Callable[[], FloatArray]:
    """What picks among several better moves, a number in [0, 1) for each player a round: always the first, or a random one."""
    rng = np.random.default_rng((solver.seed, 1))
    return lambda: rng.random(players) if solver.order == "random" else np.zeros(players)


def _rounds(play: _Play, profile: IntArray, visits: int, solver: BestResponse, limit: int) -> _End:
    """Play until a round has no move, the limit is reached, or a profile comes back that decides all that follows."""
    rng = np.random.default_rng(solver.seed)
    order = np.arange(visits)
    steps, rounds, seen, next_seen = 0, 0, profile, 1
    while True:
        if solver.order == "random":
            order = rng.permutation(visits)
        profile, moves = play(profile, order, limit - steps)
        steps, rounds = steps + moves, rounds + 1
        if moves == 0 or steps >= limit:
            return profile, steps, False
        if solver.order != "random" and (profile == seen).all():
            return profile, steps, True
        if rounds == next_seen:  # Brent: remember ever later profiles
            seen, next_seen = profile, 2 * next_seen


@_dynamics.register
def _(game: RoutingGame, solver: BestResponse, start: IntArray | None, limit: int) -> _End:
    require(game.overlap.ndim == 2, "this is a batch of games: use poagame.batched.best_response")
    requests = game.num_players
    check_room(game)
    if solver.moves == "better":
        return _dynamics.dispatch(object)(game, solver, start, limit)
    rows, omega = len(game.overlap), float(game.overlap_weight)
    counts = np.ones(rows, np.int64) if game.multiplicity is None else np.array(game.multiplicity)
    width = min(1024, 1 << int(requests // rows - 1).bit_length())
    blocks = -(-counts // width)
    row = np.repeat(np.arange(rows), blocks)
    seats = np.full((padded(len(row)), width), NOBODY)
    taken = np.zeros(seats.shape, bool)
    size = np.full(len(row), width)
    size[np.cumsum(blocks) - 1] = counts - (blocks - 1) * width
    taken[: len(row)] = np.arange(width) < size[:, None]
    seats[taken] = OUTSIDE if start is None else start
    pad = (0, padded(rows) - rows)
    weight = np.ones(rows) if game.request_weight is None else game.weights
    problem = Problem(
        game.latency,
        np.pad(omega * np.asarray(game.overlap), (pad, (0, 0))),
        np.pad(weight, pad),
        None if game.affinity is None else np.pad(omega * np.asarray(game.affinity).T, (pad, pad)),
        np.pad(row, (0, len(seats) - len(row))),
        solver.rtol,
    )

    def play(seats: IntArray, order: IntArray, budget: int) -> tuple[IntArray, int]:
        if solver.order == "most_regret":
            after, moves = by_regret(problem, seats, budget)
        else:
            after, moves = in_turn(problem, seats, order, budget)
        return np.asarray(after), int(moves)

    # one game is a chain of tiny operations, for which an accelerator is no help
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        if start is None:  # without a move to spend, requests only arrive
            seats = np.asarray(in_turn(problem, seats, np.arange(len(seats)), 0)[0])
        seats, steps, cycles = _rounds(play, seats, len(seats), solver, limit)
    return seats[taken].astype(np.int64), steps, cycles


@_dynamics.register
def _(game: CongestionGame, solver: BestResponse, start: IntArray | None, limit: int) -> _End:
    profile = np.zeros(game.num_players, np.int64) if start is None else start
    has = game.available[game.row_of, profile].all()
    problem = cells_or_none(game) if has else None
    if problem is None:
        return _dynamics.dispatch(object)(game, solver, start, limit)
    draws = _draws(solver, game.num_players)
    better, by_regret = solver.moves == "better", solver.order == "most_regret"

    def play(profile: IntArray, order: IntArray, budget: int) -> tuple[IntArray, int]:
        cells = problem.cell_of(profile)
        moves = play_cells(
            problem.cost,
            problem.shape,
            problem.sets,
            problem.types.type_of,
            cells,
            order,
            solver.rtol,
            budget,
            better,
            by_regret,
            draws(),
        )
        return problem.action[cells], int(moves)

    return _rounds(play, profile, game.num_players, solver, limit)


@_dynamics.register
def _(game: CachingGame, solver: BestResponse, start: IntArray | None, limit: int) -> _End:
    if not game.has_objects and (solver.moves == "better" or solver.order == "most_regret"):
        return _dynamics.dispatch(object)(game, solver, start, limit)
    require(
        solver.moves == "best",
        "a store of several objects has too many better ones to number: use moves='best', or equilibrium(game.numbered(), ...) for a "
        "game of few objects",
    )
    dynamics = PlacementDynamics(game, solver.rtol)
    begin = np.zeros(game.demand.shape, np.int64) if start is None else start
    if start is None and game.has_objects and game.fixed is not None:
        begin = np.maximum(game.fixed, 0)
    play = dynamics.by_regret if solver.order == "most_regret" else dynamics.in_turn
    return _rounds(play, begin, game.num_players, solver, limit)
