"""Delay as a function of load, vectorised over resources."""

from poagame.latency.analytic import BPR, MM1, Polynomial, Saturating
from poagame.latency.base import Latency, Preloaded, Scaled, Shifted, Sum
from poagame.latency.tabulated import Tabulated

__all__ = ["BPR", "MM1", "Latency", "Polynomial", "Preloaded", "Saturating", "Scaled", "Shifted", "Sum", "Tabulated"]
