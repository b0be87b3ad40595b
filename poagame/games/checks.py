"""Checks of single numbers and of seeds; the messages name the argument."""

from __future__ import annotations

import sys
from typing import Any, TypeAlias

import numpy as np

from poagame.errors import InvalidInput

Seed: TypeAlias = int | np.random.Generator
"""What random things take: the same whole number gives the same result, a generator goes on from where it is."""

LARGEST = 10**300
"""Of whole numbers: beyond, they and what is computed from them leave the range of floats."""


def whole(value: object, name: str, least: int = 0, most: int = LARGEST) -> int:
    """`value` as an int.

    Raises
    ------
    InvalidInput
        If it is no whole number (of any numeric type, but no bool), less than `least` or more than `most`.
    """
    number: Any = value
    exact = isinstance(number, int)  # also beyond 64 bits, which NumPy's functions refuse
    if not is_number(number) or (not exact and (not np.isfinite(number) or number != int(number))):
        raise InvalidInput(f"{name} must be a whole number; got {shown(value)}")
    exactly = int(number)
    if exactly < least:
        raise InvalidInput(f"{name} must be at least {least}; got {shown(value)}")
    if exactly > most:
        limit = f"{most:,}" if most < 10**16 else f"10^{len(str(most)) - 1}"
        raise InvalidInput(f"{name} must be at most {limit}; got {shown(value)}")
    return exactly


def positive(value: object, name: str) -> float:
    """`value` as a float.

    Raises
    ------
    InvalidInput
        If it is no finite number above 0.
    """
    number = _as_float(value)
    if number is None or not 0.0 < number < np.inf:
        raise InvalidInput(f"{name} must be positive and in the range of floats; got {shown(value)}")
    return number


def finite(value: object, name: str) -> float:
    """`value` as a float of any sign.

    Raises
    ------
    InvalidInput
        If it is no finite number.
    """
    number = _as_float(value)
    if number is None or not np.isfinite(number):
        raise InvalidInput(f"{name} must be a finite number in the range of floats; got {shown(value)}")
    return number


def require_instance(value: object, kinds: type | tuple[type, ...], name: str) -> None:
    """Raise unless a value is of one of some kinds; its text is made only then, since that of a record of arrays takes longer than a run.

    Raises
    ------
    InvalidInput
        If it is not.
    """
    if not isinstance(value, kinds):
        names = " or a ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
        raise InvalidInput(f"{name} is a {names}; got {shown(value)}")


def shown(value: object) -> str:
    """`value` for a message, cut short; Python refuses to print whole numbers of thousands of digits."""
    try:
        return f"{value!r:.80}"
    except ValueError:
        return f"a {type(value).__name__} of too many digits to print"


def generator(seed: Seed) -> np.random.Generator:
    """The generator itself, or a new one from a whole number.

    Raises
    ------
    InvalidInput
        If the seed is neither.
    """
    if isinstance(seed, np.random.Generator):
        return seed
    try:
        return np.random.default_rng(whole(seed, "seed", 0))
    except InvalidInput as error:
        raise InvalidInput(
            f"seed is a whole number of at least 0 or a numpy.random.Generator; got {shown(seed)}"
        ) from error


def is_number(value: object) -> bool:
    """Whether it is a number of Python or NumPy; a bool is none."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _as_float(value: object) -> float | None:
    """The float nearest to a number, infinite beyond their range; None of anything else."""
    number: Any = value
    if not is_number(number):
        return None
    if isinstance(number, int) and abs(number) > sys.float_info.max:
        return float("inf") if number > 0 else float("-inf")
    return float(number)
