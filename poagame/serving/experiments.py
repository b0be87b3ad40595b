"""The paper's four experiments on simulated clusters: what runs, and what is measured. No constant is tuned to its results.

Clusters have the times of Dynamo's mock engine for Llama-3.1-70B on B200 with TP4 (AIConfigurator's model, with the overhead that recorded
runs show); Nemotron-4-340B has no public times, so a "340B-like" cluster is one whose iterations take longer in proportion to
parameters a GPU (ours). Prompts are as in the paper, 128 tokens of 5 templates (S); answers of 128 tokens are ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import joblib
import numpy as np
import polars as pl
from scipy.stats import f as f_distribution

from poagame._arrays import require
from poagame.errors import InvalidInput
from poagame.games.checks import positive, require_instance
from poagame.serving.adaptive import Controller, simulate_adaptive
from poagame.serving.cluster import Cluster, Engine
from poagame.serving.policies import Policy
from poagame.serving.recorded import mocker_overhead, recording
from poagame.serving.router import DynamoRouter
from poagame.serving.settling import settling
from poagame.serving.simulate import simulate
from poagame.serving.sweep import Cell, sweep
from poagame.serving.timing import DecodeTime, PrefillTime
from poagame.serving.workload import ClosedLoop, Prompts, Workload

LEVELS: Final = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Clients, C; the paper's grid and the points between (its knee is "in (96, 128]", P)."""
TEMPERATURES: Final = (0.0, 0.3, 0.7, 1.0)
WEIGHTS: Final = (0.0, 0.5, 1.0, 2.0)
SCALE_340B: Final = (340.0 / 70.0) * (4.0 / 8.0)
"""Nemotron-4-340B on TP8 over Llama-3.1-70B on TP4, in parameters a GPU."""


def paper_cluster(prefill: int, decode: int, engine: Engine = "mock", slower: float = 1.0) -> Cluster:
    """A disaggregated cluster of the paper's shape.

    Parameters
    ----------
    prefill, decode : int
        Workers.
    engine : str
        "mock": one prompt after another on a prefill worker, as Dynamo's mock engine does. "batched": all that wait, up to 8,192 tokens.
    slower : float
        Iterations take so many times as long; `SCALE_340B` for the 340B-like cluster.
    """
    scale = positive(slower, "slower")
    cluster = mocker_overhead().on(recording("1P2D").cluster)
    prefill_time, decode_time = cluster.prefill_time, cluster.decode_time
    return replace(
        cluster,
        prefill=prefill,
        decode=decode,
        engine=engine,
        prefill_requests=1 if engine == "mock" else None,
        most_tokens=None if engine == "mock" else 8192,
        prefill_time=PrefillTime(prefill_time.tokens, prefill_time.ms * scale),
        decode_time=DecodeTime(decode_time.load, decode_time.ms * scale, decode_time.context, decode_time.by),
    )


def cluster_of(topology: str, engine: Engine = "mock") -> Cluster:
    """A cluster by its name: "1P/5D", or "5A" for workers that do both, with the times of `paper_cluster`.

    Raises
    ------
    InvalidInput
        If the name is not of that form.

    Examples
    --------
    >>> cluster_of("2P/3D").topology, cluster_of("5A").topology
    ('2P/3D', '5A')
    """
    found = re.fullmatch(r"(\d+)P/?(\d+)D|(\d+)A", topology.strip().upper())
    if found is None:
        raise InvalidInput(
            f'a topology is written as in "1P/5D", or "5A" for workers that do both; got {topology!r:.40}'
        )
    if found[3] is None:
        return paper_cluster(int(found[1]), int(found[2]), engine)
    apart = paper_cluster(1, 1, engine)
    return replace(apart, prefill=0, decode=0, aggregated=int(found[3]), prefill_requests=None)


def paper_prompts(count: int, seed: int = 0) -> Prompts:
    """128 tokens of 5 templates (S), of which the first 64 are the template's; 128 tokens of answer (both ours)."""
    return Prompts.templates(count, groups=5, shared_tokens=64, input_tokens=128, output_tokens=128, seed=seed)


