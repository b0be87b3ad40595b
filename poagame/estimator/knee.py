r"""Where a curve of latency against load bends into saturation, bracketed by two loads of the grid.

With L(x) the mean latency at load x, the **aggregate latency** is :math:`A(x) = x\,L(x)`, that of all requests in
flight. Its second derivative in load, on the grid, is twice the second divided difference

.. math:: D_i = 2\,A[x_{i-1}, x_i, x_{i+1}] = \int A''(t)\,\frac{2\,h_i(t)}{x_{i+1} - x_{i-1}}\,dt ,

a mean of :math:`A''` under the hat function :math:`h_i` of the grid, so nonuniform grids need no correction.

*Linear load, not its logarithm.* A latency that is a straight line in load has constant :math:`A''`. In log load it has
not, and every line with a positive intercept would show a knee near intercept/slope.

*The rule.* A latency straight up to k and steeper beyond has :math:`A'' = 2 s_1` below k, :math:`2 s_2` above, and a
spike :math:`k (s_2 - s_1)` at k. The largest :math:`D_i`, or the first raised one, is a poor estimate of k (each looks
ahead to :math:`x_{i+1}`, and noise in it grows as the grid gets finer), so k is estimated by least squares: the
continuous broken line nearest to the latencies. There is a knee only if

1. the broken line beats the straight one: the share of the straight line's residual that the best break removes exceeds
   what equal Gaussian noise around a straight line gives, by Monte Carlo (its law depends on the grid alone); and
2. the curvature of the aggregate at least doubles: :math:`s_2 \ge 2 \max(s_1, 0)`.

The interval (low, high] has low, the last load on the lower branch, and high, the first beyond it; cells whose residual
is within the F-interval of the best one belong to it. It is never finer than the grid.

*Low-load artefact.* Saturation cannot lower latency, so leading loads over which latency falls (cold start, few
requests) are left out, and listed. *Noise.* Least squares on a linear axis gives crowded low loads little leverage.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import fdtri

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.errors import InvalidInput
from poagame.measured.points import SETTINGS, Where, request_points, sweep_points
from poagame.measured.tables import RequestTable, SweepTable

_DRAWS: Final = 999
_BREAKS: Final = 400
_RISE: Final = 2.0
_ROUNDING: Final = 1e-24


class KneeOutcome(enum.Enum):
    """Whether a knee was seen; the value is the sentence that a report prints."""

    SEEN = "knee seen: latency bends upwards, by more than noise, and its slope at least doubles"
    STRAIGHT = "no knee seen: a straight line is not rejected"
    SLIGHT = "no knee seen: latency bends, but its slope does not double"
    TOO_FEW = "no knee seen: fewer than five loads are left, too few to tell a knee from noise"

    def __str__(self) -> str:
        """Give the sentence."""
        return self.value


@dataclass(frozen=True, eq=False, slots=True)
class Knee:
    """Bracket of the saturation knee, and the curvature that it rests on.

    Attributes
    ----------
    low, high
        The knee is in (low, high]: low is the last load on the lower branch, high the first beyond it; None if none is
        seen.
    outcome
        Whether a knee was seen, and if not, why.
    loads, latency : [n]
        Distinct loads and the mean latency at each, ascending.
    curvature : [n − 2]
        Second derivative of load × latency in load at `loads[1:-1]`, in unit/load.
    break_load
        Break of the best broken line (in the last cell its left end, as one load beyond does not tell where in it);
        None where there are too few loads for one.
    slope_below, slope_above
        Slopes of that broken line; None likewise.
    p_value
        Probability of so good a break in noise around a straight line; None likewise.
    ignored
        Leading loads over which latency falls: they take no part in the search.
    metric, unit
        What the latency is of, and its unit.
    notes
        What was left out or pooled.
    """

    low: float | None
    high: float | None
    outcome: KneeOutcome
    loads: FloatArray
    latency: FloatArray
    curvature: FloatArray
    break_load: float | None
    slope_below: float | None
    slope_above: float | None
    p_value: float | None
    ignored: tuple[float, ...]
    metric: str
    unit: str
    notes: tuple[str, ...]

    def __str__(self) -> str:
        where = "" if self.low is None else f" in ({self.low:g}, {self.high:g}]"
        lines = [f"{self.outcome}{where}, {self.metric} at {len(self.loads)} loads"]
        if self.p_value is not None:
            lines.append(
                f"  best break at {self.break_load:.4g}: slope {self.slope_below:.4g}, then {self.slope_above:.4g} "
                f"{self.unit} a request; p = {self.p_value:.2g}"
            )
        if self.ignored:
            lines.append(f"  left out, as latency falls there: loads {', '.join(f'{x:g}' for x in self.ignored)}")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


def find_knee(
    sweep: SweepTable | RequestTable | tuple[ArrayLike, ArrayLike],
    *,
    metric: str = "latency_ms",
    load: str = "concurrency",
    where: Where = None,
    level: float = 0.05,
    seed: int | np.random.Generator = 0,
) -> Knee:
    """Bracket the saturation knee of one curve of latency against load.

    Parameters
    ----------
    sweep
        A sweep table, requests (averaged at each `load`; phase "warm" left out unless `where` names phases), or
        the pair (loads [n], latencies [n]).
    metric, load
        Columns.
    where
        Rows to use: values by column or a polars expression.
    level
        Largest probability of calling noise around a straight line a knee.
    seed
        Of the Monte Carlo test.

    Raises
    ------
    InvalidInput
        Fewer than three distinct loads; more than one series, or requests of more than one run, topology, overlap
        weight or temperature (they are listed); load, latency or level out of domain.
    MissingColumn, EmptyTable
        If the table lacks what is asked for.
    """
    require(0.0 < level < 1.0, f"level must be in (0, 1); got {level}")
    rng = np.random.default_rng(seed)
    if isinstance(sweep, SweepTable):
        points = sweep_points(sweep, metric=metric, load=load, where=where)
        return _knee(points.load, points.latency, level, rng, metric, points.unit, points.notes)
    if isinstance(sweep, RequestTable):
        points = request_points(sweep, metric=metric, load=load, where=where)
        several = [note for note in points.notes if note.startswith(tuple(f"pooled over {name}:" for name in SETTINGS))]
        if several:
            raise InvalidInput(f"a knee is one curve's; choose with where= ({'; '.join(several)})")
        return _knee(points.load, points.latency, level, rng, metric, points.unit, points.notes)
    require(
        isinstance(sweep, tuple) and len(sweep) == 2,
        f"find_knee takes a SweepTable, a RequestTable or (loads, latencies); got {type(sweep).__name__}",
    )
    require(where is None, "where= is for tables; filter the arrays instead")
    return _knee(as_floats(sweep[0], "loads"), as_floats(sweep[1], "latencies"), level, rng, "latency", "", ())


def _knee(
    load: FloatArray,
    latency: FloatArray,
    level: float,
    rng: np.random.Generator,
    metric: str,
    unit: str,
    notes: tuple[str, ...],
) -> Knee:
    require(
        load.ndim == 1 and load.shape == latency.shape,
        f"loads and latencies must be vectors of one length; got {load.shape} and {latency.shape}",
    )
    require(bool((load >= 0).all() and (latency >= 0).all()), "loads and latencies must be nonnegative")
    x, index = np.unique(load, return_inverse=True)
    y = np.bincount(index, latency) / np.bincount(index)
    if len(x) < 3:
        raise InvalidInput(f"a second derivative needs at least three distinct loads; got {len(x)}. Measure more loads")
    curvature = 2.0 * np.diff(np.diff(x * y) / np.diff(x)) / (x[2:] - x[:-2])
    rises = np.flatnonzero(np.diff(y) >= 0)
    first = int(rises[0]) if len(rises) else len(x) - 1
    rest = (x, y, curvature)
    ignored = tuple(x[:first].tolist())
    if len(x) - first < 5:
        return Knee(None, None, KneeOutcome.TOO_FEW, *rest, None, None, None, None, ignored, metric, unit, notes)
    found = _broken_line(x[first:], y[first:], level, rng)
    return Knee(found.low, found.high, found.outcome, *rest, *found.line, ignored, metric, unit, notes)


@dataclass(frozen=True, slots=True)
class _Break:
    low: float | None
    high: float | None
    outcome: KneeOutcome
    line: tuple[float, float, float, float]
    """Break, slope below, slope above, p-value."""


def _broken_line(x: FloatArray, y: FloatArray, level: float, rng: np.random.Generator) -> _Break:
    """Find the best broken line among breaks in [x₁, x_{n−1}), and the test against the straight line."""
    cell, breaks = _candidate_breaks(x)
    straight = np.linalg.qr(np.stack([np.ones_like(x), x], axis=1))[0]
    hinge = np.maximum(x[:, None] - breaks, 0.0)
    hinge -= straight @ (straight.T @ hinge)
    direction = hinge / np.linalg.norm(hinge, axis=0)

    residual = y - straight @ (straight.T @ y)
    squares = float(residual @ residual)
    gain = np.maximum(direction.T @ residual, 0.0) ** 2
    best = int(np.argmax(gain))
    last = cell[best] == len(x) - 2
    k = float(x[-2] if last else breaks[best])  # one load beyond the break does not tell where in its cell it is
    basis = np.stack([np.ones_like(x), x, np.maximum(x - k, 0.0)], axis=1)
    _, below, bend = np.linalg.lstsq(basis, y)[0].tolist()
    if squares <= _ROUNDING * float(y @ y):
        return _Break(None, None, KneeOutcome.STRAIGHT, (k, below, below + bend, 1.0))
    noise = rng.standard_normal((len(x), _DRAWS))
    noise -= straight @ (straight.T @ noise)
    share = (np.maximum(direction.T @ noise, 0.0) ** 2).max(axis=0) / (noise**2).sum(axis=0)
    p_value = (1.0 + float((share >= gain[best] / squares).sum())) / (_DRAWS + 1.0)
    line = (k, below, below + bend, p_value)
    if p_value > level:
        return _Break(None, None, KneeOutcome.STRAIGHT, line)
    if below + bend < _RISE * max(below, 0.0):
        return _Break(None, None, KneeOutcome.SLIGHT, line)
    left = np.maximum(squares - gain, _ROUNDING * float(y @ y))
    freedom = len(x) - 4
    near = cell[left <= left[best] * (1.0 + float(fdtri(1, freedom, 1.0 - level)) / freedom)]
    return _Break(float(x[near.min()]), float(x[near.max() + 1]), KneeOutcome.SEEN, line)


def _candidate_breaks(x: FloatArray) -> tuple[IntArray, FloatArray]:
    """Index of the cell [x_j, x_{j+1}) and position of each candidate: as many in each cell, its left end first."""
    cells = np.arange(1, len(x) - 1)
    each = max(8, _BREAKS // len(cells))
    inside = x[cells, None] + np.diff(x)[cells, None] * np.arange(each) / each
    return np.repeat(cells, each), inside.ravel()
