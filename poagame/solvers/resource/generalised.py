r"""The whole set of generalised equilibria of two pools on one budget.

x is one if each :math:`x_i` is a best reply within what the other leaves, :math:`[\text{least}_i, G - x_j]`. On the budget line, at
x = (t, G − t), that is: t is where prefill's value :math:`u_P` sets a record on [least, t], and G − t where decode's does. With concave
curves a record is set up to the pool's own optimum, so that the set is one interval. Off the line each pool sits at its own optimum among
all that the other leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import BoolArray, FloatArray, as_floats
from poagame.games.checks import require_instance, whole
from poagame.games.resource import ResourceGame
from poagame.solvers.resource.line import falling_root, slopes

VALUE_TOL = 1e-11
"""Values nearer than this are one: shares of requests are at most 1, and their rounding is far below."""

HALVINGS = 45


@dataclass(frozen=True, eq=False, slots=True)
class GeneralisedSet:
    """Generalised equilibria of a resource game.

    Attributes
    ----------
    budget : float
        G.
    intervals : tuple of (float, float)
        Prefill's GPUs t of the equilibria (t, G − t) on the budget line, first and last of each interval.
    points : [M, 2]
        Equilibria off the line, where both pools have all they want. Of curves that level off to rounding a pool wants any number of
        GPUs from there on: such splits cost what those of `intervals` or `points` with the same other pool do, and are not listed.
    step : float
        Grid step: sets narrower than this, and gaps between them, are overlooked; ends are refined to rounding.
    """

    budget: float
    intervals: tuple[tuple[float, float], ...]
    points: FloatArray
    step: float

    def ends(self) -> FloatArray:
        """[E, 2] GPUs at the ends of the intervals, and the points off the line."""
        on = [(t, self.budget - t) for interval in self.intervals for t in interval]
        return np.concatenate([np.array(on).reshape(-1, 2), self.points])

    def sample(self, points: int = 257) -> FloatArray:
        """[M, 2] equilibria, evenly over each interval, and those off the line."""
        lines = [np.linspace(a, b, points) for a, b in self.intervals]
        on = [np.stack([t, self.budget - t], axis=-1) for t in lines]
        return np.concatenate([*on, self.points])

    def contains(self, x: ArrayLike, tolerance: float = 1e-9) -> bool:
        """Whether GPUs x [2] are an equilibrium, up to a share of the budget."""
        point, near = as_floats(x, "x"), tolerance * self.budget
        on = abs(float(point.sum()) - self.budget) <= near
        inside = any(a - near <= point[0] <= b + near for a, b in self.intervals)
        return bool((on and inside) or (np.abs(self.points - point) <= near).all(axis=-1).any())

    def __len__(self) -> int:
        """Intervals and points."""
        return len(self.intervals) + len(self.points)

    def __str__(self) -> str:
        """A line."""
        on = [f"({a:.6g}, {self.budget - a:.6g}) to ({b:.6g}, {self.budget - b:.6g})" for a, b in self.intervals]
        return "; ".join(on + [f"({p:.6g}, {d:.6g})" for p, d in self.points]) or "none"


def generalised_equilibria(game: ResourceGame, points: int = 2_001) -> GeneralisedSet:
    """Find all generalised equilibria, by a grid of the budget line whose intervals' ends are refined.

    Parameters
    ----------
    game : ResourceGame
        With any curves; of coupled pools those on the budget line, and the work is points².
    points : int
        Of the grid.

    Raises
    ------
    InvalidInput
        If points is no whole number of at least 3.

    Examples
    --------
    >>> from poagame.games.attainment import Quadratic
    >>> print(generalised_equilibria(ResourceGame(1.0, Quadratic(1.0), Quadratic(0.5), least=0.0)))
    (0.5, 0.5) to (1, 0)
    """
    require_instance(game, ResourceGame, "game")
    number = whole(points, "points", 3, 20_001)
    t = np.linspace(game.least[0], game.budget - game.least[1], number)
    if t[-1] - t[0] <= 1e-12 * game.budget:  # room for the fewest of both and no more
        return GeneralisedSet(game.budget, ((float(t[0]), float(t[0])),), np.zeros((0, 2)), 0.0)
    records = _Records(game, t)
    stable = records.at_grid()
    intervals: list[tuple[float, float]] = []
    edge = np.diff(np.concatenate([[0], stable.astype(np.int64), [0]]))
    for first, after in zip(np.flatnonzero(edge == 1), np.flatnonzero(edge == -1), strict=True):
        last = after - 1
        low = t[first] if first == 0 else records.boundary(t[first], t[first - 1])
        high = t[last] if last == number - 1 else records.boundary(t[last], t[last + 1])
        intervals.append((float(low), float(high)))
    off = np.zeros((0, 2)) if game.coupled else _off_line(game, t)
    if len(
        off
    ):  # where both pools have all they want, the line has no more equilibria than those of curves that level off
        off = off[off.sum(axis=-1) < game.budget * (1.0 - 1e-9)]
    return GeneralisedSet(game.budget, tuple(intervals), off, float(t[1] - t[0]))


class _Records:
    """Which points of the budget line are records of both pools."""

    def __init__(self, game: ResourceGame, t: FloatArray) -> None:
        self.game, self.t = game, t
        self.flat = VALUE_TOL / game.budget
        line = np.stack([t, game.budget - t], axis=-1)
        value = -game.player_costs(line)
        self.value = value
        self.best_p = np.maximum.accumulate(value[:, 0])
        if game.coupled:
            self.best_d = np.array([self._best_decode(s) for s in t])
        else:
            self.best_d = np.maximum.accumulate(value[::-1, 1])[::-1]

    def _best_decode(self, s: float) -> float:
        """Decode's best value within what prefill's s leaves, by the grid."""
        own = self.game.budget - self.t[self.t >= s - 1e-12 * self.game.budget]
        if not own.size:
            return -np.inf
        return float(-self.game.player_costs(np.stack([np.full(own.shape, s), own], axis=-1))[:, 1].min())

    def at_grid(self) -> BoolArray:
        """[points]: which of the grid are equilibria: records that still rise, or a pool's only choice."""
        record = self.value >= np.stack([self.best_p, self.best_d], axis=-1) - VALUE_TOL
        rising = -self.game.pseudogradient(np.stack([self.t, self.game.budget - self.t], axis=-1)) >= -self.flat
        rising[0, 0] = rising[-1, 1] = True
        return np.asarray((record & rising).all(axis=-1))

    def holds(self, s: float) -> bool:
        """Whether s, between points of the grid, is one: by the records of the grid and both slopes."""
        x = np.array([s, self.game.budget - s])
        value, gain = -self.game.player_costs(x), -self.game.pseudogradient(x)
        lower = self.t <= s
        best_p = float(self.value[lower, 0].max(initial=-np.inf))
        others = self.value[~lower, 1].max(initial=-np.inf)
        best_d = self._best_decode(s) if self.game.coupled else float(others)
        return bool((value >= np.array([best_p, best_d]) - VALUE_TOL).all() and (gain >= -self.flat).all())

    def boundary(self, inside: float, outside: float) -> float:
        """Where the set ends between an equilibrium of the grid and a neighbour that is none."""
        for _ in range(HALVINGS):
            middle = 0.5 * (inside + outside)
            if self.holds(middle):
                inside = middle
            else:
                outside = middle
        return inside


