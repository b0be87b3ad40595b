"""Equilibria and optima; importing this also registers the fast paths of each kind of game."""

from poagame.solvers import congestion_optimum, congestion_search, system_optimum  # noqa: F401  registrations
from poagame.solvers.best_response import BestResponse, Equilibrium, equilibrium
from poagame.solvers.congestion_programme import PureExtremes, pure_extremes
from poagame.solvers.correlated import CorrelatedEquilibrium, correlated_equilibrium
from poagame.solvers.enumeration import Census, Equilibria, census, equilibria
from poagame.solvers.improvement import ImprovementCycle, improvement_cycle
from poagame.solvers.learning import Play, empirical_ratio, log_linear_learning, multiplicative_weights, regret_matching
from poagame.solvers.lemke_howson import lemke_howson
from poagame.solvers.logit import LogitBranch, LogitEquilibria, logit_branch, logit_equilibria, uniqueness_temperature
from poagame.solvers.mixed import MixedEquilibria, MixedEquilibrium, mixed_equilibria
from poagame.solvers.optimum import Optimum, social_optimum
from poagame.solvers.splittable import SplittableEquilibrium, splittable_equilibrium
from poagame.solvers.stochastic import StochasticEquilibrium, stochastic_wardrop
from poagame.solvers.variational import (
    Extragradient,
    ProjectedReflectedGradient,
    VariationalEquilibrium,
    variational_equilibrium,
)
from poagame.solvers.wardrop import WardropEquilibrium, wardrop

__all__ = [
    "BestResponse",
    "Census",
    "CorrelatedEquilibrium",
    "Equilibria",
    "Equilibrium",
    "Extragradient",
    "ImprovementCycle",
    "LogitBranch",
    "LogitEquilibria",
    "MixedEquilibria",
    "MixedEquilibrium",
    "Optimum",
    "Play",
    "ProjectedReflectedGradient",
    "PureExtremes",
    "SplittableEquilibrium",
    "StochasticEquilibrium",
    "VariationalEquilibrium",
    "WardropEquilibrium",
    "census",
    "correlated_equilibrium",
    "empirical_ratio",
    "equilibria",
    "equilibrium",
    "improvement_cycle",
    "lemke_howson",
    "log_linear_learning",
    "logit_branch",
    "logit_equilibria",
    "mixed_equilibria",
    "multiplicative_weights",
    "pure_extremes",
    "regret_matching",
    "social_optimum",
    "splittable_equilibrium",
    "stochastic_wardrop",
    "uniqueness_temperature",
    "variational_equilibrium",
    "wardrop",
]
