"""Bounds on selfish caching: attained by their instances, and by no game of the class exceeded."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import poagame as pg
from poagame.anarchy.payments import payment_anarchy
from poagame.bounds import caching as bounds
from poagame.bounds.caching_distances import caching_two_clusters
from poagame.bounds.record import PoaBound
from poagame.errors import InvalidInput, TooLarge
from poagame.games.caching import CachingGame
from poagame.games.instances.placement import _dearest_packing, worst_on_line
from poagame.testing.caching import KINDS, caching_games
from tests.caching_oracle import packs_and_covers, worst_over_placement_costs

SIZES = (2, 3, 5, 8, 11)
ATTAINED: list[PoaBound] = [
    *(bounds.caching_uniform(n) for n in SIZES),
    *(bounds.caching_directed(n) for n in SIZES),
    *(bounds.caching_complete(n) for n in SIZES),
    *(bounds.caching_star(n) for n in SIZES),
    *(bounds.caching_line(n) for n in SIZES),
    *(bounds.caching_ring(n) for n in SIZES[1:]),
    *(bounds.caching_grid(*shape) for shape in ((1, 2), (2,), (2, 3), (3,), (3, 4), (7, 2))),
]
APPROACHED: list[PoaBound] = [
    *(bounds.caching_weighted(n) for n in (2, 3, 8)),
    *(bounds.caching_complete_unequal(n) for n in (2, 3, 8)),
    *(caching_two_clusters(n) for n in (4, 5, 8)),
]


def exact_ratio(game: CachingGame, bound: PoaBound) -> float:
    report = pg.price_of_anarchy(game, bound)
    assert report.exact
    return report.pos if bound.measure == "price of stability" else report.poa


@pytest.mark.parametrize("bound", ATTAINED, ids=lambda b: f"{b.name}-{b.valid_for}")
def test_instances_attain_their_bounds(bound: PoaBound) -> None:
    assert bound.tight
    assert bound.side == "upper"
    assert exact_ratio(bound.instance, bound) == pytest.approx(bound.value, rel=1e-12)


@pytest.mark.parametrize("bound", APPROACHED, ids=lambda b: f"{b.name}-{b.valid_for}")
def test_sequences_approach_their_bounds_from_below(bound: PoaBound) -> None:
    assert bound.approach is not None
    shortfall = [bound.value - exact_ratio(bound.approach(size), bound) for size in (10, 100, 10_000)]
    assert shortfall[0] > shortfall[1] > shortfall[2] > 0
    assert shortfall[2] < 2e-3


@settings(max_examples=150)
@given(caching_games(6, ("metric",), min_nodes=2))
def test_no_metric_game_of_unit_demands_exceeds_half_the_nodes(game: CachingGame) -> None:
    assert pg.price_of_anarchy(game).poa <= bounds.caching_uniform(game.num_players).value * (1 + 1e-9)


@settings(max_examples=150)
@given(caching_games(5, ("metric",), "any", min_nodes=2))
def test_no_metric_game_reaches_the_nodes(game: CachingGame) -> None:
    assert pg.price_of_anarchy(game).poa < bounds.caching_weighted(game.num_players).value


@settings(max_examples=100)
@given(caching_games(5, KINDS, "any", min_nodes=2))
def test_no_game_exceeds_the_nodes(game: CachingGame) -> None:
    found = pg.equilibria(game)
    if len(found):
        worst = found.social_costs.max() / pg.social_optimum(game).social_cost
        assert worst <= bounds.caching_directed(game.num_players).value * (1 + 1e-9)


@settings(max_examples=100)
@given(caching_games(6, ("complete",), min_nodes=2))
def test_complete_graphs_of_equal_demands_have_optimal_equilibria(game: CachingGame) -> None:
    report = pg.price_of_anarchy(game)
    assert report.poa == pytest.approx(1.0, rel=1e-12)
    assert bounds.caching_complete(game.num_players).value == 1.0


@settings(max_examples=100)
@given(caching_games(6, ("complete",), "any", min_nodes=2))
def test_complete_graphs_of_any_demands_stay_below_two(game: CachingGame) -> None:
    report = pg.price_of_anarchy(game)
    assert report.poa < bounds.caching_complete_unequal(game.num_players).value
    # the closed form of the class, which the proof of the bound rests on
    apart, alpha = float(np.asarray(game.distance).max()), float(game.placement_cost[0])
    again = pg.instances.caching_complete(game.num_players, alpha, apart, game.demand)
    assert report.poa == pytest.approx(again.certified["poa"], rel=1e-9)


def line(n: int) -> Any:
    return np.abs(np.subtract.outer(np.arange(n), np.arange(n)))


def ring(n: int) -> Any:
    return np.minimum(line(n), n - line(n))


def star(n: int) -> Any:
    leaf = (np.arange(n) > 0).astype(int)
    return np.where(np.eye(n) > 0, 0, leaf[:, None] + leaf)


def grid(rows: int, columns: int) -> Any:
    y, x = np.divmod(np.arange(rows * columns), columns)
    return np.abs(np.subtract.outer(y, y)) + np.abs(np.subtract.outer(x, x))


@pytest.mark.parametrize("nodes", range(2, 17))
def test_no_placement_cost_is_worse_on_stars_lines_and_rings(nodes: int) -> None:
    assert worst_over_placement_costs(star(nodes))[0] == pytest.approx(bounds.caching_star(nodes).value, rel=1e-12)
    assert worst_over_placement_costs(line(nodes))[0] == pytest.approx(bounds.caching_line(nodes).value, rel=1e-12)
    if nodes > 2:
        assert worst_over_placement_costs(ring(nodes))[0] == pytest.approx(bounds.caching_ring(nodes).value, rel=1e-12)


@pytest.mark.parametrize(
    "shape", [(2, 2), (2, 3), (2, 4), (3, 3), (2, 5), (3, 4), (2, 6), (2, 7), (3, 5), (4, 4), (2, 8)]
)
def test_no_placement_cost_is_worse_on_grids(shape: tuple[int, int]) -> None:
    worst, _ = worst_over_placement_costs(grid(*shape))
    assert worst == pytest.approx(bounds.caching_grid(*shape).value, rel=1e-12)


def test_beyond_what_was_looked_at_a_known_game_is_a_lower_bound() -> None:
    for bound in (bounds.caching_ring(17), bounds.caching_grid(3, 6)):
        assert (bound.side, bound.tight) == ("lower", False)
        report = pg.price_of_anarchy(bound.instance)
        assert report.exact
        assert report.poa >= bound.value * (1 - 1e-12)
    far = bounds.caching_line(4097)
    assert (far.side, far.tight, far.instance) == ("lower", False, None)
    assert far.value > bounds.caching_line(4096).value


@pytest.mark.parametrize("nodes", range(2, 11))
def test_the_dearest_equilibrium_of_every_placement_cost_on_a_line(nodes: int) -> None:
    """By ends and gaps against all placements that pack and cover."""
    distance, found = line(nodes), worst_on_line(nodes)
    worst, _ = worst_over_placement_costs(distance)
    assert found.ratio == pytest.approx(worst, rel=1e-12)
    sets = [np.flatnonzero(held) for held in itertools.product((0, 1), repeat=nodes) if any(held)]
    for alpha in range(1, nodes + 2):
        costs = [
            alpha * len(held) + distance[:, held].min(axis=1).sum()
            for held in sets
            if packs_and_covers(distance, alpha, held.tolist())
        ]
        assert _dearest_packing(nodes, alpha) == max(costs)


@pytest.mark.parametrize("nodes", [17, 60, 250, 1024])
def test_long_lines_are_worst_with_one_replica_at_the_end(nodes: int) -> None:
    found, bound = worst_on_line(nodes), bounds.caching_line(nodes)
    assert (found.placement_cost, found.ratio) == (nodes - 1, bound.value)
    assert bound.tight


def test_values_of_any_size() -> None:
    assert bounds.caching_line(10**6).value == pytest.approx(math.sqrt(10**6) / 2, rel=2e-3)
    assert bounds.caching_line(10**30).value == pytest.approx(1e15 / 2, rel=1e-6)
    assert bounds.caching_ring(10**30).value == pytest.approx(1e15 / math.sqrt(8), rel=1e-6)
    assert bounds.caching_uniform(10**6).value == 5e5
    assert bounds.caching_star(10**6).value == pytest.approx(2.0, rel=1e-5)
    assert bounds.caching_grid(3, 10**12).value == bounds.caching_grid(10**12, 3).value > 1e5
    with pytest.raises(TooLarge, match="shorter side"):
        bounds.caching_grid(20_000)


def test_what_is_too_large_to_build_is_not_called_tight() -> None:
    for call in (c for c in CALLS if c is not bounds.caching_grid):
        small, large = call(4096), call(4097)
        for bound in (small, large):
            shown = bound is small
            assert (bound.build is not None or bound.approach is not None) == shown
            assert bound.tight == (shown and bound.side == "upper")
            assert bound.instance is None or bound.instance.num_players == 4096
        assert large.remark
    assert bounds.caching_grid(65).instance is None
    assert bounds.caching_grid(64).instance.num_players == 4096


def test_unequal_placement_costs_know_no_bound() -> None:
    for dear in (10.0, 1000.0):
        # the dear node holds the only replica, and the other hardly minds fetching
        game = CachingGame([[0.0, 0.5], [0.5, 0.0]], [dear, 1.0])
        assert pg.price_of_anarchy(game).poa == pytest.approx((dear + 0.5) / 1.5)


def test_the_bound_of_metrics_needs_symmetry_and_the_triangle_inequality() -> None:
    crossing = CachingGame([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], 1.0)
    assert not crossing.is_metric
    assert pg.price_of_anarchy(crossing).poa == 2.0 > bounds.caching_uniform(3).value
    directed = bounds.caching_directed(3).instance
    assert not directed.is_metric
    assert pg.price_of_anarchy(directed).poa == 3.0


def test_with_payments_some_equilibrium_is_optimal_and_not_the_worst() -> None:
    bound = bounds.caching_payment()
    assert (bound.value, bound.tight, bound.measure, bound.standing) == (1.0, True, "price of stability", "proved")
    report = payment_anarchy(bound.instance, bound)
    assert (report.pos, report.poa) == (bound.value, 4.0)
    clusters = pg.instances.caching_two_clusters(8, 10.0)
    assert payment_anarchy(clusters, bound).pos == bound.value < pg.price_of_anarchy(clusters).pos


CALLS: list[Callable[[Any], PoaBound]] = [
    bounds.caching_uniform,
    bounds.caching_weighted,
    bounds.caching_directed,
    bounds.caching_complete,
    bounds.caching_complete_unequal,
    bounds.caching_star,
    bounds.caching_line,
    bounds.caching_ring,
    bounds.caching_grid,
    caching_two_clusters,
]


@pytest.mark.parametrize("call", CALLS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("nodes", [1, 0, -3, 2.5, math.nan, math.inf, "4", True, None])
def test_bad_sizes(call: Callable[[Any], PoaBound], nodes: Any) -> None:
    with pytest.raises(InvalidInput, match=r"must be (a whole number|at least)"):
        call(nodes)


def test_names_are_those_of_the_functions() -> None:
    for call in CALLS:
        assert call(4).name == call.__name__
    assert bounds.caching_payment().name == "caching_payment"
