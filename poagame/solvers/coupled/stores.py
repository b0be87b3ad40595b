r"""The best stores of all workers for given routing, by dynamic programming over what is held somewhere.

What the workers together hold, a set H of groups, says which requests are prefilled anew; with H given, the more requests find their
prefix at their own worker, the fewer transfers. So of all stores with union H those with most such requests are best, whatever a
transfer costs:

.. math:: V_j(H) = \max_{H' \cup S = H} V_{j-1}(H') + \sum_{k \in S} n_{jk}, \qquad |S| \le \text{places}.
"""

from __future__ import annotations

import numba
import numpy as np

from poagame._arrays import IntArray

MAX_GROUPS = 10
"""Most groups: 4^K steps a worker."""


def stores_by_union(count: IntArray, places: int) -> IntArray:
    """[U, d, K]: for each set of groups that can be held, stores with that union at which most requests find their prefix.

    Parameters
    ----------
    count : [d, K]
        Requests of each group at each worker, K at most `MAX_GROUPS`.
    places : int
        Most prefixes of a worker.

    Examples
    --------
    >>> stores_by_union(np.array([[3, 1], [2, 2]]), 1).tolist()
    [[[0, 0], [0, 0]], [[1, 0], [1, 0]], [[0, 1], [0, 1]], [[1, 0], [0, 1]]]
    """
    groups = count.shape[1]
    member = np.arange(2**groups)[:, None] >> np.arange(groups) & 1
    fits = np.flatnonzero(member.sum(axis=1) <= places)
    chosen: IntArray = _chosen(np.ascontiguousarray(member[fits] @ count.T), fits, 2**groups)
    return member[chosen[(chosen >= 0).all(axis=1)]]


@numba.njit(cache=True)
def _chosen(hits: IntArray, sets: IntArray, unions: int) -> IntArray:  # pragma: no cover - compiled
    """[unions, d]: the store of each worker as a set, −1 where no stores have that union; hits [S, d] of the S sets."""
    d = hits.shape[1]
    value = np.full((d + 1, unions), -1)
    value[0, 0] = 0
    store, before = np.full((d, unions), -1), np.full((d, unions), -1)
    for j in range(d):
        for held in range(unions):
            if value[j, held] < 0:
                continue
            for s in range(len(sets)):
                union, total = held | sets[s], value[j, held] + hits[s, j]
                if total > value[j + 1, union]:
                    value[j + 1, union], store[j, union], before[j, union] = total, sets[s], held
    chosen = np.full((unions, d), -1)
    for union in range(unions):
        if value[d, union] < 0:
            continue
        held = union
        for j in range(d - 1, -1, -1):
            chosen[union, j], held = store[j, held], before[j, held]
    return chosen
