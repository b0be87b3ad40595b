"""Everything about a small finite game, by looking at every profile; and all pure equilibria of a static routing game by type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch
from itertools import chain
from math import factorial, prod

import numpy as np

from poagame._arrays import FloatArray, IntArray
from poagame.certificates.nash import TIE_RTOL, cost_scale
from poagame.errors import TooLarge
from poagame.games.protocols import (
    FiniteGame,
    as_finite,
    batch_action_costs,
    batch_social_cost,
    num_profiles_exceed,
)
from poagame.games.routing import RoutingGame
from poagame.outcome import Outcome
from poagame.solvers.routing.load_vectors import equilibrium_load_vectors, placements, typed_problem
from poagame.solvers.routing.room import check_room

MAX_PROFILES = 4_000_000
"""Most profiles A^N that are looked at one by one (seconds for a vectorised game)."""

MAX_LISTED = 100_000
"""Most equilibria that `equilibria` lists."""


@dataclass(frozen=True, eq=False, slots=True)
class Equilibria:
    """All pure Nash equilibria of a game.

    Attributes
    ----------
    profiles : [M, N] int64
        One profile each; equilibria that differ only in which of several equal requests goes where are listed once.
    social_costs : [M]
        Their social costs.
    multiplicity : tuple of int
        How many profiles each one stands for (1 in games without equal players).
    outcome : Outcome
        Converged, or `NO_EQUILIBRIUM`: every profile was looked at and none is one.
    """

    profiles: IntArray
    social_costs: FloatArray
    multiplicity: tuple[int, ...]
    outcome: Outcome

    def __len__(self) -> int:
        """M, equilibria listed."""
        return len(self.profiles)

    @property
    def count(self) -> int:
        """Equilibrium profiles, equal requests told apart."""
        return sum(self.multiplicity)


@dataclass(frozen=True, eq=False, slots=True)
class Census:
    """What a look at every profile of a game found.

    `worst` and `best` are pure equilibria (None where there is none), `optimum` a profile of least social cost.
    """

    worst: IntArray | None
    best: IntArray | None
    optimum: IntArray
    worst_cost: float
    best_cost: float
    optimum_cost: float
    num_equilibria: int


def census(game: FiniteGame, max_profiles: int = MAX_PROFILES) -> Census:
    """Worst and best pure equilibrium and optimum of a finite game, by looking at every profile.

    Raises
    ------
    TooLarge
        If the game has more than `max_profiles` profiles.
    """
    worst = best = optimum = None
    worst_cost, best_cost, optimum_cost, number = -np.inf, np.inf, np.inf, 0
    for profiles in _all_profiles(game, max_profiles):
        social = batch_social_cost(game, profiles)
        low = int(social.argmin())
        if optimum is None or social[low] < optimum_cost:
            optimum, optimum_cost = profiles[low].copy(), float(social[low])
        at = np.flatnonzero(_is_equilibrium(game, profiles))
        if at.size:
            number += at.size
            high, low = at[social[at].argmax()], at[social[at].argmin()]
            if worst is None or social[high] > worst_cost:
                worst, worst_cost = profiles[high].copy(), float(social[high])
            if best is None or social[low] < best_cost:
                best, best_cost = profiles[low].copy(), float(social[low])
    assert optimum is not None
    return Census(worst, best, optimum, worst_cost, best_cost, optimum_cost, number)


@singledispatch
def equilibria(game: FiniteGame) -> Equilibria:
    """All pure Nash equilibria of a finite game.

    By every profile for a general game. A `RoutingGame` with static overlap is searched by its load vectors, so N may
    be in the hundreds; there, equal requests are interchangeable and each equilibrium is listed once with its
    multiplicity.

    Raises
    ------
    TooLarge
        If A^N exceeds `MAX_PROFILES`, or more than `MAX_LISTED` equilibria would be listed.

    Examples
    --------
    >>> import poagame as pg
    >>> game = pg.RoutingGame(pg.latency.Polynomial([[0.0, 1.0], [2.0, 0.0]]), [[0.0, 0.0], [0.0, 0.0]])
    >>> pg.equilibria(game).social_costs
    array([4., 3.])
    """
    found = [profiles[_is_equilibrium(game, profiles)] for profiles in _all_profiles(game, MAX_PROFILES)]
    if sum(map(len, found)) > MAX_LISTED:
        raise TooLarge(f"more than {MAX_LISTED:,} equilibria; price_of_anarchy(game) needs no list of them")
    profiles = np.concatenate(found)
    social = batch_social_cost(game, profiles) if len(profiles) else np.zeros(0)
    return _sorted(profiles, social, [1] * len(profiles))


@equilibria.register
def _(game: RoutingGame) -> Equilibria:
    if not game.is_static:
        check_room(game)
        return equilibria.dispatch(object)(game)
    problem = typed_problem(game)
    profiles: list[IntArray] = []
    multiplicity: list[int] = []
    vectors = equilibrium_load_vectors(problem)
    for flow in chain.from_iterable(placements(problem, loads) for loads in vectors):
        profiles.append(problem.profile(flow))
        multiplicity.append(
            prod(
                factorial(int(m)) // prod(factorial(int(x)) for x in row)
                for m, row in zip(problem.counts, flow, strict=True)
            )
        )
        if len(profiles) > MAX_LISTED or len(profiles) * problem.num_requests > 50_000_000:
            raise TooLarge(
                f"more than {len(profiles) - 1:,} classes of equilibria on {len(vectors):,} load vectors; the "
                f"limit is {MAX_LISTED:,} "
                "(fewer for many requests). price_of_anarchy(game) needs no list of them"
            )
    listed = np.stack(profiles)
    return _sorted(listed, np.asarray(game.social_cost(listed)), multiplicity)


def _sorted(profiles: IntArray, social: FloatArray, multiplicity: list[int]) -> Equilibria:
    """Worst first, ties in the order of profiles."""
    if not len(profiles):
        return Equilibria(profiles, social, (), Outcome.NO_EQUILIBRIUM)
    order = np.lexsort((*profiles.T[::-1], -social))
    return Equilibria(profiles[order], social[order], tuple(multiplicity[i] for i in order), Outcome.CONVERGED)


def _is_equilibrium(game: FiniteGame, profiles: IntArray) -> np.ndarray:
    """[M]: whether each profile is a pure equilibrium, ties by the tolerance of the certificates."""
    costs = batch_action_costs(game, profiles)
    current = np.take_along_axis(costs, profiles[:, :, None], axis=2)[:, :, 0]
    best = costs.min(axis=2)
    content = current <= best + TIE_RTOL * cost_scale(game, current, best)[:, None]
    if getattr(game, "finite_only", False):
        content &= np.isfinite(current)
    available = getattr(game, "available", None)
    if available is not None:  # nobody plays an action that it lacks, even where all that it has cost infinity too
        rows = getattr(game, "row_of", np.arange(game.num_players))
        content &= np.asarray(available)[rows, profiles]
    return content.all(axis=1)


def _all_profiles(game: FiniteGame, limit: int) -> Iterator[IntArray]:
    """Every profile, in chunks whose cost arrays stay near 64 MB."""
    game = as_finite(game, "enumeration")
    players, actions = game.num_players, game.num_actions
    if num_profiles_exceed(game, limit):
        raise TooLarge(
            f"{players} players with {actions} actions have {actions}^{players} profiles; enumeration stops "
            f"at {limit:,}. "
            "A static RoutingGame (unit weights, no affinity) of any N is searched by load vectors instead; "
            "equilibrium(game) finds one equilibrium of any game"
        )
    total = actions**players
    chunk = max(1, 8_000_000 // (players * max(actions, players)))
    powers = actions ** np.arange(players - 1, -1, -1)
    for begin in range(0, total, chunk):
        yield np.arange(begin, min(begin + chunk, total))[:, None] // powers % actions
