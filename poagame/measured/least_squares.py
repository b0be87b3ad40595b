"""Weighted least squares with nonnegative coefficients, and what a fit hands back to be judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from poagame._arrays import FloatArray
from poagame.errors import FitFailed
from poagame.latency import Latency
from poagame.measured.points import Points


class Solution(NamedTuple):
    """A fitted latency and its parameters.

    Attributes
    ----------
    latency : the fitted function
    parameters : name → value
    jacobian : [n, p]
        Of the fitted latencies in the first p parameters, each divided by its entry of `scale`.
    scale : [p]
    fixed : names of parameters that least squares did not choose
    at_bound : names of parameters at a bound
    capacity_interval : capacities that the points do not reject
    notes : what to know before using it
    """

    latency: Latency
    parameters: Mapping[str, float]
    jacobian: FloatArray
    scale: FloatArray
    fixed: tuple[str, ...] = ()
    at_bound: tuple[str, ...] = ()
    capacity_interval: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()


def require_loads(points: Points, family: str, parameters: int) -> None:
    """Raise `FitFailed` unless there are as many distinct loads as parameters."""
    distinct = len(np.unique(points.load))
    if distinct < parameters:
        raise FitFailed(
            f"a {family} fit needs at least {parameters} distinct loads; got {distinct}. "
            "Choose a family with fewer parameters ('affine' needs 2), or measure more loads"
        )


def nonnegative(design: FloatArray, points: Points) -> tuple[FloatArray, float]:
    """Nonnegative coefficients of least weighted squares [1]_, and the residual sum of squares.

    .. [1] Lawson and Hanson, Solving Least Squares Problems, 1974, ch. 23.
    """
    root = np.sqrt(points.weight)
    a, b = design * root[:, None], points.latency * root
    norm = np.linalg.norm(a, axis=0)
    scale = np.where(norm > 0, norm, 1.0)
    a = a / scale
    try:
        solution, _ = nnls(a, b)
    except RuntimeError as error:
        raise FitFailed(f"nonnegative least squares did not converge: {error}; rescale the loads") from error
    free = solution > 0
    # nnls stops at its own tolerance; on the set of free coefficients least squares is exact
    refined = np.linalg.lstsq(a[:, free], b)[0]
    if (refined >= 0).all():
        solution[free] = refined
    return solution / scale, float(((b - a @ solution) ** 2).sum())
