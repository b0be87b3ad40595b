"""Row checks that every table goes through, in streaming passes: bad rows are counted and shown, never lost."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

import polars as pl

from poagame.errors import BadRows, EmptyTable, InvalidInput
from poagame.measured.schema import COLUMNS, METRICS, REQUIRED, WORKER_COLUMNS, Column, Kind

Unit: TypeAlias = Literal["ms", "s"]
ROW: Final = "_row"
"""Row number in the file, from 1; a reader may bring it, else rows are counted here."""
REASON: Final = "_reason"
"""Why a reader finds a row bad (null: it does not): "general reason" or "general reason: particulars"."""
_BAD: Final = "_bad"
_EXAMPLES: Final = 10
_SAMPLE: Final = 10_000
_LONGEST_MS: Final = 1e12
"""30 years: no request takes longer, so such a value is a slip, though finite."""
_FLOAT_ID: Final = r"^[+-]?((\d+\.\d*|\.\d+|\d+[eE])([eE]?[+-]?\d+)?|[nN]a[nN]|inf)$"
_THROUGH_FLOAT: Final = (
    "worker ids exceed 2^53, so a float has rounded them to ids of no worker; write them as text or integers "
    "(pandas: dtype=str)"
)


@dataclass(frozen=True, slots=True)
class BadRowReport:
    """The rows left out of a table.

    Attributes
    ----------
    count
        How many.
    examples
        (row number, reason) of the first ten; rows count from 1, without the header of a CSV.
    reasons
        Reason → number of rows, the commonest first.
    """

    count: int
    examples: tuple[tuple[int, str], ...]
    reasons: Mapping[str, int]

    def __str__(self) -> str:
        if self.count == 0:
            return "no bad rows"
        why = ", ".join(f"{number:,} × {reason}" for reason, number in self.reasons.items())
        first = "; ".join(f"row {row}: {reason}" for row, reason in self.examples[:3])
        return f"{self.count:,} bad rows left out ({why}). First: {first}"


class Checked(NamedTuple):
    """What `checked` answers: the usable rows, their number, the report on the others, and what to note."""

    frame: pl.LazyFrame
    num_rows: int
    bad_rows: BadRowReport
    notes: tuple[str, ...]

    def notes_after(self, earlier: Iterable[str]) -> tuple[str, ...]:
        """Notes of the reader, then those of the checks, each once: a table read back brings its notes along."""
        return tuple(dict.fromkeys((*earlier, *self.notes)))


def checked(frame: pl.LazyFrame, kind: Kind, *, source: str, strict: bool, unit: Unit | None) -> Checked:
    """The usable rows of `frame`, typed as the schema says, and a report on the others.

    A row is bad if its reader says so (`REASON`), a value does not parse, a number is NaN, infinite or below the
    schema's minimum, an id went through a float, the request failed, it finished before it arrived, it took more than
    30 years, it holds no measurement, or its request id occurred before in the same run (the first one stays). A
    decision is bad as a whole if one of its candidates is, or unless exactly one of them is selected.

    Raises
    ------
    InvalidInput, EmptyTable, BadRows
        As `RequestTable.from_frame` says.
    """
    raw = frame.collect_schema()
    names = _known_columns(raw, kind, source)
    typed = {name: _typed(name, raw[name], COLUMNS[kind][name], unit) for name in names}
    rules = _rules(raw, typed, kind)
    bad = pl.any_horizontal(pl.lit(False), *(condition for condition, _ in rules)).fill_null(False)
    columns = [typed[name].alias(name) for name in names]
    rows = frame if ROW in raw else frame.with_row_index(ROW, offset=1)
    rows = rows.select(pl.col(ROW).cast(pl.Int64), *columns, bad.alias(_BAD))
    good = rows.filter(~pl.col(_BAD))
    counts = [pl.col(name).count().alias(name) for name in names]
    keys = [_key(names).n_unique().alias("_keys")] if kind == "requests" else []
    total, summary = pl.collect_all(
        [rows.select(pl.len()), good.select(pl.len().alias("_len"), *counts, *keys)], engine="streaming"
    )
    num_rows, known = total.item(), summary.row(0, named=True)

    late = pl.DataFrame(schema={ROW: pl.Int64, REASON: pl.String})
    if kind == "requests" and known["_keys"] < known["_len"]:
        late = _repeated(good, names)
    elif kind == "decisions":
        late = _broken_decisions(rows, names)
    num_good = known["_len"] - late.height
    report = BadRowReport(0, (), MappingProxyType({}))
    if num_good < num_rows:
        numbered = frame if ROW in raw else frame.with_row_index(ROW, offset=1)
        why = pl.coalesce(*(reason for _, reason in rules)).alias(REASON)
        report = _report(numbered.filter(bad).select(pl.col(ROW).cast(pl.Int64), why), late)
    if num_good == 0:
        raise EmptyTable(
            f"{source}: no usable row of {num_rows:,}"
            + (f"; {report}" if num_rows else " (there is a header at most)")
            + ". Give a file with at least one request measured" * (kind == "requests")
        )
    if strict and report.count:
        row, reason = report.examples[0]
        raise BadRows(
            f"{source}: {report.count:,} bad rows of {num_rows:,}; the first is row {row}: {reason}. "
            "Mend them, or read with strict=False (command line: leave out --strict), which leaves them out and counts "
            "them"
        )
    kept = [name for name in names if known[name] > 0]
    # Without bad rows no filter is left in the plan, so a later read touches only the columns it asks for.
    clean = frame.select(columns) if report.count == 0 else good
    if late.height:
        clean = clean.join(late.lazy().select(ROW), on=ROW, how="anti", maintain_order="left")
    clean = clean.select(kept)
    notes = () if kind == "decisions" else _units(clean, kept, source, unit)
    return Checked(clean, num_good, report, notes)


def joined(*parts: pl.Expr | str) -> pl.Expr:
    """Join texts and columns into one text a row, null if a column is null.

    In place of `pl.format`, which polars 2.1's streaming engine crashes on where a column has several chunks.
    """
    return pl.concat_str(*(pl.lit(part) if isinstance(part, str) else part.cast(pl.String) for part in parts))


def _known_columns(raw: pl.Schema, kind: Kind, source: str) -> list[str]:
    schema = COLUMNS[kind]
    unknown = [name for name in raw if name not in schema and name not in (ROW, REASON)]
    if unknown:
        near = {name: difflib.get_close_matches(name, schema, 2, 0.5) for name in unknown}
        said = ", ".join(f"{n!r}" + (f" (did you mean {' or '.join(m)}?)" if m else "") for n, m in near.items())
        raise InvalidInput(
            f"{source}: unknown columns {said}. A table of {kind} may hold {', '.join(schema)}: rename or drop them"
        )
    missing = [name for name in REQUIRED[kind] if name not in raw]
    if missing:
        raise InvalidInput(
            f"{source}: a table of {kind} needs the columns {', '.join(missing)}; it has {', '.join(raw)}"
        )
    return [name for name in schema if name in raw]


def _typed(name: str, have: pl.DataType, column: Column, unit: Unit | None) -> pl.Expr:
    """The column `name`, of raw type `have`, as the schema's type; null where a text does not parse."""
    value, want = pl.col(name), column.dtype
    if have == pl.Null:
        return value.cast(want)
    if want == pl.String and (have == pl.String or have.is_integer() or isinstance(have, pl.Categorical | pl.Enum)):
        text = value.cast(pl.String)
        return pl.when(text != "").then(text)
    if want == pl.String and have.is_float():
        why = _THROUGH_FLOAT if name in WORKER_COLUMNS else "write it as text or integers"
        raise InvalidInput(f"column {name} holds floats: {why}")
    if want == pl.Boolean and (have == pl.Boolean or have.is_integer()):
        return pl.when(value.cast(pl.Int64).is_in([0, 1])).then(value.cast(pl.Boolean))
    if want == pl.Boolean and have == pl.String:
        truth = {"true": True, "1": True, "false": False, "0": False}
        return value.str.to_lowercase().replace_strict(truth, default=None, return_dtype=pl.Boolean)
    if isinstance(want, pl.List) and have == pl.String:
        inner = value.str.strip_chars("[]")
        return (
            pl.when(inner == "").then(pl.lit([], dtype=want)).otherwise(inner.str.split(" ").cast(want, strict=False))
        )
    if isinstance(want, pl.List) and isinstance(have, pl.List):
        return value.cast(want)
    if want.is_numeric() and (have.is_numeric() or have == pl.String):
        number = value.cast(pl.Float64, strict=False)
        if want == pl.Int64:
            # The text of a whole number may carry ".0": pandas writes so where a column has gaps.
            whole = pl.when(number == number.round()).then(number).cast(pl.Int64, strict=False)
            return pl.coalesce(value.cast(pl.Int64, strict=False), whole) if not have.is_float() else whole
        return number * 1000.0 if unit == "s" and column.unit == "ms" else number
    raise InvalidInput(f"column {name} holds {have}, wanted {want}: {column.meaning}")


