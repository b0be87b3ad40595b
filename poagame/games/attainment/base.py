"""What a pool of workers is worth: the share of its requests that meet their target, by its number of workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.games.checks import finite, positive

STEP = 1e-5
"""Relative step of numerical derivatives: about the cube root of the rounding of a number, best for central differences."""


@runtime_checkable
class Attainment(Protocol):
    """Share of requests that meet their target with so many workers; a curve, vectorised, for whole and for other numbers."""

    def __call__(self, workers: ArrayLike) -> FloatArray:
        """Share in 0 … 1, in the shape of `workers` ≥ 0; never NaN, and 0 where the pool cannot keep up."""
        ...

    def derivative(self, workers: ArrayLike) -> FloatArray:
        """Gain in the share by a worker more, from the right where the curve has a kink."""
        ...


@runtime_checkable
class LoadedAttainment(Attainment, Protocol):
    """A curve of a pool that requests come to at a rate, so that another rate gives another curve."""

    @property
    def arrival_rate(self) -> float:
        """Requests a second that come to the pool, ≥ 0."""
        ...

    def attained(self, workers: ArrayLike, arrival_rate: ArrayLike) -> FloatArray:
        """Share at other rates, both broadcast against each other."""
        ...

    def throughput(self, workers: ArrayLike) -> FloatArray:
        """Requests a second that the pool finishes: those that come, or all that it can."""
        ...

    def at_rate(self, arrival_rate: float) -> Self:
        """Return the same pool under another rate."""
        ...


@dataclass(frozen=True, slots=True)
class Curve:
    """Any function of the number of workers as a curve; concave is what equilibria want, and nobody checks it here.

    Parameters
    ----------
    function : callable
        Vectorised, and finite where it is asked; one number stands for all workers. Values above 1 or below 0 are allowed: a curve then
        is no share, but any gain.
    slope : callable, optional
        Its derivative; by default a central difference, which asks for values a little to both sides.

    Raises
    ------
    InvalidInput
        If an argument is not callable; when called, if a value is NaN, infinite or no number, or values are not one for each workers.

    Examples
    --------
    >>> curve = Curve(lambda workers: 1.0 - np.exp(-workers))
    >>> float(curve(1.0)), round(float(curve.derivative(1.0)), 9)
    (0.6321205588285577, 0.367879441)
    """

    function: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray], FloatArray] | None = None

    def __post_init__(self) -> None:
        require(callable(self.function), f"function must be callable, of workers; got {self.function!r:.80}")
        require(self.slope is None or callable(self.slope), f"slope must be callable; got {self.slope!r:.80}")

    def __call__(self, workers: ArrayLike) -> FloatArray:
        """Value at each number of workers."""
        x = np.asarray(workers, dtype=np.float64)
        return _one_each(self.function(x), x, "an attainment curve")

    def derivative(self, workers: ArrayLike) -> FloatArray:
        """Slope at each number of workers."""
        x = np.asarray(workers, dtype=np.float64)
        if self.slope is not None:
            return _one_each(self.slope(x), x, "the slope of an attainment curve")
        return central_difference(self, x)


@dataclass(frozen=True, slots=True)
class Quadratic:
    r"""The concave curve :math:`1 - w\,(x - t)^2`: for games that can be solved by hand.

    Parameters
    ----------
    target : float
        t, where it is largest.
    weight : float
        w > 0.

    Raises
    ------
    InvalidInput
        If target is not finite, or weight not positive.
    """

    target: float
    weight: float = 1.0

    def __post_init__(self) -> None:
        finite(self.target, "target")
        positive(self.weight, "weight")

    def __call__(self, workers: ArrayLike) -> FloatArray:
        """Value at each number of workers."""
        return 1.0 - self.weight * (np.asarray(workers, dtype=np.float64) - self.target) ** 2

    def derivative(self, workers: ArrayLike) -> FloatArray:
        """Slope at each number of workers."""
        return -2.0 * self.weight * (np.asarray(workers, dtype=np.float64) - self.target)


@dataclass(frozen=True, slots=True)
class Exponential:
    r"""The concave curve :math:`1 - e^{-x/s}`: each further worker wins the same share of what is still missed.

    Parameters
    ----------
    scale : float
        s > 0, workers.

    Raises
    ------
    InvalidInput
        If scale is not positive.
    """

    scale: float

    def __post_init__(self) -> None:
        positive(self.scale, "scale")

    def __call__(self, workers: ArrayLike) -> FloatArray:
        """Value at each number of workers."""
        return -np.expm1(-np.asarray(workers, dtype=np.float64) / self.scale)

    def derivative(self, workers: ArrayLike) -> FloatArray:
        """Slope at each number of workers."""
        return np.exp(-np.asarray(workers, dtype=np.float64) / self.scale) / self.scale


def _one_each(value: ArrayLike, workers: FloatArray, name: str) -> FloatArray:
    """`value` as finite numbers in the shape of `workers`."""
    array = as_floats(value, name)
    if array.shape == workers.shape:
        return array
    require(
        array.ndim == 0, f"{name} gives a value for each number of workers, {workers.shape}; got shape {array.shape}"
    )
    return np.full(workers.shape, float(array))


def central_difference(function: Callable[[FloatArray], FloatArray], x: FloatArray) -> FloatArray:
    """Numerical derivative of an elementwise function at x, one-sided at 0, where workers end."""
    step = STEP * np.maximum(np.abs(x), 1.0)
    low = np.where((x >= 0) & (x < step), x, x - step)
    return (function(x + step) - function(low)) / (x + step - low)
