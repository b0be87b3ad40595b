r"""Congestion games: players choose sets of resources, and a resource costs the more the more load it carries [rosenthal1973]_.

Player i of weight :math:`w_i` that plays action a (a set of resources) at profile s pays

.. math:: c_i(s) = \sum_{r \in s_i} \ell_{i,r}(L_r), \qquad L_r = \sum_{k:\, r \in s_k} w_k,

with one latency ℓ for all players, or one of each player. The social cost is :math:`\sum_i w_i c_i`, or the makespan :math:`\max_i c_i`.

.. [rosenthal1973] Rosenthal: A class of games possessing pure-strategy Nash equilibria, Int. Journal of Game Theory 2 (1973).
.. [harks2012] Harks, Klimm: On the existence of pure Nash equilibria in weighted congestion games, Math. Oper. Res. 37 (2012).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike, NDArray

from poagame._arrays import Array, FloatArray, IntArray, as_floats, require
from poagame.errors import InvalidInput, NoPotential, TooLarge
from poagame.games.action_sets import action_sets
from poagame.games.named import NamedGame
from poagame.games.protocols import MAX_PLAYERS, as_profile
from poagame.latency import Latency, Polynomial

Objective = Literal["total", "makespan"]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class PlayerTypes:
    """Players grouped by what tells them apart: actions, weight and latency.

    Attributes
    ----------
    row : [T]
        A row of the game's `incidence` that holds the actions of each type.
    counts : [T]
        Players of each type.
    type_of : [N]
        Type of each player.
    """

    row: IntArray
    counts: IntArray
    type_of: IntArray


class CongestionGame(NamedGame):
    """Players choose sets of resources; see the module's docstring for the costs.

    Parameters
    ----------
    latency : Latency, or a sequence of them
        Latency of the R resources as a function of their load; a latency of one resource serves all. A sequence gives each
        row of `actions` its own (player-specific costs).
    actions : sequence of rows
        `actions[k]` lists the actions of row k, each an iterable of resource numbers. A row is one player, or several.
    weights : [K], optional
        Positive load that each player of a row puts on the resources it uses; 1 where not given.
    multiplicity : [K], optional
        Row k stands for this many equal players (players are numbered row by row); 1 where not given.
    objective : "total" or "makespan"
        Social cost: Σ w_i c_i, or the largest c_i.

    Raises
    ------
    InvalidInput
        If a row has no action, an action has no resource, names one twice or one that the latency lacks, weights are not
        positive, multiplicities are no whole numbers ≥ 1, or latencies disagree in size.

    Examples
    --------
    >>> import poagame as pg
    >>> from poagame.games.congestion import CongestionGame
    >>> game = CongestionGame(pg.latency.Polynomial([[0.0, 1.0], [2.0, 0.0]]), [[[0], [1]], [[0], [1]]])
    >>> game.social_cost([0, 0]), game.social_cost([0, 1]), game.potential([0, 0])
    (4.0, 3.0, 3.0)
    """

    takes_profiles: ClassVar[bool] = True

    latency: Latency | tuple[Latency, ...]
    incidence: Array
    """[K, A, R] bool: the resources of each action; empty for an action that the row lacks."""
    row_weights: Array
    """[K]: weight of each player of a row."""
    multiplicity: tuple[int, ...] = eqx.field(static=True)
    objective: Objective = eqx.field(static=True)

    def __init__(
        self,
        latency: Latency | Sequence[Latency],
        actions: Sequence[Sequence[Iterable[int]]],
        weights: ArrayLike | None = None,
        multiplicity: ArrayLike | None = None,
        objective: Objective = "total",
    ) -> None:
        rows = action_sets(actions)
        named = 1 + max(max(action) for row in rows for action in row)
        self.latency = _latencies(latency, len(rows), named)
        resources = self.latencies[0].num_resources
        if named > resources:
            k, a = next(
                (k, a) for k, row in enumerate(rows) for a, action in enumerate(row) if max(action) >= resources
            )
            raise InvalidInput(
                f"action {a} of row {k} names resource {max(rows[k][a])}, but the latency has resources 0 … {resources - 1}"
            )
        shape = (len(rows), max(len(row) for row in rows), resources)
        incidence = np.zeros(shape, bool)
        for k, row in enumerate(rows):
            for a, action in enumerate(row):
                incidence[k, a, list(action)] = True
        w = np.ones(len(rows)) if weights is None else as_floats(weights, "weights")
        require(
            w.shape == (len(rows),), f"weights must be one for each of {len(rows)} rows of actions; got shape {w.shape}"
        )
        require(bool((w > 0).all()), f"weights must be positive; the smallest is {w.min()}")
        copies = np.ones(len(rows), np.int64) if multiplicity is None else np.asarray(multiplicity)
        require(
            copies.shape == (len(rows),) and np.issubdtype(copies.dtype, np.integer) and bool((copies >= 1).all()),
            f"multiplicity must be {len(rows)} whole numbers >= 1, one for each row of actions; got {multiplicity!r:.80}",
        )
        require(objective in ("total", "makespan"), f"objective is 'total' or 'makespan'; got {objective!r}")
        if sum(int(c) for c in copies) > MAX_PLAYERS:
            raise TooLarge(
                f"{sum(int(c) for c in copies):,} players; profiles list each, so the limit is {MAX_PLAYERS:,}"
            )
        self.incidence = incidence
        self.row_weights = w
        self.multiplicity = tuple(int(c) for c in copies)
        self.objective = objective

    @property
    def num_players(self) -> int:
        """N, the number of players."""
        return sum(self.multiplicity)

    @property
    def num_actions(self) -> int:
        """A, the most actions that a player has."""
        return self.incidence.shape[1]

    @property
    def num_resources(self) -> int:
        """R, the number of resources."""
        return self.incidence.shape[2]

    @property
    def row_of(self) -> IntArray:
        """[N]: the row of each player."""
        return np.repeat(np.arange(len(self.multiplicity)), self.multiplicity)

    @property
    def weights(self) -> FloatArray:
        """[N]: load of each player."""
        return np.asarray(self.row_weights)[self.row_of]

    @property
    def available(self) -> BoolArray:
        """[K, A]: whether the row has the action."""
        return self.incidence.any(axis=2)

    @property
    def latencies(self) -> tuple[Latency, ...]:
        """The latency of all players, or one for each row."""
        return (self.latency,) if isinstance(self.latency, Latency) else self.latency

    @property
    def latency_of(self) -> IntArray:
        """[K]: which of `latencies` a row pays."""
        rows = len(self.multiplicity)
        return np.zeros(rows, np.int64) if isinstance(self.latency, Latency) else np.arange(rows)

    @property
    def actions(self) -> list[list[list[int]]]:
        """The actions of each row, as lists of resources."""
        return [[np.flatnonzero(action).tolist() for action in row if action.any()] for row in self.incidence]

    @property
    def is_unweighted(self) -> bool:
        """Whether all players have one weight."""
        return bool((self.row_weights == self.row_weights[0]).all())

    @property
    def is_singleton(self) -> bool:
        """Whether every action is a single resource."""
        return bool((self.incidence.sum(axis=2) <= 1).all())

    def types(self) -> PlayerTypes:
        """Players with equal actions (in the same order), weight and latency, grouped."""
        rows = len(self.multiplicity)
        keys: dict[tuple[int, float, bytes], int] = {}
        of_row = np.empty(rows, np.int64)
        for k, (latency, weight) in enumerate(zip(self.latency_of, self.row_weights, strict=True)):
            key = (int(latency), float(weight), np.packbits(self.incidence[k]).tobytes())
            of_row[k] = keys.setdefault(key, len(keys))
        counts = np.bincount(of_row, self.multiplicity, minlength=len(keys)).astype(np.int64)
        first = np.array([int((of_row == t).argmax()) for t in range(len(keys))], dtype=np.int64)
        return PlayerTypes(first, counts, np.repeat(of_row, self.multiplicity))

    def loads(self, profile: ArrayLike) -> FloatArray:
        """Load of each resource [..., R]."""
        s = as_profile(self, profile)
        return self._loads(s.reshape(-1, s.shape[-1])).reshape(*s.shape[:-1], self.num_resources)

    def player_costs(self, profile: ArrayLike) -> FloatArray:
        """What each player pays [..., N]; infinite where it plays an action that it lacks."""
        s = as_profile(self, profile)
        flat = s.reshape(-1, s.shape[-1])
        loads, row, costs = self._loads(flat), self.row_of, np.empty(flat.shape)
        for which, latency in enumerate(self.latencies):
            rows = np.flatnonzero(self.latency_of == which)
            paid = _through(latency(loads), self.incidence[rows].reshape(-1, self.num_resources))
            members = np.flatnonzero(self.latency_of[row] == which)
            at = np.searchsorted(rows, row[members]) * self.num_actions + flat[:, members]
            costs[:, members] = np.take_along_axis(paid, at, axis=1)
        return np.where(self.available[row, flat], costs, np.inf).reshape(s.shape)

    def action_costs(self, profile: ArrayLike) -> FloatArray:
        """What each player would pay for each action, the others fixed [..., N, A]; infinite for an action that it lacks."""
        s = as_profile(self, profile)
        flat = s.reshape(-1, s.shape[-1])
        loads, row, actions = self._loads(flat), self.row_of, self.num_actions
        costs = np.empty((*flat.shape, actions))
        for latency, weight, rows in self._alike():
            stay, move = latency(loads), latency(loads + weight)
            members = np.flatnonzero(np.isin(row, rows))
            played = row[members] * actions + flat[:, members]
            # players of one row with one action face the same costs
            pairs, at = np.unique(played, return_inverse=True)
            found = np.empty((len(flat), len(pairs), actions))
            chunk = max(1, 4_000_000 // (actions * self.num_resources))
            for begin in range(0, len(pairs), chunk):
                k, own = np.divmod(pairs[begin : begin + chunk], actions)
                options, mine = self.incidence[k], self.incidence[k, own][:, None]
                kept, new = ((options & part).reshape(-1, self.num_resources) for part in (mine, ~mine))
                value = _through(stay, kept) + _through(move, new)
                found[:, begin : begin + chunk] = value.reshape(len(flat), -1, actions)
            costs[:, members] = found[np.arange(len(flat))[:, None], at.reshape(played.shape)]
        return np.where(self.available[row], costs, np.inf).reshape(*s.shape, actions)

    def social_cost(self, profile: ArrayLike) -> float | FloatArray:
        """Σ_i w_i c_i, or the largest c_i: a number for one profile and [...] for many."""
        costs = self.player_costs(profile)
        total = (self.weights * costs).sum(axis=-1) if self.objective == "total" else costs.max(axis=-1)
        return float(total) if np.ndim(total) == 0 else total

    def potential(self, profile: ArrayLike) -> float:
        r"""Exact potential of one profile: its change is what a deviating player gains or loses.

        For players of one weight w, Rosenthal's :math:`\sum_r \sum_{m=1}^{n_r} \ell_r(m w)`. For different weights and affine
        latencies a + b x the *weighted* potential :math:`\sum_r [a_r L_r + \tfrac{b_r}{2}(L_r^2 + \sum_{i \ni r} w_i^2)]`, whose
        change is w_i times that of the player's cost [harks2012]_.

        Raises
        ------
        NoPotential
            For player-specific latencies, and for different weights with latencies that are not affine polynomials.
        """
        s = as_profile(self, profile)
        require(s.ndim == 1, "potential takes one profile")
        if not isinstance(self.latency, Latency):
            raise NoPotential(
                "with player-specific latencies best replies may cycle, so there is no potential in general; "
                "is_exact_potential(game) tests this one, improvement_cycle(game) gives a cycle where there is one"
            )
        if not self.available[self.row_of, s].all():
            return float("inf")
        chosen = self.incidence[self.row_of, s]
        if self.is_unweighted:
            counts = chosen.sum(axis=0)
            steps = np.arange(1, counts.max() + 1)[:, None]
            return float(np.where(steps <= counts, self.latency(steps * self.row_weights[0]), 0.0).sum())
        if isinstance(self.latency, Polynomial) and not self.latency.coefficients[:, 2:].any():
            w = self.weights
            loads, squares = w @ chosen, (w * w) @ chosen
            a, *slopes = self.latency.coefficients.T
            b = slopes[0] if slopes else np.zeros_like(a)
            return float((a * loads + 0.5 * b * (loads**2 + squares)).sum())
        raise NoPotential(
            "players of different weights have a (weighted) potential here only for affine Polynomial latencies"
        )

    def __repr__(self) -> str:
        """Code that rebuilds the game, for games small enough to read."""
        if self.incidence.sum() > 200:
            kinds = ", ".join(sorted({type(latency).__name__ for latency in self.latencies}))
            return f"<CongestionGame of {self.num_players} players on {self.num_resources} resources, {kinds}>"
        parts = [
            repr(self.latency) if isinstance(self.latency, Latency) else f"[{', '.join(map(repr, self.latency))}]",
            f"actions={self.actions}",
        ]
        if (self.row_weights != 1).any():
            parts.append(f"weights={np.asarray(self.row_weights).tolist()}")
        if max(self.multiplicity) > 1:
            parts.append(f"multiplicity={list(self.multiplicity)}")
        if self.objective != "total":
            parts.append(f"objective={self.objective!r}")
        return f"CongestionGame({', '.join(parts)})"

    def _loads(self, flat: IntArray) -> FloatArray:
        cells = self.incidence.shape[0] * self.num_actions
        at = flat + self.num_actions * self.row_of + cells * np.arange(len(flat))[:, None]
        players = np.bincount(at.ravel(), minlength=len(flat) * cells).reshape(len(flat), cells)
        placed = players * np.repeat(np.asarray(self.row_weights), self.num_actions)
        return placed @ self.incidence.reshape(cells, -1).astype(np.float64)

    def _alike(self) -> Iterator[tuple[Latency, float, IntArray]]:
        """Rows that pay one latency at one weight."""
        for which, latency in enumerate(self.latencies):
            rows = np.flatnonzero(self.latency_of == which)
            for weight in np.unique(self.row_weights[rows]):
                yield latency, float(weight), rows[self.row_weights[rows] == weight]


def _through(costs: FloatArray, sets: BoolArray) -> FloatArray:
    """Sums [..., C] of `costs` [..., R] over the resources of each set [C, R]; infinite only through an infinite member."""
    finite, members = np.isfinite(costs), sets.T.astype(np.float64)
    if finite.all():
        return costs @ members
    total = np.where(finite, costs, 0.0) @ members
    return np.where((~finite).astype(np.float64) @ members > 0, np.inf, total)


def _latencies(latency: Any, rows: int, named: int) -> Latency | tuple[Latency, ...]:
    """One latency or one for each row, all of the same resources; of one resource, replicated."""
    several = [latency] if isinstance(latency, Latency) else list(latency) if isinstance(latency, Sequence) else []
    require(
        len(several) > 0 and all(isinstance(one, Latency) for one in several),
        f"latency must be a poagame latency, or a sequence of them; got {latency!r:.80}",
    )
    single = all(one is several[0] for one in several)
    require(
        isinstance(latency, Latency) or len(several) == rows,
        f"player-specific latencies: give one for each of {rows} rows of actions; got {len(several)}",
    )
    sizes = {one.num_resources for one in several} - {1}
    require(len(sizes) <= 1, f"latencies must be of the same resources; got sizes {sorted(sizes)}")
    size = max(sizes, default=named)
    whole = [one if one.num_resources == size else one.replicated(size) for one in several]
    return whole[0] if single else tuple(whole)
