# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
"""The compiled poll of the regime detector, behind `poagame.serving.detector`; a compiled simulator may call `poll` itself."""

from __future__ import annotations

import numpy as np

from poagame._compiled import compiled


@compiled
def poll(value, smooth, regime, candidate, streak, first, second, alpha, polls):  # pragma: no cover - compiled
    """Return (smooth, regime, candidate, streak) after a poll of `value`; a smooth value of NaN means that none came before."""
    if np.isnan(value):
        return smooth, regime, candidate, streak
    smooth = value if np.isnan(smooth) else smooth + alpha * (value - smooth)
    seen = 0 if smooth < first else (1 if smooth < second else 2)
    if seen == regime:
        return smooth, regime, regime, 0
    if streak > 0 and (seen > regime) == (candidate > regime):
        # of polls on one side, all are at least as far as the nearest one
        candidate = min(candidate, seen) if seen > regime else max(candidate, seen)
        streak += 1
    else:
        candidate, streak = seen, 1
    if streak >= polls:
        return smooth, candidate, candidate, 0
    return smooth, regime, candidate, streak


@compiled
def follow(series, first, second, alpha, polls, smooth_out, regime_out):  # pragma: no cover - compiled
    """Poll through each row of `series` [rows, n]; write the smooth values and the regimes after each poll."""
    for row in range(series.shape[0]):
        smooth, regime, candidate, streak = np.nan, 0, 0, 0
        for t in range(series.shape[1]):
            smooth, regime, candidate, streak = poll(
                series[row, t], smooth, regime, candidate, streak, first, second, alpha, polls
            )
            smooth_out[row, t] = smooth
            regime_out[row, t] = regime
