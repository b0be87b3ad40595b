"""Dynamo's router log (JSONL): a line "Formula for worker_id=…" a candidate, then one "Selected worker: …"."""

from __future__ import annotations

import polars as pl

from poagame.measured.checks import REASON, ROW, joined
from poagame.measured.readers.base import Format, Raw, Source, at, since_first, utc_nanoseconds

_FORMULA = (
    r"Formula for worker_id=(?<worker>\S+) dp_rank=(?<rank>\d+) with (?<cached>\S+) cached blocks: (?<logit>\S+) = "
    r"\S+ \* prefill_blocks \+ decode_blocks = (?<weight>\S+) \* (?<prefill>\S+) \+ (?<decode>\S+)"
)
_SELECTED = r"Selected worker: worker_id=(?<worker>\S+) dp_rank=(?<rank>\d+)"


def worker_name(worker: pl.Expr, rank: pl.Expr) -> pl.Expr:
    """A candidate's name: the worker's id, followed by "/dp1" … where a worker has several data-parallel ranks."""
    return pl.when(rank.cast(pl.Int64, strict=False) > 0).then(joined(worker, "/dp", rank)).otherwise(worker)


def probe_notes(frame: pl.LazyFrame) -> tuple[str, ...]:
    """A note that counts the router's probes: of the first two decisions of a run, those about a one-token prompt."""
    runs = [name for name in ("run",) if name in frame.collect_schema()]
    prefill = pl.col("prefill_blocks").cast(pl.Float64, strict=False)
    decode = pl.col("decode_blocks").cast(pl.Float64, strict=False)
    number = pl.col("decision").cast(pl.Int64, strict=False)
    # One token over a block of 16 tokens or more is at most 0.0625 blocks, which the log rounds to 0.062.
    probes = (
        frame.filter(number < 2)
        .group_by(*runs, "decision")
        .agg(((prefill <= 0.0625) & (decode == 0)).all().alias("probe"))
        .select(pl.col("probe").sum())
        .collect()
        .item()
    )
    return (f"{probes} decisions are the router's probes of itself before the first request",) if probes else ()


def _decisions(source: Source) -> Raw:
    message = at("$.message")
    lines = source.lines().filter(
        pl.col(REASON).is_not_null() | message.str.contains(r"^(Formula for worker_id=|Selected worker: )")
    )
    log = (
        lines.select(
            ROW,
            REASON,
            utc_nanoseconds(at("$.time")).alias("time"),
            message.str.extract_groups(_FORMULA).alias("formula"),
            message.str.extract_groups(_SELECTED).alias("selected"),
        )
        .collect(engine="streaming")
        .lazy()
    )
    chosen = worker_name(pl.col("selected").struct[0], pl.col("selected").struct[1])
    closes = pl.col("selected").struct[0].is_not_null()
    # Candidates belong to the next "Selected" line: it closes the decision that it numbers.
    log = log.with_columns(
        decision=closes.cum_sum().cast(pl.Int64) - closes.cast(pl.Int64), closes=closes, chosen=chosen
    )
    part = pl.col("formula").struct
    worker, weight = worker_name(part["worker"], part["rank"]), part["weight"]
    ends = log.filter("closes").select("decision", "chosen", end="time")
    rows = log.filter(~pl.col("closes")).join(ends, on="decision", how="left", maintain_order="left", suffix="_end")
    several = weight.drop_nulls().n_unique().over("decision") > 1
    unread = pl.when(part["worker"].is_null()).then(pl.lit("the candidate line is not of Dynamo 0.9"))
    mixed = pl.when(several).then(pl.lit("candidate lines of two decisions interleave"))
    (time,), _ = since_first(rows, "end")
    frame = rows.select(
        ROW,
        pl.coalesce(REASON, unread, mixed).alias(REASON),
        decision="decision",
        time_ms=time,
        worker=worker,
        overlap_weight=weight,
        cached_blocks=part["cached"],
        prefill_blocks=part["prefill"],
        decode_blocks=part["decode"],
        logit=part["logit"],
        selected=(worker == pl.col("chosen_end")).fill_null(False),
    )
    phase, notes = _phase(frame)
    frame = frame.with_columns(phase=phase)
    return Raw(frame, (*probe_notes(frame), *notes, "the log names no requests and no temperature"))


def _phase(frame: pl.LazyFrame) -> tuple[pl.Expr, tuple[str, ...]]:
    """In disaggregated serving the decode leg is called with weight 0, on workers that never prefill."""
    weight = pl.col("overlap_weight").cast(pl.Float64, strict=False)
    workers = (
        frame.filter(pl.col(REASON).is_null())
        .group_by("worker")
        .agg((weight == 0).all().alias("zero"), (weight == 0).any().alias("ever"))
    )
    table = workers.collect()
    if not table["ever"].any():
        return pl.lit("prefill_or_agg"), ()
    if table["zero"].all() or (table["ever"] & ~table["zero"]).any():
        note = "weight 0 does not tell decode from other decisions here (all weights are 0, or one worker sees both)"
        return pl.when(weight > 0).then(pl.lit("prefill_or_agg")), (note,)
    return pl.when(weight == 0).then(pl.lit("decode")).otherwise(pl.lit("prefill_or_agg")), ()


def _matches(source: Source) -> bool:
    return {"message", "target", "level"} <= source.keys or (
        {"message", "time"} <= source.keys and b"worker_id=" in source.start
    )


FORMAT = Format("dynamo-log", "Dynamo's router log (JSONL)", _matches, {"decisions": _decisions})
