"""PoA-hat against the truth: on small clusters whose every assignment can be run, how near do the estimates come? Ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import joblib
import numpy as np
import polars as pl
from scipy.stats import rankdata

from poagame.errors import PoagameError
from poagame.estimator import poa_hat
from poagame.games.checks import whole
from poagame.measured.tables import DecisionTable
from poagame.serving.cluster import Cluster
from poagame.serving.policies import Policy, Random, RoundRobin, ShortestQueue
from poagame.serving.router import DynamoRouter
from poagame.serving.simulate import as_table, simulated
from poagame.serving.timing import DecodeTime, PrefillTime
from poagame.serving.truth import truth
from poagame.serving.workload import OpenLoop, Prompts, Workload

ESTIMATES: Final = ("frozen", "frozen, unloaded", "frozen, per token", "congestion", "decision", "twin")
REGIMES: Final = ("below", "transition", "saturated")
_APART_MS: Final = 1e6  # batches never meet


def drawn_cluster(rng: np.random.Generator) -> tuple[Cluster, Policy, float]:
    """A small cluster, a router, and the mean time between arrivals in ms: from idle to overloaded."""
    slope = float(rng.uniform(0.05, 1.0))
    cluster = Cluster(
        prefill=1,
        decode=int(rng.integers(2, 4)),
        prefill_time=PrefillTime.linear(float(rng.uniform(1.0, 10.0)), 0.02),
        decode_time=DecodeTime([1, 9], [10.0, 10.0 * (1.0 + 8.0 * slope)]),
        most_requests=int(rng.integers(1, 5)) if rng.integers(2) else None,
    )
    routers: list[Policy] = [Random(), RoundRobin(), ShortestQueue(), DynamoRouter(), DynamoRouter(1.0, 0.7)]
    return cluster, routers[int(rng.integers(len(routers)))], float(np.exp(rng.uniform(np.log(5.0), np.log(500.0))))


def calibrate(num_clusters: int = 200, batches: int = 12, seed: int = 0, num_resamples: int = 200) -> pl.DataFrame:
    """Draw clusters, run each on some small batches of requests, and put its estimates beside the exact numbers.

    A batch is 6 requests (3 workers) or 8 (2 workers) with answers of geometric length, mean 24; batches are so far apart that they never
    meet. A cluster's true ratio is the sum of latencies that ran over the sum of anticipating optima; its price of anarchy the like for
    the worst equilibria. Estimates see the recorded table alone, with a batch for a window, except "twin", which knows the cluster: it
    divides by what single moves, tried in the simulator from the recorded assignment on, arrive at.

    Parameters
    ----------
    num_clusters, batches, seed, num_resamples : int
        Clusters and batches of each; of the draws; of the bootstrap.

    Returns
    -------
    polars.DataFrame
        A row for each cluster and estimate that exists: cluster, regime ("below", "transition", "saturated": mean latency up to 1.2, to 2,
        and over 2 times that of the same requests alone), router, stretch (that number), ratio (true), poa (true; null if a batch has no
        pure equilibrium), estimate, value, low, high (bootstrap, 95 %; null for "twin").
    """
    number = whole(num_clusters, "num_clusters", least=1)
    rngs = np.random.default_rng(seed).spawn(number)
    tasks = (joblib.delayed(_one)(k, rng, batches, num_resamples) for k, rng in enumerate(rngs))
    rows = joblib.Parallel(n_jobs=-1, prefer="threads")(tasks)
    return pl.DataFrame([row for part in rows for row in part], infer_schema_length=None)  # pyright: ignore[reportOptionalIterable]


def _one(
    number: int, rng: np.random.Generator, batches: int, num_resamples: int
) -> list[dict[str, str | float | int | None]]:
    cluster, router, gap = drawn_cluster(rng)
    size = 8 if cluster.decode == 2 else 6
    arrivals = np.cumsum(rng.exponential(gap, (batches, size)), axis=1)
    outputs = rng.geometric(1.0 / 24.0, (batches, size))
    ran = optimum = twin = 0.0
    worst: float | None = 0.0
    workload = Workload(
        Prompts.templates(batches * size, groups=1, output_tokens=outputs.ravel()),
        OpenLoop((arrivals + _APART_MS * np.arange(batches)[:, None]).ravel()),
    )
    given, state = simulated(cluster, workload, router, int(rng.integers(2**31)))
    workers = (state.decoder - cluster.prefill).reshape(batches, size)
    for b in range(batches):
        exact = truth(
            cluster, Workload(Prompts.templates(size, groups=1, output_tokens=outputs[b]), OpenLoop(arrivals[b]))
        )
        total = exact.total_ms
        ran += total[exact.index(workers[b])]
        optimum += exact.optimum_ms
        twin += total[exact.descend(workers[b])]
        anarchy = exact.anarchy()
        worst = None if worst is None or anarchy is None else worst + anarchy[0] * exact.optimum_ms
    alone = float((cluster.prefill_time.at(128) + outputs * cluster.decode_time.at(1)).sum())
    stretch = ran / alone
    regime = REGIMES[int(stretch > 1.2) + int(stretch > 2.0)]
    shared = {
        "cluster": number,
        "regime": regime,
        "router": type(router).__name__,
        "stretch": stretch,
        "ratio": ran / optimum,
        "poa": None if worst is None else worst / optimum,
    }
    table = as_table(cluster, workload, router, given, state)
    rows: list[dict[str, str | float | int | None]] = [
        {**shared, "estimate": "twin", "value": ran / twin, "low": None, "high": None}
    ]
    options = {"window": size, "num_resamples": num_resamples, "group_by": ()}
    for name, cost, more in (
        ("frozen", "frozen", {}),
        ("frozen, unloaded", "frozen", {"latency": "unloaded"}),
        ("frozen, per token", "frozen", {"metric": "itl_ms", "latency": "unloaded"}),
        ("congestion", "congestion", {}),
        ("decision", "decision", {}),
    ):
        try:
            if cost == "decision":
                found = poa_hat(_decisions(state.chosen_cost), "decision", num_resamples=num_resamples)
            else:
                found = poa_hat(table, cost, **options, **more)  # pyright: ignore[reportArgumentType]
        except PoagameError:  # no latency fits, or the router has no costs
            continue
        if found.value is None or not np.isfinite(found.value):  # all costs were 0
            continue
        rows.append({**shared, "estimate": name, "value": found.value, "low": found.low, "high": found.high})
    return rows


def _decisions(costs: np.ndarray) -> DecisionTable:
    """Chosen and least cost of each decision, as a table of two candidates."""
    number = np.repeat(np.arange(len(costs)), 2)
    frame = pl.DataFrame(
        {
            "decision": number,
            "worker": np.tile(["taken", "least"], len(costs)),
            "logit": costs.ravel(),
            "selected": np.tile([True, False], len(costs)),
        }
    )
    return DecisionTable.from_frame(frame.filter(pl.col("logit").is_not_nan()))


def scores(frame: pl.DataFrame, seed: int = 0, resamples: int = 500) -> pl.DataFrame:
    """How each estimate tracks the true ratio, by regime and in all.

    Returns
    -------
    polars.DataFrame
        estimate, regime ("all" too), clusters, bias (mean of value − ratio), log_error (mean of |log(value / ratio)|), rank (Spearman's
        correlation with the true ratio; null if either is constant) with a 95 % bootstrap interval over clusters rank_low, rank_high, and
        coverage (share of bootstrap intervals that hold the true ratio; null for "twin").
    """
    rng = np.random.default_rng(seed)
    rows: list[dict[str, str | float | int | None]] = []
    for estimate in ESTIMATES:
        for regime in (*REGIMES, "all"):
            part = frame.filter(pl.col("estimate") == estimate)
            part = part if regime == "all" else part.filter(pl.col("regime") == regime)
            if part.height < 5:
                continue
            value, ratio = part["value"].to_numpy(), part["ratio"].to_numpy()
            covered = ((pl.col("low") <= pl.col("ratio")) & (pl.col("ratio") <= pl.col("high"))).mean()
            low, high = _rank_interval(value, ratio, rng, resamples)
            rows.append(
                {
                    "estimate": estimate,
                    "regime": regime,
                    "clusters": part.height,
                    "bias": float((value - ratio).mean()),
                    "log_error": float(np.abs(np.log(value / ratio)).mean()),
                    "rank": _rank(value, ratio),
                    "rank_low": low,
                    "rank_high": high,
                    "coverage": part.select(covered).item() if part["low"].null_count() < part.height else None,
                }
            )
    return pl.DataFrame(rows, infer_schema_length=None)


def _rank(value: np.ndarray, ratio: np.ndarray) -> float | None:
    if np.ptp(value) < 1e-12 or np.ptp(ratio) < 1e-12:
        return None
    return float(np.corrcoef(rankdata(value), rankdata(ratio))[0, 1])


def _rank_interval(
    value: np.ndarray, ratio: np.ndarray, rng: np.random.Generator, resamples: int
) -> tuple[float | None, float | None]:
    drawn = [rng.integers(value.size, size=value.size) for _ in range(resamples)]
    found: Sequence[float] = [r for r in (_rank(value[d], ratio[d]) for d in drawn) if r is not None]
    if len(found) < resamples // 2:
        return None, None
    return float(np.quantile(found, 0.025)), float(np.quantile(found, 0.975))
