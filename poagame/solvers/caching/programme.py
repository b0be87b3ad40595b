r"""Worst and best pure equilibrium and optimum of a caching game of one object by integer programmes.

Binaries :math:`y_s` say which slots hold a copy. With :math:`S_{ir}` the slots at levels up to r of node i (its own included) and
:math:`v_S \in [0, 1]` for "none of S is held", node i pays for reading

.. math:: c_{i0} + \sum_{r < m_i} (c_{i,r+1} - c_{ir})\, v_{S_{ir}}

(the radius formulation of facility location [garcia2011]_). Nodes with the same balls share their v: a clique of equals has two. Growing
balls give :math:`v_S \ge v_{S'} - \sum_{s \in S \setminus S'} y_s`, enough where costs are minimised; where they are maximised,
:math:`v_S \le v_{S'}` and :math:`v_S \le 1 - \sum_{s \in Q} y_s` for sets Q ⊆ S that no equilibrium holds two of, which is what makes the
relaxation strong. Equilibria are packings and coverings (`replies`), the packing rows likewise over cliques Q of the graph of conflicts.

Costs enter in the unit of the largest, as HiGHS's tolerances are absolute; the conditions of equilibrium hold whole numbers only and are
exact. Sets are Python's integers, a bit for each slot.

.. [garcia2011] García, Labbé, Marín: Solving large p-median problems with a radius formulation, INFORMS J. Computing 23 (2011), 546-556.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, milp

from poagame._arrays import IntArray
from poagame.errors import TooLarge
from poagame.games.caching import CachingGame
from poagame.solvers.caching.cliques import edge_cliques, grown, members, words
from poagame.solvers.caching.levels import Levels, game_levels
from poagame.solvers.caching.replies import Replies, possible_replies

Box: Any = Bounds
Rows: Any = LinearConstraint
# 2026-11: scipy's annotations of both know numbers alone where arrays are meant.

TOLERANCE = 1e-6
"""HiGHS's tolerances and absolute gap, in the unit of the largest number in the objective; bounds are loosened by it."""

TIME_LIMIT = 60.0
"""Seconds after which HiGHS gives its best placement and bound, for each programme."""

MAX_PAIRS = 1 << 20
"""Most pairs of nodes and slots, of which balls are made: 1,024 nodes and one tier."""

MAX_BALLS = 65_536
"""Most different balls, each a variable: more take longer to write than there is time to solve. Clusters have few, other distances n²."""


@dataclass(frozen=True, eq=False, slots=True)
class Placed:
    """Where one programme ended.

    Attributes
    ----------
    profile : [n] or None
        The best placement found.
    bound : float
        No placement that was asked for costs less (more, for the worst): infinite where nothing is known.
    impossible : bool
        There is no such placement, and that is proved.
    slack : float
        How far off HiGHS's tolerances may put cost and bound, in the game's unit.
    """

    profile: IntArray | None
    bound: float
    impossible: bool
    slack: float


def extreme_placement(
    game: CachingGame, worst: bool, time_limit: float = TIME_LIMIT, ceiling: float = np.inf
) -> Placed:
    """The dearest pure equilibrium (or the cheapest) of a game with demand [n], of those that cost at most `ceiling`.

    Raises
    ------
    TooLarge
        If the game has more than `MAX_PAIRS` pairs of nodes and slots, or more than `MAX_BALLS` different balls.

    Examples
    --------
    >>> game = CachingGame([[0.0, 1.0], [1.0, 0.0]], placement_cost=3.0, demand=[1.0, 2.0])
    >>> extreme_placement(game, worst=True).profile
    array([1, 0])
    """
    levels = _sized(game)
    replies = possible_replies(levels)
    if replies.dead:
        return Placed(None, -np.inf if worst else np.inf, True, 0.0)
    programme = _Programme(levels, replies)
    return programme.solve(-1.0 if worst else 1.0, time_limit, ceiling)


def optimal_placement(game: CachingGame, time_limit: float = TIME_LIMIT, ceiling: float = np.inf) -> Placed:
    """The cheapest placement of a game with demand [n] that leaves nobody with an infinite cost, of those that cost at most `ceiling`.

    Raises
    ------
    TooLarge
        As `extreme_placement`.

    Examples
    --------
    >>> optimal_placement(CachingGame([[0.0, 1.0], [1.0, 0.0]], placement_cost=3.0, demand=[1.0, 2.0])).profile
    array([0, 1])
    """
    programme = _Programme(_sized(game), None, game.allowed)
    return programme.solve(1.0, time_limit, ceiling)


def _sized(game: CachingGame) -> Levels:
    pairs = game.num_players**2 * game.num_tiers
    if pairs > MAX_PAIRS:
        raise _too_large(f"{game.num_players:,} nodes and {game.num_tiers} tiers make {pairs:,} distances", MAX_PAIRS)
    return game_levels(game)


