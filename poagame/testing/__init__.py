"""Hypothesis strategies for games and latencies, valid by construction."""

from poagame.testing.congestion import congestion_games
from poagame.testing.networks import networks
from poagame.testing.normal_form import normal_form_games
from poagame.testing.splittable import splittable_games
from poagame.testing.strategies import latencies, routing_games

__all__ = ["congestion_games", "latencies", "networks", "normal_form_games", "routing_games", "splittable_games"]
