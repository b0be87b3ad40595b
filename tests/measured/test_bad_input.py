"""What a user may hand over by mistake: refused, or counted row by row, with a message that says how to mend it."""

from __future__ import annotations

import gzip
import io
import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from poagame.errors import BadRows, EmptyTable, InvalidInput
from poagame.measured import detect_format, read_decisions, read_requests, read_sweep
from poagame.serving import mocker_times

HEADER = "request_id,arrival_ms,ttft_ms,latency_ms,decode_worker\n"
GOOD = "r0,0.0,20.5,300.25,17503277116005967628\n"


@pytest.fixture
def own(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "own.csv"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("read", [read_requests, read_sweep, read_decisions])
@pytest.mark.parametrize("content", ["", "\n", "  \n\n"])
def test_empty_file(own, read, content: str) -> None:
    with pytest.raises(EmptyTable, match=r"own\.csv is empty; give a file that .* has finished writing"):
        read(own(content))


def test_header_only(own) -> None:
    with pytest.raises(EmptyTable, match=r"own\.csv: no usable row of 0 \(there is a header at most\)"):
        read_requests(own(HEADER))
    with pytest.raises(EmptyTable, match="no usable row of 0"):
        read_requests(own("TIMESTAMP,ContextTokens,GeneratedTokens\n"))


def test_all_rows_bad(own) -> None:
    with pytest.raises(
        EmptyTable, match=r"no usable row of 2; 2 bad rows .*1 × latency_ms is NaN, 1 × latency_ms is neg"
    ):
        read_requests(own(HEADER + "r0,0,1,NaN,1\nr1,0,1,-2,1\n"))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("r1,1.0,20.0,NaN,7", "latency_ms is NaN"),
        ("r1,1.0,20.0,-3.5,7", "latency_ms is negative: -3.5"),
        ("r1,1.0,20.0,inf,7", "latency_ms is infinite"),
        ("r1,1.0,20.0,-inf,7", "latency_ms is infinite"),
        ("r1,1.0,20.0,fast,7", "latency_ms is not a number: fast"),
        ("r1,nan,20.0,300.0,7", "arrival_ms is NaN"),
        ("r0,1.0,20.0,300.0,7", "duplicate request id: r0"),
        (",1.0,20.0,300.0,7", "request_id is missing"),
        ("r1,,,,7", "holds no measurement"),
        ("r1,1.0,20.0,300.0,1.7503277116005967e+19", "decode_worker went through a float .*: 1.7503277116005967e\\+19"),
    ],
)
def test_bad_rows_are_counted_shown_and_fatal_if_strict(own, row: str, reason: str) -> None:
    path = own(HEADER + GOOD + row + "\nr2,2.0,21.0,310.0,7\n")
    table = read_requests(path)
    assert table.collect()["request_id"].to_list() == ["r0", "r2"]
    assert table.bad_rows.count == 1
    assert table.bad_rows.examples[0][0] == 2
    assert re.fullmatch(reason, table.bad_rows.examples[0][1])
    assert "1 bad rows left out" in str(table)
    with pytest.raises(
        BadRows, match=rf"own\.csv: 1 bad rows of 3; the first is row 2: {reason}\. Mend them, or read with"
    ):
        read_requests(path, strict=True)


def test_ten_examples_and_all_counts(own) -> None:
    table = read_requests(own(HEADER + GOOD + "".join(f"x{i},1,1,-{i}.5,7\n" for i in range(25))))
    assert len(table.bad_rows.examples) == 10
    assert dict(table.bad_rows.reasons) == {"latency_ms is negative": 25}


def test_seconds_where_milliseconds_are_due(own) -> None:
    """A language model in seconds: the first token after 0.2 to 0.6, the last one after 3 to 15."""
    path = own(HEADER + "r0,0.0,0.2,3,7\nr1,0.5,0.6,15,7\nr2,1.5,0.5,8.5,7\n")
    with pytest.raises(
        InvalidInput,
        match=r"milliseconds are due, and these look like seconds: median ttft_ms is 0.5, below 2; "
        r'median latency_ms is 8.5, below 20\. Give unit="s" \(command line: --unit s\)',
    ):
        read_requests(path)
    assert read_requests(path, unit="s").collect()["latency_ms"].to_list() == [3000.0, 15000.0, 8500.0]
    assert read_requests(path, unit="ms").collect()["latency_ms"].to_list() == [3.0, 15.0, 8.5]
    with pytest.raises(InvalidInput, match="look like seconds"):
        read_sweep(own("series,concurrency,itl_ms\na,1,0.009\na,2,0.010\n"))


def test_unknown_columns(own) -> None:
    with pytest.raises(
        InvalidInput, match=r"unknown columns 'latency' \(did you mean latency_ms\?\).*rename or drop them"
    ):
        read_requests(own("request_id,latency\nr0,300\n"))


def test_float_worker_columns_of_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"request_id": ["a"], "latency_ms": [300.0], "decode_worker": [1.75e19]}).write_parquet(path)
    with pytest.raises(InvalidInput, match=r"decode_worker holds floats: worker ids exceed 2\^53"):
        read_requests(path)


