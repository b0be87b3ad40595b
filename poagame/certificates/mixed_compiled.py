# pyright: basic
# 2026-11: numba infers the types of compiled functions from their first call.
"""Compiled regrets of mixed strategies of two players, behind `poagame.certificates.mixed`."""

from __future__ import annotations

import numpy as np

from poagame._compiled import compiled


@compiled
def two_player_regrets(costs, available, strategies):  # pragma: no cover - compiled
    """For each of the strategies [M, 2, A] the largest regret, its player and action, and the size of what is paid.

    `costs` [2, A, A] are infinite where a player lacks its action `available` [2, A]. Where the other one plays an action that it
    lacks, one's own cost counts 0.
    """
    count, actions = len(strategies), strategies.shape[2]
    gains, sizes = np.zeros(count), np.zeros(count)
    players, towards = np.zeros(count, np.int64), np.zeros(count, np.int64)
    expected, size = np.zeros(actions), np.zeros(actions)
    for k in range(count):
        for i in range(2):
            other = strategies[k, 1 - i]
            best = -1
            for a in range(actions):
                expected[a] = 0.0 if available[i, a] else np.inf
                size[a] = 0.0
                for b in range(actions):
                    cost = costs[0, a, b] if i == 0 else costs[1, b, a]
                    if other[b] > 0.0 and cost < np.inf:
                        expected[a] += other[b] * cost
                        size[a] += other[b] * abs(cost)
                if best < 0 or expected[a] < expected[best]:
                    best = a
            gain, paid = 0.0, 0.0
            for a in range(actions):
                if strategies[k, i, a] > 0.0:
                    # Σ x (E − min E), not Σ x E − min E: rounding counts against differences of costs, not against costs
                    gain += strategies[k, i, a] * (expected[a] - expected[best])
                    paid += strategies[k, i, a] * size[a]
            sizes[k] = max(sizes[k], paid, size[best])
            if i == 0 or gain > gains[k]:
                gains[k], players[k], towards[k] = gain, i, best
    return gains, players, towards, sizes
