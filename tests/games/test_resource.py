"""The resource game's record: costs, gradients, projection, whole workers, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

import poagame as pg
from poagame._arrays import FloatArray
from poagame.games.attainment.base import Attainment, Curve, Exponential, LoadedAttainment, Quadratic
from poagame.games.resource import ResourceGame, WorkerSplits

NUMBERS = st.floats(-5.0, 30.0)


@dataclass(frozen=True)
class Fluid:
    """Everybody is served in time while workers suffice, else a share: a pool of rate 1 a worker."""

    arrival_rate: float

    def __call__(self, workers: ArrayLike) -> FloatArray:
        return self.attained(workers, self.arrival_rate)

    def attained(self, workers: ArrayLike, arrival_rate: ArrayLike) -> FloatArray:
        return np.minimum(1.0, np.asarray(workers) / np.maximum(arrival_rate, 1e-300))

    def derivative(self, workers: ArrayLike) -> FloatArray:
        return np.where(np.asarray(workers) < self.arrival_rate, 1.0 / self.arrival_rate, 0.0)

    def throughput(self, workers: ArrayLike) -> FloatArray:
        return np.minimum(np.asarray(workers, dtype=np.float64), self.arrival_rate)

    def at_rate(self, arrival_rate: float) -> Fluid:
        return Fluid(arrival_rate)


def textbook(**options: Any) -> ResourceGame:
    return ResourceGame(1.0, Quadratic(1.0), Quadratic(0.5), least=0.0, **options)


def test_the_kinds_of_game_and_of_curve() -> None:
    assert isinstance(textbook(), pg.games.JointlyConvexGame)
    assert isinstance(ResourceGame(4, Exponential(1.0), Exponential(1.0)).splits(), pg.games.FiniteGame)
    assert isinstance(Fluid(1.0), LoadedAttainment)
    assert isinstance(Quadratic(1.0), Attainment)
    assert not isinstance(Quadratic(1.0), LoadedAttainment)


@pytest.mark.parametrize(("welfare", "cost"), [("sum", 0.125), ("goodput", 1 - 0.9375**2), ("min", 0.0625)])
def test_welfare_by_hand(welfare: Any, cost: float) -> None:
    assert textbook(welfare=welfare).social_cost([0.75, 0.25]) == pytest.approx(cost, rel=1e-12)
    priced = textbook(welfare=welfare, price=(0.1, 0.2))
    assert priced.social_cost([0.75, 0.25]) == pytest.approx(cost + 0.075 + 0.05, rel=1e-12)


def test_gpus_a_worker_and_price_by_hand() -> None:
    game = ResourceGame(24, Exponential(1.0), Exponential(2.0), gpus_per_worker=(4, 8), price=(0.01, 0.02))
    costs = game.player_costs([8.0, 16.0])
    assert costs == pytest.approx([np.exp(-2.0) + 0.08, np.exp(-1.0) + 0.32], rel=1e-12)
    slope = game.pseudogradient([8.0, 16.0])
    assert slope == pytest.approx([0.01 - np.exp(-2.0) / 4, 0.02 - np.exp(-1.0) / 2 / 8], rel=1e-12)


@given(st.tuples(NUMBERS, NUMBERS), st.floats(1.0, 20.0), st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_projection_is_the_nearest_point(x: tuple[float, float], budget: float, low: float, other: float) -> None:
    """No point of a fine grid of the triangle, and none of its corners, is nearer."""
    game = ResourceGame(budget, Exponential(1.0), Exponential(1.0), least=(low, other))
    y = game.projection(np.array(x))
    assert (y >= np.array([low, other]) - 1e-12).all()
    assert y.sum() <= budget * (1 + 1e-12)
    share = np.linspace(0.0, 1.0, 41)
    room = budget - low - other
    a, b = np.meshgrid(share, share)
    inside = np.stack([low + room * a, other + room * b * (1 - a)], axis=-1)
    assert np.linalg.norm(y - x) <= np.linalg.norm(inside - np.array(x), axis=-1).min() + 1e-9


@given(st.floats(0.0, 20.0), st.floats(0.0, 20.0), st.floats(0.3, 8.0), st.floats(0.3, 8.0))
def test_pseudogradient_is_the_derivative_of_own_costs(p: float, d: float, first: float, second: float) -> None:
    game = ResourceGame(40, Exponential(first), Curve(lambda c: c / (c + second)), gpus_per_worker=(2, 1), least=0.0)
    step, x = 1e-4, np.array([p + 0.01, d + 0.01])
    for i in range(2):
        e = step * np.eye(2)[i]
        change = (game.player_costs(x + e)[i] - game.player_costs(x - e)[i]) / (2 * step)
        assert game.pseudogradient(x)[i] == pytest.approx(change, rel=1e-5, abs=1e-9)


def test_the_textbook_game() -> None:
    """Cvxpy on the potential is the independent oracle; the multiplier is the budget's dual."""
    found = pg.variational_equilibrium(textbook())
    x = cp.Variable(2)
    budget: Any = cp.sum(x) <= 1.0
    cp.Problem(cp.Minimize(cp.square(x[0] - 1.0) + cp.square(x[1] - 0.5)), [budget, x >= 0]).solve()
    assert found.x == pytest.approx([0.75, 0.25], abs=1e-9)
    assert found.x == pytest.approx(x.value, abs=1e-6)
    assert -textbook().pseudogradient(found.x) == pytest.approx([0.5, 0.5], abs=1e-8)
    assert budget.dual_value == pytest.approx(0.5, abs=1e-5)


def test_symmetric_pools_split_evenly() -> None:
    game = ResourceGame(10, Exponential(2.0), Exponential(2.0))
    assert pg.variational_equilibrium(game).x == pytest.approx([5.0, 5.0], abs=1e-7)


