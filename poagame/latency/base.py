r"""What a latency is: a nondecreasing delay of the load on each of R resources, and how latencies compose.

Every latency is a frozen pytree with three exact functions of the load :math:`x \ge 0`:

.. math:: \ell(x), \qquad \int_0^x \ell(t)\,dt, \qquad \frac{d}{dx}\,x\,\ell(x) = \ell(x) + x\,\ell'(x).

The last axis of a load runs over resources and broadcasts against R, so one latency (R = 1) also evaluates many loads.
NumPy loads give float64 NumPy arrays; JAX arrays and tracers give JAX arrays, so latencies pass through `jit`, `vmap` and `grad`.
"""

from __future__ import annotations

import abc
from typing import Any, Literal, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import Array, as_floats, is_concrete, namespace, require
from poagame.errors import InvalidInput


class Latency(eqx.Module):
    """Delay as a function of load on `num_resources` resources.

    A subclass gives `num_resources`, `value`, `derivative` and `primitive` for loads that are already checked;
    callers use `latency(load)`, `latency.integral(load)` and `latency.marginal_cost(load)`.
    """

    @property
    @abc.abstractmethod
    def num_resources(self) -> int:
        """R, the number of resources."""

    @abc.abstractmethod
    def value(self, load: Array) -> Array:
        """Latency at a checked load."""

    @abc.abstractmethod
    def derivative(self, load: Array) -> Array:
        """Right derivative of the latency at a checked load."""

    @abc.abstractmethod
    def primitive(self, load: Array) -> Array:
        """Integral of the latency from 0 to a checked load."""

    def curvature(self, load: Array) -> Array:
        """Second derivative of the latency at a checked load; here by automatic differentiation of `derivative`.

        Raises
        ------
        InvalidInput
            If `derivative` cannot be traced by JAX; the class must then give its own `curvature`.
        """
        with jax.enable_x64(True):
            x = jnp.asarray(load, dtype=jnp.float64)
            try:
                bend = jax.jvp(self.derivative, (x,), (jnp.ones_like(x),))[1]
            except jax.errors.TracerArrayConversionError as error:
                name = type(self).__name__
                raise InvalidInput(
                    f"{name}.derivative is written for NumPy alone, so its slope is unknown; give {name} a "
                    "curvature(load) method (the second derivative), or write derivative with jax.numpy"
                ) from error
        return bend if isinstance(load, jax.Array) else np.asarray(bend)

    def __call__(self, load: ArrayLike) -> Array:
        """Latency of each resource at `load` [..., R]; infinite from a capacity on, never NaN.

        Raises
        ------
        InvalidInput
            If the load is negative or NaN, or its last axis fits neither R nor 1.
        """
        return part(self, "value", Latency._checked(self, load))

    def integral(self, load: ArrayLike) -> Array:
        """Exact integral of the latency from 0 to `load` [..., R] (the Beckmann term)."""
        return part(self, "primitive", Latency._checked(self, load))

    def marginal_cost(self, load: ArrayLike) -> Array:
        """Derivative of load × latency at `load` [..., R]: latency + load · latency′."""
        x = Latency._checked(self, load)
        xp = namespace(x)
        value = part(self, "value", x)
        finite = xp.isfinite(value)
        return xp.where(finite, value + x * xp.where(finite, part(self, "derivative", x), 0.0), xp.inf)

    def __add__(self, other: Latency | ArrayLike) -> Latency:
        """Sum with another latency of the same resources, or shift by a constant toll (a number or [R])."""
        return Sum(self, other) if isinstance(other, Latency) else Shifted(self, other)

    __radd__ = __add__

    def __mul__(self, factor: ArrayLike) -> Latency:
        """Scale by a nonnegative factor (a number or [R])."""
        return Scaled(self, factor)

    __rmul__ = __mul__

    def replicated(self, copies: int) -> Self:
        """Give `copies` identical resources from a latency of one resource.

        Raises
        ------
        InvalidInput
            If this latency has more than one resource, or `copies` < 1.
        """
        require(
            self.num_resources == 1, f"only a latency of one resource can be replicated; this has {self.num_resources}"
        )
        require(copies >= 1, f"copies must be at least 1; got {copies}")
        require(
            all(np.shape(leaf)[:1] == (1,) for leaf in jax.tree.leaves(self)),
            f"{type(self).__name__} keeps parameters that are not one a resource, so it cannot be replicated: give it as many "
            "resources as are needed, or parameters of shape [1]",
        )
        return jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf), copies, axis=0), self)

    def preloaded(self, background: ArrayLike) -> Latency:
        """Latency as new load sees it where `background` [R] is already there: x ↦ ℓ(background + x)."""
        return Preloaded(self, background)

    def __repr__(self) -> str:
        """Code that rebuilds the latency."""
        parts = []
        for name in self.__dataclass_fields__:
            part = getattr(self, name)
            part = [_plain(each) for each in part] if isinstance(part, tuple) else _plain(part)
            parts.append(f"{name}={part!r}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def _repr_pretty_(self, p: Any, cycle: bool) -> None:
        """What IPython and Hypothesis print: the code, not the fields of a data class."""
        p.text(repr(self))

    def _checked(self, load: ArrayLike) -> Array:
        x = load if isinstance(load, jax.Array) else np.asarray(load, dtype=np.float64)
        resources = self.num_resources
        if x.ndim and x.shape[-1] not in (1, resources) and resources != 1:
            require(False, f"load has {x.shape[-1]} entries on its last axis; this latency has {resources} resources")
        if is_concrete(x) and x.size:
            low, high = float(x.min()), float(x.max())  # NaN fails the comparisons too
            require(low >= 0.0, f"load must be nonnegative and not NaN; the smallest entry is {low}")
            require(high < np.inf, "load must be finite")
        return x


def _plain(value: object) -> object:
    """An array as lists, if it is short enough to read."""
    if not isinstance(value, np.ndarray):
        return value
    return value.tolist() if value.size <= 200 else f"<array {value.shape}>"


Part = Literal["value", "derivative", "curvature", "primitive"]


def part(latency: Latency, name: Part, load: Array) -> Array:
    """`latency.<name>(load)`, looked up on the class: equinox builds a new object for every bound method, which costs more
    than the arithmetic on a few loads.
    """
    return getattr(type(latency), name)(latency, load)


class Sum(Latency):
    """Sum of two latencies of the same resources."""

    first: Latency
    second: Latency

    def __check_init__(self) -> None:
        a, b = self.first.num_resources, self.second.num_resources
        require(a == b or 1 in (a, b), f"latencies of {a} and {b} resources cannot be added")

    @property
    def num_resources(self) -> int:
        """R, the number of resources."""
        return max(self.first.num_resources, self.second.num_resources)

    def value(self, load: Array) -> Array:
        """ℓ₁ + ℓ₂."""
        return part(self.first, "value", load) + part(self.second, "value", load)

    def derivative(self, load: Array) -> Array:
        """ℓ₁′ + ℓ₂′."""
        return part(self.first, "derivative", load) + part(self.second, "derivative", load)

    def curvature(self, load: Array) -> Array:
        """ℓ₁″ + ℓ₂″."""
        return part(self.first, "curvature", load) + part(self.second, "curvature", load)

    def primitive(self, load: Array) -> Array:
        """∫ℓ₁ + ∫ℓ₂."""
        return part(self.first, "primitive", load) + part(self.second, "primitive", load)


class Scaled(Latency):
    """A latency times a nonnegative constant of each resource."""

    latency: Latency
    factor: Array = eqx.field(converter=lambda f: np.atleast_1d(as_floats(f, "factor")))

    def __check_init__(self) -> None:
        require(bool((self.factor >= 0).all()), "factor must be nonnegative, or the latency would decrease in load")
        _fits(self.factor, self.latency, "factor")

    @property
    def num_resources(self) -> int:
        """R, the number of resources."""
        return max(self.latency.num_resources, self.factor.shape[-1])

    def value(self, load: Array) -> Array:
        """Factor times ℓ."""
        return self._times(part(self.latency, "value", load))

    def derivative(self, load: Array) -> Array:
        """Factor times ℓ′."""
        return self._times(part(self.latency, "derivative", load))

    def curvature(self, load: Array) -> Array:
        """Factor times ℓ″."""
        return self._times(part(self.latency, "curvature", load))

    def primitive(self, load: Array) -> Array:
        """Factor times ∫ℓ."""
        return self._times(part(self.latency, "primitive", load))

    def _times(self, part: Array) -> Array:
        xp = namespace(part, self.factor)
        finite = xp.isfinite(part)  # 0 × inf: a resource scaled to nothing keeps its capacity
        return xp.where(finite, self.factor * xp.where(finite, part, 0.0), xp.inf)


class Shifted(Latency):
    """A latency plus a constant toll (or, where negative, subsidy) of each resource."""

    latency: Latency
    toll: Array = eqx.field(converter=lambda t: np.atleast_1d(as_floats(t, "toll")))

    def __check_init__(self) -> None:
        _fits(self.toll, self.latency, "toll")

    @property
    def num_resources(self) -> int:
        """R, the number of resources."""
        return max(self.latency.num_resources, self.toll.shape[-1])

    def value(self, load: Array) -> Array:
        """ℓ + toll."""
        return part(self.latency, "value", load) + self.toll

    def derivative(self, load: Array) -> Array:
        """ℓ′, which no constant changes."""
        return part(self.latency, "derivative", load) + 0.0 * self.toll

    def curvature(self, load: Array) -> Array:
        """ℓ″, which no constant changes."""
        return part(self.latency, "curvature", load) + 0.0 * self.toll

    def primitive(self, load: Array) -> Array:
        """∫ℓ + toll · load."""
        return part(self.latency, "primitive", load) + self.toll * load


class Preloaded(Latency):
    """A latency seen by new load on top of a fixed background load of each resource."""

    latency: Latency
    background: Array = eqx.field(converter=lambda b: np.atleast_1d(as_floats(b, "background")))

    def __check_init__(self) -> None:
        require(bool((self.background >= 0).all()), f"background load must be nonnegative; got {self.background.min()}")
        _fits(self.background, self.latency, "background")

    @property
    def num_resources(self) -> int:
        """R, the number of resources."""
        return max(self.latency.num_resources, self.background.shape[-1])

    def value(self, load: Array) -> Array:
        """ℓ(b + x)."""
        return part(self.latency, "value", self.background + load)

    def derivative(self, load: Array) -> Array:
        """ℓ′(b + x)."""
        return part(self.latency, "derivative", self.background + load)

    def curvature(self, load: Array) -> Array:
        """ℓ″(b + x)."""
        return part(self.latency, "curvature", self.background + load)

    def primitive(self, load: Array) -> Array:
        """∫ℓ from b to b + x; infinite where the background alone is past capacity."""
        before = part(self.latency, "primitive", self.background + 0.0 * load)
        xp = namespace(before)
        finite = xp.isfinite(before)
        return xp.where(
            finite, part(self.latency, "primitive", self.background + load) - xp.where(finite, before, 0.0), xp.inf
        )


def _fits(parameter: Array, latency: Latency, name: str) -> None:
    resources = latency.num_resources
    require(
        parameter.ndim == 1 and (parameter.size in (1, resources) or resources == 1),
        f"{name} must be a number or have one entry for each of {resources} resources; got shape {parameter.shape}",
    )
