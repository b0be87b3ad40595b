"""Each reader against its real file: what it reads must equal what json, csv or NumPy find there on their own."""

from __future__ import annotations

import csv
import gzip
import json
import math
import re
import shutil
from collections import Counter
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import poagame.measured as measured
from poagame.errors import InvalidInput, MissingColumn
from poagame.measured import read_decisions, read_requests, read_sweep

REQUEST_FILES = [
    ("dynamo090/dynamo090_1P2D_w1_t0.csv", "dynamo-recording-levels"),
    ("dynamo090/dynamo090_1P5D_w1_t0.csv", "dynamo-recording-levels"),
    ("dynamo090/dynamo090_T_1P2D_t05.csv", "dynamo-recording-levels"),
    ("dynamo090/agg5_sweep.requests.csv.gz", "dynamo-recording-runs"),
    ("dynamo090/agg5_pressure.requests.csv.gz", "dynamo-recording-runs"),
    ("dynamo090/agg5_grid.requests.csv.gz", "dynamo-recording-runs"),
    ("dynamo090/disagg_4p2d.requests.csv.gz", "dynamo-recording-runs"),
]
DECISION_FILES = [
    "dynamo090/dynamo090_1P2D_w1_t0_decisions.csv",
    "dynamo090/dynamo090_1P5D_w1_t0_decisions.csv",
    "dynamo090/dynamo090_T_1P2D_t05_decisions.csv",
    "dynamo090/agg5_sweep.decisions.csv.gz",
    "dynamo090/agg5_pressure.decisions.csv.gz",
    "dynamo090/agg5_grid.decisions.csv.gz",
    "dynamo090/disagg_4p2d.decisions.csv.gz",
]