def _rules(raw: pl.Schema, typed: Mapping[str, pl.Expr], kind: Kind) -> list[tuple[pl.Expr, pl.Expr]]:
    """(condition of a bad row, its reason or null), the most telling first."""
    rules: list[tuple[pl.Expr, pl.Expr]] = []

    def rule(condition: pl.Expr, reason: str, value: pl.Expr | None = None) -> None:
        said = pl.lit(reason) if value is None else joined(reason + ": ", value)
        rules.append((condition, pl.when(condition).then(said)))

    if REASON in raw:
        rules.append((pl.col(REASON).is_not_null(), pl.col(REASON)))
    if "error" in typed:
        rule(typed["error"].is_not_null(), "request failed", typed["error"].str.slice(0, 120))
    for name, value in typed.items():
        column, have = COLUMNS[kind][name], raw[name]
        if column.dtype != pl.String and have != column.dtype:
            given = pl.col(name)
            blank = given.cast(pl.String).fill_null("") == "" if have == pl.String else given.is_null()
            wanted = (
                "a whole number" if column.dtype == pl.Int64 else "a list" if name == "block_hashes" else "a number"
            )
            if not have.is_float() or column.dtype != pl.Float64:
                rule(value.is_null() & ~blank, f"{name} is not {wanted}", given)
        if column.dtype == pl.Float64:
            rule(value.is_nan(), f"{name} is NaN")
            rule(value.is_infinite(), f"{name} is infinite")
        if column.low is not None:
            what = "is negative" if column.low == 0 else f"is below {column.low:g}"
            rule(value < column.low, f"{name} {what}", value)
        if name in METRICS:
            rule(value > _LONGEST_MS, f"{name} is above {_LONGEST_MS:g} ms (30 years)", value)
        if name in WORKER_COLUMNS:
            rule(value.str.contains(_FLOAT_ID), f"{name} went through a float ({_THROUGH_FLOAT})", value)
        if name in REQUIRED[kind]:
            rule(value.is_null(), f"{name} is missing")
    if {"arrival_ms", "finish_ms"} <= typed.keys():
        rule(typed["finish_ms"] < typed["arrival_ms"], "finished before it arrived")
        rule(typed["finish_ms"] - typed["arrival_ms"] > _LONGEST_MS, "finished over 30 years after it arrived")
    facts = {"requests": (*METRICS, "arrival_ms"), "sweep": (*METRICS, "throughput_rps"), "decisions": ()}[kind]
    if facts:
        held = [typed[name].is_not_null() for name in facts if name in typed]
        rule(~pl.any_horizontal(pl.lit(False), *held), "holds no measurement")
    return rules


