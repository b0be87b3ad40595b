"""One measurement in a process of its own, so that its peak memory is its own: build, warm up, then time."""

from __future__ import annotations

import gc
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Measured:
    """Seconds of each run, peak memory of the process (MB) before the action and at the end, and the answer."""

    seconds: list[float]
    base_mb: float
    peak_mb: float
    answer: Any

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def shown(self, digits: int, each: float = 1.0) -> str:
        """The median, and half the range of the runs in per cent of it, for `each` unit of a run: "0.0028 ± 4 %"."""
        text = f"{self.median / each:.{digits}f}"
        if len(self.seconds) == 1:
            return f"{text} (once)"
        return f"{text}\u00a0±\u00a0{50 * (max(self.seconds) - min(self.seconds)) / self.median:.0f}\u00a0%"


def measure(build: Callable[..., Callable[[], Any]], *args: Any, repeats: int = 5, warm_up: bool = True) -> Measured:
    """Time the action that `build(*args)` returns; building and, if asked, one first call are outside the clock."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_run, (build, args, repeats, warm_up))


def _run(build: Callable[..., Callable[[], Any]], args: tuple[Any, ...], repeats: int, warm_up: bool) -> Measured:
    action = build(*args)
    base = _peak_mb()
    if warm_up:
        action()
    seconds, answer = [], None
    for _ in range(repeats):
        gc.collect()
        begin = time.perf_counter()
        answer = action()
        seconds.append(time.perf_counter() - begin)
    return Measured(seconds, base, _peak_mb(), answer)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def row(*cells: object) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def header(*cells: str) -> None:
    row(*cells)
    row(*["---"] * len(cells))
