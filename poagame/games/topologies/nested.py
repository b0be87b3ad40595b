r"""Topologies of groups in groups: one NVLink domain, cliques joined by InfiniBand, fat trees.

Two nodes are as far apart as the smallest group that holds both is wide. As wider groups cost more, distances are ultrametric:
:math:`d_{ij} \le \max(d_{ik}, d_{kj})`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.games.checks import whole
from poagame.games.topologies.links import INFINIBAND_NDR, NVLINK_5, Link, hop_costs
from poagame.games.topologies.record import Topology, check_size


def complete(nodes: int, hop: float | Link = NVLINK_5, block_bytes: float | None = None) -> Topology:
    """n nodes, all one hop apart: GPUs of one NVLink domain.

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
    >>> complete(8)
    <Topology complete graph of 8: 8 nodes, distances 187.4 µs/block>
    """
    n = check_size(whole(nodes, "nodes", 1))
    costs, unit = hop_costs(block_bytes, hop=hop)
    return _nested(f"complete graph of {n}", [n], costs, unit, n)


def two_level(
    nodes: int,
    gpus_per_node: int = 8,
    intra: float | Link = NVLINK_5,
    inter: float | Link = INFINIBAND_NDR,
    block_bytes: float | None = None,
) -> Topology:
    """Cliques of GPUs joined by a network: NVLink inside a node, InfiniBand between nodes, one port a GPU.

    GPUs are the nodes of the topology: those of node v are v · gpus_per_node on, and `group` is v. A drawing joins the first GPUs of all
    nodes to stand for the network, though every GPU has its port.

    Parameters
    ----------
    nodes, gpus_per_node : int
        Each at least 1.
    intra, inter : Link or float
        Inside a node and between nodes: both links, or both abstract costs. `inter` costs at least as much.
    block_bytes : float, optional
        Bytes of a block, for links; by default `kv_block_bytes()`.

    Raises
    ------
    InvalidInput
        If an argument is out of its domain, or inter costs less than intra.
    TooLarge
        If the GPUs are more than `MAX_NODES`.

    Examples
    --------
    >>> two_level(8)
    <Topology two-level cluster of 8 × 8: 64 nodes, distances 187.4 to 3357 µs/block>
    >>> two_level(2, 2, intra=1.0, inter=10.0).distance[0].tolist()
    [0.0, 1.0, 10.0, 10.0]
    """
    cliques, size = whole(nodes, "nodes", 1), whole(gpus_per_node, "gpus_per_node", 1)
    check_size(cliques * size)
    (inside, between), unit = hop_costs(block_bytes, intra=intra, inter=inter)
    require(
        inside <= between,
        f"inter must cost at least what intra does; got {between:g} and {inside:g} {unit}: swap them",
    )
    return _nested(f"two-level cluster of {cliques} × {size}", [size, cliques], [inside, between], unit, size)


def fat_tree(
    ports: int,
    hop: float | Link = INFINIBAND_NDR,
    block_bytes: float | None = None,
    links: Sequence[float] = (2.0, 4.0, 6.0),
) -> Topology:
    r"""The k³/4 hosts of a k-ary fat tree [alfares2008]_: distance = links crossed, in hops.

    Of k pods, each has k/2 edge switches with k/2 hosts: two hosts are 2 links apart on one edge switch, 4 in one pod, 6 across the core.
    `group` is the pod. Switches are no nodes; a drawing joins hosts of an edge switch, and first hosts of switches and of pods.

    Parameters
    ----------
    ports : int
        k ≥ 2 ports of each switch, even.
    hop, block_bytes
        As of `complete`, for each link crossed.
    links : [3]
        How many links count on one edge switch, in one pod, across the core; positive, not falling. By default all, as if blocks were
        stored and forwarded; `(1, 1, 1)` if they are cut through at full bisection bandwidth, more where a level is oversubscribed.

    Raises
    ------
    InvalidInput
        If an argument is out of its domain.
    TooLarge
        If the hosts are more than `MAX_NODES`.

    References
    ----------
    .. [alfares2008] Al-Fares, Loukissas, Vahdat: A scalable, commodity data center network architecture, SIGCOMM 2008.

    Examples
    --------
    >>> fat_tree(4, hop=1.0)
    <Topology fat tree of 4-port switches: 16 nodes, distances 2 to 6>
    >>> fat_tree(4, hop=1.0).distance[0, :5].tolist()
    [0.0, 2.0, 4.0, 4.0, 6.0]
    """
    k = whole(ports, "ports", 2)
    require(k % 2 == 0, f"ports must be even, half up and half down; got {k}")
    check_size(k**3 // 4)
    crossed = as_floats(links, "links")
    require(
        crossed.shape == (3,) and bool((crossed > 0).all() and (np.diff(crossed) >= 0).all() and crossed[-1] <= 1e6),
        f"links must be three positive numbers that do not fall, up to 10^6; got {links!r:.60}",
    )
    (cost,), unit = hop_costs(block_bytes, hop=hop)
    half = k // 2
    costs = (crossed * cost).tolist()
    return _nested(f"fat tree of {k}-port switches", [half, half, k], costs, unit, half * half)


def _nested(name: str, sizes: Sequence[int], costs: Sequence[float], unit: str, group: int) -> Topology:
    """Groups of `sizes[0]` nodes, `sizes[1]` of them in a larger one, and so on; `costs` between members of each level.

    `group` is the number of nodes in what the record calls a group.
    """
    within = np.cumprod([1, *sizes])
    at = np.arange(within[-1])
    distance = np.full((len(at), len(at)), float(costs[-1]))
    for width, cost in zip(within[-2:0:-1], costs[-2::-1], strict=True):
        block = at // width
        distance[block[:, None] == block] = cost
    np.fill_diagonal(distance, 0.0)
    edges = np.concatenate([_cliques(at[::width], size) for width, size in zip(within, sizes, strict=False)])
    return Topology(name, distance, _circles(at, within, sizes), edges, at // group, unit)


def _cliques(members: IntArray, size: int) -> IntArray:
    """All pairs of each `size` members that follow each other [E, 2]."""
    one, other = np.triu_indices(size, 1)
    groups = members.reshape(-1, size)
    return np.stack([groups[:, one].ravel(), groups[:, other].ravel()], axis=1)


def _circles(at: IntArray, within: IntArray, sizes: Sequence[int]) -> FloatArray:
    """Circles of circles [n, 2]; the first member of each faces the centre of the larger one."""
    position = np.zeros((len(at), 2))
    facing, radius = np.full(len(at), math.pi / 2), 1.0
    for width, size in zip(within[-2::-1], reversed(sizes), strict=True):
        if size == 1:  # alone, in the middle
            continue
        angle = facing - 2 * math.pi * (at // width % size) / size
        position += radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        facing, radius = angle + math.pi, 0.6 * radius * math.sin(math.pi / size)
    return position
