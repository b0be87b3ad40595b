r"""The price of anarchy that given latencies allow in nonatomic routing, computed.

With :math:`\beta = \sup x\,(\ell(r) - \ell(x)) / (r\,\ell(r))` over members ℓ of a class and 0 ≤ x ≤ r ≤ R, no network of such edges with
loads up to R at the equilibrium has a larger price of anarchy than :math:`\alpha = 1/(1 - \beta)` [correa2008]_. For a piecewise
linear latency the supremum is found exactly, among the critical points of each pair of pieces; for others by a search.

.. [correa2008] Correa, Schulz, Stier-Moses: A geometric approach to the price of anarchy in nonatomic congestion games, Games and
   Economic Behavior 64 (2008), 457-469.
"""

from __future__ import annotations

import copy
import math
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.bounds.record import PoaBound
from poagame.errors import InvalidInput
from poagame.games.checks import whole
from poagame.games.network import NetworkRouting
from poagame.latency import Latency, Polynomial
from poagame.latency.kinks import is_piecewise_linear, kinks
from poagame.latency.stacked import Stacked

FAINTEST = 1e-280
"""Latencies below are dust of the range of floats, and ratios of them mean nothing."""

TIE = 1e-13
"""Shares closer than this count as equal: the larger load shows them with rounder numbers."""


def anarchy_value(latency: Latency, max_load: ArrayLike) -> PoaBound:
    r"""Pigou bound of latencies for nonatomic routing with loads up to `max_load`.

    .. math:: \alpha = \sup_{\ell}\;\sup_{0 < r \le R}\; \sup_{0 \le x \le r} \frac{r\,\ell(r)}{x\,\ell(x) + (r - x)\,\ell(r)}.

    The value is attained by the pair of links that is returned, and so never too large but for rounding. For tables (also scaled, tolled,
    preloaded, summed with affine latencies) it is the supremum to about 1e-12. For others 113 loads r, equal steps and equal
    ratios, are tried with all their x, and the best four regions refined: about 1e-9, unless a peak is narrower
    than those steps and the kinks of tables.

    Parameters
    ----------
    latency : Latency
        A class of as many members as it has resources; each may be scaled by a factor, and constants belong to the class.
    max_load : float or [R]
        R > 0, the largest load that an edge can carry at the equilibrium, with a finite latency there.

    Returns
    -------
    PoaBound
        Wardrop equilibria. `instance` is the pair ℓ and the constant ℓ(r) with demand r at the worst ℓ and r. Infinite where a latency
        is zero up to a positive load and then rises, approached by demands just above.

    Raises
    ------
    InvalidInput
        If a latency is infinite at max_load or negative, all are zero up to it, or max_load is not positive and finite.

    Examples
    --------
    >>> from poagame.latency import MM1, Tabulated
    >>> round(anarchy_value(MM1([1.0, 2.0]), 0.75).value, 9)
    1.5
    >>> bound = anarchy_value(Tabulated([0.0, 4.0, 9.0], [1.0, 1.5, 4.0]), 9.0)
    >>> round(bound.value, 9), bound.instance.total_demand
    (1.402892639, 7.464101615137754)
    """
    if not isinstance(latency, Latency):
        raise InvalidInput(f"latency is a Latency of poagame.latency; got {latency!r:.80}")
    require(
        np.asarray(max_load).dtype.kind in "iuf", f"max_load must be positive and finite numbers; got {max_load!r:.80}"
    )
    limits = np.atleast_1d(as_floats(max_load, "max_load, which is positive and finite,"))
    require(bool((limits > 0).all()), f"max_load must be positive and finite; got {max_load}")
    members = latency.num_resources
    require(limits.shape in ((1,), (members,)), f"max_load is a number or [{members}]; got shape {limits.shape}")
    limits = np.broadcast_to(limits, (members,))
    for load in (np.zeros(members), limits):
        cost = np.broadcast_to(latency(load), (members,))
        require(
            bool((cost >= 0).all()), f"latencies must be nonnegative; the smallest at {load.max():g} is {cost.min()}"
        )
        require(
            bool(np.isfinite(cost).all()),
            f"the latency is infinite at load {load.max():g}: give a max_load below capacity",
        )
    require(
        bool((cost > 0).any()), "the latency is zero up to max_load: every flow costs nothing, and no ratio is defined"
    )
    require(
        not bool(((cost > 0) & (cost <= FAINTEST)).any()),
        f"a latency is at most {cost[cost > 0].min():g} up to max_load, too faint to compare loads by: change its unit",
    )
    pairs = [
        _worst_pair(_member(latency, k), float(limits[k])) if cost[k] > 0 else (1.0, 0.0, 0.0) for k in range(members)
    ]
    worst = int(np.argmin([share for share, _, _ in pairs]))
    share, x, r = pairs[worst]
    link = _member(latency, worst)
    loads = f"loads up to {limits[0]:g}" if (limits == limits[0]).all() else "loads up to those given"
    which = "this latency" if members == 1 else f"these {members} latencies"
    return PoaBound(
        value=1.0 / share if share > 0 else math.inf,
        kind="wardrop",
        valid_for=f"networks of edges of {which} (scaled by any factor) or of constant latency, {loads}",
        tight=True,
        source="Correa, Schulz, Stier-Moses 2008, Theorem 3.8 [correa2008]; value computed",
        name="anarchy_value",
        build=None if share == 0 else partial(_pair, link, x, r),
        approach=None if share > 0 else partial(_steeper_pair, link, x, r),
        remark="computed: exact for piecewise linear latencies, to about 1e-9 for others",
    )


