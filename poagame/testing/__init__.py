"""Property tests of games: Hypothesis strategies that draw them, laws that they keep, and a search for the worst."""

from importlib.util import find_spec

if find_spec("hypothesis") is None:
    # still a ModuleNotFoundError, so that pytest.importorskip and the like keep working
    raise ModuleNotFoundError(
        "poagame.testing needs Hypothesis, which is not installed: pip install 'poagame[testing]'", name="hypothesis"
    )

from poagame.testing.broken import LawBroken, Undecided, assert_at_most
from poagame.testing.caching import caching_games
from poagame.testing.congestion import congestion_games
from poagame.testing.counterexample import LawSearch, minimal_counterexample
from poagame.testing.cyclic import cyclic_games
from poagame.testing.laws import (
    assert_exact_potential,
    assert_nash,
    assert_optimal,
    assert_smooth,
    assert_wardrop,
)
from poagame.testing.networks import networks, parallel_links
from poagame.testing.normal_form import normal_form_games
from poagame.testing.others import load_balancing_games, shared_resources
from poagame.testing.ratios import assert_poa_at_most, assert_pos_at_most
from poagame.testing.resource import resource_games
from poagame.testing.search import WorstFound, search_worst
from poagame.testing.splittable import splittable_games
from poagame.testing.strategies import latencies, routing_games
from poagame.testing.tables import request_tables

__all__ = [
    "LawBroken",
    "LawSearch",
    "Undecided",
    "WorstFound",
    "assert_at_most",
    "assert_exact_potential",
    "assert_nash",
    "assert_optimal",
    "assert_poa_at_most",
    "assert_pos_at_most",
    "assert_smooth",
    "assert_wardrop",
    "caching_games",
    "congestion_games",
    "cyclic_games",
    "latencies",
    "load_balancing_games",
    "minimal_counterexample",
    "networks",
    "normal_form_games",
    "parallel_links",
    "request_tables",
    "resource_games",
    "routing_games",
    "search_worst",
    "shared_resources",
    "splittable_games",
]
