"""The serving side: what tells that a cluster saturates, what to do about it, and how long that takes."""

from poagame.serving.controller import PAPER_TABLE, AdaptiveController, Setting, ttft_p99
from poagame.serving.curvature import CurvatureDetector, curvature_over_load
from poagame.serving.detector import DetectorState, Regime, RegimeDetector
from poagame.serving.prometheus import Histogram, histogram, parse, window
from poagame.serving.settling import Settling, settling, switches
from poagame.serving.streaks import mean_wait, smallest_streak, switch_probabilities, switch_rate

__all__ = [
    "PAPER_TABLE",
    "AdaptiveController",
    "CurvatureDetector",
    "DetectorState",
    "Histogram",
    "Regime",
    "RegimeDetector",
    "Setting",
    "Settling",
    "curvature_over_load",
    "histogram",
    "mean_wait",
    "parse",
    "settling",
    "smallest_streak",
    "switch_probabilities",
    "switch_rate",
    "switches",
    "ttft_p99",
    "window",
]
