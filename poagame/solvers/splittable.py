r"""Equilibria and optima of players that split their demand.

Both solve a variational inequality over a product of simplices, the equilibrium with each player's own marginal costs, the optimum
with those of all. Extragradient steps find which actions are used; Newton's method on those (the linearised conditions of
Karush, Kuhn and Tucker) gives the digits.

When is the equilibrium's cost unique? Write :math:`k_r = L \ell_r''(L) / \ell_r'(L)`. For a change v of the players'
loads on a resource, with
:math:`u = \sum_i v_i`, the symmetric part of the operator's Jacobian gives
:math:`\ell'(\|v\|^2 + u^2) + \ell''\,(x \cdot v)\,u \ge \ell'(\|v\|^2 + u^2 - |k|\,\|v\|\,|u|)`, as ‖x‖ ≤ L. So
**the operator is monotone wherever
|k| ≤ 2**: polynomials and BPR of degree up to 3 [altman2002]_, M/M/1 up to half its service rate. Player loads on resources that are
not constant are then the same in all equilibria, and so is the social cost. On parallel links that are open to all players, positive,
strictly increasing convex latencies suffice [orda1993]_. Elsewhere there may be several equilibria.

.. [orda1993] Orda, Rom, Shimkin: Competitive routing in multiuser communication networks, IEEE/ACM Transactions on Networking 1 (1993).
.. [altman2002] Altman, Başar, Jiménez, Shimkin: Competitive routing in networks with polynomial costs, IEEE
   Transactions on Automatic Control 47 (2002).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.certificates.splittable import SplittableCertificate, certify_splittable, frank_wolfe_gaps
from poagame.certificates.variational import natural_residual
from poagame.errors import InvalidInput, NoEquilibrium
from poagame.games.checks import Seed, generator, positive, whole
from poagame.games.network import NetworkRouting
from poagame.games.protocols import FiniteGame, JointlyConvexGame
from poagame.games.splittable import SplittableRouting
from poagame.latency import BPR, MM1, Latency, Polynomial, Preloaded, Saturating, Scaled, Shifted, Sum
from poagame.latency.convexity import total_cost_is_convex
from poagame.latency.stacked import Stacked
from poagame.outcome import Outcome
from poagame.solvers.extremes import Extremes
from poagame.solvers.optimum import Optimum, social_optimum
from poagame.solvers.variational import Extragradient

MAX_DENSE = 100
"""Most used actions for which Newton's method solves one dense system; beyond, one a player and one of the loads."""

MAX_BLOCKS = 30_000_000
"""Most numbers N·A·(A + R) of the systems of all players (about 1 GB at work); larger games take first-order steps alone."""

PROXIMAL = 1e-9
"""Weight of the distance moved in Newton's steps by player, relative to the Jacobian: flows with equal loads are many."""

OPTIMUM_RTOL = 1e-9
"""Relative gap of cost and lower bound at which an optimum counts as proved."""


@dataclass(frozen=True, eq=False, slots=True)
class SplittableEquilibrium:
    """Flows that no player gains by changing, with the certificate at them.

    Attributes
    ----------
    flow : [N, A]
        Of each player on each of its actions.
    load : [R]
    social_cost : float
    certificate : SplittableCertificate
        Evaluated at `flow` by code that shares nothing with the solver.
    outcome : Outcome
        CONVERGED exactly where the certificate holds; MAX_STEPS_REACHED only if the steps ran out. NO_EQUILIBRIUM_FOUND at a
        stationary point that is not proved one: first-order conditions alone prove nothing where load × latency is not convex.
    num_steps : int
        Extragradient and Newton steps.
    """

    flow: FloatArray
    load: FloatArray
    social_cost: float
    certificate: SplittableCertificate
    outcome: Outcome
    num_steps: int

    def __str__(self) -> str:
        """One line."""
        proof = self.certificate
        regret = f"largest regret {proof.max_regret:.3g}"
        if not np.isfinite(proof.max_regret):
            regret = f"no bound on regret, as load × latency is not known to be convex; first-order gap {proof.first_order:.3g}"
        return f"{self.outcome} (social cost {self.social_cost:.6g}, {regret}, {self.num_steps} steps)"


