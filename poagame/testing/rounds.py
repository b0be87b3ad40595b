"""What both searches of a strategy share: rounds of Hypothesis's engine without its tests, and a progress bar."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import UnsatisfiedAssumption
from hypothesis.strategies import SearchStrategy
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from poagame._arrays import require
from poagame.errors import InvalidInput, NoEquilibrium, TooLarge, UndefinedRatio
from poagame.testing.broken import Undecided

SILENT = (UndefinedRatio, NoEquilibrium, TooLarge, Undecided, UnsatisfiedAssumption)
"""Why a game may have no ratio, and a law nothing to say about it: it is counted and passed over."""

ROUND = 200
"""Games after which a search begins anew: the climb of one round may be stuck, and long rounds of Hypothesis slow down."""


def no_game() -> InvalidInput:
    """The error about a strategy that draws nothing."""
    return InvalidInput(
        "the strategy draws no game: it is empty (st.nothing()), or its filters refuse nearly everything; build games that are valid "
        "from the start, as the strategies of poagame.testing do"
    )


def checked_strategy(games: Any) -> SearchStrategy[Any]:
    """`games`, if it is a strategy.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    require(
        isinstance(games, SearchStrategy),
        f"games is a Hypothesis strategy, such as poagame.testing.congestion_games(); got {games!r:.80}",
    )
    return games


def rounds(budget: int, seed: int) -> list[tuple[int, int]]:
    """Size and seed of each round of a search."""
    sizes = [min(ROUND, budget - begin) for begin in range(0, budget, ROUND)]
    numbers = random.Random(seed)
    return [(size, numbers.getrandbits(64)) for size in sizes]


def quiet(examples: int, *phases: Phase) -> settings:
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


@contextmanager
def progress(total: int) -> Generator[Callable[[str], None]]:
    """A progress bar on a terminal, moved on by what it gives, told what has been found; nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("searching", total=total)

        def advance(found: str) -> None:
            bar.update(task, advance=1, description=found or "searching")

        yield advance
