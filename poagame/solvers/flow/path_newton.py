# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
r"""Newton step of the quadratic path-flow model among the paths in use.

Sweeps over single commodities crawl where steep edges couple several of them; there the model is solved for all at once. Each
commodity's fullest path takes up what its others give: with D the differences of their edges, y solves :math:`D^T H D\,y = -D^T c`.
Few unknowns are eliminated (compiled here: threads of a LAPACK would cost more than they give), many take conjugate gradients.
"""

from __future__ import annotations

import numpy as np

from poagame._compiled import compiled

MAX_DENSE = 256
"""Most unknowns that are eliminated."""

FLAT = 1e-13
"""Pivot, relative to its unknown's own slope, below which an unknown counts as determined by those before it."""

RTOL = 1e-5
"""Residual at which the conjugate gradients end, relative to the first."""

CUTS = 12
"""Halvings of a step that the model or the fullest paths do not take."""


@compiled
def _face(commodity_ptr, path_ptr, path_edges, flow, slope):  # pragma: no cover - compiled
    """Used paths that are not the fullest of their commodity, the fullest one, and the slopes on the edges where they differ."""
    others, leads = np.empty(flow.size, np.int64), np.empty(flow.size, np.int64)
    weight = np.empty(flow.size)
    stamp = np.full(slope.size, -1, np.int64)
    size = 0
    for k in range(commodity_ptr.size - 1):
        begin, end = commodity_ptr[k], commodity_ptr[k + 1]
        if end - begin < 2:
            continue
        lead = begin
        for p in range(begin + 1, end):
            if flow[p] > flow[lead]:
                lead = p
        own = 0.0
        for a in range(path_ptr[lead], path_ptr[lead + 1]):
            stamp[path_edges[a]] = k
            own += slope[path_edges[a]]
        for p in range(begin, end):
            if p != lead and flow[p] > 0.0:
                bend = own
                for a in range(path_ptr[p], path_ptr[p + 1]):
                    e = path_edges[a]
                    bend += -slope[e] if stamp[e] == k else slope[e]
                others[size], leads[size], weight[size] = p, lead, max(bend, 0.0)
                size += 1
    return others[:size], leads[:size], weight[:size]


@compiled
def _spread(others, leads, path_ptr, path_edges, y, moved):  # pragma: no cover - compiled
    """Loads [E] that change when each of `others` takes y from its lead."""
    moved[:] = 0.0
    taken = 0.0
    for i in range(others.size):
        taken += y[i]
        for a in range(path_ptr[others[i]], path_ptr[others[i] + 1]):
            moved[path_edges[a]] += y[i]
        if i + 1 == others.size or leads[i + 1] != leads[i]:
            for a in range(path_ptr[leads[i]], path_ptr[leads[i] + 1]):
                moved[path_edges[a]] -= taken
            taken = 0.0


@compiled
def _collect(others, leads, path_ptr, path_edges, price, gain):  # pragma: no cover - compiled
    """Price of each of `others` minus that of its lead."""
    base = 0.0
    for i in range(others.size):
        if i == 0 or leads[i] != leads[i - 1]:
            base = 0.0
            for a in range(path_ptr[leads[i]], path_ptr[leads[i] + 1]):
                base += price[path_edges[a]]
        total = 0.0
        for a in range(path_ptr[others[i]], path_ptr[others[i] + 1]):
            total += price[path_edges[a]]
        gain[i] = total - base


