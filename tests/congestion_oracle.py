"""Congestion games from their definition, one term at a time, sharing no code with the package's games and solvers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

Profile = tuple[int, ...]


class _Same:
    """A latency as a dictionary key: itself alone."""

    def __init__(self, latency: Any) -> None:
        self.latency = latency

    def __hash__(self) -> int:
        return id(self.latency)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.latency is self.latency

    def __call__(self, load: Any) -> Any:
        return self.latency(load)

    @property
    def num_resources(self) -> int:
        return self.latency.num_resources


class CongestionOracle:
    """Costs, equilibria and optimum by brute force over the actions that each player has."""

    def __init__(
        self, latency: Any, actions: Any, weights: Any = None, multiplicity: Any = None, makespan: bool = False
    ) -> None:
        rows = len(actions)
        weights = [1.0] * rows if weights is None else list(weights)
        copies = [1] * rows if multiplicity is None else list(multiplicity)
        of = [k for k in range(rows) for _ in range(copies[k])]
        self.sets = [[set(a) for a in actions[k]] for k in of]
        self.weights = [weights[k] for k in of]
        self.latency = [latency[k] if isinstance(latency, list | tuple) else latency for k in of]
        self.players, self.makespan = len(of), makespan
        self.costs, self.prices = cache(self._costs), cache(self._prices)

    @classmethod
    def of(cls, game: Any) -> CongestionOracle:
        latency = list(game.latency) if isinstance(game.latency, tuple) else game.latency
        return cls(latency, game.actions, game.row_weights, game.multiplicity, game.objective == "makespan")

    def _prices(self, latency: Any, load: float) -> list[float]:
        return latency(np.full(latency.num_resources, load)).tolist()

    def _price(self, i: int, r: int, load: float) -> float:
        return self.prices(_Same(self.latency[i]), load)[r]

    def _costs(self, profile: Profile) -> tuple[float, ...]:
        chosen = [self.sets[i][a] for i, a in enumerate(profile)]
        return tuple(
            sum(
                self._price(i, r, sum(w for w, c in zip(self.weights, chosen, strict=True) if r in c))
                for r in chosen[i]
            )
            for i in range(self.players)
        )

    def profiles(self) -> Iterator[Profile]:
        return itertools.product(*(range(len(s)) for s in self.sets))

    def social(self, profile: Profile) -> float:
        costs = self.costs(profile)
        return max(costs) if self.makespan else sum(w * c for w, c in zip(self.weights, costs, strict=True))

    def gains(self, profile: Profile) -> list[float]:
        """What each player gains by its best deviation; 0 where all it can pay is infinite."""
        now, gains = self.costs(profile), []
        for i in range(self.players):
            best = min(self.costs((*profile[:i], a, *profile[i + 1 :]))[i] for a in range(len(self.sets[i])))
            gains.append(0.0 if best == np.inf else now[i] - best)
        return gains

    def is_equilibrium(self, profile: Profile, rtol: float = 1e-10) -> bool:
        finite = [c for c in self.costs(profile) if np.isfinite(c)]
        return max(self.gains(profile)) <= rtol * max(map(abs, finite), default=0.0)

    def equilibria(self) -> list[Profile]:
        return [s for s in self.profiles() if self.is_equilibrium(s)]

    def least(self) -> float:
        return min(self.social(s) for s in self.profiles())
