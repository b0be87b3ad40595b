r"""Worst and best correlated and coarse correlated equilibrium of a finite game, by linear programming.

Correlated equilibria are the distributions p over profiles that meet the inequalities :math:`G p \le 0` of
`certificates.correlated`: a polytope, so the worst and the best social cost are two linear programmes with one variable
a profile. The dual multipliers that the programme returns prove the value: the bound is evaluated from them and the
game by `correlated_bound`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from poagame._arrays import FloatArray, IntArray
from poagame.certificates.correlated import (
    CorrelatedCertificate,
    Kind,
    Objective,
    certify_correlated,
    check_kind,
    check_objective,
    correlated_bound,
    expected_social_cost,
)
from poagame.errors import PoagameError, TooLarge
from poagame.games.normal_form import NormalFormGame
from poagame.games.protocols import FiniteGame, batch_action_costs
from poagame.outcome import Outcome
from poagame.solvers.extremes import Extremes

MAX_PROFILES = 100_000
"""Most profiles, variables of the linear programme."""

MAX_COEFFICIENTS = 5_000_000
"""Most coefficients of its inequalities."""

ROUNDING = 1e-14
"""Differences of costs up to this, relative to the costs, are rounding; scaled up they would be hard constraints on nothing."""

RTOL = 1e-7
"""Gap between cost and bound, relative to the range of social costs, that counts as none."""


@dataclass(frozen=True, eq=False, slots=True)
class CorrelatedEquilibrium:
    """A distribution over profiles that no player gains by leaving, with the certificate at it.

    Attributes
    ----------
    profiles : [M, N] int64
        Those of positive probability.
    probabilities : [M]
    social_cost : float
        Expected social cost.
    bound : float
        No equilibrium of the kind costs more (objective "worst") or less ("best"), by weak duality.
    certificate : CorrelatedCertificate
    outcome : Outcome
        OPTIMAL where the certificate holds and the bound meets the cost, BOUNDED where it only holds, else
        `NO_EQUILIBRIUM_FOUND`.
    """

    profiles: IntArray
    probabilities: FloatArray
    social_cost: float
    bound: float
    certificate: CorrelatedCertificate
    outcome: Outcome


def correlated_equilibrium(
    game: FiniteGame, kind: Kind = "correlated", objective: Objective = "worst"
) -> CorrelatedEquilibrium:
    """Worst or best correlated or coarse correlated equilibrium of a finite game.

    Parameters
    ----------
    game : FiniteGame
        Tabulated if it is no `NormalFormGame`.
    kind : str
        "correlated" (Aumann 1974) or "coarse" (Moulin and Vial 1978).
    objective : str
        "worst" for the greatest social cost, "best" for the least.

    Raises
    ------
    TooLarge
        If there are more than `MAX_PROFILES` profiles or `MAX_COEFFICIENTS` coefficients.
    InvalidInput
        If the kind or the objective is unknown.

    Examples
    --------
    The game of chicken in Aumann (1974), in payoffs: the best correlated equilibrium gives 10.5 together, the best
    mixed one 9.33.

    >>> chicken = NormalFormGame.from_payoffs([[6.0, 2.0], [7.0, 0.0]], [[6.0, 7.0], [2.0, 0.0]])
    >>> best = correlated_equilibrium(chicken, objective="best")
    >>> round(best.social_cost, 9), round(best.bound, 9), best.certificate.holds
    (-10.5, -10.5, True)
    """
    check_kind(kind)
    check_objective(objective)
    table = NormalFormGame.of(game)
    counts = table.available.sum(axis=1)
    total = prod(map(int, counts))
    coefficients = sum(total * (int(a) - (kind == "correlated")) for a in counts)
    if total > MAX_PROFILES or coefficients > MAX_COEFFICIENTS:
        raise TooLarge(
            f"{total:,} profiles and {coefficients:,} coefficients; the linear programme stops at {MAX_PROFILES:,} and "
            f"{MAX_COEFFICIENTS:,}. Bound the cost by smoothness, or learn: the play of no-regret learners is an "
            "approximate coarse correlated equilibrium, certified by certify_correlated(game, profiles, probabilities, 'coarse')"
        )
    actions = [np.flatnonzero(has) for has in table.available]
    profiles = np.stack(np.meshgrid(*actions, indexing="ij"), axis=-1).reshape(total, -1).astype(np.int64)
    matrix, owners = _inequalities(table, profiles, actions, kind)
    social = np.asarray(table.social_cost(profiles))
    sign = 1.0 if objective == "worst" else -1.0
    size = max(float(np.abs(social).max()), float(np.abs(table.costs[:, np.isfinite(table.social)]).max())) or 1.0
    spread = float(np.ptp(social))
    spread = spread if spread > ROUNDING * size else size
    solved = linprog(
        -sign * (social - social.mean()) / spread,
        A_ub=matrix,
        b_ub=np.zeros(len(owners)),
        A_eq=np.ones((1, total)),
        b_eq=[1.0],
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if solved.x is None:
        raise PoagameError(
            f"the linear programme ended with {solved.message!r}, though a solution exists; costs of very different sizes "
            "in one game may be why"
        )
    p = np.maximum(solved.x, 0.0)
    p[p < 1e-14] = 0.0
    p /= p.sum()
    multipliers = np.zeros((table.num_players,) + (table.num_actions,) * (1 if kind == "coarse" else 2))
    scales = owners[:, -1] / spread
    where = tuple(owners[:, :-1].astype(np.int64).T)
    multipliers[where] = np.maximum(0.0, -solved.ineqlin.marginals) / scales
    profiles, p = profiles[p > 0], p[p > 0]
    cost = expected_social_cost(table, profiles, p)
    bound = correlated_bound(table, multipliers, kind, objective)
    certificate = certify_correlated(table, profiles, p, kind)
    outcome = Outcome.OPTIMAL if abs(bound - cost) <= RTOL * spread else Outcome.BOUNDED
    if not certificate.holds:
        outcome = Outcome.NO_EQUILIBRIUM_FOUND
    return CorrelatedEquilibrium(profiles, p, cost, bound, certificate, outcome)


def correlated_extremes(game: FiniteGame, kind: Kind = "correlated") -> Extremes[CorrelatedEquilibrium]:
    """Worst and best equilibrium of the kind, with the bounds of their duals as limits.

    Raises
    ------
    TooLarge
        As `correlated_equilibrium` does.
    """
    table = NormalFormGame.of(game)
    worst, best = correlated_equilibrium(table, kind, "worst"), correlated_equilibrium(table, kind, "best")
    covered = worst.outcome is Outcome.OPTIMAL and best.outcome is Outcome.OPTIMAL
    total = prod(int(a) for a in table.available.sum(axis=1))
    name = "correlated" if kind == "correlated" else "coarse correlated"
    note = f"all {name} equilibria, by linear programmes over {total:,} profiles with their dual bounds"
    if not (worst.certificate.holds and best.certificate.holds):
        note = f"{note}; but the regret of a solution is more than rounding explains"
    return Extremes(worst, best, max(worst.bound, worst.social_cost), min(best.bound, best.social_cost), covered, note)


def _inequalities(
    game: NormalFormGame, profiles: IntArray, actions: list[IntArray], kind: Kind
) -> tuple[sparse.csr_matrix, FloatArray]:
    """Rows of G, each divided by its largest entry, and what they stand for: indices of the multiplier, then that entry."""
    costs = batch_action_costs(game, profiles)
    values, columns, starts, owners = [], [], [0], []
    everyone = np.arange(len(profiles))
    for i in range(game.num_players):
        followed = np.take_along_axis(costs[:, i], profiles[:, i, None], axis=1)[:, 0]
        groups = (
            [(everyone, None)] if kind == "coarse" else [(np.flatnonzero(profiles[:, i] == r), r) for r in actions[i]]
        )
        for at, recommended in groups:
            for a in actions[i]:
                if a == recommended:
                    continue
                gain = followed[at] - costs[at, i, a]
                gain[np.abs(gain) <= ROUNDING * np.maximum(np.abs(followed[at]), np.abs(costs[at, i, a]))] = 0.0
                kept = np.flatnonzero(gain)
                if not kept.size:
                    continue
                size = np.abs(gain[kept]).max()
                values.append(gain[kept] / size)
                columns.append(at[kept])
                starts.append(starts[-1] + kept.size)
                owners.append((i, a, size) if recommended is None else (i, recommended, a, size))
    if not owners:  # nobody's cost depends on its own action
        width = 3 if kind == "coarse" else 4
        return sparse.csr_matrix((0, len(profiles))), np.ones((0, width))
    data, indices = np.concatenate(values), np.concatenate(columns)
    return sparse.csr_matrix((data, indices, starts), shape=(len(owners), len(profiles))), np.array(owners)
