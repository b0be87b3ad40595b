r"""Curvature of aggregate latency, over load and over time: where it bends up, saturation begins.

The paper sees the transition in the second derivative of aggregate latency in load (S, its Prop 4). The detector is ours. It sees the onset
alone: latency that is high and steady has no curvature, so it goes beside a `RegimeDetector` and not in its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.games.checks import finite, positive, whole


def curvature_over_load(load: ArrayLike, latency_ms: ArrayLike) -> FloatArray:
    """[..., L − 2]: twice the second divided difference of latency [..., L] at the inner ones of loads [L], in ms a squared load.

    The second derivative of the parabola through three neighbours, so exact for quadratic latency on any grid.

    Raises
    ------
    InvalidInput
        If there are fewer than three loads, they do not rise, or the latencies are not as many.

    Examples
    --------
    >>> curvature_over_load([1.0, 2.0, 4.0], [10.0, 20.0, 40.0]).tolist()
    [0.0]
    """
    x, y = as_floats(load, "load"), as_floats(latency_ms, "latency_ms")
    require(x.ndim == 1 and x.size >= 3, f"load lists at least three loads; got shape {x.shape}")
    require(bool((np.diff(x) > 0).all()), f"loads must rise; got {x.tolist()!r:.60}")
    require(y.ndim >= 1 and y.shape[-1] == x.size, f"latency_ms is [..., {x.size}], one a load; got {y.shape}")
    return 2.0 * np.diff(np.diff(y, axis=-1) / np.diff(x), axis=-1) / (x[2:] - x[:-2])


@dataclass(frozen=True, slots=True)
class CurvatureDetector:
    """Alarm where the parabola fitted to the last w polls of aggregate latency bends up by more than a limit.

    Parameters
    ----------
    limit : float
        ms a squared poll, > 0.
    window : int
        w ≥ 3; with 3 the curvature is the second difference.

    Raises
    ------
    InvalidInput
        If a number is out of its range.

    Examples
    --------
    >>> detector = CurvatureDetector.for_noise(10.0, false_alarm=0.001, window=5)
    >>> int(detector.first_alarm([200.0, 201.0, 199.0, 200.0, 260.0, 380.0, 560.0]))
    4
    """

    limit: float
    window: int = 5

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", positive(self.limit, "limit"))
        object.__setattr__(self, "window", whole(self.window, "window", 3, 10_000))

    @classmethod
    def for_noise(cls, noise_ms: float, false_alarm: float, window: int = 5) -> CurvatureDetector:
        """Return the detector whose alarm at a poll has probability `false_alarm` where latency runs straight.

        Exact if the noise of polls is independent and Gaussian with that standard deviation; the fit's curvature then is as well.

        Raises
        ------
        InvalidInput
            If noise is not positive or false_alarm not in (0, 1/2).
        """
        false_alarm = finite(false_alarm, "false_alarm")
        require(0.0 < false_alarm < 0.5, f"false_alarm lies between 0 and 1/2; got {false_alarm:g}")
        weights = _weights(whole(window, "window", 3, 10_000))
        return cls(-float(ndtri(false_alarm)) * positive(noise_ms, "noise_ms") * float(np.linalg.norm(weights)), window)

    def curvature(self, series: ArrayLike) -> FloatArray:
        """[..., n − w + 1]: second derivative of the fit at polls w − 1 … n − 1 of series [..., n], ms a squared poll.

        Raises
        ------
        InvalidInput
            If the series is shorter than the window or not finite.
        """
        values = as_floats(series, "series")
        require(
            values.ndim >= 1 and values.shape[-1] >= self.window,
            f"series is [..., polls] with at least {self.window} polls, the window; got shape {values.shape}",
        )
        return np.lib.stride_tricks.sliding_window_view(values, self.window, axis=-1) @ _weights(self.window)

    def first_alarm(self, series: ArrayLike) -> IntArray:
        """[...]: the first poll of series [..., n] that raises an alarm, −1 where none does.

        Raises
        ------
        InvalidInput
            As `curvature`.
        """
        alarm = self.curvature(series) > self.limit
        return np.where(alarm.any(axis=-1), np.argmax(alarm, axis=-1) + self.window - 1, -1)


def _weights(window: int) -> FloatArray:
    """[w]: the second derivative of the least-squares parabola is their inner product with the values."""
    t = np.arange(window) - (window - 1) / 2.0
    bent = t**2 - np.mean(t**2)  # orthogonal to constants and to lines
    return 2.0 * bent / (bent @ bent)
