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

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
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


@numba.njit(cache=True, nogil=True)
def _ones(mask):  # pragma: no cover - compiled
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _adjacent(tight, count, p, q, common):  # pragma: no cover - compiled
    """Whether no third ray is tight wherever both rays are."""
    for r in range(count):  # noqa: SIM110 2026-11: numba compiles no generator
        if r != p and r != q and tight[r] & common == common:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def complete_pairs(first, second, full):  # pragma: no cover - compiled
    """[K, 2] indices of the pairs of masks that together have all bits of `full`."""
    pairs = np.empty((64, 2), np.int64)
    count = 0
    for a in range(len(first)):
        missing = full & ~first[a]
        for b in range(len(second)):
            if second[b] & missing == missing:
                if count == len(pairs):
                    pairs = np.concatenate((pairs, np.empty_like(pairs)))
                pairs[count, 0] = a
                pairs[count, 1] = b
                count += 1
    return pairs[:count]
