"""Tolls: the tables of Paccagnan et al. 2021, the games behind them solved, and the tolls put to work on games."""

from __future__ import annotations

import math

import numpy as np
import pytest

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
