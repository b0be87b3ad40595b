r"""Is this profile an equilibrium, and how far off? Regret is 0 for every player exactly at a pure Nash equilibrium."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray
from poagame.certificates.placement import store_costs
from poagame.errors import InvalidInput
from poagame.games.caching import CachingGame
from poagame.games.protocols import FiniteGame, as_finite, as_profile, checked_costs
from poagame.games.routing import RoutingGame

RTOL = 1e-9
"""Regret that rounding explains, relative to the costs that players pay or could pay: a certificate tolerates this much."""

TIE_RTOL = 1e-11
"""Relative cost difference that solvers take for a tie; stricter than `RTOL`, so that what they return can be certified."""


@dataclass(frozen=True, slots=True)
class NashCertificate:
    """How far a profile is from a pure Nash equilibrium.

    Attributes
    ----------
    max_regret : float
        The most that any one player gains by a deviation, in cost units. 0 exactly at an equilibrium.
    player, action : int
        The player that gains most, and by which action. In a caching game of several objects the object whose choice in the player's
        best store saves most by itself (−1 where nobody gains): a store has no number.
    tolerance : float
        What rounding may explain: `RTOL` × `cost_scale` at the profile. No unit is preferred: scaling all costs scales it.
    """

    max_regret: float
    player: int
    action: int
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the profile is an equilibrium up to `tolerance`."""
        return self.max_regret <= self.tolerance


def regret(game: FiniteGame, profile: ArrayLike) -> FloatArray:
    """[N]: what each player would gain by its best deviation from `profile` [N] ([n, K] in a caching game of several objects);
    ≥ 0, infinite if it leaves an infinite cost.

    Evaluated from the game's costs of actions alone.

    Raises
    ------
    InvalidInput
        As `certify_nash`.
    """
    if isinstance(game, CachingGame) and game.has_objects:
        stores = store_costs(game, profile)
        return _gain(game, stores.current, stores.best)
    s = as_profile(as_finite(game, "regret"), profile)
    costs = checked_costs(game, game.action_costs(s))
    return _gain(game, np.take_along_axis(costs, s[:, None], axis=1)[:, 0], costs.min(axis=1))


@singledispatch
def certify_nash(game: FiniteGame, profile: ArrayLike) -> NashCertificate:
    """Certificate of `profile` [N] as a pure Nash equilibrium of `game`.

    Raises
    ------
    InvalidInput
        If the game is not finite, the profile is not one of its own, or costs are NaN or −∞.
    """
    s = as_profile(as_finite(game, "certify_nash"), profile)
    if s.ndim != 1:
        raise InvalidInput(f"a certificate is for one profile [N]; got shape {s.shape}")
    costs = checked_costs(game, game.action_costs(s))
    current, best = np.take_along_axis(costs, s[:, None], axis=1)[:, 0], costs.min(axis=1)
    gains = _gain(game, current, best)
    player = int(gains.argmax())
    tolerance = RTOL * float(cost_scale(game, current, best))
    return NashCertificate(float(gains[player]), player, int(costs[player].argmin()), tolerance)


@certify_nash.register
def _(game: RoutingGame, profile: ArrayLike) -> NashCertificate:
    if not game.is_static:
        return certify_nash.dispatch(object)(game, profile)
    # requests of one type on one worker have equal regret, so K × W pairs stand for N × W
    s = as_profile(game, profile)
    if s.ndim != 1:
        raise InvalidInput(f"a certificate is for one profile [N]; got shape {s.shape}")
    types = game.types()
    counts = np.bincount(s, minlength=game.num_actions)
    gain = float(game.overlap_weight) * types.overlap
    stay, move = game.latency(counts) - gain, game.latency(counts + 1.0) - gain
    workers = np.arange(game.num_actions)
    best = move.argmin(axis=1)
    others = np.where(workers == best[:, None], np.inf, move)
    second = others.argmin(axis=1)
    k = np.arange(len(types.counts))
    target = np.where(workers == best[:, None], second[:, None], best[:, None])
    cheapest = np.minimum(stay, np.where(workers == best[:, None], others[k, second][:, None], move[k, best][:, None]))
    gains = _gain(game, stay, cheapest)
    of_request = gains[types.type_of, s]
    player = int(of_request.argmax())
    at = (types.type_of[player], s[player])
    action = int(target[at]) if of_request[player] > 0 else int(s[player])
    tolerance = RTOL * float(cost_scale(game, stay[types.type_of, s], cheapest[types.type_of, s]))
    return NashCertificate(float(of_request[player]), player, action, tolerance)


@certify_nash.register
def _(game: CachingGame, profile: ArrayLike) -> NashCertificate:
    if not game.has_objects:
        return certify_nash.dispatch(object)(game, profile)
    stores = store_costs(game, profile)
    gains = _gain(game, stores.current, stores.best)
    player = int(gains.argmax())
    tolerance = RTOL * float(cost_scale(game, stores.current, stores.best))
    return NashCertificate(float(gains[player]), player, int(stores.change[player]), tolerance)


def _gain(game: FiniteGame, current: FloatArray, best: FloatArray) -> FloatArray:
    """What is saved by the best: nothing between infinite costs, but infinity where a game's equilibria are of finite cost only."""
    both_infinite = np.isinf(current) & np.isinf(best)
    stuck = np.inf if getattr(game, "finite_only", False) else 0.0
    return np.where(both_infinite, stuck, np.where(both_infinite, 0.0, current) - np.where(both_infinite, 0.0, best))


def cost_scale(game: FiniteGame, current: FloatArray, best: FloatArray) -> FloatArray:
    """[...]: size of the numbers behind the costs [..., N] that players pay and could pay at best, against which rounding counts.

    A routing cost may be a small difference of latency and overlap, so the overlap's size counts too.
    """
    paid = np.where(np.isfinite(current), np.abs(current), 0.0).max(axis=-1, initial=0.0)
    least = np.where(np.isfinite(best), np.abs(best), 0.0).max(axis=-1, initial=0.0)
    return np.maximum(paid, least) + gain_scale(game)


def gain_scale(game: FiniteGame) -> float:
    """Size of the gains that a routing cost is reduced by; 0 for other games, whose parts are unknown."""
    if not isinstance(game, RoutingGame):
        return 0.0
    shared = 0.0 if game.affinity is None else np.abs(game.affinity).sum(axis=1).max()
    return float(game.overlap_weight * (np.abs(game.overlap).max() + shared))
