"""Extragradient steps find which actions are used; Newton's method on those gives the digits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, as_floats
from poagame.certificates.variational import natural_residual
from poagame.games.splittable import SplittableRouting
from poagame.solvers.variational import Extragradient

MAX_DENSE = 100
"""Most used actions for which Newton's method solves one dense system; beyond, one a player and one of the loads."""

MAX_BLOCKS = 30_000_000
"""Most numbers N·A·(A + R) of the systems of all players (about 1 GB at work); larger games take first-order steps alone."""

PROXIMAL = 1e-9
"""Weight of the distance moved in Newton's steps by player, relative to the Jacobian: flows with equal loads are many."""


@dataclass(frozen=True, eq=False, slots=True)
class Problem:
    """The operator of the equilibrium (own marginal costs) or of the optimum (those of all), and its Jacobian."""

    game: SplittableRouting
    own: bool

    def operator(self, x: FloatArray) -> FloatArray:
        """[N, A]: marginal costs at flows x."""
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


def solve(problem: Problem, rtol: float, start: ArrayLike | None, max_steps: int) -> tuple[FloatArray, int, bool]:
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


def _newton(problem: Problem, x: FloatArray, length: float, rtol: float) -> tuple[FloatArray | None, int]:
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


def _newton_step(problem: Problem, x: FloatArray, force: FloatArray, cells: IntArray) -> FloatArray | None:
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


def _step_by_player(problem: Problem, x: FloatArray, force: FloatArray, cells: IntArray) -> FloatArray | None:
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
