"""All analytic results, one table."""

from __future__ import annotations

import ast
import csv
import difflib
import inspect
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from poagame._arrays import require
from poagame.bounds import (
    atomic,
    augmentation,
    caching,
    caching_distances,
    caching_storage,
    makespan,
    nonatomic,
    queueing,
    singletons,
    stability,
    tolls,
)
from poagame.bounds.latency_classes import anarchy_value
from poagame.bounds.load_balancing import fractional_load_balancing, no_regret
from poagame.bounds.observable_queue import edelson_hildebrand, naor
from poagame.bounds.record import NOT_PROVED, PoaBound
from poagame.bounds.splittable_flow import splittable
from poagame.bounds.tight import tight_poa, tight_welfare_poa
from poagame.errors import InvalidInput
from poagame.latency import MM1, Saturating

_COVERING = [1.0] * 10
_CURVE = Saturating(base=6.4, slope=0.05, strain=0.5, capacity=200.0)

ENTRIES: Mapping[str, Mapping[Callable[..., PoaBound], tuple[dict[str, Any], ...]]] = {
    "nonatomic": {
        nonatomic.nonatomic_affine: ({},),
        nonatomic.nonatomic_polynomial: tuple({"degree": d} for d in (1, 2, 3, 4, 10, 100, 1_000_000)),
        anarchy_value: ({"latency": MM1(1.0), "max_load": 0.9}, {"latency": _CURVE, "max_load": 190.0}),
        nonatomic.mm1: tuple({"utilisation": rho} for rho in (0.5, 0.8, 0.9, 0.99)),
        nonatomic.bpr: tuple({"load_ratio": z} for z in (1.0, 2.0, float("inf"))),
        nonatomic.monomials: ({"low": 1, "high": 2}, {"low": 2, "high": 4}),
        augmentation.demand_augmentation: ({},),
        augmentation.sharp_augmentation: ({"degree": 1}, {"degree": 2}),
        augmentation.sharp_augmentation_of: ({"latency": _CURVE, "max_load": 190.0},),
        augmentation.mm1_capacity_augmentation: ({},),
    },
    "atomic": {
        atomic.atomic_affine: ({},),
        atomic.atomic_polynomial: tuple({"degree": d} for d in (2, 3, 4, 100, 1_000_000)),
        atomic.atomic_polynomial_players: ({"degree": 2, "players": 3}, {"degree": 2, "players": 10}),
        atomic.weighted_polynomial: tuple({"degree": d} for d in (1, 2, 100)),
        atomic.symmetric_affine: ({"players": 2}, {"players": 4}),
        stability.price_of_stability_affine: ({},),
        stability.price_of_stability_polynomial: ({"degree": 2}, {"degree": 3}),
        singletons.singleton_symmetric_affine: ({},),
        singletons.singleton_affine: ({},),
        singletons.singleton_identical: ({},),
        singletons.weighted_identical_servers: ({},),
        makespan.makespan_identical: ({"machines": 2}, {"machines": 4}),
        makespan.makespan_mixed: ({"machines": 2}, {"machines": 4}),
        makespan.makespan_related: ({"machines": 2}, {"machines": 3}),
        splittable: ({"degree": 1}, {"degree": 2}, {"degree": 100}),
        fractional_load_balancing: ({"players": 2}, {"players": 10}),
        no_regret: ({"lam": 5 / 3, "mu": 1 / 3},),
        tight_poa: ({"basis": _CURVE, "players": 64},),
        tight_welfare_poa: ({"welfare": _COVERING, "players": 10, "shares": "optimal"},),
    },
    "tolls": {
        tolls.optimal_local_tolls: ({"degree": 1}, {"degree": 2}),
        tolls.constant_tolls: ({"degree": 1}, {"degree": 2}),
        tolls.marginal_cost_tolls: ({"degree": 1}, {"degree": 2}),
        tolls.constant_tolls_affine: ({},),
        tolls.polynomial_time: ({"degree": 1}, {"degree": 2}),
    },
    "caching": {
        caching.caching_uniform: ({"nodes": 8},),
        caching.caching_weighted: ({"nodes": 8},),
        caching.caching_directed: ({"nodes": 8},),
        caching.caching_complete: ({"nodes": 8},),
        caching.caching_complete_unequal: ({"nodes": 8},),
        caching.caching_star: ({"nodes": 8},),
        caching.caching_line: ({"nodes": 8}, {"nodes": 256}),
        caching.caching_ring: ({"nodes": 12},),
        caching.caching_grid: ({"rows": 3},),
        caching_distances.caching_two_clusters: ({"nodes": 8},),
        caching_distances.caching_clusters: (
            {"nodes": 2, "gpus_per_node": 4, "ratio": 10.0},
            {"nodes": 8, "gpus_per_node": 8, "ratio": 10.0},
            {"nodes": 8, "gpus_per_node": 8},
        ),
        caching_distances.caching_clusters_best: ({"nodes": 8, "gpus_per_node": 8, "ratio": 10.0},),
        caching_distances.caching_spread: ({"nodes": 8, "ratio": 10.0}, {"nodes": 10**6, "ratio": 10.0}),
        caching_storage.caching_tiers: ({"nodes": 8},),
        caching_storage.caching_tiers_best: ({"nodes": 8},),
        caching_storage.caching_added_tier: ({"nodes": 8},),
        caching.caching_payment: ({},),
    },
    "queueing": {
        queueing.haviv_roughgarden: ({"servers": 2}, {"servers": 5}),
        queueing.bell_stidham: ({"service_rates": [4.0, 1.0], "arrival_rate": 3.0},),
        queueing.cohen_kelly: ({},),
        queueing.gaitonde_tardos: ({}, {"patient": True}),
        naor: ({"utilisation": 0.5}, {"utilisation": 0.99}),
        edelson_hildebrand: ({"utilisation": 2.0, "benefit": 3.0},),
    },
}
"""Subject → function → the arguments at which the table shows it."""

