"""The linear programme against closed forms, an independent programme over all triplets, and the games that it rebuilds, solved."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

import poagame as pg
from poagame.bounds import TightPoa, Witness, tight_poa
from poagame.bounds.tight.rational import exact_optimum
from poagame.errors import InvalidInput, TooLarge
from poagame.latency import Polynomial, Saturating, Tabulated
from poagame.testing import LawBroken, assert_smooth, congestion_games

GAMMA = {
    1: Fraction(5, 2),
    2: Fraction(115, 12),
    3: Fraction(1163, 28),
    4: Fraction(110269, 412),
    5: Fraction(1916179, 1266),
    6: Fraction(32936989, 2668),
}


def monomials(degree: int) -> list[Any]:
    return [lambda x, k=k: x**k for k in range(degree + 1)]


def all_triplets(table: np.ndarray, perceived: np.ndarray) -> float:
    """The programme as it is stated: every (a, x, b), by another interface to a solver, without any reduction or scaling."""
    m, n = table.shape
    b, f = (np.pad(t, ((0, 0), (1, 1))) for t in (table, perceived))
    rows, right = [], []
    for j, a, x, o in product(range(m), range(n + 1), range(n + 1), range(n + 1)):
        if 1 <= a + x + o <= n:
            rows.append([(a + x) * b[j, a + x], -(a * f[j, a + x] - o * f[j, a + x + 1])])
            right.append((o + x) * b[j, o + x])
    solved = linprog([-1.0, 0.0], A_ub=rows, b_ub=right, bounds=[(0, None), (0, None)], method="highs-ds")
    return 1.0 / solved.x[0]


def solve(bound: TightPoa) -> pg.AnarchyReport:
    report = pg.price_of_anarchy(bound.instance, bound=bound)
    assert report.exact
    assert report.worst.certificate.holds
    return report


def certify_rebuilt(bound: TightPoa, rtol: float = 1e-9) -> None:
    """Of a game that is too large to solve: the equilibrium holds, and costs as much more than the other profile as claimed."""
    game = bound.instance
    ones, zeros = np.ones(game.num_players, int), np.zeros(game.num_players, int)
    assert pg.certify_nash(game, ones).holds
    assert game.social_cost(ones) / game.social_cost(zeros) == pytest.approx(bound.value, rel=rtol)


@pytest.mark.parametrize("degree", range(1, 7))
@pytest.mark.parametrize("players", [2, 3, 4, 5, 6, 20, 40])
def test_polynomials_of_finitely_many_players(degree: int, players: int) -> None:
    """n^d for n ≤ k + 1 players and γ(d) from k + 2 on, k = ⌊Φ_d⌋."""
    bound = tight_poa(monomials(degree), players)
    k = max(k for k in range(1, 10) if (k + 1) ** degree >= k ** (degree + 1))
    wanted = Fraction(players**degree) if players <= k + 1 else GAMMA[degree]
    assert bound.value == pytest.approx(float(wanted), rel=1e-13)
    assert bound.rational() == wanted
    assert bound.tight
    assert bound.gap < 1e-13
    certify_rebuilt(bound)


@pytest.mark.parametrize(
    ("degree", "players"), [(1, 2), (1, 3), (1, 5), (1, 8), (2, 3), (2, 4), (2, 5), (3, 4), (4, 5), (6, 5)]
)
def test_the_rebuilt_game_is_solved(degree: int, players: int) -> None:
    bound = tight_poa(monomials(degree), players)
    assert isinstance(bound.instance, pg.CongestionGame)
    assert solve(bound).poa == pytest.approx(bound.value, rel=1e-9)
    assert bound.instance.certified["poa"] == pytest.approx(bound.value, rel=1e-12)


def test_no_digits_are_lost_at_two_hundred_players() -> None:
    bound = tight_poa(monomials(6), 200)
    assert bound.value == pytest.approx(float(GAMMA[6]), rel=1e-14)
    certify_rebuilt(bound)


@pytest.mark.parametrize("degree", [12, 20])
def test_exact_fractions_where_floats_are_large(degree: int) -> None:
    """Whole numbers beyond 2^53 enter as they are: the value is Aland's formula, whose digits are whole numbers too."""
    k = max(k for k in range(1, 30) if (k + 1) ** degree >= k ** (degree + 1))
    above = (k + 1) ** (2 * degree + 1) - k ** (degree + 1) * (k + 2) ** degree
    below = (k + 1) ** (degree + 1) - (k + 2) ** degree + (k + 1) ** degree - k ** (degree + 1)
    bound = tight_poa(lambda x: x**degree, 40)
    assert bound.rational() == Fraction(above, below)
    assert bound.value == pytest.approx(above / below, rel=1e-12)