def saturation(
    clusters: Mapping[str, Cluster], levels: Sequence[int] = LEVELS, seeds: Sequence[int] = range(20), requests: int = 8
) -> pl.DataFrame:
    r"""Experiments 1 and 2: each cluster under C clients, for each C and seed.

    Parameters
    ----------
    clusters : mapping of names to clusters
    levels : sequence of int
        C; the lowest gives the unloaded latency.
    requests : int
        A client, the first of each not counted.

    Returns
    -------
    polars.DataFrame
        cluster, concurrency, and the columns of `sweep`; latency_ratio and ttft_ratio, their means over those of the lowest level: with
        unloaded latencies as frozen costs any assignment is optimal, so that is PoA-hat in its "frozen" definition, of the whole level.
    """
    lowest = min(levels)
    cells = [
        Cell(
            cluster,
            Workload(paper_prompts(clients * (requests + 1), seed=clients), ClosedLoop.steady(clients)),
            DynamoRouter(),
            {"cluster": name, "concurrency": clients},
            skip=clients,
        )
        for name, cluster in clusters.items()
        for clients in levels
    ]
    rows = sweep(cells, seeds)
    unloaded = (
        rows.filter(pl.col("concurrency") == lowest)
        .group_by("cluster")
        .agg(pl.col("latency_mean_ms").mean().alias("latency_0"), pl.col("ttft_mean_ms").mean().alias("ttft_0"))
    )
    return (
        rows.join(unloaded, on="cluster", maintain_order="left")
        .with_columns(
            latency_ratio=pl.col("latency_mean_ms") / pl.col("latency_0"),
            ttft_ratio=pl.col("ttft_mean_ms") / pl.col("ttft_0"),
        )
        .drop("latency_0", "ttft_0")
    )


def settings_grid(
    cluster: Cluster,
    concurrency: int,
    prompts: Prompts | None = None,
    seeds: Sequence[int] = range(20),
    number: str = "latency_mean_ms",
) -> tuple[pl.DataFrame, Spread]:
    """Experiment 4: the 4 × 4 settings of temperature and overlap weight under C clients.

    Parameters
    ----------
    prompts : Prompts, optional
        `paper_prompts`, eight a client, if not given; the first of each client is not counted.
    number : str
        Column of `sweep` whose variation is split.

    Returns
    -------
    rows : polars.DataFrame
        temperature, overlap_weight and the columns of `sweep`.
    spread : Spread
        Of `number`, over the 16 settings.
    """
    asked = paper_prompts(9 * concurrency, seed=concurrency) if prompts is None else prompts
    workload = Workload(asked, ClosedLoop.steady(concurrency))
    cells = [
        Cell(
            cluster,
            workload,
            DynamoRouter(weight, heat),
            {"temperature": heat, "overlap_weight": weight},
            skip=concurrency,
        )
        for heat in TEMPERATURES
        for weight in WEIGHTS
    ]
    rows = sweep(cells, seeds)
    return rows, spread_of(rows[number].to_numpy().reshape(len(cells), -1))


@dataclass(frozen=True, slots=True)
class Spread:
    """How much of a number's variation is between settings, and how much between seeds of one setting.

    Attributes
    ----------
    mean : float
        Over settings and seeds.
    between, within : float
        Standard deviations, in the number's unit: of settings' true means (the seeds' share taken off, 0 if that leaves nothing), and of a
        single run.
    range : float
        Largest over smallest mean of a setting.
    p_value : float
        Of the F test that all settings have one mean.
    """

    mean: float
    between: float
    within: float
    range: float
    p_value: float

    def __str__(self) -> str:
        return (
            f"{self.mean:.4g} ± {self.between:.2g} between settings, ± {self.within:.2g} between seeds, "
            f"largest over smallest {self.range:.3f}, p = {self.p_value:.2g}"
        )


