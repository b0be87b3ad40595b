"""The knee of tables as users have them: one with several load levels, or one file a level."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from poagame.errors import PoagameError
from poagame.estimator.knee import Knee, find_knee
from poagame.measured.tables import RequestTable


def knee_or_reason(table: RequestTable, metric: str) -> Knee | str:
    """Bracket the knee of the table's curve over concurrency, or say why there is none to bracket."""
    try:
        return find_knee(table, metric=metric)
    except PoagameError as error:
        return str(error)


def knee_of_levels(tables: Sequence[RequestTable], metric: str) -> Knee | str:
    """Bracket the knee of several files that hold one load level each, as load generators write them."""
    loads: list[float] = []
    means: list[float] = []
    for table in tables:
        if "concurrency" not in table.columns or metric not in table.columns:
            return f"{table.source} does not say concurrency and {metric}"
        levels = level_means(table, metric)
        loads += levels["concurrency"].to_list()
        means += levels[metric].to_list()
    try:
        return find_knee((loads, means))
    except PoagameError as error:
        return str(error)


def steady_rows(table: RequestTable) -> pl.LazyFrame:
    """Rows of all phases but "warm"."""
    return table.frame.filter(pl.col("phase") != "warm") if "phase" in table.columns else table.frame


def level_means(table: RequestTable, *columns: str) -> pl.DataFrame:
    """Means of columns by concurrency, ascending."""
    return steady_rows(table).group_by("concurrency").agg(pl.col(columns).mean()).collect().sort("concurrency")
