# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
"""The cheapest copy that each reader reaches, for many placements of one object at once."""

from __future__ import annotations

import numpy as np

from poagame._arrays import FloatArray, IntArray
from poagame._compiled import compiled


def nearest_copy(read_cost: FloatArray, placement: IntArray) -> FloatArray:
    """[M, n]: the least cost of reading from another node, infinite without a copy within reach.

    Parameters
    ----------
    read_cost : [n, n, T]
        Of reader i, holder j and the tier of its copy; a reader's own copy is not counted, whatever the diagonal says.
    placement : [M, n] of 0 … T
        What each node holds: 0 nothing, t a copy in tier t.
    """
    nodes = read_cost.shape[1]
    by_holder = read_cost.transpose(1, 2, 0).copy()  # readers last: the inner loop runs along memory
    by_holder[np.arange(nodes), :, np.arange(nodes)] = np.inf
    nearest = np.full(placement.shape, np.inf)
    _lower(by_holder, placement, nearest)
    return nearest


@compiled
def _lower(by_holder, placement, nearest):  # pragma: no cover - compiled
    """Lower each entry of `nearest` to the cost of each copy."""
    for m in range(placement.shape[0]):
        row = nearest[m]
        for holder in range(placement.shape[1]):
            if placement[m, holder] > 0:
                read = by_holder[holder, placement[m, holder] - 1]
                for reader in range(row.size):
                    row[reader] = min(row[reader], read[reader])
