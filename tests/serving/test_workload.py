from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from poagame.errors import InvalidInput, MissingColumn
from poagame.measured import read_requests
from poagame.measured.tables import RequestTable
from poagame.serving import (
    CacheAffinity,
    ClosedLoop,
    Cluster,
    DecodeTime,
    DynamoRouter,
    Fixed,
    OpenLoop,
    PowerOfChoices,
    PrefillTime,
    Prompts,
    RoundRobin,
    Selfish,
    Workload,
    mocker_times,
    simulate,
)
from poagame.serving.simulate import simulated

CLUSTER = Cluster(
    aggregated=2, prefill_time=PrefillTime.linear(2.0, 0.01), decode_time=DecodeTime.constant(1.0), block_tokens=512
)


def common_prefix(lists: list[list[int]], k: int) -> int:
    """Blocks that request k shares, from its beginning, with an earlier one."""
    best = 0
    for other in lists[:k]:
        n = 0
        while n < min(len(other), len(lists[k])) and other[n] == lists[k][n]:
            n += 1
        best = max(best, n)
    return best


@pytest.mark.parametrize("seed", range(20))
def test_hashes_find_what_lists_of_blocks_find(seed: int) -> None:
    """One endless cache, requests one after another: each finds its longest prefix that came before."""
    rng = np.random.default_rng(seed)
    tree: list[list[int]] = [[]]
    fresh = iter(range(10**6))
    lists: list[list[int]] = []
    for _ in range(40):
        base = tree[int(rng.integers(len(tree)))][: int(rng.integers(0, 8))]
        lists.append([*base, *(next(fresh) for _ in range(int(rng.integers(1, 4))))])
        tree.append(lists[-1])
    inputs = np.array([512 * len(blocks) for blocks in lists])
    prompts = Prompts.from_hashes(lists, 512, inputs, np.full(40, 3))
    one = replace(CLUSTER, aggregated=1)
    _, state = simulated(one, Workload(prompts, OpenLoop(1e5 * np.arange(40.0))), RoundRobin(), 0)
    # what one request alone uses can not be found; all of `common_prefix` is used twice at least
    assert state.found.tolist() == [common_prefix(lists, k) for k in range(40)]


def test_mooncake_and_azure_traces_run(shared_data: Path) -> None:
    for name, shares in (("mooncake_conversation_trace.jsonl", True), ("azure_llm_2023_code.csv", False)):
        table = read_requests(shared_data / "traces" / name)
        short = RequestTable.from_frame(table.frame.head(1500), source=name, format=table.format)
        found = simulate(replace(CLUSTER, aggregated=8), Workload.replay(short), CacheAffinity()).collect()
        assert found.height == 1500
        assert (found["kv_hit_rate"].to_numpy().mean() > 0.05) == shares


def test_bad_workloads() -> None:
    with pytest.raises(InvalidInput, match="sort the trace by time"):
        OpenLoop(np.array([0.0, 5.0, 4.0]))
    with pytest.raises(InvalidInput, match="at least 0"):
        OpenLoop(np.array([-1.0, 5.0]))
    with pytest.raises(InvalidInput, match="arrival_ms"):
        OpenLoop(np.array([0.0, np.nan]))
    with pytest.raises(InvalidInput, match="a time for each of the 3 prompts"):
        Workload(Prompts.templates(3), OpenLoop(np.array([0.0])))
    with pytest.raises(InvalidInput, match="prompts is a Prompts"):
        Workload(7, OpenLoop(np.array([0.0])))  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match="shortest prompt"):
        Prompts.templates(3, shared_tokens=256)
    with pytest.raises(InvalidInput, match="whole numbers"):
        Prompts.templates(3, output_tokens=2.5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match="from 1 to"):
        Prompts.templates(3, output_tokens=0)
    with pytest.raises(InvalidInput, match="numbers a template"):
        Prompts.templates(2, groups=2, group=[0, 2])
    with pytest.raises(InvalidInput, match="begins before it ends"):
        ClosedLoop.spike(1, 2, 5.0, 5.0)
    with pytest.raises(InvalidInput, match="by time or by number"):
        ClosedLoop(np.zeros(1), np.ones(1), 0.0, np.array([3]))
    with pytest.raises(InvalidInput, match="concurrency must be at least 1"):
        ClosedLoop.steady(0)
    good = Prompts.templates(4, groups=2, shared_tokens=64)
    for change, message in (
        ({"pattern": np.array([0, 1, 2, 0])}, "pattern numbers from 0 to 1"),
        ({"segments": np.array([0, 9])}, "segments numbers from 0"),
        ({"first_segment": np.array([0, 2, 1])}, "rises from 0"),
        ({"input_tokens": np.array([128, 128, 32, 128])}, "request 2 has 32 tokens"),
        ({"output_tokens": np.array([1, 1, 1])}, "got shapes"),
        ({"segment_tokens": np.array([64, 0])}, "at least one token"),
    ):
        with pytest.raises(InvalidInput, match=message):
            replace(good, **change)


