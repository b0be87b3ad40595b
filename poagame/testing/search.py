"""Search of a strategy for its worst game, and for the smallest one that breaks a law, by Hypothesis's engine."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import hypothesis
import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import NoSuchExample, Unsatisfiable
from hypothesis.strategies import SearchStrategy
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from poagame._arrays import require
from poagame.anarchy import AnarchyReport, price_of_anarchy
from poagame.anarchy.report import Concept
from poagame.anarchy.verb import default_concept
from poagame.bounds.record import PoaBound
from poagame.errors import InvalidInput, NoEquilibrium, TooLarge, UndefinedRatio
from poagame.games.checks import whole
from poagame.testing.broken import Undecided, beside_optimum
from poagame.testing.ratios import limit_of

NO_RATIO = (UndefinedRatio, NoEquilibrium, TooLarge)
"""Why a game may have no ratio: it is counted and passed over."""

ROUND = 200
"""Games after which a search begins anew: the climb of one round may be stuck, and long rounds of Hypothesis slow down."""


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
            verdict = "BROKEN" if self.share > 1.0 + 1e-9 else "kept"
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
    version of Hypothesis). Ctrl-C ends the search and gives the worst so far.

    Parameters
    ----------
    games : strategy
        Of games, such as `congestion_games()`.
    budget : int
        Most games looked at; fewer if the strategy has no more.
    bound : float or PoaBound, optional
        To compare with, as in `assert_poa_at_most`; a plain number where `measure` is given.
    concept : str, optional
        As in `price_of_anarchy`.
    seed : int
    measure : callable, optional
        game → number to make large, instead of the proved price of anarchy.

    Raises
    ------
    UndefinedRatio
        If none of the games has a ratio.
    InvalidInput
        If `games` is no strategy, the budget no whole number ≥ 1, a measure is NaN, or the bound does not fit.

    Examples
    --------
    >>> from poagame.testing import parallel_links
    >>> found = search_worst(parallel_links(families=["affine"]), 200, bound=4 / 3)
    >>> found.share <= 1
    True
    """
    strategy, most, key = _strategy(games), whole(budget, "budget", 1), whole(seed, "seed")
    require(measure is None or concept is None, "a measure of your own has no concept; give one of the two")
    limit: float | None = None
    best: list[tuple[float, Any, AnarchyReport | None]] = []
    missed: Counter[str] = Counter()
    seen = 0

    def rate(game: Any) -> tuple[float, AnarchyReport | None]:
        if measure is None:
            report = price_of_anarchy(game, concept=concept)
            return report.poa_low, report
        value = float(measure(game))
        require(not np.isnan(value), f"the measure is NaN at {game!r:.200}")
        return value, None

    if isinstance(bound, PoaBound):
        require(measure is None, "with a measure of your own, give the bound as a number")
    elif bound is not None:
        limit = limit_of(bound, "pure", "price of anarchy") if measure is None else float(bound)

    complete = True
    with _bar(most) as advance:

        def look(game: Any) -> None:
            nonlocal seen, limit
            if seen >= most:
                return
            if limit is None and isinstance(bound, PoaBound):
                limit = limit_of(bound, concept or default_concept(game), "price of anarchy")
            seen += 1
            try:
                value, report = rate(game)
            except NO_RATIO as error:
                missed[type(error).__name__] += 1
                return
            finally:
                advance(best[0][0] if best else None)
            if np.isfinite(value):
                hypothesis.target(value, label="worst")
            if not best or _worse(value, game, *best[0][:2]):
                best[:] = [(value, game, report)]

        try:
            for size, number in _rounds(most, key):
                before, how = seen, _quiet(size, Phase.generate, Phase.target)
                hypothesis.seed(number)(how(hypothesis.given(strategy)(look)))()
                if seen - before < size // 10:  # the strategy has no more
                    break
        except KeyboardInterrupt:
            complete = False
    if not best:
        reasons = ", ".join(f"{count} {name}" for name, count in sorted(missed.items())) or "interrupted"
        raise UndefinedRatio(f"none of {seen} games has a ratio ({reasons}); draw games of positive cost")
    value, game, report = best[0]
    return WorstFound(game, value, report, limit, seen, dict(missed), complete)


