"""What a caching game is given, checked and made into arrays."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import Array, BoolArray, FloatArray, IntArray, require
from poagame.errors import InvalidInput
from poagame.games.detours import first_detour

if TYPE_CHECKING:
    from poagame.games.caching import CachingGame

LARGEST = 1e300
"""Largest finite number that a game is given, and largest cost that it may come to, so that sums of them stay finite."""

ROUNDING = 1e-12
"""Relative difference that rounding explains."""


def distances(value: ArrayLike) -> FloatArray:
    """`value` as [n, n] ≥ 0 with zeros on the diagonal, read-only; infinite entries pass."""
    between = numbers(value, "distance")
    require(
        between.ndim == 2 and between.shape[0] == between.shape[1] and between.size > 0,
        f"distance must be [n, n], a row for each reader and a column for each holder; got shape {between.shape}",
    )
    refuse(between, between < 0, "distance must be >= 0 (infinite where a holder cannot be reached)")
    refuse(between, (between != 0) & np.eye(len(between), dtype=bool), "distance must be 0 on the diagonal")
    return read_only(between)


def is_metric(distance: FloatArray) -> bool:
    """Whether distances are symmetric and no detour is shorter, up to rounding."""
    return not _asymmetric(distance).any() and shorter_detour(distance) is None


def require_metric(distance: FloatArray) -> None:
    """Refuse asymmetric distances, and warn of a shorter detour."""
    refuse(distance, _asymmetric(distance), "distances claimed to be a metric must be symmetric")
    detour = shorter_detour(distance)
    if detour is not None:
        i, j, k = detour
        warnings.warn(
            f"distances claimed to be a metric break the triangle inequality: from {i} to {k} it is {distance[i, k]:g}, and "
            f"{distance[i, j] + distance[j, k]:g} by way of {j}. Bounds that need a metric prove nothing for this game; "
            "CachingGame.from_networkx takes shortest paths",
            UserWarning,
            stacklevel=3,
        )


def shorter_detour(distance: FloatArray) -> tuple[int, int, int] | None:
    """Nodes (i, j, k) with d_ik > d_ij + d_jk beyond rounding, if there are any."""
    i, j, k = first_detour(np.ascontiguousarray(distance))
    return None if i < 0 else (i, j, k)


def _asymmetric(distance: FloatArray) -> BoolArray:
    """Which entries differ from those across the diagonal, beyond rounding."""
    larger, smaller = np.maximum(distance, distance.T), np.minimum(distance, distance.T)
    return larger > smaller * (1.0 + ROUNDING)


def one_each(
    value: ArrayLike,
    name: str,
    nodes: int,
    *,
    objects: bool = False,
    infinite: bool = False,
    negative: bool = False,
) -> FloatArray:
    """`value` as [n], a number standing for all, read-only; [n, K] passes if objects do."""
    array = numbers(value, name)
    rows = objects and array.ndim == 2 and len(array) == nodes and array.shape[1] > 0
    require(
        array.shape in ((), (nodes,)) or rows,
        f"{name} must be a number, or one for each of {nodes} nodes{' (a row of objects each)' if objects else ''}; "
        f"got shape {array.shape}",
    )
    bad = ~(np.isfinite(array) | (infinite & (array == np.inf))) | (~np.bool_(negative) & (array < 0))
    refuse(
        array,
        bad,
        f"{name} must be {'' if infinite else 'finite'}{'' if infinite or negative else ' and '}{'' if negative else '>= 0'}",
    )
    return read_only(array if rows else np.broadcast_to(array, (nodes,)).copy())


def capacities(value: ArrayLike, nodes: int, tiers: int) -> IntArray:
    """`value` as [n, T] int64, read-only; a number stands for all tiers of all nodes, [T] for all nodes."""
    array = numbers(value, "capacity")
    require(
        array.shape in ((), (tiers,), (nodes, tiers)),
        f"capacity must be a number, one for each of {tiers} tiers, or [{nodes}, {tiers}]; got shape {array.shape}",
    )
    refuse(array, ~np.isfinite(array) | (array < 0) | (array != np.floor(array)), "capacity counts whole objects, >= 0")
    require(
        bool((array > 0).any()),
        "capacity is below one object everywhere: nobody could hold anything; leave capacity=None for no limits",
    )
    # more than any game has objects, and few enough to be summed over all nodes
    return read_only(np.broadcast_to(np.minimum(array, 2.0**40).astype(np.int64), (nodes, tiers)).copy())


def fixed_choices(value: ArrayLike, shape: tuple[int, ...], tiers: int) -> IntArray:
    """`value` as int64 of that shape, −1 … T, read-only."""
    array = numbers(value, "fixed")
    require(array.shape == shape, f"fixed must have the shape {shape} of demand; got shape {array.shape}")
    inside = (array >= -1) & (array <= tiers) & (array == np.floor(array))
    refuse(array, ~inside, f"fixed is -1 where a node chooses, else 0 … {tiers}")
    return read_only(array.astype(np.int64))


def placement(value: ArrayLike, shape: tuple[int, ...], tiers: int) -> IntArray:
    """`value` as a profile, int64 whose last axes are `shape`, 0 … T."""
    try:
        given = np.asarray(value)
    except ValueError as error:  # ragged
        raise InvalidInput(f"a profile holds whole numbers; got {value!r:.80}") from error
    if given.dtype.kind not in "biuf":  # no `require`: writing out a large array takes longer than the checks
        raise InvalidInput(f"a profile holds whole numbers; got {value!r:.80}")
    require(
        given.shape[len(given.shape) - len(shape) :] == shape,
        f"a profile names what each node holds, in the shape {shape} of demand; got shape {given.shape}",
    )
    require(bool(np.isfinite(given).all()), "a profile holds whole numbers; got NaN or infinity")
    require(bool((np.floor(given) == given).all()), "a profile holds whole numbers: 0 for nothing, t for tier t")
    if given.size and (given.min() < 0 or given.max() > tiers):  # before the cast, which would overflow
        raise InvalidInput(
            f"actions are 0 … {tiers} (0 holds nothing, t a copy in tier t); the profile holds {given.min():g} … {given.max():g}"
        )
    return given.astype(np.int64)


def numbers(value: ArrayLike, name: str) -> FloatArray:
    """`value` as float64 without NaN, owned by the caller; infinite entries pass."""
    try:
        given = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} must be an array of numbers; got {value!r:.80}") from error
    if given.dtype.kind not in "iuf":  # no `require`: writing out a large array takes longer than the checks
        raise InvalidInput(f"{name} must be numbers; got {value!r:.80}")
    array = given.astype(np.float64)
    refuse(array, np.isnan(array), f"{name} must be numbers")
    return array


def refuse(array: Any, bad: Any, message: str) -> None:
    """Raise `InvalidInput(message)` with the first bad entry, if there is one."""
    if np.any(bad):
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InvalidInput(f"{message}; {f'entry {where}' if where else 'it'} is {array[where]}")


def subsidies(value: ArrayLike, placement_cost: Array) -> FloatArray:
    """`value` as [n], at most the placement cost, read-only."""
    each = one_each(value, "subsidy", len(placement_cost), negative=True)
    refuse(each, each > placement_cost, "subsidy must be at most the placement cost")
    return each


def refuse_overflow(game: CachingGame) -> None:
    """Refuse numbers so large that what all nodes pay together, a charge included, might not be finite."""
    reads = (game.distance, game.miss_cost, game.tiers.access)
    with np.errstate(over="ignore"):
        read = sum(np.max(a, where=np.isfinite(a), initial=0.0) for a in reads)
        places = (game.placement_cost + np.maximum(-np.asarray(game.subsidy), 0.0)).sum() * game.num_objects
        total = game.demand.sum() * read + places * np.max(game.tiers.price)
    require(bool(total <= LARGEST), f"costs of this game may come to more than {LARGEST:g}; give them in a larger unit")


def refuse_no_room(game: CachingGame) -> None:
    """Refuse a game in which somebody pays infinitely much whatever anybody does, for lack of places or of reach."""
    if game.fixed is not None and game.capacity is not None:
        held = np.where(np.asarray(game.fixed) < 0, 0, game.fixed)
        fits = game.has_room(held)
        over = ~(fits[:, None] if game.has_objects else fits) & np.ones(held.shape, dtype=bool)
        refuse(held, over, "fixed choices hold more than the capacity of a node")
    if np.isfinite(game.miss_cost).all() or (game.capacity is None and game.fixed is None):
        return
    choosing = np.ones(game.demand.shape, dtype=bool) if game.fixed is None else np.asarray(game.fixed) != 0
    room = np.full(game.num_players, np.inf) if game.capacity is None else np.asarray(game.capacity).sum(axis=1)
    choosing, asked = (a if game.has_objects else a[:, None] for a in (choosing, np.asarray(game.demand) > 0))
    for i in np.flatnonzero(np.isinf(game.miss_cost) & asked.any(axis=1)):
        near = np.isfinite(game.distance[i])
        lost = asked[i] & ~(choosing & near[:, None] & (room > 0)[:, None]).any(axis=0)
        require(
            not lost.any() and room[near].sum() >= asked[i].sum(),
            f"node {i} asks for {int(asked[i].sum())} objects and nobody within its reach can hold them all: give miss_cost, what a "
            "unit of demand costs without a copy, or more capacity",
        )


def read_only(array: Any) -> Any:
    """An array of the caller's own, from now on for reading."""
    array.flags.writeable = False
    return array


def short(value: FloatArray) -> float | list[float]:
    """A number where all are equal."""
    return float(value[0]) if (value == value[0]).all() else value.tolist()