def test_coupled_decode_gets_what_prefill_finishes() -> None:
    game = ResourceGame(12, Fluid(6.0), Fluid(6.0), coupled=True)
    assert game.attainments([3.0, 3.0]) == pytest.approx([0.5, 1.0])  # three a second come to three decode workers
    assert game.attainments([6.0, 3.0]) == pytest.approx([1.0, 0.5])
    apart = ResourceGame(12, Fluid(6.0), Fluid(6.0))
    assert apart.attainments([3.0, 3.0]) == pytest.approx([0.5, 0.5])
    assert game.pseudogradient([6.0, 3.0])[1] == pytest.approx(-1 / 6, rel=1e-6)
    batch = game.attainments(np.array([[3.0, 3.0], [6.0, 3.0]]))
    assert batch == pytest.approx(np.array([[0.5, 1.0], [1.0, 0.5]]))


def test_scaled_loads() -> None:
    game = ResourceGame(12, Fluid(6.0), Fluid(3.0)).scaled(2.0)
    assert game.attainments([6.0, 3.0]) == pytest.approx([0.5, 0.5])
    with pytest.raises(pg.InvalidInput, match="have none"):
        textbook().scaled(2.0)


def test_splits_against_the_definition() -> None:
    """24 GPUs, TP 4 and 8: all pairs of whole workers by hand."""
    game = ResourceGame(24, Exponential(1.5), Exponential(0.8), gpus_per_worker=(4, 8), price=0.02, welfare="goodput")
    splits = game.splits()
    cost = {
        (p, d): game.player_costs([4.0 * p, 8.0 * d]) for p in range(1, 5) for d in range(1, 3) if p * 4 + d * 8 <= 24
    }
    stable = [
        (p - 1, d - 1)
        for (p, d), c in cost.items()
        if c[0] <= min(v[0] for (_, e), v in cost.items() if e == d) + 1e-12
        and c[1] <= min(v[1] for (q, _), v in cost.items() if q == p) + 1e-12
    ]
    assert sorted(map(tuple, pg.equilibria(splits).profiles.tolist())) == sorted(stable)
    best = min(cost, key=lambda s: game.social_cost([4.0 * s[0], 8.0 * s[1]]))
    assert splits.workers(pg.social_optimum(splits).profile) == f"{best[0]}P/{best[1]}D"
    assert splits.num_actions == 4
    for profile in ([0, 0], [3, 0], [1, 1]):
        assert splits.action_costs(profile)[0, profile[0]] == pytest.approx(cost[profile[0] + 1, profile[1] + 1][0])


def test_a_split_over_the_budget_is_none() -> None:
    splits = ResourceGame(3, Exponential(1.0), Exponential(1.0)).splits()
    assert splits.social_cost([1, 1]) == np.inf
    assert not pg.certify_nash(splits, [1, 1]).holds
    assert pg.certify_nash(splits, [1, 0]).holds


@pytest.mark.parametrize(
    ("arguments", "options", "match"),
    [
        ((1, Exponential(1.0), Exponential(1.0)), {}, "not one prefill worker and one decode worker"),
        ((8, Exponential(1.0), Exponential(1.0)), {"gpus_per_worker": 8}, "not one prefill worker"),
        ((0, Exponential(1.0), Exponential(1.0)), {}, "budget must be"),
        ((np.nan, Exponential(1.0), Exponential(1.0)), {}, "budget must be"),
        ((4, 3.0, Exponential(1.0)), {}, "prefill is an attainment curve"),
        ((4, Exponential(1.0), "x"), {}, "decode is an attainment curve"),
        ((4, Exponential(1.0), Exponential(1.0), "all"), {}, "welfare is"),
        ((4, Exponential(1.0), Exponential(1.0)), {"price": -1}, "price must be nonnegative"),
        ((4, Exponential(1.0), Exponential(1.0)), {"price": [1, 2, 3]}, "a number or one a pool"),
        ((4, Exponential(1.0), Exponential(1.0)), {"gpus_per_worker": 0}, "gpus_per_worker must be positive"),
        ((4, Exponential(1.0), Exponential(1.0)), {"coupled": True}, "coupled pools need curves"),
        ((4, Exponential(1.0), Exponential(1.0)), {"coupled": 1}, "coupled is True or False"),
    ],
)
def test_what_is_refused(arguments: tuple[Any, ...], options: dict[str, Any], match: str) -> None:
    with pytest.raises(pg.InvalidInput, match=match):
        ResourceGame(*arguments, **options)


def test_points_and_splits_that_are_refused() -> None:
    with pytest.raises(pg.InvalidInput, match="GPUs of both pools"):
        textbook().player_costs([1.0, 2.0, 3.0])
    with pytest.raises(pg.InvalidInput, match="not one prefill worker"):
        textbook().splits()
    with pytest.raises(pg.TooLarge, match="variational_equilibrium"):
        ResourceGame(10_000, Exponential(1.0), Exponential(1.0)).splits()
    with pytest.raises(pg.InvalidInput, match="fewest GPUs of prefill"):
        ResourceGame(10, Exponential(1.0), Exponential(1.0), least=2.0).splits()


def test_repr_builds_the_game_again() -> None:
    game = ResourceGame(24, Exponential(1.5), Quadratic(0.8), "min", gpus_per_worker=(4, 8), price=0.02)
    again = eval(repr(game), {"ResourceGame": ResourceGame, "Exponential": Exponential, "Quadratic": Quadratic})
    assert repr(again) == repr(game)
    assert isinstance(game.splits(), WorkerSplits)