def splittable_equilibrium(
    game: SplittableRouting, rtol: float = 1e-10, start: ArrayLike | None = None, max_steps: int = 100_000
) -> SplittableEquilibrium:
    """Find an equilibrium of players that split.

    Parameters
    ----------
    game : SplittableRouting
    rtol : float
        Natural residual to stop at.
    start : [N, A], optional
        Flows to begin with, projected onto the feasible ones.
    max_steps : int
        Most extragradient steps.

    Raises
    ------
    InvalidInput
        If the game is no `SplittableRouting`, a parameter is not positive, the start is no [N, A], or costs are infinite there.
    Infeasible
        If no flow of finite cost is found.

    Examples
    --------
    Pigou's links and two players of half the demand: each keeps a sixth off the link that congests.

    >>> from poagame.latency import Polynomial
    >>> game = SplittableRouting(Polynomial([[0.0, 1.0], [1.0, 0.0]]), [[[0], [1]], [[0], [1]]], [0.5, 0.5])
    >>> splittable_equilibrium(game).load.round(9).tolist()
    [0.666666667, 0.333333333]
    """
    _check_kind(game, "splittable_equilibrium")
    max_steps, rtol = whole(max_steps, "max_steps", 1), positive(rtol, "rtol")
    if start is not None:
        start = as_floats(start, "start")
        require(
            start.shape == game.available.shape,
            f"start holds flows [N, A] = {game.available.shape}; got shape {start.shape}",
        )
    x, num_steps, stationary = _solve(_Problem(game, own=True), rtol, start, max_steps)
    certificate = certify_splittable(game, x)
    outcome = Outcome.NO_EQUILIBRIUM_FOUND if stationary else Outcome.MAX_STEPS_REACHED
    if certificate.holds:
        outcome = Outcome.CONVERGED
    return SplittableEquilibrium(x, game.loads(x), game.social_cost(x), certificate, outcome, num_steps)


@social_optimum.register
def splittable_optimum(game: SplittableRouting) -> Optimum:
    """Flows [N, A] of least Σ L ℓ(L), bounded below by the linear programme of marginal costs where load × latency is convex."""
    x, _, _ = _solve(_Problem(game, own=False), 1e-12, None, 100_000)
    cost = game.social_cost(x)
    if total_cost_is_convex(game.latency)[game.resource].all():
        load = game.loads(x)
        marginal = np.where(game.available, game.along_actions(game.latency.marginal_cost(load)[game.resource]), np.inf)
        bound = cost - float(frank_wolfe_gaps(x, marginal, np.asarray(game.demand))[0].sum())
    else:
        bound = _free_flow_cost(game)
    outcome = Outcome.OPTIMAL if cost - bound <= OPTIMUM_RTOL * abs(cost) else Outcome.BOUNDED
    flow: Any = x
    return Optimum(flow, cost, min(bound, cost), outcome)


def splittable_extremes(
    game: SplittableRouting, num_starts: int = 8, seed: Seed = 0
) -> Extremes[SplittableEquilibrium]:
    """Worst and best equilibrium found; proved where the equilibrium's cost is known to be unique.

    Elsewhere the search begins at the game's start and `num_starts` random flows, and says so.

    Parameters
    ----------
    game : SplittableRouting
    num_starts : int
    seed : int or numpy.random.Generator
        Of the search where uniqueness is not known.

    Raises
    ------
    NoEquilibrium
        If no point that was found is certified.
    InvalidInput, Infeasible
        As `splittable_equilibrium` does.
    """
    _check_kind(game, "splittable_extremes")
    num_starts, rng = whole(num_starts, "num_starts", 0), generator(seed)
    reason = why_unique(game)
    first = splittable_equilibrium(game)
    if reason and first.certificate.holds:
        cost = first.social_cost
        return Extremes(first, first, cost, cost, True, f"one social cost in all equilibria: {reason}")
    found = [first]
    base = game.start()
    for _ in range(num_starts):
        corner = rng.dirichlet(np.full(game.num_actions, 0.3), game.num_players) * np.asarray(game.demand)[:, None]
        x = game.projection(corner)
        while not np.isfinite(game.pseudogradient(x)).all():
            x = game.projection(0.5 * (x + base))
        found.append(splittable_equilibrium(game, start=x))
    sure = [e for e in found if e.certificate.holds]
    if not sure:
        raise NoEquilibrium(
            f"none of the points from {num_starts + 1} starts is proved an equilibrium ({first}). Where a measured latency bends down, "
            "fit a convex family, as fit_latency(table, family='saturating') does"
        )
    worst, best = (pick(sure, key=lambda e: e.social_cost) for pick in (max, min))
    note = f"the worst and best of equilibria from {num_starts + 1} starts; uniqueness is not known here, so there may be others"
    return Extremes(worst, best, np.inf, _free_flow_cost(game), False, note)


