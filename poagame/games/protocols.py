"""What a game must offer for the generic solvers and certificates of its kind to work on it."""

from __future__ import annotations

import math
from typing import Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, require
from poagame.errors import InvalidInput


@runtime_checkable
class FiniteGame(Protocol):
    """A game of finitely many players and actions, in costs (lower is better).

    A class that also sets `takes_profiles = True` promises that both functions take profiles with leading axes [..., N];
    generic code then evaluates many at once.
    """

    @property
    def num_players(self) -> int:
        """N, the number of players."""
        ...

    @property
    def num_actions(self) -> int:
        """A, the number of actions of every player (an action that a player lacks costs infinity)."""
        ...

    def action_costs(self, profile: ArrayLike) -> FloatArray:
        """[N, A]: what each player would pay for each action while the others keep to `profile` [N]."""
        ...

    def social_cost(self, profile: ArrayLike) -> float | FloatArray:
        """Cost of `profile` [N] to all."""
        ...


@runtime_checkable
class FlowGame(Protocol):
    """A nonatomic game: demands that split over paths, with costs that depend on the loads [..., E] of edges."""

    def edge_cost(self, load: ArrayLike) -> FloatArray:
        """[..., E]: what one unit pays on each edge."""
        ...

    def beckmann(self, load: ArrayLike) -> float | FloatArray:
        """Σ_e ∫₀^load cost: least exactly at the equilibria."""
        ...

    def social_cost(self, load: ArrayLike) -> float | FloatArray:
        """Σ_e load · cost."""
        ...

    def marginal_cost_game(self) -> FlowGame:
        """Return the game whose equilibria are the optima of this one (where load · cost is convex)."""
        ...


@runtime_checkable
class JointlyConvexGame(Protocol):
    """A game with convex costs and one convex feasible set X that the players may share, over real vectors x."""

    def pseudogradient(self, x: ArrayLike) -> FloatArray:
        """F(x), in the shape of x: each player's gradient of its own cost in its own variables."""
        ...

    def projection(self, x: ArrayLike) -> FloatArray:
        """Return the point of X nearest to x."""
        ...

    def social_cost(self, x: ArrayLike) -> float:
        """Cost of x to all."""
        ...

    def start(self) -> FloatArray:
        """Return a point of X at which costs are finite."""
        ...


MAX_PLAYERS = 10_000_000
"""Most players that a profile lists one by one."""


_FINITE = ("num_players", "num_actions", "action_costs", "social_cost")


def as_finite(game: object, verb: str) -> FiniteGame:
    """`game`, if it is a finite game.

    Raises
    ------
    InvalidInput
        If it is none, with what to call instead for the games of other kinds; or if it has no player or no action.
    """
    # looked up on the class first: an equinox module builds a new object for each bound method that is asked for
    if not (all(hasattr(type(game), name) for name in _FINITE) or isinstance(game, FiniteGame)):
        instead = ""
        if isinstance(game, FlowGame):
            instead = "; for a network use wardrop(game), stochastic_wardrop(game, temperature) or social_optimum(game)"
        elif isinstance(game, JointlyConvexGame):
            instead = "; for costs over real vectors use variational_equilibrium(game) or, for flows, splittable_equilibrium(game)"
        raise InvalidInput(
            f"{verb} needs a finite game, and {type(game).__name__} is no finite game: it lacks num_players, num_actions, "
            f"action_costs or social_cost{instead}"
        )
    players, actions = cast(FiniteGame, game).num_players, cast(FiniteGame, game).num_actions
    require(
        all(isinstance(count, (int, np.integer)) for count in (players, actions)),
        f"num_players and num_actions are whole numbers, the most actions of any player; {type(game).__name__} has "
        f"{players!r:.60} and {actions!r:.60}. Actions that a player lacks cost infinity",
    )
    require(
        players >= 1 and actions >= 1,
        f"a game has at least one player and one action; {type(game).__name__} has {players} and {actions}",
    )
    return cast(FiniteGame, game)


def num_profiles_exceed(game: FiniteGame, limit: float, entries: int = 1) -> bool:
    """Whether `entries` numbers for each of the A^N profiles are more than `limit`, however large that power is."""
    return math.log(max(entries, 1)) + game.num_players * math.log(game.num_actions) > math.log(limit) + 1e-9


def as_profile(game: FiniteGame, profile: ArrayLike) -> IntArray:
    """`profile` as int64 [..., N] with every entry an action.

    Raises
    ------
    InvalidInput
        If its last axis is not N, or an entry is no whole number in 0 … A−1.
    """
    try:
        given = np.asarray(profile, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"a profile holds one action number a player; got {profile!r:.80}") from error
    players, actions = game.num_players, game.num_actions
    if given.ndim == 0 or given.shape[-1] != players:
        raise InvalidInput(f"a profile names one action for each of {players} players; got shape {given.shape}")
    require(bool(np.isfinite(given).all()), "a profile holds whole numbers, one action a player; got NaN or infinity")
    require(bool((np.floor(given) == given).all()), "a profile holds whole numbers, one action a player")
    array = np.clip(given, -1.0, float(actions)).astype(np.int64)
    if array.size and (array.min() < 0 or array.max() >= actions):
        raise InvalidInput(f"actions are 0 … {actions - 1}; the profile holds {given.min():g} … {given.max():g}")
    return array


def batch_action_costs(game: FiniteGame, profiles: IntArray) -> FloatArray:
    """[M, N, A] action costs of many profiles [M, N]."""
    if getattr(game, "takes_profiles", False):
        return checked_costs(game, game.action_costs(profiles))
    return np.stack([checked_costs(game, game.action_costs(p)) for p in profiles])


def batch_social_cost(game: FiniteGame, profiles: IntArray) -> FloatArray:
    """[M] social costs of many profiles [M, N]."""
    if getattr(game, "takes_profiles", False):
        social = np.asarray(game.social_cost(profiles), dtype=np.float64)
    else:
        social = np.array([float(game.social_cost(p)) for p in profiles])
    require(not np.isnan(social).any(), f"social_cost of {type(game).__name__} is NaN at some profile")
    return social


def checked_costs(game: FiniteGame, costs: ArrayLike) -> FloatArray:
    """`costs` [..., N, A] of a game as float64.

    Raises
    ------
    InvalidInput
        If the shape is another, or a cost is NaN or −∞.
    """
    array = np.asarray(costs, dtype=np.float64)
    wanted = (game.num_players, game.num_actions)
    name = f"action_costs of {type(game).__name__}"
    require(array.shape[-2:] == wanted, f"{name} must end in [N, A] = {wanted}; got shape {array.shape}")
    require(bool((array > -np.inf).all()), f"{name} hold NaN or -inf")
    return array
