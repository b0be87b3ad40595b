"""Many games of one shape, solved together by compiled calls."""

from poagame.batched.links import FlowBatch, wardrop
from poagame.batched.routing import EquilibriumBatch, best_response, routing_games, stack

__all__ = ["EquilibriumBatch", "FlowBatch", "best_response", "routing_games", "stack", "wardrop"]
