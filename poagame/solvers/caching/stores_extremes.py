r"""The dearest and the cheapest pure equilibrium of a caching game with limited storage, by integer programme.

A store is a best reply exactly if places have **prices** that support it (the assignment of objects to places is integral): with
:math:`f_{ik}` what object k costs node i by the others' copies, :math:`g_{ikt} = \text{paid}_{it} + \min(w_{ik} a_t, f_{ik})` with its own,
and prices :math:`\lambda_{it} \ge 0`, positive only where tier t of i is full, each object takes a choice of least

.. math:: \mu_{ik} = \min\big( f_{ik},\ \min_t g_{ikt} + \lambda_{it} \big).

Both f and g are linear in binaries' products :math:`u_{ikr}` = 1 if no other node's slot up to level r of i holds k, which the y of the
slots pin from both sides. At an equilibrium node i pays :math:`\sum_k \mu_{ik} - \sum_t C_{it} \lambda_{it}`: the worst one maximises that,
the best one minimises the cost of `stores_programme`, whose relaxation is the stronger one. Infeasible: there is no equilibrium.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import milp

from poagame._arrays import FloatArray, IntArray, require
from poagame.certificates.nash import certify_nash
from poagame.certificates.placement import best_store
from poagame.errors import NoEquilibrium, TooLarge
from poagame.games.caching import CachingGame
from poagame.games.checks import positive
from poagame.outcome import Outcome
from poagame.solvers.best_response import equilibrium
from poagame.solvers.caching.convergence import convergence
from poagame.solvers.caching.stores_programme import RTOL, Box, Rows, StoresProgramme, levels
from poagame.solvers.congestion.programme import PureExtremes

TOLERANCE = 1e-6
"""HiGHS's feasibility tolerance, in the unit of the largest cost; bounds are loosened by it for each node and object."""

SHARP = 1e-3
"""Most that tolerances, counted for each node and object, may be against a cost which counts as proved."""

MAX_LEVELS = 200_000
"""Most entries (nodes × objects × levels) of the programme."""

NUM_STARTS = 50
"""Starts of best response that look for equilibria first."""


def stores_extremes(game: CachingGame, time_limit: float = 30.0) -> PureExtremes:
    """Worst and best pure equilibrium of a caching game with few nodes and objects, limits on storage or not.

    Parameters
    ----------
    game : CachingGame
    time_limit : float
        Seconds for each of the two programmes.

    Raises
    ------
    NoEquilibrium
        If there is none of finite cost (the programme is infeasible), or none was found within the time limit.
    TooLarge
        If the programme has too many entries.
    InvalidInput
        If `game` is no caching game, or time_limit is not positive.

    Examples
    --------
    >>> two = CachingGame([[0, 1], [1, 0]], 0.0, [[3, 2], [2, 3]], capacity=1, miss_cost=5.0)
    >>> found = stores_extremes(two)
    >>> found.worst_cost, found.best_cost, found.covered
    (6.0, 4.0, True)
    """
    require(isinstance(game, CachingGame), f"stores_extremes is of a CachingGame; got {type(game).__name__}")
    positive(time_limit, "time_limit")
    tried = convergence(game, NUM_STARTS)
    known = [s for s in (tried.worst, tried.best) if s is not None and _stable(game, s)]
    ends = [float(game.social_cost(s)) for s in known]
    programme = _Programme(game, min(ends, default=np.inf))
    high, above = programme.solve(-1.0, max(ends, default=None), time_limit)
    low, below = programme.solve(1.0, min(ends, default=None), time_limit)
    known += [s for s in (_repaired(game, high), _repaired(game, low)) if s is not None]
    if not known:
        raise NoEquilibrium(
            f"no pure equilibrium was found from {NUM_STARTS} starts of best response nor by integer programme within {time_limit:g} s "
            "each; there may be none"
        )
    costs = [float(game.social_cost(s)) for s in known]
    worst, best = int(np.argmax(costs)), int(np.argmin(costs))
    slack = programme.slack
    worst_bound, best_bound = max(above + slack, costs[worst]), max(0.0, min(below - slack, costs[best]))
    # tolerances that are not small against a cost prove nothing about it
    covered = worst_bound - costs[worst] <= 2 * slack <= SHARP * costs[worst]
    covered = bool(covered and costs[best] - best_bound <= 2 * slack <= SHARP * costs[best])
    note = (
        f"integer programme of worst and best within {time_limit:g} s each, from {NUM_STARTS} starts of best response; its tolerances "
        f"may hide {2 * slack:.2g}"
    )
    return PureExtremes(known[worst], known[best], costs[worst], costs[best], worst_bound, best_bound, covered, note)


