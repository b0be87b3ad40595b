"""The price of anarchy: where equilibria, optimum and bound meet."""

from poagame.anarchy.curve import AnarchyCurve, anarchy_curve
from poagame.anarchy.report import AnarchyReport
from poagame.anarchy.verb import price_of_anarchy

__all__ = ["AnarchyCurve", "AnarchyReport", "anarchy_curve", "price_of_anarchy"]
