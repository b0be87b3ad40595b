"""What every reader is made of: the file as detection sees it, the raw table it hands over, and a few conversions."""

from __future__ import annotations

import csv
import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from poagame.errors import EmptyTable, InvalidInput
from poagame.measured.checks import REASON, ROW, Unit
from poagame.measured.schema import Kind

_START: Final = 1 << 16

MAX_BYTES = 1 << 30
"""Most bytes that are unpacked at once, of an archive or of one JSON text."""

_NO_JSON: Final = (ValueError, RecursionError)
"""The second of text that is nested too deeply."""


@dataclass(frozen=True, eq=False)
class Source:
    """A file: its path and, computed when asked for, what tells its format."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.name

    @contextmanager
    def open(self) -> Generator[gzip.GzipFile | io.BufferedReader]:
        """The file's bytes, unpacked if it is gzipped.

        Raises
        ------
        InvalidInput
            If the gzip stream turns out to be cut short or damaged, while it is read.
        """
        with self.path.open("rb") as packed:
            zipped = packed.read(2) == b"\x1f\x8b"
            packed.seek(0)
            try:
                yield gzip.GzipFile(fileobj=packed) if zipped else packed
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise self.damaged(error) from error

    def damaged(self, error: Exception) -> InvalidInput:
        """What to raise where a library finds that the file is not whole, in one paragraph."""
        said = " ".join(str(error).split()) or type(error).__name__
        return InvalidInput(
            f"{self.name} is cut short or damaged ({said:.200}): copy it again from where it was made, or have it "
            "written again"
        )

    @cached_property
    def start(self) -> bytes:
        """The first 64 KiB.

        Raises
        ------
        InvalidInput
            If there is no such file, or its gzip stream is cut short or damaged.
        EmptyTable
            If it is empty.
        """
        if self.path.is_dir():
            raise InvalidInput(f"{self.path} is a folder; give the path of one file in it")
        if not self.path.is_file():
            raise InvalidInput(f"no file {self.path}; give the path of one file")
        with self.open() as file:
            start = file.read(_START)
        if not start.strip():
            raise EmptyTable(
                f"{self.name} is empty; give a file that a load generator or a router has finished writing"
            )
        return start

    @cached_property
    def json(self) -> Any:
        """The first line as JSON, else the whole file as JSON, else None."""
        if self.start.lstrip()[:1] != b"{":
            return None
        with self.open() as file:
            try:
                return json.loads(file.readline(MAX_BYTES))
            except _NO_JSON:
                pass
        try:
            return json.loads(self.whole())
        except _NO_JSON:
            return None

    def whole(self) -> bytes:
        """All bytes, unpacked, of a file that cannot be read line by line.

        Raises
        ------
        InvalidInput
            If there are more than `MAX_BYTES`: a small gzip file may hold any number.
        """
        with self.open() as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise InvalidInput(
                f"{self.name} holds more than {MAX_BYTES:,} bytes that have to be read at once; give a file of a line a "
                "request (JSONL), or CSV or Parquet, which are read in pieces"
            )
        return text

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of an npz archive, which holds no objects.

        Raises
        ------
        InvalidInput
            If it is damaged, holds objects, or unpacks to more than `MAX_BYTES`.
        """
        try:
            with zipfile.ZipFile(self.path) as archive:
                size = sum(member.file_size for member in archive.infolist())
            if size > MAX_BYTES:
                raise InvalidInput(f"{self.name} unpacks to {size:,} bytes; the limit of an archive is {MAX_BYTES:,}")
            with np.load(self.path, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except (zipfile.BadZipFile, EOFError, zlib.error, struct.error, RuntimeError) as error:  # the last: encrypted
            raise self.damaged(error) from error
        except (ValueError, OSError, TypeError, KeyError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(f"{self.name}: cannot read its arrays ({error})") from error

    @property
    def keys(self) -> frozenset[str]:
        """Keys of `json` where it is an object."""
        return frozenset(self.json) if isinstance(self.json, dict) else frozenset()

    @cached_property
    def header(self) -> tuple[str, ...]:
        """The column names, if the file is a Parquet file or its first line reads as a CSV header."""
        if self.is_parquet:
            try:
                return tuple(pl.read_parquet_schema(self.path))
            except pl.exceptions.PolarsError as error:
                raise self.damaged(error) from error
        try:
            line = self.start.decode("utf-8-sig", errors="strict" if len(self.start) < _START else "ignore")
        except UnicodeDecodeError:
            return ()
        line = line.lstrip("\r\n").partition("\n")[0].rstrip("\r")
        if not line.isprintable() or line.lstrip()[:1] in ("{", "[", "<"):
            return ()
        return tuple(next(csv.reader([line]), []))

    @property
    def is_parquet(self) -> bool:
        """Whether this is a Parquet file, by its magic number."""
        return self.start[:4] == b"PAR1"

    @cached_property
    def members(self) -> frozenset[str]:
        """Names of the arrays, if the file is an npz."""
        if self.start[:4] != b"PK\x03\x04":
            return frozenset()
        try:
            with zipfile.ZipFile(self.path) as archive:
                return frozenset(name.removesuffix(".npy") for name in archive.namelist())
        except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError) as error:
            raise self.damaged(error) from error

    def csv(self) -> pl.LazyFrame:
        """The rows of a CSV, every value as text; `REASON` marks those with too few fields, such as a last one cut off.

        Polars fills missing fields with nulls, so they are sought first: a line with fewer commas than the header has,
        which is rare, sends the file through `csv`, which counts rows as quotes and line breaks inside them demand.
        """
        frame = pl.scan_csv(self.path, infer_schema=False)
        commas = pl.col("line").str.count_matches(",", literal=True)
        suspect = commas < len(self.header) - 1
        if not pl.scan_lines(self.path).select(suspect.any()).collect(engine="streaming").item():
            return frame
        with self.open() as file:
            text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
            lengths = list(map(len, csv.reader(text)))
        header = next(number for number, length in enumerate(lengths) if length)
        short = [n for n, length in enumerate(lengths[header:]) if 0 < length < len(self.header)]
        blank = [n for n, length in enumerate(lengths[header:]) if length == 0]
        reason = pl.when(pl.col(ROW).is_in(short)).then(pl.lit("the line has too few fields or is cut off"))
        rows = frame.with_row_index(ROW, offset=1).filter(~pl.col(ROW).is_in(blank))
        return rows.with_columns(reason.alias(REASON))

    def lines(self) -> pl.LazyFrame:
        """The lines of a JSONL file as `line`, numbered in `ROW`, without blank ones; `REASON` marks no JSON."""
        frame = pl.scan_lines(self.path, row_index_name=ROW, row_index_offset=1)
        line = pl.col("line")
        reason = pl.when(at("$").is_null()).then(pl.lit("the line is cut off or no JSON"))
        return frame.filter(line.str.strip_chars() != "").with_columns(reason.alias(REASON))


class Raw(NamedTuple):
    """What a reader hands over for the row checks: canonical columns, perhaps `ROW` and `REASON`, and notes."""

    frame: pl.LazyFrame
    notes: tuple[str, ...] = ()
    unit: Unit | None = "ms"


@dataclass(frozen=True, eq=False, slots=True)
class Format:
    """One file format: how to tell it and how to read the kinds of table it holds."""

    name: str
    description: str
    matches: Callable[[Source], bool]
    readers: Mapping[Kind, Callable[[Source], Raw]]


def at(path: str, text: str = "line") -> pl.Expr:
    """The value at a JSON path of the column `text`, as text (so integers beyond 2^53 stay exact); null if absent."""
    value = pl.col(text).str.json_path_match(path)
    return pl.when(value != "null").then(value)


def since_first(frame: pl.LazyFrame, *columns: str) -> tuple[list[pl.Expr], int]:
    """Columns of integer nanoseconds as milliseconds since the smallest value of the first one, which is answered too.

    The integers are subtracted before they become floats: epoch nanoseconds exceed 2^53.
    """
    nanoseconds = [pl.col(name).cast(pl.Int64, strict=False) for name in columns]
    first = frame.select(nanoseconds[0].min()).collect(engine="streaming").item()
    origin = 0 if first is None else first
    return [(value - origin) / 1e6 for value in nanoseconds], origin


def clock_note(origin_ns: int) -> str:
    """The note that keeps the absolute time of the first arrival."""
    return f"times count from {origin_ns / 1e9:.3f} s of the Unix epoch"


def utc_nanoseconds(text: pl.Expr) -> pl.Expr:
    """ISO 8601 texts (with "T" or a blank, "Z" or "+00:00" or nothing at the end) as nanoseconds since 1970."""
    plain = text.str.replace("T", " ", literal=True).str.replace(r"(Z|\+00:00)$", "")
    return plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ns", strict=False).cast(pl.Int64)


def label(*parts: pl.Expr | str) -> pl.Expr:
    """Parts joined by blanks into the name of a series; unknown parts are left out."""
    return pl.concat_str(*(pl.lit(p) if isinstance(p, str) else p for p in parts), separator=" ", ignore_nulls=True)