def varied_prompts(count: int, seed: int = 0) -> Prompts:
    """Unlike the paper's (ours): answers of geometric length, mean 128, and templates of which a few are asked for most (Zipf)."""
    rng = np.random.default_rng(seed)
    popularity = 1.0 / np.arange(1, 17)
    return Prompts.templates(
        count,
        groups=16,
        shared_tokens=64,
        input_tokens=rng.integers(64, 257, count),
        output_tokens=np.minimum(rng.geometric(1.0 / 128.0, count), 1024),
        group=rng.choice(16, count, p=popularity / popularity.sum()),
    )


def spread_of(values: np.ndarray) -> Spread:
    """Variance components of values [settings, seeds], at least two of each.

    Raises
    ------
    InvalidInput
        If there are fewer.
    """
    require(
        values.ndim == 2 and min(values.shape) >= 2,
        f"values are [settings, seeds], two of each at least; got shape {values.shape}",
    )
    settings, seeds = values.shape
    means = values.mean(axis=1)
    within = float(values.var(axis=1, ddof=1).mean())
    of_means = float(means.var(ddof=1))
    between = max(of_means - within / seeds, 0.0)
    if within > 0:
        p_value = float(f_distribution.sf(seeds * of_means / within, settings - 1, settings * (seeds - 1)))
    else:
        p_value = 0.0 if of_means > 1e-24 * float(means.mean()) ** 2 else 1.0
    return Spread(float(values.mean()), between**0.5, within**0.5, float(means.max() / means.min()), p_value)


def spike(
    cluster: Cluster,
    routers: Mapping[str, Policy | Controller[Any]],
    *,
    base: int = 16,
    peak: int = 256,
    begin_ms: float = 60_000.0,
    end_ms: float = 180_000.0,
    until_ms: float = 300_000.0,
    prompts: Callable[[int, int], Prompts] = paper_prompts,
    seeds: Sequence[int] = range(20),
) -> pl.DataFrame:
    """Experiment 3: `base` clients, `peak` in between, under routers that stay as they are and controllers that adapt.

    Parameters
    ----------
    routers : mapping of names to policies or controllers
        A controller polls every 5 s (A).
    base, peak : int
        Clients outside and inside the spike.
    begin_ms, end_ms, until_ms : float
        The spike, and the end of what is counted.
    prompts : callable
        From a number of requests and a seed to prompts.

    Returns
    -------
    polars.DataFrame
        router, seed, phase ("before", "spike", "after": by arrival; "spike" leaves out its first 15 s, in which a controller can not have
        acted), requests, throughput_rps (of answers that ended in the phase), means and P99 of ttft_ms and latency_ms.
    """
    count = int(1.2 * until_ms / 1000.0 * 400.0)  # more than any of these clusters serves; clients stop at `until_ms`
    start = np.r_[np.zeros(base), np.full(peak - base, begin_ms)]
    stop = np.r_[np.full(base, until_ms), np.full(peak - base, end_ms)]
    phases = (("before", 0.0, begin_ms), ("spike", begin_ms + 15_000.0, end_ms), ("after", end_ms, until_ms))

    def one(name: str, router: Policy | Controller[Any], seed: int) -> list[dict[str, str | float]]:
        workload = Workload(prompts(count, seed), ClosedLoop(start, stop))
        if isinstance(router, Controller):
            frame = simulate_adaptive(cluster, workload, router, seed).requests.collect()
        else:
            frame = simulate(cluster, workload, router, seed).collect()
        sent, done, ttft = (frame[c].to_numpy() for c in ("arrival_ms", "finish_ms", "ttft_ms"))
        rows: list[dict[str, str | float]] = []
        for phase, low, high in phases:
            inside = (sent >= low) & (sent < high)
            rows.append(
                {
                    "router": name,
                    "seed": seed,
                    "phase": phase,
                    "requests": int(inside.sum()),
                    "throughput_rps": 1000.0 * float(((done >= low) & (done < high)).sum()) / (high - low),
                    "ttft_mean_ms": float(ttft[inside].mean()),
                    "ttft_p99_ms": float(np.quantile(ttft[inside], 0.99)),
                    "latency_mean_ms": float((done - sent)[inside].mean()),
                    "latency_p99_ms": float(np.quantile((done - sent)[inside], 0.99)),
                }
            )
        return rows

    tasks = (joblib.delayed(one)(name, router, seed) for name, router in routers.items() for seed in seeds)
    found = cast("list[list[dict[str, str | float]]]", joblib.Parallel(n_jobs=-1, prefer="threads")(tasks))
    return pl.DataFrame([row for rows in found for row in rows])


