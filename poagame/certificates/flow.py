r"""Is this flow a Wardrop equilibrium, how far off, and what does that leave open about the equilibrium's cost?

Shares no code with the solvers: distances come from scipy's Dijkstra on a graph built here, conservation from node balances and, where
path flows are given, from walking them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from poagame._arrays import FloatArray, IntArray, require
from poagame.games.network import NetworkRouting
from poagame.latency.convexity import total_cost_is_convex

CONSERVATION_RTOL = 1e-12
"""Imbalance that rounding explains, relative to the total demand."""

ROUNDING = 1e-15
"""Part of the total cost below which a gap is rounding."""

HULL_CELLS = 4096
"""Intervals of load on which the cost of an edge that is not known to be convex is bounded from below."""

HALVINGS = 60
"""Steps to the load at which an edge's marginal cost meets a price."""

CELLS = 16
"""Intervals on which the error bar bounds each edge."""

Paths: TypeAlias = tuple[IntArray, IntArray, FloatArray, IntArray]
"""path_ptr [P + 1], path_edges, flow [P], commodity [P]."""


@dataclass(frozen=True, eq=False, slots=True)
class FlowCertificate:
    """How far a flow is from a Wardrop equilibrium.

    Attributes
    ----------
    relative_gap : float
        (total − shortest) / total: the part of what all pay that shortest paths at these costs would save; 0 exactly at equilibria.
    gap, total, shortest : float
        The same in cost units: Σ load · cost, and Σ demand · distance.
    conservation_error : float
        Largest imbalance of a node (and, where path flows were given, of a commodity or an edge), relative to the total demand.
    paths_checked : bool
        Whether path flows were given and walked. Node balances alone do not tell commodities apart, nor flow that passes through a
        closed zone: without paths `holds` is on condition that some path flows have these loads.
    cost_low, cost_high : float
        The social cost of every exact equilibrium lies between.
    rtol : float
        Relative gap that was asked for.
    """

    relative_gap: float
    gap: float
    total: float
    shortest: float
    conservation_error: float
    paths_checked: bool
    cost_low: float
    cost_high: float
    rtol: float

    @property
    def holds(self) -> bool:
        """Whether demand is carried and the relative gap is at most `rtol`."""
        return self.conservation_error <= CONSERVATION_RTOL and self.relative_gap <= self.rtol

    def __str__(self) -> str:
        """Gap, conservation and error bar in a line."""
        verdict = "holds" if self.holds else "does not hold"
        return (
            f"relative gap {self.relative_gap:.2g} (asked {self.rtol:.2g}), conservation error "
            f"{self.conservation_error:.2g}, equilibrium cost in [{self.cost_low:.10g}, {self.cost_high:.10g}]: {verdict}"
        )


def certify_flow(
    game: NetworkRouting, load: ArrayLike, rtol: float = 1e-9, paths: Paths | None = None
) -> FlowCertificate:
    r"""Certificate of `load` [E] as a Wardrop equilibrium of `game`.

    Notes
    -----
    The error bar. Let f be the load, f* an equilibrium, G the gap. The variational inequalities at f and f* give
    :math:`\sum_e (\ell_e(f)-\ell_e(f^*))(f_e-f^*_e) \le G` (terms ≥ 0, as latencies are nondecreasing) and
    :math:`|C(f)-C(f^*)| \le G + \sum_e f_e\,|\Delta\ell_e|`. For every λ > 0 the right side is at most
    :math:`(1+\lambda) G + \sum_e \max_\delta |\Delta\ell_e(\delta)|\,(f_e-\lambda|\delta|)`, and each maximum, over a monotone function
    times a falling one, is bounded from the ends of intervals. The best of several λ around the linearised optimum is taken.

    Raises
    ------
    InvalidInput
        If the load has another shape, or is negative or NaN.
    """
    x = np.asarray(load, dtype=np.float64)
    require(x.shape == (game.num_edges,), f"load must be [E] = ({game.num_edges},); got shape {x.shape}")
    cost = np.asarray(game.edge_cost(x), dtype=np.float64)
    total = float(game.social_cost(x))
    distance = commodity_distances(game, cost)
    shortest = float(np.where(game.demand > 0, game.demand, 0.0) @ np.where(game.demand > 0, distance, 0.0))
    gap = total - shortest if np.isfinite(total) else np.inf
    relative = max(gap, 0.0) / total if 0.0 < total < np.inf else (0.0 if total == 0.0 else np.inf)
    error = _imbalance(game, x)
    if paths is not None:
        error = float(np.max([error, _path_error(game, x, paths)]))  # a NaN stays one, and holds nothing
    if gap < -ROUNDING * (10 + game.num_edges) * total:  # cheaper than shortest paths: no commodities flow like this
        error = max(error, -gap / total)
    low, high = _equilibrium_cost(game, x, cost, total, gap) if error <= CONSERVATION_RTOL else (0.0, np.inf)
    return FlowCertificate(relative, gap, total, shortest, error, paths is not None, low, high, rtol)


