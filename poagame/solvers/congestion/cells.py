"""A congestion game as arrays: players counted in cells, latencies tabulated at every load that the users of a resource can make."""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial, prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poagame._arrays import FloatArray, IntArray
from poagame.certificates.nash import TIE_RTOL
from poagame.errors import InvalidInput, TooLarge
from poagame.games.congestion import CongestionGame, PlayerTypes

MAX_TABLE = 30_000_000
"""Most entries latencies × resources × loads of the cost tables (240 MB)."""


class FallingLatency(InvalidInput):
    """A latency decreases with load, so that no bound on loads bounds a cost; looking at every profile needs none."""


class Shape(NamedTuple):
    """Types and cells, as the compiled searches read them.

    Attributes
    ----------
    which : [T]
        The latency of each type.
    stride : [T, R]
        What a player of each type adds to the load index of a resource that it uses.
    counts, weight : [T]
        Players of each type, and the weight of each of them.
    kind : [C]
        Type of each cell.
    start : [T + 1]
        First cell of each type.
    later : [C, R]
        Whether a later cell of the same type uses the resource.
    rest : [T + 1, R]
        Load indices that the players of this type and of later ones can add at most.
    """

    which: IntArray
    stride: IntArray
    counts: IntArray
    weight: FloatArray
    kind: IntArray
    start: IntArray
    later: NDArray[np.bool_]
    rest: IntArray


@dataclass(frozen=True, eq=False, slots=True)
class CellProblem:
    """A congestion game as arrays. A cell is an action of a type; x [C] counts the players in each.

    Attributes
    ----------
    cost : [L, R, S]
        Latencies at each load index; a resource with fewer loads repeats its last cost.
    loads : [R]
        Loads of each resource that its users can make.
    shape, sets : tuples of arrays
        What the compiled searches read: types and cells; the resources of each cell.
    linear : bool
        Whether all weights are equal, so that an index is a number of players.
    action : [C]
        The action of each cell.
    types : PlayerTypes
    makespan : bool
    slack : float
        More than what counts as a tie at any profile: a gain above it is a gain.
    """

    cost: FloatArray
    loads: IntArray
    shape: Shape
    sets: tuple[IntArray, IntArray]
    linear: bool
    action: IntArray
    types: PlayerTypes
    makespan: bool
    slack: float

    @property
    def kind(self) -> IntArray:
        """[C]: type of each cell."""
        return self.shape.kind

    @property
    def uses(self) -> np.ndarray:
        """[C, R] bool: the resources of each cell."""
        at, members = self.sets
        uses = np.zeros((len(at) - 1, self.cost.shape[1]), bool)
        uses[np.repeat(np.arange(len(at) - 1), np.diff(at)), members] = True
        return uses

    def profile(self, x: IntArray) -> IntArray:
        """A profile [N] with x [C] players in each cell, earlier players on lower actions."""
        profile = np.empty(len(self.types.type_of), np.int64)
        profile[np.argsort(self.types.type_of, kind="stable")] = np.repeat(self.action, x)
        return profile

    def cell_of(self, profile: IntArray) -> IntArray:
        """The cell [N] of each player at a profile of actions that the players have."""
        return (self.shape.start[self.types.type_of] + profile).astype(np.int64)

    def count(self, x: IntArray) -> int:
        """Profiles that have x players in each cell."""
        return prod(factorial(int(m)) for m in self.types.counts) // prod(factorial(int(n)) for n in x)


