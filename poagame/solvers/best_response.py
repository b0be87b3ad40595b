r"""Best-response dynamics: players move in turn to their cheapest action until nobody gains by moving.

In a game with an exact potential (static overlap, symmetric affinity) each move lowers it, so the dynamics end at a pure equilibrium
[monderer1996]_; elsewhere (arrival-order affinity) they may cycle, which the outcome then says. A routing game runs as compiled code
that keeps the loads: O(W) a visit, and O(N) more a move where there is affinity. Any other `FiniteGame` runs on its `action_costs`.

.. [monderer1996] Monderer, Shapley: Potential games, Games and Economic Behavior 14 (1996), 124-143.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import ArrayLike

from poagame._arrays import Array, FloatArray, IntArray, require
from poagame.certificates.nash import NashCertificate, certify_nash
from poagame.errors import InvalidInput
from poagame.games.protocols import FiniteGame, as_profile
from poagame.games.routing import RoutingGame
from poagame.latency import Latency
from poagame.outcome import Outcome

Order = Literal["round_robin", "random", "most_regret"]


@dataclass(frozen=True, slots=True)
class BestResponse:
    """How the dynamics run.

    Parameters
    ----------
    order : "round_robin", "random" or "most_regret"
        Who is visited next: players by number, by a new permutation each round, or always the one who gains most (which looks at all
        N × A costs for each move).
    max_steps : int, optional
        Most moves; 1,000 + 100 N where not given.
    atol : float
        A player moves for a gain above `atol` × the larger of 1 and its best cost. The default is a tenth of what the certificate
        takes for rounding; with a coarser one the dynamics may end short of an equilibrium, and the outcome says so.
    seed : int
        Of the random order.

    Raises
    ------
    InvalidInput
        If the order is unknown, `max_steps` or the seed is negative, or `atol` is not positive.
    """

    order: Order = "round_robin"
    max_steps: int | None = None
    atol: float = 1e-10
    seed: int = 0

    def __post_init__(self) -> None:
        orders = ("round_robin", "random", "most_regret")
        require(self.order in orders, f"order is one of {orders}; got {self.order!r}")
        require(self.max_steps is None or self.max_steps >= 0, f"max_steps must be >= 0; got {self.max_steps}")
        require(0.0 < self.atol < np.inf, f"atol must be positive, or rounding alone makes players move; got {self.atol}")
        require(self.seed >= 0, f"seed must be >= 0; got {self.seed}")


@dataclass(frozen=True, eq=False, slots=True)
class Equilibrium:
    """Where the dynamics ended, with the certificate at that point.

    Attributes
    ----------
    profile : [N] int64
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
    """A pure Nash equilibrium by best-response dynamics.

    A visited player moves to its cheapest action, the lowest numbered of several.

    Parameters
    ----------
    game : FiniteGame
    solver : BestResponse, optional
    start : [N], optional
        Profile to begin with. Without it, the requests of a routing game arrive by number, each picking its cheapest worker given
        those before it; in any other game all players begin with action 0.

    Returns
    -------
    Equilibrium
        CONVERGED only if the certificate holds at the returned profile. CYCLE_FOUND is a proof that the dynamics never end (orders
        "round_robin" and "most_regret", where the profile decides what follows); the profile is then the last one.

    Raises
    ------
    InvalidInput
        If `start` is no profile, the workers cannot hold all requests below their capacities, or a game's costs are NaN or −∞.

    Examples
    --------
    >>> import poagame as pg
    >>> game = pg.RoutingGame(pg.latency.Polynomial([[0.0, 1.0], [2.0, 0.0]]), [[0.0, 0.0]] * 3)
    >>> print(pg.equilibrium(game))
    converged: the certificate holds at the returned point (social cost 6, largest regret 0, 0 moves of 3 players)
    """
    solver = solver or BestResponse()
    limit = 1000 + 100 * game.num_players if solver.max_steps is None else solver.max_steps
    begin = None
    if start is not None:
        begin = as_profile(game, start)
        require(begin.ndim == 1, f"start is one profile [N]; got shape {begin.shape}. poagame.batched takes many")
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


@functools.singledispatch
def _dynamics(game: FiniteGame, solver: BestResponse, start: IntArray | None, limit: int) -> _End:
    """The dynamics of any finite game, on its `action_costs`."""
    players = np.arange(game.num_players)
    profile = np.zeros(len(players), np.int64) if start is None else start.copy()
    rng = np.random.default_rng(solver.seed)
    steps, rounds, seen, seen_again = 0, 0, profile.copy(), 1
    costs = _checked_costs(game, profile)
    while True:
        order = rng.permutation(players) if solver.order == "random" else players
        begin, before = 0, steps
        for _ in players:  # a round is at most N moves
            best, paid = costs.min(axis=1), costs[players, profile]
            wants = best + solver.atol * np.maximum(1.0, np.abs(best)) < paid
            if solver.order == "most_regret":
                gains = np.full(len(players), -np.inf)
                gains[wants] = paid[wants] - best[wants]
                mover = int(gains.argmax())
            else:
                visit = begin + int(wants[order[begin:]].argmax())
                begin, mover = visit + 1, int(order[visit])
            if not wants[mover] or steps == limit:
                break
            profile[mover] = costs[mover].argmin()
            steps += 1
            costs = _checked_costs(game, profile)
            if begin == len(players):
                break
        rounds += 1
        if steps == before or steps == limit:
            return profile, steps, False
        if solver.order != "random" and (profile == seen).all():
            return profile, steps, True
        if rounds == seen_again:  # Brent: remember ever later profiles
            seen, seen_again = profile.copy(), 2 * seen_again


