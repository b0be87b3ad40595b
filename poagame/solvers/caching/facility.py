r"""The cheapest places for copies of one object: uncapacitated facility location, with thousands of nodes and a certified gap.

Hold slots s at :math:`h_s` each; each reader reads the cheapest of them, or misses. The cost is what all pay together; the lower bound is
the Lagrangian one of `poagame.certificates.facility`, whose best value is that of the linear relaxation. Prices ascend by deflected
supergradients [brannlund1995]_, and a dual ascent [erlenkotter1978]_ rounds them off. The slots that these prices make worth holding
are where a search by adding, dropping and swapping starts [resende2007]_; it is repeated from near its best choice, among those slots that
a better choice can hold at all: one whose hold exceeds what the prices pay for it by more than the gap cannot be one of them.

No reader need pay more than its **cap**, the least of a miss and of what it costs to hold a slot for this reader alone: with caps for
misses the optimum is the same, and pairs of reader and slot beyond the cap need never be looked at.

.. [brannlund1995] Brännlund: A generalized subgradient method with relaxation step, Mathematical Programming 71, 1995.
.. [erlenkotter1978] Erlenkotter: A dual-based procedure for uncapacitated facility location, Operations Research 26 (6), 1978.
.. [resende2007] Resende, Werneck: A fast swap-based local search procedure for location problems, Annals of Operations Research 150, 2007.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, require
from poagame.certificates.facility import facility_lower_bound, facility_tables
from poagame.games.checks import finite, whole
from poagame.solvers.caching import facility_compiled as compiled

KICKS = 10
"""Most restarts of a search from near its best choice, for each slot."""

VISITS = 3 * 10**8
"""Most pairs of reader and slot that a search looks at: about a second."""


@dataclass(frozen=True, eq=False, slots=True)
class Facilities:
    """Slots to hold, and prices that prove how good the choice is.

    Attributes
    ----------
    held : bool [S]
        The slots, those that must be held among them.
    cost : float
        What holding them and reading costs all together; infinite only if some reader can neither read nor miss.
    lower_bound : float
        No choice costs less: `certificates.facility_lower_bound` at `prices`.
    prices : [n]
        What each reader would at most pay; see there.
    num_rounds : int
        Steps of the ascent of prices.
    """

    held: np.ndarray
    cost: float
    lower_bound: float
    prices: FloatArray
    num_rounds: int

    @property
    def gap(self) -> float:
        """How much less the optimum may cost, as a share of `cost`: 0 is optimal."""
        return (self.cost - self.lower_bound) / self.cost if 0.0 < self.cost < np.inf else 0.0


class Arcs(NamedTuple):
    """Pairs of a reader and a slot that cost less than the reader's cap, by reader and by slot, cheapest first."""

    start: IntArray
    slot: np.ndarray
    cost: FloatArray
    slot_start: IntArray
    reader: np.ndarray
    read: FloatArray


