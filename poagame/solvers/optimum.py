r"""The social optimum: exact by assignment, integer programme or enumeration; beyond, a labelled heuristic between two
bounds.

For a static routing game the optimum minimises :math:`\sum_j n_j \ell_j(n_j) - \omega \sum_{kj} o_{kj} x_{kj}`. Where n·ℓ(n) is convex the
marginal costs of further requests rise and the problem is an assignment to marginal-cost slots (`solvers.routing.transport`); the paper's
Hungarian assignment on frozen latencies is the special case of constant latency. Where it is not convex (a measured table may be
concave somewhere) the same assignment on the lower convex envelope is a bound, tight if the optimum touches the envelope; if not, an
integer programme over the loads decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from itertools import pairwise

import numpy as np

from poagame._arrays import Array, FloatArray, IntArray, require
from poagame.certificates.duality import (
    affinity_caps,
    congestion_totals,
    load_price_lower_bound,
    routing_lower_bound,
)
from poagame.certificates.nash import gain_scale
from poagame.errors import InvalidInput
from poagame.games.protocols import FiniteGame
from poagame.games.routing import RoutingGame
from poagame.outcome import Outcome
from poagame.solvers.enumeration import MAX_PROFILES, census
from poagame.solvers.routing.load_vectors import TypedProblem
from poagame.solvers.routing.room import check_room
from poagame.solvers.routing.transport import assign

RTOL = 1e-11
"""Relative gap between cost and bound that rounding explains: the optimum then counts as proved."""

MAX_BINARIES = 6_000
"""Most binaries (workers × loads) of the integer programme for a curve that is not convex; it takes seconds."""

MAX_MEETINGS = 2_000
"""Most variables (workers × requests and pairs) of the integer programme for affinity, whose relaxation is weak."""


@dataclass(frozen=True, eq=False, slots=True)
class Optimum:
    """A profile of least social cost, or between bounds.

    Attributes
    ----------
    profile : [N] int64, or float64
        The best profile found: actions of a finite game, loads [E] of a network, flows [N, A] of players that split.
    social_cost : float
        Its cost, evaluated by the game.
    lower_bound : float
        No profile costs less.
    outcome : Outcome
        `OPTIMAL` where the two agree up to rounding (where an integer programme proved the bound: up to about 1e-6 of
        what a request pays, for each request), else `BOUNDED`.
    """

    profile: Array
    social_cost: float
    lower_bound: float
    outcome: Outcome

    @property
    def gap(self) -> float:
        """Cost minus lower bound, ≥ 0 up to rounding."""
        return self.social_cost - self.lower_bound

    def __str__(self) -> str:
        """Cost, bound and how it ended in a line."""
        return f"social cost {self.social_cost:.10g}, lower bound {self.lower_bound:.10g} ({self.outcome})"


@singledispatch
def social_optimum(game: FiniteGame) -> Optimum:
    """A profile of least social cost with a lower bound that proves it.

    - `RoutingGame`, static overlap: exact for any N, by assignment with dual prices as proof; integer programme where
      n·ℓ(n) is not convex and the game is not too large for it.
    - `RoutingGame` with affinity or weights: exact by enumeration or integer programme for small games; beyond, a
      local optimum with a Lagrangian lower bound, labelled `BOUNDED`.
    - `CongestionGame`: by branch and bound over counts of equal players, with an integer programme beyond.
    - `NetworkRouting`, `SplittableRouting`: as the equilibrium of marginal costs, with the Frank–Wolfe bound.
    - any other finite game: by enumeration.

    Raises
    ------
    TooLarge
        If a general finite game has more profiles than enumeration looks at.
    InvalidInput
        If the workers cannot hold the requests below their capacities.

    Examples
    --------
    >>> import poagame as pg
    >>> game = pg.RoutingGame(pg.latency.Polynomial([[0.0, 1.0], [2.0, 0.0]]), [[0.0, 0.0], [0.0, 0.0]])
    >>> print(pg.social_optimum(game))
    social cost 3, lower bound 3 (optimal: the bound meets the cost)
    """
    found = census(game)
    if not np.isfinite(found.optimum_cost):
        raise InvalidInput("every profile costs infinity: no assignment keeps all below capacity; raise capacities")
    return Optimum(found.optimum, found.optimum_cost, found.optimum_cost, Outcome.OPTIMAL)


@social_optimum.register
def _(game: RoutingGame) -> Optimum:
    if game.is_static:
        return _static(game)
    check_room(game)
    if game.num_actions**game.num_players <= min(MAX_PROFILES, 300_000):
        return social_optimum.dispatch(object)(game)
    heuristic, slack = _local_search(game), 0.0
    bound = _priced_bound(game, heuristic)
    if game.request_weight is None and _num_meetings(game) <= MAX_MEETINGS:
        # imported here: cvxpy takes most of a second
        from poagame.solvers.routing.integer import affinity_programme

        profile, proved, slack = affinity_programme(game)
        heuristic = min((heuristic, profile), key=game.social_cost) if profile is not None else heuristic
        bound = max(bound, proved)
    return _judged(game, heuristic, bound, slack)


def _judged(game: RoutingGame, profile: IntArray, bound: float, slack: float = 0.0) -> Optimum:
    cost = float(game.social_cost(profile))
    if not np.isfinite(cost):
        raise InvalidInput("no assignment was found that keeps every worker below its capacity; raise capacities")
    # costs may be small differences of latency and overlap, so the size of both counts
    scale = float((game.weights * np.abs(game.request_costs(profile))).sum())
    scale += gain_scale(game) * float(game.weights.sum())
    allowed = RTOL * scale + 2.0 * slack
    if bound > cost + allowed:  # no bound at all
        bound = -np.inf
    proved = cost - bound <= allowed
    return Optimum(profile, cost, min(bound, cost), Outcome.OPTIMAL if proved else Outcome.BOUNDED)


def _static(game: RoutingGame) -> Optimum:
    types = game.types()
    requests, workers = game.num_players, game.num_actions
    nothing = np.zeros((0, 0))
    typed = TypedProblem(nothing, nothing, float(game.overlap_weight) * types.overlap, types.counts, types.type_of, 0.0)
    depth = min(requests, 4 * -(-requests // workers) + 8)
    while True:
        total = congestion_totals(game, depth)
        latency = total[1:] / np.arange(1.0, depth + 1)[:, None]
        last = game.latency(np.full(game.num_actions, float(requests)))
        rising = bool((latency[1:] >= latency[:-1] * (1 - 1e-12)).all()) and bool(
            (last >= latency[-1] * (1 - 1e-12)).all()
        )
        require(rising, "a latency decreases with load, and the lower bound needs nondecreasing ones")
        slots, touches = _envelope(total)
        if np.isfinite(slots).sum() >= requests:
            placed = assign(slots, -typed.gain, types.counts)
            # loads beyond the depth cost at least the latency there, whatever the shape: no worker may want them
            value = (placed.prices[:, None] + typed.gain).max(axis=0)
            beyond = total[-1] / depth
            if depth == requests or bool((beyond >= value - 1e-12 * np.abs(value)).all()):
                break
        elif depth == requests:
            require(
                False,
                f"{requests} requests do not fit: the workers hold {int(np.isfinite(slots).sum())} below "
                "their capacities",
            )
        depth = min(requests, 2 * depth)
    bound = routing_lower_bound(game, placed.prices, depth)
    flow = placed.flow
    loads = flow.sum(axis=0)
    if touches[loads, np.arange(workers)].all():
        return _judged(game, typed.profile(flow), bound)
    flow, proved, slack = _off_the_envelope(total, typed, flow)
    return _judged(game, typed.profile(flow), max(bound, proved), slack)


def _steps(total: FloatArray) -> FloatArray:
    """[W, S]: marginal cost of each further request, infinite beyond capacity."""
    with np.errstate(invalid="ignore"):
        steps = np.diff(total, axis=0)
    return np.where(np.isfinite(steps), steps, np.inf).T


def _envelope(total: FloatArray) -> tuple[FloatArray, np.ndarray]:
    """Steps [W, S] of the lower convex envelope of each column of `total`, and where it touches the column (up to rounding)."""
    steps = _steps(total)
    scale = np.abs(np.where(np.isfinite(total), total, 0.0)).max(axis=0)
    with np.errstate(invalid="ignore"):
        bends = np.diff(steps, axis=1)
    if not (bends < -1e-12 * scale[:, None]).any():
        return np.maximum.accumulate(steps, axis=1), np.ones(total.shape, bool)
    touches = np.zeros(total.shape, bool)
    for j, column in enumerate(total.T):
        hull: list[int] = []
        for n in np.flatnonzero(np.isfinite(column)).tolist():
            while len(hull) > 1 and _slope(column, hull[-2], hull[-1]) >= _slope(column, hull[-1], n):
                hull.pop()
            hull.append(n)
        slopes = [_slope(column, a, b) for a, b in pairwise(hull)]
        steps[j, : hull[-1]] = np.maximum.accumulate(np.repeat(slopes, np.diff(hull))) if slopes else []
        chord = np.interp(np.arange(hull[-1] + 1), hull, column[hull])
        touches[: hull[-1] + 1, j] = column[: hull[-1] + 1] - chord <= 1e-12 * scale[j]
    return steps, touches


def _slope(column: FloatArray, a: int, b: int) -> float:
    return float(column[b] - column[a]) / (b - a)


def _off_the_envelope(total: FloatArray, typed: TypedProblem, flow: IntArray) -> tuple[IntArray, float, float]:
    """Decide between loads where n·ℓ(n) is not convex: integer programme, or the envelope's own placement with no better bound."""
    if (total.shape[0] - 1) * total.shape[1] > MAX_BINARIES:
        return flow, -np.inf, 0.0
    from poagame.solvers.routing.integer import load_programme

    loads, proved, slack = load_programme(total, typed.gain, typed.counts)
    if loads is None:
        return flow, proved, slack
    free = np.where(np.arange(max(1, loads.max())) < loads[:, None], 0.0, np.inf)
    return assign(free, -typed.gain, typed.counts).flow, proved, slack