def _off_line(game: ResourceGame, t: FloatArray) -> FloatArray:
    """[M, 2] pairs of local optima, each best within what the other leaves, that leave GPUs unused."""
    optima = [_local_optima(game, pool, t if pool == 0 else game.budget - t[::-1]) for pool in (0, 1)]
    found: list[tuple[float, float]] = []
    for p, value_p in optima[0]:
        for d, value_d in optima[1]:
            if p + d < game.budget * (1.0 - 1e-9):
                beats_p = all(v <= value_p + VALUE_TOL or q + d > game.budget for q, v in optima[0])
                beats_d = all(v <= value_d + VALUE_TOL or p + e > game.budget for e, v in optima[1])
                edge_p = _value(game, 0, game.budget - d) <= value_p + VALUE_TOL
                edge_d = _value(game, 1, game.budget - p) <= value_d + VALUE_TOL
                if beats_p and beats_d and edge_p and edge_d:
                    found.append((p, d))
    return np.array(found).reshape(-1, 2)


def _value(game: ResourceGame, pool: int, gpus: float) -> float:
    curve = (game.prefill, game.decode)[pool]
    return float(curve(gpus / game.gpus_per_worker[pool])) - game.price[pool] * gpus


def _local_optima(game: ResourceGame, pool: int, own: FloatArray) -> list[tuple[float, float]]:
    """GPUs and value at a pool's strict local maxima, its fewest included."""
    curve = (game.prefill, game.decode)[pool]
    value = curve(own / game.gpus_per_worker[pool]) - game.price[pool] * own
    slope = slopes(game)[pool]
    found = [(float(own[0]), float(value[0]))] if value[0] > value[1] + VALUE_TOL else []
    inner = np.flatnonzero((value[1:-1] > value[:-2] + VALUE_TOL) & (value[1:-1] >= value[2:] - VALUE_TOL)) + 1
    for k in inner:
        x = falling_root(slope, float(own[k - 1]), float(own[k + 1]))
        found.append((x, _value(game, pool, x)))
    return found
