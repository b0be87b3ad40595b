"""Kinks are where the slope jumps, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from poagame.latency import BPR, MM1, Latency, Polynomial, Stacked, Tabulated
from poagame.latency.kinks import is_piecewise_linear, kinks

TABLE = Tabulated([0.5, 1.0, 2.0, 4.0], [[1.0, 1.5, 4.0, 20.0], [2.0, 2.1, 3.0, 9.0]])
MIXED = Stacked.of([Tabulated([1.0, 2.0, 3.0], [1.0, 2.0, 6.0]), Polynomial([1.0, 2.0]), MM1([9.0])])


@pytest.mark.parametrize(
    ("latency", "expected", "straight"),
    [
        (TABLE, [[0.5, 1.0, 2.0]] * 2, [True, True]),
        (2.0 * TABLE + [1.0, 3.0], [[0.5, 1.0, 2.0]] * 2, [True, True]),
        (TABLE.preloaded([0.25, 0.75]), [[0.25, 0.75, 1.75], [0.25, 1.25]], [True, True]),
        (TABLE + Polynomial([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]), [[0.5, 1.0, 2.0]] * 2, [True, False]),
        (MIXED, [[1.0, 2.0], [], []], [True, True, False]),
        (BPR([1.0], [2.0], [0.15], [4.0]), [[]], [False]),
    ],
)
def test_slopes_jump_at_kinks_alone(latency: Latency, expected: list[list[float]], straight: list[bool]) -> None:
    found = kinks(latency)
    assert list(is_piecewise_linear(latency)) == straight
    grid = np.arange(0.25, 3.5, 0.25)
    left, right = (
        np.asarray(latency.derivative(np.outer(grid + off, np.ones(len(expected))))) for off in (-1e-9, 1e-9)
    )
    for r, jumps in enumerate(expected):
        assert set(jumps) <= set(np.broadcast_to(found, (len(expected), found.shape[1]))[r])
        seen = np.abs(right[:, r] - left[:, r]) > 1e-6
        np.testing.assert_array_equal(grid[seen], jumps)
