"""Search of a strategy for its worst game, by Hypothesis's engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import hypothesis
import numpy as np
from hypothesis import Phase
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy

from poagame._arrays import require
from poagame.anarchy import AnarchyReport, price_of_anarchy
from poagame.anarchy.report import Concept
from poagame.bounds.record import PoaBound
from poagame.errors import UndefinedRatio
from poagame.games.checks import positive, whole
from poagame.testing.broken import beside_optimum
from poagame.testing.ratios import concept_of, limit_of
from poagame.testing.rounds import SILENT, checked_strategy, no_game, progress, quiet, rounds


@dataclass(frozen=True, eq=False, slots=True)
class WorstFound:
    """The worst game of a search.

    Attributes
    ----------
    game
        Its `repr` is code that rebuilds it.
    value : float
        Its proved price of anarchy (`poa_low`), or what the caller's measure gave.
    report : AnarchyReport or None
        Of the game; None where the caller brought a measure.
    bound : float or None
        What it is compared with.
    num_games : int
        Games looked at.
    no_ratio : mapping of str to int
        Those among them without a defined ratio, by the name of the error.
    complete : bool
        Whether the search ran to its end: an interrupted one holds the worst so far.
    """

    game: Any
    value: float
    report: AnarchyReport | None
    bound: float | None
    num_games: int
    no_ratio: Mapping[str, int]
    complete: bool

    @property
    def share(self) -> float | None:
        """Value over bound; above 1 the game breaks it."""
        return None if self.bound is None else self.value / self.bound

    def __str__(self) -> str:
        """The figures, the game as code, and its worst equilibrium beside the optimum."""
        lines = [f"worst of {self.num_games:,} games: {self.value:.10g}"]
        if self.bound is not None and self.share is not None:
            verdict = "BROKEN" if self.share > 1.0 + 1e-9 else "not broken"
            lines.append(f"bound {self.bound:.10g} {verdict}: {self.share:.4%} of it reached")
        if self.no_ratio:
            lines.append("no ratio: " + ", ".join(f"{count} {name}" for name, count in sorted(self.no_ratio.items())))
        if not self.complete:
            lines.append("(interrupted)")
        lines += ["", repr(self.game)]
        if self.report is not None:
            lines += ["", beside_optimum(self.game, self.report.worst, self.report.optimum)]
        return "\n".join(lines)


def search_worst(
    games: SearchStrategy[Any],
    budget: int = 1000,
    *,
    bound: float | PoaBound | None = None,
    concept: Concept | None = None,
    seed: int = 0,
    measure: Callable[[Any], float] | None = None,
) -> WorstFound:
    """Worst game that Hypothesis finds among `budget` draws, in rounds of `ROUND`: random ones, then a climb from the worst of them.

    What is found bounds the worst case from below: it proves no bound, but may break one. The same seed finds the same game (with one
    version of Hypothesis). Ctrl-C ends the search and gives the worst so far, once a game with a ratio was found.

    Parameters
    ----------
    games : strategy
        Of games, such as `congestion_games()`.
    budget : int
        Most games looked at; fewer if the strategy has no more.
    bound : float or PoaBound, optional
        To compare with, as in `assert_poa_at_most`; where `measure` is given, a number above 0.
    concept : str, optional
        As in `assert_poa_at_most`.
    seed : int
    measure : callable, optional
        game → number to make large, instead of the proved price of anarchy.

    Raises
    ------
    UndefinedRatio
        If none of the games has a ratio.
    InvalidInput
        If `games` is no strategy or draws nothing, the budget no whole number ≥ 1, a measure is NaN, or the bound does not fit.

    Examples
    --------
    >>> from poagame.testing import parallel_links
    >>> found = search_worst(parallel_links(families=["affine"]), 200, bound=4 / 3)
    >>> found.share <= 1
    True
    """
    strategy, most, key = checked_strategy(games), whole(budget, "budget", 1), whole(seed, "seed")
    require(measure is None or concept is None, "a measure of your own has no concept; give one of the two")
    limit: float | None = None
    best: list[tuple[float, Any, AnarchyReport | None]] = []
    missed: Counter[str] = Counter()
    seen = 0

    def rate(game: Any) -> tuple[float, AnarchyReport | None]:
        if measure is None:
            report = price_of_anarchy(game, concept=concept_of(game, concept))
            return report.poa_low, report
        value = float(measure(game))
        require(not np.isnan(value), f"the measure is NaN at {game!r:.200}")
        return value, None

    if isinstance(bound, PoaBound):
        require(measure is None, "with a measure of your own, give the bound as a number")
    elif bound is not None:
        limit = limit_of(bound, "pure", "price of anarchy") if measure is None else positive(bound, "bound")

    complete = True
    with progress(most) as advance:

        def look(game: Any) -> None:
            nonlocal seen, limit
            if seen >= most:
                return
            if isinstance(bound, PoaBound):  # asked of each game, as a strategy may mix kinds
                limit = limit_of(bound, concept_of(game, concept), "price of anarchy")
            seen += 1
            try:
                value, report = rate(game)
            except SILENT as error:
                missed[type(error).__name__] += 1
                return
            finally:
                advance(f"worst {best[0][0]:.6g}" if best else "")
            if np.isfinite(value):
                hypothesis.target(value, label="worst")
            if not best or _worse(value, game, *best[0][:2]):
                best[:] = [(value, game, report)]

        try:
            for size, number in rounds(most, key):
                before, how = seen, quiet(size, Phase.generate, Phase.target)
                hypothesis.seed(number)(how(hypothesis.given(strategy)(look)))()
                if seen - before < size // 10:  # the strategy has no more
                    break
        except KeyboardInterrupt:
            if not best:
                raise
            complete = False
        except Unsatisfiable:
            if not seen:
                raise no_game() from None
    if not best:
        reasons = ", ".join(f"{count} {name}" for name, count in sorted(missed.items()))
        raise UndefinedRatio(f"none of {seen} games has a ratio ({reasons}); draw games of positive cost")
    value, game, report = best[0]
    return WorstFound(game, value, report, limit, seen, dict(missed), complete)


def _worse(value: float, game: Any, than: float, other: Any) -> bool:
    """Whether a game is worse, or as bad and shorter to write."""
    if value == than or (np.isfinite(than) and abs(value - than) <= 1e-12 * abs(than)):
        return len(repr(game)) < len(repr(other))
    return value > than