def _checked_costs(game: FiniteGame, profile: IntArray) -> FloatArray:
    costs = np.asarray(game.action_costs(profile), dtype=np.float64)
    wanted = (game.num_players, game.num_actions)
    require(costs.shape == wanted, f"action_costs of {type(game).__name__} must have shape {wanted}; got {costs.shape}")
    require(bool((costs > -np.inf).all()), f"action_costs of {type(game).__name__} hold NaN or -inf at profile {profile}")
    return costs


def check_room(latency: Latency, requests: int, workers: int, total_weight: Array | None = None) -> None:
    """Refuse games whose requests cannot all be below the capacities of their workers.

    Parameters
    ----------
    latency : Latency
        Of G·W resources, game after game.
    requests, workers : int
    total_weight : [G], optional
        Total load of each game; `requests` where not given. Then only the total is checked, not whether single weights can be packed.
    """
    games = latency.num_resources // workers
    total = np.full(games, float(requests)) if total_weight is None else np.asarray(total_weight, dtype=np.float64)
    if np.isfinite(latency(np.repeat(total, workers))).all():
        return
    # room of each worker in whole requests, or in 2^-40 of the total weight and rounded up, by bisection
    most = requests if total_weight is None else 1 << 40
    unit = np.repeat(total / most, workers)
    low, high = np.zeros(len(unit), np.int64), np.full(len(unit), most + 1)
    while (high - low > 1).any():
        middle = (low + high) // 2
        fits = np.isfinite(latency(middle * unit))
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    room = (low + (total_weight is not None)).reshape(games, workers).sum(axis=1)
    short = np.flatnonzero(room < most)
    if len(short):
        g = int(short[0])
        which = f"game {g}: " if games > 1 else ""
        raise InvalidInput(
            f"{which}a total load of {total[g]:g} does not fit: the workers hold {room[g] * unit[g * workers]:g} below their capacities "
            "together; raise capacities, or take fewer requests"
        )


class _Problem(NamedTuple):
    """A routing game padded to few shapes: only the first `num_requests` of N are played."""

    latency: Latency
    gain: Array
    """[K, W]: overlap_weight × overlap of each row."""
    row: Array
    """[N]: row of each request."""
    weight: Array
    """[N]"""
    influence: Array | None
    """[N, N]: overlap_weight × what all requests (columns) gain from the company of one (rows)."""
    num_requests: int


class _State(NamedTuple):
    loads: Array
    """[W]"""
    pull: Array | None
    """[W, N]: what each request would gain from those on each worker."""
    steps: Array


@_dynamics.register
def _(game: RoutingGame, solver: BestResponse, start: IntArray | None, limit: int) -> _End:
    require(game.overlap.ndim == 2, "this is a batch of games: use poagame.batched.best_response")
    requests, workers = game.num_players, game.num_actions
    check_room(game.latency, requests, workers, None if game.request_weight is None else game.weights.sum(keepdims=True))
    rows = len(game.overlap)
    size, num_rows = _padded(requests), _padded(rows)
    omega = float(game.overlap_weight)
    counts = np.ones(rows, np.int64) if game.multiplicity is None else np.array(game.multiplicity)
    pad = (0, size - requests)
    problem = _Problem(
        game.latency,
        np.pad(omega * np.asarray(game.overlap), ((0, num_rows - rows), (0, 0))),
        np.pad(np.repeat(np.arange(rows), counts), pad),
        np.pad(game.weights, pad),
        None if game.affinity is None else np.pad(omega * np.asarray(game.affinity).T, (pad, pad)),
        requests,
    )
    begin = np.pad(np.full(requests, -1) if start is None else start, pad, constant_values=-1)
    # one game is a chain of tiny operations, for which an accelerator is no help
    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        key = jax.random.key(solver.seed, impl="threefry2x32")
        found = _routing_dynamics(problem, begin, limit, solver.atol, key, order=solver.order)
        profile, steps, cycles = (np.asarray(part) for part in found)
    return profile[:requests].copy(), int(steps), bool(cycles)


