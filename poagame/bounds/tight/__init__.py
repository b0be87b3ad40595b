"""The exact price of anarchy of classes of games, by linear programmes whose dual is the worst game."""

from poagame.bounds.tight.record import TightPoa
from poagame.bounds.tight.verb import tight_poa
from poagame.bounds.tight.welfare import tight_welfare_poa
from poagame.bounds.tight.worst_case import Witness

__all__ = ["TightPoa", "Witness", "tight_poa", "tight_welfare_poa"]
