"""Bounds of jobs that choose one server: games solved, random games below them, and the proofs checked."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import poagame as pg
from poagame.bounds.singletons import (
    singleton_affine,
    singleton_identical,
    singleton_symmetric_affine,
    weighted_identical_servers,
)
from poagame.games.instances import singleton_tree, symmetric_singletons
from poagame.games.instances.singletons import identical_servers_recursion


def worst_of(games: list[pg.CongestionGame]) -> float:
    reports = [pg.price_of_anarchy(game) for game in games]
    assert all(report.exact for report in reports)
    return max(report.poa for report in reports)


def test_symmetric() -> None:
    bound = singleton_symmetric_affine()
    assert pg.price_of_anarchy(bound.instance).poa == pytest.approx(bound.value, rel=1e-14)
    for players in (4, 6, 8, 12):
        assert pg.price_of_anarchy(symmetric_singletons(players)).poa == pytest.approx(4 / 3, rel=1e-14)
    assert pg.price_of_anarchy(symmetric_singletons(3)).poa == pytest.approx(1.285714, abs=6e-7)
    assert bound.kind == "pure"


def test_random_symmetric_games_stay_below() -> None:
    rng = np.random.default_rng(1)
    games = []
    for _ in range(60):
        resources, players = int(rng.integers(2, 5)), int(rng.integers(2, 6))
        table = rng.integers(0, 7, (resources, 2)).astype(float) + [0.0, 1.0]
        actions = [[[r] for r in range(resources)]]
        games.append(pg.CongestionGame(pg.latency.Polynomial(table), actions, multiplicity=[players]))
    worst = worst_of(games)
    assert 1.1 < worst <= singleton_symmetric_affine().value * (1 + 1e-12)


def test_restricted() -> None:
    bound = singleton_affine()
    assert bound.approach is not None
    solved = [pg.price_of_anarchy(bound.approach(levels)).poa for levels in (1, 2, 3)]
    assert solved == pytest.approx([bound.approach(levels).certified["poa"] for levels in (1, 2, 3)], rel=1e-12)
    # certified in tests/games for larger ones: the distance to 5/2 shrinks to 3/4 a level or less
    gaps = [bound.value - singleton_tree(levels).certified["poa"] for levels in range(1, 10)]
    assert all(0.0 < after < 0.75 * before for before, after in zip(gaps, gaps[1:], strict=False))
    assert bound.covers("cce")


def test_identical_servers_have_the_value_of_optimal_tolls() -> None:
    bound = singleton_identical()
    assert bound.value == pytest.approx(2.012067, abs=6e-7)
    for players, digits in ((20, 2.012067), (10, 2.011825)):
        tolls = pg.bounds.tight_poa([lambda x: float(x)], players, tolls="optimal").value
        assert tolls == pytest.approx(digits, abs=6e-7)
        assert tolls <= bound.value * (1 + 1e-9)
    assert pg.bounds.tight_poa([lambda x: float(x)], 40, tolls="optimal").value == pytest.approx(bound.value, rel=2e-9)


def test_identical_servers_from_below() -> None:
    """The ratio of ever larger games, in fractions, tends to the value."""
    value, loads = identical_servers_recursion()
    assert loads[:8] == (1, 1, 1, 1, 2, 2, 2, 2)
    servers, worst, least, ratios = Fraction(1), Fraction(0), Fraction(1), []
    for u in range(1, 30):
        servers = servers * loads[u - 1] / u
        worst += servers * u * u
        ratios.append(float(worst / least))
        least += servers * loads[u] ** 2
    assert ratios == sorted(ratios)
    assert ratios[-1] == pytest.approx(value, rel=1e-12)
    bound = singleton_identical()
    assert bound.approach is not None
    for levels in (2, 3):
        game = bound.approach(levels)
        assert pg.price_of_anarchy(game).poa == pytest.approx(ratios[levels - 1], rel=1e-12)


def test_identical_servers_from_above() -> None:
    """A nondecreasing f that meets all rows of the proof with ρ a billionth below 1/value: for every u up to 2000, and beyond."""
    rho = (1.0 - 1e-9) / singleton_identical().value
    size = 2000
    f = [0.0, 1.0]
    for u in range(1, size):
        rest = u * f[u] - rho * u * u
        assert rest >= 0.0  # the row v = 0
        v = np.arange(1.0, 2.0 + np.sqrt(rest) + 1.0)  # v + rest/v rises from √rest on
        f.append(float((v + rest / v).min()) * (1.0 - 1e-15))
    assert all(np.diff(f) >= 0.0)
    # beyond, f(u) = f(size) + slope (u − size): over real v the row is (f(u + 1))² ≤ 4 (u f(u) − ρu²), a quadratic in u
    slope = 1.9
    start = f[size] - slope * size
    a = 4.0 * (slope - rho) - slope**2
    b = 4.0 * start - 2.0 * slope * (slope + start)
    c = -((slope + start) ** 2)
    assert a > 0.0
    assert 2.0 * a * size + b > 0.0
    assert a * size * size + b * size + c > 0.0


def test_random_identical_servers_stay_below() -> None:
    rng = np.random.default_rng(2)
    games = []
    for _ in range(40):
        servers, jobs = int(rng.integers(2, 5)), int(rng.integers(2, 7))
        actions = [
            [[int(r)] for r in rng.choice(servers, rng.integers(1, servers + 1), replace=False)] for _ in range(jobs)
        ]
        games.append(pg.CongestionGame(pg.latency.Polynomial([[0.0, 1.0]] * servers), actions))
    assert 1.0 < worst_of(games) <= singleton_identical().value
    assert singleton_identical().kind == "pure"


def test_weighted_jobs() -> None:
    bound = weighted_identical_servers()
    report = pg.price_of_anarchy(bound.instance)
    assert report.exact
    assert report.poa == bound.value == 9 / 8
    assert bound.kind == "pure"


def test_random_weighted_jobs_stay_below() -> None:
    rng = np.random.default_rng(3)
    games = []
    for _ in range(40):
        servers, jobs = int(rng.integers(2, 4)), int(rng.integers(3, 8))
        actions = [[[r] for r in range(servers)]] * jobs
        weights = rng.integers(1, 7, jobs).astype(float)
        games.append(pg.CongestionGame(pg.latency.Polynomial([[0.0, 1.0]] * servers), actions, weights=weights))
    assert 1.01 < worst_of(games) <= weighted_identical_servers().value * (1 + 1e-12)
