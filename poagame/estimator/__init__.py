"""PoA-hat from recorded tables: windows, optima, intervals; and the saturation knee."""

from poagame.estimator.knee import Knee, KneeOutcome, find_knee
from poagame.estimator.optimum_error import Interval, assignment_loss, optimum_interval, ratio_interval
from poagame.estimator.poa_hat import PoaHat, poa_hat

__all__ = [
    "Interval",
    "Knee",
    "KneeOutcome",
    "PoaHat",
    "assignment_loss",
    "find_knee",
    "optimum_interval",
    "poa_hat",
    "ratio_interval",
]
