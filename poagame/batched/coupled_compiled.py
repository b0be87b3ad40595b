# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
"""The compiled steps behind `poagame.batched.coupled`: links and responses of a serving cluster, written anew for one orbit a thread."""

from __future__ import annotations

import numba
import numpy as np

from poagame._compiled import compiled

FIXED, STEP, BEST = 0, 1, 2
"""What the Planner does."""

RTOL = 1e-11
"""Relative gain that is no reason to move, as of `BestResponse`."""


@compiled
def _batch_ms(token_ms, tokens, batch):  # pragma: no cover - compiled
    """Decode time in a batch: tokens times a table by whole batches, linear between, constant below 1 and beyond its end."""
    if batch <= 1.0:
        return tokens * token_ms[0]
    if batch >= token_ms.size:
        return tokens * token_ms[-1]
    k = int(batch)
    return tokens * (token_ms[k - 1] + (batch - k) * (token_ms[k] - token_ms[k - 1]))


@compiled
def _decode_times(token_ms, tokens, load, d, transfer, times):  # pragma: no cover - compiled
    """Write mean decode times with 1 … N decoding."""
    n = times.size
    for m in range(1, n + 1):
        total = transfer
        for j in range(d):
            if load[j] > 0:
                share = load[j] / n
                total += share * _batch_ms(token_ms, tokens, share * m)
        times[m - 1] = total


@compiled
def _law(p, service, times, n, law):  # pragma: no cover - compiled
    """Write the law of the number at prefill, 0 … n, into `law`; return the throughput."""
    law[0], top = 0.0, 0.0
    for k in range(1, n + 1):
        law[k] = law[k - 1] + np.log((n - k + 1) * service / (times[n - k] * min(k, p)))
        top = max(top, law[k])
    total = 0.0
    for k in range(n + 1):
        law[k] = np.exp(law[k] - top)
        total += law[k]
    rate = 0.0
    for k in range(n + 1):
        law[k] /= total
        rate += law[k] * min(k, p) / service
    return rate


@compiled
def _work(held, count, d, own, prefix, transfer):  # pragma: no cover - compiled
    """Mean prefill and mean transfer of a request."""
    n, missed, moved = 0, 0, 0
    for k in range(held.shape[1]):
        somewhere = False
        for j in range(d):
            somewhere |= held[j, k] > 0
        for j in range(d):
            n += count[j, k]
            if held[j, k] == 0:
                if somewhere and prefix > transfer:
                    moved += count[j, k]
                else:
                    missed += count[j, k]
    return own + prefix * missed / n, transfer * moved / n


@compiled
def _planned(p, service, load, d, transfer, token_ms, tokens, ttft, itl, times, law):  # pragma: no cover - compiled
    """1 less the smaller attainment at a split, to 12 digits."""
    n = times.size
    _decode_times(token_ms, tokens, load, d, transfer, times)
    first = 1.0
    if n > 1:
        _law(p, service, times, n - 1, law)
        first = 0.0
        for k in range(n):
            if max(k - p + 1, 0) / p * service + service <= ttft:
                first += law[k]
    elif service > ttft:
        first = 0.0
    _law(p, service, times, n, law)
    busy, fast = 0.0, 0.0
    for k in range(n + 1):
        m = n - k
        inside = 0.0
        for j in range(d):
            share = load[j] / n
            if _batch_ms(token_ms, tokens, share * m) / tokens <= itl:
                inside += share
        busy += law[k] * m
        fast += law[k] * m * inside
    second = fast / busy if busy > 0 else 1.0
    return np.rint((1.0 - min(first, second)) * 1e12) / 1e12


@compiled
def _route(routing, group, held, d, latency, saved_all, omega, prefix, far, load):  # pragma: no cover - compiled
    """Requests in turn move to their cheapest worker, until none does; `saved_all` [K] is what a copy elsewhere saves."""
    n = routing.size
    load[:] = 0
    for i in range(n):
        load[routing[i]] += 1
    for _ in range(100 * n + 1000):
        moved = False
        for i in range(n):
            k, at = group[i], routing[i]
            own = prefix if held[at, k] > 0 else saved_all[k]
            stay = latency[load[at]] - omega * own
            best, to = np.inf, -1
            for j in range(d):
                if j != at:
                    saved = prefix if held[j, k] > 0 else saved_all[k]
                    cost = latency[load[j] + 1] - omega * saved
                    if cost < best:
                        best, to = cost, j
            if to >= 0 and best + RTOL * abs(best) < stay:
                load[at] -= 1
                load[to] += 1
                routing[i] = to
                moved = True
        if not moved:
            return


@compiled
def _place(held, count, d, prefix, transfer, places, seen, costs, order):  # pragma: no cover - compiled
    """Workers in turn take their best stores, until none does or a placement comes back."""
    groups = held.shape[1]
    seen[:] = held
    rounds, mark = 0, 1
    for _ in range(1000 + 100 * d):
        moves = 0
        for i in range(d):
            for k in range(groups):
                read = prefix
                for j in range(d):
                    if j != i and held[j, k] > 0:
                        read = min(read, transfer)
                costs[k] = count[i, k] * read
            if places >= groups:
                for k in range(groups):
                    if costs[k] > 0.0 and held[i, k] == 0:
                        held[i, k] = 1
                        moves += 1
                continue
            wanted = np.argsort(-costs, kind="mergesort")
            order[:] = 0
            for r in range(places):
                if costs[wanted[r]] > 0.0:
                    order[wanted[r]] = 1
            best, pays = 0.0, 0.0
            for k in range(groups):
                if order[k] == 0:
                    best += costs[k]
                if held[i, k] == 0:
                    pays += costs[k]
            if best + RTOL * best < pays:
                for k in range(groups):
                    held[i, k] = order[k]
                moves += 1
        rounds += 1
        if moves == 0 or (held[:d] == seen[:d]).all():
            return
        if rounds == mark:
            seen[:] = held
            mark = 2 * rounds


