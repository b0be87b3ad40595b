# pyright: basic, reportReturnType=false, reportArgumentType=false, reportAttributeAccessIssue=false
# 2026-11: numba infers the types of compiled functions from their first call.
"""Which worker a request goes to, compiled: what each policy looks at, and random numbers."""

from __future__ import annotations

from typing import Final

import numpy as np

from poagame.serving.engine.cache_compiled import found_blocks, new_tokens, prompt_blocks, shared_blocks
from poagame.serving.engine.jit import inlined, leaf
from poagame.serving.engine.state import DECODE, NOBODY, PREFILL, ROUND, ROUND_PREFILL, Given, Router, State

DYNAMO: Final = 0
RANDOM: Final = 1
ROUND_ROBIN: Final = 2
POWER_OF_CHOICES: Final = 3
SHORTEST_QUEUE: Final = 4
LEAST_WORK: Final = 5
CACHE_AFFINITY: Final = 6
SELFISH: Final = 7
MARGINAL_COST: Final = 8
DYNAMO_1: Final = 9


@leaf
def uniform(random: np.ndarray) -> float:
    """The next number of a splitmix64 sequence, in [0, 1)."""
    random[0] += np.uint64(0x9E3779B97F4A7C15)
    mixed = random[0]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return float(mixed >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@inlined
def routed_blocks_with(given: Given, state: State, worker: int, request: int) -> int:
    """Distinct prompt blocks that a worker would hold for unfinished requests if this one went there."""
    pattern = given.pattern[request]
    total = state.routed_blocks[worker] + max(prompt_blocks(given, request) - shared_blocks(given, request), 0)
    for place in range(given.first_segment[pattern], given.first_segment[pattern + 1]):
        segment = given.segments[place]
        if state.routed_uses[worker, segment] == 0:
            total += given.blocks[segment]
    return total


@leaf
def latency_of(by_count: np.ndarray, others: int) -> float:
    """What a request takes beside `others`, in ms; linear beyond the table."""
    last = by_count.size - 1
    if others <= last:
        return by_count[others]
    slope = by_count[last] - by_count[last - 1] if last > 0 else 0.0
    return by_count[last] + slope * (others - last)


@inlined
def _cost(given: Given, state: State, router: Router, worker: int, request: int, leg: int) -> float:
    policy = router.policy[0]
    if policy == DYNAMO:
        cost = 0.0
        if leg != DECODE:
            tokens = state.waiting_tokens[worker] + new_tokens(given, state, worker, request)
            cost += router.values[0] * tokens / given.block_tokens
        if leg != PREFILL:
            cost += routed_blocks_with(given, state, worker, request)
        return cost
    if policy == DYNAMO_1:
        cost = 0.0
        if leg != DECODE:
            raw = (state.waiting_tokens[worker] + given.input_tokens[request]) / given.block_tokens
            credit = router.values[0] * found_blocks(given, state, worker, request)
            cost += router.values[2] * max(raw - credit, 0.0)
        if leg != PREFILL:
            cost += routed_blocks_with(given, state, worker, request)
        return cost
    if policy == LEAST_WORK:
        return float(state.work[worker])
    if policy == CACHE_AFFINITY:
        return -float(found_blocks(given, state, worker, request))
    if policy in (SELFISH, MARGINAL_COST):
        others = state.routed[worker]
        cost = latency_of(given.by_count, others)
        if policy == MARGINAL_COST and others > 0:
            cost += others * (cost - latency_of(given.by_count, others - 1))
        return cost - router.values[0] * found_blocks(given, state, worker, request)
    return float(state.routed[worker])


@inlined
def choose(given: Given, state: State, router: Router, request: int, leg: int) -> int:
    """A worker of the role `leg` (PREFILL, DECODE, BOTH) for a request."""
    first, count = 0, 0
    for worker in range(given.role.size):
        if given.role[worker] == leg:
            if count == 0:
                first = worker
            count += 1
    if leg != PREFILL and given.forced.size > 0:
        return first + given.forced[request]
    if count == 1:
        return first
    policy, temperature = router.policy[0], router.values[1]
    if policy == RANDOM:
        return first + int(uniform(state.random) * count)
    if policy == ROUND_ROBIN:
        place = ROUND_PREFILL if leg == PREFILL else ROUND
        chosen = first + state.counters[place] % count
        state.counters[place] += 1
        return chosen
    if policy == POWER_OF_CHOICES:
        chosen, fewest = NOBODY, 0
        for _ in range(int(router.values[2])):
            worker = first + int(uniform(state.random) * count)
            if chosen == NOBODY or state.routed[worker] < fewest:
                chosen, fewest = worker, state.routed[worker]
        return chosen
    # the others have a cost of each worker: the least, or a softmax over all
    costs = state.costs
    least, most = np.inf, -np.inf
    for place in range(count):
        costs[place] = _cost(given, state, router, first + place, request, leg)
        least, most = min(least, costs[place]), max(most, costs[place])
    chosen = NOBODY
    if temperature > 0.0 and most > least:
        scale = temperature * (most - least) if router.values[3] > 0.0 else temperature
        total = 0.0
        for place in range(count):
            total += np.exp(-(costs[place] - least) / scale)
        goal = uniform(state.random) * total
        for place in range(count):
            goal -= np.exp(-(costs[place] - least) / scale)
            if chosen == NOBODY and (goal < 0.0 or place == count - 1):
                chosen = place
    elif temperature > 0.0:
        chosen = int(uniform(state.random) * count)
    else:
        smallest, ties = -1, 0
        for place in range(count):
            if costs[place] > least:
                continue
            tree = state.tree[first + place] if policy == DYNAMO else 0
            if chosen == NOBODY or tree < smallest:
                chosen, smallest, ties = place, tree, 1
            elif tree == smallest:
                ties += 1
                if uniform(state.random) * ties < 1.0:
                    chosen = place
    if leg != PREFILL:
        state.chosen_cost[request, 0] = costs[chosen]
        state.chosen_cost[request, 1] = least
    return first + chosen
