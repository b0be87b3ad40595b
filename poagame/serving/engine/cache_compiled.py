# pyright: basic, reportReturnType=false, reportArgumentType=false, reportAttributeAccessIssue=false
# 2026-11: numba infers the types of compiled functions from their first call.
"""A worker's KV cache, compiled: blocks shared by prompts, blocks of one request alone, and which go first when room is needed.

Blocks in use stay. The others go least recently used first, and of those used last together the end of the prompt first, which is what
a radix tree that evicts its leaves does. What one request alone uses can never be found again, but takes room until it is evicted. They
wait in two lists: of the cold ones, which go before any of the other, warm ones; without an admission rule all are warm.
"""

from __future__ import annotations

import numpy as np

from poagame.serving.engine.jit import inlined, leaf
from poagame.serving.engine.state import EVICTED, NOBODY, PREFILL, Given, State


@leaf
def _sum_of_segments(chain: np.ndarray, blocks: np.ndarray) -> int:
    total = 0
    for segment in chain:
        total += blocks[segment]
    return total


@leaf
def _prefix_held(chain: np.ndarray, blocks: np.ndarray, held: np.ndarray) -> int:
    total = 0
    for segment in chain:
        total += held[segment]
        if held[segment] < blocks[segment]:
            break
    return total


@inlined
def segments_of(given: Given, request: int) -> np.ndarray:
    """The prompt's segments, in order."""
    pattern = given.pattern[request]
    return given.segments[given.first_segment[pattern] : given.first_segment[pattern + 1]]


@inlined
def shared_blocks(given: Given, request: int) -> int:
    """Blocks of the prompt that other prompts may share."""
    return _sum_of_segments(segments_of(given, request), given.blocks)


@inlined
def prompt_blocks(given: Given, request: int) -> int:
    """Blocks of the whole prompt, the last one perhaps incomplete."""
    return -(-given.input_tokens[request] // given.block_tokens)


@inlined
def own_blocks(given: Given, worker: int, request: int) -> int:
    """Blocks that nobody else uses: room for the answer too, unless the worker only prefills."""
    tokens = given.input_tokens[request]
    if given.role[worker] != PREFILL:
        tokens += given.output_tokens[request]
    return max(-(-tokens // given.block_tokens) - shared_blocks(given, request), 0)


@inlined
def found_blocks(given: Given, state: State, worker: int, request: int) -> int:
    """Blocks of the prompt, from its beginning, that the worker holds."""
    return _prefix_held(segments_of(given, request), given.blocks, state.held[worker])


@inlined
def new_tokens(given: Given, state: State, worker: int, request: int) -> int:
    """Prompt tokens that the worker would have to prefill, at least one."""
    tokens = given.input_tokens[request]
    return max(tokens - found_blocks(given, state, worker, request) * given.block_tokens, 1)


@inlined
def fits(given: Given, state: State, worker: int, request: int) -> bool:
    """Whether there is room beside what runs."""
    if given.capacity[worker] == 0:
        return True
    needed = own_blocks(given, worker, request)
    pattern = given.pattern[request]
    for place in range(given.first_segment[pattern], given.first_segment[pattern + 1]):
        segment = given.segments[place]
        if state.uses[worker, segment] == 0:
            needed += given.blocks[segment]
    return state.pinned[worker] + needed <= given.capacity[worker]


@leaf
def _remove(older: np.ndarray, newer: np.ndarray, node: int) -> None:
    newer[older[node]] = newer[node]
    older[newer[node]] = older[node]
    older[node] = NOBODY


@leaf
def _append(older: np.ndarray, newer: np.ndarray, node: int, cold: bool) -> None:
    """As the newest of a list; lists are rings, each with a head that is its last node and no block."""
    head = older.size - (2 if cold else 1)
    newest = older[head]
    older[node] = newest
    newer[node] = head
    newer[newest] = node
    older[head] = node


@inlined
def _make_room(given: Given, state: State, worker: int, needed: int) -> None:
    warm = state.older.shape[1] - 1
    num_segments = given.blocks.size
    excess = state.tree[worker] + needed - given.capacity[worker]
    while excess > 0:
        node = state.newer[worker, warm - 1]
        if node == warm - 1:
            node = state.newer[worker, warm]
        if node < num_segments:
            gone = min(state.held[worker, node], excess)
            state.held[worker, node] -= gone
            empty = state.held[worker, node] == 0
        else:
            gone = min(state.own[worker, node - num_segments], excess)
            state.own[worker, node - num_segments] -= gone
            empty = state.own[worker, node - num_segments] == 0
            if empty:
                state.free[worker, state.num_free[worker]] = node - num_segments
                state.num_free[worker] += 1
        if empty:
            _remove(state.older[worker], state.newer[worker], node)
        excess -= gone
        state.tree[worker] -= gone
        state.counters[EVICTED] += gone


@inlined
def _uses_now(given: Given, state: State, worker: int, segment: int) -> float:
    past = state.now[0] - state.counted[worker, segment]
    return state.use_count[worker, segment] * 2.0 ** (-past / given.half_life)


@inlined
def take(given: Given, state: State, worker: int, request: int) -> None:
    """Put a request's blocks into the cache, where they stay until `give`."""
    pattern = given.pattern[request]
    own = own_blocks(given, worker, request)
    begin, end = given.first_segment[pattern], given.first_segment[pattern + 1]
    missing = own
    for place in range(begin, end):
        segment = given.segments[place]
        held = state.held[worker, segment]
        missing += given.blocks[segment] - held
        if given.admission:
            uses = _uses_now(given, state, worker, segment)
            state.use_count[worker, segment] = max(2.0 * uses, 1.0) if held > 0 else 1.0
            state.counted[worker, segment] = state.now[0]
        if given.capacity[worker] > 0 and state.uses[worker, segment] == 0:
            state.pinned[worker] += given.blocks[segment]
            if held > 0:
                _remove(state.older[worker], state.newer[worker], segment)
        state.uses[worker, segment] += 1
    state.pinned[worker] += own
    if given.capacity[worker] > 0:
        _make_room(given, state, worker, missing)
    for place in range(begin, end):
        segment = given.segments[place]
        state.held[worker, segment] = given.blocks[segment]
    state.tree[worker] += missing


@inlined
def give(given: Given, state: State, worker: int, request: int) -> None:
    """Leave a request's blocks in the cache, to be evicted when room is needed."""
    pattern = given.pattern[request]
    limited = given.capacity[worker] > 0
    own = own_blocks(given, worker, request)
    state.pinned[worker] -= own
    if limited and own > 0:
        state.num_free[worker] -= 1
        node = state.free[worker, state.num_free[worker]]
        state.own[worker, node] = own
        _append(state.older[worker], state.newer[worker], given.blocks.size + node, given.admission)
    for place in range(given.first_segment[pattern + 1] - 1, given.first_segment[pattern] - 1, -1):
        segment = given.segments[place]
        state.uses[worker, segment] -= 1
        if limited and state.uses[worker, segment] == 0:
            state.pinned[worker] -= given.blocks[segment]
            cold = given.admission and _uses_now(given, state, worker, segment) < 2.0
            _append(state.older[worker], state.newer[worker], segment, cold)
