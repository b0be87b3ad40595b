"""The records and their row checks, and that what is written is read back exactly."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from poagame.errors import BadRows, EmptyTable, InvalidInput, MissingColumn
from poagame.measured import (
    WORKER_REMEDY,
    DecisionTable,
    RequestTable,
    SweepTable,
    detect_format,
    read_decisions,
    read_requests,
    read_sweep,
    write_table,
)
from poagame.measured.schema import COLUMNS, REMEDIES

READ = {"requests": read_requests, "sweep": read_sweep, "decisions": read_decisions}


def requests(**columns: list) -> pl.DataFrame:
    size = len(next(iter(columns.values())))
    return pl.DataFrame({"request_id": [f"r{i}" for i in range(size)], **columns})


FLOATS = st.floats(-10, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0])
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d", "", None]),
        st.sampled_from(["1", "2", None]),
        st.none() | FLOATS,
        st.none() | FLOATS,
        st.sampled_from(["17503277116005967628", "7", "1.75e+19", "3.0", None]),
        st.sampled_from([None, None, "timeout"]),
    ),
    min_size=1,
    max_size=12,
)


def _expected(rows: list[tuple]) -> list[int]:
    """Numbers of the usable rows, by the rules' words and without polars."""
    usable, seen = [], set()
    for number, (name, run, latency, ttft, worker, error) in enumerate(rows, 1):
        values = [v for v in (latency, ttft) if v is not None]
        fine = all(math.isfinite(v) and v >= 0 for v in values) and bool(values)
        exact = worker is None or worker.isdigit()
        if not (fine and exact and name and error is None):
            continue
        if (run, name) not in seen:
            usable.append(number)
        seen.add((run, name))
    return usable


@given(ROWS)
@example([("a", "1", 1.0, None, None, None), ("a", "1", 2.0, None, None, None), ("a", "2", 3.0, None, None, None)])
@example([("a", None, 1.0, None, None, None), ("a", None, 2.0, None, None, None)])
@example([("a", "1", -1.0, None, None, None), ("a", "1", 2.0, None, None, None)])
def test_every_row_is_usable_or_counted(rows: list[tuple]) -> None:
    names = ["request_id", "run", "latency_ms", "ttft_ms", "decode_worker", "error"]
    types = dict(zip(names, [pl.String, pl.String, pl.Float64, pl.Float64, pl.String, pl.String], strict=True))
    frame = pl.DataFrame(rows, schema=types, orient="row")
    usable = _expected(rows)
    if not usable:
        with pytest.raises(EmptyTable, match=f"no usable row of {len(rows)}"):
            RequestTable.from_frame(frame)
        return
    table = RequestTable.from_frame(frame)
    assert table.num_rows == len(usable)
    assert table.bad_rows.count == sum(table.bad_rows.reasons.values()) == len(rows) - len(usable)
    bad = [number for number in range(1, len(rows) + 1) if number not in usable]
    assert [number for number, _ in table.bad_rows.examples] == bad[:10]
    kept = frame[[number - 1 for number in usable]]
    assert table.collect().equals(kept.select(table.columns))
    if bad:
        with pytest.raises(BadRows, match=f"the first is row {bad[0]}:"):
            RequestTable.from_frame(frame, strict=True)


DECISION_ROWS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 2]),
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from([1.0, 2.0, math.nan]),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@given(DECISION_ROWS)
def test_every_decision_in_the_table_is_whole(rows: list[tuple]) -> None:
    frame = pl.DataFrame(rows, schema=["decision", "worker", "logit", "selected"], orient="row")
    chosen, spoilt = Counter(r[0] for r in rows if r[3]), {r[0] for r in rows if math.isnan(r[2])}
    whole = [r for r in rows if chosen[r[0]] == 1 and r[0] not in spoilt]
    if not whole:
        with pytest.raises(EmptyTable):
            DecisionTable.from_frame(frame)
        return
    table = DecisionTable.from_frame(frame)
    assert table.collect().rows() == whole
    assert table.bad_rows.count == len(rows) - len(whole)


def test_worker_ids_beyond_two_to_the_53_stay_exact() -> None:
    ids = [2**63 + 5, 2**53 + 1, 2**64 - 1]
    table = RequestTable.from_frame(requests(latency_ms=[9.0] * 3, decode_worker=pl.Series(ids, dtype=pl.UInt64)))
    assert [int(worker) for worker in table.collect()["decode_worker"]] == ids


def test_float_worker_ids_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"decode_worker holds floats.*exceed 2\^53.*text or integers"):
        RequestTable.from_frame(requests(latency_ms=[9.0], decode_worker=[1.7503277116005967e19]))


