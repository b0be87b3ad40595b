"""Networks: costs by definition, bad input refused, graphs of networkx with labels and mixed latencies."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings

from poagame.errors import Infeasible, InvalidInput
from poagame.games.network import NetworkRouting
from poagame.games.protocols import FlowGame
from poagame.latency import BPR, MM1, Polynomial
from poagame.testing.networks import networks

LINE = Polynomial([[1.0, 1.0], [2.0, 0.0]])


def line(**changes: object) -> NetworkRouting:
    """0 → 1 → 2 with 3 units from end to end."""
    given = {"latency": LINE, "tail": [0, 1], "head": [1, 2], "origin": [0], "destination": [2], "demand": [3.0]}
    return NetworkRouting(**{**given, **changes})  # type: ignore[arg-type]


def test_costs_are_their_definitions() -> None:
    game = line()
    load = np.array([3.0, 3.0])
    assert isinstance(game, FlowGame)
    np.testing.assert_array_equal(game.edge_cost(load), [4.0, 2.0])
    assert game.social_cost(load) == 18.0
    assert game.beckmann(load) == 3 + 4.5 + 6
    np.testing.assert_array_equal(game.marginal_cost_game().edge_cost(load), [7.0, 2.0])
    np.testing.assert_array_equal(game.social_cost(np.stack([load, 2 * load])), [18.0, 54.0])
    assert (game.num_edges, game.num_nodes, game.num_commodities, game.total_demand) == (2, 3, 1, 3.0)


def test_demand_changes_and_pattern_stays() -> None:
    game = line(origin=[0, 1, 2], destination=[2, 2, 2], demand=[3.0, 1.0, 2.0])
    assert game.intrazonal == 2.0
    assert game.num_commodities == 2
    twice = game.scaled(8.0)
    np.testing.assert_array_equal(twice.demand, [6.0, 2.0])
    assert twice.intrazonal == 4.0
    np.testing.assert_array_equal(game.with_demand([0.0, 5.0]).demand, [0.0, 5.0])
    with pytest.raises(InvalidInput, match="all demands are zero"):
        game.with_demand([0.0, 0.0]).scaled(1.0)


@given(networks(max_extra_edges=3))
@settings(max_examples=15)
def test_the_beckmann_slope_is_the_edge_cost(game: NetworkRouting) -> None:
    load, h = np.full(game.num_edges, 0.31), 1e-6
    for e in range(min(3, game.num_edges)):
        step = h * (np.arange(game.num_edges) == e)
        slope = (float(game.beckmann(load + step)) - float(game.beckmann(load - step))) / (2 * h)
        assert slope == pytest.approx(game.edge_cost(load)[e], rel=1e-4, abs=1e-4)


def test_unused_edges_past_capacity_cost_nothing() -> None:
    game = NetworkRouting.parallel(Polynomial([[1.0], [1.0]]) + MM1([2.0, 1.0]).preloaded([0.0, 1.5]), 1.0)
    assert game.social_cost([1.0, 0.0]) == pytest.approx(2.0)
    assert np.isposinf(game.social_cost([0.5, 0.5]))


def test_networkx_labels_and_mixed_families() -> None:
    graph = nx.MultiDiGraph()
    graph.add_edge("a", ("b", 1), latency=MM1(4.0))
    graph.add_edge("a", ("b", 1), latency=Polynomial([1.0, 1.0]))
    graph.add_edge(("b", 1), "c", latency=BPR(1.0, 2.0, 0.15, 4.0))
    game = NetworkRouting.from_networkx(graph, {("a", "c"): 2.0, ("a", "a"): 1.0})
    assert game.nodes == ("a", ("b", 1), "c")
    assert (game.tail.tolist(), game.head.tolist()) == ([0, 0, 1], [1, 1, 2])
    np.testing.assert_allclose(game.edge_cost([1.0, 2.0, 2.0]), [1 / 3, 3.0, 1.15])
    assert game.intrazonal == 1.0
    same = NetworkRouting.from_networkx(nx.DiGraph([(1, 2)]), {(1, 2): 1.0}, Polynomial([0.0, 1.0]))
    assert same.social_cost([1.0]) == 1.0


def graph(**attributes: object) -> nx.DiGraph:
    given = nx.DiGraph()
    given.add_edge("a", "b", **attributes)
    return given


BAD = [
    (lambda: line(demand=[np.nan]), InvalidInput, "demand must be finite"),
    (lambda: line(demand=[-1.0]), InvalidInput, "demand must be nonnegative"),
    (lambda: line(demand=[1.0, 2.0]), InvalidInput, "each commodity needs"),
    (lambda: line(head=[1]), InvalidInput, "each edge needs both"),
    (lambda: line(tail=[0, 1.5]), InvalidInput, "node numbers"),
    (lambda: line(tail=[0, -1]), InvalidInput, "node numbers"),
    (lambda: line(num_nodes=2), InvalidInput, "node 2 is named but not there"),
    (lambda: line(destination=[7], num_nodes=3), InvalidInput, "node 7"),
    (lambda: line(first_through=9), InvalidInput, "first_through"),
    (lambda: line(latency=MM1([1.0, 2.0, 3.0])), InvalidInput, "3 resources for 2 edges"),
    (lambda: line(latency="bpr"), InvalidInput, "must be a poagame Latency"),
    (lambda: line(latency=LINE + [-2.0, 0.0]), InvalidInput, "edge 0 costs -1.0 at no load"),
    (lambda: line(origin=[2], destination=[0]), Infeasible, "commodity 0 .from 2 to 0.*no path"),
    (lambda: line(first_through=2), Infeasible, "commodity 0"),
    (lambda: line(tail=[], head=[]), InvalidInput, "at least one edge"),
    (lambda: line().scaled(-1.0), InvalidInput, "total demand"),
    (lambda: NetworkRouting.from_networkx(nx.Graph([(1, 2)]), {(1, 2): 1.0}), InvalidInput, "must be directed"),
    (lambda: NetworkRouting.from_networkx(graph(), {("a", "b"): 1.0}), InvalidInput, "lacks the attribute 'latency'"),
    (lambda: NetworkRouting.from_networkx(graph(latency=MM1(2.0)), {("a", "z"): 1.0}), InvalidInput, "'z'"),
    (
        lambda: NetworkRouting.from_networkx(graph(latency=3), {("a", "b"): 1.0}),
        InvalidInput,
        "latency of one resource",
    ),
    (lambda: NetworkRouting.from_networkx(graph(latency=MM1(2.0)), {}), InvalidInput, "at least one"),
]


@pytest.mark.parametrize(("build", "error", "message"), BAD, ids=[m for *_, m in BAD])
def test_bad_input_is_refused_with_its_reason(build: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"(?s){message}"):
        build()  # type: ignore[operator]


def test_no_path_without_demand_is_no_error() -> None:
    assert line(origin=[0, 2], destination=[2, 0], demand=[1.0, 0.0]).num_commodities == 2