def _num_meetings(game: RoutingGame) -> int:
    """Variables of the integer programme of a game with affinity: who is where, and which pairs meet."""
    assert game.affinity is not None
    pairs = int(np.count_nonzero(np.triu(game.affinity + game.affinity.T)))
    return (game.num_players + pairs) * game.num_actions


def _local_search(game: RoutingGame) -> IntArray:
    """A profile that no single move makes cheaper for all, from the greedy one."""
    n, w = game.num_players, game.weights
    order = np.argsort(-w, kind="stable")
    pair = None if game.affinity is None else w[:, None] * game.affinity
    pair = None if pair is None else float(game.overlap_weight) * (pair + pair.T)
    worth = float(game.overlap_weight) * w[:, None] * game.overlap
    loads = np.zeros(game.num_actions)
    profile = np.full(n, -1)

    def total(x: FloatArray) -> FloatArray:
        return np.where(x > 0, x * game.latency(np.maximum(x, 0.0)), 0.0)

    for sweep in range(200):
        moved = False
        for i in order:
            here = profile[i]
            if here >= 0:
                loads[here] -= w[i]
                if abs(loads[here]) < 1e-12:
                    loads[here] = 0.0
            change = total(loads + w[i]) - total(loads) - worth[i]
            if pair is not None:
                others = profile >= 0
                others[i] = False
                change -= np.bincount(profile[others], pair[i][others], minlength=game.num_actions)
            to = int(np.nanargmin(np.where(np.isnan(change), np.inf, change)))
            if here >= 0 and not change[to] < change[here] - 1e-12 * abs(change[here]):
                to = int(here)
            moved |= to != here
            profile[i] = to
            loads[to] += w[i]
        if not moved and sweep:
            break
    return profile.astype(np.int64)


