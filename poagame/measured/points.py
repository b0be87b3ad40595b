"""Points (load, latency, weight) of one curve from a measured table; loads are a column or counted from the times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl

from poagame._arrays import FloatArray, IntArray, require
from poagame.errors import EmptyTable, InvalidInput
from poagame.measured.schema import COLUMNS, METRICS
from poagame.measured.tables import RequestTable, SweepTable

Where: TypeAlias = Mapping[str, Any] | pl.Expr | None
"""Which rows: values that columns must have, or a polars expression."""

IN_FLIGHT: Final = "in_flight"
WARM: Final = "warm"
SETTINGS: Final = ("run", "topology", "overlap_weight", "temperature")
"""Columns of a request table that stay the same along one curve."""


@dataclass(frozen=True, eq=False, slots=True)
class Points:
    """Points of one curve, in order of load.

    Attributes
    ----------
    load, latency, weight : [n]
        Several points may have the same load.
    unit : of the latency
    notes : what was left out or pooled, and how many
    """

    load: FloatArray
    latency: FloatArray
    weight: FloatArray
    unit: str
    notes: tuple[str, ...]


def sweep_points(
    table: SweepTable, *, metric: str, load: str, where: Where = None, weights: str | pl.Expr | None = None
) -> Points:
    """Points of the one series that `where` leaves.

    Raises
    ------
    InvalidInput
        If more than one series is left (they are listed), or a name is unknown.
    MissingColumn, EmptyTable
        If the table lacks a column, or no row is left.
    """
    _check_metric(metric)
    table.require(metric, load, why="points of latency against load")
    frame = _chosen(table, table.frame, where).select(
        "series", pl.col(load).cast(pl.Float64).alias("load"), pl.col(metric).alias("latency"), _weight(table, weights)
    )
    rows = frame.collect(engine="streaming")
    names = rows["series"].unique(maintain_order=True).to_list()
    if len(names) > 1:
        listed = "\n".join(f"  {name}" for name in names)
        raise InvalidInput(
            f"{table.source} holds {len(names)} series here; choose one with where={{'series': …}}, of\n{listed}"
        )
    return _points(rows, table.source, metric, load, [])


def request_points(
    table: RequestTable, *, metric: str, load: str, where: Where = None, weights: str | pl.Expr | None = None
) -> Points:
    """Pool the requests of a table by their load: mean latency (weighted) and total weight at each.

    The load is a column, or "in_flight": the request itself plus those that it finds on its worker on arrival
    (`found_in_flight`), among all requests of its run, whatever `where` keeps. The worker is the one that prefilled for
    `ttft_ms`, and the one that decoded otherwise. Pooling loses nothing: least squares on weighted means with total
    weights has the same solution as on the single requests.

    Raises
    ------
    MissingColumn, EmptyTable, InvalidInput
        As in `sweep_points`; requests in flight need arrivals, finishes and workers.
    """
    _check_metric(metric)
    table.require(metric, why="points of latency against load")
    notes: list[str] = []
    frame = table.frame
    if load == IN_FLIGHT:
        frame = _with_in_flight(table, "prefill_worker" if metric == "ttft_ms" else "decode_worker", notes).lazy()
    else:
        table.require(load, why="points of latency against load")
    if _leaves_out_warm(table, where):
        warm = pl.col("phase").eq_missing(WARM)
        count = frame.select(warm.sum()).collect(engine="streaming").item()
        if count:
            notes.append(f'{count} requests of phase "{WARM}" left out (they count as load); where= may name phases')
            frame = frame.filter(~warm)
    chosen = _chosen(table, frame, where)
    for name in (*SETTINGS, "phase"):
        if name in table.columns:
            values = chosen.select(pl.col(name).unique().sort()).collect(engine="streaming").to_series().to_list()
            if len(values) > 1:
                notes.append(f"pooled over {name}: {', '.join(map(str, values))}")
    value, weight = pl.col("latency"), pl.col("weight")
    rows = chosen.select(
        pl.col(load).cast(pl.Float64).alias("load"), pl.col(metric).alias("latency"), _weight(table, weights)
    )
    unknown = rows.select(pl.any_horizontal(pl.all().is_null()).sum()).collect(engine="streaming").item()
    if unknown:
        notes.append(f"{unknown} requests without {metric}, {load} or weight left out")
    pooled = (
        rows.drop_nulls()
        .group_by("load")
        .agg((value * weight).sum() / weight.sum(), weight.sum())
        .collect(engine="streaming")
    )
    return _points(pooled, table.source, metric, load, notes)


def found_in_flight(group: IntArray, arrival: FloatArray, finish: FloatArray) -> IntArray:
    """How many requests of its group each request finds in flight on arrival.

    Request k is in flight in [arrival, finish); simultaneous arrivals do not see each other.

    Parameters
    ----------
    group : [N]
        Code of (run, worker).
    arrival, finish : [N]
        On one clock, finish ≥ arrival.
    """
    found: IntArray = np.zeros(len(arrival), dtype=np.int64)
    order: IntArray = np.argsort(group, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        stays = mine[finish[mine] > arrival[mine]]
        came = np.searchsorted(np.sort(arrival[stays]), arrival[mine], side="left")
        left = np.searchsorted(np.sort(finish[stays]), arrival[mine], side="right")
        found[mine] = came - left
    return found


def _with_in_flight(table: RequestTable, worker: str, notes: list[str]) -> pl.DataFrame:
    table.require(worker, why="the load on each worker")
    table.require("arrival_ms", why="the requests in flight")
    finish = pl.col("arrival_ms") + pl.col("latency_ms") if "latency_ms" in table.columns else None
    if "finish_ms" in table.columns:
        finish = pl.col("finish_ms") if finish is None else pl.coalesce("finish_ms", finish)
    elif finish is None:
        table.require("finish_ms", why="the requests in flight")
    keys = [worker, *(["run"] if "run" in table.columns else [])]
    frame = table.frame.with_columns(finish.alias("_finish")).collect(engine="streaming")  # pyright: ignore[reportOptionalMemberAccess]
    known = frame.drop_nulls(["arrival_ms", "_finish", worker])
    if known.height < frame.height:
        notes.append(
            f"{frame.height - known.height} requests without arrival, finish or {worker} left out of points and loads"
        )
    if not known.height:
        raise EmptyTable(f"no request of {table.source} has an arrival, a finish and a {worker}")
    arrival, finished = known["arrival_ms"].to_numpy(), known["_finish"].to_numpy()
    backwards = int((finished < arrival).sum())
    require(not backwards, f"{backwards} requests of {table.source} finish before they arrive; mend the clock")
    group = known.select(pl.struct(keys).rank("dense")).to_series().to_numpy().astype(np.int64)
    notes.append(f"load: the request itself plus those in flight on its {worker} when it arrived")
    return known.with_columns(pl.Series(IN_FLIGHT, found_in_flight(group, arrival, finished) + 1.0))


def _chosen(table: RequestTable | SweepTable, frame: pl.LazyFrame, where: Where) -> pl.LazyFrame:
    if where is None:
        return frame
    if isinstance(where, pl.Expr):
        table.require(*where.meta.root_names(), why="where=")
        return frame.filter(where)
    table.require(*where, why="where=")
    schema = COLUMNS[table.kind]
    for name, value in where.items():
        try:
            wanted = pl.lit(pl.Series([value], dtype=schema[name].dtype).item(), dtype=schema[name].dtype)
        except (TypeError, pl.exceptions.PolarsError) as error:
            raise InvalidInput(f"where={{{name!r}: {value!r}}}: {name} holds {schema[name].dtype}, not this") from error
        frame = frame.filter(pl.col(name).eq_missing(wanted))
    return frame


def _leaves_out_warm(table: RequestTable, where: Where) -> bool:
    named = where.meta.root_names() if isinstance(where, pl.Expr) else list(where or ())
    return "phase" in table.columns and "phase" not in named


def _weight(table: RequestTable | SweepTable, weights: str | pl.Expr | None) -> pl.Expr:
    if weights is None:
        return pl.lit(1.0).alias("weight")
    expression = pl.col(weights) if isinstance(weights, str) else weights
    table.require(*expression.meta.root_names(), why="weights")
    return expression.cast(pl.Float64).alias("weight")


def _check_metric(metric: str) -> None:
    require(metric in METRICS, f"metric must be one of {', '.join(METRICS)}; got {metric!r}")


def _points(rows: pl.DataFrame, source: str, metric: str, load: str, notes: list[str]) -> Points:
    known = rows.drop_nulls(["load", "latency", "weight"])
    if known.height < rows.height:
        notes.append(f"{rows.height - known.height} rows without {metric}, {load} or weight left out")
    if not known.height:
        raise EmptyTable(f"no row of {source} is left that has {metric} and {load}; look at where= and at the table")
    known = known.sort("load", "latency")
    return Points(
        *(known[name].to_numpy().astype(np.float64) for name in ("load", "latency", "weight")),
        unit="ms",
        notes=tuple(notes),
    )
