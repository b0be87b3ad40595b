"""Dynamo's planner profiles: npz files (prefill or decode, or the mock engine's timing table) and CSVs of them.

Prefill: TTFT against prompt length, one request at a time. Decode: ITL against the share of the KV cache in use and the
context length; the requests in flight follow from the two: concurrency = kv_usage · max_kv_tokens / context_length.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from poagame.errors import InvalidInput
from poagame.measured.checks import REASON, ROW, joined
from poagame.measured.readers.base import Format, Raw, Source, label

_PREFILL = frozenset({"prefill_isl", "prefill_ttft"})
_DECODE = frozenset({"x_kv_usage", "y_context_length", "z_itl", "max_kv_tokens"})
_MOCKER = frozenset(
    {"prefill_isl", "prefill_ttft_ms", "decode_active_kv_tokens", "decode_context_length", "decode_itl"}
)
_ONE_AT_A_TIME = "prefill was profiled with one request at a time: concurrency is 1"
_IMPLIED = (
    "concurrency of decode is implied by the KV cache in use over the context length; an engine that batches fewer "
    "requests at once keeps the others waiting"
)
_UNKNOWN = "whether the values are means or medians is unknown"


def _profile(source: Source) -> Raw:
    """A row a point: [configurations, points] arrays and a [configurations, 1] array for each setting."""
    prefill = source.members >= _PREFILL
    arrays = source.arrays()
    shape = arrays["prefill_ttft" if prefill else "z_itl"].shape

    def column(name: str, default: str | int | None = None) -> pl.Series:
        values = arrays[name] if name in arrays else np.array(default)
        return pl.Series(name, np.broadcast_to(values, shape).ravel())

    settings = {"gpu_type": "", "model": "", "framework": "", "framework_version": "", "tp": 1, "dp": 1, "pp": 1}
    axes = ("prefill_isl", "prefill_ttft") if prefill else ("x_kv_usage", "y_context_length", "z_itl", "max_kv_tokens")
    frame = pl.LazyFrame(
        [column(name, default) for name, default in settings.items()] + [column(name) for name in axes]
    )
    parts = [pl.col("gpu_type"), pl.col("model"), pl.col("framework")]
    sizes = joined("TP", pl.col("tp"), " DP", pl.col("dp"), " PP", pl.col("pp"))
    common = {"system": "gpu_type", "model": "model", "backend": "framework", "tp": "tp"}
    if prefill:
        table = frame.select(
            **common,
            series=label(*parts, sizes, "prefill"),
            isl="prefill_isl",
            concurrency=pl.lit(1.0),
            ttft_ms="prefill_ttft",
            statistic=pl.lit("unknown"),
            evidence=pl.lit("measured"),
        )
        return Raw(table, (_ONE_AT_A_TIME, _UNKNOWN))
    context = pl.col("y_context_length")
    table = frame.select(
        **common,
        series=label(*parts, sizes, "decode, context", _whole(context)),
        concurrency=pl.col("x_kv_usage") * pl.col("max_kv_tokens") / context,
        itl_ms="z_itl",
        context_length=context,
        kv_usage="x_kv_usage",
        statistic=pl.lit("unknown"),
        evidence=pl.lit("measured"),
    )
    return Raw(_no_holes(table), (_IMPLIED, _UNKNOWN))


def _whole(context: pl.Expr) -> pl.Expr:
    return context.round().cast(pl.Int64, strict=False).cast(pl.String)


def _no_holes(table: pl.LazyFrame) -> pl.LazyFrame:
    """A NaN is a point that the profiler did not measure; the row is bad, with that reason."""
    hole = pl.any_horizontal(pl.col(n).is_nan() for n in ("itl_ms", "concurrency", "context_length"))
    return table.with_columns(pl.when(hole).then(pl.lit("a hole in the profile (NaN)")).alias(REASON))


def _mocker(source: Source) -> Raw:
    arrays = source.arrays()
    active, context = np.meshgrid(arrays["decode_active_kv_tokens"], arrays["decode_context_length"], indexing="ij")
    if active.shape != arrays["decode_itl"].shape:
        raise InvalidInput(
            f"{source.name}: decode_itl has shape {arrays['decode_itl'].shape}, wanted {active.shape}: "
            "active KV tokens by context lengths"
        )
    prefill = pl.LazyFrame({"isl": arrays["prefill_isl"], "ttft_ms": arrays["prefill_ttft_ms"]}).with_columns(
        pl.col("isl").cast(pl.Int64), series=pl.lit("prefill"), concurrency=pl.lit(1.0)
    )
    decode = pl.LazyFrame(
        {
            "itl_ms": arrays["decode_itl"].ravel(),
            "context_length": context.ravel().astype(np.float64),
            "concurrency": (active / context).ravel(),
        }
    )
    series = label("decode, context", _whole(pl.col("context_length")))
    table = pl.concat([prefill, _no_holes(decode).with_columns(series=series)], how="diagonal")
    table = table.with_columns(statistic=pl.lit("unknown"), evidence=pl.lit("unknown"))
    note = "the timing table of a mock engine: what it was made from, and whether measured, the file does not say"
    return Raw(table, (_ONE_AT_A_TIME, _IMPLIED, note))


def _csv(source: Source) -> Raw:
    frame = source.csv()
    decode = "itl_ms" in source.header
    number = {
        n: pl.col(n).cast(pl.Float64, strict=False) for n in ("kv_usage", "context_length", "max_kv_tokens") if decode
    }
    parts = [pl.col("gpu"), pl.col("model"), pl.col("framework"), joined("TP", pl.col("tp"))]
    own = (
        {
            "series": label(*parts, "decode, context", _whole(number["context_length"])),
            "concurrency": number["kv_usage"] * number["max_kv_tokens"] / number["context_length"],
            "itl_ms": pl.col("itl_ms"),
            "kv_usage": pl.col("kv_usage"),
            "context_length": pl.col("context_length"),
        }
        if decode
        else {
            "series": label(*parts, "prefill"),
            "concurrency": pl.lit(1.0),
            "ttft_ms": pl.col("ttft_ms"),
            "isl": pl.col("isl"),
        }
    )
    table = frame.select(
        *(pl.col(name) for name in (ROW, REASON) if name in frame.collect_schema()),
        "model",
        "tp",
        system="gpu",
        backend="framework",
        statistic=pl.lit("unknown"),
        evidence=pl.lit("measured"),
        **own,
    )
    return Raw(table, (_IMPLIED if decode else _ONE_AT_A_TIME, _UNKNOWN))


def _is_csv(source: Source) -> bool:
    header = set(source.header)
    return {"gpu", "framework", "tp", "thpt_per_gpu_tok_s"} <= header and bool(
        {"isl", "ttft_ms"} <= header or {"itl_ms", "kv_usage", "context_length", "max_kv_tokens"} <= header
    )


FORMATS = (
    Format(
        "dynamo-planner",
        "a profile of Dynamo's planner (npz)",
        lambda source: source.members >= _PREFILL or source.members >= _DECODE,
        {"sweep": _profile},
    ),
    Format(
        "dynamo-mocker",
        "a timing table of Dynamo's mock engine (npz)",
        lambda s: s.members >= _MOCKER,
        {"sweep": _mocker},
    ),
    Format("dynamo-planner-csv", "a profile of Dynamo's planner (CSV)", _is_csv, {"sweep": _csv}),
)
