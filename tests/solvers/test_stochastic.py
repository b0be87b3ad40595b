"""Stochastic user equilibrium: the logit fixed point, its limits, and the numbers of two classical networks."""

from __future__ import annotations

from math import exp, log

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from poagame.certificates.stochastic import certify_stochastic
from poagame.errors import Infeasible, InvalidInput, TooLarge
from poagame.games.network import NetworkRouting
from poagame.latency import MM1, Polynomial
from poagame.latency.stacked import Stacked
from poagame.outcome import Outcome
from poagame.solvers.flow.stochastic import simple_paths, stochastic_wardrop
from poagame.solvers.flow.wardrop import wardrop
from poagame.testing.networks import networks
from tests.solvers.test_wardrop import BRAESS

PIGOU = NetworkRouting.parallel(Polynomial([[0.0, 1.0], [1.0, 0.0]]), 1.0)


@pytest.mark.parametrize(
    ("temperature", "ratio"),
    [(0.001, 1.326376), (0.01, 1.290048), (0.1, 1.151110), (0.5, 1.035245), (1.0, 1.013053), (10.0, 1.000198)],
)
def test_pigou(temperature: float, ratio: float) -> None:
    found = stochastic_wardrop(PIGOU, temperature)
    assert found.outcome is Outcome.CONVERGED
    assert found.social_cost / 0.75 == pytest.approx(ratio, abs=1e-6)
    p = brentq(lambda p: p - 1 / (1 + exp((p - 1) / temperature)), 0.0, 1.0, xtol=1e-15)
    assert found.load[0] == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize(
    ("temperature", "ratio"), [(0.01, 1.290381), (0.1, 1.161402), (1.0, 1.054040), (10.0, 1.038692), (1e8, 28 / 27)]
)
def test_braess(temperature: float, ratio: float) -> None:
    assert stochastic_wardrop(BRAESS, temperature).social_cost / 1.5 == pytest.approx(ratio, abs=1e-6)


def test_cold_limit_is_wardrop() -> None:
    game = NetworkRouting.parallel(Polynomial([[0.0, 1.0], [0.3, 2.0], [0.5, 0.5]]), 1.0)
    np.testing.assert_allclose(stochastic_wardrop(game, 1e-6).load, wardrop(game).load, atol=1e-4)


@given(networks(max_nodes=4, max_extra_edges=4, families=("affine", "polynomial", "mm1", "saturating")),
       st.sampled_from([0.05, 1.0, 20.0]))  # fmt: skip
@settings(max_examples=15)
def test_it_minimises_the_entropy_programme(game: NetworkRouting, temperature: float) -> None:
    found = stochastic_wardrop(game, temperature)
    assert found.certificate.holds, found.certificate

    def objective(flow: np.ndarray) -> float:
        load = np.bincount(found.path_edges, np.repeat(flow, np.diff(found.path_ptr)), game.num_edges)
        entropy = np.where(flow > 0, flow * np.log(np.where(flow > 0, flow, 1.0)), 0.0).sum()
        return float(game.beckmann(load)) + temperature * float(entropy)

    least = objective(found.path_flow)
    rng = np.random.default_rng(0)
    for _ in range(5):
        weight = rng.exponential(size=found.path_flow.size)
        sums = np.bincount(found.path_commodity, weight, game.num_commodities)
        other = game.demand[found.path_commodity] * weight / sums[found.path_commodity]
        mixed = 0.9 * found.path_flow + 0.1 * other
        assert objective(mixed) >= least - 1e-9 * (1.0 + abs(least))


def test_paths_are_simple_and_honour_closed_nodes() -> None:
    ring = NetworkRouting(Polynomial([0.0, 1.0]), [0, 1, 2, 0, 1, 1], [1, 2, 0, 2, 1, 2], [0], [2], [1.0])
    ptr, edges, _ = simple_paths(ring)
    rows = {tuple(edges[a:b].tolist()) for a, b in zip(ptr[:-1], ptr[1:], strict=True)}
    assert rows == {(0, 1), (3,), (0, 5)}
    latency = Polynomial([0.0, 1.0])
    closed = NetworkRouting(latency, [0, 2, 0, 2], [2, 1, 1, 0], [0, 2], [1, 1], [1.0, 1.0], 3, 2)
    ptr, edges, commodity = simple_paths(closed)
    rows = {tuple(edges[a:b].tolist()) for a, b in zip(ptr[:-1], ptr[1:], strict=True)}
    assert rows == {(0, 1), (2,), (1,)}
    assert commodity.tolist() == [0, 0, 1]


