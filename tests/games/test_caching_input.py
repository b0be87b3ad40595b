"""Numbers that a caching game refuses, and distances that are a metric up to rounding."""

from __future__ import annotations

import itertools
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import poagame as pg
from poagame import topologies
from poagame.anarchy.pressure import alone
from poagame.games.caching_input import shorter_detour
from poagame.solvers.caching.extremes import caching_extremes
from poagame.solvers.caching.optimum import placement_optimum
from poagame.solvers.caching.stores_extremes import stores_extremes
from poagame.solvers.caching.stores_programme import stores_optimum


@given(st.integers(0, 10_000))
def test_an_undirected_graph_gives_a_metric(seed: int) -> None:
    graph = nx.gnm_random_graph(9, 14, seed=seed)
    for k, edge in enumerate(graph.edges):
        graph.edges[edge]["weight"] = float(np.random.default_rng([seed, k]).uniform(0.1, 3.0))
    game = pg.CachingGame.from_networkx(graph, 1.0, metric=True)
    assert game.is_metric
    assert np.array_equal(game.distance, game.distance.T)


@given(st.integers(0, 10_000), st.sampled_from([3, 5, 8, 19]), st.integers(6, 11), st.booleans())
def test_a_detour_against_all_triples(seed: int, n: int, longest: int, far: bool) -> None:
    """Distances of 5 up to 10 have none, and above that the first is found in whatever block of rows it is."""
    rng = np.random.default_rng(seed)
    d = rng.integers(5, longest, (n, n)).astype(np.float64)
    np.fill_diagonal(d, 0.0)
    d[rng.integers(n), rng.integers(n)] = 0.0 if rng.integers(2) else 11.0
    np.fill_diagonal(d, 0.0)
    if far:
        d[0, 1:] = np.inf
    every = itertools.product(range(n), repeat=3)
    assert shorter_detour(d) == next(((i, j, k) for i, j, k in every if d[i, k] > d[i, j] + d[j, k]), None)


def test_a_hair_of_asymmetry_is_rounding_and_more_is_not() -> None:
    d = np.array([[0.0, 1.0], [1.0 + 1e-15, 0.0]])
    assert pg.CachingGame(d, 1.0, metric=True).is_metric
    d[1, 0] = 1.0 + 1e-9
    assert not pg.CachingGame(d, 1.0).is_metric
    with pytest.raises(pg.InvalidInput, match="must be symmetric"):
        pg.CachingGame(d, 1.0, metric=True)


PAIR = np.array([[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: pg.CachingGame(PAIR, 1.0, metric="no"), "metric is True or False"),  # type: ignore[arg-type]
        (lambda: pg.CachingGame(1e308 * PAIR, 1.0, 10.0), "larger unit"),
        (lambda: pg.CachingGame(1e200 * PAIR, 1.0, 1e200), "larger unit"),
        (lambda: pg.Tiers(5, [1.0], [0.0]), "a list of names"),  # type: ignore[arg-type]
        (lambda: pg.Tiers(None, [1.0], [0.0]), "a list of names"),  # type: ignore[arg-type]
        (lambda: pg.CachingGame.from_networkx(nx.path_graph(3), 1.0, weight=["x"]), "weight names"),  # type: ignore[arg-type]
        (lambda: pg.instances.caching_sessions([[0, 1], [2]]), "distance must be"),
        (lambda: pg.instances.caching_sessions([]), "distance must be"),
        (lambda: alone(pg.CachingGame(PAIR, 1.0)), "several objects"),
        (lambda: caching_extremes(pg.CachingGame(PAIR, 1.0), time_limit=-1.0), "time_limit"),
        (lambda: placement_optimum(pg.CachingGame(PAIR, 1.0), time_limit=np.nan), "time_limit"),
        (lambda: placement_optimum(pg.CachingGame(PAIR, 1.0), time_limit="1"), "time_limit"),  # type: ignore[arg-type]
        (lambda: stores_optimum(pg.CachingGame(PAIR, 1.0), time_limit=-1.0), "time_limit"),
        (lambda: stores_extremes(pg.CachingGame(PAIR, 1.0), time_limit=np.nan), "time_limit"),
        (lambda: alone("game"), "game is a CachingGame"),  # type: ignore[arg-type]
        (lambda: pg.CachingGame(PAIR, 1.0, subsidy=-1e308), "larger unit"),
        (lambda: pg.CachingGame(PAIR, 1.0).subsidised(-1e308), "larger unit"),
        (lambda: pg.CachingGame(PAIR, 1.0).as_profile([1e30, 0]), "holds 0 … 1e"),
        (lambda: pg.CachingGame(PAIR, 1.0).social_cost([0, -1e30]), "holds -1e"),
        (lambda: pg.certify_nash(pg.CachingGame(PAIR, 1.0), [1e30, 0]), "actions are|0 … 1"),
    ],
)
def test_what_is_refused(call: Any, match: str) -> None:
    with pytest.raises(pg.InvalidInput, match=match):
        call()


def test_sessions_without_number() -> None:
    with pytest.raises(pg.TooLarge, match="give fewer"):
        pg.instances.caching_sessions(PAIR, sessions=10**9)


def test_extreme_pressure_is_no_overflow() -> None:
    game = pg.instances.caching_sessions(PAIR, sessions=3)
    curve = pg.pressure_curve(game, [1e-30, 1e30], starts=1)
    assert curve.worst_ratio[0] == pytest.approx(1.0)
    assert curve.capacity[1] == 1


def test_a_topology_without_edges() -> None:
    assert len(topologies.Topology("apart", np.zeros((1, 1)), [[0.0, 0.0]], [], [0]).edges) == 0  # type: ignore[arg-type]


def test_what_a_game_holds_is_for_reading() -> None:
    given = np.array([[0.0, 2.0], [2.0, 0.0]])
    game = pg.CachingGame(given, 1.0, [[1.0, 2.0], [3.0, 4.0]], capacity=1, miss_cost=9.0, fixed=[[-1, 0], [-1, -1]])
    given[0, 1] = 5.0  # the caller's own stays the caller's
    assert game.distance[0, 1] == 2.0
    others = (game.limited(2), game.fix([[0, -1], [-1, -1]]), game.subsidised(0.5))
    names = ("distance", "placement_cost", "demand", "miss_cost", "subsidy", "capacity", "fixed")
    for of in (game, *others):
        for array in (*(getattr(of, name) for name in names), of.tiers.price, of.tiers.access):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1
