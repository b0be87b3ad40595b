"""What whole workers of both pools attain, by the level of the load: tabulated once, looked up ever after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame._arrays import FloatArray, IntArray, require
from poagame.errors import InvalidInput, TooLarge
from poagame.games.attainment.base import Attainment, LoadedAttainment
from poagame.games.resource import POOLS, ResourceGame

MAX_ENTRIES = 20_000_000
"""Most splits times levels that are tabulated (about 1 GB)."""

FLOOD = 1e15
"""Requests a second that no worker keeps up with."""


@dataclass(frozen=True, slots=True, eq=False)
class PoolTables:
    """A resource game over whole workers, by load; entry [p − 1, d − 1] is for p prefill and d decode workers.

    Attributes
    ----------
    pools : ResourceGame
        At level 1.
    levels : [L]
        What arrival rates are multiplied by.
    attainments : [L, P, D, 2]
        Share of requests that meet prefill's and decode's target.
    rates : [L, P, 2]
        Requests a second that come to prefill and to decode; coupled decode sees only those that prefill finishes.
    missed : [L, P, D]
        `pools.missed` of the attainments, infinite over the budget.
    best : [L]
        The least of it.
    worker_rates : [2]
        Requests a second that one worker of each pool can finish.
    """

    pools: ResourceGame
    levels: FloatArray
    attainments: FloatArray
    rates: FloatArray
    missed: FloatArray
    best: FloatArray
    worker_rates: FloatArray

    @property
    def most(self) -> tuple[int, int]:
        """Most workers of each pool beside one of the other."""
        p, d = self.missed.shape[1:]
        return p, d


def tabulate(pools: ResourceGame, levels: FloatArray) -> PoolTables:
    """Tables of a game whose curves have arrival rates.

    Raises
    ------
    InvalidInput
        If a curve has no arrival rate or gives NaN, or the fewest GPUs of a pool are more than one worker's.
    TooLarge
        If splits times levels are more than 20 million.
    """
    p, d = loaded(pools.prefill, 0), loaded(pools.decode, 1)
    pools.splits()  # refuses what has no whole workers
    size = np.asarray(pools.gpus_per_worker)
    most = most_workers(pools)
    if levels.size * most[0] * most[1] > MAX_ENTRIES:
        raise TooLarge(
            f"{levels.size:,} levels of load times {most[0] * most[1]:,} splits are more than {MAX_ENTRIES:,} entries; "
            "round the load to fewer levels, or use larger workers"
        )
    shape = (levels.size, *most)
    share, rates = np.empty((*shape, 2)), np.empty((levels.size, most[0], 2))
    workers = np.stack(np.meshgrid(np.arange(1, most[0] + 1), np.arange(1, most[1] + 1), indexing="ij"), axis=-1)
    for k, level in enumerate(levels.tolist()):
        game = pools.scaled(level)
        rates[k] = [p.arrival_rate * level, d.arrival_rate * level]
        if pools.coupled:
            share[k] = game.attainments(workers * size)
            rates[k, :, 1] = np.minimum(rates[k, :, 1], loaded(game.prefill, 0).throughput(np.arange(1, most[0] + 1)))
        else:
            own = game.attainments(np.arange(1, max(most) + 1)[:, None] * size)
            share[k, ..., 0], share[k, ..., 1] = own[: most[0], :1], own[: most[1], 1]
    require(
        bool(np.isfinite(share).all()), "an attainment is NaN or infinite for some number of workers; mend the curve"
    )
    fits = (workers * size).sum(axis=-1) <= pools.budget * (1.0 + 1e-12)
    missed = np.where(fits, pools.missed(share), np.inf)
    return PoolTables(
        pools, levels, share, rates, missed, missed.min(axis=(1, 2)), np.array([_capacity(p, 0), _capacity(d, 1)])
    )


def most_workers(pools: ResourceGame) -> tuple[int, int]:
    """Most workers of each pool beside one of the other."""
    budget, (p, d) = pools.budget * (1.0 + 1e-12), pools.gpus_per_worker
    return int((budget - d) // p), int((budget - p) // d)


def beside(pools: ResourceGame, pool: int, others: IntArray) -> IntArray:
    """Most workers of a pool in what so many workers of the other leave of the budget."""
    left = pools.budget * (1.0 + 1e-12) - others * pools.gpus_per_worker[1 - pool]
    return np.floor(left / pools.gpus_per_worker[pool]).astype(np.int64)


def loaded(curve: Attainment, pool: int) -> LoadedAttainment:
    """Narrow a curve to one with an arrival rate."""
    if not isinstance(curve, LoadedAttainment):
        raise InvalidInput(
            f"the {POOLS[pool]} curve has no arrival rate for a load to act on; use PrefillQueue and DecodeBatch"
        )
    return curve


def _capacity(curve: LoadedAttainment, pool: int) -> float:
    rate = float(curve.at_rate(FLOOD).throughput(1.0))
    require(
        0.0 < rate < FLOOD,
        f"a {POOLS[pool]} worker finishes {rate:g} requests a second of a flood; want a positive limit",
    )
    return rate
