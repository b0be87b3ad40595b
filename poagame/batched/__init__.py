"""Many games of one shape, solved together by compiled calls."""

from poagame.batched.coupled import OrbitBatch, coupled_orbits
from poagame.batched.links import FlowBatch, wardrop
from poagame.batched.routing import EquilibriumBatch, best_response, routing_games, stack

__all__ = [
    "EquilibriumBatch",
    "FlowBatch",
    "OrbitBatch",
    "best_response",
    "coupled_orbits",
    "routing_games",
    "stack",
    "wardrop",
]
