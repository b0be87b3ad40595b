"""Pools that share a budget: variational and generalised equilibria, the best split, and fair ones."""

import poagame.solvers.resource.optimum  # noqa: F401 - registers social_optimum  # pyright: ignore[reportUnusedImport]
from poagame.solvers.resource.fair import Bargain, FairTasks, dominant_resource_fairness, nash_bargaining
from poagame.solvers.resource.generalised import GeneralisedSet, generalised_equilibria
from poagame.solvers.resource.uniqueness import Uniqueness, uniqueness
from poagame.solvers.resource.variational import budget_split, multiplier, variational_equilibria

__all__ = [
    "Bargain",
    "FairTasks",
    "GeneralisedSet",
    "Uniqueness",
    "budget_split",
    "dominant_resource_fairness",
    "generalised_equilibria",
    "multiplier",
    "nash_bargaining",
    "uniqueness",
    "variational_equilibria",
]