def _pair(link: Latency, used: float, demand: float) -> NetworkRouting:
    """A link and the constant that it costs at the demand, of which the optimum uses it for a part."""
    price = float(np.ravel(link(demand))[0])
    spared = used * float(np.ravel(link(used))[0]) + (demand - used) * price
    game = NetworkRouting.parallel(Stacked.of([link, Polynomial([price])]), demand)
    return game.named(
        "correa2008, the pair that attains the anarchy value",
        poa=demand * price / spared,
        equilibrium_cost=demand * price,
        optimum_cost=spared,
        optimum_load=used,
        augmentation=2.0 - spared / (demand * price),  # more demand goes over the constant
    )


def _steeper_pair(link: Latency, free: float, most: float, size: int) -> NetworkRouting:
    """The pair at a demand just above the free load of the link, the nearer the larger the size."""
    above = (most - free) / (whole(size, "size", 1, 10**9) + 1.0)
    return _pair(link, free, free + above)


def _worst_pair(link: Latency, top: float) -> tuple[float, float, float]:
    """(1/α, x, r): the least cost of demand r on ℓ and the constant ℓ(r), over the cost of all on ℓ, and its loads.

    With 1/α = 0 the link is free up to x, and the optimum of demands from there up to r uses it up to x.
    """
    corners = kinks(link)[0]
    corners = np.unique(corners[(corners > 0) & (corners < top)])
    straight = is_piecewise_linear(link).all()
    return _of_pieces(link, np.array([0.0, *corners, top])) if straight else _by_search(link, corners, top)


def _of_pieces(link: Latency, knots: FloatArray) -> tuple[float, float, float]:
    """The same for a latency that is linear between knots, from the critical points of each pair of pieces."""
    height = np.ravel(link(knots))
    idle = int(np.flatnonzero(height == 0).max(initial=0))
    if idle > 0:
        # on the first piece that rises, x ℓ(x) does so at the price ℓ(r) of the other link as soon as it is paid, if r ≤ 2x
        return 0.0, float(knots[idle]), float(min(knots[idle + 1], 2.0 * knots[idle]))
    slope = np.diff(height) / np.diff(knots)
    intercept = height[:-1] - slope * knots[:-1]
    left, right = knots[:-1], knots[1:]

    def inside(load: FloatArray, axis: int) -> FloatArray:
        shape = (-1, 1) if axis == 0 else (1, -1)
        return np.clip(np.nan_to_num(load), left.reshape(shape), right.reshape(shape))

    # rows: x on a piece a + b x, or at a knot; columns: r on a piece c + e r, or at a knot. With both inside, the saving at the best
    # x is (ℓ − a)² / [4 b r ℓ], ℓ = c + e r, whose only critical point in r is a minimum
    a, b, c, e = intercept[:, None], slope[:, None], intercept[None, :], slope[None, :]
    cost = height[:, None]
    with np.errstate(all="ignore"):  # level pieces have no critical point of their own: clipped to an end
        from_knot = inside((cost + np.sqrt(np.maximum(cost * (cost - c), 0.0)) - c) / e, 1)
        to_knot = inside((height[None, :] - a) / (2.0 * b), 0)
    knot_x, knot_r = (np.ravel(grid) for grid in np.meshgrid(knots, knots, indexing="ij"))
    x = np.concatenate([knot_x, np.broadcast_to(knots[:, None], from_knot.shape).ravel(), to_knot.ravel()])
    r = np.concatenate([knot_r, from_knot.ravel(), np.broadcast_to(knots, to_knot.shape).ravel()])
    possible = (x <= r) & (r > 0)
    x, r = x[possible], r[possible]
    quotient = _share(x / r, np.interp(x, knots, height), np.interp(r, knots, height))
    equal = quotient <= quotient.min() * (1.0 + TIE)
    at = int(np.where(equal, r, -1.0).argmax())
    return float(quotient[at]), float(x[at]), float(r[at])


