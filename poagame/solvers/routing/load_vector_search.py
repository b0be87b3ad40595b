# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
"""The compiled depth-first search behind `poagame.solvers.routing.load_vectors`."""

from __future__ import annotations

import numpy as np

from poagame._compiled import compiled
from poagame.solvers.routing.transport_flow import augment


@compiled
def search(latency, staying, gain, counts, loads, max_nodes, costs, flows, found):  # pragma: no cover - compiled
    """Depth-first search over the load vectors that begin with `loads[0]`; return the number of prefixes looked at.

    With `found` [M, W] empty in its second axis, improve `costs` (worst, best) and `flows` (worst, best); else write the load vectors
    that carry an equilibrium into `found`, and their number into `loads[0]` (which may exceed M: call again with more room).
    """
    types, workers = gain.shape
    total = counts.sum()
    listing = found.shape[1] > 0
    num_found = 0
    nodes = 0
    low = np.zeros(workers, np.int64)  # range of the load at each depth
    high = np.zeros(workers, np.int64)
    # cheapest move of each type among the workers of the prefix. A worker's own move counts too: latency does not
    # decrease, so it is never cheaper than staying
    cheapest = np.full((workers, types), np.inf)
    flow = np.zeros((types, workers), np.int64)
    low[0] = high[0] = loads[0]
    if workers == 1 and loads[0] != total:
        high[0] = -1
    depth = 0
    used = 0
    current = np.zeros(workers, np.int64)
    current[0] = low[0] - 1
    while depth >= 0:
        current[depth] += 1
        if current[depth] > high[depth]:
            depth -= 1
            if depth >= 0:
                used -= current[depth]
            continue
        nodes += 1
        if nodes >= max_nodes:
            break
        load = current[depth]
        for k in range(types):
            move = latency[depth, load + 1] - gain[k, depth]
            cheapest[depth, k] = move if depth == 0 else min(move, cheapest[depth - 1, k])
        used += load
        verdict = _prefix_verdict(staying, gain, counts, current, depth, used, cheapest)
        if verdict == 2:  # more load here only makes it worse
            used -= load
            depth -= 1
            if depth >= 0:
                used -= current[depth]
            continue
        if verdict == 1:
            used -= load
            continue
        if depth == workers - 1:
            if used == total:
                if listing:
                    if _place(staying, gain, counts, current, cheapest, 1.0, flow):
                        if num_found < found.shape[0]:
                            found[num_found] = current
                        num_found += 1
                else:
                    _improve(latency, staying, gain, counts, current, cheapest, costs, flows, flow)
            used -= load
            continue
        rest = total - used
        lows, highs = np.int64(0), np.int64(0)
        first_low, first_high = np.int64(0), np.int64(0)
        for u in range(depth + 1, workers):
            # at most: the largest load at which some type still accepts u against the prefix
            limit = -np.inf
            for k in range(types):
                limit = max(limit, gain[k, u] + cheapest[depth, k])
            most = min(rest, np.searchsorted(staying[u, : total + 1], limit, side="right") - 1)
            most = max(most, 0)
            # at least: so much that for each loaded worker of the prefix some type does not move to u
            need = -np.inf
            for j in range(depth + 1):
                if current[j] > 0:
                    least = np.inf
                    for k in range(types):
                        least = min(least, staying[j, current[j]] - gain[k, j] + gain[k, u])
                    need = max(need, least)
            fewest = max(np.searchsorted(latency[u, 1:], need, side="left"), 0)
            if u == depth + 1:
                first_low, first_high = fewest, most
            else:
                lows += fewest
                highs += most
        begin, end = max(first_low, rest - highs), min(first_high, rest - lows)
        if begin > end:
            used -= load
            continue
        depth += 1
        low[depth], high[depth] = begin, end
        current[depth] = begin - 1
    if listing:
        loads[0] = num_found
    return nodes


@compiled
def _accepts_at(staying, gain, current, k, j, depth, cheapest):  # pragma: no cover - compiled
    return staying[j, current[j]] - gain[k, j] <= cheapest[depth, k]


@compiled
def _prefix_verdict(staying, gain, counts, current, depth, used, cheapest):  # pragma: no cover - compiled
    """0: may go on. 1: no equilibrium has this prefix. 2: nor any with a larger load on its last worker."""
    types = gain.shape[0]
    willing_anywhere = np.int64(0)
    for j in range(depth + 1):
        room = np.int64(0)
        for k in range(types):
            if _accepts_at(staying, gain, current, k, j, depth, cheapest):
                room += counts[k]
        if current[j] > room:
            return 2 if j == depth else 1
    for k in range(types):
        for j in range(depth + 1):
            if _accepts_at(staying, gain, current, k, j, depth, cheapest):
                willing_anywhere += counts[k]
                break
    return 1 if used > willing_anywhere else 0


@compiled
def _improve(latency, staying, gain, counts, current, cheapest, costs, flows, flow):  # pragma: no cover - compiled
    """Replace the worst and the best placement where this load vector has a dearer or a cheaper one."""
    types, workers = gain.shape
    congestion = 0.0
    for j in range(workers):
        if current[j] > 0:
            congestion += current[j] * latency[j, current[j]]
    most, least = 0.0, 0.0
    for k in range(types):
        high, low = -np.inf, np.inf
        for j in range(workers):
            if _accepts_at(staying, gain, current, k, j, workers - 1, cheapest):
                high = max(high, gain[k, j])
                low = min(low, gain[k, j])
        most += counts[k] * high
        least += counts[k] * low
    # type-wise bounds on the gain show most load vectors to be neither
    for side in range(2):
        promising = congestion - least > costs[0] if side == 0 else congestion - most < costs[1]
        if not promising:
            continue
        sign = 1.0 if side == 0 else -1.0
        if _place(staying, gain, counts, current, cheapest, sign, flow):
            cost = congestion - (gain * flow).sum()
            if (side == 0 and cost > costs[0]) or (side == 1 and cost < costs[1]):
                costs[side] = cost
                flows[side] = flow


@compiled
def _place(staying, gain, counts, current, cheapest, sign, flow):  # pragma: no cover - compiled
    """Place all types on a load vector at least `sign` × gain; False where they cannot be placed."""
    types, workers = gain.shape
    costs = np.empty((types, workers))
    worker_potential = np.empty(workers)
    slots = np.full((workers, max(1, current.max())), np.inf)
    for j in range(workers):
        slots[j, : current[j]] = 0.0
        worker_potential[j] = np.inf
        for k in range(types):
            if current[j] == 0:
                costs[k, j] = 0.0
            elif _accepts_at(staying, gain, current, k, j, workers - 1, cheapest):
                costs[k, j] = sign * gain[k, j]
            else:
                costs[k, j] = np.inf
            worker_potential[j] = min(worker_potential[j], costs[k, j])
        if worker_potential[j] == np.inf:
            return False
    sink = np.inf
    for j in range(workers):
        if current[j] > 0:
            sink = min(sink, worker_potential[j])
    flow[:] = 0
    potential = np.zeros(types)
    return not np.isnan(augment(slots, costs, counts.copy(), flow, potential, worker_potential, sink))
