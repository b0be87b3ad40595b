r"""Compiled steps towards Wardrop equilibria of many games on parallel links, the batch last on every array.

`halley` solves most games in a few steps by local models of the inverses :math:`x_j(\lambda) = \ell_j^{-1}(\lambda)`.
`close_in` solves those that resist (links that are flat, or nearly, at the level) by brackets: the excess
:math:`\sum_j x_j(\lambda) - d` rises with the level λ, so a bracket on λ closes in, and with it a bracket on each load; where a link is
flat at the level its load is whatever the others leave, and the answer is the mixture of both ends of the bracket that carries
the demand exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from poagame._arrays import Array
from poagame.latency import Latency

HALLEY_STEPS = 12
"""Most steps by local models before a game is handed to the bracket."""

MODEL_STEPS = 12
"""Most trial levels for one set of local models."""

TINY = 4 * float(np.finfo(np.float64).eps)


class Bracket(NamedTuple):
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


@jax.jit
def room_for(latency: Latency, most: Array) -> Array:
    """[…]: the largest load up to `most` at which each link has a finite latency, to 50 bits of `most`."""

    def halve(bounds: tuple[Array, ...]) -> tuple[Array, ...]:
        low, high, k = bounds
        middle = 0.5 * (low + high)
        fits = jnp.isfinite(latency.value(middle))
        return jnp.where(fits, middle, low), jnp.where(fits, high, middle), k + 1

    full = ~jnp.isfinite(latency.value(most))
    low = lax.while_loop(lambda s: full.any() & (s[2] < 50), halve, (0.0 * most, most, 0))[0]
    return jnp.where(full, low, most)


@jax.jit
def halley(latency: Latency, demand: Array, room: Array, rtol: float) -> tuple[Array, Array, Array]:
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
            busy = (jnp.abs(excess) > 1e-12 * demand) & (high - low > TINY * jnp.abs(high)) & ~done
            return jnp.where(busy, jnp.where(good, newton, 0.5 * (low + high)), level), low, high, busy, n + 1

        low, high = cost.min(axis=0), cost.max(axis=0)
        guess = (cost * speed).sum(axis=0) / jnp.maximum(speed.sum(axis=0), 1e-300)
        search = (jnp.clip(guess, low, high), low, high, ~done, 0)
        level = lax.while_loop(lambda s: s[3].any() & (s[4] < MODEL_STEPS), seek, search)[0]
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
    end = lax.while_loop(lambda s: ~s[2].all() & (s[3] < HALLEY_STEPS), step, (x, cost, finished(x, cost), 0))
    return end[0], end[2], end[3]


@jax.jit
def close_in(
    latency: Latency, demand: Array, begin: Bracket, rtol: float, max_steps: int
) -> tuple[Bracket, Array, Array, Array]:
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
            met = (jnp.abs(over) <= TINY * jnp.abs(level)) & (steep > 0)
            busy = ~met & (high - low > TINY * high)
            return jnp.where(busy, to, x), low, high, busy, k + 1

        at_low, at_high = cost(low) > level, cost(high) <= level
        x = jnp.where(at_low, low, jnp.where(at_high, high, 0.5 * (low + high)))
        low, high = jnp.where(at_high, high, low), jnp.where(at_low & ~at_high, low, high)
        busy = high > low
        return lax.while_loop(lambda s: s[3].any() & (s[4] < 200), step, (x, low, high, busy, 0))[0]

    def mixture(b: Bracket) -> Array:
        """[L, b]: the point between both ends that carries the demand."""
        span = b.high_excess - b.low_excess
        share = jnp.where(span > 0, -b.low_excess / jnp.where(span > 0, span, 1.0), 0.0)
        load = b.low + share * (b.high - b.low)
        # dust that no sum of loads shows would be all the cost of a free game
        return jnp.where((load > 1e-18 * demand) | (b.low_level > 0), load, 0.0)

    def near(b: Bracket) -> Array:
        """[b]: whether the mixture is an equilibrium to half of `rtol`, or the bracket as small as rounding."""
        x = mixture(b)
        prices = cost(x)
        total = (x * prices).sum(axis=0)
        reached = total - demand * prices.min(axis=0) <= 0.5 * rtol * total
        return reached | (b.high_level - b.low_level <= TINY * jnp.abs(b.high_level))

    def tighten(state: tuple[Array, ...]) -> tuple[Array, ...]:
        b, low_pull, high_pull, _, k = state
        falsi = b.low_level - low_pull * (b.high_level - b.low_level) / (high_pull - low_pull)
        middle = 0.5 * (b.low_level + b.high_level)
        inside = (falsi > b.low_level) & (falsi < b.high_level) & (k % 3 != 2)
        level = jnp.where(inside, falsi, middle)
        x = inverse(level, b.low, b.high)
        excess = x.sum(axis=0) - demand
        below = excess < 0
        after = Bracket(
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

    def both_ends() -> Bracket:
        """Bracket between the cheapest link's cost when empty and the dearest's under an even spread."""
        lowest = cost(begin.low).min(axis=0)
        highest = cost(demand * begin.high / begin.high.sum(axis=0)).max(axis=0)
        low = inverse(lowest, begin.low, begin.high)
        enough = low.sum(axis=0) >= demand  # links at their lowest cost carry all
        high = jnp.where(enough, low, inverse(highest, begin.low, begin.high))
        low = jnp.where(enough, begin.low, low)
        level = jnp.where(enough, lowest, highest)
        return Bracket(low, high, lowest, level, low.sum(axis=0) - demand, high.sum(axis=0) - demand)

    start = lax.cond(jnp.isnan(begin.low_level).any(), both_ends, lambda: begin)
    state = (start, start.low_excess, start.high_excess, near(start), jnp.zeros((), int))
    end, _, _, done, used = lax.while_loop(lambda s: ~s[3].all() & (s[4] < max_steps), tighten, state)
    return end, mixture(end), done, used
