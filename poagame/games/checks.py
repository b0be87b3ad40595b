"""Checks of single numbers and of seeds; the messages name the argument."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from poagame.errors import InvalidInput

Seed: TypeAlias = int | np.random.Generator
"""What random things take: the same whole number gives the same result, a generator goes on from where it is."""


def whole(value: object, name: str, least: int = 0) -> int:
    """`value` as an int.

    Raises
    ------
    InvalidInput
        If it is no whole number (of any numeric type, but no bool), or less than `least`.
    """
    number: Any = value
    exact = isinstance(number, int)  # also beyond 64 bits, which NumPy's functions refuse
    if not _is_number(number) or (not exact and (not np.isfinite(number) or number != int(number))):
        raise InvalidInput(f"{name} must be a whole number; got {value!r:.80}")
    if number < least:
        raise InvalidInput(f"{name} must be at least {least}; got {number}")
    return int(number)


def positive(value: object, name: str) -> float:
    """`value` as a float.

    Raises
    ------
    InvalidInput
        If it is no finite number above 0.
    """
    number: Any = value
    if not _is_number(number) or not 0.0 < float(number) < np.inf:
        raise InvalidInput(f"{name} must be positive; got {value!r:.80}")
    return float(number)


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
            f"seed is a whole number of at least 0 or a numpy.random.Generator; got {seed!r:.80}"
        ) from error


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
