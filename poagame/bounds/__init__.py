"""Analytic price-of-anarchy results, each with the class it is valid for and its source."""

from poagame.bounds.latency_classes import anarchy_value, robust_poa
from poagame.bounds.record import PoaBound

__all__ = ["PoaBound", "anarchy_value", "robust_poa"]
