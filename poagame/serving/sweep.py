"""Many simulations: settings × seeds, on all cores or on a cluster of machines, a row of numbers each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import joblib
import numpy as np
import polars as pl

from poagame._arrays import FloatArray, require
from poagame.games.checks import require_instance, whole
from poagame.serving.cluster import Cluster
from poagame.serving.engine.state import BEYOND, ITERATIONS, Given, State
from poagame.serving.policies import Policy, encode
from poagame.serving.simulate import simulated
from poagame.serving.workload import Workload

Label = str | float
NUMBERS = (
    "requests",
    "throughput_rps",
    "ttft_mean_ms",
    "ttft_p99_ms",
    "itl_mean_ms",
    "itl_p99_ms",
    "latency_mean_ms",
    "latency_p99_ms",
    "busiest_share",
    "beyond_table",
)
"""Columns of a sweep beside labels and seed; see `sweep`."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A setting to simulate.

    Parameters
    ----------
    cluster, router : Cluster, Policy
    workload : Workload, or callable of a seed
        The callable makes another workload for each seed; to be sent to other processes it must be a function of a module.
    labels : mapping of str to str or float
        Columns of the result.
    skip : int
        The first requests that are not counted, while the cluster fills.

    Raises
    ------
    InvalidInput
        If something is of the wrong kind, or a label is named like a number of the sweep.
    """

    cluster: Cluster
    workload: Workload | Callable[[int], Workload]
    router: Policy
    labels: Mapping[str, Label] = field(default_factory=dict)
    skip: int = 0

    def __post_init__(self) -> None:
        require_instance(self.cluster, Cluster, "cluster")
        if not callable(self.workload):
            require_instance(self.workload, Workload, "workload")
        encode(self.router)
        taken = sorted({"seed", *NUMBERS} & set(self.labels))
        require(not taken, f"labels must not be named like the numbers of a sweep: {', '.join(taken)}")
        object.__setattr__(self, "skip", whole(self.skip, "skip"))


def sweep(cells: Iterable[Cell], seeds: Sequence[int] = range(20), n_jobs: int = -1) -> pl.DataFrame:
    """Simulate every cell with every seed.

    Threads share the work, since the engine holds no lock; `with joblib.parallel_config(backend="dask"):` around the call moves it to a
    Dask cluster, as does any other backend of joblib. The result is the same wherever and in whatever order it was computed.

    Parameters
    ----------
    cells : iterable of Cell
        All with the same names of labels.
    seeds : sequence of int
    n_jobs : int
        As in joblib; −1 uses all cores.

    Returns
    -------
    polars.DataFrame
        A row for each cell and seed: its labels, seed; requests counted; throughput_rps, of these from the first sent to the last done;
        mean and P99 of ttft_ms, itl_ms and latency_ms; busiest_share, of the decode worker with the most requests; beyond_table, the share
        of iterations beyond the decode table, whose times are extrapolated.

    Raises
    ------
    InvalidInput
        As `simulate`; if there is no cell or no seed, labels differ in their names, or `skip` leaves no request.

    Examples
    --------
    >>> from poagame.serving import ClosedLoop, Cluster, DecodeTime, DynamoRouter, PrefillTime, Prompts, Workload
    >>> cluster = Cluster(prefill=1, decode=2, prefill_time=PrefillTime.constant(20.0), decode_time=DecodeTime.constant(9.0))
    >>> workload = Workload(Prompts.templates(200), ClosedLoop.steady(8))
    >>> rows = sweep([Cell(cluster, workload, DynamoRouter(1.0, t), {"temperature": t}) for t in (0.0, 1.0)], seeds=range(3))
    >>> rows.shape, rows.columns[:3]
    ((6, 12), ['temperature', 'seed', 'requests'])
    """
    everything = list(cells)
    require(len(everything) >= 1 and len(seeds) >= 1, "a sweep has at least one cell and one seed")
    for cell in everything:
        require_instance(cell, Cell, "a cell")
    names = list(everything[0].labels)
    require(
        all(list(cell.labels) == names for cell in everything),
        f"all cells have the same labels in the same order; the first has {', '.join(names) or 'none'}",
    )
    tasks = (joblib.delayed(_row)(cell, seed) for cell in everything for seed in seeds)
    rows = cast("list[dict[str, Label]]", joblib.Parallel(n_jobs=n_jobs, prefer="threads")(tasks))
    return pl.DataFrame(rows, infer_schema_length=None)


def _row(cell: Cell, seed: int) -> dict[str, Label]:
    workload = cell.workload if isinstance(cell.workload, Workload) else cell.workload(seed)
    given, state = simulated(cell.cluster, workload, cell.router, seed)
    return {**cell.labels, "seed": seed, **summary(cell.cluster, given, state, cell.skip)}


def summary(cluster: Cluster, given: Given, state: State, skip: int = 0) -> dict[str, Label]:
    """The numbers of a run, of the requests from number `skip` on; see `sweep`.

    Raises
    ------
    InvalidInput
        If none of them was finished.
    """
    counted = np.flatnonzero(np.isfinite(state.done))
    counted = counted[counted >= skip]
    require(counted.size > 0, f"no request after the first {skip} was finished")
    sent, first, done = state.sent[counted], state.first[counted], state.done[counted]
    more = given.output_tokens[counted] - 1
    itl = (done - first)[more > 0] / more[more > 0]
    shares = np.bincount(state.decoder[counted] - cluster.prefill, minlength=cluster.num_decoders) / counted.size
    iterations = int(state.counters[ITERATIONS])
    span = float(done.max() - sent.min())
    return {
        "requests": counted.size,
        "throughput_rps": 1000.0 * counted.size / span if span > 0 else float("inf"),
        **_mean_and_p99("ttft", first - sent),
        **_mean_and_p99("itl", itl),
        **_mean_and_p99("latency", done - sent),
        "busiest_share": float(shares.max()),
        "beyond_table": int(state.counters[BEYOND]) / max(iterations, 1),
    }


def _mean_and_p99(name: str, times: FloatArray) -> dict[str, float]:
    if times.size == 0:
        return {f"{name}_mean_ms": float("nan"), f"{name}_p99_ms": float("nan")}
    return {f"{name}_mean_ms": float(times.mean()), f"{name}_p99_ms": float(np.quantile(times, 0.99))}
