"""Lengths of shortest paths in a networkx graph, from a reader to a holder."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from poagame._arrays import FloatArray, require


def graph_distance(graph: Any, weight: Hashable) -> FloatArray:
    """[n, n]: lengths of shortest paths between the nodes in the order of `graph.nodes`, infinite where there is none.

    Raises
    ------
    InvalidInput
        If it is no graph, has no node, or the `weight` of an edge is no number ≥ 0 (edges without it are 1 long).
    """
    require(isinstance(weight, Hashable), f"weight names an attribute of edges; got {weight!r:.60}")
    require(hasattr(graph, "is_directed") and hasattr(graph, "nodes"), f"graph is a networkx graph; got {graph!r:.60}")
    number = {label: v for v, label in enumerate(graph.nodes)}
    require(len(number) > 0, "the graph has no node; a game needs at least one")
    length: dict[tuple[int, int], float] = {}
    for u, v, given in graph.edges(data=weight, default=1.0):
        sound = isinstance(given, int | float | np.integer | np.floating) and not isinstance(given, bool)
        require(
            sound and bool(0 <= given < np.inf), f"edge {(u, v)} has {weight!r} = {given!r:.40}; give a number >= 0"
        )
        tail, head = number[u], number[v]
        for pair in [(tail, head)] if graph.is_directed() else [(tail, head), (head, tail)]:
            length[pair] = min(float(given), length.get(pair, np.inf))  # the shortest of parallel edges
    ends = np.array(list(length), dtype=np.int64).reshape(-1, 2).T
    edges = csr_array((np.array(list(length.values())), tuple(ends)), shape=(len(number), len(number)))
    lengths = np.atleast_2d(dijkstra(edges))
    # the two directions of a path sum the same edges in another order, and round otherwise
    return lengths if graph.is_directed() else np.minimum(lengths, lengths.T)
