# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
"""The compiled searches behind `poagame.solvers.congestion.search` and `.optimum`.

A *cell* is an action of a type of equal players; a profile is the number of players x in each cell. The load of a resource is an
index into its cost table, and each player that uses the resource adds the stride that its weight has there.
"""

from __future__ import annotations

import numpy as np

from poagame._compiled import compiled


@compiled
def search(
    cost, shape, sets, pairs, linear, slack, tie, makespan, max_nodes, found, costs, extremes
):  # pragma: no cover - compiled
    """Depth-first search for all pure equilibria; return the numbers of nodes looked at and of equilibria.

    The first equilibria are written into `found` [M, C], the worst and the best into `extremes` [2, C] and `costs` [2].
    """
    which, stride, counts, weight, kind, start, later, rest = shape
    set_at, members = sets
    cells = kind.size
    low = np.zeros((cells + 1, cost.shape[1]), np.int64)
    high = np.zeros(cost.shape[1], np.int64)
    slope = np.zeros(cost.shape[1])
    x = np.zeros(cells, np.int64)
    left = np.zeros(cells, np.int64)
    least = np.zeros(cells, np.int64)
    nodes, num_found = 0, 0
    depth = 0
    _enter(0, counts[0], start, kind, x, left, least)
    while depth >= 0:
        x[depth] -= 1
        if x[depth] < least[depth]:
            depth -= 1
            continue
        nodes += 1
        if nodes > max_nodes:
            break
        t = kind[depth]
        remaining = left[depth] - x[depth]
        low[depth + 1] = low[depth]
        for m in range(set_at[depth], set_at[depth + 1]):
            low[depth + 1, members[m]] += x[depth] * stride[t, members[m]]
        if left[depth] > 0:
            for r in range(high.size):
                high[r] = low[depth + 1, r] + rest[t + 1, r]
                if later[depth, r]:
                    high[r] += remaining * stride[t, r]
            if _hopeless(cost, shape, sets, pairs, linear, slack, x, depth, remaining, low[depth + 1], high, slope):
                continue
        if depth < cells - 1:
            depth += 1
            following = kind[depth]
            _enter(depth, remaining if following == t else counts[following], start, kind, x, left, least)
            continue
        social = _equilibrium_cost(cost, shape, sets, pairs, tie, makespan, x, low[cells])
        if np.isnan(social):
            continue
        if num_found < found.shape[0]:
            found[num_found] = x
        num_found += 1
        if num_found == 1 or social > costs[0]:
            costs[0] = social
            extremes[0] = x
        if num_found == 1 or social < costs[1]:
            costs[1] = social
            extremes[1] = x
    return nodes, num_found


@compiled
def _enter(depth, players, start, kind, x, left, least):  # pragma: no cover - compiled
    """Begin to count down the players in a cell; the last cell of a type takes all that are left."""
    left[depth] = players
    x[depth] = players + 1
    least[depth] = players if depth + 1 == start[kind[depth] + 1] else 0


