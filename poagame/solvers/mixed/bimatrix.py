# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
r"""Compiled vertex enumeration behind `poagame.solvers.mixed.mixed_equilibria`.

The best replies of an opponent with costs c[i, j] to a mixed strategy x are the facets of the cone
:math:`\{(x, v) : x \ge 0,\ v \le \sum_i x_i c_{ij}\ \forall j\}`; its extreme rays with x ≠ 0 are the vertices of the
best-reply polyhedron. They are found by the double description method: one inequality v ≤ … at a time, each new ray on
the line between two adjacent old ones that the inequality separates. A ray carries the set of its tight inequalities as
a bit mask: bit i is x_i = 0 and bit m + j is "j is a best reply". So degenerate games, where a ray has more tight
inequalities than the dimension needs, are no special case, apart from a fuller test of adjacency.
"""

from __future__ import annotations

import numpy as np

from poagame._compiled import compiled

EPSILON = float(np.finfo(np.float64).eps)


@compiled
def best_reply_vertices(costs, tolerance, limit):  # pragma: no cover - compiled
    """Extreme rays with x ≠ 0 of the best-reply cone of `costs` [m, n] (entries in 0 … 1), scaled to Σ x = 1.

    Return x [V, m], masks [V], the least slack above `tolerance` and the greatest below that were met. V = 0 if there
    would be more than `limit` rays on the way.
    """
    m, n = costs.shape
    rays = np.zeros((64 + 4 * (m + n), m + 1))
    tight = np.zeros(len(rays), np.int64)
    all_zero = (np.int64(1) << m) - 1
    for i in range(m):
        rays[i, i] = 1.0
        rays[i, m] = costs[i, 0]
        tight[i] = (all_zero ^ (np.int64(1) << i)) | (np.int64(1) << m)
    rays[m, m] = -1.0  # the way down: no best reply there
    tight[m] = all_zero
    count = m + 1
    above, below = np.inf, 0.0
    for j in range(1, n):
        bit = np.int64(1) << (m + j)
        slack = np.empty(count)
        simple = True
        for r in range(count):
            simple = simple and _ones(tight[r]) == m
            s = -rays[r, m]
            for i in range(m):
                s += rays[r, i] * costs[i, j]
            if abs(s) <= tolerance:
                below = max(below, abs(s))
                s = 0.0
                tight[r] |= bit
            else:
                above = min(above, abs(s))
            slack[r] = s
        positive = np.flatnonzero(slack > 0.0)
        negative = np.flatnonzero(slack < 0.0)
        kept = count
        for p in positive:
            for q in negative:
                common = tight[p] & tight[q]
                if _ones(common) < m - 1 or not (simple or _adjacent(tight, count, p, q, common)):
                    continue
                if kept == len(rays):
                    rays = np.concatenate((rays, np.zeros_like(rays)))
                    tight = np.concatenate((tight, np.zeros_like(tight)))
                total = 0.0
                for i in range(m):
                    rays[kept, i] = slack[p] * rays[q, i] - slack[q] * rays[p, i]
                    total += rays[kept, i]
                v = 0.0  # on the new facet by construction, not by difference
                for i in range(m):
                    rays[kept, i] /= total
                    v += rays[kept, i] * costs[i, j]
                rays[kept, m] = v
                tight[kept] = common | bit
                kept += 1
                if kept > limit:
                    return np.empty((0, m)), np.empty(0, np.int64), above, below
        write = 0
        for r in range(kept):
            if r >= count or slack[r] >= 0.0:
                rays[write] = rays[r]
                tight[write] = tight[r]
                write += 1
        count = write
    vertices = np.empty((count - 1, m))
    masks = np.empty(count - 1, np.int64)
    at = 0
    for r in range(count):
        if tight[r] & all_zero == all_zero:
            continue
        vertices[at] = rays[r, :m]
        masks[at] = tight[r]
        at += 1
        least = np.inf
        replies = np.zeros(n)
        for j in range(n):
            for i in range(m):
                replies[j] += rays[r, i] * costs[i, j]
            least = min(least, replies[j])
        for j in range(n):  # what was decided on the way, seen again from the finished vertex
            if tight[r] >> (m + j) & 1:
                below = max(below, replies[j] - least)
            else:
                above = min(above, replies[j] - least)
    return vertices[:at], masks[:at], above, below


@compiled
def _ones(mask):  # pragma: no cover - compiled
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


@compiled
def _adjacent(tight, count, p, q, common):  # pragma: no cover - compiled
    """Whether no third ray is tight wherever both rays are."""
    for r in range(count):  # noqa: SIM110 2026-11: numba compiles no generator
        if r != p and r != q and tight[r] & common == common:
            return False
    return True


