"""Search of a strategy for the smallest game that breaks a law, by Hypothesis's engine."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import hypothesis
from hypothesis import Phase
from hypothesis.errors import Flaky, NoSuchExample, Unsatisfiable
from hypothesis.strategies import SearchStrategy

from poagame.errors import InvalidInput, UndefinedRatio
from poagame.games.checks import whole
from poagame.testing.rounds import SILENT, checked_strategy, no_game, progress, quiet, rounds

CHANCE = "the law broke once and held the next time on the same game; a law must not depend on chance"

MOST_SHRUNK, SHRINKING = 1000, 60.0
"""Games, and seconds, after which the shrinking of a counterexample ends."""


@dataclass(frozen=True, eq=False, slots=True)
class LawSearch:
    """What a search for a counterexample found.

    Attributes
    ----------
    game
        The smallest game found that breaks the law, shrunk by Hypothesis: its `repr` is code that rebuilds it. None if there was none.
    error : AssertionError or None
        What the law says about it, in full.
    num_games : int
        Games that the law was asked about, those of the shrinking among them.
    num_silent : int
        Those among them about which it said nothing: rejected, without a ratio, or too large.
    complete : bool
        Whether the search and the shrinking ran to their end. If not, there may be a counterexample, or a smaller one.
    """

    game: Any
    error: AssertionError | None
    num_games: int
    num_silent: int
    complete: bool

    @property
    def found(self) -> bool:
        """Whether the law is broken."""
        return self.error is not None

    def __str__(self) -> str:
        """What the law says about the game; or how many games it was asked about in vain."""
        if self.error is not None:
            return (
                str(self.error) if self.complete else f"{self.error}\n(stopped early: a smaller game may break it too)"
            )
        silent = f", about {self.num_silent:,} of which the law said nothing" if self.num_silent else ""
        return f"no counterexample among {self.num_games:,} games{silent}{'' if self.complete else ' (interrupted)'}"


class _Enough(BaseException):
    """Ends the shrinking: Hypothesis lets it through, as it does an interrupt."""


def minimal_counterexample(
    games: SearchStrategy[Any], law: Callable[[Any], object], budget: int = 1000, seed: int = 0
) -> LawSearch:
    """Smallest game of a strategy that breaks a law, or the record that none of `budget` games does.

    What a failing Hypothesis test prints, as a record: for scripts, notebooks and documents. Ctrl-C ends the search, or the shrinking,
    and gives what was found so far.

    Parameters
    ----------
    games : strategy
    law : callable
        game → anything; raises an AssertionError (`LawBroken`) where the game breaks it.
    budget : int
        Most games to look for a first counterexample; shrinking it looks at `MOST_SHRUNK` more, for at most `SHRINKING` seconds.
    seed : int

    Raises
    ------
    UndefinedRatio
        If the law said nothing about any game (each was rejected).
    InvalidInput
        If `games` is no strategy or draws nothing, the budget no whole number ≥ 1, or the law depends on chance.

    Examples
    --------
    >>> from poagame.testing import assert_poa_at_most, parallel_links
    >>> found = minimal_counterexample(parallel_links(2, ["affine"]), lambda game: assert_poa_at_most(game, 1.2))
    >>> found.error.args[0].splitlines()[0]
    'broken: the price of anarchy is at most 1.2 (wardrop)'
    >>> print(minimal_counterexample(parallel_links(2, ["affine"]), lambda game: assert_poa_at_most(game, 4 / 3), 20))
    no counterexample among 20 games, about ... of which the law said nothing
    """
    strategy, most, key = checked_strategy(games), whole(budget, "budget", 1), whole(seed, "seed")
    seen = silent = after = 0
    until = math.inf
    shortest: Any = None
    found = False

    def breaks(game: Any) -> bool:
        nonlocal seen, silent, after, until, shortest, found
        if found:
            after += 1
            if after > MOST_SHRUNK or time.monotonic() > until:
                raise _Enough
        seen += 1
        advance("shrinking" if found else "searching")
        try:
            law(game)
        except AssertionError:
            if not found or len(repr(game)) <= len(repr(shortest)):
                shortest = game
            if not found:
                found, until = True, time.monotonic() + SHRINKING
            return True
        except SILENT:
            silent += 1
        return False

    game: Any = None
    complete = True
    with progress(most) as advance:
        try:
            for size, number in rounds(most, key):
                before, how = seen, quiet(size, Phase.generate, Phase.target, Phase.shrink)
                with suppress(NoSuchExample, Unsatisfiable):
                    game = hypothesis.find(strategy, breaks, settings=how, random=random.Random(number))
                if game is not None or seen - before < size // 10:
                    break
        except (KeyboardInterrupt, _Enough):
            game, complete = shortest, False
        except Flaky as error:
            raise InvalidInput(CHANCE) from error
    if not seen and complete:
        raise no_game()
    if game is None:
        if seen == silent and complete:
            raise UndefinedRatio(f"the law said nothing about any of {seen} games; draw games of positive cost")
        return LawSearch(None, None, seen, silent, complete)
    try:
        law(game)
    except AssertionError as error:
        return LawSearch(game, error, seen, silent, complete)
    raise InvalidInput(CHANCE)
