"""The exponent of growth against SciPy's regression, on power laws and on noise of known spread; bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress, t

from poagame.anarchy.growth import growth_exponent
from poagame.errors import InvalidInput

SIZES = [2.0, 4.0, 8.0, 16.0, 32.0]


@given(st.floats(-3, 3), st.floats(0.1, 10))
def test_power_laws_are_found_exactly(exponent: float, factor: float) -> None:
    found = growth_exponent(SIZES, factor * np.array(SIZES) ** exponent)
    assert found == pytest.approx((exponent,) * 3, abs=1e-9)


@given(st.lists(st.floats(0.01, 100), min_size=5, max_size=5), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_is_that_of_scipy(ratios: list[float], level: float) -> None:
    found = growth_exponent(SIZES, ratios, level)
    fit: Any = linregress(np.log(SIZES), np.log(ratios))
    half = 0.0 if np.ptp(ratios) == 0 else t.ppf(0.5 + level / 2, 3) * fit.stderr
    assert found.exponent == pytest.approx(fit.slope, rel=1e-9, abs=1e-12)
    assert found.high - found.exponent == pytest.approx(half, rel=1e-6, abs=1e-7)
    assert found.exponent - found.low == pytest.approx(half, rel=1e-6, abs=1e-7)


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    sizes = np.geomspace(10, 1000, 8)
    hits = 0
    for _ in range(2000):
        found = growth_exponent(sizes, sizes**0.5 * np.exp(rng.normal(0, 0.2, 8)), 0.8)
        hits += found.low <= 0.5 <= found.high
    assert hits / 2000 == pytest.approx(0.8, abs=0.03)


def test_what_does_not_grow() -> None:
    assert growth_exponent([1, 2, 3], [1, 1, 1]) == (0.0, 0.0, 0.0)
    assert str(growth_exponent([1, 10, 100], [1, 10, 100])) == "1.000 (1.000 to 1.000)"


BAD: list[tuple[Any, Any, Any, str]] = [
    ([1, 2], [1, 2], 0.95, "at least 3"),
    ([1, 2, 3], [1, 2], 0.95, "one length"),
    ([[1, 2, 3]], [[1, 2, 3]], 0.95, "two lists"),
    ([1, 2, 0], [1, 2, 3], 0.95, "must be positive"),
    ([1, 2, 3], [1, -2, 3], 0.95, "must be positive"),
    ([1, 2, 3], [1, np.nan, 3], 0.95, "ratios must be finite"),
    ([1, 2, np.inf], [1, 2, 3], 0.95, "sizes must be finite"),
    (["a", "b", "c"], [1, 2, 3], 0.95, "sizes must be an array of numbers"),
    ([4, 4, 4], [1, 2, 3], 0.95, "all the same"),
    ([1, 2, 3], [1, 2, 3], 1.0, "level must be below 1"),
    ([1, 2, 3], [1, 2, 3], 0.0, "level must be positive"),
    ([1, 2, 3], [1, 2, 3], "95 %", "level must be positive"),
]


@pytest.mark.parametrize(("sizes", "ratios", "level", "message"), BAD)
def test_bad_input(sizes: Any, ratios: Any, level: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        growth_exponent(sizes, ratios, level)