def test_last_csv_line_cut_off(own) -> None:
    table = read_requests(own(HEADER + GOOD + "r1,1.0,20"))
    assert table.collect()["request_id"].to_list() == ["r0"]
    assert table.bad_rows.examples == ((2, "the line has too few fields or is cut off"),)
    assert read_requests(own(HEADER + GOOD.rstrip())).num_rows == 1


def test_too_few_fields(own) -> None:
    table = read_requests(own(HEADER + "r1,1.0\n" + GOOD + "r2,1.0,,,\n"))
    assert table.collect()["request_id"].to_list() == ["r0", "r2"]
    assert table.bad_rows.examples == ((1, "the line has too few fields or is cut off"),)
    quoted = read_requests(own(HEADER + '"r\n0",0,20.0,300.0,"a,b"\n\nr1,1.0\n' + GOOD))
    assert quoted.collect()["request_id"].to_list() == ["r\n0", "r0"]
    assert quoted.bad_rows.examples == ((3, "the line has too few fields or is cut off"),)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(_jsonl(MOONCAKE).encode() + b"\xff\xfe\n")
    with pytest.raises(InvalidInput, match="was taken for a Mooncake trace .* is not laid out so .*utf8"):
        read_requests(path)


def test_too_many_fields(own) -> None:
    with pytest.raises(InvalidInput, match="was taken for poagame's table of requests .* but is not laid out so"):
        read_requests(own(HEADER + GOOD + "r1,1,2,3,4,5,6\n"))


def _jsonl(records: list[dict]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


MOONCAKE = [{"timestamp": 10 * i, "input_length": 5, "output_length": 6, "hash_ids": [i]} for i in range(4)]


def test_truncated_last_json_line(tmp_path: Path, shared_data: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text(_jsonl(MOONCAKE)[:-12])
    table = read_requests(path)
    assert table.num_rows == 3
    assert table.bad_rows.examples == ((4, "the line is cut off or no JSON"),)
    with pytest.raises(BadRows, match="row 4: the line is cut off or no JSON"):
        read_requests(path, strict=True)
    aiperf = (shared_data / "load_generators/aiperf_0.12.0/profile_export.jsonl").read_text()
    path.write_text(aiperf.rstrip("\n")[:-100])
    assert read_requests(path).bad_rows.examples == ((16, "the line is cut off or no JSON"),)


def test_truncated_json_lines_of_sglang(tmp_path: Path, shared_data: Path) -> None:
    line = (shared_data / "load_generators/sglang_bench_serving.jsonl").read_text().strip()
    path = tmp_path / "runs.jsonl"
    path.write_text(line + "\n" + line[:-400])
    table = read_requests(path)
    assert table.num_rows == 16
    assert dict(table.bad_rows.reasons) == {"the line is cut off or no JSON": 1}
    assert read_sweep(path).bad_rows.count == 1


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text(_jsonl(MOONCAKE[:2]) + "\n\n" + _jsonl(MOONCAKE[2:]))
    table = read_requests(path)
    assert (table.num_rows, table.bad_rows.count) == (4, 0)


def test_blank_lines_of_a_csv_are_no_rows(own) -> None:
    table = read_requests(own("\n" + HEADER + "\n" + GOOD + "\n\n" + GOOD.replace("r0", "r1") + "\n\n"))
    assert (table.num_rows, table.bad_rows.count) == (2, 0)


def test_infinity_in_sglang_json(tmp_path: Path, shared_data: Path) -> None:
    run = json.loads((shared_data / "load_generators/sglang_bench_serving.jsonl").read_text())
    run["ttfts"][2] = float("inf")
    run["itls"][5][3] = float("nan")
    path = tmp_path / "run.jsonl"
    path.write_text(json.dumps(run) + "\n")
    assert path.read_text().count("Infinity") == 2
    table = read_requests(path)
    assert table.num_rows == 14
    assert table.bad_rows.examples == ((3, "ttft_ms is infinite"), (6, "itl_ms is NaN"))
    run["mean_ttft_ms"] = float("inf")
    path.write_text(json.dumps(run) + "\n")
    with pytest.raises(EmptyTable, match="ttft_ms is infinite"):
        read_sweep(path)


def test_json_float_worker_ids_are_bad_rows(tmp_path: Path, shared_data: Path) -> None:
    folder = shared_data / "load_generators/aiperf_0.12.0"
    (tmp_path / "profile_export.jsonl").write_bytes((folder / "profile_export.jsonl").read_bytes())
    raw = (folder / "profile_export_raw.jsonl").read_text()
    rounded = re.sub(r'(decode_worker_id\\":)(4219610895340763243)', r"\g<1>4.219610895340763e18", raw)
    (tmp_path / "profile_export_raw.jsonl").write_text(rounded)
    table = read_requests(tmp_path / "profile_export.jsonl")
    assert table.bad_rows.count > 0
    assert all(reason.startswith("decode_worker went through a float") for reason in table.bad_rows.reasons)
    assert "4219610895340763243" not in table.collect()["decode_worker"].to_list()


def test_lists_of_different_lengths(tmp_path: Path, shared_data: Path) -> None:
    run = json.loads((shared_data / "load_generators/sglang_bench_serving.jsonl").read_text())
    run["ttfts"].pop()
    path = tmp_path / "run.jsonl"
    path.write_text(json.dumps(run) + "\n")
    with pytest.raises(InvalidInput, match=r"lists of run 0 differ in length.*write the file again"):
        read_requests(path)


def test_broken_archive(tmp_path: Path, shared_data: Path) -> None:
    path = tmp_path / "profile.npz"
    whole = (shared_data / "measured/dynamo_planner_profiles/h100_llama33_70b_fp8_decode.npz").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInput, match=r"profile\.npz is cut short or damaged .*copy it again"):
        read_sweep(path)
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes(byte ^ 0xFF for byte in whole[middle : middle + 9]) + whole[middle + 9 :])
    with pytest.raises(InvalidInput, match=r"profile\.npz is cut short or damaged .*copy it again"):
        read_sweep(path)