def test_a_table_without_arrivals_cannot_be_replayed() -> None:
    table = simulate(CLUSTER, Workload(Prompts.templates(20), ClosedLoop.steady(2)), RoundRobin())
    assert len(Workload.replay(table).prompts) == 20
    bare = RequestTable.from_frame(table.collect().drop("input_tokens"))
    with pytest.raises(MissingColumn, match="input_tokens"):
        Workload.replay(bare)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decode": 0}, "decode ≥ 1"),
        ({"prefill": 0}, "prefill ≥ 1"),
        ({"aggregated": 2}, "aggregated or disaggregated"),
        ({"kv_blocks": 0}, "kv_blocks"),
        ({"block_tokens": 0}, "block_tokens"),
        ({"most_requests": 1.5}, "most_requests"),
        ({"transfer_ms": -1.0}, "transfer_ms"),
        ({"transfer_ms": float("nan")}, "transfer_ms"),
        ({"engine": "real"}, "engine is"),
        ({"eviction": "fifo"}, "eviction is"),
        ({"half_life_ms": 0.0}, "half_life_ms"),
        ({"half_life_ms": "long"}, "half_life_ms"),
        ({"prefill_time": 20.0}, "prefill_time is a PrefillTime"),
    ],
)
def test_impossible_clusters(change: dict[str, object], message: str) -> None:
    good = Cluster(prefill=1, decode=2, prefill_time=PrefillTime.constant(1.0), decode_time=DecodeTime.constant(1.0))
    with pytest.raises(InvalidInput, match=message):
        replace(good, **change)


def test_timing_tables(tmp_path: Path) -> None:
    prefill = PrefillTime(np.array([10.0, 20.0]), np.array([1.0, 3.0]))
    assert [prefill.at(t) for t in (0.0, 10.0, 15.0, 30.0)] == pytest.approx([0.0, 1.0, 2.0, 5.0])
    assert prefill.plus(1.0).at(15.0) == pytest.approx(3.0)
    decode = DecodeTime([1, 3], [[2.0, 4.0], [4.0, 8.0]], [10.0, 20.0])
    assert decode.at(2, 15.0) == pytest.approx(4.5)
    assert decode.at(5, 10.0) == pytest.approx(6.0)
    for bad in ([], [1.0, 1.0], [2.0, 1.0], [-1.0, 2.0], [np.nan, 1.0]):
        with pytest.raises(InvalidInput):
            PrefillTime(np.array(bad), np.ones(len(bad)))
    with pytest.raises(InvalidInput, match="shape"):
        DecodeTime([1, 2], [1.0])
    with pytest.raises(InvalidInput, match="by is"):
        DecodeTime([1], [1.0], by="weight")  # pyright: ignore[reportArgumentType]
    nonsense = tmp_path / "times.npz"
    nonsense.write_bytes(b"no archive at all")
    with pytest.raises(InvalidInput, match="no timing archive"):
        mocker_times(nonsense)
    np.savez(nonsense, prefill_isl=np.ones(2))
    with pytest.raises(InvalidInput, match="lacks prefill_ttft_ms"):
        mocker_times(nonsense)


def test_bad_policies() -> None:
    with pytest.raises(InvalidInput, match="choices"):
        PowerOfChoices(0)
    with pytest.raises(InvalidInput, match="numbered from 0"):
        Fixed(np.array([-1]))
    with pytest.raises(InvalidInput, match="whole numbers"):
        Fixed(np.array([0.5]))
    with pytest.raises(InvalidInput, match="latency_ms"):
        Selfish(np.array([-1.0]))
    with pytest.raises(InvalidInput, match="temperature"):
        DynamoRouter(1.0, -0.1)