def test_limits_and_bad_input() -> None:
    stages = 20
    layered = NetworkRouting(
        Polynomial([1.0, 1.0]),
        np.repeat(np.arange(stages), 2),
        np.repeat(np.arange(stages), 2) + 1,
        [0],
        [stages],
        [1.0],
    )
    with pytest.raises(TooLarge, match=r"20,000 simple paths.*wardrop"):
        stochastic_wardrop(layered, 1.0)
    for temperature in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InvalidInput, match="temperature"):
            stochastic_wardrop(PIGOU, temperature)
    with pytest.raises(Infeasible, match="do not fit below"):
        stochastic_wardrop(NetworkRouting.parallel(MM1([1.0, 5.0]), 6.5), 1.0)
    with pytest.raises(Infeasible, match="commodity 0 costs infinity"):
        stochastic_wardrop(NetworkRouting.parallel(MM1([1.0]).preloaded(2.0), 0.5), 1.0)


@pytest.mark.parametrize("temperature", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("demand", [3.0, 4.9])
def test_uniform_flow_above_a_capacity(demand: float, temperature: float) -> None:
    found = stochastic_wardrop(NetworkRouting.parallel(MM1([4.0, 1.0]), demand), temperature)
    assert found.outcome is Outcome.CONVERGED

    def off(x: float) -> float:
        return temperature * log(x / (demand - x)) + 1 / (4 - x) - 1 / (1 - demand + x)

    x = brentq(off, demand - 1 + 1e-9, min(demand, 4.0) - 1e-9, xtol=1e-14)
    assert found.load[0] == pytest.approx(x, rel=1e-9)


def test_edges_without_room_carry_nothing() -> None:
    full = MM1(1.0).preloaded(2.0)
    beside = NetworkRouting.parallel(Stacked.of([full, Polynomial([1.0, 1.0]), Polynomial([1.0, 1.0])]), 1.0)
    np.testing.assert_allclose(stochastic_wardrop(beside, 1.0).load, [0.0, 0.5, 0.5])
    back = NetworkRouting(Stacked.of([Polynomial([1.0, 1.0]), full]), [0, 1], [1, 0], [0], [1], [1.0])
    np.testing.assert_allclose(stochastic_wardrop(back, 1.0).load, [1.0, 0.0])


@pytest.mark.parametrize("door", [0, 22])
def test_dead_ends_cost_no_time(door: int) -> None:
    inside = range(2, 22)
    ways = [(0, 1)] if door == 0 else [(0, door), (door, 1)]
    ways += (
        [(door, v) for v in inside] + [(v, door) for v in inside] + [(u, v) for u in inside for v in inside if u != v]
    )
    tail, head = np.array(ways).T
    ptr, _, _ = simple_paths(NetworkRouting(Polynomial([1.0, 1.0]), tail, head, [0], [1], [1.0]))
    assert ptr.size == 2


@given(networks(max_nodes=4, max_extra_edges=5))
@settings(max_examples=25)
def test_all_simple_paths_are_listed(game: NetworkRouting) -> None:
    ptr, edges, commodity = simple_paths(game)
    listed = [(k, tuple(edges[a:b].tolist())) for k, a, b in zip(commodity.tolist(), ptr[:-1], ptr[1:], strict=True)]
    assert len(set(listed)) == len(listed)
    graph = nx.MultiDiGraph([(u, v, e) for e, (u, v) in enumerate(zip(game.tail, game.head, strict=True))])
    expected = [
        (k, tuple(e for _, _, e in path))
        for k in np.flatnonzero(game.demand > 0).tolist()
        for path in nx.all_simple_edge_paths(graph, game.origin[k], game.destination[k])
        if all(v >= game.first_through for _, v, _ in path[:-1])
    ]
    assert sorted(listed) == sorted(expected)


def test_certificate_refuses_lists_that_are_no_paths() -> None:
    found = stochastic_wardrop(BRAESS, 1.0)
    ptr, edges, flow, commodity = found.path_ptr, found.path_edges, found.path_flow, found.path_commodity
    assert certify_stochastic(BRAESS, 1.0, (ptr, edges, flow, commodity), 1e-9).holds
    assert not certify_stochastic(BRAESS, 1.0, (ptr, edges[::-1].copy(), flow, commodity), 1e-9).holds
    twice = (np.array([0, 2, 4]), np.tile(edges[:2], 2), np.array([0.5, 0.5]), np.array([0, 0]))
    assert not certify_stochastic(BRAESS, 1.0, twice, 1e-9).holds
    none = (np.array([0]), edges[:0], flow[:0], commodity[:0])
    assert not certify_stochastic(BRAESS, 1.0, none, 1e-9).holds
    ring = NetworkRouting(Polynomial([1.0, 1.0]), [0, 1, 0], [1, 0, 2], [0], [2], [1.0])
    loop = (np.array([0, 3]), np.array([0, 1, 2]), np.array([1.0]), np.array([0]))
    assert not certify_stochastic(ring, 1.0, loop, 1e-9).holds


def test_nothing_to_route() -> None:
    found = stochastic_wardrop(NetworkRouting.parallel(MM1([1.0, 2.0]), 0.0), 1.0)
    assert found.social_cost == 0.0
    assert found.outcome is Outcome.CONVERGED