@pytest.mark.parametrize("written", ["1.7503277116005967e+19", "17503277116005967628.0", "1e19", "nan", ".5e3"])
def test_texts_of_float_ids_are_bad_rows(written: str) -> None:
    table = RequestTable.from_frame(requests(latency_ms=[9.0, 9.0], decode_worker=[written, "17503277116005967628"]))
    assert table.num_rows == 1
    (row, reason) = table.bad_rows.examples[0]
    assert row == 1
    assert reason.startswith("decode_worker went through a float")
    assert reason.endswith(written)


@pytest.mark.parametrize("written", ["7", "0x1f", "decode-3", "7/dp1", "nano", "e5"])
def test_other_worker_names_are_kept(written: str) -> None:
    assert RequestTable.from_frame(requests(latency_ms=[9.0], decode_worker=[written])).num_rows == 1


def test_unknown_columns_name_the_nearest() -> None:
    with pytest.raises(InvalidInput, match=r"unknown columns 'ttft' \(did you mean ttft_ms\?\), 'zzz'\. .*may hold"):
        RequestTable.from_frame(requests(latency_ms=[9.0], ttft=[1.0], zzz=[1]))


def test_wrong_types_are_refused() -> None:
    with pytest.raises(InvalidInput, match="latency_ms holds List"):
        RequestTable.from_frame(requests(latency_ms=[[9.0]]))
    with pytest.raises(InvalidInput, match="needs the columns request_id; it has latency_ms"):
        RequestTable.from_frame(pl.DataFrame({"latency_ms": [9.0]}))


def test_columns_of_which_nothing_is_known_are_absent() -> None:
    table = RequestTable.from_frame(requests(latency_ms=[9.0, 8.0], ttft_ms=[None, None], decode_worker=["", ""]))
    assert table.columns == ("request_id", "latency_ms")
    with pytest.raises(MissingColumn, match=r"does not say decode_worker, needed for the load on each worker; it has"):
        table.require("latency_ms", "decode_worker", why="the load on each worker")
    with pytest.raises(MissingColumn):
        table.collect(["ttft_ms"])
    table.require("latency_ms")
    assert REMEDIES["decode_worker"] == WORKER_REMEDY


def test_text_numbers() -> None:
    table = RequestTable.from_frame(
        requests(latency_ms=["9", "8.5", "x", "", "7"], output_tokens=["4", "4.0", "4", "5", "4.5"], ttft_ms=["1"] * 5)
    )
    assert table.collect().rows() == [("r0", 1.0, 9.0, 4), ("r1", 1.0, 8.5, 4), ("r3", 1.0, None, 5)]
    assert table.bad_rows.examples == (
        (3, "latency_ms is not a number: x"),
        (5, "output_tokens is not a whole number: 4.5"),
    )


def test_finish_before_arrival_is_bad() -> None:
    table = RequestTable.from_frame(requests(arrival_ms=[5.0, 5.0], finish_ms=[4.0, 6.0]))
    assert table.bad_rows.examples == ((1, "finished before it arrived"),)


def test_seconds_are_converted_when_said() -> None:
    frame = requests(latency_ms=[1.5], arrival_ms=[0.25], output_tokens=[10])
    assert RequestTable.from_frame(frame, unit="s").collect().row(0) == ("r0", 250.0, 1500.0, 10)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"itl_ms": [0.009, 0.011, 0.01]}, "median itl_ms is 0.01, below 0.2"),
        ({"ttft_ms": [0.6, 0.2, 1.9]}, "median ttft_ms is 0.6, below 2"),
        ({"latency_ms": [3.0, 15.0, 19.9]}, "median latency_ms is 15, below 20"),
        ({"latency_ms": [30.0, 42.0], "output_tokens": [1000, 1000]}, "median latency_ms per output token is 0.036"),
        ({"latency_ms": [60.0], "arrival_ms": [5.0], "finish_ms": [60_005.0]}, "is 1000 times latency_ms"),
        ({"latency_ms": [60.0], "arrival_ms": [5.0], "finish_ms": [5.06]}, "is 0.001 times latency_ms"),
        ({"latency_ms": [60.0], "arrival_ms": [5.0], "finish_ms": [5.04]}, "is 0.0006667 times latency_ms"),
    ],
)
def test_what_looks_like_seconds_is_refused(columns: dict, told: str) -> None:
    frame = requests(**columns)
    remedy = r'Give unit="s" \(command line: --unit s\) .* or unit="ms" \(--unit ms\)'
    with pytest.raises(InvalidInput, match=rf"milliseconds are due.*{told}.*{remedy}"):
        RequestTable.from_frame(frame, unit=None)
    assert RequestTable.from_frame(frame, unit="ms").num_rows == frame.height


