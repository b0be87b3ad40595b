"""Clusters, a cache too many, a ring without equilibrium, a tier too many: certified answers against all placements and the solvers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poagame as pg
from poagame.errors import InvalidInput, NoEquilibrium, TooLarge
from poagame.games import instances
from poagame.games.caching import CachingGame
from tests.caching_oracle import CachingOracle

SIZES = [(1, 2), (2, 1), (1, 5), (5, 1), (2, 2), (2, 3), (3, 2), (2, 4), (3, 3)]
COSTS = [0.5, 1.0, 1.5, 3.0, 4.0, 6.0, 11.0, 40.0]


def placements(game: CachingGame) -> list[tuple[Any, float]]:
    """All equilibria with their social costs, by the definition."""
    oracle = CachingOracle.of(game)
    return [(s, oracle.social(s)) for s in oracle.equilibria()]


@pytest.mark.parametrize(("intra", "inter"), [(1.0, 4.0), (0.0, 4.0), (4.0, 4.0)])
@pytest.mark.parametrize(("cliques", "size"), SIZES)
def test_hierarchies_against_all_placements(cliques: int, size: int, intra: float, inter: float) -> None:
    for alpha in COSTS:
        game = instances.caching_hierarchy(cliques, size, intra, inter, alpha)
        assert game.is_metric
        costs = [cost for _, cost in placements(game)]
        answers = game.certified
        assert max(costs) == answers["equilibrium_cost"]
        assert CachingOracle.of(game).least() == answers["optimum_cost"]
        assert max(costs) / answers["optimum_cost"] == answers["poa"]
        assert min(costs) / answers["optimum_cost"] == answers["pos"]


@settings(max_examples=40)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 30), st.integers(0, 60), st.integers(1, 120))
def test_drawn_hierarchies_against_the_solvers(m: int, g: int, a: int, more: int, alpha: int) -> None:
    size = g if m * g > 1 else 2
    game = instances.caching_hierarchy(m, size, a / 10, (a + more) / 10, alpha / 10)
    report = pg.price_of_anarchy(game)
    assert report.exact
    assert report.poa == pytest.approx(game.certified["poa"], rel=1e-12)
    assert report.pos == pytest.approx(game.certified["pos"], rel=1e-12)


def test_what_equilibria_of_a_hierarchy_look_like() -> None:
    """Everybody, one in each clique, one in all, by the placement cost."""
    wanted = {0.5: {9}, 1.0: {3, 4, 5, 6, 7, 8, 9}, 2.0: {3}, 4.0: {1, 2, 3}, 5.0: {1}}
    for alpha, counts in wanted.items():
        held = [s for s, _ in placements(instances.caching_hierarchy(3, 3, 1.0, 4.0, alpha))]
        assert {sum(s) for s in held} == counts
        if 1.0 < alpha < 5.0:
            assert all(max(sum(s[q : q + 3]) for q in (0, 3, 6)) == 1 for s in held)


@pytest.mark.parametrize("nodes", [2, 3, 6])
@pytest.mark.parametrize("ratio", [1.0, 2.5, 40.0])
def test_the_far_holder_against_all_placements(nodes: int, ratio: float) -> None:
    game = instances.caching_spread_worst(nodes, ratio)
    costs = [cost for _, cost in placements(game)]
    assert max(costs) == pytest.approx(game.certified["equilibrium_cost"], rel=1e-12)
    assert min(costs) == pytest.approx(CachingOracle.of(game).least(), rel=1e-12)
    assert CachingOracle.of(game).least() == pytest.approx(game.certified["optimum_cost"], rel=1e-12)


@pytest.mark.parametrize(
    ("with_cache", "wanted"), [(False, ((0, 0), (0, 1), (1, 0))), (True, ((0, 1), (1, 0), (1, 0)))]
)
def test_a_further_cache_makes_all_worse(with_cache: bool, wanted: Any) -> None:
    game = instances.cache_paradox(with_cache)
    (held, cost), *others = placements(game)
    assert not others
    assert held == wanted
    assert cost == game.certified["equilibrium_cost"] == {False: 132.0, True: 141.0}[with_cache]
    assert CachingOracle.of(game).least() == game.certified["optimum_cost"] == {False: 132.0, True: 108.0}[with_cache]
    report = pg.price_of_anarchy(game.numbered())
    assert report.worst.social_cost == report.best.social_cost == cost
    # strictly: whatever else a cache stored would cost its node more
    view = game.numbered()
    costs = np.sort(view.action_costs(report.worst.profile), axis=1)
    assert (costs[:, 1] > costs[:, 0]).all()
    nothing = np.zeros((3, 2), dtype=int)
    assert game.social_cost(nothing) == 431.0


def test_a_ring_without_a_pure_equilibrium() -> None:
    game = instances.no_pure_caching()
    assert len(placements(game)) == game.certified["num_equilibria"] == 0
    assert CachingOracle.of(game).least() == game.certified["optimum_cost"]
    view = game.numbered()
    with pytest.raises(NoEquilibrium):
        pg.price_of_anarchy(view)
    assert len(pg.improvement_cycle(view) or ()) > 0


@pytest.mark.parametrize(("nodes", "access"), [(2, 1.0), (2, 0.75), (3, 0.5), (5, 1.0), (6, 0.9)])
def test_nobody_buys_the_fast_copy(nodes: int, access: float) -> None:
    game = instances.caching_two_tiers(nodes, access)
    found = placements(game)
    costs = [cost for _, cost in found]
    answers = game.certified
    assert max(costs) == pytest.approx(answers["equilibrium_cost"], rel=1e-12)
    assert CachingOracle.of(game).least() == answers["optimum_cost"] == 1.0
    assert max(costs) == pytest.approx(answers["poa"], rel=1e-12)
    assert min(costs) == pytest.approx(answers["pos"], rel=1e-12)
    before = placements(CachingGame(game.distance, 1.0))
    assert min(costs) / max(cost for _, cost in before) == pytest.approx(answers["harm"], rel=1e-12)
    if access < 1:
        assert all(1 not in s for s, _ in found)
    assert pg.price_of_anarchy(game).poa == pytest.approx(answers["poa"], rel=1e-12)


def test_a_miss_acts_like_a_slow_tier() -> None:
    game = CachingGame(np.zeros((5, 5)), 1.0, miss_cost=0.9)
    report = pg.price_of_anarchy(game)
    assert report.pos == report.poa == pytest.approx(4.5)


BAD: list[tuple[Callable[[], Any], str]] = [
    (lambda: instances.caching_hierarchy(1, 1, 1.0, 2.0), "nodes must be at least 2"),
    (lambda: instances.caching_hierarchy(0, 4, 1.0, 2.0), "nodes must be at least 1"),
    (lambda: instances.caching_hierarchy(2, 2.5, 1.0, 2.0), "gpus_per_node must be a whole number"),  # type: ignore[arg-type]
    (lambda: instances.caching_hierarchy(2, 2, 3.0, 2.0), "at most inter; got 3 and 2"),
    (lambda: instances.caching_hierarchy(2, 2, -1.0, 2.0), "intra must be at least 0"),
    (lambda: instances.caching_hierarchy(2, 2, math.nan, 2.0), "intra must be a finite number"),
    (lambda: instances.caching_hierarchy(2, 2, 1.0, math.inf), "inter must be a finite number"),
    (lambda: instances.caching_hierarchy(2, 2, 1.0, 2.0, 0.0), "placement_cost must be positive"),
    (lambda: instances.caching_spread_worst(3, 0.5), "ratio of the largest .*at least 1; got 0.5"),
    (lambda: instances.caching_spread_worst(1, 2.0), "nodes must be at least 2"),
    (lambda: instances.caching_spread_worst(3, True), "ratio must be positive"),
    (lambda: instances.cache_paradox(1), "with_cache is True or False; got 1"),  # type: ignore[arg-type]
    (lambda: instances.caching_two_tiers(4, 0.25), "access must be above 1/4"),
    (lambda: instances.caching_two_tiers(4, 1.5), "at most 1; got 1.5"),
    (lambda: instances.caching_two_tiers("4"), "nodes must be a whole number"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()


def test_too_large() -> None:
    for call in (
        lambda: instances.caching_hierarchy(100, 100, 1.0, 2.0),
        lambda: instances.caching_spread_worst(5000, 2.0),
        lambda: instances.caching_two_tiers(5000),
    ):
        with pytest.raises(TooLarge, match="the limit is 4,096"):
            call()
