"""Games written out: a cost for every player at every profile."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import Array, FloatArray, as_floats, require
from poagame.errors import InvalidInput, TooLarge
from poagame.games.named import NamedGame
from poagame.games.protocols import (
    FiniteGame,
    as_finite,
    as_profile,
    batch_action_costs,
    batch_social_cost,
    num_profiles_exceed,
)

MAX_ENTRIES = 50_000_000
"""Most entries N · A^N of a cost table (400 MB)."""


MAX_AXES = 60
"""Most axes of a NumPy array, less a few."""


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
            If the table has more than `MAX_ENTRIES` entries, or more than `MAX_AXES` axes.
        InvalidInput
            If the game is not finite, or somebody pays infinity at a profile (beyond a capacity).
        """
        if isinstance(game, NormalFormGame):
            return game
        game = as_finite(game, "a table of costs")
        players, actions = game.num_players, game.num_actions
        if players > MAX_AXES or num_profiles_exceed(game, MAX_ENTRIES, players):
            raise TooLarge(
                f"a table of {players} × {actions}^{players} costs; the limit is {MAX_ENTRIES:,} entries "
                f"of {MAX_AXES} players. Take fewer players or "
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
        try:
            table = cls(costs, social)
        except InvalidInput as error:
            at = int((~np.isfinite(flat)).any(axis=0).argmax())
            profile = tuple(int(a) for a in np.unravel_index(at, shape))
            raise InvalidInput(
                f"somebody pays infinity at profile {profile} of this {type(game).__name__} (beyond a capacity, say), and mixed play "
                "needs finite costs at every profile: raise capacities, or look at pure equilibria"
            ) from error
        return table.named(game.source, **game.certified) if isinstance(game, NamedGame) else table

    @classmethod
    def from_payoffs(cls, *payoffs: ArrayLike, offset: float = 0.0) -> NormalFormGame:
        """Convert payoffs (more is better) to costs: cost = `offset` − payoff.

        Equilibria do not depend on `offset`. A price of anarchy does, and needs positive costs: choose `offset` so that
        `offset` − payoff is what an outcome costs, such as the most that could be earned less what is earned.

        Parameters
        ----------
        *payoffs : N arrays [A1, …, AN]
            One a player; the numbers of actions may differ.
        offset : float

        Raises
        ------
        InvalidInput
            If the shapes differ or have not one axis a player, or a payoff is not finite.

        Examples
        --------
        >>> game = NormalFormGame.from_payoffs([[3.0, 0.0, 1.0], [5.0, 1.0, 0.0]], [[3.0, 5.0, 0.0], [0.0, 1.0, 0.0]])
        >>> game.available.tolist()
        [[True, True, False], [True, True, True]]
        >>> game.action_costs([1, 1])
        array([[ 0., -1., inf],
               [ 0., -1.,  0.]])
        """
        tables = [as_floats(table, f"payoffs of player {i}") for i, table in enumerate(payoffs)]
        require(
            len(tables) >= 1 and all(t.shape == tables[0].shape and t.ndim == len(tables) for t in tables),
            f"payoffs are one array [A1, …, AN] for each of N players; got shapes {[t.shape for t in tables]}",
        )
        require(tables[0].size > 0, f"every player needs an action; got shape {tables[0].shape}")
        require(bool(np.isfinite(offset)), f"offset must be finite; got {offset}")
        most = max(tables[0].shape)
        costs = np.full((len(tables), *(most,) * len(tables)), np.inf)
        costs[(slice(None), *map(slice, tables[0].shape))] = offset - np.stack(tables)
        return cls(costs)

    def payoffs(self) -> FloatArray:
        """[N, A1, …, AN]: payoff = −cost of each player, over the actions that players have (in their order)."""
        actions = [np.flatnonzero(has) for has in self.available]
        return -np.stack([table[np.ix_(*actions)] for table in self.costs])

    @classmethod
    def from_nashpy(cls, game: Any, offset: float = 0.0) -> NormalFormGame:
        """Convert a `nashpy.Game`; costs as in `from_payoffs`."""
        require(hasattr(game, "payoff_matrices"), f"a nashpy.Game has payoff_matrices; got {type(game).__name__}")
        return cls.from_payoffs(*game.payoff_matrices, offset=offset)

    def to_nashpy(self) -> Any:
        """Convert to a `nashpy.Game` of payoffs −cost; actions that a player lacks are left out.

        Raises
        ------
        InvalidInput
            If there are not two players.
        ImportError
            If nashpy is not installed.
        """
        import nashpy

        require(self.num_players == 2, f"nashpy's games have two players; this one has {self.num_players}")
        return nashpy.Game(*self.payoffs())

    @property
    def num_players(self) -> int:
        """N, the number of players."""
        return self.costs.shape[0]

    @property
    def num_actions(self) -> int:
        """A, the most actions that a player has."""
        return self.costs.shape[1]

    def action_costs(self, profile: ArrayLike) -> FloatArray:
        """What each player would pay for each action, the others fixed [..., N, A].

        An action that the player lacks costs infinity. Where one of the others plays an action that it lacks, the player's own
        actions cost 0: who is on a lacking action then always regrets it, so that no such profile is an equilibrium.
        """
        s = as_profile(self, profile)
        costs, actions = self.costs, self.num_actions
        out = np.empty((*s.shape, actions))
        every = np.arange(actions)
        for i, table in enumerate(costs):
            index = [s[..., j, None] for j in range(len(costs))]
            index[i] = every
            out[..., i, :] = table[tuple(index)]
        if not self.available.all():
            out = np.where(self.available & np.isinf(out), 0.0, out)
        return out

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
