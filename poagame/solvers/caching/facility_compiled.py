# pyright: basic
# 2026-12: numba infers the types of compiled functions from their first call.
"""The compiled loops behind `poagame.solvers.caching.facility`.

`arcs` are the pairs of a reader and a slot that cost less than the reader's cap, by reader, cheapest first (`start`, `slot`, `cost`), and
the same by slot (`slot_start`, `reader`, `read`). A reader that reads none of its slots pays its cap, as if that were a miss.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from poagame._compiled import compiled


@compiled
def bound(arcs, hold, price, load):  # pragma: no cover - compiled
    """The Lagrangian bound of `price`; writes into `load` [S] what readers would pay towards each slot."""
    load[:] = 0.0
    total = 0.0
    for i in range(price.size):
        total += price[i]
        for a in range(arcs.start[i], arcs.start[i + 1]):
            if arcs.cost[a] >= price[i]:
                break
            load[arcs.slot[a]] += price[i] - arcs.cost[a]
    for s in range(hold.size):
        total += min(0.0, hold[s] - load[s])
    return total


@compiled
def ascend(arcs, hold, cap, price, share, target, goal, rounds):  # pragma: no cover - compiled
    """Raise the bound of `price` [n], in place, by deflected supergradients; return the steps made.

    A supergradient counts for each reader the slots that it would pay for: 1 less than those. A step goes along their running mean, as
    far as Polyak's rule says for the bound `target`, times a factor that falls whenever 50 steps have found no better bound; then it starts
    again from the best. `share` [S] becomes the running mean of the slots that are worth holding, a fractional choice of slots.
    """
    load, trial, mean, tight = np.empty(hold.size), price.copy(), np.zeros(price.size), price.copy()
    best = -np.inf
    factor, memory, failed, made = 0.1, 0.0, 0, 0
    while made < rounds:
        value = bound(arcs, hold, trial, load)
        made += 1
        failed += 1
        if value > best:
            if value - best > 1e-6 * (target - best):
                failed = 0
            best = value
            price[:] = trial
        if target - best <= goal or factor < 1e-4:
            break
        if failed >= 50:
            tight[:] = price
            tighten(arcs, hold, cap, tight, load)
            if target - tight.sum() <= goal:
                price[:] = tight
                break
            failed, memory = 0, 0.0
            factor *= 0.8
            trial[:] = price
            value = bound(arcs, hold, trial, load)
        for s in range(hold.size):
            share[s] += 0.05 * ((1.0 if load[s] > hold[s] else 0.0) - share[s])
        norm = 0.0
        for i in range(price.size):
            served = 1.0
            for a in range(arcs.start[i], arcs.start[i + 1]):
                if arcs.cost[a] >= trial[i]:
                    break
                if load[arcs.slot[a]] > hold[arcs.slot[a]]:
                    served -= 1.0
            mean[i] = memory * mean[i] + (1.0 - memory) * served
            if (mean[i] < 0.0 or trial[i] < cap[i]) and (mean[i] > 0.0 or trial[i] > 0.0):
                norm += mean[i] * mean[i]
        memory = 0.9
        if norm == 0.0:
            break
        length = factor * (target - value) / norm
        for i in range(price.size):
            trial[i] = min(cap[i], max(0.0, trial[i] + length * mean[i]))
    return made


@compiled
def tighten(arcs, hold, cap, price, load):  # pragma: no cover - compiled
    """Lower `price` [n] until no slot is paid for twice, then raise it while none is; the bound never falls."""
    bound(arcs, hold, price, load)
    for i in range(price.size):
        to = price[i]
        for a in range(arcs.start[i], arcs.start[i + 1]):
            if arcs.cost[a] >= to:
                break
            over = load[arcs.slot[a]] - hold[arcs.slot[a]]
            if over > 0.0:
                to = min(to, max(arcs.cost[a], price[i] - over))
        _reprice(arcs, price, load, i, to)
    for i in range(price.size):
        to = cap[i]
        for a in range(arcs.start[i], arcs.start[i + 1]):
            if arcs.cost[a] >= to:
                break
            room = max(0.0, hold[arcs.slot[a]] - load[arcs.slot[a]])
            to = min(to, max(price[i], arcs.cost[a]) + room)
        _reprice(arcs, price, load, i, to)


@compiled
def _reprice(arcs, price, load, i, to):  # pragma: no cover - compiled
    old = price[i]
    if to == old:
        return
    for a in range(arcs.start[i], arcs.start[i + 1]):
        if arcs.cost[a] >= max(old, to):
            break
        load[arcs.slot[a]] += max(0.0, to - arcs.cost[a]) - max(0.0, old - arcs.cost[a])
    price[i] = to


class State(NamedTuple):
    """A choice of slots that is searched from.

    Attributes
    ----------
    held : bool [S]
    first, second : [n]
        The cheapest held slot of each reader and the next; −1: pays its cap.
    near, next_near : [n]
        What both cost.
    saved : [S]
        What dropping each held slot would save all.
    allowed, waiting : bool [S]
        Slots that may change; those of them that a change nearby calls to be looked at, in `queue` [S] as well.
    trail : [M]
        Changes, to be undone: slots added, and −1 less slots dropped.
    count : [3]
        Slots waiting, changes on the trail, pairs of reader and slot that may still be looked at.
    """

    held: np.ndarray
    first: np.ndarray
    second: np.ndarray
    near: np.ndarray
    next_near: np.ndarray
    saved: np.ndarray
    allowed: np.ndarray
    waiting: np.ndarray
    queue: np.ndarray
    trail: np.ndarray
    count: np.ndarray


@compiled
def search(arcs, hold, cap, held, allowed, floor, kicks, visits):  # pragma: no cover - compiled
    """Improve `held` [S], in place, by adding, dropping and swapping slots; return the cost with caps for misses.

    From the best choice so far, each of `kicks` swaps one to three slots at random (a fixed sequence) for others nearby, and descends
    again; what is not better is undone. It ends early at the cost `floor`, or after about `visits` pairs of reader and slot.
    """
    none = np.full(cap.size, -1)
    state = State(
        held,
        none,
        none.copy(),
        cap.copy(),
        cap.copy(),
        np.where(held, hold, 0.0),
        allowed,
        allowed.copy(),
        np.arange(hold.size),
        np.empty(4 * hold.size + 64, np.int64),
        np.array([0, 0, visits]),
    )
    candidates = np.flatnonzero(allowed)
    state.queue[: candidates.size] = candidates[::-1]  # the first is looked at first
    state.count[0] = candidates.size
    for i in range(cap.size):
        _rank(arcs, cap, state, i)
    _descend(arcs, hold, cap, state)
    best = _cost(hold, state)
    number = np.uint64(1)
    for _ in range(kicks):
        if best <= floor or state.count[2] <= 0 or candidates.size == 0:
            break
        state.count[1] = 0
        number = _next(number)
        for _ in range(1 + _below(number, 3)):
            number = _next(number)
            s = candidates[_below(number, candidates.size)]
            width = arcs.slot_start[s + 1] - arcs.slot_start[s]
            if width == 0:
                continue
            number = _next(number)
            # readers come cheapest first: the slot takes the place of one that serves these
            out = state.first[arcs.reader[arcs.slot_start[s] + _below(number, min(width, 10))]]
            if not held[s]:
                _add(arcs, hold, state, s)
            if out >= 0 and out != s and held[out]:
                _drop(arcs, hold, cap, state, out)
        _descend(arcs, hold, cap, state)
        cost = _cost(hold, state)
        if cost <= best:  # equals as well, so that a search on a plateau goes on
            best = cost
            continue
        for k in range(state.count[1] - 1, -1, -1):
            change = state.trail[k]
            if change >= 0:
                _drop(arcs, hold, cap, state, change)
            else:
                _add(arcs, hold, state, -1 - change)
        for k in range(state.count[0]):
            state.waiting[state.queue[k]] = False
        state.count[0] = 0
    return best


@compiled
def _next(number):  # pragma: no cover - compiled
    return number * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)


@compiled
def _below(number, size):  # pragma: no cover - compiled
    return np.int64((number >> np.uint64(33)) % np.uint64(size))


@compiled
def _rank(arcs, cap, state, i):  # pragma: no cover - compiled
    """Look up the two cheapest held slots of reader i."""
    state.first[i], state.second[i], state.near[i], state.next_near[i] = -1, -1, cap[i], cap[i]
    for a in range(arcs.start[i], arcs.start[i + 1]):
        if state.held[arcs.slot[a]]:
            if state.first[i] < 0:
                state.first[i], state.near[i] = arcs.slot[a], arcs.cost[a]
            else:
                state.second[i], state.next_near[i] = arcs.slot[a], arcs.cost[a]
                break
    if state.first[i] >= 0:
        state.saved[state.first[i]] -= state.next_near[i] - state.near[i]


@compiled
def _cost(hold, state):  # pragma: no cover - compiled
    return state.near.sum() + hold[state.held].sum()


@compiled
def _call(arcs, state, i, within):  # pragma: no cover - compiled
    """Call for another look at the slots that reader i pays less than `within` for."""
    for a in range(arcs.start[i], arcs.start[i + 1]):
        if arcs.cost[a] >= within:
            break
        s = arcs.slot[a]
        state.count[2] -= 1
        if state.allowed[s] and not state.waiting[s]:
            state.waiting[s] = True
            state.queue[state.count[0]] = s
            state.count[0] += 1


@compiled
def _add(arcs, hold, state, s):  # pragma: no cover - compiled
    first, near, next_near, saved = state.first, state.near, state.next_near, state.saved
    state.held[s] = True
    saved[s] = hold[s]
    for a in range(arcs.slot_start[s], arcs.slot_start[s + 1]):
        i, cost = arcs.reader[a], arcs.read[a]
        if cost >= next_near[i]:
            continue
        _call(arcs, state, i, next_near[i])
        if first[i] >= 0:
            saved[first[i]] += next_near[i] - max(near[i], cost)
        if cost < near[i]:
            state.second[i], next_near[i] = first[i], near[i]
            first[i], near[i] = s, cost
            saved[s] -= next_near[i] - near[i]
        else:
            state.second[i], next_near[i] = s, cost
    _note(state, s)


@compiled
def _drop(arcs, hold, cap, state, s):  # pragma: no cover - compiled
    first, second, near, next_near = state.first, state.second, state.near, state.next_near
    state.held[s] = False
    for a in range(arcs.slot_start[s], arcs.slot_start[s + 1]):
        i = arcs.reader[a]
        if first[i] != s and second[i] != s:
            continue
        state.saved[first[i]] += next_near[i] - near[i]
        _rank(arcs, cap, state, i)
        _call(arcs, state, i, next_near[i])
    state.saved[s] = 0.0
    _note(state, -1 - s)


@compiled
def _note(state, change):  # pragma: no cover - compiled
    if state.count[1] < state.trail.size:
        state.trail[state.count[1]] = change
    state.count[1] += 1


@compiled
def _descend(arcs, hold, cap, state):  # pragma: no cover - compiled
    """Add, drop and swap single slots while that is cheaper for all together and any is waiting to be looked at.

    What a swap saves is what adding saves and what dropping the other slot then saves: one pass over the readers of a slot to add
    finds the best slot to drop for it.
    """
    first, near, next_near = state.first, state.near, state.next_near
    less = np.zeros(hold.size)  # how much less dropping a slot costs once s is held
    touched = np.empty(hold.size, np.int64)
    worth = 1e-12 * _cost(hold, state)
    while state.count[0] > 0 and state.count[1] < 2 * hold.size:
        state.count[0] -= 1
        s = state.queue[state.count[0]]
        state.waiting[s] = False
        state.count[2] -= arcs.slot_start[s + 1] - arcs.slot_start[s] + 1
        if state.held[s]:
            if state.saved[s] > worth:
                _drop(arcs, hold, cap, state, s)
            continue
        gain, count = -hold[s], 0
        for a in range(arcs.slot_start[s], arcs.slot_start[s + 1]):
            i, cost = arcs.reader[a], arcs.read[a]
            if cost >= next_near[i]:
                continue
            gain += max(0.0, near[i] - cost)
            r = first[i]
            if r >= 0:
                if less[r] == 0.0:
                    touched[count] = r
                    count += 1
                less[r] += next_near[i] - max(near[i], cost)
        out, most = -1, 0.0
        for k in range(count):
            r = touched[k]
            if state.saved[r] + less[r] > most:
                out, most = r, state.saved[r] + less[r]
            less[r] = 0.0
        if gain + most > worth:
            _add(arcs, hold, state, s)
            if out >= 0:
                _drop(arcs, hold, cap, state, out)
