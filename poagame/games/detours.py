"""The triangle inequality over all triples of nodes, compiled."""

from __future__ import annotations

import numba
import numpy as np

from poagame._arrays import FloatArray

BLOCK = 8
"""Rows looked at together, so that the matrix is read from memory once for all of them."""


@numba.njit(cache=True)
def first_detour(distance: FloatArray) -> tuple[int, int, int]:
    """Nodes (i, j, k) with d_ik > d_ij + d_jk beyond rounding, the first in this order; −1 thrice if there are none."""
    n = len(distance)
    for low in range(0, n, BLOCK):
        high = min(low + BLOCK, n)
        if _any_detour(distance, low, high):
            for i in range(low, high):
                for j in range(n):
                    for k in range(n):
                        if distance[i, k] > (distance[i, j] + distance[j, k]) * (1.0 + 1e-12):
                            return i, j, k
    return -1, -1, -1


@numba.njit(cache=True)
def _any_detour(distance: FloatArray, low: int, high: int) -> bool:
    """Whether there is one from a node of low … high − 1."""
    n = len(distance)
    for j in range(n):
        # counted without a branch, so that the loop over k becomes vector instructions
        longer = 0
        for i in range(low, high):
            first = distance[i, j]
            if first < np.inf:
                for k in range(n):
                    longer += distance[i, k] > (first + distance[j, k]) * (1.0 + 1e-12)
        if longer:
            return True
    return False
