r"""Resources whose users pay by a table that need not be the one by which all are charged: tolls, subsidies, shared welfare.

Player i with the resources :math:`s_i` pays :math:`\sum_{r \in s_i} p_r(n_r)`, where :math:`n_r` players use r, and all together pay
:math:`\sum_r t_r(n_r)`. With :math:`t_r(k) = k\,p_r(k)` this is a congestion game. Tolls that are handed back add to p and not to t; a
welfare w that users share by a rule f is :math:`t = -w,\ p = -f`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import Array, FloatArray, as_floats, require
from poagame.games.action_sets import action_sets
from poagame.games.named import NamedGame
from poagame.games.protocols import as_profile

_CHUNK = 4_000_000
"""Most numbers that one step of `action_costs` holds."""


class SharedResources(NamedGame):
    """Players choose sets of resources; what a user pays and what it costs all are two tables.

    Parameters
    ----------
    paid : [R, N]
        `paid[r, k − 1]` is what each of k users of resource r pays; any sign (a subsidy, or a share of a welfare, is negative).
    total : [R, N]
        `total[r, k − 1]` is what the k users cost all; an unused resource costs nothing.
    actions : sequence of N rows
        `actions[i]` lists the actions of player i, each an iterable of resource numbers.

    Raises
    ------
    InvalidInput
        If the tables differ in shape, do not reach N users, or lack a resource that an action names.

    Examples
    --------
    Two users of a free link and a link of cost 1 that a toll of 1 on the first keeps apart:

    >>> game = SharedResources(paid=[[1.0, 2.0], [1.0, 1.0]], total=[[0.0, 2.0], [1.0, 2.0]], actions=[[[0], [1]]] * 2)
    >>> game.action_costs([0, 0]).tolist(), game.social_cost([0, 0]), game.social_cost([0, 1])
    ([[2.0, 1.0], [2.0, 1.0]], 2.0, 1.0)
    """

    takes_profiles: ClassVar[bool] = True

    paid: Array
    total: Array
    incidence: Array
    """[N, A, R] bool: the resources of each action; empty for an action that the player lacks."""

    def __init__(self, paid: ArrayLike, total: ArrayLike, actions: Sequence[Sequence[Iterable[int]]]) -> None:
        rows = action_sets(actions)
        self.paid, self.total = as_floats(paid, "paid"), as_floats(total, "total")
        require(
            self.paid.ndim == 2 and self.paid.shape == self.total.shape,
            f"paid and total must be tables [R, N] of one shape; got {self.paid.shape} and {self.total.shape}",
        )
        resources, users = self.paid.shape
        require(
            users == len(rows), f"the tables have {users} columns, one for each number of users; {len(rows)} players"
        )
        named = 1 + max(max(action) for row in rows for action in row)
        require(named <= resources, f"an action names resource {named - 1}; the tables have 0 … {resources - 1}")
        incidence = np.zeros((len(rows), max(len(row) for row in rows), resources), bool)
        for i, row in enumerate(rows):
            for a, action in enumerate(row):
                incidence[i, a, list(action)] = True
        self.incidence = incidence

    @property
    def num_players(self) -> int:
        """N, the number of players."""
        return self.incidence.shape[0]

    @property
    def num_actions(self) -> int:
        """A, the most actions that a player has."""
        return self.incidence.shape[1]

    def users(self, profile: ArrayLike) -> Array:
        """[..., R]: how many players use each resource."""
        s = as_profile(self, profile)
        return self.incidence[np.arange(self.num_players), s].sum(axis=-2)

    def action_costs(self, profile: ArrayLike) -> FloatArray:
        """What each player would pay for each action, the others fixed [..., N, A]; infinite for an action that it lacks."""
        s = as_profile(self, profile)
        flat = s.reshape(-1, self.num_players)
        costs = np.empty((*flat.shape, self.num_actions))
        step = max(1, _CHUNK // (self.num_players * self.paid.shape[0]))
        for begin in range(0, len(flat), step):
            own = self.incidence[np.arange(self.num_players), flat[begin : begin + step]]  # [M, N, R]
            # whoever comes to a resource finds one user more than now
            after = np.maximum(own.sum(axis=1)[:, None] - own + 1, 1)
            price = self.paid[np.arange(self.paid.shape[0]), after - 1]
            costs[begin : begin + step] = np.einsum("mnr,nar->mna", price, self.incidence)
        lacking = ~self.incidence.any(axis=2)
        return np.where(lacking, np.inf, costs).reshape(*s.shape, self.num_actions)

    def social_cost(self, profile: ArrayLike) -> float | FloatArray:
        """What all pay: a number for one profile and [...] for many."""
        users = self.users(profile)
        charged = self.total[np.arange(len(self.total)), np.maximum(users - 1, 0)]
        cost = np.where(users > 0, charged, 0.0).sum(axis=-1)
        return float(cost) if np.ndim(cost) == 0 else cost

    def __repr__(self) -> str:
        """Code that rebuilds the game, for games small enough to read."""
        if self.paid.size > 200 or self.incidence.sum() > 200:
            return f"<SharedResources of {self.num_players} players on {len(self.paid)} resources>"
        actions = [[np.flatnonzero(action).tolist() for action in row if action.any()] for row in self.incidence]
        return f"SharedResources(paid={self.paid.tolist()}, total={self.total.tolist()}, actions={actions})"