def _stable(game: CachingGame, profile: IntArray) -> bool:
    return certify_nash(game, profile).holds and bool(np.isfinite(game.social_cost(profile)))


def _repaired(game: CachingGame, profile: IntArray | None) -> IntArray | None:
    """The programme's answer; where its tolerance hides a small gain, the equilibrium that best replies lead to."""
    if profile is None or _stable(game, profile):
        return profile
    found = equilibrium(game, start=profile)
    return found.profile if found.outcome is Outcome.CONVERGED and _stable(game, found.profile) else None


class _Programme:
    """Rows Σ a x ≤ b over x = (y, v, …, known) ≥ 0; the last binary stands for an equilibrium that is known, in place of all else."""

    def __init__(self, game: CachingGame, ceiling: float) -> None:
        """Of all equilibria; `ceiling` is a cost that the best one does not exceed (the rows of `base` are asked of that one alone)."""
        self.game, self.base = game, StoresProgramme(game, ceiling * (1.0 + RTOL))
        self.most = self._most()
        t, slots = self.base.tables, len(self.base.node)
        self.unit, self.width = self._unit(), self.base.cost.size
        self.row: list[tuple[dict[int, float], float]] = []
        self.upper: list[FloatArray] = [self.base.upper]
        self.binary: list[bool] = [True] * self.base.most.size + [False] * self.base.weight.size
        self.paid: dict[int, float] = {}  # what nodes pay, as a sum over x
        self.constant = 0.0
        read = t.distance[:, self.base.node] + t.access[self.base.tier]
        if read.size * self.base.objects > MAX_LEVELS:
            raise TooLarge(
                f"{self.base.nodes} nodes and {self.base.objects} objects are too many for the integer programme of equilibria: "
                "convergence(game) reaches some of them"
            )
        for i in range(self.base.nodes):
            others = np.where(self.base.node == i, np.inf, read[i])
            level, value = levels(others, t.miss[i])
            price = self._prices(i)
            for k in range(self.base.objects):
                self._object(i, k, level, value, price)
        for s, k in zip(*np.nonzero(self.base.least.T), strict=True):
            self.row.append(({k * slots + s: -1.0}, -1.0))
        helped = (t.hold - t.paid)[self.base.node, self.base.tier] / self.unit
        for s in range(slots):
            for k in range(self.base.objects):
                self.paid[k * slots + s] = self.paid.get(k * slots + s, 0.0) + helped[s]
        self.slack = TOLERANCE * self.unit * self.base.nodes * self.base.objects

    def _unit(self) -> float:
        """The largest finite cost of a choice."""
        t = self.base.tables
        read = np.append(t.distance[:, self.base.node] + t.access[self.base.tier], t.miss[:, None], axis=1)
        dearest = np.minimum(t.demand.max(axis=1) * np.where(np.isfinite(read), read, 0.0).max(axis=1), self.most)
        own = (t.paid[:, None] + t.demand[:, :, None] * t.access).max()
        return float(max(dearest.max(), own, t.hold.max())) or 1.0

    def _most(self) -> FloatArray:
        """[n]: more than a node pays at any equilibrium, twice what its best store costs it if there were no other node.

        Whatever costs it more by not being held is held in all its best stores, and no less so if it costs just this much.
        """
        n = self.base.nodes
        lonely = self.game.limited(None)._with(distance=np.where(np.eye(n, dtype=bool), 0.0, np.inf))
        alone = lonely.choice_costs(np.zeros(self.game.demand.shape)).reshape(n, -1, self.game.num_tiers + 1)
        stores = [best_store(alone[i], room) for i, room in enumerate(self.base.tables.capacity)]
        return np.array(
            [
                np.inf if s is None else 2.0 * float(np.take_along_axis(c, s[:, None], axis=1).sum()) or np.inf
                for c, s in zip(alone, stores, strict=True)
            ]
        )

    def _new(self, upper: float, binary: bool = False) -> int:
        self.upper.append(np.array([upper]))
        self.binary.append(binary)
        self.width += 1
        return self.width - 1

    def _slots(self, i: int) -> IntArray:
        return np.flatnonzero(self.base.node == i)

    def _prices(self, i: int) -> dict[int, tuple[int, float]]:
        """λ of each slot of node i, and its most, where places may be too few for what node i chooses."""
        t, slots, objects = self.base.tables, len(self.base.node), self.base.objects
        chooses = np.flatnonzero(t.fixed[i] < 0)
        found: dict[int, tuple[int, float]] = {}
        most = self._dearest() / self.unit
        for s in self._slots(i):
            held = {int(k) * slots + int(s): 1.0 for k in range(objects)}
            if self.base.room[s] >= objects:
                continue
            self.row.append((held, float(self.base.room[s])))
            if len(chooses) + self.base.least[:, s].sum() <= self.base.room[s]:
                continue
            price, full = self._new(most), self._new(1.0, binary=True)
            self.row.append(({price: 1.0, full: -most}, 0.0))
            self.row.append(({full: float(self.base.room[s]), **{c: -v for c, v in held.items()}}, 0.0))
            self.paid[price] = -float(self.base.room[s] - self.base.least[:, s].sum())
            found[int(s)] = (price, most)
        return found

    def _dearest(self) -> float:
        """What a miss is taken for where it costs infinity: more than a chain of changes in all tiers can save."""
        return self.unit * (self.base.tables.access.size + 2) if np.isinf(self.base.tables.miss).any() else self.unit

    def _object(self, i: int, k: int, level: IntArray, value: FloatArray, price: dict[int, tuple[int, float]]) -> None:
        """Rows of one object at one node: what the others' copies make it cost, and that its choice is a best one."""
        t, slots = self.base.tables, len(self.base.node)
        asked, mine = t.demand[i, k], self._slots(i)
        columns = {int(s): k * slots + int(s) for s in range(slots)}
        hold = {columns[int(s)]: 1.0 for s in mine}
        self.row.append((hold, 1.0))
        costs = asked * value / self.unit if asked > 0 else np.zeros(1)
        if np.isinf(costs[-1]):
            costs[-1] = self._dearest() / self.unit
        costs = np.minimum(costs, self.most[i] / self.unit)
        u: list[int] = []
        for r in range(len(costs) - 1):
            at = np.flatnonzero(level == r)
            u.append(self._new(1.0))
            pinned = {u[r]: -1.0, **{columns[int(s)]: -1.0 for s in at}}
            self.row.append(({**pinned, u[r - 1]: 1.0}, 0.0) if r else (pinned, -1.0))
            if r:
                self.row.append(({u[r]: 1.0, u[r - 1]: -1.0}, 0.0))
            self.row += [({u[r]: 1.0, columns[int(s)]: 1.0}, 1.0) for s in at]
        if asked > 0 and np.isinf(t.miss[i]):  # somebody must hold it
            some = {c: -1.0 for c in hold}
            self.row.append(({**some, u[-1]: 1.0}, 0.0) if u else (some, -1.0))

        def linear(at: FloatArray) -> tuple[dict[int, float], float]:
            return dict(zip(u, np.diff(at).tolist(), strict=True)), float(at[0])

        of = [
            costs,
            *(
                t.paid[i, self.base.tier[s]] / self.unit
                + np.minimum(costs, asked * t.access[self.base.tier[s]] / self.unit)
                for s in mine
            ),
        ]
        fixed = int(t.fixed[i, k])
        if fixed >= 0:
            choice = 0 if fixed == 0 else 1 + int(np.flatnonzero(self.base.tier[mine] == fixed - 1)[0])
            sums, start = linear(of[choice])
            self.constant += start
            for c, v in sums.items():
                self.paid[c] = self.paid.get(c, 0.0) + v
            return
        least = np.min(of, axis=0)
        mu = self._new(float(costs.max()))
        self.paid[mu] = 1.0
        for a, at in enumerate(of):
            sums, start = linear(at)
            extra, most = price.get(int(mine[a - 1]), (-1, 0.0)) if a else (-1, 0.0)
            big = float((at - least).max()) + most
            plus = {extra: 1.0} if extra >= 0 else {}
            minus = {c: -v for c, v in (sums | plus).items()}
            self.row.append(({**minus, mu: 1.0}, start))
            if a:
                self.row.append(({**sums, **plus, mu: -1.0, columns[int(mine[a - 1])]: big}, big - start))
            else:
                self.row.append(({**sums, mu: -1.0, **{c: -big for c in hold}}, -start))

    def solve(self, sign: float, known: float | None, time_limit: float) -> tuple[IntArray | None, float]:
        """The equilibrium of least `sign` × social cost, if better than the `known` cost, and a bound on its cost.

        Raises
        ------
        NoEquilibrium
            If there is none.
        """
        base, slots = self.base, len(self.base.node)
        objective = np.zeros(self.width + 1)
        if sign > 0:
            objective[: base.cost.size] = base.cost * (base.unit / self.unit)
            constant = base.constant / self.unit
        else:
            for c, v in self.paid.items():
                objective[c] -= v
            constant = -self.constant
        objective[-1] = 0.0 if known is None else sign * known / self.unit - constant
        matrix, limit = self._matrix()
        if sign > 0:
            wide = sp.hstack([base.matrix, sp.csr_array((len(base.limit), self.width - base.cost.size))])
            matrix, limit = sp.vstack([wide, matrix], format="csr"), np.concatenate([base.limit, limit])
        matrix = sp.hstack([matrix, sp.csr_array(limit[:, None])], format="csr")
        upper = np.append(np.concatenate(self.upper), float(known is not None))
        found: Any = milp(
            objective,
            integrality=np.append(np.array(self.binary, dtype=np.float64), 1.0),
            bounds=Box(0.0, upper),
            constraints=[Rows(matrix, -np.inf, limit)],
            options={"time_limit": time_limit, "mip_rel_gap": 0.0},
        )
        if found.status == 2:
            raise NoEquilibrium(
                "there is no pure equilibrium of finite cost: the integer programme that describes them is infeasible. "
                "improvement_cycle(game) shows a cycle of best replies of a small game"
            )
        bound = -np.inf if found.mip_dual_bound is None else self.unit * (float(found.mip_dual_bound) + constant)
        if found.x is None or found.x[-1] > 0.5:
            return None, sign * bound
        y = np.round(found.x[: base.most.size]).reshape(base.most.shape) > 0
        profile = np.zeros((base.nodes, base.objects), dtype=np.int64)
        for s in range(slots):
            profile[base.node[s], y[:, s]] = base.tier[s] + 1
        return profile.reshape(self.game.demand.shape), sign * bound

    def _matrix(self) -> tuple[Any, FloatArray]:
        count = [len(row) for row, _ in self.row]
        column = np.fromiter((c for row, _ in self.row for c in row), np.int64, sum(count))
        value = np.fromiter((v for row, _ in self.row for v in row.values()), np.float64, sum(count))
        matrix = sp.csr_array(
            (value, (np.repeat(np.arange(len(count)), count), column)), shape=(len(count), self.width)
        )
        return matrix, np.array([b for _, b in self.row])