@dataclass(frozen=True, eq=False, slots=True)
class Counterexample:
    """The smallest game found that breaks a law.

    Attributes
    ----------
    game
        Shrunk by Hypothesis: its `repr` is code that rebuilds it.
    error : AssertionError
        What the law says about it, in full.
    num_games : int
        Games that the law was asked about, those of the shrinking among them.
    """

    game: Any
    error: AssertionError
    num_games: int

    def __str__(self) -> str:
        """What the law says."""
        return str(self.error)


def minimal_counterexample(
    games: SearchStrategy[Any], law: Callable[[Any], object], budget: int = 1000, seed: int = 0
) -> Counterexample | None:
    """Smallest game of a strategy that breaks a law, or None where none of `budget` games does.

    What a failing Hypothesis test prints, as a record: for scripts, notebooks and documents.

    Parameters
    ----------
    games : strategy
    law : callable
        game → anything; raises an AssertionError (`LawBroken`) where the game breaks it.
    budget : int
        Most games to look for a first counterexample; shrinking it looks at more.
    seed : int

    Raises
    ------
    UndefinedRatio
        If the law said nothing about any game (each was rejected), so that None would mislead.
    InvalidInput
        If `games` is no strategy, or the budget no whole number ≥ 1.

    Examples
    --------
    >>> from poagame.testing import assert_poa_at_most, parallel_links
    >>> found = minimal_counterexample(parallel_links(2, ["affine"]), lambda game: assert_poa_at_most(game, 1.2))
    >>> found.error.args[0].splitlines()[0]
    'broken: the price of anarchy is at most 1.2 (wardrop)'
    """
    strategy, most, key = _strategy(games), whole(budget, "budget", 1), whole(seed, "seed")
    seen = heard = 0

    def breaks(game: Any) -> bool:
        nonlocal seen, heard
        seen += 1
        try:
            law(game)
        except AssertionError:
            heard += 1
            return True
        except (*NO_RATIO, Undecided):
            return False
        heard += 1
        return False

    game: Any = None
    for size, number in _rounds(most, key):
        before, how = seen, _quiet(size, Phase.generate, Phase.target, Phase.shrink)
        with suppress(NoSuchExample, Unsatisfiable):
            game = hypothesis.find(strategy, breaks, settings=how, random=random.Random(number))
        if game is not None or seen - before < size // 10:
            break
    if game is None:
        if not heard:
            raise UndefinedRatio(f"the law said nothing about any of {seen} games; draw games of positive cost")
        return None
    try:
        law(game)
    except AssertionError as error:
        return Counterexample(game, error, seen)
    raise InvalidInput("the law broke once and held the next time on the same game; a law must not depend on chance")


def _strategy(games: Any) -> SearchStrategy[Any]:
    require(
        isinstance(games, SearchStrategy),
        f"games is a Hypothesis strategy, such as poagame.testing.congestion_games(); got {games!r:.80}",
    )
    return games


def _rounds(budget: int, seed: int) -> list[tuple[int, int]]:
    """Size and seed of each round of a search."""
    sizes = [min(ROUND, budget - begin) for begin in range(0, budget, ROUND)]
    numbers = random.Random(seed)
    return [(size, numbers.getrandbits(64)) for size in sizes]


def _quiet(examples: int, *phases: Phase) -> settings:
    """Settings of a search: nothing stored, nothing timed, no advice."""
    return settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=phases,
        suppress_health_check=tuple(HealthCheck),  # pyright: ignore[reportArgumentType]
        report_multiple_bugs=False,
        verbosity=hypothesis.Verbosity.quiet,
    )


def _worse(value: float, game: Any, than: float, other: Any) -> bool:
    """Whether a game is worse, or as bad and shorter to write."""
    if abs(value - than) <= 1e-12 * abs(than):
        return len(repr(game)) < len(repr(other))
    return value > than


@contextmanager
def _bar(total: int) -> Generator[Callable[[float | None], None]]:
    """A progress bar on a terminal; nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("searching", total=total)

        def advance(best: float | None) -> None:
            bar.update(task, advance=1, description="searching" if best is None else f"worst {best:.6g}")

        yield advance