def flow_lower_bound(game: NetworkRouting, load: ArrayLike, price: ArrayLike | None = None) -> float:
    r"""Return a number that no feasible flow's social cost undercuts, tight if `load` is optimal.

    If every edge's cost :math:`y\,\ell_e(y)` lies above a line :math:`g_e y - h_e`, then
    :math:`C(y) \ge \sum_k d_k\,\mathrm{dist}_k(g) - \sum_e h_e` for every feasible y. Where :math:`y\,\ell_e(y)` is known to be convex the
    line is its tangent at the load (the Frank–Wolfe bound), or the one of slope `price` [E] ≥ 0: any prices bound, and at a kink,
    where tangents abound, those of a dual solution do best. Elsewhere the line supports the lower convex hull, found on a grid of
    loads up to the total demand, and the bound may stay below the optimum.

    Raises
    ------
    InvalidInput
        If prices are negative, NaN or infinite, or not [E].
    """
    x = np.asarray(load, dtype=np.float64)
    if price is None:
        slope = np.asarray(game.latency.marginal_cost(x), dtype=np.float64)
        if not np.isfinite(slope[x > 0]).all():
            return 0.0
        used = x > 0
        offset = np.where(used, x * (np.where(used, slope, 0.0) - np.where(used, game.edge_cost(x), 0.0)), 0.0)
    else:
        slope = np.array(price, dtype=np.float64)
        require(
            slope.shape == (game.num_edges,) and bool((np.isfinite(slope) & (slope >= 0)).all()),
            f"price must be [E] = ({game.num_edges},), finite and nonnegative; got shape {slope.shape}",
        )
        offset = _most_below(game, slope)
    bent = np.flatnonzero(~total_cost_is_convex(game.latency))
    if bent.size:
        slope[bent], offset[bent] = _supports(game, x, bent)
    distance = commodity_distances(game, slope)
    wanted = game.demand > 0
    paid = float(game.demand[wanted] @ distance[wanted])
    size = paid + float(np.abs(offset).sum())
    bound = max(0.0, paid - float(offset.sum()) - 4 * ROUNDING * size)
    if bent.size:  # all pay at least what an empty network costs
        empty = commodity_distances(game, np.asarray(game.edge_cost(np.zeros_like(x)), dtype=np.float64))
        bound = max(bound, float(game.demand[wanted] @ empty[wanted]) * (1.0 - 4 * ROUNDING))
    return bound


def _most_below(game: NetworkRouting, slope: FloatArray) -> FloatArray:
    """[E]: no less than max of slope · y − y·ℓ_e(y) over loads y up to the total demand, where the edges' costs are convex."""
    low, high = np.zeros(game.num_edges), np.full(game.num_edges, game.total_demand)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        rising = np.asarray(game.latency.marginal_cost(middle), dtype=np.float64) <= slope
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    latency, marginal = (np.asarray(f(low), dtype=np.float64) for f in (game.edge_cost, game.latency.marginal_cost))
    # a concave function lies below its tangents
    gain = low * (slope - np.where(low > 0, latency, 0.0))
    return gain + np.where(high > low, np.maximum(slope - marginal, 0.0) * (high - low), 0.0)


