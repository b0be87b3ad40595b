"""Rules by which a Planner moves workers between pools: pure functions of what it sees, for any number of runs at once.

That Dynamo's Planner moves one worker every 30 s is the paper's (S); what it compares is not known, so the details here are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from poagame._arrays import FloatArray, IntArray, require
from poagame.games.checks import finite, positive, whole
from poagame.games.resource import ResourceGame
from poagame.solvers.planner.tables import PoolTables, beside


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What a Planner sees in B runs.

    Attributes
    ----------
    tables : PoolTables
        What workers attain, by load.
    step : int
        Number of the interval that begins.
    splits : [B, 2]
        Prefill and decode workers ordered so far, those that are still starting among them. Known without delay.
    level : [B]
        Index of the level of the load in `tables.levels`, in the interval seen.
    attainments : [B, 2]
        Of both pools in the interval seen.
    rates : [B, 2]
        Requests a second that came to both pools in the interval seen.
    """

    tables: PoolTables
    step: int
    splits: IntArray
    level: IntArray
    attainments: FloatArray
    rates: FloatArray

    @property
    def pools(self) -> ResourceGame:
        """Whom it plans for."""
        return self.tables.pools

    def own(self, pool: int) -> FloatArray:
        """[B, most workers]: what the pool would attain with 1, 2, … workers at that load, the other as ordered."""
        other = self.splits[:, 1 - pool] - 1
        share = self.tables.attainments[..., pool]
        return share[self.level, :, other] if pool == 0 else share[self.level, other, :]


@runtime_checkable
class PlannerRule(Protocol):
    """What `plan` needs of a rule; memory it has none, but it may look at the number of the step."""

    @property
    def interval_s(self) -> float:
        """How often it decides by default, s."""
        ...

    @property
    def cycle(self) -> int:
        """Steps after which it treats the same sight alike; 1 if the step does not matter."""
        ...

    def __call__(self, seen: Observation) -> IntArray:
        """[B, 2] workers wanted."""
        ...


@dataclass(frozen=True, slots=True)
class StepPlanner:
    """The pool that attains less gets up to `gain` workers more, if the two differ by more than the hysteresis.

    It takes unused GPUs first; the other pool gives up the fewest workers that make room, and keeps one. At a gain of 1 and workers of
    one size that is the paper's ±1 worker every 30 s (S); hysteresis and gain are ours.

    Where attainments rise with workers, which start at once, and each worker is of one GPU, a gain of 1 and a delay of L whole intervals
    overshoot by L workers. So the split settles under a constant load if more than L neighbouring splits lie within the hysteresis;
    if not, and no end of the budget is in the way, it swings for ever with a period of 4 L + 2 intervals (ours).

    Parameters
    ----------
    gain : int
        At least 1.
    hysteresis : float
        Difference of attainments, ≥ 0, up to which nothing moves.
    interval_s : float
        s.

    Raises
    ------
    InvalidInput
        If a number is out of its range.
    """

    gain: int = 1
    hysteresis: float = 0.05
    interval_s: float = 30.0

    def __post_init__(self) -> None:
        whole(self.gain, "gain", 1)
        require(
            finite(self.hysteresis, "hysteresis") >= 0.0, f"hysteresis must be nonnegative; got {self.hysteresis:g}"
        )
        positive(self.interval_s, "interval_s")

    @property
    def cycle(self) -> int:
        """1: the step does not matter."""
        return 1

    def __call__(self, seen: Observation) -> IntArray:
        """[B, 2] workers wanted."""
        wanted = seen.splits.copy()
        gap = seen.attainments[:, 0] - seen.attainments[:, 1]
        for pool, poor in ((0, gap < -self.hysteresis), (1, gap > self.hysteresis)):
            more = np.minimum(seen.splits[:, pool] + self.gain, seen.tables.most[pool])
            left = np.minimum(seen.splits[:, 1 - pool], beside(seen.pools, 1 - pool, more))
            wanted[poor, pool], wanted[poor, 1 - pool] = more[poor], left[poor]
        return wanted


@dataclass(frozen=True, slots=True)
class BestReplyPlanner:
    """The pools in turn take what is best for them at the load seen, within what the other leaves; prefill in even steps.

    Best is the largest attainment less the price of the GPUs; a pool that gains nothing stays, else it takes the fewest workers.

    Parameters
    ----------
    interval_s : float
        s.

    Raises
    ------
    InvalidInput
        If the interval is not positive.
    """

    interval_s: float = 30.0

    def __post_init__(self) -> None:
        positive(self.interval_s, "interval_s")

    @property
    def cycle(self) -> int:
        """2: the pools take turns."""
        return 2

    def __call__(self, seen: Observation) -> IntArray:
        """[B, 2] workers wanted."""
        pool = seen.step % 2
        value = seen.own(pool)
        workers = np.arange(1, value.shape[1] + 1)
        # to 12 digits, as `WorkerSplits` tells costs apart: nobody moves for rounding
        value = np.round(value - seen.pools.price[pool] * seen.pools.gpus_per_worker[pool] * workers, 12)
        value = np.where(workers <= beside(seen.pools, pool, seen.splits[:, 1 - pool])[:, None], value, -np.inf)
        now = value[np.arange(len(value)), seen.splits[:, pool] - 1]
        wanted = seen.splits.copy()
        wanted[:, pool] = np.where(value.max(axis=1) > now, value.argmax(axis=1) + 1, seen.splits[:, pool])
        return wanted


@dataclass(frozen=True, slots=True)
class ProportionalPlanner:
    r"""GPUs in proportion to the work that came: :math:`\rho_P : \rho_D`.

    :math:`\rho_i` are the GPUs that pool i's requests keep busy: rate times GPUs of a worker over what a worker finishes. Prefill's workers
    are rounded to the nearest number (halves to the even one), at least 1; decode gets what then is left, at least one worker. Where
    loads scale both rates alike that is the same split at any load, unless pools are coupled and prefill hides what decode would have
    to do.

    Parameters
    ----------
    interval_s : float
        s.

    Raises
    ------
    InvalidInput
        If the interval is not positive.
    """

    interval_s: float = 30.0

    def __post_init__(self) -> None:
        positive(self.interval_s, "interval_s")

    @property
    def cycle(self) -> int:
        """1: the step does not matter."""
        return 1

    def __call__(self, seen: Observation) -> IntArray:
        """[B, 2] workers wanted; as they are where nothing came."""
        work = seen.rates * (np.asarray(seen.pools.gpus_per_worker) / seen.tables.worker_rates)
        total = work.sum(axis=1)
        share = work[:, 0] / np.where(total > 0, total, 1.0)
        wish = np.rint(share * seen.pools.budget / seen.pools.gpus_per_worker[0]).astype(np.int64)
        prefill = np.clip(wish, 1, seen.tables.most[0])
        wanted = np.stack([prefill, beside(seen.pools, 1, prefill)], axis=1)
        return np.where(total[:, None] > 0, wanted, seen.splits)
