"""Best responses in many games (N = 64 requests, W = 5 workers, affine latency and overlap), beside four rivals.

    python benchmarks/bench_best_response.py [games, default 100000]

All play the same dynamics from the same arrival, and the profiles of the first games are compared. Rivals:
`equilibrium` in a Python loop, a plain `jax.vmap` of a sequential solver, and a numba kernel (parallel over games) written
for affine latencies.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numba
import numpy as np
from jax import lax
from measuring import header, measure, row

import poagame.batched as batched
from poagame.certificates.batched import BatchCertificate, certify_batch
from poagame.games.routing import RoutingGame
from poagame.latency import Polynomial
from poagame.solvers.best_response import equilibrium

N, W, ROUNDS = 64, 5, 1000
COMPARED = 200


def inputs(games: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    coefficients = np.stack([rng.uniform(0.0, 5.0, (100_000, W)), rng.uniform(0.1, 1.0, (100_000, W))], axis=-1)
    return coefficients[:games], rng.uniform(0.0, 10.0, (games, N, W))


def digest(profiles: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(profiles[:COMPARED], np.int64).tobytes()).hexdigest()


def shipped(games: int, certify: bool) -> Callable[[], str]:
    coefficients, overlap = inputs(games)
    batch = batched.routing_games(Polynomial(coefficients.reshape(-1, 2)), overlap)
    if not certify:
        nothing = np.zeros(games)
        batched.certify_batch = lambda *_: BatchCertificate(nothing, nothing, nothing)

    def action() -> str:
        end = batched.best_response(batch)
        assert end.converged.all()
        return digest(end.profiles)

    return action


def certificate(games: int) -> Callable[[], str]:
    coefficients, overlap = inputs(games)
    batch = batched.routing_games(Polynomial(coefficients.reshape(-1, 2)), overlap)
    profiles = batched.best_response(batch).profiles

    def action() -> str:
        assert certify_batch(batch, profiles).holds.all()
        return digest(profiles)

    return action


def python_loop(games: int) -> Callable[[], str]:
    coefficients, overlap = inputs(games)
    each = [RoutingGame(Polynomial(c), o) for c, o in zip(coefficients, overlap, strict=True)]
    return lambda: digest(np.stack([equilibrium(game).profile for game in each]))


@jax.jit
@jax.vmap
def _sequential(coefficients: jax.Array, overlap: jax.Array) -> jax.Array:
    worker = jnp.arange(W)

    def visit(i: int, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        profile, loads, moved = state
        load = loads + jnp.where(worker == profile[i], 0.0, 1.0)
        cost = coefficients[:, 0] + coefficients[:, 1] * load - overlap[i]
        best = cost.argmin()
        moves = (profile[i] < 0) | (cost[best] + 1e-10 * jnp.maximum(1.0, jnp.abs(cost[best])) < cost[profile[i]])
        to = jnp.where(moves, best, profile[i])
        loads = loads + (worker == to) - (worker == profile[i])
        return profile.at[i].set(to), loads, moved | moves

    def one_round(state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        profile, loads, _ = state
        return lax.fori_loop(0, N, visit, (profile, loads, jnp.zeros((), bool)))

    begin = (jnp.full(N, -1), jnp.zeros(W), jnp.ones((), bool))
    return lax.while_loop(lambda state: state[2], one_round, begin)[0]


def plain_vmap(games: int) -> Callable[[], str]:
    with jax.enable_x64(True):
        coefficients, overlap = (jnp.asarray(a) for a in inputs(games))

    def action() -> str:
        with jax.enable_x64(True):
            return digest(np.asarray(_sequential(coefficients, overlap)))

    return action


@numba.njit(parallel=True)
def _kernel(coefficients, overlap, profiles):
    for g in numba.prange(len(overlap)):
        loads, profile = np.zeros(W), profiles[g]
        profile[:] = -1
        for _ in range(ROUNDS):
            moved = False
            for i in range(N):
                at, best, to, paid = profile[i], np.inf, 0, np.inf
                for j in range(W):
                    load = loads[j] + (0.0 if j == at else 1.0)
                    cost = coefficients[g, j, 0] + coefficients[g, j, 1] * load - overlap[g, i, j]
                    if cost < best:
                        best, to = cost, j
                    if j == at:
                        paid = cost
                if best + 1e-10 * max(1.0, abs(best)) < paid:
                    if at >= 0:
                        loads[at] -= 1.0
                    loads[to] += 1.0
                    profile[i] = to
                    moved = True
            if not moved:
                break


def numba_kernel(games: int) -> Callable[[], str]:
    coefficients, overlap = inputs(games)
    profiles = np.empty((games, N), np.int64)

    def action() -> str:
        _kernel(coefficients, overlap, profiles)
        return digest(profiles)

    return action


def main() -> None:
    games = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    few = min(games, 1000)
    cases = [
        ("`batched.best_response`, certificate included", games, measure(shipped, games, True)),
        ("`batched.best_response`, certificate left out", games, measure(shipped, games, False)),
        ("`certify_batch` alone", games, measure(certificate, games)),
        ("rival: numba kernel for affine latencies, no certificate", games, measure(numba_kernel, games)),
        ("rival: `jax.vmap` of a sequential solver, no certificate", games, measure(plain_vmap, games, repeats=3)),
        ("rival: Python loop over `equilibrium(game)`", few, measure(python_loop, few, repeats=3)),
    ]
    answers = {name: found.answer for name, _, found in cases}
    if few >= COMPARED and len(set(answers.values())) != 1:
        raise AssertionError(f"the solvers disagree: {answers}")
    first = cases[0][2].median / games
    header(
        "many games, N = 64, W = 5, affine + overlap", "games", "median s", "games/s", "time, first row = 1", "peak MB"
    )
    for name, count, found in cases:
        each = found.median / count
        row(
            name,
            f"{count:,}",
            found.shown(3),
            f"{1 / each:,.0f}",
            f"{each / first:.2f}×",
            f"{found.peak_mb:,.0f}",
        )


if __name__ == "__main__":
    main()
