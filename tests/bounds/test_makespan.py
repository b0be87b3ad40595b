"""Bounds of the makespan: games solved, published digits, and the expected largest load by other ways."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import poagame as pg
from poagame.bounds.makespan import expected_largest_load, makespan_identical, makespan_mixed, makespan_related
from poagame.errors import InvalidInput, TooLarge
from poagame.games import instances

MIXED = {
    2: 1.5, 3: 1.888889, 4: 2.125, 5: 2.2864, 8: 2.597233, 10: 2.748689, 16: 3.078247, 32: 3.532941,
}  # fmt: skip


@pytest.mark.parametrize(("machines", "digits"), [(2, 4 / 3), (3, 1.5), (4, 1.6), (10, 1.818182)])
def test_identical(machines: int, digits: float) -> None:
    bound = makespan_identical(machines)
    assert bound.value == pytest.approx(digits, abs=5e-7)
    game = bound.instance
    assert game.certified["poa"] == pytest.approx(bound.value, rel=1e-14)
    if machines <= 4:
        report = pg.price_of_anarchy(game, bound=bound)
        assert report.exact
        assert report.poa == pytest.approx(bound.value, rel=1e-12)


def test_identical_tends_to_two() -> None:
    assert makespan_identical(10**9).value == pytest.approx(2.0, abs=3e-9)
    assert makespan_identical(10**9).value < 2.0


def test_many_machines_are_not_built() -> None:
    few, many = makespan_identical(3000), makespan_identical(3001)
    assert few.tight
    assert few.instance.certified["poa"] == few.value
    assert (many.tight, many.instance) == (False, None)
    assert "too many jobs" in many.remark
    with pytest.raises(TooLarge, match="3,000"):
        instances.makespan_identical(10**6)


def random_jobs(rng: np.random.Generator, speeds: list[float]) -> pg.CongestionGame:
    jobs = int(rng.integers(2, 7))
    actions = [[[r] for r in range(len(speeds))]] * jobs
    weights = rng.integers(1, 7, jobs).astype(float)
    table = [[0.0, 1.0 / speed] for speed in speeds]
    return pg.CongestionGame(pg.latency.Polynomial(table), actions, weights=weights, objective="makespan")


def test_random_jobs_stay_below() -> None:
    rng = np.random.default_rng(4)
    worst = 1.0
    for machines in (2, 3):
        for _ in range(20):
            equal = pg.price_of_anarchy(random_jobs(rng, [1.0] * machines))
            assert equal.poa <= makespan_identical(machines).value * (1 + 1e-12)
            related = pg.price_of_anarchy(random_jobs(rng, rng.integers(1, 5, machines).astype(float).tolist()))
            assert related.poa <= makespan_related(machines).value * (1 + 1e-12)
            worst = max(worst, equal.poa, related.poa)
    assert worst > 1.2


@pytest.mark.parametrize(("machines", "digits"), [(2, 1.618034), (3, 2.0), (4, 2.302776), (5, 2.561553)])
def test_related(machines: int, digits: float) -> None:
    bound = makespan_related(machines)
    assert bound.value == pytest.approx(digits, abs=6e-7)
    assert bound.tight == (machines <= 3)
    if bound.tight:
        report = pg.price_of_anarchy(bound.instance)
        assert report.exact
        assert report.worst.certificate.holds
        assert report.poa == pytest.approx(bound.value, rel=1e-14)
    else:
        assert bound.instance is None
        assert bound.remark


@pytest.mark.parametrize("machines", MIXED)
def test_mixed(machines: int) -> None:
    bound = makespan_mixed(machines)
    assert bound.value == pytest.approx(MIXED[machines], abs=6e-7)
    if machines >= 8:  # Stirling's series is for more
        assert bound.value == pytest.approx(expected_largest_load(machines), rel=1e-9)
    assert (bound.side, bound.tight) == (("upper", True) if machines == 2 else ("lower", False))
    assert bound.covers("mixed")
    assert not bound.covers("correlated")
    if machines <= 4:
        even = np.full((machines, machines), 1.0 / machines)
        assert pg.certify_mixed(bound.instance, even).holds
        table = pg.NormalFormGame.of(bound.instance)
        assert table.expected_social_cost(even) == pytest.approx(bound.value, rel=1e-12)


def test_two_machines_mixed_solved() -> None:
    report = pg.price_of_anarchy(makespan_mixed(2).instance, concept="mixed")
    assert report.poa == pytest.approx(1.5, rel=1e-9)


@pytest.mark.parametrize("machines", [33, 40])
def test_mixed_goes_on_where_fractions_end(machines: int) -> None:
    exact = instances.makespan_mixed(machines).certified["mixed_equilibrium_cost"]
    assert makespan_mixed(machines).value == pytest.approx(exact, rel=1e-13 + 1e-15 * machines)


def test_many_machines_by_convolution() -> None:
    """P(max ≤ t) from the m-fold convolution of cut Poisson laws, by squaring."""
    m, mean = 400, 0.0
    law = np.array([math.exp(-1.0) / math.factorial(i) for i in range(30)])
    for t in range(30):
        total, power, left = np.ones(1), law[: t + 1], m
        while left:
            if left & 1:
                total = np.convolve(total, power)[: m + 1]
            power, left = np.convolve(power, power)[: m + 1], left >> 1
        at_most = (total[m] if len(total) > m else 0.0) * math.exp(math.lgamma(m + 1) + m - m * math.log(m))
        mean += 1.0 - at_most
    assert makespan_mixed(m).value == pytest.approx(mean, rel=1e-11)


def test_many_machines_by_chance() -> None:
    rng = np.random.default_rng(5)
    drawn = [np.bincount(rng.integers(0, 10_000, 10_000)).max() for _ in range(2000)]
    assert makespan_mixed(10_000).value == pytest.approx(
        np.mean(drawn), abs=5.0 * float(np.std(drawn)) / math.sqrt(2000)
    )


def test_a_million_machines() -> None:
    value = makespan_mixed(10**6).value
    assert makespan_mixed(10**5).value < value < makespan_mixed(10**7).value < 12.0


@pytest.mark.parametrize("bad", [0, 1, -1, 1.5, float("nan"), float("inf"), True, "2", None])
@pytest.mark.parametrize("bound", [makespan_identical, makespan_mixed, makespan_related])
def test_bad_input(bound: Any, bad: Any) -> None:
    with pytest.raises(InvalidInput, match="machines"):
        bound(bad)


def test_too_many_machines() -> None:
    with pytest.raises(InvalidInput, match="up to 100000000"):
        makespan_mixed(10**9)
