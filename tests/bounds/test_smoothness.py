"""Smoothness pairs: published digits, the inequalities on grids, and that no other pair is better."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from poagame.bounds.atomic import atomic_polynomial, weighted_polynomial
from poagame.bounds.load_balancing import no_regret
from poagame.bounds.nonatomic import nonatomic_polynomial
from poagame.bounds.smoothness import (
    Smoothness,
    local_smoothness,
    nonatomic_smoothness,
    unweighted_smoothness,
    weighted_smoothness,
)
from poagame.bounds.splittable_flow import splittable
from poagame.errors import InvalidInput, TooLarge
from poagame.games.instances._golden import floor_golden

UNWEIGHTED = {
    1: (5 / 3, 1 / 3), 2: (6.0526316, 0.3684211), 3: (17.8923077, 0.5692308), 4: (141.1895006, 0.4724712),
    5: (569.1057321, 0.6239976), 6: (2319.9964077, 0.8120730),
}  # fmt: skip
WEIGHTED_ON_A_GRID = {
    1: (1.8090307, 0.3090118), 2: (5.4018410, 0.4548698), 3: (21.8350738, 0.5433773), 4: (109.7238104, 0.6038749),
}  # fmt: skip
LOCAL_LAMBDA = {2: 1.0773, 3: 1.6874, 4: 3.0654}

Rule = Callable[[int, Any, Any], tuple[Any, Any, Any]]
"""Degree and loads u, v → the three terms of the inequality for x^q: left side, v ℓ(v), u ℓ(u)."""


def unweighted(q: int, u: Any, v: Any) -> tuple[Any, Any, Any]:
    return v * (u + 1) ** q, v ** (q + 1), u ** (q + 1)


def weighted(q: int, u: Any, v: Any) -> tuple[Any, Any, Any]:
    return v * (u + v) ** q, v ** (q + 1), u ** (q + 1)


def nonatomic(q: int, u: Any, v: Any) -> tuple[Any, Any, Any]:
    return v * u**q, v ** (q + 1), u ** (q + 1)


def local(q: int, u: Any, v: Any) -> tuple[Any, Any, Any]:
    gain = np.where(v <= 2 * u, v * v / 4, u * (v - u))
    slope = q * u ** (q - 1) if q else 0.0 * u
    return v * u**q + slope * gain, v ** (q + 1), u ** (q + 1)


def excess(rule: Rule, q: int, pair: Smoothness, u: Any, v: Any) -> Any:
    left, best, selfish = rule(q, u, v)
    return (left - pair.lam * best - pair.mu * selfish) / (pair.lam * best + pair.mu * selfish)


@pytest.mark.parametrize("degree", UNWEIGHTED)
def test_unweighted_digits(degree: int) -> None:
    pair = unweighted_smoothness(degree)
    assert (pair.lam, pair.mu) == pytest.approx(UNWEIGHTED[degree], abs=6e-8)


@pytest.mark.parametrize("degree", WEIGHTED_ON_A_GRID)
def test_weighted_digits_of_a_grid(degree: int) -> None:
    """Published digits are of a grid: their ratio is right to 2e-6 and no better, their pair only to 7e-5, as the minimum is flat."""
    pair, grid = weighted_smoothness(degree), Smoothness(*WEIGHTED_ON_A_GRID[degree])
    assert pair.poa <= grid.poa * (1 + 1e-7)
    assert grid.poa == pytest.approx(pair.poa, rel=2e-6)
    assert (pair.lam, pair.mu) == pytest.approx((grid.lam, grid.mu), rel=7e-5)


@pytest.mark.parametrize("degree", LOCAL_LAMBDA)
def test_local_digits(degree: int) -> None:
    assert local_smoothness(degree).lam == pytest.approx(LOCAL_LAMBDA[degree], abs=2e-4)


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5, 6, 8, 10, 15])
def test_unweighted_inequality_in_fractions(degree: int) -> None:
    d, k = degree, floor_golden(degree)
    mu = Fraction((k + 2) ** d - (k + 1) ** d, (k + 1) ** (d + 1) - k ** (d + 1))
    lam = (k + 1) ** d - mu * k ** (d + 1)
    pair = unweighted_smoothness(d)
    assert (pair.lam, pair.mu) == pytest.approx((float(lam), float(mu)), rel=1e-15)
    for q in range(d + 1):
        for u in range(4 * k + 20):
            for v in range(3 * k + 20):
                left, best, selfish = unweighted(q, u, v)
                assert left <= lam * best + mu * selfish
                if q == d and v == 1 and u in (k, k + 1):
                    assert left == lam * best + mu * selfish


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 7, 10, 30])
@pytest.mark.parametrize(
    ("rule", "pair_of"),
    [(weighted, weighted_smoothness), (nonatomic, nonatomic_smoothness), (local, local_smoothness)],
    ids=["weighted", "nonatomic", "local"],
)
def test_inequalities_of_real_loads(rule: Rule, pair_of: Callable[[int], Smoothness], degree: int) -> None:
    """For all powers up to the degree; they are homogeneous, so that u/v says all. The touching ratio is on the grid nearly."""
    pair = pair_of(degree)
    ratio = np.concatenate([np.geomspace(1e-6, 1e6, 20_001), np.linspace(0.0, 3.0 * degree, 100_001)])
    for q in range(degree + 1):
        over = excess(rule, q, pair, ratio, np.ones_like(ratio))
        assert over.max() <= 1e-12
        if q == degree:
            assert over.max() > -1e-6 * degree**2
        assert excess(rule, q, pair, np.ones(1), np.zeros(1))[0] <= 0.0


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 6, 10])
def test_ratios_are_those_of_the_bounds(degree: int) -> None:
    assert unweighted_smoothness(degree).poa == pytest.approx(atomic_polynomial(degree).value, rel=1e-14)
    assert weighted_smoothness(degree).poa == pytest.approx(weighted_polynomial(degree).value, rel=1e-14)
    assert nonatomic_smoothness(degree).poa == pytest.approx(nonatomic_polynomial(degree).value, rel=1e-14)
    assert local_smoothness(degree).poa == pytest.approx(splittable(degree).value, rel=1e-14)


def best_mu(rule: Rule, degree: int, lam: float) -> float:
    """The least μ for a λ over all powers up to the degree, with u = 1."""
    v = np.linspace(0.0, 6.0, 60_001)
    return max(float((rule(q, 1.0, v)[0] - lam * v ** (q + 1)).max()) for q in range(degree + 1))


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_no_local_pair_is_better(degree: int) -> None:
    pair = local_smoothness(degree)
    low = 1.0  # constants need λ ≥ 1
    found = minimize_scalar(
        lambda lam: lam / (1.0 - best_mu(local, degree, lam)),
        bounds=(low, 8.0),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert found.fun == pytest.approx(pair.poa, rel=1e-6)
    assert found.fun >= pair.poa * (1.0 - 1e-7)
    assert found.x == pytest.approx(pair.lam, rel=1e-3)


def test_linear_latencies_without_constants_do_better() -> None:
    """Why the formula of degree 1 is below 3/2: λ = 0.854 serves a x alone, and fails for constants."""
    v = np.linspace(0.0, 6.0, 600_001)
    lam = 0.5 * (1.0 + 0.5**0.5)
    mu = float((local(1, 1.0, v)[0] - lam * v**2).max())
    assert lam / (1.0 - mu) == pytest.approx(1.457107, abs=6e-7)
    assert lam == pytest.approx(0.853553, abs=1e-6)
    assert excess(local, 0, Smoothness(lam, mu), 1.0, 10.0) > 0.0


def test_beyond_floats() -> None:
    for pair_of, last in ((unweighted_smoothness, 180), (weighted_smoothness, 180), (local_smoothness, 250)):
        assert pair_of(last).poa < float("inf")
        with pytest.raises(TooLarge, match="beyond the range of floats"):
            pair_of(10**6)
    assert nonatomic_smoothness(10**6).poa == pytest.approx(67497.3279, abs=6e-3)


@pytest.mark.parametrize("bad", [0, -1, 1.5, float("nan"), float("inf"), True, "2", None])
def test_bad_degrees(bad: Any) -> None:
    for pair_of in (unweighted_smoothness, weighted_smoothness, local_smoothness):
        with pytest.raises(InvalidInput, match="degree"):
            pair_of(bad)
    if bad != 1.5:
        with pytest.raises(InvalidInput, match="degree"):
            nonatomic_smoothness(bad)


@pytest.mark.parametrize(
    ("lam", "mu", "what"),
    [
        (0.0, 0.5, "lam"), (float("inf"), 0.5, "lam"), (float("nan"), 0.5, "lam"), ("1", 0.5, "lam"), (1.0, 1.0, "mu"),
        (1.0, float("nan"), "mu"), (1.0, -float("inf"), "mu"), (1.0, True, "mu"), (1.0, "0", "mu"), (1.0, None, "mu"),
    ],
)  # fmt: skip
def test_bad_pairs(lam: Any, mu: Any, what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        Smoothness(lam, mu)


def test_a_pair_may_have_a_negative_mu() -> None:
    assert Smoothness(2.0, -1.0).poa == 1.0


def test_no_game_is_smooth_with_less_than_one() -> None:
    """With s = s* smoothness reads C(s) ≤ (λ + μ) C(s)."""
    for build in (Smoothness, no_regret):
        with pytest.raises(InvalidInput, match="at least 1"):
            build(1.0, -3.0)
        with pytest.raises(InvalidInput, match="at least 1"):
            build(1.0, -1e-8)
    assert Smoothness(1.0, -1e-12).poa == pytest.approx(1.0)


def test_pairs_hold_floats() -> None:
    pair = Smoothness(np.float32(2.0), np.int64(0))  # pyright: ignore[reportArgumentType]
    assert repr(pair) == "Smoothness(lam=2.0, mu=0.0)"


@pytest.mark.parametrize("pair_of", [unweighted_smoothness, weighted_smoothness, local_smoothness])
def test_absurd_degrees_are_refused_at_once(pair_of: Callable[[int], Smoothness]) -> None:
    for degree in (10**18 + 1, 10**400, 10**5000):
        with pytest.raises(InvalidInput, match=r"at most 10\^18"):
            pair_of(degree)
