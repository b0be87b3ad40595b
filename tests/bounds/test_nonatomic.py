"""Bounds of nonatomic routing: published digits, the games that attain them solved, and independent evaluations."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, getcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar

import poagame as pg
from poagame.bounds.nonatomic import bpr, mm1, monomials, nonatomic_affine, nonatomic_polynomial
from poagame.bounds.record import PoaBound
from poagame.errors import InvalidInput
from poagame.games import instances
from poagame.games.network import NetworkRouting
from poagame.latency.log_periodic import LogPeriodic

# degree: price of anarchy, β, optimal load
POLYNOMIAL = {
    1: (1.333333333, 0.25, 0.5), 2: (1.625752385, 0.3849001795, 0.5773502692), 3: (1.895628204, 0.4724703937, 0.6299605249),
    4: (2.150501765, 0.5349922440, 0.6687403050), 5: (2.394383345, 0.5823559323, 0.6988271188),
    6: (2.629720505, 0.6197314512, 0.7230200264), 7: (2.858143220, 0.6501225015, 0.7429971446),
    8: (3.080804875, 0.6754094984, 0.7598356857), 9: (3.298558983, 0.6968373144, 0.7742636827),
    10: (3.512059287, 0.7152667656, 0.7867934422),
}  # fmt: skip
MM1 = {
    0.1: 1.027046, 0.25: 1.077350, 0.5: 1.207107, 0.75: 1.5, 0.8: 1.618034, 0.9: 2.081139, 0.95: 2.736068, 0.99: 5.5,
    0.999: 16.311388,
}  # fmt: skip
BPR = {
    0.5: 1.0049938, 1.0: 1.0750164, 1.5: 1.3002403, 2.0: 1.6067912, 3.0: 1.9774899, 5.0: 2.1247026, 10.0: 2.1488547,
    math.inf: 2.1505018,
}  # fmt: skip
FROM_ONE = {2: 1.035513, 3: 1.098206, 4: 1.167572, 5: 1.238595, 6: 1.309627, 7: 1.380022, 8: 1.449547}
FROM_TWO = {3: 1.014657, 4: 1.044977, 5: 1.081740, 6: 1.121470}


def assert_attained(bound: PoaBound, rtol: float = 1e-10) -> None:
    """The instance, solved by the library's solvers, has the value: equilibrium, optimum and their ratio."""
    game = bound.instance
    assert bound.tight
    assert bound.kind == "wardrop"
    assert game.certified["poa"] == pytest.approx(bound.value, rel=1e-12)
    selfish, best = pg.wardrop(game, rtol=1e-13), pg.social_optimum(game)
    assert selfish.certificate.holds
    assert selfish.social_cost / best.social_cost == pytest.approx(bound.value, rel=rtol)
    report = pg.price_of_anarchy(game, bound=bound, rtol=1e-13)
    assert report.poa_low * (1 - 1e-12) <= bound.value <= report.poa_high * (1 + 1e-12)
    assert report.poa == pytest.approx(bound.value, rel=rtol)


@pytest.mark.parametrize("game", [instances.braess(), instances.pigou(1)])
def test_affine(game: NetworkRouting) -> None:
    assert_attained(nonatomic_affine())
    assert pg.price_of_anarchy(game).poa == pytest.approx(nonatomic_affine().value, rel=1e-12)


@pytest.mark.parametrize("degree", POLYNOMIAL)
def test_polynomials(degree: int) -> None:
    value, beta, load = POLYNOMIAL[degree]
    bound = nonatomic_polynomial(degree)
    assert bound.value == pytest.approx(value, abs=5.1e-10)
    assert 1.0 - 1.0 / bound.value == pytest.approx(beta, abs=5.1e-11)
    assert bound.instance.certified["optimum_load"] == pytest.approx(load, abs=5.1e-11)
    assert pg.social_optimum(bound.instance).profile[1] == pytest.approx(load, rel=1e-6)
    assert_attained(bound)


@pytest.mark.parametrize(("degree", "value"), [(100, 18.32950), (1000, 126.95080), (10**6, 67497.3279)])
def test_high_degrees_lose_no_digits(degree: int, value: float) -> None:
    getcontext().prec = 60
    d = Decimal(degree)
    exact = 1 / (1 - d / (d + 1) * (-(d + 1).ln() / d).exp())
    bound = nonatomic_polynomial(degree)
    assert bound.value == pytest.approx(value, abs=5.1e-5 if degree == 10**6 else 5.1e-6)
    assert abs(Decimal(bound.value) / exact - 1) < Decimal("4e-16")
    assert_attained(bound, 1e-11)


@pytest.mark.parametrize("degree", [1.5, 2.718, 33, 1e4])
def test_degrees_that_are_not_whole(degree: float) -> None:
    assert_attained(nonatomic_polynomial(degree))


def test_polynomials_of_absurd_degree() -> None:
    # d / ln d in the limit
    assert nonatomic_polynomial(1e300).value == pytest.approx(1e300 / (math.log(1e300) + 1.0), rel=1e-12)


