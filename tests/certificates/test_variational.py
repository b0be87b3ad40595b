from __future__ import annotations

import numpy as np
import pytest

from poagame.certificates.splittable import certify_splittable
from poagame.certificates.variational import certify_variational
from poagame.errors import InvalidInput
from poagame.games.attainment import Exponential
from poagame.games.resource import ResourceGame
from poagame.games.splittable import SplittableRouting
from poagame.latency import Polynomial, Tabulated
from poagame.solvers.variational import Extragradient, ProjectedReflectedGradient, variational_equilibrium


class Shared:
    """min (x1 − 1)², min (x2 − 1/2)², x1 + x2 ≤ 1, in units of length and cost of one's choice."""

    def __init__(self, length: float = 1.0, cost: float = 1.0) -> None:
        self.length, self.cost = length, cost

    def pseudogradient(self, x):
        return 2.0 * self.cost / self.length * (np.asarray(x) / self.length - [1.0, 0.5])

    def projection(self, x):
        return np.asarray(x) - max(0.0, np.sum(x) - self.length) / 2.0

    def social_cost(self, x):
        return float(self.cost * np.sum((np.asarray(x) / self.length - [1.0, 0.5]) ** 2))

    def start(self):
        return np.zeros(2)


def test_only_the_variational_one_of_the_generalised_equilibria_holds() -> None:
    assert certify_variational(Shared(), [0.75, 0.25]).holds
    for t in (0.5, 0.7, 0.9, 1.0):
        assert not certify_variational(Shared(), [t, 1 - t]).holds


def test_an_infeasible_point_does_not_hold() -> None:
    assert not certify_variational(Shared(), [1.0, 0.5]).holds  # where both costs are 0


@pytest.mark.parametrize(("length", "cost"), [(1e9, 1.0), (1e-9, 1e9), (1.0, 1e-9), (1e9, 1e9)])
def test_the_residual_has_no_unit(length: float, cost: float) -> None:
    wanted = certify_variational(Shared(), [0.7, 0.3]).residual
    found = certify_variational(Shared(length, cost), np.array([0.7, 0.3]) * length).residual
    assert found == pytest.approx(wanted, rel=1e-9)


def test_nan_is_refused() -> None:
    with pytest.raises(InvalidInput, match="finite"):
        certify_variational(Shared(), [np.nan, 0.0])


def pigou(players: int) -> SplittableRouting:
    return SplittableRouting(
        Polynomial([[0.0, 1.0], [1.0, 0.0]]), [[[0], [1]]] * players, np.full(players, 1 / players)
    )


@pytest.mark.parametrize("players", [1, 2, 5])
def test_splittable_pigou_by_hand(players: int) -> None:
    # X + x = 1 with X = n x: every player sends 1/(n + 1) on the link that congests
    right = np.tile([1 / (players + 1), 1 / players - 1 / (players + 1)], (players, 1))
    assert certify_splittable(pigou(players), right).holds
    wrong = right + np.array([1e-3, -1e-3])
    found = certify_splittable(pigou(players), wrong)
    assert not found.holds
    assert found.max_regret > 0


def test_the_regret_bound_is_no_less_than_what_a_player_can_gain() -> None:
    game, x = pigou(2), np.array([[0.5, 0.0], [0.25, 0.25]])
    grid = np.linspace(0, 0.5, 2001)
    best = min(game.player_costs([[g, 0.5 - g], x[1]])[0] for g in grid)
    gain = game.player_costs(x)[0] - best
    assert 0 < gain <= certify_splittable(game, x).max_regret


def test_flows_that_break_a_demand_do_not_hold() -> None:
    x = np.array([[1 / 3, 1 / 6], [1 / 3, 1 / 6]])
    assert certify_splittable(pigou(2), x).holds
    assert not certify_splittable(pigou(2), x * (1 + 1e-6)).holds


def test_a_concave_table_proves_no_regret() -> None:
    game = SplittableRouting(Tabulated([0.0, 0.5, 2.0], [0.0, 1.0, 1.1]), [[[0], [1]]], [1.0])
    found = certify_splittable(game, [[0.5, 0.5]])
    assert found.max_regret == np.inf
    assert not found.holds
    assert np.isfinite(found.first_order)


@pytest.mark.parametrize("solver", [None, Extragradient(), ProjectedReflectedGradient()])
@pytest.mark.parametrize("start", [None, [2.0, 1.0]])
def test_a_solution_inside_whose_force_is_rounding_alone_holds(
    solver: Extragradient | ProjectedReflectedGradient | None, start: list[float] | None
) -> None:
    """Both own optima fit the budget: the force there is 1e-17, and its direction says nothing."""
    game = ResourceGame(7.0, Exponential(0.8), Exponential(0.3), price=0.1)
    wanted = [0.8 * np.log(12.5), 0.3 * np.log(1 / 0.03)]
    found = variational_equilibrium(game, solver, start)
    assert found.certificate.holds
    assert found.x == pytest.approx(wanted, abs=1e-8)
    assert certify_variational(game, wanted).residual < 1e-10
    assert not certify_variational(game, np.array(wanted) + [1e-4, 0.0]).holds


def test_a_capacity_nearby_does_not_excuse_a_force() -> None:
    """F is immense a thousandth of x away in one direction; x, at which it is 1, stays no solution."""

    class Steep(Shared):
        def pseudogradient(self, x):
            return np.where(np.asarray(x) < 0.4999, 1e12, 1.0) * np.ones(2)

    assert not certify_variational(Steep(), [0.5, 0.5]).holds
