r"""Has the game an exact potential? The four-cycle test of Monderer and Shapley [monderer1996]_, with a witness where
it fails.

A finite game has an exact potential iff for every profile and every two players the gains of the deviators around the
four-cycle (i moves, j moves, i moves back, j moves back) add to zero.

.. [monderer1996] Monderer, Shapley: Potential games, Games and Economic Behavior 14 (1996), 124-143.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray
from poagame.certificates.nash import gain_scale
from poagame.errors import InvalidInput, NoPotential, TooLarge
from poagame.games.protocols import FiniteGame, FlowGame, as_finite, batch_action_costs, num_profiles_exceed

MAX_ENTRIES = 20_000_000
"""Most cost entries N · A · A^N that the four-cycle test tabulates (160 MB)."""


@dataclass(frozen=True, slots=True)
class FourCycle:
    """Two players' moves around a square of profiles in which the deviators' cost changes do not add to zero.

    Attributes
    ----------
    start : tuple of int
        The profile at which the cycle begins and ends.
    players, actions : (int, int)
        Who moves, and the action each moves to.
    total : float
        Sum of the deviators' cost changes around the cycle; an exact potential would make it 0.
    """

    start: tuple[int, ...]
    players: tuple[int, int]
    actions: tuple[int, int]
    total: float


@runtime_checkable
class HasPotential(Protocol):
    """A game that knows its potential."""

    def potential(self, profile: ArrayLike) -> float:
        """Value at `profile`."""
        ...


def potential(game: object, profile: ArrayLike) -> float:
    """Exact potential of `game` at `profile`, from the game's own formula; of a flow game, Beckmann's at the loads `profile`.

    Raises
    ------
    NoPotential
        If the game has none, or none is known.
    """
    if isinstance(game, FlowGame):
        return float(game.beckmann(profile))
    if not isinstance(game, HasPotential):
        raise NoPotential(
            f"{type(game).__name__} gives no potential formula; is_exact_potential(game) tests whether one exists"
        )
    return game.potential(profile)


def potential_violation(game: FiniteGame, rtol: float = 1e-12) -> FourCycle | None:
    """The four-cycle with the largest deviator sum, or None where all vanish up to `rtol` times the costs on them.

    Actions that cost their player infinity whatever the others do (those it lacks) are no moves and are left out.

    Raises
    ------
    TooLarge
        If the game has more than `MAX_ENTRIES` cost entries.
    InvalidInput
        If costs are NaN; or if they are infinite at some profile of actions that the players have.
    """
    game = as_finite(game, "the potential test")
    players, actions = game.num_players, game.num_actions
    if num_profiles_exceed(game, MAX_ENTRIES, players * actions):
        raise TooLarge(
            f"the four-cycle test tabulates N·A·A^N = {players}·{actions}·{actions}^{players} costs; the limit is {MAX_ENTRIES:,}. "
            "Test a game with fewer players of the same kind"
        )
    shape = (actions,) * players
    profiles = np.stack(np.unravel_index(np.arange(actions**players), shape), axis=1).astype(np.int64)
    costs = np.take_along_axis(batch_action_costs(game, profiles), profiles[:, :, None], axis=2)[:, :, 0]
    tables = [costs[:, i].reshape(shape) for i in range(players)]
    has = [
        np.flatnonzero(np.isfinite(np.moveaxis(t, i, 0)).reshape(actions, -1).any(axis=1)) for i, t in enumerate(tables)
    ]
    if any(len(own) < actions for own in has):
        tables = [table[np.ix_(*has)] for table in tables]
    if not all(table.size > 0 and np.isfinite(table).all() for table in tables):
        raise InvalidInput(
            f"somebody pays infinity at a profile of actions that the players of this {type(game).__name__} have (a worker beyond its "
            "capacity, say), where differences of costs are undefined; raise capacities, or test a function of your own by "
            "poagame.testing.assert_exact_potential(game, function), which leaves such moves out"
        )
    shape = tables[0].shape
    worst, witness = 0.0, None
    for i in range(players):
        for j in range(i + 1, players):
            # differences against the first action span all four-cycles of the two players
            excess = _mixed(tables[i] - tables[j], i, j, np.subtract)
            size = _mixed(np.abs(tables[i]) + np.abs(tables[j]), i, j, np.add)
            excess = np.where(np.abs(excess) > rtol * (size + gain_scale(game)), excess, 0.0)
            at = np.unravel_index(int(np.abs(excess).argmax()), shape)
            if abs(excess[at]) > worst:
                worst = abs(float(excess[at]))
                start = tuple(int(has[p][0 if p in (i, j) else a]) for p, a in enumerate(at))
                witness = FourCycle(start, (i, j), (int(has[i][at[i]]), int(has[j][at[j]])), -float(excess[at]))
    return witness


def is_exact_potential(game: FiniteGame, rtol: float = 1e-12) -> bool:
    """Whether a small finite game has an exact potential, by all of its four-cycles.

    Raises
    ------
    TooLarge, InvalidInput
        As `potential_violation`, which also gives the witness.
    """
    return potential_violation(game, rtol) is None


def _mixed(table: FloatArray, i: int, j: int, combine: Callable[..., FloatArray]) -> FloatArray:
    """Combine `table` with itself at the first action of player i, then of player j."""
    along_i = combine(table, np.take(table, [0], axis=i))
    return combine(along_i, np.take(along_i, [0], axis=j))