@compiled
def _hopeless(
    cost, shape, sets, pairs, linear, slack, x, depth, remaining, low, high, slope
):  # pragma: no cover - compiled
    """Whether some placed player gains by a deviation however the others are placed.

    Compared are the resources of its action and of the deviation that are not in both. First each load by itself, at its
    least or its most; then, where all weights are equal, jointly: costs are bounded by lines through their value at the least load,
    and each player that is still to be placed picks the action that favours the present one most.
    """
    which, stride, counts, weight, kind, start, later, rest = shape
    set_at, members = sets
    pair_at, pair_start, only = pairs
    for e in range(depth + 1):
        if x[e] == 0:
            continue
        t = kind[e]
        table = cost[which[t]]
        for other in range(start[t], start[t + 1]):
            if other == e:
                continue
            mine = pair_at[e] + other - start[t]
            theirs = pair_at[other] + e - start[t]
            most = 0.0
            least_other = 0.0
            for m in range(pair_start[theirs], pair_start[theirs + 1]):
                most += table[only[m], high[only[m]] + stride[t, only[m]]]
                least_other += table[only[m], low[only[m]] + stride[t, only[m]]]
            if most == np.inf:
                continue
            least = 0.0
            most_mine = 0.0
            stuck = 0  # resources that may be infinite: if one is in both actions the deviation may not help
            for m in range(pair_start[mine], pair_start[mine + 1]):
                least += table[only[m], low[only[m]]]
                most_mine += table[only[m], high[only[m]]]
                stuck -= table[only[m], high[only[m]]] == np.inf
            for m in range(set_at[e], set_at[e + 1]):
                stuck += table[members[m], high[members[m]]] == np.inf
            if stuck > 0:
                continue
            if least - most > slack:
                return True
            if not linear or most_mine - least_other <= slack or least == np.inf:
                continue
            gain = least - least_other
            for m in range(pair_start[mine], pair_start[mine + 1]):
                r = only[m]
                flattest = np.inf
                for n in range(1, high[r] - low[r] + 1):
                    flattest = min(flattest, (table[r, low[r] + n] - table[r, low[r]]) / n)
                slope[r] = flattest if flattest < np.inf else 0.0
            for m in range(pair_start[theirs], pair_start[theirs + 1]):
                r = only[m]
                steepest = 0.0
                for n in range(1, high[r] - low[r] + 1):
                    steepest = max(steepest, (table[r, low[r] + 1 + n] - table[r, low[r] + 1]) / n)
                slope[r] = -steepest
            for k in range(kind[depth], counts.size):
                first = max(start[k], depth + 1)
                players = remaining if k == kind[depth] else counts[k]
                if players == 0 or first == start[k + 1]:
                    continue
                help_most = np.inf
                for c in range(first, start[k + 1]):
                    change = 0.0
                    for m in range(set_at[c], set_at[c + 1]):
                        change += slope[members[m]]
                    help_most = min(help_most, change)
                gain += players * help_most
            for m in range(pair_start[mine], pair_start[mine + 1]):
                slope[only[m]] = 0.0
            for m in range(pair_start[theirs], pair_start[theirs + 1]):
                slope[only[m]] = 0.0
            if gain > slack:
                return True
    return False


@compiled
def _equilibrium_cost(cost, shape, sets, pairs, tie, makespan, x, load):  # pragma: no cover - compiled
    """Social cost of a full placement, NaN if it is no equilibrium: the test of the certificates, with ties as theirs."""
    which, stride, counts, weight, kind, start, later, rest = shape
    set_at, members = sets
    scale, worst_gain = 0.0, 0.0
    social = -np.inf if makespan else 0.0
    for e in range(kind.size):
        if x[e] == 0:
            continue
        t = kind[e]
        table = cost[which[t]]
        paid = 0.0
        for m in range(set_at[e], set_at[e + 1]):
            paid += table[members[m], load[members[m]]]
        best = paid
        for other in range(start[t], start[t + 1]):
            if other == e:
                continue
            price = 0.0
            for m in range(set_at[other], set_at[other + 1]):
                r = members[m]
                inside = False
                for q in range(set_at[e], set_at[e + 1]):
                    inside |= members[q] == r
                price += table[r, load[r] if inside else load[r] + stride[t, r]]
            best = min(best, price)
        social = max(social, paid) if makespan else social + x[e] * weight[t] * paid
        if best == np.inf:
            continue
        scale = max(scale, abs(best))
        if paid == np.inf:
            return np.nan
        scale = max(scale, abs(paid))
        worst_gain = max(worst_gain, paid - best)
    return social if worst_gain <= tie * scale else np.nan


@compiled
def social_cost(cost, shape, sets, makespan, x):  # pragma: no cover - compiled
    """Cost of a full placement to all."""
    which, stride, counts, weight, kind, start, later, rest = shape
    set_at, members = sets
    load = np.zeros(cost.shape[1], np.int64)
    for e in range(kind.size):
        for m in range(set_at[e], set_at[e + 1]):
            load[members[m]] += x[e] * stride[kind[e], members[m]]
    total = -np.inf if makespan else 0.0
    for e in range(kind.size):
        if x[e] > 0:
            paid = 0.0
            for m in range(set_at[e], set_at[e + 1]):
                paid += cost[which[kind[e]], members[m], load[members[m]]]
            total = max(total, paid) if makespan else total + x[e] * weight[kind[e]] * paid
    return total


