"""A topology: how far nodes are from each other, and where to draw them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.errors import InvalidInput, TooLarge

MAX_NODES = 4096
"""Most nodes of a topology: its distances then take 128 MiB."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Topology:
    """Nodes, what it costs to move a block between any two of them, and a drawing; arrays are read-only.

    Attributes
    ----------
    name : str
        What it is, with its size.
    distance : [n, n]
        Cost of a block between two nodes: symmetric, 0 on the diagonal, infinite where no path leads.
    position : [n, 2]
        Where to draw each node, in units of the drawing alone.
    edges : [E, 2]
        Pairs of nodes to join by a line.
    group : [n]
        Number of each node's clique or pod, from 0; all 0 where there is none.
    unit : str
        Of distances: "µs/block", or "1" for abstract costs.

    Raises
    ------
    InvalidInput
        If shapes do not fit each other, distances are negative, NaN, asymmetric or not 0 on the diagonal, or edges name no node.
    TooLarge
        If the nodes are more than `MAX_NODES`.

    Examples
    --------
    >>> import numpy as np
    >>> Topology("pair", np.array([[0.0, 3.0], [3.0, 0.0]]), np.eye(2), np.array([[0, 1]]), np.array([0, 0]))
    <Topology pair: 2 nodes, distances 3>
    """

    name: str
    distance: FloatArray
    position: FloatArray
    edges: IntArray
    group: IntArray
    unit: str = "1"

    def __post_init__(self) -> None:
        d = np.asarray(self.distance)
        require(
            d.ndim == 2 and d.shape[0] == d.shape[1] and d.size > 0 and d.dtype.kind in "iuf",
            f"distance must be numbers [n, n]; got shape {d.shape} of {d.dtype}",
        )
        n = check_size(len(d))
        d = d.astype(np.float64)
        # NaN differs from itself, so symmetry refuses it
        require(bool(np.array_equal(d, d.T) and (d >= 0).all()), "distance must be symmetric, without NaN, and >= 0")
        require(not d.diagonal().any(), "distance must be 0 on the diagonal")
        position = as_floats(self.position, "position")
        require(position.shape == (n, 2), f"position must be [{n}, 2]; got shape {position.shape}")
        none = np.zeros((0, 2), dtype=np.int64)
        edges = _whole(self.edges if np.size(self.edges) else none, "edges")
        group = _whole(self.group, "group")
        require(edges.ndim == 2 and edges.shape[1] == 2, f"edges must be [E, 2]; got shape {edges.shape}")
        require(edges.size == 0 or bool(edges.min() >= 0 and edges.max() < n), f"edges name nodes 0 to {n - 1}")
        require(group.shape == (n,), f"group must be [{n}]; got shape {group.shape}")
        for name, array in (("distance", d), ("position", position), ("edges", edges), ("group", group)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def num_nodes(self) -> int:
        """n."""
        return len(self.distance)

    @property
    def is_connected(self) -> bool:
        """Whether all distances are finite."""
        return bool(np.isfinite(self.distance).all())

    @property
    def num_parts(self) -> int:
        """Number of sets of nodes that reach each other; 1 if connected."""
        return 1 if self.is_connected else int(connected_components(csr_array(np.isfinite(self.distance)))[0])

    def __repr__(self) -> str:
        """The size and the range of distances."""
        apart = self.distance[np.triu_indices(self.num_nodes, 1)]
        finite = apart[np.isfinite(apart)]
        unit = "" if self.unit == "1" else f" {self.unit}"
        said = f"<Topology {self.name}: {self.num_nodes} node{'s' if self.num_nodes > 1 else ''}"
        if finite.size:
            low, high = finite.min(), finite.max()
            said += f", distances {low:.4g}{'' if low == high else f' to {high:.4g}'}{unit}"
        return said + ("" if self.is_connected else f", in {self.num_parts} parts") + ">"


def check_size(nodes: int) -> int:
    """`nodes`, if their distances can be held.

    Raises
    ------
    TooLarge
        If they are more than `MAX_NODES`.
    """
    if nodes > MAX_NODES:
        raise TooLarge(
            f"a topology of {nodes:,} nodes; the limit is {MAX_NODES:,}, whose {MAX_NODES:,}² distances fill 128 MiB: "
            "ask for a smaller one"
        )
    return nodes


def _whole(value: object, name: str) -> IntArray:
    array = np.asarray(value)
    if array.dtype.kind not in "iu":
        raise InvalidInput(f"{name} must be whole numbers; got {array.dtype}")
    return array.astype(np.int64)
