"""Players that split their demand: equilibria, optima, uniqueness."""

from poagame.solvers.splittable.equilibrium import (
    SplittableEquilibrium,
    splittable_equilibrium,
    splittable_extremes,
    splittable_optimum,
)
from poagame.solvers.splittable.uniqueness import slope_elasticity, strictly_convex_increasing, why_unique

__all__ = [
    "SplittableEquilibrium",
    "slope_elasticity",
    "splittable_equilibrium",
    "splittable_extremes",
    "splittable_optimum",
    "strictly_convex_increasing",
    "why_unique",
]
