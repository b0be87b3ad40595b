"""Basis latencies of a class of games, as a table over the number of users."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from poagame._arrays import FloatArray, require
from poagame.errors import InvalidInput, TooLarge
from poagame.games.checks import whole
from poagame.latency import Latency

Basis: TypeAlias = Any
"""A latency, a function of the load, the values at 1 … n, or a sequence of any of them."""

MAX_PLAYERS = 2000
"""Most players of the linear programme."""

MAX_ROWS = 5_000_000
"""Most rows m · (n + 1)² of the programme (some seconds and 1.5 GB)."""


def num_players(players: object) -> int:
    """`players` as an int.

    Raises
    ------
    InvalidInput
        If it is no whole number ≥ 1.
    TooLarge
        Beyond `MAX_PLAYERS`.
    """
    n = whole(players, "players", 1)
    if n > MAX_PLAYERS:
        raise TooLarge(
            f"{n} players; the programme has (n + 1)² rows a latency, and the limit is {MAX_PLAYERS}. The value of polynomials "
            "settles at few players: ask for fewer"
        )
    return n


def check_size(latencies: int, players: int) -> None:
    """Refuse programmes of more than `MAX_ROWS` rows.

    Raises
    ------
    TooLarge
    """
    rows = latencies * (players + 1) ** 2
    if rows > MAX_ROWS:
        raise TooLarge(
            f"{latencies} latencies and {players} players make {rows:,} rows; the limit is {MAX_ROWS:,}. The value of polynomials "
            "settles at few players: ask for fewer"
        )


def basis_values(basis: Basis, players: int) -> list[list[Any]]:
    """m rows of n numbers b_j(1) … b_j(n), as they were given: whole numbers and fractions stay exact.

    Raises
    ------
    InvalidInput
        If there is none, a row has another length than n, or a value is no number, NaN or negative.
    """
    rows = [row for member in _members(basis, players) for row in _rows(member, players)]
    require(len(rows) > 0, "basis must hold at least one latency")
    for j, row in enumerate(rows):
        require(
            len(row) == players, f"basis {j} has {len(row)} values; give one for each load 1 … {players} (the players)"
        )
        for k, value in enumerate(row):
            where = f"basis {j} at load {k + 1}"
            if not isinstance(value, numbers.Real | Decimal | np.number) or isinstance(value, bool | np.bool_):
                raise InvalidInput(f"{where} is {value!r:.80}, no number; give whole numbers, fractions or floats")
            try:
                number = float(value)
            except OverflowError as error:
                raise InvalidInput(f"{where} is beyond the range of floats; divide the basis by a constant") from error
            require(number >= 0.0, f"{where} is {number}; latencies are nonnegative numbers")
    return rows


def as_table(rows: Sequence[Sequence[Any]]) -> FloatArray:
    """[m, n] float64 of `basis_values`."""
    return np.array([[float(value) for value in row] for row in rows])


def as_fractions(rows: Sequence[Sequence[Any]]) -> list[list[Fraction]]:
    """The same numbers as exact fractions; a float counts as the binary number that it is."""
    return [
        [Fraction(value if isinstance(value, Fraction | Decimal | int) else float(value)) for value in row]
        for row in rows
    ]


def _members(basis: Basis, players: int) -> Iterable[Any]:
    if isinstance(basis, Latency) or callable(basis):
        return [basis]
    if isinstance(basis, str | bytes | Mapping | Set) or not hasattr(basis, "__len__"):
        raise InvalidInput(
            f"basis is a latency, a function of the load, the values at 1 … {players}, or a list of those; got {basis!r:.80}"
        )
    members = list(basis)
    plain = bool(members) and all(np.ndim(member) == 0 and not callable(member) for member in members)
    return [members] if plain else members


def _rows(member: Any, players: int) -> list[list[Any]]:
    if isinstance(member, Latency):
        at = np.asarray(member(np.arange(1.0, players + 1)[:, None]))
        return [list(column) for column in at.T.tolist()]
    if callable(member):
        function: Callable[[int], Any] = member
        try:
            return [[_scalar(function(k)) for k in range(1, players + 1)]]
        except Exception as error:
            raise InvalidInput(
                f"a function of basis is asked at the loads 1 … {players} and answered with {type(error).__name__}: {error}"
            ) from error
    try:
        return [[_scalar(value) for value in member]]
    except TypeError as error:
        raise InvalidInput(
            f"a member of basis is a latency, a function or {players} values; got {member!r:.80}"
        ) from error


def _scalar(value: Any) -> Any:
    """A number from a number or an array of one."""
    return value.item() if hasattr(value, "item") and np.size(value) == 1 and not isinstance(value, str) else value
