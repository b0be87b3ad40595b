# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
"""The compiled rounds of best and better responses of a congestion game; cells as in `search_compiled`."""

from __future__ import annotations

import numpy as np

from poagame._compiled import compiled


@compiled
def play_cells(
    cost, shape, sets, type_of, at, order, rtol, budget, better, by_regret, chance
):  # pragma: no cover - compiled
    """One round from the cells `at` [N], changed in place: each player once in `order`, or as many moves of those who gain most.

    Return the moves made, at most `budget`.
    """
    which, stride, counts, weight, kind, start, later, rest = shape
    set_at, members = sets
    load = np.zeros(cost.shape[1], np.int64)
    for i in range(at.size):
        _put(load, set_at, members, at[i], stride[type_of[i]], 1)
    price = np.empty(kind.size)
    moves = 0
    for visit in range(order.size):
        if moves >= budget:
            break
        mover = order[visit]
        if by_regret:
            mover, most = -1, -np.inf
            for i in range(at.size):
                _prices(cost, shape, sets, type_of[i], at[i], load, price)
                best = start[type_of[i]]
                for c in range(best, start[type_of[i] + 1]):
                    if price[c] < price[best]:
                        best = c
                if price[best] + rtol * abs(price[best]) < price[at[i]] and price[at[i]] - price[best] > most:
                    mover, most = i, price[at[i]] - price[best]
            if mover < 0:
                break
        t = type_of[mover]
        _prices(cost, shape, sets, t, at[mover], load, price)
        paid = price[at[mover]]
        target, helping = start[t], 0
        for c in range(start[t], start[t + 1]):
            if price[c] < price[target]:
                target = c
            helping += price[c] + rtol * abs(price[c]) < paid
        if not price[target] + rtol * abs(price[target]) < paid:
            continue
        if better:
            skip = int(chance[mover] * helping)
            for c in range(start[t], start[t + 1]):
                if price[c] + rtol * abs(price[c]) < paid:
                    target = c
                    if skip == 0:
                        break
                    skip -= 1
        _put(load, set_at, members, at[mover], stride[t], -1)
        _put(load, set_at, members, target, stride[t], 1)
        at[mover] = target
        moves += 1
    return moves


@compiled
def _put(load, set_at, members, cell, stride, sign):  # pragma: no cover - compiled
    for m in range(set_at[cell], set_at[cell + 1]):
        load[members[m]] += sign * stride[members[m]]


@compiled
def _prices(cost, shape, sets, t, cell, load, price):  # pragma: no cover - compiled
    """What a player of type t in `cell` pays there and would pay in the other cells of its type."""
    which, stride, counts, weight, kind, start, later, rest = shape
    set_at, members = sets
    _put(load, set_at, members, cell, stride[t], -1)
    for c in range(start[t], start[t + 1]):
        price[c] = 0.0
        for m in range(set_at[c], set_at[c + 1]):
            price[c] += cost[which[t], members[m], load[members[m]] + stride[t, members[m]]]
    _put(load, set_at, members, cell, stride[t], 1)
