"""Recordings of the Dynamo 0.9.0 router (CSV): requests and decisions, in the two layouts in which they were made.

What a recording may not be used for is taken out, with a note: `ttft_ms` of aggregated serving (the mock engine sends
the first token before its prefill delay) and `kv_hit_rate` where the overlap weight is 0 (the router does not look).
The clock of the recordings was stretched: their latencies are corrected already, their arrivals are corrected here.
"""

from __future__ import annotations

import polars as pl

from poagame.measured.checks import REASON, ROW
from poagame.measured.readers.base import Format, Raw, Source, clock_note, since_first, utc_nanoseconds
from poagame.measured.readers.dynamo_log import probe_notes, worker_name


def _requests_by_level(source: Source) -> Raw:
    """The layout of one topology swept over concurrency: `client_*_ms`, the clock's slowness in `time_dilation`."""
    frame, tag = source.csv(), pl.col("tag")
    slow = _number("time_dilation")
    weight = _tagged("w", tag)
    common, notes = _common(frame, slow, latency="client_latency_ms", weight=weight)
    table = frame.select(
        *common,
        run=tag,
        topology=tag.str.extract(r"(\d+P\d+D)").str.replace("P", "P/"),
        concurrency="concurrency",
        overlap_weight=weight,
        temperature=_tagged("t", tag),
        prefix_group="prefix_group",
        ttft_ms="client_ttft_ms",
        itl_ms="client_itl_mean_ms",
        output_tokens="output_chunks",
    )
    return Raw(table, notes)


def _requests_by_run(source: Source) -> Raw:
    """The layout of several runs in one file, aggregated or disaggregated: `run_id`, `mode`, `phase`."""
    frame = source.csv()
    aggregated = pl.col("mode") == "aggregated"
    ratio = _number("server_total_ms_raw") / _number("latency_ms")
    slow = frame.select(ratio.median().round()).collect().item()
    common, notes = _common(frame, pl.lit(slow), latency="latency_ms", weight=_number("overlap_weight"))
    table = frame.select(
        *common,
        "phase",
        "topology",
        "concurrency",
        "overlap_weight",
        "temperature",
        run="run_id",
        prefix_group="template_id",
        ttft_ms=pl.when(~aggregated).then("ttft_ms"),
        itl_ms="itl_mean_ms",
        output_tokens="chunks",
    )
    if frame.select(aggregated.any()).collect().item():
        notes += (
            "ttft_ms of aggregated serving is left out: the mock engine sends it before the prefill delay; "
            "use latency_ms",
            "itl_ms of aggregated serving holds the prefill delay, at contexts outside the engine's timing table: "
            "its absolute level is unreliable",
        )
    warm = frame.select((pl.col("phase") == "warm").sum()).collect().item()
    if warm:
        notes += (f'{warm:,} requests are of phase "warm", sent to fill the caches: leave them out of conclusions',)
    return Raw(table, notes)


def _common(frame: pl.LazyFrame, slow: pl.Expr, latency: str, weight: pl.Expr) -> tuple[list[pl.Expr], tuple[str, ...]]:
    """The columns that both layouts have, and the notes that hold for both."""
    (sent,), origin = since_first(frame, "arrival_epoch_ns")
    arrival = sent / slow
    looks = weight.fill_null(1.0) > 0
    unseen, dilation = frame.select((~looks).sum(), slow.max().alias("slow")).collect().row(0)
    notes = [
        "real Dynamo 0.9.0 router, simulated engine: evidence on the router, not on an accelerator",
        f"recorded with time stretched by {dilation:g}; all times here are corrected for it",
        clock_note(origin),
    ]
    if unseen:
        notes.append(
            f"kv_hit_rate is unknown for {unseen:,} requests of overlap weight 0: the router did not look, and wrote 0"
        )
    columns = [
        *(pl.col(name) for name in (ROW, REASON) if name in frame.collect_schema()),
        pl.col("x_request_id").alias("request_id"),
        arrival.alias("arrival_ms"),
        (arrival + _number(latency)).alias("finish_ms"),
        pl.col(latency).alias("latency_ms"),
        pl.col("isl").alias("input_tokens"),
        pl.col("prefill_worker_id").alias("prefill_worker"),
        pl.col("decode_worker_id").alias("decode_worker"),
        pl.when(looks).then("kv_hit_rate").alias("kv_hit_rate"),
        pl.col("error"),
    ]
    return columns, tuple(notes)


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64, strict=False)


def _tagged(letter: str, tag: pl.Expr) -> pl.Expr:
    """The number after "_w" or "_t" in a run's name; "_t07" means 0.7, as "_t0.7" does."""
    digits = tag.str.extract(rf"_{letter}(\d+(?:\.\d+)?)(?:_|$)")
    return digits.str.replace(r"^0(\d+)$", "0.$1").cast(pl.Float64)


def _decisions(source: Source) -> Raw:
    frame = source.csv()
    runs = {"run": pl.col("run_id"), "temperature": _tagged("t", pl.col("run_id"))} if "run_id" in source.header else {}
    rank = pl.col("dp_rank") if "dp_rank" in source.header else pl.lit("0")
    frame = frame.with_columns(utc_nanoseconds(pl.col("time")).alias("_time"))
    (time,), _ = since_first(frame, "_time")
    table = frame.select(
        *(pl.col(name) for name in (ROW, REASON) if name in frame.collect_schema()),
        "decision",
        "phase",
        "overlap_weight",
        "cached_blocks",
        "prefill_blocks",
        "decode_blocks",
        "logit",
        "selected",
        time_ms=time,
        worker=worker_name(pl.col("worker_id"), rank),
        **runs,
    )
    slow = "time_ms is on the recording's own, stretched clock; the times of its requests are corrected"
    return Raw(table, (*probe_notes(table), slow))


_BOTH = {"x_request_id", "arrival_epoch_ns", "prefill_worker_id", "decode_worker_id"}
FORMATS = (
    Format(
        "dynamo-recording-levels",
        "recording of Dynamo's router, one run over several levels (CSV)",
        lambda source: {*_BOTH, "tag", "client_latency_ms", "time_dilation"} <= set(source.header),
        {"requests": _requests_by_level},
    ),
    Format(
        "dynamo-recording-runs",
        "recording of Dynamo's router, several runs (CSV)",
        lambda source: {*_BOTH, "run_id", "mode", "server_total_ms_raw"} <= set(source.header),
        {"requests": _requests_by_run},
    ),
    Format(
        "dynamo-recording-decisions",
        "decisions parsed from Dynamo's router log (CSV)",
        lambda source: {"decision", "worker_id", "prefill_blocks", "logit", "selected"} <= set(source.header),
        {"decisions": _decisions},
    ),
)