@compiled
def descend(cost, shape, sets, makespan, x, max_moves):  # pragma: no cover - compiled
    """Move single players to cells where all together pay less, until none helps; change `x` in place."""
    kind, start = shape.kind, shape.start
    current = social_cost(cost, shape, sets, makespan, x)
    for _ in range(max_moves):
        moved = False
        for e in range(kind.size):
            for other in range(start[kind[e]], start[kind[e] + 1]):
                if other == e or x[e] == 0:
                    continue
                x[e] -= 1
                x[other] += 1
                after = social_cost(cost, shape, sets, makespan, x)
                if after < current - 1e-12 * abs(current) or (after < np.inf and current == np.inf):
                    current = after
                    moved = True
                else:
                    x[e] += 1
                    x[other] -= 1
        if not moved:
            break
    return current


@compiled
def least_social_cost(
    cost, step, shape, sets, makespan, slack, max_nodes, best_cost, best
):  # pragma: no cover - compiled
    """Branch and bound from the placement `best`, improved in place; return nodes, the least cost, and the bound at the root.

    A placement costs at least what the placed players pay at the present loads, and what each of the others adds at least:
    the `step` [L, R, S] of the resources of its cheapest action.
    """
    which, stride, counts, weight, kind, start, later, rest = shape
    set_at, members = sets
    cells = kind.size
    low = np.zeros((cells + 1, cost.shape[1]), np.int64)
    x = np.zeros(cells, np.int64)
    left = np.zeros(cells, np.int64)
    least = np.zeros(cells, np.int64)
    nodes, depth = 0, 0
    root = _least_completion(cost, step, shape, sets, makespan, x, -1, counts[0], low[0])
    _enter(0, counts[0], start, kind, x, left, least)
    while depth >= 0:
        x[depth] -= 1
        if x[depth] < least[depth]:
            depth -= 1
            continue
        nodes += 1
        if nodes > max_nodes:
            break
        t = kind[depth]
        remaining = left[depth] - x[depth]
        low[depth + 1] = low[depth]
        for m in range(set_at[depth], set_at[depth + 1]):
            low[depth + 1, members[m]] += x[depth] * stride[t, members[m]]
        if left[depth] > 0 or depth == cells - 1:
            bound = _least_completion(cost, step, shape, sets, makespan, x, depth, remaining, low[depth + 1])
            if not bound < best_cost - slack:
                continue
            if depth == cells - 1:
                best_cost = bound
                best[:] = x
                continue
        depth += 1
        following = kind[depth]
        _enter(depth, remaining if following == t else counts[following], start, kind, x, left, least)
    return nodes, best_cost, root


@compiled
def _least_completion(cost, step, shape, sets, makespan, x, depth, remaining, load):  # pragma: no cover - compiled
    """No completion of the placement of the first cells costs less; the cost itself where none is left to place."""
    which, stride, counts, weight, kind, start, later, rest = shape
    set_at, members = sets
    total = -np.inf if makespan else 0.0
    for e in range(depth + 1):
        if x[e] > 0:
            paid = 0.0
            for m in range(set_at[e], set_at[e + 1]):
                paid += cost[which[kind[e]], members[m], load[members[m]]]
            total = max(total, paid) if makespan else total + x[e] * weight[kind[e]] * paid
    for k in range(kind[depth] if depth >= 0 else 0, counts.size):
        first = max(start[k], depth + 1)
        players = remaining if depth >= 0 and k == kind[depth] else counts[k]
        if players == 0 or first == start[k + 1]:
            continue
        cheapest = np.inf
        for c in range(first, start[k + 1]):
            added = 0.0
            for m in range(set_at[c], set_at[c + 1]):
                r = members[m]
                added += (
                    cost[which[k], r, load[r] + stride[k, r]]
                    if makespan
                    else weight[k] * step[which[k], r, load[r] + stride[k, r]]
                )
            cheapest = min(cheapest, added)
        total = max(total, cheapest) if makespan else total + players * cheapest
    return total