@pytest.mark.parametrize(
    "columns",
    [{"ttft_ms": [2.0, 2.0]}, {"latency_ms": [20.0, 20.0]}, {"itl_ms": [0.2, 0.2]}, {"ttft_ms": [0.0, 0.0]}],
)
def test_what_may_be_milliseconds_is_not_refused(columns: dict) -> None:
    assert RequestTable.from_frame(requests(**columns), unit=None).notes == ()


@pytest.mark.parametrize(("ratio", "noted"), [(0.0, 1), (0.66, 1), (0.68, 0), (1.0, 0), (1.49, 0), (1.51, 1), (1e3, 1)])
def test_clocks_that_disagree_are_noted_once(tmp_path: Path, ratio: float, noted: int) -> None:
    frame = requests(arrival_ms=[0.0, 10.0, 20.0], latency_ms=[200.0, 200.0, 0.0]).with_columns(
        finish_ms=pl.col("arrival_ms") + ratio * pl.col("latency_ms")
    )
    table = RequestTable.from_frame(frame, notes=["toy"])
    assert table.num_rows == 3
    assert [note for note in table.notes if f"finish_ms − arrival_ms is {ratio:.3g} times latency_ms" in note] == list(
        table.notes[1:]
    )
    assert len(table.notes) == 1 + noted
    assert read_requests(write_table(table, tmp_path / "t.parquet")).notes == table.notes
    assert read_requests(write_table(table, tmp_path / "t.csv"), unit="ms").notes == table.notes[1:]


@pytest.mark.parametrize("name", ["ttft_ms", "itl_ms", "latency_ms"])
def test_absurd_latencies_are_bad_rows(name: str) -> None:
    table = RequestTable.from_frame(requests(**{name: [1e12, 300.0, 1.1e12, 3e302]}))
    assert table.collect()[name].to_list() == [1e12, 300.0]
    assert dict(table.bad_rows.reasons) == {f"{name} is above 1e+12 ms (30 years)": 2}
    with pytest.raises(
        BadRows, match=r"\(30 years\): 1100000000000\.0.*strict=False \(command line: leave out --strict\)"
    ):
        RequestTable.from_frame(requests(**{name: [300.0, 1.1e12]}), strict=True)


def test_finish_on_another_clock_than_arrival_is_bad() -> None:
    table = RequestTable.from_frame(requests(arrival_ms=[0.0, 5.0, 1.7e12], finish_ms=[9.0, 1.7e12, 1.7e12 + 9]))
    assert table.bad_rows.examples == ((2, "finished over 30 years after it arrived"),)


def test_str_tells_rows_units_unknowns_bad_rows_and_notes() -> None:
    table = RequestTable.from_frame(requests(latency_ms=[9.0, -1.0]), source="mine.csv", notes=["toy"])
    assert [line.strip() for line in str(table).splitlines()] == [
        "1 rows of requests from mine.csv (memory)",
        "request_id  the request, unique within a run",
        "latency_ms  [ms] from sending to the last token",
        "ttft_ms: unknown, mine.csv does not record it",
        "itl_ms: unknown, mine.csv does not record it",
        "arrival_ms: unknown, mine.csv does not record it",
        "prefill_worker: unknown, mine.csv does not record it for the server",
        "decode_worker: unknown, mine.csv does not record it for the server",
        "1 bad rows left out (1 × latency_ms is negative). First: row 2: latency_ms is negative: -1.0",
        "note: toy",
    ]


def test_sweep_needs_a_series_and_a_value() -> None:
    table = SweepTable.from_frame(
        pl.DataFrame({"series": ["a", "a", None], "concurrency": [1, 2, 3], "itl_ms": [9.0, None, 8.0]})
    )
    assert table.collect().rows() == [("a", 1.0, 9.0)]
    assert table.bad_rows.examples == ((2, "holds no measurement"), (3, "series is missing"))


