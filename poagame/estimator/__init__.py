"""PoA-hat from recorded tables: windows, optima, intervals; and the saturation knee."""

from poagame.estimator.knee import Knee, KneeOutcome, find_knee
from poagame.estimator.poa_hat import PoaHat, poa_hat

__all__ = ["Knee", "KneeOutcome", "PoaHat", "find_knee", "poa_hat"]
