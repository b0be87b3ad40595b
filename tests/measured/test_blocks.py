"""Demands of blocks against a plain count, on a small trace and a real one; bad input."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poagame.errors import EmptyTable, InvalidInput, MissingColumn, TooLarge
from poagame.measured import RequestTable, read_requests
from poagame.measured.blocks import BlockDemand, block_demand

TRACE = [[0, 1, 2], [0, 3], [0, 1, 4], [0, 3, 5], [0, 6], [0, 1, 2]]


def trace(path: Path, hashes: list[list[int]] = TRACE) -> RequestTable:
    lines = (
        {"timestamp": 10 * at, "input_length": 512 * len(h), "output_length": 5, "hash_ids": h}
        for at, h in enumerate(hashes)
    )
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return read_requests(path)


def table(hashes: list[Any]) -> RequestTable:
    frame = pl.DataFrame(
        {"request_id": range(len(hashes)), "arrival_ms": [0.0] * len(hashes), "block_hashes": hashes},
        schema_overrides={"block_hashes": pl.List(pl.Int64)},
    )
    return RequestTable.from_frame(frame)


def counted(hashes: list[list[int]], worker: list[int]) -> Counter[tuple[int, int]]:
    return Counter((w, block) for w, blocks in zip(worker, hashes, strict=True) for block in blocks)


def cells(found: BlockDemand) -> Counter[tuple[int, int]]:
    return Counter(
        {(int(w), int(found.block_ids[k])): int(found.demand[w, k]) for w, k in np.argwhere(found.demand > 0)}
    )


def test_a_small_trace(tmp_path: Path) -> None:
    found = block_demand(trace(tmp_path / "trace.jsonl"), 2)
    assert found.block_ids.tolist() == [0, 1, 2, 3, 4, 5, 6]  # 6, 3, 2, 2 reads, then once each as they come
    assert found.popularity.tolist() == [6, 3, 2, 2, 1, 1, 1]
    assert found.demand.tolist() == [[3, 2, 1, 0, 1, 0, 1], [3, 1, 1, 2, 0, 1, 0]]
    assert (found.num_requests, found.num_blocks, found.num_reads) == (6, 7, 16)
    assert (found.reads_kept, found.read_once) == (1.0, 3 / 7)
    assert repr(found) == "<BlockDemand of 2 workers: 7 blocks with 100.0% of 16 reads, 6 requests>"


def test_the_most_popular_blocks(tmp_path: Path) -> None:
    requests = trace(tmp_path / "trace.jsonl")
    found, whole = block_demand(requests, 2, most_blocks=3), block_demand(requests, 2)
    assert found.block_ids.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(found.demand, whole.demand[:, :3])
    assert found.reads_kept == 11 / 16
    assert (found.num_blocks, found.num_reads, found.read_once) == (7, 16, 3 / 7)
    np.testing.assert_array_equal(block_demand(requests, 2, most_blocks=99).demand, whole.demand)


def test_beginnings_stay_together(tmp_path: Path) -> None:
    requests = trace(tmp_path / "trace.jsonl")
    # all share block 0; then 1, 3 and 6 are new in this order
    for depth in (None, 2):
        found = block_demand(requests, 2, "prefix", prefix_blocks=depth)
        assert cells(found) == counted(TRACE, [0, 1, 0, 1, 0, 0])
    assert cells(block_demand(requests, 2, "prefix", prefix_blocks=1)) == counted(TRACE, [0] * 6)
    # (1, 2), 3, (1, 4), (3, 5), 6: a request shorter than the beginning is one of its own
    assert cells(block_demand(requests, 5, "prefix", prefix_blocks=3)) == counted(TRACE, [0, 1, 2, 3, 4, 0])
    alike = [[4, 5], [4, 5], [4]]
    assert cells(block_demand(table(alike), 2, "prefix")) == counted(alike, [0, 0, 1])
    blank: list[list[int]] = [[], [9], [], [8]]
    assert cells(block_demand(table(blank), 2, "prefix")) == counted(blank, [1, 0, 1, 1])


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.integers(0, 9), max_size=5), min_size=1, max_size=12).filter(any),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
    st.integers(1, 12),
)
def test_every_rule_counts_what_it_routes(hashes: list[list[int]], workers: int, seed: int, most: int) -> None:
    requests = table(hashes)
    drawn = np.random.default_rng(seed).integers(workers, size=len(hashes))
    turns = [at % workers for at in range(len(hashes))]
    for router, worker in (("round_robin", turns), ("random", drawn.tolist()), (drawn, drawn.tolist())):
        found = block_demand(requests, workers, router, seed=seed)
        assert found.demand.shape == (workers, found.num_blocks)
        assert cells(found) == counted(hashes, worker)
        assert (np.diff(found.popularity) <= 0).all()
        few = block_demand(requests, workers, router, seed=seed, most_blocks=most)
        assert few.reads_kept == pytest.approx(few.demand.sum() / found.demand.sum())
        assert few.popularity.tolist() == sorted(Counter(b for h in hashes for b in h).values(), reverse=True)[:most]
    assert sum(cells(block_demand(requests, workers, "prefix")).values()) == sum(map(len, hashes))


def test_negative_and_large_ids() -> None:
    hashes = [[-(2**63), 2**63 - 1], [2**63 - 1]]
    assert block_demand(table(hashes), 1).block_ids.tolist() == [2**63 - 1, -(2**63)]


def test_equally_popular_blocks_come_as_they_are_read() -> None:
    assert block_demand(table([[9, 3], [5], [], [7, 3], [1]]), 2).block_ids.tolist() == [3, 9, 5, 7, 1]


def test_a_seed_gives_the_same_workers() -> None:
    requests = table([[1], [2], [3], [4], [5], [6], [7], [8]])
    same, again, other = (block_demand(requests, 4, "random", seed=s).demand for s in (5, np.random.default_rng(5), 6))
    np.testing.assert_array_equal(same, again)
    assert (same != other).any()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"workers": 0}, "workers must be"),
        ({"workers": True}, "workers must be"),
        ({"workers": 2.0}, "workers must be"),
        ({"router": "best"}, "router is one of round_robin, random, prefix"),
        ({"router": [0]}, "each of 6 requests"),
        ({"router": [0.0] * 6}, "whole number"),
        ({"router": [True] * 6}, "whole number"),
        ({"router": [[0, 1], [0]]}, "worker's number for each request"),
        ({"router": None}, "whole number"),
        ({"router": [0, 1, 2, 0, 0, 0]}, "numbered 0 to 1"),
        ({"router": [0, -1, 0, 0, 0, 0]}, "numbered 0 to 1"),
        ({"most_blocks": 0}, "most_blocks must be"),
        ({"prefix_blocks": 2}, "leave it out"),
        ({"router": "prefix", "prefix_blocks": 0}, "prefix_blocks must be"),
        ({"router": "random", "seed": -1}, "seed is"),
        ({"router": "random", "seed": "x"}, "seed is"),
        ({"requests": TRACE}, "requests is a RequestTable"),
    ],
)
def test_bad_input(arguments: dict[str, Any], said: str) -> None:
    sound: dict[str, Any] = {"requests": table(TRACE), "workers": 2}
    with pytest.raises(InvalidInput, match=said):
        block_demand(**(sound | arguments))


def test_tables_without_blocks() -> None:
    bare = RequestTable.from_frame(pl.DataFrame({"request_id": ["a"], "arrival_ms": [0.0]}))
    with pytest.raises(MissingColumn, match="block_hashes, needed for the blocks that requests read"):
        block_demand(bare, 2)
    with pytest.raises(EmptyTable, match="none of 2 requests has a block"):
        block_demand(table([[], []]), 2)
    with pytest.raises(InvalidInput, match="1 of 3 requests have unknown block_hashes, the first is number 1"):
        block_demand(table([[1], None, [2]]), 2)
    with pytest.raises(InvalidInput, match="1 of 2 requests have unknown block_hashes, the first is number 1"):
        block_demand(table([[1], [2, None]]), 2)


def test_too_large() -> None:
    with pytest.raises(TooLarge, match="most_blocks=1 or less"):
        block_demand(table([[1, 2]]), 150_000_000)


def test_the_real_trace(shared_data: Path) -> None:
    path = shared_data / "traces" / "mooncake_conversation_trace.jsonl"
    if not path.is_file():
        pytest.skip("the Mooncake trace is not among the real input files")
    requests = read_requests(path)
    hashes = [json.loads(text)["hash_ids"] for text in path.read_text(encoding="utf-8").splitlines()]
    reads = Counter(block for blocks in hashes for block in blocks)
    found = block_demand(requests, 8)
    assert (found.num_requests, found.num_blocks, found.num_reads) == (len(hashes), len(reads), sum(reads.values()))
    assert found.popularity.tolist() == sorted(reads.values(), reverse=True)
    assert found.read_once == sum(n == 1 for n in reads.values()) / len(reads)
    assert cells(found) == counted(hashes, [at % 8 for at in range(len(hashes))])
    assert all(blocks[0] == 0 for blocks in hashes)  # a prompt that all begin with
    together = block_demand(requests, 8, "prefix")
    shared = (together.demand > 0).sum(axis=0)
    assert shared[0] == 8
    assert (shared[1:] == 1).all()  # ids tell all that comes before, so every other block stays on one worker
    assert together.demand.sum(axis=1).min() > 0.5 * together.demand.sum() / 8
