r"""The optimum of a caching game with limited storage, as a linear programme over whom copies reach.

With :math:`y_{sk}` = 1 where slot s (a node and a tier) holds object k, reader i pays
:math:`w_{ik} (L_0 + \sum_r (L_{r+1} - L_r)\, v_{B_{ir} k})` over its levels :math:`L_0 < L_1 < \dots` (what reading each slot costs, the
last one a miss), where :math:`v_B` = 1 if no slot of B holds the object, and :math:`B_{ir}` are the slots up to level r:

.. math:: \min \sum_{sk} h_s y_{sk} + \sum_{Bk} c_{Bk} v_{Bk}, \quad v_{Bk} \ge v_{B'k} - \sum_{s \in B \setminus B'} y_{sk},
          \quad \sum_k y_{sk} \le C_s, \quad \sum_{s \text{ of } i} y_{sk} \le 1 .

Readers that see the same slots alike share their sets B, and a set in one node is 1 − Σ y: a clique needs one variable for each object.
On hierarchies with one tier the programme is integral [korupolu2001]_; elsewhere it is a bound, and the integer programme decides as far
as the time goes.

.. [korupolu2001] Korupolu, Plaxton, Rajaraman: Placement algorithms for hierarchical cooperative caching, Journal of Algorithms 38 (2001).
"""

from __future__ import annotations

from time import monotonic
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from poagame._arrays import BoolArray, FloatArray, IntArray, require
from poagame.certificates.nash import TIE_RTOL
from poagame.errors import Infeasible, TooLarge
from poagame.games.caching import CachingGame
from poagame.games.checks import positive
from poagame.outcome import Outcome
from poagame.solvers.caching import stores_compiled as compiled
from poagame.solvers.caching.dynamics import empty, tables_of
from poagame.solvers.caching.dynamics_compiled import Tables
from poagame.solvers.optimum import Optimum

Box: Any = Bounds
Rows: Any = LinearConstraint
# 2026-11: scipy's annotations of both know numbers alone where arrays are meant.

RTOL = 1e-5
"""Relative gap that HiGHS's tolerances explain: the optimum then counts as proved."""

TOLERANCE = 1e-6
"""HiGHS's tolerances, in the unit of the largest number in the objective; the integer programme's bound is loosened by it."""

SHARP: dict[str, Any] = {"dual_feasibility_tolerance": 1e-10, "primal_feasibility_tolerance": 1e-10}
"""The sharpest that HiGHS takes: thousands of variables each add their part to the gap."""

MAX_VARIABLES = 2_000_000
"""Most variables of the programme; HiGHS takes minutes and gigabytes there."""

DESCENT_ROUNDS = 50
"""Most rounds of the descent that improves a rounded placement."""


