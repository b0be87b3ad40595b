r"""Nonatomic routing of several commodities on a directed multigraph."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Self

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order

from poagame._arrays import Array, FloatArray, IntArray, as_floats, require
from poagame.errors import Infeasible, InvalidInput
from poagame.games.named import NamedGame
from poagame.latency import Latency
from poagame.latency.marginal import MarginalCost
from poagame.latency.stacked import Stacked


class NetworkRouting(NamedGame):
    r"""Flow of K commodities over E edges, each infinitesimal unit on a path of least latency (Wardrop).

    An edge with load x costs each unit :math:`\ell_e(x)`; the social cost is :math:`\sum_e x_e \ell_e(x_e)`; equilibria
    minimise the Beckmann potential :math:`\sum_e \int_0^{x_e} \ell_e` (Beckmann, McGuire, Winsten 1956).

    Parameters
    ----------
    latency : Latency
        Of E resources, one for each edge, or of one resource that all edges share.
    tail, head : [E] int
        Edge e goes from node tail[e] to head[e]. Parallel edges and self-loops are allowed.
    origin, destination : [K] int
        Nodes of each commodity.
    demand : [K]
        Flow of each commodity, ≥ 0, in the unit of load. Demand whose origin is its destination never enters the network: it is
        left out, counted in `intrazonal`.
    num_nodes : int, optional
        V; the default is one more than the largest node named.
    first_through : int
        Paths may start or end at nodes below this number, but not pass through them (TNTP's FIRST THRU NODE, from 0).
    nodes : sequence, optional
        Labels of the V nodes, for people.
    intrazonal : float
        Further demand that stays where it starts.

    Raises
    ------
    InvalidInput
        For NaN, negative demand, nodes out of range, latencies of another number of edges, or negative latency at no load (a
        subsidy above it).
    Infeasible
        If a commodity with demand has no path; the message names it.

    Examples
    --------
    >>> from poagame.latency import Polynomial
    >>> pigou = NetworkRouting.parallel(Polynomial([[1.0, 0.0], [0.0, 1.0]]), demand=1.0)
    >>> pigou.social_cost([0.0, 1.0]), pigou.social_cost([0.5, 0.5])
    (1.0, 0.75)
    """

    latency: Latency
    tail: Array
    head: Array
    origin: Array
    destination: Array
    demand: Array
    num_nodes: int = eqx.field(static=True)
    first_through: int = eqx.field(static=True)
    nodes: tuple[Hashable, ...] = eqx.field(static=True)
    intrazonal: float = eqx.field(static=True)

    def __init__(
        self,
        latency: Latency,
        tail: ArrayLike,
        head: ArrayLike,
        origin: ArrayLike,
        destination: ArrayLike,
        demand: ArrayLike,
        num_nodes: int | None = None,
        first_through: int = 0,
        *,
        nodes: tuple[Hashable, ...] = (),
        intrazonal: float = 0.0,
    ) -> None:
        ends = [_node_numbers(a, n) for a, n in ((tail, "tail"), (head, "head"))]
        terminals = [_node_numbers(a, n) for a, n in ((origin, "origin"), (destination, "destination"))]
        amount = np.atleast_1d(as_floats(demand, "demand"))
        edges = ends[0].size
        require(edges > 0, "a network needs at least one edge")
        require(ends[1].size == edges, f"tail has {edges} entries and head {ends[1].size}; each edge needs both")
        require(amount.ndim == 1, f"demand must be [K]; got shape {amount.shape}")
        sizes = {"origin": terminals[0].size, "destination": terminals[1].size, "demand": amount.size}
        require(len(set(sizes.values())) == 1, f"each commodity needs origin, destination and demand; got {sizes}")
        require(bool((amount >= 0).all()), f"demand must be nonnegative; the smallest entry is {amount.min(initial=0)}")
        require(bool(np.isfinite(intrazonal)) and intrazonal >= 0, f"intrazonal must be nonnegative; got {intrazonal}")
        largest = max(int(a.max(initial=0)) for a in (*ends, *terminals))
        counts = _node_numbers([0 if num_nodes is None else num_nodes, first_through], "num_nodes and first_through")
        size = largest + 1 if num_nodes is None else int(counts[0])
        require(largest < size, f"nodes are 0 … {size - 1}; node {largest} is named but not there")
        require(0 <= first_through <= size, f"first_through must be 0 … {size}; got {first_through}")
        require(not nodes or len(nodes) == size, f"{len(nodes)} node labels for {size} nodes")
        if not isinstance(latency, Latency):
            raise InvalidInput(f"latency must be a poagame Latency; got {type(latency).__name__}")
        if latency.num_resources == 1 and edges > 1:
            latency = latency.replicated(edges)
        require(latency.num_resources == edges, f"latency has {latency.num_resources} resources for {edges} edges")
        least = np.asarray(latency(np.zeros(edges)), dtype=np.float64)
        if not (least >= 0).all():
            e = int(np.flatnonzero(~(least >= 0))[0])
            raise InvalidInput(
                f"edge {e} costs {least[e]} at no load; costs must be nonnegative, or a cycle may pay for itself: "
                "lower the subsidy"
            )
        inside = terminals[0] != terminals[1]
        self.latency = latency
        self.tail, self.head = ends
        self.origin, self.destination = terminals[0][inside], terminals[1][inside]
        self.demand = amount[inside]
        self.num_nodes, self.first_through = size, int(first_through)
        self.nodes, self.intrazonal = tuple(nodes), float(intrazonal) + float(amount[~inside].sum())
        _require_connected(self)

    @classmethod
    def parallel(cls, latency: Latency, demand: float) -> Self:
        """Two nodes joined by one link for each resource of `latency`, with `demand` from the first to the second."""
        links = latency.num_resources
        return cls(latency, np.zeros(links), np.ones(links), [0], [1], [demand])

    @classmethod
    def from_networkx(
        cls,
        graph: Any,
        demands: Mapping[tuple[Hashable, Hashable], float],
        latency: Latency | str = "latency",
    ) -> Self:
        """Game on a networkx `DiGraph` or `MultiDiGraph` with any node labels.

        Parameters
        ----------
        graph : networkx.DiGraph or networkx.MultiDiGraph
            Edge e of the game is the e-th of `graph.edges`; labels are kept in `nodes`.
        demands : mapping
            {(origin, destination): amount}.
        latency : Latency or str
            Latencies in the order of `graph.edges`, or the edge attribute that holds a latency of one resource; families may differ
            from edge to edge.

        Raises
        ------
        InvalidInput
            If the graph is undirected, a node is unknown, or an edge lacks the attribute; else as the class.

        Examples
        --------
        >>> import networkx as nx
        >>> from poagame.latency import MM1, Polynomial
        >>> graph = nx.MultiDiGraph()
        >>> _ = graph.add_edge("client", "pool", latency=MM1(2.0))
        >>> _ = graph.add_edge("client", "pool", latency=Polynomial([1.0, 1.0]))
        >>> NetworkRouting.from_networkx(graph, {("client", "pool"): 1.5}).num_edges
        2
        """
        require(hasattr(graph, "is_directed"), f"graph is a networkx DiGraph or MultiDiGraph; got {graph!r:.60}")
        require(graph.is_directed(), "the graph must be directed; graph.to_directed() gives an edge each way")
        require(len(demands) > 0, "demands must name at least one (origin, destination)")
        number = {label: v for v, label in enumerate(graph.nodes)}
        for pair in demands:
            require(
                isinstance(pair, tuple) and len(pair) == 2, f"demands are keyed by (origin, destination); got {pair!r}"
            )
            for label in pair:
                require(label in number, f"demand {pair!r} names node {label!r}, which the graph lacks")
        edges = list(graph.edges(data=True))
        require(len(edges) > 0, "a network needs at least one edge")
        if isinstance(latency, str):
            missing = next(((u, v) for u, v, data in edges if latency not in data), None)
            require(missing is None, f"edge {missing} lacks the attribute {latency!r} with its latency")
            latency = Stacked.of([data[latency] for _, _, data in edges])
        return cls(
            latency,
            [number[u] for u, _, _ in edges],
            [number[v] for _, v, _ in edges],
            [number[o] for o, _ in demands],
            [number[d] for _, d in demands],
            list(demands.values()),
            len(number),
            nodes=tuple(number),
        )

    @property
    def num_edges(self) -> int:
        """E, the number of edges."""
        return self.tail.shape[-1]

    @property
    def num_commodities(self) -> int:
        """K, the number of commodities that enter the network."""
        return self.origin.shape[-1]

    @property
    def total_demand(self) -> float:
        """Sum of the demands that enter the network (without `intrazonal`)."""
        return float(np.sum(self.demand))

    def edge_cost(self, load: ArrayLike) -> FloatArray:
        """[..., E]: latency of each edge at `load` [..., E]."""
        return self.latency(load)

    def beckmann(self, load: ArrayLike) -> float | FloatArray:
        """Σ_e ∫₀^load ℓ_e, for `load` [..., E]."""
        x = np.asarray(load, dtype=np.float64)
        return _total(np.where(x > 0, self.latency.integral(x), 0.0))  # an unused edge may have no room at all

    def social_cost(self, load: ArrayLike) -> float | FloatArray:
        """Σ_e load · ℓ_e(load), for `load` [..., E]; an unused edge costs nothing."""
        x = np.asarray(load, dtype=np.float64)
        cost = self.latency(x)
        return _total(np.where(x > 0, x, 0.0) * np.where((x > 0) | np.isfinite(cost), cost, 0.0))

    def marginal_cost_game(self) -> NetworkRouting:
        """Return the game whose equilibria are the optima of this one, where load · latency is convex."""
        return self._with(latency=MarginalCost(self.latency))

    def with_latency(self, latency: Latency) -> NetworkRouting:
        """Return the same network and demand with other latencies [E] (tolls, say)."""
        return self._with(latency=latency)

    def with_demand(self, demand: ArrayLike) -> NetworkRouting:
        """Return the same network with other demands [K], a number for each commodity that enters it."""
        return self._with(demand=demand)

    def scaled(self, total_demand: float) -> NetworkRouting:
        """Return the same game with all demands multiplied so that they sum to `total_demand`.

        Raises
        ------
        InvalidInput
            If the present demands are all zero, so that no pattern is there to scale, or `total_demand` is negative.
        """
        now = self.total_demand
        require(now > 0, "all demands are zero: there is no pattern to scale")
        require(bool(np.isfinite(total_demand)) and total_demand >= 0, f"got a total demand of {total_demand}")
        factor = total_demand / now
        return self._with(demand=factor * self.demand, intrazonal=factor * self.intrazonal)

    def _with(self, **changes: Any) -> NetworkRouting:
        fields: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("latency", "tail", "head", "origin", "destination", "demand", "num_nodes", "first_through")
        }
        fields |= {"nodes": self.nodes, "intrazonal": self.intrazonal} | changes
        return NetworkRouting(**fields)

    def __repr__(self) -> str:
        """Code that rebuilds the game, for games small enough to read."""
        if self.num_edges + self.num_commodities > 50:
            return (
                f"<NetworkRouting of {self.num_edges} edges, {self.num_nodes} nodes and {self.num_commodities} commodities, "
                f"{type(self.latency).__name__}>"
            )
        arrays = (self.tail, self.head, self.origin, self.destination, self.demand)
        lists = ", ".join(str(np.asarray(a).tolist()) for a in arrays)
        through = f", first_through={self.first_through}" if self.first_through else ""
        return f"NetworkRouting({self.latency!r}, {lists}, {self.num_nodes}{through})"

    def node_name(self, node: int) -> str:
        """Label of a node as people wrote it, else its number."""
        return repr(self.nodes[node]) if self.nodes else str(node)


def _node_numbers(value: ArrayLike, name: str) -> IntArray:
    array = np.atleast_1d(as_floats(value, name))
    numbers = array.astype(np.int64)
    require(array.ndim == 1, f"{name} must be a list of node numbers; got shape {array.shape}")
    require(
        bool((numbers == array).all()) and int(numbers.min(initial=0)) >= 0, f"{name} must hold node numbers 0, 1, …"
    )
    return numbers


def _total(parts: ArrayLike) -> float | FloatArray:
    total = np.asarray(parts, dtype=np.float64).sum(axis=-1)
    return float(total) if total.ndim == 0 else total


def _require_connected(game: NetworkRouting) -> None:
    """Refuse demand without a path, one search for each origin."""
    tail, head, size, first = game.tail, game.head, game.num_nodes, game.first_through
    through = tail >= first
    links = sparse.csr_array((np.ones(through.sum()), (tail[through], head[through])), shape=(size, size))
    wanted = np.flatnonzero(game.demand > 0)
    for origin in np.unique(game.origin[wanted]):
        mine = wanted[game.origin[wanted] == origin]
        reached = np.zeros(size, dtype=bool)
        if origin >= first:
            reached[breadth_first_order(links, origin, return_predecessors=False)] = True
        else:  # leave the origin once; what it cannot pass through has no row in `links`
            for v in np.unique(head[tail == origin]):
                if not reached[v]:
                    reached[breadth_first_order(links, v, return_predecessors=False)] = True
        lost = mine[~reached[game.destination[mine]]]
        if lost.size:
            k = int(lost[0])
            raise Infeasible(
                f"commodity {k} (from {game.node_name(int(origin))} to {game.node_name(int(game.destination[k]))}, "
                f"demand {game.demand[k]:g}) has no path; add edges, or set its demand to 0"
            )
