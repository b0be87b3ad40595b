r"""Is this a mixed Nash equilibrium, and how far off? Every profile in the support is weighed and looked at one by one."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.certificates.mixed_compiled import two_player_regrets
from poagame.certificates.nash import RTOL, NashCertificate, gain_scale
from poagame.errors import TooLarge
from poagame.games.normal_form import NormalFormGame
from poagame.games.protocols import FiniteGame, batch_action_costs

MAX_PROFILES = 4_000_000
"""Most profiles in the support of mixed strategies that a certificate looks at."""


def certify_mixed(game: FiniteGame, strategies: ArrayLike) -> NashCertificate:
    r"""Certificate of mixed strategies as a Nash equilibrium of any finite game.

    The regret of player i is :math:`\sum_a x_{ia} E_{ia} - \min_a E_{ia}`, where :math:`E_{ia}` is the expectation of
    `game.action_costs(s)[i, a]` over the profiles s that the strategies draw.

    Parameters
    ----------
    game : FiniteGame
    strategies : [N, A]
        Probabilities, each row summing to 1 up to 1e-9.

    Returns
    -------
    NashCertificate
        Its tolerance is `RTOL` × the greatest expected absolute cost of what a player pays or could pay at best.

    Raises
    ------
    InvalidInput
        If the strategies are no probabilities of shape [N, A].
    TooLarge
        If their support has more than `MAX_PROFILES` profiles.

    Examples
    --------
    >>> from poagame.games.normal_form import NormalFormGame
    >>> pennies = NormalFormGame([[[1.0, -1.0], [-1.0, 1.0]], [[-1.0, 1.0], [1.0, -1.0]]])
    >>> certify_mixed(pennies, [[0.5, 0.5], [0.5, 0.5]]).holds
    True
    >>> certify_mixed(pennies, [[1.0, 0.0], [0.5, 0.5]]).max_regret
    1.0
    """
    return certify_each_mixed(game, as_floats(strategies, "strategies")[None])[0]


def certify_each_mixed(game: FiniteGame, strategies: ArrayLike) -> tuple[NashCertificate, ...]:
    """Certificates of M mixed strategies [M, N, A] of one game, as `certify_mixed` gives them."""
    x = as_floats(strategies, "strategies")
    players, actions = game.num_players, game.num_actions
    require(
        x.ndim == 3 and x.shape[1:] == (players, actions),
        f"mixed strategies have shape [N, A] = {(players, actions)}; got {x.shape[1:]}",
    )
    require(bool((x >= 0.0).all()), "probabilities must be nonnegative")
    require(bool((np.abs(x.sum(axis=2) - 1.0) <= 1e-9).all()), "each player's probabilities must sum to 1")
    if isinstance(game, NormalFormGame) and players == 2:
        return _records(*two_player_regrets(game.costs, game.available, x))
    supports = [np.flatnonzero((x[:, i] > 0).any(axis=0)) for i in range(players)]
    total = prod(map(len, supports))
    if total > MAX_PROFILES:
        raise TooLarge(
            f"the strategies draw {total:,} profiles; the limit is {MAX_PROFILES:,}. Certify a sample of play as a "
            "coarse correlated equilibrium, certify_correlated(game, profiles, probabilities, 'coarse')"
        )
    shape = (len(x), players, actions)
    expected, size = np.zeros(shape), np.zeros(shape)
    chunk = max(1, 4_000_000 // (players * actions + len(x)))
    for begin in range(0, total, chunk):
        index = np.unravel_index(np.arange(begin, min(begin + chunk, total)), [len(s) for s in supports])
        profiles = np.stack([s[k] for s, k in zip(supports, index, strict=True)], axis=1)
        weight = x[:, 0, profiles[:, 0]]
        for i in range(1, players):
            weight = weight * x[:, i, profiles[:, i]]
        costs = batch_action_costs(game, profiles).reshape(len(profiles), -1)
        infinite = np.isinf(costs)
        if infinite.any():
            costs = np.where(infinite, 0.0, costs)
            expected[((weight > 0).astype(np.float64) @ infinite > 0).reshape(shape)] = np.inf
        expected += (weight @ costs).reshape(shape)
        size += (weight @ np.abs(costs)).reshape(shape)
    return _certificates(game, x, expected, size)


def _certificates(
    game: FiniteGame, x: FloatArray, expected: FloatArray, size: FloatArray
) -> tuple[NashCertificate, ...]:
    """Certificates at strategies [M, N, A] from the expectations [M, N, A] of each action's cost and of its size."""
    best = expected.min(axis=2)
    # Σ x (E − min E) rather than Σ x E − min E: rounding then counts against differences of costs, not against costs
    stuck = np.isinf(best)[..., None]
    over = np.where(stuck, 0.0, expected) - np.where(stuck, 0.0, best[..., None])
    gains = (x * np.where(x > 0, over, 0.0)).sum(axis=2)
    action = expected.argmin(axis=2)
    each = np.arange(len(x))
    player = gains.argmax(axis=1)
    least = size[each[:, None], np.arange(x.shape[1]), action]
    scale = np.maximum((x * size).sum(axis=2), least).max(axis=1) + gain_scale(game)
    return _records(gains[each, player], player, action[each, player], scale)


def _records(gains: FloatArray, players: IntArray, actions: IntArray, scale: FloatArray) -> tuple[NashCertificate, ...]:
    columns = (gains.tolist(), players.tolist(), actions.tolist(), (RTOL * scale).tolist())
    return tuple(NashCertificate(*row) for row in zip(*columns, strict=True))