def _check_kind(game: object, verb: str) -> None:
    if isinstance(game, SplittableRouting):
        return
    instead = ""
    if isinstance(game, NetworkRouting):
        instead = "; SplittableRouting.from_network(game) makes each commodity one player, and wardrop(game) is for nonatomic traffic"
    elif isinstance(game, JointlyConvexGame):
        instead = "; for any game with a pseudogradient use variational_equilibrium(game)"
    elif isinstance(game, FiniteGame):
        instead = "; for players that choose one action each use equilibrium(game)"
    raise InvalidInput(f"{verb} needs a SplittableRouting; got {type(game).__name__}{instead}")


def why_unique(game: SplittableRouting) -> str:
    """Why all equilibria have one social cost, or "" where that is not known."""
    most = float(np.sum(game.demand))
    used = np.unique(game.resource)
    if (slope_elasticity(game.latency, most)[used] <= 2.0).all():
        return "the marginal costs are a monotone operator (|L ℓ″| ≤ 2 ℓ′ on every resource)"
    alike = bool(game.available.all()) and all(row == game.actions[0] for row in game.actions)
    singleton = bool((np.bincount(game.cell, minlength=game.available.size) <= 1).all())
    if alike and singleton and strictly_convex_increasing(game.latency)[used].all():
        return "parallel links open to all, with increasing convex latencies (Orda, Rom, Shimkin 1993)"
    return ""


@singledispatch
def slope_elasticity(latency: Latency, most: float) -> FloatArray:
    """[R]: a bound on |L ℓ″(L)| / ℓ′(L) for loads 0 < L ≤ most, 0 where ℓ is constant, ∞ where none is known."""
    return np.full(latency.num_resources, np.inf)


@slope_elasticity.register
def _(latency: Polynomial, most: float) -> FloatArray:
    powers = np.arange(latency.coefficients.shape[1])
    return np.maximum(0.0, (np.where(latency.coefficients > 0, powers, 0)).max(axis=1) - 1.0)


@slope_elasticity.register
def _(latency: BPR, most: float) -> FloatArray:
    return np.where(latency.free_flow_time * latency.b * latency.power > 0, np.abs(latency.power - 1.0), 0.0)


@slope_elasticity.register
def _(latency: MM1, most: float) -> FloatArray:
    return _queue_elasticity(latency.service_rate, most)


@slope_elasticity.register
def _(latency: Saturating, most: float) -> FloatArray:
    return _queue_elasticity(latency.capacity, most)


@slope_elasticity.register
def _(latency: Sum, most: float) -> FloatArray:
    return np.maximum(slope_elasticity(latency.first, most), slope_elasticity(latency.second, most))


@slope_elasticity.register(Scaled)
@slope_elasticity.register(Shifted)
def _same(latency: Scaled | Shifted, most: float) -> FloatArray:
    return np.broadcast_to(slope_elasticity(latency.latency, most), (latency.num_resources,))


@slope_elasticity.register
def _(latency: Preloaded, most: float) -> FloatArray:
    # L |ℓ″(b + L)| ≤ (b + L) |ℓ″(b + L)|
    behind = float(np.max(latency.background))
    return np.broadcast_to(slope_elasticity(latency.latency, most + behind), (latency.num_resources,))


@slope_elasticity.register
def _(latency: Stacked, most: float) -> FloatArray:
    whole = np.empty(latency.num_resources)
    for part, where in zip(latency.parts, latency.positions, strict=True):
        whole[where] = slope_elasticity(part, most)
    return whole


def _queue_elasticity(capacity: FloatArray, most: float) -> FloatArray:
    return np.where(most < capacity, 2.0 * most / np.where(most < capacity, capacity - most, 1.0), np.inf)


