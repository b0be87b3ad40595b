"""Formats are told from content; a file of another kind names the verb that reads it; nonsense is refused."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from poagame.errors import InvalidInput, UnknownFormat
from poagame.measured import detect_format, read_decisions, read_requests, read_sweep
from poagame.measured.readers import FORMATS
from poagame.measured.readers.base import Source

READ = {"requests": read_requests, "sweep": read_sweep, "decisions": read_decisions}
FILES = {
    "dynamo090/dynamo090_1P5D_w1_t0.csv": "dynamo-recording-levels",
    "dynamo090/disagg_4p2d.requests.csv.gz": "dynamo-recording-runs",
    "dynamo090/disagg_4p2d.decisions.csv.gz": "dynamo-recording-decisions",
    "dynamo090/dynamo090_1P2D_w1_t0_decisions.csv": "dynamo-recording-decisions",
    "dynamo090/dynamo090_1P2D_w1_t0_router_log.jsonl": "dynamo-log",
    "dynamo090/mocker_b200_llama70b_tp4.npz": "dynamo-mocker",
    "load_generators/aiperf_0.12.0/profile_export.jsonl": "aiperf",
    "load_generators/aiperf_0.12.0/profile_export_raw.jsonl": "aiperf",
    "load_generators/guidellm_benchmarks.json": "guidellm",
    "load_generators/sglang_bench_serving.jsonl": "sglang",
    "measured/measured_b200_llama31_70b.csv": "aiconfigurator",
    "measured/modelled_b200_isl128_osl128.csv": "aiconfigurator-estimates",
    "measured/measured_h100_llama33_70b_fp8_decode_itl.csv": "dynamo-planner-csv",
    "measured/measured_h100_llama33_70b_fp8_prefill_ttft.csv": "dynamo-planner-csv",
    "measured/dynamo_planner_profiles/h100_llama33_70b_fp8_decode.npz": "dynamo-planner",
    "measured/dynamo_planner_profiles/h200_llama31_8b_fp8_prefill.npz": "dynamo-planner",
    "traces/mooncake_conversation_trace.jsonl": "mooncake",
    "traces/azure_llm_2023_code.csv": "azure",
}


@pytest.mark.parametrize(("name", "format"), FILES.items())
def test_the_name_does_not_matter_and_no_two_formats_claim_a_file(
    shared_data: Path, tmp_path: Path, name: str, format: str
) -> None:
    path = tmp_path / "anything.bin"
    shutil.copyfile(shared_data / name, path)
    assert detect_format(path) == format
    # poagame's own formats are asked last, and take what has a few of their columns.
    foreign = [candidate for candidate in FORMATS if not candidate.name.startswith("poagame-")]
    assert [candidate.name for candidate in foreign if candidate.matches(Source(path))] == [format]


@pytest.mark.parametrize(("name", "format"), FILES.items())
def test_other_kinds_name_the_verb(shared_data: Path, name: str, format: str) -> None:
    held = next(candidate for candidate in FORMATS if candidate.name == format).readers
    for kind, read in READ.items():
        if kind not in held:
            verb = "|".join(f"read_{other}" for other in held)
            with pytest.raises(UnknownFormat, match=rf"holds no {kind}: use ({verb})"):
                read(shared_data / name)


def test_sglang_without_details_is_a_sweep_only(shared_data: Path, tmp_path: Path) -> None:
    run = json.loads((shared_data / "load_generators/sglang_bench_serving.jsonl").read_text())
    short = {key: value for key, value in run.items() if not isinstance(value, list)}
    path = tmp_path / "run.jsonl"
    path.write_text(json.dumps(short) + "\n")
    assert "Infinity" in path.read_text()
    assert read_sweep(path).num_rows == 1
    with pytest.raises(InvalidInput, match=r"aggregates only.*use read_sweep.*--output-details"):
        read_requests(path)


def test_aggregate_files_of_aiperf_and_guidellm_are_unknown(shared_data: Path) -> None:
    folder = shared_data / "load_generators"
    for name in ("aiperf_0.12.0/profile_export_aiperf.json", "aiperf_0.12.0/profile_export_aiperf.csv"):
        with pytest.raises(UnknownFormat, match=r"(?s)in no format that poagame reads.*Known are aiperf: aiperf's"):
            read_requests(folder / name)


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (bytes(range(128, 256)) * 40, "it begins with"),
        (b"<!DOCTYPE html>\n<html><body>404, not found</body></html>\n", "it begins with b'<!DOCTYPE html>"),
        (b'{"hello": 1}\n', "its keys are hello"),
        (b'{"hello": ', "it begins with"),
        (b"a,b\n1,2\n", "its columns are a, b"),
        (b"[1, 2]\n", "it begins with"),
        (b"just a sentence", "its columns are just a sentence"),
        (b"\x00\x01\x02\x03", "it begins with"),
    ],
)
def test_nonsense_is_refused_with_what_was_seen(tmp_path: Path, content: bytes, seen: str) -> None:
    for name, data in (("x.csv", content), ("x.jsonl.gz", gzip.compress(content))):
        path = tmp_path / name
        path.write_bytes(data)
        for read in READ.values():
            with pytest.raises(UnknownFormat, match=f"in no format that poagame reads: {seen}"):
                read(path)


def test_format_can_be_insisted_on(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "traces/azure_llm_2023_code.csv"
    assert read_requests(path, "azure").format == "azure"
    with pytest.raises(
        UnknownFormat, match=r"is not a Mooncake trace \(JSONL\); leave format \(command line: --format\) out"
    ):
        read_requests(path, "mooncake")
    with pytest.raises(UnknownFormat, match=r"no format is called 'azur' \(did you mean azure\?\)\. Known are"):
        read_requests(path, "azur")
    with pytest.raises(InvalidInput, match="unknown columns 'TIMESTAMP'"):
        read_requests(path, "poagame-requests")
    with pytest.raises(InvalidInput, match=r"whose units are known: leave unit \(command line: --unit\) out"):
        read_requests(path, unit="s")
    with pytest.raises(InvalidInput, match="unit is 'min'"):
        read_requests(path, unit="min")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="no file"):
        read_requests(tmp_path / "absent.csv")
