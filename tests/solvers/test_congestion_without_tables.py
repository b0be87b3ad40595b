"""Congestion games whose tables are too large, or whose latencies fall: generic code or labelled bounds decide."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poagame as pg
from poagame.certificates import certify_nash
from poagame.errors import InvalidInput, TooLarge
from poagame.games.congestion import CongestionGame
from poagame.latency import Latency, Polynomial
from poagame.solvers.congestion import cells, optimum, programme, search
from poagame.solvers.congestion.cells import cell_problem
from poagame.solvers.congestion.optimum import optimum_by_search
from poagame.solvers.congestion.programme import pure_extremes
from poagame.testing.congestion import congestion_games
from tests.congestion_oracle import CongestionOracle

ALL = ("unweighted", "weighted", "player_specific", "counted")


def distinct_weights(players: int, actions: int, resources: int, size: int, seed: int) -> CongestionGame:
    rng = np.random.default_rng(seed)
    rows = [
        [sorted(rng.choice(resources, size, replace=False).tolist()) for _ in range(actions)] for _ in range(players)
    ]
    return CongestionGame(Polynomial(rng.random((resources, 2))), rows, weights=1 + np.arange(players) / 7.0)


class Falling(Latency):
    """100 − x on two resources."""

    @property
    def num_resources(self) -> int:
        return 2

    def value(self, load: Any) -> Any:
        return 100.0 - load

    def derivative(self, load: Any) -> Any:
        return -1.0 + 0.0 * load

    def curvature(self, load: Any) -> Any:
        return 0.0 * load

    def primitive(self, load: Any) -> Any:
        return 100.0 * load - load * load / 2


def test_twenty_weights_on_many_resources_are_searched() -> None:
    # 2^20 loads of all together, few of each resource
    game = distinct_weights(20, 2, 40, 3, 0)
    problem = cell_problem(game)
    users = (game.incidence.any(axis=1)).sum(axis=0)
    assert problem.loads.tolist() == (2**users).tolist()
    begin = time.monotonic()
    report = pg.price_of_anarchy(game)
    assert time.monotonic() - begin < 30
    assert report.exact
    every = pg.equilibria(game)
    assert (every.social_costs[0], every.social_costs[-1]) == (report.worst.social_cost, report.best.social_cost)
    assert report.optimum.social_cost <= report.best.social_cost


@settings(max_examples=30)
@given(congestion_games(variants=ALL, objectives=("total", "makespan")))
def test_small_games_are_decided_without_tables(game: CongestionGame) -> None:
    oracle = CongestionOracle.of(game)
    least, equilibria = oracle.least(), oracle.equilibria()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "MAX_TABLE", 0)
        found = optimum_by_search(game)
        assert (found.outcome, found.social_cost) == (pg.Outcome.OPTIMAL, pytest.approx(least, rel=1e-11))
        patch.setattr(search, "as_routing", lambda game: None)
        assert pg.equilibria(game).count == len(equilibria)
        if equilibria:
            costs = [oracle.social(s) for s in equilibria]
            extremes = pure_extremes(game)
            assert extremes.covered
            assert extremes.note.endswith(" profiles")
            assert (extremes.worst_cost, extremes.best_cost) == pytest.approx((max(costs), min(costs)), rel=1e-11)


@settings(max_examples=15)
@given(congestion_games(variants=ALL, objectives=("total", "makespan")))
def test_the_bound_of_larger_games_is_below_brute_force(game: CongestionGame) -> None:
    least = CongestionOracle.of(game).least()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "MAX_TABLE", 0)
        patch.setattr(search, "MAX_COSTS", 0.5)
        found = optimum_by_search(game)
    assert found.lower_bound <= least * (1 + 1e-11)
    # each by itself: the descent mostly finds the optimum, which caps what is reported
    assert optimum._alone_cost(game, optimum._alone(game)) <= least * (1 + 1e-11)
    assert optimum._split_cost(game) <= least * (1 + 1e-11)
    assert least <= found.social_cost * (1 + 1e-11)
    assert found.social_cost == pytest.approx(float(game.social_cost(found.profile)))
    if found.outcome is pg.Outcome.OPTIMAL:
        assert found.social_cost == pytest.approx(least, rel=1e-10)


def test_a_game_beyond_tables_and_census_is_labelled(monkeypatch: pytest.MonkeyPatch) -> None:
    game = distinct_weights(32, 3, 4, 2, 1)
    monkeypatch.setattr(programme, "NUM_STARTS", 2)
    report = pg.price_of_anarchy(game)
    assert not report.exact
    assert report.optimum.outcome is pg.Outcome.BOUNDED
    assert 0.999 * report.optimum.social_cost < report.optimum.lower_bound < report.optimum.social_cost
    assert "others may exist" in report.note
    assert report.worst.certificate.holds
    with pytest.raises(TooLarge, match="labelled bounds"):
        pg.equilibria(game)


def test_the_starts_end_with_the_time_limit() -> None:
    assert len(programme._from_starts(distinct_weights(6, 2, 4, 2, 0), 0.0)) == 1


@settings(max_examples=20)
@given(st.integers(1, 4), st.booleans(), st.booleans())
def test_falling_latencies_have_every_answer(players: int, alike: bool, weighted: bool) -> None:
    rows = [[[0], [1]] if alike or i % 2 else [[0], [0, 1]] for i in range(players)]
    game = CongestionGame(Falling(), rows, weights=1.0 + 0.25 * np.arange(players) if weighted else None)
    oracle = CongestionOracle.of(game)
    least = pg.social_optimum(game)
    assert least.outcome is pg.Outcome.OPTIMAL
    assert least.social_cost == pytest.approx(oracle.least())
    every = pg.equilibria(game)
    assert every.count == len(oracle.equilibria())
    if every.count:
        assert pg.equilibrium(game).outcome is not pg.Outcome.NO_EQUILIBRIUM_FOUND
        report = pg.price_of_anarchy(game)
        assert report.exact
        costs = [oracle.social(s) for s in oracle.equilibria()]
        assert (report.worst.social_cost, report.best.social_cost) == pytest.approx((max(costs), min(costs)))


def test_falling_latencies_of_a_large_game() -> None:
    game = CongestionGame(Falling(), [[[0], [1]]] * 40)
    found = pg.equilibrium(game)
    assert certify_nash(game, found.profile).holds
    for verb in (pg.social_optimum, pg.equilibria, pg.price_of_anarchy):
        with pytest.raises(InvalidInput, match=r"decreases with load.*equilibrium\(game\)"):
            verb(game)
