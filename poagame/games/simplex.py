"""Euclidean projection onto products of simplices, all rows at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poagame._arrays import FloatArray, require


def project_to_simplices(x: ArrayLike, total: ArrayLike, available: NDArray[np.bool_] | None = None) -> FloatArray:
    r"""The point of :math:`\prod_i \{y_i \ge 0, \sum_a y_{ia} = d_i\}` nearest to x, in O(A log A) a row.

    Each row is :math:`\max(x_i - \theta_i, 0)`, with the one threshold that gives it its total [held1974]_. Rows are rescaled at
    the end, so that they sum to their totals up to a rounding or two.

    Parameters
    ----------
    x : [..., A]
        Finite.
    total : [...]
        d ≥ 0, a number for each row.
    available : [..., A] bool, optional
        Entries that may be positive, at least one in each row; the others are 0.

    Raises
    ------
    InvalidInput
        If x is not finite, a total is negative, or a row has no available entry.

    Examples
    --------
    >>> project_to_simplices([[0.5, 0.8], [3.0, 0.0]], [1.0, 2.0])
    array([[0.35, 0.65],
           [2.  , 0.  ]])

    References
    ----------
    .. [held1974] Held, Wolfe, Crowder: Validation of subgradient optimization, Mathematical Programming 6 (1974).
    """
    point, size = np.asarray(x, dtype=np.float64), np.asarray(total, dtype=np.float64)
    require(bool(np.isfinite(point).all()), "a projection needs finite numbers")
    require(
        bool((size >= 0).all() and np.isfinite(size).all()), "the totals of simplices must be finite and nonnegative"
    )
    kept = np.ones(point.shape, dtype=bool) if available is None else np.broadcast_to(available, point.shape)
    require(bool(kept.any(axis=-1).all()), "every simplex needs an available entry")
    # distances below the row's largest entry: exact differences, and no overflow for rows far from the simplex
    below = np.where(kept, point, -np.inf)
    below = below - below.max(axis=-1, keepdims=True)
    falling = -np.sort(-below, axis=-1)
    finite = np.where(np.isfinite(falling), falling, 0.0)
    counts = np.arange(1, point.shape[-1] + 1)
    threshold = (np.cumsum(finite, axis=-1) - size[..., None]) / counts
    positive = np.isfinite(falling) & (falling > threshold)
    last = np.maximum(positive.sum(axis=-1, keepdims=True) - 1, 0)
    y = np.maximum(np.where(kept, below, -np.inf) - np.take_along_axis(threshold, last, axis=-1), 0.0)
    sums = y.sum(axis=-1, keepdims=True)
    return np.where(sums > 0, y * (size[..., None] / np.where(sums > 0, sums, 1.0)), 0.0)
