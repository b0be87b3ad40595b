"""Games written out: a cost for every player at every profile."""

from __future__ import annotations

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import Array, FloatArray, require
from poagame.errors import InvalidInput, TooLarge
from poagame.games.named import NamedGame
from poagame.games.protocols import FiniteGame, as_profile, batch_action_costs, batch_social_cost

MAX_ENTRIES = 50_000_000
"""Most entries N · A^N of a cost table (400 MB)."""


class NormalFormGame(NamedGame):
    r"""A finite game as a table: player i pays `costs[i, s_1, …, s_N]` at profile s.

    Parameters
    ----------
    costs : [N, A, …, A]
        Finite, or +∞ at every profile that uses an action its player lacks.
    social : [A, …, A], optional
        Cost of each profile to all; the sum of the players' costs where not given.

    Raises
    ------
    InvalidInput
        If the shape is not [N, A, …, A] with N axes of actions, an entry is NaN or −∞, or infinite entries are not those of
        lacking actions.
    """

    takes_profiles = True
    costs: Array
    social: Array
    available: Array = eqx.field(repr=False)
    """[N, A] bool: whether the player has the action."""

    def __init__(self, costs: ArrayLike, social: ArrayLike | None = None) -> None:
        table = _table(costs, "costs")
        players = len(table) if table.ndim else 0
        require(
            table.ndim == players + 1 and players >= 1 and len(set(table.shape[1:])) == 1 and table.size > 0,
            f"costs of N players have shape [N, A, …, A] with N axes of A actions; got {table.shape}",
        )
        total = table.sum(axis=0) if social is None else _table(social, "social")
        require(total.shape == table.shape[1:], f"social must have shape {table.shape[1:]}; got {total.shape}")
        available = np.stack(
            [np.isfinite(np.moveaxis(table[i], i, 0)).reshape(table.shape[1], -1).any(axis=1) for i in range(players)]
        )
        has = available[0]
        for i in range(1, players):
            has = has[..., None] & available[i]
        require(
            bool(np.isfinite(table[:, has]).all() and np.isfinite(total[has]).all()),
            "costs must be finite at every profile of actions that the players have",
        )
        self.costs = np.where(has, table, np.inf)
        self.social = np.where(has, total, np.inf)
        self.available = available

    @classmethod
    def of(cls, game: FiniteGame) -> NormalFormGame:
        """Tabulate any small finite game.

        Raises
        ------
        TooLarge
            If the table has more than `MAX_ENTRIES` entries.
        """
        if isinstance(game, NormalFormGame):
            return game
        players, actions = game.num_players, game.num_actions
        if players * float(actions) ** players > MAX_ENTRIES:
            raise TooLarge(
                f"a table of {players} × {actions}^{players} costs; the limit is {MAX_ENTRIES:,} entries. Take fewer players or "
                "actions; pure equilibria and learning need no table"
            )
        shape = (actions,) * players
        costs, social = np.empty((players, *shape)), np.empty(shape)
        flat, total = costs.reshape(players, -1), social.reshape(-1)
        chunk = max(1, 4_000_000 // (players * actions))
        for begin in range(0, total.size, chunk):
            index = np.arange(begin, min(begin + chunk, total.size))
            profiles = np.stack(np.unravel_index(index, shape), axis=1).astype(np.int64)
            of_actions = batch_action_costs(game, profiles)
            flat[:, index] = np.take_along_axis(of_actions, profiles[:, :, None], axis=2)[:, :, 0].T
            total[index] = batch_social_cost(game, profiles)
        table = cls(costs, social)
        return table.named(game.source, **game.certified) if isinstance(game, NamedGame) else table

    @property
    def num_players(self) -> int:
        """N, the number of players."""
        return self.costs.shape[0]

    @property
    def num_actions(self) -> int:
        """A, the most actions that a player has."""
        return self.costs.shape[1]

    def action_costs(self, profile: ArrayLike) -> FloatArray:
        """What each player would pay for each action, the others fixed [..., N, A]."""
        s = as_profile(self, profile)
        rows = []
        for i in range(self.num_players):
            others = np.delete(s, i, axis=-1)
            table = np.moveaxis(self.costs[i], i, -1)
            rows.append(table[tuple(np.moveaxis(others, -1, 0))])
        return np.stack(rows, axis=-2)

    def social_cost(self, profile: ArrayLike) -> float | FloatArray:
        """Cost of a profile to all, a number for one profile and [...] for many."""
        s = as_profile(self, profile)
        total = self.social[tuple(np.moveaxis(s, -1, 0))]
        return float(total) if np.ndim(total) == 0 else np.asarray(total)

    def mixed(self, strategies: ArrayLike) -> FloatArray:
        """`strategies` as float64 [N, A], checked: nonnegative, each row summing to 1, nothing on lacking actions.

        Raises
        ------
        InvalidInput
            If they are not.
        """
        x = np.asarray(strategies, dtype=np.float64)
        wanted = (self.num_players, self.num_actions)
        require(x.shape == wanted, f"mixed strategies have shape [N, A] = {wanted}; got {x.shape}")
        require(bool((x >= 0).all()), "probabilities must be nonnegative and not NaN")
        require(bool((np.abs(x.sum(axis=1) - 1.0) <= 1e-9).all()), "each player's probabilities must sum to 1")
        require(not x[~self.available].any(), "a player mixes only over actions that it has")
        return x

    def expected_action_costs(self, strategies: ArrayLike) -> FloatArray:
        """[N, A]: what each player expects to pay for each action against the mixed strategies [N, A] of the others."""
        x = self.mixed(strategies)
        finite = np.where(np.isfinite(self.costs), self.costs, 0.0)
        expected = np.stack(
            [self._expectation(finite[i], [None if j == i else x[j] for j in range(len(x))]) for i in range(len(x))]
        )
        return np.where(self.available, expected, np.inf)

    def expected_social_cost(self, strategies: ArrayLike) -> float:
        """Expected social cost of mixed strategies [N, A] that are drawn independently."""
        x = self.mixed(strategies)
        return float(self._expectation(np.where(np.isfinite(self.social), self.social, 0.0), list(x)))

    @staticmethod
    def _expectation(table: FloatArray, rows: list[FloatArray | None]) -> FloatArray:
        """Contract each axis of `table` with its row of probabilities; an axis without one stays."""
        for axis in reversed(range(len(rows))):
            row = rows[axis]
            if row is not None:
                table = np.tensordot(table, row, axes=(axis, 0))
        return table

    def __repr__(self) -> str:
        """Code that rebuilds the game, for games small enough to read."""
        if self.costs.size > 200:
            return f"<NormalFormGame of {self.num_players} players with {self.num_actions} actions>"
        social = "" if np.array_equal(self.social, self.costs.sum(axis=0)) else f", social={self.social.tolist()}"
        return f"NormalFormGame({self.costs.tolist()}{social})"


def _table(value: ArrayLike, name: str) -> FloatArray:
    try:
        table = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} must be an array of numbers; got {value!r:.80}") from error
    require(bool((table > -np.inf).all()), f"{name} must not hold NaN or -inf")
    return table