@pytest.mark.parametrize("utilisation", MM1)
def test_mm1(utilisation: float) -> None:
    bound = mm1(utilisation)
    assert bound.value == pytest.approx(MM1[utilisation], abs=5.1e-7)
    assert_attained(bound, 1e-9)


@pytest.mark.parametrize("load_ratio", BPR)
def test_bpr(load_ratio: float) -> None:
    bound = bpr(load_ratio)
    assert bound.value == pytest.approx(BPR[load_ratio], abs=5.1e-8)
    if load_ratio < math.inf:
        assert_attained(bound)


@pytest.mark.parametrize(("load_ratio", "b", "power"), [(1.0, 1.0, 4.0), (2.0, 0.5, 1.0), (0.7, 3.0, 12.5)])
def test_bpr_of_other_roads(load_ratio: float, b: float, power: float) -> None:
    bound = bpr(load_ratio, b, power)
    if b == 1.0:
        assert bound.value == pytest.approx(1.3651805, abs=5.1e-8)
    assert_attained(bound)


@pytest.mark.parametrize("power", [1.0, 4.0, 1000.0])
def test_bpr_without_a_limit_of_load(power: float) -> None:
    bound = bpr(math.inf, power=power)
    assert bound.value == nonatomic_polynomial(power).value
    assert bound.approach is not None
    for size in (10**4, 10**8):
        # to 1/α the limited load adds β/(1 + size)
        short = 1.0 / (1.0 / bound.value + (1.0 - 1.0 / bound.value) / (1.0 + size))
        found = pg.price_of_anarchy(bound.approach(size), rtol=1e-13).poa
        assert found == pytest.approx(short, rel=1e-9)
    assert bpr(1e200, power=power).value == bound.value
    assert bpr(1e200, power=power).instance is None


def monomial_oracle(low: float, high: float) -> float:
    """The worst pair of links x^s and (x/y)^d by two nested searches, without the closed form."""

    def ratio(log_y: float) -> float:
        y = math.exp(log_y)

        def surplus(x: float) -> float:
            return (low + 1.0) * x**low - (high + 1.0) * ((1.0 + y - x) / y) ** high

        x: Any = brentq(surplus, 0.0, 1.0 + y, xtol=1e-15)
        return (1.0 + y) / (x ** (low + 1.0) + ((1.0 + y - x) / y) ** high * (1.0 + y - x))

    return -float(minimize_scalar(lambda z: -ratio(z), bounds=(-9.0, 9.0), options={"xatol": 1e-9}).fun)


@pytest.mark.parametrize(
    ("low", "high", "value"),
    [*((1, d, v) for d, v in FROM_ONE.items()), *((2, d, v) for d, v in FROM_TWO.items())],
)
def test_monomials(low: int, high: int, value: float) -> None:
    bound = monomials(low, high)
    assert -5.1e-7 <= value - bound.value <= 7e-6  # the digits are of the best λ of a grid, which is never too small
    assert bound.value == pytest.approx(monomial_oracle(low, high), rel=1e-12)
    assert_attained(bound)


def test_monomials_to_their_digits() -> None:
    assert monomials(1, 2).value == pytest.approx(729 / 704, rel=1e-15)
    assert monomials(1, 2).value == pytest.approx(1.0355114, abs=5.1e-8)
    assert monomials(1, 4).value == pytest.approx(1.1675673, abs=1e-7)  # 1.16756738
    # two independent evaluations and the solved links say 1.0449757, and not 1.0449768
    assert monomials(2, 4).value == pytest.approx(1.0449757, abs=5.1e-8)


@pytest.mark.parametrize(
    ("low", "high"), [(0.5, 3.3), (0.2, 9.0), (1.0, 50.0), (30, 31), (3, 3), (0, 4), (2, 2.000001)]
)
def test_monomials_between_any_degrees(low: float, high: float) -> None:
    bound = monomials(low, high)
    assert_attained(bound, 1e-9)
    if low == 0:
        assert bound.value == nonatomic_polynomial(high).value
    elif low == high:
        assert bound.value == 1.0
    else:
        assert bound.value == pytest.approx(monomial_oracle(low, high), rel=1e-10)


@pytest.mark.parametrize(("low", "high"), [(1e-300, 1.0), (1e-200, 1.0), (1e-9, 3.0), (1e-3, 1e-2)])
def test_the_lowest_powers_are_nearly_constants(low: float, high: float) -> None:
    """The limit is the bound of constants."""
    bound = monomials(low, high)
    assert bound.tight == (low > 1e-300)
    if bound.tight:
        assert bound.instance.certified["poa"] == pytest.approx(bound.value, rel=1e-12)
    limit = 1.0 / instances.pigou(high).certified["optimum_cost"]
    assert bound.value <= limit * (1 + 1e-12)
    if low <= 1e-200:
        assert bound.value == pytest.approx(limit, rel=1e-12)
    with pytest.raises(InvalidInput, match="0 or at least 1e-300"):
        monomials(5e-324, high)