def cell_problem(game: CongestionGame) -> CellProblem:
    """Tabulate a congestion game.

    Raises
    ------
    TooLarge
        If the cost tables have more than `MAX_TABLE` entries.
    InvalidInput
        If a latency is NaN at some load, or decreases with load (`FallingLatency`).
    """
    types = _fewest_actions_first(game, game.types())
    weight, counts = np.asarray(game.row_weights)[types.row], types.counts
    latencies = [game.latencies[i] for i in np.unique(game.latency_of[types.row])]
    which = np.unique(game.latency_of[types.row], return_inverse=True)[1].reshape(-1).astype(np.int64)
    sizes, of_type = np.unique(weight, return_inverse=True)
    of_type = of_type.reshape(-1)
    available = game.available[types.row]
    kind, action = (a.astype(np.int64) for a in np.nonzero(available))
    uses = game.incidence[types.row][kind, action]
    start = np.concatenate([[0], np.cumsum(available.sum(axis=1))]).astype(np.int64)
    can_use = np.logical_or.reduceat(uses, start[:-1], axis=0)
    radix = np.ones((game.num_resources, len(sizes)), np.int64)
    np.add.at(radix.T, of_type, can_use * counts[:, None])
    # by logarithms: the product itself may pass the range of integers
    most = float(np.log2(radix).sum(axis=1).max())
    if most > 60 or round(2**most) * game.num_resources * len(latencies) > MAX_TABLE:
        raise TooLarge(
            f"{game.num_players} players of {len(sizes)} weights make up to 2^{most:.1f} loads of a resource, which on "
            f"{game.num_resources} resources of {len(latencies)} latencies are more table entries than {MAX_TABLE:,}. "
            "equilibrium(game) finds one equilibrium of any game, price_of_anarchy(game) labelled bounds"
        )
    strides = np.cumprod(np.column_stack([np.ones(len(radix), np.int64), radix[:, :-1]]), axis=1)
    loads = radix.prod(axis=1)
    index = np.minimum(np.arange(loads.max())[:, None], loads - 1)
    load = np.zeros(index.shape)
    for c, size in enumerate(sizes):
        load += size * (index // strides[:, c] % radix[:, c])
    cost = np.stack([np.ascontiguousarray(np.asarray(latency(load)).T) for latency in latencies])
    _check_rising(cost, radix, loads)
    stride = np.ascontiguousarray(np.where(can_use, strides[:, of_type].T, 0))
    later = np.zeros(uses.shape, bool)
    for c in range(len(kind) - 2, -1, -1):
        if kind[c] == kind[c + 1]:
            later[c] = later[c + 1] | uses[c + 1]
    anyone = counts[:, None] * stride
    rest = np.concatenate([np.cumsum(anyone[::-1], axis=0)[::-1], np.zeros((1, game.num_resources), np.int64)]).astype(
        np.int64
    )
    finite = np.where(np.isfinite(cost), np.abs(cost), 0.0).max(axis=2)
    scale = float((finite[which[kind]] * uses).sum(axis=1).max())
    return CellProblem(
        cost,
        loads,
        Shape(which, stride, counts, weight, kind, start, later, rest),
        _ragged(uses),
        len(sizes) == 1,
        action,
        types,
        game.objective == "makespan",
        2.0 * TIE_RTOL * scale,
    )


def cells_or_none(game: CongestionGame) -> CellProblem | None:
    """`cell_problem`, or None where the tables are too large or a latency decreases: generic code then decides.

    Raises
    ------
    InvalidInput
        If a latency is NaN at some load.
    """
    try:
        return cell_problem(game)
    except (TooLarge, FallingLatency):
        return None


def _fewest_actions_first(game: CongestionGame, types: PlayerTypes) -> PlayerTypes:
    """The same types in another order: players without a choice are placed first, for their load sharpens every bound."""
    order = np.argsort(game.available[types.row].sum(axis=1), kind="stable")
    return PlayerTypes(types.row[order], types.counts[order], np.argsort(order)[types.type_of])


def _check_rising(cost: FloatArray, radix: IntArray, loads: IntArray) -> None:
    """Refuse NaN, and latencies that decrease by more than rounding when a player comes."""
    if np.isnan(cost).any():
        raise InvalidInput("a latency is NaN at some load")
    scale = np.abs(np.where(np.isfinite(cost), cost, 0.0)).max(axis=2, keepdims=True)
    if radix.shape[1] == 1:
        cubes = [(cost, scale)]
    else:
        cubes = [
            (cost[:, r, : loads[r]].reshape(-1, *one[one > 1][::-1]), scale[:, r].reshape(-1, *[1] * (one > 1).sum()))
            for r, one in enumerate(radix)
        ]
    for cube, size in cubes:
        for axis in range(1 + (radix.shape[1] == 1), cube.ndim):
            with np.errstate(invalid="ignore"):
                falls = np.diff(cube, axis=axis) < -1e-13 * size
            if falls.any():
                raise FallingLatency(
                    "a latency decreases with load; the search needs nondecreasing ones, and the game is too large to look at every "
                    "profile. equilibrium(game) finds one equilibrium of any game"
                )


def _ragged(sets: np.ndarray) -> tuple[IntArray, IntArray]:
    """Rows of a boolean matrix as offsets and members."""
    at = np.concatenate([[0], np.cumsum(sets.sum(axis=1))]).astype(np.int64)
    return at, np.nonzero(sets)[1].astype(np.int64)
