r"""Operating curves: how often detectors raise false alarms, what they miss and how late they are, by simulation.

All here is ours. An alarm of a `RegimeDetector` is any regime above BELOW, one of a `CurvatureDetector` a curvature beyond its limit. Where
polls are independent the laws of `poagame.serving.streaks` are exact; with smoothing or overlapping windows polls depend on each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from joblib import Parallel, delayed

from poagame._arrays import BoolArray, FloatArray, IntArray, require
from poagame.games.checks import Seed, generator, shown, whole
from poagame.serving.curvature import CurvatureDetector
from poagame.serving.detector import RegimeDetector
from poagame.serving.intervals import Interval, checked_confidence, mean, percentile_90, share
from poagame.serving.ttft_process import TtftProcess

Detector: TypeAlias = RegimeDetector | CurvatureDetector


@dataclass(frozen=True, eq=False, slots=True)
class OperatingCurve:
    """What each detector did on the same runs of one process.

    Attributes
    ----------
    frame : polars.DataFrame
        A row a detector, in the order given; every figure with its interval in `…_low`, `…_high`.

        - kind: "regime", by baseline_ttft_ms, transition, saturation, smoothing, polls; or "curvature", by limit, fit (its window).
        - false_alarm: share of runs with an alarm before the change (Wilson).
        - false_rate: alarms raised a poll before the change (Wilson, with alarms and polls divided by the variance-to-mean ratio of the
          alarms of a run where that is above 1, since alarms come in clumps). A detector that never leaves its alarm raises only one: see
          `alarmed`.
        - false_gap_ms: mean time between false alarms, null if none came.
        - alarmed: share of runs in an alarm at the change (Wilson). The rest count below.
        - miss: share with no alarm within the horizon (Wilson).
        - delay: mean polls to the alarm over the runs that raised one (t); 1 is the first poll after the change; null if none did.
        - delay_p90: 90th percentile of polls over all, missing ones last (ranks); null where it is beyond the horizon.
        - delay_ms, delay_p90_ms: the same in ms, from the start of the interval in which the median rises.
        - returned: share of the alarms that end again within the horizon (Wilson); a curvature alarm does so by nature.
    process : TtftProcess
    num_runs, before, after : int
        Runs, and polls of each before and after the change.
    confidence : float
        Of all intervals, each by itself.
    """

    frame: pl.DataFrame
    process: TtftProcess
    num_runs: int
    before: int
    after: int
    confidence: float


def operating_curve(
    detectors: Sequence[Detector],
    process: TtftProcess,
    num_runs: int = 1000,
    seed: Seed = 0,
    *,
    before: int = 500,
    after: int = 100,
    confidence: float = 0.95,
) -> OperatingCurve:
    """Run detectors side by side on polls before and after a change; `after` is the horizon within which an alarm counts.

    Raises
    ------
    InvalidInput
        If a detector, the process or a number is of the wrong kind or out of its range, or there is no detector.

    Examples
    --------
    >>> process = TtftProcess(200.0, jump=10.0, noise=0.3, rate_rps=10.0)
    >>> curve = operating_curve([RegimeDetector(200.0)], process, num_runs=200, before=100)
    >>> curve.frame.select("false_alarm", "miss").rows()
    [(0.0, 0.0)]
    """
    chosen = _detectors(detectors)
    confidence = checked_confidence(confidence)
    before, after = whole(before, "before", 1, 10**7), whole(after, "after", 1, 10**7)
    require(isinstance(process, TtftProcess), f"process is a TtftProcess; got {shown(process)}")
    rows: list[list[IntArray]] = [[] for _ in chosen]
    for series in process.chunks(num_runs, before, after, seed):
        for row, detector in zip(rows, chosen, strict=True):
            row.append(_outcomes(_alarms(detector, series), before))
    table = [
        _parameters(d) | _figures(np.concatenate(row, axis=1), before, after, process.interval_ms, confidence)
        for d, row in zip(chosen, rows, strict=True)
    ]
    return OperatingCurve(pl.DataFrame(table, schema=_SCHEMA), process, int(num_runs), before, after, confidence)


def operating_sweep(
    detector: RegimeDetector,
    process: TtftProcess,
    grid: Mapping[str, Sequence[float]],
    num_runs: int = 1000,
    seed: Seed = 0,
    *,
    before: int = 500,
    after: int = 100,
    confidence: float = 0.95,
    n_jobs: int | None = None,
) -> pl.DataFrame:
    """Operating curves over a grid: the columns of `OperatingCurve.frame` after those of the process, one row a combination.

    Keys of the grid are fields of the detector and of the process; n is in the column `requests`. Detectors share the runs of a process.
    Processes are independent and go through joblib, so that `joblib.parallel_config` places them; the result does not depend on it.

    Raises
    ------
    InvalidInput
        If a key is no field, a list of values is empty, or a combination is refused by the detector or the process.

    Examples
    --------
    >>> grid = {"noise": [0.1, 0.3], "polls": [1, 3]}
    >>> operating_sweep(RegimeDetector(300.0, 2.0), TtftProcess(200.0), grid, 50, before=50).select("noise", "polls", "miss").rows()
    [(0.1, 1, 0.0), (0.1, 3, 0.0), (0.3, 1, 0.0), (0.3, 3, 0.0)]
    """
    require(isinstance(detector, RegimeDetector), f"detector is a RegimeDetector; got {shown(detector)}")
    require(isinstance(process, TtftProcess), f"process is a TtftProcess; got {shown(process)}")
    require(isinstance(grid, Mapping), f"grid maps names to lists of values; got {shown(grid)}")
    of_detector = [f.name for f in fields(RegimeDetector)]
    of_process = [f.name for f in fields(TtftProcess)]
    for key, values in grid.items():
        require(key in of_detector + of_process, f"grid knows {', '.join(of_detector + of_process)}; got {shown(key)}")
        require(
            isinstance(values, (list, tuple)) and len(values) > 0,
            f"{key} lists at least one value; got {shown(values)}",
        )
    require(n_jobs is None or whole(n_jobs, "n_jobs", -(10**4), 10**4) != 0, "n_jobs is a number of jobs, or -1; got 0")
    # made at once, so that a bad combination is refused before any is run
    detectors = [replace(detector, **given) for given in _combinations(grid, of_detector)]
    processes = [replace(process, **given) for given in _combinations(grid, of_process)]
    seeds = generator(seed).spawn(len(processes))
    curves: Any = Parallel(n_jobs=n_jobs)(
        delayed(operating_curve)(detectors, p, num_runs, s, before=before, after=after, confidence=confidence)
        for p, s in zip(processes, seeds, strict=True)
    )
    return pl.concat(
        curve.frame.select(
            *(
                pl.lit(value, pl.Int64() if isinstance(value, int) else pl.Float64()).alias(name)
                for name, value in (asdict(curve.process) | {"requests": curve.process.requests}).items()
            ),
            pl.all(),
        )
        for curve in curves
    )


def _combinations(grid: Mapping[str, Sequence[float]], names: list[str]) -> list[dict[str, Any]]:
    keys = [key for key in grid if key in names]
    return [dict(zip(keys, values, strict=True)) for values in product(*(grid[key] for key in keys))]


_INTERVALS = ("false_alarm", "false_rate", "alarmed", "miss", "delay", "delay_p90", "returned")
_TIMES = ("false_gap_ms", "false_gap_low_ms", "false_gap_high_ms", "delay_ms", "delay_p90_ms")
_SCHEMA: dict[str, pl.DataType] = {
    "kind": pl.String(),
    **{name: pl.Float64() for name in ("baseline_ttft_ms", "transition", "saturation", "smoothing")},
    "polls": pl.Int64(),
    "limit": pl.Float64(),
    "fit": pl.Int64(),
    **{name + end: pl.Float64() for name in _INTERVALS for end in ("", "_low", "_high")},
    **{name: pl.Float64() for name in _TIMES},
}


def _parameters(detector: Detector) -> dict[str, str | float | None]:
    if isinstance(detector, CurvatureDetector):
        return {"kind": "curvature", "limit": detector.limit, "fit": detector.window}
    return {"kind": "regime"} | asdict(detector)


def _detectors(detectors: object) -> tuple[Detector, ...]:
    chosen: tuple[Any, ...] = tuple(detectors) if isinstance(detectors, (list, tuple)) else ()  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    require(len(chosen) > 0, f"detectors is a list of at least one detector; got {shown(detectors)}")
    wrong = [d for d in chosen if not isinstance(d, (RegimeDetector, CurvatureDetector))]
    require(not wrong, f"detectors are RegimeDetectors or CurvatureDetectors; got {shown(wrong[:1])}")
    return chosen


def _alarms(detector: Detector, series: FloatArray) -> BoolArray:
    """Whether the detector is in an alarm after each poll, [runs, polls]."""
    if isinstance(detector, RegimeDetector):
        return detector.regimes(series) > 0
    alarm = np.zeros(series.shape, dtype=np.bool_)
    if series.shape[1] >= detector.window:
        alarm[:, detector.window - 1 :] = detector.curvature(series) > detector.limit
    return alarm


def _outcomes(alarm: BoolArray, before: int) -> IntArray:
    """[4, runs]: alarms raised before the change, whether in one at the change, delay (0 for none), whether one ended after it."""
    early, late = alarm[:, :before], alarm[:, before:]
    raised = early[:, 0] + np.count_nonzero(early[:, 1:] & ~early[:, :-1], axis=1)
    delay = np.where(late.any(axis=1), np.argmax(late, axis=1) + 1, 0)
    returned = (np.maximum.accumulate(late, axis=1) & ~late).any(axis=1)
    return np.array([raised, early[:, -1], delay, returned], dtype=np.int64)


def _figures(
    outcomes: IntArray, before: int, after: int, interval_ms: float, confidence: float
) -> dict[str, float | None]:
    raised, alarmed, delay, returned = outcomes
    runs, quiet = raised.size, alarmed == 0
    caught = quiet & (delay > 0)
    waits = np.where(delay[quiet] > 0, delay[quiet], after + 1)
    clumps = max(1.0, float(raised.var(ddof=1) / raised.mean())) if raised.any() else 1.0
    found: dict[str, Interval] = {
        "false_alarm": share(int((raised > 0).sum()), runs, confidence),
        "false_rate": share(int(raised.sum()) / clumps, runs * before / clumps, confidence),
        "alarmed": share(int(alarmed.sum()), runs, confidence),
        "miss": share(int((waits > after).sum()), waits.size, confidence),
        "delay": mean(delay[caught], confidence),
        "delay_p90": percentile_90(waits, after, confidence),
        "returned": share(int(returned[caught].sum()), int(caught.sum()), confidence),
    }
    rate = found["false_rate"]
    times = [interval_ms / r if r else None for r in (rate.value, rate.high, rate.low)]
    times += [None if d is None else d * interval_ms for d in (found["delay"].value, found["delay_p90"].value)]
    named = {name + end: x for name, it in found.items() for end, x in zip(("", "_low", "_high"), it, strict=True)}
    return named | dict(zip(_TIMES, times, strict=True))
