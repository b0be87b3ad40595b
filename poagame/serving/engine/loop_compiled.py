# pyright: basic, reportReturnType=false, reportArgumentType=false, reportAttributeAccessIssue=false
# 2026-11: numba infers the types of compiled functions from their first call.
"""The simulation's clock, compiled: requests arrive, workers iterate.

A worker runs iterations one after another. In each it prefills some prompts (FIFO) and makes one token for every request it decodes; what
waits joins when one begins. The loop takes the earliest of the next arrival and the next end of an iteration, over and over.
"""

from __future__ import annotations

import numpy as np

from poagame.serving.engine.cache_compiled import (
    fits,
    found_blocks,
    give,
    new_tokens,
    prompt_blocks,
    shared_blocks,
    take,
)
from poagame.serving.engine.jit import compiled, inlined, leaf
from poagame.serving.engine.route_compiled import choose, routed_blocks_with
from poagame.serving.engine.state import (
    AGAIN_HEAD,
    AGAIN_TAIL,
    BEYOND,
    BOTH,
    DECODE,
    FINISHED,
    ITERATIONS,
    NEXT_CLIENT,
    NOBODY,
    PREFILL,
    SENT,
    Given,
    Router,
    State,
)


@leaf
def prefill_time(knots: np.ndarray, times: np.ndarray, tokens: float) -> float:
    """Linear between the table's points and beyond them, never below 0."""
    if knots.size == 1:
        return times[0]
    cell = 0
    while cell < knots.size - 2 and tokens > knots[cell + 1]:
        cell += 1
    share = (tokens - knots[cell]) / (knots[cell + 1] - knots[cell])
    return max(times[cell] + share * (times[cell + 1] - times[cell]), 0.0)


@leaf
def decode_time(
    loads: np.ndarray, contexts: np.ndarray, times: np.ndarray, load: float, context: float, cell: np.ndarray
) -> tuple[float, bool]:
    """Bilinear, linear beyond the table, and whether it was beyond; `cell` remembers where the last look-up was."""
    row, column = cell[0], cell[1]
    while row < loads.size - 2 and load > loads[row + 1]:
        row += 1
    while row > 0 and load < loads[row]:
        row -= 1
    while column < contexts.size - 2 and context > contexts[column + 1]:
        column += 1
    while column > 0 and context < contexts[column]:
        column -= 1
    cell[0], cell[1] = row, column
    next_row, next_column = min(row + 1, loads.size - 1), min(column + 1, contexts.size - 1)
    down = (load - loads[row]) / (loads[next_row] - loads[row]) if next_row > row else 0.0
    across = (context - contexts[column]) / (contexts[next_column] - contexts[column]) if next_column > column else 0.0
    upper = times[row, column] * (1.0 - across) + times[row, next_column] * across
    lower = times[next_row, column] * (1.0 - across) + times[next_row, next_column] * across
    beyond = load > loads[-1] or (contexts.size > 1 and context > contexts[-1])
    return max(upper + down * (lower - upper), 0.0), beyond


@inlined
def _wait_for(state: State, worker: int, request: int, ready: float) -> None:
    state.ready[request] = ready
    state.link[request] = NOBODY
    if state.queue_head[worker] == NOBODY:
        state.queue_head[worker] = request
    else:
        state.link[state.queue_tail[worker]] = request
    state.queue_tail[worker] = request
    if not np.isfinite(state.wake[worker]):
        state.wake[worker] = ready


@inlined
def _route(given: Given, state: State, router: Router, request: int, leg: int, now: float) -> None:
    """Send a request to a prefill worker, or to one that decodes."""
    worker = choose(given, state, router, request, leg)
    state.routed[worker] += 1
    if leg != DECODE:
        state.prefiller[request] = worker
        tokens = new_tokens(given, state, worker, request)
        state.left[request] = tokens
        state.waiting_tokens[worker] += tokens
        state.work[worker] += tokens
    ready = now
    if leg != PREFILL:
        state.decoder[request] = worker
        state.work[worker] += given.output_tokens[request]
        state.routed_blocks[worker] = routed_blocks_with(given, state, worker, request)
        pattern = given.pattern[request]
        for place in range(given.first_segment[pattern], given.first_segment[pattern + 1]):
            state.routed_uses[worker, given.segments[place]] += 1
    if leg == DECODE:
        sent = prompt_blocks(given, request) - found_blocks(given, state, worker, request)
        ready += given.transfer_ms + given.block_ms * sent
    _wait_for(state, worker, request, ready)


@inlined
def _arrive(given: Given, state: State, now: float, client: int) -> int:
    """The next request is sent."""
    request = state.counters[SENT]
    state.counters[SENT] += 1
    state.client[request] = client
    state.sent[request] = now
    state.link[request] = NOBODY
    return request


