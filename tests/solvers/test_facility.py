"""Places for copies of thousands of nodes: costs against every choice, bounds against a linear programme of their own."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog

import poagame as pg
from poagame.certificates import facility_lower_bound
from poagame.errors import InvalidInput
from poagame.outcome import Outcome
from poagame.solvers.caching.facility import facility_location
from poagame.solvers.caching.optimum import _by_prices

Floats = NDArray[np.float64]
INF = float("inf")


def draw(rng: np.random.Generator, scale: float = 1.0) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    readers, slots = int(rng.integers(1, 9)), int(rng.integers(1, 9))
    read = scale * rng.integers(0, 12, (readers, slots)) * (rng.random((readers, slots)) < 0.9)
    read = np.where(rng.random(read.shape) < 0.1, INF, read)
    miss = np.where(rng.random(readers) < 0.5, INF, scale * rng.integers(0, 15, readers))
    return read, scale * rng.integers(0, 20, slots).astype(float), miss, rng.random(slots) < 0.15


def cost(read: Floats, hold: Floats, miss: Floats, held: Any) -> float:
    reads = (min([miss[i], *(read[i, s] for s in range(len(hold)) if held[s])]) for i in range(len(miss)))
    return float(sum(h for h, there in zip(hold, held, strict=True) if there) + sum(reads))


def least(read: Floats, hold: Floats, miss: Floats, must: NDArray[np.bool_]) -> float:
    choices = itertools.product(*([True] if m else [False, True] for m in must))
    return min(cost(read, hold, miss, held) for held in choices)


def relaxation(read: Floats, hold: Floats, miss: Floats) -> float:
    """The plain linear programme: y [S], then who reads what [n, S + 1], the last for a miss."""
    n, s = read.shape
    price = np.concatenate([hold, np.concatenate([read, miss[:, None]], axis=1).ravel()])
    upper = np.where(np.isfinite(price), 1.0, 0.0)
    every, limits, k = np.zeros((n, len(price))), np.zeros((n * s, len(price))), s
    for i in range(n):
        every[i, k : k + s + 1] = 1.0
        limits[i * s : (i + 1) * s, k : k + s] = np.eye(s)
        limits[i * s : (i + 1) * s, :s] = -np.eye(s)
        k += s + 1
    bounds = np.stack([np.zeros(len(price)), upper], axis=1)
    finite = np.where(np.isfinite(price), price, 0.0)
    found: Any = linprog(finite, A_ub=limits, b_ub=np.zeros(n * s), A_eq=every, b_eq=np.ones(n), bounds=bounds)
    return float(found.fun) if found.status == 0 else INF


@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e12])
def test_cost_and_bound_enclose_the_least_of_all_choices_and_mostly_meet_it(scale: float) -> None:
    rng, met, games = np.random.default_rng(5), 0, 0
    for _ in range(150):
        read, hold, miss, must = draw(rng, scale)
        found, wanted = facility_location(read, hold, miss, must), least(read, hold, miss, must)
        if wanted == INF:
            assert found.cost == found.lower_bound == INF
            continue
        size = 1e-9 * (wanted + scale)
        assert bool(found.held[must].all())
        assert found.cost == pytest.approx(cost(read, hold, miss, found.held), abs=size)
        assert found.lower_bound <= wanted + size
        assert found.cost >= wanted - size
        games += 1
        met += found.cost <= wanted + size
    assert games > 100
    assert met >= 0.99 * games


def test_prices_reach_the_linear_programme() -> None:
    rng, close, games = np.random.default_rng(11), 0, 25
    for _ in range(games):
        points = rng.random((int(rng.integers(5, 25)), 2))
        read = np.linalg.norm(points[:, None] - points, axis=2) * rng.uniform(0.5, 2.0, (len(points), 1))
        hold, miss = rng.uniform(0.1, 1.0, len(points)), np.where(rng.random(len(points)) < 0.3, 0.4, INF)
        found, wanted = facility_location(read, hold, miss), relaxation(read, hold, miss)
        assert found.lower_bound <= wanted + 1e-9 or found.gap <= 1e-9
        close += found.lower_bound >= wanted * (1.0 - 1e-3)
    assert close == games


SHAPES: dict[str, Any] = {
    "mesh": lambda: pg.topologies.random_geometric(400, 0.15, seed=2, hop=1.0),
    "line": lambda: pg.topologies.line(400, hop=1.0),
    "grid": lambda: pg.topologies.grid(20, 20, hop=1.0),
    "clusters": lambda: pg.topologies.two_level(50, 8, intra=1.0, inter=10.0),
}


@pytest.mark.parametrize("name", SHAPES)
def test_hundreds_of_nodes_have_a_small_certified_gap(name: str) -> None:
    distance = SHAPES[name]().distance
    alpha = 3.0 * float(np.median(distance))
    demand = np.random.default_rng(0).uniform(0.5, 1.5, len(distance))
    game = pg.CachingGame(distance, alpha, demand)
    found = _by_prices(game)
    assert found.outcome is Outcome.BOUNDED
    assert found.social_cost == pytest.approx(float(game.social_cost(found.profile)))
    assert found.lower_bound <= found.social_cost * (1 + 1e-12)
    assert found.gap <= 0.01 * found.social_cost


def test_the_same_game_gives_the_same_slots_whatever_the_unit() -> None:
    game = pg.instances.caching_grid(7)
    args = np.asarray(game.distance), np.asarray(game.placement_cost), np.full(49, INF)
    one, many = facility_location(*args), facility_location(*(2.0**40 * a for a in args))
    np.testing.assert_array_equal(one.held, many.held)
    assert many.cost == 2.0**40 * one.cost
    assert many.lower_bound == pytest.approx(2.0**40 * one.lower_bound, rel=1e-12)


def test_odd_inputs() -> None:
    nothing = facility_location(np.zeros((2, 0)), [], [3.0, 4.0])
    assert (nothing.cost, nothing.lower_bound) == (7.0, 7.0)
    free = facility_location([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0], [INF, INF])
    assert (free.cost, free.lower_bound) == (0.0, 0.0)
    idle = facility_location([[1.0, 2.0]], [1.0, 1.0], [0.0])
    assert (idle.cost, idle.held.tolist()) == (0.0, [False, False])
    lost = facility_location([[INF], [0.0]], [1.0], [INF, INF])
    assert (lost.cost, lost.lower_bound) == (INF, INF)


BAD: dict[str, tuple[tuple[Any, ...], str]] = {
    "shapes": (([[1.0]], [1.0, 2.0], [1.0]), "read must be"),
    "negative": (([[-1.0]], [1.0], [1.0]), "read must be >= 0"),
    "NaN": (([[np.nan]], [1.0], [1.0]), "without NaN"),
    "infinite hold": (([[1.0]], [INF], [1.0]), "hold must be finite"),
    "nobody": ((np.zeros((0, 1)), [1.0], []), "no reader"),
    "text": (([["1"]], [1.0], [1.0]), "read must be an array of numbers"),
    "must": (([[1.0]], [1.0], [1.0], [1]), "must is a bool"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    given, message = BAD[name]
    with pytest.raises(InvalidInput, match=message):
        facility_location(*given)


@pytest.mark.parametrize("goal", [-0.1, 1.0, np.nan, "0"])
def test_bad_goals(goal: Any) -> None:
    with pytest.raises(InvalidInput, match="goal_gap"):
        facility_location([[1.0]], [1.0], [1.0], goal_gap=goal)


def test_any_prices_bound_every_choice() -> None:
    rng, below = np.random.default_rng(9), 0.0
    for _ in range(200):
        read, hold, miss, must = draw(rng)
        wanted = least(read, hold, miss, must)
        bound = facility_lower_bound(read, hold, miss, rng.uniform(-5, 20, len(miss)), must)
        assert bound <= wanted + 1e-9 or bound == wanted == INF
        below = max(below, wanted - bound if wanted < INF else 0.0)
    assert below > 1.0
    with pytest.raises(InvalidInput, match="prices"):
        facility_lower_bound([[1.0]], [1.0], [1.0], [np.nan])
