r"""Stochastic user equilibrium: each unit takes path p with probability proportional to exp(−cost/temperature).

The equilibrium is the one minimiser of :math:`\sum_e \int_0^{x_e} \ell_e + \tau \sum_p f_p \ln f_p` (Fisk 1980). It is found in the loads:
with A the incidence of edges and paths and S(x) the logit flows at loads x, the root of :math:`G(x) = x - A\,S(x)`, whose Jacobian
:math:`I + A\,(\mathrm{diag} f - f f^T/d)\,A^T\,\mathrm{diag}(\ell')/\tau` never loses rank, so damped Newton steps always reduce |G|.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from poagame._arrays import FloatArray, IntArray, require
from poagame.certificates.stochastic import StochasticCertificate, certify_stochastic
from poagame.errors import Infeasible, TooLarge
from poagame.games.network import NetworkRouting
from poagame.outcome import Outcome
from poagame.solvers.flow.path_flows import require_network
from poagame.solvers.flow.wardrop import wardrop

MAX_PATHS = 20_000
"""Most simple paths that are listed."""

MAX_VISITS = 10_000_000
"""Most visits to edges in search of them, some seconds."""

PATIENCE = 50
"""Visits without a new path after which the search asks of each node whether the destination can still be reached."""


@dataclass(frozen=True, eq=False, slots=True)
class StochasticEquilibrium:
    """Logit flow over all simple paths that have room.

    Attributes
    ----------
    load : [E]
        Flow on each edge.
    path_ptr, path_edges, path_flow, path_commodity
        All simple paths that cost less than infinity at no load, in CSR form, their flows and commodities.
    social_cost : float
        Σ load · latency at `load` (without the entropy term).
    certificate : StochasticCertificate
        Distance of the flows from the logit flows at their own costs.
    outcome : Outcome
        `CONVERGED` if the certificate holds; `STALLED` where rounding allows no smaller residual (temperatures far below what
        costs differ by, flows next to a capacity); else `MAX_STEPS_REACHED`.
    num_steps : int
        Newton steps.
    """

    load: FloatArray
    path_ptr: IntArray
    path_edges: IntArray
    path_flow: FloatArray
    path_commodity: IntArray
    social_cost: float
    certificate: StochasticCertificate
    outcome: Outcome
    num_steps: int


NEARLY = 1e-6
"""Residual, in parts of the least demand, below which only rounding keeps Newton steps from smaller ones."""


def stochastic_wardrop(
    game: NetworkRouting, temperature: float, rtol: float = 1e-10, max_steps: int = 500
) -> StochasticEquilibrium:
    r"""Stochastic user equilibrium of `game` at `temperature` > 0 (in the unit of cost), over all simple paths. One over an edge
    without any room costs infinity, so nobody takes it.

    Temperature → 0 gives a Wardrop equilibrium, temperature → ∞ the uniform flow over paths.

    Raises
    ------
    TooLarge
        If there are more than `MAX_PATHS` simple paths, or finding them takes more than `MAX_VISITS` steps.
    Infeasible
        If the demands do not fit below the capacities.
    InvalidInput
        If the game is no network, or the temperature is not positive and finite.

    Examples
    --------
    >>> from poagame.games.network import NetworkRouting
    >>> from poagame.latency import Polynomial
    >>> pigou = NetworkRouting.parallel(Polynomial([[0.0, 1.0], [1.0, 0.0]]), demand=1.0)
    >>> round(stochastic_wardrop(pigou, temperature=1.0).social_cost / 0.75, 6)
    1.013053
    """
    require_network(game, "stochastic_wardrop")
    require(bool(np.isfinite(temperature)) and temperature > 0, f"temperature must be positive; got {temperature}")
    require(0.0 < rtol < 1.0, f"rtol must lie between 0 and 1; got {rtol}")
    ptr, edges, commodity = _with_room(game, *simple_paths(game))
    paths = sparse.csr_array((np.ones(edges.size), edges, ptr), shape=(ptr.size - 1, game.num_edges))
    flow = game.demand[commodity] / np.bincount(commodity, minlength=game.num_commodities)[commodity]
    load = np.asarray(paths.T @ flow)
    if not np.isfinite(np.asarray(game.edge_cost(load))[load > 0]).all():  # the uniform flow exceeds a capacity
        load = wardrop(game, rtol=1e-3).load
    cost = np.asarray(paths @ _finite(game, load))
    hottest = max(float(np.ptp(cost)) if cost.size else 0.0, temperature)
    steps = max(1, int(np.ceil(np.log(hottest / temperature) / np.log(4.0))) + 1)
    num_steps = taken = 0
    for tau in np.geomspace(hottest, temperature, steps) if steps > 1 else [temperature]:
        target = rtol if tau == temperature else 1e-3
        load, flow, taken = _newton(game, paths, commodity, load, float(tau), 0.3 * target, max_steps)
        num_steps += taken
    load = np.asarray(paths.T @ flow)
    certificate = certify_stochastic(game, temperature, (ptr, edges, flow, commodity), rtol)
    unfinished = Outcome.STALLED if taken < max_steps else Outcome.MAX_STEPS_REACHED
    outcome = Outcome.CONVERGED if certificate.holds else unfinished
    social = float(game.social_cost(load))
    return StochasticEquilibrium(load, ptr, edges, flow, commodity, social, certificate, outcome, num_steps)


def _newton(
    game: NetworkRouting,
    paths: sparse.csr_array,
    commodity: IntArray,
    load: FloatArray,
    tau: float,
    rtol: float,
    max_steps: int,
) -> tuple[FloatArray, FloatArray, int]:
    """Loads, logit flows at them, and steps, once |x − A S(x)| is small against the demand."""
    demand = game.demand
    size = game.num_edges
    groups = sparse.csr_array(
        (np.ones(commodity.size), (commodity, np.arange(commodity.size))), shape=(demand.size, commodity.size)
    )
    inverse = np.where(demand > 0, 1.0 / np.where(demand > 0, demand, 1.0), 0.0)
    scale = float(demand[demand > 0].min(initial=np.inf))

    def logit(x: FloatArray) -> FloatArray | None:
        cost = np.asarray(paths @ np.asarray(game.edge_cost(x), dtype=np.float64))  # edges on no path may cost infinity
        return logit_flows(cost, commodity, demand, tau) if np.isfinite(cost).all() else None

    flow = logit(load)
    assert flow is not None  # the start lies below all capacities
    residual = load - paths.T @ flow
    for step in range(max_steps):
        slope = np.asarray(game.latency.derivative(load), dtype=np.float64)
        slope = np.where(np.isfinite(slope), slope, 0.0)
        weighted = sparse.csr_array(paths * flow[:, None])
        means = groups @ weighted
        spread = (paths.T @ weighted - means.T @ (means * inverse[:, None])).toarray()
        step_to = np.linalg.solve(np.eye(size) + spread * slope / tau, residual)
        norm = float(np.abs(residual).max(initial=0.0))
        # to first order the logit flows at the loads after this step; their sums are those loads
        dearer = np.asarray(paths @ (slope * step_to))
        after = np.maximum(flow + flow * (dearer - (groups @ (flow * dearer) * inverse)[commodity]) / tau, 0.0)
        if norm <= rtol * scale:
            return load, after, step
        best = None
        for part in 0.5 ** np.arange(30):
            trial = np.maximum(load - part * step_to, 0.0)
            there = logit(trial)
            if there is not None:
                left = trial - paths.T @ there
                if np.linalg.norm(left) < (1.0 - 1e-4 * part) * np.linalg.norm(residual):
                    best = trial, there, left
                    break
        if best is None:
            return load, after if norm <= NEARLY * scale else flow, step
        load, flow, residual = best
    return load, flow, max_steps


def logit_flows(cost: FloatArray, commodity: IntArray, demand: FloatArray, tau: float) -> FloatArray:
    """[P]: demand of each path's commodity times its softmax of −cost/tau; paths are sorted by commodity."""
    if not cost.size:
        return np.zeros(0)
    begins = np.flatnonzero(np.diff(commodity, prepend=-1))
    size = np.diff(np.append(begins, cost.size))
    weight = np.exp(-(cost - np.repeat(np.minimum.reduceat(cost, begins), size)) / tau)
    return demand[commodity] * (weight / np.repeat(np.add.reduceat(weight, begins), size))


