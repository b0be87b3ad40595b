r"""Is this distribution over profiles a correlated equilibrium, how far off, and which cost can none beat?

Everything is evaluated from `game.action_costs` and `game.social_cost` at explicit profiles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.certificates.nash import RTOL, gain_scale
from poagame.games.protocols import FiniteGame, as_profile, batch_action_costs, batch_social_cost

Kind = Literal["correlated", "coarse"]
Objective = Literal["worst", "best"]

CHUNK = 4_000_000
"""Action costs that are held at a time."""


@dataclass(frozen=True, slots=True)
class CorrelatedCertificate:
    """How far a distribution over profiles is from a correlated or coarse correlated equilibrium.

    Attributes
    ----------
    kind : str
        "correlated": a player sees its recommended action and may follow any rule instead (swap regret). "coarse": it
        decides before it sees it, for one action always (external regret).
    max_regret : float
        The most that any one player gains, in expected cost. 0 exactly at an equilibrium of the kind.
    player : int
        The player that gains most.
    tolerance : float
        What rounding may explain: `RTOL` × the greatest expected absolute cost that a player pays.
    """

    kind: Kind
    max_regret: float
    player: int
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the distribution is an equilibrium of the kind, up to `tolerance`."""
        return self.max_regret <= self.tolerance


def certify_correlated(
    game: FiniteGame, profiles: ArrayLike, probabilities: ArrayLike, kind: Kind = "correlated"
) -> CorrelatedCertificate:
    r"""Certificate of a distribution over profiles as a correlated equilibrium of any finite game.

    With p(s) the probability of profile s, the regret of player i is

    .. math:: \sum_r \max_a \sum_{s : s_i = r} p(s)\,[c_i(s) - c_i(a, s_{-i})]

    for "correlated" (Aumann 1974), and the greatest over one a of the sum over all s for "coarse" (Moulin and Vial
    1978).

    Parameters
    ----------
    game : FiniteGame
    profiles : [M, N]
        Such as the profiles of some play; one may occur several times.
    probabilities : [M]
        Nonnegative, summing to 1 up to 1e-9.
    kind : str

    Raises
    ------
    InvalidInput
        If the shapes differ, a profile holds no action, or the probabilities are none.

    Examples
    --------
    >>> from poagame.games.normal_form import NormalFormGame
    >>> chicken = NormalFormGame.from_payoffs([[6.0, 2.0], [7.0, 0.0]], [[6.0, 7.0], [2.0, 0.0]])
    >>> certify_correlated(chicken, [[0, 0], [0, 1], [1, 0]], [0.5, 0.25, 0.25]).holds
    True
    >>> certify_correlated(chicken, [[0, 0]], [1.0]).max_regret
    1.0
    """
    check_kind(kind)
    s, p = as_profile(game, profiles), as_floats(probabilities, "probabilities")
    require(s.ndim == 2 and len(s) > 0, f"profiles have shape [M, N], M ≥ 1; got {s.shape}")
    require(p.shape == (len(s),), f"probabilities have shape [M] = {(len(s),)}; got {p.shape}")
    require(bool((p >= 0.0).all()) and abs(p.sum() - 1.0) <= 1e-9, "probabilities must be nonnegative and sum to 1")
    s, p = s[p > 0], p[p > 0]
    players, actions = game.num_players, game.num_actions
    paid, size = np.zeros((players, actions)), np.zeros(players)
    deviating = np.zeros((players, actions, actions))
    for begin in _chunks(len(s), players * actions):
        at = slice(begin, begin + max(1, CHUNK // (players * actions)))
        costs, weight = batch_action_costs(game, s[at]), p[at]
        followed = np.take_along_axis(costs, s[at][:, :, None], axis=2)[:, :, 0]
        size += weight @ np.where(np.isfinite(followed), np.abs(followed), 0.0)
        for i in range(players):
            np.add.at(paid[i], s[at][:, i], weight * followed[:, i])
            np.add.at(deviating[i], s[at][:, i], weight[:, None] * costs[:, i])
    if kind == "coarse":
        paid, deviating = paid.sum(axis=1, keepdims=True), deviating.sum(axis=1, keepdims=True)
    best = deviating.min(axis=2)
    stuck = np.isinf(paid) & np.isinf(best)
    gains = np.where(stuck, 0.0, np.where(stuck, 0.0, paid) - np.where(stuck, 0.0, best)).sum(axis=1)
    player = int(gains.argmax())
    tolerance = RTOL * (float(size.max()) + gain_scale(game))
    return CorrelatedCertificate(kind, max(0.0, float(gains[player])), player, tolerance)


def correlated_bound(game: FiniteGame, multipliers: ArrayLike, kind: Kind, objective: Objective) -> float:
    r"""A social cost that no equilibrium of the kind exceeds (objective "worst") or undercuts ("best").

    For any multipliers λ ≥ 0 and every correlated equilibrium p, by weak duality,

    .. math:: \sum_s p(s) C(s) \le \max_s \Big[C(s) - \sum_i \sum_a \lambda_{i s_i a} [c_i(s) - c_i(a, s_{-i})]\Big],

    and likewise from below with the least of C + …; all profiles whose costs are finite are looked at.

    Parameters
    ----------
    game : FiniteGame
    multipliers : [N, A, A], or [N, A] for "coarse"
        λ of (player, recommended action, other action), or of (player, other action).
    kind, objective : str

    Raises
    ------
    InvalidInput
        If the multipliers have another shape or are negative.
    """
    check_kind(kind)
    check_objective(objective)
    players, actions = game.num_players, game.num_actions
    wanted = (players, actions) if kind == "coarse" else (players, actions, actions)
    weights = as_floats(multipliers, "multipliers")
    require(weights.shape == wanted and bool((weights >= 0).all()), f"multipliers are nonnegative of shape {wanted}")
    sign = 1.0 if objective == "worst" else -1.0
    bound = -np.inf
    for profiles in all_profiles(game):
        costs = batch_action_costs(game, profiles)
        followed = np.take_along_axis(costs, profiles[:, :, None], axis=2)
        social = batch_social_cost(game, profiles)
        usable = np.isfinite(followed).all(axis=(1, 2)) & np.isfinite(social)
        if not usable.any():
            continue
        costs, followed, profiles = costs[usable], followed[usable], profiles[usable]
        if kind == "coarse":
            chosen = np.broadcast_to(weights, costs.shape)
        else:
            chosen = np.stack([weights[i, profiles[:, i]] for i in range(players)], axis=1)
        gain = np.where(chosen > 0, followed - np.where(chosen > 0, costs, 0.0), 0.0)
        bound = max(bound, float((sign * social[usable] - (chosen * gain).sum(axis=(1, 2))).max()))
    return sign * bound


def all_profiles(game: FiniteGame) -> Iterator[IntArray]:
    """Every profile of a finite game, in chunks [M, N]."""
    players, actions = game.num_players, game.num_actions
    powers = actions ** np.arange(players - 1, -1, -1)
    total = actions**players
    for begin in _chunks(total, players * actions):
        end = min(total, begin + max(1, CHUNK // (players * actions)))
        yield np.arange(begin, end)[:, None] // powers % actions


def check_kind(kind: str) -> None:
    """Raise unless `kind` is one of the two."""
    require(kind in ("correlated", "coarse"), f"kind is 'correlated' or 'coarse'; got {kind!r}")


def check_objective(objective: str) -> None:
    """Raise unless `objective` is one of the two."""
    require(objective in ("worst", "best"), f"objective is 'worst' or 'best'; got {objective!r}")


def _chunks(total: int, entries: int) -> range:
    return range(0, total, max(1, CHUNK // entries))


def expected_social_cost(game: FiniteGame, profiles: IntArray, probabilities: FloatArray) -> float:
    """Expectation of the social cost over explicit profiles [M, N]."""
    return float(probabilities @ batch_social_cost(game, profiles))
