"""Hypothesis strategies for poagame's objects: valid by construction, shrinking to readable ones."""

from poagame.testing.strategies import latencies, routing_games

__all__ = ["latencies", "routing_games"]