def simple_paths(game: NetworkRouting, limit: int = MAX_PATHS) -> tuple[IntArray, IntArray, IntArray]:
    """All simple paths of all commodities with demand: path_ptr, path_edges, commodity.

    Raises
    ------
    TooLarge
        If there are more than `limit`, or finding them takes more than `MAX_VISITS` visits to edges.
    """
    leaving: list[list[tuple[int, int]]] = [[] for _ in range(game.num_nodes)]
    entering: list[list[int]] = [[] for _ in range(game.num_nodes)]
    for e, (u, v) in enumerate(zip(game.tail.tolist(), game.head.tolist(), strict=True)):
        if u != v:
            leaving[u].append((e, v))
            if u >= game.first_through:
                entering[v].append(u)
    visits = 0

    def reaching(target: int, visited: set[int]) -> set[int]:
        """Nodes from which `target` is reached without any that was visited."""
        nonlocal visits
        found, queue = {target}, [target]
        while queue:
            for u in entering[queue.pop()]:
                visits += 1
                if u not in found and u not in visited:
                    found.add(u)
                    queue.append(u)
        return found

    rows: list[list[int]] = []
    commodity: list[int] = []
    for k in np.flatnonzero(game.demand > 0).tolist():
        origin, target = int(game.origin[k]), int(game.destination[k])
        visited = {origin}
        useful = reaching(target, visited)
        trail: list[int] = []
        stack = [iter(leaving[origin])]
        nodes = [origin]
        fruitless = 0
        while stack:
            if visits > MAX_VISITS or len(rows) > limit:
                reason = (
                    f"the network has more than {limit:,} simple paths, the most that are listed"
                    if len(rows) > limit
                    else f"listing the simple paths of the network takes more than {MAX_VISITS:,} visits to edges"
                )
                raise TooLarge(
                    f"{reason}; use wardrop(game) (the limit of temperature 0), or a smaller part of the network"
                )
            visits += 1
            fruitless += 1
            e, v = next(stack[-1], (-1, -1))
            if e < 0:
                stack.pop()
                visited.discard(nodes.pop())
                if trail:
                    trail.pop()
            elif v == target:
                rows.append([*trail, e])
                commodity.append(k)
                fruitless = 0
            elif v in useful and v not in visited and (fruitless <= PATIENCE or v in reaching(target, visited)):
                visited.add(v)
                nodes.append(v)
                trail.append(e)
                stack.append(iter(leaving[v]))
    ptr = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)])
    edges = np.fromiter((e for row in rows for e in row), np.int64)
    return ptr.astype(np.int64), edges, np.array(commodity, dtype=np.int64)


def _with_room(
    game: NetworkRouting, ptr: IntArray, edges: IntArray, commodity: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Paths that cost less than infinity at no load.

    Raises
    ------
    Infeasible
        If a commodity has none.
    """
    closed = ~np.isfinite(np.asarray(game.edge_cost(np.zeros(game.num_edges)), dtype=np.float64))
    lengths = np.diff(ptr)
    kept = np.bincount(np.repeat(np.arange(lengths.size), lengths), closed[edges], lengths.size) == 0
    lost = np.setdiff1d(commodity, commodity[kept])
    if lost.size:
        raise Infeasible(
            f"every path of commodity {lost[0]} costs infinity; raise capacities or lower background loads"
        )
    return np.concatenate([[0], np.cumsum(lengths[kept])]), edges[np.repeat(kept, lengths)], commodity[kept]


def _finite(game: NetworkRouting, load: FloatArray) -> FloatArray:
    cost = np.asarray(game.edge_cost(load), dtype=np.float64)
    return np.where(np.isfinite(cost), cost, 0.0)