def _too_large(what: str, limit: int) -> TooLarge:
    return TooLarge(
        f"{what}, too many for the integer programme, whose limit is {limit:,}. social_optimum(game) bounds the optimum by prices, and "
        "equilibrium(game) finds an equilibrium"
    )


class _Programme:
    """Variables y [S], then v [V], one for each ball that matters."""

    def __init__(self, levels: Levels, replies: Replies | None, allowed: np.ndarray | None = None) -> None:
        """Of equilibria where `replies` are given, else of all placements that are `allowed`."""
        n = len(levels.miss)
        self.levels, self.replies = levels, replies
        self.slots = np.arange(len(levels.node)) if replies is None else replies.slots
        self.node = levels.node[self.slots]
        self.size = len(self.slots)
        if replies is None:
            assert allowed is not None
            same = self.node[:, None] == self.node
            self.conflict = words(same & ~np.eye(self.size, dtype=bool))
            self.must = ~allowed[:, 0]
            reach = levels.miss.copy()
        else:
            self.conflict = words(replies.conflicts)
            nothing = replies.slot < 0
            self.must = np.ones(n, dtype=bool)
            self.must[replies.node[nothing]] = False
            reach = self._reach(levels, replies)
        self._balls(reach)

    def _reach(self, levels: Levels, replies: Replies) -> IntArray:
        """[n]: the highest level at which each node reads at an equilibrium."""
        reach = np.zeros(len(levels.miss), dtype=np.int64)
        level = levels.level[self.node, self.slots]
        np.maximum.at(reach, self.node, np.minimum(level, levels.miss[self.node]))
        idle = replies.node[replies.slot < 0]
        reach[idle] = np.maximum(reach[idle], levels.last[idle, 0])
        return reach

    def _balls(self, reach: IntArray) -> None:
        """Number the balls, each with what its v costs, the ball before it, and who is stuck if nothing is held there."""
        levels = self.levels
        level = levels.level[:, self.slots]
        self.number: dict[int, int] = {}
        self.before: list[int] = []
        price: list[float] = []
        self.base, self.stuck = 0.0, set[int]()
        for i in range(len(reach)):
            order = np.argsort(level[i], kind="stable")
            ends = np.searchsorted(level[i][order], np.arange(reach[i]), side="right")
            cost = levels.cost[i, : reach[i] + 1]
            self.base += cost[0] if np.isfinite(cost[0]) else 0.0
            if np.isinf(cost[0]):  # no way to read at all
                self._number(0, 0, price)
                self.stuck.add(self.number[0])
            ball, at, start = 0, 0, 0
            for r, end in enumerate(ends):
                before = ball
                for s in order[start:end]:
                    ball |= 1 << int(s)
                start = end
                at = self._number(ball, before, price)
                step = cost[r + 1] - cost[r]
                if np.isinf(step):
                    self.stuck.add(at)
                else:
                    price[at] += float(step)
        self.price = np.array(price)

    def _number(self, ball: int, before: int, price: list[float]) -> int:
        if ball not in self.number:
            if len(price) == MAX_BALLS:
                raise _too_large(
                    f"distances from {len(self.must):,} nodes make more than {MAX_BALLS:,} different balls", MAX_BALLS
                )
            self.number[ball] = len(self.number)
            self.before.append(before)
            price.append(0.0)
        return self.number[ball]

    def solve(self, sign: float, time_limit: float, ceiling: float) -> Placed:
        """The placement of least `sign` × social cost, at most `ceiling`, that leaves nobody with an infinite cost.

        What costs more than the ceiling by itself is no part of it, and the unit is the largest cost that is left: tolerances are then
        small against the ceiling.
        """
        cost = np.concatenate([self.levels.hold[self.slots], self.price])
        within = cost <= ceiling
        within[[self.size + ball for ball in self.stuck]] = False
        cost = np.where(within, cost, 0.0)
        unit = max(float(cost.max(initial=0.0)), self.base / max(1, len(self.levels.miss))) or 1.0
        objective = sign * cost / unit
        lower, upper = np.zeros(len(objective)), within.astype(np.float64)
        matrix = _Matrix(len(objective))
        self._choices(matrix)
        self._whether_held(matrix, sign)
        integral = np.zeros(len(objective))
        integral[: self.size] = 1.0
        options: dict[str, Any] = {"time_limit": max(time_limit, 0.01), "mip_rel_gap": 0.0}
        asked: dict[str, Any] = {"bounds": Box(lower, upper), "constraints": matrix.rows(), "options": options}
        slack = TOLERANCE * unit
        if not len(objective):
            return Placed(np.zeros(len(self.must), dtype=np.int64), self.base, False, 0.0)
        found: Any = milp(objective, integrality=integral, **asked)
        if found.status == 2:
            return Placed(None, sign * np.inf, True, slack)
        if found.x is None:  # SciPy gives the bound of the search only along with a placement
            relaxed: Any = milp(objective, **asked)
            bound = float(relaxed.fun) if relaxed.status == 0 else -np.inf
            return Placed(None, float(sign * (unit * bound - slack) + self.base), False, slack)
        bound = found.fun if found.mip_dual_bound is None else found.mip_dual_bound
        bound = sign * (unit * float(bound) - slack) + self.base
        held = np.zeros(len(self.levels.node), dtype=bool)
        held[self.slots[found.x[: self.size] > 0.5]] = True
        return Placed(self.levels.profile(held), float(bound), False, float(slack))

    def _choices(self, matrix: _Matrix) -> None:
        """One choice a node; at equilibria no two that exclude each other, and what each needs."""
        slots = [np.flatnonzero(self.node == i) for i in range(len(self.must))]
        for mine, must in zip(slots, self.must, strict=True):
            if must or len(mine) > 1:
                matrix.add(mine, np.ones(len(mine)), float(must), 1.0)
        if self.replies is None:
            return
        for clique in edge_cliques(self.conflict):
            matrix.add(clique, np.ones(len(clique)), -np.inf, 1.0)
        covers: set[tuple[int, int]] = set()
        r = self.replies
        for i, s, excluded, needed, needy in zip(
            r.node, r.slot, words(r.excludes), words(r.needs), r.needy, strict=True
        ):
            if s < 0:
                own = sum(1 << int(x) for x in slots[i])
                for x in members(excluded):  # held there, the node holds something too
                    matrix.add([*slots[i], x], [1.0] * len(slots[i]) + [-1.0], 0.0, np.inf)
                if needy:
                    covers.add((needed | own, -1))
            elif needy:
                covers.add((needed, int(s)))
        for needed, s in covers:
            of = list(members(needed))
            if s < 0:
                matrix.add(of, [1.0] * len(of), 1.0, np.inf)
            else:
                matrix.add([*of, s], [1.0] * len(of) + [-1.0], 0.0, np.inf)

    def _whether_held(self, matrix: _Matrix, sign: float) -> None:
        """v_S = 1 where nothing of S is held, from the side that the objective does not press to."""
        chained: set[int] = {0}  # balls that are cliques grown from cliques: one row says all
        for (ball, at), before in zip(self.number.items(), self.before, strict=True):
            column, new = self.size + at, list(members(ball & ~before))
            earlier = [self.size + self.number[before]] if before in self.number and before else []
            one = 0.0 if earlier else 1.0  # v of the empty ball is 1
            chain = [column, *new, *earlier], [1.0] * (1 + len(new)) + [-1.0] * len(earlier)
            if not ball:
                matrix.add([column], [1.0], 1.0, 1.0)
            elif sign > 0:
                matrix.add(*chain, one, np.inf)
            elif before in chained and self._is_clique(ball):
                chained.add(ball)
                matrix.add(*chain, -np.inf, one)
            else:
                matrix.add([column, *earlier], [1.0] + [-1.0] * len(earlier), -np.inf, one)
                for clique in self._cover(ball, ball & ~before):
                    matrix.add([column, *clique], [1.0] * (1 + len(clique)), -np.inf, 1.0)

    def _is_clique(self, ball: int) -> bool:
        return all(ball & ~self.conflict[s] == 1 << s for s in members(ball))

    def _cover(self, ball: int, new: int) -> Iterator[list[int]]:
        """Cliques of conflicting slots in the ball, as large as they grow, that hold every new one."""
        while new:
            s = (new & -new).bit_length() - 1
            clique = grown(s, self.conflict, ball, new)
            for x in clique:
                new &= ~(1 << x)
            yield clique


class _Matrix:
    """Rows collected one by one."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.index: list[Any] = []
        self.value: list[Any] = []
        self.low: list[float] = []
        self.high: list[float] = []

    def add(self, index: Any, value: Any, low: float, high: float) -> None:
        self.index.append(np.asarray(index, dtype=np.int64))
        self.value.append(np.asarray(value, dtype=np.float64))
        self.low.append(low)
        self.high.append(high)

    def rows(self) -> list[Any]:
        if not self.low:
            return []
        ends = np.cumsum([0, *map(len, self.index)])
        content = (np.concatenate(self.value), np.concatenate(self.index), ends)
        return [
            Rows(sp.csr_array(content, shape=(len(self.low), self.columns)), np.array(self.low), np.array(self.high))
        ]
