"""A plain simulator of the same model, block by block and token by token, for tests. It shares nothing with the engine."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from poagame.serving import (
    CacheAffinity,
    ClosedLoop,
    Cluster,
    DynamoRouter,
    DynamoRouter1,
    Fixed,
    LeastWork,
    MarginalCost,
    OpenLoop,
    Policy,
    RoundRobin,
    Selfish,
    ShortestQueue,
    Workload,
)


@dataclass
class Request:
    number: int
    inputs: int
    outputs: int
    shared: list[tuple[int, int]]
    """Blocks that others may use: (segment, place)."""
    client: int | None
    sent: float
    first: float = math.nan
    done: float = math.nan
    made: int = 0
    left: int = 0
    admitted: bool = False
    ready: float = 0.0
    found: int = 0
    prefiller: int = -1
    decoder: int = -1


@dataclass
class Worker:
    number: int
    role: str
    capacity: int | None
    queue: deque[Request] = field(default_factory=deque)
    running: list[Request] = field(default_factory=list)
    joined: list[Request] = field(default_factory=list)
    wake: float = math.inf
    routed: list[Request] = field(default_factory=list)
    waiting: dict[int, int] = field(default_factory=dict)
    """Prompt tokens not yet prefilled, of each request routed here."""
    pins: dict[object, int] = field(default_factory=dict)
    cold: list[object] = field(default_factory=list)
    warm: list[object] = field(default_factory=list)
    counts: dict[object, tuple[float, float]] = field(default_factory=dict)

    def holds(self, block: object) -> bool:
        return block in self.pins or block in self.cold or block in self.warm

    @property
    def tree(self) -> int:
        return len(self.pins) + len(self.cold) + len(self.warm)


class Oracle:
    """One run; ties of the policy are settled as the run under test settled them, after checking that they are ties."""

    def __init__(
        self, cluster: Cluster, workload: Workload, policy: Policy, prefillers: list[int], decoders: list[int]
    ) -> None:
        self.c, self.policy = cluster, policy
        self.prefillers, self.decoders = prefillers, decoders
        roles = ["both"] * cluster.aggregated + ["prefill"] * cluster.prefill + ["decode"] * cluster.decode
        self.workers = [Worker(k, role, cluster.kv_blocks) for k, role in enumerate(roles)]
        self.turn = {"prefill": 0, "decode": 0, "both": 0}
        self.requests: list[Request] = []
        self.prompts = workload.prompts
        self.arrivals = workload.arrivals
        self.again: deque[tuple[float, int]] = deque()
        self.upcoming = 0
        self.now = 0.0

    # blocks

    def own(self, worker: Worker, r: Request) -> list[object]:
        tokens = r.inputs + (r.outputs if worker.role != "prefill" else 0)
        return [("own", r.number, k) for k in range(max(self.ceil(tokens) - len(r.shared), 0))]

    def ceil(self, tokens: float) -> int:
        return math.ceil(tokens / self.c.block_tokens)

    def found(self, worker: Worker, r: Request) -> int:
        count = 0
        for block in r.shared:
            if not worker.holds(block):
                break
            count += 1
        return count

    def new_tokens(self, worker: Worker, r: Request) -> int:
        return max(r.inputs - self.found(worker, r) * self.c.block_tokens, 1)

    def fits(self, worker: Worker, r: Request) -> bool:
        if worker.capacity is None:
            return True
        extra = [b for b in r.shared if b not in worker.pins] + self.own(worker, r)
        return len(worker.pins) + len(extra) <= worker.capacity

    def take(self, worker: Worker, r: Request) -> None:
        for segment in dict.fromkeys(s for s, _ in r.shared):
            count, when = worker.counts.get(segment, (0.0, 0.0))
            if any(worker.holds((s, k)) for s, k in r.shared if s == segment):
                now = count * 2.0 ** (-(self.now - when) / self.c.half_life_ms)
                worker.counts[segment] = (max(2.0 * now, 1.0), self.now)
            else:
                worker.counts[segment] = (1.0, self.now)
        blocks = [*r.shared, *self.own(worker, r)]
        for block in blocks:
            for waiting in (worker.cold, worker.warm):
                if block in waiting:
                    waiting.remove(block)
            worker.pins[block] = worker.pins.get(block, 0) + 1
        if worker.capacity is not None:
            while worker.tree > worker.capacity:
                (worker.cold or worker.warm).pop(0)

    def give(self, worker: Worker, r: Request) -> None:
        for block in [*reversed(self.own(worker, r)), *reversed(r.shared)]:
            worker.pins[block] -= 1
            if worker.pins[block] == 0:
                del worker.pins[block]
                cold = False
                if self.c.eviction == "frequency":
                    cold = block[0] == "own"  # type: ignore[index]
                    if not cold:
                        count, when = worker.counts[block[0]]  # type: ignore[index]
                        cold = count * 2.0 ** (-(self.now - when) / self.c.half_life_ms) < 2.0
                (worker.cold if cold else worker.warm).append(block)

    # routing

    def cost(self, worker: Worker, r: Request, leg: str) -> float:
        policy = self.policy
        if isinstance(policy, DynamoRouter):
            total = 0.0
            if leg != "decode":
                total += (
                    policy.overlap_weight
                    * (sum(worker.waiting.values()) + self.new_tokens(worker, r))
                    / self.c.block_tokens
                )
            return total if leg == "prefill" else total + self.blocks_with(worker, r)
        if isinstance(policy, DynamoRouter1):
            total = 0.0
            if leg != "decode":
                raw = (sum(worker.waiting.values()) + r.inputs) / self.c.block_tokens
                total += policy.prefill_load_scale * max(raw - policy.overlap_score_credit * self.found(worker, r), 0.0)
            return total if leg == "prefill" else total + self.blocks_with(worker, r)
        if isinstance(policy, LeastWork):
            return sum(worker.waiting.values()) + (
                sum(o.outputs for o in worker.routed) if worker.role != "prefill" else 0
            )
        if isinstance(policy, CacheAffinity):
            return -self.found(worker, r)
        n = len(worker.routed)
        if isinstance(policy, Selfish):
            cost = self.latency(n)
            if isinstance(policy, MarginalCost) and n > 0:
                cost += n * (cost - self.latency(n - 1))
            return cost - policy.overlap_weight * self.found(worker, r)
        assert isinstance(policy, ShortestQueue)
        return n

    def blocks_with(self, worker: Worker, r: Request) -> int:
        blocks: set[object] = set()
        for other in [*worker.routed, r]:
            blocks |= set(other.shared) | {
                ("own", other.number, k) for k in range(self.ceil(other.inputs) - len(other.shared))
            }
        return len(blocks)

    def latency(self, others: int) -> float:
        table = self.policy.latency_ms  # type: ignore[union-attr]
        if others < len(table):
            return table[others]
        slope = table[-1] - table[-2] if len(table) > 1 else 0.0
        return table[-1] + slope * (others - len(table) + 1)

    def choose(self, r: Request, leg: str) -> Worker:
        able = [w for w in self.workers if w.role == leg]
        if leg != "prefill" and isinstance(self.policy, Fixed):
            return able[int(self.policy.workers[r.number])]
        if len(able) == 1:
            return able[0]
        if isinstance(self.policy, RoundRobin | Fixed):
            self.turn[leg] += 1
            return able[(self.turn[leg] - 1) % len(able)]
        recorded = able[(self.prefillers if leg == "prefill" else self.decoders)[r.number]]
        costs = [self.cost(w, r, leg) for w in able]
        ties = [w for w, cost in zip(able, costs, strict=True) if cost == min(costs)]
        if isinstance(self.policy, DynamoRouter):
            ties = [w for w in ties if w.tree == min(t.tree for t in ties)]
        assert recorded in ties, (r.number, leg, costs, recorded.number)
        return recorded

    def route(self, r: Request, leg: str) -> None:
        worker = self.choose(r, leg)
        if leg != "decode":
            r.prefiller = worker.number
            worker.waiting[r.number] = self.new_tokens(worker, r)
        r.ready = self.now
        if leg != "prefill":
            r.decoder = worker.number
        if leg == "decode":
            r.admitted = False
            r.ready += self.c.transfer_ms + self.c.transfer_block_ms * (self.ceil(r.inputs) - self.found(worker, r))
        worker.routed.append(r)
        worker.queue.append(r)
        if math.isinf(worker.wake):
            worker.wake = r.ready

    # time

    def tokens(self, worker: Worker) -> None:
        joined, worker.joined = worker.joined, []
        if worker.role == "prefill":
            for r in joined:
                worker.routed.remove(r)
                del worker.waiting[r.number]
                self.give(worker, r)
                self.route(r, "decode")
            return
        for r in joined:
            r.first = self.now
        for r in worker.running:
            r.made += 1
        finished = [r for r in worker.running if r.made == r.outputs]
        # of those that finish together, the one that joined last comes first
        for r in reversed(finished):
            r.done = self.now
            self.give(worker, r)
            worker.running.remove(r)
            worker.routed.remove(r)
            worker.waiting.pop(r.number, None)
            if isinstance(self.arrivals, ClosedLoop) and r.client is not None:
                when = self.now + self.arrivals.think_ms
                if when < self.arrivals.stop_ms[r.client]:
                    self.again.append((when, r.client))

    def begin(self, worker: Worker) -> None:
        mock = self.c.engine == "mock"
        limit = self.c.prefill_requests if worker.role == "prefill" else self.c.most_requests
        budget = math.inf if self.c.most_tokens is None else self.c.most_tokens
        before = list(worker.running)
        cut = [
            r for r in worker.queue if r.admitted
        ]  # a prompt that is prefilled in chunks holds its blocks from the first on
        begun, prefilled, prefill_ms = 0, 0, 0.0
        while worker.queue and budget > 0:
            r = worker.queue[0]
            if r.ready > self.now:
                break
            if not r.admitted:
                busy = begun if worker.role == "prefill" else len(worker.running)
                if (limit is not None and busy >= limit) or not self.fits(worker, r):
                    break
                if worker.role != "decode":
                    r.left = self.new_tokens(worker, r)
                    r.found = self.found(worker, r)
                    worker.waiting[r.number] = r.left
                self.take(worker, r)
                r.admitted = True
                begun += 1
            if worker.role != "decode":
                chunk = int(min(r.left, budget))
                r.left -= chunk
                worker.waiting[r.number] -= chunk
                budget -= chunk
                prefilled += chunk
                prefill_ms += self.c.prefill_time.at(chunk) if mock else 0.0
                if r.left > 0:
                    break
            worker.queue.popleft()
            worker.joined.append(r)
            if worker.role != "prefill":
                worker.running.append(r)
        if not mock and prefilled > 0:
            prefill_ms = self.c.prefill_time.at(prefilled)
        decoding = worker.running
        if worker.role == "prefill":
            decoding = worker.joined if mock else []
        elif worker.role == "both" and not mock:
            decoding = before
        duration = prefill_ms
        if decoding:
            context = sum(r.inputs + r.made for r in decoding) / len(decoding)
            if self.c.decode_time.by == "batch":
                load = float(len(decoding))
            else:
                blocks: set[object] = set()
                for r in [*decoding, *(cut if worker.role == "both" else [])]:
                    blocks |= set(r.shared) | {
                        ("own", r.number, k) for k in range(self.ceil(r.inputs + r.made) - len(r.shared))
                    }
                load = float(len(blocks) * self.c.block_tokens)
            duration += self.c.decode_time.at(load, context)
        if decoding or prefilled or begun:
            worker.wake = self.now + duration
            if mock:
                self.tokens(worker)
        else:
            worker.wake = worker.queue[0].ready if worker.queue else math.inf

    def upcoming_arrival(self) -> tuple[float, int | None, str]:
        sent = len(self.requests)
        if sent >= len(self.prompts):
            return math.inf, None, ""
        if isinstance(self.arrivals, OpenLoop):
            return float(self.arrivals.arrival_ms[sent]), None, "open"
        best: tuple[float, int | None, str] = (math.inf, None, "")
        if self.again:
            best = (*self.again[0], "again")
        if self.upcoming < self.arrivals.start_ms.size and self.arrivals.start_ms[self.upcoming] < best[0]:
            best = (float(self.arrivals.start_ms[self.upcoming]), self.upcoming, "new")
        return best

    def run(self) -> list[Request]:
        p = self.prompts
        while sum(math.isfinite(r.done) for r in self.requests) < len(p):
            arrives, client, source = self.upcoming_arrival()
            worker = min(self.workers, key=lambda w: w.wake)
            self.now = min(arrives, worker.wake)
            if math.isinf(self.now):
                break
            if arrives <= worker.wake:
                if source == "again":
                    self.again.popleft()
                elif source == "new":
                    self.upcoming += 1
                k = len(self.requests)
                if isinstance(self.arrivals, ClosedLoop) and client is not None and k >= self.arrivals.last[client]:
                    continue
                pattern = int(p.pattern[k])
                shared = [
                    (int(s), place)
                    for s in p.segments[p.first_segment[pattern] : p.first_segment[pattern + 1]]
                    for place in range(int(p.segment_tokens[s]) // self.c.block_tokens)
                ]
                r = Request(k, int(p.input_tokens[k]), int(p.output_tokens[k]), shared, client, self.now)
                self.requests.append(r)
                self.route(r, "both" if self.workers[0].role == "both" else "prefill")
            else:
                if self.c.engine != "mock" and (worker.joined or worker.running):
                    self.tokens(worker)
                self.begin(worker)
        return self.requests
