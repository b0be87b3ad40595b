"""price_of_anarchy: exact against brute force, labelled where it is not, undefined where a ratio means nothing."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import example, given

import poagame as pg
from poagame.bounds import robust_poa
from poagame.errors import NoEquilibrium, UndefinedRatio
from poagame.games import RoutingGame
from poagame.latency import Polynomial, Saturating
from poagame.testing import routing_games
from tests import oracles
from tests.solvers.test_optimum import CONCAVE

PIGOU = RoutingGame(Polynomial([[0.0, 1.0], [2.0, 0.0]]), np.zeros((2, 2)))


@given(routing_games(variants=("static", "static", "symmetric", "weighted"), max_requests=5))
@example(PIGOU)
@example(RoutingGame(CONCAVE, np.zeros((5, 2))))
def test_exact_values_are_those_of_brute_force(game: RoutingGame) -> None:
    oracle = oracles.Oracle(game)
    costs = [oracle.social(s) for s in oracle.equilibria()]
    least = oracle.least()
    if least <= 1e-9:
        with pytest.raises(UndefinedRatio, match="means nothing"):
            pg.price_of_anarchy(game)
        return
    if not costs:
        with pytest.raises(NoEquilibrium, match="were looked at"):
            pg.price_of_anarchy(game)
        return
    report = pg.price_of_anarchy(game)
    assert report.exact
    assert report.poa == pytest.approx(max(costs) / least, rel=1e-8)
    assert report.pos == pytest.approx(min(costs) / least, rel=1e-8)
    for low, ratio, high in (
        (report.poa_low, max(costs) / least, report.poa_high),
        (report.pos_low, min(costs) / least, report.pos_high),
    ):
        assert low * (1 - 1e-9) <= ratio <= high * (1 + 1e-9)
        assert high <= low * (1 + 1e-5)  # an integer programme proves no more digits
    assert report.worst.certificate.holds
    assert report.best.certificate.holds
    assert report.poa >= report.pos >= 1 - 1e-9


def test_two_links_attain_four_thirds() -> None:
    """Links {x, 2}, two requests: both on x (a tie) costs 4, the optimum 3; the tight 4/3 of symmetric affine singletons."""
    report = pg.price_of_anarchy(PIGOU, bound=robust_poa(Polynomial([[0.0, 1.0]]), 2))
    assert report.exact
    assert report.poa == pytest.approx(4 / 3)
    assert report.pos == 1.0
    assert "= 1.33333333" in str(report)
    assert "bound" in str(report)
    assert json.loads(json.dumps(report.to_dict()))["poa"] == report.poa


def test_the_papers_size_is_exact() -> None:
    """N = 128 requests of 5 templates on 5 workers: 5^128 profiles, settled exactly."""
    rng = np.random.default_rng(0)
    latency = Saturating(rng.uniform(6, 7, 5), np.full(5, 0.03), np.full(5, 0.5), np.full(5, 200.0))
    report = pg.price_of_anarchy(RoutingGame(latency, 3 * rng.random((5, 5)), 0.5, multiplicity=[26, 26, 26, 25, 25]))
    assert report.exact
    assert 1 <= report.pos <= report.poa < 1.5
    assert "all load vectors of 128 requests of 5 types on 5 workers" in str(report)


def test_beyond_enumeration_the_report_is_labelled() -> None:
    rng = np.random.default_rng(0)
    e = rng.random((24, 24))
    game = RoutingGame(Polynomial([[1.0, 0.5]] * 3), rng.random((24, 3)), 0.02, e + e.T)
    report = pg.price_of_anarchy(game)
    assert not report.exact
    assert math.isinf(report.poa_high)
    assert report.pos_low == pytest.approx(1.0)
    assert "≥" in str(report)
    assert "others may exist" in str(report)


def test_a_game_without_pure_equilibrium_says_so() -> None:
    """Arrival-order affinity, found by search: all profiles have a deviation."""
    rng = np.random.default_rng(1)
    for _ in range(400):
        e = rng.integers(-4, 5, (3, 3)).astype(float)
        game = RoutingGame(Polynomial([[20.0, 1.0], [20.0, 1.0]]), rng.integers(0, 3, (3, 2)), 1.0, e, "arrival_order")
        if not oracles.Oracle(game).equilibria():
            break
    else:
        pytest.fail("no game without equilibrium among 400")
    with pytest.raises(NoEquilibrium, match="all 2\\^3 profiles"):
        pg.price_of_anarchy(game)
    assert pg.equilibria(game).outcome is pg.Outcome.NO_EQUILIBRIUM
    assert pg.improvement_cycle(game) is not None


def test_overlap_that_outweighs_latency_is_undefined() -> None:
    with pytest.raises(UndefinedRatio, match="lower overlap_weight"):
        pg.price_of_anarchy(RoutingGame(Polynomial([[1.0, 0.1]]), np.full((4, 2), 5.0)))
