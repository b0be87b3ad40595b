"""Shared budgets: generalised and variational equilibria (Proposition 1), and the optimum (Remark 1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray
from poagame.paper.record import Claim, Finding, Standing
from poagame.solvers import solve_variational, variational_equilibrium

SAME = 1e-6
"""Points nearer than this are one."""


@dataclass(frozen=True)
class SharedBudget:
    r"""Two pools share :math:`x_1 + x_2 \le` budget; pool i pays :math:`\tfrac{w_i}{2}(x_i - t_i)^2`, the second also `harm` · x_1.

    Whether a weight is 0 decides if costs are strictly convex: then pool i pays :math:`-x_i`. A `JointlyConvexGame`.
    """

    target: tuple[float, float] = (1.0, 0.5)
    weight: tuple[float, float] = (2.0, 2.0)
    budget: float = 1.0
    harm: float = 0.0

    def pseudogradient(self, x: ArrayLike) -> FloatArray:
        """Each pool's derivative of its own cost."""
        w, point = np.array(self.weight), np.asarray(x, dtype=np.float64)
        return np.where(w > 0, w * (point - self.target), -1.0)

    def projection(self, x: ArrayLike) -> FloatArray:
        """Nearest point of the budget set (0 ≤ x is left out: it does not bind here)."""
        point = np.asarray(x, dtype=np.float64)
        return point - max(0.0, float(point.sum()) - self.budget) / 2.0

    def social_cost(self, x: ArrayLike) -> float:
        """Sum of both costs."""
        w, point = np.array(self.weight), np.asarray(x, dtype=np.float64)
        own = np.where(w > 0, 0.5 * w * (point - self.target) ** 2, -point)
        return float(own.sum()) + self.harm * float(point[0])

    def social_gradient(self, x: ArrayLike) -> FloatArray:
        """Derivative of the social cost."""
        return self.pseudogradient(x) + np.array([self.harm, 0.0])

    def start(self) -> FloatArray:
        """Nothing for either."""
        return np.zeros(2)

    def regret(self, x: ArrayLike) -> float:
        """The farther of both pools' distances to the best reply that the budget leaves it."""
        point, w = np.asarray(x, dtype=np.float64), np.array(self.weight)
        left = self.budget - point[::-1]
        best = np.where(w > 0, np.minimum(self.target, left), left)
        return float(np.abs(best - point).max())


def variational_is_unique(
    game: SharedBudget | None = None, flat: SharedBudget | None = None, starts: int = 12
) -> Finding:
    """Generalised equilibria on the budget line, and variational ones from many starts."""
    game = game or SharedBudget()
    flat = flat or SharedBudget(weight=(0.0, 0.0))
    line = [t for t in np.linspace(0.0, game.budget, 101) if game.regret([t, game.budget - t]) < SAME]
    points = _from_starts(game, starts)
    others = _from_starts(flat, starts)
    many, x = float(np.ptp(points[:, 0])), points[0]
    gradient = -game.pseudogradient(x)
    figures = {
        "generalised": float(len(line)),
        "spread": many,
        "x1": x[0],
        "x2": x[1],
        "multiplier_1": gradient[0],
        "multiplier_2": gradient[1],
        "flat_spread": float(np.ptp(others[:, 0])),
    }
    if many > SAME or abs(gradient[0] - gradient[1]) > SAME:
        text = f"From {starts} starts the variational equilibria differ by {many:.2g}."
        return Finding(Standing.FAILS, "instances", text, counterexample=game, figures=figures)
    text = (
        f"Two pools, budget {game.budget:g}: {len(line)} of 101 points of the budget line are generalised equilibria; from {starts} "
        f"starts one variational equilibrium, ({x[0]:.3f}, {x[1]:.3f}), where both gain {gradient[0]:.3f} by a unit more. Rosen's "
        "theorem gives this for every strictly monotone pseudogradient."
    )
    if figures["flat_spread"] < SAME:
        return Finding(Standing.HOLDS, "instances", text, figures=figures)
    text += f" With linear gains the starts end up to {figures['flat_spread']:.2f} apart."
    assumption = (
        "the pseudogradient is strictly monotone (each pool's returns diminish, and its own use matters most to it)"
    )
    return Finding(Standing.HOLDS_UNDER, "theorem", text, assumption, flat, figures=figures)


def not_the_optimum(game: SharedBudget | None = None) -> Finding:
    """Variational equilibrium and optimum of two pools, the one of which burdens the other."""
    game = game or SharedBudget(harm=0.5)
    found = variational_equilibrium(game)
    best = solve_variational(game.social_gradient, game.projection, game.start())
    gap = found.social_cost - game.social_cost(best.x)
    figures = {"equilibrium": found.social_cost, "optimum": game.social_cost(best.x), "gap": gap}
    text = (
        f"In {game!r} the variational equilibrium is ({found.x[0]:.3f}, {found.x[1]:.3f}) at cost {found.social_cost:.4f}, the "
        f"optimum ({best.x[0]:.3f}, {best.x[1]:.3f}) at {figures['optimum']:.4f}."
    )
    if gap > SAME:
        text += " This shows that they can differ; by how much they do for the paper's pools it does not say."
        return Finding(Standing.HOLDS, "instances", text, figures=figures)
    return Finding(Standing.UNDECIDED, "instances", text, decided_by="a game in which they differ", figures=figures)


def _from_starts(game: SharedBudget, starts: int) -> FloatArray:
    rng = np.random.default_rng(0)
    return np.stack([variational_equilibrium(game, start=rng.uniform(-1.0, 2.0, 2)).x for _ in range(starts)])


CLAIMS = (
    Claim(
        "variational-unique",
        "Pools that share a budget have one variational equilibrium, with equal marginal improvement a GPU.",
        "Prop 1 (S), on a game of ours (I)",
        variational_is_unique,
    ),
    Claim(
        "variational-not-optimal",
        "The variational equilibrium is not the social optimum in general.",
        "Remark 1 (P: its title)",
        not_the_optimum,
    ),
)
