"""Arrival traces, which hold no latencies: Mooncake (JSONL, with block hashes) and Azure (CSV)."""

from __future__ import annotations

import polars as pl

from poagame.measured.checks import REASON, ROW, joined
from poagame.measured.readers.base import Format, Raw, Source, at, clock_note, since_first, utc_nanoseconds

_ARRIVALS = "arrivals and lengths only: no latencies, no workers"


def _mooncake(source: Source) -> Raw:
    hashes = at("$.hash_ids").str.strip_chars("[]").str.replace_all(" ", "")
    table = source.lines().select(
        ROW,
        REASON,
        request_id=pl.col(ROW).cast(pl.String),
        arrival_ms=at("$.timestamp"),
        input_tokens=at("$.input_length"),
        output_tokens=at("$.output_length"),
        block_hashes=hashes.str.split(",").cast(pl.List(pl.Int64), strict=False),
    )
    # Parsed once, in streaming fashion: every later read of the lazy table would parse the JSON again.
    table = table.collect(engine="streaming").lazy()
    return Raw(table, (_ARRIVALS, "request_id is the line number; a block of block_hashes has 512 tokens"))


def _azure(source: Source) -> Raw:
    frame = source.csv().with_columns(utc_nanoseconds(pl.col("TIMESTAMP")).alias("_sent"))
    frame = frame if ROW in frame.collect_schema() else frame.with_row_index(ROW, offset=1)
    (arrival,), origin = since_first(frame, "_sent")
    unread = pl.when(pl.col("_sent").is_null()).then(
        joined("TIMESTAMP is not a time: ", pl.col("TIMESTAMP").fill_null(""))
    )
    earlier = [pl.col(REASON)] if REASON in frame.collect_schema() else []
    table = frame.select(
        ROW,
        pl.coalesce(*earlier, unread).alias(REASON),
        request_id=pl.col(ROW).cast(pl.String),
        arrival_ms=arrival,
        input_tokens="ContextTokens",
        output_tokens="GeneratedTokens",
    )
    return Raw(table, (_ARRIVALS, "request_id is the row number", clock_note(origin)))


FORMATS = (
    Format(
        "mooncake",
        "a Mooncake trace (JSONL)",
        lambda source: {"timestamp", "input_length", "output_length"} <= source.keys,
        {"requests": _mooncake},
    ),
    Format(
        "azure",
        "an Azure LLM inference trace (CSV)",
        lambda source: {"TIMESTAMP", "ContextTokens", "GeneratedTokens"} <= set(source.header),
        {"requests": _azure},
    ),
)