def test_the_exact_method_finds_its_own_way() -> None:
    """From any start: rows that are not those of the answer are left for the ones that are violated."""
    affine = [[Fraction(k) for k in range(1, 9)]]
    for start in (
        [Witness(0, 0, 1, 0, 1.0)],
        [Witness(0, 5, 0, 3, 1.0)],
        [Witness(0, 1, 0, 0, 1.0), Witness(0, 0, 0, 1, 1.0)],
    ):
        assert exact_optimum(affine, affine, start) == Fraction(5, 2)


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.lists(st.lists(st.integers(0, 9), min_size=n, max_size=n).map(sorted), min_size=1, max_size=3)
    )
)
def test_any_basis_against_the_programme_as_stated(rows: list[list[int]]) -> None:
    table = np.array(rows, dtype=float)
    n = table.shape[1]
    if not table.any():
        with pytest.raises(InvalidInput, match="no ratio is defined"):
            tight_poa(rows, n)
        return
    if (table.any(axis=1) & (table[:, 0] == 0)).any():
        assert math.isinf(tight_poa(rows, n).value)
        return
    bound = tight_poa(rows, n)
    assert bound.value == pytest.approx(all_triplets(table, table), rel=1e-7)
    assert float(bound.rational()) == pytest.approx(bound.value, rel=1e-12)
    certify_rebuilt(bound)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=5), st.data())
def test_decreasing_latencies_and_any_tolls(values: list[int], data: st.DataObject) -> None:
    """Neither needs to rise with the load; then both ends of x count, and the worst game is one of tables."""
    n = len(values)
    tolls = data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    bound = tight_poa(values, n, tolls)
    perceived = np.array([values], float) + tolls
    assert bound.value == pytest.approx(all_triplets(np.array([values], float), perceived), rel=1e-7)
    report = solve(bound)
    assert report.poa == pytest.approx(bound.value, rel=1e-8)


@given(congestion_games(max_players=3, families=("affine", "polynomial")))
def test_no_game_is_worse(game: pg.CongestionGame) -> None:
    """The bound of a game's own latencies, over the pairs of equilibrium and optimum that it has."""
    loads = np.arange(1.0, game.num_players + 1)[:, None]
    table = np.asarray(game.latencies[0](loads)).T
    if not (table > 0).all():
        table = table + 1.0
        game = pg.CongestionGame(game.latencies[0] + 1.0, game.actions)
    report = pg.price_of_anarchy(game)
    assert report.poa <= tight_poa(table, game.num_players).value * (1 + 1e-9)


def test_smoothness_of_the_programme_is_smoothness_of_games() -> None:
    bound = tight_poa(monomials(1), 3)
    lam, mu = bound.smoothness.lam, bound.smoothness.mu
    assert (lam, mu) == (pytest.approx(5 / 3), pytest.approx(1 / 3))
    assert_smooth(bound.instance, lam, mu)
    with pytest.raises(LawBroken):
        assert_smooth(bound.instance, lam - 1e-3, mu)
    with pytest.raises(LawBroken):
        assert_smooth(bound.instance, lam, mu - 1e-3)


def test_coarse_correlated_equilibria_are_covered() -> None:
    bound = tight_poa(monomials(2), 3)
    report = pg.price_of_anarchy(bound.instance, concept="cce")
    assert report.poa == pytest.approx(bound.value, rel=1e-6)
    assert bound.covers("cce")


@pytest.mark.parametrize(
    "latency",
    [Saturating(6.5, 0.03, 2.0, 150.0), Tabulated([0.0, 4.0, 9.0], [1.0, 1.5, 4.0]), Polynomial([[1.0, 0.0, 2.0]])],
)
def test_a_latency_is_a_basis(latency: Any) -> None:
    bound = tight_poa(latency, 8)
    table = np.asarray(latency(np.arange(1.0, 9.0)[:, None])).T
    assert bound.value == pytest.approx(all_triplets(table, table), rel=1e-9)
    assert solve(bound).poa == pytest.approx(bound.value, rel=1e-9)


def test_resources_of_a_latency_are_members() -> None:
    both = tight_poa(Polynomial([[1.0, 0.0], [0.0, 1.0]]), 5)
    assert both.basis.shape == (2, 5)
    assert both.value == pytest.approx(2.5, rel=1e-12)
    assert both.value == tight_poa([Polynomial([1.0, 0.0]), Polynomial([0.0, 1.0])], 5).value


