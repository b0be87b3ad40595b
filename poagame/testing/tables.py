"""A strategy that draws measured tables of requests; every draw is valid, so nothing is filtered out."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from poagame._arrays import require
from poagame.measured.tables import RequestTable


@st.composite
def request_tables(
    draw: DrawFn,
    min_requests: int = 4,
    max_requests: int = 20,
    max_workers: int = 3,
    max_concurrencies: int = 2,
    max_prefix_groups: int = 2,
) -> RequestTable:
    """Tables of requests with all that `poa_hat` needs: arrivals, times, workers, and, mostly, levels and prefix groups.

    Times are whole milliseconds and positive. Arrivals may coincide; requests overlap in time or not. Rows come in the order of arrival.
    Every worker sees a request, and every level of concurrency holds at least as many requests as there are workers, so that windows of
    the default length fit in every group.

    Parameters
    ----------
    min_requests, max_requests : int
        Rows are drawn between these, but there are never fewer than workers × levels.
    max_workers, max_concurrencies : int
        Decode workers "0", "1", …, and levels of concurrency; 1 up to these.
    max_prefix_groups : int
        Prompt templates "a", "b", …; 0 leaves the column out.
    """
    require(1 <= min_requests <= max_requests, f"requests are 1 ≤ min ≤ max; got {min_requests} and {max_requests}")
    require(0 <= max_prefix_groups <= 26, f"prefix groups are 0 to 26; got {max_prefix_groups}")
    workers, levels = draw(st.integers(1, max_workers)), draw(st.integers(1, max_concurrencies))
    least = workers * levels
    rows = draw(st.integers(max(min_requests, least), max(max_requests, least)))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=rows, max_size=rows))

    waits, latency = column(st.integers(0, 50)), column(st.integers(10, 500))
    first_token = column(st.integers(1, 10))
    worker, level = column(st.integers(0, workers - 1)), column(st.integers(0, levels - 1))
    for k in range(least):  # the first rows visit every worker at every level
        worker[k], level[k] = k % workers, k // workers
    arrivals = [float(sum(waits[: k + 1])) for k in range(rows)]
    columns: dict[str, list[Any]] = {
        "request_id": [str(k) for k in range(rows)],
        "concurrency": [2**c for c in level],
        "arrival_ms": arrivals,
        "finish_ms": [a + t for a, t in zip(arrivals, latency, strict=True)],
        "ttft_ms": [float(t) for t in first_token],
        "latency_ms": [float(t) for t in latency],
        "decode_worker": [str(j) for j in worker],
    }
    groups = draw(st.integers(0, max_prefix_groups))
    if groups:
        columns["prefix_group"] = column(st.sampled_from([chr(ord("a") + g) for g in range(groups)]))
    return RequestTable.from_frame(pl.DataFrame(columns))
