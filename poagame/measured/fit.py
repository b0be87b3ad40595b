r"""Latency functions fitted to measured points by weighted least squares, nondecreasing by construction.

For points :math:`(x_i, y_i)` with weights :math:`w_i` a fit minimises :math:`\sum_i w_i\,(y_i - \ell(x_i))^2` over

- ``"affine"``, ``"quadratic"``, ``"polynomial"``: :math:`\sum_k c_k x^k` with :math:`c_k \ge 0`;
- ``"saturating"``: :math:`a + s\,x + g\,x/(c - x)` with a, s, g ≥ 0 and c above every load, or the line
  where no c is shown (`poagame.measured.saturating`);
- ``"tabulated"``: nondecreasing tables (isotonic regression), after points of equal load are merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression

from poagame._arrays import FloatArray, as_floats, require
from poagame.errors import InvalidInput
from poagame.latency import Latency, Polynomial, Tabulated
from poagame.measured.least_squares import Solution, nonnegative, require_loads
from poagame.measured.points import IN_FLIGHT, Points, Where, request_points, sweep_points
from poagame.measured.saturating import fit_saturating
from poagame.measured.tables import RequestTable, SweepTable

Family: TypeAlias = Literal["saturating", "affine", "quadratic", "polynomial", "tabulated"]


@dataclass(frozen=True, eq=False, slots=True)
class LatencyFit:
    """A latency function fitted to points, and how well it fits.

    Attributes
    ----------
    latency
        The fitted function, of one resource: `Saturating`, `Polynomial` or `Tabulated`. A saturating fit whose points
        show no capacity is the straight line, a `Polynomial`, and `notes` says so.
    family
        What was asked for.
    parameters
        "base" and "slope" multiply 1 and load, "c2", "c3", … its powers, "strain" and "capacity" as in `Saturating`
        (capacity inf: none is shown). Empty for a table: that is `latency.load` and `latency.latency`.
    standard_errors
        From the weighted Jacobian of the free parameters, the noise estimated by the residuals; None for a parameter
        that is at a bound or was given, and where no residual degree of freedom is left.
    at_bound
        Names of the parameters at a bound.
    capacity_interval
        Capacities that the points do not reject at the confidence asked for (profile likelihood); None where none is
        shown or nothing is left to check it by.
    load, observed, fitted, residuals, weight : [n]
        Points in order of load; residuals = observed − fitted.
    r_squared
        1 − weighted residual over weighted total sum of squares; None where all observations are equal.
    metric, unit
        What the latency is of, and its unit.
    notes
        What to know before using the fit.
    """

    latency: Latency
    family: Family
    parameters: Mapping[str, float]
    standard_errors: Mapping[str, float | None]
    at_bound: tuple[str, ...]
    capacity_interval: tuple[float, float] | None
    load: FloatArray
    observed: FloatArray
    fitted: FloatArray
    residuals: FloatArray
    weight: FloatArray
    r_squared: float | None
    metric: str
    unit: str
    notes: tuple[str, ...]

    def __str__(self) -> str:
        quality = "" if self.r_squared is None else f", R² = {self.r_squared:.4f}"
        lines = [f"{self.family} fit of {self.metric} [{self.unit or 'no unit'}] to {len(self.load)} points{quality}"]
        for name, value in self.parameters.items():
            error = self.standard_errors[name]
            shown = f"± {error:.3g}" if error is not None else "at its bound" if name in self.at_bound else "(no error)"
            lines.append(f"  {name:<8} {value:.6g} {shown}")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


def fit_latency(
    table: SweepTable | RequestTable,
    family: Family = "saturating",
    *,
    metric: str = "itl_ms",
    load: str | None = None,
    weights: str | pl.Expr | None = None,
    where: Where = None,
    degree: int = 2,
    capacity: float | None = None,
    confidence: float = 0.95,
) -> LatencyFit:
    """Fit a nondecreasing latency function to one curve of a measured table.

    Parameters
    ----------
    table
        A sweep (one series: choose it with `where`), or requests, which are pooled by load.
    family
        See the module. "quadratic" is "polynomial" of degree 2.
    metric
        Column fitted: ttft_ms, itl_ms or latency_ms.
    load
        Column that is the load. By default "concurrency" for a sweep; for requests "in_flight": the request itself plus
        those in flight on its worker when it arrives (prefill worker for ttft_ms, else decode worker).
    weights
        Column or polars expression of positive relative weights, such as `1 / pl.col("itl_ms") ** 2` for equal relative
        errors. By default every row, or every request, counts the same.
    where
        Rows to use: values by column, as in `{"series": …}`, or a polars expression.
    degree, capacity, confidence
        As in `fit_points`.

    Raises
    ------
    InvalidInput
        If the sweep has several series (the message lists them), or an argument is out of its domain.
    MissingColumn, EmptyTable
        If the table lacks what the points need.
    FitFailed
        If there are fewer distinct loads than parameters.
    """
    if isinstance(table, SweepTable):
        points = sweep_points(table, metric=metric, load=load or "concurrency", where=where, weights=weights)
    elif isinstance(table, RequestTable):
        points = request_points(table, metric=metric, load=load or IN_FLIGHT, where=where, weights=weights)
    else:
        raise InvalidInput(
            f"fit_latency takes a SweepTable or a RequestTable; got {type(table).__name__}. For arrays: "
            "poagame.measured.fit.fit_points(load, latency)"
        )
    return fit_points(
        points.load,
        points.latency,
        family,
        points.weight,
        degree=degree,
        capacity=capacity,
        confidence=confidence,
        metric=metric,
        unit=points.unit,
        notes=points.notes,
    )


def fit_points(
    load: ArrayLike,
    latency: ArrayLike,
    family: Family = "saturating",
    weights: ArrayLike | None = None,
    *,
    degree: int = 2,
    capacity: float | None = None,
    confidence: float = 0.95,
    metric: str = "latency",
    unit: str = "",
    notes: Iterable[str] = (),
) -> LatencyFit:
    """Fit a nondecreasing latency function to points.

    Parameters
    ----------
    load, latency : [n]
        Finite and nonnegative; loads may repeat and come in any order.
    family
        See the module.
    weights : [n], optional
        Positive relative weights (1/variance up to a factor); equal by default.
    degree
        Of "polynomial", ≥ 0.
    capacity
        Of "saturating", where it is known; above every load.
    confidence
        Below 1. A capacity is claimed only where the straight line is rejected at this level (F-test on two more
        parameters); 0 gives plain least squares.

    Raises
    ------
    InvalidInput
        If an argument is out of its domain, or `capacity` is not above the largest load.
    FitFailed
        If there are fewer distinct loads than parameters.
    """
    points = _checked(load, latency, weights, metric, unit, notes)
    require(family in get_args(Family), f"family must be one of {', '.join(get_args(Family))}; got {family!r}")
    require(0.0 <= confidence < 1.0, f"confidence must be in [0, 1); got {confidence}")
    require(
        capacity is None or family == "saturating",
        f"capacity= belongs to the saturating family; got family={family!r}",
    )
    if family == "saturating":
        solution = fit_saturating(points, capacity, confidence)
    elif family == "tabulated":
        solution = _tabulated(points)
    else:
        degree = {"affine": 1, "quadratic": 2}.get(family, degree)
        require(isinstance(degree, int) and degree >= 0, f"degree must be a nonnegative integer; got {degree!r}")
        solution = _polynomial(points, family, degree)
    return _judged(solution, points, family, metric)


def _checked(
    load: ArrayLike, latency: ArrayLike, weights: ArrayLike | None, metric: str, unit: str, notes: Iterable[str]
) -> Points:
    x, y = as_floats(load, "load"), as_floats(latency, metric)
    w = np.ones_like(y) if weights is None else as_floats(weights, "weights")
    require(
        x.ndim == 1 and x.shape == y.shape == w.shape and x.size > 0,
        f"load, latency and weights must be vectors of one length ≥ 1; got shapes {x.shape}, {y.shape}, {w.shape}",
    )
    require(float(x.min()) >= 0, f"load must be nonnegative; the smallest is {x.min()}")
    require(float(y.min()) >= 0, f"{metric} must be nonnegative; the smallest is {y.min()}")
    require(float(w.min()) > 0, f"weights must be positive; the smallest is {w.min()}")
    order = np.argsort(x, kind="stable")
    return Points(x[order], y[order], w[order], unit, tuple(notes))


def _polynomial(points: Points, family: str, degree: int) -> Solution:
    require_loads(points, family, degree + 1)
    top = float(points.load.max()) or 1.0
    powers = np.arange(degree + 1.0)
    design = (points.load[:, None] / top) ** powers
    scaled, _ = nonnegative(design, points)
    coefficients = scaled * top**-powers
    names = ("base", "slope", *(f"c{k}" for k in range(2, degree + 1)))[: degree + 1]
    return Solution(
        Polynomial(coefficients), dict(zip(names, coefficients.tolist(), strict=True)), design, top**-powers
    )


def _tabulated(points: Points) -> Solution:
    require_loads(points, "tabulated", 2)
    load, index = np.unique(points.load, return_inverse=True)
    weight = np.bincount(index, points.weight)
    mean = np.bincount(index, points.weight * points.latency) / weight
    # rounding inside the pooling may leave falls of one unit in the last place
    level = np.maximum.accumulate(isotonic_regression(mean, weights=weight).x)
    distinct = len(np.unique(level))
    notes = [f"{len(load)} loads share {distinct} levels: latency falls, or stays, between some"] * (
        distinct < len(load)
    )
    if level[-1] == level[-2]:
        notes.append(f"the last two loads share a level, so the table is constant beyond {load[-1]:g}")
    return Solution(Tabulated(load, level), {}, np.empty((len(points.load), 0)), np.empty(0), notes=tuple(notes))


def _judged(solution: Solution, points: Points, family: Family, metric: str) -> LatencyFit:
    """Evaluate the fit at its points, from its latency alone."""
    fitted = np.asarray(solution.latency(points.load), dtype=np.float64)
    residuals = points.latency - fitted
    squares = float((points.weight * residuals**2).sum())
    mean = float((points.weight * points.latency).sum() / points.weight.sum())
    total = float((points.weight * (points.latency - mean) ** 2).sum())
    notes = [*points.notes, *solution.notes]
    errors: dict[str, float | None] = dict.fromkeys(solution.parameters)
    names = list(solution.parameters)[: len(solution.scale)]
    zero = tuple(name for name in names if solution.parameters[name] == 0)
    barred = {*zero, *solution.at_bound, *solution.fixed}
    if "strain" in zero:
        barred.add("capacity")
    free = [k for k, name in enumerate(names) if name not in barred]
    freedom = len(residuals) - len(free)
    if free and freedom > 0:
        inverse = np.linalg.pinv(solution.jacobian[:, free] * np.sqrt(points.weight)[:, None])
        spread = np.sqrt(squares / freedom * (inverse**2).sum(axis=1)) * solution.scale[free]
        errors |= {names[k]: float(e) for k, e in zip(free, spread, strict=True)}
    elif free:
        notes.append("as many free parameters as points: the curve passes through them, and no error can be given")
    return LatencyFit(
        solution.latency,
        family,
        MappingProxyType(dict(solution.parameters)),
        MappingProxyType(errors),
        tuple(dict.fromkeys(zero + solution.at_bound)),
        solution.capacity_interval,
        points.load,
        points.latency,
        fitted,
        residuals,
        points.weight,
        1.0 - squares / total if total > 0 else None,
        metric,
        points.unit,
        tuple(notes),
    )
