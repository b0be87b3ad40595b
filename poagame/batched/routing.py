r"""Many routing games of one shape, solved together.

Best responses of one game are sequential, so the parallelism is over games: the batch is the innermost axis of every
array, and each operation of the compiled loop does the same visit in all games of a chunk at once. Chunks are sized to
the cache and run on the machine's cores; games that still move after a burst of rounds are gathered and go on together.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import ArrayLike, NDArray

from poagame._arrays import Array, FloatArray, IntArray, as_floats, require
from poagame.certificates.batched import certify_batch
from poagame.errors import InvalidInput
from poagame.games.routing import AffinityKind, RoutingGame
from poagame.latency import Latency
from poagame.solvers.routing.room import check_room_of

RTOL = 1e-10
"""A request moves for a gain above this × its best cost: a tenth of what a certificate tolerates."""

_CHUNK_BYTES = 3 << 19
"""Bytes of gains and affinities in one chunk on a CPU, about what its second-level caches hold."""

_BURST = 5
"""Rounds after which games that have settled leave the batch: most do so in four or five."""


@dataclass(frozen=True, eq=False, slots=True)
class EquilibriumBatch:
    """Where best responses led in each of B games.

    Attributes
    ----------
    profiles : [B, N] int64
    social_cost : [B]
    max_regret : [B]
        By `certify_batch` at the returned profiles.
    converged : [B]
        Whether the certificate holds: max_regret is 0 but for rounding.
    num_rounds : int
        Rounds (of N visits) of the game that took longest, its last without a move.
    """

    profiles: IntArray
    social_cost: FloatArray
    max_regret: FloatArray
    converged: NDArray[np.bool_]
    num_rounds: int

    def __len__(self) -> int:
        """B, the number of games."""
        return len(self.profiles)

    def __str__(self) -> str:
        """One line."""
        games, requests = self.profiles.shape
        return (
            f"{int(self.converged.sum()):,} of {games:,} games of {requests} requests converged "
            f"in {self.num_rounds} rounds; largest regret {self.max_regret.max():.3g}"
        )


def stack(games: Sequence[RoutingGame]) -> RoutingGame:
    """One batched game, with leading axis B on every array, from games of one shape and latency family.

    Raises
    ------
    InvalidInput
        If there is no game, or games differ in shape, latency family, kind of affinity or in whether they have
        affinity, or one has `multiplicity`.
    """
    require(len(games) > 0, "stack needs at least one game")
    for game in games:
        require(isinstance(game, RoutingGame), f"stack takes RoutingGames; got {type(game).__name__}")
        require(game.overlap.ndim == 2, "stack takes single games; this one is a batch already")
        require(game.multiplicity is None, "batched games have no multiplicity: write the rows of overlap out")
    if any(game.request_weight is not None for game in games):
        games = [
            eqx.tree_at(lambda g: g.request_weight, game, game.weights, is_leaf=lambda leaf: leaf is None)
            for game in games
        ]
    first = games[0]
    family, shapes = jax.tree.structure(first), [np.shape(leaf) for leaf in jax.tree.leaves(first)]
    for b, game in enumerate(games):
        if jax.tree.structure(game) != family or [np.shape(leaf) for leaf in jax.tree.leaves(game)] != shapes:
            raise InvalidInput(
                f"games of a batch must agree in shape, latency family and affinity; game {b} differs from game 0: "
                f"{game!r:.120} beside {first!r:.120}"
            )
    return jax.tree.map(lambda *leaves: np.stack(leaves), *games)


def routing_games(
    latency: Latency,
    overlap: ArrayLike,
    overlap_weight: ArrayLike = 1.0,
    affinity: ArrayLike | None = None,
    affinity_kind: AffinityKind = "symmetric",
    request_weight: ArrayLike | None = None,
) -> RoutingGame:
    """B routing games as one batch, made without a Python loop.

    Parameters
    ----------
    latency : Latency
        Of B·W resources, game after game; or of W workers (or one) shared by all games.
    overlap : [B, N, W]
    overlap_weight : number or [B]
    affinity : [B, N, N], optional
    affinity_kind : "symmetric" or "arrival_order"
    request_weight : [B, N] or [N], optional

    Raises
    ------
    InvalidInput
        As `RoutingGame`.
    """
    rows = as_floats(overlap, "overlap")
    require(rows.ndim == 3 and rows.size > 0, f"overlap must be [games, requests, workers]; got shape {rows.shape}")
    batch, requests, workers = rows.shape
    require(isinstance(latency, Latency), f"latency must be a poagame latency; got {type(latency).__name__}")
    resources = latency.num_resources
    require(
        resources in (1, workers, batch * workers),
        f"latency has {resources} resources; give {batch * workers} (game after game), {workers} (shared by all) or 1",
    )
    per_game = resources == batch * workers

    def spread(leaf: Array) -> Array:
        if per_game and len(leaf) == resources:
            return leaf.reshape(batch, workers, *leaf.shape[1:])
        return np.broadcast_to(leaf, (batch, workers, *leaf.shape[1:]))

    omega = as_floats(overlap_weight, "overlap_weight")
    require(
        omega.shape in ((), (batch,)) and bool((omega >= 0).all()),
        f"overlap_weight must be one number >= 0 or one for each of {batch} games; got {overlap_weight!r:.80}",
    )
    e = None
    if affinity is not None:
        e = as_floats(affinity, "affinity")
        require(
            e.shape == (batch, requests, requests), f"affinity must be [{batch}, {requests}, {requests}]; got {e.shape}"
        )
        if affinity_kind == "symmetric":
            require(
                bool((e == e.swapaxes(1, 2)).all()),
                "affinity is called symmetric but is not; average it with its transpose, "
                "or use affinity_kind='arrival_order'",
            )
        e = np.tril(e, -1) if affinity_kind == "arrival_order" else e * (1.0 - np.eye(requests))
    weight = None
    if request_weight is not None:
        weight = as_floats(request_weight, "request_weight")
        require(
            weight.shape in ((requests,), (batch, requests)),
            f"request_weight must be [{requests}] or [{batch}, {requests}]; got {weight.shape}",
        )
        require(bool((weight > 0).all()), f"request weights must be positive; the smallest is {weight.min()}")
        weight = np.broadcast_to(weight, (batch, requests))
    leaves = jax.tree.map(spread, latency)
    pattern = RoutingGame(jax.tree.map(lambda leaf: leaf[0], leaves), rows[0], affinity_kind=affinity_kind)
    return eqx.tree_at(
        lambda g: (g.latency, g.overlap, g.overlap_weight, g.affinity, g.request_weight),
        pattern,
        (leaves, rows, np.broadcast_to(omega, (batch,)), e, weight),
        is_leaf=lambda leaf: leaf is None,
    )


def best_response(
    games: Sequence[RoutingGame] | RoutingGame, start: ArrayLike | None = None, max_rounds: int = 1000
) -> EquilibriumBatch:
    """Best-response dynamics of many games of one shape, by one compiled function.

    In each game requests are visited in turn, and one moves to its cheapest worker (the lowest numbered of several)
    when that gains more than rounding; a game ends with the first round without a move. Without `start` the first
    round is the arrival: each request in turn picks its cheapest worker given those before it.

    Parameters
    ----------
    games : sequence of RoutingGame, or a batched RoutingGame
        Of one shape and latency family; `stack(games)` or `routing_games(...)` make a batch.
    start : [N] or [B, N], optional
        Profile at which the dynamics begin.
    max_rounds : int
        Most rounds of any game.

    Returns
    -------
    EquilibriumBatch
        Each profile with its regret; games that did not converge (with arrival-order affinity they may cycle) are
        marked, not left out.

    Raises
    ------
    InvalidInput
        If games differ in shape, a start is no profile, or the workers of a game cannot hold its requests at finite
        latency.
    """
    batched = games if isinstance(games, RoutingGame) else stack(games)
    require(batched.overlap.ndim == 3, "this is a single game: use equilibrium(game), or best_response([game])")
    require(max_rounds >= 1, f"max_rounds must be at least 1; got {max_rounds}")
    batch, requests, workers = batched.overlap.shape
    for leaf in jax.tree.leaves(batched):
        require(len(leaf) == batch, f"every array of a batch has the leading axis {batch}; one has shape {leaf.shape}")
    flat = jax.tree.map(lambda x: _per_worker(x, workers).reshape(batch * workers, *x.shape[2:]), batched.latency)
    total = None if batched.request_weight is None else batched.request_weight.sum(axis=1)
    check_room_of(flat, requests, workers, total)
    profiles = _starts(start, batch, requests, workers)

    problem = _Chunk(
        jax.tree.map(lambda x: _per_worker(x, workers), batched.latency),
        batched.overlap,
        batched.overlap_weight,
        batched.affinity,
        batched.request_weight,
    )
    on_cpu = jax.default_backend() == "cpu"
    size = _chunk_size(batch, requests * (workers + (0 if batched.affinity is None else requests)) * 8, on_cpu)

    def run(rows: IntArray, rounds: int) -> tuple[NDArray[np.bool_], int]:
        take = slice(int(rows[0]), int(rows[0]) + size)
        if len(rows) < size or rows[-1] - rows[0] != size - 1:
            take = np.resize(rows, size)  # padded with games of its own, so that one shape is compiled
        chunk = jax.tree.map(lambda leaf: _batch_last(leaf[take]), problem)
        begin = _batch_last(profiles[take], np.float64)
        with jax.enable_x64(True):  # the setting belongs to the thread
            found, moved, used = _solve(chunk, begin, rounds)
            profiles[rows] = np.asarray(found).T[: len(rows)]
            return np.asarray(moved)[: len(rows)], int(used)

    pending, done = np.arange(batch), 0
    with ThreadPoolExecutor((os.cpu_count() or 1) if on_cpu else 1) as threads:
        while len(pending) and done < max_rounds:
            burst = min(_BURST, max_rounds - done)
            parts = [pending[b : b + size] for b in range(0, len(pending), size)]
            answers = list(threads.map(run, parts, [burst] * len(parts)))
            pending = pending[np.concatenate([moved for moved, _ in answers])]
            done += max(used for _, used in answers)
    proof = certify_batch(batched, profiles)
    return EquilibriumBatch(profiles, proof.social_cost, proof.max_regret, proof.holds, done)


class _Chunk(NamedTuple):
    """Games of one compiled call, the batch last on every array."""

    latency: Latency
    """Parameters [W, …, b]."""
    overlap: Array
    """[N, W, b]"""
    overlap_weight: Array
    """[b]"""
    affinity: Array | None
    """[N, N, b]"""
    request_weight: Array | None
    """[N, b]"""


def _per_worker(leaf: Array, workers: int) -> Array:
    """Widen a latency's parameter [b, W or 1, …] to [b, W, …]."""
    return np.broadcast_to(leaf, (leaf.shape[0], workers, *leaf.shape[2:]))


