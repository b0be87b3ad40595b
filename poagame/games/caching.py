r"""Selfish caching: each node of a network holds a replica of an object, or fetches it from the nearest node that does [chun2004]_.

With X the nodes that cache, node i pays

.. math:: c_i = \alpha_i \text{ if } i \in X, \qquad w_i\, \min_{j \in X} d_{ij} \text{ if not},

infinitely much if it reaches no replica, and nothing if it asks for nothing (:math:`w_i = 0`). The social cost is :math:`\sum_i c_i`.
Several objects without limits on storage are one such game each.

.. [chun2004] Chun, Chaudhuri, Wee, Barreno, Papadimitriou, Kubiatowicz: Selfish caching in distributed systems: a game-theoretic
   analysis, PODC 2004.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from poagame._arrays import Array, FloatArray, IntArray, require
from poagame.errors import InvalidInput
from poagame.games.named import NamedGame
from poagame.games.protocols import as_profile

BLOCK = 8
"""Nodes whose 2^8 sets of holders share a table: many profiles are looked up, n / 8 of them instead of n each."""

READABLE = 200
"""Most distances that repr writes out."""


class CachingGame(NamedGame):
    r"""Nodes cache an object or fetch it; see the module's docstring for the costs.

    Action 0 fetches, action 1 caches. The analytic bounds of `poagame.bounds` hold for one placement cost and, where they say metric,
    distances that are symmetric and meet the triangle inequality (`is_metric`); the game itself needs neither.

    Parameters
    ----------
    distance : [n, n]
        `distance[i, j]` ≥ 0 is what reader i pays for each unit of demand when holder j serves it; infinite if j cannot. Zero on the
        diagonal.
    placement_cost : float or [n]
        α ≥ 0, what a node pays for a replica of its own, in the unit of demand × distance.
    demand : float or [n]
        w ≥ 0, not all 0: how much each node asks for.
    tiers, capacity : None
        Reserved for storage tiers and limited storage.

    Raises
    ------
    InvalidInput
        If distances are not square, negative, NaN or not zero on the diagonal; if placement costs or demands are negative, not finite or
        of another size; if nobody asks for anything; or if tiers or a capacity are given.

    Examples
    --------
    >>> game = CachingGame([[0.0, 1.0], [1.0, 0.0]], placement_cost=3.0)
    >>> game.player_costs([1, 0]), game.social_cost([1, 1])
    (array([3., 1.]), 6.0)
    >>> game.action_costs([1, 0])
    array([[inf,  3.],
           [ 1.,  3.]])
    """

    takes_profiles: ClassVar[bool] = True

    distance: Array
    """[n, n]"""
    placement_cost: Array
    """[n]"""
    demand: Array
    """[n]"""

    def __init__(
        self,
        distance: ArrayLike,
        placement_cost: ArrayLike,
        demand: ArrayLike = 1.0,
        tiers: None = None,
        capacity: None = None,
    ) -> None:
        for name, value in (("tiers", tiers), ("capacity", capacity)):
            require(
                value is None,
                f"{name} is reserved and not there yet: leave {name}=None; storage has one tier without limits so far",
            )
        between = _numbers(distance, "distance")
        require(
            between.ndim == 2 and between.shape[0] == between.shape[1] and between.size > 0,
            f"distance must be [n, n], a row for each reader and a column for each holder; got shape {between.shape}",
        )
        _refuse(between, between < 0, "distance must be >= 0 (infinite where a holder cannot be reached)")
        _refuse(between, (between != 0) & np.eye(len(between), dtype=bool), "distance must be 0 on the diagonal")
        self.distance = between
        self.placement_cost = _one_each(placement_cost, "placement_cost", len(between))
        self.demand = _one_each(demand, "demand", len(between))
        require(bool((self.demand > 0).any()), "demand is 0 everywhere: give a node something to ask for")

    @classmethod
    def from_networkx(
        cls, graph: Any, placement_cost: ArrayLike, demand: ArrayLike = 1.0, weight: Hashable = "weight"
    ) -> Self:
        """Game on a networkx graph, with the lengths of shortest paths from reader to holder as distances.

        Parameters
        ----------
        graph : networkx graph of any kind
            Node i of the game is the i-th of `graph.nodes`. Edges of a directed graph lead from reader to holder.
        placement_cost, demand : float or [n]
            As of the class, in the order of `graph.nodes`.
        weight : hashable
            The edge attribute with the length of an edge, ≥ 0; edges without it are 1 long.

        Raises
        ------
        InvalidInput
            If it is no graph, has no node, or a length is no number ≥ 0; else as the class.

        Examples
        --------
        >>> import networkx as nx
        >>> CachingGame.from_networkx(nx.path_graph(3), placement_cost=2.0).distance.tolist()
        [[0.0, 1.0, 2.0], [1.0, 0.0, 1.0], [2.0, 1.0, 0.0]]
        """
        require(
            hasattr(graph, "is_directed") and hasattr(graph, "nodes"), f"graph is a networkx graph; got {graph!r:.60}"
        )
        number = {label: v for v, label in enumerate(graph.nodes)}
        require(len(number) > 0, "the graph has no node; a game needs at least one")
        length: dict[tuple[int, int], float] = {}
        for u, v, given in graph.edges(data=weight, default=1.0):
            sound = isinstance(given, int | float | np.integer | np.floating) and not isinstance(given, bool)
            require(
                sound and bool(0 <= given < np.inf), f"edge {(u, v)} has {weight!r} = {given!r:.40}; give a number >= 0"
            )
            for pair in (
                ((number[u], number[v]),) if graph.is_directed() else ((number[u], number[v]), (number[v], number[u]))
            ):
                length[pair] = min(float(given), length.get(pair, np.inf))  # the shortest of parallel edges
        tail, head = np.array(list(length), dtype=np.int64).reshape(-1, 2).T
        edges = csr_array((np.array(list(length.values())), (tail, head)), shape=(len(number), len(number)))
        return cls(np.atleast_2d(dijkstra(edges)), placement_cost, demand)

    @property
    def num_players(self) -> int:
        """N = n, the number of nodes."""
        return self.distance.shape[-1]

    @property
    def num_actions(self) -> int:
        """2: fetch, or cache."""
        return 2

    @property
    def is_metric(self) -> bool:
        """Whether distances are symmetric and no detour is shorter, up to rounding."""
        d = np.asarray(self.distance)
        if not np.array_equal(d, d.T):
            return False
        return not any((d > (d[:, j, None] + d[j]) * (1.0 + 1e-12)).any() for j in range(len(d)))

    def action_costs(self, profile: ArrayLike) -> FloatArray:
        """What each node would pay for fetching and for caching, the others fixed [..., N, 2]."""
        s = as_profile(self, profile)
        flat = s.reshape(-1, s.shape[-1])
        costs = np.empty((*flat.shape, 2))
        costs[:, :, 0] = self._fetching(flat)
        costs[:, :, 1] = self.placement_cost
        return costs.reshape(*s.shape, 2)

    def player_costs(self, profile: ArrayLike) -> FloatArray:
        """What each node pays [..., N]."""
        s = as_profile(self, profile)
        fetching = self._fetching(s.reshape(-1, s.shape[-1])).reshape(s.shape)
        return np.where(s == 1, self.placement_cost, fetching)

    def social_cost(self, profile: ArrayLike) -> float | FloatArray:
        """Sum of what the nodes pay: a number for one profile and [...] for many."""
        total = self.player_costs(profile).sum(axis=-1)
        return float(total) if np.ndim(total) == 0 else total

    def __repr__(self) -> str:
        """Code that rebuilds the game, for games small enough to read."""
        if self.distance.size > READABLE:
            return f"<CachingGame of {self.num_players} nodes>"
        parts = [
            str(np.asarray(self.distance).tolist()).replace("inf", "float('inf')"),
            f"placement_cost={_short(self.placement_cost)}",
        ]
        if (self.demand != 1).any():
            parts.append(f"demand={_short(self.demand)}")
        return f"CachingGame({', '.join(parts)})"

    def _fetching(self, flat: IntArray) -> FloatArray:
        """[M, N]: what each node pays if it fetches from the nearest *other* node that caches, for profiles [M, N]."""
        others = np.array(self.distance)
        np.fill_diagonal(others, np.inf)
        nearest = np.full(flat.shape, np.inf)
        for begin in range(0, self.num_players, BLOCK):
            block = others[:, begin : begin + BLOCK]
            bits = np.arange(block.shape[1])
            held = flat[:, begin : begin + BLOCK] @ (1 << bits)
            few = len(flat) < 1 << len(bits)
            sets = held if few else np.arange(1 << len(bits))
            holds = (sets[:, None] >> bits & 1).astype(bool)
            table = np.where(holds[:, None, :], block, np.inf).min(axis=2)
            np.minimum(nearest, table if few else table[held], out=nearest)
        return np.where(self.demand > 0, nearest, 0.0) * self.demand


def _numbers(value: ArrayLike, name: str) -> FloatArray:
    """`value` as float64 without NaN, owned by the caller; infinite entries pass."""
    try:
        given = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} must be an array of numbers; got {value!r:.80}") from error
    require(given.dtype.kind in "iuf", f"{name} must be numbers; got {value!r:.80}")
    array = given.astype(np.float64)
    _refuse(array, np.isnan(array), f"{name} must be numbers")
    return array


def _one_each(value: ArrayLike, name: str, nodes: int) -> FloatArray:
    """`value` as finite, nonnegative [n]; a number stands for all."""
    array = _numbers(value, name)
    require(
        array.shape in ((), (nodes,)),
        f"{name} must be a number, or one for each of {nodes} nodes; got shape {array.shape}",
    )
    _refuse(array, ~((array >= 0) & np.isfinite(array)), f"{name} must be finite and >= 0")
    return np.broadcast_to(array, (nodes,)).copy()


def _refuse(array: FloatArray, bad: Any, message: str) -> None:
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InvalidInput(f"{message}; {f'entry {where}' if where else 'it'} is {array[where]}")


def _short(value: FloatArray) -> float | list[float]:
    return float(value[0]) if (value == value[0]).all() else value.tolist()
