r"""Powers that swing for ever with the logarithm of the load: regularly varying neither at 0 nor at infinity."""

from __future__ import annotations

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike, NDArray

from poagame._arrays import Array, as_floats, namespace, require
from poagame.latency.base import Latency
from poagame.latency.convexity import total_cost_is_convex


def _each(name: str) -> Array:
    return eqx.field(converter=lambda value: np.atleast_1d(as_floats(value, name)))


class LogPeriodic(Latency):
    r""":math:`\ell_r(x) = x^{d_r}\,(1 + a_r \sin(\ln x + \varphi_r))`.

    Multiplying the load by :math:`e^{2\pi}` multiplies the latency by :math:`e^{2\pi d}`, so games on such links look alike at every scale.

    Parameters
    ----------
    degree, amplitude, phase : [R]
        d > 0, a ≥ 0 with :math:`a \sqrt{d^2 + 1} \le d` (else the latency would decrease somewhere), φ in radians.
    """

    degree: Array = _each("degree")
    amplitude: Array = _each("amplitude")
    phase: Array = _each("phase")

    def __init__(self, degree: ArrayLike, amplitude: ArrayLike, phase: ArrayLike) -> None:
        d, a, p = (
            np.atleast_1d(as_floats(value, name))
            for value, name in ((degree, "degree"), (amplitude, "amplitude"), (phase, "phase"))
        )
        rows = max(len(d), len(a), len(p))
        require({len(d), len(a), len(p)} <= {1, rows}, f"parameters are for {len(d)}, {len(a)} and {len(p)} resources")
        require(bool((d > 0).all() and (a >= 0).all()), "degree must be positive and amplitude nonnegative")
        require(
            bool((a * np.hypot(d, 1.0) <= d).all()), "amplitude must be at most d / sqrt(d^2 + 1), or the latency falls"
        )
        self.degree, self.amplitude, self.phase = (np.broadcast_to(value, (rows,)).copy() for value in (d, a, p))

    @property
    def num_resources(self) -> int:
        """R, the number of resources."""
        return self.degree.shape[-1]

    def value(self, load: Array) -> Array:
        """x^d (1 + a sin θ), θ = ln x + φ."""
        return self._times_power(load, 0.0, lambda s, c: 1.0 + self.amplitude * s)

    def derivative(self, load: Array) -> Array:
        """x^(d−1) (d + a (d sin θ + cos θ)); at 0 the limit 0 also for d ≤ 1, where the slope times the load vanishes."""
        d = self.degree
        return self._times_power(load, -1.0, lambda s, c: d + self.amplitude * (d * s + c))

    def curvature(self, load: Array) -> Array:
        """x^(d−2) (d(d−1) + a ((d(d−1) − 1) sin θ + (2d−1) cos θ))."""
        d = self.degree
        bend = d * (d - 1.0)
        return self._times_power(
            load, -2.0, lambda s, c: bend + self.amplitude * ((bend - 1.0) * s + (2.0 * d - 1.0) * c)
        )

    def primitive(self, load: Array) -> Array:
        """x^(d+1) (1/(d+1) + a ((d+1) sin θ − cos θ)/((d+1)² + 1))."""
        m = self.degree + 1.0
        return self._times_power(load, 1.0, lambda s, c: 1.0 / m + self.amplitude * (m * s - c) / (m * m + 1.0))

    def _times_power(self, load: Array, shift: float, swing) -> Array:  # pyright: ignore[reportMissingParameterType]
        xp = namespace(load, self.degree)
        used = load > 0
        x = xp.where(used, load, 1.0)
        angle = xp.log(x) + self.phase
        return xp.where(used, x ** (self.degree + shift) * swing(xp.sin(angle), xp.cos(angle)), 0.0)


@total_cost_is_convex.register
def _(latency: LogPeriodic) -> NDArray[np.bool_]:
    # (xℓ)″ ∝ m(m−1) + a((m(m−1) − 1) sin θ + (2m−1) cos θ) with m = d + 1
    m = np.asarray(latency.degree) + 1.0
    bend = m * (m - 1.0)
    return bend >= np.asarray(latency.amplitude) * np.hypot(bend - 1.0, 2.0 * m - 1.0)
