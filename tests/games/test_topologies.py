"""Distances of topologies against shortest paths on graphs built here, their laws, costs of links, and bad input."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poagame.errors import InvalidInput, TooLarge
from poagame.games import topologies as tp
from poagame.games.caching import CachingGame
from poagame.games.topologies import Link, Topology
from poagame.games.topologies.uniform import MAX_STEPS

NESTED = (
    lambda: tp.complete(7, hop=3.0),
    lambda: tp.two_level(3, 4, intra=1.0, inter=1000.0),
    lambda: tp.two_level(5, 1),
    lambda: tp.two_level(1, 5, intra=2.0, inter=2.0),
    lambda: tp.fat_tree(2),
    lambda: tp.fat_tree(6, hop=0.5),
    lambda: tp.fat_tree(4, links=(1.0, 1.0, 3.5)),
)


def shortest(graph: Any, nodes: int, weight: str | None = None) -> Any:
    found = np.full((nodes, nodes), np.inf)
    for i, lengths in nx.all_pairs_dijkstra_path_length(graph, weight=weight or "none"):
        for j, length in lengths.items():
            if i < nodes and j < nodes:
                found[i, j] = length
    return found


@pytest.mark.parametrize(
    ("topology", "graph"),
    [
        (lambda hop: tp.line(9, hop), nx.path_graph(9)),
        (lambda hop: tp.line(1, hop), nx.path_graph(1)),
        (lambda hop: tp.ring(3, hop), nx.cycle_graph(3)),
        (lambda hop: tp.ring(8, hop), nx.cycle_graph(8)),
        (lambda hop: tp.ring(9, hop), nx.cycle_graph(9)),
        (lambda hop: tp.star(1, hop), nx.star_graph(0)),
        (lambda hop: tp.star(7, hop), nx.star_graph(6)),
        (lambda hop: tp.complete(6, hop), nx.complete_graph(6)),
        (lambda hop: tp.grid(3, 5, hop), nx.convert_node_labels_to_integers(nx.grid_2d_graph(3, 5))),
        (lambda hop: tp.grid(4, hop=hop), nx.convert_node_labels_to_integers(nx.grid_2d_graph(4, 4))),
        (lambda hop: tp.grid(1, 6, hop), nx.path_graph(6)),
    ],
    ids=lambda v: None if callable(v) else str(v),
)
def test_distances_and_lines_are_those_of_the_graph(topology: Callable[[Any], Topology], graph: Any) -> None:
    found = topology(1.0)
    np.testing.assert_array_equal(found.distance, shortest(graph, len(graph)))
    assert {frozenset(e) for e in found.edges.tolist()} == {frozenset(e) for e in graph.edges}
    assert len(found.edges) == graph.number_of_edges()
    assert not found.group.any()
    link = Link(25.0, 3.0)
    timed = topology(link)  # default blocks of 160 MiB
    assert (found.unit, timed.unit) == ("1", "µs/block")
    np.testing.assert_allclose(timed.distance, found.distance * (3.0 + 167_772_160 / 25e3), rtol=1e-14)


@pytest.mark.parametrize("ports", [2, 4, 6])
def test_hops_of_fat_trees_are_those_through_the_switches(ports: int) -> None:
    half, graph = ports // 2, nx.Graph()
    hosts = itertools.count()
    for pod in range(ports):
        for edge in range(half):
            graph.add_edges_from((next(hosts), ("edge", pod, edge)) for _ in range(half))
            graph.add_edges_from((("edge", pod, edge), ("aggregation", pod, a)) for a in range(half))
        for a in range(half):
            graph.add_edges_from((("aggregation", pod, a), ("core", a, c)) for c in range(half))
    topology = tp.fat_tree(ports, hop=2.0)
    n = ports**3 // 4
    assert next(hosts) == topology.num_nodes == n
    wanted = [[2.0 * nx.shortest_path_length(graph, i, j) for j in range(n)] for i in range(min(n, 16))]
    assert topology.distance[:16].tolist() == wanted
    pods = [next(x for x in graph[i])[1] for i in range(n)]
    assert topology.group.tolist() == pods


def test_two_levels() -> None:
    topology = tp.two_level(3, 4, intra=1.5, inter=20.0)
    for i, j in itertools.product(range(12), repeat=2):
        wanted = 0.0 if i == j else 1.5 if i // 4 == j // 4 else 20.0
        assert topology.distance[i, j] == wanted
    assert topology.group.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    lines = {tuple(e) for e in topology.edges.tolist()}
    inside = {(i, j) for i, j in itertools.combinations(range(12), 2) if i // 4 == j // 4}
    assert lines == inside | {(0, 4), (0, 8), (4, 8)}
    timed = tp.two_level(2, 2, block_bytes=9e5)
    assert timed.distance[0].tolist() == pytest.approx([0.0, 1.0 + 1.0, 2.0 + 18.0, 2.0 + 18.0])


@settings(max_examples=60)
@given(st.integers(1, 25), st.floats(0.05, 1.6), st.integers(0, 2**32 - 1))
def test_random_geometric_graphs(nodes: int, radius: float, seed: int) -> None:
    topology = tp.random_geometric(nodes, radius, seed, hop=3.0)
    at = topology.position
    assert ((at >= 0) & (at <= 1)).all()
    graph = nx.empty_graph(nodes)
    for i, j in itertools.combinations(range(nodes), 2):
        length = math.dist(at[i], at[j])
        if length <= radius:
            graph.add_edge(i, j, length=3.0 * length / radius)
    assert {frozenset(e) for e in topology.edges.tolist()} == {frozenset(e) for e in graph.edges}
    np.testing.assert_allclose(topology.distance, shortest(graph, nodes, "length"), rtol=1e-12)
    assert topology.num_parts == nx.number_connected_components(graph)
    assert topology.is_connected == nx.is_connected(graph)
    assert CachingGame(topology.distance, 1.0).is_metric
    again = tp.random_geometric(nodes, radius, np.random.default_rng(seed), hop=3.0)
    np.testing.assert_array_equal(again.position, at)


def test_seeds_differ() -> None:
    assert (tp.random_geometric(5, 0.5, 1).position != tp.random_geometric(5, 0.5, 2).position).all()


hops = st.one_of(st.floats(1e-6, 1e6), st.builds(Link, st.floats(0.1, 1e4), st.floats(0, 1e4)))
small = st.integers(1, 6)
shapes = st.one_of(
    st.builds(tp.complete, small, hops),
    st.builds(tp.line, small, hops),
    st.builds(tp.ring, st.integers(3, 9), hops),
    st.builds(tp.star, small, hops),
    st.builds(tp.grid, small, st.integers(1, 4), hops),
    st.builds(tp.random_geometric, small, st.floats(0.1, 1.5), st.integers(0, 99), hops),
    st.builds(tp.fat_tree, st.sampled_from([2, 4]), hops),
    st.builds(
        lambda n, g, hop, times: tp.two_level(n, g, hop, hop * times),
        small,
        small,
        st.floats(0.1, 9),
        st.floats(1, 1e3),
    ),
)


@settings(max_examples=150)
@given(shapes)
def test_distances_are_metric(topology: Topology) -> None:
    d, n = topology.distance, topology.num_nodes
    np.testing.assert_array_equal(d, d.T)
    assert (d[~np.eye(n, dtype=bool)] > 0).all()
    assert not d.diagonal().any()
    assert (d[:, None, :] <= (d[:, :, None] + d[None, :, :]) * (1 + 1e-12)).all()
    assert topology.position.shape == (n, 2)
    assert len(np.unique(topology.position.round(9), axis=0)) == n  # no two nodes drawn on each other
    assert topology.unit in ("1", "µs/block")


@pytest.mark.parametrize("make", NESTED)
def test_groups_in_groups_are_ultrametric(make: Callable[[], Topology]) -> None:
    d = make().distance
    assert (d[:, None, :] <= np.maximum(d[:, :, None], d[None, :, :])).all()


def test_a_line_is_not_ultrametric() -> None:
    d = tp.line(4, 1.0).distance
    assert not (d[:, None, :] <= np.maximum(d[:, :, None], d[None, :, :])).all()


def test_links() -> None:
    assert Link(50.0, 2.0).cost(50e6) == pytest.approx(1002.0)
    assert tp.kv_block_bytes() == 2 * 80 * 8 * 128 * 2 * 512
    assert tp.kv_block_bytes(tokens=16, kv_heads=2, bytes_per_value=0.5) == 16 * 2 * 80 * 2 * 128 * 0.5
    fast = [tp.HBM3E, tp.NVLINK_5, tp.NVLINK_4, tp.INFINIBAND_XDR, tp.PCIE_GEN5_X16, tp.INFINIBAND_NDR, tp.NVME_GEN5]
    speeds = [link.gigabytes_per_second for link in (*fast, tp.NETWORK_STORAGE)]
    assert speeds == sorted(speeds, reverse=True)
    assert all(link.source.startswith("[") for link in fast)
    with pytest.raises(AttributeError):
        tp.NVLINK_5.latency_us = 0.0  # type: ignore[misc]


def test_what_repr_says() -> None:
    assert repr(tp.complete(1)) == "<Topology complete graph of 1: 1 node>"
    assert repr(tp.ring(4, 1.0)) == "<Topology ring of 4: 4 nodes, distances 1 to 2>"
    apart = tp.random_geometric(4, 0.01, hop=1.0)
    assert repr(apart) == "<Topology random geometric graph of 4, radius 0.01: 4 nodes, in 4 parts>"


def test_records_are_frozen() -> None:
    topology = tp.line(3, 1.0)
    for array in (topology.distance, topology.position, topology.edges, topology.group):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    given = np.array([[0.0, 1.0], [1.0, 0.0]])
    own = Topology("own", given, np.zeros((2, 2)), np.empty((0, 2), dtype=int), np.array([0, 0]))
    given[0, 1] = 9.0
    assert own.distance[0, 1] == 1.0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: tp.line(0), "nodes must be at least 1"),
        (lambda: tp.line(True), "whole number"),
        (lambda: tp.line("3"), "whole number"),  # type: ignore[arg-type]
        (lambda: tp.line(2.5), "whole number"),  # type: ignore[arg-type]
        (lambda: tp.ring(2), "at least 3"),
        (lambda: tp.star(math.nan), "whole number"),  # type: ignore[arg-type]
        (lambda: tp.grid(2, 0), "columns must be at least 1"),
        (lambda: tp.complete(3, hop=0.0), "hop must be positive"),
        (lambda: tp.complete(3, hop=math.inf), "hop must be positive"),
        (lambda: tp.complete(3, hop=1e305), "the most that paths"),
        (lambda: tp.complete(3, hop="fast"), "Link or a positive number"),  # type: ignore[arg-type]
        (lambda: tp.complete(3, hop=None), "Link or a positive number"),  # type: ignore[arg-type]
        (lambda: tp.complete(3, hop=1.0, block_bytes=5.0), "leave block_bytes out"),
        (lambda: tp.complete(3, block_bytes=0.0), "block_bytes must be positive"),
        (lambda: tp.random_geometric(3, 0.0), "radius must be positive"),
        (lambda: tp.random_geometric(3, 0.1, seed=-1), "seed is"),
        (lambda: tp.two_level(2, 2, 1.0), "all links or all numbers"),
        (lambda: tp.two_level(2, 2, 2.0, 1.0), "swap them"),
        (lambda: tp.two_level(2, 2, tp.INFINIBAND_NDR, tp.NVLINK_5), "swap them"),
        (lambda: tp.fat_tree(5), "even"),
        (lambda: tp.fat_tree(4, links=(1.0, 2.0)), "three positive"),
        (lambda: tp.fat_tree(4, links=(3.0, 2.0, 4.0)), "three positive"),
        (lambda: tp.fat_tree(4, links=(0.0, 2.0, 4.0)), "three positive"),
        (lambda: Link(0.0), "gigabytes_per_second must be positive"),
        (lambda: Link(1.0, -1.0), "latency_us must be >= 0"),
        (lambda: Link(1.0, math.nan), "latency_us must be a finite"),
        (lambda: tp.NVLINK_5.cost(-1.0), "block_bytes must be positive"),
        (lambda: tp.kv_block_bytes(tokens=0), "tokens must be at least 1"),
        (lambda: tp.kv_block_bytes(bytes_per_value=0), "bytes_per_value must be positive"),
    ],
)
def test_bad_input(call: Callable[[], object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        call()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"distance": [[0.0, 1.0], [2.0, 0.0]]}, "symmetric"),
        ({"distance": [[0.0, math.nan], [math.nan, 0.0]]}, "symmetric"),
        ({"distance": [[0.0, -1.0], [-1.0, 0.0]]}, "symmetric"),
        ({"distance": [[1.0, 1.0], [1.0, 0.0]]}, "diagonal"),
        ({"distance": [0.0, 1.0]}, "numbers"),
        ({"distance": [["a", "b"], ["b", "a"]]}, "numbers"),
        ({"position": [[0.0, 1.0]]}, "position must be"),
        ({"edges": [[0, 2]]}, "edges name nodes"),
        ({"edges": [[0, -1]]}, "edges name nodes"),
        ({"edges": [0, 1]}, "edges must be"),
        ({"edges": [[0.0, 1.0]]}, "whole numbers"),
        ({"group": [0]}, "group must be"),
    ],
)
def test_bad_records(change: dict[str, Any], said: str) -> None:
    sound: dict[str, Any] = {"distance": [[0, 1], [1, 0]], "position": np.eye(2), "edges": [[0, 1]], "group": [0, 0]}
    assert Topology("own", **sound).num_nodes == 2
    with pytest.raises(InvalidInput, match=said):
        Topology("own", **sound | change)


@pytest.mark.parametrize(
    "call",
    [
        lambda: tp.complete(tp.MAX_NODES + 1),
        lambda: tp.line(10**9),
        lambda: tp.ring(10**9),
        lambda: tp.star(10**9),
        lambda: tp.grid(10**5),
        lambda: tp.random_geometric(10**9, 0.1),
        lambda: tp.two_level(10**6),
        lambda: tp.fat_tree(10**6),
    ],
)
def test_too_large(call: Callable[[], object]) -> None:
    with pytest.raises(TooLarge, match="the limit is 4,096"):
        call()


def test_too_many_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_STEPS > 10**9
    monkeypatch.setattr("poagame.games.topologies.uniform.MAX_STEPS", 100)
    with pytest.raises(TooLarge, match="smaller radius"):
        tp.random_geometric(30, 0.5)
    assert tp.random_geometric(30, 2.0).is_connected  # all joined: no search for paths
