"""The serving simulator: a closed loop of 128 clients on 1P/5D with 128-token answers, and a sweep.

    python benchmarks/bench_serving.py

Rivals, on the same model: SimPy 4, a process a worker; and a plain Python loop over a heap of iterations. All three give the same mean
latency, which is checked. Prefill 20.37 ms a prompt, one after another; an iteration of n decodes 9.13 + 0.021 n ms; round robin.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from measuring import header, measure, row

from poagame.serving import (
    Cell,
    ClosedLoop,
    Cluster,
    DecodeTime,
    DynamoRouter,
    PrefillTime,
    Prompts,
    RoundRobin,
    Workload,
    sweep,
)
from poagame.serving.simulate import simulated

CLIENTS, DECODERS, TOKENS = 128, 5, 128
PREFILL_MS, BASE_MS, SLOPE_MS = 20.37, 9.13, 0.021


def cluster() -> Cluster:
    return Cluster(
        prefill=1,
        decode=DECODERS,
        prefill_time=PrefillTime.constant(PREFILL_MS),
        decode_time=DecodeTime([1, 1 + CLIENTS], [BASE_MS + SLOPE_MS, BASE_MS + SLOPE_MS * (1 + CLIENTS)]),
        prefill_requests=1,
    )


def workload(count: int) -> Workload:
    return Workload(Prompts.templates(count, groups=1, output_tokens=TOKENS), ClosedLoop.steady(CLIENTS))


def engine(count: int, threads: int = 1) -> Callable[[], float]:
    setting, asked = cluster(), workload(count)

    def once(seed: int) -> float:
        _, state = simulated(setting, asked, RoundRobin(), seed)
        return float((state.done - state.sent).mean())

    def action() -> float:
        with ThreadPoolExecutor(threads) as pool:
            return float(np.mean(list(pool.map(once, range(threads)))))

    return action


def plain(count: int) -> Callable[[], float]:
    def action() -> float:
        queue: deque[float] = deque([0.0] * CLIENTS)
        sent, finished, turn, total = CLIENTS, 0, 0, 0.0
        batch: list[list[list[float]]] = [[] for _ in range(DECODERS)]
        waiting: list[list[list[float]]] = [[] for _ in range(DECODERS)]
        idle = [True] * DECODERS
        events: list[tuple[float, int]] = [(PREFILL_MS, -1)]  # worker −1 prefills the head of the queue
        prefilling = True
        while finished < count:
            now, worker = heapq.heappop(events)
            if worker == -1:
                request = [queue.popleft(), 0.0]
                to, turn = turn % DECODERS, turn + 1
                waiting[to].append(request)
                if idle[to]:
                    idle[to] = False
                    batch[to], waiting[to] = waiting[to], []
                    heapq.heappush(events, (now + BASE_MS + SLOPE_MS * len(batch[to]), to))
                prefilling = bool(queue)
                if prefilling:
                    heapq.heappush(events, (now + PREFILL_MS, -1))
                continue
            stays = []
            for request in batch[worker]:
                request[1] += 1
                if request[1] < TOKENS:
                    stays.append(request)
                    continue
                finished += 1
                total += now - request[0]
                if sent < count:
                    sent += 1
                    queue.append(now)
                    if not prefilling:
                        prefilling = True
                        heapq.heappush(events, (now + PREFILL_MS, -1))
            batch[worker] = stays + waiting[worker]
            waiting[worker] = []
            if batch[worker]:
                heapq.heappush(events, (now + BASE_MS + SLOPE_MS * len(batch[worker]), worker))
            else:
                idle[worker] = True
        return total / count

    return action


def simpy_processes(count: int) -> Callable[[], float]:
    import simpy

    def action() -> float:
        env: Any = simpy.Environment()
        queue = simpy.Store(env)
        state = {"sent": CLIENTS, "finished": 0, "total": 0.0}
        waiting: list[list[list[float]]] = [[] for _ in range(DECODERS)]
        wake = [env.event() for _ in range(DECODERS)]
        done = env.event()
        for _ in range(CLIENTS):
            queue.put([0.0, 0.0])

        def prefill() -> Any:
            turn = 0
            while True:
                request = yield queue.get()
                yield env.timeout(PREFILL_MS)
                waiting[turn % DECODERS].append(request)
                if not wake[turn % DECODERS].triggered:
                    wake[turn % DECODERS].succeed()
                turn += 1

        def decode(worker: int) -> Any:
            batch: list[list[float]] = []
            while True:
                if not batch and not waiting[worker]:
                    wake[worker] = env.event()
                    yield wake[worker]
                batch, waiting[worker] = batch + waiting[worker], []
                yield env.timeout(BASE_MS + SLOPE_MS * len(batch))
                stays = []
                for request in batch:
                    request[1] += 1
                    if request[1] < TOKENS:
                        stays.append(request)
                        continue
                    state["finished"] += 1
                    state["total"] += env.now - request[0]
                    if state["sent"] < count:
                        state["sent"] += 1
                        queue.put([env.now, 0.0])
                    if state["finished"] == count:
                        done.succeed()
                batch = stays

        env.process(prefill())
        for worker in range(DECODERS):
            env.process(decode(worker))
        env.run(until=done)
        return state["total"] / count

    return action


def grid_sweep(seeds: int) -> Callable[[], int]:
    levels = (1, 2, 4, 8, 16, 32, 64, 96, 128, 192, 256, 512)
    cells = [
        Cell(cluster(), workload(max(6 * c, 200)), DynamoRouter(weight, heat), {"c": c, "t": heat, "w": weight}, skip=c)
        for c in levels
        for heat in (0.0, 0.3, 0.7, 1.0)
        for weight in (0.0, 0.5, 1.0, 2.0)
    ]
    return lambda: int(sweep(cells, range(seeds))["requests"].sum())


def main() -> None:
    for count in (1_000, 3_000):  # the three are one model
        answers = [make(count)() for make in (engine, plain, simpy_processes)]
        assert np.ptp(answers) < 1e-6 * answers[0], answers
    header(
        "task",
        "requests",
        "median s",
        "requests a second",
        "time a request, engine = 1",
        "mean latency [ms]",
        "peak MB",
    )
    first = 0.0
    for name, build, count, threads in (
        ("`simulate`'s engine, one thread", engine, 1_000_000, 1),
        ("the same, two threads with a seed each", engine, 1_000_000, 2),
        ("rival: plain Python loop over a heap", plain, 10_000, 1),
        ("rival: SimPy, a process a worker", simpy_processes, 10_000, 1),
    ):
        found = measure(build, count, threads, repeats=3) if build is engine else measure(build, count, repeats=3)
        each = found.median / (count * threads)
        first = first or each
        row(
            name,
            f"{count * threads:,}",
            found.shown(3),
            f"{1.0 / each:,.0f}",
            f"{each / first:,.1f}×",
            f"{found.answer:.1f}",
            f"{found.peak_mb:,.0f}",
        )
    sizes = np.array([10_000, 100_000, 1_000_000])
    times = np.array([measure(engine, int(n), repeats=3).median for n in sizes])
    exponent = np.polyfit(np.log(sizes), np.log(times), 1)[0]
    row("growth of the engine's time", "10⁴ to 10⁶", f"requests^{exponent:.2f}", "", "", "", "")
    found = measure(grid_sweep, 20, repeats=1)
    row(
        "`sweep`: 4 × 4 settings × 12 loads × 20 seeds",
        f"{found.answer:,}",
        found.shown(3),
        f"{found.answer / found.median:,.0f}",
        "",
        "",
        f"{found.peak_mb:,.0f}",
    )


if __name__ == "__main__":
    main()
