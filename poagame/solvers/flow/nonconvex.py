r"""Good flows where load · latency is not convex: several starts, each improved by exchanges between paths.

The minimiser of the lower convex hulls of load · latency is one start, and prices a bound that the optimum often meets. An exchange
looks along the whole way from one path of a commodity to another, not only downhill, so on two parallel links it is a global search.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import isotonic_regression

from poagame._arrays import Array, FloatArray, IntArray
from poagame.errors import TooLarge
from poagame.games.network import NetworkRouting
from poagame.latency import Latency, Tabulated
from poagame.latency.convexity import total_cost_is_convex
from poagame.latency.marginal import MarginalCost
from poagame.solvers.flow.stochastic import simple_paths
from poagame.solvers.flow.wardrop import WardropEquilibrium, wardrop

CELLS = 512
"""Intervals of load on which hulls are drawn."""

MAX_BENT = 2_000
"""Most edges whose hull is drawn."""

MAX_PATHS = 200
"""Most paths between which flow is exchanged; beyond, the starts are returned as they are."""

MAX_EXCHANGES = 1_000
"""Most exchanges tried from each start, about half a millisecond each."""

MAX_STEPS = 5
"""Most rounds of shortest paths for each start: where costs fall with load they need not converge."""

COARSE, FINE = np.linspace(0.0, 1.0, 129), np.linspace(-1.0, 1.0, 33)
"""Parts of a path's flow that an exchange tries, and then twice those around the best."""


class HullSlope(Latency):
    """Marginal cost, with that of the hull, interpolated from a table, on edges whose total cost is not convex."""

    marginal: MarginalCost
    table: Tabulated
    bent: Array

    @property
    def num_resources(self) -> int:
        """R, the number of resources."""
        return self.table.num_resources

    def value(self, load: Array) -> Array:
        """Slope of the hull."""
        return self._either(MarginalCost.value(self.marginal, load), Tabulated.value(self.table, load))

    def derivative(self, load: Array) -> Array:
        """Slope of that."""
        return self._either(MarginalCost.derivative(self.marginal, load), Tabulated.derivative(self.table, load))

    def primitive(self, load: Array) -> Array:
        """The hull, up to the table's rounding of its corners."""
        return self._either(MarginalCost.primitive(self.marginal, load), Tabulated.primitive(self.table, load))

    def _either(self, marginal: Array, table: Array) -> Array:
        return np.where(self.bent & np.isfinite(marginal), table, marginal)


def good_flows(game: NetworkRouting, marginal: WardropEquilibrium) -> list[FloatArray]:
    """Loads [E] worth comparing by their social cost, from an equilibrium of the marginal-cost game and other starts."""
    starts = [marginal, wardrop(game, rtol=1e-6, max_steps=MAX_STEPS)]
    hull = _hull_slope(game)
    if hull is not None:
        starts.append(wardrop(game.with_latency(hull), rtol=1e-6, max_steps=MAX_STEPS))
    return [start.load for start in starts] + _exchanged(game, starts)


def _hull_slope(game: NetworkRouting) -> HullSlope | None:
    bent = ~total_cost_is_convex(game.latency)
    where = np.flatnonzero(bent)
    if where.size > MAX_BENT or game.total_demand == 0:
        return None
    loads = game.total_demand * np.linspace(0.0, 1.0, CELLS + 1)
    middle = 0.5 * (loads[1:] + loads[:-1])
    slopes = np.zeros((game.num_edges, CELLS))
    latency = np.asarray(game.edge_cost(loads[:, None]), dtype=np.float64)
    for e in where:
        total = np.where(loads > 0, loads * np.where(np.isfinite(latency[:, e]), latency[:, e], 0.0), 0.0)
        steps = np.diff(total[np.isfinite(latency[:, e]) | (loads == 0)])
        if steps.size:  # slopes of the hull are the isotonic regression of the steps
            slopes[e, : steps.size] = np.maximum(isotonic_regression(steps).x, 0.0) / loads[1]
            slopes[e, steps.size :] = slopes[e, steps.size - 1]
    table = Tabulated(middle, np.maximum.accumulate(slopes, axis=1))
    return HullSlope(MarginalCost(game.latency), table, bent)


def _exchanged(game: NetworkRouting, starts: Sequence[WardropEquilibrium]) -> list[FloatArray]:
    """Loads after exchanges between paths, from each start; none where there are too many paths."""
    rank: dict[tuple[int, tuple[int, ...]], int] = {}
    if game.num_edges <= MAX_PATHS:
        try:
            ptr, edges, commodity = simple_paths(game, MAX_PATHS)
        except TooLarge:
            pass
        else:
            for p, k in enumerate(commodity.tolist()):
                rank[k, tuple(edges[ptr[p] : ptr[p + 1]].tolist())] = len(rank)
    placed = [
        [
            rank.setdefault((k, tuple(start.path(p).tolist())), len(rank))
            for p, k in enumerate(start.path_commodity.tolist())
        ]
        for start in starts
    ]
    if len(rank) > MAX_PATHS:
        return []
    uses = np.zeros((len(rank), game.num_edges))
    for (_, path), p in rank.items():
        np.add.at(uses[p], list(path), 1.0)
    of = np.array([k for k, _ in rank], dtype=np.int64)
    found: list[FloatArray] = []
    for start, where in zip(starts, placed, strict=True):
        flow = np.bincount(where, start.path_flow, len(rank)).astype(np.float64)
        found.append(_descended(game, uses, of, flow) @ uses)
    return found


def _descended(game: NetworkRouting, uses: FloatArray, commodity: IntArray, flow: FloatArray) -> FloatArray:
    """Path flows [P] of less social cost, by moving flow from one path to another of its commodity."""
    pairs = [(p, q) for p in range(flow.size) for q in np.flatnonzero(commodity == commodity[p]).tolist() if p != q]
    cost, tried, idle = float(game.social_cost(flow @ uses)), 0, 0
    while pairs and idle < len(pairs) and tried < MAX_EXCHANGES:
        for p, q in pairs:
            if idle >= len(pairs) or tried >= MAX_EXCHANGES:
                break
            idle += 1
            if flow[p] <= 0.0:
                continue
            tried += 1
            load, way, most = flow @ uses, uses[q] - uses[p], float(flow[p])
            parts = COARSE
            best = least = 0.0
            for width in (1.0 / (COARSE.size - 1), 2.0 / (COARSE.size - 1) / FINE.size, 0.0):
                totals = np.asarray(game.social_cost(np.maximum(load + most * parts[:, None] * way, 0.0)))
                at = int(np.argmin(totals))
                best, least = float(parts[at]), float(totals[at])
                parts = np.clip(best + width * FINE, 0.0, 1.0)
            if least < cost - 1e-12 * abs(cost):
                rest = 0.0 if best == 1.0 else most * (1.0 - best)
                flow[q] += most - rest
                flow[p] = rest
                cost, idle = least, 0
    return flow
