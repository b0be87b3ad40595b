"""What the paper's referees asked: PoA-hat against the truth, and the detector's errors and delays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from poagame.plotting import plot_curves
from poagame.reproduce.section import Effort, Section
from poagame.serving import RegimeDetector, TtftProcess, hysteresis, operating_sweep
from poagame.serving.calibration import calibrate, scores
from poagame.serving.controller import ttft_p99


def referee_sections(step: Callable[[str], None], effort: Effort = "usual") -> list[Section]:
    """PoA-hat against the truth, and the detector."""
    clusters, batches, episodes = {"quick": (8, 2, 60), "usual": (24, 4, 300), "full": (200, 12, 2000)}[effort]
    return [truth_section(step, clusters, batches), detector_section(step, episodes)]


def truth_section(step: Callable[[str], None], clusters: int, batches: int) -> Section:
    """The estimates beside the exact numbers of small clusters."""
    step(f"serving: PoA-hat against the exact numbers of {clusters} small clusters")
    frame = calibrate(clusters, batches)
    found = scores(frame)
    wide = frame.pivot("estimate", index=["cluster", "ratio"], values="value").sort("ratio")
    figure = plot_curves(
        np.arange(1, wide.height + 1),
        {"true ratio": wide["ratio"].to_numpy()}
        | {
            name: wide[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
            for name in ("frozen, unloaded", "congestion", "twin")
            if name in wide.columns
        },
        ylabel="latency over optimum [1]",
        xlabel="cluster, by its true ratio",
        log_load=False,
    )
    paragraphs = [
        "On a cluster small enough all assignments of requests to decode workers can be simulated, so the anticipating optimum, all pure "
        "equilibria and the price of anarchy are exact. PoA-hat sees the recorded table alone. *twin* (ours) divides by what single moves, "
        "tried in a simulator of the cluster from the recorded assignment on, arrive at.",
        f"{clusters} drawn clusters of 2 or 3 decode workers, {batches} batches of 6 or 8 requests each. Regimes by mean latency "
        "over that of the "
        "same requests alone: up to 1.2, up to 2, above.",
    ]
    return Section(
        "PoA-hat against the truth",
        paragraphs,
        {"serving_truth": ("True ratio and estimates of each cluster.", figure)},
        {
            "serving_truth_scores": ("How each estimate tracks the true ratio", found),
            "serving_truth": ("Every cluster and estimate", frame),
        },
    )


def detector_section(step: Callable[[str], None], episodes: int) -> Section:
    """False alarms, misses and delays of the regime detector, and the hysteresis that bounds flapping."""
    step("serving: the detector's operating curve")
    quiet = TtftProcess(200.0, noise=1.0)
    detector = RegimeDetector(_idle(1.0), 1.5, 15.0)
    grid = {"smoothing": [0.3, 1.0], "polls": [1, 2, 3, 5], "interval_ms": [1000.0, 5000.0, 10000.0]}
    frame = operating_sweep(detector, quiet, grid, episodes, before=720, n_jobs=1)
    shown = frame.select(
        "interval_ms",
        "requests",
        "smoothing",
        "polls",
        false_alarms_per_hour=pl.col("false_rate") * 3.6e6 / pl.col("interval_ms"),
        miss="miss",
        delay_s=pl.col("delay_ms") / 1000.0,
        delay_p90_s=pl.col("delay_p90_ms") / 1000.0,
    )
    step("serving: hysteresis that bounds flapping")
    flapping = pl.DataFrame(
        [
            {
                "smoothing": alpha,
                "noise": sigma,
                "least k": hysteresis(
                    RegimeDetector(_idle(sigma), 1.5, 15.0, alpha), TtftProcess(200.0, noise=sigma), 0.01, 1000
                ).simulated,
            }
            for alpha in (0.3, 0.5, 1.0)
            for sigma in (0.3, 1.0)
        ]
    )
    at = shown.filter(pl.col("interval_ms") == 5000.0)
    curves = {
        f"α = {alpha:g}": at.filter(pl.col("smoothing") == alpha).sort("polls")["false_alarms_per_hour"].to_numpy()
        for alpha in (0.3, 1.0)
    }
    figure = plot_curves(
        at.filter(pl.col("smoothing") == 1.0).sort("polls")["polls"].to_numpy(),
        {name: np.maximum(value, 1e-3) for name, value in curves.items()},
        xlabel="polls in a row, k",
        ylabel="false alarms an hour",
        log_load=False,
        log_value=True,
    )
    paragraphs = [
        "TTFTs of a poll are log-normal with σ = 1, their median rises fourfold at a change; the threshold is 1.5 times the idle P99 "
        "(as a multiple "
        "of an idle *median* it would lie below the idle P99, and alarm for ever). The published rule is k = 3 polls of 5 s (A); "
        "smoothing is "
        "not known.",
        "A longer row or less smoothing means fewer false alarms and about k polls of delay; smoothing lets one outlier count for "
        "several polls.",
    ]
    return Section(
        "The detector's errors",
        paragraphs,
        {"serving_detector": ("False alarms an hour by the number of polls in a row, polls of 5 s.", figure)},
        {
            "serving_detector": ("False alarms, misses and delay", shown),
            "serving_hysteresis": ("Least k with at most 1 % of hours that see a switch without a change", flapping),
        },
    )


def _idle(noise: float, requests: int = 50) -> float:
    """Median over polls of the idle P99, ms."""
    rng = np.random.default_rng(0)
    return float(np.median([ttft_p99(200.0 * np.exp(noise * rng.normal(size=requests))) for _ in range(400)]))
