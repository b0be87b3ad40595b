"""The record that `poa_hat` returns, and its values and intervals from sums over windows."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from poagame.errors import UndefinedRatio
from poagame.estimator import bootstrap

_SHOWN: Final = 40
_AGGREGATES: Final[Mapping[str, str]] = {
    "ratio_of_sums": "ratio of sums over windows",
    "median": "median of the windows' ratios",
}


@dataclass(frozen=True, eq=False, slots=True)
class PoaHat:
    """An estimate with its interval, its groups, its windows and its definition.

    Attributes
    ----------
    cost : "frozen", "congestion" or "decision"
    value, low, high : float or None
        Over all groups. The interval is None where no group has two windows, or where a resample's ratio is undefined.
        The value is None only for "decision", where the least costs do not sum to more than 0.
    by_group : a row a group
        Its columns, value, low, high, the median of its windows' ratios (where their optimum is positive; the others
        are counted in `undefined_windows`), num_windows, num_requests, … Null where undefined, or where no window fits.
    overall : one row
        The same for all groups together.
    windows : a row a window (a decision, for "decision")
        Its sums and its ratio; `group` names the row of `by_group`.
    confidence : float
        Level of the intervals.
    definition : str
        The formula, and every choice made: the source of the latencies, the window, the slots, and what was left out.
    """

    cost: str
    value: float | None
    low: float | None
    high: float | None
    by_group: pl.DataFrame
    overall: pl.DataFrame
    windows: pl.DataFrame
    confidence: float
    definition: str

    def __str__(self) -> str:
        value = "undefined" if self.value is None else _cell(self.value)
        interval = (
            f"[{_cell(self.low)}, {_cell(self.high)}] at {self.confidence:.0%}"
            if self.low is not None
            else "no interval"
        )
        idle = [] if self.overall["undefined_windows"].item() else ["undefined_windows"]
        shown = self.by_group.drop("group", *idle).head(_SHOWN)
        hidden = self.by_group.height - shown.height
        more = [f"… and {hidden} more groups in .by_group"] if hidden else []
        choices = [textwrap.fill(line, 120, subsequent_indent="  ") for line in self.definition.splitlines()]
        head = f"PoA-hat ({self.cost}) = {value}, {interval}"
        return "\n".join([head, "", _aligned(shown), *more, "", *choices])

    def __repr__(self) -> str:
        groups = self.by_group.height
        return (
            f"PoaHat(cost={self.cost!r}, value={self.value!r}, low={self.low!r}, high={self.high!r}, groups={groups})"
        )


@dataclass(frozen=True, slots=True)
class Draw:
    """How windows are aggregated, and how intervals are drawn."""

    aggregate: str
    confidence: float
    num_resamples: int
    seed: int

    def said(self, unit: str = "windows") -> str:
        """Describe it in words."""
        return (
            f"value: {_AGGREGATES[self.aggregate].replace('windows', unit)}; low, high: {self.confidence:.0%} "
            f"percentile interval of a moving-block bootstrap over {unit} within each group and run, blocks of "
            f"round(n^(1/3)) {unit}, {self.num_resamples} resamples, seed {self.seed}; rough below some 30 {unit}"
        )


def summary(
    cost: str,
    groups: pl.DataFrame,
    windows: pl.DataFrame,
    ratios: Mapping[str, tuple[str, str]],
    facts: Sequence[pl.Expr],
    draw: Draw,
    notes: Sequence[str],
) -> PoaHat:
    """Reduce windows to values and intervals of each group and of all.

    Parameters
    ----------
    groups
        `group` (its number) and the columns that name it.
    windows
        Sorted by `group`, `_stratum` and time, with `ratio` (null where undefined) and the columns of `ratios`. Blocks
        are drawn within a stratum.
    ratios
        Name → (numerator, denominator), "value" among them.
    facts
        Named aggregates of a group's windows.

    Raises
    ------
    UndefinedRatio
        If a group's denominators sum to 0 or less and the cost is not "decision"; with aggregate "median", if those of
        a single window do.
    """
    columns = list(dict.fromkeys(name for pair in ratios.values() for name in pair))
    sums = windows.select(columns).to_numpy()
    single = windows["ratio"].to_numpy()
    edges = np.flatnonzero(np.diff(windows["_stratum"].to_numpy())) + 1
    pieces = [slice(int(a), int(b)) for a, b in zip([0, *edges], [*edges, windows.height], strict=True)]
    owner = windows["group"].to_numpy()[[piece.start for piece in pieces]]
    seeds = np.random.SeedSequence(draw.seed).spawn(len(pieces))
    named = {
        row["group"]: ", ".join(f"{k} {v}" for k, v in row.items() if k != "group") for row in groups.rows(named=True)
    }

    def row(which: Sequence[int], resampled: np.ndarray, name: str) -> dict[str, float | None]:
        where = np.concatenate([np.arange(pieces[k].start, pieces[k].stop) for k in which])
        totals = dict(zip(columns, sums[where].sum(axis=0).tolist(), strict=True))
        drawn = dict(zip(columns, resampled.T, strict=True))
        fluctuates = any(pieces[k].stop - pieces[k].start > 1 for k in which)
        ratio = single[where]
        undefined = int(np.isnan(ratio).sum())
        found: dict[str, float | None] = {}
        for label, (top, bottom) in ratios.items():
            defined = totals[bottom] > 0
            if not defined and cost != "decision":
                raise UndefinedRatio(
                    f"the optimum of {name} sums to {totals[bottom]:g}, so the ratio is undefined; lower "
                    "overlap_weight (it is in the metric's unit a block), or give a latency that is positive"
                )
            ends = (
                bootstrap.ratio_interval(drawn[top], drawn[bottom], draw.confidence) if defined and fluctuates else None
            )
            prefix = "" if label == "value" else f"{label.removesuffix('_ratio')}_"
            found[label] = totals[top] / totals[bottom] if defined else None
            found[f"{prefix}low"], found[f"{prefix}high"] = ends or (None, None)
        if draw.aggregate == "median":
            if undefined:
                raise UndefinedRatio(
                    f"{undefined} of {len(ratio)} ratios of {name} are undefined, as their optimum is not positive, "
                    "and so is their median; use aggregate='ratio_of_sums', or lower overlap_weight"
                )
            parts = [single[pieces[k]] for k in which]
            streams = [seeds[k] for k in which]
            ends = (
                bootstrap.median_interval(parts, draw.num_resamples, draw.confidence, streams) if fluctuates else None
            )
            found["value"] = float(np.median(ratio))
            found["low"], found["high"] = ends or (None, None)
        found["median"] = float(np.nanmedian(ratio)) if undefined < len(ratio) else None
        found["undefined_windows"] = undefined
        return found

    total = np.zeros((draw.num_resamples, len(columns)))
    rows: list[dict[str, float | None]] = []
    for group in dict.fromkeys(owner.tolist()):
        which = np.flatnonzero(owner == group).tolist()
        resampled = np.zeros_like(total)
        for k in which:
            resampled += bootstrap.resampled_sums(sums[pieces[k]], draw.num_resamples, seeds[k])
        total += resampled
        rows.append(
            {"group": group, **row(which, resampled, f"group ({named[group]})" if named[group] else "the table")}
        )
    every = row(range(len(pieces)), total, "all groups")
    schema = {name: pl.Int64 if name in ("group", "undefined_windows") else pl.Float64 for name in rows[0]}
    by_group = (
        groups.with_columns(pl.col("group").cast(pl.Int64))
        .join(pl.DataFrame(rows, schema=schema), on="group", how="left", maintain_order="left")
        .join(windows.group_by("group").agg(*facts), on="group", how="left", maintain_order="left")
        .with_columns(pl.col("^num_(windows|requests|decisions)$").fill_null(0))
    )
    overall = pl.concat(
        [pl.DataFrame([every], schema={k: v for k, v in schema.items() if k != "group"}), windows.select(*facts)],
        how="horizontal",
    )
    shown = windows.select(pl.exclude("^_.*$"))
    text = "\n".join([*notes, draw.said("decisions" if cost == "decision" else "windows")])
    return PoaHat(cost, every["value"], every["low"], every["high"], by_group, overall, shown, draw.confidence, text)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _aligned(frame: pl.DataFrame) -> str:
    """Print a frame as text: headers above columns, numbers to the right."""
    blocks: list[list[str]] = []
    for name in frame.columns:
        cells = [name, *(_cell(value) for value in frame[name].to_list())]
        width = max(map(len, cells))
        numeric = frame.schema[name].is_numeric()
        blocks.append([cell.rjust(width) if numeric else cell.ljust(width) for cell in cells])
    return "\n".join("  ".join(line).rstrip() for line in zip(*blocks, strict=True))
