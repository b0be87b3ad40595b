"""Games that broke an earlier version: huge constants beside small costs, capacities just above the load, NaN, nothing at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import poagame as pg
from poagame.certificates.duality import load_price_lower_bound
from poagame.errors import InvalidInput, NoEquilibrium, TooLarge, UndefinedRatio
from poagame.games import RoutingGame
from poagame.latency import MM1, Latency, Polynomial, Saturating, Tabulated
from poagame.solvers import optimum
from poagame.solvers.routing.load_vectors import typed_problem
from tests import oracles


def test_a_barred_worker_hides_no_deviation() -> None:
    game = RoutingGame(Polynomial([[0, 1], [0, 1], [1e12, 0]]), np.zeros((10, 3)))
    report = pg.price_of_anarchy(game)
    assert report.exact
    assert report.poa == 1.0
    assert not pg.certify_nash(game, [0] * 10).holds
    assert not pg.batched.best_response([game], start=np.zeros(10), max_rounds=1).max_regret.any()


@pytest.mark.parametrize(
    "game",
    [
        RoutingGame(MM1([8 + 1e-9, 9]), np.zeros((8, 2))),
        RoutingGame(Saturating([1, 1], [1, 2], [1, 1], [8 + 1e-9] * 2), np.zeros((8, 2))),
        RoutingGame(Polynomial([[0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1]]), np.zeros((9, 2))),
    ],
    ids=["M/M/1", "saturating", "x against x^6"],
)
def test_latencies_of_very_different_size_are_told_apart(game: RoutingGame) -> None:
    oracle = oracles.Oracle(game)

    def settled(s: tuple[int, ...]) -> bool:  # each request against its own alternatives
        moves = ((i, (*s[:i], j, *s[i + 1 :])) for i in range(len(s)) for j in range(game.num_actions))
        return all(oracle.cost(s, i) <= oracle.cost(other, i) * (1 + 1e-12) for i, other in moves)

    costs = [oracle.social(s) for s in oracle.profiles() if settled(s)]
    report = pg.price_of_anarchy(game)
    assert report.worst.certificate.holds
    assert report.poa == pytest.approx(max(costs) / oracle.least())
    assert report.worst.certificate.max_regret <= 1e-6


def test_a_game_without_equilibrium_stays_one_beside_a_barred_worker() -> None:
    later = [[0.0, 0.0], [3.0, 0.0]]
    game = RoutingGame(Polynomial([[0, 1], [0, 1], [1e10, 0]]), np.zeros((2, 3)), 1.0, later, "arrival_order")
    assert pg.improvement_cycle(game) is not None
    assert not pg.is_exact_potential(game)
    with pytest.raises(NoEquilibrium):
        pg.price_of_anarchy(game)


def test_weighted_requests_beyond_capacity_are_refused() -> None:
    game = RoutingGame(MM1([2.0, 2.0]), np.zeros((4, 2)), request_weight=[1.0, 2.0, 1.0, 1.0])
    for verb in (pg.price_of_anarchy, pg.social_optimum, pg.equilibria, pg.equilibrium):
        with pytest.raises(InvalidInput, match="does not fit"):
            verb(game)
    packed = RoutingGame(MM1([2.5, 2.5]), np.zeros((3, 2)), request_weight=[1.5, 1.5, 1.5])  # 4.5 < 5, but two share
    with pytest.raises(InvalidInput, match="below capacity"):
        pg.social_optimum(RoutingGame(packed.latency, np.zeros((20, 2))[:3], request_weight=packed.request_weight))


def test_an_infinite_equilibrium_has_no_ratio() -> None:
    with pytest.raises(UndefinedRatio, match="stuck"):
        pg.price_of_anarchy(RoutingGame(MM1([3.5, 1.5]), np.zeros((2, 2)), request_weight=[3.0, 1.0]))


@pytest.mark.parametrize("scale", [1e-10, 1e-8, 1.0, 1e8])
def test_a_concave_curve_is_decided_at_any_scale(scale: float) -> None:
    curve = Tabulated([0.0, 1.0, 2.0, 6.0], [1.0, 1.0, 5.0, 5.0])
    found = pg.social_optimum(RoutingGame(scale * curve, np.zeros((7, 3))))
    assert found.social_cost == pytest.approx(27 * scale)
    assert found.lower_bound <= 27 * scale * (1 + 1e-9)


@dataclass(frozen=True)
class Table:
    """Two players, two actions, costs as given."""

    costs: np.ndarray
    num_players: int = 2
    num_actions: int = 2

    def action_costs(self, profile: np.ndarray) -> np.ndarray:
        a, b = (int(x) for x in profile)
        return np.array([self.costs[0, :, b], self.costs[1, a, :]])

    def social_cost(self, profile: np.ndarray) -> float:
        a, b = (int(x) for x in profile)
        return float(self.costs[0, a, b] + self.costs[1, a, b])


def test_nan_costs_of_a_users_game_are_refused_by_every_verb() -> None:
    costs = np.ones((2, 2, 2))
    costs[0, 1, 1] = np.nan
    game = Table(costs)
    for verb in (
        pg.price_of_anarchy,
        pg.social_optimum,
        pg.equilibria,
        pg.improvement_cycle,
        pg.is_exact_potential,
        lambda g: pg.certify_nash(g, [1, 1]),
        lambda g: pg.equilibrium(g, start=[1, 1]),
    ):
        with pytest.raises(InvalidInput, match="NaN"):
            verb(game)


def test_a_users_own_game_has_every_answer() -> None:
    dilemma = Table(np.array([[[2.0, 10.0], [1.0, 9.0]], [[2.0, 1.0], [10.0, 9.0]]]))
    report = pg.price_of_anarchy(dilemma)
    assert (report.poa, report.exact) == (4.5, True)
    assert pg.equilibrium(dilemma).profile.tolist() == [1, 1]
    assert pg.is_exact_potential(dilemma)
    with pytest.raises(InvalidInput, match="no finite game"):
        pg.price_of_anarchy(5)


class Falling(Latency):
    """Falls from 1 to 0 beyond load 150."""

    size: np.ndarray

    @property
    def num_resources(self) -> int:
        return len(self.size)

    def value(self, load: np.ndarray) -> np.ndarray:
        return np.where(load > 150, 0.0, self.size)

    def derivative(self, load: np.ndarray) -> np.ndarray:
        return 0.0 * load

    def primitive(self, load: np.ndarray) -> np.ndarray:
        return np.minimum(load, 150.0)


def test_decreasing_latencies_are_refused_where_they_would_break_a_bound() -> None:
    game = RoutingGame(Falling(np.ones(10)), np.zeros((200, 10)))
    for verb in (pg.social_optimum, pg.price_of_anarchy):
        with pytest.raises(InvalidInput, match="decreases with load"):
            verb(game)


def test_a_free_game_has_no_ratio_and_says_why() -> None:
    with pytest.raises(UndefinedRatio, match="may cost nothing"):
        pg.price_of_anarchy(RoutingGame(Polynomial([[0.0]]), np.zeros((3, 2))))


def test_types_that_gain_the_same_are_one() -> None:
    free = RoutingGame(Polynomial([[0.0, 1.0]]), np.arange(640.0).reshape(128, 5), 0.0)
    assert len(typed_problem(free).counts) == 1
    assert len(pg.equilibria(free)) == 10  # which 3 of 5 workers hold 26
    short = RoutingGame(Polynomial([[0.0, 1.0]]), np.zeros((2, 2)), multiplicity=[2, 2])
    assert len(pg.equilibria(short)) == 1
    assert pg.equilibria(short).count == 6


def test_too_many_equilibria_are_refused_soon() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(TooLarge, match="too many equilibria to list|classes of equilibria"):
        pg.equilibria(RoutingGame(Polynomial([[1.0]] * 3), 1e-14 * rng.random((60, 3))))


def test_an_optimum_far_from_even_is_found() -> None:
    """One worker takes nearly all requests: far beyond the depth of slots first tabulated."""
    slopes = np.full(10, 50.0)
    slopes[3] = 0.01
    game = RoutingGame(Polynomial(np.column_stack([np.ones(10), slopes])), np.zeros((400, 10)))
    found = pg.social_optimum(game)
    assert found.outcome is pg.Outcome.OPTIMAL
    assert game.loads(found.profile)[3] > 380
    step = game.latency.marginal_cost(game.loads(found.profile))
    assert step.max() - step.min() <= 2 * 50.0  # marginal costs agree up to one request


def test_load_price_bound_holds_on_the_coarsest_grid() -> None:
    """The bound takes each cell of load at its lower latency; with three cells the other end would show."""
    game = RoutingGame(Polynomial([[0.0, 1.0], [0.0, 1.0]]), np.zeros((2, 2)), request_weight=[1.0, 1.5])
    least = oracles.Oracle(game).least()
    for price in np.linspace(0, 6, 25):
        assert load_price_lower_bound(game, [price, price], resolution=3) <= least + 1e-12


@pytest.mark.parametrize("start", [["a", "b"], [None, 0], [np.nan, 0.0], [0.5, 0.0]])
def test_odd_starts_are_refused(start: list[object]) -> None:
    with pytest.raises(InvalidInput):
        pg.equilibrium(RoutingGame(Polynomial([[0.0, 1.0]]), np.zeros((2, 2))), start=start)


@pytest.mark.parametrize(("more", "holds"), [(1e-6, False), (1e-8, False), (1e-13, True)])
@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_a_certificate_forgives_rounding_and_nothing_more(more: float, holds: bool, unit: float) -> None:
    game = RoutingGame(unit * Polynomial([[1.0 + more], [1.0]]), np.zeros((2, 2)))
    assert pg.certify_nash(game, [0, 1]).holds is holds
    assert bool(pg.batched.best_response([game], start=[0, 1], max_rounds=1).converged[0])  # it moves, or was there


def test_ties_that_only_rounding_breaks_are_ties() -> None:
    """0.1 · 3 exceeds 0.3 by one unit in the last place: three requests on the first worker are an equilibrium."""
    game = RoutingGame(Polynomial([[0.0, 0.1], [0.3, 0.0]]), np.zeros((3, 2)))
    assert 0.1 * 3 > 0.3
    assert sorted(game.loads(s)[0] for s in pg.equilibria(game).profiles) == [2.0, 3.0]
    assert pg.price_of_anarchy(game).worst.social_cost == pytest.approx(0.9)
    three = RoutingGame(Polynomial([[0.3, 0.0], [0.0, 0.1], [0.3, 0.0]]), np.zeros((3, 3)))
    assert max(three.loads(s)[1] for s in pg.equilibria(three).profiles) == 3.0


@pytest.mark.parametrize("base", [0.0, 1e3, 1e6])
def test_latency_and_overlap_that_nearly_cancel_do_not_hide_the_optimum(base: float) -> None:
    """The concave curve on a large base that overlap pays back: only the small rest differs between placements."""
    curve = Tabulated([0.0, 1.0, 2.0, 6.0], [base + 1.0, base + 1.0, base + 5.0, base + 5.0])
    game = RoutingGame(curve, np.full((6, 3), base), 1.0)
    found = pg.social_optimum(game)
    assert found.social_cost == pytest.approx(oracles.Oracle(game).least(), abs=1e-8 * max(1.0, base))
    assert found.lower_bound <= oracles.Oracle(game).least() + 1e-6
    assert found.outcome is pg.Outcome.OPTIMAL


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_affinity_alone_is_solved_at_any_scale(scale: float) -> None:
    rng = np.random.default_rng(0)
    e = -np.triu(rng.integers(0, 4, (7, 7)), 1).astype(float)
    game = RoutingGame(Polynomial([[0.0]] * 2), np.zeros((7, 2)), 1.0, scale * (e + e.T))
    least = oracles.Oracle(game).least()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optimum, "MAX_PROFILES", 1)
        found = pg.social_optimum(game)
    assert found.social_cost == pytest.approx(least, rel=1e-9)
    assert found.lower_bound <= least + 1e-12 * scale


def test_what_a_request_gains_everywhere_blurs_no_tie() -> None:
    game = RoutingGame(Polynomial([[1.0], [2.0]]), [[-1e11, -1e11], [1e11, 1e11]])
    assert pg.equilibria(game).profiles.tolist() == [[0, 0]]
    report = pg.price_of_anarchy(game)
    assert report.poa == pytest.approx(1.0, abs=1e-3)


def test_regret_that_is_not_small_beside_the_optimum_is_not_exact() -> None:
    """One request pays 1e12 whatever it does, with a weight that makes that nothing; the other's regret of 8 is hidden."""
    game = RoutingGame(Polynomial([[1.0], [9.0]]), [[-1e12, -1e12], [0.0, 0.0]], 1.0, request_weight=[1e-12, 1.0])
    report = pg.price_of_anarchy(game)
    assert not report.exact
    assert "regret of a profile found there is not small" in str(report)


def test_an_optimum_of_rounding_dust_has_no_ratio() -> None:
    with pytest.raises(UndefinedRatio):
        pg.price_of_anarchy(RoutingGame(Polynomial([[0.1, 0.2], [1.0, 0.0]]), [[0.3, 0.0]]))
