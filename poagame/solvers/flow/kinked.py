r"""The social optimum of a network whose latencies have kinks, where marginal costs jump: quadratic programmes over pieces.

Each edge's marginal cost is interpolated between breakpoints, its kinks with a value on either side: exact where the latency is a
line in between. Elsewhere the load that a programme ends at becomes a breakpoint of the next. Flows are those of each origin over
each edge. The programme's duals price the edges, within a jump where the load stands at one, which the marginal cost at that
load cannot; so they prove the optimum.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import cvxpy as cp
import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from poagame._arrays import FloatArray, IntArray
from poagame.certificates.flow import CONSERVATION_RTOL, certify_flow, flow_lower_bound
from poagame.games.network import NetworkRouting
from poagame.latency.kinks import is_piecewise_linear, kinks
from poagame.solvers.flow.capacity import capacities

MAX_VARIABLES = 200_000
"""Most flows of origins over edges, and pieces of edges, together: up to a minute a programme."""

ROUNDS = 20
"""Most programmes, each with the loads of the one before as breakpoints."""

ASIDE = 1e-12
"""Relative distance from a kink at which its sides are evaluated."""

BETWEEN = np.concatenate([[0.0], np.geomspace(1e-4, 0.5, 12), 1.0 - np.geomspace(0.4, 1e-4, 11)])
"""Where latencies that are no line between kinks have breakpoints to begin with, as parts of the greatest load."""

ACCURACY = 1e-12
"""Asked of the interior-point method, which stops where rounding allows no more."""

EPS = float(np.finfo(float).eps)

DUST = 1e-9
"""Part of what enters a node below which an edge's flow is the interior point's, and not the optimum's."""


def refined(game: NetworkRouting, load: FloatArray) -> Iterator[tuple[FloatArray, float]]:
    """Loads [E] with a number that no flow's cost undercuts, programme by programme; ends where the network is too large.

    `load` is any flow below the capacities. One programme is exact where all latencies are lines between their kinks.
    """
    corners = kinks(game.latency)
    corners = np.broadcast_to(corners, (game.num_edges, corners.shape[1]))
    most = game.total_demand
    room = capacities(game.latency, most)
    top = np.maximum(np.where(np.isfinite(room), room * (1.0 - 1e-6), most), load)[:, None]
    curved = ~np.broadcast_to(is_piecewise_linear(game.latency), (game.num_edges,))
    breaks = np.concatenate([np.clip(corners, 0.0, top), np.where(curved[:, None], BETWEEN, 0.0) * top, top], axis=1)
    # on an edge without flow, prices up to the cost of its first unit are as good for the programme, and better for the bound
    idle = np.asarray(game.latency.marginal_cost(np.zeros_like(load)), dtype=np.float64)
    idle = np.where(np.isfinite(idle), idle, 0.0)
    flows = OriginFlows.of(game)
    for _ in range(ROUNDS if curved.any() else 1):
        breaks = np.sort(np.concatenate([breaks, np.where(curved, load, 0.0)[:, None]], axis=1), axis=1)
        if flows.edge.size + breaks.size > MAX_VARIABLES:
            return
        solved = _programme(game, flows, breaks)
        if solved is None:
            return
        flow, price = solved
        load = np.bincount(flows.edge, flows.settled(flow), game.num_edges).astype(np.float64)
        if certify_flow(game, load).conservation_error > CONSERVATION_RTOL:
            return
        yield load, flow_lower_bound(game, load, np.maximum(price, idle))