@inlined
def _finish(given: Given, state: State, worker: int, request: int, now: float) -> None:
    """The last token is made: leave the worker, and let the client send again."""
    state.done[request] = now
    state.counters[FINISHED] += 1
    give(given, state, worker, request)
    state.batch[worker] -= 1
    tokens = given.input_tokens[request] + given.output_tokens[request]
    state.context[worker] -= tokens
    state.routed[worker] -= 1
    state.work[worker] -= given.output_tokens[request]
    pattern = given.pattern[request]
    unshared = max(prompt_blocks(given, request) - shared_blocks(given, request), 0)
    gone = unshared + -(-tokens // given.block_tokens) - prompt_blocks(given, request)
    state.routed_blocks[worker] -= unshared
    for place in range(given.first_segment[pattern], given.first_segment[pattern + 1]):
        segment = given.segments[place]
        if state.uses[worker, segment] == 0:
            gone += given.blocks[segment]
        state.routed_uses[worker, segment] -= 1
        if state.routed_uses[worker, segment] == 0:
            state.routed_blocks[worker] -= given.blocks[segment]
    state.live_blocks[worker] -= gone
    client = state.client[request]
    if client != NOBODY and now + given.think_ms < given.client_stop[client]:
        tail = state.counters[AGAIN_TAIL]
        state.again_time[tail] = now + given.think_ms
        state.again_client[tail] = client
        state.counters[AGAIN_TAIL] = (tail + 1) % state.again_time.size


@inlined
def _tokens_made(given: Given, state: State, worker: int, now: float) -> int:
    """An iteration's tokens come: first ones, and last ones. The list of requests that need a decode worker now."""
    number = state.iteration[worker]
    request = state.joined[worker]
    state.joined[worker] = NOBODY
    if given.role[worker] == PREFILL:
        prefilled = request
        while request != NOBODY:
            state.routed[worker] -= 1
            give(given, state, worker, request)
            request = state.link[request]
        state.iteration[worker] = number + 1
        return prefilled
    ring = state.ending.shape[1]
    joined_at = number % ring
    while request != NOBODY:
        following = state.link[request]
        state.first[request] = now
        last = (number + given.output_tokens[request] - 1) % ring
        state.link[request] = state.ending[worker, last]
        state.ending[worker, last] = request
        request = following
    # every request's context grows by a token, and some need a block more
    state.context[worker] += state.batch[worker]
    state.live_blocks[worker] += state.grow[worker, number % given.block_tokens]
    request = state.ending[worker, joined_at]
    state.ending[worker, joined_at] = NOBODY
    while request != NOBODY:
        following = state.link[request]
        begun = number - given.output_tokens[request] + 1
        state.grow[worker, (begun - given.input_tokens[request]) % given.block_tokens] -= 1
        _finish(given, state, worker, request, now)
        request = following
    state.iteration[worker] = number + 1
    return NOBODY


@inlined
def _join(given: Given, state: State, worker: int, request: int) -> None:
    """A request's first token is made in this iteration."""
    state.link[request] = NOBODY
    if state.joined[worker] == NOBODY:
        state.joined[worker] = request
    else:
        state.link[state.joined_tail[worker]] = request
    state.joined_tail[worker] = request
    if given.role[worker] != PREFILL:
        state.batch[worker] += 1
        state.context[worker] += given.input_tokens[request]
        begun = state.iteration[worker] - given.input_tokens[request]
        state.grow[worker, begun % given.block_tokens] += 1


@inlined
def _admit(given: Given, state: State, worker: int, request: int) -> None:
    pattern = given.pattern[request]
    state.live_blocks[worker] += max(prompt_blocks(given, request) - shared_blocks(given, request), 0)
    for place in range(given.first_segment[pattern], given.first_segment[pattern + 1]):
        segment = given.segments[place]
        if state.uses[worker, segment] == 0:
            state.live_blocks[worker] += given.blocks[segment]
    if given.role[worker] != DECODE:
        tokens = new_tokens(given, state, worker, request)
        state.found[request] = max(min(found_blocks(given, state, worker, request), prompt_blocks(given, request)), 0)
        state.waiting_tokens[worker] += tokens - state.left[request]
        state.work[worker] += tokens - state.left[request]
        state.left[request] = tokens
    take(given, state, worker, request)


@inlined
def _begin(given: Given, state: State, worker: int, now: float) -> None:
    """Begin an iteration: who joins, and how long it takes."""
    role = given.role[worker]
    tokens_left = given.most_tokens[worker]
    begun, prefilled, prefill_ms = 0, 0, 0.0
    batch_before, context_before, blocks_before = state.batch[worker], state.context[worker], state.live_blocks[worker]
    while state.queue_head[worker] != NOBODY and tokens_left > 0:
        request = state.queue_head[worker]
        if state.ready[request] > now:
            break
        # a chunk of the prompt may have been prefilled already; `ready` is then −∞
        fresh = state.ready[request] != -np.inf
        if fresh:
            busy = begun if role == PREFILL else state.batch[worker]
            if busy >= given.most_requests[worker] or not fits(given, state, worker, request):
                break
            _admit(given, state, worker, request)
            state.ready[request] = -np.inf
            begun += 1
        if role != DECODE:
            chunk = min(state.left[request], tokens_left)
            state.left[request] -= chunk
            state.waiting_tokens[worker] -= chunk
            state.work[worker] -= chunk
            tokens_left -= chunk
            prefilled += chunk
            if given.sum_prefill:
                prefill_ms += prefill_time(given.prefill_tokens, given.prefill_ms, chunk)
            if state.left[request] > 0:
                break
        state.queue_head[worker] = state.link[request]
        _join(given, state, worker, request)
    if not given.sum_prefill and prefilled > 0:
        prefill_ms = prefill_time(given.prefill_tokens, given.prefill_ms, prefilled)
    decoding, context, blocks = state.batch[worker], state.context[worker], state.live_blocks[worker]
    if role == PREFILL:
        decoding, context = 0, 0
        if given.mock:
            request = state.joined[worker]
            while request != NOBODY:
                decoding += 1
                context += given.input_tokens[request]
                request = state.link[request]
    elif role == BOTH and not given.mock:
        decoding, context, blocks = batch_before, context_before, blocks_before
    duration = prefill_ms
    if decoding > 0:
        load = float(decoding) if given.by_batch else float(blocks * given.block_tokens)
        step, beyond = decode_time(
            given.decode_load, given.decode_context, given.decode_ms, load, context / decoding, state.cell[worker]
        )
        duration += step
        state.counters[BEYOND] += beyond
    if decoding > 0 or prefilled > 0 or begun > 0:
        state.counters[ITERATIONS] += 1
        state.wake[worker] = now + duration
    elif state.queue_head[worker] != NOBODY:
        state.wake[worker] = state.ready[state.queue_head[worker]]
    else:
        state.wake[worker] = np.inf
    if role == PREFILL:
        state.live_blocks[worker] = 0  # a prompt leaves with its iteration


@compiled
def run(given: Given, state: State, router: Router, until: float) -> float:
    """Let everything up to and at the time `until` happen, or everything there is; when something happens next, ∞ for never."""
    ahead = np.inf
    num_requests = given.pattern.size
    num_workers = given.role.size
    while state.counters[FINISHED] < num_requests:
        # the next request
        arrives, client, source = np.inf, NOBODY, 0
        sent = state.counters[SENT]
        if sent < num_requests:
            if given.arrival.size > 0:
                arrives = given.arrival[sent]
            else:
                head, upcoming = state.counters[AGAIN_HEAD], state.counters[NEXT_CLIENT]
                if head != state.counters[AGAIN_TAIL]:
                    arrives, client, source = state.again_time[head], state.again_client[head], 1
                if upcoming < given.client_start.size and given.client_start[upcoming] < arrives:
                    arrives, client, source = given.client_start[upcoming], upcoming, 2
        worker, ends = 0, np.inf
        for candidate in range(num_workers):
            if state.wake[candidate] < ends:
                worker, ends = candidate, state.wake[candidate]
        now = min(arrives, ends)
        if now > until or now == np.inf:
            ahead = now
            break
        state.now[0] = now
        # `_tokens_made`, `_begin` and `_route` stand in one place each: every place is compiled anew
        to_route, leg = NOBODY, DECODE
        if arrives <= ends:
            if source == 1:
                state.counters[AGAIN_HEAD] = (state.counters[AGAIN_HEAD] + 1) % state.again_time.size
            elif source == 2:
                state.counters[NEXT_CLIENT] += 1
            if source == 0 or sent < given.client_last[client]:
                to_route = _arrive(given, state, now, client)
                leg = BOTH if given.role[0] == BOTH else PREFILL
        else:
            for turn in range(2):
                if given.mock == (turn == 0):
                    _begin(given, state, worker, now)
                elif state.joined[worker] != NOBODY or state.batch[worker] > 0:
                    to_route = _tokens_made(given, state, worker, now)
        while to_route != NOBODY:
            following = state.link[to_route]
            _route(given, state, router, to_route, leg, now)
            to_route = following
    if np.isfinite(until) and until > state.now[0]:
        state.now[0] = until
    return ahead
