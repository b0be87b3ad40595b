"""AIConfigurator: its measured sample (`silicon_sample.csv` and cuts of it) and CSVs of its estimates."""

from __future__ import annotations

import polars as pl

from poagame.measured.checks import REASON, ROW, joined
from poagame.measured.readers.base import Format, Raw, Source, label


def _kept(frame: pl.LazyFrame) -> list[pl.Expr]:
    return [pl.col(name) for name in (ROW, REASON) if name in frame.collect_schema()]


def _measured(source: Source) -> Raw:
    frame = source.csv()
    level = pl.col("silicon_data_source").str.extract(r"silicon_concurrency=(\d+)")
    lengths = joined(pl.col("isl"), "/", pl.col("osl"))
    tensor = pl.col("tp_size").cast(pl.Float64, strict=False).cast(pl.Int64)
    table = frame.select(
        *_kept(frame),
        "system",
        "backend",
        "precision",
        "isl",
        "osl",
        series=label(
            *map(pl.col, ("system", "model_path", "backend", "precision")),
            joined("TP", tensor),
            pl.col("mode"),
            lengths,
        ),
        model="model_path",
        tp="tp_size",
        concurrency=level,
        ttft_ms="silicon_ttft_ms",
        itl_ms="silicon_tpot_ms",
        statistic=pl.lit("unknown"),
        evidence=pl.lit("measured"),
    )
    notes = ("AIConfigurator does not say whether its measured values are means or medians",)
    return Raw(table, notes)


def _estimates(source: Source) -> Raw:
    frame = source.csv()
    tokens, context = pl.col("tpot_ms").cast(pl.Float64, strict=False), pl.col("ttft_ms").cast(pl.Float64, strict=False)
    lengths = joined(pl.col("isl"), "/", pl.col("osl"))
    bad = pl.when(pl.col("oom").str.to_lowercase() == "true").then(pl.lit("does not fit into memory"))
    table = frame.select(
        *(pl.col(name) for name in (ROW,) if name in frame.collect_schema()),
        pl.coalesce(*(pl.col(name) for name in (REASON,) if name in frame.collect_schema()), bad).alias(REASON),
        "system",
        "model",
        "backend",
        "tp",
        "isl",
        "osl",
        "concurrency",
        series=label(
            pl.col("system"),
            pl.col("model"),
            pl.col("backend"),
            joined("TP", pl.col("tp")),
            pl.col("database_mode"),
            pl.col("phase"),
            lengths,
        ),
        # A pure prefill has no TPOT and a pure decode no TTFT; the file writes 0 for what is not there.
        ttft_ms=pl.when(context > 0).then(context),
        itl_ms=pl.when(tokens > 0).then(tokens),
        latency_ms="request_latency_ms",
        throughput_rps="seq_per_s",
        statistic=pl.lit("unknown"),
        evidence=pl.lit("modelled"),
    )
    return Raw(table, ("AIConfigurator's estimates, not measurements; its TTFT is known to be too low",))


FORMATS = (
    Format(
        "aiconfigurator",
        "AIConfigurator's silicon_sample.csv",
        lambda source: {"silicon_ttft_ms", "silicon_tpot_ms", "silicon_data_source"} <= set(source.header),
        {"sweep": _measured},
    ),
    Format(
        "aiconfigurator-estimates",
        "estimates of AIConfigurator (CSV)",
        lambda source: {"database_mode", "tpot_ms", "seq_per_s", "oom"} <= set(source.header),
        {"sweep": _estimates},
    ),
)
