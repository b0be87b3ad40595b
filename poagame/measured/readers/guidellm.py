"""guidellm's `benchmarks.json`: times and `request_latency` in seconds, names that end in `_ms` in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from poagame.errors import InvalidInput
from poagame.measured.readers.base import Format, Raw, Source, clock_note

_FIELDS = {
    "request_id": pl.String(),
    "request_start_time": pl.Float64(),
    "request_end_time": pl.Float64(),
    "request_latency": pl.Float64(),
    "time_to_first_token_ms": pl.Float64(),
    "inter_token_latency_ms": pl.Float64(),
    "prompt_tokens": pl.Int64(),
    "output_tokens": pl.Int64(),
}


def _level(benchmark: Mapping[str, Any]) -> int | None:
    strategy = benchmark.get("config", {}).get("strategy", {})
    return strategy.get("streams") if strategy.get("type_") == "concurrent" else None


def _requests(source: Source) -> Raw:
    tables: list[pl.DataFrame] = []
    for number, benchmark in enumerate(source.json["benchmarks"]):
        for fate in ("successful", "errored", "incomplete"):
            rows = benchmark.get("requests", {}).get(fate) or []
            error = None if fate == "successful" else fate
            table = pl.DataFrame([{name: row.get(name) for name in _FIELDS} for row in rows], schema=_FIELDS)
            tables.append(
                table.with_columns(
                    run=pl.lit(str(number)),
                    concurrency=pl.lit(_level(benchmark), dtype=pl.Int64),
                    error=pl.lit(error, dtype=pl.String),
                )
            )
    every = pl.concat(tables) if tables else pl.DataFrame()
    if every.is_empty():
        raise InvalidInput(f"{source.name} holds aggregates only: use read_sweep, or let guidellm keep all requests")
    start = every["request_start_time"].min()
    origin = float(start) if isinstance(start, float) else 0.0
    frame = every.lazy().select(
        "request_id",
        "run",
        "concurrency",
        "error",
        "output_tokens",
        arrival_ms=(pl.col("request_start_time") - origin) * 1e3,
        finish_ms=(pl.col("request_end_time") - origin) * 1e3,
        ttft_ms="time_to_first_token_ms",
        itl_ms="inter_token_latency_ms",
        latency_ms=pl.col("request_latency") * 1e3,
        input_tokens="prompt_tokens",
    )
    return Raw(frame, (clock_note(round(origin * 1e9)),))


def _sweep(source: Source) -> Raw:
    def mean(benchmark: Mapping[str, Any], metric: str) -> float | None:
        found = benchmark.get("metrics", {}).get(metric, {}).get("successful", {})
        return found.get("mean") if found.get("count") else None

    def row(benchmark: Mapping[str, Any]) -> dict[str, Any]:
        config = benchmark.get("config", {})
        model = config.get("backend", {}).get("model")
        latency, level = mean(benchmark, "request_latency"), _level(benchmark)
        profile = config.get("profile", {}).get("kind")
        return {
            "series": " ".join(str(part) for part in (model, profile) if part) or "guidellm",
            "model": model,
            "concurrency": mean(benchmark, "request_concurrency") if level is None else level,
            "ttft_ms": mean(benchmark, "time_to_first_token_ms"),
            "itl_ms": mean(benchmark, "inter_token_latency_ms"),
            "latency_ms": None if latency is None else latency * 1e3,
            "throughput_rps": mean(benchmark, "requests_per_second"),
            "statistic": "mean",
            "evidence": "unknown",
        }

    rows = [row(benchmark) for benchmark in source.json["benchmarks"]]
    note = "concurrency is the one asked for, or the mean observed where the profile sets none"
    return Raw(pl.LazyFrame(rows, infer_schema_length=None), (note,))


FORMAT = Format(
    "guidellm",
    "guidellm's benchmarks.json",
    lambda source: "benchmarks" in source.keys and "guidellm_version" in (source.json.get("metadata") or {}),
    {"requests": _requests, "sweep": _sweep},
)