def _key(names: list[str]) -> pl.Expr:
    """A hash of (run, request_id): equal keys may collide, different ones prove that requests differ."""
    return (pl.struct("run", "request_id") if "run" in names else pl.col("request_id")).hash()


def _repeated(good: pl.LazyFrame, names: list[str]) -> pl.DataFrame:
    """The second and later rows of a request id, found exactly among the rows whose hashes collide."""
    identity = [name for name in ("run", "request_id") if name in names]
    keys = good.select(_key(names).alias("key")).group_by("key").len().filter(pl.col("len") > 1).select("key")
    rows = good.with_columns(_key(names).alias("key")).join(keys, on="key", how="semi").select(ROW, *identity)
    said = joined("duplicate request id: ", pl.col("request_id")).alias(REASON)
    return rows.collect(engine="streaming").sort(ROW).filter(~pl.struct(identity).is_first_distinct()).select(ROW, said)


def _broken_decisions(rows: pl.LazyFrame, names: list[str]) -> pl.DataFrame:
    """Rows that are good themselves, but of a decision that is not: a bad candidate, or not one selected."""
    identity = [name for name in ("run", "decision") if name in names]
    chosen = (pl.col("selected").fill_null(False) & ~pl.col(_BAD)).sum()
    decisions = rows.group_by(identity).agg(pl.col(_BAD).any().alias("spoilt"), chosen.alias("chosen"))
    broken = decisions.filter(pl.col("spoilt") | (pl.col("chosen") != 1)).select(
        *identity,
        pl.when("spoilt")
        .then(pl.lit("another candidate of its decision is bad"))
        .when(pl.col("chosen") == 0)
        .then(pl.lit("its decision has no selected worker"))
        .otherwise(pl.lit("its decision has several selected workers"))
        .alias(REASON),
    )
    hit = rows.filter(~pl.col(_BAD)).join(broken, on=identity, how="inner", nulls_equal=True)
    return hit.select(ROW, REASON).collect(engine="streaming").sort(ROW)


