r"""Newton step of the quadratic path-flow model among the paths in use.

Sweeps over single commodities crawl where steep edges couple several of them; there the model is solved for all at once. Each
commodity's fullest path takes up what its others give: with D the differences of their edges, y solves :math:`D^T H D\,y = -D^T c`.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg

from poagame._arrays import FloatArray, IntArray

MAX_DENSE = 400
"""Most variables for an eigendecomposition; beyond, conjugate gradients."""


def face_step(
    incidence: sparse.csr_array, commodity_ptr: IntArray, flow: FloatArray, cost: FloatArray, slope: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Flows after the step, cut back until the model falls and flows stay ≥ 0, and the model's costs [E] there; None if it cannot."""
    commodity = np.repeat(np.arange(commodity_ptr.size - 1), np.diff(commodity_ptr))
    used = np.flatnonzero(flow > 0)
    order = used[np.lexsort((-flow[used], commodity[used]))]
    leads = np.ones(order.size, dtype=bool)
    leads[1:] = commodity[order[1:]] != commodity[order[:-1]]
    others = order[~leads]
    if not others.size:
        return None
    lead = order[leads][np.cumsum(leads)[~leads] - 1]
    difference = incidence[others] - incidence[lead]
    gradient = difference @ cost
    step = _solve(difference, slope, -gradient)
    free = flow[others]
    for part in 0.5 ** np.arange(12):
        change = np.maximum(part * step, -free)
        new = flow.copy()
        new[others] = free + change
        given = np.bincount(lead, change, flow.size)
        if (new < given).any():  # the fullest path of a commodity cannot give as much
            continue
        new -= given
        moved = difference.T @ change
        if float(cost @ moved + 0.5 * (slope @ (moved * moved))) < 0.25 * min(0.0, float(gradient @ change)):
            return new, cost + slope * moved
    return None


def _solve(difference: sparse.csr_array, slope: FloatArray, right: FloatArray) -> FloatArray:
    scaled = difference * np.sqrt(slope)[None, :]
    if right.size <= MAX_DENSE:
        gram = (scaled @ scaled.T).toarray()
        size = np.sqrt(np.maximum(gram.diagonal(), 1e-300))
        values, vectors = np.linalg.eigh(gram / np.outer(size, size))
        kept = values > 1e-13 * values[-1]
        part = vectors[:, kept]
        return part @ ((part.T @ (right / size)) / values[kept]) / size
    scaled = sparse.csr_array(scaled)
    weight = (scaled * scaled).sum(axis=1)
    inverse = np.where(weight > 0, 1.0 / np.where(weight > 0, weight, 1.0), 0.0)

    def gram_times(y: FloatArray) -> FloatArray:
        return np.asarray(scaled @ (scaled.T @ y))

    square = (right.size, right.size)
    product = LinearOperator(square, matvec=gram_times)  # pyright: ignore[reportCallIssue] (2026-11: scipy's stub)
    precondition = sparse.diags_array(inverse)
    return cg(product, right, rtol=1e-4, maxiter=200, M=precondition)[0]
