r"""Latencies in closed form: polynomial, Bureau of Public Roads, M/M/1, and the saturating curve of a serving engine."""

from __future__ import annotations

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import Array, FloatArray, as_floats, namespace, require
from poagame.latency.base import Latency


def _per_resource(name: str, *, positive: bool = False) -> Array:
    """Field of one number a resource: [R], finite, nonnegative (or positive)."""

    def convert(value: ArrayLike) -> FloatArray:
        array = np.atleast_1d(as_floats(value, name))
        require(array.ndim == 1, f"{name} must be a number or one number a resource; got shape {array.shape}")
        low = array.min(initial=np.inf)
        if positive:
            require(low > 0, f"{name} must be positive; the smallest entry is {low}")
        else:
            require(low >= 0, f"{name} must be nonnegative; the smallest entry is {low}")
        return array

    return eqx.field(converter=convert)


def _common_length(latency: Latency, **parameters: Array) -> None:
    """Refuse parameters whose lengths differ: every resource needs each of them."""
    lengths = {name: p.shape[-1] for name, p in parameters.items()}
    require(
        len(set(lengths.values())) == 1,
        f"{type(latency).__name__} needs its parameters for the same resources; got lengths {lengths}",
    )


class Polynomial(Latency):
    r""":math:`\ell_r(x) = \sum_k c_{rk}\,x^k` with nonnegative coefficients.

    Parameters
    ----------
    coefficients : [R, d+1]
        Ascending powers: `coefficients[r, k]` multiplies x^k. A vector [d+1] is one resource.

    Raises
    ------
    InvalidInput
        If a coefficient is negative or not finite (the latency would decrease somewhere).

    Examples
    --------
    >>> Polynomial([[0.0, 1.0], [1.0, 0.0]])([0.5, 0.5])  # Pigou's two links
    array([0.5, 1. ])
    """

    coefficients: Array = eqx.field(converter=lambda c: np.atleast_2d(as_floats(c, "coefficients")))

    def __check_init__(self) -> None:
        c = self.coefficients
        require(c.ndim == 2 and c.size > 0, f"coefficients must have shape [R, d+1]; got {c.shape}")
        require(bool((c >= 0).all()), f"coefficients must be nonnegative; the smallest is {c.min()}")

    @property
    def num_resources(self) -> int:
        """R, the number of resources."""
        return self.coefficients.shape[0]

    def value(self, load: Array) -> Array:
        """Horner's rule on c."""
        return self._horner([self.coefficients[..., k] for k in range(self._length)], load)

    def derivative(self, load: Array) -> Array:
        """Horner's rule on k·c_k."""
        terms = [k * self.coefficients[..., k] for k in range(1, self._length)]
        return self._horner(terms or [0.0 * self.coefficients[..., 0]], load)

    def curvature(self, load: Array) -> Array:
        """Horner's rule on k(k−1)·c_k."""
        terms = [k * (k - 1) * self.coefficients[..., k] for k in range(2, self._length)]
        return self._horner(terms or [0.0 * self.coefficients[..., 0]], load)

    def primitive(self, load: Array) -> Array:
        """Horner's rule on c_k/(k+1), times the load."""
        return load * self._horner([self.coefficients[..., k] / (k + 1) for k in range(self._length)], load)

    @property
    def _length(self) -> int:
        return self.coefficients.shape[-1]

    @staticmethod
    def _horner(terms: list[Array], load: Array) -> Array:
        total = terms[-1] + 0.0 * load
        for term in reversed(terms[:-1]):
            total = term + load * total
        return total


class BPR(Latency):
    r"""Bureau of Public Roads: :math:`\ell_r(x) = t_r\,(1 + b_r\,(x/c_r)^{p_r})`.

    Parameters
    ----------
    free_flow_time, capacity, b, power : [R]
        t ≥ 0 (zero-time links are allowed), c > 0, b ≥ 0, p ≥ 0. Power 0 gives the constant t·(1 + b).
    """

    free_flow_time: Array = _per_resource("free_flow_time")
    capacity: Array = _per_resource("capacity", positive=True)
    b: Array = _per_resource("b")
    power: Array = _per_resource("power")

    def __check_init__(self) -> None:
        _common_length(self, free_flow_time=self.free_flow_time, capacity=self.capacity, b=self.b, power=self.power)

    @property
    def num_resources(self) -> int:
        """R, the number of resources."""
        return self.free_flow_time.shape[-1]

    def value(self, load: Array) -> Array:
        """t (1 + b (x/c)^p)."""
        return self.free_flow_time * (1.0 + self.b * BPR._ratio_power(self, load))

    def derivative(self, load: Array) -> Array:
        """t b p (x/c)^(p−1) / c; at x = 0 the limit 0 also for p < 1, where the slope times the load vanishes."""
        xp = namespace(load, self.power)
        used = load > 0
        ratio = xp.where(used, load, self.capacity) / self.capacity
        slope = self.free_flow_time * self.b * self.power / self.capacity * ratio ** (self.power - 1.0)
        at_zero = xp.where(self.power == 1.0, self.free_flow_time * self.b / self.capacity, 0.0)
        return xp.where(used, slope, at_zero)

    def curvature(self, load: Array) -> Array:
        """t b p (p−1) (x/c)^(p−2) / c²; at x = 0 the limit 0 also for p < 2, where it times the load vanishes for p > 1."""
        xp = namespace(load, self.power)
        used = load > 1e-100 * self.capacity  # below, the power of a ratio could overflow
        ratio = xp.where(used, load, self.capacity) / self.capacity
        bend = self.free_flow_time * self.b * self.power * (self.power - 1.0) / self.capacity**2
        at_zero = xp.where(self.power == 2.0, bend, 0.0)
        return xp.where(used, bend * ratio ** (self.power - 2.0), at_zero)

    def primitive(self, load: Array) -> Array:
        """t x (1 + b (x/c)^p / (p+1))."""
        bent = self.b * BPR._ratio_power(self, load) / (self.power + 1.0)
        return self.free_flow_time * load * (1.0 + bent)

    def _ratio_power(self, load: Array) -> Array:
        """(x/c)^p with 0⁰ = 1, and no NaN in the gradient at 0."""
        xp = namespace(load, self.power)
        used = load > 0
        return xp.where(used, (xp.where(used, load, self.capacity) / self.capacity) ** self.power, self.power == 0.0)