@compiled
def _eliminated(others, leads, weight, slope, path_ptr, path_edges, gradient):  # pragma: no cover - compiled
    """Newton step by Cholesky factors with diagonal pivots; unknowns that those before determine stay 0."""
    size = others.size
    moved, image, unit = np.empty(slope.size), np.empty(size), np.zeros(size)
    scale = np.where(weight > 0.0, 1.0 / np.sqrt(np.where(weight > 0.0, weight, 1.0)), 0.0)
    gram = np.empty((size, size))
    for i in range(size):
        unit[i] = 1.0
        _spread(others, leads, path_ptr, path_edges, unit, moved)
        moved *= slope
        _collect(others, leads, path_ptr, path_edges, moved, image)
        gram[i] = image * scale * scale[i]
        unit[i] = 0.0
    order = np.arange(size)
    factor = np.zeros((size, size))  # rows in the order of elimination
    rest = np.diag(gram).copy()
    right = -gradient * scale
    half = np.zeros(size)
    rank = 0
    while rank < size:
        best = rank
        for i in range(rank + 1, size):
            if rest[order[i]] > rest[order[best]]:
                best = i
        if rest[order[best]] <= FLAT:
            break
        order[rank], order[best] = order[best], order[rank]
        row = order[rank]
        pivot = np.sqrt(rest[row])
        factor[row, rank] = pivot
        half[rank] = right[row]
        for j in range(rank):
            half[rank] -= factor[row, j] * half[j]
        half[rank] /= pivot
        for i in range(rank + 1, size):
            r = order[i]
            value = gram[row, r]
            for j in range(rank):
                value -= factor[row, j] * factor[r, j]
            factor[r, rank] = value / pivot
            rest[r] -= factor[r, rank] ** 2
        rank += 1
    step = np.zeros(size)
    for i in range(rank - 1, -1, -1):
        value = half[i]
        for j in range(i + 1, rank):
            value -= factor[order[j], i] * step[order[j]]
        step[order[i]] = value / factor[order[i], i]
    return step * scale


@compiled
def _conjugate(
    others, leads, weight, slope, path_ptr, path_edges, gradient, max_iterations
):  # pragma: no cover - compiled
    """Newton step by conjugate gradients, scaled by each unknown's own slope."""
    size = others.size
    step, image, moved = np.zeros(size), np.empty(size), np.empty(slope.size)
    inverse = np.where(weight > 0.0, 1.0 / np.where(weight > 0.0, weight, 1.0), 0.0)
    residual = -gradient
    direction = inverse * residual
    power = np.sum(residual * direction)
    enough = RTOL * RTOL * power
    for _ in range(min(max_iterations, 4 * size + 8)):
        if power <= enough:
            break
        _spread(others, leads, path_ptr, path_edges, direction, moved)
        moved *= slope
        _collect(others, leads, path_ptr, path_edges, moved, image)
        bend = np.sum(direction * image)
        if bend <= 1e-14 * np.sum(direction * direction * weight):  # flat: nothing more to solve along here
            break
        part = power / bend
        step += part * direction
        residual -= part * image
        before = power
        power = np.sum(residual * residual * inverse)
        direction = inverse * residual + (power / before) * direction
    return step


@compiled
def face_step(cost, slope, commodity_ptr, path_ptr, path_edges, flow, max_iterations):  # pragma: no cover - compiled
    """Change `flow` and the model's `cost` by the step, cut back until the model falls and flows stay ≥ 0; False if it cannot."""
    others, leads, weight = _face(commodity_ptr, path_ptr, path_edges, flow, slope)
    size = others.size
    if size == 0:
        return False
    moved, gradient = np.empty(cost.size), np.empty(size)
    _collect(others, leads, path_ptr, path_edges, cost, gradient)
    image = np.empty(size)
    if size <= MAX_DENSE:
        step = _eliminated(others, leads, weight, slope, path_ptr, path_edges, gradient)
    else:
        step = _conjugate(others, leads, weight, slope, path_ptr, path_edges, gradient, max_iterations)
    left = np.empty(flow.size)
    for cut in range(CUTS):
        part = 0.5**cut
        left[:] = flow
        fall = 0.0
        for i in range(size):
            change = max(part * step[i], -flow[others[i]])
            left[others[i]] += change
            left[leads[i]] -= change
            image[i] = change
            fall -= gradient[i] * change
        possible = True
        for i in range(size):
            if left[leads[i]] < 0.0:  # the fullest path of a commodity cannot give as much
                possible = False
                break
        if not possible:
            continue
        _spread(others, leads, path_ptr, path_edges, image, moved)
        # the model's change is at most a quarter of the linear fall, or the step is cut
        if -fall + 0.5 * np.sum(slope * moved * moved) < -0.25 * max(0.0, fall):
            flow[:] = left
            cost += slope * moved
            return True
    return False