@dataclass(frozen=True, eq=False, slots=True)
class OriginFlows:
    """Which flows there are, V of them: those of an origin over an edge, none back into the origin or through a closed node.

    Attributes
    ----------
    edge, tail, head : [V]
        The edge, and its ends among the O · N pairs of origin and node.
    wanted : [O · N]
        Demand from the origin to the node.
    source : [O]
        The origins themselves, among those pairs.
    """

    edge: IntArray
    tail: IntArray
    head: IntArray
    wanted: FloatArray
    source: IntArray

    @classmethod
    def of(cls, game: NetworkRouting) -> Self:
        """The flows that a network allows."""
        used = game.demand > 0
        origins, which = np.unique(game.origin[used], return_inverse=True)
        passed = (game.tail >= game.first_through) | (game.tail == origins[:, None])
        row, edge = np.nonzero(passed & (game.head != origins[:, None]))
        first = row * game.num_nodes
        pair = which * game.num_nodes + game.destination[used]
        wanted = np.bincount(pair, game.demand[used], origins.size * game.num_nodes).astype(np.float64)
        source = np.arange(origins.size) * game.num_nodes + origins
        return cls(edge, first + game.tail[edge], first + game.head[edge], wanted, source)

    def balance(self) -> tuple[sparse.csr_array, FloatArray]:
        """Rows and right side of: what enters a node, less what leaves it, is what is wanted there; nothing of the origins."""
        free = np.ones(self.wanted.size)
        free[self.source] = 0.0
        number = np.arange(self.edge.size)
        ends = (np.concatenate([self.head, self.tail]), np.concatenate([number, number]))
        sign = np.concatenate([free[self.head], -free[self.tail]])
        return sparse.csr_array((sign, ends), shape=(self.wanted.size, number.size)), self.wanted * free

    def settled(self, flow: FloatArray) -> FloatArray:
        """[V]: flows that carry the demand to rounding, from some that nearly do, whose shares of what enters each node are kept."""
        entering = np.bincount(self.head, flow, self.wanted.size)
        kept = flow > DUST * entering[self.head]
        entering = np.bincount(self.head, np.where(kept, flow, 0.0), self.wanted.size)
        share = np.where(kept, flow, 0.0) / np.where(kept, entering[self.head], 1.0)
        share *= 1.0 - EPS  # so that a ring of noise, which nothing enters, carries nothing
        size = (self.wanted.size, self.wanted.size)
        through = sparse.eye_array(size[0], format="csc") - sparse.csc_array(
            (share, (self.tail, self.head)), shape=size
        )
        return np.maximum(share * np.asarray(spsolve(through, self.wanted))[self.head], 0.0)


def _programme(game: NetworkRouting, flows: OriginFlows, breaks: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Flows [V] of least interpolated cost, and the edges' prices [E]; None where the solver finds none."""
    most = game.total_demand
    kept = np.diff(breaks, axis=1) > 4.0 * ASIDE * most
    edge, piece = np.nonzero(kept)
    sides = np.zeros((*kept.shape, 2))
    for side, loads in enumerate((breaks[:, :-1] * (1.0 + ASIDE), breaks[:, 1:] * (1.0 - ASIDE))):
        sides[:, :, side] = np.where(kept, np.asarray(game.latency.marginal_cost(loads.T)).T, 0.0)
    # rounding must not let marginal costs fall
    sides = np.maximum.accumulate(sides.reshape(game.num_edges, -1), axis=1).reshape(sides.shape)[edge, piece]
    unit = float(np.median(sides[:, 1])) or 1.0
    width, begin, rise = np.diff(breaks, axis=1)[edge, piece] / most, sides[:, 0] / unit, np.diff(sides)[:, 0] / unit
    number = np.arange(flows.edge.size)
    uses = sparse.csr_array((np.ones(number.size), (flows.edge, number)), shape=(game.num_edges, number.size))
    holds = sparse.csr_array((np.ones(edge.size), (edge, np.arange(edge.size))), shape=(game.num_edges, edge.size))
    rows, wanted = flows.balance()
    flow, filled = cp.Variable(number.size, nonneg=True), cp.Variable(edge.size, nonneg=True)
    carried: Any = uses @ flow == holds @ filled
    reaches: Any = rows @ flow == wanted / most
    cost = begin @ filled + cp.sum(cp.multiply(0.5 * rise / width, cp.square(filled)))
    programme = cp.Problem(cp.Minimize(cost), [carried, reaches, filled <= width])
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # that rounding ended it before the accuracy asked for; the bound says how near
        try:
            programme.solve(cp.CLARABEL, tol_gap_abs=ACCURACY, tol_gap_rel=ACCURACY, tol_feas=ACCURACY, max_iter=200)
        except cp.SolverError:
            return None
    if flow.value is None or carried.dual_value is None:
        return None
    return np.maximum(flow.value, 0.0) * most, np.maximum(carried.dual_value, 0.0) * unit
