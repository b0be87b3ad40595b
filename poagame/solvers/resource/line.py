"""Roots and maxima on an interval, as the two pools' budget line wants them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scipy.optimize import brentq

from poagame.games.resource import ResourceGame


def slopes(game: ResourceGame) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """Each pool's gain by a GPU more of its own, less its price; of pools that are not coupled."""

    def of(k: int) -> Callable[[float], float]:
        curve, size, price = (game.prefill, game.decode)[k], game.gpus_per_worker[k], game.price[k]
        return lambda gpus: float(curve.derivative(gpus / size)) / size - price

    return of(0), of(1)


def falling_root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function is 0, or the end of the interval towards which it still points."""
    if high <= low or function(high) >= 0.0:
        return max(low, high)
    if function(low) <= 0.0:
        return low
    root: Any = brentq(function, low, high, xtol=1e-15 * max(abs(low), abs(high)), maxiter=200)
    return float(root)


def own_optimum(game: ResourceGame, pool: int) -> float:
    """GPUs that a pool would take if the other had its fewest, its curve being concave."""
    return falling_root(slopes(game)[pool], game.least[pool], game.budget - game.least[1 - pool])