def prefill_bound(cluster: Cluster, clients: int, new_tokens: int = 64) -> float:
    r"""Mean latency in ms that no router of decode workers gets below, with C clients and prefill workers that take one prompt at a time.

    The asymptotic bound of closed queueing networks: P prefill workers let at most :math:`P / s` requests a ms pass if a prompt takes at
    least s there, so by Little's law the C clients wait :math:`R \ge C s / P` on average. Only prefill enters: not the number of decode
    workers, nor how they are chosen. Of Dynamo's mock engine s includes the decode iteration that it runs with each prompt.

    Parameters
    ----------
    new_tokens : int
        Least tokens of a prompt that are not found in a cache.

    Raises
    ------
    InvalidInput
        If a prefill worker takes several prompts at a time, or the cluster is aggregated.
    """
    require_instance(cluster, Cluster, "cluster")
    require(
        cluster.prefill >= 1 and cluster.prefill_requests == 1,
        "the bound is of prefill workers that take one prompt at a time (prefill_requests=1)",
    )
    service = cluster.prefill_time.at(new_tokens)
    if cluster.engine == "mock":
        service += float(cluster.decode_time.ms.min())
    return clients * service / cluster.prefill


def transients(
    cluster: Cluster,
    controller: Controller[Any],
    *,
    base: int = 16,
    peak: int = 256,
    begin_ms: float = 60_000.0,
    end_ms: float = 180_000.0,
    until_ms: float = 300_000.0,
    seeds: Sequence[int] = range(20),
    band: float = 0.1,
) -> pl.DataFrame:
    """What a controller makes of a load spike, poll by poll: `settling` of TTFT P99 after each change of load, and its own switches.

    Parameters
    ----------
    band : float
        Share of the level finally reached within which TTFT P99 counts as settled; at least 5 ms.

    Returns
    -------
    polars.DataFrame
        seed, change ("up" at begin_ms, "down" at end_ms), target_ms (median of the last five polls before the next change), overshoot_ms,
        settled, settling_s, crossings, switches (changes of policy in the same time).
    """
    start = np.r_[np.zeros(base), np.full(peak - base, begin_ms)]
    stop = np.r_[np.full(base, until_ms), np.full(peak - base, end_ms)]
    rows: list[dict[str, str | float]] = []
    for seed in seeds:
        workload = Workload(paper_prompts(int(0.5 * until_ms), seed), ClosedLoop(start, stop))
        polls = simulate_adaptive(cluster, workload, controller, seed).polls.drop_nulls()
        time, series = polls["time_ms"].to_numpy(), polls["ttft_p99_ms"].to_numpy()
        changed = np.r_[False, polls["policy"].to_numpy()[1:] != polls["policy"].to_numpy()[:-1]]
        for change, low, high in (("up", begin_ms, end_ms), ("down", end_ms, until_ms)):
            inside = (time > low) & (time <= high)
            target = float(np.median(series[inside][-5:]))
            found = settling(series[inside], target, max(band * target, 5.0))
            rows.append(
                {
                    "seed": seed,
                    "change": change,
                    "target_ms": target,
                    "overshoot_ms": float(found.overshoot),
                    "settled": float(found.settled),
                    "settling_s": 5.0 * float(found.steps),
                    "crossings": float(found.crossings),
                    "switches": float(changed[inside].sum()),
                }
            )
    return pl.DataFrame(rows)
