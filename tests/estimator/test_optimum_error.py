from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from poagame.errors import InvalidInput
from poagame.estimator.optimum_error import assignment_loss, optimum_interval, ratio_interval


def costs(latency: np.ndarray, requests: int) -> np.ndarray:
    """Of all assignments; latency [W, n] of a worker at 1 … n requests."""
    found = []
    for assignment in product(range(len(latency)), repeat=requests):
        loads = np.bincount(assignment, minlength=len(latency))
        found.append(sum(n * latency[w, n - 1] for w, n in enumerate(loads) if n))
    return np.array(found)


@pytest.mark.parametrize("seed", range(60))
def test_bounds_hold_on_drawn_games(seed: int) -> None:
    rng = np.random.default_rng(seed)
    workers, requests = int(rng.integers(2, 4)), int(rng.integers(1, 6))
    epsilon, off = float(rng.uniform(0.0, 0.6)), float(rng.choice([0.0, 0.3]))
    true = np.cumsum(rng.uniform(0.1, 2.0, (workers, requests)), axis=1)
    model = true * rng.uniform(1.0 - epsilon, 1.0 + epsilon, true.shape) + rng.uniform(-off, off, true.shape)
    real, believed = costs(true, requests), costs(np.maximum(model, 0.0), requests)
    optimum, seen = real.min(), believed.min()
    bracket = optimum_interval(0.9 * seen, 1.05 * seen, relative=epsilon, absolute=requests * off)
    assert bracket.low - 1e-9 <= optimum <= bracket.high + 1e-9
    cost = float(rng.choice(real))
    interval = ratio_interval(cost, 0.9 * seen, 1.05 * seen, relative=epsilon, absolute=requests * off)
    assert interval.low - 1e-9 <= cost / optimum <= interval.high + 1e-9
    if off == 0.0:
        chosen = real[believed.argmin()]
        assert chosen <= assignment_loss(epsilon) * optimum + 1e-9


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5, 0.9])
def test_bounds_are_attained(epsilon: float) -> None:
    true = np.array([[1.0, 3.0], [2.0, 5.0]])
    optimum = costs(true, 2).min()
    for sign in (1.0, -1.0):
        seen = costs((1.0 + sign * epsilon) * true, 2).min()
        bracket = optimum_interval(seen, seen, relative=epsilon)
        assert optimum == pytest.approx(bracket.low if sign > 0 else bracket.high)
    # one request, two workers believed to be alike
    slow = (1.0 + epsilon) / (1.0 - epsilon)
    assert slow * (1.0 - epsilon) == pytest.approx(1.0 * (1.0 + epsilon))
    assert assignment_loss(epsilon) == pytest.approx(slow / 1.0)


def test_a_bracket_that_may_be_nothing_bounds_nothing() -> None:
    assert ratio_interval(3.0, 0.5, 2.0, absolute=1.0).high == np.inf
    assert ratio_interval(3.0, 0.5, 9.0).low == 1.0


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((2.0, 1.0), {}),
        ((-1.0, 1.0), {}),
        ((1.0, 2.0), {"relative": 1.0}),
        ((1.0, 2.0), {"absolute": -1.0}),
        ((np.nan, 2.0), {}),
    ],
)
def test_bad_brackets(arguments: tuple[float, float], options: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        optimum_interval(*arguments, **options)
    with pytest.raises(InvalidInput, match="no cost is below"):
        ratio_interval(1.0, 2.0, 3.0)
    with pytest.raises(InvalidInput, match="relative"):
        assignment_loss(1.0)
