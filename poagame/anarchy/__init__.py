"""The price of anarchy: where equilibria, optimum and bound meet."""

from poagame.anarchy.attribution import Attribution, attribute_loss, attribution_by_load
from poagame.anarchy.curve import AnarchyCurve, anarchy_curve
from poagame.anarchy.growth import GrowthExponent, growth_exponent
from poagame.anarchy.leader import LedCurve, led_anarchy
from poagame.anarchy.paradox import ParadoxSearch, StorageChange, more_storage, search_paradox
from poagame.anarchy.payments import payment_anarchy
from poagame.anarchy.pressure import PressureCurve, pressure_curve
from poagame.anarchy.report import AnarchyReport
from poagame.anarchy.splits import ResourceAnarchy, SplitMap, resource_anarchy, split_map
from poagame.anarchy.verb import price_of_anarchy

__all__ = [
    "AnarchyCurve",
    "AnarchyReport",
    "Attribution",
    "GrowthExponent",
    "LedCurve",
    "ParadoxSearch",
    "PressureCurve",
    "ResourceAnarchy",
    "SplitMap",
    "StorageChange",
    "anarchy_curve",
    "attribute_loss",
    "attribution_by_load",
    "growth_exponent",
    "led_anarchy",
    "more_storage",
    "payment_anarchy",
    "pressure_curve",
    "price_of_anarchy",
    "resource_anarchy",
    "search_paradox",
    "split_map",
]
