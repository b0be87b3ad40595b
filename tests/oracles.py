"""Slow, plain re-statements of definitions, sharing no code with the package."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

Profile = tuple[int, ...]


class Oracle:
    """A routing game from its definition, one term at a time; remembers costs it has computed."""

    def __init__(self, game: Any) -> None:
        self.players, self.actions = game.num_players, game.num_actions
        self.weight = [1.0] * self.players if game.request_weight is None else [float(w) for w in game.request_weight]
        rows = game.overlap if game.multiplicity is None else np.repeat(game.overlap, game.multiplicity, axis=0)
        overlap, omega = np.asarray(rows).tolist(), float(game.overlap_weight)
        affinity = None if game.affinity is None else np.asarray(game.affinity).tolist()
        earlier_only = game.affinity_kind == "arrival_order"

        @cache
        def latency(load: float) -> list[float]:
            return game.latency(np.full(self.actions, load)).tolist()

        @cache
        def costs(profile: Profile) -> tuple[float, ...]:
            paid = []
            for i, j in enumerate(profile):
                load = sum(w for w, k in zip(self.weight, profile, strict=True) if k == j)
                gain = overlap[i][j]
                if affinity is not None:
                    others = range(i) if earlier_only else range(self.players)
                    gain += sum(affinity[i][k] for k in others if k != i and profile[k] == j)
                paid.append(latency(load)[j] - omega * gain)
            return tuple(paid)

        self.costs = costs

    def profiles(self) -> Iterator[Profile]:
        return itertools.product(range(self.actions), repeat=self.players)

    def cost(self, profile: Profile, i: int) -> float:
        return self.costs(tuple(profile))[i]

    def social(self, profile: Profile) -> float:
        return sum(w * c for w, c in zip(self.weight, self.costs(tuple(profile)), strict=True))

    def regret(self, profile: Profile) -> float:
        """Largest gain of any one request from moving alone."""
        now = self.costs(profile)
        best = 0.0
        for i in range(self.players):
            for j in range(self.actions):
                if j != profile[i]:
                    best = max(best, now[i] - self.costs((*profile[:i], j, *profile[i + 1 :]))[i])
        return best

    def equilibria(self, tolerance: float = 1e-9) -> list[Profile]:
        return [s for s in self.profiles() if self.regret(s) <= tolerance]

    def least(self) -> float:
        return min(self.social(s) for s in self.profiles())


def request_cost(game: Any, profile: Profile, i: int) -> float:
    return Oracle(game).cost(profile, i)


def social_cost(game: Any, profile: Profile) -> float:
    return Oracle(game).social(profile)


def least_social_cost(game: Any) -> float:
    return Oracle(game).least()
