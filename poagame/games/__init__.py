"""What is played: players, actions, costs, social cost; no solving."""

from poagame.games.protocols import FiniteGame
from poagame.games.routing import RequestTypes, RoutingGame

__all__ = ["FiniteGame", "RequestTypes", "RoutingGame"]
