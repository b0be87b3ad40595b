"""Transients against a second-order step response and a plain rereading."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poagame.errors import InvalidInput
from poagame.serving.settling import settling, switches


def test_overshoot_of_a_damped_oscillator() -> None:
    """Of damping ζ the step response overshoots by exp(−πζ/√(1 − ζ²)), and settles within its envelope's time."""
    damping, t = 0.3, np.linspace(0, 60, 60_001)
    ringing = np.sqrt(1 - damping**2)
    response = 1 - np.exp(-damping * t) * (np.cos(ringing * t) + damping / ringing * np.sin(ringing * t))
    one = settling(response, 1.0, 0.02)
    assert one.overshoot == pytest.approx(np.exp(-np.pi * damping / ringing), rel=1e-6)
    assert one.settled
    envelope = -np.log(0.02 * ringing) / damping
    assert envelope - np.pi / ringing < one.steps * 0.001 < envelope
    falling = settling(-response, -1.0, 0.02)
    assert (falling.overshoot, falling.steps, falling.crossings) == (one.overshoot, one.steps, one.crossings)


def test_agrees_with_a_plain_rereading() -> None:
    rng = np.random.default_rng(8)
    series = np.round(rng.normal(size=(5, 40, 12)), 1)
    found = settling(series, 0.3, 0.7)
    for index in np.ndindex(5, 40):
        row = series[index] - 0.3
        inside = [bool(abs(x) <= 0.7) for x in row]
        steps = next((i for i in range(12) if all(inside[i:])), 12)
        sides = [x > 0 for x, ok in zip(row, inside, strict=True) if not ok]
        assert found.steps[index] == steps
        assert found.settled[index] == inside[-1]
        assert found.crossings[index] == sum(a != b for a, b in zip(sides, sides[1:], strict=False))
        ways = {1.0: [-row], -1.0: [row], 0.0: [row, -row]}[float(np.sign(row[0]))]
        beyond = max(max(way) for way in ways)
        assert found.overshoot[index] == pytest.approx(max(beyond, 0.0))
    assert 0 < found.settled.sum() < 200


def test_series_that_never_settle_or_are_there_at_once() -> None:
    assert settling([5.0, 0.0, 5.0], 0.0, 1.0).steps == 3
    still = settling([1.0, 1.0], 1.0, 0.5)
    assert (still.overshoot, still.settled, still.steps, still.crossings) == (0.0, True, 0, 0)
    assert settling([0.0, -2.0, 0.0], 0.0, 0.5).overshoot == 2.0


def test_switches() -> None:
    assert switches([[0, 0, 1, 1, 0, 2], [1, 1, 1, 1, 1, 1]]).tolist() == [3, 0]
    assert switches([2]) == 0


@pytest.mark.parametrize(
    "given",
    [
        ([], 0.0, 1.0),
        (3.0, 0.0, 1.0),
        ([1.0, np.nan], 0.0, 1.0),
        ([1.0], np.inf, 1.0),
        ([1.0], 0.0, 0.0),
        (["a"], 0.0, 1.0),
    ],
)
def test_bad_input(given: Any) -> None:
    with pytest.raises(InvalidInput):
        settling(*given)
    with pytest.raises(InvalidInput):
        switches(given[0] if given[0] != [1.0] else "no")
