"""Named games with their source and certified answers."""

from poagame.games.instances.atomic import (
    affine_atomic_worst_case,
    best_reply_cycle,
    makespan_identical,
    makespan_mixed,
    makespan_related,
    polynomial_worst_case,
    price_of_stability,
    small_players_worst_case,
    symmetric_singletons,
    weighted_worst_case,
)
from poagame.games.instances.caching import (
    caching_complete,
    caching_directed_worst,
    caching_grid,
    caching_line,
    caching_ring,
    caching_star,
    caching_two_clusters,
    caching_uniform_worst,
)
from poagame.games.instances.caching_clusters import caching_hierarchy, caching_spread_worst
from poagame.games.instances.caching_doubling import doubling_cluster
from poagame.games.instances.caching_serving import caching_sessions, cluster_paradox
from poagame.games.instances.caching_stores import cache_paradox, caching_two_tiers, no_pure_caching
from poagame.games.instances.nonatomic import (
    bpr_pigou,
    braess,
    cohen_kelly,
    mm1_pigou,
    monomial_pigou,
    pigou,
    slow_convergence,
    unsettled_links,
)
from poagame.games.instances.queues import contended_servers, mm1_servers, parallel_queues, two_queues
from poagame.games.instances.singletons import identical_servers, singleton_tree, weighted_servers
from poagame.games.instances.splittable import half_load_balancing, load_balancing, splittable_affine
from poagame.games.instances.symmetric import symmetric_affine
from poagame.games.instances.weighted import four_players, weighted_attained

__all__ = [
    "affine_atomic_worst_case",
    "best_reply_cycle",
    "bpr_pigou",
    "braess",
    "cache_paradox",
    "caching_complete",
    "caching_directed_worst",
    "caching_grid",
    "caching_hierarchy",
    "caching_line",
    "caching_ring",
    "caching_sessions",
    "caching_spread_worst",
    "caching_star",
    "caching_two_clusters",
    "caching_two_tiers",
    "caching_uniform_worst",
    "cluster_paradox",
    "cohen_kelly",
    "contended_servers",
    "doubling_cluster",
    "four_players",
    "half_load_balancing",
    "identical_servers",
    "load_balancing",
    "makespan_identical",
    "makespan_mixed",
    "makespan_related",
    "mm1_pigou",
    "mm1_servers",
    "monomial_pigou",
    "no_pure_caching",
    "parallel_queues",
    "pigou",
    "polynomial_worst_case",
    "price_of_stability",
    "singleton_tree",
    "slow_convergence",
    "small_players_worst_case",
    "splittable_affine",
    "symmetric_affine",
    "symmetric_singletons",
    "two_queues",
    "unsettled_links",
    "weighted_attained",
    "weighted_servers",
    "weighted_worst_case",
]
