"""The bound of players that split: published digits, games solved, and where it does not hold."""

from __future__ import annotations

import math
from typing import Any

import pytest

import poagame as pg
from poagame.bounds.smoothness import local_smoothness
from poagame.bounds.splittable_flow import splittable
from poagame.errors import InvalidInput

TABLE = {
    1: 1.5, 2: 2.549038106, 3: 5.0625, 4: 11.09016994, 5: 26.32383581, 6: 66.88046976, 7: 180.2698558, 8: 512.0,
    9: 1524.089686, 10: 4734.317215,
}  # fmt: skip


@pytest.mark.parametrize("degree", TABLE)
def test_table(degree: int) -> None:
    bound = splittable(degree)
    assert bound.value == pytest.approx(TABLE[degree], rel=5e-10)
    assert bound.value == pytest.approx(local_smoothness(degree).poa, rel=1e-14)
    assert bound.tight == (degree == 1)
    assert bound.tight or "tight by" in bound.remark


def test_correlated_but_never_coarse_correlated() -> None:
    for degree in (1, 2, 100):
        bound = splittable(degree)
        assert bound.kind == "correlated"
        assert bound.covers("correlated")
        assert bound.covers("splittable")
        assert not bound.covers("cce")


def test_affine_games_tend_to_three_halves() -> None:
    bound = splittable(1)
    assert bound.approach is not None
    digits = {3: 1.107143, 5: 1.260870, 20: 1.439227}
    for players, wanted in digits.items():
        report = pg.price_of_anarchy(bound.approach(players), bound=bound)
        assert report.worst.certificate.holds
        assert report.poa == pytest.approx(wanted, abs=6e-7)
    assert bound.approach(100).certified["poa"] == pytest.approx(1.487791, abs=6e-7)
    # the closed form in s = 2/(3 (n − 1)) tends to 3/2 with an error of order s
    s = 1.0 / 3e9
    assert (1.0 + 4.0 * s / 9.0) / (2.0 / 3.0 + 10.0 * s / 9.0) == pytest.approx(bound.value, abs=1e-8)


def test_high_degrees() -> None:
    hundred, million = splittable(100), splittable(10**6)
    assert hundred.value == pytest.approx(((1.0 + math.sqrt(101.0)) / 2.0) ** 101, rel=1e-12)
    assert million.value == math.inf
    assert million.log10_value == pytest.approx((10**6 + 1) * math.log10((1.0 + math.sqrt(10**6 + 1)) / 2.0), rel=1e-14)


@pytest.mark.parametrize("bad", [0, -1, 1.5, float("nan"), float("inf"), True, "2", None])
def test_bad_input(bad: Any) -> None:
    with pytest.raises(InvalidInput, match="degree"):
        splittable(bad)
