r"""One mixed equilibrium of two players by complementary pivoting (Lemke and Howson 1964).

With payoffs A, B > 0 the best-reply polytopes are :math:`\{x \ge 0 : B^\top x \le 1\}` and :math:`\{y \ge 0 : A y \le 1\}`.
A label is an action: at a vertex it is carried by x or y if the action is not played, by the other side if it is a best
reply. From the pair (0, 0), which carries all labels, one is dropped and taken up again by pivots alternating between the
two tableaux. Ties in the ratio test are broken lexicographically (von Stengel 2007), so that in exact arithmetic no basis
comes twice and degenerate games do not cycle.
"""

from __future__ import annotations

from time import monotonic

import numpy as np

from poagame._arrays import FloatArray, IntArray, require
from poagame.certificates.mixed import certify_mixed
from poagame.games.checks import whole
from poagame.games.normal_form import NormalFormGame
from poagame.games.protocols import FiniteGame, as_finite
from poagame.outcome import Outcome
from poagame.solvers.mixed.mixed_equilibria import MixedEquilibrium

TIE_RTOL = 1e-12
"""Ratios closer than this, relative to their size, tie."""


def lemke_howson(
    game: FiniteGame, label: int = 0, max_steps: int = 100_000, time_limit: float = 60.0
) -> MixedEquilibrium:
    """A mixed equilibrium of two players by the method of Lemke and Howson.

    Parameters
    ----------
    game : FiniteGame
        Of two players; tabulated if it is no `NormalFormGame`.
    label : int
        The action whose label is dropped first: 0 … m−1 are those that player 0 has, m … m+n−1 those that player 1 has.
        Different labels may lead to different equilibria, and not every equilibrium is reached from some label.
    max_steps : int
        Most pivots. The path may be exponentially long (Savani and von Stengel 2006).
    time_limit : float
        Seconds; looked at before each pivot.

    Returns
    -------
    MixedEquilibrium
        CONVERGED only if the certificate holds. MAX_STEPS_REACHED and TIME_LIMIT_REACHED come with the strategies at which
        the path was left, and their regret.

    Raises
    ------
    InvalidInput
        If there are not two players, the label is no action, or a limit is no number of at least 0.

    Examples
    --------
    >>> pennies = NormalFormGame([[[1.0, -1.0], [-1.0, 1.0]], [[-1.0, 1.0], [1.0, -1.0]]])
    >>> lemke_howson(pennies).strategies.round(12).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    game, label, max_steps = as_finite(game, "lemke_howson"), whole(label, "label"), whole(max_steps, "max_steps")
    require(game.num_players == 2, f"Lemke–Howson is for two players; the game has {game.num_players}")
    table = NormalFormGame.of(game)
    rows, columns = (np.flatnonzero(has) for has in table.available)
    m, n = len(rows), len(columns)
    require(0 <= label < m + n, f"label is one of the {m} + {n} actions, 0 … {m + n - 1}; got {label}")
    require(time_limit >= 0, f"limits must be >= 0; got {time_limit} s")
    first, second = (_positive_payoffs(table.costs[i][np.ix_(rows, columns)]) for i in (0, 1))
    # one column a label in both tableaux, then the right side
    start = (
        np.hstack([second.T, np.eye(n), np.ones((n, 1))]),
        np.hstack([np.eye(m), first, np.ones((m, 1))]),
    )
    tableaux = [start[0].copy(), start[1].copy()]
    bases = [np.arange(m, m + n), np.arange(m)]
    order = [np.r_[m + n, m : m + n], np.r_[m + n, :m]]
    side, entering, deadline = int(label >= m), label, monotonic() + time_limit
    outcome = Outcome.MAX_STEPS_REACHED
    for _ in range(max_steps):
        if monotonic() >= deadline:
            outcome = Outcome.TIME_LIMIT_REACHED
            break
        row = _leaving(tableaux[side], entering, order[side])
        _pivot(tableaux[side], row, entering)
        leaving = int(bases[side][row])
        bases[side][row] = entering
        if leaving == label:
            outcome = Outcome.CONVERGED
            break
        side, entering = 1 - side, leaving
    strategies = np.zeros((2, table.num_actions))
    strategies[0, rows] = _strategy(start[0], bases[0], np.arange(m))
    strategies[1, columns] = _strategy(start[1], bases[1], np.arange(m, m + n))
    certificate = certify_mixed(table, strategies)
    if outcome is Outcome.CONVERGED and not certificate.holds:
        outcome = Outcome.NO_EQUILIBRIUM_FOUND
    return MixedEquilibrium(strategies, table.expected_social_cost(strategies), certificate, outcome)


def _positive_payoffs(costs: FloatArray) -> FloatArray:
    """Payoffs between 1 and 2 with the same best replies."""
    spread = float(np.ptp(costs)) or 1.0
    return 1.0 + (costs.max() - costs) / spread


def _leaving(tableau: FloatArray, entering: int, order: IntArray) -> int:
    """The row that leaves: least ratio of right side to pivot column, ties by the columns of the first basis."""
    column = tableau[:, entering]
    rows = np.flatnonzero(column > TIE_RTOL * np.abs(tableau).max())
    for k in order:
        ratio = tableau[rows, k] / column[rows]
        least = ratio.min()
        rows = rows[ratio <= least + TIE_RTOL * max(1.0, abs(least))]
        if len(rows) == 1:
            break
    return int(rows[0])


def _pivot(tableau: FloatArray, row: int, column: int) -> None:
    tableau[row] /= tableau[row, column]
    factors = tableau[:, column].copy()
    factors[row] = 0.0
    tableau -= factors[:, None] * tableau[row]
    tableau[:, column] = 0.0
    tableau[row, column] = 1.0


def _strategy(start: FloatArray, basis: IntArray, labels: IntArray) -> FloatArray:
    """Probabilities of the actions at a basis, solved from the first tableau, so that pivots' rounding does not add up."""
    values = np.zeros(start.shape[1] - 1)
    values[basis] = np.linalg.solve(start[:, basis], start[:, -1])
    x = np.maximum(values[labels], 0.0)
    x[x <= 1e-14 * x.max()] = 0.0  # a basic variable that is 0, as degenerate games have them, but for rounding
    return x / x.sum() if x.sum() > 0 else np.full(len(x), 1.0 / len(x))
