r"""Variational equilibria of two pools, on one dimension.

Of pools that are not coupled: with concave attainments each pool's gain by a GPU more falls. If both own optima fit the budget they are the
equilibrium, with multiplier 0; else it lies on the budget line, where both gains are equal, :math:`u_P'(t) = u_D'(G - t)`, or at an end of
it. The common gain is the multiplier of the budget (Rosen's normalised equilibrium with equal weights, Facchinei and Kanzow's variational
one).
"""

from __future__ import annotations

import numpy as np

from poagame._arrays import FloatArray
from poagame.certificates.variational import certify_variational
from poagame.games.checks import require_instance, whole
from poagame.games.resource import ResourceGame
from poagame.outcome import Outcome
from poagame.solvers.resource.line import falling_root, slopes
from poagame.solvers.variational import Steps, VariationalEquilibrium, direct

POINTS = 129
"""Of the grid on which the best split is looked for; concave curves would need none."""


@direct.register
def _(game: ResourceGame) -> Steps | None:
    """Where pools are coupled their gains depend on both numbers, and general methods go on."""
    return None if game.coupled else Steps(budget_split(game), 0, True)


def budget_split(game: ResourceGame) -> FloatArray:
    r"""[2] GPUs with equal multipliers; of concave curves the only ones.

    A maximum of :math:`u_P(x_P) + u_D(x_D)` over the budget's triangle: there both pools' first-order conditions hold with one multiplier,
    also of curves that are not concave. Found on a grid and refined to rounding.
    """
    low_p, high_p = game.least[0], game.budget - game.least[1]
    t = np.linspace(low_p, high_p, POINTS)
    p = game.prefill(t / game.gpus_per_worker[0]) - game.price[0] * t
    d = game.decode((game.budget - t) / game.gpus_per_worker[1]) - game.price[1] * (game.budget - t)
    best_p, best_d = np.maximum.accumulate(p), np.maximum.accumulate(d[::-1])[::-1]
    k = int((best_p + best_d).argmax())
    # the fewest GPUs that do as well as all up to the budget line
    i, j = int(p[: k + 1].argmax()), POINTS - 1 - int(d[k:][::-1].argmax())
    of_p, of_d = slopes(game)
    first, last = float(t[max(i - 1, 0)]), float(t[min(i + 1, POINTS - 1)])
    x_p = falling_root(of_p, first, last)
    first, last = float(t[max(j - 1, 0)]), float(t[min(j + 1, POINTS - 1)])
    x_d = falling_root(of_d, game.budget - last, game.budget - first)
    if x_p + x_d <= game.budget:
        return np.array([x_p, x_d])
    first, last = float(t[max(k - 1, 0)]), float(t[min(k + 1, POINTS - 1)])
    x = falling_root(lambda s: of_p(s) - of_d(game.budget - s), first, last)
    return np.array([x, game.budget - x])


def multiplier(game: ResourceGame, x: FloatArray) -> float:
    """What a GPU more in the budget is worth at x: the smaller of both gains, and 0 at least.

    At a variational equilibrium that ends no pool at its fewest the two gains are equal.

    Examples
    --------
    >>> from poagame.games.attainment import Quadratic
    >>> game = ResourceGame(1.0, Quadratic(1.0), Quadratic(0.5), least=0.0)
    >>> round(multiplier(game, budget_split(game)), 12)
    0.5
    """
    gain = -game.pseudogradient(x)
    free = np.asarray(x) > np.asarray(game.least) * (1.0 + 1e-12)
    inner = gain[free] if free.any() else gain
    return max(float(inner.min()), 0.0)


def variational_equilibria(game: ResourceGame, points: int = 2_001) -> list[VariationalEquilibrium]:
    """All variational equilibria on the budget line that a grid tells apart, and the one off it, each certified.

    With curves that are not concave there may be several, and those at which a pool's cost is no minimum are stationary points alone:
    `certify_generalised` decides whether one is an equilibrium.

    Parameters
    ----------
    game : ResourceGame
    points : int
        Of the grid; two solutions between neighbours are overlooked.

    Raises
    ------
    InvalidInput
        If points is no whole number of at least 3.
    """
    require_instance(game, ResourceGame, "game")
    number = whole(points, "points", 3)
    t = np.linspace(game.least[0], game.budget - game.least[1], number)
    line = np.stack([t, game.budget - t], axis=-1)
    gain = -game.pseudogradient(line)
    apart = gain[:, 0] - gain[:, 1]

    def difference(s: float) -> float:
        of = -game.pseudogradient(np.array([s, game.budget - s]))
        return float(of[0] - of[1])

    found = [t[k] for k in np.flatnonzero(apart == 0.0)]
    for k in np.flatnonzero((apart[:-1] * apart[1:]) < 0):
        sign = 1.0 if apart[k] > 0 else -1.0
        found.append(falling_root(lambda s, sign=sign: sign * difference(s), float(t[k]), float(t[k + 1])))
    found += [t[0]] * bool(apart[0] < 0) + [t[-1]] * bool(apart[-1] > 0)
    candidates = [np.array([s, game.budget - s]) for s in sorted(found)]
    if not game.coupled:
        candidates.append(budget_split(game))
    kept: list[VariationalEquilibrium] = []
    for x in candidates:
        certificate = certify_variational(game, x)
        new = all(np.abs(x - other.x).max() > 1e-9 * game.budget for other in kept)
        if certificate.holds and new:
            kept.append(VariationalEquilibrium(x, float(game.social_cost(x)), certificate, Outcome.CONVERGED, 0))
    return kept