class StoresProgramme:
    """The programme over y [K, S] and v [K, U], in the largest cost as the unit: HiGHS's tolerances are absolute."""

    game: CachingGame
    tables: Tables
    ceiling: float
    nodes: int
    objects: int
    node: IntArray
    tier: IntArray
    room: IntArray
    least: FloatArray
    most: FloatArray
    unit: float
    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    limit: np.ndarray
    constant: float
    own_weight: FloatArray
    weight: FloatArray
    forced: BoolArray
    covers: Any
    starts: Any
    begin: FloatArray

    def __init__(self, game: CachingGame, ceiling: float = np.inf) -> None:
        """Of placements that cost at most `ceiling`: sets whose lack of a copy costs more than that have one.

        No cost that is left is then larger than the ceiling, and HiGHS's tolerances are small against it.
        """
        self.game, self.tables, self.ceiling = game, tables_of(game), ceiling
        t = self.tables
        self.nodes, self.objects = t.demand.shape
        self.node, self.tier = np.nonzero(t.capacity > 0)
        self.room = t.capacity[self.node, self.tier]
        fixed = t.fixed[self.node].T  # [K, S]
        self.least = (fixed == self.tier + 1).astype(np.float64)
        self.most = np.where(fixed < 0, 1.0, self.least)
        self._sets()
        size = self.most.size + self.weight.size
        if size > MAX_VARIABLES:
            raise TooLarge(
                f"{self.objects:,} objects on {self.nodes} nodes make {size:,} variables; the programme stops at {MAX_VARIABLES:,}. "
                "equilibrium(game) and convergence(game) go further"
            )
        hold = t.hold[self.node, self.tier]
        self.unit = (
            float(max(np.abs(self.weight).max(initial=0.0), hold.max(initial=0.0), self.own_weight.max(initial=0.0)))
            or 1.0
        )
        self.cost = np.concatenate([(hold - self.own_weight).ravel(), self.weight.ravel()]) / self.unit
        self.lower = np.concatenate([self.least.ravel(), np.zeros(self.weight.size)])
        self.upper = np.concatenate([self.most.ravel(), np.where(self.forced, 0.0, 1.0).ravel()])
        one = sp.eye_array(self.objects, format="csr")
        nothing = sp.csr_array((len(self.node), self.weight.size))
        owner = sp.csr_array(
            (np.ones(len(self.node)), (self.node, np.arange(len(self.node)))), shape=(self.nodes, len(self.node))
        )
        self.matrix: Any = sp.vstack(
            [
                sp.hstack([sp.kron(one, self.covers), sp.kron(one, self.starts) - sp.eye_array(self.weight.size)]),
                sp.hstack([sp.kron(one, owner), sp.csr_array((self.nodes * self.objects, self.weight.size))]),
                sp.hstack([sp.kron(np.ones((1, self.objects)), sp.eye_array(len(self.node))), nothing]),
            ],
            format="csr",
        )
        self.limit = np.concatenate([np.tile(self.begin, self.objects), np.ones(self.nodes * self.objects), self.room])

    def _sets(self) -> None:
        """Find the levels of all readers and the sets of slots that they share."""
        t, slots = self.tables, len(self.node)
        read = t.distance[:, self.node] + t.access[self.tier]
        known: dict[bytes, int] = {}
        masks: list[np.ndarray] = []
        parent: list[int] = []
        weights: list[FloatArray] = []
        forced: list[np.ndarray] = []
        own = np.zeros((slots, self.objects))
        self.constant = 0.0
        for i in range(self.nodes):
            level, value = levels(read[i], t.miss[i])
            asked, strict = t.demand[i], bool(np.isinf(t.miss[i]))
            self.constant += float(asked.sum()) * (value[0] if len(value) > 1 or not strict else 0.0)
            before = -1
            for r in range(len(value) - 1):
                inside = level <= r
                last = strict and r == len(value) - 2
                step = 0.0 if last else value[r + 1] - value[r]
                must = (asked > 0) & last
                must |= step * asked > self.ceiling
                if not must.any() and len(np.unique(self.node[inside])) == 1:  # v is 1 − Σ y
                    own[inside] += step * asked
                    self.constant += step * float(asked.sum())
                    continue
                key = inside.tobytes()
                if key not in known:
                    known[key] = len(masks)
                    masks.append(inside)
                    parent.append(before)
                    weights.append(np.zeros(self.objects))
                    forced.append(np.zeros(self.objects, dtype=bool))
                before = known[key]
                weights[before] += np.where(must, 0.0, step * asked)
                forced[before] |= must
        count = len(masks)
        self.own_weight = own.T
        self.weight = np.array(weights).reshape(count, self.objects).T
        self.forced = np.array(forced, dtype=bool).reshape(count, self.objects).T
        dear = self.weight > self.ceiling  # of all readers together
        self.forced, self.weight = self.forced | dear, np.where(dear, 0.0, self.weight)
        up = np.array(parent, dtype=np.int64)
        inside = np.array(masks).reshape(count, slots).astype(np.float64)
        added = inside - np.where(up[:, None] >= 0, inside[up] if count else inside, 0.0)
        chained = np.flatnonzero(up >= 0)
        # −Σ y − v + v' <= 0, or −Σ y − v <= −1 for the first
        self.covers = sp.csr_array(-added)
        self.starts = sp.csr_array((np.ones(len(chained)), (chained, up[chained])), shape=(count, count))
        self.begin = np.where(up >= 0, 0.0, -1.0)

    def relaxed(self, time_limit: float) -> tuple[FloatArray | None, float]:
        """Solve the linear programme: y [K, S], and what every placement costs at least, by its prices."""
        bounds = np.stack([self.lower, self.upper], axis=1)
        found: Any = linprog(
            self.cost,
            self.matrix,
            self.limit,
            bounds=bounds,
            method="highs",
            options={**SHARP, "time_limit": time_limit},
        )
        if found.status == 2:
            raise Infeasible(
                "some node is left without what it asks for in every placement: give miss_cost, or more capacity"
            )
        prices = np.zeros(len(self.limit)) if found.x is None else np.maximum(-found.ineqlin.marginals, 0.0)
        left = self.cost + self.matrix.T @ prices
        bound = float(np.minimum(left * self.lower, left * self.upper).sum() - prices @ self.limit)
        y = None if found.x is None else found.x[: self.most.size].reshape(self.most.shape)
        return y, max(self.unit * bound + self.constant, 0.0)

    def whole(self, time_limit: float) -> tuple[FloatArray | None, float]:
        """Solve the integer programme: y [K, S], and its bound less HiGHS's tolerances."""
        found: Any = milp(
            self.cost,
            integrality=np.repeat([1.0, 0.0], [self.most.size, self.weight.size]),
            bounds=Box(self.lower, self.upper),
            constraints=[Rows(self.matrix, -np.inf, self.limit)],
            options={"time_limit": time_limit, "mip_rel_gap": 0.0},
        )
        bound = -np.inf
        if found.mip_dual_bound is not None:
            bound = self.unit * (float(found.mip_dual_bound) - TOLERANCE) + self.constant
        y = None if found.x is None else found.x[: self.most.size].reshape(self.most.shape)
        return y, bound

    def rounded(self, y: FloatArray | None) -> IntArray:
        """Return a placement in the shape of demand near y: where that is most for an object, as far as there is room; then a descent."""
        held = empty(self.tables)
        room = self.room - self.least.sum(axis=0).astype(np.int64)
        for s in range(len(self.node) if y is not None else 0):
            assert y is not None
            free = (self.most[:, s] > self.least[:, s]) & (held[:, self.node[s]] == 0) & (y[:, s] > 1e-6)
            same = y[:, self.node == self.node[s]].max(axis=1)
            free &= y[:, s] >= same
            wanted = np.flatnonzero(free)
            taken = wanted[np.argsort(-y[wanted, s], kind="stable")][: room[s]]
            held[taken, self.node[s]] = self.tier[s] + 1
        compiled.descend(self.tables, held, DESCENT_ROUNDS)
        return np.ascontiguousarray(held.T).astype(np.int64).reshape(self.game.demand.shape)


