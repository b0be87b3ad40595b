"""Equilibria and optima of players that split their demand.

Both solve a variational inequality over a product of simplices, the equilibrium with each player's own marginal costs, the optimum
with those of all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.certificates.splittable import SplittableCertificate, certify_splittable, frank_wolfe_gaps
from poagame.errors import InvalidInput, NoEquilibrium
from poagame.games.checks import Seed, generator, positive, whole
from poagame.games.network import NetworkRouting
from poagame.games.protocols import FiniteGame, JointlyConvexGame
from poagame.games.splittable import SplittableRouting
from poagame.latency.convexity import total_cost_is_convex
from poagame.outcome import Outcome
from poagame.solvers.extremes import Extremes
from poagame.solvers.optimum import Optimum, social_optimum
from poagame.solvers.splittable.newton import Problem, solve
from poagame.solvers.splittable.uniqueness import why_unique

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
    x, num_steps, stationary = solve(Problem(game, own=True), rtol, start, max_steps)
    certificate = certify_splittable(game, x)
    outcome = Outcome.NO_EQUILIBRIUM_FOUND if stationary else Outcome.MAX_STEPS_REACHED
    if certificate.holds:
        outcome = Outcome.CONVERGED
    return SplittableEquilibrium(x, game.loads(x), game.social_cost(x), certificate, outcome, num_steps)


@social_optimum.register
def splittable_optimum(game: SplittableRouting) -> Optimum:
    """Flows [N, A] of least Σ L ℓ(L), bounded below by the linear programme of marginal costs where load × latency is convex."""
    x, _, _ = solve(Problem(game, own=False), 1e-12, None, 100_000)
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


def _free_flow_cost(game: SplittableRouting) -> float:
    """What all pay at least: each demand on the action that is cheapest without any load."""
    empty = game.along_actions(game.latency(np.zeros(game.num_resources))[game.resource])
    return float(np.asarray(game.demand) @ np.where(game.available, empty, np.inf).min(axis=1))