def _by_search(link: Latency, corners: FloatArray, top: float) -> tuple[float, float, float]:
    """The same for any latency: the best x for each of many r, then the best four regions of r refined."""
    r = np.unique(np.concatenate([top * np.linspace(0.0, 1.0, 65)[1:], top * np.geomspace(1e-6, 1.0, 49), corners]))
    share, part = _best_parts(link, r, corners)
    best = int(np.flatnonzero(share <= share.min() * (1.0 + TIE))[-1])  # of equals the largest load
    found = [float(share[best]), float(part[best] * r[best]), float(r[best])]
    padded = np.concatenate([[np.inf], share, [np.inf]])
    dips = np.flatnonzero((share <= padded[:-2]) & (share <= padded[2:]))
    dips = dips[np.argsort(share[dips])[:4]]
    low, high = np.concatenate([[0.0], r])[dips], np.concatenate([r, [top]])[dips + 1]
    for _ in range(8):
        grid = np.clip(low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, 17), 1e-9 * top, top)
        share, part = (value.reshape(grid.shape) for value in _best_parts(link, grid.ravel(), corners))
        at = share.argmin(axis=1)
        rows = np.arange(len(dips))
        best = int(share[rows, at].argmin())
        if share[best, at[best]] < found[0] * (1.0 - TIE):
            chosen = grid[best, at[best]]
            found = [float(share[best, at[best]]), float(part[best, at[best]] * chosen), float(chosen)]
        low, high = grid[rows, np.maximum(at - 1, 0)], grid[rows, np.minimum(at + 1, 16)]
    return found[0], found[1], found[2]


def _best_parts(link: Latency, r: FloatArray, corners: FloatArray) -> tuple[FloatArray, FloatArray]:
    """For each r the least share and the part x/r that gives it."""
    price = np.ravel(link(r))

    def shares(part: FloatArray) -> FloatArray:
        return _share(part, np.reshape(link((part * r[:, None]).ravel()), part.shape), price[:, None])

    part = np.broadcast_to(np.linspace(0.0, 1.0, 33), (len(r), 33))
    if len(corners):
        part = np.concatenate([part, np.minimum(corners / r[:, None], 1.0)], axis=1)
    rows, width = np.arange(len(r)), 1.0 / 32.0
    value = shares(part)
    at = value.argmin(axis=1)
    best, centre = value[rows, at], part[rows, at]
    for _ in range(10):
        part = np.clip(centre[:, None] + width * np.linspace(-1.0, 1.0, 17), 0.0, 1.0)
        value = shares(part)
        at = value.argmin(axis=1)
        better = value[rows, at] < best
        best, centre = np.where(better, value[rows, at], best), np.where(better, part[rows, at], centre)
        width /= 6.0
    return best, centre


def _share(part: FloatArray, cost: FloatArray, price: FloatArray) -> FloatArray:
    """[x ℓ(x) + (r − x) ℓ(r)] / [r ℓ(r)] for x = part · r; 1 where the price is too faint to divide by."""
    seen = price > FAINTEST
    return np.where(seen, (1.0 - part) + part * cost / np.where(seen, price, 1.0), 1.0)


def _member(latency: Latency, k: int) -> Latency:
    """Resource k of a latency, as a latency of one resource."""
    members = latency.num_resources
    if isinstance(latency, Stacked):
        for part, where in zip(latency.parts, latency.positions, strict=True):
            if k in where:
                return _member(part, int(np.flatnonzero(where == k)[0]))
    if members == 1:
        return latency
    one = copy.copy(latency)
    for name in latency.__dataclass_fields__:
        field = getattr(latency, name)
        if isinstance(field, Latency):
            object.__setattr__(one, name, field if field.num_resources == 1 else _member(field, k))
        elif np.shape(field)[:1] == (members,):
            object.__setattr__(one, name, np.asarray(field)[k : k + 1])
    return one