def facility_location(
    read: ArrayLike,
    hold: ArrayLike,
    miss: ArrayLike,
    must: ArrayLike | None = None,
    *,
    goal_gap: float = 1e-9,
    max_rounds: int = 4000,
) -> Facilities:
    r"""Choose slots that cost all together little, and prove by how much the optimum may be less.

    .. math:: \min_H \sum_{s \in H} h_s + \sum_i \min\Big( m_i,\ \min_{s \in H} r_{is} \Big).

    Deterministic, and no unit is preferred: costs a thousand times as large give the same slots. The gap is at least the one of the linear
    relaxation, a few thousandths on grids and rings, mostly 0 on lines, clusters and points in the plane, and several hundredths
    where read costs are drawn independently, as of no network.

    Parameters
    ----------
    read : [n, S]
        r ≥ 0, what reader i pays for reading slot s; infinite where it cannot.
    hold : [S]
        h ≥ 0, finite.
    miss : [n]
        m ≥ 0, what reader i pays without reading; infinite where it cannot do without.
    must : bool [S], optional
        Slots that are held in any case (slots that may not be held: leave them out).
    goal_gap : float
        Stop at this gap; `gap` ≤ 1e-9 is an optimum as far as rounding lets tell.
    max_rounds : int
        Most steps of the ascent, in each of four passes.

    Raises
    ------
    InvalidInput
        If shapes differ, costs are negative or NaN, a hold is infinite, or goals are out of range.

    Examples
    --------
    Five nodes in a row, places at 3.5 each: the one in the middle.

    >>> import numpy as np
    >>> row = np.abs(np.subtract.outer(np.arange(5.0), np.arange(5.0)))
    >>> found = facility_location(row, np.full(5, 3.5), np.full(5, np.inf))
    >>> found.held.nonzero()[0], found.cost
    (array([2]), 9.5)
    >>> bool(found.gap < 1e-9)
    True
    """
    reads, holds, misses, fixed = facility_tables(read, hold, miss, must)
    goal = finite(goal_gap, "goal_gap")
    require(0.0 <= goal < 1.0, f"goal_gap is a share of the cost, from 0 to below 1; got {goal:g}")
    rounds = whole(max_rounds, "max_rounds", 0)
    sunk, misses = float(holds[fixed].sum()), np.minimum(misses, reads[:, fixed].min(axis=1, initial=np.inf))
    free = np.flatnonzero(~fixed)
    if fixed.any():
        reads, holds = reads[:, free], holds[free]

    alone = reads + holds
    own = alone.argmin(axis=1) if free.size else np.zeros(len(reads), dtype=np.int64)
    cap = np.minimum(misses, alone.min(axis=1, initial=np.inf))
    del alone
    if not np.isfinite(cap).all():
        return _unserved(fixed, len(reads))
    arcs = _arcs(reads, cap)
    price, load, share = np.minimum(cap, reads.min(axis=1, initial=np.inf)), np.empty(free.size), np.zeros(free.size)
    compiled.tighten(arcs, holds, cap, price, load)
    value, best, everything = float(price.sum()), np.zeros(free.size, dtype=bool), np.ones(free.size, dtype=bool)
    cost = compiled.search(arcs, holds, cap, best, everything, value, 0, VISITS)
    made, tilt = 0, np.random.default_rng(0).random(free.size)
    for begin, by in ((_fitting(reads, holds, cap, best), 0.0), (None, 0.01), (None, 0.003), (cap, 0.0)):
        # the bound is of the free slots alone, the goal of all costs
        slack = goal * (cost + sunk)
        if cost - value <= slack:
            break
        trial = (price if begin is None else begin).copy()
        steps = compiled.ascend(arcs, holds * (1.0 + by * tilt), cap, trial, share, cost, slack, rounds)
        made += int(steps)
        compiled.tighten(arcs, holds, cap, trial, load)
        if trial.sum() > value:
            price, value = trial, float(trial.sum())
        choice = share > 0.5
        found = compiled.search(arcs, holds, cap, choice, everything, value, 0, VISITS)
        if found < cost:
            best, cost = choice, found
        compiled.bound(arcs, holds, price, load)
        promising = best | (holds - load <= cost - value)
        cost = compiled.search(arcs, holds, cap, best, promising, value + slack, KICKS * free.size, VISITS)
    # caps are no way to be served: hold the slot that a reader pays its cap for
    near = reads[:, best].min(axis=1, initial=np.inf)
    best[own[(near > cap) & (misses > cap)]] = True
    near = np.minimum(misses, reads[:, best].min(axis=1, initial=np.inf))
    held = fixed.copy()
    held[free[best]] = True
    total = sunk + float(holds[best].sum()) + float(near.sum())
    proved = facility_lower_bound(read, hold, miss, price, must)
    return Facilities(held, total, min(proved, total), price, made)


def _arcs(reads: FloatArray, cap: FloatArray) -> Arcs:
    return Arcs(*_ranked(reads, cap[:, None]), *_ranked(reads.T, cap))


def _ranked(costs: FloatArray, cap: FloatArray) -> tuple[IntArray, np.ndarray, FloatArray]:
    """Where each row starts, and the columns and costs of its entries below the cap, cheapest first."""
    order = np.argsort(np.where(costs < cap, costs, np.inf), axis=1, kind="stable").astype(np.int32)
    count = (costs < cap).sum(axis=1)
    order = order[np.arange(costs.shape[1]) < count[:, None]]
    return np.concatenate([[0], np.cumsum(count)]), order, costs[np.repeat(np.arange(len(costs)), count), order]


def _fitting(reads: FloatArray, holds: FloatArray, cap: FloatArray, held: np.ndarray) -> FloatArray:
    """Prices [n] that pay for a choice exactly: each reader what it reads for and an equal share of its slot."""
    if not held.any():
        return cap
    slots = np.flatnonzero(held)
    nearest = reads[:, slots].argmin(axis=1)
    paid = reads[np.arange(len(cap)), slots[nearest]]
    share = holds[slots] / np.maximum(1, np.bincount(nearest, minlength=slots.size))
    return np.minimum(cap, paid + share[nearest])


def _unserved(fixed: np.ndarray, readers: int) -> Facilities:
    """No choice serves everybody: all cost infinity."""
    return Facilities(fixed.copy(), np.inf, np.inf, np.zeros(readers), 0)
