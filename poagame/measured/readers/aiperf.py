"""aiperf: `profile_export.jsonl`, a line a request; `profile_export_raw.jsonl` alone knows the server's workers.

`metadata.worker_id` is the load generator's own process and is never read. The server's workers come from what Dynamo
answered (`nvext.worker_id` in the packets of the raw file), joined on `metadata.x_request_id`.
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from poagame.errors import InvalidInput
from poagame.measured.checks import REASON, ROW, joined
from poagame.measured.readers.base import Format, Raw, Source, at, clock_note, since_first
from poagame.measured.schema import WORKER_REMEDY

_RAW, _RECORDS, _AGGREGATE = "profile_export_raw.jsonl", "profile_export.jsonl", "profile_export_aiperf.json"
_MILLISECONDS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3, "sec": 1e3}
_METRICS = {"ttft_ms": "time_to_first_token", "itl_ms": "inter_token_latency", "latency_ms": "request_latency"}
_COUNTS = {"input_tokens": "input_sequence_length", "output_tokens": "output_sequence_length"}


_TEXT = pl.String()
_METADATA = ("x_request_id", "benchmark_phase", "request_start_ns", "request_end_ns", "was_cancelled")
_VALUE = pl.Struct({"value": _TEXT, "unit": _TEXT})
# Numbers are decoded as text, so that nanoseconds and ids beyond 2^53 stay exact.
_RECORD = pl.Struct(
    {
        "metadata": pl.Struct(dict.fromkeys(_METADATA, _TEXT)),
        "metrics": pl.Struct(dict.fromkeys((*_METRICS.values(), *_COUNTS.values()), _VALUE)),
    }
)
_ANSWER = pl.Struct(
    {
        "metadata": pl.Struct({"x_request_id": _TEXT}),
        "responses": pl.List(pl.Struct({"packets": pl.List(pl.Struct({"value": _TEXT}))})),
    }
)


def _decoded(layout: pl.Struct) -> pl.Expr:
    return pl.when(pl.col(REASON).is_null()).then("line").otherwise(pl.lit("{}")).str.json_decode(layout)


def _metric(name: str) -> tuple[pl.Expr, pl.Expr]:
    """Milliseconds, and why they cannot be known."""
    metric = pl.col("record").struct["metrics"].struct[name]
    value, unit = metric.struct["value"], metric.struct["unit"]
    factor = unit.replace_strict(_MILLISECONDS, default=None, return_dtype=pl.Float64)
    odd = pl.when(value.is_not_null() & factor.is_null())
    reason = odd.then(joined(f"{name} has no known unit of time: ", unit.fill_null("none")))
    return value.cast(pl.Float64, strict=False) * factor, reason


def _requests(source: Source) -> Raw:
    records, raw = source, Source(source.path.with_name(_RAW))
    if _is_raw(source):
        records, raw = Source(source.path.with_name(source.name.replace("_raw", ""))), source
        if records.path == raw.path or not records.path.is_file():
            raise InvalidInput(
                f"{source.name} holds the packets, not the latencies; keep {_RECORDS} of the same run beside it"
            )
    failed = pl.coalesce(at("$.error.message"), at("$.error.type"), at("$.error"))
    metadata, metrics = pl.col("record").struct["metadata"], pl.col("record").struct["metrics"]
    cancelled = pl.when(metadata.struct["was_cancelled"] == "true").then(pl.lit("cancelled"))
    times = {column: _metric(name) for column, name in _METRICS.items()}
    lines = (
        records.lines()
        .with_columns(record=_decoded(_RECORD), error=failed)
        .select(
            ROW,
            pl.coalesce(REASON, *(reason for _, reason in times.values())).alias(REASON),
            request_id=metadata.struct["x_request_id"],
            phase=metadata.struct["benchmark_phase"],
            start=metadata.struct["request_start_ns"],
            end=metadata.struct["request_end_ns"],
            error=pl.coalesce("error", cancelled),
            **{column: value for column, (value, _) in times.items()},
            **{column: metrics.struct[name].struct["value"] for column, name in _COUNTS.items()},
        )
    )
    # Parsed once, in streaming fashion: what remains of a line is a few numbers.
    table = lines.collect(engine="streaming").lazy()
    (arrival, finish), origin = since_first(table, "start", "end")
    table = table.with_columns(arrival_ms=arrival, finish_ms=finish).drop("start", "end")
    concurrency = _concurrency(records.path.with_name(_AGGREGATE))
    if concurrency is not None:
        table = table.with_columns(concurrency=pl.lit(concurrency))
    notes = (clock_note(origin), "output_tokens are those that aiperf's own tokenizer counts")
    if not raw.path.is_file():
        return Raw(
            table, (*notes, "which server worker served a request is unknown. How to record it:\n" + WORKER_REMEDY)
        )
    table, told = _with_workers(table, raw)
    return Raw(table, (*notes, *told))


def _with_workers(table: pl.LazyFrame, raw: Source) -> tuple[pl.LazyFrame, tuple[str, ...]]:
    """`table` with the workers and the hit rate that the server's answers name, joined on the request id."""

    def said(what: str, *path: str) -> list[pl.Expr]:
        """Look into the last packet that names `what`; a packet is a JSON text inside the JSON of the line."""
        packet = (
            pl.col("packets").list.eval(pl.element().filter(pl.element().str.contains(what, literal=True))).list.last()
        )
        return [packet.str.json_path_match(f"$.nvext.{step}") for step in path]

    prefill, decode = said("worker_id", "worker_id.prefill_worker_id", "worker_id.decode_worker_id")
    (hits,) = said("kv_hit_rate", "timing.kv_hit_rate")
    answer = pl.col("answer").struct
    values = pl.element().struct.field("packets").list.eval(pl.element().struct.field("value"))
    answers = (
        raw.lines()
        .select(answer=_decoded(_ANSWER))
        .select(
            request_id=answer["metadata"].struct["x_request_id"],
            packets=answer["responses"].list.eval(values.explode(empty_as_null=False, keep_nulls=False)),
        )
        .filter(pl.col("request_id").is_not_null())
        .select("request_id", prefill_worker=prefill, decode_worker=decode, kv_hit_rate=hits)
        .with_columns(pl.col(name).replace("null", None) for name in ("prefill_worker", "decode_worker", "kv_hit_rate"))
        .collect(engine="streaming")
        .unique("request_id", keep="last")
    )
    both = table.join(answers.lazy(), on="request_id", how="left", maintain_order="left")
    total, known = both.select(pl.len().alias("all"), pl.col("decode_worker").count()).collect().row(0)
    note = f"server workers of {known:,} of {total:,} requests come from {raw.name}"
    remedy = (
        () if known == total else ("the answers of the others do not name them. How to record them:\n" + WORKER_REMEDY,)
    )
    return both, (note, *remedy)


def _concurrency(aggregate: Path) -> int | None:
    """The concurrency of the run, from the aggregate file beside it; None unless it states a single one."""
    if not aggregate.is_file():
        return None
    try:
        phases = json.loads(aggregate.read_bytes())["input_config"]["phases"]
        levels = {phase.get("concurrency") for phase in phases}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    level = levels.pop() if len(levels) == 1 else None
    return level if isinstance(level, int) else None


def _is_raw(source: Source) -> bool:
    return {"metadata", "responses"} <= source.keys


FORMAT = Format(
    "aiperf",
    "aiperf's profile_export.jsonl, or profile_export_raw.jsonl beside it",
    lambda source: {"metadata", "metrics"} <= source.keys or _is_raw(source),
    {"requests": _requests},
)
