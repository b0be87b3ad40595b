"""The serving side: what tells that a cluster saturates, what to do about it, and how long that takes."""

from poagame.serving.controller import PAPER_TABLE, AdaptiveController, Setting, ttft_p99
from poagame.serving.curvature import CurvatureDetector, curvature_over_load
from poagame.serving.detector import DetectorState, Regime, RegimeDetector
from poagame.serving.hysteresis import Hysteresis, hysteresis
from poagame.serving.operating import OperatingCurve, operating_curve, operating_sweep
from poagame.serving.prometheus import Histogram, histogram, parse, window
from poagame.serving.settling import Settling, settling, switches
from poagame.serving.streaks import mean_wait, smallest_streak, switch_probabilities, switch_rate
from poagame.serving.ttft_process import TtftProcess

__all__ = [
    "PAPER_TABLE",
    "AdaptiveController",
    "CurvatureDetector",
    "DetectorState",
    "Histogram",
    "Hysteresis",
    "OperatingCurve",
    "Regime",
    "RegimeDetector",
    "Setting",
    "Settling",
    "TtftProcess",
    "curvature_over_load",
    "histogram",
    "hysteresis",
    "mean_wait",
    "operating_curve",
    "operating_sweep",
    "parse",
    "settling",
    "smallest_streak",
    "switch_probabilities",
    "switch_rate",
    "switches",
    "ttft_p99",
    "window",
]
