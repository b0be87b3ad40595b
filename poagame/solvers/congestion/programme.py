r"""Worst and best pure equilibrium of a congestion game: by the search, and where that ends by an integer programme with proved
bounds.

For equal weights and one latency :math:`c_r(n)`, integers x count the players in each cell (an action of a type), binaries
:math:`y_{rn}` pick the load of each resource, and binaries z say which cells are used:

.. math:: \max / \min \sum_{rn} n\,c_r(n)\,y_{rn}, \quad \sum_n y_{rn} = 1, \quad
          \sum_n n\,y_{rn} = \sum_{c \ni r} x_c, \quad x_c \le m_c z_c,

and for each cell c and each other action d of its type no gain by deviation where c is used,

.. math:: \sum_{r \in c \setminus d} \sum_n c_r(n)\,y_{rn} - \sum_{r \in d \setminus c} \sum_n c_r(n+1)\,y_{rn}
          \le M_{cd}\,(1 - z_c),

with :math:`M_{cd}` the largest value of the left side. One more binary stands for an equilibrium that is known already, in place of
all else: SciPy gives HiGHS's bound only along with a feasible point, and the known one is found at once. Solved through
`scipy.optimize.milp`, which takes the sparse matrices as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, milp

from poagame._arrays import BoolArray, FloatArray, IntArray
from poagame.certificates.nash import certify_nash
from poagame.errors import NoEquilibrium, TooLarge
from poagame.games.congestion import CongestionGame
from poagame.outcome import Outcome
from poagame.solvers.best_response import BestResponse, equilibrium
from poagame.solvers.congestion.cells import CellProblem, cells_or_none
from poagame.solvers.congestion.search import extreme_pure_equilibria

Box: Any = Bounds
Rows: Any = LinearConstraint
# 2026-11: scipy's annotations of both know numbers alone where arrays are meant.

TOLERANCE = 1e-6
"""HiGHS's feasibility tolerance, in the unit of the largest cost of an action; bounds are loosened by it for each player."""

TIME_LIMIT = 30.0
"""Seconds after which HiGHS gives its best profile and bound, for each programme."""

MAX_LEVELS = 50_000
"""Most binaries (resources × loads) of the programme."""

MAX_SEARCHED = 500_000
"""Partial placements that `pure_extremes` searches (seconds) before it turns to the programme."""

NUM_STARTS = 20
"""Starts of best response where no exact method applies."""


@dataclass(frozen=True, eq=False, slots=True)
class PureExtremes:
    """The dearest and the cheapest pure equilibrium known, with bounds on all of them.

    Attributes
    ----------
    worst, best : [N]
        Equilibria, each certified.
    worst_cost, best_cost : float
        Their social costs, by the game.
    worst_bound, best_bound : float
        No pure equilibrium costs more than `worst_bound` or less than `best_bound` (infinite where nothing is known).
    covered : bool
        Whether the two are proved the extremes: all equilibria were looked at, or the bounds of the programme meet the costs up to
        its tolerance.
    note : str
        What was looked at.
    """

    worst: IntArray
    best: IntArray
    worst_cost: float
    best_cost: float
    worst_bound: float
    best_bound: float
    covered: bool
    note: str


def pure_extremes(game: CongestionGame, max_nodes: int = MAX_SEARCHED, time_limit: float = TIME_LIMIT) -> PureExtremes:
    """Worst and best pure equilibrium: by search, else by integer programme, else by best response from several starts, and labelled.

    Raises
    ------
    NoEquilibrium
        If the game is proved to have none, or none was found where nothing better is possible.
    """
    try:
        found = extreme_pure_equilibria(game, max_nodes)
    except TooLarge:
        return _beyond_search(game, time_limit)
    if found.worst is None or found.best is None:
        raise NoEquilibrium(
            f"the game has no pure equilibrium: the search through {found.num_nodes:,} {found.looked_at} misses none. "
            "improvement_cycle(game) shows a cycle of best replies of a small game"
        )
    note = f"all pure equilibria, by {found.num_nodes:,} {found.looked_at}"
    worst, best = float(game.social_cost(found.worst)), float(game.social_cost(found.best))
    return PureExtremes(found.worst, found.best, worst, best, worst, best, True, note)


