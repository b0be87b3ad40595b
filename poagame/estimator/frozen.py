r"""The frozen optimum: every request pays the latency that its worker showed when the window opened.

With :math:`n_j` requests in flight on worker j, and s = ⌈length/W⌉ replicated slots a worker,

.. math:: \mathrm{OPT} = \min_{\text{assignments of requests to slots}} \sum_i c_{i,j(i)}, \qquad
          c_{ij} = \ell_j(n_j) - \omega\, o_{ij}.

Without overlap all rows of the matrix are equal and the assignment is a sort; with overlap it is solved in
`poagame.estimator.overlap`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from poagame._arrays import FloatArray
from poagame._compiled import compiled
from poagame.estimator.windows import Segment


def frozen_optimum(segment: Segment, table: FloatArray) -> FloatArray:
    """Cheapest assignment of each window to replicated slots, without overlap.

    Parameters
    ----------
    segment : Segment
    table : [1 or W, L]
        Latency of each worker (or of all) at loads 0 … L − 1 ≥ the largest background.

    Returns
    -------
    [V]
        Infinite where a window needs a worker whose latency is.
    """
    optimum = np.empty(len(segment.members))
    _cheapest(segment.background, table, segment.length, segment.slots, optimum)
    return optimum


@compiled
def _cheapest(
    background: Any, table: Any, length: Any, slots: Any, optimum: Any
) -> None:  # pragma: no cover - compiled
    windows, workers = background.shape
    shared = table.shape[0] == 1
    costs = np.empty(workers)
    for v in range(windows):
        for j in range(workers):
            costs[j] = table[0 if shared else j, background[v, j]]
        costs.sort()
        total = 0.0
        left = length
        j = 0
        while left > 0:
            take = min(slots, left)
            total += take * costs[j]
            left -= take
            j += 1
        optimum[v] = total
