"""The triangle inequality over all triples of nodes, compiled."""

from __future__ import annotations

import numba
import numpy as np

from poagame._arrays import FloatArray


@numba.njit(cache=True)
def first_detour(distance: FloatArray) -> tuple[int, int, int]:
    """Nodes (i, j, k) with d_ik > d_ij + d_jk beyond rounding, the first in this order; −1 thrice if there are none."""
    n = len(distance)
    for i in range(n):
        for j in range(n):
            first = distance[i, j]
            if not first < np.inf:
                continue
            # counted without a branch, so that the loop over k becomes vector instructions
            longer = 0
            for k in range(n):
                longer += distance[i, k] > (first + distance[j, k]) * (1.0 + 1e-12)
            if longer:
                for k in range(n):
                    if distance[i, k] > (first + distance[j, k]) * (1.0 + 1e-12):
                        return i, j, k
    return -1, -1, -1
