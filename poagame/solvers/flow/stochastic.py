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
from poagame.errors import TooLarge
from poagame.games.network import NetworkRouting
from poagame.outcome import Outcome

MAX_PATHS = 20_000
"""Most simple paths that are listed."""


@dataclass(frozen=True, eq=False, slots=True)
class StochasticEquilibrium:
    """Logit flow over all simple paths.

    Attributes
    ----------
    load : [E]
        Flow on each edge.
    path_ptr, path_edges, path_flow, path_commodity
        All simple paths in CSR form, their flows and commodities.
    social_cost : float
        Σ load · latency at `load` (without the entropy term).
    certificate : StochasticCertificate
        Distance of the flows from the logit flows at their own costs.
    outcome : Outcome
        `CONVERGED` if the certificate holds.
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


def stochastic_wardrop(
    game: NetworkRouting, temperature: float, rtol: float = 1e-10, max_steps: int = 500
) -> StochasticEquilibrium:
    r"""Stochastic user equilibrium of `game` at `temperature` > 0 (in the unit of cost), over all simple paths.

    Temperature → 0 gives a Wardrop equilibrium, temperature → ∞ the uniform flow over paths.

    Raises
    ------
    TooLarge
        If there are more than `MAX_PATHS` simple paths.
    InvalidInput
        If the temperature is not positive and finite, or costs are infinite at the flows that the start meets.

    Examples
    --------
    >>> from poagame.games.network import NetworkRouting
    >>> from poagame.latency import Polynomial
    >>> pigou = NetworkRouting.parallel(Polynomial([[0.0, 1.0], [1.0, 0.0]]), demand=1.0)
    >>> round(stochastic_wardrop(pigou, temperature=1.0).social_cost / 0.75, 6)
    1.013053
    """
    require(bool(np.isfinite(temperature)) and temperature > 0, f"temperature must be positive; got {temperature}")
    require(0.0 < rtol < 1.0, f"rtol must lie between 0 and 1; got {rtol}")
    ptr, edges, commodity = simple_paths(game)
    paths = sparse.csr_array((np.ones(edges.size), edges, ptr), shape=(ptr.size - 1, game.num_edges))
    flow = game.demand[commodity] / np.bincount(commodity, minlength=game.num_commodities)[commodity]
    load = np.asarray(paths.T @ flow)
    require(
        bool(np.isfinite(np.asarray(game.edge_cost(load))[load > 0]).all()),
        "the uniform flow over paths exceeds a capacity, and the search starts there; lower the demand or raise capacities",
    )
    cost = np.asarray(paths @ _finite(game, load))
    hottest = max(float(np.ptp(cost)) if cost.size else 0.0, temperature)
    steps = max(1, int(np.ceil(np.log(hottest / temperature) / np.log(4.0))) + 1)
    num_steps = 0
    for tau in np.geomspace(hottest, temperature, steps) if steps > 1 else [temperature]:
        target = rtol if tau == temperature else 1e-3
        load, flow, taken = _newton(game, paths, commodity, load, float(tau), 0.3 * target, max_steps)
        num_steps += taken
    load = np.asarray(paths.T @ flow)
    certificate = certify_stochastic(game, temperature, (ptr, edges, flow, commodity), rtol)
    outcome = Outcome.CONVERGED if certificate.holds else Outcome.MAX_STEPS_REACHED
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
        cost = np.asarray(game.edge_cost(x), dtype=np.float64)
        if not np.isfinite(cost).all():
            return None
        return logit_flows(np.asarray(paths @ cost), commodity, demand, tau)

    flow = logit(load)
    require(flow is not None, "a latency is infinite at the loads that the search starts from")
    assert flow is not None
    residual = load - paths.T @ flow
    for step in range(max_steps):
        norm = float(np.abs(residual).max(initial=0.0))
        if norm <= rtol * scale:
            return load, flow, step
        slope = np.asarray(game.latency.derivative(load), dtype=np.float64)
        slope = np.where(np.isfinite(slope), slope, 0.0)
        weighted = sparse.csr_array(paths * flow[:, None])
        means = groups @ weighted
        spread = (paths.T @ weighted - means.T @ (means * inverse[:, None])).toarray()
        step_to = np.linalg.solve(np.eye(size) + spread * slope / tau, residual)
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
            return load, flow, step
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
        If there are more than `limit`.
    """
    leaving: list[list[tuple[int, int]]] = [[] for _ in range(game.num_nodes)]
    entering: list[list[int]] = [[] for _ in range(game.num_nodes)]
    for e, (u, v) in enumerate(zip(game.tail.tolist(), game.head.tolist(), strict=True)):
        if u != v:
            leaving[u].append((e, v))
            entering[v].append(u)
    rows: list[list[int]] = []
    commodity: list[int] = []
    for k in np.flatnonzero(game.demand > 0).tolist():
        origin, target = int(game.origin[k]), int(game.destination[k])
        useful, queue = {target}, [target]  # nodes from which the destination can be reached
        while queue:
            for u in entering[queue.pop()]:
                if u not in useful and (u >= game.first_through or u == origin):
                    useful.add(u)
                    queue.append(u)
        trail: list[int] = []
        visited = {origin}
        stack = [iter(leaving[origin])]
        nodes = [origin]
        while stack:
            e, v = next(stack[-1], (-1, -1))
            if e < 0:
                stack.pop()
                visited.discard(nodes.pop())
                if trail:
                    trail.pop()
            elif v == target:
                rows.append([*trail, e])
                commodity.append(k)
                if len(rows) > limit:
                    raise TooLarge(
                        f"the network has more than {limit:,} simple paths, the most that are listed; use wardrop(game) "
                        "(the limit of temperature 0), or a smaller part of the network"
                    )
            elif v in useful and v not in visited:
                visited.add(v)
                nodes.append(v)
                trail.append(e)
                stack.append(iter(leaving[v]))
    ptr = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)])
    edges = np.fromiter((e for row in rows for e in row), np.int64)
    return ptr.astype(np.int64), edges, np.array(commodity, dtype=np.int64)


def _finite(game: NetworkRouting, load: FloatArray) -> FloatArray:
    cost = np.asarray(game.edge_cost(load), dtype=np.float64)
    return np.where(np.isfinite(cost), cost, 0.0)
