"""Resource augmentation: rates that networks need, found by the library's solvers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

import poagame as pg
from poagame.bounds.augmentation import (
    demand_augmentation,
    mm1_capacity_augmentation,
    sharp_augmentation,
    sharp_augmentation_of,
)
from poagame.errors import InvalidInput
from poagame.games import instances
from poagame.games.network import NetworkRouting
from poagame.latency import BPR, MM1, Latency, Polynomial, Saturating, Tabulated
from poagame.latency.stacked import Stacked

# what Pigou's links of a degree need
RATES = {1: 1.25, 2: 1.3849002, 5: 1.5823559, 100: 1.9454431}


def rate_needed(game: NetworkRouting, gamma: float = 1.0) -> float:
    """Multiple of the demand whose optimum costs γ times the equilibrium, by root finding over solved games."""
    goal = gamma * pg.wardrop(game, rtol=1e-13).social_cost

    def excess(multiple: float) -> float:
        return pg.social_optimum(game.scaled(multiple * game.total_demand)).social_cost / goal - 1.0

    root: Any = brentq(excess, 0.5 * min(1.0, gamma), 1.0 + gamma, xtol=1e-12)
    return root


def braess_like(latency: Latency, demand: float) -> NetworkRouting:
    braess = instances.braess()
    return NetworkRouting(latency, braess.tail, braess.head, [0], [3], [demand])


@pytest.mark.parametrize("degree", RATES)
def test_pigou_needs_exactly_the_sharp_rate(degree: int) -> None:
    bound = sharp_augmentation(degree)
    assert bound.value == pytest.approx(RATES[degree], abs=5.1e-8)
    assert bound.instance.certified["augmentation"] == pytest.approx(bound.value, rel=1e-14)
    assert rate_needed(bound.instance) == pytest.approx(bound.value, rel=1e-9)


@pytest.mark.parametrize("degree", [2.5, 700.0])
def test_the_sharp_rate_of_any_degree(degree: float) -> None:
    bound = sharp_augmentation(degree)
    assert bound.measure == "augmentation"
    assert rate_needed(bound.instance) == pytest.approx(bound.value, rel=1e-9)


@pytest.mark.parametrize("gamma", [0.01, 0.1, 0.24, 0.25, 1.0, 3.0])
def test_the_demand_that_pigou_needs_tends_to_the_bound(gamma: float) -> None:
    bound = demand_augmentation(gamma)
    assert bound.value == 1.0 + gamma
    assert bound.approach is not None
    needed = []
    for size in (1, 10, 100):
        game = bound.approach(size)
        needed.append(rate_needed(game, gamma))
        assert needed[-1] == pytest.approx(game.certified["augmentation"], rel=1e-9)
    assert all(a < b < bound.value for a, b in itertools.pairwise(needed))
    # the powers of more than 1 that the solver would meet at a million are beyond floats; the optimum there by its one variable
    rate = bound.approach(10**6).certified["augmentation"]
    best = minimize_scalar(lambda x: x ** (10**6 + 1) + rate - x, bounds=(0.9999, 1.0), options={"xatol": 1e-12})
    assert float(best.fun) == pytest.approx(gamma, rel=1e-9)
    assert rate == pytest.approx(bound.value, rel=2e-5)


@pytest.mark.parametrize("gamma", [0.3, 1.0, 2.5])
def test_no_network_needs_more_demand(gamma: float) -> None:
    rng, factor = np.random.default_rng(7), demand_augmentation(gamma).value
    for _ in range(10):
        coefficients = rng.exponential(size=(5, 4)) * (rng.random((5, 4)) < 0.5)
        coefficients[:, 0] += 1e-3
        game = braess_like(Polynomial(coefficients), float(rng.uniform(0.2, 3.0)))
        selfish = pg.wardrop(game, rtol=1e-12).social_cost
        best = pg.social_optimum(game.scaled(factor * game.total_demand)).social_cost
        assert gamma * selfish <= best * (1 + 1e-9)
        sharp = pg.social_optimum(game.scaled(sharp_augmentation(3).value * game.total_demand)).social_cost
        assert selfish <= sharp * (1 + 1e-9)


@pytest.mark.parametrize(
    ("latency", "top"),
    [
        (Polynomial([0.0, 0.0, 1.0]), 1.0),
        (BPR(1.0, 1.0, 0.15, 4.0), 2.0),
        (MM1(1.0), 0.75),
        (Saturating(1.0, 0.1, 2.0, 10.0), 9.0),
        (Stacked.of([MM1(1.0), Polynomial([0.0, 1.0])]), 0.9),
    ],
)
def test_the_sharp_rate_of_a_class_is_needed_by_its_pair(latency: Latency, top: float) -> None:
    bound = sharp_augmentation_of(latency, top)
    assert rate_needed(bound.instance) == pytest.approx(bound.value, rel=1e-8)
    assert bound.instance.certified["augmentation"] == pytest.approx(bound.value, rel=1e-12)
    assert 1.0 < bound.value < 2.0


def test_a_table_and_an_unbounded_class() -> None:
    table = sharp_augmentation_of(Tabulated([0.0, 4.0, 9.0], [1.0, 1.5, 4.0]), 9.0)
    game, rate = table.instance, table.value
    # the flow that carries the added demand on the constant link costs what the equilibrium costs
    load = game.certified["optimum_load"]
    cost = game.social_cost([load, rate * game.total_demand - load])
    assert cost == pytest.approx(pg.wardrop(game).social_cost, rel=1e-12)
    free = sharp_augmentation_of(Tabulated([1.0, 2.0], [0.0, 1.0]), 2.0)
    assert free.value == 2.0
    assert free.approach is not None


@pytest.mark.parametrize("top", [2.0, 3.0, 100.0])
def test_a_free_link_is_used_as_far_as_it_is_free(top: float) -> None:
    """Two links, of which the first is piecewise linear: its optimum piece by piece (the general solver needs a second for each)."""
    bound = sharp_augmentation_of(Tabulated([1.0, top, 2.0 * top], [0.0, 1.0, 50.0]), 2.0 * top)
    assert bound.approach is not None
    for size in (1, 5):
        game = bound.approach(size)

        def least(demand: float, game: Any = game) -> float:
            ends = [0.0, *(x for x in (1.0, top, 2.0 * top) if x < demand), demand]
            found = [
                minimize_scalar(
                    lambda x: float(game.social_cost([x, demand - x])),
                    bounds=piece,
                    method="bounded",
                    options={"xatol": 1e-12},
                )
                for piece in itertools.pairwise(ends)
            ]
            corners = [float(game.social_cost([x, demand - x])) for x in ends]
            return min(*(float(one.fun) for one in found), *corners)

        demand, paid = game.total_demand, pg.wardrop(game, rtol=1e-13).social_cost
        assert game.certified["optimum_cost"] == pytest.approx(least(demand), rel=1e-8)
        needed: Any = brentq(lambda total, goal=paid: least(total) - goal, demand, 3.0 * demand, xtol=1e-13)
        assert needed / demand == pytest.approx(game.certified["augmentation"], rel=1e-8)
    assert bound.approach(10**6).certified["augmentation"] == pytest.approx(2.0, abs=2e-6)


def test_sizes_of_sequences_are_checked() -> None:
    free = sharp_augmentation_of(Tabulated([1.0, 2.0], [0.0, 1.0]), 2.0)
    for bound in (mm1_capacity_augmentation(), demand_augmentation(), free):
        assert bound.approach is not None
        for size in (-5, 0, 2.5, math.nan, "3", 10**400):
            with pytest.raises(InvalidInput, match="size"):
                bound.approach(size)  # pyright: ignore[reportArgumentType]
    queues = mm1_capacity_augmentation().approach
    assert queues is not None
    assert queues(10**7).certified["augmentation"] == pytest.approx(2.0, abs=1e-6)
    with pytest.raises(InvalidInput, match="at most 10,000,000"):
        queues(10**9)


def test_polynomials_have_the_same_rate_by_either_name() -> None:
    for degree in (1, 2, 5):
        latency = Polynomial([[0.0] * degree + [1.0]])
        assert sharp_augmentation_of(latency, 3.0).value == pytest.approx(sharp_augmentation(degree).value, rel=1e-13)


def test_capacity_of_queues() -> None:
    bound = mm1_capacity_augmentation()
    assert bound.value == 2.0
    assert bound.approach is not None
    for size in (1, 3, 30, 300):
        game = bound.approach(size)
        needed = game.certified["augmentation"]
        assert needed < 2.0
        assert needed == pytest.approx(2.0, abs=2.1 / size)
        # the optimum of the pair at `needed` times its demand costs what the pair costs selfishly, and in capacities: selfish routing of
        # that demand over capacities scaled by `needed` costs what the optimum costs over the given ones
        demand, price = game.total_demand, pg.wardrop(game).social_cost / game.total_demand
        best = pg.social_optimum(game.scaled(needed * demand)).social_cost
        wide = NetworkRouting.parallel(Stacked.of([MM1(needed), Polynomial([price / needed])]), needed * demand)
        assert pg.wardrop(wide).social_cost == pytest.approx(best, rel=1e-7)
        less = 1.0 + 0.9 * (needed - 1.0)
        narrow = NetworkRouting.parallel(Stacked.of([MM1(less), Polynomial([price / less])]), needed * demand)
        assert pg.wardrop(narrow).social_cost > best * (1 + 1e-6)


def test_twice_the_capacity_of_networks_of_queues_is_enough() -> None:
    rng, factor = np.random.default_rng(2), mm1_capacity_augmentation().value
    for _ in range(10):
        rate = rng.uniform(0.6, 3.0, 5)
        demand = float(rng.uniform(0.1, 0.95) * min(rate[0] + rate[2], rate[1] + rate[3]))
        best = pg.social_optimum(braess_like(MM1(rate), demand))
        assert pg.wardrop(braess_like(MM1(factor * rate), demand)).social_cost <= best.social_cost * (1 + 1e-9)


@pytest.mark.parametrize("bad", [0, -1.0, math.nan, math.inf, "2", None, True])
@pytest.mark.parametrize("bound", [demand_augmentation, sharp_augmentation])
def test_bad_numbers_are_refused(bound: Callable[[Any], Any], bad: Any) -> None:
    with pytest.raises(InvalidInput, match="positive"):
        bound(bad)


def test_a_class_at_its_capacity_is_refused() -> None:
    with pytest.raises(InvalidInput, match="below capacity"):
        sharp_augmentation_of(MM1(1.0), 1.0)