def levels(read: FloatArray, miss: float) -> tuple[IntArray, FloatArray]:
    """[S]: at which level a reader reads each slot, and what each level costs, the last one a miss; worse slots are beyond it."""
    useful = read < miss
    values = np.sort(read[useful])
    new = np.ones(len(values), dtype=bool)
    new[1:] = values[1:] > values[:-1] * (1.0 + TIE_RTOL)
    steps = np.append(values[new], miss)
    level = np.where(useful, np.searchsorted(steps, read, side="right") - 1, len(steps))
    return level, steps


def stores_optimum(game: CachingGame, time_limit: float = 30.0) -> Optimum:
    """A placement of least social cost of a caching game, limits on storage or not, with a lower bound that proves it.

    Parameters
    ----------
    game : CachingGame
    time_limit : float
        Seconds for HiGHS, about; the linear programme comes first, then the integer one if there is a gap.

    Returns
    -------
    Optimum
        OPTIMAL where cost and bound agree up to `RTOL`. The bound of the linear programme is computed from its prices and holds whatever
        HiGHS's tolerances.

    Raises
    ------
    InvalidInput
        If `game` is no caching game, or time_limit is not positive.
    Infeasible
        If limits leave a node without what it asks for in every placement.
    TooLarge
        If the programme has more than `MAX_VARIABLES` variables.

    Examples
    --------
    >>> two = CachingGame([[0, 1], [1, 0]], 0.0, [[3, 2], [2, 3]], capacity=1, miss_cost=5.0)
    >>> print(stores_optimum(two))
    social cost 4, lower bound 4 (optimal: the bound meets the cost)
    """
    require(isinstance(game, CachingGame), f"stores_optimum is of a CachingGame; got {type(game).__name__}")
    positive(time_limit, "time_limit")
    begin = monotonic()
    programme = StoresProgramme(game)
    y, bound = programme.relaxed(time_limit)
    profile = programme.rounded(y)
    cost = float(game.social_cost(profile))
    left = time_limit - (monotonic() - begin)
    if not cost - bound <= RTOL * cost and left > 0:
        y, proved = StoresProgramme(game, cost * (1.0 + RTOL)).whole(left)
        if y is not None:
            other = programme.rounded(np.round(y))
            profile = min((profile, other), key=lambda s: float(game.social_cost(s)))
        cost = float(game.social_cost(profile))
        if proved <= cost * (1.0 + RTOL):  # beyond, the programme lost its way among the tolerances
            bound = max(bound, proved)
    require(
        np.isfinite(cost),
        "no placement of finite cost was found within the time limit: give miss_cost, or more capacity",
    )
    proved = cost - bound <= RTOL * cost
    return Optimum(profile, cost, min(bound, cost), Outcome.OPTIMAL if proved else Outcome.BOUNDED)
