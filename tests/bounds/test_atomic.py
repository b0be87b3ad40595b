"""Bounds of atomic congestion games: published digits, the games that attain them solved, and the proofs checked."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest

import poagame as pg
from poagame.bounds.atomic import (
    atomic_affine,
    atomic_polynomial,
    atomic_polynomial_players,
    symmetric_affine,
    weighted_polynomial,
)
from poagame.bounds.record import PoaBound
from poagame.certificates import certify_nash
from poagame.errors import InvalidInput, TooLarge
from poagame.games.instances._golden import floor_golden

FRACTIONS = {1: (5, 2), 2: (115, 12), 3: (1163, 28), 4: (110269, 412), 5: (1916179, 1266), 6: (32936989, 2668)}
UNWEIGHTED = {
    1: 2.5, 2: 9.58333333333, 3: 41.5357142857, 4: 267.643203883, 5: 1513.56951027, 6: 12345.1982759, 7: 98733.6948117,
    8: 802602.543399, 9: 10540285.9806, 10: 88562706.0538,
}  # fmt: skip
WEIGHTED = {
    1: 2.61803398875, 2: 9.90926833899, 3: 47.8186337840, 4: 276.992792629, 5: 1858.28236642, 6: 14098.7796865,
    7: 118926.345838, 8: 1101126.07140, 9: 11079428.9598, 10: 120180802.658,
}  # fmt: skip
SYMMETRIC = {2: 1.6, 3: 1.857142857, 4: 2.0, 5: 2.090909091}


def gamma(degree: int) -> Fraction:
    """The formula in whole numbers, its k by trial."""
    d, k = degree, 1
    while (k + 2) ** d >= (k + 1) ** (d + 1):
        k += 1
    return Fraction(
        (k + 1) ** (2 * d + 1) - k ** (d + 1) * (k + 2) ** d,
        (k + 1) ** (d + 1) - (k + 2) ** d + (k + 1) ** d - k ** (d + 1),
    )


def log10(number: Fraction) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        return Decimal(number.numerator).log10() - Decimal(number.denominator).log10()


def assert_attained(bound: PoaBound) -> None:
    report = pg.price_of_anarchy(bound.instance, bound=bound)
    assert bound.tight
    assert report.exact
    assert report.worst.certificate.holds
    assert report.poa == pytest.approx(bound.value, rel=1e-12)


def test_affine() -> None:
    bound = atomic_affine()
    assert bound.value == atomic_polynomial(1).value == 2.5
    assert_attained(bound)


@pytest.mark.parametrize("degree", UNWEIGHTED)
def test_polynomials(degree: int) -> None:
    bound = atomic_polynomial(degree)
    assert bound.value == pytest.approx(UNWEIGHTED[degree], rel=5e-12)
    if degree in FRACTIONS:
        assert gamma(degree) == Fraction(*FRACTIONS[degree])
    game = bound.instance
    n = game.num_players
    assert n == floor_golden(degree) + 2
    assert certify_nash(game, [1] * n).holds
    assert game.social_cost([1] * n) / game.social_cost([0] * n) == pytest.approx(bound.value, rel=1e-13)
    if degree <= 6:
        assert_attained(bound)


@pytest.mark.parametrize("degree", [*range(1, 60), 100, 103, 150, 183])
def test_values_are_the_formula_rounded_once(degree: int) -> None:
    bound = atomic_polynomial(degree)
    assert bound.value == float(gamma(degree))
    assert bound.log10_value == float(log10(gamma(degree)))
    assert bound.tight == (degree <= 103)


@pytest.mark.parametrize("degree", [184, 1000, 5000])
def test_values_beyond_floats(degree: int) -> None:
    bound = atomic_polynomial(degree)
    assert bound.value == math.inf
    assert bound.log10_value == float(log10(gamma(degree)))
    assert not bound.tight
    assert bound.instance is None
    assert "tight" in bound.remark


def test_a_degree_of_a_million() -> None:
    unweighted, weighted = atomic_polynomial(10**6), weighted_polynomial(10**6)
    # in floats, all by logarithms
    d, low, high = 10**6, 1.0, 1e6
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if d * math.log1p(1 / middle) > math.log(middle) else (low, middle)
    assert weighted.log10_value == pytest.approx((d + 1) * math.log10(low), abs=1e-7)
    top = math.floor(low) + 1.0
    above = top - (top - 1) * math.exp(d * math.log1p(-1 / top**2))
    below = (top - math.exp(d * math.log1p(1 / top))) + (1 - (top - 1) * math.exp(d * math.log1p(-1 / top)))
    wanted = d * math.log10(top) + math.log10(above) - math.log10(below)
    assert unweighted.log10_value == pytest.approx(wanted, abs=1e-7)
    assert unweighted.log10_value < weighted.log10_value
    assert unweighted.digits().endswith("e+4943731")


@pytest.mark.parametrize("degree", [100, 103])
def test_high_degrees_by_their_certificates(degree: int) -> None:
    bound = atomic_polynomial(degree)
    game = bound.instance
    n = game.num_players
    assert certify_nash(game, [1] * n).holds
    assert game.social_cost([1] * n) / game.social_cost([0] * n) == pytest.approx(bound.value, rel=1e-12)


@pytest.mark.parametrize(
    ("degree", "players"), [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (2, 4), (4, 2), (4, 3), (4, 4), (4, 5)]
)
def test_few_players_solved(degree: int, players: int) -> None:
    bound = atomic_polynomial_players(degree, players)
    assert bound.instance.num_players <= players
    assert_attained(bound)


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5, 6])
def test_players_by_the_linear_programme(degree: int) -> None:
    basis = [lambda x, power=power: float(x) ** power for power in range(degree + 1)]
    for players in range(1, floor_golden(degree) + 4):
        wanted = pg.bounds.tight_poa(basis, players).value
        assert atomic_polynomial_players(degree, players).value == pytest.approx(wanted, rel=1e-8)


@pytest.mark.parametrize("degree", [*range(1, 40), 100])
def test_the_bound_of_few_players_is_the_smaller_one(degree: int) -> None:
    k, limit = floor_golden(degree), gamma(degree)
    assert (k + 1) ** degree <= limit < (k + 2) ** degree
    for n in range(1, k + 4):
        assert atomic_polynomial_players(degree, n).value == float(min(n**degree, limit))


def test_few_players_of_any_degree() -> None:
    assert atomic_polynomial_players(380, 2).value == 2.0**380
    assert atomic_polynomial_players(380, 2).tight
    huge = atomic_polynomial_players(10**6, 10)
    assert (huge.value, huge.log10_value, huge.tight) == (math.inf, 10**6, False)
    assert atomic_polynomial_players(10**6, 10**7).log10_value == atomic_polynomial(10**6).log10_value


@pytest.mark.parametrize("degree", WEIGHTED)
def test_weighted(degree: int) -> None:
    bound = weighted_polynomial(degree)
    assert bound.value == pytest.approx(WEIGHTED[degree], rel=5e-12)
    assert bound.value >= atomic_polynomial(degree).value
    game = bound.instance
    n = game.num_players
    assert certify_nash(game, [1] * n).holds
    assert game.social_cost([1] * n) / game.social_cost([0] * n) == pytest.approx(bound.value, rel=1e-12)
    if degree <= 3:
        assert_attained(bound)


@pytest.mark.parametrize(("degree", "players"), [(1, 12), (2, 8), (3, 6)])
def test_chains_of_weighted_players(degree: int, players: int) -> None:
    bound = weighted_polynomial(degree)
    assert bound.approach is not None
    ratios = [pg.price_of_anarchy(bound.approach(n)).poa for n in (2, players // 2, players)]
    assert ratios == sorted(ratios)
    assert ratios[-1] == pytest.approx(players / ((players - 1) / bound.value + 1.0), rel=1e-11)
    assert ratios[-1] < bound.value


def test_weighted_players_of_high_degree() -> None:
    bound = weighted_polynomial(100)
    assert bound.value == pytest.approx(8.591006791689024e147, rel=1e-12)
    assert not bound.tight
    assert bound.instance is None


@pytest.mark.parametrize("players", SYMMETRIC)
def test_symmetric(players: int) -> None:
    bound = symmetric_affine(players)
    assert bound.value == pytest.approx(SYMMETRIC[players], abs=6e-10)
    assert_attained(bound)


def test_symmetric_by_smoothness() -> None:
    """The inequality of the docstring, in fractions, on all loads that can occur; two pairs of loads make it tight."""
    for n in range(1, 30):
        lam, mu = Fraction(5, 3) - Fraction(2, 3 * n), Fraction(1, 3) - Fraction(1, 3 * n)
        assert lam >= 1
        slack = {
            (u, v): lam * v * v + mu * u * u - v * (u + 1 - Fraction(u, n)) for u in range(n + 1) for v in range(n + 1)
        }
        assert min(slack.values()) == 0
        if n > 1:
            assert slack[1, 1] == slack[2, 1] == 0
        assert symmetric_affine(n).value == float(lam / (1 - mu))


@pytest.mark.parametrize("players", [2, 3])
def test_symmetric_games_are_no_worse_in_coarse_correlated_equilibrium(players: int) -> None:
    bound = symmetric_affine(players)
    report = pg.price_of_anarchy(bound.instance, concept="cce")
    assert report.poa == pytest.approx(bound.value, rel=1e-7)


def test_symmetric_games_too_large_to_build() -> None:
    assert symmetric_affine(119).tight
    large = symmetric_affine(120)
    assert (large.tight, large.instance) == (False, None)
    assert "too many players" in large.remark
    assert symmetric_affine(400).value == 1998 / 801
    with pytest.raises(TooLarge, match="240 actions"):  # before it is built
        pg.instances.symmetric_affine(120)
    assert pg.instances.symmetric_affine(30).incidence.size == 60 * (
        900 + 30 * 29 * 14
    )  # what is counted before is what is built


@pytest.mark.parametrize("bound", [atomic_polynomial, weighted_polynomial, lambda d: atomic_polynomial_players(d, 5)])
def test_absurd_degrees(bound: Any) -> None:
    largest = bound(10**18)
    assert largest.log10_value > 1e17
    assert largest.digits().startswith("10^")
    for degree in (10**18 + 1, 10**400, 10**5000):
        with pytest.raises(InvalidInput, match=r"degree must be at most 10\^18"):
            bound(degree)


def test_symmetric_tends_to_the_affine_bound() -> None:
    assert symmetric_affine(1).value == symmetric_affine(1).instance.certified["poa"] == 1.0
    assert symmetric_affine(10**9).value == pytest.approx(2.5, abs=1e-8)
    assert symmetric_affine(10**9).value < 2.5


@pytest.mark.parametrize("bad", [0, -1, 1.5, float("nan"), float("inf"), True, "2", None])
def test_bad_input(bad: Any) -> None:
    for bound in (
        atomic_polynomial,
        weighted_polynomial,
        symmetric_affine,
        lambda value: atomic_polynomial_players(value, 2),
        lambda value: atomic_polynomial_players(2, value),
    ):
        with pytest.raises(InvalidInput):
            bound(bad)


def test_names_and_kinds() -> None:
    for function, arguments in (
        (atomic_affine, ()),
        (atomic_polynomial, (3,)),
        (atomic_polynomial_players, (3, 2)),
        (weighted_polynomial, (3,)),
        (symmetric_affine, (3,)),
    ):
        bound = function(*arguments)
        assert bound.name == function.__name__
        assert all(bound.covers(concept) for concept in ("pure", "mixed", "correlated", "cce"))
        assert not bound.covers("wardrop")
