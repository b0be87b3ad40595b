"""A curve that can be computed by hand, and a Planner's run told worker by worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray
from poagame.games.resource import ResourceGame

Split = tuple[int, int]
See = Callable[[int, Split, tuple[float, float], float], Split]
"""From the step, the workers ordered, the attainments and the level seen to the workers wanted."""


@dataclass(frozen=True, slots=True)
class Slack:
    """Share 1 − (λ / (μ c))^k, 0 where c workers of rate μ cannot keep up."""

    arrival_rate: float
    worker_rate: float = 1.0
    power: float = 1.0

    def __call__(self, workers: ArrayLike) -> FloatArray:
        return self.attained(workers, self.arrival_rate)

    def attained(self, workers: ArrayLike, arrival_rate: ArrayLike) -> FloatArray:
        c, lam = np.broadcast_arrays(np.asarray(workers, dtype=np.float64), np.asarray(arrival_rate, dtype=np.float64))
        return np.maximum(0.0, 1.0 - (lam / (self.worker_rate * np.maximum(c, 1e-9))) ** self.power)

    def derivative(self, workers: ArrayLike) -> FloatArray:
        c = np.asarray(workers, dtype=np.float64)
        return (self(c + 1e-6) - self(c)) / 1e-6

    def throughput(self, workers: ArrayLike) -> FloatArray:
        return np.minimum(self.arrival_rate, self.worker_rate * np.asarray(workers, dtype=np.float64))

    def at_rate(self, arrival_rate: float) -> Slack:
        return replace(self, arrival_rate=arrival_rate)


@dataclass
class Told:
    """A run told worker by worker: each has the time from which it serves; who starts last leaves first."""

    pools: ResourceGame
    see: See
    level_at: Callable[[int], float]
    interval_s: float
    delay_s: float
    startup_s: float
    start: Split

    def run(self, intervals: int) -> tuple[list[Split], list[tuple[float, float]], float, list[object]]:
        """Splits, attainments, GPU-seconds lost and states at the end of each interval."""
        size = self.pools.gpus_per_worker
        ready = [[-1e9] * self.start[0], [-1e9] * self.start[1]]
        splits: list[Split] = []
        shares: list[tuple[float, float]] = []
        states: list[object] = []
        lost = 0.0
        for t in range(intervals):
            now, end = t * self.interval_s, (t + 1) * self.interval_s
            old = [j for j in range(t) if (j + 1) * self.interval_s <= now - self.delay_s + 1e-9]
            if old:
                orders = (len(ready[0]), len(ready[1]))
                wanted = self.see(t, orders, shares[old[-1]], self.level_at(old[-1]))
                assert min(wanted) >= 1
                assert wanted[0] * size[0] + wanted[1] * size[1] <= self.pools.budget
                for stack, number in zip(ready, wanted, strict=True):
                    while len(stack) > number:
                        stack.pop()
                    while len(stack) < number:
                        stack.append(now + self.startup_s)
            splits.append((len(ready[0]), len(ready[1])))
            inside = {w for stack in ready for w in stack if now < w < end}
            marks = [now, *sorted(inside), end]
            mean = np.zeros(2)
            for a, b in zip(marks[:-1], marks[1:], strict=True):
                serving = [sum(w <= a + 1e-9 for w in stack) for stack in ready]
                game = self.pools.scaled(self.level_at(t))
                mean += (b - a) / self.interval_s * game.attainments(np.array(serving) * np.array(size))
                lost += (b - a) * sum((len(s) - n) * g for s, n, g in zip(ready, serving, size, strict=True))
            shares.append((float(mean[0]), float(mean[1])))
            # what the next decision sees, and what those after it will
            past = [j for j in range(t + 1) if (j + 1) * self.interval_s <= end - self.delay_s + 1e-9]
            unseen = range(past[-1], t + 1) if past else range(0)
            states.append(
                None
                if not past
                else (
                    tuple(tuple(round(max(w - end, 0.0), 6) for w in stack) for stack in ready),
                    tuple((round(shares[j][0], 9), round(shares[j][1], 9)) for j in unseen),
                    tuple(self.level_at(j) for j in unseen),
                )
            )
        return splits, shares, lost, states


def told_period(splits: list[Split], states: list[object], cycle: int) -> int:
    """Period of the splits from the first state that comes back in the same phase of load and rule; −1 if none does."""
    first: dict[object, int] = {}
    for t, state in enumerate(states):
        key = (state, t % cycle)
        if state is not None and key in first:
            loop = splits[first[key] + 1 : t + 1]
            n = len(loop)
            if len(set(loop)) == 1:
                return 0
            return next(r for r in range(1, n + 1) if n % r == 0 and loop == loop[r:] + loop[:r])
        first[key] = t
    return -1
