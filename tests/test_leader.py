"""Price of anarchy under a leader: against all profiles from the definition, at both ends, and where more of it is worse."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poagame as pg
from poagame.anarchy.leader import LedCurve, leading_order, led_anarchy, led_game
from poagame.errors import InvalidInput, NoEquilibrium, UndefinedRatio
from poagame.games.caching import CachingGame
from poagame.games.tiers import Tiers
from poagame.testing.caching import caching_games

INF = float("inf")
METRIC = caching_games(5, ("metric",), "any", equal_placement=False, min_nodes=2)


class ByHand:
    """A caching game with prices that nodes pay, one term at a time."""

    def __init__(self, game: CachingGame, paid: list[float], fixed: dict[int, int]) -> None:
        self.d, self.w = np.asarray(game.distance).tolist(), np.asarray(game.demand).tolist()
        self.cost, self.paid, self.fixed = np.asarray(game.placement_cost).tolist(), paid, fixed
        self.n = len(self.d)

    def access(self, s: tuple[int, ...], i: int) -> float:
        return self.w[i] * min((self.d[i][j] for j in range(self.n) if s[j] and j != i), default=INF)

    def social(self, s: tuple[int, ...]) -> float:
        return sum(self.cost[i] if s[i] else self.access(s, i) for i in range(self.n))

    def equilibria(self) -> list[tuple[int, ...]]:
        found = []
        for s in itertools.product((0, 1), repeat=self.n):
            if any(s[i] != a for i, a in self.fixed.items()) or not np.isfinite(self.social(s)):
                continue
            slack = [self.paid[i] - self.access(s, i) for i in range(self.n)]
            if all(
                i in self.fixed or (slack[i] <= 1e-9 if s[i] else slack[i] >= -1e-9 or not np.isfinite(slack[i]))
                for i in range(self.n)
            ):
                found.append(s)
        return found


def held_prices(game: CachingGame, optimum: Any, led: list[int], firm: bool) -> list[float]:
    """What nodes pay under a leader, from the words of the documentation."""
    d, w, cost = np.asarray(game.distance), np.asarray(game.demand), np.asarray(game.placement_cost)
    paid = cost.tolist()
    for i in led:
        others = [k for k in range(len(d)) if k != i and (firm or optimum[k])]
        if optimum[i]:
            paid[i] = max(0.0, min(paid[i], w[i] * min((d[i, k] for k in others), default=INF) - 1e-6 * cost[i]))
        else:
            paid[i] = max(paid[i], w[i] * max(d[i, k] for k in range(len(d)) if optimum[k]) + 1e-6 * cost[i])
    return paid


@settings(max_examples=50)
@given(METRIC, st.randoms(use_true_random=False), st.sampled_from(["optimum", "prices", "firm_prices"]))
def test_curves_are_those_of_the_definition(game: CachingGame, random: Any, lead: Any) -> None:
    n = game.num_players
    order = list(range(n))
    random.shuffle(order)
    curve = led_anarchy(game, np.arange(n + 1) / n, lead, order)
    best = curve.optimum.social_cost
    assert curve.exact.all()
    assert curve.num_led.tolist() == list(range(n + 1))
    for k in range(n + 1):
        led = order[:k]
        x = curve.optimum.profile
        paid = np.asarray(game.placement_cost).tolist()
        fixed = {i: int(x[i]) for i in led} if lead == "optimum" else {}
        paid = paid if lead == "optimum" else held_prices(game, x, led, lead == "firm_prices")
        hand = ByHand(game, paid, fixed)
        costs = [hand.social(s) for s in hand.equilibria()]
        assert curve.poa[k] == pytest.approx(max(costs) / best, rel=1e-9)
        assert curve.pos[k] == pytest.approx(min(costs) / best, rel=1e-9)
        assert curve.reports[k].worst.certificate.holds
        subsidy = np.asarray(game.placement_cost) - paid
        assert curve.spending[k] == pytest.approx(subsidy[curve.reports[k].worst.profile > 0].sum(), abs=1e-9)
        assert curve.least_spending[k] == pytest.approx(subsidy[curve.reports[k].best.profile > 0].sum(), abs=1e-9)


@settings(max_examples=100)
@given(METRIC)
def test_both_ends_and_once_all_holders_are_led(game: CachingGame) -> None:
    n = game.num_players
    curve = led_anarchy(game, [0.0, 1.0])
    assert curve.poa[0] == pg.price_of_anarchy(game).poa
    assert curve.poa[1] == curve.pos[1] == 1.0
    holders = int((curve.optimum.profile > 0).sum())
    assert sorted(curve.order[:holders].tolist()) == np.flatnonzero(curve.optimum.profile).tolist()
    # the others then gain by a replica at most at a tie, which costs nobody more
    assert led_anarchy(game, [holders / n]).poa[0] == pytest.approx(1.0, rel=1e-9)
    prices = led_anarchy(game, [0.0, holders / n], "prices")
    assert prices.poa[0] == curve.poa[0]
    assert prices.pos[1] == pytest.approx(1.0, rel=1e-9)  # the optimum is stable


@settings(max_examples=100)
@given(caching_games(5, ("metric", "directed"), "any", equal_placement=False, min_nodes=2))
def test_firm_prices_for_all_leave_the_optimum_alone(game: CachingGame) -> None:
    apart = np.asarray(game.distance) + 0.5 * (1 - np.eye(game.num_players))  # no two nodes at distance 0
    game = CachingGame(apart, game.placement_cost, game.demand)
    curve = led_anarchy(game, [1.0], "firm_prices")
    assert curve.poa[0] == pytest.approx(1.0, rel=1e-9)
    assert curve.spending[0] >= -1e-9


def hub() -> CachingGame:
    from_hub = np.array([0.0, 6.0, 6.0, 6.0, 6.0, 9.0, 9.0, 9.0])
    distance = np.where(np.eye(8) > 0, 0.0, from_hub + from_hub[:, None])
    distance[5:, 5:] = 0.0
    return CachingGame(distance, 10.0, [0, 1, 1, 1, 1, 1, 1, 1])


def test_more_of_a_leader_can_be_worse() -> None:
    curve = led_anarchy(hub(), np.arange(9) / 8)
    assert curve.order[0] == 0
    assert curve.poa.tolist() == pytest.approx([50 / 44, 61 / 44] + [1.0] * 7)
    assert curve.pos[1] == curve.poa[1]
    # a hub that asks for little, next to a node that always holds: no demand is 0
    from_hub = np.array([0.0, *[7.0] * 6, *[9.0] * 3, 5.0])
    distance = np.where(np.eye(11) > 0, 0.0, from_hub + from_hub[:, None])
    distance[7:10, 7:10] = 0.0
    beside = led_anarchy(CachingGame(distance, 10.0, [0.1, *[1.0] * 9, 2.5]), np.arange(12) / 11)
    assert beside.poa.tolist() == pytest.approx([80.5 / 72, 89 / 72] + [1.0] * 10)
    # on a metric of positive demands, with those first that hold nothing at the optimum
    distance = [[0, 1, 2, 2], [1, 0, 2, 1], [2, 2, 0, 3], [2, 1, 3, 0]]
    game = CachingGame(distance, [1.0, 1.0, 11.0, 11.0])
    assert game.is_metric
    other = led_anarchy(game, [0.0, 0.25, 0.5, 1.0], order=[0, 3, 2, 1])
    assert other.poa.tolist() == pytest.approx([1.2, 3.4, 1.0, 1.0])


def test_a_leader_of_one_node() -> None:
    curve = led_anarchy(pg.instances.caching_uniform_worst(8), [0.124, 0.125])
    assert curve.poa.tolist() == [4.0, 1.0]
    assert curve.num_led.tolist() == [0, 1]
    # floors that rounding would miss: 0.29 · 100 is 28.999999999999996
    assert 0.29 * 100 < 29
    large = pg.instances.caching_uniform_worst(20)
    assert led_anarchy(large, [0.15]).num_led.tolist() == [3]


def test_fixed_choices_and_subsidies_of_the_game_stay() -> None:
    game = pg.instances.caching_uniform_worst(5).fix([1, -1, -1, -1, -1])
    optimum = pg.social_optimum(game).profile
    led = led_game(game, optimum, [2])
    assert led.fixed is not None
    assert led.fixed.tolist() == [1, -1, 0, -1, -1]
    assert led_anarchy(game, [0.0, 1.0]).poa.tolist() == pytest.approx([5 / 2, 1.0])
    given_some = pg.instances.caching_line(5).subsidised([0.5, 0, 0, 0, 0])
    curve = led_anarchy(given_some, [0.0, 1.0], "prices")
    assert curve.spending[0] == 0.0
    assert led_game(given_some, curve.optimum.profile, [], "prices").subsidy.tolist() == [0.5, 0, 0, 0, 0]


def test_tiers_and_a_miss() -> None:
    tiers = Tiers(["near", "far"], [1.0, 0.25], [0.0, 2.0])
    game = CachingGame(np.abs(np.subtract.outer(np.arange(5), np.arange(5))) * 2.0, 3.0, tiers=tiers, miss_cost=6.0)
    curve = led_anarchy(game, [0.0, 0.4, 1.0])
    assert curve.exact.all()
    assert curve.poa[0] == pg.price_of_anarchy(game).poa
    assert curve.poa[-1] == 1.0
    one = CachingGame(game.distance, 3.0, tiers=Tiers(["far"], [0.5], [1.0]), miss_cost=6.0)
    assert led_anarchy(one, [1.0], "firm_prices").poa[0] == pytest.approx(1.0)
    free = CachingGame(game.distance, 3.0, tiers=Tiers(["far"], [0.0], [1.0]), miss_cost=6.0)
    assert led_anarchy(free, [0.0, 1.0], "prices").spending.tolist() == [0.0, 0.0]


def test_no_unit_is_preferred() -> None:
    game = hub()
    for lead in ("optimum", "prices", "firm_prices"):
        base = led_anarchy(game, [0.0, 0.25, 1.0], lead)
        for size in (2.0**-40, 2.0**40):
            scaled = CachingGame(np.asarray(game.distance) * size, 10.0 * size, game.demand)
            again = led_anarchy(scaled, [0.0, 0.25, 1.0], lead)
            assert again.poa.tolist() == pytest.approx(base.poa.tolist(), rel=1e-9)
            assert (again.spending / size).tolist() == pytest.approx(base.spending.tolist(), rel=1e-9)


def test_tables_and_order() -> None:
    curve = led_anarchy(hub(), [0.0, 0.125])
    assert isinstance(curve, LedCurve)
    assert len(curve) == 2
    assert str(curve).splitlines()[0].split() == ["fraction", "nodes", "poa", "pos", "spending"]
    assert len(str(curve).splitlines()) == 3
    assert curve.complete
    line = pg.instances.caching_line(6)
    order = leading_order(line, pg.social_optimum(line).profile)
    assert sorted(order.tolist()) == list(range(6))


def test_interrupted_curves_keep_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def once(game: Any) -> Any:
        if calls:
            raise KeyboardInterrupt
        calls.append(game)
        return pure(game)

    from poagame.anarchy.pure import pure_costs as pure

    monkeypatch.setattr("poagame.anarchy.leader.pure_costs", once)
    curve = led_anarchy(hub(), [0.25, 0.0, 0.26])
    assert not curve.complete
    assert curve.fraction.tolist() == [0.25, 0.26]  # the same two nodes
    assert "interrupted" in str(curve)


def test_no_equilibrium_and_no_ratio_are_said() -> None:
    cycle = CachingGame([[0, 1, 9], [9, 0, 1], [1, 9, 0]], 2.0)
    with pytest.raises(NoEquilibrium, match="with 0 of 3 nodes led"):
        led_anarchy(cycle, [1.0, 0.0])
    with pytest.raises(UndefinedRatio, match="with 0 of 2 nodes led"):
        led_anarchy(CachingGame([[0, 1], [1, 0]], 0.0), [0.0])
    # the leader keeps node 0 from holding, and node 2, which asks for nothing, need not
    far = CachingGame([[0, 9, 1], [9, 0, INF], [1, INF, 0]], [6.0, 1.0, 2.0], [1.0, 1.0, 0.0])
    assert pg.social_optimum(far).profile.tolist() == [0, 1, 1]
    alone = CachingGame([[0, INF, 1], [INF, 0, INF], [1, INF, 0]], [6.0, 1.0, 2.0], [1.0, 1.0, 0.0])
    with pytest.raises(NoEquilibrium, match="with 1 of 3 nodes led"):
        led_anarchy(alone, [1 / 3], order=[0, 1, 2])


@pytest.mark.parametrize("fractions", [[-0.1], [1.1], [np.nan], ["a"], [], [[0.1]], [True, "x"]])
def test_bad_fractions(fractions: Any) -> None:
    with pytest.raises(InvalidInput, match="fractions"):
        led_anarchy(hub(), fractions)


@pytest.mark.parametrize("order", [[0], [0] * 8, range(1, 9), ["a"] * 8, [0.5] * 8, [np.nan] * 8])
def test_bad_orders(order: Any) -> None:
    with pytest.raises(InvalidInput, match="order"):
        led_anarchy(hub(), [0.0], order=order)


def test_bad_leads_and_games() -> None:
    game: Any = hub()
    with pytest.raises(InvalidInput, match="lead is"):
        led_anarchy(game, [0.0], "price")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match="led_anarchy is for a CachingGame"):
        led_anarchy(pg.instances.braess(), [0.0])  # pyright: ignore[reportArgumentType]
    two = CachingGame(game.distance, 1.0, np.ones((8, 2)))
    tiers = CachingGame(game.distance, 1.0, tiers=Tiers(["a", "b"], [1, 0.5], [0, 1]))
    for bad in (two, tiers):
        with pytest.raises(InvalidInput, match="one object in one tier"):
            led_anarchy(bad, [0.0], "prices")