@compiled
def extreme_pairs(of_row, of_column, tie, max_vertices, max_pairs):  # pragma: no cover - compiled
    """Extreme equilibria of the bimatrix game with costs `of_row` and `of_column` [m, n]: x [K, m] and y [K, n].

    Return also the numbers of vertices [2] (0 if more than `max_vertices`), K (above `max_pairs` nothing is listed), and, for
    either polyhedron, the least slack taken for one, the greatest taken for none, and the tolerance between [2, 3].
    """
    m, n = of_row.shape
    rows, columns = _undominated(of_row, of_column)
    p, q = len(rows), len(columns)
    of_x, of_y = np.empty((p, q)), np.empty((q, p))
    for i in range(p):
        for j in range(q):
            of_x[i, j] = of_column[rows[i], columns[j]]
            of_y[j, i] = of_row[rows[i], columns[j]]
    doubts = np.empty((2, 3))
    x, x_labels = _polyhedron(of_x, tie, max_vertices, doubts[0])
    y, y_labels = _polyhedron(of_y, tie, max_vertices, doubts[1])
    for k in range(len(y_labels)):  # bit of an action: the same on both sides
        y_labels[k] = (y_labels[k] >> q) | ((y_labels[k] & ((np.int64(1) << q) - 1)) << p)
    full = (np.int64(1) << (p + q)) - 1
    pairs = np.empty((64, 2), np.int64)
    count = 0
    for a in range(len(x)):
        missing = full & ~x_labels[a]
        for b in range(len(y)):
            if y_labels[b] & missing == missing:
                if count == len(pairs) and count <= max_pairs:
                    pairs = np.concatenate((pairs, np.empty_like(pairs)))
                if count < len(pairs):
                    pairs[count, 0] = a
                    pairs[count, 1] = b
                count += 1
    listed = count if count <= max_pairs else 0
    first, second = np.zeros((listed, m)), np.zeros((listed, n))
    for k in range(listed):
        for i in range(p):
            first[k, rows[i]] = x[pairs[k, 0], i]
        for j in range(q):
            second[k, columns[j]] = y[pairs[k, 1], j]
    return first, second, (len(x), len(y)), count, doubts


@compiled
def _undominated(of_row, of_column):  # pragma: no cover - compiled
    """Rows and columns left when those that another one undercuts everywhere, clearly, are left out in turn: none is ever played.

    So no enormous cost of an action that nobody would take blurs the others.
    """
    rows, columns = np.arange(of_row.shape[0]), np.arange(of_row.shape[1])
    while True:
        before = len(rows) + len(columns)
        rows = _clear_of(of_row, rows, columns)
        columns = _clear_of(of_column.T, columns, rows)
        if len(rows) + len(columns) == before:
            return rows, columns


@compiled
def _clear_of(costs, own, others):  # pragma: no cover - compiled
    """Those of the actions `own` that no other one undercuts at all of `others` by more than a millionth of what is compared."""
    kept = np.ones(len(own), np.bool_)
    for a in range(len(own)):
        for b in range(len(own)):
            less = True
            for j in others:
                mine, its = costs[own[a], j], costs[own[b], j]
                if not mine - its > 1e-6 * max(abs(mine), abs(its)):
                    less = False
                    break
            if less:
                kept[a] = False
                break
    return own[kept]


@compiled
def _polyhedron(costs, tie, limit, doubt):  # pragma: no cover - compiled
    """Vertices [V, m] of the best-reply polyhedron of an opponent with any `costs` [m, n], and their masks; `doubt` is filled in.

    Neither a constant in a row nor the unit of a row changes who replies what: only weights of x change with the unit.
    """
    m, n = costs.shape
    scaled, unit, rounding = np.zeros((m, n)), np.zeros(m), np.zeros(m)
    smallest = np.inf
    for i in range(m):
        low = costs[i].min()
        rounding[i] = 8 * EPSILON * np.abs(costs[i]).max()
        size = costs[i].max() - low
        if size > rounding[i]:
            unit[i] = size
            smallest = min(smallest, size)
            for j in range(n):
                scaled[i, j] = (costs[i, j] - low) / size
    tolerance = tie
    for i in range(m):
        if unit[i] > 0.0:
            tolerance = max(tolerance, rounding[i] / unit[i])
        else:
            unit[i] = smallest if smallest < np.inf else 1.0
    x, masks, above, below = best_reply_vertices(scaled, tolerance, limit)
    for k in range(len(x)):
        total = 0.0
        for i in range(m):
            x[k, i] /= unit[i]
            total += x[k, i]
        for i in range(m):
            x[k, i] /= total
    doubt[0] = above
    doubt[1] = below
    doubt[2] = tolerance
    return x, masks
