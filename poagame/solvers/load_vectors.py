r"""All pure equilibria of a static routing game, by its load vectors: exact at sizes where profiles are beyond counting.

K types of :math:`m_k` requests on W workers have :math:`W^N` profiles but only :math:`\binom{N+W-1}{W-1}` load vectors n. A load
vector carries an equilibrium iff each type can be placed on workers where it does not want to deviate,

.. math:: x_{kj} > 0 \;\Rightarrow\; \ell_j(n_j) - \omega o_{kj} \le \ell_{j'}(n_{j'}+1) - \omega o_{kj'} \quad \forall j' \ne j,

with :math:`\sum_j x_{kj} = m_k` and :math:`\sum_k x_{kj} = n_j`: a transportation problem, whose dearest and cheapest solutions are the
worst and the best equilibrium on that n. Load vectors are built worker by worker, and a prefix is cut as soon as the loads that it
leaves to the others cannot add up to N, or fewer requests than its load accept one of its workers. The method is ours; the exactness
needs only that latencies do not decrease.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np

from poagame._arrays import FloatArray, IntArray, require
from poagame.certificates.nash import ATOL
from poagame.errors import TooLarge
from poagame.games.routing import RoutingGame
from poagame.solvers.transport import _augment

MAX_NODES = 100_000_000
"""Most prefixes of load vectors that a search looks at (tens of seconds)."""


@dataclass(frozen=True, eq=False, slots=True)
class TypedProblem:
    """A static routing game as arrays: what the compiled search and the placements need.

    Attributes
    ----------
    latency : [W, N+2]
        Latency of each worker at loads 0 … N+1.
    gain : [K, W]
        ω × overlap.
    counts : [K]
        Requests of each type.
    type_of : [N]
        Type of each request.
    tolerance : float
        Cost difference that counts as a tie.
    """

    latency: FloatArray
    gain: FloatArray
    counts: IntArray
    type_of: IntArray
    tolerance: float

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
        If the game has weights or affinity, a latency decreases, or the workers cannot hold all requests at finite latency.
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
    gain = np.ascontiguousarray(float(game.overlap_weight) * types.overlap)
    finite = latency[np.isfinite(latency)]
    scale = max(1.0, float(finite.max()) + float(np.abs(gain).max()))
    return TypedProblem(latency, gain, types.counts, types.type_of, ATOL * scale)


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
        nodes += _search(
            problem.latency,
            problem.gain,
            problem.counts,
            problem.tolerance,
            loads,
            max_nodes - nodes,
            costs,
            flows,
            _NONE,
        )
        _refuse(nodes, max_nodes, problem)
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
            spent = _search(
                problem.latency,
                problem.gain,
                problem.counts,
                problem.tolerance,
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
                    f"more than {max_vectors:,} load vectors carry equilibria; price_of_anarchy(game) needs no list of them"
                )
            buffer = np.zeros((loads[0], workers), np.int64)
        nodes += spent
        total += int(loads[0])
        found.append(buffer[: loads[0]])
    return np.concatenate(found)


def placements(problem: TypedProblem, loads: IntArray) -> Iterator[IntArray]:
    """Every equilibrium placement [K, W] on a load vector."""
    accepts = _accepts(problem, loads)
    counts = problem.counts
    flow = np.zeros(problem.gain.shape, np.int64)

    def place(k: int, room: IntArray) -> Iterator[IntArray]:
        if k == len(counts):
            yield flow.copy()
            return
        for row in _compositions(int(counts[k]), np.where(accepts[k], room, 0)):
            flow[k] = row
            yield from place(k + 1, room - row)

    yield from place(0, loads.copy())


def _accepts(problem: TypedProblem, loads: IntArray) -> np.ndarray:
    """[K, W]: whether a request of a type on a worker does not want to deviate."""
    workers = np.arange(len(loads))
    stay = problem.latency[workers, loads] - problem.gain
    move = problem.latency[workers, loads + 1] - problem.gain
    others = np.where(np.eye(len(loads), dtype=bool)[None], np.inf, move[:, None, :]).min(axis=2)
    return stay <= others + problem.tolerance


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
            f"{problem.num_requests} requests of {types} types on {workers} workers need more than {limit:,} prefixes of load vectors; "
            "raise max_nodes, or use equilibrium(game) from several starts for a lower bound"
        )


_NONE = np.zeros((0, 0), np.int64)


@numba.njit(cache=True, nogil=True)
def _search(latency, gain, counts, tolerance, loads, max_nodes, costs, flows, found):  # pragma: no cover - compiled
    """Depth-first search over the load vectors that begin with `loads[0]`; return the number of prefixes looked at.

    With `found` [M, W] empty in its second axis, improve `costs` (worst, best) and `flows` (worst, best); else write the load vectors
    that carry an equilibrium into `found`, and their number into `loads[0]` (which may exceed M: call again with more room).
    """
    types, workers = gain.shape
    total = counts.sum()
    listing = found.shape[1] > 0
    num_found = 0
    nodes = 0
    low = np.zeros(workers, np.int64)  # range of the load at each depth
    high = np.zeros(workers, np.int64)
    # over the workers of the prefix: the cheapest and second cheapest move of each type, and where the cheapest is
    cheapest = np.full((workers, types), np.inf)
    second = np.full((workers, types), np.inf)
    where = np.full((workers, types), -1)
    flow = np.zeros((types, workers), np.int64)
    low[0] = high[0] = loads[0]
    if workers == 1 and loads[0] != total:
        high[0] = -1
    depth = 0
    used = 0
    current = np.zeros(workers, np.int64)
    current[0] = low[0] - 1
    while depth >= 0:
        current[depth] += 1
        if current[depth] > high[depth]:
            depth -= 1
            if depth >= 0:
                used -= current[depth]
            continue
        nodes += 1
        if nodes >= max_nodes:
            break
        load = current[depth]
        for k in range(types):
            move = latency[depth, load + 1] - gain[k, depth]
            one, two, at = np.inf, np.inf, -1
            if depth > 0:
                one, two, at = cheapest[depth - 1, k], second[depth - 1, k], where[depth - 1, k]
            if move < one:
                one, two, at = move, one, depth
            elif move < two:
                two = move
            cheapest[depth, k], second[depth, k], where[depth, k] = one, two, at
        used += load
        verdict = _prefix_verdict(latency, gain, counts, tolerance, current, depth, used, cheapest, second, where)
        if verdict == 2:  # more load here only makes it worse
            used -= load
            depth -= 1
            if depth >= 0:
                used -= current[depth]
            continue
        if verdict == 1:
            used -= load
            continue
        if depth == workers - 1:
            if used == total:
                if listing:
                    if _place(latency, gain, counts, tolerance, current, cheapest, second, where, 1.0, flow):
                        if num_found < found.shape[0]:
                            found[num_found] = current
                        num_found += 1
                else:
                    _improve(latency, gain, counts, tolerance, current, cheapest, second, where, costs, flows, flow)
            used -= load
            continue
        rest = total - used
        lows, highs = np.int64(0), np.int64(0)
        first_low, first_high = np.int64(0), np.int64(0)
        for u in range(depth + 1, workers):
            # at most: the largest load at which some type still accepts u against the prefix
            limit = -np.inf
            for k in range(types):
                limit = max(limit, gain[k, u] + cheapest[depth, k])
            most = min(rest, np.searchsorted(latency[u, : total + 1], limit + tolerance, side="right") - 1)
            most = max(most, 0)
            # at least: so much that for each loaded worker of the prefix some type does not move to u
            need = -np.inf
            for j in range(depth + 1):
                if current[j] > 0:
                    least = np.inf
                    for k in range(types):
                        least = min(least, latency[j, current[j]] - gain[k, j] + gain[k, u])
                    need = max(need, least)
            fewest = max(np.searchsorted(latency[u, 1:], need - tolerance, side="left"), 0)
            if u == depth + 1:
                first_low, first_high = fewest, most
            else:
                lows += fewest
                highs += most
        begin, end = max(first_low, rest - highs), min(first_high, rest - lows)
        if begin > end:
            used -= load
            continue
        depth += 1
        low[depth], high[depth] = begin, end
        current[depth] = begin - 1
    if listing:
        loads[0] = num_found
    return nodes


@numba.njit(cache=True, nogil=True)
def _accepts_at(latency, gain, tolerance, current, k, j, depth, cheapest, second, where):  # pragma: no cover - compiled
    other = second[depth, k] if where[depth, k] == j else cheapest[depth, k]
    return latency[j, current[j]] - gain[k, j] <= other + tolerance


@numba.njit(cache=True, nogil=True)
def _prefix_verdict(
    latency, gain, counts, tolerance, current, depth, used, cheapest, second, where
):  # pragma: no cover - compiled
    """0: may go on. 1: no equilibrium has this prefix. 2: nor any with a larger load on its last worker."""
    types = gain.shape[0]
    willing_anywhere = np.int64(0)
    for j in range(depth + 1):
        room = np.int64(0)
        for k in range(types):
            if _accepts_at(latency, gain, tolerance, current, k, j, depth, cheapest, second, where):
                room += counts[k]
        if current[j] > room:
            return 2 if j == depth else 1
    for k in range(types):
        for j in range(depth + 1):
            if _accepts_at(latency, gain, tolerance, current, k, j, depth, cheapest, second, where):
                willing_anywhere += counts[k]
                break
    return 1 if used > willing_anywhere else 0


@numba.njit(cache=True, nogil=True)
def _improve(
    latency, gain, counts, tolerance, current, cheapest, second, where, costs, flows, flow
):  # pragma: no cover - compiled
    """Replace the worst and the best placement where this load vector has a dearer or a cheaper one."""
    types, workers = gain.shape
    congestion = 0.0
    for j in range(workers):
        if current[j] > 0:
            congestion += current[j] * latency[j, current[j]]
    most, least = 0.0, 0.0
    for k in range(types):
        high, low = -np.inf, np.inf
        for j in range(workers):
            if _accepts_at(latency, gain, tolerance, current, k, j, workers - 1, cheapest, second, where):
                high = max(high, gain[k, j])
                low = min(low, gain[k, j])
        most += counts[k] * high
        least += counts[k] * low
    # type-wise bounds on the gain show most load vectors to be neither
    for side in range(2):
        if side == 0:
            promising = congestion - least > costs[0]
        else:
            promising = congestion - most < costs[1]
        if not promising:
            continue
        sign = 1.0 if side == 0 else -1.0
        if _place(latency, gain, counts, tolerance, current, cheapest, second, where, sign, flow):
            cost = congestion - (gain * flow).sum()
            if (side == 0 and cost > costs[0]) or (side == 1 and cost < costs[1]):
                costs[side] = cost
                flows[side] = flow


@numba.njit(cache=True, nogil=True)
def _place(
    latency, gain, counts, tolerance, current, cheapest, second, where, sign, flow
):  # pragma: no cover - compiled
    """Place all types on a load vector at least `sign` × gain; False where they cannot be placed."""
    types, workers = gain.shape
    costs = np.empty((types, workers))
    worker_potential = np.empty(workers)
    slots = np.full((workers, max(1, current.max())), np.inf)
    for j in range(workers):
        slots[j, : current[j]] = 0.0
        worker_potential[j] = np.inf
        for k in range(types):
            if current[j] == 0:
                costs[k, j] = 0.0
            elif _accepts_at(latency, gain, tolerance, current, k, j, workers - 1, cheapest, second, where):
                costs[k, j] = sign * gain[k, j]
            else:
                costs[k, j] = np.inf
            worker_potential[j] = min(worker_potential[j], costs[k, j])
        if worker_potential[j] == np.inf:
            return False
    sink = np.inf
    for j in range(workers):
        if current[j] > 0:
            sink = min(sink, worker_potential[j])
    flow[:] = 0
    potential = np.zeros(types)
    return not np.isnan(_augment(slots, costs, counts.copy(), flow, potential, worker_potential, sink))
