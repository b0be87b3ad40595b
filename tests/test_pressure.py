"""Caching under pressure: costs against all joint stores from the definition, what is lost where, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poagame.anarchy.pressure import PressureCurve, alone, pressure_curve
from poagame.errors import InvalidInput, UndefinedRatio
from poagame.games import instances
from poagame.games.caching import CachingGame
from poagame.games.tiers import Tiers
from tests.stores_oracle import StoresOracle, ring_of_caches

PRESSURES = (0.7, 1.0, 1.4, 3.0)
SLOW = Tiers(["HBM"], [1.0], [0.5])


def drawn(seed: int, full: bool = False, placement_cost: float = 0.0) -> CachingGame:
    """Three nodes and objects on a symmetric distance, a read of an own copy costing 0.5; `full`: everybody asks for everything."""
    rng = np.random.default_rng(seed)
    far = rng.integers(1, 9, (3, 3)).astype(float)
    distance = np.triu(far, 1) + np.triu(far, 1).T
    demand = rng.integers(1, 9, (3, 3)).astype(float)
    if not full:
        demand[rng.random((3, 3)) < 0.3] = 0.0
        demand[0, 0] += 1.0
    return CachingGame(distance, placement_cost, demand, SLOW, miss_cost=rng.integers(1, 25, 3))


def keeps_most(demand: Any, room: int) -> list[list[int]]:
    """What nodes keep that look at their own demand alone, the first of equals first."""
    held = []
    for row in np.asarray(demand).tolist():
        wanted = sorted((k for k, asked in enumerate(row) if asked > 0), key=lambda k: (-row[k], k))
        held.append([int(k in wanted[:room]) for k in range(len(row))])
    return held


@pytest.mark.parametrize("placement_cost", [0.0, 3.0])
@pytest.mark.parametrize("seed", range(12))
def test_against_all_stores(seed: int, placement_cost: float) -> None:
    game = drawn(seed, placement_cost=placement_cost)
    asked = [sum(w > 0 for w in row) for row in game.demand.tolist()]
    curve = pressure_curve(game, PRESSURES, starts=4)
    assert curve.working_set == pytest.approx(sum(asked) / 3)
    assert len(curve) == len(PRESSURES)
    for at, pressure in enumerate(PRESSURES):
        room = max(1, int(sum(asked) / 3 / pressure))
        assert curve.capacity[at] == room
        oracle = StoresOracle(game.limited(room))
        assert curve.optimum_cost[at] == pytest.approx(oracle.social.min(), rel=1e-9)
        assert curve.optimum_low[at] == pytest.approx(curve.optimum_cost[at], rel=1e-9)
        assert curve.optimum_low[at] <= curve.optimum_cost[at]
        lonely = keeps_most(game.demand, room)
        assert curve.alone_cost[at] == pytest.approx(oracle.social[oracle.index(lonely)], rel=1e-12)
        costs = np.array([oracle.social[tuple(s)] for s in oracle.equilibria()])
        if curve.converged[at] > 0:
            for found in (curve.worst_cost[at], curve.best_cost[at]):
                assert np.isclose(costs, found, rtol=1e-9).any()
            assert curve.best_cost[at] <= curve.worst_cost[at]
            assert 1.0 <= curve.worst_ratio[at] <= costs.max() / oracle.social.min() * (1 + 1e-9)
            assert curve.best_ratio[at] >= costs.min() / oracle.social.min() * (1 - 1e-9)
        assert curve.alone_ratio[at] >= 1.0
        assert curve.converged[at] * 4 == round(curve.converged[at] * 4)


def test_the_search_does_meet_the_worst_equilibrium_and_the_best() -> None:
    """Six starts see the dearest in half of these games and the cheapest in most, games with one equilibrium cost left out."""
    met = np.zeros(2)
    games = 0
    for seed in range(40):
        game = drawn(seed, full=True)
        oracle = StoresOracle(game.limited(1))
        costs = [oracle.social[tuple(s)] for s in oracle.equilibria()]
        if len(costs) < 2 or max(costs) <= min(costs) * 1.001:
            continue
        curve = pressure_curve(game, 3.0)
        games += 1
        met += [np.isclose(curve.worst_cost[0], max(costs)), np.isclose(curve.best_cost[0], min(costs))]
    assert games >= 20
    assert (met >= [0.4 * games, 0.7 * games]).all()


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_while_everybody_has_room(seed: int) -> None:
    """Up to pressure 1 equal working sets fit, and each node keeps all that it asks for."""
    game = drawn(seed, full=True)
    below = pressure_curve(
        CachingGame(game.distance, 0.0, game.demand, SLOW, miss_cost=30.0), (0.3, 0.8, 1.0), starts=3
    )
    every_read = 0.5 * float(np.asarray(game.demand).sum())
    for costs in (below.optimum_cost, below.optimum_low, below.worst_cost, below.best_cost, below.alone_cost):
        assert costs == pytest.approx(np.full(3, every_read), rel=1e-12)
    assert below.worst_ratio == pytest.approx(np.ones(3), rel=1e-12)
    assert (below.converged == 1.0).all()


def test_scarce_storage_costs_by_hand() -> None:
    """Two nodes a link of 1 apart, both asking 3 and 2, one place each, a miss 10: one keeps what it asks less for, or all is worse.

    Both keep object 0: 2 · 2 · 10 + 2 · 3 · 0.5 = 43; then object 1 saves its keeper 2 · 9.5 and costs it 3 · 1, so that is no
    equilibrium; one each: 5 · 0.5 for own and 3 · 1.5 + 2 · 1.5 for the other's, 10 in all.
    """
    game = CachingGame([[0, 1], [1, 0]], 0.0, [[3, 2], [3, 2]], SLOW, miss_cost=10.0)
    curve = pressure_curve(game, [2.0])
    assert (curve.alone_cost[0], curve.optimum_cost[0], curve.worst_cost[0]) == (43.0, 10.0, 10.0)
    assert (curve.alone_ratio[0], curve.worst_ratio[0], curve.best_ratio[0]) == (4.3, 1.0, 1.0)


def test_no_equilibrium_leaves_a_gap() -> None:
    curve = pressure_curve(ring_of_caches(), [2.0], starts=3, max_steps=200)
    assert curve.capacity.tolist() == [1]
    assert curve.converged.tolist() == [0.0]
    assert np.isnan([curve.worst_cost, curve.best_cost, curve.worst_ratio, curve.best_ratio]).all()
    assert curve.alone_ratio[0] >= 1.0


def test_only_what_is_asked_for_counts_and_a_place_is_left() -> None:
    game = CachingGame(np.zeros((2, 2)), 0.0, [[1, 1, 0, 0], [1, 2, 3, 0]], SLOW, miss_cost=4.0)
    curve = pressure_curve(game, [0.5, 1.25, 2.5, 1000.0], starts=1)
    assert curve.working_set == 2.5
    assert curve.capacity.tolist() == [5, 2, 1, 1]


@pytest.mark.parametrize("room", [None, 0, 1, 2, 3])
def test_alone(room: int | None) -> None:
    demand = [[2, 5, 5, 0], [0, 0, 1, 0], [3, 3, 3, 3]]
    game = CachingGame(
        np.zeros((3, 3)), 0.0, demand, SLOW, capacity=room if room != 0 else [[0], [1], [1]], miss_cost=1.0
    )
    wanted = keeps_most(demand, 4 if room is None else room or 1)
    if room == 0:
        wanted[0] = [0, 0, 0, 0]
    assert alone(game).tolist() == wanted
    assert game.has_room(alone(game)).all()


def test_the_same_seed_gives_the_same_record_and_more_starts_see_no_less() -> None:
    game = instances.caching_sessions(1.0 - np.eye(3), sessions=12, miss_cost=9.0, seed=4)

    def fields(curve: PressureCurve) -> dict[str, Any]:
        return {name: np.asarray(getattr(curve, name)).tolist() for name in PressureCurve.__slots__}

    pressures = [1.5, 2.5, 4.0]
    first = pressure_curve(game, pressures, starts=3, seed=2)
    assert fields(first) == fields(pressure_curve(game, pressures, starts=3, seed=2))
    others = [fields(pressure_curve(game, pressures, starts=3, seed=seed)) for seed in (3, 4, 5)]
    assert any(other != fields(first) for other in others)
    more = pressure_curve(game, pressures, starts=6, seed=2)
    assert (more.worst_cost >= first.worst_cost).all()
    assert (more.best_cost <= first.best_cost).all()


def test_a_free_optimum_has_no_ratio() -> None:
    game = CachingGame([[0, 1], [1, 0]], 0.0, [[3, 2], [3, 2]], miss_cost=10.0)
    curve = pressure_curve(game, [1.0, 2.0])
    assert curve.optimum_cost.tolist() == [0.0, 5.0]
    for ratio in ("worst_ratio", "best_ratio", "alone_ratio"):
        with pytest.raises(UndefinedRatio, match="give tiers with an access time above 0"):
            getattr(curve, ratio)
    assert pressure_curve(game, [2.0]).worst_ratio.tolist() == [1.0]


GAME = drawn(0)
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "pressure 0": ({"pressure": [1.0, 0.0]}, "pressure must be numbers above 0"),
    "negative pressure": ({"pressure": -1.0}, "pressure must be numbers above 0"),
    "no pressure": ({"pressure": []}, "pressure must be numbers above 0"),
    "NaN": ({"pressure": [np.nan]}, "pressure"),
    "infinite": ({"pressure": [np.inf]}, "pressure"),
    "text": ({"pressure": ["high"]}, "pressure"),
    "a table": ({"pressure": [[1.0], [2.0]]}, "pressure must be numbers above 0"),
    "no start": ({"starts": 0}, "starts must be at least 1"),
    "half a start": ({"starts": 1.5}, "starts must be a whole number"),
    "a bool": ({"starts": True}, "starts must be a whole number"),
    "seed": ({"seed": -1}, "seed"),
    "seed of text": ({"seed": "x"}, "seed"),
    "steps": ({"max_steps": -1}, "max_steps must be at least 0"),
    "one object": ({"game": CachingGame([[0, 1], [1, 0]], 1.0)}, "several objects .*give demand"),
    "two tiers": (
        {"game": CachingGame(GAME.distance, 0.0, GAME.demand, Tiers(["a", "b"], [1, 1], [1, 2]))},
        "pressure is on one tier; the game has 2",
    ),
    "no miss": ({"game": CachingGame(GAME.distance, 0.0, np.ones((3, 9))), "pressure": 9.0}, "give miss_cost"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    options, message = BAD[name]
    arguments: dict[str, Any] = {"game": GAME, "pressure": [2.0], **options}
    with pytest.raises(InvalidInput, match=message):
        pressure_curve(**arguments)