def test_one_player_and_constants_lose_nothing() -> None:
    assert tight_poa(lambda x: x, 1).value == 1.0
    assert tight_poa(lambda x: 2.0, 50).value == pytest.approx(1.0, rel=1e-12)
    for rule in ("optimal", "constant", "marginal_cost"):
        assert tight_poa(lambda x: 2.0, 6, rule).value == pytest.approx(1.0, rel=1e-12)
        assert tight_poa(lambda x: x, 1, rule).value == pytest.approx(1.0, rel=1e-12)
    certify_rebuilt(tight_poa(lambda x: x, 1))


@pytest.mark.parametrize("scale", [1e-120, 1e-12, 1e12, 1e120])
def test_no_unit_is_preferred(scale: float) -> None:
    bound = tight_poa([[scale * k**2 for k in range(1, 9)]], 8)
    assert bound.value == pytest.approx(115 / 12, rel=1e-12)
    certify_rebuilt(bound)


def test_no_bound() -> None:
    beyond = tight_poa(Saturating(1.0, 0.1, 1.0, 10.0), 10)
    assert math.isinf(beyond.value)
    assert "infinite at a load" in beyond.remark
    free = tight_poa([0, 1, 2], 3)
    assert math.isinf(free.value)
    assert "costs nothing" in free.remark
    for bound in (beyond, free):
        assert bound.instance is None
        assert not bound.tight
        with pytest.raises(InvalidInput, match="exact fractions"):
            bound.rational()
        with pytest.raises(InvalidInput, match="finite values"):
            _ = bound.smoothness


@pytest.mark.parametrize(
    ("basis", "players", "tolls", "message"),
    [
        (lambda x: x, 0, None, "players must be at least 1"),
        (lambda x: x, 2.5, None, "whole number"),
        (lambda x: x, True, None, "whole number"),
        (lambda x: x, math.nan, None, "whole number"),
        (lambda x: -x, 3, None, "nonnegative"),
        (lambda x: math.nan, 3, None, "nonnegative"),
        (lambda x: "a", 3, None, "no number"),
        (lambda x: 1 / 0, 3, None, "answered with ZeroDivisionError"),
        ([True, False, True], 3, None, "no number"),
        (np.array([True, True, True]), 3, None, "no number"),
        (["1", "2", "3"], 3, None, "no number"),
        ({1, 2, 3}, 3, None, "basis is a latency"),
        ({1: 1.0}, 1, None, "basis is a latency"),
        ([], 3, None, "at least one latency"),
        ([1, 2], 3, None, "has 2 values"),
        ([[1, 2, 3], [1, 2]], 3, None, "basis 1 has 2 values"),
        ("affine", 3, None, "basis is a latency"),
        (3.0, 3, None, "basis is a latency"),
        ([0, 0, 0], 3, None, "no ratio is defined"),
        ([1e299, 1e299, 1e299], 3, None, None),
        ([1e300, 1e300, 1e300], 3, None, "below 1e300"),
        (lambda x: 10**400, 3, None, "range of floats"),
        ([1, 2, 3], 3, "optimum", "tolls is None, 'optimal'"),
        ([1, 2, 3], 3, [1, 2], r"tolls must be a table \[m, n\] = \(1, 3\)"),
        ([1, 2, 3], 3, [1, 2, math.inf], "finite"),
    ],
)  # fmt: skip
def test_bad_input(basis: Any, players: Any, tolls: Any, message: str | None) -> None:
    if message is None:
        assert tight_poa(basis, players, tolls).value == pytest.approx(1.0)
        return
    with pytest.raises(InvalidInput, match=message):
        tight_poa(basis, players, tolls)


def test_too_many_players() -> None:
    with pytest.raises(TooLarge, match="limit is 2000"):
        tight_poa(lambda x: x, 2001)
    with pytest.raises(TooLarge, match="8,008,002 rows"):
        tight_poa([lambda x: 1, lambda x: x], 2000)


def test_numbers_of_every_kind() -> None:
    kinds = (
        [1, 2, 3],
        [Fraction(1), Fraction(2), 3],
        [Decimal(1), Decimal(2), 3.0],
        np.array([1, 2, 3]),
        np.float32([1, 2, 3]),
    )
    assert {tight_poa(values, 3).rational() for values in kinds} == {Fraction(5, 2)}
