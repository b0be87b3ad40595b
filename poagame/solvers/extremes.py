"""Worst and best equilibrium of a concept, as `price_of_anarchy` takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Record = TypeVar("Record")


@dataclass(frozen=True, eq=False, slots=True)
class Extremes(Generic[Record]):
    """Worst and best equilibrium of one concept.

    Attributes
    ----------
    worst, best : record of the concept
        Each with `social_cost` and `certificate`.
    worst_limit, best_limit : float
        No equilibrium of the concept costs more than `worst_limit` or less than `best_limit` (up to rounding).
    covered : bool
        Whether `worst` and `best` are proved to be the worst and the best.
    note : str
        What was looked at, and where the limits come from.
    """

    worst: Record
    best: Record
    worst_limit: float
    best_limit: float
    covered: bool
    note: str
