"""Latency as a table: monotone, piecewise linear, for curves that were measured."""

from __future__ import annotations

import equinox as eqx
import numpy as np

from poagame._arrays import Array, as_floats, namespace, require
from poagame.latency.base import Latency


class Tabulated(Latency):
    """Monotone piecewise linear interpolation of points, constant before the first and linear beyond the last.

    Parameters
    ----------
    load : [P] or [R, P]
        Strictly increasing loads ≥ 0, at least two; one row for all resources or one for each.
    latency : [P] or [R, P]
        Nondecreasing nonnegative latencies at those loads.

    Raises
    ------
    InvalidInput
        If loads are not strictly increasing, or latencies decrease: `poagame.fit_latency(..., family="tabulated")`
        makes a monotone table from points that are not.

    Notes
    -----
    Beyond the last point the last segment goes on. At a point the derivative is the right one.
    """

    load: Array = eqx.field(converter=lambda x: np.atleast_2d(as_floats(x, "load")))
    latency: Array = eqx.field(converter=lambda y: np.atleast_2d(as_floats(y, "latency")))

    def __init__(self, load: Array, latency: Array) -> None:
        x, y = np.atleast_2d(as_floats(load, "load")), np.atleast_2d(as_floats(latency, "latency"))
        require(x.ndim == 2 and y.ndim == 2, f"load and latency must be [P] or [R, P]; got {x.shape} and {y.shape}")
        require(x.shape[1] == y.shape[1], f"load has {x.shape[1]} points and latency {y.shape[1]}; they must agree")
        require(x.shape[1] >= 2, "a table needs at least two points")
        rows = max(len(x), len(y))
        require({len(x), len(y)} <= {1, rows}, f"load is for {len(x)} resources and latency for {len(y)}")
        require(bool((x[:, 0] >= 0).all()), f"loads must be nonnegative; the first is {x[:, 0].min()}")
        require(bool((y >= 0).all()), f"latencies must be nonnegative; the smallest is {y.min()}")
        steps = np.diff(x, axis=1)
        require(bool((steps > 0).all()), "loads must be strictly increasing: sort the table and merge equal loads")
        falls = np.argwhere(np.diff(y, axis=1) < 0)
        if len(falls):
            r, p = (int(i) for i in falls[0])
            require(
                False,
                f"latency must not decrease with load; resource {r} falls from {y[r, p]:g} to {y[r, p + 1]:g} after its "
                f"point {p}. fit_latency(table, family='tabulated') makes the nearest monotone table",
            )
        self.load = np.broadcast_to(x, (rows, x.shape[1])).copy()
        self.latency = np.broadcast_to(y, (rows, y.shape[1])).copy()

    @property
    def num_resources(self) -> int:
        """R, the number of resources."""
        return self.load.shape[-2]

    def value(self, load: Array) -> Array:
        """The line of the segment in which the load lies."""
        left, height, slope, _ = self._segment(load)
        xp = namespace(load, height)
        return height + slope * xp.maximum(load - left, 0.0)

    def derivative(self, load: Array) -> Array:
        """Slope of the segment, 0 before the first point."""
        left, _, slope, _ = self._segment(load)
        xp = namespace(load, slope)
        return xp.where(load >= left, slope, 0.0)

    def curvature(self, load: Array) -> Array:
        """0: between points the latency is a line (at a point its slope jumps, and the right side's counts)."""
        return 0.0 * self.derivative(load)

    def primitive(self, load: Array) -> Array:
        """Area of the segments passed, plus the part of the present one."""
        left, height, slope, area = self._segment(load)
        xp = namespace(load, height)
        beyond = load - left
        return area + beyond * (height + 0.5 * slope * xp.maximum(beyond, 0.0))

    def _segment(self, load: Array) -> tuple[Array, Array, Array, Array]:
        """Left end, height there, slope, and area from 0 to the left end, of the segment of each load."""
        xp = namespace(load, self.load, self.latency)
        widths = xp.diff(self.load, axis=-1)
        slopes = xp.diff(self.latency, axis=-1) / widths
        blocks = widths * 0.5 * (self.latency[..., 1:] + self.latency[..., :-1])
        first = (self.load[..., 0] * self.latency[..., 0])[..., None]
        areas = xp.concatenate([first, first + xp.cumsum(blocks[..., :-1], axis=-1)], axis=-1)
        x = xp.asarray(load)
        shape = np.broadcast_shapes(x.shape, (self.num_resources,))
        x = xp.broadcast_to(x, shape)
        segment = (x[..., None] >= self.load[..., 1:-1]).sum(axis=-1)

        def at(table: Array) -> Array:
            rows = xp.broadcast_to(table, (*shape, table.shape[-1]))
            return xp.take_along_axis(rows, segment[..., None], axis=-1)[..., 0]

        return at(self.load[..., :-1]), at(self.latency[..., :-1]), at(slopes), at(areas)
