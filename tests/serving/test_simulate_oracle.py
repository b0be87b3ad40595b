"""Every request of many small random clusters, against a plain simulator of the same model."""

from __future__ import annotations

import numpy as np
import pytest

from poagame.serving import (
    CacheAffinity,
    ClosedLoop,
    Cluster,
    DecodeTime,
    DynamoRouter,
    DynamoRouter1,
    Fixed,
    LeastWork,
    MarginalCost,
    OpenLoop,
    Policy,
    PrefillTime,
    Prompts,
    RoundRobin,
    Selfish,
    ShortestQueue,
    Workload,
)
from poagame.serving.simulate import simulated

from .serving_oracle import Oracle


def drawn_cluster(rng: np.random.Generator) -> Cluster:
    apart = bool(rng.integers(2))
    by = "batch" if rng.integers(2) else "tokens"
    load = [1.0, 4.0, 20.0] if by == "batch" else [16.0, 128.0, 1024.0]
    times = np.sort(rng.uniform(5.0, 30.0, (3, 2)), axis=0)
    engine = "mock" if rng.integers(2) else "batched"
    return Cluster(
        prefill=int(rng.integers(1, 3)) if apart else 0,
        decode=int(rng.integers(1, 4)) if apart else 0,
        aggregated=0 if apart else int(rng.integers(1, 4)),
        prefill_time=PrefillTime(np.array([0.0, 40.0, 120.0]), np.array([3.1, 11.7, 47.3])),
        decode_time=DecodeTime(load, times, [16.0, 200.0], by=by),
        kv_blocks=int(rng.integers(14, 60)) if rng.integers(2) else None,
        transfer_ms=float(rng.choice([0.0, 2.3])),
        transfer_block_ms=float(rng.choice([0.0, 0.7])),
        most_requests=int(rng.integers(1, 6)) if rng.integers(2) else None,
        prefill_requests=int(rng.integers(1, 3)) if rng.integers(2) else None,
        most_tokens=int(rng.integers(20, 100)) if engine == "batched" and rng.integers(2) else None,
        engine=engine,
        eviction="frequency" if rng.integers(2) else "lru",
        half_life_ms=float(rng.choice([150.0, 2000.0])),
    )


def drawn_prompts(rng: np.random.Generator, count: int) -> Prompts:
    """Prompts of up to three shared segments, one nested in the other, and tails of their own."""
    first, segments = [0], []
    for pattern in range(6):
        chain = [[], [0], [0, 1], [0, 1, 2], [3], [3, 4]][pattern]
        segments += chain
        first.append(len(segments))
    sizes = 16 * rng.integers(1, 3, 5)
    pattern = rng.integers(0, 6, count)
    shared = np.array([sum(sizes[s] for s in segments[first[k] : first[k + 1]]) for k in range(6)])
    inputs = shared[pattern] + rng.integers(1, 40, count)
    return Prompts(inputs, rng.integers(1, 30, count), pattern, np.array(first), np.array(segments), sizes)


def drawn_workload(rng: np.random.Generator, count: int) -> Workload:
    prompts = drawn_prompts(rng, count)
    kind = rng.integers(3)
    if kind == 0:
        return Workload(prompts, OpenLoop.poisson(float(rng.uniform(5.0, 60.0)), count, seed=int(rng.integers(1000))))
    if kind == 1:
        clients = int(rng.integers(1, 8))
        start = np.sort(rng.uniform(0.0, 200.0, clients))
        return Workload(prompts, ClosedLoop(start, np.full(clients, np.inf), float(rng.choice([0.0, 17.0]))))
    return Workload(prompts, ClosedLoop.levels([2, 5], [count // 3, count - count // 3], 50_000.0))


def drawn_policy(rng: np.random.Generator, cluster: Cluster, count: int) -> Policy:
    latency = np.cumsum(rng.integers(1, 9, 6)).astype(float)
    return [
        RoundRobin(),
        Fixed(rng.integers(0, cluster.num_decoders, count)),
        DynamoRouter(float(rng.choice([0.0, 0.5, 1.0, 2.0]))),
        DynamoRouter1(float(rng.choice([0.0, 1.0, 2.0])), float(rng.choice([0.0, 0.5, 1.0]))),
        LeastWork(),
        ShortestQueue(),
        CacheAffinity(),
        Selfish(latency, float(rng.choice([0.0, 2.0]))),
        MarginalCost(latency, float(rng.choice([0.0, 2.0]))),
    ][int(rng.integers(9))]


@pytest.mark.parametrize("block", range(10))
def test_every_request_of_drawn_clusters(block: int) -> None:
    for number in range(40):
        rng = np.random.default_rng([block, number])
        cluster, count = drawn_cluster(rng), int(rng.integers(5, 45))
        workload, policy = drawn_workload(rng, count), drawn_policy(rng, cluster, count)
        _, state = simulated(cluster, workload, policy, seed=number)
        prefillers = state.prefiller.tolist()
        decoders = (state.decoder - cluster.prefill).tolist()
        truth = Oracle(cluster, workload, policy, prefillers, decoders).run()
        assert len(truth) == count
        for name, found in (("sent", state.sent), ("first", state.first), ("done", state.done)):
            np.testing.assert_allclose(
                found, [getattr(r, name) for r in truth], rtol=1e-9, atol=1e-9, err_msg=f"{block} {number} {name}"
            )
        assert state.decoder.tolist() == [r.decoder for r in truth]
        assert state.prefiller.tolist() == [r.prefiller for r in truth]
        assert state.found.tolist() == [r.found for r in truth]
