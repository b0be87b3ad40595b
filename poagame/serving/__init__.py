"""The serving side: what tells that a cluster saturates, what to do about it, and how long that takes."""

from poagame.serving.adaptive import Adapted, Controller, simulate_adaptive
from poagame.serving.cluster import Cluster
from poagame.serving.continuous import ContinuousController
from poagame.serving.controller import PAPER_TABLE, AdaptiveController, Setting, ttft_p99
from poagame.serving.curvature import CurvatureDetector, curvature_over_load
from poagame.serving.detector import DetectorState, Regime, RegimeDetector
from poagame.serving.hysteresis import Hysteresis, hysteresis
from poagame.serving.operating import OperatingCurve, operating_curve, operating_sweep
from poagame.serving.policies import (
    CacheAffinity,
    Fixed,
    LeastWork,
    MarginalCost,
    Policy,
    PowerOfChoices,
    Random,
    RoundRobin,
    Selfish,
    ShortestQueue,
)
from poagame.serving.prometheus import Histogram, histogram, parse, window
from poagame.serving.replay import Replay, replay
from poagame.serving.router import DynamoRouter
from poagame.serving.router_1x import DynamoRouter1
from poagame.serving.settling import Settling, settling, switches
from poagame.serving.simulate import simulate
from poagame.serving.streaks import mean_wait, smallest_streak, switch_probabilities, switch_rate
from poagame.serving.sweep import Cell, sweep
from poagame.serving.timing import DecodeTime, PrefillTime, mocker_times
from poagame.serving.truth import Truth, truth
from poagame.serving.ttft_process import TtftProcess
from poagame.serving.validation import Overhead, compare, fit_overhead, recorded_workload
from poagame.serving.window_optimum import simulate_windows
from poagame.serving.workload import Arrivals, ClosedLoop, OpenLoop, Prompts, Workload

__all__ = [
    "PAPER_TABLE",
    "Adapted",
    "AdaptiveController",
    "Arrivals",
    "CacheAffinity",
    "Cell",
    "ClosedLoop",
    "Cluster",
    "ContinuousController",
    "Controller",
    "CurvatureDetector",
    "DecodeTime",
    "DetectorState",
    "DynamoRouter",
    "DynamoRouter1",
    "Fixed",
    "Histogram",
    "Hysteresis",
    "LeastWork",
    "MarginalCost",
    "OpenLoop",
    "OperatingCurve",
    "Overhead",
    "Policy",
    "PowerOfChoices",
    "PrefillTime",
    "Prompts",
    "Random",
    "Regime",
    "RegimeDetector",
    "Replay",
    "RoundRobin",
    "Selfish",
    "Setting",
    "Settling",
    "ShortestQueue",
    "Truth",
    "TtftProcess",
    "Workload",
    "compare",
    "curvature_over_load",
    "fit_overhead",
    "histogram",
    "hysteresis",
    "mean_wait",
    "mocker_times",
    "operating_curve",
    "operating_sweep",
    "parse",
    "recorded_workload",
    "replay",
    "settling",
    "simulate",
    "simulate_adaptive",
    "simulate_windows",
    "smallest_streak",
    "sweep",
    "switch_probabilities",
    "switch_rate",
    "switches",
    "truth",
    "ttft_p99",
    "window",
]
