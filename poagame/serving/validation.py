r"""Does the simulator do what was recorded? The same requests, simulated, level by level.

A recorded closed-loop run becomes a workload: its levels one after another, each client's first request when it was recorded, lengths and
prefix groups in the order of sending. What
the timing table does not hold, a constant of each iteration, is fitted on the lowest and the highest level of one run; all else is test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from poagame._arrays import require
from poagame.errors import InvalidInput
from poagame.games.checks import finite
from poagame.measured.tables import RequestTable
from poagame.serving.cluster import Cluster
from poagame.serving.policies import Policy
from poagame.serving.simulate import simulate
from poagame.serving.workload import ClosedLoop, Prompts, Workload

_APART_MS: Final = 1e7  # far more than a level takes; the simulated cluster idles in between for free
_NEEDED: Final = (
    "arrival_ms",
    "latency_ms",
    "concurrency",
    "prefix_group",
    "input_tokens",
    "output_tokens",
    "decode_worker",
)


@dataclass(frozen=True, slots=True)
class Overhead:
    """What iterations take beyond their tables, in ms: one that prefills, and one that decodes."""

    prefill_ms: float
    decode_ms: float

    def __post_init__(self) -> None:
        for name in ("prefill_ms", "decode_ms"):
            object.__setattr__(self, name, finite(getattr(self, name), name))

    def on(self, cluster: Cluster) -> Cluster:
        """The cluster with these added to its times."""
        return replace(
            cluster,
            prefill_time=cluster.prefill_time.plus(self.prefill_ms),
            decode_time=cluster.decode_time.plus(self.decode_ms),
        )


def recorded_workload(table: RequestTable, shared_tokens: int) -> Workload:
    """The closed-loop levels of one recorded run, to be simulated again.

    Parameters
    ----------
    table : RequestTable
        One run with arrival_ms, concurrency, prefix_group, input_tokens and output_tokens; its levels (phase, concurrency) do not overlap.
    shared_tokens : int
        Tokens that prompts of a group share; the recorded table does not hold it.

    Raises
    ------
    InvalidInput
        If there is more than one run, levels overlap, or the table lacks a column (`MissingColumn`).
    """
    frame = _ordered(table)
    levels = frame.group_by("phase", "concurrency", maintain_order=True).agg(
        pl.len(),
        pl.col("order").first().alias("first"),
        (pl.col("arrival_ms") - pl.col("arrival_ms").first()).head(pl.col("concurrency").first()).alias("starts"),
    )
    order = levels["first"].to_numpy()
    apart = bool((np.diff(order, append=frame.height) == levels["len"].to_numpy()).all())
    require(
        apart,
        f"{table.source}: levels of concurrency overlap in time; give one level, or a run that goes through them in turn",
    )
    groups = frame["prefix_group"].rank("dense").to_numpy().astype(np.int64) - 1
    prompts = Prompts.templates(
        frame.height,
        groups=int(groups.max()) + 1,
        shared_tokens=shared_tokens,
        input_tokens=frame["input_tokens"].to_numpy(),
        output_tokens=frame["output_tokens"].to_numpy(),
        group=groups,
    )
    clients = levels["starts"].list.len().to_numpy()
    start = levels["starts"].explode().to_numpy() + np.repeat(_APART_MS * np.arange(levels.height), clients)
    last = np.repeat(np.cumsum(levels["len"].to_numpy()), clients)
    return Workload(prompts, ClosedLoop(start, np.full(start.size, np.inf), 0.0, last))


def compare(
    recorded: RequestTable, cluster: Cluster, router: Policy, shared_tokens: int, seeds: Sequence[int] = range(20)
) -> pl.DataFrame:
    """A row for each level and number: what was recorded, what the simulator makes of the same requests, and how far they are apart.

    Parameters
    ----------
    recorded : RequestTable
        One closed-loop run; see `recorded_workload`.
    cluster, router : Cluster, Policy
        What was recorded.
    shared_tokens : int
        That prompts of a group share.
    seeds : sequence of int
        Simulated runs.

    Returns
    -------
    polars.DataFrame
        phase, concurrency, requests, number, recorded, simulated (mean over seeds), spread (standard deviation of one run: over seeds; of a
        worker's share: binomial), error (simulated / recorded − 1). Numbers: means of ttft_ms, itl_ms and latency_ms (those recorded),
        latency_p99_ms, throughput_rps, and busiest_share, the share of the decode worker with the most requests.

    Raises
    ------
    InvalidInput
        As `recorded_workload`; or if there is no seed.
    """
    require(len(seeds) >= 1, "seeds names at least one simulated run; got none")
    workload = recorded_workload(recorded, shared_tokens)
    truth = _ordered(recorded)
    numbers = _numbers(truth)
    levels = truth.select("order", "phase", "concurrency")
    runs = [_numbers(_simulated(cluster, workload, router, seed, levels)) for seed in seeds]
    key = ["phase", "concurrency", "number"]
    over_seeds = (
        pl.concat(runs)
        .group_by(key)
        .agg(pl.col("value").mean().alias("simulated"), pl.col("value").std(ddof=1).fill_null(0.0).alias("over_seeds"))
    )
    share = pl.col("number") == "busiest_share"
    binomial = (pl.col("simulated") * (1.0 - pl.col("simulated")) / pl.col("requests")).sqrt()
    return (
        numbers.rename({"value": "recorded"})
        .join(over_seeds, on=key, how="inner", maintain_order="left")
        .with_columns(
            spread=pl.when(share).then(binomial).otherwise(pl.col("over_seeds")),
            error=pl.col("simulated") / pl.col("recorded") - 1.0,
        )
        .drop("over_seeds")
    )


def fit_overhead(
    recorded: RequestTable, cluster: Cluster, router: Policy, shared_tokens: int, lowest: int = 2
) -> Overhead:
    r"""What an iteration takes beyond the timing table, from the lowest levels and the saturated throughput of one run.

    Both in closed form: the decode overhead is the difference of the mean ITL over levels of at most `lowest` clients; the prefill overhead
    is the difference of the time that the highest level takes, by its number of requests for each prefill worker, which all of them pass
    one after another.

    Raises
    ------
    InvalidInput
        As `recorded_workload`; if no level is that low; or if the cluster has no prefill worker of its own.
    """
    require(cluster.prefill >= 1, f"an overhead is fitted where prefill is apart from decode; got {cluster.topology}")
    workload = recorded_workload(recorded, shared_tokens)
    truth = _ordered(recorded)
    levels = truth.select("order", "phase", "concurrency")

    def mean_itl(frame: pl.DataFrame) -> float:
        low = frame.filter(pl.col("concurrency") <= lowest)["itl_ms"].drop_nulls()
        require(low.len() > 0, f"no level has at most {lowest} clients; the lowest has {frame['concurrency'].min()}")
        return float(low.to_numpy().mean())

    def duration(frame: pl.DataFrame) -> float:
        high = frame.filter(pl.col("concurrency") == pl.col("concurrency").max())
        return float((high["arrival_ms"] + high["latency_ms"]).to_numpy().max() - high["arrival_ms"].to_numpy().min())

    decode = mean_itl(truth) - mean_itl(_simulated(cluster, workload, router, 0, levels))
    slower = Overhead(0.0, decode).on(cluster)
    requests = truth.filter(pl.col("concurrency") == pl.col("concurrency").max()).height / cluster.prefill
    return Overhead((duration(truth) - duration(_simulated(slower, workload, router, 0, levels))) / requests, decode)


def _ordered(table: RequestTable) -> pl.DataFrame:
    """A run's requests in the order of sending, numbered; "phase" empty where there are none."""
    table.require(*_NEEDED, why="simulating a recorded run again")
    frame = table.collect().sort("arrival_ms", maintain_order=True)
    if "run" in frame.columns and frame["run"].n_unique() > 1:
        raise InvalidInput(f"{table.source} holds {frame['run'].n_unique()} runs; take one, as in table.where(run=...)")
    if "phase" not in frame.columns:
        frame = frame.with_columns(phase=pl.lit(""))
    return frame.with_row_index("order")


def _simulated(cluster: Cluster, workload: Workload, router: Policy, seed: int, levels: pl.DataFrame) -> pl.DataFrame:
    """Request k of the simulation belongs to the level of the k-th that was recorded."""
    frame = simulate(cluster, workload, router, seed).collect().drop("concurrency")
    return (
        frame.with_columns(order=pl.col("request_id").cast(levels["order"].dtype))
        .join(levels, on="order")
        .sort("order")
    )


def _numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """Long: phase, concurrency, requests, number, value."""
    means = [name for name in ("ttft_ms", "itl_ms", "latency_ms") if name in frame.columns]
    finish = pl.col("arrival_ms") + pl.col("latency_ms")
    wide = frame.group_by("phase", "concurrency", maintain_order=True).agg(
        pl.len().alias("requests"),
        *(pl.col(name).mean() for name in means),
        latency_p99_ms=pl.col("latency_ms").quantile(0.99, "linear"),
        throughput_rps=1000.0 * pl.len() / (finish.max() - pl.col("arrival_ms").min()),
        busiest_share=pl.col("decode_worker").unique_counts().max() / pl.len(),
    )
    return wide.unpivot(index=["phase", "concurrency", "requests"], variable_name="number").sort(
        "phase", "concurrency", maintain_order=True
    )
