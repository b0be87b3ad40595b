r"""Games that attain a value of the linear programme, rebuilt from its dual.

An active row (j, a, x, b) of dual price θ becomes n resources k = 0 … n − 1 of latency :math:`\theta\,b_j`, around which the players
are placed in a ring: player i uses k in the equilibrium iff (k − i) mod n < a + x, in the optimum iff a ≤ (k − i) mod n < a + x + b. All
players are then alike, each resource has a + x users in the equilibrium and b + x in the optimum, and the programme's optimality
conditions say that no player gains by going to its optimal resources (the construction of Paccagnan et al., cited in `verb`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from poagame._arrays import FloatArray
from poagame.games.congestion import CongestionGame
from poagame.games.shared_resources import SharedResources
from poagame.latency import Tabulated


@dataclass(frozen=True, slots=True)
class Witness:
    """An active row of the linear programme.

    Attributes
    ----------
    basis : int
        Which latency.
    a, x, b : int
        Players that use the resource in the equilibrium alone, in both, and in the optimum alone.
    price : float
        θ > 0: how much the worst game has of it, scaled so that the least (or the largest) is 1.
    """

    basis: int
    a: int
    x: int
    b: int
    price: float


def scaled(witnesses: Iterable[Witness]) -> tuple[Witness, ...]:
    """The same game with prices of which the least is 1, or the largest where they are too far apart to be read."""
    several = list(witnesses)
    least, most = min(w.price for w in several), max(w.price for w in several)
    unit = least if most < 1e6 * least else most
    return tuple(replace(w, price=w.price / unit) for w in several)


def ring_actions(witnesses: Sequence[Witness], players: int) -> list[list[list[int]]]:
    """Actions of each player: 0 is the optimum's, 1 the equilibrium's."""
    n = players

    def ring(i: int, begin: int, end: int, block: int) -> list[int]:
        return [block * n + (i + k) % n for k in range(begin, end)]

    return [
        [
            [r for block, w in enumerate(witnesses) for r in ring(i, w.a, w.a + w.x + w.b, block)],
            [r for block, w in enumerate(witnesses) for r in ring(i, 0, w.a + w.x, block)],
        ]
        for i in range(n)
    ]


def worst_congestion_game(witnesses: Sequence[Witness], basis: FloatArray) -> CongestionGame:
    """Congestion game whose latencies are tables of θ b_j(1 … n); they must not decrease."""
    n = basis.shape[1]
    table = np.repeat([w.price * basis[w.basis] for w in witnesses], n, axis=0)
    latency = Tabulated(np.arange(n + 1.0), np.concatenate([table[:, :1], table], axis=1))
    return CongestionGame(latency, ring_actions(witnesses, n))


def worst_shared_resources(witnesses: Sequence[Witness], paid: FloatArray, total: FloatArray) -> SharedResources:
    """Game in which users pay θ paid_j(k) and k users cost all θ total_j(k)."""
    n = paid.shape[1]
    each_paid, each_total = (
        np.repeat([w.price * table[w.basis] for w in witnesses], n, axis=0) for table in (paid, total)
    )
    return SharedResources(each_paid, each_total, ring_actions(witnesses, n))


def named(make: Callable[..., Any], witnesses: Sequence[Witness], ratio: float, *tables: FloatArray) -> Any:
    """The game that `make` builds, with its certified ratio."""
    return make(witnesses, *tables).named("rebuilt from the dual of the linear programme [paccagnan2021]", poa=ratio)
