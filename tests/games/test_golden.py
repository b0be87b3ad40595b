"""The number Φ_d by its definition, in whole numbers where they decide."""

from __future__ import annotations

from decimal import localcontext
from typing import Any

import pytest

from poagame.errors import InvalidInput
from poagame.games.instances._golden import digits_for, floor_golden, golden

# degree: Φ_d, its floor
TABLE = {
    1: (1.61803398875, 1), 2: (2.1478990357, 2), 3: (2.62965812675, 2), 4: (3.07959562349, 3), 5: (3.50632324598, 3),
    6: (3.91507618634, 3), 7: (4.30933006527, 4), 8: (4.69153788072, 4), 9: (5.06351076609, 5), 10: (5.42663315201, 5),
}  # fmt: skip


@pytest.mark.parametrize("degree", TABLE)
def test_table(degree: int) -> None:
    phi, floor = TABLE[degree]
    assert float(golden(degree)) == pytest.approx(phi, rel=3e-12)
    assert floor_golden(degree) == floor


@pytest.mark.parametrize("degree", [*range(1, 200), 1000, 20_000])
def test_floor_in_whole_numbers(degree: int) -> None:
    k = floor_golden(degree)
    assert (k + 1) ** degree >= k ** (degree + 1)
    assert (k + 2) ** degree < (k + 1) ** (degree + 1)


@pytest.mark.parametrize("degree", [1, 2, 17, 10**6, 10**15])
def test_root_to_fifty_digits(degree: int) -> None:
    with localcontext(digits_for(degree)):
        x = golden(degree)
        short = degree * (x + 1).ln() - (degree + 1) * x.ln()
        slope = degree / (x * (x + 1)) + 1 / x
        assert abs(short / slope) < x.scaleb(-50)


@pytest.mark.parametrize("degree", [0, -1, 1.5, float("nan"), float("inf"), True, "2", None])
def test_bad_input(degree: Any) -> None:
    with pytest.raises(InvalidInput, match="degree"):
        golden(degree)
