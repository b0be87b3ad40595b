r"""Logit (quantal response) equilibria: the principal branch from infinite temperature, its bifurcations, and what starts find.

With costs in units of their spread, inverse temperature λ and :math:`z \in \mathbb{R}^{N \times A}`, the equilibria are the zeros of

.. math:: H(z, \lambda) = z + \lambda\, E(\operatorname{softmax} z),

E the expected costs of the actions. From z = 0 at λ = 0 a branch leads on [turocy2005]_. It is followed by pseudo-arclength; where the
determinant of H's Jacobian bordered by the tangent changes sign, branches cross (a fold changes the determinant of H_z alone),
and the other branch is followed too.

**Uniqueness.** Let :math:`D_{ik}` be the most that a change of k's action shifts a cost difference of two actions of i. The logit response
moves in total variation by at most :math:`\frac{1}{4\tau} \sum_k D_{ik} \|p_k - q_k\|_{TV}`, so **above τ = ρ(D)/4,
with ρ the spectral radius, it
contracts (in a weighted maximum norm) and the equilibrium is unique.** Two players on two links of latency x: ρ(D)/4 = 1/2, where the
pitchfork is.

.. [mckelvey1995] McKelvey, Palfrey: Quantal response equilibria for normal form games, Games and Economic Behavior 10 (1995).
.. [turocy2005] Turocy: A dynamic homotopy interpretation of the logistic quantal response equilibrium
   correspondence, Games and Economic Behavior 51 (2005).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poagame._arrays import FloatArray, as_floats, require
from poagame.certificates.logit import LogitCertificate, certify_logit
from poagame.errors import InvalidInput, NoEquilibrium
from poagame.games.checks import Seed, generator, positive, whole
from poagame.games.normal_form import NormalFormGame
from poagame.games.protocols import FiniteGame, as_finite
from poagame.outcome import Outcome
from poagame.solvers.extremes import Extremes
from poagame.solvers.mixed.logit_path import Crossing, LogitMap, follow, newton, switch

MAX_PURE_STARTS = 2_000
"""Most pure profiles that are tried as starts; with more, as many drawn at random."""

MAX_BRANCHES = 64
"""Most branches that are followed."""

REMEDY = "raise the temperature, which is small beside the differences of costs, or take more starts"

SAME = 1e-6
"""Equilibria whose probabilities differ by less are one."""


@dataclass(frozen=True, eq=False, slots=True)
class LogitEquilibrium:
    """One logit equilibrium.

    Attributes
    ----------
    strategies : [N, A]
    social_cost : float
        Expected.
    certificate : LogitCertificate
        Evaluated at `strategies` by code that shares nothing with the solver.
    stable : bool
        Whether the logit response dynamics p′ = response(p) − p come back to it after a small push.
    """

    strategies: FloatArray
    social_cost: float
    certificate: LogitCertificate
    stable: bool

    def __str__(self) -> str:
        """One line."""
        held = "a logit equilibrium" if self.certificate.holds else "no logit equilibrium"
        return (
            f"{held}, {'stable' if self.stable else 'unstable'} (social cost {self.social_cost:.6g}, "
            f"residual {self.certificate.residual:.3g})"
        )


@dataclass(frozen=True, eq=False, slots=True)
class LogitEquilibria:
    """Logit equilibria of a game at one temperature, worst first.

    Attributes
    ----------
    strategies : [M, N, A]
    social_costs : [M]
        Expected social costs.
    certificates : tuple of LogitCertificate
    stable : [M] bool
        As in `LogitEquilibrium`.
    complete : bool
        Whether the temperature is above the threshold of uniqueness, so that this one equilibrium is all. Nothing else is
        claimed: below it there may be more.
    outcome : Outcome
        CONVERGED where every certificate holds, which is so unless none does (`NO_EQUILIBRIUM_FOUND`).
    note : str
        What was looked at.
    """

    strategies: FloatArray
    social_costs: FloatArray
    certificates: tuple[LogitCertificate, ...]
    stable: NDArray[np.bool_]
    complete: bool
    outcome: Outcome
    note: str

    def __len__(self) -> int:
        """M, equilibria listed."""
        return len(self.strategies)

    def __getitem__(self, index: int) -> LogitEquilibrium:
        """One of them as a record."""
        return LogitEquilibrium(
            self.strategies[index], float(self.social_costs[index]), self.certificates[index], bool(self.stable[index])
        )

    def __str__(self) -> str:
        """A table."""
        lines = [f"{len(self)} logit equilibria; {self.outcome}; {self.note}"]
        lines += [f"{k:>4}  {self[k]}" for k in range(min(len(self), 20))]
        return "\n".join(lines if len(self) <= 20 else [*lines, f"{len(self) - 20} more"])


@dataclass(frozen=True, eq=False, slots=True)
class LogitBranch:
    """The principal branch, from infinite temperature down.

    Attributes
    ----------
    temperatures : [T]
        As asked for, highest first.
    strategies : [T, N, A]
        Where the branch first comes to each temperature.
    social_costs : [T]
        Expected social costs.
    certificates : tuple of LogitCertificate
    bifurcations : [B]
        Temperatures at which another branch crosses this one.
    """

    temperatures: FloatArray
    strategies: FloatArray
    social_costs: FloatArray
    certificates: tuple[LogitCertificate, ...]
    bifurcations: FloatArray

    def __str__(self) -> str:
        """A table."""
        lines = [f"{'temperature':>14}  {'social cost':>14}  {'residual':>9}"]
        for temperature, cost, proof in zip(self.temperatures, self.social_costs, self.certificates, strict=True):
            lines.append(f"{temperature:>14.8g}  {cost:>14.8g}  {proof.residual:>9.2g}")
        crossed = ", ".join(f"{temperature:.6g}" for temperature in self.bifurcations)
        return "\n".join([*lines, f"other branches cross at {crossed}" if crossed else "no other branch crosses"])


def uniqueness_temperature(game: FiniteGame) -> float:
    """ρ(D)/4 in cost units (see the module): above it the logit equilibrium is unique.

    Raises
    ------
    TooLarge
        If the game is too large to tabulate.

    Examples
    --------
    >>> import poagame as pg
    >>> links = pg.RoutingGame(pg.latency.Polynomial([0.0, 1.0]), [[0.0, 0.0], [0.0, 0.0]])
    >>> round(uniqueness_temperature(links), 12)
    0.5
    """
    table = NormalFormGame.of(as_finite(game, "uniqueness_temperature"))
    n = table.num_players
    shift = np.zeros((n, n))
    actions = [np.flatnonzero(row) for row in table.available]
    for i in range(n):
        costs = table.costs[i][np.ix_(*actions)]
        for k in range(n):
            if k == i:
                continue
            by = np.moveaxis(costs, (i, k), (0, 1))
            for a in range(len(by)):
                difference = by - by[a]
                shift[i, k] = max(shift[i, k], float((difference.max(axis=1) - difference.min(axis=1)).max()))
    return float(np.abs(np.linalg.eigvals(shift)).max()) / 4.0 if n > 1 else 0.0


def logit_equilibria(game: FiniteGame, temperature: float, num_starts: int = 20, seed: Seed = 0) -> LogitEquilibria:
    """Logit equilibria of a small finite game at one temperature: all branches that the search finds.

    Followed are the principal branch and those that cross it, and theirs; besides, Newton's method and damped responses begin
    at the pure profiles (up to `MAX_PURE_STARTS`) and at `num_starts` random points. Bifurcations of more than one dimension, which
    symmetric games may have, are not followed, and the starts stand in for them. The signs of det H_z sum to 1 over all equilibria
    (none degenerate): the note says where those found do not.

    Parameters
    ----------
    game : FiniteGame
        Tabulated if it is no `NormalFormGame`.
    temperature : float
        τ > 0, in cost units.
    num_starts : int
    seed : int or numpy.random.Generator

    Raises
    ------
    InvalidInput
        If the temperature is not positive, or the game is no finite one.
    NoEquilibrium
        If the search ended nowhere. (An equilibrium exists.)
    TooLarge
        If the game is too large to tabulate.

    Examples
    --------
    >>> import poagame as pg
    >>> links = pg.RoutingGame(pg.latency.Polynomial([0.0, 1.0]), [[0.0, 0.0], [0.0, 0.0]])
    >>> found = logit_equilibria(links, 0.3)
    >>> len(found), found.strategies[1:, 0, 0].round(6).tolist()
    (3, [0.046334, 0.953666])
    """
    positive(temperature, "temperature")
    num_starts = whole(num_starts, "num_starts", 0)
    rng = generator(seed)
    table = NormalFormGame.of(as_finite(game, "logit_equilibria"))
    problem = LogitMap(table)
    target = problem.spread / temperature
    complete = temperature > uniqueness_temperature(table)
    points, branches = _from_branches(problem, target)
    if not complete:
        points += _from_starts(problem, target, num_starts, rng)
    strategies = _distinct([problem.strategies(z) for z in points])
    missing = abs(sum(problem.index(p, target) for p in strategies) - 1)
    if not strategies:
        raise NoEquilibrium(
            f"no logit equilibrium was found at temperature {temperature:g}, though one exists: {REMEDY}"
        )
    certificates = [certify_logit(table, p, temperature) for p in strategies]
    kept = [m for m, c in enumerate(certificates) if c.holds] or list(range(len(strategies)))
    p = np.stack([strategies[m] for m in kept])
    social = np.array([table.expected_social_cost(x) for x in p])
    size = max(float(np.abs(social).max()), 1e-300)
    order = np.lexsort((*np.round(p.reshape(len(p), -1), 6).T[::-1], -np.round(social / size, 9)))
    certified = tuple(certificates[kept[m]] for m in order)
    outcome = Outcome.CONVERGED if all(c.holds for c in certified) else Outcome.NO_EQUILIBRIUM_FOUND
    stable = np.array([problem.is_stable(x, target) for x in p])[order]
    note = (
        "the temperature is above the threshold of uniqueness"
        if complete
        else f"{branches} branches followed from infinite temperature, and pure and random starts; "
        + (f"the sum of indices shows that {missing} or more are missing" if missing else "there may be others")
    )
    return LogitEquilibria(p[order], social[order], certified, stable, complete and len(p) == 1, outcome, note)


def logit_branch(game: FiniteGame, temperatures: ArrayLike) -> LogitBranch:
    """Follow the principal branch of logit equilibria from infinite temperature down to the least of `temperatures`.

    Parameters
    ----------
    game : FiniteGame
    temperatures : float or sequence of them
        τ > 0, in cost units; taken highest first.

    Raises
    ------
    InvalidInput
        If there is no temperature, one is not positive, or the branch cannot be followed down to the least.
    TooLarge
        If the game is too large to tabulate.

    Examples
    --------
    >>> import poagame as pg
    >>> links = pg.RoutingGame(pg.latency.Polynomial([0.0, 1.0]), [[0.0, 0.0], [0.0, 0.0]])
    >>> logit_branch(links, [0.3]).bifurcations.round(6).tolist()
    [0.5]
    """
    given = np.atleast_1d(as_floats(temperatures, "temperatures"))
    require(given.ndim == 1 and given.size > 0, f"give at least one temperature, in a list; got {temperatures!r:.80}")
    wanted = np.sort(given)[::-1]
    positive(float(wanted[-1]), "temperature")
    table = NormalFormGame.of(as_finite(game, "logit_branch"))
    problem = LogitMap(table)
    path = follow(problem, np.zeros(problem.size), 0.0, None, problem.spread / wanted)
    if len(path.points) < wanted.size:
        reached = wanted[len(path.points) - 1] if path.points else np.inf
        raise InvalidInput(
            f"the branch could be followed down to temperature {reached:g} alone; raise the least temperature"
        )
    p = np.stack([problem.strategies(z) for z in path.points])
    certificates = tuple(certify_logit(table, x, float(t)) for x, t in zip(p, wanted, strict=True))
    crossings = np.array([problem.spread / c.inverse for c in path.crossings])
    return LogitBranch(wanted, p, np.array([table.expected_social_cost(x) for x in p]), certificates, crossings)


def logit_extremes(
    game: FiniteGame, temperature: float, num_starts: int = 20, seed: Seed = 0
) -> Extremes[LogitEquilibrium]:
    """Worst and best logit equilibrium found at one temperature; proved above the threshold of uniqueness.

    Elsewhere the limits are the greatest and the least social cost of any profile.

    Raises
    ------
    NoEquilibrium
        If no point that was found is certified. (An equilibrium exists.)
    InvalidInput, TooLarge
        As `logit_equilibria` does.
    """
    table = NormalFormGame.of(as_finite(game, "logit_extremes"))
    found = logit_equilibria(table, temperature, num_starts, seed)
    good = [found[k] for k in range(len(found)) if found.certificates[k].holds]
    if not good:
        residual = min(c.residual for c in found.certificates)
        raise NoEquilibrium(
            f"no logit equilibrium was certified at temperature {temperature:g}, though one exists: the least residual of those "
            f"found is {residual:.2g}. {REMEDY[0].upper()}{REMEDY[1:]}"
        )
    worst, best = good[0], good[-1]
    if found.complete:
        return Extremes(worst, best, worst.social_cost, best.social_cost, True, found.note)
    social = table.social
    possible = social[np.isfinite(social)]
    return Extremes(worst, best, float(possible.max()), float(possible.min()), False, found.note)


def _from_branches(problem: LogitMap, target: float) -> tuple[list[FloatArray], int]:
    """Points at inverse temperature `target` on the principal branch and those that cross, and how many were followed."""
    goals = np.array([target])
    path = follow(problem, np.zeros(problem.size), 0.0, None, goals)
    points, waiting, seen, branches = list(path.points), list(path.crossings), list(path.crossings), 1
    while waiting and branches < MAX_BRANCHES:
        crossing = waiting.pop()
        for z, inverse, direction in switch(problem, crossing):
            branches += 1
            path = follow(problem, z, inverse, direction, goals)
            points += path.points
            fresh = [c for c in path.crossings if not any(_same_crossing(c, old) for old in seen)]
            waiting, seen = waiting + fresh, seen + fresh
    return points, branches


def _from_starts(problem: LogitMap, target: float, num_starts: int, rng: np.random.Generator) -> list[FloatArray]:
    counts = problem.available.sum(axis=1)
    total = float(np.prod(counts.astype(np.float64)))
    if total <= MAX_PURE_STARTS:
        picks = np.stack(np.unravel_index(np.arange(int(total)), tuple(counts)), axis=1)
    else:
        picks = rng.integers(0, counts, size=(MAX_PURE_STARTS, counts.size))
    starts: list[FloatArray] = []
    for pick in picks:
        p = np.zeros(problem.available.shape)
        for i, a in enumerate(pick):
            p[i, np.flatnonzero(problem.available[i])[a]] = 1.0
        if total <= 64 or problem.is_nearly_pure_equilibrium(p):
            starts.append(p)
    for _ in range(num_starts):
        p = np.where(problem.available, rng.exponential(size=problem.available.shape), 0.0)
        starts.append(p / p.sum(axis=1, keepdims=True))
    points: list[FloatArray] = []
    for p in starts:
        direct = newton(problem, problem.response(p, target), target)
        settled = newton(problem, problem.damped(p, target), target)
        points += [z for z in (direct, settled) if z is not None]
    return points


def _distinct(strategies: list[FloatArray]) -> list[FloatArray]:
    kept: list[FloatArray] = []
    for p in strategies:
        if all(np.abs(p - q).max() > SAME for q in kept):
            kept.append(p)
    return kept


def _same_crossing(one: Crossing, other: Crossing) -> bool:
    return abs(one.inverse - other.inverse) <= 1e-6 * one.inverse and bool(np.abs(one.z - other.z).max() <= 1e-4)
