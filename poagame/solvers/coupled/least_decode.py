r"""The least time that requests decode, however they are spread over workers.

With :math:`n_j` of N requests at worker j and m of all decoding, a request decodes :math:`\sum_j g_m(n_j)`,
:math:`g_m(n) = \tfrac nN\, b(nm/N)`, b(x) the time in a batch of x. Under each :math:`g_m` lies a greatest convex function on the whole
loads 0 … N, and of a convex function the sum over workers is least for loads as even as whole numbers allow. Where x · b(x) is convex that
is attained; measured times bend both ways (a batch of 16 that costs hardly more than one of 8), and there it is a bound.
"""

from __future__ import annotations

import numba
import numpy as np

from poagame._arrays import FloatArray, IntArray
from poagame.games.closed_chain import even_loads
from poagame.games.serving_cluster import ServingCluster


def least_decode_ms(cluster: ServingCluster, workers: int) -> FloatArray:
    """[N] decode time with 1 … N decoding on so many workers that no loads beat, transfers left out.

    Examples
    --------
    With all four decoding, three requests and one take (3 · 3 + 1 · 1)/4 = 2.5 ms a token, two and two take 3.

    >>> cluster = ServingCluster(3, [4], itl=lambda n: [1.0, 3.0, 3.0, 9.0], output_tokens=1)
    >>> least_decode_ms(cluster, 2).tolist()
    [1.0, 1.0, 2.0, 2.5]
    """
    number = cluster.num_requests
    load = np.arange(number + 1.0) / number
    return np.array(
        [_under(load * cluster.batch_ms(load * m), even_loads(number, workers)) for m in range(1, number + 1)]
    )


@numba.njit(cache=True)
def _under(value: FloatArray, at: IntArray) -> float:  # pragma: no cover - compiled
    """Sum, over the points `at`, of the greatest convex function under value[0 … N]."""
    hull, size = np.empty(len(value), np.int64), 0
    for x in range(len(value)):
        while size > 1:
            a, b = hull[size - 2], hull[size - 1]
            # b is on or above the line from a to x
            if (value[b] - value[a]) * (x - a) < (value[x] - value[a]) * (b - a):
                break
            size -= 1
        hull[size] = x
        size += 1
    total = 0.0
    for x in at:
        k = np.searchsorted(hull[:size], x)
        if hull[k] == x:
            total += value[x]
        else:
            a, b = hull[k - 1], hull[k]
            total += value[a] + (value[b] - value[a]) * (x - a) / (b - a)
    return float(total)