@compiled
def _counted(routing, group, count):  # pragma: no cover - compiled
    count[:] = 0
    for i in range(routing.size):
        count[routing[i], group[i]] += 1


@compiled
def _hash(split, held, routing, d):  # pragma: no cover - compiled
    """64 bits of a state (FNV-1a over its numbers)."""
    code = np.uint64(14695981039346656037)
    prime = np.uint64(1099511628211)
    code = (code ^ np.uint64(split + 1)) * prime
    for j in range(d):
        for k in range(held.shape[1]):
            code = (code ^ np.uint64(held[j, k] + 7)) * prime
    for i in range(routing.size):
        code = (code ^ np.uint64(routing[i] + 13)) * prime
    return code


@compiled
def _moved_to(held, routing, before, d):  # pragma: no cover - compiled
    """Let placement and routing follow from `before` to d decode workers."""
    for j in range(before, d):
        held[j] = 0
    for j in range(d, held.shape[0]):
        held[j] = 0
    for i in range(routing.size):
        routing[i] %= d


@numba.njit(cache=True, nogil=True, parallel=True)
def orbits(
    token_ms,
    numbers,
    places,
    group,
    splits,
    start_split,
    start_held,
    start_routing,
    steps,
    planner,
    delay,
    split_out,
    cost_out,
    code_out,
):  # pragma: no cover - compiled
    """Fill splits, social costs and state codes [B, T + 1]; a state that stays for good fills the rest.

    `numbers` [B, 7]: output tokens, own, prefix and transfer ms, ω, TTFT and ITL targets.
    """
    runs, n = start_routing.shape
    groups, most = start_held.shape[2], start_held.shape[1]
    for b in numba.prange(runs):
        tokens, own, prefix, transfer, omega, ttft, itl = numbers[b]
        far = min(transfer, prefix)
        tok = token_ms[b]
        held, routing = start_held[b].copy(), start_routing[b].copy()
        split = start_split[b]
        late = delay[b]
        old_held = np.empty((late + 1, most, groups), np.int8)
        old_routing = np.empty((late + 1, n), np.int64)
        old_split = np.empty(late + 1, np.int64)
        count, load = np.zeros((most, groups), np.int64), np.zeros(most, np.int64)
        times, law, latency = np.empty(n), np.empty(n + 1), np.empty(n + 2)
        saved_all, costs = np.empty(groups), np.empty(groups)
        seen, order = np.empty_like(held), np.empty(groups, np.int8)
        view_held, view_routing = np.empty_like(held), np.empty_like(routing)
        same = 0
        for t in range(steps + 1):
            d = splits[split, 1]
            _counted(routing, group, count)
            for j in range(most):
                load[j] = count[j].sum()
            service, moving = _work(held, count, d, own, prefix, transfer)
            _decode_times(tok, tokens, load, d, moving, times)
            rate = _law(splits[split, 0], service, times, n, law)
            split_out[b, t], cost_out[b, t] = split, n / rate
            code_out[b, t] = _hash(split, held, routing, d)
            same = same + 1 if t > 0 and code_out[b, t] == code_out[b, t - 1] else 0
            if t == steps:
                break
            if same > late:
                for rest in range(t + 1, steps + 1):
                    split_out[b, rest], cost_out[b, rest] = split, cost_out[b, t]
                    code_out[b, rest] = code_out[b, t]
                break
            slot = t % (late + 1)
            old_held[slot], old_routing[slot], old_split[slot] = held, routing, split
            # requests, in the light of how many of them decode now
            decoding = 0.0
            for k in range(n + 1):
                decoding += law[k] * (n - k)
            decoding /= n
            for k in range(1, n + 2):
                latency[k] = _batch_ms(tok, tokens, k * decoding)
            for k in range(groups):
                saved_all[k] = 0.0
                for j in range(d):
                    if held[j, k] > 0:
                        saved_all[k] = prefix - far
            _route(routing, group, held, d, latency, saved_all, omega, prefix, far, load)
            _counted(routing, group, count)
            _place(held, count, d, prefix, transfer, places[b], seen, costs, order)
            if planner == FIXED:
                continue
            # the Planner sees the state of some steps ago (at the start of that step), or, on time, what has just been done
            if late == 0:
                view_held[:], view_routing[:] = held, routing
            else:
                back = max(t - late, 0) % (late + 1)
                view_held[:], view_routing[:] = old_held[back], old_routing[back]
                before = splits[old_split[back], 1]
                if before != d:
                    _moved_to(view_held, view_routing, before, d)
            _counted(view_routing, group, count)
            service, moving = _work(view_held, count, d, own, prefix, transfer)
            low, high = (
                (0, splits.shape[0]) if planner == BEST else (max(0, split - 1), min(splits.shape[0], split + 2))
            )
            now, best, to = np.inf, np.inf, split
            for s in range(low, high):
                others = splits[s, 1]
                for j in range(most):
                    if others == d:
                        load[j] = count[j].sum()
                    else:
                        load[j] = n // others + (1 if j < n % others else 0) if j < others else 0
                value = _planned(splits[s, 0], service, load, others, moving, tok, tokens, ttft, itl, times, law)
                if s == split:
                    now = value
                if value < best or (value == best and abs(s - split) < abs(to - split)):
                    best, to = value, s
            if best < now - 1e-12 * max(1.0, abs(now)):
                if splits[to, 1] != d:
                    _moved_to(held, routing, d, splits[to, 1])
                split = to