def _report(bad: pl.LazyFrame, late: pl.DataFrame) -> BadRowReport:
    every = pl.concat([bad, late.lazy()])
    general = pl.col(REASON).str.replace(r"(?s): .*$", "")
    counts, first = pl.collect_all([every.group_by(general).len(), every.sort(ROW).head(_EXAMPLES)], engine="streaming")
    counts = counts.sort("len", REASON, descending=[True, False])
    reasons = dict(zip(counts[REASON].to_list(), counts["len"].to_list(), strict=True))
    return BadRowReport(sum(reasons.values()), tuple(first.rows()), MappingProxyType(reasons))


def _units(frame: pl.LazyFrame, names: list[str], source: str, unit: Unit | None) -> tuple[str, ...]:
    """Refuse latencies that can only be seconds, unless the unit is known; note where the clocks disagree.

    The medians of the first 10,000 usable rows decide. Seconds are: ttft_ms below 2, latency_ms below 20, itl_ms or
    latency_ms per output token below 0.2, which no model answers in, or finish_ms − arrival_ms about a thousand times
    latency_ms or a thousandth of it. Short of that, a ratio of the last two above 1.5 or below 0.67 is noted.
    """
    values = {name: pl.col(name) for name in METRICS if name in names}
    if {"latency_ms", "output_tokens"} <= set(names):
        values["latency_ms per output token"] = pl.col("latency_ms") / _positive("output_tokens")
    if {"arrival_ms", "finish_ms", "latency_ms"} <= set(names):
        values["ratio"] = (pl.col("finish_ms") - pl.col("arrival_ms")) / _positive("latency_ms")
    if not values or (unit is not None and "ratio" not in values):
        return ()
    columns = [name for name in names if name.endswith("_ms") or name == "output_tokens"]
    sample = frame.select(columns).head(_SAMPLE)
    medians = sample.select(value.median().alias(name) for name, value in values.items()).collect().row(0, named=True)
    ratio = medians.pop("ratio", None)
    if unit is None:
        lows = {"ttft_ms": 2.0, "latency_ms": 20.0}
        low = {name: lows.get(name, 0.2) for name in medians}
        signs = [f"median {n} is {v:.4g}, below {low[n]:g}" for n, v in medians.items() if v and v < low[n]]
        if ratio and (500 < ratio < 2000 or 500 < 1 / ratio < 2000):
            signs.append(f"finish_ms − arrival_ms is {ratio:.4g} times latency_ms, so one of them is")
        if signs:
            raise InvalidInput(
                f'{source}: milliseconds are due, and these look like seconds: {"; ".join(signs)}. Give unit="s" '
                '(command line: --unit s) to convert all columns that end in _ms, or unit="ms" (--unit ms) if they '
                "are right as they stand; if only some are seconds, multiply those by 1000 in the file"
            )
    if ratio is None or 0.67 <= ratio <= 1.5:
        return ()
    return (
        f"finish_ms − arrival_ms is {ratio:.3g} times latency_ms (median of the first {_SAMPLE:,} rows): the two "
        "should agree, so check the clocks and units of these columns",
    )


def _positive(name: str) -> pl.Expr:
    return pl.when(pl.col(name) > 0).then(name)
