"""Slow, plain re-statements of definitions, sharing no code with the package."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np


def profiles(players: int, actions: int) -> Iterator[tuple[int, ...]]:
    return itertools.product(range(actions), repeat=players)


def request_cost(game: Any, profile: tuple[int, ...], i: int) -> float:
    """Cost of request i from the definition in DESIGN's words, one term at a time."""
    j = profile[i]
    weight = np.ones(len(profile)) if game.request_weight is None else game.request_weight
    load = sum(weight[k] for k in range(len(profile)) if profile[k] == j)
    row = game.overlap if game.multiplicity is None else np.repeat(game.overlap, game.multiplicity, axis=0)
    gain = row[i][j]
    if game.affinity is not None:
        others = range(i) if game.affinity_kind == "arrival_order" else range(len(profile))
        gain += sum(game.affinity[i][k] for k in others if k != i and profile[k] == j)
    return float(game.latency(np.full(game.num_actions, load))[j] - game.overlap_weight * gain)


def social_cost(game: Any, profile: tuple[int, ...]) -> float:
    weight = np.ones(len(profile)) if game.request_weight is None else game.request_weight
    return float(sum(weight[i] * request_cost(game, profile, i) for i in range(len(profile))))


def regret(game: Any, profile: tuple[int, ...]) -> float:
    """Largest gain of any one request from moving alone."""
    best = 0.0
    for i in range(len(profile)):
        now = request_cost(game, profile, i)
        for j in range(game.num_actions):
            moved = (*profile[:i], j, *profile[i + 1 :])
            best = max(best, now - request_cost(game, moved, i))
    return best


def pure_equilibria(game: Any, tolerance: float = 1e-9) -> list[tuple[int, ...]]:
    return [s for s in profiles(game.num_players, game.num_actions) if regret(game, s) <= tolerance]


def least_social_cost(game: Any) -> float:
    return min(social_cost(game, s) for s in profiles(game.num_players, game.num_actions))
