"""Prices of stability: published digits, games solved, and the maximum of the formula found again."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import poagame as pg
from poagame.bounds.stability import best_growth, price_of_stability_affine, price_of_stability_polynomial
from poagame.errors import InvalidInput
from poagame.games.instances import price_of_stability

# degree: value, the r of the maximum
TABLE = {
    1: (1.57735027, 3.732051), 2: (2.36120627, 3.377552), 3: (3.32160346, 3.142916), 4: (4.39811541, 2.978065),
    5: (5.52558320, 2.856701), 6: (6.65621158, 2.763937), 7: (7.76567511, 2.690822), 8: (8.84735643, 2.631714),
    9: (9.90389457, 2.582904), 10: (10.94105435, 2.541874),
}  # fmt: skip


def formula(d: int, r: Fraction) -> Fraction:
    """As it is printed, in fractions."""
    above = (2**d * d + 2**d - 1) * r ** (d + 1) - (d + 1) * r**d + 1
    return above / ((2**d + d - 1) * r ** (d + 1) - (d + 1) * r**d + 2**d * d - d + 1)


def closed_ratio(fixed: int, active: int) -> float:
    k, n = fixed, active
    return (2 * (n + k) ** 2 + n * (n - 1)) / (2 * k * k + n * (2 * k + n + 1) + n * (n - 1))


@pytest.mark.parametrize("degree", TABLE)
def test_table(degree: int) -> None:
    value, growth = TABLE[degree]
    assert price_of_stability_polynomial(degree).value == pytest.approx(value, abs=6e-9)
    assert best_growth(degree) == pytest.approx(growth, abs=6e-7)


@pytest.mark.parametrize("degree", [1, 2, 5, 10, 40, 300])
def test_the_maximum_is_one(degree: int) -> None:
    """No other r does better, in exact fractions and on a fine grid of all r."""
    bound, r = price_of_stability_polynomial(degree), best_growth(degree)
    assert float(formula(degree, Fraction(r))) == pytest.approx(bound.value, rel=1e-14)
    for other in [*np.geomspace(1.0 + 1e-9, 50.0, 400), *(r * np.linspace(0.99, 1.01, 21))]:
        assert float(formula(degree, Fraction(float(other)))) <= bound.value * (1.0 + 1e-14)


def test_high_degrees() -> None:
    values = [price_of_stability_polynomial(d).value for d in (1, 2, 5, 10, 100, 1000, 10**6)]
    assert values == sorted(values)
    assert all(value <= d + 1 for value, d in zip(values, (1, 2, 5, 10, 100, 1000, 10**6), strict=True))
    assert values[-1] == pytest.approx(10**6 + 1, rel=1e-12)
    assert best_growth(10**6) == pytest.approx(2.0 * (10**6 + 1.0) ** 1e-6, rel=1e-9)


def test_polynomials_are_labelled() -> None:
    for degree in (1, 2, 50):
        bound = price_of_stability_polynomial(degree)
        assert not bound.tight
        assert "memory" in bound.remark
        assert bound.measure == "price of stability"


def test_affine() -> None:
    bound = price_of_stability_affine()
    assert bound.value == pytest.approx(1.577350269, abs=6e-10)
    assert bound.value == pytest.approx(price_of_stability_polynomial(1).value, rel=1e-14)
    assert best_growth(1) == pytest.approx(2.0 + math.sqrt(3.0), rel=1e-9)
    assert bound.measure == "price of stability"
    assert bound.tight


@pytest.mark.parametrize("size", [1, 3, 10])
def test_games_near_it_solved(size: int) -> None:
    bound = price_of_stability_affine()
    assert bound.approach is not None
    game = bound.approach(size)
    report = pg.price_of_anarchy(game)
    assert report.exact
    assert report.pos == pytest.approx(report.poa, rel=1e-12)  # the only equilibrium
    assert report.pos == pytest.approx(game.certified["pos"], rel=1e-12)
    assert report.pos < bound.value


def test_digits_of_the_games() -> None:
    digits = {(10, 27): 1.565059, (100, 273): 1.576130, (10_000, 27_321): 1.577338}
    for (fixed, active), wanted in digits.items():
        assert closed_ratio(fixed, active) == pytest.approx(wanted, abs=6e-7)
    for fixed, active in ((1, 3), (10, 27), (20, 55)):
        game = price_of_stability(fixed, active)
        assert game.certified["pos"] == pytest.approx(closed_ratio(fixed, active), rel=1e-6)
    # n = (1 + √3) k in the limit
    limit = closed_ratio(10**9, round((1 + math.sqrt(3)) * 10**9))
    assert limit == pytest.approx(price_of_stability_affine().value, rel=1e-9)


@pytest.mark.parametrize("bad", [0, -1, 1.5, float("nan"), float("inf"), True, "2", None])
def test_bad_input(bad: Any) -> None:
    with pytest.raises(InvalidInput, match="degree"):
        price_of_stability_polynomial(bad)
    approach = price_of_stability_affine().approach
    assert approach is not None
    with pytest.raises(InvalidInput):
        approach(bad)
