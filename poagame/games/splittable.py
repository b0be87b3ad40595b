r"""Atomic players that split their demand over sets of resources [orda1993]_.

Player i sends :math:`x_{ia} \ge 0` over its action a (a set of resources), :math:`\sum_a x_{ia} = d_i`, and pays

.. math:: C_i(x) = \sum_r x_{ir}\, \ell_r(L_r), \qquad x_{ir} = \sum_{a \ni r} x_{ia}, \quad L_r = \sum_i x_{ir}.

A player feels what it does to itself: its marginal cost of action a is :math:`\sum_{r \in a} \ell_r(L_r) + x_{ir}\,
\ell_r'(L_r)`. The equilibria
solve the variational inequality of these marginal costs. As every player is cut into ever smaller ones of equal demand, the second
term vanishes and the equilibria approach Wardrop's; one player alone plays the social optimum.

.. [orda1993] Orda, Rom, Shimkin: Competitive routing in multiuser communication networks, IEEE/ACM Transactions on Networking 1 (1993).
.. [altman2002] Altman, Başar, Jiménez, Shimkin: Competitive routing in networks with polynomial costs, IEEE
   Transactions on Automatic Control 47 (2002).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike, NDArray

from poagame._arrays import Array, FloatArray, as_floats, require
from poagame.errors import Infeasible, InvalidInput, TooLarge
from poagame.games.action_sets import action_sets
from poagame.games.named import NamedGame
from poagame.games.network import NetworkRouting
from poagame.games.simplex import project_to_simplices
from poagame.latency import Latency

MAX_PATHS = 10_000
"""Most simple paths of one commodity that `from_network` lists where not told otherwise."""


class SplittableRouting(NamedGame):
    """Players that split their demand over sets of resources; see the module's docstring for the costs.

    Parameters
    ----------
    latency : Latency
        Of the R resources as a function of their load; a latency of one resource serves all.
    actions : sequence of N players
        `actions[i]` lists the actions of player i, each an iterable of resource numbers.
    demand : [N]
        Positive, in the unit of load.

    Raises
    ------
    InvalidInput
        If a player has no action, an action has no resource, names one twice or one that the latency lacks, or a demand is not
        positive.

    Examples
    --------
    >>> from poagame.latency import Polynomial
    >>> game = SplittableRouting(Polynomial([[0.0, 1.0], [1.0, 0.0]]), [[[0], [1]], [[0], [1]]], [0.5, 0.5])
    >>> game.pseudogradient([[0.25, 0.25], [0.5, 0.0]])
    array([[1.  , 1.  ],
           [1.25, 1.  ]])
    >>> game.social_cost([[0.5, 0.0], [0.5, 0.0]])
    1.0
    """

    latency: Latency
    demand: Array
    available: Array
    """[N, A] bool: whether the player has the action."""
    cell: Array = eqx.field(repr=False)
    """[Z]: the entry i·A + a of x that each use of a resource belongs to."""
    resource: Array = eqx.field(repr=False)
    """[Z]: the resource used."""

    def __init__(self, latency: Latency, actions: Sequence[Sequence[Iterable[int]]], demand: ArrayLike) -> None:
        rows = action_sets(actions)
        amount = np.atleast_1d(as_floats(demand, "demand"))
        require(
            amount.shape == (len(rows),),
            f"demand must be one number for each of {len(rows)} players; got {amount.shape}",
        )
        require(
            bool((amount > 0).all()), f"demand must be positive; the smallest is {amount.min()}. Leave idle players out"
        )
        if not isinstance(latency, Latency):
            raise InvalidInput(f"latency must be a poagame Latency; got {type(latency).__name__}")
        most = max(len(row) for row in rows)
        self.cell = np.array([i * most + a for i, row in enumerate(rows) for a, act in enumerate(row) for _ in act])
        self.resource = np.array([r for row in rows for act in row for r in act], dtype=np.int64)
        named = 1 + int(self.resource.max())
        if latency.num_resources == 1:
            latency = latency.replicated(named)
        require(
            named <= latency.num_resources,
            f"an action names resource {named - 1}, but the latency has resources 0 … {latency.num_resources - 1}",
        )
        self.latency, self.demand = latency, amount
        self.available = np.arange(most) < np.array([len(row) for row in rows])[:, None]

    @classmethod
    def from_network(cls, network: NetworkRouting, max_paths: int = MAX_PATHS) -> SplittableRouting:
        """Each commodity with demand becomes one player over its simple paths, listed; resources are edges.

        Raises
        ------
        TooLarge
            If a commodity has more than `max_paths` simple paths.
        Infeasible
            If no commodity has demand.
        """
        wanted = np.flatnonzero(np.asarray(network.demand) > 0)
        if not wanted.size:
            raise Infeasible("no commodity has demand: there is no player")
        leaving: list[list[tuple[int, int]]] = [[] for _ in range(network.num_nodes)]
        for e, (u, v) in enumerate(
            zip(np.asarray(network.tail).tolist(), np.asarray(network.head).tolist(), strict=True)
        ):
            leaving[u].append((e, v))
        ends = [(int(network.origin[k]), int(network.destination[k])) for k in wanted]
        paths = {pair: _simple_paths(leaving, *pair, network.first_through, max_paths) for pair in set(ends)}
        return cls(network.latency, [paths[pair] for pair in ends], np.asarray(network.demand)[wanted])

    @property
    def num_players(self) -> int:
        """N, the number of players."""
        return self.demand.shape[-1]

    @property
    def num_actions(self) -> int:
        """A, the most actions that a player has."""
        return self.available.shape[-1]

    @property
    def num_resources(self) -> int:
        """R, the number of resources."""
        return self.latency.num_resources

    @property
    def actions(self) -> list[list[list[int]]]:
        """The actions of each player, as lists of resources."""
        sets: list[list[int]] = [[] for _ in range(self.available.size)]
        for cell, r in zip(self.cell.tolist(), self.resource.tolist(), strict=True):
            sets[cell].append(r)
        width = self.num_actions
        return [[s for s in sets[i * width : (i + 1) * width] if s] for i in range(self.num_players)]

    def player_loads(self, x: ArrayLike) -> FloatArray:
        """[N, R]: what each player puts on each resource at flows x [N, A]."""
        flow = self._flow(x).ravel()
        at = self.cell // self.num_actions * self.num_resources + self.resource
        total = np.bincount(at, flow[self.cell], minlength=self.num_players * self.num_resources).astype(np.float64)
        return total.reshape(self.num_players, self.num_resources)

    def loads(self, x: ArrayLike) -> FloatArray:
        """[R]: load of each resource at flows x [N, A]."""
        total = np.bincount(self.resource, self._flow(x).ravel()[self.cell], minlength=self.num_resources)
        return total.astype(np.float64)

    def player_costs(self, x: ArrayLike) -> FloatArray:
        """[N]: what each player pays in all, C_i(x); a resource that it does not use costs it nothing."""
        mine = self.player_loads(x)
        return _product(mine, np.broadcast_to(self.latency(mine.sum(axis=0)), mine.shape)).sum(axis=1)

    def pseudogradient(self, x: ArrayLike) -> FloatArray:
        """[N, A]: marginal cost of each action to its player; 0 for an action that the player lacks."""
        mine = self.player_loads(x)
        load = mine.sum(axis=0)
        latency, slope = self.latency(load), self.latency.derivative(load)
        player = self.cell // self.num_actions
        return self.along_actions(latency[self.resource] + _product(mine[player, self.resource], slope[self.resource]))

    def along_actions(self, costs: FloatArray) -> FloatArray:
        """[N, A]: sums of costs [Z], one for each use of a resource, over each action."""
        finite = np.isfinite(costs)
        size, shape = self.available.size, self.available.shape
        total = np.bincount(self.cell, np.where(finite, costs, 0.0), minlength=size).astype(np.float64)
        if not finite.all():
            total[self.cell[~finite]] = np.inf
        return total.reshape(shape)

    def social_cost(self, x: ArrayLike) -> float:
        """Σ_r L_r ℓ_r(L_r) at flows x [N, A]."""
        load = self.loads(x)
        return float(_product(load, self.latency(load)).sum())

    def projection(self, x: ArrayLike) -> FloatArray:
        """The feasible flows [N, A] nearest to x; actions that a player lacks stay at 0."""
        return project_to_simplices(x, self.demand, self.available)

    def start(self) -> FloatArray:
        """Flows [N, A] at which costs are finite.

        Raises
        ------
        Infeasible
            If there is none: the demand does not fit below the capacities.
        """
        even = self.available * (self.demand / self.available.sum(axis=1))[:, None]
        if np.isfinite(self.pseudogradient(even)).all():
            return even
        x = _filled(self)
        if not np.isfinite(self.pseudogradient(x)).all():
            raise Infeasible(
                "no flow with finite costs was found: the demand does not fit below the capacities, or an action passes a resource "
                "that costs infinity without load; lower the demand or raise capacities"
            )
        return x

    def _flow(self, x: ArrayLike) -> FloatArray:
        flow = np.asarray(x, dtype=np.float64)
        require(
            flow.shape == self.available.shape, f"flows have shape [N, A] = {self.available.shape}; got {flow.shape}"
        )
        return flow

    def __repr__(self) -> str:
        """Code that rebuilds the game, for games small enough to read."""
        if self.cell.size > 200:
            return f"<SplittableRouting of {self.num_players} players on {self.num_resources} resources, {type(self.latency).__name__}>"
        return f"SplittableRouting({self.latency!r}, actions={self.actions}, demand={np.asarray(self.demand).tolist()})"


def _product(load: FloatArray, cost: FloatArray) -> FloatArray:
    """Load × cost, with 0 · ∞ = 0."""
    return load * np.where((load > 0) | np.isfinite(cost), cost, 0.0)


def _filled(game: SplittableRouting) -> FloatArray:
    """Flows of least worst utilisation of the capacities, by a linear programme."""
    from scipy import sparse
    from scipy.optimize import linprog

    capacity = _capacities(game.latency, float(np.sum(game.demand)))
    limited = np.flatnonzero(np.isfinite(capacity))
    cells = np.flatnonzero(game.available.ravel())
    column = np.full(game.available.size, -1)
    column[cells] = np.arange(cells.size)
    uses = sparse.csr_array(
        (np.ones(game.cell.size), (game.resource, column[game.cell])), shape=(game.num_resources, cells.size)
    )
    below = sparse.hstack([uses[limited], sparse.csr_array(-capacity[limited, None])])
    player = cells // game.num_actions
    sums = sparse.csr_array(
        (np.ones(cells.size), (player, np.arange(cells.size))), shape=(game.num_players, cells.size + 1)
    )
    found: Any = linprog(
        np.append(np.zeros(cells.size), 1.0),
        A_ub=below,
        b_ub=np.zeros(limited.size),
        A_eq=sums,
        b_eq=game.demand,
        bounds=(0, None),
    )
    flow = np.zeros(game.available.size)
    if found.x is not None:
        flow[cells] = found.x[:-1]
    return game.projection(flow.reshape(game.available.shape))


def _capacities(latency: Latency, most: float) -> FloatArray:
    """[R]: the load from which each latency is infinite, by bisection; ∞ where it is finite at `most`."""
    low, high = np.zeros(latency.num_resources), np.full(latency.num_resources, most)
    unlimited = np.isfinite(latency(high))
    for _ in range(80):
        middle = 0.5 * (low + high)
        fits: NDArray[np.bool_] = np.isfinite(latency(middle))
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return np.where(unlimited, np.inf, low)


def _simple_paths(
    leaving: list[list[tuple[int, int]]], origin: int, destination: int, first_through: int, limit: int
) -> list[list[int]]:
    """All simple paths as lists of edges, by depth-first search; only nodes from `first_through` on are passed through."""
    found: list[list[int]] = []
    path: list[int] = []
    visited = {origin}
    stack = [(origin, iter(leaving[origin]))]
    while stack:
        node, edges = stack[-1]
        step = next(edges, None)
        if step is None:
            stack.pop()
            visited.discard(node)
            if path:
                path.pop()
            continue
        edge, head = step
        if head == destination:
            found.append([*path, edge])
            if len(found) > limit:
                raise TooLarge(
                    f"there are more than {limit:,} simple paths from node {origin} to node {destination}; the limit is max_paths. "
                    "Give the paths that matter as actions of SplittableRouting"
                )
        elif head not in visited and head >= first_through:
            visited.add(head)
            path.append(edge)
            stack.append((head, iter(leaving[head])))
    return found
