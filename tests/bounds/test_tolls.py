"""The toll bounds of the catalogue; the programmes behind them are tested in tests/bounds/tight."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import pytest

import poagame as pg
from poagame.bounds import TightPoa
from poagame.bounds.tolls import (
    constant_tolls,
    constant_tolls_affine,
    marginal_cost_tolls,
    optimal_local_tolls,
    polynomial_time,
)
from poagame.errors import InvalidInput


def test_bell_numbers() -> None:
    """By the recurrence B(n + 1) = Σ C(n, k) B(k)."""
    bell = [1]
    for n in range(20):
        bell.append(sum(comb(n, k) * bell[k] for k in range(n + 1)))
    assert [polynomial_time(d).value for d in range(1, 7)] == [2, 5, 15, 52, 203, 877]
    assert [polynomial_time(d).value for d in range(1, 20)] == bell[2:21]


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_order_of_what_tolls_can_do(degree: int) -> None:
    """All of the game's information, one's own load, no load, nothing, and marginal cost."""
    free = pg.bounds.tight_poa([lambda x, k=k: x**k for k in range(degree + 1)], 12).value
    values = [rule(degree, 12).value for rule in (optimal_local_tolls, constant_tolls, marginal_cost_tolls)]
    assert polynomial_time(degree).value <= values[0]
    assert values[0] < values[1] < free < values[2]


def test_constant_tolls_tend_to_their_limit() -> None:
    limit = constant_tolls_affine()
    distances = [limit.value - constant_tolls(1, n).value for n in (10, 20, 40, 80)]
    assert all(0 < b < 0.55 * a for a, b in zip(distances, distances[1:], strict=False))
    assert limit.approach is not None
    game = limit.approach(6)
    assert pg.price_of_anarchy(game).poa == pytest.approx(game.certified["poa"], rel=1e-9)


def test_when_the_number_of_players_stops_to_matter() -> None:
    """What the module says: only constant tolls of affine latencies still change beyond 20 players."""
    for degree in (1, 2, 3):
        for rule in (optimal_local_tolls, constant_tolls, marginal_cost_tolls):
            change = rule(degree, 40).value / rule(degree, 20).value - 1.0
            assert (change > 5e-3) == (rule is constant_tolls and degree == 1)
            assert change < (1e-2 if change > 5e-3 else 1e-6)


def test_marginal_cost_tolls_help_on_some_latencies() -> None:
    latency = [100.0 + k for k in range(1, 11)]
    assert pg.bounds.tight_poa(latency, 10, "marginal_cost").value < pg.bounds.tight_poa(latency, 10).value


def test_what_is_not_proved_says_so() -> None:
    assert constant_tolls_affine().standing == "identified"
    assert polynomial_time(2).standing == "quoted"
    assert "identified, not proved" in str(constant_tolls_affine())


@pytest.mark.parametrize("rule", [optimal_local_tolls, constant_tolls, marginal_cost_tolls])
def test_games_behind_the_values(rule: Callable[..., TightPoa]) -> None:
    bound = rule(2, 4)
    assert bound.name == rule.__name__
    assert "games of 4 players with polynomials" in bound.valid_for
    assert "degree at most 2" in bound.valid_for
    assert "tolls" in bound.valid_for
    assert pg.price_of_anarchy(bound.instance).poa == pytest.approx(bound.value, rel=1e-9)
    for degree in (0, -1, 1.5, float("nan"), 51):
        with pytest.raises(InvalidInput, match="degree"):
            rule(degree)


@pytest.mark.parametrize("degree", [0, 0.5, 201])
def test_bad_degrees(degree: float) -> None:
    with pytest.raises(InvalidInput):
        polynomial_time(degree)  # pyright: ignore[reportArgumentType]