@pytest.mark.parametrize(
    "make",
    [
        lambda: bpr(math.inf, power=1e-3),
        lambda: bpr(math.inf, power=1e20),
        lambda: bpr(1e200, b=1e-300, power=1.0),
        lambda: monomials(1e150, 1e308),
        lambda: monomials(1e-300, 1e308),
    ],
)
def test_links_beyond_the_range_of_floats_are_not_built(make: Callable[[], PoaBound]) -> None:
    bound = make()
    assert (bound.tight, bound.instance, bound.approach) == (False, None, None)
    assert "beyond the range of floats" in bound.remark


@settings(max_examples=25)
@given(st.floats(0.3, 3.0), st.floats(0.1, 4.0), st.floats(-1.5, 1.5))
@example(1.0, 1.0, 0.0)
def test_no_smoothness_parameter_beats_the_bound_of_monomials(low: float, gap: float, shift: float) -> None:
    """Any λ gives a valid bound λ/(1 − max μ), with q on a grid and not only its ends; the least is the value."""
    bound = monomials(low, low + gap).value
    q = np.linspace(low, low + gap, 301)
    lam = math.exp(shift) / (q.mean() + 1.0)
    mu = (q / (q + 1.0) * (lam * (q + 1.0)) ** (-1.0 / q)).max()
    assert mu >= 1.0 or lam / (1.0 - mu) >= bound * (1.0 - 1e-12)


@pytest.mark.parametrize("make", [lambda: nonatomic_polynomial(2), lambda: monomials(1, 3)])
def test_networks_stay_below_the_bounds(make: Callable[[], PoaBound]) -> None:
    bound, rng = make(), np.random.default_rng(5)
    lowest = 1 if bound.name == "monomials" else 0
    for _ in range(15):
        coefficients = np.zeros((5, 4))
        coefficients[:, lowest : lowest + 3] = rng.exponential(size=(5, 3)) * (rng.random((5, 3)) < 0.6)
        coefficients[:, lowest] += 1e-3
        braess = instances.braess()
        latency = pg.latency.Polynomial(coefficients)
        game = NetworkRouting(latency, braess.tail, braess.head, [0], [3], [float(rng.uniform(0.2, 3.0))])
        assert pg.price_of_anarchy(game).poa <= bound.value * (1 + 1e-9)


# log-periodic links over a period of demand: degree, phases of the links beside the plain one, least and largest ratio seen
UNSETTLED = [
    (1, (0.0,), 1.000008, 1.030911),
    (1, (0.0, math.pi), 1.001955, 1.0605),
    (1, (0.0, 2 * math.pi / 3, 4 * math.pi / 3), 1.006415, 1.068510),
    (2, (0.0,), None, 1.00877),
    (2, (0.0, 2 * math.pi / 3), 1.00026, 1.02038),
    (2, (0.0, 2 * math.pi / 3, 4 * math.pi / 3), 1.00353, 1.01745),
]


@pytest.mark.parametrize(("degree", "phases", "low", "high"), UNSETTLED)
def test_one_period_of_unsettled_links(degree: int, phases: tuple[float, ...], low: float | None, high: float) -> None:
    """The published extremes lie between those of 33 and those of 257 demands (which of the scans they are from is not said)."""
    game = NetworkRouting.parallel(LogPeriodic(float(degree), [0.0] + [0.5] * len(phases), [0.0, *phases]), 1.0)
    coarse, fine = (pg.anarchy_curve(game, np.exp(np.linspace(0.0, 2.0 * np.pi, n))).poa for n in (33, 257))
    assert coarse.max() - 5e-6 <= high <= fine.max() + 5e-6
    assert low is None or fine.min() - 8e-6 <= low <= coarse.min() + 5e-6
    if (degree, len(phases)) == (1, 1):
        assert (coarse.min(), coarse.max()) == pytest.approx((low, high), abs=5.1e-7)


@pytest.mark.parametrize("bad", [0, -1.0, math.nan, math.inf, "2", None, True, [1.0], 10**400, np.array([2.0, 3.0])])
@pytest.mark.parametrize(
    "bound",
    [nonatomic_polynomial, mm1, lambda v: bpr(1.0, v), lambda v: bpr(1.0, 0.15, v), lambda v: monomials(0.1, v)],
)
def test_bad_numbers_are_refused(bound: Callable[[Any], PoaBound], bad: Any) -> None:
    with pytest.raises(InvalidInput, match="positive"):
        bound(bad)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nonatomic_polynomial(0.5), "at least 1"),
        (lambda: mm1(1.0), "below 1"),
        (lambda: mm1(1.5), "below 1"),
        (lambda: bpr(0.0), "load_ratio"),
        (lambda: bpr(math.nan), "load_ratio"),
        (lambda: bpr(np.array([2, 3])), "load_ratio"),  # pyright: ignore[reportArgumentType]
        (lambda: bpr(10**400), "load_ratio"),
        (lambda: monomials(np.array([0, 0]), 2), "low"),  # pyright: ignore[reportArgumentType]
        (lambda: monomials(3, 2), "low must be at most high"),
        (lambda: monomials(-1, 2), "low"),
        (lambda: monomials(False, 2), "low"),
    ],
)
def test_bad_combinations_are_refused(make: Callable[[], PoaBound], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()
