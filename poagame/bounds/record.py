"""What an analytic result on selfishness says: a number, for whom it holds, and a game that shows that it cannot be improved."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

from poagame._arrays import require
from poagame.errors import InvalidInput

Kind = Literal["pure", "mixed", "correlated", "coarse correlated", "wardrop"]
"""Widest class of equilibria that a bound covers: pure ⊂ mixed ⊂ correlated ⊂ coarse correlated (no-regret play), or nonatomic flow."""

Measure = Literal["price of anarchy", "price of stability", "welfare ratio", "harm", "augmentation", "stability factor"]
"""What `value` is.

- "price of anarchy": worst equilibrium over optimum;
- "price of stability": best equilibrium over optimum (the optimistic price of anarchy);
- "welfare ratio": welfare of the optimum over that of the worst equilibrium, a ratio of gains and not of costs;
- "harm": equilibrium after an improvement of the system over the one before (a paradox);
- "augmentation": by how much demand (or capacity) of the optimum must be scaled for it to cost as much as the equilibrium;
- "stability factor": how many times the arrivals a queueing system must be able to serve to stay stable.
"""

Standing = Literal["proved", "identified", "quoted"]
"""Whether the number is proved (here or by the source), only recognised from computed ones, or quoted from memory or an abstract."""

NOT_PROVED = {"identified": "identified, not proved", "quoted": "quoted, not proved here"}

_ATOMIC = ("pure", "mixed", "correlated", "coarse correlated")


@dataclass(frozen=True, eq=False)
class PoaBound:
    """A bound on what selfishness costs in a class of games.

    Attributes
    ----------
    value : float
        No game of the class has a larger `measure` (if `side` is "upper"), or one is known that has as much ("lower"). Infinite if there
        is no bound; where the number is finite but beyond the range of floats, `log10_value` still holds it.
    kind : str
        The widest class of equilibria that it covers; `covers(concept)` asks.
    valid_for : str
        The class of games.
    tight : bool
        Whether no smaller number would do: `instance` attains it, or the games of `approach` come arbitrarily near.
    instance : game or None
        A game of this library that attains it, built when first asked for. For a bound that is not tight: a game to show for it,
        such as the one behind a lower bound.
    source : str
        Theorem and bib key; what is ours says so.
    name : str
        The function of `poagame.bounds` that gives it.
    measure : str
        What `value` is; see `Measure`.
    side : "upper" or "lower"
        "lower" is a record only: the value that a known game has.
    approach : callable or None
        Size → game, a sequence whose certified ratio tends to `value` as the size grows.
    remark : str
        Why it is not shown tight, or to which tolerance it was computed.
    log10_value : float
        Decimal logarithm of the value, finite for every finite number.
    standing : str
        How sure the value is; see `Standing`. Only a proved one is tight.
    """

    value: float
    kind: Kind
    valid_for: str
    tight: bool
    source: str
    name: str = ""
    measure: Measure = "price of anarchy"
    side: Literal["upper", "lower"] = "upper"
    build: Callable[[], Any] | None = field(default=None, repr=False)
    approach: Callable[[int], Any] | None = field(default=None, repr=False)
    remark: str = ""
    log10_value: float = math.nan
    standing: Standing = "proved"

    def __post_init__(self) -> None:
        require(self.kind in get_args(Kind), f"kind is one of {get_args(Kind)}; got {self.kind!r}")
        require(self.measure in get_args(Measure), f"measure is one of {get_args(Measure)}; got {self.measure!r}")
        require(not math.isnan(self.value) and self.value >= 0, f"a bound is a number >= 0; got {self.value}")
        require(
            self.standing in get_args(Standing), f"standing is one of {get_args(Standing)}; got {self.standing!r:.80}"
        )
        require(not self.tight or self.standing == "proved", "only what is proved is tight")
        require(not self.tight or self.side == "upper", "a lower bound alone is never tight")
        require(
            not self.tight or self.build is not None or self.approach is not None,
            f"{self.name or 'a bound'} is called tight without a game that attains or approaches it",
        )
        if math.isnan(self.log10_value):
            exponent = math.log10(self.value) if 0 < self.value < math.inf else math.copysign(math.inf, self.value - 1)
            object.__setattr__(self, "log10_value", exponent)

    @cached_property
    def instance(self) -> Any:
        """The game that attains the bound, or None."""
        return None if self.build is None else self.build()

    def covers(self, concept: str) -> bool:
        """Whether equilibria of `concept` (as in `price_of_anarchy`) are among those bounded; "cce" is coarse correlated.

        Raises
        ------
        InvalidInput
            If the concept is none that a bound can cover.
        """
        if not isinstance(concept, str) or concept not in (*get_args(Kind), "cce", "splittable"):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidInput(
                f"a bound covers {', '.join(get_args(Kind))}, 'cce' or 'splittable'; got {concept!r:.80}"
            )
        wanted = {"cce": "coarse correlated", "splittable": "pure"}.get(concept, concept)
        if self.kind == "wardrop" or wanted == "wardrop":
            return self.kind == wanted
        return _ATOMIC.index(wanted) <= _ATOMIC.index(self.kind)

    def digits(self, significant: int = 10) -> str:
        """The value as text, also beyond the range of floats: there four digits, or a power of ten whose exponent has all that is known."""
        if math.isinf(self.value) and math.isfinite(self.log10_value):
            if math.ulp(self.log10_value) > 1e-4:  # the logarithm holds no digit of the number itself
                return f"10^{self.log10_value:.15g}"
            exponent = math.floor(self.log10_value)
            return f"{10.0 ** (self.log10_value - exponent):.4g}e+{exponent}"
        return f"{self.value:.{significant}g}"

    def __str__(self) -> str:
        """Value, class and source in a line."""
        known = "tight" if self.tight else "a lower bound" if self.side == "lower" else NOT_PROVED.get(self.standing)
        measure = "" if self.measure == "price of anarchy" else f"{self.measure}, "
        return (
            f"{self.digits()} ({measure}{self.kind}; {known or 'not shown tight'}) for {self.valid_for} [{self.source}]"
        )
