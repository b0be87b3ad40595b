"""From measured rows to curves: prefill by prompt length, decode by requests in flight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import poagame as pg
from poagame.games.attainment import deterministic_wait

B200 = "b200_sxm meta-llama/Llama-3.1-70B trtllm fp8 TP4 agg 1024/1024"


def test_shipped_rows_feed_decode() -> None:
    """The curve at a batch that was measured is the row itself."""
    sweep = pg.read_sweep(pg.shipped.path("measured_b200_llama31_70b"))
    fit = pg.fit_latency(sweep, "tabulated", where={"series": B200})
    decode = pg.DecodeBatch(10.0, fit.latency, 9.0, 1024.0, max_batch=int(fit.load.max()))
    assert decode.batch_itl[fit.load.astype(int) - 1] == pytest.approx(fit.observed)
    assert decode.throughput(1e-3) == pytest.approx(1e-3 * 128 / (1024 * fit.observed[-1]) * 1000)
    share = decode(np.array([0.5, 1.0, 2.0, 3.0, 8.0]))
    assert (np.diff(share) >= 0).all()
    assert share[0] == 0.0
    assert share[-1] > 1.0 - 1e-12


@pytest.mark.parametrize("name", ["h100_llama33_70b_fp8", "h200_llama31_8b_fp8"])
def test_planner_profiles_feed_both(shared_data: Path, name: str) -> None:
    folder = shared_data / "measured" / "dynamo_planner_profiles"
    rows = pg.read_sweep(folder / f"{name}_prefill.npz").frame.lazy().collect()
    for series in rows["series"].unique():
        one = rows.filter(pl.col("series") == series).sort("isl")
        middle = len(one) // 2
        tokens, ttft = one["isl"][middle], one["ttft_ms"][middle]
        prefill = pg.PrefillQueue.from_profile(one["isl"], one["ttft_ms"], tokens, 20.0, 4.0 * ttft)
        assert prefill.service_ms == pytest.approx(ttft)
        workers = int(0.02 * ttft) + 1
        assert float(prefill(workers)) == deterministic_wait(workers, 0.02 * ttft, 3.0) > 0

    sweep = pg.read_sweep(folder / f"{name}_decode.npz")
    rows = sweep.frame.lazy().collect()
    for series in rows["series"].unique():
        one = rows.filter(pl.col("series") == series)
        if one["concurrency"].n_unique() < 3:
            continue
        fit = pg.fit_latency(sweep, "tabulated", where={"series": series})
        most = max(int(fit.load.max()), 1)
        decode = pg.DecodeBatch(1.0, fit.latency, 1.0001 * float(fit.fitted.max()), 200.0, most)
        share = decode(np.array([1e-9, 4.0, 40.0, 1e6]))
        assert share[0] == 0.0
        assert share[-1] == pytest.approx(1.0)


def test_holes_of_a_profile_are_refused(shared_data: Path) -> None:
    """A profile with an interpolated hole would be a made-up measurement."""
    with np.load(shared_data / "measured" / "dynamo_planner_profiles" / "h100_llama33_70b_fp8_prefill.npz") as archive:
        isl, ttft = archive["prefill_isl"], archive["prefill_ttft"].astype(np.float64)
    isl, ttft = np.atleast_2d(isl)[0], np.atleast_2d(ttft)[0].copy()
    pg.PrefillQueue.from_profile(isl, ttft, float(isl[1]), 1.0, 500.0)
    ttft[1] = np.nan
    with pytest.raises(pg.InvalidInput, match=r"ttft_ms must be finite; entry \(1,\) is nan"):
        pg.PrefillQueue.from_profile(isl, ttft, float(isl[1]), 1.0, 500.0)
