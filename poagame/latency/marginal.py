r"""What one more unit costs all, as a latency: the equilibrium under it is the optimum under the latency it is made from."""

from __future__ import annotations

from poagame._arrays import Array, namespace
from poagame.latency.base import Latency, part


class MarginalCost(Latency):
    r"""Marginal social cost :math:`x \mapsto \ell(x) + x\,\ell'(x) = \frac{d}{dx}\,x\,\ell(x)` of a latency.

    Its primitive is :math:`x\,\ell(x)` exactly, its derivative :math:`2\ell'(x) + x\,\ell''(x)`. It is nondecreasing, so a latency,
    where :math:`x\,\ell(x)` is convex.

    Parameters
    ----------
    latency : Latency
        ℓ. Loads from its capacity on cost infinity here too.

    Examples
    --------
    >>> from poagame.latency import Polynomial
    >>> MarginalCost(Polynomial([[1.0, 0.0, 3.0]]))([2.0])  # 1 + 9·2²
    array([37.])
    """

    latency: Latency

    @property
    def num_resources(self) -> int:
        """R, the number of resources."""
        return self.latency.num_resources

    def value(self, load: Array) -> Array:
        """ℓ + x ℓ′, infinite where ℓ is."""
        value = part(self.latency, "value", load)
        return _where_finite(value, lambda kept: kept + _product(load, part(self.latency, "derivative", load)))

    def derivative(self, load: Array) -> Array:
        """2 ℓ′ + x ℓ″, infinite where ℓ is."""
        slope = part(self.latency, "derivative", load)
        return _where_finite(slope, lambda kept: 2.0 * kept + _product(load, part(self.latency, "curvature", load)))

    def primitive(self, load: Array) -> Array:
        """x ℓ(x), infinite where ℓ is."""
        return _where_finite(part(self.latency, "value", load), lambda kept: load * kept)


def _product(load: Array, factor: Array) -> Array:
    """Load × factor, 0 where the factor is not finite: callers look at those places themselves."""
    xp = namespace(load, factor)
    return load * xp.where(xp.isfinite(factor), factor, 0.0)


def _where_finite(values: Array, function) -> Array:  # pyright: ignore[reportMissingParameterType]
    """`function` of the finite entries of `values`, infinity for the others."""
    xp = namespace(values)
    finite = xp.isfinite(values)
    return xp.where(finite, function(xp.where(finite, values, 0.0)), xp.inf)
