"""The exact price of anarchy of a small simulated cluster: every assignment of requests to decode workers is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from poagame._arrays import FloatArray, IntArray, require
from poagame.errors import TooLarge
from poagame.games.checks import require_instance
from poagame.serving.cluster import Cluster
from poagame.serving.engine.loop_compiled import run
from poagame.serving.engine.state import Router, fresh
from poagame.serving.policies import Fixed, encode
from poagame.serving.simulate import compiled
from poagame.serving.workload import OpenLoop, Workload

MOST_RUNS: Final = 100_000


@dataclass(frozen=True, eq=False, slots=True)
class Truth:
    r"""All outcomes of N requests that come at given times, each on one of W decode workers.

    The game is that of requests that know everything: i pays its own latency, which depends on all assignments through the cluster. The
    optimum *anticipates*: it knows what will come. Assignment a puts request i on worker :math:`\lfloor a / W^i \rfloor \bmod W`.

    Attributes
    ----------
    latency_ms : [W^N, N]
        What each request pays under each assignment.
    num_workers : int
        W.
    """

    latency_ms: FloatArray
    num_workers: int

    @property
    def total_ms(self) -> FloatArray:
        """[W^N] sums of latencies."""
        return self.latency_ms.sum(axis=1)

    @property
    def optimum_ms(self) -> float:
        """The least sum."""
        return float(self.total_ms.min())

    def equilibria(self, tolerance_ms: float = 1e-9) -> IntArray:
        """Assignments that no request can leave alone and pay less by more than the tolerance; there may be none."""
        return np.flatnonzero(self.regret_ms() <= tolerance_ms)

    def regret_ms(self) -> FloatArray:
        """[W^N] the most that a request could save by moving alone."""
        count = self.latency_ms.shape[1]
        regret = np.zeros(self.latency_ms.shape[0])
        for i in range(count):
            own = self.latency_ms[:, i].reshape(-1, self.num_workers, self.num_workers**i)
            regret = np.maximum(regret, (own - own.min(axis=1, keepdims=True)).ravel())
        return regret

    def anarchy(self) -> tuple[float, float] | None:
        """Price of anarchy and of stability, or None where no pure equilibrium exists."""
        found = self.equilibria()
        if found.size == 0:
            return None
        total = self.total_ms[found]
        return float(total.max() / self.optimum_ms), float(total.min() / self.optimum_ms)

    def index(self, workers: IntArray) -> int:
        """Number of the assignment `workers` [N]."""
        return int((workers * self.num_workers ** np.arange(workers.size)).sum())

    def descend(self, workers: IntArray) -> int:
        """The assignment where single moves that lower the sum most, from `workers` on, end."""
        total, here = self.total_ms, self.index(workers)
        count = self.latency_ms.shape[1]
        steps = self.num_workers ** np.arange(count)
        while True:
            digit = here // steps % self.num_workers
            near = (here + (np.arange(self.num_workers)[:, None] - digit) * steps).ravel()
            best = int(near[np.argmin(total[near])])
            if total[best] >= total[here]:
                return here
            here = best


def truth(cluster: Cluster, workload: Workload) -> Truth:
    """Run every assignment of a small open workload to decode workers.

    Parameters
    ----------
    cluster : Cluster
    workload : Workload
        An open loop, so that an assignment determines everything. Prefill workers are taken in turn.

    Raises
    ------
    InvalidInput
        If the loop is closed.
    TooLarge
        If there are over 100,000 assignments.

    Examples
    --------
    >>> from poagame.serving import DecodeTime, PrefillTime, Prompts
    >>> cluster = Cluster(prefill=1, decode=2, prefill_time=PrefillTime.constant(5.0), decode_time=DecodeTime([1, 2], [10.0, 14.0]))
    >>> found = truth(cluster, Workload(Prompts.templates(4, output_tokens=8), OpenLoop([0.0, 1.0, 2.0, 30.0])))
    >>> found.latency_ms.shape, found.equilibria().size > 0
    ((16, 4), True)
    """
    require_instance(cluster, Cluster, "cluster")
    require_instance(workload, Workload, "workload")
    require(
        isinstance(workload.arrivals, OpenLoop),
        "all assignments are compared under the same arrivals: give an OpenLoop; in a closed loop what comes depends on what was assigned",
    )
    count, workers = len(workload.prompts), cluster.num_decoders
    if workers**count > MOST_RUNS:
        raise TooLarge(
            f"{workers} workers and {count} requests have {workers**count:,} assignments; up to {MOST_RUNS:,} are run"
        )
    encoded = encode(Fixed(np.zeros(count, dtype=np.int64)))
    given = compiled(cluster, workload, encoded)
    router = Router(np.array([encoded.code]), encoded.values)
    latency = np.empty((workers**count, count))
    for a in range(workers**count):
        given.forced[:] = a // workers ** np.arange(count) % workers
        state = fresh(given, 0)
        run(given, state, router, np.inf)
        latency[a] = state.done - state.sent
    return Truth(latency, workers)