def _batch_last(leaf: Array, dtype: type | None = None) -> Array:
    return np.ascontiguousarray(np.moveaxis(np.asarray(leaf), 0, -1), dtype)


def _starts(start: ArrayLike | None, batch: int, requests: int, workers: int) -> IntArray:
    if start is None:
        return np.full((batch, requests), -1)  # nobody has arrived
    given = np.asarray(start)
    require(
        given.shape in ((requests,), (batch, requests)),
        f"start must be [{requests}] or [{batch}, {requests}]; got {given.shape}",
    )
    profiles = np.broadcast_to(given, (batch, requests)).astype(np.int64)
    require(bool((profiles == given).all()), "start holds whole numbers, one worker a request")
    require(
        bool(((profiles >= 0) & (profiles < workers)).all()),
        f"workers are 0 … {workers - 1}; start holds {profiles.min()} … {profiles.max()}",
    )
    return profiles


def _chunk_size(batch: int, bytes_per_game: int, on_cpu: bool) -> int:
    """Games in one compiled call: a power of two, so that batches of similar size share the compiled function."""
    most = max(8, (_CHUNK_BYTES if on_cpu else 1 << 31) // bytes_per_game)
    return 1 << max(3, int(np.log2(min(most, batch)) + (batch <= most and batch & (batch - 1) != 0)))


@jax.jit
def _solve(chunk: _Chunk, start: Array, max_rounds: int) -> tuple[Array, Array, Array]:
    """Play rounds; return profiles [N, b], which games moved in the last round [b], and the number of rounds.

    `start` [N, b] is −1 where a request has not arrived.
    """
    requests, workers, batch = chunk.overlap.shape
    # worker numbers are kept as floats: one element width in the whole loop is what lets it vectorise
    worker = jnp.arange(workers, dtype=jnp.float64)[:, None]

    def delay(loads: Array) -> Array:
        """[W, b]: each worker's latency sees the batch as its resources."""
        resources = jax.tree.map(lambda x: jnp.moveaxis(x, -1, 1), chunk.latency)
        return jax.vmap(lambda one, load: one.value(load))(resources, loads)

    def visit(state: _State, request: tuple[Array, ...]) -> tuple[_State, Array]:
        loads, moved, profile = state
        i, at, overlap, weight, affinity = request
        weight = 1.0 if weight is None else weight
        here = worker == at
        if profile is not None:
            overlap = overlap + jnp.where(profile == worker[:, None], affinity, 0.0).sum(axis=1)
        cost = delay(loads + jnp.where(here, 0.0, weight)) - chunk.overlap_weight * overlap
        best = cost.min(axis=0)
        target = jnp.where(cost == best, worker, float(workers)).min(axis=0)
        paid = jnp.where(here, cost, 0.0).sum(axis=0)
        moves = (at < 0.0) | (best + RTOL * jnp.abs(best) < paid)
        to = jnp.where(moves, target, at)
        loads = loads + jnp.where(worker == to, weight, 0.0) - jnp.where(here, weight, 0.0)
        if profile is not None:
            profile = profile.at[i].set(to)
        return _State(loads, moved | moves, profile), to

    def summed(profile: Array) -> Array:
        weight = 1.0 if chunk.request_weight is None else chunk.request_weight[:, None]
        return jnp.where(profile[:, None] == worker, weight, 0.0).sum(axis=0)

    def one_round(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        profile, loads, _, rounds = carry
        if chunk.request_weight is not None:
            loads = summed(profile)  # so that moving weights about leaves no trace of rounding
        begin = _State(loads, jnp.zeros(batch, bool), None if chunk.affinity is None else profile)
        requests_in_turn = (jnp.arange(requests), profile, chunk.overlap, chunk.request_weight, chunk.affinity)
        end, after = lax.scan(visit, begin, requests_in_turn)
        return after, end.loads, end.moved, rounds + 1

    begin = (start, summed(start), jnp.ones(batch, bool), jnp.zeros((), jnp.int64))
    profile, _, moved, rounds = lax.while_loop(lambda c: c[2].any() & (c[3] < max_rounds), one_round, begin)
    return profile, moved, rounds


class _State(NamedTuple):
    loads: Array
    """[W, b]"""
    moved: Array
    """[b]: whether the game has moved in this round."""
    profile: Array | None
    """[N, b], kept up only where affinity needs it."""
