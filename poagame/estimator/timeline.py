"""A table's requests in order of run and arrival, as arrays, with their groups and workers as codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poagame._arrays import FloatArray, IntArray, require
from poagame.errors import EmptyTable

if TYPE_CHECKING:
    from poagame.measured.tables import RequestTable

Codes: TypeAlias = NDArray[np.int32]

METRICS: Final = ("latency_ms", "ttft_ms", "itl_ms")
STAGES: Final = ("decode", "prefill")
GROUPS: Final = ("run", "topology", "overlap_weight", "temperature", "phase", "concurrency")
WARM: Final = "warm"


@dataclass(frozen=True, eq=False, slots=True)
class Timeline:
    """Requests in order of run and arrival, as arrays.

    Attributes
    ----------
    arrival, finish, metric : [N]
        In ms; `metric` is NaN where it is unknown.
    worker : [N]
        Index into `workers`, which are sorted as text.
    segment : [N]
        The requests of one group in one run are a segment; −1 for what no window may hold.
    run_start : [runs + 1]
        Where each run begins.
    groups : one row a group, sorted
    group_of_segment : [S]
    prefix : [N] or None
        Code of the prefix group, −1 where unknown.
    overlap : [N] or None
        Blocks found in the cache of the worker that served the request, NaN where unknown.
    notes : what was left out, and how many
    """

    arrival: FloatArray
    finish: FloatArray
    metric: FloatArray
    worker: Codes
    workers: tuple[str, ...]
    segment: Codes
    run_start: IntArray
    groups: pl.DataFrame
    group_of_segment: IntArray
    prefix: Codes | None
    overlap: FloatArray | None
    notes: tuple[str, ...]

    def run_of(self, position: int) -> slice:
        """Find the run that holds a position."""
        run = int(np.searchsorted(self.run_start, position, side="right")) - 1
        return slice(int(self.run_start[run]), int(self.run_start[run + 1]))


def timeline(
    table: RequestTable,
    *,
    metric: str = "latency_ms",
    stage: str = "decode",
    group_by: Iterable[str] | None = None,
    with_overlap: bool = False,
) -> Timeline:
    """Order and code the requests of a table for the sweep; only the columns needed are read.

    Raises
    ------
    InvalidInput
        If the metric, stage or a group's column is unknown, or a time is not finite or runs backwards.
    MissingColumn
        If the table lacks the metric, the arrivals, the finishes or the worker of that stage.
    EmptyTable
        If no request can be used.
    """
    require(metric in METRICS, f"metric must be one of {', '.join(METRICS)}; got {metric!r}")
    require(stage in STAGES, f"stage must be one of {', '.join(STAGES)}; got {stage!r}")
    present = table.columns
    worker = f"{stage}_worker"
    table.require(worker, why=f"the load on each {stage} worker")
    table.require("arrival_ms", why="windows of consecutive arrivals")
    table.require(metric, why="the realised cost")
    finish = pl.col("arrival_ms") + pl.col("latency_ms") if "latency_ms" in present else None
    if "finish_ms" in present:
        finish = pl.col("finish_ms") if finish is None else pl.coalesce("finish_ms", finish)
    elif finish is None:
        table.require("finish_ms", why="the requests in flight")
    groups = [name for name in GROUPS if name in present] if group_by is None else list(group_by)
    require(len(set(groups)) == len(groups), f"group_by names a column twice: {groups}")
    table.require(*groups, why="the groups")
    runs = ["run"] if "run" in present else []
    keys: list[str] = list(dict.fromkeys([*runs, *groups, *(["phase"] if "phase" in present else [])]))
    extra = [name for name in ("prefix_group", "overlap_blocks") if with_overlap and name in present]
    frame = table.frame.select(
        *keys,
        pl.col("arrival_ms").cast(pl.Float64).alias("_arrival"),
        finish.cast(pl.Float64).alias("_finish"),  # pyright: ignore[reportOptionalMemberAccess]
        pl.col(metric).cast(pl.Float64).alias("_metric"),
        pl.col(worker).cast(pl.Categorical).alias("_worker"),
        *(
            pl.col(name).cast(pl.Categorical if name == "prefix_group" else pl.Float64).alias(f"_{name}")
            for name in extra
        ),
    ).collect(engine="streaming")
    return _coded(frame, groups, runs, stage, metric)


def _coded(frame: pl.DataFrame, groups: list[str], runs: list[str], stage: str, metric: str) -> Timeline:
    notes: list[str] = []
    total = frame.height
    usable = pl.all_horizontal(pl.col("_arrival", "_finish", "_worker").is_not_null())
    if any(frame[name].null_count() for name in ("_arrival", "_finish", "_worker")):
        frame = frame.filter(usable)
        notes.append(
            f"{total - frame.height} of {total} requests left out: arrival, finish or {stage} worker is unknown, "
            "so they are missing from the loads too"
        )
    if not frame.height:
        raise EmptyTable(
            f"none of the {total} requests has an arrival, a finish and a {stage} worker; "
            "check the file, or choose the other stage"
        )
    held = pl.col("_metric").is_not_null()
    if frame["_metric"].null_count():
        notes.append(f"{frame['_metric'].null_count()} requests without {metric} count as load and are in no window")
    if "phase" in frame.columns:
        # fill_null: a request of unknown phase is not known to be warm
        warm = frame["phase"].eq_missing(WARM).sum()
        if warm:
            notes.append(f'{warm} requests of phase "{WARM}" count as load and are in no window')
        held &= pl.col("phase").ne_missing(WARM)
    parts = list(dict.fromkeys([*runs, *groups]))
    frame, segments = _with_codes(frame, parts, "_segment", held)
    if not segments.height:
        raise EmptyTable(f"no request is left for the windows: {'; '.join(notes)}")
    frame, _ = _with_codes(frame, runs, "_run", pl.lit(value=True))
    if runs or not frame["_arrival"].is_sorted():
        frame = frame.sort("_run", "_arrival", maintain_order=True)
    arrival, finish = frame["_arrival"].to_numpy(), frame["_finish"].to_numpy()
    values = frame["_metric"].to_numpy()
    _check_times(arrival, finish, values, metric)
    codes, names = _dense(frame["_worker"])
    run = frame["_run"].to_numpy()
    run_start = np.concatenate([[0], np.flatnonzero(np.diff(run)) + 1, [len(run)]]).astype(np.int64)
    table = segments.select(groups).unique().sort(groups, nulls_last=True) if groups else pl.DataFrame({"_": [0]})
    table = table.with_row_index("group")
    if groups:
        owner = segments.join(table, on=groups, how="left", nulls_equal=True, maintain_order="left")["group"].to_numpy()
    else:
        table, owner = table.select("group"), np.zeros(segments.height)
    prefix = _dense(frame["_prefix_group"])[0] if "_prefix_group" in frame.columns else None
    overlap = frame["_overlap_blocks"].to_numpy() if "_overlap_blocks" in frame.columns else None
    segment = frame["_segment"].to_numpy()
    return Timeline(
        arrival,
        finish,
        values,
        codes,
        names,
        segment,
        run_start,
        table,
        owner.astype(np.int64),
        prefix,
        overlap,
        tuple(notes),
    )


def _with_codes(frame: pl.DataFrame, keys: list[str], name: str, held: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give the distinct values of `keys` among the rows `held` numbers: a column, −1 elsewhere, and the values."""
    if not keys:
        found = pl.DataFrame({"_": [0] if frame.select(held.any()).item() else []})
        return frame.with_columns(pl.when(held).then(0).otherwise(-1).cast(pl.Int32).alias(name)), found
    distinct = frame.lazy().filter(held).select(keys).unique().collect().sort(keys, nulls_last=True)
    numbered = distinct.with_row_index(name).with_columns(pl.col(name).cast(pl.Int32))
    joined = frame.join(numbered, on=keys, how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(pl.when(held).then(pl.col(name).fill_null(-1)).otherwise(-1).alias(name)), distinct


def _dense(series: pl.Series) -> tuple[Codes, tuple[str, ...]]:
    """Codes 0, 1, … of a categorical series in the order of its values as text (−1 where null), and those values."""
    physical = series.to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    distinct = series.drop_nulls().unique()
    seen = pl.DataFrame({"name": distinct.cast(pl.String), "code": distinct.to_physical().cast(pl.Int64)}).sort("name")
    # the categories, and so their codes, are shared by the whole process: long, with gaps
    lookup = np.full(int(physical.max()) + 2, -1, np.int32)
    lookup[seen["code"].to_numpy()] = np.arange(seen.height, dtype=np.int32)
    return lookup[physical], tuple(seen["name"])  # lookup[-1] is −1


def _check_times(arrival: FloatArray, finish: FloatArray, metric: FloatArray, name: str) -> None:
    for values, what in ((arrival, "arrival_ms"), (finish, "finish_ms")):
        require(
            bool(np.isfinite(values).all()), f"{what} must be finite; {int((~np.isfinite(values)).sum())} rows are not"
        )
    backwards = int((finish < arrival).sum())
    require(
        not backwards,
        f"{backwards} requests finish before they arrive; both times must be on one clock, in ms",
    )
    bad = int((metric < 0).sum() + np.isinf(metric).sum())
    require(not bad, f"{name} must be finite and nonnegative; {bad} rows are not")