OWN = HEADER + "".join(f"r{i},{i}.0,{20 + i % 7}.5,{300 + i * i % 101}.25,{i * 7919 % 10007}\n" for i in range(9_000))
LOG = "".join(
    json.dumps({"timestamp": 10 * i, "input_length": i * i % 997, "output_length": 6, "hash_ids": [i * 7919]}) + "\n"
    for i in range(9_000)
)


@pytest.mark.parametrize("text", [OWN, LOG], ids=["csv", "jsonl"])
@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data[:2],
        lambda data: data[:200],
        lambda data: data[: len(data) // 2],
        lambda data: data[:-4],
        lambda data: data[:3] + b"\xff" * 40 + data[43:],
        lambda data: data[:2] + b"\x07" + data[3:],
        lambda data: data[:-6] + bytes([data[-6] ^ 1]) + data[-5:],
    ],
    ids=["2 bytes", "200 bytes", "half", "no end", "start overwritten", "unknown method", "checksum"],
)
def test_damaged_gzip(tmp_path: Path, text: str, harm) -> None:
    path = tmp_path / "table.gz"
    whole = gzip.compress(text.encode())
    path.write_bytes(whole)
    assert read_requests(path).num_rows == 9_000
    path.write_bytes(harm(whole))
    with pytest.raises(InvalidInput, match=r"^table\.gz is cut short or damaged \(.+\): copy it again .*$") as caught:
        read_requests(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [4, 50, 0.5, -1])
def test_truncated_parquet(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"request_id": ["a", "b"], "latency_ms": [300.0, 310.0]}).write_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept) if kept == 0.5 else int(kept)])
    for call in (read_requests, read_sweep, detect_format, lambda p: read_requests(p, "poagame-requests")):
        with pytest.raises(InvalidInput, match=r"^t\.parquet is cut short or damaged \(.+\): copy it again .*$"):
            call(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    for call in (read_requests, read_decisions, detect_format, lambda p: read_requests(p, "azure")):
        with pytest.raises(InvalidInput, match="is a folder; give the path of one file in it"):
            call(tmp_path)


def test_a_format_that_is_broken_inside_says_so(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.json"
    path.write_text(
        json.dumps({"metadata": {"guidellm_version": "0.8"}, "benchmarks": [{"requests": {"successful": [3]}}]})
    )
    with pytest.raises(InvalidInput, match=r"was taken for guidellm's benchmarks\.json, but is not laid out so"):
        read_requests(path)


def test_azure_times_that_are_none(own) -> None:
    table = read_requests(
        own("TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,2\n2023-11-16 18:17:03.9799600,4808,10\n")
    )
    assert table.bad_rows.examples == ((1, "TIMESTAMP is not a time: yesterday"),)


def test_decisions_without_a_selection(own) -> None:
    header = "run,decision,worker,logit,selected\n"
    table = read_decisions(own(header + "a,0,1,2.0,true\na,0,2,3.0,false\na,1,1,2.0,false\na,1,2,1.0,false\n"))
    assert table.collect()["decision"].to_list() == [0, 0]
    assert table.bad_rows.examples == (
        (3, "its decision has no selected worker"),
        (4, "its decision has no selected worker"),
    )


@pytest.mark.parametrize("harm", ["name", "version", "password", "cut"])
def test_damaged_npz(tmp_path: Path, harm: str) -> None:
    """A member's name in the directory is no UTF-8, its format is of the future, it is encrypted, or the directory is missing."""
    stream = io.BytesIO()
    np.savez(stream, prefill_isl=np.arange(3.0), prefill_ttft=np.arange(3.0))
    data = bytearray(stream.getvalue())
    entry = data.index(b"PK\x01\x02")
    if harm == "name":
        data[entry + 9] |= 0x08  # the flag for UTF-8
        data[entry + 46] = 0xB2
    elif harm == "version":
        data[entry + 6] = 255
    elif harm == "password":
        data[entry + 8] |= 1
    else:
        del data[entry:]
    path = tmp_path / "profile.npz"
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match="damaged"):
        read_sweep(path)
    with pytest.raises(InvalidInput, match="damaged"):
        mocker_times(path)
