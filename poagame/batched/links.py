r"""Wardrop equilibria of many games on parallel links: all used links of a game cost the same level."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import jax
import numpy as np
from numpy.typing import ArrayLike, NDArray

from poagame._arrays import Array, FloatArray, as_floats, require
from poagame.batched.links_compiled import Bracket, close_in, halley, room_for
from poagame.certificates.links import certify_links
from poagame.errors import Infeasible, InvalidInput
from poagame.latency import Latency, Stacked

_CHUNK_ENTRIES = 1 << 13
"""Loads [L, b] in one chunk on a CPU: its arrays stay in the second-level cache."""

_BURST = 6
"""Steps after which games that are done leave the batch."""


@dataclass(frozen=True, eq=False, slots=True)
class FlowBatch:
    """Wardrop equilibria of B games on L parallel links.

    Attributes
    ----------
    load : [B, L]
        Sums to the demand of each game but for rounding.
    social_cost : [B]
        Σ load · latency.
    relative_gap : [B]
        (total − demand × cheapest link) / total, by `certify_links` at the returned loads.
    converged : [B]
        Whether the relative gap is at most the tolerance asked for.
    num_steps : int
        Brackets taken by the game that took most.
    """

    load: FloatArray
    social_cost: FloatArray
    relative_gap: FloatArray
    converged: NDArray[np.bool_]
    num_steps: int

    def __len__(self) -> int:
        """B, the number of games."""
        return len(self.load)

    def __str__(self) -> str:
        """One line."""
        games, links = self.load.shape
        return (
            f"{int(self.converged.sum()):,} of {games:,} games on {links} links converged in {self.num_steps} steps; "
            f"largest relative gap {self.relative_gap.max():.3g}"
        )


def wardrop(
    latency: Latency, demand: ArrayLike, rtol: float = 1e-10, *, shared: bool = False, max_steps: int = 300
) -> FlowBatch:
    """Wardrop equilibria of many games on parallel links, by one compiled function.

    The optima are the equilibria of `MarginalCost(latency)`, where load · latency is convex.

    Parameters
    ----------
    latency : Latency
        Of B·L links, game after game; or, if `shared`, of the L links that all games have.
    demand : [B]
        Positive, one a game.
    rtol : float
        Relative gap wanted.
    shared : bool
        Whether all games are played on the same links.
    max_steps : int
        Most brackets of any game.

    Returns
    -------
    FlowBatch
        Games that did not reach `rtol` are marked, not left out.

    Raises
    ------
    InvalidInput
        If demands are not positive, or the links cannot be divided among the games.
    Infeasible
        If the links of a game cannot carry its demand below their capacities.

    Examples
    --------
    >>> import poagame as pg
    >>> pigou = pg.latency.Polynomial([[0.0, 1.0], [1.0, 0.0]])
    >>> pg.batched.wardrop(pigou, [0.5, 1.0, 2.0], shared=True).load.round(4)
    array([[0.5, 0. ],
           [1. , 0. ],
           [1. , 1. ]])
    """
    require(isinstance(latency, Latency), f"latency must be a poagame latency; got {type(latency).__name__}")
    d = np.atleast_1d(as_floats(demand, "demand"))
    require(d.ndim == 1 and d.size > 0, f"demand is one number a game; got shape {d.shape}")
    require(bool((d > 0).all()), f"demands must be positive; the smallest is {d.min()}")
    require(0.0 < rtol < np.inf, f"rtol must be positive; got {rtol}")
    require(max_steps >= 1, f"max_steps must be at least 1; got {max_steps}")
    batch, resources = len(d), latency.num_resources
    require(
        shared or resources % batch == 0,
        f"{resources} links do not divide among {batch} games; give a latency of games × links, or shared=True",
    )
    links = resources if shared else resources // batch

    def per_game(leaf: Array) -> Array:
        """[B, L, …]: widen a parameter that all links, or all games, have in common."""
        rows = np.broadcast_to(leaf, (resources, *np.shape(leaf)[1:]))
        return np.broadcast_to(rows, (batch, *rows.shape)) if shared else rows.reshape(batch, links, *rows.shape[1:])

    nodes = jax.tree.leaves(latency, is_leaf=lambda node: isinstance(node, Stacked))
    if any(isinstance(node, Stacked) or np.shape(node)[:1] not in ((1,), (resources,)) for node in nodes):
        raise InvalidInput(
            f"a batch needs one family with parameters [links] each; {type(latency).__name__} has others. Sum, Scaled and Shifted "
            "latencies of one family do; for mixed families call wardrop(game) for each game"
        )
    parts = jax.tree.map(per_game, latency)
    on_cpu = jax.default_backend() == "cpu"
    most = max(8, (_CHUNK_ENTRIES if on_cpu else 1 << 22) // links)
    size = min(most, 1 << max(3, (batch - 1).bit_length()))
    load, room, steps = np.empty((batch, links)), np.empty((batch, links)), np.zeros(batch, np.int64)

    def chunk_of(rows: NDArray[np.int64]) -> tuple[Latency, FloatArray]:
        """Links of some games, link after link, and their demands; padded with games again, so that one shape is compiled."""
        take = slice(rows[0], rows[0] + size) if len(rows) == size == rows[-1] + 1 - rows[0] else np.resize(rows, size)
        return jax.tree.map(lambda leaf: np.moveaxis(leaf[take], 0, 1).reshape(-1, *leaf.shape[2:]), parts), d[take]

    def measure(rows: NDArray[np.int64]) -> None:
        chunk, wanted = chunk_of(rows)
        with jax.enable_x64(True):  # the setting belongs to the thread
            found = np.asarray(room_for(chunk, np.tile(wanted, links)))
        room[rows] = found.reshape(links, size).T[: len(rows)]

    def quick(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        chunk, wanted = chunk_of(rows)
        with jax.enable_x64(True):
            found, done, used = halley(chunk, wanted, _columns(room, rows, size), rtol)
        load[rows] = np.asarray(found).T[: len(rows)]
        steps[rows] = int(used)
        return np.asarray(done)[: len(rows)]

    def sure(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        chunk, wanted = chunk_of(rows)
        inside = Bracket(*(_columns(part, rows, size) for part in brackets))
        with jax.enable_x64(True):
            end, found, done, used = close_in(chunk, wanted, inside, rtol, min(_BURST, max_steps))
        for whole, part in zip(brackets, end, strict=True):
            whole[rows] = np.asarray(part).T[: len(rows)]
        load[rows] = np.asarray(found).T[: len(rows)]
        steps[rows] += int(used)
        return np.asarray(done)[: len(rows)]

    def chunks(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        return [rows[b : b + size] for b in range(0, len(rows), size)]

    pending = np.arange(batch)
    with ThreadPoolExecutor((os.cpu_count() or 1) if on_cpu else 1) as threads:
        try:
            list(threads.map(measure, chunks(pending)))
        except jax.errors.TracerArrayConversionError as error:
            raise InvalidInput(
                f"{type(latency).__name__} computes with NumPy alone; write its value, derivative and curvature with the functions of "
                "poagame._arrays.namespace(load), so that JAX can compile them"
            ) from error
        _check_room(room, d)
        pending = pending[~np.concatenate(list(threads.map(quick, chunks(pending))))]
        low = np.zeros((batch, links)) if len(pending) else room
        nothing = np.full(batch, np.nan)
        brackets = Bracket(low, room.copy(), nothing, nothing.copy(), -d, room.sum(axis=1) - d)
        while len(pending) and steps.max() < max_steps:
            pending = pending[~np.concatenate(list(threads.map(sure, chunks(pending))))]
    proof = certify_links(_flat(parts), load, d)
    return FlowBatch(load, proof.social_cost, proof.relative_gap, proof.relative_gap <= rtol, int(steps.max()))


def _columns(whole: FloatArray, rows: NDArray[np.int64], size: int) -> FloatArray:
    """Rows of [B, …] as columns […, b], padded by repeating them."""
    return np.ascontiguousarray(whole[np.resize(rows, size)].T)


def _flat(parts: Latency) -> Latency:
    """Latency of B·L resources, game after game, from parameters [B, L, …]."""
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), parts)


def _check_room(room: FloatArray, demand: FloatArray) -> None:
    """Refuse demands that do not fit below the capacities of their links."""
    short = np.flatnonzero((room.sum(axis=1) <= demand * (1.0 + 1e-12)) & (room < demand[:, None]).all(axis=1))
    if len(short):
        g = int(short[0])
        raise Infeasible(
            f"game {g}: a demand of {demand[g]:g} does not fit below the capacities of its links, {room[g].sum():g} together; "
            "lower the demand or raise capacities"
        )
