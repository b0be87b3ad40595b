"""poagame's own tables, as CSV or Parquet: the canonical columns, read lazily, so that they may exceed the memory."""

from __future__ import annotations

import json

import polars as pl

from poagame.measured.checks import Unit
from poagame.measured.readers.base import Format, Raw, Source
from poagame.measured.schema import METRICS

METADATA = "poagame"
"""Key of the Parquet metadata in which `write_table` keeps the format, the notes and the fact that units are right."""


def _read(source: Source) -> Raw:
    if not source.is_parquet:
        return Raw(source.csv(), unit=None)
    kept = pl.read_parquet_metadata(source.path).get(METADATA)
    notes: tuple[str, ...] = tuple(json.loads(kept)["notes"]) if kept else ()
    unit: Unit | None = "ms" if kept else None
    return Raw(pl.scan_parquet(source.path), notes, unit)


def _sweep(source: Source) -> Raw:
    raw = _read(source)
    if "series" in source.header:
        return raw
    return Raw(
        raw.frame.with_columns(series=pl.lit("sweep")), (*raw.notes, "no column series: read as one curve"), raw.unit
    )


def _is_requests(source: Source) -> bool:
    return "request_id" in source.header


def _is_decisions(source: Source) -> bool:
    return {"decision", "worker"} <= set(source.header)


def _is_sweep(source: Source) -> bool:
    header = set(source.header)
    return bool(header & {*METRICS, "throughput_rps"}) and bool(header & {"series", "concurrency"})


FORMATS = (
    Format("poagame-requests", "poagame's table of requests (CSV, Parquet)", _is_requests, {"requests": _read}),
    Format("poagame-decisions", "poagame's table of decisions (CSV, Parquet)", _is_decisions, {"decisions": _read}),
    Format("poagame-sweep", "poagame's table of a sweep (CSV, Parquet)", _is_sweep, {"sweep": _sweep}),
)
