"""The three measured tables: requests, sweeps over load, and router decisions, each a lazy polars frame in a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import polars as pl

from poagame.errors import EmptyTable, MissingColumn
from poagame.measured.checks import BadRowReport, checked
from poagame.measured.schema import COLUMNS, REMEDIES, Kind

_SHOWN_WHEN_UNKNOWN: Mapping[Kind, tuple[str, ...]] = {
    "requests": ("ttft_ms", "itl_ms", "latency_ms", "arrival_ms", "prefill_worker", "decode_worker"),
    "sweep": ("concurrency", "ttft_ms", "itl_ms", "latency_ms"),
    "decisions": ("temperature",),
}


@dataclass(frozen=True, eq=False, slots=True)
class _Table:
    """What the three tables share.

    Attributes
    ----------
    frame
        The usable rows, lazily: canonical columns only, in canonical order, in the units of `poagame.measured.schema`;
        a column of which nothing is known is absent.
    source
        The file's name, or "memory".
    format
        The format it was read from.
    bad_rows
        How many rows were left out of `frame`, why, and the first ten of them.
    notes
        What a reader of this table must know before concluding anything from it.
    num_rows
        Number of usable rows.
    """

    frame: pl.LazyFrame
    source: str
    format: str
    bad_rows: BadRowReport
    notes: tuple[str, ...]
    num_rows: int

    kind: ClassVar[Kind]

    @classmethod
    def from_frame(
        cls,
        frame: pl.DataFrame | pl.LazyFrame,
        *,
        source: str = "memory",
        format: str = "memory",
        notes: Iterable[str] = (),
        strict: bool = False,
        unit: Literal["ms", "s"] | None = "ms",
    ) -> Self:
        """A table from a frame that has the canonical columns, after the checks that every file goes through.

        Parameters
        ----------
        frame
            Canonical columns (`poagame.measured.schema`), any subset that holds the required ones. Worker ids may be
            text or integers, never floats.
        source, format, notes
            Kept in the table and shown by `str`. A note is added where finish_ms − arrival_ms is far from latency_ms.
        strict
            Raise `BadRows` at the first bad row instead of leaving bad rows out and counting them.
        unit
            Unit of the columns whose name ends in `_ms`: "s" multiplies them by 1000; None refuses values that look
            like seconds (a median ttft_ms below 2 or latency_ms below 20, for instance).

        Raises
        ------
        InvalidInput
            Unknown column, missing required column, float worker ids, a column of a wrong type, or seconds where
            milliseconds are due.
        EmptyTable
            No usable row.
        BadRows
            A bad row, where `strict`.
        """
        result = checked(frame.lazy(), cls.kind, source=source, strict=strict, unit=unit)
        return cls(result.frame, source, format, result.bad_rows, result.notes_after(notes), result.num_rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns this table knows something about, in canonical order."""
        return tuple(self.frame.collect_schema().names())

    def collect(self, columns: Iterable[str] | None = None) -> pl.DataFrame:
        """The rows (of `columns` only, if given) in memory, read by polars' streaming engine, in the file's order.

        Raises
        ------
        MissingColumn
            If a column is not in the table.
        """
        if columns is None:
            return self.frame.collect(engine="streaming")
        names = tuple(columns)
        self.require(*names)
        return self.frame.select(names).collect(engine="streaming")

    def where(self, **equal: str | float) -> Self:
        """The rows whose columns equal these values, as in `table.where(run="sweep_w1_t0", phase="sweep")`.

        Raises
        ------
        MissingColumn
            If a column is not in the table.
        EmptyTable
            If no row is left.
        """
        self.require(*equal)
        frame = self.frame.filter(*(pl.col(name) == value for name, value in equal.items()))
        rows = frame.select(pl.len()).collect(engine="streaming").item()
        if rows == 0:
            wanted = ", ".join(f"{name} = {value!r}" for name, value in equal.items())
            raise EmptyTable(f"no row of {self.source} has {wanted}")
        return replace(self, frame=frame, num_rows=rows)

    def require(self, *columns: str, why: str = "") -> None:
        """Raise `MissingColumn`, with the way to record them, unless the table has all `columns`.

        Parameters
        ----------
        columns
            Names of columns.
        why
            What they are needed for, as in "the load on each worker".
        """
        present = self.columns
        missing = [name for name in columns if name not in present]
        if not missing:
            return
        needed = f", needed for {why}" if why else ""
        remedies = list(dict.fromkeys(REMEDIES[name] for name in missing if name in REMEDIES))
        how = "\nHow to obtain it:\n" + "\n".join(remedies) if remedies else ""
        raise MissingColumn(
            f"{self.source} ({self.format}) does not say {', '.join(missing)}{needed}; "
            f"it has {', '.join(present)}.{how}"
        )

    def __str__(self) -> str:
        schema = COLUMNS[self.kind]
        present = self.columns
        lines = [f"{self.num_rows:,} rows of {self.kind} from {self.source} ({self.format})"]
        width = max(map(len, present))
        for name in present:
            unit = f"[{schema[name].unit}] " if schema[name].unit else ""
            lines.append(f"  {name:<{width}}  {unit}{schema[name].meaning}")
        lines += [
            f"  {name}: unknown, {self.source} does not record it"
            + (" for the server" if name.endswith("_worker") else "")
            for name in _SHOWN_WHEN_UNKNOWN[self.kind]
            if name not in present
        ]
        lines.append(f"  {self.bad_rows}")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_rows} rows of {self.format} from {self.source!r})"


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class RequestTable(_Table):
    """A row a request: when it came, how long it took, and, where known, which workers served it."""

    kind: ClassVar[Kind] = "requests"


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class SweepTable(_Table):
    """A row an aggregate at one load: latency against concurrency, along one or several series."""

    kind: ClassVar[Kind] = "sweep"


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class DecisionTable(_Table):
    """A row per router decision and candidate worker: what the router saw, and which worker it chose.

    Decisions taken before any request came (the router probes itself at the start) stay in the table; where they
    can be recognised, a note counts them.
    """

    kind: ClassVar[Kind] = "decisions"
