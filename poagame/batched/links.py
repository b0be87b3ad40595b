r"""Wardrop equilibria of many games on parallel links, solved together.

At an equilibrium all used links of a game cost the same level λ, and each holds :math:`x_j(\lambda) = \ell_j^{-1}(\lambda)`. Most games are
solved in a few steps by local models of these inverses. Those that resist (links that are flat, or nearly, at the level) are solved
by brackets: the excess :math:`\sum_j x_j(\lambda) - d` rises with λ, so a bracket on λ closes in, and with it a bracket on each load;
where a link is flat at the level its load is whatever the others leave, and the answer is the mixture of both ends of the bracket
that carries the demand exactly.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import ArrayLike, NDArray

from poagame._arrays import Array, FloatArray, as_floats, require
from poagame.certificates.links import certify_links
from poagame.errors import Infeasible
from poagame.latency import Latency

_CHUNK_ENTRIES = 1 << 13
"""Loads [L, b] in one chunk on a CPU: its arrays stay in the second-level cache."""

_BURST = 6
"""Steps after which games that are done leave the batch."""

_HALLEY_STEPS = 12
"""Most steps by local models before a game is handed to the bracket."""

_MODEL_STEPS = 12
"""Most trial levels for one set of local models."""

_TINY = 4 * float(np.finfo(np.float64).eps)


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
            found = np.asarray(_room(chunk, np.tile(wanted, links)))
        room[rows] = found.reshape(links, size).T[: len(rows)]

    def quick(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        chunk, wanted = chunk_of(rows)
        with jax.enable_x64(True):
            found, done, used = _halley(chunk, wanted, _columns(room, rows, size), rtol)
        load[rows] = np.asarray(found).T[: len(rows)]
        steps[rows] = int(used)
        return np.asarray(done)[: len(rows)]

    def sure(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        chunk, wanted = chunk_of(rows)
        inside = _Bracket(*(_columns(part, rows, size) for part in brackets))
        with jax.enable_x64(True):
            end, found, done, used = _close_in(chunk, wanted, inside, rtol, min(_BURST, max_steps))
        for whole, part in zip(brackets, end, strict=True):
            whole[rows] = np.asarray(part).T[: len(rows)]
        load[rows] = np.asarray(found).T[: len(rows)]
        steps[rows] += int(used)
        return np.asarray(done)[: len(rows)]

    def chunks(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        return [rows[b : b + size] for b in range(0, len(rows), size)]

    pending = np.arange(batch)
    with ThreadPoolExecutor((os.cpu_count() or 1) if on_cpu else 1) as threads:
        list(threads.map(measure, chunks(pending)))
        _check_room(room, d)
        pending = pending[~np.concatenate(list(threads.map(quick, chunks(pending))))]
        low = np.zeros((batch, links)) if len(pending) else room
        nothing = np.full(batch, np.nan)
        brackets = _Bracket(low, room.copy(), nothing, nothing.copy(), -d, room.sum(axis=1) - d)
        while len(pending) and steps.max() < max_steps:
            pending = pending[~np.concatenate(list(threads.map(sure, chunks(pending))))]
    proof = certify_links(_flat(parts), load, d)
    return FlowBatch(load, proof.social_cost, proof.relative_gap, proof.relative_gap <= rtol, int(steps.max()))


class _Bracket(NamedTuple):
    """Where the answer of each game lies: loads below and above it, and the levels and excesses that belong to them."""

    low: Array
    """[L, b]"""
    high: Array
    """[L, b]"""
    low_level: Array
    """[b]"""
    high_level: Array
    """[b]"""
    low_excess: Array
    """[b]: Σ low − demand ≤ 0."""
    high_excess: Array
    """[b]: Σ high − demand ≥ 0."""


def _columns(whole: FloatArray, rows: NDArray[np.int64], size: int) -> FloatArray:
    """Rows of [B, …] as columns […, b], padded by repeating them."""
    return np.ascontiguousarray(whole[np.resize(rows, size)].T)


def _flat(parts: Latency) -> Latency:
    """Latency of B·L resources, game after game, from parameters [B, L, …]."""
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), parts)


@jax.jit
def _room(latency: Latency, most: Array) -> Array:
    """[…]: the largest load up to `most` at which each link has a finite latency, to 50 bits of `most`."""

    def halve(bounds: tuple[Array, ...]) -> tuple[Array, ...]:
        low, high, k = bounds
        middle = 0.5 * (low + high)
        fits = jnp.isfinite(latency.value(middle))
        return jnp.where(fits, middle, low), jnp.where(fits, high, middle), k + 1

    full = ~jnp.isfinite(latency.value(most))
    low = lax.while_loop(lambda s: full.any() & (s[2] < 50), halve, (0.0 * most, most, 0))[0]
    return jnp.where(full, low, most)


def _check_room(room: FloatArray, demand: FloatArray) -> None:
    """Refuse demands that do not fit below the capacities of their links."""
    short = np.flatnonzero((room.sum(axis=1) <= demand * (1.0 + 1e-12)) & (room < demand[:, None]).all(axis=1))
    if len(short):
        g = int(short[0])
        raise Infeasible(
            f"game {g}: a demand of {demand[g]:g} does not fit below the capacities of its links, {room[g].sum():g} together; "
            "lower the demand or raise capacities"
        )


@jax.jit
def _halley(latency: Latency, demand: Array, room: Array, rtol: float) -> tuple[Array, Array, Array]:
    r"""Loads [L, b] by a local model of each inverse, exact for affine costs and for a pole; which games are done [b]; the steps.

    .. math:: x_j(\lambda) \approx x_j + \frac{\Delta/s_j}{1 + h_j \Delta / 2 s_j^2}, \quad \Delta = \lambda - c_j

    with cost c, slope s and curvature h at the present loads; each step finds the level at which the models carry the demand.
    """
    shape = room.shape

    def at(part: Callable[[Array], Array], load: Array) -> Array:
        return part(load.reshape(-1)).reshape(shape)

    def finished(load: Array, cost: Array) -> Array:
        total = (load * cost).sum(axis=0)
        return total - demand * cost.min(axis=0) <= 0.5 * rtol * total

    def step(state: tuple[Array, ...]) -> tuple[Array, ...]:
        x, cost, done, k = state
        slope, bend = at(latency.derivative, x), at(latency.curvature, x)
        flat = slope <= 0
        speed = jnp.where(flat, 0.0, 1.0 / jnp.where(flat, 1.0, slope))
        hook = 0.5 * bend * speed * speed
        least = jnp.where(x > 0, 0.2 * x, 0.02 * room)

        def model(level: Array) -> tuple[Array, Array]:
            over = level - cost
            below = 1.0 + hook * over
            to = x + jnp.where(
                below > 0, over * speed / jnp.where(below > 0, below, 1.0), jnp.where(over < 0, -x, room)
            )
            to = jnp.where(flat & (over > 0), room, to)
            floor = jnp.where(blind & (level > empty), least, 0.0)
            inside = (to > floor) & (to < room)
            rate = jnp.where(inside, speed / jnp.where(inside, below * below, 1.0), 0.0)
            return jnp.clip(to, floor, room), rate

        def seek(search: tuple[Array, ...]) -> tuple[Array, ...]:
            level, low, high, _, n = search
            load, rate = model(level)
            excess, speed_up = load.sum(axis=0) - demand, rate.sum(axis=0)
            low, high = jnp.where(excess <= 0, level, low), jnp.where(excess >= 0, level, high)
            newton = level - excess / jnp.where(speed_up > 0, speed_up, 1.0)
            good = (newton > low) & (newton < high) & (speed_up > 0)
            busy = (jnp.abs(excess) > 1e-12 * demand) & (high - low > _TINY * jnp.abs(high)) & ~done
            return jnp.where(busy, jnp.where(good, newton, 0.5 * (low + high)), level), low, high, busy, n + 1

        low, high = cost.min(axis=0), cost.max(axis=0)
        guess = (cost * speed).sum(axis=0) / jnp.maximum(speed.sum(axis=0), 1e-300)
        search = (jnp.clip(guess, low, high), low, high, ~done, 0)
        level = lax.while_loop(lambda s: s[3].any() & (s[4] < _MODEL_STEPS), seek, search)[0]
        to = model(level)[0]
        total = to.sum(axis=0)
        to = jnp.where(done | (total <= 0), x, to * demand / jnp.where(total > 0, total, 1.0))
        after = at(latency.value, to)
        usable = jnp.isfinite(after)
        # a link that a step would choke goes half of the way
        to = jnp.where(usable.all(axis=0), to, 0.5 * (x + to))
        after = at(latency.value, to)
        return to, after, finished(to, after), k + 1

    # a link that is flat at 0 keeps some load while it is cheaper empty than the level, or its model could not see it again
    empty, blind = at(latency.value, jnp.zeros(shape)), at(latency.derivative, jnp.zeros(shape)) <= 0
    x = room * demand / room.sum(axis=0)
    cost = at(latency.value, x)
    end = lax.while_loop(lambda s: ~s[2].all() & (s[3] < _HALLEY_STEPS), step, (x, cost, finished(x, cost), 0))
    return end[0], end[2], end[3]


@jax.jit
def _close_in(
    latency: Latency, demand: Array, begin: _Bracket, rtol: float, max_steps: int
) -> tuple[_Bracket, Array, Array, Array]:
    """Tighten brackets; return them, the loads [L, b] between, which games are done [b], and the steps taken."""
    shape = begin.low.shape

    def cost(load: Array) -> Array:
        return latency.value(load.reshape(-1)).reshape(shape)

    def slope(load: Array) -> Array:
        return latency.derivative(load.reshape(-1)).reshape(shape)

    def inverse(level: Array, low: Array, high: Array) -> Array:
        """[L, b]: the largest load in [low, high] at which each link costs at most `level`, or the lower end."""

        def step(state: tuple[Array, ...]) -> tuple[Array, ...]:
            x, low, high, _, k = state
            over, steep = cost(x) - level, slope(x)
            low, high = jnp.where(over <= 0, x, low), jnp.where(over > 0, x, high)
            newton = x - over / steep
            # every fourth step halves, so that no curve can stall Newton for long
            inside = (newton > low) & (newton < high) & (k % 4 != 3)
            to = jnp.where(inside, newton, 0.5 * (low + high))
            met = (jnp.abs(over) <= _TINY * jnp.abs(level)) & (steep > 0)
            busy = ~met & (high - low > _TINY * high)
            return jnp.where(busy, to, x), low, high, busy, k + 1

        at_low, at_high = cost(low) > level, cost(high) <= level
        x = jnp.where(at_low, low, jnp.where(at_high, high, 0.5 * (low + high)))
        low, high = jnp.where(at_high, high, low), jnp.where(at_low & ~at_high, low, high)
        busy = high > low
        return lax.while_loop(lambda s: s[3].any() & (s[4] < 200), step, (x, low, high, busy, 0))[0]

    def mixture(b: _Bracket) -> Array:
        """[L, b]: the point between both ends that carries the demand."""
        span = b.high_excess - b.low_excess
        share = jnp.where(span > 0, -b.low_excess / jnp.where(span > 0, span, 1.0), 0.0)
        load = b.low + share * (b.high - b.low)
        return jnp.where(
            load > 1e-18 * demand, load, 0.0
        )  # dust, that no sum of loads shows, would be all the cost of a free game

    def near(b: _Bracket) -> Array:
        """[b]: whether the mixture is an equilibrium to half of `rtol`, or the bracket as small as rounding."""
        x = mixture(b)
        prices = cost(x)
        total = (x * prices).sum(axis=0)
        reached = total - demand * prices.min(axis=0) <= 0.5 * rtol * total
        return reached | (b.high_level - b.low_level <= _TINY * jnp.abs(b.high_level))

    def tighten(state: tuple[Array, ...]) -> tuple[Array, ...]:
        b, low_pull, high_pull, _, k = state
        falsi = b.low_level - low_pull * (b.high_level - b.low_level) / (high_pull - low_pull)
        middle = 0.5 * (b.low_level + b.high_level)
        inside = (falsi > b.low_level) & (falsi < b.high_level) & (k % 3 != 2)
        level = jnp.where(inside, falsi, middle)
        x = inverse(level, b.low, b.high)
        excess = x.sum(axis=0) - demand
        below = excess < 0
        after = _Bracket(
            jnp.where(below, x, b.low),
            jnp.where(below, b.high, x),
            jnp.where(below, level, b.low_level),
            jnp.where(below, b.high_level, level),
            jnp.where(below, excess, b.low_excess),
            jnp.where(below, b.high_excess, excess),
        )
        # the end that stays counts half from now on (Illinois), or it would stay for ever
        low_pull = jnp.where(below, excess, 0.5 * low_pull)
        high_pull = jnp.where(below, 0.5 * high_pull, excess)
        done = near(b)
        after = jax.tree.map(lambda old, new: jnp.where(done, old, new), b, after)
        return after, low_pull, high_pull, near(after), k + 1

    def both_ends() -> _Bracket:
        """Bracket between the cheapest link's cost when empty and the dearest's under an even spread."""
        lowest = cost(begin.low).min(axis=0)
        highest = cost(demand * begin.high / begin.high.sum(axis=0)).max(axis=0)
        low = inverse(lowest, begin.low, begin.high)
        enough = low.sum(axis=0) >= demand  # links at their lowest cost carry all
        high = jnp.where(enough, low, inverse(highest, begin.low, begin.high))
        low = jnp.where(enough, begin.low, low)
        level = jnp.where(enough, lowest, highest)
        return _Bracket(low, high, lowest, level, low.sum(axis=0) - demand, high.sum(axis=0) - demand)

    start = lax.cond(jnp.isnan(begin.low_level).any(), both_ends, lambda: begin)
    state = (start, start.low_excess, start.high_excess, near(start), jnp.zeros((), int))
    end, _, _, done, used = lax.while_loop(lambda s: ~s[3].all() & (s[4] < max_steps), tighten, state)
    return end, mixture(end), done, used
