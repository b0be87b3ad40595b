r"""Topologies whose distance is a number of equal hops: line, ring, star, grid; and random geometric graphs.

Every shape takes `hop`: a `Link`, whose cost for a block of `block_bytes` makes distances µs a block, or a number, the abstract cost of one
hop. A path of h links costs h hops, as if a block were stored and forwarded at each node; that convention is ours.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from poagame._arrays import FloatArray, IntArray
from poagame.errors import TooLarge
from poagame.games.checks import Seed, generator, positive, whole
from poagame.games.topologies.links import INFINIBAND_NDR, Link, hop_costs
from poagame.games.topologies.record import Topology, check_size

MAX_STEPS = 10**10
"""Most nodes × edges of a random geometric graph: its shortest paths then take about a minute."""


def line(nodes: int, hop: float | Link = INFINIBAND_NDR, block_bytes: float | None = None) -> Topology:
    """n nodes in a row, each joined to the next: distance = hops between them.

    Parameters
    ----------
    nodes : int
        n ≥ 1.
    hop : Link or float
        A link, or the abstract cost of one hop, positive.
    block_bytes : float, optional
        Bytes of a block, for links; by default `kv_block_bytes()`.

    Raises
    ------
    InvalidInput
        If an argument is out of its domain.
    TooLarge
        If the nodes are more than `MAX_NODES`.

    Examples
    --------
    >>> line(4, hop=1.0)
    <Topology line of 4: 4 nodes, distances 1 to 3>
    >>> line(4, block_bytes=5 * 2**20)
    <Topology line of 4: 4 nodes, distances 106.9 to 320.6 µs/block>
    """
    n = check_size(whole(nodes, "nodes", 1))
    at = np.arange(n)
    path = np.stack([at[:-1], at[1:]], axis=1)
    position = np.stack([at, np.zeros(n)], axis=1).astype(np.float64)
    return _of_hops(f"line of {n}", np.abs(at[:, None] - at), position, path, hop, block_bytes)


def ring(nodes: int, hop: float | Link = INFINIBAND_NDR, block_bytes: float | None = None) -> Topology:
    """n nodes in a circle, each joined to the next: distance = hops the shorter way round.

    Parameters
    ----------
    nodes : int
        n ≥ 3.
    hop, block_bytes
        As of `line`.

    Raises
    ------
    InvalidInput
        If an argument is out of its domain.
    TooLarge
        If the nodes are more than `MAX_NODES`.

    Examples
    --------
    >>> ring(6, hop=1.0).distance[0].tolist()
    [0.0, 1.0, 2.0, 3.0, 2.0, 1.0]
    """
    n = check_size(whole(nodes, "nodes", 3))
    at = np.arange(n)
    along = np.abs(at[:, None] - at)
    edges = np.stack([at, (at + 1) % n], axis=1)
    return _of_hops(f"ring of {n}", np.minimum(along, n - along), _circle(n), edges, hop, block_bytes)


def star(nodes: int, hop: float | Link = INFINIBAND_NDR, block_bytes: float | None = None) -> Topology:
    """Node 0 in the middle, all others joined to it: leaves are two hops apart.

    Parameters
    ----------
    nodes : int
        n ≥ 1, with the centre.
    hop, block_bytes
        As of `line`.

    Raises
    ------
    InvalidInput
        If an argument is out of its domain.
    TooLarge
        If the nodes are more than `MAX_NODES`.

    Examples
    --------
    >>> star(3, hop=0.5).distance.tolist()
    [[0.0, 0.5, 0.5], [0.5, 0.0, 1.0], [0.5, 1.0, 0.0]]
    """
    n = check_size(whole(nodes, "nodes", 1))
    leaf = (np.arange(n) > 0).astype(np.int64)
    hops = np.where(np.eye(n, dtype=bool), 0, leaf[:, None] + leaf)
    spokes = np.stack([np.zeros(n - 1, dtype=np.int64), np.arange(1, n)], axis=1)
    position = np.concatenate([np.zeros((1, 2)), _circle(n - 1)])
    return _of_hops(f"star of {n}", hops, position, spokes, hop, block_bytes)


def grid(
    rows: int, columns: int | None = None, hop: float | Link = INFINIBAND_NDR, block_bytes: float | None = None
) -> Topology:
    """Nodes in rows and columns, joined to their neighbours: distance = rows apart + columns apart, in hops.

    Parameters
    ----------
    rows, columns : int
        Each at least 1; as many columns as rows where not given. Node r · columns + c is in row r and column c.
    hop, block_bytes
        As of `line`.

    Raises
    ------
    InvalidInput
        If an argument is out of its domain.
    TooLarge
        If the nodes are more than `MAX_NODES`.

    Examples
    --------
    >>> grid(2, 3, hop=1.0).distance[0].tolist()
    [0.0, 1.0, 2.0, 1.0, 2.0, 3.0]
    """
    height = whole(rows, "rows", 1)
    width = height if columns is None else whole(columns, "columns", 1)
    number = np.arange(check_size(height * width)).reshape(height, width)
    y, x = np.divmod(number.ravel(), width)
    hops = np.abs(y[:, None] - y) + np.abs(x[:, None] - x)
    beside = np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()], axis=1)
    below = np.stack([number[:-1].ravel(), number[1:].ravel()], axis=1)
    position = np.stack([x, -y], axis=1).astype(np.float64)
    name = f"grid of {height} × {width}"
    return _of_hops(name, hops, position, np.concatenate([beside, below]), hop, block_bytes)


def random_geometric(
    nodes: int,
    radius: float,
    seed: Seed = 0,
    hop: float | Link = INFINIBAND_NDR,
    block_bytes: float | None = None,
) -> Topology:
    """Nodes at random in the unit square, those within `radius` joined: distance = length of the shortest path, one hop for each radius.

    An edge as long as the radius costs one hop, shorter ones in proportion. Nodes that no path joins are infinitely far apart
    (`is_connected`, `num_parts`); a radius above √(ln n / (π n)) connects most draws of many nodes.

    Parameters
    ----------
    nodes : int
        n ≥ 1.
    radius : float
        Positive, in sides of the square.
    seed : int or numpy.random.Generator
        The same seed gives the same topology.
    hop, block_bytes
        As of `line`.

    Raises
    ------
    InvalidInput
        If an argument is out of its domain.
    TooLarge
        If the nodes are more than `MAX_NODES`, or nodes × edges more than `MAX_STEPS`.

    Examples
    --------
    >>> random_geometric(50, 0.3, seed=1, hop=1.0)
    <Topology random geometric graph of 50, radius 0.3: 50 nodes, distances 0.08973 to 4.17>
    """
    n = check_size(whole(nodes, "nodes", 1))
    within = positive(radius, "radius")
    (cost,), unit = hop_costs(block_bytes, hop=hop)
    position = generator(seed).random((n, 2))
    edges = KDTree(position).query_pairs(min(within, 2.0), output_type="ndarray").astype(np.int64).reshape(-1, 2)
    tail, head = edges.T
    length: FloatArray = np.linalg.norm(position[tail] - position[head], axis=1) / within * cost
    name = f"random geometric graph of {n}, radius {within:g}"
    distance = _shortest(n, edges, length)
    return Topology(name, distance, position, edges, np.zeros(n, dtype=np.int64), unit)


def _shortest(nodes: int, edges: IntArray, length: FloatArray) -> FloatArray:
    """Lengths of shortest paths [n, n] over edges that are straight lines."""
    tail, head = edges.T
    if 2 * len(edges) == nodes * (nodes - 1):  # all joined, and straight lines have no shorter detour
        distance = np.zeros((nodes, nodes))
        distance[tail, head] = distance[head, tail] = length
        return distance
    if nodes * len(edges) > MAX_STEPS:
        raise TooLarge(
            f"{nodes:,} nodes with {len(edges):,} edges; nodes × edges may be {MAX_STEPS:,} at most: choose a smaller radius"
        )
    paths = dijkstra(csr_array((length, (tail, head)), shape=(nodes, nodes)), directed=False)
    return np.minimum(paths, paths.T)  # both directions add the same edges up, but round differently


def _of_hops(
    name: str, hops: IntArray, position: FloatArray, edges: IntArray, hop: float | Link, block_bytes: float | None
) -> Topology:
    (cost,), unit = hop_costs(block_bytes, hop=hop)
    return Topology(name, hops.astype(np.float64) * cost, position, edges, np.zeros(len(hops), dtype=np.int64), unit)


def _circle(nodes: int) -> FloatArray:
    """[nodes, 2] on the unit circle, from the top on clockwise."""
    angle = math.pi / 2 - 2 * math.pi * np.arange(nodes) / max(nodes, 1)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)
