r"""The congestion optimum: a window's requests delay each other on top of the load that the window found.

The window plays the routing game with latencies preloaded by the background :math:`b_j`. Its social cost under loads x,

.. math:: \sum_j x_j\,\ell_j(b_j + x_j) - \omega \sum_i o_{i,j(i)}, \qquad \sum_j x_j = \text{length},

is separable, so where each term is convex in :math:`x_j` taking the cheapest marginal slot

.. math:: m_j(x) = x\,\ell_j(b_j + x) - (x - 1)\,\ell_j(b_j + x - 1)

time after time is exact. The actual assignment's cost in the same model is never below this optimum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from poagame._arrays import FloatArray, require
from poagame._compiled import compiled
from poagame.errors import InvalidInput
from poagame.estimator.timeline import Timeline
from poagame.estimator.windows import Segment
from poagame.latency import Latency


def latency_table(latency: Latency, loads: int) -> FloatArray:
    """Latency at the loads 0 … `loads` − 1 as an array [R, loads]."""
    step = 2**16
    parts = [latency(np.arange(a, min(a + step, loads), dtype=np.float64)[:, None]) for a in range(0, loads, step)]
    return np.ascontiguousarray(np.concatenate([np.asarray(p, dtype=np.float64) for p in parts]).T)


def require_convex(table: FloatArray, length: int) -> None:
    """Refuse latencies for which x ↦ x·ℓ(b + x) is not convex at some background b and x < `length`.

    With y = b + x its second difference is x·(ℓ(y+1) − 2ℓ(y) + ℓ(y−1)) + ℓ(y+1) − ℓ(y−1). As latencies do not decrease,
    only its first bracket can be negative, and then it is smallest at the largest x: min(y, length − 1).

    Raises
    ------
    InvalidInput
        Naming the first load at which it fails.
    """
    if length < 2 or table.shape[1] < 3:
        return
    below, here, above = table[:, :-2], table[:, 1:-1], table[:, 2:]
    finite = np.isfinite(above)
    below, here, above = (np.where(finite, part, 0.0) for part in (below, here, above))
    x = np.minimum(np.arange(1, table.shape[1] - 1), length - 1)
    bend = x * (above - 2.0 * here + below) + above - below
    fails = (bend < -1e-9 * np.maximum(here, 1.0) * x) & finite
    if fails.any():
        worker, load = (int(k) for k in np.argwhere(fails)[0])
        raise InvalidInput(
            f"load × latency is not convex (latency {worker}, at load {load + 1}), so the optimum is no sum of "
            "cheapest slots; give latency= a convex one, such as fit_latency(table, family='saturating').latency"
        )


def congestion_optimum(segment: Segment, times: Timeline, table: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Cost of the optimum and of the actual assignment of each window in the preloaded game, without overlap.

    Parameters
    ----------
    segment, times
        The windows, and the requests that they point to.
    table : [1 or W, L]
        Latency of each worker (or of all) at loads 0 … L − 1, convex as `require_convex` says;
        L ≥ background + length + 2.

    Returns
    -------
    optimum, actual : [V]
        Infinite where requests are on a worker beyond its capacity.
    """
    shape = segment.members.shape
    worker = np.searchsorted(segment.workers, times.worker[segment.members.ravel()]).reshape(shape)
    enough = int(segment.background.max(initial=0)) + shape[1] + 2
    require(table.shape[1] >= enough, f"the table of latencies needs {enough} loads; it has {table.shape[1]}")
    optimum, actual = np.empty(shape[0]), np.empty(shape[0])
    _cheapest_marginals(segment.background, worker, table, optimum, actual)
    return at_most(optimum, actual), actual


def at_most(optimum: FloatArray, actual: FloatArray) -> FloatArray:
    """The optimum, which may be the actual assignment summed in another order, without that rounding.

    Raises
    ------
    AssertionError
        If it is larger by more than rounding: then it is no optimum.
    """
    wrong = optimum > actual + 1e-9 * np.abs(actual)
    assert not wrong.any(), f"{int(wrong.sum())} windows have an 'optimum' above their actual assignment"
    return np.minimum(optimum, actual)


@compiled
def _cheapest_marginals(  # pragma: no cover - compiled
    background: Any, worker: Any, table: Any, optimum: Any, actual: Any
) -> None:
    windows, workers = background.shape
    length = worker.shape[1]
    shared = table.shape[0] == 1
    load = np.empty(workers, np.int64)
    price = np.empty(workers)
    for v in range(windows):
        load[:] = 0
        for i in range(length):
            load[worker[v, i]] += 1
        actual[v] = 0.0
        for j in range(workers):
            if load[j] > 0:
                actual[v] += load[j] * table[0 if shared else j, background[v, j] + load[j]]
            load[j] = 0
            price[j] = table[0 if shared else j, background[v, j] + 1]
        for _ in range(length):
            j = np.argmin(price)
            load[j] += 1
            if price[j] < np.inf:
                x, row, at = load[j], 0 if shared else j, background[v, j] + load[j]
                price[j] = (x + 1) * table[row, at + 1] - x * table[row, at]
        optimum[v] = 0.0
        for j in range(workers):
            if load[j] > 0:
                optimum[v] += load[j] * table[0 if shared else j, background[v, j] + load[j]]