COLUMNS = ("name", "value", "measure", "covers", "status", "valid_for", "source")


@dataclass(frozen=True, eq=False, slots=True)
class Row:
    """A bound as the table shows it.

    Attributes
    ----------
    subject : str
    call : str
        The call that gives it.
    bound : PoaBound
    """

    subject: str
    call: str
    bound: PoaBound

    def cells(self) -> tuple[str, ...]:
        """Text of each of `COLUMNS`."""
        bound = self.bound
        return (self.call, bound.digits(), bound.measure, bound.kind, status(bound), bound.valid_for, bound.source)

    def describe(self) -> str:
        """All that the bound says, a line each."""
        bound = self.bound
        fields = zip(COLUMNS, self.cells(), strict=True)
        more = [("remark", bound.remark), ("log10", f"{bound.log10_value:.12g}")]
        return "\n".join(f"{name:<11}{text}" for name, text in (*fields, *more) if text)


@dataclass(frozen=True, eq=False, slots=True)
class Catalogue:
    """The table of all results; iterates over the bounds."""

    rows: tuple[Row, ...]

    def __len__(self) -> int:
        """Bounds in the table."""
        return len(self.rows)

    def __iter__(self) -> Iterator[PoaBound]:
        """The bounds."""
        return (row.bound for row in self.rows)

    def named(self, name: str) -> tuple[PoaBound, ...]:
        """The bounds that one function gives.

        Raises
        ------
        InvalidInput
            If there is none of that name; the message has the near ones.
        """
        function = _function(name)
        return tuple(row.bound for row in self.rows if row.bound.name == function.__name__)

    def __str__(self) -> str:
        """A table that lines up: call, value, what it measures, what it covers, and whether it is tight."""
        columns = (0, 1, 2, 3, 4)
        table = [tuple(COLUMNS[k] for k in columns), *(tuple(row.cells()[k] for k in columns) for row in self.rows)]
        widths = [max(len(row[k]) for row in table) for k in range(len(columns))]
        lines = ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in table]
        return "\n".join(lines)

    def to_markdown(self) -> str:
        """One table a subject, with classes and sources; not tight ones say why."""
        parts: list[str] = []
        for subject in ENTRIES:
            lines = [f"## {subject.capitalize()}", "", "| call | value | measure | covers | status | class | source |"]
            lines.append("|" + "---|" * len(COLUMNS))
            shown = [row for row in self.rows if row.subject == subject]
            if not shown:
                continue
            for row in shown:
                call, value, measure, covers, state, valid_for, source = row.cells()
                why = "" if row.bound.tight or not row.bound.remark else f" ({row.bound.remark})"
                cells = (f"`{call}`", value, measure, covers, f"{state}{why}", valid_for, source)
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
            parts.append("\n".join(lines))
        return "\n\n".join(parts) + "\n"

    def to_csv(self) -> str:
        """Comma-separated values, a header line first."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("subject", *COLUMNS, "remark"))
        writer.writerows((row.subject, *row.cells(), row.bound.remark) for row in self.rows)
        return out.getvalue()

    def to_dicts(self) -> list[dict[str, Any]]:
        """Numbers and sentences for JSON; an infinite value is None, its logarithm finite where it is known."""
        return [_as_dict(row) for row in self.rows]


def status(bound: PoaBound) -> str:
    """In a word: attained by a game, approached by a sequence, an upper bound alone, a lower one, or not proved."""
    if bound.standing in NOT_PROVED:
        return NOT_PROVED[bound.standing]
    if bound.side == "lower":
        return "lower bound"
    if not bound.tight:
        return "upper bound" if bound.value < float("inf") or bound.log10_value < float("inf") else "no bound"
    return "attained" if bound.build is not None else "approached"


def catalogue() -> Catalogue:
    """All results of `poagame.bounds`, each at some arguments.

    Examples
    --------
    >>> from poagame import bounds
    >>> table = bounds.catalogue()
    >>> [bound.digits(6) for bound in table.named("nonatomic_polynomial")][:4]
    ['1.33333', '1.62575', '1.89563', '2.1505']
    >>> sum(bound.tight for bound in table) > len(table) / 2
    True
    """
    rows = [
        Row(subject, _call(function, arguments), function(**arguments))
        for subject, functions in ENTRIES.items()
        for function, several in functions.items()
        for arguments in several
    ]
    return Catalogue(tuple(rows))


def bound(name: str, **arguments: Any) -> PoaBound:
    """The result of one function by its name, at arguments of your own.

    Raises
    ------
    InvalidInput
        If no result has that name (the message has the near ones), or the arguments are not its own.

    Examples
    --------
    >>> bound("nonatomic_polynomial", degree=2).value
    1.6257523845831854
    """
    function = _function(name)
    for key in arguments:
        _parameter(function, key)
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        raise InvalidInput(f"{name}{_parameters(function)}: {error}") from error
    return function(**arguments)


def select(name: str, arguments: Sequence[str] = ()) -> Catalogue:
    """The rows of one function; or one row, at arguments given as text.

    Parameters
    ----------
    name : str
    arguments : sequence of "key=value"
        Values are numbers, lists of numbers as [4, 1], or words where the function takes one.

    Raises
    ------
    InvalidInput
        As `bound`, or if an argument is not of that form or given twice.
    """
    if not arguments:
        function = _function(name)
        return Catalogue(tuple(row for row in catalogue().rows if row.bound.name == function.__name__))
    given: dict[str, Any] = {}
    for text in arguments:
        key, equals, value = text.partition("=")
        require(bool(equals), f"an argument is key=value, as degree=3; got {text!r}")
        require(key not in given, f"{key} is given twice, as {_short(given.get(key))} and as {value}; give it once")
        given[key] = _parsed(value, _parameter(_function(name), key))
    found = bound(name, **given)
    subject = next(s for s, functions in ENTRIES.items() if _function(name) in functions)
    return Catalogue((Row(subject, _call(_function(name), given), found),))


def _function(name: str) -> Callable[..., PoaBound]:
    known = {function.__name__: function for functions in ENTRIES.values() for function in functions}
    near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else "catalogue() lists all."
    require(name in known, f"no bound is called {name!r}; {hint}")
    return known[name]


def _parameter(function: Callable[..., PoaBound], key: str) -> inspect.Parameter:
    """The parameter of that name."""
    known = inspect.signature(function).parameters
    near = difflib.get_close_matches(key, known, n=3, cutoff=0.4)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    require(key in known, f"{function.__name__}{_parameters(function)} has no argument {key!r}{hint}")
    return known[key]


def _parsed(text: str, parameter: inspect.Parameter) -> Any:
    """A number, also inf and nan, a list of numbers, or a word; refused as a word where only numbers are taken."""
    for read in (ast.literal_eval, float):
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    kind = str(parameter.annotation).split(" |")[0]
    wanted = {"int": "a whole number", "float": "a number", "ArrayLike": "a number or a list of numbers, as [4, 1]"}
    require(kind not in wanted, f"{parameter.name} must be {wanted.get(kind)}; got {text!r:.80}")
    return text


def _parameters(function: Callable[..., PoaBound]) -> str:
    return f"({', '.join(str(p).split(':')[0] for p in inspect.signature(function).parameters.values())})"


def _call(function: Callable[..., PoaBound], arguments: Mapping[str, Any]) -> str:
    return f"{function.__name__}({', '.join(f'{key}={_short(value)}' for key, value in arguments.items())})"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = repr(value)
    return text if len(text) <= 30 else f"{type(value).__name__}(…)"


def _as_dict(row: Row) -> dict[str, Any]:
    found = row.bound

    def finite(number: float) -> float | None:
        return number if abs(number) < float("inf") else None

    return {
        "subject": row.subject,
        "name": found.name,
        "call": row.call,
        "value": finite(found.value),
        "log10_value": finite(found.log10_value),
        "measure": found.measure,
        "kind": found.kind,
        "side": found.side,
        "tight": found.tight,
        "status": status(found),
        "valid_for": found.valid_for,
        "source": found.source,
        "remark": found.remark,
    }