def _beyond_search(game: CongestionGame, time_limit: float) -> PureExtremes:
    known = _from_starts(game, time_limit)
    worst_bound, best_bound, slack, looked = np.inf, -np.inf, 0.0, "others may exist"
    problem = programmable(game)
    if problem is not None:
        programme = Programme(problem)
        slack = programme.slack
        ends = [float(game.social_cost(s)) for s in known]
        high = programme.equilibrium(-1.0, max(ends, default=None), time_limit)
        low = programme.equilibrium(1.0, min(ends, default=None), time_limit)
        worst_bound, best_bound = -high[1] + slack, low[1] - slack
        known += [s for s in (_repaired(game, problem, x) for x in (high[0], low[0])) if s is not None]
        looked = f"integer programme of worst and best within {time_limit:g} s each"
    if not known:
        raise NoEquilibrium(
            f"best response from up to {NUM_STARTS} starts reached no equilibrium, and the game is too large to prove that it has none"
        )
    costs = [float(game.social_cost(s)) for s in known]
    worst, best = int(np.argmax(costs)), int(np.argmin(costs))
    high_bound, low_bound = max(worst_bound, costs[worst]), min(best_bound, costs[best])
    covered = high_bound - costs[worst] <= 2 * slack and costs[best] - low_bound <= 2 * slack
    note = (
        f"{len(known)} equilibria by best response and {looked}"
        if problem is not None
        else f"equilibria by best response; {looked}"
    )
    return PureExtremes(known[worst], known[best], costs[worst], costs[best], high_bound, low_bound, covered, note)


def _from_starts(game: CongestionGame, time_limit: float) -> list[IntArray]:
    """Equilibria that best responses reach, from as many of `NUM_STARTS` starts as begin within the time limit, at least one."""
    deadline = monotonic() + time_limit
    rng = np.random.default_rng(0)
    options = game.available.sum(axis=1)[game.row_of]
    order = np.argsort(~game.available, axis=1, kind="stable")[game.row_of]  # actions that the row has come first
    starts = [order[np.arange(len(options)), rng.integers(0, options)] for _ in range(NUM_STARTS)]
    found = [equilibrium(game, BestResponse(), s) for k, s in enumerate(starts) if k == 0 or monotonic() < deadline]
    return [e.profile for e in found if e.outcome is Outcome.CONVERGED]


def _repaired(game: CongestionGame, problem: CellProblem, x: IntArray | None) -> IntArray | None:
    """The profile of a programme's answer; where its tolerance hides a small gain, the equilibrium that best replies lead to."""
    if x is None:
        return None
    profile = problem.profile(x)
    if certify_nash(game, profile).holds:
        return profile
    found = equilibrium(game, BestResponse(), profile)
    return found.profile if found.outcome is Outcome.CONVERGED else None


def programmable(game: CongestionGame) -> CellProblem | None:
    """The game's arrays if the programme expresses it: equal weights, one latency, finite costs, the total as social cost."""
    problem = cells_or_none(game)
    if problem is None:
        return None
    fits = problem.linear and len(problem.cost) == 1 and not problem.makespan and bool(np.isfinite(problem.cost).all())
    return problem if fits and int(np.diff(_range(problem), axis=0).sum()) + game.num_resources <= MAX_LEVELS else None


def _range(problem: CellProblem) -> IntArray:
    """[2, R]: least and most players that can use each resource."""
    counts, start = problem.shape.counts, problem.shape.start
    uses = problem.uses
    all_of = np.logical_and.reduceat(uses, start[:-1], axis=0)
    any_of = np.logical_or.reduceat(uses, start[:-1], axis=0)
    return np.stack([counts @ all_of, counts @ any_of]).astype(np.int64)


