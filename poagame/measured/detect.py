"""Which format a file is in: told from its content, never from its name; and the three verbs that read it."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Final, TypeVar

import polars as pl

from poagame.errors import InvalidInput, PoagameError, UnknownFormat
from poagame.measured.checks import Unit, checked
from poagame.measured.readers import FORMATS
from poagame.measured.readers.base import Format, Source
from poagame.measured.schema import Kind
from poagame.measured.tables import DecisionTable, RequestTable, SweepTable

_VERBS: Final[dict[Kind, str]] = {"requests": "read_requests", "sweep": "read_sweep", "decisions": "read_decisions"}
_OWN: Final = "poagame-"


def detect_format(path: str | os.PathLike[str]) -> str:
    """The name of the format that the file at `path` is in, by its content.

    Raises
    ------
    UnknownFormat
        If it is in none that poagame reads; the message lists them and what the file begins with.
    InvalidInput, EmptyTable
        If there is no such file, it is cut short or damaged, or it is empty.
    """
    return _detect(Source(Path(path))).name


def read_requests(
    path: str | os.PathLike[str], format: str | None = None, *, strict: bool = False, unit: Unit | None = None
) -> RequestTable:
    """Read a table with a row a request.

    Parameters
    ----------
    path
        A file of aiperf, SGLang, vLLM, guidellm, a recording of Dynamo's router, a Mooncake or Azure trace, or
        poagame's own CSV or Parquet.
    format
        The format's name, to insist on it; else it is told from the content.
    strict
        Raise `BadRows` at the first bad row instead of leaving bad rows out and counting them.
    unit
        For poagame's own format only, whose unit nobody has checked: "s" converts the columns that end in `_ms` from
        seconds, "ms" accepts them as they stand; None refuses latencies that look like seconds (a median ttft_ms below
        2 or latency_ms below 20, for instance), except in a Parquet file that `write_table` wrote.

    Returns
    -------
    RequestTable
        Milliseconds, tokens, worker ids as text, times since the first arrival; every row passed the checks.

    Raises
    ------
    UnknownFormat
        The file is in no known format, not in the one named, or holds no requests (the message names the verb to use).
    InvalidInput
        A column is unknown, missing, of a wrong type or in seconds; or the file is broken.
    EmptyTable
        The file is empty or holds no usable row.
    BadRows
        A row is bad, where `strict`.
    """
    return _read(RequestTable, path, format, strict, unit)


def read_sweep(
    path: str | os.PathLike[str], format: str | None = None, *, strict: bool = False, unit: Unit | None = None
) -> SweepTable:
    """Read a table with a row an aggregate at one load: AIConfigurator, planner profiles, SGLang, vLLM, guidellm, own.

    Parameters, guarantees and errors are those of `read_requests`.
    """
    return _read(SweepTable, path, format, strict, unit)


def read_decisions(
    path: str | os.PathLike[str], format: str | None = None, *, strict: bool = False, unit: Unit | None = None
) -> DecisionTable:
    """Read a table with a row per router decision and candidate: Dynamo's log (JSONL), or a CSV or Parquet of it.

    Parameters, guarantees and errors are those of `read_requests`. Every decision in the table is whole: no candidate
    is bad, and exactly one is selected.
    """
    return _read(DecisionTable, path, format, strict, unit)


_T = TypeVar("_T", RequestTable, SweepTable, DecisionTable)


def _read(table: type[_T], path: str | os.PathLike[str], format: str | None, strict: bool, unit: Unit | None) -> _T:
    if unit not in (None, "ms", "s"):
        raise InvalidInput(f'unit is {unit!r}; wanted "ms", "s" or None')
    source, kind = Source(Path(path)), table.kind
    found = _detect(source) if format is None else _named(source, format)
    reader = found.readers.get(kind)
    if reader is None:
        verbs = " or ".join(_VERBS[other] for other in found.readers)
        raise UnknownFormat(f"{source.name} is {found.description}, which holds no {kind}: use {verbs}")
    if unit is not None and not found.name.startswith(_OWN):
        raise InvalidInput(
            f"{source.name} is {found.description}, whose units are known: leave unit (command line: --unit) out"
        )
    try:
        raw = reader(source)
        result = checked(raw.frame, kind, source=source.name, strict=strict, unit=unit or raw.unit)
    except PoagameError:
        raise
    except OSError as error:
        # Polars says so of a gzip stream that ends too early or fails its checksum.
        raise source.damaged(error) from error
    except (pl.exceptions.PolarsError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        # A reader trusts the layout of its format; a file that breaks it is the file's fault, and said so.
        raise InvalidInput(
            f"{source.name} was taken for {found.description}, but is not laid out so "
            f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no details'}); write it again"
        ) from error
    return table(result.frame, source.name, found.name, result.bad_rows, result.notes_after(raw.notes), result.num_rows)


def _detect(source: Source) -> Format:
    for candidate in FORMATS:
        if candidate.matches(source):
            return candidate
    if source.header:
        seen = f"its columns are {', '.join(source.header)}"
    elif source.keys:
        seen = f"its keys are {', '.join(sorted(source.keys)[:20])}"
    elif source.members:
        seen = f"its arrays are {', '.join(sorted(source.members))}"
    else:
        seen = f"it begins with {source.start[:40]!r}"
    raise UnknownFormat(
        f"{source.name} is in no format that poagame reads: {seen:.400}. Known are {_known()}. "
        "A table of your own needs the columns of poagame.measured.schema, request_id among them"
    )


def _named(source: Source, name: str) -> Format:
    formats = {candidate.name: candidate for candidate in FORMATS}
    if name not in formats:
        near = difflib.get_close_matches(name, formats, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise UnknownFormat(f"no format is called {name!r}{hint}. Known are {_known()}")
    chosen = formats[name]
    # An own table may lack what tells it; the checks of its columns then say what is missing.
    own = name.startswith(_OWN) and bool(source.header)
    if not own and not chosen.matches(source):
        raise UnknownFormat(
            f"{source.name} is not {chosen.description}; leave format (command line: --format) out to have it detected"
        )
    return chosen


def _known() -> str:
    return "; ".join(f"{candidate.name}: {candidate.description}" for candidate in FORMATS)
