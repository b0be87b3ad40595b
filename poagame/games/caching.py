r"""Selfish caching: each node of a network holds copies of objects, or fetches them from the nearest node that does [chun2004]_.

Node i may hold object k in a tier t, at a price, or read another node's copy, or go without any (recompute it, or ask an origin):

.. math:: c_i = \sum_k \Big[ \alpha_i\, p_{t_{ik}} + w_{ik} \min\Big( m_i,\ \min_{j \text{ holds } k} d_{ij} + a_{t_{jk}} \Big) \Big],

the first term only where i holds k, the minimum over its own copy too (:math:`d_{ii} = 0`), and nothing for what it does not ask for
(:math:`w_{ik} = 0`). The social cost is :math:`\sum_i c_i`. One tier with p = 1 and a = 0, one object and no way without a copy
(m infinite) are the classical game [chun2004]_. Objects without limits on storage are one such game each; with limits they compete for
places, and a pure equilibrium may not exist [ma2020]_.

.. [chun2004] Chun, Chaudhuri, Wee, Barreno, Papadimitriou, Kubiatowicz: Selfish caching in distributed systems: a game-theoretic
   analysis, PODC 2004.
.. [ma2020] Ma, Yeh, Huang: Selfish caching games on directed graphs, arXiv 2012.14148.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import Array, FloatArray, IntArray, require
from poagame.games.caching_input import (
    capacities,
    fixed_choices,
    is_metric,
    one_each,
    placement,
    refuse_no_room,
    refuse_overflow,
    require_metric,
    short,
    subsidies,
)
from poagame.games.caching_input import distances as as_distances
from poagame.games.graph_distance import graph_distance
from poagame.games.named import NamedGame
from poagame.games.nearest_copy import nearest_copy
from poagame.games.numbered_stores import NumberedStores
from poagame.games.tiers import ONE_TIER, Tiers

READABLE = 200
"""Most distances, and most demands, that repr writes out."""


class CachingGame(NamedGame):
    r"""Nodes hold copies of objects or fetch them; see the module's docstring for the costs.

    A **profile** has the shape of `demand`, [n] for one object or [n, K]: 0 where a node holds nothing, t where it holds a copy in tier
    t = 1 … T. Leading axes are many profiles. With demand [n] that is a `FiniteGame` of T + 1 actions; with demand [n, K] `numbered` gives
    one, for small games. What a node cannot do (hold more than its capacity, leave what is fixed) costs it infinity, and an **equilibrium**
    is of finite cost: a node that goes without what it needs, whatever it does, is content with everything and tells nothing.

    The analytic bounds of `poagame.bounds` hold for one placement cost, one tier, no limits and, where they say metric, distances that are
    symmetric and meet the triangle inequality (`is_metric`); the game itself needs none of that.

    Parameters
    ----------
    distance : [n, n]
        `distance[i, j]` ≥ 0 is what reader i pays for each unit of demand when holder j serves it; infinite if j cannot. Zero on the
        diagonal.
    placement_cost : float or [n]
        α ≥ 0, what a place for a copy costs (in tiers: times the tier's price), in the unit of demand × distance.
    demand : float, [n] or [n, K]
        w ≥ 0, not all 0: how much each node asks for, of each object.
    tiers : Tiers, optional
        Prices p and access times a of storage tiers; one tier with p = 1 and a = 0 where not given.
    capacity : int, [T] or [n, T], optional
        Most objects that a node holds in each tier; no limits where not given. Zero for some nodes is a node without that storage.
    miss_cost : float or [n]
        m ≥ 0, what a unit of demand costs without any copy (recomputing it, or fetching from an origin). Infinite: there is no other way.
    subsidy : float or [n]
        What a leader pays towards each place at node i (times the tier's price), at most its placement cost; negative: a charge. It moves
        what nodes pay, not the social cost.
    fixed : like demand, optional
        −1 where the node chooses; else the choice that a leader has made for it.
    metric : bool
        A claim that distances are symmetric and have no shorter detours, to be checked.

    Raises
    ------
    InvalidInput
        If distances are not square, negative, NaN or not zero on the diagonal, or claimed to be a metric and asymmetric; if costs, demands,
        capacities or fixed choices are out of range or of another size; if nobody asks for anything; or if limits on storage leave a node
        without what it asks for, whatever anybody does.

    Warns
    -----
    UserWarning
        If distances claimed to be a metric have a shorter detour: bounds that need a metric then prove nothing.

    Examples
    --------
    >>> game = CachingGame([[0.0, 1.0], [1.0, 0.0]], placement_cost=3.0)
    >>> game.player_costs([1, 0]), game.social_cost([1, 1])
    (array([3., 1.]), 6.0)
    >>> game.action_costs([1, 0])
    array([[inf,  3.],
           [ 1.,  3.]])

    Two objects, one place at each node, and a miss that costs 5: each node keeps what it asks for most.

    >>> two = CachingGame([[0, 1], [1, 0]], 0.0, [[3, 2], [2, 3]], capacity=1, miss_cost=5.0)
    >>> two.social_cost([[1, 0], [0, 1]])
    4.0
    """

    takes_profiles: ClassVar[bool] = True
    finite_only: ClassVar[bool] = True
    """A profile at which a node pays infinity is no equilibrium, even where all that the node could do costs it as much."""

    distance: Array
    """[n, n]"""
    placement_cost: Array
    """[n]"""
    demand: Array
    """[n] or [n, K]"""
    tiers: Tiers
    capacity: Array | None
    """[n, T] int64"""
    miss_cost: Array
    """[n]"""
    subsidy: Array
    """[n]"""
    fixed: Array | None
    """like demand, int64"""

    def __init__(
        self,
        distance: ArrayLike,
        placement_cost: ArrayLike,
        demand: ArrayLike = 1.0,
        tiers: Tiers | None = None,
        capacity: ArrayLike | None = None,
        *,
        miss_cost: ArrayLike = np.inf,
        subsidy: ArrayLike = 0.0,
        fixed: ArrayLike | None = None,
        metric: bool = False,
    ) -> None:
        require(
            tiers is None or isinstance(tiers, Tiers),
            f"tiers is a Tiers(names, price, access), or None for one tier; got {tiers!r:.60}",
        )
        self.distance = as_distances(distance)
        require(isinstance(metric, bool), f"metric is True or False; got {metric!r:.60}")
        if metric:
            require_metric(self.distance)
        n = len(self.distance)
        self.placement_cost = one_each(placement_cost, "placement_cost", n)
        self.demand = one_each(demand, "demand", n, objects=True)
        require(bool((self.demand > 0).any()), "demand is 0 everywhere: give a node something to ask for")
        self.tiers = ONE_TIER if tiers is None else tiers
        self.miss_cost = one_each(miss_cost, "miss_cost", n, infinite=True)
        self.subsidy = subsidies(subsidy, self.placement_cost)
        refuse_overflow(self)
        self.capacity = None if capacity is None else capacities(capacity, n, len(self.tiers))
        self.fixed = None if fixed is None else fixed_choices(fixed, self.demand.shape, len(self.tiers))
        refuse_no_room(self)

    @classmethod
    def from_networkx(
        cls, graph: Any, placement_cost: ArrayLike, demand: ArrayLike = 1.0, weight: Hashable = "weight", **options: Any
    ) -> Self:
        """Game on a networkx graph, with the lengths of shortest paths from reader to holder as distances.

        Parameters
        ----------
        graph : networkx graph of any kind
            Node i of the game is the i-th of `graph.nodes`. Edges of a directed graph lead from reader to holder.
        placement_cost, demand : float or [n], demand also [n, K]
            As of the class, in the order of `graph.nodes`.
        weight : hashable
            The edge attribute with the length of an edge, ≥ 0; edges without it are 1 long.
        **options
            tiers, capacity, miss_cost, subsidy, fixed and metric, as of the class.

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
        return cls(graph_distance(graph, weight), placement_cost, demand, **options)

    @property
    def num_players(self) -> int:
        """N = n, the number of nodes."""
        return self.distance.shape[-1]

    @property
    def has_objects(self) -> bool:
        """Whether demand names objects, [n, K], and profiles do."""
        return self.demand.ndim == 2

    @property
    def num_objects(self) -> int:
        """K, 1 for demand [n]."""
        return self.demand.shape[1] if self.has_objects else 1

    @property
    def num_tiers(self) -> int:
        """T."""
        return len(self.tiers)

    @property
    def num_actions(self) -> int:
        """T + 1: nothing, or a copy in one of T tiers. Only of a game with demand [n].

        Raises
        ------
        InvalidInput
            If demand names objects: what a node stores is then a choice for each, and not one of a few actions.
        """
        require(
            not self.has_objects,
            f"a node of a game with demand [n, K] makes {self.num_objects} choices, not one: call game.numbered() for a "
            "game that numbers what nodes can store (small games), or game.one_object(k) for one object",
        )
        return self.num_tiers + 1

    @property
    def is_metric(self) -> bool:
        """Whether distances are symmetric and no detour is shorter, up to rounding."""
        return is_metric(np.asarray(self.distance))

    @property
    def read_cost(self) -> FloatArray:
        """[n, n, T]: what reader i pays for each unit of demand if it reads a copy of holder j in tier t."""
        return np.asarray(self.distance)[:, :, None] + self.tiers.access

    @property
    def hold_cost(self) -> FloatArray:
        """[n, T]: what a place costs, whoever pays."""
        return np.asarray(self.placement_cost)[:, None] * self.tiers.price

    @property
    def paid_cost(self) -> FloatArray:
        """[n, T]: what the node itself pays for a place."""
        return np.asarray(self.placement_cost - self.subsidy)[:, None] * self.tiers.price

    @property
    def allowed(self) -> np.ndarray:
        """[n, T + 1] or [n, K, T + 1]: the choices that a node has, its room for one copy and what is fixed considered."""
        room = np.ones((self.num_players, self.num_tiers + 1), dtype=bool)
        if self.capacity is not None:
            room[:, 1:] = np.asarray(self.capacity) > 0
        room = np.broadcast_to(room[:, None], (*self.demand.shape, self.num_tiers + 1)) if self.has_objects else room
        if self.fixed is None:
            return room
        choice = np.asarray(self.fixed)[..., None]
        return np.where(choice < 0, room, choice == np.arange(self.num_tiers + 1))

    def as_profile(self, profile: ArrayLike) -> IntArray:
        """`profile` as int64 [..., n] or [..., n, K].

        Raises
        ------
        InvalidInput
            If its last axes are not those of demand, or an entry is no whole number in 0 … T.
        """
        return placement(profile, self.demand.shape, self.num_tiers)

    def other_read_cost(self, profile: ArrayLike) -> FloatArray:
        """What a unit of demand costs a node that does not hold the object, in the shape of the profile.

        The least cost of reading another node's copy, or `miss_cost` if that is less.
        """
        s = self.as_profile(profile)
        miss = np.asarray(self.miss_cost)
        if not self.has_objects:
            nearest = nearest_copy(self.read_cost, s.reshape(-1, s.shape[-1])).reshape(s.shape)
            return np.minimum(nearest, miss)
        by_object = np.swapaxes(s, -1, -2)
        nearest = nearest_copy(self.read_cost, by_object.reshape(-1, by_object.shape[-1])).reshape(by_object.shape)
        return np.minimum(np.swapaxes(nearest, -1, -2), miss[:, None])

    def choice_costs(self, profile: ArrayLike) -> FloatArray:
        """What each choice of a node would cost it, for each object, the others fixed: the profile's shape and T + 1.

        Objects apart: limits on storage are counted only where they leave no room for a single copy.
        """
        other = self.other_read_cost(profile)
        read = np.minimum(other[..., None], np.concatenate([[np.inf], self.tiers.access]))
        asked = np.asarray(self.demand)[..., None]
        price = np.concatenate([np.zeros((self.num_players, 1)), self.paid_cost], axis=1)
        price = price[:, None] if self.has_objects else price
        # nothing is paid for reading what is not asked for, even out of reach
        costs = price + asked * np.where(asked > 0, read, 0.0)
        return np.where(self.allowed, costs, np.inf)

    def action_costs(self, profile: ArrayLike) -> FloatArray:
        """What each node would pay for each action, the others fixed [..., n, T + 1]; only of a game with demand [n]."""
        if self.has_objects:
            self.num_actions  # noqa: B018 - says what to call instead
        return self.choice_costs(profile)

    def player_costs(self, profile: ArrayLike) -> FloatArray:
        """What each node pays [..., n]."""
        s = self.as_profile(profile)
        chosen = np.take_along_axis(self.choice_costs(s), s[..., None], axis=-1)[..., 0]
        if not self.has_objects:
            return chosen
        return np.where(self.has_room(s), chosen.sum(axis=-1), np.inf)

    def social_cost(self, profile: ArrayLike) -> float | FloatArray:
        """What all pay, the leader included: a number for one profile and [...] for many."""
        s = self.as_profile(profile)
        total = self.player_costs(s).sum(axis=-1)
        if (self.subsidy != 0).any():
            helped = np.concatenate([np.zeros((self.num_players, 1)), self.hold_cost - self.paid_cost], axis=1)
            rows = np.arange(self.num_players)
            grant = helped[rows[:, None], s].sum(axis=-1) if self.has_objects else helped[rows, s]
            total = total + grant.sum(axis=-1)
        return float(total) if np.ndim(total) == 0 else total

    def has_room(self, profile: ArrayLike) -> np.ndarray:
        """[..., n]: whether what a node holds fits into its tiers."""
        s = self.as_profile(profile)
        if self.capacity is None:
            return np.ones(s.shape[:-1] if self.has_objects else s.shape, dtype=bool)
        s = s if self.has_objects else s[..., None]
        held = np.stack([(s == t).sum(axis=-1) for t in range(1, self.num_tiers + 1)], axis=-1)
        return np.asarray((held <= np.asarray(self.capacity)).all(axis=-1))

    def one_object(self, k: int) -> CachingGame:
        """Return the game of object k alone; what was certified for all objects is not carried over.

        Raises
        ------
        InvalidInput
            If k is no object, or storage is limited, where objects compete.
        """
        require(
            self.capacity is None or not self.has_objects,
            "objects compete for places where capacity is given: there is no game of one object alone",
        )
        require(
            isinstance(k, int | np.integer) and not isinstance(k, bool) and 0 <= k < self.num_objects,
            f"objects are 0 … {self.num_objects - 1}; got {k!r}",
        )
        if not self.has_objects:
            return self
        of = None if self.fixed is None else self.fixed[:, k]
        return self._with(demand=self.demand[:, k], fixed=of)

    def fix(self, choices: ArrayLike) -> CachingGame:
        """Return the game in which a leader has made the choices that are not −1.

        Raises
        ------
        InvalidInput
            As of `fixed`.
        """
        game = self._with(fixed=fixed_choices(choices, self.demand.shape, self.num_tiers))
        refuse_no_room(game)
        return game

    def subsidised(self, subsidy: ArrayLike) -> CachingGame:
        """Return the game with other subsidies.

        Raises
        ------
        InvalidInput
            As of `subsidy`.
        """
        game = self._with(subsidy=subsidies(subsidy, self.placement_cost))
        refuse_overflow(game)
        return game

    def limited(self, capacity: ArrayLike | None) -> CachingGame:
        """Return the game with another capacity; None lifts all limits.

        Raises
        ------
        InvalidInput
            As of `capacity`.
        """
        room = None if capacity is None else capacities(capacity, self.num_players, self.num_tiers)
        game = self._with(capacity=room)
        refuse_no_room(game)
        return game

    def numbered(self) -> NumberedStores:
        """Return a `FiniteGame` whose actions number what a node can store, for games with few objects.

        Raises
        ------
        TooLarge
            If nodes can store too many different sets of objects.
        """
        return NumberedStores(self)

    def __repr__(self) -> str:
        """Code that rebuilds the game, for games small enough to read."""
        if self.distance.size > READABLE or self.demand.size > READABLE:
            objects = f", {self.num_objects} objects" if self.has_objects else ""
            return f"<CachingGame of {self.num_players} nodes{objects}>"
        parts = [_code(self.distance), f"placement_cost={short(self.placement_cost)}"]
        if self.has_objects or (self.demand != 1).any():
            parts.append(f"demand={self.demand.tolist() if self.has_objects else short(self.demand)}")
        if self.tiers is not ONE_TIER:
            parts.append(f"tiers={self.tiers!r}")
        if self.capacity is not None:
            parts.append(f"capacity={self.capacity.tolist()}")
        if np.isfinite(self.miss_cost).any():
            parts.append(f"miss_cost={_code(short(self.miss_cost))}")
        if (self.subsidy != 0).any():
            parts.append(f"subsidy={short(self.subsidy)}")
        if self.fixed is not None:
            parts.append(f"fixed={self.fixed.tolist()}")
        return f"CachingGame({', '.join(parts)})"

    def _with(self, **fields: Any) -> CachingGame:
        """A copy with other fields, and without the name and the answers of this one."""
        game = copy.copy(self).named("")
        for name, value in fields.items():
            object.__setattr__(game, name, value)
        return game


def _code(value: Any) -> str:
    return str(np.asarray(value).tolist()).replace("inf", "float('inf')")