class Programme:
    """The integer programme over (x, z, y, known), scaled by the largest cost of an action: HiGHS's tolerances are absolute."""

    problem: CellProblem
    cells: int
    resource: IntArray
    level: IntArray
    unit: float
    price: FloatArray
    next_price: FloatArray
    weight: float
    slack: float
    counts: IntArray
    uses: BoolArray
    ends: IntArray
    most: FloatArray

    def __init__(self, problem: CellProblem) -> None:
        counts, weight, kind = problem.shape.counts, problem.shape.weight, problem.kind
        self.problem, self.cells = problem, len(kind)
        cost, uses = problem.cost[0], problem.uses
        least, most = _range(problem)
        self.resource = np.repeat(np.arange(len(least)), most - least + 1)
        ends = np.concatenate([[0], np.cumsum(most - least + 1)])
        self.level = np.arange(ends[-1]) - np.repeat(ends[:-1] - least, most - least + 1)
        self.unit = float((cost.max(axis=1) * uses).sum(axis=1).max()) or 1.0
        self.price = cost[self.resource, self.level] / self.unit
        beyond = np.minimum(self.level + 1, cost.shape[1] - 1)
        self.next_price = cost[self.resource, beyond] / self.unit
        self.weight = float(weight[0])
        self.slack = TOLERANCE * self.unit * self.weight * float(counts.sum())
        self.counts, self.uses, self.ends = counts, uses, ends
        self.most = counts[kind].astype(np.float64)

    def equilibrium(self, sign: float, known: float | None, time_limit: float) -> tuple[IntArray | None, float]:
        """The equilibrium of least `sign` × social cost, if better than the `known` cost, and a lower bound on that."""
        return self._solve(sign, [*self._placement(), *self._no_gain()], True, known, time_limit)

    def optimum(self, known: float | None, time_limit: float) -> tuple[IntArray | None, float]:
        """The placement of least social cost, if better than the `known` cost, and a lower bound."""
        total = self.level * self.price
        same = self.resource[2:] == self.resource[:-2]
        bends = (total[2:] - 2 * total[1:-1] + total[:-2])[same]
        # where n·c(n) is convex the least cost puts y on the level itself
        return self._solve(1.0, self._placement(), bool((bends < 0).any()), known, time_limit)

    def _solve(
        self, sign: float, constraints: list[Any], whole: bool, known: float | None, time_limit: float
    ) -> tuple[IntArray | None, float]:
        cells, levels = self.cells, len(self.level)
        size = self.unit * self.weight
        at_known = 0.0 if known is None else known / size
        objective = sign * np.concatenate([np.zeros(2 * cells), self.level * self.price, [at_known]])
        upper = np.concatenate([self.most, np.ones(cells + levels), [float(known is not None)]])
        integral = np.concatenate([np.ones(2 * cells), np.full(levels, float(whole)), [1.0]])
        options: dict[str, Any] = {"time_limit": time_limit, "mip_rel_gap": 0.0}
        found: Any = milp(
            objective, integrality=integral, bounds=Box(0.0, upper), constraints=constraints, options=options
        )
        bound = -np.inf if found.mip_dual_bound is None else size * float(found.mip_dual_bound)
        if found.x is None or found.x[-1] > 0.5:
            return None, bound
        return np.round(found.x[:cells]).astype(np.int64), bound

    def _placement(self) -> list[Any]:
        cells, levels, types = self.cells, len(self.level), len(self.counts)
        one = np.ones(levels)
        by_resource = sp.csr_array((one, (self.resource, np.arange(levels))), shape=(self.uses.shape[1], levels))
        of_type = sp.csr_array((np.ones(cells), (self.problem.kind, np.arange(cells))), shape=(types, cells))
        players = self._rows(x=of_type, known=self.counts)
        levels_of = self._rows(y=by_resource, known=np.ones(self.uses.shape[1]))
        loads = self._rows(x=-sp.csr_array(self.uses.T.astype(float)), y=by_resource * self.level)
        used = self._rows(x=sp.eye_array(cells, format="csr"), z=-sp.diags_array(self.most, format="csr"))
        return [
            Rows(players, self.counts, self.counts),
            Rows(levels_of, 1.0, 1.0),
            Rows(loads, 0.0, 0.0),
            Rows(used, -np.inf, 0.0),
        ]

    def _no_gain(self) -> list[Any]:
        start, kind = self.problem.shape.start, self.problem.kind
        row, column, value, limit, cell = [], [], [], [], []
        for c in range(self.cells):
            for d in range(start[kind[c]], start[kind[c] + 1]):
                if d == c:
                    continue
                worst = 0.0
                for sets, price, side in (
                    (self.uses[c] & ~self.uses[d], self.price, 1.0),
                    (self.uses[d] & ~self.uses[c], self.next_price, -1.0),
                ):
                    for r in np.flatnonzero(sets):
                        at = np.arange(self.ends[r], self.ends[r + 1])
                        row.append(np.full(len(at), len(limit)))
                        column.append(at)
                        value.append(side * price[at])
                        worst += (side * price[at]).max()
                limit.append(max(worst, 0.0))
                cell.append(c)
        if not limit:
            return []
        big = np.array(limit)
        rows = len(big)
        y = _sparse(row, column, value, (rows, len(self.level)))
        z = sp.csr_array((big, (np.arange(rows), cell)), shape=(rows, self.cells))
        return [Rows(self._rows(z=z, y=y), -np.inf, big)]

    def _rows(self, x: Any = None, z: Any = None, y: Any = None, known: Any = None) -> Any:
        """A block row of the matrix; what is not given is zero."""
        rows = next(part.shape[0] for part in (x, z, y) if part is not None)
        column = None if known is None else sp.csr_array(np.asarray(known, dtype=np.float64)[:, None])
        given = zip((x, z, y, column), (self.cells, self.cells, len(self.level), 1), strict=True)
        parts = [sp.csr_array((rows, width)) if part is None else part for part, width in given]
        return sp.hstack(parts, format="csr")


def _sparse(row: list[IntArray], column: list[IntArray], value: list[FloatArray], shape: tuple[int, int]) -> Any:
    if not row:
        return sp.csr_array(shape)
    return sp.csr_array((np.concatenate(value), (np.concatenate(row), np.concatenate(column))), shape=shape)