class MM1(Latency):
    r"""Mean sojourn time of an M/M/1 queue: :math:`\ell_r(x) = 1/(\mu_r - x)`, infinite from :math:`\mu_r` on.

    Parameters
    ----------
    service_rate : [R]
        μ > 0, in requests per unit of time; loads are arrival rates in the same unit.
    """

    service_rate: Array = _per_resource("service_rate", positive=True)

    @property
    def num_resources(self) -> int:
        """R, the number of resources."""
        return self.service_rate.shape[-1]

    def value(self, load: Array) -> Array:
        """1/(μ − x)."""
        return _below(load, self.service_rate, lambda x: 1.0 / (self.service_rate - x))

    def derivative(self, load: Array) -> Array:
        """1/(μ − x)²."""
        return _below(load, self.service_rate, lambda x: 1.0 / (self.service_rate - x) ** 2)

    def curvature(self, load: Array) -> Array:
        """2/(μ − x)³."""
        return _below(load, self.service_rate, lambda x: 2.0 / (self.service_rate - x) ** 3)

    def primitive(self, load: Array) -> Array:
        """−log(1 − x/μ)."""
        xp = namespace(load, self.service_rate)
        return _below(load, self.service_rate, lambda x: -xp.log1p(-x / self.service_rate))


class Saturating(Latency):
    r""":math:`\ell_r(x) = a_r + s_r\,x + g_r\,x/(c_r - x)`, infinite from the capacity :math:`c_r` on.

    Linear below saturation plus a term that is singular at capacity: the shape that the paper describes (its exact
    form is unknown; this one is ours).

    Parameters
    ----------
    base, slope, strain, capacity : [R]
        a, s, g ≥ 0 in the unit of latency (s per unit of load), c > 0 in the unit of load.
    """

    base: Array = _per_resource("base")
    slope: Array = _per_resource("slope")
    strain: Array = _per_resource("strain")
    capacity: Array = _per_resource("capacity", positive=True)

    def __check_init__(self) -> None:
        _common_length(self, base=self.base, slope=self.slope, strain=self.strain, capacity=self.capacity)

    @property
    def num_resources(self) -> int:
        """R, the number of resources."""
        return self.base.shape[-1]

    def value(self, load: Array) -> Array:
        """a + s x + g x/(c − x)."""
        return _below(load, self.capacity, lambda x: self.base + self.slope * x + self.strain * x / (self.capacity - x))

    def derivative(self, load: Array) -> Array:
        """s + g c/(c − x)²."""
        return _below(
            load, self.capacity, lambda x: self.slope + self.strain * self.capacity / (self.capacity - x) ** 2
        )

    def curvature(self, load: Array) -> Array:
        """2 g c/(c − x)³."""
        return _below(load, self.capacity, lambda x: 2.0 * self.strain * self.capacity / (self.capacity - x) ** 3)

    def primitive(self, load: Array) -> Array:
        """a x + s x²/2 − g (x + c log(1 − x/c))."""
        xp = namespace(load, self.capacity)
        return _below(
            load,
            self.capacity,
            lambda x: (
                self.base * x
                + 0.5 * self.slope * x * x
                - self.strain * (x + self.capacity * xp.log1p(-x / self.capacity))
            ),
        )


def _below(load: Array, capacity: Array, function) -> Array:  # pyright: ignore[reportMissingParameterType]
    """`function(load)` below capacity and infinity from there on, with gradients free of NaN on both sides."""
    xp = namespace(load, capacity)
    inside = load < capacity
    # the function must not see a load at capacity, or its gradient there poisons the other branch
    return xp.where(inside, function(xp.where(inside, load, 0.0)), xp.inf)