def _padded(size: int) -> int:
    """The next power of two up to 1024, then of thousands: games of similar size share compiled code."""
    return max(8, 1 << (size - 1).bit_length()) if size <= 1024 else -(-size // 1024) * 1024


@functools.partial(jax.jit, static_argnames="order")
def _routing_dynamics(problem: _Problem, start: Array, limit: int, atol: float, key: Array, order: Order) -> tuple[Array, Array, Array]:
    """Last profile [N], moves, and whether it came back; `start` is −1 where a request has not arrived."""
    size, workers = len(problem.row), problem.gain.shape[1]
    index, worker = jnp.arange(size), jnp.arange(workers)

    def reply(cost: Array, at: Array) -> tuple[Array, Array]:
        """Cheapest worker, and the gain of moving there or −1 where it is rounding, from costs [..., W] of requests `at` [...]."""
        best = cost.min(axis=-1)
        paid = jnp.where(at < 0, jnp.inf, jnp.where(worker == at[..., None], cost, 0.0).sum(axis=-1))
        wants = (best + atol * jnp.maximum(1.0, jnp.abs(best)) < paid) | ((at < 0) & jnp.isinf(best))
        gain = jnp.where(wants, jnp.where(wants, paid, 0.0) - jnp.where(wants & jnp.isfinite(best), best, 0.0), -1.0)
        return cost.argmin(axis=-1), gain

    def move(state: _State, i: Array, at: Array, to: Array) -> _State:
        """Loads and pull after request i has gone from `at` (−1: from outside) to `to`; nothing changes where they are equal."""
        weight = problem.weight[i]
        loads = state.loads + jnp.where(worker == to, weight, 0.0) - jnp.where(worker == at, weight, 0.0)
        pull = state.pull
        if pull is not None and problem.influence is not None:
            gone = jnp.where(at == to, 0.0, problem.influence[i])
            pull = pull.at[to].add(gone).at[jnp.maximum(at, 0)].add(jnp.where(at < 0, 0.0, -gone))
        return _State(loads, pull, state.steps + ((at >= 0) & (at != to)))

    def visit(state: _State, seat: tuple[Array, Array]) -> tuple[_State, Array]:
        i, at = seat
        cost = problem.latency.value(state.loads + jnp.where(worker == at, 0.0, problem.weight[i])) - problem.gain[problem.row[i]]
        if state.pull is not None:
            cost = cost - state.pull[:, i]
        target, gain = reply(cost, at)
        moves = (gain >= 0.0) & (i < problem.num_requests) & ((at < 0) | (state.steps < limit))
        to = jnp.where(moves, target, at)
        return move(state, i, at, to), to

    def seated(profile: Array, steps: Array) -> _State:
        """Loads and pull summed anew, so that a round depends on nothing but the profile."""
        on = profile == worker[:, None]
        pull = None if problem.influence is None else on.astype(jnp.float64) @ problem.influence
        return _State(jnp.where(on, problem.weight, 0.0).sum(axis=1), pull, steps)

    def in_turn(profile: Array, steps: Array, seats: Array) -> tuple[Array, Array]:
        state, after = lax.scan(visit, seated(profile, steps), (seats, profile[seats]))
        return profile.at[seats].set(after), state.steps

    def by_regret(profile: Array, steps: Array) -> tuple[Array, Array]:
        def step(carry: tuple[_State, Array, Array, Array]) -> tuple[_State, Array, Array, Array]:
            state, profile, visits, _ = carry
            load = state.loads + jnp.where(worker == profile[:, None], 0.0, problem.weight[:, None])
            cost = problem.latency.value(load) - problem.gain[problem.row]
            if state.pull is not None:
                cost = cost - state.pull.T
            target, gain = reply(cost, profile)
            gain = jnp.where(index < problem.num_requests, gain, -1.0)
            i = gain.argmax()
            at = profile[i]
            to = jnp.where((gain[i] >= 0.0) & (state.steps < limit), target[i], at)
            return move(state, i, at, to), profile.at[i].set(to), visits + 1, at != to

        begin = (seated(profile, steps), profile, jnp.zeros((), jnp.int64), jnp.ones((), bool))
        state, profile, _, _ = lax.while_loop(lambda c: c[3] & (c[2] < problem.num_requests), step, begin)
        return profile, state.steps

    def one_round(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        profile, steps, rounds, seen, seen_again, _, _ = carry
        if order == "most_regret":
            after, now = by_regret(profile, steps)
        elif order == "random":
            after, now = in_turn(profile, steps, jax.random.permutation(jax.random.fold_in(key, rounds), size))
        else:
            after, now = in_turn(profile, steps, index)
        rounds = rounds + 1
        back = (now > steps) & (after == seen).all() & (order != "random")
        remember = rounds == seen_again  # Brent: remember ever later profiles
        seen = jnp.where(remember, after, seen)
        return after, now, rounds, seen, jnp.where(remember, 2 * seen_again, seen_again), back, now > steps

    zero, one, no, yes = jnp.zeros((), jnp.int64), jnp.ones((), jnp.int64), jnp.zeros((), bool), jnp.ones((), bool)
    profile, _ = lax.cond((start[0] < 0), lambda p: in_turn(p, zero, index), lambda p: (p, zero), start)
    begin = (profile, zero, zero, profile, one, no, yes)
    profile, steps, _, _, _, back, _ = lax.while_loop(lambda c: c[6] & ~c[5] & (c[1] < limit), one_round, begin)
    return profile, steps, back
