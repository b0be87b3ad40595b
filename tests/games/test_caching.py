"""Costs and equilibria of caching games against their definition; bad input."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import example, find, given, settings
from hypothesis import strategies as st

import poagame as pg
from poagame.errors import InvalidInput
from poagame.games.caching import CachingGame
from poagame.testing.caching import KINDS, caching_games
from tests.caching_oracle import CachingOracle, packs_and_covers

INF = float("inf")


@settings(max_examples=60)
@given(caching_games(6, KINDS, "any", equal_placement=False))
def test_costs_and_equilibria_are_those_of_the_definition(game: CachingGame) -> None:
    oracle = CachingOracle.of(game)
    profiles = oracle.profiles()
    batch = np.array(profiles)
    costs, paid, social = game.action_costs(batch), game.player_costs(batch), game.social_cost(batch)
    for at, s in enumerate(profiles):
        for i in range(game.num_players):
            wanted = [oracle.cost((*s[:i], a, *s[i + 1 :]), i) for a in (0, 1)]
            assert costs[at, i].tolist() == pytest.approx(wanted, rel=1e-12)
            assert paid[at, i] == wanted[s[i]]
        assert np.array(social)[at] == pytest.approx(oracle.social(s), rel=1e-12)
    found = pg.equilibria(game)
    assert sorted(map(tuple, found.profiles.tolist())) == oracle.equilibria()
    assert pg.social_optimum(game).social_cost == pytest.approx(oracle.least(), rel=1e-12)


@pytest.mark.parametrize("nodes", [8, 9, 17])
def test_many_profiles_cost_what_each_of_them_costs(nodes: int) -> None:
    rng = np.random.default_rng(nodes)
    distance = np.where(rng.random((nodes, nodes)) < 0.2, np.inf, rng.integers(0, 9, (nodes, nodes)))
    np.fill_diagonal(distance, 0.0)
    game = CachingGame(distance, rng.integers(1, 9, nodes), rng.integers(0, 3, nodes))
    oracle = CachingOracle.of(game)
    profiles = rng.integers(0, 2, (4, 150, nodes))  # more than a block has sets
    profiles[0, 0] = 0
    together, social = game.action_costs(profiles), np.asarray(game.social_cost(profiles))
    assert together.shape == (4, 150, nodes, 2)
    assert social.shape == (4, 150)
    for at in [(0, 0), (0, 1), (1, 40), (3, 149)]:
        s = tuple(profiles[at].tolist())
        np.testing.assert_array_equal(game.action_costs(profiles[at]), together[at])
        assert [oracle.cost((*s[:i], 0, *s[i + 1 :]), i) for i in range(nodes)] == together[at][:, 0].tolist()
        assert game.social_cost(profiles[at]) == social[at] == oracle.social(s)


@settings(max_examples=60)
@given(caching_games(6, ("metric", "directed", "any")))
@example(CachingGame([[0.0, 1.0], [1.0, 0.0]], 1.0))
def test_equilibria_of_unit_demands_pack_and_cover(game: CachingGame) -> None:
    alpha = float(game.placement_cost[0])
    listed = {tuple(s) for s in pg.equilibria(game).profiles.tolist()}
    for s in CachingOracle.of(game).profiles():
        assert (s in listed) == packs_and_covers(game.distance, alpha, [j for j, a in enumerate(s) if a])


@settings(max_examples=40)
@given(caching_games(6, ("metric",), "any"))
def test_metric_games_have_a_pure_equilibrium(game: CachingGame) -> None:
    assert game.is_metric
    assert len(pg.equilibria(game)) > 0
    assert pg.equilibrium(game).certificate.holds


def test_nobody_within_reach_costs_infinity_unless_nothing_is_asked_for() -> None:
    game = CachingGame([[0.0, INF, 1.0], [INF, 0.0, INF], [INF, INF, 0.0]], 2.0, [1.0, 1.0, 0.0])
    assert game.player_costs([0, 0, 0]).tolist() == [INF, INF, 0.0]
    assert game.player_costs([0, 1, 1]).tolist() == [1.0, 2.0, 2.0]
    assert game.social_cost([1, 0, 0]) == INF
    found = pg.equilibria(game)
    assert found.profiles.tolist() == [[1, 1, 0]]
    assert pg.price_of_anarchy(game).optimum.social_cost == 4.0


def test_distances_lead_from_reader_to_holder() -> None:
    game = CachingGame([[0.0, 5.0], [7.0, 0.0]], 9.0)
    assert game.player_costs([0, 1]).tolist() == [5.0, 9.0]
    assert game.player_costs([1, 0]).tolist() == [9.0, 7.0]


def test_graphs() -> None:
    graph = nx.Graph()
    graph.add_nodes_from("abcd")
    graph.add_edge("a", "b", weight=0)
    graph.add_edge("b", "c", weight=2.5)
    graph.add_edge("a", "c", weight=4)
    game = CachingGame.from_networkx(graph, 1.0, [1.0, 2.0, 3.0, 4.0])
    assert game.distance.tolist() == [[0, 0, 2.5, INF], [0, 0, 2.5, INF], [2.5, 2.5, 0, INF], [INF, INF, INF, 0]]
    assert game.demand.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert game.is_metric
    one_way = nx.MultiDiGraph([("x", "y", {"hops": 2}), ("x", "y", {"hops": 3}), ("y", "z", {})])
    game = CachingGame.from_networkx(one_way, [1.0, 2.0, 3.0], weight="hops")
    assert game.distance.tolist() == [[0, 2, 3], [INF, 0, 1], [INF, INF, 0]]
    assert not game.is_metric
    assert CachingGame.from_networkx(nx.empty_graph(1), 1.0).distance.tolist() == [[0.0]]


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_distances_of_graphs_are_those_of_networkx(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph: Any = nx.gnp_random_graph(7, 0.3, seed=int(seed % 1000), directed=bool(seed % 2))
    for _, _, data in graph.edges(data=True):
        data["weight"] = int(rng.integers(0, 5))
    wanted = np.full((7, 7), np.inf)
    for i, reached in nx.all_pairs_dijkstra_path_length(graph):
        for j, length in reached.items():
            wanted[i, j] = length
    np.testing.assert_array_equal(CachingGame.from_networkx(graph, 1.0).distance, wanted)


def test_what_is_a_metric() -> None:
    assert CachingGame([[0.0, 1.0], [1.0, 0.0]], 1.0).is_metric
    assert not CachingGame([[0.0, 1.0], [2.0, 0.0]], 1.0).is_metric
    assert not CachingGame([[0.0, 1.0, 3.0], [1.0, 0.0, 1.0], [3.0, 1.0, 0.0]], 1.0).is_metric
    assert CachingGame([[0.0, 0.1, 0.3], [0.1, 0.0, 0.2], [0.3, 0.2, 0.0]], 1.0).is_metric


@settings(max_examples=40)
@given(caching_games(5, KINDS, "any", equal_placement=False))
def test_repr_is_code_that_rebuilds_the_game(game: CachingGame) -> None:
    again = eval(repr(game), {"CachingGame": CachingGame})  # noqa: S307
    assert repr(again) == repr(game)
    np.testing.assert_array_equal(again.distance, game.distance)
    np.testing.assert_array_equal(again.placement_cost, game.placement_cost)
    np.testing.assert_array_equal(again.demand, game.demand)


def test_repr_of_a_large_game_is_a_line() -> None:
    assert repr(CachingGame(np.zeros((15, 15)), 1.0)) == "<CachingGame of 15 nodes>"


def test_draws_shrink_to_readable_games() -> None:
    costly = find(
        caching_games(demands="any"), lambda g: pg.price_of_anarchy(g).poa > 1.4, settings=settings(database=None)
    )
    assert costly.num_players == 2
    assert len(repr(costly)) < 100


UNIT = [[0.0, 1.0], [1.0, 0.0]]
BAD: list[tuple[str, Any, str]] = [
    ("not square", lambda: CachingGame([[0.0, 1.0]], 1.0), r"must be \[n, n\].*got shape \(1, 2\)"),
    ("empty", lambda: CachingGame(np.zeros((0, 0)), 1.0), r"must be \[n, n\]"),
    ("ragged", lambda: CachingGame([[0.0, 1.0], [1.0]], 1.0), "distance must be an array of numbers"),
    ("negative", lambda: CachingGame([[0.0, -1.0], [1.0, 0.0]], 1.0), r">= 0 .*entry \(0, 1\) is -1.0"),
    ("NaN", lambda: CachingGame([[0.0, np.nan], [1.0, 0.0]], 1.0), r"entry \(0, 1\) is nan"),
    ("diagonal", lambda: CachingGame([[0.5, 1.0], [1.0, 0.0]], 1.0), r"0 on the diagonal; entry \(0, 0\) is 0.5"),
    ("text", lambda: CachingGame([["0", "1"], ["1", "0"]], 1.0), "distance must be numbers"),
    ("bool", lambda: CachingGame(UNIT, True), "placement_cost must be numbers; got True"),
    ("None", lambda: CachingGame(UNIT, None), "placement_cost must be numbers"),
    ("negative cost", lambda: CachingGame(UNIT, -1.0), "placement_cost must be finite and >= 0; it is -1.0"),
    ("infinite cost", lambda: CachingGame(UNIT, [1.0, INF]), r"placement_cost must be finite and >= 0; entry \(1,\) is inf"),
    ("too many", lambda: CachingGame(UNIT, [1.0] * 3), r"one for each of 2 nodes; got shape \(3,\)"),
    ("negative demand", lambda: CachingGame(UNIT, 1.0, [1.0, -2.0]), r"demand must be finite and >= 0; entry \(1,\) is -2.0"),
    ("NaN demand", lambda: CachingGame(UNIT, 1.0, np.nan), "demand must be numbers; it is nan"),
    ("no demand", lambda: CachingGame(UNIT, 1.0, 0.0), "demand is 0 everywhere"),
    ("tiers", lambda: CachingGame(UNIT, 1.0, tiers=2), r"tiers is a Tiers\(names, price, access\)"),  # type: ignore[arg-type]
    ("capacity", lambda: CachingGame(UNIT, 1.0, capacity=0.5), "capacity counts whole objects.*it is 0.5"),
    ("no graph", lambda: CachingGame.from_networkx(UNIT, 1.0), "graph is a networkx graph"),
    ("empty graph", lambda: CachingGame.from_networkx(nx.Graph(), 1.0), "has no node"),
    ("negative edge", lambda: CachingGame.from_networkx(nx.Graph([(0, 1, {"weight": -1})]), 1.0), "'weight' = -1"),
    ("NaN edge", lambda: CachingGame.from_networkx(nx.Graph([(0, 1, {"weight": np.nan})]), 1.0), "'weight' = nan"),
    ("text edge", lambda: CachingGame.from_networkx(nx.Graph([(0, 1, {"weight": "1"})]), 1.0), "'weight' = '1'"),
    ("action 2", lambda: CachingGame(UNIT, 1.0).social_cost([0, 2]), "actions are 0 … 1"),
    ("strategy sizes", lambda: caching_games(2, min_nodes=3).example(), "min <= max"),
    ("strategy kinds", lambda: caching_games(kinds=("plane",)).example(), "kinds of distances"),  # type: ignore[arg-type]
    ("strategy demands", lambda: caching_games(demands="some").example(), "demands are"),  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:The `.example")
@pytest.mark.parametrize(("call", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input(call: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
