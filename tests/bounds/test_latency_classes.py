"""Bounds of one latency against closed forms, and against games that attain them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from poagame.bounds import anarchy_value, robust_poa
from poagame.errors import InvalidInput
from poagame.latency import BPR, MM1, Polynomial, Saturating, Tabulated


def monomial(degree: int) -> Polynomial:
    return Polynomial([[0.0] * degree + [1.0]])


@pytest.mark.parametrize("degree", range(1, 11))
def test_anarchy_value_of_polynomials(degree: int) -> None:
    """Roughgarden 2003: [1 − d (d+1)^{−(d+1)/d}]⁻¹."""
    closed = 1 / (1 - degree * (degree + 1) ** (-(degree + 1) / degree))
    assert anarchy_value(monomial(degree), 2.0).value == pytest.approx(closed, rel=1e-9)


@pytest.mark.parametrize("utilisation", [0.1, 0.5, 0.75, 0.8, 0.9, 0.99])
def test_anarchy_value_of_mm1(utilisation: float) -> None:
    """Roughgarden 2003: (1 + (1 − ρ)^{−1/2}) / 2; 0.8 gives the golden ratio."""
    assert anarchy_value(MM1(2.0), 2 * utilisation).value == pytest.approx(
        (1 + (1 - utilisation) ** -0.5) / 2, rel=1e-8
    )


@pytest.mark.parametrize(("load", "value"), [(0.5, 1.0049938), (1.0, 1.0750164), (2.0, 1.6067912), (10.0, 2.1488547)])
def test_anarchy_value_of_bpr(load: float, value: float) -> None:
    assert anarchy_value(BPR(3.0, 2.0, 0.15, 4.0), 2 * load).value == pytest.approx(value, rel=1e-7)


@pytest.mark.parametrize("latency", [Saturating(6.5, 0.03, 2.0, 150.0), Tabulated([0.0, 4.0, 9.0], [1.0, 1.5, 4.0])])
def test_two_links_attain_the_anarchy_value(latency: Saturating) -> None:
    """The Pigou pair {ℓ, constant ℓ(r)} at the worst r, optimised without the formula."""

    def ratio(r: float) -> float:
        top = float(latency(r)[0])
        split = minimize_scalar(
            lambda x: x * float(latency(x)[0]) + (r - x) * top,
            bounds=(0, r),
            method="bounded",
            options={"xatol": 1e-11},
        )
        return r * top / min(float(split.fun), r * top)

    reached = max(ratio(r) for r in np.linspace(1.0, 9.0, 801))
    value = anarchy_value(latency, 9.0).value
    assert value >= reached - 1e-9
    assert value == pytest.approx(reached, rel=2e-4)


@pytest.mark.parametrize(
    ("degree", "value"),
    [(1, 5 / 2), (2, 115 / 12), (3, 1163 / 28), (4, 110269 / 412), (5, 1916179 / 1266), (6, 32936989 / 2668)],
)
def test_robust_poa_of_polynomials(degree: int, value: float) -> None:
    """Aland et al. 2011, exact values."""
    assert robust_poa(monomial(degree), 20).value == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(("players", "value"), [(1, 1.0), (2, 2.0), (3, 2.5), (10, 2.5), (128, 2.5)])
def test_robust_poa_of_few_players(players: int, value: float) -> None:
    assert robust_poa(monomial(1), players).value == pytest.approx(value, rel=1e-9)


def test_constant_latency_costs_nothing() -> None:
    assert robust_poa(Polynomial([[2.0]]), 50).value == pytest.approx(1.0)
    assert anarchy_value(Polynomial([[2.0]]), 50.0).value == pytest.approx(1.0)


def test_beyond_capacity_there_is_no_bound() -> None:
    assert math.isinf(robust_poa(Saturating(1.0, 0.1, 1.0, 10.0), 10).value)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidInput, match="below capacity"):
        anarchy_value(MM1(2.0), 2.0)
    with pytest.raises(InvalidInput, match="positive and finite"):
        anarchy_value(MM1(2.0), -1.0)
    with pytest.raises(InvalidInput, match="one resource"):
        robust_poa(MM1([2.0, 3.0]), 4)
    with pytest.raises(InvalidInput, match="players"):
        robust_poa(MM1(2.0), 0)