def _supports(game: NetworkRouting, x: FloatArray, edges: IntArray) -> tuple[FloatArray, FloatArray]:
    """Slopes g and offsets h of lines that g·y − h ≤ y·ℓ_e(y) holds for on [0, total demand], near the hull's at the loads."""
    most = game.total_demand
    loads = most * np.linspace(0.0, 1.0, HULL_CELLS + 1)
    whole = np.broadcast_to(x, (loads.size, x.size)).copy()
    whole[:, edges] = loads[:, None]
    latency = np.asarray(game.edge_cost(whole), dtype=np.float64)[:, edges]
    slope, offset = np.zeros(edges.size), np.zeros(edges.size)
    for k, e in enumerate(edges):
        value = np.where(loads > 0, loads * latency[:, k], 0.0)
        inside = np.flatnonzero(np.isfinite(value))
        corners = [int(inside[0])]
        for j in inside[1:]:  # lower hull, left to right
            while len(corners) > 1 and (value[corners[-1]] - value[corners[-2]]) * (loads[j] - loads[corners[-1]]) >= (
                value[j] - value[corners[-1]]
            ) * (loads[corners[-1]] - loads[corners[-2]]):
                corners.pop()
            corners.append(int(j))
        at = min(max(int(np.searchsorted(loads[corners], x[e], side="right")) - 1, 0), max(len(corners) - 2, 0))
        if len(corners) > 1 and most > 0:
            a, b = corners[at], corners[at + 1]
            slope[k] = max(0.0, float((value[b] - value[a]) / (loads[b] - loads[a])))
        # on [y, y + h] the latency is at least that at y, so y·ℓ − g·y is at least the lesser of its line's ends
        line = np.where(np.isfinite(latency[:-1, k]), latency[:-1, k], np.inf) - slope[k]
        ends = np.minimum(np.where(loads[:-1] > 0, loads[:-1] * line, 0.0), loads[1:] * line)
        offset[k] = -float(ends.min())
    return slope, offset


def commodity_distances(game: NetworkRouting, cost: FloatArray) -> FloatArray:
    """[K]: least cost of a path of each commodity at edge costs [E] ≥ 0, infinite without one; 0 demand counts too."""
    size, first = game.num_nodes, game.first_through
    # a twin of each node below first_through sends its edges; arriving happens at the node itself, which sends none
    twin = np.arange(size) + np.where(np.arange(size) < first, size, 0)
    tail, head = twin[game.tail], game.head
    finite = np.isfinite(cost)
    order = np.lexsort((cost[finite], head[finite], tail[finite]))
    t, h, c = tail[finite][order], head[finite][order], cost[finite][order]
    cheapest = np.ones(t.size, dtype=bool)
    cheapest[1:] = (t[1:] != t[:-1]) | (h[1:] != h[:-1])
    t, h, c = t[cheapest], h[cheapest], c[cheapest]
    distance = np.full(game.num_commodities, np.inf)
    # explicit zeros of a CSR array are edges to scipy, as long as nothing sums or prunes them
    indptr = np.searchsorted(t, np.arange(size + first + 1))
    graph = sparse.csr_array((c, h, indptr), shape=(size + first, size + first))
    origins, which = np.unique(game.origin, return_inverse=True)
    for begin in range(0, origins.size, 64):
        rows = np.asarray(dijkstra(graph, indices=twin[origins[begin : begin + 64]]))
        mine = np.flatnonzero((which >= begin) & (which < begin + 64))
        distance[mine] = rows[which[mine] - begin, game.destination[mine]]
    return distance


def _imbalance(game: NetworkRouting, x: FloatArray) -> float:
    """Largest difference, over nodes, of what leaves and enters from what the demands say, relative to the total demand."""
    size = game.num_nodes
    out = np.bincount(game.tail, x, size) - np.bincount(game.head, x, size)
    wanted = np.bincount(game.origin, game.demand, size) - np.bincount(game.destination, game.demand, size)
    return _relative(float(np.abs(out - wanted).max()), game)


