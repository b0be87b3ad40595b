from __future__ import annotations

import pickle

import joblib
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from poagame.errors import InvalidInput
from poagame.serving import (
    ClosedLoop,
    Cluster,
    DecodeTime,
    DynamoRouter,
    PrefillTime,
    Prompts,
    RoundRobin,
    Selfish,
    Workload,
    simulate,
)
from poagame.serving.sweep import Cell, sweep

CLUSTER = Cluster(
    prefill=1, decode=2, prefill_time=PrefillTime.constant(20.0), decode_time=DecodeTime([1, 50], [9.0, 20.0])
)


def drawn(seed: int) -> Workload:
    return Workload(
        Prompts.templates(150, groups=5, shared_tokens=64, output_tokens=20, seed=seed), ClosedLoop.steady(12)
    )


CELLS = [
    Cell(CLUSTER, drawn, DynamoRouter(1.0, 0.5), {"router": "dynamo", "temperature": 0.5}, skip=12),
    Cell(CLUSTER, drawn(3), RoundRobin(), {"router": "round robin", "temperature": 0.0}, skip=12),
    Cell(CLUSTER, drawn, Selfish(np.array([9.0, 10.0, 12.0])), {"router": "selfish", "temperature": 0.0}, skip=12),
]


def test_rows_are_those_of_single_simulations() -> None:
    rows = sweep(CELLS, seeds=(0, 7))
    for place, cell in enumerate(CELLS):
        for turn, seed in enumerate((0, 7)):
            row = rows[2 * place + turn]
            assert row["seed"].item() == seed
            workload = cell.workload if isinstance(cell.workload, Workload) else cell.workload(seed)
            frame = (
                simulate(cell.cluster, workload, cell.router, seed)
                .collect()
                .filter(pl.col("request_id").cast(pl.Int64) >= 12)
            )
            assert row["router"].item() == cell.labels["router"]
            assert row["requests"].item() == frame.height == 138
            for name in ("ttft", "itl", "latency"):
                times = frame[f"{name}_ms"].to_numpy()
                assert row[f"{name}_mean_ms"].item() == pytest.approx(times.mean())
                assert row[f"{name}_p99_ms"].item() == pytest.approx(np.quantile(times, 0.99))
            span = frame["finish_ms"].to_numpy().max() - frame["arrival_ms"].to_numpy().min()
            assert row["throughput_rps"].item() == pytest.approx(1000.0 * 138 / span)
            assert row["busiest_share"].item() == pytest.approx(
                frame["decode_worker"].value_counts()["count"].to_numpy().max() / 138
            )


def test_it_is_the_same_however_it_is_computed() -> None:
    one = sweep(CELLS, seeds=range(4), n_jobs=1)
    assert_frame_equal(one, sweep(CELLS, seeds=range(4), n_jobs=2))
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert_frame_equal(one, sweep([pickle.loads(pickle.dumps(cell)) for cell in CELLS], seeds=range(4), n_jobs=2))  # noqa: S301  # our own


def test_one_line_moves_it_to_a_dask_cluster() -> None:
    distributed = pytest.importorskip("dask.distributed")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        there = sweep(CELLS, seeds=range(3))
    assert_frame_equal(there, sweep(CELLS, seeds=range(3), n_jobs=1))


def test_bad_sweeps() -> None:
    with pytest.raises(InvalidInput, match="at least one cell and one seed"):
        sweep([])
    with pytest.raises(InvalidInput, match="at least one cell and one seed"):
        sweep(CELLS, seeds=())
    with pytest.raises(InvalidInput, match="a cell is a Cell"):
        sweep([CLUSTER])  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match="same labels"):
        sweep([CELLS[0], Cell(CLUSTER, drawn, RoundRobin())])
    with pytest.raises(InvalidInput, match="named like the numbers of a sweep: seed"):
        Cell(CLUSTER, drawn, RoundRobin(), {"seed": 3})
    with pytest.raises(InvalidInput, match="first 150"):
        sweep([Cell(CLUSTER, drawn, RoundRobin(), skip=150)], n_jobs=1)
    with pytest.raises(InvalidInput, match="workload is a Workload"):
        Cell(CLUSTER, 7, RoundRobin())  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match="router"):
        Cell(CLUSTER, drawn, "fastest")  # pyright: ignore[reportArgumentType]
