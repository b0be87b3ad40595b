"""Where the slope of a latency jumps."""

from __future__ import annotations

from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from poagame._arrays import FloatArray
from poagame.latency.analytic import Polynomial
from poagame.latency.base import Latency, Preloaded, Scaled, Shifted, Sum
from poagame.latency.stacked import Stacked
from poagame.latency.tabulated import Tabulated


@singledispatch
def kinks(latency: Latency) -> FloatArray:
    """[R, K]: loads at which the slope of each resource's latency may jump; infinity fills rows that have fewer.

    None for smooth latencies, and none known for a class of your own: register it with `kinks.register`.
    """
    return np.zeros((latency.num_resources, 0))


@kinks.register
def _(latency: Tabulated) -> FloatArray:
    return np.asarray(latency.load)


@kinks.register
def _(latency: Sum) -> FloatArray:
    both = (kinks(latency.first), kinks(latency.second))
    return np.concatenate([np.broadcast_to(own, (latency.num_resources, own.shape[1])) for own in both], axis=1)


@kinks.register(Scaled | Shifted)
def _same(latency: Scaled | Shifted) -> FloatArray:
    own = kinks(latency.latency)
    return np.broadcast_to(own, (latency.num_resources, own.shape[1]))


@kinks.register
def _(latency: Preloaded) -> FloatArray:
    return np.subtract(kinks(latency.latency), latency.background[:, None], dtype=np.float64)


@kinks.register
def _(latency: Stacked) -> FloatArray:
    parts = [kinks(part) for part in latency.parts]
    whole = np.full((latency.num_resources, max(part.shape[1] for part in parts)), np.inf)
    for part, where in zip(parts, latency.positions, strict=True):
        whole[where, : part.shape[1]] = part
    return whole


@singledispatch
def is_piecewise_linear(latency: Latency) -> NDArray[np.bool_]:
    """[R]: whether the latency is known to be a line between its `kinks`."""
    return np.zeros(latency.num_resources, dtype=bool)


@is_piecewise_linear.register
def _table(latency: Tabulated) -> NDArray[np.bool_]:
    return np.ones(latency.num_resources, dtype=bool)


@is_piecewise_linear.register
def _polynomial(latency: Polynomial) -> NDArray[np.bool_]:
    return ~np.any(np.asarray(latency.coefficients)[..., 2:], axis=-1)


@is_piecewise_linear.register
def _sum(latency: Sum) -> NDArray[np.bool_]:
    return is_piecewise_linear(latency.first) & is_piecewise_linear(latency.second)


@is_piecewise_linear.register(Scaled | Shifted | Preloaded)
def _wrapped(latency: Scaled | Shifted | Preloaded) -> NDArray[np.bool_]:
    return np.broadcast_to(is_piecewise_linear(latency.latency), (latency.num_resources,))


@is_piecewise_linear.register
def _stacked(latency: Stacked) -> NDArray[np.bool_]:
    whole = np.empty(latency.num_resources, dtype=bool)
    for part, where in zip(latency.parts, latency.positions, strict=True):
        whole[where] = is_piecewise_linear(part)
    return whole
