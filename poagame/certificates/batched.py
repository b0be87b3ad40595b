"""Regret of many routing games at once, from the definition of the costs."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from poagame._arrays import Array, FloatArray, IntArray
from poagame.certificates.nash import RTOL
from poagame.games.routing import RoutingGame
from poagame.latency import Latency

_ENTRIES = 1 << 18
"""Costs [b, N, W] that one call of the compiled part looks at (2 MB, so that they stay in the cache)."""


@dataclass(frozen=True, eq=False, slots=True)
class BatchCertificate:
    """How far each profile of a batch is from a pure Nash equilibrium of its game.

    Attributes
    ----------
    max_regret : [B]
        The most that any one request of the game gains by a deviation.
    social_cost : [B]
        Σ_i w_i c_i.
    tolerance : [B]
        What rounding may explain, as in `NashCertificate`.
    """

    max_regret: FloatArray
    social_cost: FloatArray
    tolerance: FloatArray

    @property
    def holds(self) -> np.ndarray:
        """[B]: whether the profile is an equilibrium up to the tolerance."""
        return self.max_regret <= self.tolerance


class _Parts(NamedTuple):
    latency: Latency
    overlap: Array
    overlap_weight: Array
    affinity: Array | None
    request_weight: Array | None


def certify_batch(games: RoutingGame, profiles: IntArray) -> BatchCertificate:
    """Certificate of `profiles` [B, N] as pure Nash equilibria of a batch of games (`poagame.batched.stack`).

    Every latency is evaluated anew at the load that the deviating request would meet; nothing is shared with a solver.
    """
    batch, requests, workers = games.overlap.shape
    parts = _Parts(games.latency, games.overlap, games.overlap_weight, games.affinity, games.request_weight)
    size = min(batch, max(1, _ENTRIES // (requests * max(workers, requests if games.affinity is not None else 0))))

    def certified(begin: int) -> list[FloatArray]:
        # the last part is padded with a game seen before, so that one compiled function serves all
        take = (
            slice(begin, begin + size)
            if begin + size <= batch
            else np.minimum(np.arange(begin, begin + size), batch - 1)
        )
        with jax.enable_x64(True):  # the setting belongs to the thread
            answer = _certify(jax.tree.map(lambda leaf: leaf[take], parts), profiles[take])
            return [np.asarray(part) for part in answer]

    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        found = list(threads.map(certified, range(0, batch, size)))
    worst, total, scale = (np.concatenate(column)[:batch] for column in zip(*found, strict=True))
    return BatchCertificate(worst, total, RTOL * scale)


@jax.jit
@jax.vmap
def _certify(game: _Parts, profile: Array) -> tuple[Array, Array, Array]:
    """Largest regret, social cost and scale of the costs of one game."""
    requests, workers = game.overlap.shape
    weight = jnp.ones(requests) if game.request_weight is None else game.request_weight
    on = profile[:, None] == jnp.arange(workers)
    loads = jnp.where(on, weight[:, None], 0.0).sum(axis=0)
    gain = game.overlap
    if game.affinity is not None:
        gain = gain + game.affinity @ on.astype(jnp.float64)
    costs = game.latency.value(loads + jnp.where(on, 0.0, weight[:, None])) - game.overlap_weight * gain
    paid = jnp.where(on, costs, 0.0).sum(axis=1)
    best = costs.min(axis=1)
    stuck = jnp.isinf(best)  # no worker has room, so there is nothing to regret
    regret = jnp.where(stuck, 0.0, jnp.where(stuck, 0.0, paid) - jnp.where(stuck, 0.0, best))
    # as `cost_scale`: costs paid and best costs, and the size of the gains that they are differences of
    scale = jnp.maximum(_largest(paid), _largest(best)) + game.overlap_weight * jnp.abs(gain).max()
    return regret.max(), (weight * paid).sum(), scale


def _largest(costs: Array) -> Array:
    return jnp.where(jnp.isfinite(costs), jnp.abs(costs), 0.0).max()
