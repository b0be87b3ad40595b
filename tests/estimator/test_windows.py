from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poagame.errors import EmptyTable, InvalidInput, MissingColumn, TooLarge
from poagame.estimator import windows
from poagame.estimator.timeline import Timeline, timeline
from poagame.estimator.windows import split
from poagame.measured import RequestTable


def random_frame(seed: int, rows: int, *, gaps: bool = True) -> pl.DataFrame:
    """Two runs, with ties in time, requests of no duration, warm ones and ones without a metric, in random order."""
    rng = np.random.default_rng(seed)
    arrival = rng.integers(0, max(2, rows // 2), rows).astype(float)
    duration = rng.integers(0, 8, rows).astype(float)
    latency = [None if gaps and rng.random() < 0.1 else float(x) for x in rng.integers(1, 50, rows)]
    return pl.DataFrame(
        {
            "request_id": [str(k) for k in range(rows)],
            "run": rng.choice(["a", "b"], rows),
            "phase": rng.choice(["warm", "low", "high"], rows, p=[0.2, 0.4, 0.4]),
            "arrival_ms": arrival,
            "finish_ms": arrival + duration,
            "latency_ms": latency,
            "decode_worker": rng.choice(["9", "10", "11"], rows),
        },
        schema_overrides={"latency_ms": pl.Float64},
    )


def loads_by_counting(frame: pl.DataFrame, run: str, worker: str, now: float) -> int:
    return frame.filter(
        (pl.col("run") == run)
        & (pl.col("decode_worker") == worker)
        & (pl.col("arrival_ms") < now)
        & (pl.col("finish_ms") > now)
    ).height


def requests_of(frame: pl.DataFrame, **options: object) -> Timeline:
    return timeline(RequestTable.from_frame(frame), **options)  # type: ignore[arg-type]


@given(st.integers(0, 10**6), st.integers(20, 60), st.sampled_from([None, 1, 2, 3]))
def test_windows_and_their_loads_are_what_counting_pairs_of_requests_gives(
    seed: int, rows: int, window: int | None
) -> None:
    frame = random_frame(seed, rows)
    times = requests_of(frame)
    ordered = pl.concat([frame.filter(run=r).sort("arrival_ms", maintain_order=True) for r in ("a", "b")])
    segments, found = split(times, window)
    expected = [
        loads_by_counting(frame, run, worker, now)
        for run, worker, now in ordered.select("run", "decode_worker", "arrival_ms").iter_rows()
    ]
    assert found.tolist() == expected

    seen = 0
    for segment in segments:
        group = times.groups.row(segment.group, named=True)
        eligible = ordered.with_row_index("at").filter(
            (pl.col("run") == group["run"]) & (pl.col("phase") == group["phase"]) & pl.col("latency_ms").is_not_null()
        )
        of_run = frame.filter(pl.col("run") == group["run"])
        workers = sorted(of_run["decode_worker"].unique().to_list())
        assert [times.workers[w] for w in segment.workers] == workers
        assert segment.length == (window or len(workers))
        assert segment.slots == -(-segment.length // len(workers))
        full = eligible.height // segment.length
        assert segment.members.ravel().tolist() == eligible["at"].to_list()[: full * segment.length]
        assert segment.left_out == eligible.height - full * segment.length
        for members, background in zip(segment.members, segment.background, strict=True):
            now = ordered["arrival_ms"][int(members[0])]
            assert background.tolist() == [loads_by_counting(frame, group["run"], w, now) for w in workers]
        seen += eligible.height
    warm = (frame["phase"] == "warm").sum()
    unknown = frame["latency_ms"].null_count()
    assert seen == frame.filter(pl.col("latency_ms").is_not_null() & (pl.col("phase") != "warm")).height
    assert any(f'{warm} requests of phase "warm"' in note for note in times.notes) == (warm > 0)
    assert any(f"{unknown} requests without latency_ms" in note for note in times.notes) == (unknown > 0)


def test_requests_elsewhere_in_the_run_count_as_load_but_not_those_of_another_run() -> None:
    frame = pl.DataFrame(
        {
            "request_id": ["warm", "other run", "first", "second"],
            "run": ["a", "b", "a", "a"],
            "phase": ["warm", "low", "low", "low"],
            "arrival_ms": [0.0, 0.0, 5.0, 7.0],
            "latency_ms": [6.0, 100.0, 2.0, 1.0],  # "warm" ends at 6, "first" at 7, when "second" arrives
            "decode_worker": ["1", "1", "1", "1"],
        }
    )
    segments, found = split(requests_of(frame))
    loads = {s.group: s.background.ravel().tolist() for s in segments}
    assert loads == {0: [1, 0], 1: [0]}
    assert found.tolist() == [0, 1, 0, 0]


def test_large_ids_are_told_apart_and_the_order_of_workers_is_that_of_their_text() -> None:
    ids = [str(2**63 + 1), str(2**63), "7"]
    frame = pl.DataFrame(
        {"request_id": ["x", "y", "z"], "arrival_ms": [0.0, 1.0, 2.0], "latency_ms": 9.0, "prefill_worker": ids}
    )
    times = requests_of(frame, stage="prefill")
    assert times.workers == ("7", str(2**63), str(2**63 + 1))
    assert times.worker.tolist() == [2, 1, 0]


def test_groups_may_be_chosen_or_there_may_be_one() -> None:
    frame = random_frame(1, 60).with_columns(concurrency=pl.lit(4))
    assert requests_of(frame, group_by=[]).groups.columns == ["group"]
    assert requests_of(frame, group_by=["concurrency"]).groups.rows() == [(0, 4)]
    times = requests_of(frame, group_by=["concurrency"])
    segments, _ = split(times)
    for s in segments:  # one group, and still no window over two runs
        run = np.searchsorted(times.run_start, s.members, side="right")
        assert (run == run[0, 0]).all()
    assert len(segments) == 2


def test_requests_whose_worker_or_finish_is_unknown_are_left_out_and_counted() -> None:
    frame = random_frame(2, 30, gaps=False).with_columns(
        decode_worker=pl.when(pl.int_range(30) < 4).then(None).otherwise("decode_worker"),
        finish_ms=pl.when(pl.int_range(30) == 7).then(None).otherwise("finish_ms"),
        latency_ms=pl.when(pl.int_range(30) == 7).then(None).otherwise("latency_ms"),
    )
    times = requests_of(frame)
    assert len(times.arrival) == 25
    assert "5 of 30 requests left out: arrival, finish or decode worker is unknown" in times.notes[0]


BASE = {"request_id": ["x", "y"], "arrival_ms": [0.0, 1.0], "latency_ms": [5.0, 5.0], "decode_worker": ["1", "2"]}


@pytest.mark.parametrize(
    ("frame", "options", "error", "said"),
    [
        ({k: v for k, v in BASE.items() if k != "decode_worker"}, {}, MissingColumn, "--export-level raw"),
        (BASE, {"stage": "prefill"}, MissingColumn, "prefill_worker"),
        ({k: v for k, v in BASE.items() if k != "arrival_ms"}, {}, MissingColumn, "arrival_ms"),
        (BASE, {"metric": "ttft_ms"}, MissingColumn, "ttft_ms"),
        (BASE, {"metric": "tpot"}, InvalidInput, "latency_ms, ttft_ms, itl_ms"),
        (BASE, {"stage": "both"}, InvalidInput, "decode, prefill"),
        (BASE, {"group_by": ["run"]}, MissingColumn, "run"),
        (BASE | {"phase": ["warm", "warm"]}, {}, EmptyTable, 'phase "warm"'),
    ],
)
def test_what_cannot_be_cut_into_windows_is_refused(frame, options, error, said) -> None:
    with pytest.raises(error, match=said):
        requests_of(pl.DataFrame(frame), **options)


def test_ttft_alone_does_not_tell_when_a_request_finished() -> None:
    frame = pl.DataFrame({k: v for k, v in BASE.items() if k != "latency_ms"}).with_columns(ttft_ms=5.0)
    with pytest.raises(MissingColumn, match="finish_ms"):
        requests_of(frame, metric="ttft_ms")


def test_a_window_longer_than_every_group_is_refused_and_so_is_a_senseless_one() -> None:
    times = requests_of(pl.DataFrame(BASE))
    with pytest.raises(InvalidInput, match="window of 3 requests is longer than every group: the largest holds 2"):
        split(times, 3)
    for window in (0, -1, 2.5, True):
        with pytest.raises(InvalidInput, match="window must be a positive number of requests"):
            split(times, window)  # type: ignore[arg-type]


def test_too_many_loads_are_refused_before_they_are_stored(monkeypatch) -> None:
    monkeypatch.setattr(windows, "MAX_LOADS", 3)
    with pytest.raises(TooLarge, match="give a longer window"):
        split(requests_of(pl.DataFrame(BASE)), 1)


def test_times_that_run_backwards_or_are_no_numbers_are_refused_even_in_an_unchecked_table() -> None:
    good = RequestTable.from_frame(pl.DataFrame(BASE))
    for column, value, said in [
        ("finish_ms", [-1.0, 9.0], "1 requests finish before they arrive"),
        ("arrival_ms", [float("nan"), 0.0], "arrival_ms must be finite"),
        ("latency_ms", [float("inf"), 0.0], "must be finite"),
    ]:
        frame = good.frame.with_columns(pl.Series(column, value))
        if column != "finish_ms":
            frame = frame.with_columns(finish_ms=pl.lit(99.0))
        broken = RequestTable(frame, "memory", "memory", good.bad_rows, (), 2)
        with pytest.raises(InvalidInput, match=said):
            timeline(broken)
