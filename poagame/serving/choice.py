r"""How Dynamo's router takes a worker once each has its cost c, lower is better.

At temperature 0 the cheapest is taken. Above, w is taken with a probability in proportion to
:math:`\exp(-c_w / ((\max c - \min c) \, T))`: costs are divided by their range first. So the scale of costs does not matter, and of two
workers the better one is taken with :math:`1 / (1 + e^{-1/T})` whatever the gap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require


def probabilities(logits: ArrayLike, temperature: float) -> FloatArray:
    """[..., W]: how likely each candidate is taken; at temperature 0 the cheapest share it.

    Raises
    ------
    InvalidInput
        If logits are not finite, further apart than floats reach, or there are none.
    """
    costs = _costs(logits)
    if temperature == 0.0:
        cheapest = costs == costs.min(axis=-1, keepdims=True)
        return cheapest / cheapest.sum(axis=-1, keepdims=True)
    return np.exp(log_softmax(over_range(costs), temperature))


def choose(logits: ArrayLike, temperature: float, rng: np.random.Generator, tree_size: ArrayLike | None = None) -> int:
    """Take a candidate by its logits [W]; at temperature 0 the smallest `tree_size` [W] of those that tie, then any.

    Raises
    ------
    InvalidInput
        If logits or sizes are not finite numbers [W].
    """
    costs = _costs(logits)
    require(costs.ndim == 1, f"choose takes one decision's logits [W]; got shape {costs.shape}")
    if temperature > 0.0:
        return int(rng.choice(costs.size, p=probabilities(costs, temperature)))
    tied = np.flatnonzero(costs == costs.min())
    if tree_size is not None:
        size = as_floats(tree_size, "tree_size")
        require(size.shape == costs.shape, f"tree_size is [W] = {costs.shape}; got shape {size.shape}")
        tied = tied[size[tied] == size[tied].min()]
    return int(rng.choice(tied))


def over_range(costs: FloatArray) -> FloatArray:
    """Costs [..., W] less their least, over their range: from 0 to 1, and 0 where all are equal."""
    away = costs - costs.min(axis=-1, keepdims=True)
    span = away.max(axis=-1, keepdims=True)
    return np.divide(away, span, out=np.zeros_like(away), where=span > 0)


def log_softmax(costs: FloatArray, temperature: float) -> FloatArray:
    """[..., W]: logarithms of probabilities in proportion to exp(−c/T), T > 0."""
    with np.errstate(over="ignore"):  # a temperature near 0 is 0: exp(−∞) = 0
        exponent = (costs.min(axis=-1, keepdims=True) - costs) / temperature
    return exponent - np.log(np.exp(exponent).sum(axis=-1, keepdims=True))


def _costs(logits: ArrayLike) -> FloatArray:
    costs = as_floats(logits, "logits")
    require(costs.ndim >= 1 and costs.shape[-1] >= 1, f"logits are [..., W]; got shape {costs.shape}")
    with np.errstate(over="ignore"):
        apart = np.ptp(costs, axis=-1)
    require(bool(np.isfinite(apart).all()), "logits are further apart than floats reach; give them in blocks")
    return costs
