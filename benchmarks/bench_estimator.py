"""PoA-hat (frozen) on a large Parquet file: seconds and peak memory, beside what it costs to read the columns alone.

    python benchmarks/bench_estimator.py [rows, default 10000000]

The file is written by one fresh process and each measurement is taken in another, so that neither the writing nor an
earlier measurement counts towards a peak. It is poagame's own format: arrival_ms, finish_ms, latency_ms, decode_worker,
concurrency, request_id; 5 workers, 8 load levels, Poisson arrivals, latencies that grow with the level.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from measuring import header, measure, row

WORKERS = [str(2**63 + 7919 * k) for k in range(5)]
LEVELS = [1, 4, 16, 32, 64, 128, 192, 256]
COLUMNS = ["arrival_ms", "finish_ms", "latency_ms", "decode_worker", "concurrency"]


def write(path: Path, rows: int) -> None:
    rng = np.random.default_rng(0)
    level = np.sort(rng.integers(0, len(LEVELS), rows))
    concurrency = np.array(LEVELS)[level]
    latency = (300.0 + 2.0 * concurrency / len(WORKERS)) * rng.gamma(16.0, 1 / 16, rows)
    arrival = np.cumsum(rng.exponential(330.0 / concurrency))
    pl.DataFrame(
        {
            "request_id": pl.Series(np.arange(rows)).cast(pl.String),
            "concurrency": concurrency,
            "arrival_ms": arrival,
            "finish_ms": arrival + latency,
            "latency_ms": latency,
            "decode_worker": pl.Series(WORKERS).gather(pl.Series(rng.integers(0, len(WORKERS), rows))),
        }
    ).write_parquet(path)


def compile_kernels(path: Path) -> None:
    """Compile (or load from numba's cache) what the measurements call, on a few rows of the same kinds."""
    from poagame.estimator import poa_hat
    from poagame.latency import Polynomial
    from poagame.measured import RequestTable

    table = RequestTable.from_frame(pl.scan_parquet(path).head(1000))
    poa_hat(table, "frozen", latency=Polynomial([[300.0, 2.0]]))
    poa_hat(table, "congestion", latency=Polynomial([[300.0, 2.0]]))


def read_columns(path: Path) -> object:
    return pl.scan_parquet(path).select(COLUMNS).collect().height


def read_table(path: Path) -> object:
    from poagame.measured import read_requests

    return read_requests(path).num_rows


def frozen_fitted(path: Path) -> object:
    from poagame.estimator import poa_hat
    from poagame.measured import read_requests

    return poa_hat(read_requests(path), "frozen").value


def frozen_given(path: Path) -> object:
    from poagame.estimator import poa_hat
    from poagame.latency import Polynomial
    from poagame.measured import read_requests

    return poa_hat(read_requests(path), "frozen", latency=Polynomial([[300.0, 2.0]])).value


def congestion_given(path: Path) -> object:
    from poagame.estimator import poa_hat
    from poagame.latency import Polynomial
    from poagame.measured import read_requests

    return poa_hat(read_requests(path), "congestion", latency=Polynomial([[300.0, 2.0]])).value


TASKS: dict[str, Callable[[Path], object]] = {
    "polars' `scan_parquet(…).select(…).collect()`, the columns alone": read_columns,
    "`read_requests`, all row checks": read_table,
    "the same and `poa_hat` frozen, latency given": frozen_given,
    "the same and `poa_hat` frozen, latency fitted": frozen_fitted,
    "the same and `poa_hat` congestion, latency given": congestion_given,
}


def build(name: str, path: Path) -> Callable[[], object]:
    compile_kernels(path)
    return lambda: TASKS[name](path)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "requests.parquet"
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            pool.apply(write, (path, rows))
        size = path.stat().st_size / 2**20
        header("PoA-hat on a Parquet file", "rows", "median s", "rows/s", "peak MB (before)", "answer")
        for name in TASKS:
            found = measure(build, name, path, repeats=3, warm_up=False)
            shown = f"{found.answer:.4f}" if isinstance(found.answer, float) else f"{found.answer:,}"
            row(
                name,
                f"{rows:,}, {size:.0f} MiB",
                found.shown(2),
                f"{rows / found.median:,.0f}",
                f"{found.peak_mb:,.0f} ({found.base_mb:,.0f})",
                shown,
            )


if __name__ == "__main__":
    main()