def strictly_convex_increasing(latency: Latency) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """[R]: whether ℓ is known to be positive, strictly increasing and convex on positive loads."""
    if isinstance(latency, Polynomial):
        return (latency.coefficients[:, 1:] > 0).any(axis=1)
    if isinstance(latency, BPR):
        return (latency.free_flow_time * latency.b > 0) & (latency.power >= 1.0)
    if isinstance(latency, MM1):
        return np.ones(latency.num_resources, dtype=bool)
    if isinstance(latency, Saturating):
        return latency.slope + latency.strain > 0
    if isinstance(latency, Stacked):
        whole = np.empty(latency.num_resources, dtype=bool)
        for part, where in zip(latency.parts, latency.positions, strict=True):
            whole[where] = strictly_convex_increasing(part)
        return whole
    return np.zeros(latency.num_resources, dtype=bool)


@dataclass(frozen=True, eq=False, slots=True)
class _Problem:
    """The operator of the equilibrium (own marginal costs) or of the optimum (those of all), and its Jacobian."""

    game: SplittableRouting
    own: bool

    def operator(self, x: FloatArray) -> FloatArray:
        if self.own:
            return self.game.pseudogradient(x)
        return self.game.along_actions(self.game.latency.marginal_cost(self.game.loads(x))[self.game.resource])

    def jacobian(self, x: FloatArray, cells: IntArray) -> FloatArray:
        """Of the entries `cells` of x with respect to each other."""
        game = self.game
        row = np.full(game.available.size, -1)
        row[cells] = np.arange(cells.size)
        kept = row[game.cell] >= 0
        uses = np.zeros((cells.size, game.num_resources))
        uses[row[game.cell[kept]], game.resource[kept]] = 1.0
        load = game.loads(x)
        slope, bend = game.latency.derivative(load), game.latency.curvature(load)
        if not self.own:
            return (uses * (2.0 * slope + load * bend)) @ uses.T
        player = cells // game.num_actions
        shared = (uses * slope) @ uses.T
        felt = (uses * (game.player_loads(x)[player] * bend)) @ uses.T
        return shared * (1.0 + (player[:, None] == player[None, :])) + felt


def _solve(problem: _Problem, rtol: float, start: ArrayLike | None, max_steps: int) -> tuple[FloatArray, int, bool]:
    """Alternate extragradient steps, to a residual that falls a hundredfold each time, with Newton's method.

    Return the point, the steps, and whether the residual got to `rtol`.
    """
    game, solver = problem.game, Extragradient(rtol, max_steps)
    x = game.start() if start is None else game.projection(as_floats(start, "start"))
    length = float(np.linalg.norm(x))
    coarse, taken = max(1e-3, rtol), 0
    while True:
        steps = replace(solver, rtol=coarse, max_steps=max(1, max_steps - taken)).run(
            problem.operator, game.projection, x, length
        )
        x, taken = steps.x, taken + steps.num_steps
        sharp, more = _newton(problem, x, length, rtol)
        taken += more
        if sharp is not None:
            return sharp, taken, True
        if coarse <= rtol or taken >= max_steps:
            return x, taken, steps.converged and coarse <= rtol
        coarse = max(0.01 * coarse, rtol)


def _newton(problem: _Problem, x: FloatArray, length: float, rtol: float) -> tuple[FloatArray | None, int]:
    """Newton's method on the actions that a projected step from x uses; None unless the residual gets to `rtol`."""
    game = problem.game
    best = natural_residual(problem.operator, game.projection, x, length)
    for k in range(12):
        force = problem.operator(x)
        moved = game.projection(x - force * (length / max(float(np.linalg.norm(force)), 1e-300)))
        cells = np.flatnonzero(((moved > 0) | (x > 1e-6 * np.asarray(game.demand)[:, None])) & game.available)
        if cells.size > MAX_DENSE and x.size * (game.num_actions + game.num_resources) > MAX_BLOCKS:
            return None, k
        new = _newton_step(problem, x, force, cells)
        if new is None or not np.isfinite(problem.operator(new)).all():
            return None, k
        residual = natural_residual(problem.operator, game.projection, new, length)
        if residual <= rtol:
            # one step more costs little and squares what is left
            again = _newton_step(problem, new, problem.operator(new), np.flatnonzero(new > 0))
            if again is not None and natural_residual(problem.operator, game.projection, again, length) < residual:
                new = again
            return new, k + 1
        if residual > 2.0 * best:
            return None, k + 1
        x, best = new, min(best, residual)
    return None, 12


