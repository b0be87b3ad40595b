"""What a simulation is made of: what it is given, and what it has become. Arrays only, so that compiled code can take them.

W workers, N requests, P prompt patterns, S segments (blocks that prompts share: a segment is a run of them that is always used whole),
C clients of a closed loop. Times in ms.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poagame._arrays import FloatArray, IntArray

Int32Array = NDArray[np.int32]

PREFILL: Final = 0
DECODE: Final = 1
BOTH: Final = 2
"""What a worker does."""

NOBODY: Final = -1
"""No request, no worker, no node."""


class Given(NamedTuple):
    """What does not change while a simulation runs."""

    role: IntArray
    """[W] PREFILL, DECODE or BOTH"""
    capacity: IntArray
    """[W] blocks of KV cache, 0: without end"""
    most_requests: IntArray
    """[W] requests that a worker decodes at once; of a prefill worker: that an iteration may begin"""
    most_tokens: IntArray
    """[W] prompt tokens that an iteration may prefill"""
    mock: bool
    """tokens come as an iteration begins, and prefilled requests decode in the same iteration"""
    admission: bool
    """a block that was used once is the first to be evicted"""
    half_life: float
    """ms in which the count of a block's uses halves"""
    block_tokens: int
    prefill_tokens: FloatArray
    """[K] where prefill times are known"""
    prefill_ms: FloatArray
    """[K]"""
    sum_prefill: bool
    """an iteration's prefill time is the sum of its requests' times, not the time of all its tokens"""
    decode_load: FloatArray
    """[L] tokens in the KV cache, or requests in the batch"""
    decode_context: FloatArray
    """[M] mean tokens of a request's context"""
    decode_ms: FloatArray
    """[L, M]"""
    by_batch: bool
    """decode_load counts requests"""
    transfer_ms: float
    """a KV transfer takes, whatever its size"""
    block_ms: float
    """and a block more"""
    pattern: Int32Array
    """[N] of a request's prompt"""
    first_segment: IntArray
    """[P + 1] where a pattern's segments begin in `segments`"""
    segments: Int32Array
    """of all patterns, from the prompt's beginning"""
    blocks: Int32Array
    """[S] of a segment"""
    input_tokens: Int32Array
    """[N]"""
    output_tokens: Int32Array
    """[N], at least 1"""
    arrival: FloatArray
    """[N] of an open loop, in order; empty for a closed one"""
    client_start: FloatArray
    """[C] of a closed loop, in order; empty for an open one"""
    client_stop: FloatArray
    """[C] when a client sends nothing more"""
    client_last: IntArray
    """[C] requests from this one on are not a client's to send"""
    think_ms: float
    forced: IntArray
    """[N] decode worker of each request where it is prescribed, else empty"""
    by_count: FloatArray
    """[K] ms that a request takes beside 0, 1, … others, for the policies that look at latency; linear beyond"""


class Router(NamedTuple):
    """How requests are placed; may be changed while a simulation is paused."""

    policy: IntArray
    """[1] code"""
    values: FloatArray
    """[4] overlap weight or credit, temperature, the number of choices or the prefill scale, whether costs are divided by their range"""


class State(NamedTuple):
    """What changes."""

    random: NDArray[np.uint64]
    """[1]"""
    now: FloatArray
    """[1]"""
    counters: IntArray
    """see the names of its places below"""
    # clients
    again_time: FloatArray
    """[C + 1] ring: when clients send again"""
    again_client: Int32Array
    """[C + 1]"""
    client: Int32Array
    """[N] who sent a request"""
    # workers: what they do
    wake: FloatArray
    """[W] when a worker's iteration ends; ∞: idle"""
    iteration: IntArray
    """[W]"""
    batch: IntArray
    """[W] requests decoding"""
    context: IntArray
    """[W] tokens of their contexts"""
    live_blocks: IntArray
    """[W] distinct blocks of what runs"""
    grow: Int32Array
    """[W, block_tokens] requests that need a block more in iterations of this residue"""
    queue_head: IntArray
    """[W] first request waiting"""
    queue_tail: IntArray
    joined: Int32Array
    """[W] first of the list of requests whose first token this iteration makes, in the order in which they waited"""
    joined_tail: Int32Array
    ending: Int32Array
    """[W, ring] first of the list of requests whose last token is made in an iteration"""
    cell: IntArray
    """[W, 2] where the decode time was looked up last"""
    # workers: what the router knows
    waiting_tokens: IntArray
    """[W] prompt tokens routed there and not yet prefilled"""
    routed: IntArray
    """[W] requests routed there and not yet done"""
    work: IntArray
    """[W] tokens of these: of prompts, those still to prefill; of answers, all until the last is made"""
    routed_blocks: IntArray
    """[W] distinct prompt blocks of these"""
    routed_uses: Int32Array
    """[W, S] how many of these use a segment"""
    tree: IntArray
    """[W] blocks held"""
    # caches
    held: Int32Array
    """[W, S] blocks held of a segment, from its beginning"""
    uses: Int32Array
    """[W, S] requests running that use it"""
    pinned: IntArray
    """[W] blocks in use"""
    use_count: FloatArray
    """[W, S] uses of a segment, halved with time"""
    counted: FloatArray
    """[W, S] when"""
    older: Int32Array
    """[W, S + K + 2] nodes in the order of their last use: segments, requests' own blocks, and the heads of the two lists, cold and warm"""
    newer: Int32Array
    own: Int32Array
    """[W, K] own blocks left behind by a finished request"""
    free: Int32Array
    """[W, K] nodes without blocks, a stack"""
    num_free: IntArray
    """[W]"""
    costs: FloatArray
    """[W] of a decision, for the moment"""
    # requests
    link: Int32Array
    """[N] next in its list"""
    ready: FloatArray
    """[N] when it may start at the worker it waits for"""
    left: Int32Array
    """[N] prompt tokens still to prefill"""
    sent: FloatArray
    first: FloatArray
    done: FloatArray
    """[N] times"""
    prefiller: Int32Array
    decoder: Int32Array
    """[N] workers"""
    found: Int32Array
    """[N] prompt blocks found in the cache of the worker that prefilled"""
    chosen_cost: FloatArray
    """[N, 2] of the decode decision: cost of the worker taken, and the least; NaN for policies without costs"""


