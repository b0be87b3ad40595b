"""What a bound on the price of anarchy is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, eq=False, slots=True)
class PoaBound:
    """An upper bound on the price of anarchy of a class of games.

    Attributes
    ----------
    value : float
        No equilibrium of a game in the class costs more than `value` times its optimum; infinite if none holds.
    kind : str
        The equilibria it covers: "wardrop", or "pure to coarse correlated".
    valid_for : str
        The class of games.
    tight : bool
        Whether the class has games that come arbitrarily near.
    instance : object or None
        A game that attains it, where one is built.
    source : str
        Theorem and bib key.
    """

    value: float
    kind: str
    valid_for: str
    tight: bool
    instance: object | None
    source: str

    def __str__(self) -> str:
        """Value, class and source in a line."""
        return f"{self.value:.10g} ({self.kind}; {'tight' if self.tight else 'not shown tight'}) for {self.valid_for} [{self.source}]"