REAL = [
    ("requests", "dynamo090/dynamo090_1P2D_w1_t0.csv"),
    ("requests", "dynamo090/agg5_pressure.requests.csv.gz"),
    ("requests", "load_generators/aiperf_0.12.0/profile_export.jsonl"),
    ("requests", "traces/mooncake_conversation_trace.jsonl"),
    ("decisions", "dynamo090/disagg_4p2d.decisions.csv.gz"),
    ("decisions", "dynamo090/dynamo090_1P2D_w1_t0_router_log.jsonl"),
    ("sweep", "measured/measured_b200_llama31_70b.csv"),
    ("sweep", "measured/dynamo_planner_profiles/h100_llama33_70b_fp8_decode.npz"),
]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize(("kind", "name"), REAL)
def test_round_trip_is_exact(shared_data: Path, tmp_path: Path, kind: str, name: str, suffix: str) -> None:
    table = READ[kind](shared_data / name)
    path = write_table(table, tmp_path / f"table{suffix}")
    again = READ[kind](path)
    assert detect_format(path) == f"poagame-{kind}"
    assert again.columns == table.columns
    assert again.num_rows == table.num_rows
    assert again.collect().equals(table.collect())
    if suffix == ".parquet":
        assert again.notes == table.notes


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.floats(0, 1e12), st.floats(width=32)),
        min_size=1,
        max_size=8,
        unique_by=lambda row: row[0],
    ),
    st.lists(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3), min_size=8, max_size=8),
)
@example([('a,"b"\n', 5e-324, 0.0), ("null", 0.1 + 0.2, 1.0)], [[], [1]] + [[2]] * 6)
def test_round_trip_of_any_table(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple], hashes: list[list[int]]
) -> None:
    folder = tmp_path_factory.mktemp("trip")
    frame = pl.DataFrame(rows, schema=["request_id", "latency_ms", "arrival_ms"], orient="row").with_columns(
        block_hashes=pl.Series(hashes[: len(rows)], dtype=pl.List(pl.Int64))
    )
    usable = frame.filter(pl.col("arrival_ms").is_finite())
    if usable.is_empty():
        return
    table = RequestTable.from_frame(frame)
    for suffix in (".csv", ".parquet"):
        again = read_requests(write_table(table, folder / f"t{suffix}"), unit="ms")
        assert again.collect().equals(table.collect()), suffix


def test_parquet_of_poagame_needs_no_unit_but_others_do(tmp_path: Path) -> None:
    toy = requests(latency_ms=[0.3, 0.4])
    path = write_table(RequestTable.from_frame(toy, notes=["toy"]), tmp_path / "own.parquet")
    assert read_requests(path).notes == ("toy",)
    assert json.loads(pl.read_parquet_metadata(path)["poagame"])["kind"] == "requests"
    toy.write_parquet(tmp_path / "other.parquet")
    with pytest.raises(InvalidInput, match="look like seconds"):
        read_requests(tmp_path / "other.parquet")
    assert read_requests(tmp_path / "other.parquet", unit="s").collect()["latency_ms"].to_list() == [300.0, 400.0]


def test_write_refuses_other_suffixes(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"cannot write t\.xlsx: give a name that ends in \.parquet or \.csv"):
        write_table(RequestTable.from_frame(requests(latency_ms=[9.0])), tmp_path / "t.xlsx")


def test_write_refuses_absent_folders_and_folders(tmp_path: Path) -> None:
    table = RequestTable.from_frame(requests(latency_ms=[9.0]))
    with pytest.raises(InvalidInput, match=r"there is no folder .*absent; make it first"):
        write_table(table, tmp_path / "absent" / "t.csv")
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(InvalidInput, match="it is a folder; give the name of a file"):
        write_table(table, tmp_path / "t.csv")


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_table_may_be_written_onto_its_own_source(tmp_path: Path, suffix: str) -> None:
    frame = requests(latency_ms=[float(i) for i in range(100, 5100)])
    path, link = tmp_path / f"t{suffix}", tmp_path / f"link{suffix}"
    write_table(RequestTable.from_frame(frame), path)
    link.symlink_to(path)
    for target in (path, link):
        assert write_table(read_requests(path), target) == target
        assert read_requests(path).collect().equals(frame)
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == sorted([path, link])


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_an_interrupted_write_loses_nothing(tmp_path: Path, suffix: str) -> None:
    path = write_table(RequestTable.from_frame(requests(latency_ms=[9.0])), tmp_path / f"t{suffix}")
    before = path.read_bytes()
    table = RequestTable.from_frame(requests(latency_ms=[9.0, 8.0]))
    unparsed = pl.col("request_id").cast(pl.Int64).alias("ttft_ms")
    broken = RequestTable(table.frame.with_columns(unparsed), "x", "memory", table.bad_rows, (), 2)
    with pytest.raises(pl.exceptions.InvalidOperationError):
        write_table(broken, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_own_parquet_is_read_lazily_and_a_column_costs_only_itself(tmp_path: Path) -> None:
    table = RequestTable.from_frame(requests(latency_ms=[9.0, 8.0], ttft_ms=[1.0, 2.0]))
    again = read_requests(write_table(table, tmp_path / "t.parquet"))
    plan = again.frame.select("ttft_ms").explain()
    assert "Parquet SCAN" in plan
    assert "1/3 COLUMNS" in plan
    assert "FILTER" not in plan


@pytest.mark.parametrize("kind", sorted(COLUMNS))
def test_every_column_has_a_meaning(kind: str) -> None:
    assert all(column.meaning for column in COLUMNS[kind].values())
    assert set(REMEDIES) <= {name for columns in COLUMNS.values() for name in columns}
