"""The hysteresis that bounds flapping where smoothing makes polls depend on each other: simulated, beside the law of independent polls.

All here is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import norm

from poagame._arrays import IntArray, require
from poagame.games.checks import Seed, finite, shown, whole
from poagame.serving.detector import RegimeDetector
from poagame.serving.intervals import checked_confidence, wilson
from poagame.serving.streaks import smallest_streak, switch_probabilities
from poagame.serving.ttft_process import TtftProcess


@dataclass(frozen=True, eq=False, slots=True)
class Hysteresis:
    """How long a hysteresis keeps a detector from flapping out of BELOW.

    Attributes
    ----------
    simulated : int
        Least k whose probability of a switch within the polls is at most `flapping`, by the upper end of its Wilson interval.
    independent : int
        The same by `smallest_streak`, for polls that lie beyond independently with probability `beyond`: exact without smoothing and
        overlap, too small otherwise.
    beyond : float
        Share of polls whose smoothed P99 is at least the lower threshold; exact where nothing is smoothed, else simulated.
    frame : polars.DataFrame
        By k = 1 … simulated: probability of a switch, low, high (Wilson), and `independent`, the law of independent polls.
    """

    simulated: int
    independent: int
    beyond: float
    frame: pl.DataFrame


def hysteresis(
    detector: RegimeDetector,
    process: TtftProcess,
    flapping: float = 0.01,
    num_runs: int = 1000,
    seed: Seed = 0,
    *,
    polls: int = 720,
    confidence: float = 0.95,
) -> Hysteresis:
    """Return the least k with which a switch out of BELOW within so many polls without a change has at most probability `flapping`.

    BELOW is left after k polls in a row at or above the threshold, so one simulation of the longest such row serves all k; the detector's
    own k is not used. 720 polls are an hour at 5 s.

    Raises
    ------
    InvalidInput
        If an argument is out of its range, or the runs are too few to show so small a probability.
    """
    require(isinstance(detector, RegimeDetector), f"detector is a RegimeDetector; got {shown(detector)}")
    require(isinstance(process, TtftProcess), f"process is a TtftProcess; got {shown(process)}")
    polls, num_runs = whole(polls, "polls", 1, 10**5), whole(num_runs, "num_runs", 1, 10**7)
    flapping, confidence = finite(flapping, "flapping"), checked_confidence(confidence)
    require(0.0 < flapping < 1.0, f"flapping is a probability between 0 and 1; got {flapping:g}")
    z2 = float(norm.isf((1.0 - confidence) / 2.0)) ** 2
    least = int(np.ceil(z2 * (1.0 - flapping) / flapping)) + 1
    require(num_runs >= least, f"to show a probability of {flapping:g} takes at least {least:,} runs; got {num_runs:,}")
    longest: list[IntArray] = []
    beyond = 0
    for series in process.chunks(num_runs, polls, 0, seed):
        above = detector.trace(series)[0] >= detector.transition_ms
        beyond += int(above.sum())
        at = np.arange(polls)
        longest.append((at - np.maximum.accumulate(np.where(above, -1, at), axis=1)).max(axis=1))
    rows = np.concatenate(longest)
    share = process.beyond(detector.transition_ms) if detector.smoothing == 1.0 else beyond / (num_runs * polls)
    table: list[tuple[float, ...]] = []
    high, k = 1.0, 0
    while high > flapping:
        k += 1
        found = float(np.mean(rows >= k))
        low, high = wilson(found * num_runs, num_runs, confidence)
        table.append((k, found, low, high, float(switch_probabilities(share, k, polls)[-1])))
    frame = pl.DataFrame(table, schema=["polls", "probability", "low", "high", "independent"], orient="row")
    frame = frame.with_columns(pl.col("polls").cast(pl.Int64))
    return Hysteresis(k, smallest_streak(share, polls, flapping), share, frame)
