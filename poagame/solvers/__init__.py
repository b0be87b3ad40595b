"""Equilibria and optima."""

from poagame.solvers.best_response import BestResponse, Equilibrium, equilibrium
from poagame.solvers.enumeration import Census, Equilibria, census, equilibria
from poagame.solvers.improvement import ImprovementCycle, improvement_cycle
from poagame.solvers.optimum import Optimum, social_optimum

__all__ = [
    "BestResponse",
    "Census",
    "Equilibria",
    "Equilibrium",
    "ImprovementCycle",
    "Optimum",
    "census",
    "equilibria",
    "equilibrium",
    "improvement_cycle",
    "social_optimum",
]
