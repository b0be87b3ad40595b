"""Analytic price-of-anarchy results, each with the class it is valid for, its source, and a game that attains it."""

from poagame.bounds.atomic import (
    atomic_affine,
    atomic_polynomial,
    atomic_polynomial_players,
    symmetric_affine,
    weighted_polynomial,
)
from poagame.bounds.augmentation import (
    demand_augmentation,
    mm1_capacity_augmentation,
    sharp_augmentation,
    sharp_augmentation_of,
)
from poagame.bounds.caching import (
    caching_complete,
    caching_complete_unequal,
    caching_directed,
    caching_grid,
    caching_line,
    caching_payment,
    caching_ring,
    caching_star,
    caching_uniform,
    caching_weighted,
)
from poagame.bounds.caching_distances import (
    caching_clusters,
    caching_clusters_best,
    caching_spread,
    caching_two_clusters,
)
from poagame.bounds.caching_storage import caching_added_tier, caching_tiers, caching_tiers_best
from poagame.bounds.latency_classes import anarchy_value
from poagame.bounds.load_balancing import fractional_load_balancing, no_regret
from poagame.bounds.makespan import makespan_identical, makespan_mixed, makespan_related
from poagame.bounds.nonatomic import bpr, mm1, monomials, nonatomic_affine, nonatomic_polynomial
from poagame.bounds.observable_queue import edelson_hildebrand, naor
from poagame.bounds.queueing import bell_stidham, cohen_kelly, gaitonde_tardos, haviv_roughgarden
from poagame.bounds.record import PoaBound
from poagame.bounds.singletons import (
    singleton_affine,
    singleton_identical,
    singleton_symmetric_affine,
    weighted_identical_servers,
)
from poagame.bounds.smoothness import (
    Smoothness,
    local_smoothness,
    nonatomic_smoothness,
    unweighted_smoothness,
    weighted_smoothness,
)
from poagame.bounds.splittable_flow import splittable
from poagame.bounds.stability import price_of_stability_affine, price_of_stability_polynomial
from poagame.bounds.table import Catalogue, bound, catalogue
from poagame.bounds.tight import TightPoa, Witness, tight_poa, tight_welfare_poa
from poagame.bounds.tolls import (
    constant_tolls,
    constant_tolls_affine,
    marginal_cost_tolls,
    optimal_local_tolls,
    polynomial_time,
)

__all__ = [
    "Catalogue",
    "PoaBound",
    "Smoothness",
    "TightPoa",
    "Witness",
    "anarchy_value",
    "atomic_affine",
    "atomic_polynomial",
    "atomic_polynomial_players",
    "bell_stidham",
    "bound",
    "bpr",
    "caching_added_tier",
    "caching_clusters",
    "caching_clusters_best",
    "caching_complete",
    "caching_complete_unequal",
    "caching_directed",
    "caching_grid",
    "caching_line",
    "caching_payment",
    "caching_ring",
    "caching_spread",
    "caching_star",
    "caching_tiers",
    "caching_tiers_best",
    "caching_two_clusters",
    "caching_uniform",
    "caching_weighted",
    "catalogue",
    "cohen_kelly",
    "constant_tolls",
    "constant_tolls_affine",
    "demand_augmentation",
    "edelson_hildebrand",
    "fractional_load_balancing",
    "gaitonde_tardos",
    "haviv_roughgarden",
    "local_smoothness",
    "makespan_identical",
    "makespan_mixed",
    "makespan_related",
    "marginal_cost_tolls",
    "mm1",
    "mm1_capacity_augmentation",
    "monomials",
    "naor",
    "no_regret",
    "nonatomic_affine",
    "nonatomic_polynomial",
    "nonatomic_smoothness",
    "optimal_local_tolls",
    "polynomial_time",
    "price_of_stability_affine",
    "price_of_stability_polynomial",
    "sharp_augmentation",
    "sharp_augmentation_of",
    "singleton_affine",
    "singleton_identical",
    "singleton_symmetric_affine",
    "splittable",
    "symmetric_affine",
    "tight_poa",
    "tight_welfare_poa",
    "unweighted_smoothness",
    "weighted_identical_servers",
    "weighted_polynomial",
    "weighted_smoothness",
]
