"""Path flows of a network in compressed form, and the compiled operations on them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from poagame._arrays import FloatArray, IntArray
from poagame.errors import Infeasible, InvalidInput
from poagame.games.network import NetworkRouting
from poagame.solvers.flow.path_newton import face_step
from poagame.solvers.flow.path_sweeps import descend, settled_loads
from poagame.solvers.flow.sampled_latency import descend_on_tables
from poagame.solvers.flow.shortest_paths import with_shortest_paths

MOST_SWEEPS, LEAST_SWEEPS = 60, 20
"""Most sweeps over the commodities on one quadratic model, for small and for large networks."""

MODEL_RATIO = 0.02
"""A model counts as minimised when a sweep finds less than this part of the excess cost at its start."""

CRAWL_RATIO = 0.1
"""Sweeps that end above this part crawl, and a Newton step takes over."""

FACE_ITERATIONS = 200
"""Most conjugate gradient iterations of a Newton step."""

FACE_STEPS = 6
"""Most exchanges between sweeps, which find the paths in use, and Newton steps among those."""

WORK = 100_000_000
"""Edge visits worth spending on a model, some tenths of a second: beyond, new shortest paths tell more."""


def require_network(game: object, verb: str) -> None:
    """Refuse anything but a network.

    Raises
    ------
    InvalidInput
        That names what to call instead.
    """
    if not isinstance(game, NetworkRouting):
        raise InvalidInput(
            f"{verb} takes a NetworkRouting; got {type(game).__name__}. Use equilibrium(game) or "
            "logit_equilibria(game, temperature) for players with actions, splittable_equilibrium(game) for players that split"
        )


@dataclass(frozen=True, eq=False, slots=True)
class PathFlows:
    """Paths sorted by commodity: those of k are commodity_ptr[k] … commodity_ptr[k + 1], each a row of edges."""

    commodity_ptr: IntArray
    path_ptr: IntArray
    path_edges: NDArray[np.int32]
    flow: FloatArray

    def with_flow(self, flow: FloatArray) -> PathFlows:
        """Return the same paths with other flows."""
        return replace(self, flow=flow)

    @property
    def sweeps(self) -> int:
        """Sweeps over all paths worth making on one model."""
        return min(max(WORK // max(self.path_edges.size, 1), LEAST_SWEEPS), MOST_SWEEPS)

    @property
    def exchanges(self) -> int:
        """Rounds of sweeps and a Newton step worth making on one model; 0 for large networks."""
        return min(WORK // (FACE_ITERATIONS * max(self.path_edges.size, 1)), FACE_STEPS)


class Pricing:
    """The network and its commodities with demand, arranged for the compiled code: sorted by origin.

    Commodity i here is `kept[i]` of the game.
    """

    game: NetworkRouting
    kept: IntArray
    destination: IntArray
    demand: FloatArray
    origins: IntArray
    origin_ptr: IntArray
    out_edge: IntArray
    out_ptr: IntArray
    total_demand: float

    def __init__(self, game: NetworkRouting) -> None:
        self.game = game
        wanted = np.flatnonzero(game.demand > 0)
        self.kept = wanted[np.argsort(game.origin[wanted], kind="stable")]
        origin = game.origin[self.kept]
        self.destination, self.demand = game.destination[self.kept], game.demand[self.kept]
        self.origins, begins = np.unique(origin, return_index=True)
        self.origin_ptr = np.append(begins, origin.size)
        self.out_edge = np.argsort(game.tail, kind="stable")
        self.out_ptr = np.searchsorted(game.tail[self.out_edge], np.arange(game.num_nodes + 1))
        self.total_demand = float(self.demand.sum())

    def empty(self) -> PathFlows:
        """No paths at all."""
        return PathFlows(
            np.zeros(self.kept.size + 1, np.int64), np.zeros(1, np.int64), np.zeros(0, dtype=np.int32), np.zeros(0)
        )

    def extended(self, flows: PathFlows, cost: FloatArray, slack: float) -> tuple[PathFlows, FloatArray]:
        """Used paths and each commodity's shortest one at `cost` [E], and the shortest distances.

        Raises
        ------
        Infeasible
            If a commodity has no path of finite cost.
        """
        game = self.game
        commodity_ptr, path_ptr, path_edges, flow, distance = with_shortest_paths(
            self.out_ptr, self.out_edge, game.tail, game.head, game.first_through, np.ascontiguousarray(cost),
            self.origins, self.origin_ptr, self.destination, self.demand, slack,
            flows.commodity_ptr, flows.path_ptr, flows.path_edges, flows.flow,
        )  # fmt: skip
        lost = np.flatnonzero(~np.isfinite(distance))
        if lost.size:
            k = int(self.kept[lost[0]])
            raise Infeasible(
                f"every path of commodity {k} (from {game.node_name(int(game.origin[k]))} to "
                f"{game.node_name(int(game.destination[k]))}) costs infinity; raise capacities or lower background loads"
            )
        return PathFlows(commodity_ptr, path_ptr, np.asarray(path_edges, np.int32), flow), distance

    def loads(self, flows: PathFlows) -> FloatArray:
        """[E] loads; the flows of each commodity are first made to sum to its demand, in place."""
        return settled_loads(
            self.demand, flows.commodity_ptr, flows.path_ptr, flows.path_edges, flows.flow, self.game.num_edges
        )

    def descended(self, flows: PathFlows, cost: FloatArray, slope: FloatArray) -> tuple[FloatArray, float]:
        """Flows that nearly minimise the quadratic model with gradient `cost` and Hessian diag `slope`; excess cost at the start."""
        flow, now = flows.flow.copy(), cost.copy()
        paths = (flows.commodity_ptr, flows.path_ptr, flows.path_edges)
        first, last = descend(now, slope, *paths, flow, MODEL_RATIO, flows.sweeps)
        for _ in range(flows.exchanges):
            if last <= CRAWL_RATIO * first or not face_step(now, slope, *paths, flow, FACE_ITERATIONS):
                break
            _, last = descend(now, slope, *paths, flow, MODEL_RATIO, flows.sweeps)
        return flow, first

    def descended_on_samples(
        self, flows: PathFlows, load: FloatArray, loads: FloatArray, costs: FloatArray
    ) -> FloatArray:
        """Flows that nearly equalise path costs where those of edges are interpolated from samples [E, M]."""
        flow = flows.flow.copy()
        descend_on_tables(
            loads,
            costs,
            load.copy(),
            flows.commodity_ptr,
            flows.path_ptr,
            flows.path_edges,
            flow,
            MODEL_RATIO,
            flows.sweeps,
        )
        return flow

    def from_paths(self, path_ptr: IntArray, path_edges: IntArray, flow: FloatArray, commodity: IntArray) -> PathFlows:
        """Given paths, rescaled to the demands; a commodity that has none stays empty."""
        rank = np.full(self.game.num_commodities, -1)
        rank[self.kept] = np.arange(self.kept.size)
        use = np.flatnonzero(rank[commodity] >= 0)
        use = use[np.argsort(rank[commodity[use]], kind="stable")]
        of = rank[commodity[use]]
        sums = np.bincount(of, flow[use], minlength=self.kept.size)
        lengths = np.diff(path_ptr)[use]
        starts = np.repeat(path_ptr[use] - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
        return PathFlows(
            np.concatenate([[0], np.cumsum(np.bincount(of, minlength=self.kept.size))]),
            np.concatenate([[0], np.cumsum(lengths)]),
            path_edges[starts + np.arange(starts.size)].astype(np.int32),
            flow[use] * self.demand[of] / sums[of],
        )
