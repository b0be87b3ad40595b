"""The three games together: failed allocation past saturation (Proposition 4), prefill exhaustion, and delayed feedback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from poagame._arrays import FloatArray
from poagame.anarchy.attribution import attribution_by_load
from poagame.batched.coupled import coupled_orbits
from poagame.games.coupled import CoupledState
from poagame.games.serving_cluster import ServingCluster
from poagame.paper.record import Claim, Finding, Standing

LOAD = np.array([4.0, 8.0, 16.0, 32.0, 64.0, 128.0])
ITL_MS = np.array([6.62, 6.99, 7.31, 7.95, 9.72, 13.21])
"""Measured ms a token by concurrency: B200, Llama-3.1-70B, fp8, TP4, aggregated serving of 1,024 in and out."""

MODEL = (
    "requests go round in a closed loop of ours: prefill a queue of exponential times with a mean of 13 ms (modelled, for 128 tokens "
    "on four B200; half of it for the shared prefix), decode at the measured ITL of aggregated serving, splits held fixed as in the "
    "paper's runs"
)


def measured_itl(batch: FloatArray) -> FloatArray:
    """ms a token, linear between the measured rows and constant outside them."""
    return np.interp(batch, LOAD, ITL_MS)


def paper_like(budget: int = 6) -> ServingCluster:
    """Five templates (S) on a budget of workers; times as `MODEL` says."""
    return ServingCluster(budget, [2] * 5, measured_itl, places=2, own_ms=6.5, prefix_ms=6.5, transfer_ms=1.0)


def allocation_fails(split: tuple[int, int] = (1, 5), requests: Sequence[int] = (40, 224)) -> Finding:
    """Loss at the equilibrium of routing and caching at a fixed split, shared out, below and past saturation of prefill."""
    low, high = attribution_by_load(paper_like(sum(split)), split, requests).rows(named=True)
    lost = {name: row["latency_ms"] - row["lowest_ms"] for name, row in (("low", low), ("high", high))}
    figures = {
        f"{name}_{end}": float(row[name])
        for end, row in (("low", low), ("high", high))
        for name in ("ratio", "allocation_ms", "routing_ms")
    }
    text = (
        f"{split[0]}P/{split[1]}D, five templates: at {low['requests']} requests in flight latency is "
        f"{low['ratio']:.4f} times the lowest found over all splits, placements and routings; at {high['requests']} "
        f"it is {high['ratio']:.3f} times, and of the {lost['high']:.0f} ms lost {high['allocation_ms']:.0f} are the "
        f"split's, {high['routing_ms']:.2g} routing's and {high['caching_ms']:.2g} caching's (Shapley values)."
    )
    if low["ratio"] < 1.02 and high["ratio"] > 1.1 and high["allocation_ms"] > 0.5 * lost["high"]:
        return Finding(Standing.HOLDS_UNDER, "instances", text, MODEL, figures=figures)
    decides = "a split that loses little below saturation and much past it"
    return Finding(Standing.UNDECIDED, "instances", text, decided_by=decides, figures=figures)


def prefill_exhaustion(split: tuple[int, int] = (1, 5), requests: int = 224, most: float = 0.05) -> Finding:
    """Where requests wait deep in saturation, and what better routing alone would win."""
    (row,) = attribution_by_load(paper_like(sum(split)), split, [requests]).rows(named=True)
    loss = row["latency_ms"] - row["lowest_ms"]
    share = row["routing_ms"] / loss if loss > 0 else 1.0
    figures = {"in_prefill": row["in_prefill"], "routing_share": share, "loss_ms": loss, "ttft_ms": row["ttft_ms"]}
    text = (
        f"{split[0]}P/{split[1]}D with {requests} requests in flight: a request spends {100 * row['in_prefill']:.0f} % of its time at "
        f"prefill (TTFT {row['ttft_ms']:.0f} ms); routing's share of the {loss:.0f} ms lost is {100 * share:.2g} %."
    )
    if row["in_prefill"] > 0.25 and share < most:
        text += " In deep saturation requests wait for prefill, and no router of decode workers could have helped."
        return Finding(Standing.HOLDS_UNDER, "instances", text, MODEL, figures=figures)
    decides = "the paper's runs with the time that requests waited for prefill"
    return Finding(Standing.UNDECIDED, "instances", text, decided_by=decides, figures=figures)


def drawn_clusters(number: int, seed: int = 0) -> tuple[list[ServingCluster], list[CoupledState]]:
    """Small clusters with drawn times, targets and starts."""
    rng = np.random.default_rng(seed)
    sizes = (4, 3, 5, 4)
    clusters: list[ServingCluster] = []
    starts: list[CoupledState] = []
    for _ in range(number):
        slope = rng.uniform(0.01, 0.3)
        cluster = ServingCluster(
            5,
            sizes,
            lambda n, slope=slope: 6.0 + slope * n,
            output_tokens=float(rng.integers(5, 60)),
            own_ms=rng.uniform(2, 30),
            prefix_ms=rng.uniform(1, 40),
            transfer_ms=rng.uniform(0.1, 10),
            places=int(rng.integers(1, 5)),
            overlap_weight=float(rng.choice([0.0, 0.5, 1.0, 3.0])),
            ttft_target_ms=rng.uniform(20, 300),
            itl_target_ms=rng.uniform(6, 8),
        )
        split = cluster.splits[int(rng.integers(len(cluster.splits)))]
        empty: Any = np.zeros((split[1], len(sizes)), dtype=np.int64)
        clusters.append(cluster)
        starts.append(CoupledState(split, empty, rng.integers(split[1], size=sum(sizes))))
    return clusters, starts


def delay_oscillates(number: int = 400, delays: Sequence[int] = (0, 1, 3), steps: int = 100) -> Finding:
    """How many drawn clusters end in a cycle under a ±1 Planner that sees the other layers late."""
    clusters, starts = drawn_clusters(number)
    periods = {delay: coupled_orbits(clusters, starts, steps, delay=delay).period for delay in delays}
    cycles = {delay: int((p > 1).sum()) for delay, p in periods.items()}
    figures = {f"cycles_{delay}": float(n) for delay, n in cycles.items()}
    figures |= {f"longest_{delay}": float(p.max()) for delay, p in periods.items()}
    told = ", ".join(f"{n} ({delay} steps late)" for delay, n in cycles.items())
    text = (
        f"{number:,} drawn clusters (16 requests, five workers): requests and stores go to their equilibria, a "
        "Planner moves a worker a step by the smaller share of requests in time. Orbits that end in a cycle: "
        f"{told}; the longest period is {max(int(p.max()) for p in periods.values())}. All others reach a fixed "
        f"point within {steps} steps, or none of both."
    )
    if max(cycles.values()) > 0 and cycles[max(delays)] > cycles[min(delays)]:
        return Finding(Standing.HOLDS, "drawn games", text, figures=figures)
    decides = "a cluster whose orbit is a cycle with delay and a fixed point without"
    return Finding(Standing.UNDECIDED, "drawn games", text, decided_by=decides, figures=figures)


CLAIMS = (
    Claim(
        "allocation-fails",
        "At saturation PoA also grows because the split of GPUs between prefill and decode fails.",
        "Prop 4, mechanism (b) (S)",
        allocation_fails,
    ),
    Claim(
        "prefill-exhaustion",
        "The blow-up in deep saturation is prefill's exhaustion, not the router's doing.",
        "with the values of 200 to 309 (P)",
        prefill_exhaustion,
    ),
    Claim(
        "coupling-oscillates",
        "Cache, router and planner coupled with delay can oscillate.",
        "section 4.4 (S)",
        delay_oscillates,
    ),
)
