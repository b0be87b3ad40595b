r"""Best-response dynamics of caching games, compiled: a visited node moves to its best store.

Without limits on storage objects are independent. With :math:`m_{ik} = \min_t (\text{paid}_{it} + w_{ik} a_t)` the least cost of an own
copy and c the cost of reading the cheapest other one (or of a miss), node i holds nothing where :math:`w_{ik} c \le m_{ik}`, else a copy
in the tier of that minimum: which tier does not depend on the others. A node then changes what it holds of an object only where it
gains by that. With limits it takes the store of least total cost: in one tier the objects that gain most, in several by shortest
augmenting paths.
"""

from __future__ import annotations

import numpy as np

from poagame._arrays import FloatArray, IntArray
from poagame.games.caching import CachingGame
from poagame.solvers.caching import dynamics_compiled as compiled

MANY = 20_000
"""Least number of nodes × objects whose rounds are spread over the cores, where objects are independent."""


def tables_of(game: CachingGame) -> compiled.Tables:
    """Return the arrays of a game, with demand [n] as one object."""
    n, tiers = game.num_players, game.num_tiers
    demand = np.ascontiguousarray(np.reshape(game.demand, (n, -1)), dtype=np.float64)
    objects = demand.shape[1]
    distance = np.array(game.distance, dtype=np.float64)
    others = distance.copy()
    np.fill_diagonal(others, np.inf)
    order = np.argsort(others, axis=1, kind="stable")
    order = order[order != np.arange(n)[:, None]].reshape(n, n - 1)
    fixed = np.full((n, objects), -1) if game.fixed is None else np.reshape(game.fixed, (n, objects))
    room = np.full((n, tiers), objects) if game.capacity is None else np.minimum(game.capacity, objects)
    limited = game.capacity is not None and objects > 1 and bool(((room > 0) & (room < objects)).any())
    return compiled.Tables(
        distance,
        order.astype(np.int32),
        np.take_along_axis(distance, order, axis=1),
        np.array(game.tiers.access, dtype=np.float64),
        np.ascontiguousarray(game.paid_cost),
        np.ascontiguousarray(game.hold_cost),
        demand,
        np.array(game.miss_cost, dtype=np.float64),
        fixed.astype(np.int8),
        room.astype(np.int64),
        limited,
    )


def empty(tables: compiled.Tables) -> np.ndarray:
    """[K, n] int8: the placement in which nobody holds what is not fixed."""
    return np.ascontiguousarray(np.maximum(tables.fixed, 0).T)


class PlacementDynamics:
    """Rounds of best replies of one game; see the module."""

    game: CachingGame
    rtol: float
    tables: compiled.Tables
    active: IntArray
    apart: bool

    def __init__(self, game: CachingGame, rtol: float) -> None:
        self.game, self.rtol = game, rtol
        self.tables = tables_of(game)
        self.active = np.arange(self.tables.demand.shape[1])
        self.apart = not self.tables.limited and self.tables.demand.size >= MANY

    def in_turn(self, profile: IntArray, order: IntArray, budget: int) -> tuple[IntArray, int]:
        """Visit nodes in order; return the next profile and the moves made."""
        copies = self._copies(profile)
        moves, changed = self._round(copies, order, budget)
        if not self.tables.limited and moves < budget:  # objects that nobody changed in a round stay as they are
            self.active = np.flatnonzero(changed)
        return self._profile(copies), moves

    def by_regret(self, profile: IntArray, order: IntArray, budget: int) -> tuple[IntArray, int]:
        """Let the node that gains most move, as many times as there are nodes."""
        copies = self._copies(profile)
        moves = 0
        while moves < min(budget, len(order)):
            gains: FloatArray = compiled.gains(self.tables, copies, self.rtol)
            mover = int(gains.argmax())
            if not gains[mover] > 0 or not self._round(copies, np.array([mover]), 1)[0]:
                break
            moves += 1
        return self._profile(copies), moves

    def _round(self, copies: compiled.Copies, order: IntArray, budget: int) -> tuple[int, np.ndarray]:
        changed = np.zeros(self.tables.demand.shape[1], dtype=np.bool_)
        if self.apart and len(order) <= budget:
            moves = compiled.play_apart(self.tables, copies, order, self.active, self.rtol, changed)
        else:
            moves = compiled.play_round(self.tables, copies, order, self.active, self.rtol, budget, changed)
        return int(moves), changed

    def _copies(self, profile: IntArray) -> compiled.Copies:
        rows = profile.reshape(len(profile), -1).T
        return compiled.copies_of(np.array(rows, dtype=np.int8, order="C"))

    def _profile(self, copies: compiled.Copies) -> IntArray:
        return np.ascontiguousarray(copies.held.T).astype(np.int64).reshape(self.game.demand.shape)