def _path_error(game: NetworkRouting, x: FloatArray, paths: Paths) -> float:
    """Largest relative difference of path flows from demands and loads; infinite where a path is none of its commodity."""
    ptr, edges, commodity = (np.asarray(part, dtype=np.int64) for part in (paths[0], paths[1], paths[3]))
    flow = np.asarray(paths[2], dtype=np.float64)
    lengths = np.diff(ptr)
    sound = (
        ptr.ndim == 1
        and ptr[:1].tolist() == [0]
        and ptr[-1] == edges.size
        and flow.shape == commodity.shape == lengths.shape
    )
    if not sound or (flow.size and not (lengths.min() >= 1 and np.isfinite(flow).all() and flow.min() >= 0)):
        return np.inf
    for numbers, most in ((edges, game.num_edges), (commodity, game.num_commodities)):
        if numbers.size and not (numbers.min() >= 0 and numbers.max() < most):
            return np.inf
    if flow.size == 0:
        return 0.0 if not x.any() and game.total_demand == 0 else np.inf
    tails, heads = game.tail[edges], game.head[edges]
    inner = np.ones(edges.size, dtype=bool)
    inner[ptr[:-1]] = False  # edges that follow another on their path
    follows = np.flatnonzero(inner)
    broken = (tails[follows] != heads[follows - 1]).any() or (tails[follows] < game.first_through).any()
    wrong = (tails[ptr[:-1]] != game.origin[commodity]).any() or (
        heads[ptr[1:] - 1] != game.destination[commodity]
    ).any()
    if broken or wrong:
        return np.inf
    sums = np.bincount(commodity, flow, game.num_commodities) - game.demand
    loads = np.bincount(edges, np.repeat(flow, lengths), game.num_edges) - x
    return _relative(float(max(np.abs(sums).max(initial=0.0), np.abs(loads).max())), game)


def _relative(error: float, game: NetworkRouting) -> float:
    demand = game.total_demand
    return error / demand if demand > 0 else (0.0 if error == 0 else np.inf)


def _equilibrium_cost(
    game: NetworkRouting, x: FloatArray, cost: FloatArray, total: float, gap: float
) -> tuple[float, float]:
    if not np.isfinite(total):
        return 0.0, np.inf
    budget = max(gap, 0.0) + 4 * ROUNDING * total
    if total == 0.0:
        return 0.0, 0.0
    used = np.flatnonzero(x > 0)
    f, here = x[used], cost[used]
    slope = np.asarray(game.latency.derivative(x), dtype=np.float64)[used]
    curve = float(np.where(np.isfinite(slope), slope, 0.0) @ (f * f))
    centre = 0.5 * np.sqrt(curve / budget) if curve > 0 else 1e-3

    def latency(load: FloatArray) -> FloatArray:
        # infinity past a capacity is a bound like any other
        whole = np.broadcast_to(x, (CELLS + 1, x.size)).copy()
        whole[:, used] = load
        return np.asarray(game.edge_cost(whole), dtype=np.float64)[:, used]

    bound = np.inf
    for lam in centre * np.array([1.0, 4.0, 16.0, 64.0, 256.0, 0.25, 1 / 16]):
        bound = min(bound, _priced(f, here, latency, game.total_demand, float(lam), budget))
        if bound <= 1.2 * np.sqrt(curve * budget):  # near what the linearised latencies allow
            break
    return max(0.0, total - bound - budget), total + bound


def _priced(
    f: FloatArray, here: FloatArray, latency: Callable[[FloatArray], FloatArray], most: float, lam: float, budget: float
) -> float:
    """λ·budget + Σ_e max_δ |Δℓ_e(δ)|·(f_e − λ|δ|), bounded from above over `CELLS` intervals of δ."""
    steps = np.linspace(0.0, 1.0, CELLS + 1)[:, None]
    price = lam * budget
    up = np.minimum(f / lam, max(most - f.min(initial=0.0), 0.0))
    rise = latency(f + steps * up) - here
    fall = here - latency(np.maximum(f - steps * np.minimum(f / lam, f), 0.0))
    sides = [(rise, up), (fall, np.minimum(f / lam, f))]
    best = np.zeros_like(f)
    for change, reach in sides:
        left = np.maximum(f - lam * steps[:-1] * reach, 0.0)
        change = np.maximum(change[1:], 0.0)
        with np.errstate(invalid="ignore"):
            product = np.where(left > 0, change * left, 0.0)
        best = np.maximum(best, product.max(axis=0))
    return price + float(best.sum())
