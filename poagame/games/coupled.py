"""The three games as one: a split of GPUs, placements of blocks, and routing, each played in the light of the others.

The loop cache → overlap → routing → pressure → Planner → routing is the paper's (section 4.4, S). How one layer's state makes
another's game is given by functions, here `poagame.games.serving_cluster.coupled_serving`, which are ours and can be replaced one
by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import IntArray, require
from poagame.errors import InvalidInput
from poagame.games.caching import CachingGame
from poagame.games.checks import whole
from poagame.games.protocols import FiniteGame

Layer = Literal["routing", "caching", "resource"]
LAYERS: tuple[Layer, ...] = get_args(Layer)


class SplitGame(FiniteGame, Protocol):
    """A finite game whose profiles are splits into prefill and decode workers."""

    def split_of(self, profile: ArrayLike) -> tuple[int, int]:
        """Workers of a profile."""
        ...

    def profile_of(self, split: tuple[int, int]) -> IntArray:
        """Profile of a split."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class CoupledState:
    """What all three layers do.

    Parameters
    ----------
    split : (int, int)
        Prefill and decode workers, at least one each.
    placement : [d, K]
        What each of the d decode workers keeps, a profile of the caching game: 0 nothing, t a copy in tier t.
    routing : [N]
        The decode worker of each request, 0 … d − 1.

    Raises
    ------
    InvalidInput
        If shapes or numbers do not fit each other.
    """

    split: tuple[int, int]
    placement: IntArray
    routing: IntArray

    def __post_init__(self) -> None:
        pools = np.asarray(self.split).shape
        require(pools == (2,), f"split is two numbers, of prefill and decode workers; got {self.split!r:.60}")
        p, d = (whole(n, "workers of a split", 1) for n in self.split)
        object.__setattr__(self, "split", (p, d))
        for name in ("placement", "routing"):
            try:
                given = np.asarray(getattr(self, name))
            except ValueError as error:
                raise InvalidInput(f"{name} is an array; its rows are of different lengths") from error
            require(given.dtype.kind in "iu" or given.size == 0, f"{name} holds whole numbers; got {given.dtype}")
            array = given.astype(np.int64)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        require(
            self.placement.ndim == 2 and len(self.placement) == d,
            f"placement is [{d}, K], a row for each decode worker; got shape {self.placement.shape}",
        )
        require(
            bool((self.placement >= 0).all()),
            "placement holds 0 for nothing, t for a copy in tier t; got a negative number",
        )
        require(self.routing.ndim == 1 and self.routing.size > 0, f"routing is [N]; got shape {self.routing.shape}")
        inside = self.routing.min() >= 0 and self.routing.max() < d
        require(bool(inside), f"routing names decode workers 0 … {d - 1}")

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for equal states, and hashable."""
        return self.split, self.placement.tobytes(), self.routing.tobytes()

    @property
    def name(self) -> str:
        """The split as the paper writes it, "1P/2D"."""
        return f"{self.split[0]}P/{self.split[1]}D"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CoupledState) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def follow_workers(state: CoupledState, decode: int) -> CoupledState:
    """Return the state with another number of decode workers, prefill's unchanged.

    Stores of stopped workers are lost, new workers begin empty, and requests of stopped workers go to worker j mod d.
    """
    kept = min(decode, state.split[1])
    placement = np.zeros((decode, state.placement.shape[1]), dtype=np.int64)
    placement[:kept] = state.placement[:kept]
    return CoupledState((state.split[0], decode), placement, state.routing % decode)


@dataclass(frozen=True, eq=False, slots=True)
class CoupledGame:
    """Three games, each a function of what the other two layers do, and one cost of the whole.

    Parameters
    ----------
    resource : callable
        State → `SplitGame` of splits, given placement and routing.
    caching : callable
        State → `CachingGame` of the state's decode workers, given split and routing.
    routing : callable
        State → `FiniteGame` of the requests on the state's decode workers, given split and placement.
    social_cost : callable
        State → cost to all.
    follow : callable
        (state, decode workers) → state: what becomes of placement and routing when the number of decode workers changes.

    Raises
    ------
    InvalidInput
        If one of them is not callable.
    """

    resource: Callable[[CoupledState], SplitGame]
    caching: Callable[[CoupledState], CachingGame]
    routing: Callable[[CoupledState], FiniteGame]
    social_cost: Callable[[CoupledState], float]
    follow: Callable[[CoupledState, int], CoupledState] = follow_workers

    def __post_init__(self) -> None:
        for name in (*LAYERS, "social_cost", "follow"):
            require(
                callable(getattr(self, name)), f"{name} is a function of the state; got {getattr(self, name)!r:.60}"
            )

    def layer(self, name: Layer, state: CoupledState) -> Any:
        """Return the game that a layer plays while the others keep to `state`."""
        check_layer(name)
        return getattr(self, name)(state)

    def profile(self, name: Layer, state: CoupledState) -> IntArray:
        """Return what a layer does in `state`, as a profile of its game."""
        check_layer(name)
        if name == "resource":
            return self.resource(state).profile_of(state.split)
        return state.routing if name == "routing" else state.placement

    def with_layer(self, name: Layer, state: CoupledState, profile: ArrayLike) -> CoupledState:
        """Return the state with one layer's profile changed; a new split makes the others follow."""
        check_layer(name)
        if name != "resource":
            part = {"routing" if name == "routing" else "placement": np.asarray(profile, dtype=np.int64)}
            return replace(state, **part)
        return self.at_split(state, self.resource(state).split_of(profile))

    def at_split(self, state: CoupledState, split: tuple[int, int]) -> CoupledState:
        """Return the state at another split, the other layers following."""
        p, d = split
        moved = state if d == state.split[1] else self.follow(state, d)
        return replace(moved, split=(p, d))


def check_layer(name: object) -> None:
    """Refuse what is no layer."""
    if name not in LAYERS:
        raise InvalidInput(f"layers are {', '.join(LAYERS)}; got {name!r:.60}")
