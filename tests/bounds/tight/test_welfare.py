"""Welfare games: closed forms of covering games, an independent programme, and the worst games looked at whole."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

import poagame as pg
from poagame.bounds import TightPoa, tight_welfare_poa
from poagame.errors import InvalidInput


def all_triplets(table: np.ndarray, shares: np.ndarray) -> float:
    m, n = table.shape
    w, f = (np.pad(t, ((0, 0), (1, 1))) for t in (table, shares))
    rows, right = [], []
    for j, a, x, o in product(range(m), range(n + 1), range(n + 1), range(n + 1)):
        if 1 <= a + x + o <= n:
            rows.append([-w[j, a + x], a * f[j, a + x] - o * f[j, a + x + 1]])
            right.append(-w[j, o + x])
    solved = linprog([1.0, 0.0], A_ub=rows, b_ub=right, bounds=[(0, None), (0, None)], method="highs-ds")
    return solved.x[0] if solved.status == 0 else math.inf


def solve(bound: TightPoa) -> float:
    """Optimum over worst pure equilibrium of the rebuilt game, over all its profiles."""
    found = pg.equilibria(bound.instance)
    best = min(bound.instance.social_cost(np.array(list(product([0, 1], repeat=bound.players)))))
    return best / found.social_costs.max()


@pytest.mark.parametrize("players", [2, 3, 5, 10, 40])
def test_covering_with_the_best_shares(players: int) -> None:
    """Gairing 2009: 1 − 1/(1/((n−1)(n−1)!) + Σ_{i<n} 1/i!), which tends to 1 − 1/e."""
    n = players
    tail = 1.0 / ((n - 1) * math.factorial(n - 1)) + sum(1.0 / math.factorial(i) for i in range(n))
    bound = tight_welfare_poa(lambda k: 1, n, "optimal")
    assert bound.value == pytest.approx(1.0 / (1.0 - 1.0 / tail), rel=1e-11)
    if n <= 5:
        assert solve(bound) == pytest.approx(bound.value, rel=1e-9)


@pytest.mark.parametrize("players", [2, 3, 6, 20])
def test_covering_with_plain_shares(players: int) -> None:
    """Marginal contributions lose half (Vetta's bound, attained); equal shares lose (n − 1)/(2n − 1)."""
    marginal, equal = (
        tight_welfare_poa(lambda k: 1, players, rule) for rule in ("marginal_contribution", "equal_share")
    )
    assert marginal.value == pytest.approx(2.0, rel=1e-12)
    assert equal.value == pytest.approx(2.0 - 1.0 / players, rel=1e-12)
    if players <= 6:
        assert solve(marginal) == pytest.approx(2.0, rel=1e-9)
        assert solve(equal) == pytest.approx(equal.value, rel=1e-9)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5), st.lists(st.integers(-2, 6), min_size=5, max_size=5))
def test_any_welfare_against_the_programme_as_stated(steps: list[int], shares: list[int]) -> None:
    welfare = np.cumsum(steps)
    if not welfare.any():
        with pytest.raises(InvalidInput, match="no ratio is defined"):
            tight_welfare_poa(welfare, len(steps))
        return
    own = np.array([shares[: len(steps)]], dtype=float)
    bound = tight_welfare_poa(welfare, len(steps), own)
    wanted = max(1.0, all_triplets(welfare[None].astype(float), own))
    assert bound.value == pytest.approx(wanted, rel=1e-7)
    if math.isfinite(bound.value):
        assert pg.certify_nash(bound.instance, np.ones(len(steps), int)).holds
        assert solve(bound) == pytest.approx(bound.value, rel=1e-7)
    else:
        assert "worth nothing" in bound.remark


def test_shares_that_rise_need_both_ends_of_x() -> None:
    """Of players in both profiles, the least number is not enough here: 1.8, not 1.6."""
    welfare, shares = np.array([[2.0, 2.0, 4.0, 7.0]]), np.array([[5.0, 4.0, 5.0, 4.0]])
    bound = tight_welfare_poa(welfare, 4, shares)
    assert bound.value == pytest.approx(1.8, rel=1e-12) == all_triplets(welfare, shares)
    assert solve(bound) == pytest.approx(1.8, rel=1e-9)


def test_submodular_welfare_never_loses_more_than_half() -> None:
    """Vetta: marginal contributions to a concave welfare; √k and min(k, 3) as examples."""
    for welfare in (math.sqrt, lambda k: min(k, 3), lambda k: 1.0 - 0.5**k):
        bound = tight_welfare_poa(welfare, 8)
        assert 1.0 < bound.value <= 2.0 + 1e-12


@pytest.mark.parametrize(
    ("welfare", "shares", "message"),
    [
        ([0, 0], "equal_share", "no ratio"),
        ([1, math.inf], "equal_share", "finite"),
        ([1, -1], "equal_share", "nonnegative"),
        ([1, 1], "equal", "shares is 'marginal_contribution'"),
        ([1, 1], [1, 2, 3], r"shares must be a table"),
    ],
)
def test_bad_input(welfare: Any, shares: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        tight_welfare_poa(welfare, 2, shares)
