"""A game that says where it comes from and which answers are known for it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Self

import equinox as eqx


class Certified(Mapping[str, float]):
    """Known answers of a game by name, such as poa, equilibrium_cost, optimum_cost; frozen and hashable."""

    __slots__ = ("_answers",)

    def __init__(self, **answers: float) -> None:
        self._answers = tuple(sorted(answers.items()))

    def __getitem__(self, name: str) -> float:
        return dict(self._answers)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._answers))

    def __len__(self) -> int:
        return len(self._answers)

    def __hash__(self) -> int:
        return hash(self._answers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certified) and self._answers == other._answers

    def __repr__(self) -> str:
        return f"Certified({', '.join(f'{name}={value!r}' for name, value in self._answers)})"


class NamedGame(eqx.Module):
    """Base of games that can carry a source and certified answers; empty for a user's own.

    Attributes
    ----------
    source : str
        Where the game and its answers come from (bib key, theorem), or "".
    certified : mapping of str to float
        Answers that were proved or recomputed independently of the solvers here.
    """

    source: str = eqx.field(static=True, default="", kw_only=True)
    certified: Certified = eqx.field(static=True, default=Certified(), kw_only=True)

    def named(self, source: str, **answers: float) -> Self:
        """Return the same game with a source and certified answers."""
        game = copy.copy(self)
        object.__setattr__(game, "source", source)
        object.__setattr__(game, "certified", Certified(**answers))
        return game

    def _repr_pretty_(self, p: Any, cycle: bool) -> None:
        """What IPython and Hypothesis print: the code, not the fields of a data class."""
        p.text(repr(self))
