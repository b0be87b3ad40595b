"""Checks of single numbers: kinds of numbers taken, and messages of those refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from poagame.errors import InvalidInput
from poagame.games.checks import finite, generator, positive, whole

KINDS: list[Any] = [3, 3.0, np.int8(3), np.uint64(3), np.float16(3), np.float32(3), np.float64(3), np.longdouble(3)]
NEVER: list[Any] = [
    math.nan,
    math.inf,
    -math.inf,
    10**400,
    -(10**400),
    10**5000,
    "3",
    None,
    True,
    np.True_,
    [3],
    np.array([3, 4]),
    3j,
]


@pytest.mark.parametrize("value", KINDS, ids=lambda v: type(v).__name__)
def test_kinds_of_numbers(value: Any) -> None:
    for check, kind in ((whole, int), (positive, float), (finite, float)):
        found = check(value, "it")
        assert found == 3
        assert type(found) is kind


@pytest.mark.parametrize("check", [whole, positive, finite])
@pytest.mark.parametrize("value", NEVER, ids=lambda v: type(v).__name__)
def test_what_is_never_taken(check: Any, value: Any) -> None:
    with pytest.raises(InvalidInput, match="it must be"):
        check(value, "it")


def test_ranges() -> None:
    assert whole(10**300, "it") == 10**300
    assert positive(5e-324, "it") == 5e-324
    assert finite(-(10**300), "it") == -1e300
    assert whole(-2, "it", -2, -1) == -2
    for bad, message in (
        (0, "at least 1"),
        (8, "at most 7"),
        (np.float64(1e305), "at most 7"),
        (np.float32(9), "at most 7"),
    ):
        with pytest.raises(InvalidInput, match=message):
            whole(bad, "it", 1, 7)
    with pytest.raises(InvalidInput, match=r"at most 10\^300"):
        whole(10**300 + 1, "it")
    with pytest.raises(InvalidInput, match="an? int of too many digits to print"):
        whole(10**5000, "it")
    for zero in (0, -0.0, -1):
        with pytest.raises(InvalidInput, match="positive"):
            positive(zero, "it")


def test_seeds() -> None:
    assert generator(2**200).random() == generator(2**200).random()
    for seed in (-1, 1.5, "a", 10**5000):
        with pytest.raises(InvalidInput, match="seed is a whole number"):
            generator(seed)  # pyright: ignore[reportArgumentType]
