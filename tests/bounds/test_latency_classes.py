"""The computed anarchy value against closed forms, brute force over pairs of loads, and its own pair of links solved."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import poagame as pg
from poagame.bounds.latency_classes import _by_search, anarchy_value
from poagame.bounds.nonatomic import bpr, mm1, nonatomic_polynomial, pigou_optimum
from poagame.errors import InvalidInput
from poagame.games.network import NetworkRouting
from poagame.latency import BPR, MM1, Latency, Polynomial, Saturating, Tabulated
from poagame.latency.log_periodic import LogPeriodic
from poagame.latency.stacked import Stacked

TABLE = Tabulated([0.5, 1.0, 2.5, 3.0, 6.0], [1.0, 1.0, 1.2, 4.0, 4.5])


def monomial(degree: int) -> Polynomial:
    return Polynomial([[0.0] * degree + [1.0]])


def brute_force(latency: Latency, top: float, extra: Any = ()) -> float:
    """The definition on a fine grid of (x, r), with `extra` loads."""
    loads = np.unique(np.concatenate([np.linspace(0.0, top, 801), np.asarray(extra)]))
    cost = np.ravel(latency(loads))
    x, r = loads[:, None], loads[None, 1:]
    paid, price = cost[:, None], cost[None, 1:]
    least = np.where((x <= r) & (price > 0), x * paid + (r - x) * price, np.inf)
    return float((r * price / np.where(least > 0, least, np.inf)).max())


def assert_pair_attains(latency: Latency, max_load: Any, rtol: float = 1e-9) -> float:
    bound = anarchy_value(latency, max_load)
    game = bound.instance
    assert game.certified["poa"] == pytest.approx(bound.value, rel=1e-11)
    assert pg.wardrop(game, rtol=1e-13).social_cost == pytest.approx(game.certified["equilibrium_cost"], rel=1e-9)
    load = game.certified["optimum_load"]
    assert game.social_cost([load, game.total_demand - load]) == pytest.approx(
        game.certified["optimum_cost"], rel=1e-12
    )
    report = pg.price_of_anarchy(game, bound=bound, rtol=1e-13)
    best = report.optimum
    if best.lower_bound < best.social_cost * (1 - 1e-6):
        rtol = 1e-5  # where load · latency is not convex the solver may stop short of a kink
    assert best.lower_bound * (1 - rtol) <= game.certified["optimum_cost"] <= best.social_cost * (1 + 1e-12)
    assert best.social_cost == pytest.approx(game.certified["optimum_cost"], rel=rtol)
    assert report.poa == pytest.approx(bound.value, rel=rtol)
    assert report.poa_low * (1 - rtol) <= bound.value <= report.poa_high * (1 + rtol)
    return bound.value


@pytest.mark.parametrize("degree", range(1, 11))
def test_polynomials(degree: int) -> None:
    assert assert_pair_attains(monomial(degree), 2.0) == pytest.approx(nonatomic_polynomial(degree).value, rel=1e-12)


@pytest.mark.parametrize("degree", [0.1, 0.5, 33.3, 100.0, 1000.0])
def test_powers(degree: float) -> None:
    assert assert_pair_attains(LogPeriodic(degree, 0.0, 0.0), 3.0 if degree < 100 else 1.0) == pytest.approx(
        1.0 / pigou_optimum(degree), rel=1e-11
    )


@pytest.mark.parametrize("utilisation", [0.01, 0.1, 0.5, 0.75, 0.8, 0.9, 0.99, 0.999, 1 - 1e-6])
def test_mm1(utilisation: float) -> None:
    assert assert_pair_attains(MM1(2.0), 2.0 * utilisation, 1e-8) == pytest.approx(mm1(utilisation).value, rel=1e-10)


@pytest.mark.parametrize("load", [0.5, 1.0, 2.0, 10.0, 1000.0])
def test_bpr(load: float) -> None:
    assert assert_pair_attains(BPR(3.0, 2.0, 0.15, 4.0), 2.0 * load) == pytest.approx(bpr(load).value, rel=1e-11)


@pytest.mark.parametrize(
    ("latency", "top"),
    [
        (Saturating(6.5, 0.03, 2.0, 150.0), 9.0),
        (Saturating(6.5, 0.03, 2.0, 150.0), 149.0),
        (Tabulated([0.0, 4.0, 9.0], [1.0, 1.5, 4.0]), 9.0),
        (TABLE, 2.0),
        (TABLE, 50.0),
        (TABLE * 3.0 + 0.5, 6.0),
        (TABLE.preloaded(0.75), 6.0),
        (TABLE + Polynomial([0.0, 0.2]), 6.0),
        (TABLE + Polynomial([0.0, 0.0, 0.2]), 6.0),
        (Polynomial([1.0, 0.0, 0.1]) + BPR(1.0, 2.0, 3.0, 9.0), 4.0),
        (Polynomial([1.0, 1.0]), 5.0),
    ],
)
def test_pairs_attain_it_and_no_other_pair_has_more(latency: Latency, top: float) -> None:
    value = assert_pair_attains(latency, top)
    knots = [k for k in (0.25, 0.5, 1.0, 1.75, 2.25, 2.5, 3.0, 4.0, 5.25, 6.0) if k <= top]
    assert value >= brute_force(latency, top, knots) * (1 - 1e-13)
    assert value == pytest.approx(brute_force(latency, top, knots), rel=1e-4)


tables = st.builds(
    lambda steps, base: (np.cumsum([s[0] for s in steps]), base + np.cumsum([s[1] for s in steps])),
    st.lists(st.tuples(st.floats(0.05, 2.0), st.sampled_from([0.0, 0.01, 0.3, 1.0, 8.0])), min_size=2, max_size=12),
    st.floats(0.01, 2.0),
)


@settings(max_examples=40)
@given(tables, st.floats(0.3, 1.5))
@example((np.array([1.0, 2.0]), np.array([0.01, 1.0])), 1.0)
def test_tables_are_exact(points: tuple[Any, Any], reach: float) -> None:
    load, cost = points
    latency, top = Tabulated(load, cost), reach * float(load[-1])
    value, kinks = anarchy_value(latency, top).value, load[load < top]
    assert value >= brute_force(latency, top, kinks) * (1 - 1e-13)
    # the search that serves other latencies knows nothing of the pieces but their ends
    assert value == pytest.approx(1.0 / _by_search(latency, kinks, top)[0], rel=1e-7)


def test_a_class_is_as_bad_as_its_worst_member() -> None:
    polynomials = Polynomial([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert assert_pair_attains(polynomials, [1.0, 2.0, 3.0]) == pytest.approx(nonatomic_polynomial(2).value, rel=1e-12)
    mixed = Stacked.of([MM1(2.0), TABLE, MM1(1.5), Polynomial([2.0])])
    members = [anarchy_value(one, 1.2).value for one in (MM1(2.0), TABLE, MM1(1.5), Polynomial([2.0]))]
    assert assert_pair_attains(mixed, 1.2) == pytest.approx(max(members), rel=1e-14)
    assert assert_pair_attains(mixed * [1.0, 2.0, 3.0, 4.0], [1.9, 3.0, 1.2, 5.0]) == pytest.approx(
        max(anarchy_value(MM1(2.0), 1.9).value, anarchy_value(TABLE, 3.0).value), rel=1e-14
    )
    shared = Tabulated([0.0, 1.0, 2.0], [[1.0, 1.0, 5.0], [1.0, 2.0, 3.0]]).preloaded([0.0, 0.5]) + [0.0, 1.0]
    assert assert_pair_attains(shared, 2.0) == pytest.approx(
        anarchy_value(Tabulated([0.0, 1.0, 2.0], [1.0, 1.0, 5.0]), 2.0).value, rel=1e-14
    )


def test_units_do_not_matter() -> None:
    for latency, top in ((Saturating(6.5, 0.03, 2.0, 150.0), 140.0), (TABLE, 6.0), (BPR(1.0, 1.0, 0.15, 4.0), 2.0)):
        for factor in (1e-9, 1e9):
            assert anarchy_value(latency * factor, top).value == pytest.approx(
                anarchy_value(latency, top).value, rel=1e-9
            )
    assert anarchy_value(MM1(2e9), 1.8e9).value == pytest.approx(anarchy_value(MM1(2.0), 1.8).value, rel=1e-12)


def test_constant_latency_costs_nothing() -> None:
    assert assert_pair_attains(Polynomial([[2.0]]), 50.0) == 1.0
    assert anarchy_value(Polynomial([[2.0], [0.0]]), 50.0).value == 1.0


def test_free_up_to_a_load_is_unbounded() -> None:
    bound = anarchy_value(Tabulated([1.0, 2.0], [0.0, 1.0]), 2.0)
    assert math.isinf(bound.value)
    assert bound.instance is None
    assert bound.approach is not None
    for size in (1, 99):
        game = bound.approach(size)
        # demand 1 + 1/(1 + size), of which all but the excess could go for nothing
        selfish, best, demand = pg.wardrop(game, rtol=1e-13), pg.social_optimum(game), game.total_demand
        split = demand * np.linspace(0.0, 1.0, 10001)
        least = np.min(game.social_cost(np.stack([split, demand - split], axis=1)))
        assert min(game.social_cost([1.0, demand - 1.0]), least) == pytest.approx(game.certified["optimum_cost"])
        assert best.lower_bound <= game.certified["optimum_cost"] <= best.social_cost
        assert selfish.social_cost / game.certified["optimum_cost"] == pytest.approx(size + 2.0, rel=1e-8)
        assert game.certified["poa"] == pytest.approx(size + 2.0, rel=1e-9)
    # only up to the end of the free part nothing is paid at all
    with pytest.raises(InvalidInput, match="zero up to max_load"):
        anarchy_value(Tabulated([1.0, 2.0], [0.0, 1.0]), 1.0)


def test_networks_of_a_class_stay_below() -> None:
    rng, braess = np.random.default_rng(3), pg.instances.braess()
    members = Saturating([1.0, 0.1, 2.0, 0.5, 0.01], [0.1] * 5, [0.5] * 5, [2.0, 3.0, 2.5, 2.0, 4.0])
    for _ in range(10):
        demand = float(rng.uniform(0.2, 1.9))
        game = NetworkRouting(members * rng.uniform(0.1, 5.0, 5), braess.tail, braess.head, [0], [3], [demand])
        bound = anarchy_value(members, pg.wardrop(game).load.max())
        assert pg.price_of_anarchy(game).poa <= bound.value * (1 + 1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: anarchy_value(MM1(2.0), 2.0), "below capacity"),
        (lambda: anarchy_value(MM1([3.0, 2.0]), 2.0), "below capacity"),
        (lambda: anarchy_value(MM1(2.0), -1.0), "positive and finite"),
        (lambda: anarchy_value(MM1(2.0), math.nan), "positive and finite"),
        (lambda: anarchy_value(MM1(2.0), math.inf), "positive and finite"),
        (lambda: anarchy_value(MM1(2.0), "1"), "max_load"),
        (lambda: anarchy_value(MM1(2.0), [1.0, 1.0]), "max_load"),
        (lambda: anarchy_value(Polynomial([0.0]), 1.0), "zero up to max_load"),
        (lambda: anarchy_value(LogPeriodic(1000.0, 0.0, 0.0), 0.5), "unit"),
        (lambda: anarchy_value(Polynomial([1.0, 1.0]) + -2.0, 3.0), "nonnegative"),
        (lambda: anarchy_value(lambda x: x, 1.0), "Latency"),  # pyright: ignore[reportArgumentType]
    ],
)
def test_bad_input_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()
