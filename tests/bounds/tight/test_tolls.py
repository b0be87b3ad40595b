"""Tolls: the tables of Paccagnan et al. 2021, the games behind them solved, and the tolls put to work on games."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

import poagame as pg
from poagame.bounds import tight_poa
from poagame.games.shared_resources import SharedResources
from tests.bounds.tight.test_tight_poa import all_triplets, certify_rebuilt, monomials, solve

OPTIMAL_AFFINE = {
    2: 5 / 3,
    3: 1.909091,
    4: 1.979592,
    5: 1.996169,
    8: 2.010952,
    10: 2.011825,
    15: 2.012064,
    20: 2.012067,
    40: 2.012067,
}
CONSTANT_AFFINE = {10: 2.081081, 20: 2.118644, 40: 2.137931, 80: 2.146372, 160: 2.150543, 240: 2.151928}
MARGINAL = {1: 3.0, 2: 13.0, 3: 57.363636, 4: 391.0, 5: 2124.2051, 6: 21337.0}


@pytest.mark.parametrize(("players", "value"), OPTIMAL_AFFINE.items())
def test_optimal_local_tolls_on_affine_latencies(players: int, value: float) -> None:
    bound = tight_poa(monomials(1), players, "optimal")
    assert bound.value == pytest.approx(value, abs=6e-7)
    assert bound.gap < 1e-9
    if players <= 10:
        certify_rebuilt(bound)
    if players <= 5:
        assert solve(bound).poa == pytest.approx(bound.value, rel=1e-9)


@pytest.mark.parametrize(("degree", "players", "value"), [(2, 30, 5.100974), (3, 30, 15.550852), (4, 40, 55.451754)])
def test_optimal_local_tolls_on_polynomials(degree: int, players: int, value: float) -> None:
    bound = tight_poa(monomials(degree), players, "optimal")
    assert bound.value == pytest.approx(value, abs=6e-7)
    assert bound.gap < 1e-7


def test_what_optimal_tolls_charge() -> None:
    bound = tight_poa(monomials(1), 40, "optimal")
    f = bound.perceived[1] / bound.perceived[1, 0]
    assert f[:5] == pytest.approx([1.0, 1.502999, 2.017992, 2.580963, 3.185916], abs=6e-7)
    assert (bound.tolls >= -1e-12).all()
    assert bound.tolls.min() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("players", "value"), CONSTANT_AFFINE.items())
def test_constant_tolls_on_affine_latencies(players: int, value: float) -> None:
    bound = tight_poa(monomials(1), players, "constant")
    assert bound.value == pytest.approx(value, abs=6e-7)
    assert bound.value < 1.0 + 2.0 / math.sqrt(3.0)
    certify_rebuilt(bound)
    assert np.ptp(bound.tolls[1]) == 0.0


@pytest.mark.parametrize(("degree", "value"), [(2, 5.333333), (3, 18.363636), (4, 89.413462), (5, 469.741935)])
def test_constant_tolls_on_polynomials(degree: int, value: float) -> None:
    bound = tight_poa(monomials(degree), 20, "constant")
    assert bound.value == pytest.approx(value, abs=6e-7)
    certify_rebuilt(bound)
    if degree == 2:
        assert bound.tolls[2, 0] == pytest.approx(3.0)
        assert solve(tight_poa(monomials(2), 4, "constant")).poa <= bound.value + 1e-9


@pytest.mark.parametrize("players", [60, 100, 200])
@pytest.mark.parametrize("degree", range(1, 7))
def test_no_digits_are_lost_at_many_players(degree: int, players: int) -> None:
    bound = tight_poa(monomials(degree), players, "optimal")
    assert bound.gap < 1e-13
    assert bound.tight
    fewer = tight_poa(monomials(degree), 50, "optimal")
    assert bound.value == pytest.approx(fewer.value, rel=1e-12)
    # what players perceive keeps every row of the programme, up to rounding
    again = tight_poa(monomials(degree), players, bound.tolls)
    assert again.value <= bound.value * (1 + 1e-8)


@given(
    st.integers(2, 5).flatmap(
        lambda n: st.lists(st.lists(st.integers(1, 9), min_size=n, max_size=n), min_size=1, max_size=2)
    ),
    st.sampled_from([1e-100, 1e-9, 1.0, 1e7, 1e100]),
)
def test_chosen_tolls_against_the_programmes_as_stated(rows: list[list[int]], unit: float) -> None:
    """Latencies that rise or fall, in any unit; the programmes over all triplets, given whole to a general solver."""
    table = np.array(rows, dtype=float)
    optimal, constant = (tight_poa(unit * table, table.shape[1], rule) for rule in ("optimal", "constant"))
    assert optimal.value == pytest.approx(max(all_triplets_free(row) for row in table), rel=1e-7)
    assert constant.value == pytest.approx(all_triplets_constant(table), rel=1e-7)
    for bound in (optimal, constant):
        assert bound.tight
        if table.shape[1] <= 4:
            assert solve(bound).poa == pytest.approx(bound.value, rel=1e-8)


@pytest.mark.parametrize("rule", [None, "optimal", "constant", "marginal_cost"])
def test_each_latency_may_be_in_a_unit_of_its_own(rule: str | None) -> None:
    plain = tight_poa([[1.0] * 5, [1.0, 2, 3, 4, 5], [1.0, 4, 9, 16, 25]], 5, rule)
    mixed = tight_poa([[1e-80] * 5, [1e9 * k for k in range(1, 6)], [1e-11 * k * k for k in range(1, 6)]], 5, rule)
    assert mixed.value == pytest.approx(plain.value, rel=1e-12)
    assert mixed.gap < 1e-12


@pytest.mark.parametrize(
    ("toll", "value"), [(1e6, 2.9999960000093), (1e10, 2.9999999996), (1e13, 3.0 - 4e-13), ([1e13, 2e13, 3e13], 2.5)]
)
def test_tolls_that_dwarf_the_latency(toll: float | list[float], value: float) -> None:
    tolls = toll if isinstance(toll, list) else [toll] * 3
    bound = tight_poa([1, 2, 3], 3, tolls)
    assert bound.value == pytest.approx(value, rel=1e-12)
    assert float(bound.rational()) == pytest.approx(bound.value, rel=1e-12)


@given(st.data())
def test_given_tolls_against_exact_fractions(data: st.DataObject) -> None:
    n, m = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 3))
    size = st.lists(st.integers(1, 30), min_size=n, max_size=n).map(sorted)
    unit = st.integers(-6, 6).map(lambda e: 10.0**e)
    basis = [[data.draw(unit) * v for v in data.draw(size)] for _ in range(m)]
    scale = data.draw(unit)
    tolls = [[scale * t for t in data.draw(st.lists(st.integers(0, 20), min_size=n, max_size=n))] for _ in range(m)]
    basis = [sorted(row) for row in basis]
    bound = tight_poa(basis, n, tolls)
    if math.isfinite(bound.value):
        assert bound.value == pytest.approx(float(bound.rational()), rel=1e-11)
        assert bound.gap < 1e-9


def test_without_a_bound_the_question_is_kept() -> None:
    bound = tight_poa([1, 2, 3], 3, [[-5.0] * 3])
    assert math.isinf(bound.value)
    assert bound.tolls.tolist() == [[-5.0] * 3]
    assert bound.perceived.tolist() == [[-4.0, -3.0, -2.0]]
    for rule in ("optimal", "constant"):
        assert math.isinf(tight_poa([0, 1, 2], 3, rule).value)


def test_a_latency_that_costs_nothing_changes_nothing() -> None:
    for rule in (None, "optimal", "constant", "marginal_cost"):
        assert tight_poa([[0, 0, 0], [1, 2, 3]], 3, rule).value == pytest.approx(tight_poa([1, 2, 3], 3, rule).value)
        alone = tight_poa([[5.0], [0.0]], 1, rule)
        assert alone.value == pytest.approx(1.0)
        assert not np.isnan(alone.tolls).any()


def all_triplets_free(costs: np.ndarray) -> float:
    """Unknowns ρ and f(1) … f(n), every triplet, the worst of one latency."""
    n = len(costs)
    rows, right = [], []
    for a, x, o in product(range(n + 1), repeat=3):
        if 1 <= a + x + o <= n:
            row = np.zeros(n + 1)
            u, v = a + x, o + x
            row[0] = u * costs[u - 1] if u else 0.0
            if u:
                row[u] -= a
            if u < n:
                row[u + 1] += o
            rows.append(row)
            right.append(v * costs[v - 1] if v else 0.0)
    solved = linprog(-np.eye(1, n + 1)[0], rows, right, bounds=[(0, None)] + [(None, None)] * n, method="highs-ds")
    return 1.0 / solved.x[0]


def all_triplets_constant(table: np.ndarray) -> float:
    """Unknowns ρ, ν and τ_1 … τ_m, every triplet."""
    m, n = table.shape
    rows, right = [], []
    for j, a, x, o in product(range(m), range(n + 1), range(n + 1), range(n + 1)):
        if 1 <= a + x + o <= n:
            row = np.zeros(m + 2)
            u, v = a + x, o + x
            now, after = (table[j, u - 1] if u else 0.0), (table[j, u] if u < n else 0.0)
            row[0], row[1] = u * now, -(a * now - o * after)
            row[2 + j] = -(a if u else 0) + (o if u < n else 0)
            rows.append(row)
            right.append(v * table[j, v - 1] if v else 0.0)
    solved = linprog(-np.eye(1, m + 2)[0], rows, right, bounds=[(0, None)] * (m + 2), method="highs-ds")
    return 1.0 / solved.x[0]


@pytest.mark.parametrize(("degree", "value"), MARGINAL.items())
@pytest.mark.parametrize("players", [10, 30])
def test_marginal_cost_tolls_make_it_worse(degree: int, players: int, value: float) -> None:
    bound = tight_poa(monomials(degree), players, "marginal_cost")
    assert bound.value == pytest.approx(value, abs=6e-5)
    certify_rebuilt(bound)
    if players == 10:
        fewest = next(n for n in range(2, 10) if tight_poa(monomials(degree), n, "marginal_cost").value > value - 1e-4)
        assert solve(tight_poa(monomials(degree), fewest, "marginal-cost")).poa == pytest.approx(value, abs=6e-5)


@pytest.mark.parametrize("players", [2, 4, 6])
@pytest.mark.parametrize("degree", [1, 2])
def test_marginal_cost_against_the_programme_as_stated(degree: int, players: int) -> None:
    loads = np.arange(1.0, players + 1)
    table = loads ** np.arange(degree + 1)[:, None]
    perceived = np.diff(loads * table, axis=1, prepend=0.0)
    assert tight_poa(table, players, "marginal_cost").value == pytest.approx(all_triplets(table, perceived), rel=1e-9)


def test_a_table_of_tolls_does_what_the_rule_does() -> None:
    for rule in ("optimal", "constant"):
        chosen = tight_poa(monomials(2), 6, rule)
        assert tight_poa(monomials(2), 6, chosen.tolls).value == pytest.approx(chosen.value, rel=1e-9)


@pytest.mark.parametrize("rule", ["optimal", "constant"])
@pytest.mark.parametrize("degree", [1, 2])
def test_no_other_tolls_do_better(rule: str, degree: int) -> None:
    """Tolls near the best, of the same kind, leave more anarchy: in 40 directions, with the independent programme."""
    bound = tight_poa(monomials(degree), 4, rule)
    rng = np.random.default_rng(0)
    for _ in range(40):
        step = rng.normal(size=bound.tolls.shape if rule == "optimal" else (len(bound.tolls), 1))
        nearby = np.maximum(bound.basis + bound.tolls * (1.0 + 0.02 * step), bound.basis)
        assert all_triplets(bound.basis, nearby) >= bound.value - 1e-7


def test_tolls_on_a_game_that_was_the_worst_without() -> None:
    """Affine, three players: 5/2 without tolls, at most 1.909091 with the optimal ones."""
    free = tight_poa(monomials(1), 3)
    bound = tight_poa(monomials(1), 3, "optimal")
    game = free.instance
    slopes = game.latencies[0].latency[:, 1]
    loads = np.arange(1.0, 4.0)
    total = slopes[:, None] * loads**2
    paid = slopes[:, None] * (loads + bound.tolls[1])
    tolled = SharedResources(paid, total, game.actions)
    assert pg.price_of_anarchy(game).poa == pytest.approx(2.5)
    assert pg.price_of_anarchy(tolled).poa <= bound.value + 1e-9
