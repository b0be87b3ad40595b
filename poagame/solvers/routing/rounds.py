"""Rounds of best responses in a routing game, compiled; `best_response` decides what is played and when to stop."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from poagame._arrays import Array
from poagame.latency import Latency


class Problem(NamedTuple):
    """A routing game by rows of equal requests, which sit in blocks [M] of one row, in the order of their numbers.

    Where requests have weights or affinity, each is a row and a block of its own. All lengths are padded to few values.
    """

    latency: Latency
    gain: Array
    """[K, W]: overlap_weight × overlap of each row."""
    weight: Array
    """[K]"""
    influence: Array | None
    """[K, K]: overlap_weight × what all rows (columns) gain from the company of one (rows)."""
    row: Array
    """[B]: row of each block."""
    rtol: float


OUTSIDE, NOBODY = -1, -2
"""In a block [B, M] of workers: a request that has not arrived, and a seat that no request has."""


def padded(size: int) -> int:
    """Round up to a power of two, beyond 1024 to a multiple of it: games of similar size share compiled code."""
    return max(8, 1 << (size - 1).bit_length()) if size <= 1024 else -(-size // 1024) * 1024


class _State(NamedTuple):
    loads: Array
    """[W]"""
    pull: Array | None
    """[W, K]: what each row would gain from those on each worker."""
    moves: Array


class _Replies(NamedTuple):
    arrival: Array
    """[...]: cheapest worker of a request from outside."""
    target: Array
    """[..., W]: cheapest other worker of a request on each worker."""
    gain: Array
    """[..., W]: what it gains there; −1 where that is rounding."""


def _seated(problem: Problem, seats: Array) -> _State:
    """Sum loads and pull anew from the profile, so that a round depends on nothing else."""
    workers = problem.gain.shape[1]
    at = jnp.where(seats < 0, workers, seats)
    weight = jnp.broadcast_to(problem.weight[problem.row][:, None], seats.shape)
    loads = jnp.zeros(workers).at[at].add(weight, mode="drop")
    pull = None
    if problem.influence is not None:
        pull = (at[:, 0] == jnp.arange(workers)[:, None]).astype(jnp.float64) @ problem.influence
    return _State(loads, pull, jnp.zeros((), jnp.int64))


def _replies(problem: Problem, loads: Array, gain: Array, weight: Array) -> _Replies:
    """Best replies of rows with `gain` [..., W] (pull included) and `weight` [...]."""
    worker = jnp.arange(gain.shape[-1])
    stay = problem.latency.value(loads) - gain
    move = problem.latency.value(loads + weight[..., None]) - gain
    first = move.argmin(axis=-1)[..., None]
    others = jnp.where(worker == first, jnp.inf, move)
    best = jnp.where(worker == first, others.min(axis=-1, keepdims=True), move.min(axis=-1, keepdims=True))
    target = jnp.where(worker == first, others.argmin(axis=-1)[..., None], first)
    wants = best + problem.rtol * jnp.abs(best) < stay
    return _Replies(first[..., 0], target, jnp.where(wants, stay - jnp.where(wants, best, 0.0), -1.0))


def _moved(problem: Problem, state: _State, k: Array, at: Array, to: Array) -> _State:
    """Move a request of row k from `at` (or from outside) to `to`; nothing changes where they are equal."""
    worker, weight = jnp.arange(len(state.loads)), problem.weight[k]
    loads = state.loads + jnp.where(worker == to, weight, 0.0) - jnp.where(worker == at, weight, 0.0)
    pull = state.pull
    if pull is not None and problem.influence is not None:
        gone = jnp.where(at == to, 0.0, problem.influence[k])
        pull = pull.at[to].add(gone).at[jnp.maximum(at, 0)].add(jnp.where(at < 0, 0.0, -gone))
    return _State(loads, pull, state.moves + ((at >= 0) & (at != to)))


@jax.jit
def in_turn(problem: Problem, seats: Array, order: Array, budget: int) -> tuple[Array, Array]:
    """Play one round over the blocks in `order`; return their seats [B, M] after it, and the moves made.

    These are at most `budget`; arrivals do not count.
    """
    width = seats.shape[1]
    position = jnp.arange(width)

    def visit(state: _State, b: Array) -> tuple[_State, Array]:
        k = problem.row[b]

        def step(carry: tuple[_State, Array, Array]) -> tuple[_State, Array, Array]:
            state, block, begin = carry
            gain = problem.gain[k] if state.pull is None else problem.gain[k] + state.pull[:, k]
            replies = _replies(problem, state.loads, gain, problem.weight[k])
            wants = jnp.where(block < 0, block == OUTSIDE, (replies.gain[block] >= 0.0) & (state.moves < budget))
            # nothing changes before the next one who wants to move: those between are passed over at once
            wants = wants & (position >= begin)
            seat = wants.argmax()
            at = block[seat]
            to = jnp.where(wants[seat], jnp.where(at < 0, replies.arrival, replies.target[at]), at)
            begin = jnp.where(wants[seat], seat + 1, width)
            return _moved(problem, state, k, at, to), block.at[seat].set(to), begin

        state, block, _ = lax.while_loop(lambda c: c[2] < width, step, (state, seats[b], jnp.zeros((), jnp.int64)))
        return state, block

    state, after = lax.scan(visit, _seated(problem, seats), order)
    return seats.at[order].set(after), state.moves


@jax.jit
def by_regret(problem: Problem, seats: Array, budget: int) -> tuple[Array, Array]:
    """Make at most as many moves as there are requests, each of the one that gains most."""

    def step(carry: tuple[_State, Array, Array]) -> tuple[_State, Array, Array]:
        state, seats, _ = carry
        gain = problem.gain if state.pull is None else problem.gain + state.pull.T
        replies = _replies(problem, state.loads, gain, problem.weight)
        regret = jnp.where(seats < 0, -1.0, replies.gain[problem.row[:, None], seats])
        b, m = jnp.unravel_index(regret.argmax(), seats.shape)
        k, at = problem.row[b], seats[b, m]
        wants = (regret[b, m] >= 0.0) & (state.moves < budget)
        to = jnp.where(wants, replies.target[k, at], at)
        return _moved(problem, state, k, at, to), seats.at[b, m].set(to), wants

    requests = (seats != NOBODY).sum()
    begin = (_seated(problem, seats), seats, jnp.ones((), bool))
    state, seats, _ = lax.while_loop(lambda c: c[2] & (c[0].moves < requests), step, begin)
    return seats, state.moves
