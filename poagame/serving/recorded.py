"""The recorded runs of Dynamo 0.9.0's router that ship with poagame, and the clusters they were recorded on (simulated engine)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import polars as pl

from poagame import shipped
from poagame.errors import InvalidInput
from poagame.measured import read_requests
from poagame.measured.tables import RequestTable
from poagame.serving.cluster import Cluster
from poagame.serving.router import DynamoRouter
from poagame.serving.timing import mocker_times
from poagame.serving.validation import Overhead, compare, fit_overhead

TIMES = "mocker_b200_llama70b_tp4"
FITTED_ON = "1P2D"
"""The run that the engine's overhead is fitted on; the others are tests."""

_GRID = [(weight, temperature) for weight in (0.0, 0.5, 1.0, 2.0) for temperature in (0.0, 0.3, 0.7, 1.0)]
_RUNS: dict[str, tuple[str, str, DynamoRouter]] = {
    "1P2D": ("dynamo090_1P2D_w1_t0", "1P2D_w1_t0", DynamoRouter()),
    "1P5D": ("dynamo090_1P5D_w1_t0", "1P5D_w1_t0", DynamoRouter()),
    "4P2D": ("disagg_4p2d.requests", "disagg4p2d_t0.0", DynamoRouter()),
    "4P2D τ=0.7": ("disagg_4p2d.requests", "disagg4p2d_t0.7", DynamoRouter(1.0, 0.7)),
    "5A": ("agg5_sweep.requests", "sweep_w1_t0", DynamoRouter()),
    **{
        f"5A ω={weight:g} τ={temperature:g}": (
            "agg5_grid.requests",
            f"grid_w{weight:.1f}_t{temperature:.1f}",
            DynamoRouter(weight, temperature),
        )
        for weight, temperature in _GRID
    },
    "5A pressure ω=0": ("agg5_pressure.requests", "press_w0.0_t0.0", DynamoRouter(0.0)),
    "5A pressure ω=1": ("agg5_pressure.requests", "press_w1.0_t0.0", DynamoRouter()),
}


@dataclass(frozen=True, eq=False, slots=True)
class Recording:
    """A recorded run, and what is needed to simulate it.

    Attributes
    ----------
    requests : RequestTable
    cluster : Cluster
        With the engine's times as its table has them, without overhead.
    router : DynamoRouter
    shared_tokens : int
        That prompts of a group share.
    """

    name: str
    requests: RequestTable
    cluster: Cluster
    router: DynamoRouter
    shared_tokens: int


def recordings() -> tuple[str, ...]:
    """Names of the recorded runs."""
    return tuple(_RUNS)


def recording(name: str) -> Recording:
    """A recorded run by its name.

    Raises
    ------
    InvalidInput
        If there is none of that name.

    Examples
    --------
    >>> recording("1P5D").cluster.topology
    '1P/5D'
    """
    if name not in _RUNS:
        raise InvalidInput(f"no recorded run is named {name!r:.40}; there are: {', '.join(_RUNS)}")
    file, run, router = _RUNS[name]
    prefill_time, decode_time = mocker_times(shipped.path(TIMES))
    if name.startswith("5A"):
        kv_blocks = 600 if "pressure" in name else 16384
        cluster = Cluster(
            aggregated=5, prefill_time=prefill_time, decode_time=decode_time, kv_blocks=kv_blocks, engine="mock"
        )
    else:
        cluster = Cluster(
            prefill=int(name[0]),
            decode=int(name[2]),
            prefill_time=prefill_time,
            decode_time=decode_time,
            prefill_requests=1,
            engine="mock",
        )
    requests = read_requests(shipped.path(file)).where(run=run)
    return Recording(name, requests, cluster, router, 448 if cluster.aggregated else 64)


@cache
def mocker_overhead() -> Overhead:
    """What iterations of the recorded engine take beyond its timing table, fitted on the 1P/2D run alone."""
    run = recording(FITTED_ON)
    return fit_overhead(run.requests, run.cluster, run.router, run.shared_tokens)


def validate(num_seeds: int = 20) -> pl.DataFrame:
    """Every recorded run beside the simulator: `compare`'s rows with the run's name in front.

    The overhead is fitted on two levels of the run `FITTED_ON`; nothing else is fitted.
    """
    frames: list[pl.DataFrame] = []
    for name in recordings():
        run = recording(name)
        cluster = mocker_overhead().on(run.cluster)
        frame = compare(run.requests, cluster, run.router, run.shared_tokens, range(num_seeds))
        frames.append(frame.select(pl.lit(name).alias("run"), pl.all()))
    return pl.concat(frames, how="vertical_relaxed")