def rows_of(path: Path) -> list[dict[str, str]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return list(csv.DictReader(text.splitlines()))


def records_of(path: Path) -> list[dict]:
    with path.open() as file:
        return [json.loads(line) for line in file]


@pytest.mark.parametrize(("name", "format"), REQUEST_FILES)
def test_recorded_requests_equal_the_csv(shared_data: Path, name: str, format: str) -> None:
    rows = rows_of(shared_data / name)
    table = read_requests(shared_data / name)
    frame = table.collect()
    assert table.format == format
    assert table.bad_rows.count == 0
    assert table.num_rows == frame.height == len(rows)
    latency = "client_latency_ms" if "client_latency_ms" in rows[0] else "latency_ms"
    assert frame["request_id"].to_list() == [row["x_request_id"] for row in rows]
    assert frame["latency_ms"].to_list() == [float(row[latency]) for row in rows]
    assert frame["concurrency"].to_list() == [int(row["concurrency"]) for row in rows]
    assert frame["decode_worker"].to_list() == [row["decode_worker_id"] for row in rows]
    assert frame["prefill_worker"].to_list() == [row["prefill_worker_id"] for row in rows]
    assert max(int(worker) for worker in frame["decode_worker"]) > 2**53


@pytest.mark.parametrize(("name", "_"), REQUEST_FILES)
def test_recorded_times_put_exactly_the_concurrency_in_flight(shared_data: Path, name: str, _: str) -> None:
    """A closed loop of C clients has C requests in flight at its peak; on a stretched clock it would have fewer."""
    frame = read_requests(shared_data / name).collect()
    levels = [key for key in ("run", "phase", "concurrency") if key in frame.columns]
    for key, group in frame.group_by(levels):
        starts, ends = group["arrival_ms"].to_numpy(), group["finish_ms"].to_numpy()
        # A client sends its next request as soon as it has the answer, to within the clock's jitter.
        in_flight = [int(((starts <= t) & (ends > t + 1.0)).sum()) for t in starts]
        assert 0.93 * key[-1] - 1 <= max(in_flight) <= key[-1], key


def test_arrivals_of_the_stretched_clock_are_corrected(shared_data: Path) -> None:
    """With one client the next request is sent when the last one ends, on the clock of the latencies."""
    frame = (
        read_requests(shared_data / "dynamo090/dynamo090_1P2D_w1_t0.csv").collect().filter(pl.col("concurrency") == 1)
    )
    gaps = np.diff(frame["arrival_ms"].to_numpy())
    np.testing.assert_allclose(gaps, frame["latency_ms"].to_numpy()[:-1], atol=5.0)


def test_recorded_settings_and_notes(shared_data: Path) -> None:
    one = read_requests(shared_data / "dynamo090/dynamo090_1P2D_w1_t0.csv").collect()
    assert one.select(pl.col("topology", "overlap_weight", "temperature").unique()).row(0) == ("1P/2D", 1.0, 0.0)
    warm = read_requests(shared_data / "dynamo090/dynamo090_T_1P2D_t05.csv")
    assert warm.collect(["temperature"])["temperature"].unique().to_list() == [0.5]
    assert "overlap_weight" not in warm.columns
    grid = read_requests(shared_data / "dynamo090/agg5_grid.requests.csv.gz")
    cells = grid.collect(["overlap_weight", "temperature"]).unique().height
    assert cells == 16
    frame = grid.collect()
    assert (frame["prefill_worker"] == frame["decode_worker"]).all()
    unseen = frame.filter(pl.col("overlap_weight") == 0)["kv_hit_rate"]
    assert unseen.null_count() == len(unseen) == 4 * 1248
    assert frame.filter(pl.col("overlap_weight") > 0)["kv_hit_rate"].null_count() == 0
    assert "ttft_ms" not in grid.columns
    assert any("ttft_ms of aggregated serving is left out" in note for note in grid.notes)
    assert any("kv_hit_rate is unknown for 4,992" in note for note in grid.notes)
    assert "ttft_ms" in read_requests(shared_data / "dynamo090/disagg_4p2d.requests.csv.gz").columns


@pytest.mark.parametrize("name", DECISION_FILES)
def test_recorded_decisions_equal_the_csv(shared_data: Path, name: str) -> None:
    rows = rows_of(shared_data / name)
    table = read_decisions(shared_data / name)
    frame = table.collect()
    assert table.bad_rows.count == 0
    assert frame.height == len(rows)
    for column in ("cached_blocks", "prefill_blocks", "decode_blocks", "logit", "overlap_weight"):
        assert frame[column].to_list() == [float(row[column]) for row in rows]
    assert frame["worker"].to_list() == [row["worker_id"] for row in rows]
    assert frame["selected"].to_list() == [row["selected"] == "1" for row in rows]
    assert frame["phase"].to_list() == [row["phase"] for row in rows]
    runs = {row.get("run_id") for row in rows}
    probes = sum(2 if "1P" in name or "disagg" in name else 1 for _ in runs)
    assert any(note.startswith(f"{probes} decisions are the router's probes") for note in table.notes)


def test_grid_decisions_know_their_temperature(shared_data: Path) -> None:
    frame = read_decisions(shared_data / "dynamo090/agg5_grid.decisions.csv.gz").collect()
    told = frame.select("run", "temperature", "overlap_weight").unique()
    assert told.height == 16
    assert all(f"w{weight:.1f}_t{temperature:.1f}" in run for run, temperature, weight in told.iter_rows())


def test_router_log_equals_the_csv_parsed_from_it(shared_data: Path) -> None:
    log = read_decisions(shared_data / "dynamo090/dynamo090_1P2D_w1_t0_router_log.jsonl")
    rows = read_decisions(shared_data / "dynamo090/dynamo090_1P2D_w1_t0_decisions.csv")
    assert log.columns == rows.columns
    assert log.collect().equals(rows.collect())
    assert log.bad_rows.count == 0
    # Counted by text alone: a line a candidate.
    text = (shared_data / "dynamo090/dynamo090_1P2D_w1_t0_router_log.jsonl").read_text()
    assert log.num_rows == text.count("Formula for worker_id=")
    assert log.collect()["decision"].n_unique() == text.count("Selected worker: ")


def test_router_log_obeys_the_routers_rule(shared_data: Path) -> None:
    """Argmin at temperature 0, and logit = weight · prefill + decode to the three digits that are printed."""
    frame = read_decisions(shared_data / "dynamo090/dynamo090_1P2D_w1_t0_router_log.jsonl").collect()
    rule = frame["overlap_weight"] * frame["prefill_blocks"] + frame["decode_blocks"]
    assert (frame["logit"] - rule).abs().max() <= 0.0011
    chosen = frame.filter("selected")["logit"]
    assert (
        chosen.to_list()
        == frame.group_by("decision", maintain_order=True).agg(pl.col("logit").min())["logit"].to_list()
    )


def _log(weights: dict[str, list[float]]) -> str:
    """A log of decisions, each among the same workers, at the weights given: worker list → weights of its decisions."""
    lines = []
    for workers, values in weights.items():
        for weight in values:
            names = workers.split()
            for name in names:
                formula = f"8.000 = {weight} * prefill_blocks + decode_blocks = {weight} * 8.000 + 8.000"
                lines.append(f"Formula for worker_id={name} dp_rank=0 with 0 cached blocks: {formula}")
            lines.append(
                f"Selected worker: worker_id={names[0]} dp_rank=0, logit: 8.000, cached blocks: 0, tree size: 0"
            )
    start = {"time": "2026-11-23T08:56:10.697889Z", "level": "INFO", "target": "dynamo_llm::kv_router::scheduler"}
    return "\n".join(json.dumps({**start, "message": line}) for line in lines) + "\n"


def test_weight_zero_means_decode_only_where_the_workers_prove_it(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(_log({"1 2": [1.0, 1.0], "3 4": [0.0]}))
    assert read_decisions(path).collect()["phase"].to_list() == ["prefill_or_agg"] * 4 + ["decode"] * 2
    for ambiguous in ({"1 2": [0.0, 0.0]}, {"1 2": [1.0, 0.0]}):
        path.write_text(_log(ambiguous))
        table = read_decisions(path)
        assert any("weight 0 does not tell decode" in note for note in table.notes)
        frame = table.collect()
        phases = frame["phase"].to_list() if "phase" in frame.columns else [None] * 4
        assert set(phases[-2:]) == {None}


def test_data_parallel_ranks_are_candidates_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    text = _log({"7 8": [1.0]}).replace("worker_id=8 dp_rank=0", "worker_id=7 dp_rank=1")
    path.write_text(text)
    assert read_decisions(path).collect()["worker"].to_list() == ["7", "7/dp1"]


def test_log_cut_off_in_a_decision_loses_that_decision_only(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(_log({"1 2": [1.0, 1.0]}).rstrip("\n")[:-30])
    table = read_decisions(path)
    assert table.collect()["decision"].unique().to_list() == [0]
    reasons = dict(table.bad_rows.reasons)
    assert reasons == {"another candidate of its decision is bad": 2, "the line is cut off or no JSON": 1}


def test_aiperf_equals_its_records_and_its_own_aggregates(shared_data: Path) -> None:
    folder = shared_data / "load_generators/aiperf_0.12.0"
    table = read_requests(folder / "profile_export.jsonl")
    frame = table.collect()
    records = records_of(folder / "profile_export.jsonl")
    aggregate = json.loads((folder / "profile_export_aiperf.json").read_text())
    assert table.format == "aiperf"
    assert table.num_rows == len(records) == aggregate["request_count"]["avg"]
    assert frame["request_id"].to_list() == [r["metadata"]["x_request_id"] for r in records]
    for column, metric in (
        ("ttft_ms", "time_to_first_token"),
        ("itl_ms", "inter_token_latency"),
        ("latency_ms", "request_latency"),
        ("input_tokens", "input_sequence_length"),
        ("output_tokens", "output_sequence_length"),
    ):
        assert frame[column].to_list() == [r["metrics"][metric]["value"] for r in records]
        assert frame[column].mean() == pytest.approx(aggregate[metric]["avg"], rel=1e-12)
    first = min(r["metadata"]["request_start_ns"] for r in records)
    wanted = [(r["metadata"]["request_start_ns"] - first) / 1e6 for r in records]
    np.testing.assert_allclose(frame["arrival_ms"], wanted, rtol=1e-15)
    assert frame["concurrency"].unique().to_list() == [aggregate["input_config"]["phases"][0]["concurrency"]] == [4]


def test_aiperf_workers_come_from_the_server(shared_data: Path) -> None:
    """The oracle walks the raw packets with json; the client's own worker_id appears nowhere."""
    folder = shared_data / "load_generators/aiperf_0.12.0"
    told: dict[str, dict] = {}
    for record in records_of(folder / "profile_export_raw.jsonl"):
        said: dict = {}
        for response in record["responses"]:
            for packet in response["packets"]:
                if packet["value"] != "[DONE]":
                    said |= json.loads(packet["value"]).get("nvext") or {}
        told[record["metadata"]["x_request_id"]] = said
    clients = {r["metadata"]["worker_id"] for r in records_of(folder / "profile_export.jsonl")}
    for name in ("profile_export.jsonl", "profile_export_raw.jsonl"):
        frame = read_requests(folder / name).collect()
        for row in frame.iter_rows(named=True):
            said = told[row["request_id"]]
            assert row["prefill_worker"] == str(said["worker_id"]["prefill_worker_id"])
            assert row["decode_worker"] == str(said["worker_id"]["decode_worker_id"])
            assert row["kv_hit_rate"] == said["timing"]["kv_hit_rate"]
        assert not clients & {*frame["decode_worker"], *frame["prefill_worker"]}
        assert frame["decode_worker"].n_unique() == 2


def test_aiperf_without_the_raw_file_does_not_know_the_workers(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "load_generators/aiperf_0.12.0"
    shutil.copyfile(folder / "profile_export.jsonl", tmp_path / "profile_export.jsonl")
    table = read_requests(tmp_path / "profile_export.jsonl")
    assert "decode_worker" not in table.columns
    with pytest.raises(MissingColumn, match=r"(?s)does not say decode_worker.*extra_fields.*--export-level raw"):
        table.require("decode_worker", why="the load on each worker")
    assert measured.WORKER_REMEDY in "\n".join(table.notes)
    assert len(measured.WORKER_REMEDY.splitlines()) == 2
    shutil.copyfile(folder / "profile_export_raw.jsonl", tmp_path / "alone_raw.jsonl")
    with pytest.raises(InvalidInput, match=r"keep profile_export\.jsonl of the same run beside it"):
        read_requests(tmp_path / "alone_raw.jsonl")


def test_aiperf_counts_failed_requests_and_converts_by_unit(shared_data: Path, tmp_path: Path) -> None:
    records = records_of(shared_data / "load_generators/aiperf_0.12.0/profile_export.jsonl")
    seconds, odd, failed, cancelled = records[:4]
    wanted = seconds["metrics"]["request_latency"]["value"]
    seconds["metrics"]["request_latency"] = {"value": wanted / 1000, "unit": "sec"}
    odd["metrics"]["request_latency"]["unit"] = "fortnights"
    failed["metrics"], failed["error"] = {}, {"code": 503, "type": "HTTP", "message": "no worker: all busy"}
    cancelled["metadata"]["was_cancelled"] = True
    path = tmp_path / "profile_export.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    table = read_requests(path)
    assert table.collect()["latency_ms"][0] == pytest.approx(wanted, rel=1e-12)
    assert table.num_rows == len(records) - 3
    assert dict(table.bad_rows.reasons) == {"request failed": 2, "request_latency has no known unit of time": 1}
    assert table.bad_rows.examples[1] == (3, "request failed: no worker: all busy")


def test_sglang_equals_its_lists_and_its_own_aggregates(shared_data: Path) -> None:
    path = shared_data / "load_generators/sglang_bench_serving.jsonl"
    run = json.loads(path.read_text())
    assert math.isinf(run["request_rate"])
    frame = read_requests(path).collect()
    assert frame.height == run["completed"] == 16
    assert frame["ttft_ms"].mean() == pytest.approx(run["mean_ttft_ms"], rel=1e-12)
    # The tool's end-to-end time and its TPOT run to the end of the stream, 0.2 ms after the last token.
    assert frame["latency_ms"].mean() == pytest.approx(run["mean_e2e_latency_ms"], abs=0.5)
    assert frame["itl_ms"].mean() == pytest.approx(run["mean_tpot_ms"], abs=0.02)
    assert frame["itl_ms"].mean() == pytest.approx(run["mean_itl_ms"], rel=1e-9)
    assert frame["input_tokens"].sum() == run["total_input_tokens"]
    assert frame["output_tokens"].sum() == run["total_output_tokens"]
    sweep = read_sweep(path).collect().row(0, named=True)
    assert (
        sweep["ttft_ms"],
        sweep["itl_ms"],
        sweep["latency_ms"],
        sweep["concurrency"],
        sweep["isl"],
        sweep["osl"],
    ) == (
        run["mean_ttft_ms"],
        run["mean_tpot_ms"],
        run["mean_e2e_latency_ms"],
        4.0,
        128,
        32,
    )


def test_vllm_by_its_documented_layout(tmp_path: Path) -> None:
    """Lists in seconds, aggregates in milliseconds; two runs in one file (--append-result); one request failed."""
    run = {
        "date": "20260101-000000",
        "backend": "vllm",
        "model_id": "m",
        "tokenizer_id": "m",
        "num_prompts": 3,
        "request_rate": "inf",
        "max_concurrency": 2,
        "completed": 2,
        "total_input_tokens": 20,
        "total_output_tokens": 7,
        "request_throughput": 4.0,
        "input_lens": [10, 10, 10],
        "output_lens": [4, 3, 0],
        "ttfts": [0.1, 0.2, 0.0],
        "itls": [[0.01, 0.02, 0.03], [0.02, 0.02], []],
        "start_times": [1000.5, 1000.0, 1000.75],
        "errors": ["", "", "connection reset"],
        "mean_ttft_ms": 150.0,
        "mean_tpot_ms": 20.0,
        "mean_itl_ms": 20.0,
    }
    path = tmp_path / "vllm.json"
    path.write_text(json.dumps(run) + "\n" + json.dumps({**run, "max_concurrency": 8}) + "\n")
    table = read_requests(path)
    frame = table.collect()
    assert table.format == "vllm"
    assert frame["run"].to_list() == ["0", "0", "1", "1"]
    assert frame["concurrency"].to_list() == [2, 2, 8, 8]
    np.testing.assert_allclose(frame["ttft_ms"], [100.0, 200.0] * 2)
    np.testing.assert_allclose(frame["itl_ms"], [20.0, 20.0] * 2)
    np.testing.assert_allclose(frame["latency_ms"], [160.0, 240.0] * 2)
    np.testing.assert_allclose(frame["arrival_ms"], [500.0, 0.0] * 2)
    np.testing.assert_allclose(frame["finish_ms"], [660.0, 240.0] * 2)
    assert frame["ttft_ms"].mean() == pytest.approx(run["mean_ttft_ms"])
    assert table.bad_rows.examples == ((3, "request failed: connection reset"), (6, "request failed: connection reset"))
    assert read_sweep(path).collect()["concurrency"].to_list() == [2.0, 8.0]
    # One object printed over several lines is the same file.
    path.write_text(json.dumps(run, indent=2))
    assert read_requests(path).collect().equals(frame.head(2))


def test_guidellm_equals_its_own_aggregates(shared_data: Path) -> None:
    path = shared_data / "load_generators/guidellm_benchmarks.json"
    benchmark = json.loads(path.read_text())["benchmarks"][0]
    own = {
        name: metric["successful"]["mean"]
        for name, metric in benchmark["metrics"].items()
        if isinstance(metric, dict) and isinstance(metric.get("successful"), dict)
    }
    frame = read_requests(path).collect()
    assert frame.height == benchmark["metrics"]["request_totals"]["successful"] == 16
    assert frame["ttft_ms"].mean() == pytest.approx(own["time_to_first_token_ms"], rel=1e-12)
    assert frame["latency_ms"].mean() == pytest.approx(1000 * own["request_latency"], rel=1e-12)
    assert frame["itl_ms"].mean() == pytest.approx(own["inter_token_latency_ms"], rel=1e-9)
    # Mixed units would show here: start and end are in seconds, latency too, TTFT in milliseconds.
    np.testing.assert_allclose(frame["finish_ms"] - frame["arrival_ms"], frame["latency_ms"], atol=1e-3)
    assert (frame["ttft_ms"] < frame["latency_ms"]).all()
    sweep = read_sweep(path).collect().row(0, named=True)
    assert (sweep["ttft_ms"], sweep["concurrency"]) == (own["time_to_first_token_ms"], 4.0)
    assert sweep["latency_ms"] == pytest.approx(1000 * own["request_latency"], rel=1e-12)


def test_guidellm_counts_errored_and_incomplete_requests(shared_data: Path, tmp_path: Path) -> None:
    document = json.loads((shared_data / "load_generators/guidellm_benchmarks.json").read_text())
    requests = document["benchmarks"][0]["requests"]
    requests["errored"], requests["incomplete"] = [requests["successful"].pop()], [requests["successful"].pop()]
    path = tmp_path / "benchmarks.json"
    path.write_text(json.dumps(document))
    table = read_requests(path)
    assert table.num_rows == 14
    assert {reason for _, reason in table.bad_rows.examples} == {
        "request failed: errored",
        "request failed: incomplete",
    }


def test_measured_b200_rows(shared_data: Path) -> None:
    path = shared_data / "measured/measured_b200_llama31_70b.csv"
    rows = rows_of(path)
    table = read_sweep(path)
    frame = table.collect()
    assert table.num_rows == len(rows) == 264
    assert frame["itl_ms"].to_list() == [float(row["silicon_tpot_ms"]) for row in rows]
    assert frame["ttft_ms"].to_list() == [float(row["silicon_ttft_ms"]) for row in rows]
    # The file's own column, which the reader does not use.
    assert frame["concurrency"].to_list() == [float(row["conc"]) for row in rows]
    assert frame["evidence"].unique().to_list() == ["measured"]
    assert frame["statistic"].unique().to_list() == ["unknown"]
    curves = Counter(frame["series"])
    assert len(curves) == 48
    assert frame.select("series", "concurrency").is_unique().all()
    known = frame.filter(
        (pl.col("backend") == "trtllm")
        & (pl.col("precision") == "fp8")
        & (pl.col("tp") == 4)
        & (pl.col("isl") == 1024)
        & (pl.col("osl") == 1024)
    ).sort("concurrency")
    np.testing.assert_allclose(known["itl_ms"], [6.62, 6.99, 7.31, 7.95, 9.72, 13.21], atol=0.005)
    assert known["concurrency"].to_list() == [4, 8, 16, 32, 64, 128]


def test_modelled_b200_rows(shared_data: Path) -> None:
    table = read_sweep(shared_data / "measured/modelled_b200_isl128_osl128.csv")
    frame = table.collect()
    assert table.num_rows == len(rows_of(shared_data / "measured/modelled_b200_isl128_osl128.csv")) == 450
    assert frame["evidence"].unique().to_list() == ["modelled"]
    known = frame.filter(
        pl.col("series").str.contains("Llama-3.1-70B-bf16 trtllm TP4") & pl.col("series").str.contains("static_gen")
    ).sort("concurrency")
    np.testing.assert_allclose(
        known["itl_ms"], [9.27, 9.21, 9.13, 9.01, 9.14, 9.61, 10.08, 11.66, 15.52, 24.90], atol=0.005
    )
    assert frame.select("series", "concurrency").is_unique().all()


@pytest.mark.parametrize("name", ["h100_llama33_70b_fp8", "h200_llama31_8b_fp8"])
def test_planner_profiles(shared_data: Path, name: str) -> None:
    folder = shared_data / "measured/dynamo_planner_profiles"
    with np.load(folder / f"{name}_decode.npz") as arrays:
        decode = read_sweep(folder / f"{name}_decode.npz").collect()
        np.testing.assert_array_equal(decode["itl_ms"], arrays["z_itl"].ravel())
        np.testing.assert_array_equal(decode["kv_usage"], arrays["x_kv_usage"].ravel())
        np.testing.assert_array_equal(decode["tp"], np.repeat(arrays["tp"].ravel(), arrays["z_itl"].shape[1]))
        # Throughput is tokens a second and GPU, that is batch / ITL / GPUs, so the implied batch can be checked: of the
        # first configuration (the file divides by its GPUs throughout), short contexts, and what fits into one batch.
        batch = (arrays["z_thpt_per_gpu"] * arrays["z_itl"])[0] * arrays["tp"][0, 0] / 1e3
        implied = decode["concurrency"].to_numpy()[: batch.size]
        tested = (arrays["y_context_length"][0] == 350) & (implied < 800)
        assert tested.sum() >= 4
        np.testing.assert_allclose(implied[tested], batch[tested], rtol=0.06)
    with np.load(folder / f"{name}_prefill.npz") as arrays:
        prefill = read_sweep(folder / f"{name}_prefill.npz").collect()
        np.testing.assert_array_equal(prefill["ttft_ms"], arrays["prefill_ttft"].ravel())
        np.testing.assert_array_equal(prefill["isl"], arrays["prefill_isl"].ravel())
        # One request at a time: isl / TTFT / GPUs is the throughput the profile states.
        implied = prefill["isl"] / prefill["ttft_ms"] * 1e3 / arrays["tp"][0, 0]
        np.testing.assert_allclose(implied, arrays["prefill_thpt_per_gpu"].ravel(), rtol=1e-6)


def test_planner_csvs_equal_the_profiles(shared_data: Path) -> None:
    folder = shared_data / "measured"
    for kind, csv_name in (("decode", "decode_itl"), ("prefill", "prefill_ttft")):
        of_csv = read_sweep(folder / f"measured_h100_llama33_70b_fp8_{csv_name}.csv").collect()
        of_npz = read_sweep(folder / f"dynamo_planner_profiles/h100_llama33_70b_fp8_{kind}.npz").collect()
        shared = [column for column in of_npz.columns if column != "series"]
        key = [column for column in ("tp", "isl", "context_length", "kv_usage") if column in shared]
        left, right = of_csv.select(shared).sort(key), of_npz.select(shared).sort(key)
        for column in shared:
            if left[column].dtype == pl.Float64:
                np.testing.assert_allclose(left[column], right[column], rtol=1e-9)
            else:
                assert left[column].to_list() == right[column].to_list()
    rows = rows_of(folder / "measured_h100_llama33_70b_fp8_decode_itl.csv")
    table = read_sweep(folder / "measured_h100_llama33_70b_fp8_decode_itl.csv").collect()
    np.testing.assert_allclose(table["concurrency"], [float(r["implied_batch"]) for r in rows], rtol=1e-3)


def test_holes_of_a_profile_are_bad_rows(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "measured/dynamo_planner_profiles/h200_llama31_8b_fp8_decode.npz"
    with np.load(source) as archive:
        arrays = dict(archive)
    arrays["z_itl"][0, [3, 7]] = np.nan
    np.savez(tmp_path / "holes.npz", **arrays)
    table = read_sweep(tmp_path / "holes.npz")
    assert table.num_rows == arrays["z_itl"].size - 2
    assert table.bad_rows.examples == ((4, "a hole in the profile (NaN)"), (8, "a hole in the profile (NaN)"))


def test_mocker_table(shared_data: Path) -> None:
    path = shared_data / "dynamo090/mocker_b200_llama70b_tp4.npz"
    frame = read_sweep(path).collect()
    with np.load(path) as arrays:
        prefill = frame.filter(pl.col("series") == "prefill")
        np.testing.assert_array_equal(prefill["ttft_ms"], arrays["prefill_ttft_ms"])
        decode = frame.filter(pl.col("series") != "prefill")
        np.testing.assert_array_equal(decode["itl_ms"], arrays["decode_itl"].ravel())
        at = decode.filter((pl.col("context_length") == 192) & (pl.col("concurrency") == 1))
        row = int(np.flatnonzero(arrays["decode_active_kv_tokens"] == 192)[0])
        assert at["itl_ms"].to_list() == [arrays["decode_itl"][row, 1]]


def test_mooncake_trace(shared_data: Path) -> None:
    path = shared_data / "traces/mooncake_conversation_trace.jsonl"
    records = records_of(path)
    table = read_requests(path)
    frame = table.collect()
    assert table.num_rows == len(records)
    assert frame["arrival_ms"].to_list() == [float(r["timestamp"]) for r in records]
    assert frame["input_tokens"].to_list() == [r["input_length"] for r in records]
    assert frame["block_hashes"].to_list() == [r["hash_ids"] for r in records]
    with pytest.raises(MissingColumn, match="latency_ms"):
        table.require("latency_ms")


def test_azure_trace(shared_data: Path) -> None:
    path = shared_data / "traces/azure_llm_2023_code.csv"
    rows = rows_of(path)
    frame = read_requests(path).collect()
    assert frame.height == len(rows)
    times = [datetime.fromisoformat(row["TIMESTAMP"][:26]) for row in rows]
    wanted = [(t - times[0]).total_seconds() * 1e3 for t in times]
    np.testing.assert_allclose(frame["arrival_ms"], wanted, atol=1.1e-3)  # the file's seventh digit
    assert frame["output_tokens"].to_list() == [int(row["GeneratedTokens"]) for row in rows]
    assert re.search(r"17001586\d\d\.", read_requests(path).notes[-1])


def test_units_that_a_tool_documents_are_not_guessed(shared_data: Path, tmp_path: Path) -> None:
    """A mock engine's first token may come within 0.5 ms, which a CSV of one's own could not say without its unit."""
    records = records_of(shared_data / "load_generators/aiperf_0.12.0/profile_export.jsonl")
    for record in records:
        record["metrics"]["time_to_first_token"]["value"] = 0.5
    path = tmp_path / "profile_export.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    table = read_requests(path)
    assert table.collect()["ttft_ms"].to_list() == [0.5] * len(records)
    own = measured.write_table(table, tmp_path / "own.csv")
    with pytest.raises(InvalidInput, match=r"median ttft_ms is 0\.5, below 2"):
        read_requests(own)
    assert read_requests(own, unit="ms").collect().equals(table.collect())
    assert read_requests(measured.write_table(table, tmp_path / "own.parquet")).collect().equals(table.collect())


def test_clocks_of_the_tools_agree_with_their_latencies(shared_data: Path) -> None:
    timed = [name for name, _ in REQUEST_FILES]
    timed += ["load_generators/aiperf_0.12.0/profile_export.jsonl", "load_generators/guidellm_benchmarks.json"]
    for name in timed:
        assert not any("times latency_ms" in note for note in read_requests(shared_data / name).notes), name
