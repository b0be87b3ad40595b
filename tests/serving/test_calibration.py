from __future__ import annotations

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal
from scipy.stats import spearmanr

from poagame.serving.calibration import ESTIMATES, REGIMES, calibrate, scores


def test_truths_bound_what_they_should() -> None:
    frame = calibrate(8, batches=3, seed=1, num_resamples=20)
    assert set(frame["estimate"]) <= set(ESTIMATES)
    assert set(frame["regime"]) <= set(REGIMES)
    assert (frame["ratio"] >= 1.0 - 1e-12).all()
    assert (frame["poa"].drop_nulls() >= 1.0 - 1e-12).all()
    assert (frame["stretch"] >= frame["ratio"] - 1e-9).all()  # alone is the least that anybody can pay
    twin = frame.filter(pl.col("estimate") == "twin")
    assert twin.height == 8
    # what single moves reach is no better than the optimum, and no worse than what ran
    assert (twin["value"] <= twin["ratio"] + 1e-12).all()
    assert (twin["value"] >= 1.0 - 1e-12).all()
    assert_frame_equal(frame, calibrate(8, batches=3, seed=1, num_resamples=20))


def test_scores_by_hand() -> None:
    rng = np.random.default_rng(0)
    ratio = rng.uniform(1.0, 2.0, 40)
    value = ratio + 0.1 + rng.normal(0.0, 0.05, 40)
    frame = pl.DataFrame(
        {
            "estimate": "frozen",
            "regime": "below",
            "ratio": ratio,
            "value": value,
            "low": value - 0.15,
            "high": value + 0.15,
        }
    )
    one = scores(frame).filter(pl.col("regime") == "all")
    assert np.isclose(one["bias"].item(), (value - ratio).mean())
    assert np.isclose(one["rank"].item(), float(spearmanr(value, ratio)[0]))  # pyright: ignore[reportArgumentType]
    assert one["rank_low"].item() < one["rank"].item() < one["rank_high"].item()
    assert np.isclose(one["coverage"].item(), (np.abs(value - ratio) <= 0.15).mean())
    assert scores(frame.with_columns(ratio=1.0))["rank"].to_list() == [None, None]
