r"""Mixed Nash equilibria: all extreme ones of two players, as many as can be found of more.

The equilibria of a two-player game are a finite union of products of polytopes, whose vertices are the *extreme*
equilibria (Mangasarian 1964; Jansen 1981): pairs of vertices of the two best-reply polyhedra in which every action is
either not played or a best reply. There are finitely many also in degenerate games. Expected social cost is bilinear,
so on each product it is greatest and least at a vertex: **the worst and the best of the extreme equilibria are the worst
and the best of all.**
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame._arrays import FloatArray, require
from poagame.certificates.mixed import certify_each_mixed
from poagame.certificates.nash import NashCertificate
from poagame.errors import NoEquilibrium, TooLarge
from poagame.games.checks import Seed, generator, whole
from poagame.games.normal_form import NormalFormGame
from poagame.games.protocols import FiniteGame, as_finite
from poagame.outcome import Outcome
from poagame.solvers.extremes import Extremes
from poagame.solvers.mixed.bimatrix import extreme_pairs
from poagame.solvers.mixed.correlated import RTOL as LIMIT_RTOL
from poagame.solvers.mixed.correlated import correlated_extremes
from poagame.solvers.mixed.starts import from_starts

MAX_VERTICES = 30_000
"""Most vertices of a best-reply polyhedron of a two-player game."""

MAX_ACTIONS = 62
"""Most actions of two players together: one bit of a label each."""

MAX_LISTED = 1_000_000
"""Most extreme equilibria that are listed."""

TIME_LIMIT = 10.0
"""Seconds after which the search with three players or more begins no further start."""

TIE_RTOL = 1e-10
"""Cost differences up to this, relative to the range of costs, are ties; those within a factor of 100 are called doubtful."""


@dataclass(frozen=True, eq=False, slots=True)
class MixedEquilibrium:
    """One mixed strategy a player, with the certificate at it.

    Attributes
    ----------
    strategies : [N, A]
        Probabilities.
    social_cost : float
        Expected social cost.
    certificate : NashCertificate
        Evaluated at `strategies` by code that shares nothing with the solver.
    outcome : Outcome
        CONVERGED exactly where the certificate holds, unless a limit of steps or time ended the search.
    """

    strategies: FloatArray
    social_cost: float
    certificate: NashCertificate
    outcome: Outcome

    def __str__(self) -> str:
        """One line."""
        return (
            f"{self.outcome} (expected social cost {self.social_cost:.6g}, largest regret {self.certificate.max_regret:.3g}, "
            f"{np.count_nonzero(self.strategies)} actions played by {len(self.strategies)} players)"
        )


@dataclass(frozen=True, eq=False, slots=True)
class MixedEquilibria:
    """Mixed Nash equilibria of a game, worst first.

    Attributes
    ----------
    strategies : [M, N, A]
    social_costs : [M]
        Expected social costs.
    certificates : tuple of NashCertificate
    complete : bool
        Whether these are all extreme equilibria of a two-player game, so that the first is a worst and the last a best of all
        mixed equilibria. False for more players, and where ties cannot be told from rounding.
    outcome : Outcome
        CONVERGED where every certificate holds, else `NO_EQUILIBRIUM_FOUND`.
    note : str
        What was looked at.
    """

    strategies: FloatArray
    social_costs: FloatArray
    certificates: tuple[NashCertificate, ...]
    complete: bool
    outcome: Outcome
    note: str

    def __len__(self) -> int:
        """M, equilibria listed."""
        return len(self.strategies)

    def __getitem__(self, index: int) -> MixedEquilibrium:
        """One of them as a record."""
        certificate = self.certificates[index]
        outcome = Outcome.CONVERGED if certificate.holds else Outcome.NO_EQUILIBRIUM_FOUND
        return MixedEquilibrium(self.strategies[index], float(self.social_costs[index]), certificate, outcome)

    def __str__(self) -> str:
        """A table."""
        lines = [f"{len(self)} mixed equilibria ({'complete' if self.complete else 'others may exist'}): {self.note}"]
        lines += [f"{k:>4}  {self[k]}" for k in range(min(len(self), 20))]
        return "\n".join(lines if len(self) <= 20 else [*lines, f"{len(self) - 20} more"])


def mixed_equilibria(
    game: FiniteGame, num_starts: int = 50, seed: Seed = 0, time_limit: float = TIME_LIMIT
) -> MixedEquilibria:
    """Mixed Nash equilibria of a small finite game.

    Two players: all extreme equilibria (see the module), of degenerate games too, by matching the vertices of the two
    best-reply polyhedra; an equilibrium set with inner points is given by its vertices. Three players or more: the pure
    equilibria and those that a search from `num_starts` random points found, labelled `complete=False`.

    Parameters
    ----------
    game : FiniteGame
        Tabulated if it is no `NormalFormGame`.
    num_starts : int
    seed : int or numpy.random.Generator
    time_limit : float
        Seconds after which no more starts begin. All three are of the search with three players or more; unused with two.

    Raises
    ------
    InvalidInput
        If the game is no finite one, or an argument is out of range.
    TooLarge
        If the table, the actions of both players (`MAX_ACTIONS`), or the vertices (`MAX_VERTICES`) are too many.

    Examples
    --------
    >>> from poagame.games.normal_form import NormalFormGame
    >>> chicken = NormalFormGame.from_payoffs([[6.0, 2.0], [7.0, 0.0]], [[6.0, 7.0], [2.0, 0.0]])
    >>> found = mixed_equilibria(chicken)
    >>> len(found), found.complete, found.strategies[-1].round(6).tolist()
    (3, True, [[0.666667, 0.333333], [0.666667, 0.333333]])
    """
    num_starts, rng = whole(num_starts, "num_starts", 0), generator(seed)
    require(time_limit >= 0, f"time_limit must be at least 0 s; got {time_limit}")
    table = NormalFormGame.of(as_finite(game, "mixed_equilibria"))
    if table.num_players == 2:
        strategies, complete, note = _extreme_equilibria(table)
    else:
        strategies, note = from_starts(table, num_starts, rng, time_limit)
        complete = table.num_players == 1
    social = _social_costs(table, strategies)
    order = np.lexsort((*np.round(strategies.reshape(len(strategies), table.available.size), 9).T[::-1], -social))
    strategies, social = strategies[order], social[order]
    certificates = certify_each_mixed(table, strategies) if len(strategies) else ()
    holds = len(certificates) > 0 and all(c.holds for c in certificates)
    if complete and not holds:
        complete, note = False, f"{note}; but the regret of one found is more than rounding explains"
    outcome = Outcome.CONVERGED if holds else Outcome.NO_EQUILIBRIUM_FOUND
    return MixedEquilibria(strategies, social, certificates, complete, outcome, note)


def mixed_extremes(
    game: FiniteGame, num_starts: int = 50, seed: Seed = 0, time_limit: float = TIME_LIMIT
) -> Extremes[MixedEquilibrium]:
    """Worst and best mixed equilibrium of a finite game, or between limits.

    With two players they are proved (see the module). With more they are the worst and best that were found, and the
    limits are those of the coarse correlated equilibria, among which all mixed equilibria are: where they are met, the two are
    proved as well. Of a game too large for their linear programme the limits are the greatest and the least social cost.

    Raises
    ------
    InvalidInput, TooLarge
        As `mixed_equilibria` does.
    NoEquilibrium
        If the search found none. (One exists: Nash 1951.)
    """
    table = NormalFormGame.of(as_finite(game, "mixed_extremes"))
    found = mixed_equilibria(table, num_starts, seed, time_limit)
    good = [found[k] for k in range(len(found)) if found.certificates[k].holds]
    if not good:
        raise NoEquilibrium(
            f"{found.note}: none was certified, though a mixed equilibrium exists. Take more starts or a longer time_limit"
        )
    worst, best = good[0], good[-1]
    if found.complete:
        return Extremes(worst, best, worst.social_cost, best.social_cost, True, found.note)
    possible = table.social[np.isfinite(table.social)]
    try:
        coarse = correlated_extremes(table, "coarse")
    except TooLarge:
        note = f"{found.note}; the limits are the greatest and the least social cost of all {possible.size:,} profiles"
        return Extremes(worst, best, float(possible.max()), float(possible.min()), False, note)
    high = max(coarse.worst_limit, worst.social_cost)
    low = min(coarse.best_limit, best.social_cost)
    met = LIMIT_RTOL * float(np.ptp(possible))
    if high - worst.social_cost <= met and best.social_cost - low <= met:
        note = (
            f"{found.note}, but none worse or better: these meet the worst and the best coarse correlated equilibrium"
        )
        return Extremes(worst, best, high, low, True, note)
    note = f"{found.note}; no mixed equilibrium is beyond the coarse correlated ones, which give the limits"
    return Extremes(worst, best, high, low, False, note)


def _social_costs(game: NormalFormGame, strategies: FloatArray) -> FloatArray:
    if game.num_players == 2:
        social = game.social
        social = np.where(np.isfinite(social), social, 0.0)
        return ((strategies[:, 0] @ social) * strategies[:, 1]).sum(axis=1)
    return np.array([game.expected_social_cost(x) for x in strategies])


def _extreme_equilibria(game: NormalFormGame) -> tuple[FloatArray, bool, str]:
    costs, available = game.costs, game.available
    rows, columns = (np.flatnonzero(has) for has in available)
    m, n = len(rows), len(columns)
    if m + n > MAX_ACTIONS:
        raise TooLarge(
            f"{m} and {n} actions; all mixed equilibria are listed of up to {MAX_ACTIONS} together. lemke_howson(game) "
            "finds one; worst and best coarse correlated equilibria bound them"
        )
    of_row, of_column = costs if m + n == available.size else (c[np.ix_(rows, columns)] for c in costs)
    x, y, vertices, number, doubts = extreme_pairs(of_row, of_column, TIE_RTOL, MAX_VERTICES, MAX_LISTED)
    if not min(vertices):
        raise TooLarge(
            f"a best-reply polyhedron has more than {MAX_VERTICES:,} vertices; lemke_howson(game) finds one equilibrium, and "
            "worst and best coarse correlated equilibria bound all"
        )
    if number > MAX_LISTED:
        raise TooLarge(f"{number:,} extreme equilibria; the limit is {MAX_LISTED:,}. The game is very degenerate")
    strategies = np.zeros((number, *available.shape))
    strategies[:, 0, rows], strategies[:, 1, columns] = x, y
    note = f"all extreme equilibria, from {vertices[0]:,} × {vertices[1]:,} vertices of the best-reply polyhedra"
    for above, below, tolerance in doubts.tolist():
        if above < 100 * tolerance or below > tolerance / 100 or tolerance > 1e-7:
            near = below if below > tolerance / 100 else above
            note = (
                f"{note}; but replies differ by {near:.1g} of the range of costs, and what counts as a tie there is "
                f"{tolerance:.1g}, so equilibria may be missing or listed that are none of the exact game"
            )
            return strategies, False, note
    return strategies, True, note
