r"""All pure equilibria of a static routing game, by its load vectors: exact at sizes where profiles are beyond
counting.

K types of :math:`m_k` requests on W workers have :math:`W^N` profiles but only :math:`\binom{N+W-1}{W-1}` load vectors
n. A load vector carries an equilibrium iff each type can be placed on workers where it does not want to deviate,

.. math:: x_{kj} > 0 \;\Rightarrow\; \ell_j(n_j) - \omega o_{kj} \le \ell_{j'}(n_{j'}+1) - \omega o_{kj'} \quad \forall j' \ne j,

with :math:`\sum_j x_{kj} = m_k` and :math:`\sum_k x_{kj} = n_j`: a transportation problem, whose dearest and cheapest solutions are the
worst and the best equilibrium on that n. Load vectors are built worker by worker, and a prefix is cut as soon as the loads that it
leaves to the others cannot add up to N, or fewer requests than its load accept one of its workers. The method is ours; the exactness
needs only that latencies do not decrease.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from poagame._arrays import FloatArray, IntArray, require
from poagame.certificates.nash import TIE_RTOL
from poagame.errors import TooLarge
from poagame.games.routing import RoutingGame
from poagame.solvers.routing.load_vector_search import search

MAX_NODES = 100_000_000
"""Most prefixes of load vectors that a search looks at (tens of seconds)."""


MAX_STEPS = 300_000
"""Most partial placements on one load vector when equilibria are listed (seconds)."""


@dataclass(frozen=True, eq=False, slots=True)
class TypedProblem:
    """A static routing game as arrays: what the compiled search and the placements need.

    Attributes
    ----------
    latency : [W, N+2]
        Latency of each worker at loads 0 … N+1.
    staying : [W, N+2]
        The same, less what counts as a tie: a request stays where this is not above its best alternative.
    gain : [K, W]
        ω × overlap, less its largest entry in each row.
    counts : [K]
        Requests of each type.
    type_of : [N]
        Type of each request.
    constant : float
        Gain of all requests together that no placement changes, left out of `gain`.
    """

    latency: FloatArray
    staying: FloatArray
    gain: FloatArray
    counts: IntArray
    type_of: IntArray
    constant: float

    @property
    def num_requests(self) -> int:
        """N."""
        return len(self.type_of)

    def profile(self, flow: IntArray) -> IntArray:
        """A profile [N] that places `flow[k, j]` requests of type k on worker j, earlier requests on lower workers."""
        workers = np.arange(flow.shape[1])
        profile = np.empty(self.num_requests, np.int64)
        order = np.argsort(self.type_of, kind="stable")
        profile[order] = np.concatenate([np.repeat(workers, row) for row in flow])
        return profile


def typed_problem(game: RoutingGame) -> TypedProblem:
    """Tabulate a static routing game.

    Raises
    ------
    InvalidInput
        If the game has weights or affinity, a latency decreases, or the workers cannot hold all requests at finite
        latency.
    """
    types = game.types()
    total = game.num_players
    loads = np.broadcast_to(np.arange(total + 2.0)[:, None], (total + 2, game.num_actions))
    latency = np.ascontiguousarray(game.latency(loads).T)
    require(
        bool((latency[:, 1:] >= latency[:, :-1]).all()),
        "a latency decreases with load; the search needs nondecreasing ones",
    )
    room = int(np.isfinite(latency[:, 1:-1]).sum())
    require(room >= total, f"{total} requests do not fit: the workers hold {room} below their capacities together")
    # types that gain the same are one (all of them, at overlap weight 0)
    gain, merged = np.unique(float(game.overlap_weight) * types.overlap, axis=0, return_inverse=True)
    merged = merged.reshape(-1)
    # what a type gains on every worker moves nobody, and would only blur ties
    everywhere = gain.max(axis=1)
    gain = np.ascontiguousarray(gain - everywhere[:, None])
    counts = np.bincount(merged, types.counts, minlength=len(gain)).astype(np.int64)
    # costs are differences of latency and gain, so ties are judged against the size of both
    finite = np.isfinite(latency)
    lowered = np.where(finite, latency, 0.0)
    lowered = lowered - TIE_RTOL * (lowered + 2.0 * np.abs(gain).max())
    return TypedProblem(
        latency, np.where(finite, lowered, np.inf), gain, counts, merged[types.type_of], float(counts @ everywhere)
    )


@dataclass(frozen=True, eq=False, slots=True)
class Extremes:
    """Worst and best equilibrium placements [K, W], with how they were found."""

    worst: IntArray
    best: IntArray
    worst_cost: float
    best_cost: float
    num_nodes: int


def extreme_equilibria(problem: TypedProblem, max_nodes: int = MAX_NODES) -> Extremes:
    """The dearest and the cheapest pure equilibrium, by exhaustive pruned search.

    A pure equilibrium always exists here, since the game has an exact potential.

    Raises
    ------
    TooLarge
        If more than `max_nodes` prefixes of load vectors would be looked at.
    """
    types, workers = problem.gain.shape
    costs = np.array([-np.inf, np.inf])
    flows = np.zeros((2, types, workers), np.int64)
    nodes = 0
    for first in range(problem.num_requests + 1):
        loads = np.zeros(workers, np.int64)
        loads[0] = first
        nodes += search(
            problem.latency,
            problem.staying,
            problem.gain,
            problem.counts,
            loads,
            max_nodes - nodes,
            costs,
            flows,
            _NONE,
        )
        _refuse(nodes, max_nodes, problem)
    costs -= problem.constant
    return Extremes(flows[0], flows[1], float(costs[0]), float(costs[1]), nodes)


def equilibrium_load_vectors(
    problem: TypedProblem, max_nodes: int = MAX_NODES, max_vectors: int = 1_000_000
) -> IntArray:
    """All load vectors [M, W] that carry a pure equilibrium.

    Raises
    ------
    TooLarge
        If more than `max_nodes` prefixes would be looked at, or there are more than `max_vectors` of them.
    """
    types, workers = problem.gain.shape
    found: list[IntArray] = []
    nodes, total = 0, 0
    for first in range(problem.num_requests + 1):
        buffer = np.zeros((1024, workers), np.int64)
        while True:
            loads = np.zeros(workers, np.int64)
            loads[0] = first
            spent = search(
                problem.latency,
                problem.staying,
                problem.gain,
                problem.counts,
                loads,
                max_nodes - nodes,
                np.array([-np.inf, np.inf]),
                np.zeros((2, types, workers), np.int64),
                buffer,
            )
            _refuse(nodes + spent, max_nodes, problem)
            if loads[0] <= len(buffer):  # the search leaves the number found here
                break
            if total + loads[0] > max_vectors:
                raise TooLarge(
                    f"more than {max_vectors:,} load vectors carry equilibria; price_of_anarchy(game) needs "
                    "no list of them"
                )
            buffer = np.zeros((loads[0], workers), np.int64)
        nodes += spent
        total += int(loads[0])
        found.append(buffer[: loads[0]])
    return np.concatenate(found)


def placements(problem: TypedProblem, loads: IntArray, max_steps: int = MAX_STEPS) -> Iterator[IntArray]:
    """Every equilibrium placement [K, W] on a load vector.

    Raises
    ------
    TooLarge
        If more than `max_steps` partial placements would be looked at.
    """
    accepts = _accepts(problem, loads)
    counts = problem.counts
    flow = np.zeros(problem.gain.shape, np.int64)
    steps = 0

    def place(k: int, room: IntArray) -> Iterator[IntArray]:
        nonlocal steps
        if k == len(counts):
            yield flow.copy()
            return
        for row in _compositions(int(counts[k]), np.where(accepts[k], room, 0)):
            steps += 1
            if steps > max_steps:
                raise TooLarge(
                    f"{problem.num_requests} requests of {len(counts)} types have too many equilibria to list: more than "
                    f"{max_steps:,} partial placements on one load vector. price_of_anarchy(game) needs no list of them"
                )
            flow[k] = row
            yield from place(k + 1, room - row)

    yield from place(0, loads.copy())


def _accepts(problem: TypedProblem, loads: IntArray) -> np.ndarray:
    """[K, W]: whether a request of a type on a worker does not want to deviate."""
    workers = np.arange(len(loads))
    stay = problem.staying[workers, loads] - problem.gain
    move = problem.latency[workers, loads + 1] - problem.gain
    return stay <= move.min(axis=1, keepdims=True)


def _compositions(total: int, room: IntArray) -> Iterator[IntArray]:
    """Every way to split `total` into parts not above `room`."""
    if len(room) == 1:
        if total <= room[0]:
            yield np.array([total], np.int64)
        return
    rest = int(room[1:].sum())
    for part in range(max(0, total - rest), min(total, int(room[0])) + 1):
        for tail in _compositions(total - part, room[1:]):
            yield np.concatenate([np.array([part], np.int64), tail])


def _refuse(nodes: int, limit: int, problem: TypedProblem) -> None:
    if nodes >= limit:
        types, workers = problem.gain.shape
        raise TooLarge(
            f"{problem.num_requests} requests of {types} types on {workers} workers need more than {limit:,} "
            "prefixes of load vectors; "
            "raise max_nodes, or use equilibrium(game) from several starts for a lower bound"
        )


_NONE = np.zeros((0, 0), np.int64)
