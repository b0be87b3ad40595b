"""Equilibria and optima; importing this also registers the fast paths of each kind of game."""

from poagame.solvers.best_response import BestResponse, Equilibrium, equilibrium
from poagame.solvers.caching.convergence import Convergence, convergence
from poagame.solvers.caching.equilibria import placement_equilibria
from poagame.solvers.caching.extremes import caching_extremes
from poagame.solvers.caching.facility import Facilities, facility_location
from poagame.solvers.caching.greedy import greedy_equilibrium
from poagame.solvers.caching.optimum import placement_optimum
from poagame.solvers.caching.payments import (
    PaymentEquilibrium,
    payment_equilibria,
    payment_equilibrium,
    supporting_payments,
)
from poagame.solvers.caching.request_loops import acyclic_equilibrium, request_loop
from poagame.solvers.congestion.optimum import optimum_by_search
from poagame.solvers.congestion.programme import PureExtremes, pure_extremes
from poagame.solvers.congestion.search import CongestionExtremes, extreme_pure_equilibria
from poagame.solvers.coupled import CoupledEquilibrium, Orbit, Response, joint_equilibrium, orbit
from poagame.solvers.enumeration import Census, Equilibria, census, equilibria
from poagame.solvers.flow.stochastic import StochasticEquilibrium, stochastic_wardrop
from poagame.solvers.flow.system_optimum import network_optimum
from poagame.solvers.flow.wardrop import WardropEquilibrium, wardrop
from poagame.solvers.improvement import ImprovementCycle, improvement_cycle
from poagame.solvers.learning import (
    Play,
    empirical_ratio,
    log_linear_learning,
    multiplicative_weights,
    regret_bound,
    regret_matching,
)
from poagame.solvers.mixed.correlated import CorrelatedEquilibrium, correlated_equilibrium
from poagame.solvers.mixed.lemke_howson import lemke_howson
from poagame.solvers.mixed.logit import (
    LogitBranch,
    LogitEquilibria,
    LogitEquilibrium,
    logit_branch,
    logit_equilibria,
    uniqueness_temperature,
)
from poagame.solvers.mixed.mixed_equilibria import MixedEquilibria, MixedEquilibrium, mixed_equilibria
from poagame.solvers.optimum import Optimum, social_optimum
from poagame.solvers.resource import (
    Bargain,
    FairTasks,
    GeneralisedSet,
    Uniqueness,
    dominant_resource_fairness,
    generalised_equilibria,
    nash_bargaining,
    uniqueness,
    variational_equilibria,
)
from poagame.solvers.splittable import SplittableEquilibrium, splittable_equilibrium
from poagame.solvers.variational import (
    Extragradient,
    ProjectedReflectedGradient,
    VariationalEquilibrium,
    VariationalPoint,
    solve_variational,
    variational_equilibrium,
)

__all__ = [
    "Bargain",
    "BestResponse",
    "Census",
    "CongestionExtremes",
    "Convergence",
    "CorrelatedEquilibrium",
    "CoupledEquilibrium",
    "Equilibria",
    "Equilibrium",
    "Extragradient",
    "Facilities",
    "FairTasks",
    "GeneralisedSet",
    "ImprovementCycle",
    "LogitBranch",
    "LogitEquilibria",
    "LogitEquilibrium",
    "MixedEquilibria",
    "MixedEquilibrium",
    "Optimum",
    "Orbit",
    "PaymentEquilibrium",
    "Play",
    "ProjectedReflectedGradient",
    "PureExtremes",
    "Response",
    "SplittableEquilibrium",
    "StochasticEquilibrium",
    "Uniqueness",
    "VariationalEquilibrium",
    "VariationalPoint",
    "WardropEquilibrium",
    "acyclic_equilibrium",
    "caching_extremes",
    "census",
    "convergence",
    "correlated_equilibrium",
    "dominant_resource_fairness",
    "empirical_ratio",
    "equilibria",
    "equilibrium",
    "extreme_pure_equilibria",
    "facility_location",
    "generalised_equilibria",
    "greedy_equilibrium",
    "improvement_cycle",
    "joint_equilibrium",
    "lemke_howson",
    "log_linear_learning",
    "logit_branch",
    "logit_equilibria",
    "mixed_equilibria",
    "multiplicative_weights",
    "nash_bargaining",
    "network_optimum",
    "optimum_by_search",
    "orbit",
    "payment_equilibria",
    "payment_equilibrium",
    "placement_equilibria",
    "placement_optimum",
    "pure_extremes",
    "regret_bound",
    "regret_matching",
    "request_loop",
    "social_optimum",
    "solve_variational",
    "splittable_equilibrium",
    "stochastic_wardrop",
    "supporting_payments",
    "uniqueness",
    "uniqueness_temperature",
    "variational_equilibria",
    "variational_equilibrium",
    "wardrop",
]
