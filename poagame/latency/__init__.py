"""Delay as a function of load, vectorised over resources."""

from poagame.latency.analytic import BPR, MM1, Polynomial, Saturating
from poagame.latency.base import Latency, Preloaded, Scaled, Shifted, Sum
from poagame.latency.convexity import total_cost_is_convex
from poagame.latency.log_periodic import LogPeriodic
from poagame.latency.marginal import MarginalCost
from poagame.latency.stacked import Stacked
from poagame.latency.tabulated import Tabulated

__all__ = [
    "BPR",
    "MM1",
    "Latency",
    "LogPeriodic",
    "MarginalCost",
    "Polynomial",
    "Preloaded",
    "Saturating",
    "Scaled",
    "Shifted",
    "Stacked",
    "Sum",
    "Tabulated",
    "total_cost_is_convex",
]
