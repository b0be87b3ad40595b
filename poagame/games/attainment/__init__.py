"""What pools of workers are worth: shares of requests in time, by the number of workers."""

from poagame.games.attainment.base import Attainment, Curve, Exponential, LoadedAttainment, Quadratic
from poagame.games.attainment.decode import DecodeBatch
from poagame.games.attainment.erlang import erlang_c, exponential_wait
from poagame.games.attainment.fixed_service import deterministic_wait
from poagame.games.attainment.shape import Shape, shape
from poagame.games.attainment.waiting import PrefillQueue

__all__ = [
    "Attainment",
    "Curve",
    "DecodeBatch",
    "Exponential",
    "LoadedAttainment",
    "PrefillQueue",
    "Quadratic",
    "Shape",
    "deterministic_wait",
    "erlang_c",
    "exponential_wait",
    "shape",
]