def _newton_step(problem: _Problem, x: FloatArray, force: FloatArray, cells: IntArray) -> FloatArray | None:
    """Solve the linearised conditions on `cells`, the other actions left unused, and project."""
    game = problem.game
    if cells.size > MAX_DENSE:
        return _step_by_player(problem, x, force, cells)
    matrix = problem.jacobian(x, cells)
    if not np.isfinite(matrix).all():
        return None
    # in units of one player's demand and one marginal cost, so that the system has no unit
    unit, cost = float(np.max(game.demand)), float(np.abs(force).max())
    if cost == 0.0:
        return None
    sums = (cells // game.num_actions == np.arange(game.num_players)[:, None]).astype(np.float64)
    size, players = cells.size, game.num_players
    system = np.zeros((size + players, size + players))
    system[:size, :size] = matrix * (unit / cost)
    system[:size, size:], system[size:, :size] = -sums.T, sums
    flow = x.ravel()[cells] / unit
    right = np.concatenate([system[:size, :size] @ flow - force.ravel()[cells] / cost, np.asarray(game.demand) / unit])
    try:
        solution = np.linalg.lstsq(system, right - system[:, :size] @ flow, rcond=1e-12)[0]
    except np.linalg.LinAlgError:
        return None
    new = np.zeros(x.size)
    new[cells] = unit * (flow + solution[:size])
    return game.projection(new.reshape(x.shape))


def _step_by_player(problem: _Problem, x: FloatArray, force: FloatArray, cells: IntArray) -> FloatArray | None:
    r"""The same with a small proximal term, by elimination: one system a player, and one of how all loads change.

    A player's marginal costs change with its own loads and with those of all,
    :math:`dF_i = U_i(\ell' \circ U_i^\top dx_i + w_i \circ dL)` with w = ℓ′ + x_i ℓ″ (at the optimum 0 in place of the first
    and w = 2 ℓ′ + L ℓ″). So :math:`dx_i` is affine in dL, and :math:`dL = \sum_i U_i^\top dx_i` is a system of R numbers.
    """
    game, players, actions = problem.game, problem.game.num_players, problem.game.num_actions
    load = game.loads(x)
    slope, bend = game.latency.derivative(load), game.latency.curvature(load)
    own = slope if problem.own else np.zeros_like(slope)
    shared = slope + game.player_loads(x) * bend if problem.own else np.tile(2.0 * slope + load * bend, (players, 1))
    if not (np.isfinite(own).all() and np.isfinite(shared).all()):
        return None
    at = np.flatnonzero((shared != 0.0).any(axis=0) | (own != 0.0))
    used = np.zeros(x.size, dtype=bool)
    used[cells] = True
    uses = np.zeros((x.size, game.num_resources))
    kept = used[game.cell]
    uses[game.cell[kept], game.resource[kept]] = 1.0
    uses = uses[:, at].reshape(players, actions, at.size)
    used = used.reshape(x.shape)
    size = float((uses @ (own[at] + np.abs(shared[:, at]))[..., None]).max(initial=0.0))
    if size == 0.0:
        return None
    system = np.zeros((players, actions + 1, actions + 1))
    system[:, :actions, :actions] = (uses * (own[at] / size)) @ uses.transpose(0, 2, 1)
    each = np.arange(actions)
    system[:, each, each] += np.where(used, PROXIMAL, 1.0)
    system[:, :actions, actions] = system[:, actions, :actions] = used
    right = np.zeros((players, actions + 1, at.size + 1))
    right[:, :actions, 0] = np.where(used, -force / size, 0.0)
    right[:, :actions, 1:] = -uses * (shared[:, None, at] / size)
    right[:, actions, 0] = np.asarray(game.demand) - (x * used).sum(axis=1)
    try:
        moves = np.linalg.solve(system, right)[:, :actions]
        change = np.tensordot(uses, moves, axes=((0, 1), (0, 1)))
        # what unused actions leave goes into the loads too
        left = game.loads(np.where(used, x, 0.0))[at] - load[at]
        total = np.linalg.solve(np.eye(at.size) - change[:, 1:], change[:, 0] + left)
    except np.linalg.LinAlgError:
        return None
    new = np.where(used, x + moves[..., 0] + moves[..., 1:] @ total, 0.0)
    return game.projection(new) if np.isfinite(new).all() else None


def _free_flow_cost(game: SplittableRouting) -> float:
    """What all pay at least: each demand on the action that is cheapest without any load."""
    empty = game.along_actions(game.latency(np.zeros(game.num_resources))[game.resource])
    return float(np.asarray(game.demand) @ np.where(game.available, empty, np.inf).min(axis=1))