SENT, FINISHED, AGAIN_HEAD, AGAIN_TAIL, NEXT_CLIENT, ROUND, ITERATIONS, BEYOND, EVICTED, ROUND_PREFILL = range(10)
"""Places in `State.counters`; BEYOND: iterations whose load or context lay beyond the decode table."""
NUM_COUNTERS: Final = 10


def fresh(given: Given, seed: int) -> State:
    """The state before anything has happened."""
    num_workers, num_requests, num_segments = given.role.size, given.pattern.size, given.blocks.size
    limited = bool(given.capacity.any())
    nodes = min(int(given.capacity.max()), num_requests) if limited else 0  # a request leaves at most one behind
    ring = int(given.output_tokens.max()) + 1
    clients = given.client_start.size

    def whole(*shape: int) -> IntArray:
        return np.zeros(shape, dtype=np.int64)

    def small(*shape: int, fill: int = 0) -> Int32Array:
        return np.full(shape, fill, dtype=np.int32)

    def real(*shape: int, fill: float = 0.0) -> FloatArray:
        return np.full(shape, fill)

    free = np.broadcast_to(np.arange(nodes, dtype=np.int32), (num_workers, nodes)).copy()
    width = num_segments + nodes + 2 if limited else 0
    links = small(num_workers, width, fill=NOBODY)
    if limited:
        links[:, -2:] = width - 2, width - 1
    return State(
        random=np.array([seed], dtype=np.uint64),
        now=real(1),
        counters=whole(NUM_COUNTERS),
        again_time=real(clients + 1),
        again_client=small(clients + 1),
        client=small(num_requests, fill=NOBODY),
        wake=real(num_workers, fill=np.inf),
        iteration=whole(num_workers),
        batch=whole(num_workers),
        context=whole(num_workers),
        live_blocks=whole(num_workers),
        grow=small(num_workers, given.block_tokens),
        queue_head=whole(num_workers) + NOBODY,
        queue_tail=whole(num_workers) + NOBODY,
        joined=small(num_workers, fill=NOBODY),
        joined_tail=small(num_workers, fill=NOBODY),
        ending=small(num_workers, ring, fill=NOBODY),
        cell=whole(num_workers, 2),
        waiting_tokens=whole(num_workers),
        routed=whole(num_workers),
        work=whole(num_workers),
        routed_blocks=whole(num_workers),
        routed_uses=small(num_workers, num_segments),
        tree=whole(num_workers),
        held=small(num_workers, num_segments),
        uses=small(num_workers, num_segments),
        pinned=whole(num_workers),
        use_count=real(num_workers, num_segments if given.admission else 0),
        counted=real(num_workers, num_segments if given.admission else 0),
        older=links,
        newer=links.copy(),
        own=small(num_workers, nodes),
        free=free,
        num_free=np.full(num_workers, nodes, dtype=np.int64),
        costs=real(num_workers),
        link=small(num_requests, fill=NOBODY),
        ready=real(num_requests),
        left=small(num_requests),
        sent=real(num_requests, fill=np.nan),
        first=real(num_requests, fill=np.nan),
        done=real(num_requests, fill=np.nan),
        prefiller=small(num_requests, fill=NOBODY),
        decoder=small(num_requests, fill=NOBODY),
        found=small(num_requests),
        chosen_cost=real(num_requests, 2, fill=np.nan),
    )