def _priced_bound(game: RoutingGame, profile: IntArray) -> float:
    """Lagrangian bound, its load prices improved from the marginal costs at a profile by subgradient steps."""
    loads = game.loads(profile)
    price = np.where(np.isfinite(game.latency.marginal_cost(loads)), game.latency.marginal_cost(loads), 0.0)
    if game.affinity is not None:
        price = (
            price
            - float(game.overlap_weight)
            * affinity_caps(game)[np.minimum(np.round(loads).astype(int), game.num_players)]
        )
    best = load_price_lower_bound(game, price)
    target = float(game.social_cost(profile))
    omega, w = float(game.overlap_weight), game.weights
    totals = congestion_totals(game) if game.request_weight is None else None
    grid = np.linspace(0.0, w.sum(), 400)
    if totals is None:
        dense = np.broadcast_to(grid[:, None], (400, game.num_actions))
        totals = np.where(dense > 0, dense * game.latency(dense), 0.0)
    else:
        grid = np.arange(len(totals), dtype=np.float64)
        totals = totals - omega * grid[:, None] * affinity_caps(game)[:, None]
    current = price
    for _ in range(60):
        wanted = grid[(totals - current * grid[:, None]).argmin(axis=0)]
        choice = (current - omega * game.overlap).argmin(axis=1)
        slack = np.bincount(choice, w, minlength=game.num_actions) - wanted
        norm = float(slack @ slack)
        if norm == 0.0:
            break
        current = current + max(0.0, target - best) * 0.5 / norm * slack
        best = max(best, load_price_lower_bound(game, current))
    return best
