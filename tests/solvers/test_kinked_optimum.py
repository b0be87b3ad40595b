"""Optima where marginal costs jump: exact, beside a price that fills parallel links, and proved on networks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import poagame as pg
from poagame._arrays import FloatArray
from poagame.certificates.flow import certify_flow, flow_lower_bound
from poagame.errors import InvalidInput
from poagame.games.network import NetworkRouting
from poagame.latency import BPR, MM1, Latency, Stacked, Tabulated
from poagame.outcome import Outcome
from poagame.solvers.flow import kinked
from poagame.solvers.flow.system_optimum import network_optimum


def convex_table(rng: np.random.Generator, links: int, points: int = 6, top: float = 10.0) -> Tabulated:
    load = np.sort(rng.uniform(0.0, top, (links, points)), axis=1)
    rise = np.sort(rng.uniform(0.0, 3.0, (links, points - 1)), axis=1) * np.diff(load, axis=1)
    start = rng.uniform(0.0, 4.0, (links, 1))
    return Tabulated(load, np.concatenate([start, start + np.cumsum(rise, axis=1)], axis=1))


def filled(table: Tabulated, price: float) -> FloatArray:
    """Most load of each link at which one more unit costs all no more than the price: piece by piece."""
    most = np.zeros(table.num_resources)
    for r, (x, y) in enumerate(zip(table.load, table.latency, strict=True)):
        slope = np.diff(y) / np.diff(x)
        for a, b, height, q in zip([0.0, *x[:-1]], [x[0], *x[1:-1], 1e9], [y[0], *y[:-1]], [0.0, *slope], strict=True):
            if height + q * a <= price:  # marginal cost height + q (x − a) + q x
                most[r] = b if q == 0 else min(max((price - height + q * a) / (2 * q), a), b)
    return most


def least_cost(table: Tabulated, demand: float) -> float:
    low, high = 0.0, 1e6
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if filled(table, middle).sum() < demand else (low, middle)
    load = filled(table, low)
    return float((load * table(load)).sum()) + low * (demand - float(load.sum()))


def streets(latency: Latency, trips: list[tuple[int, int, float]], side: int, closed: int = 0) -> NetworkRouting:
    at = np.arange(side * side).reshape(side, side)
    pairs = [*zip(at[:, :-1].ravel(), at[:, 1:].ravel(), strict=True)]
    pairs += [*zip(at[:-1].ravel(), at[1:].ravel(), strict=True)]
    pairs += [(b, a) for a, b in pairs]
    tail, head = np.transpose(pairs)
    return NetworkRouting(latency, tail, head, *zip(*trips, strict=True), first_through=closed)


def test_parallel_links_beside_a_price_that_fills_them() -> None:
    rng = np.random.default_rng(0)
    for case in range(25):
        table, demand = convex_table(rng, 2 + case % 4), float(rng.uniform(0.5, 15.0))
        game = NetworkRouting.parallel(table, demand)
        best = network_optimum(game)
        assert best.outcome is Outcome.OPTIMAL
        assert best.social_cost == pytest.approx(least_cost(table, demand), rel=1e-8)


def test_any_prices_bound_the_optimum() -> None:
    rng = np.random.default_rng(1)
    for _ in range(8):
        table, demand = convex_table(rng, 3), float(rng.uniform(0.5, 15.0))
        game = NetworkRouting.parallel(table, demand)
        least = least_cost(table, demand)
        for prices in rng.uniform(0.0, 40.0, (10, 3)):
            assert flow_lower_bound(game, np.zeros(3), prices) <= least * (1 + 1e-12)
    for wrong in ([1.0, 1.0], [1.0, -1.0, 1.0], [1.0, np.nan, 1.0], [1.0, np.inf, 1.0]):
        with pytest.raises(InvalidInput, match="finite and nonnegative"):
            flow_lower_bound(game, np.zeros(3), wrong)


def families(rng: np.random.Generator, edges: int) -> dict[str, Latency]:
    one = np.ones(edges)
    roads = BPR(rng.uniform(1.0, 2.0, edges), rng.uniform(2.0, 6.0, edges), 0.15 * one, 4.0 * one)
    apart = [BPR([1.0], [5.0], [0.15], [4.0]) if e % 2 else convex_table(rng, 1, 4) for e in range(edges)]
    return {
        "tables": convex_table(rng, edges),
        "many points": convex_table(rng, edges, 40),
        "huge": 1e9 * convex_table(rng, edges),
        "tiny": 1e-9 * convex_table(rng, edges),
        "roads and tables on every edge": roads + convex_table(rng, edges, 4),
        "queues and tables on every edge": MM1(rng.uniform(15.0, 30.0, edges)) + convex_table(rng, edges, 4),
        "roads beside tables": Stacked.of(apart),
    }


def test_networks_are_proved_by_prices() -> None:
    side = 5
    edges = 4 * side * (side - 1)
    trips = [(0, 24, 5.0), (4, 20, 5.0), (1, 23, 3.0), (1, 3, 1e-6), (7, 0, 0.0)]
    for (name, latency), closed in itertools.product(families(np.random.default_rng(2), edges).items(), (0, 5)):
        game = streets(latency, trips, side, closed if "huge" in name or "beside" in name else 0)
        best = network_optimum(game)
        assert best.outcome is Outcome.OPTIMAL, name
        assert best.gap <= 1e-9 * best.social_cost
        proof = certify_flow(game, best.profile)
        assert proof.conservation_error <= 1e-12
        assert best.social_cost <= pg.wardrop(game).social_cost * (1 + 1e-12)


def test_closed_zones_send_nothing_through() -> None:
    """Nodes 0, 1 and 2 in a triangle, free by way of 1: a closed 1 leaves the dear edge alone."""
    free, dear = [[0.0, 0.0, 0.0]], [[1.0, 2.0, 6.0]]
    latency = Tabulated([0.0, 1.0, 2.0], np.concatenate([free, free, dear]))
    trips = ([0], [2], [1.5])
    opened = NetworkRouting(latency, [0, 1, 0], [1, 2, 2], *trips)
    closed = NetworkRouting(latency, [0, 1, 0], [1, 2, 2], *trips, first_through=2)
    assert network_optimum(opened).social_cost == 0.0
    assert network_optimum(closed).social_cost == pytest.approx(1.5 * 4.0)


def test_price_of_anarchy_of_a_kinked_network_is_a_number() -> None:
    rng = np.random.default_rng(3)
    game = streets(convex_table(rng, 48), [(0, 15, 5.0), (3, 12, 5.0)], 4)
    report = pg.price_of_anarchy(game)
    assert report.optimum.outcome is Outcome.OPTIMAL
    assert report.poa >= 1.0
    curve = pg.anarchy_curve(game, [5.0, 10.0])
    assert curve.poa[1] == pytest.approx(report.poa, rel=1e-6)


def test_networks_that_are_too_large_keep_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    game = streets(convex_table(rng, 24), [(0, 8, 5.0), (2, 6, 5.0)], 3)
    whole = network_optimum(game)
    monkeypatch.setattr(kinked, "MAX_VARIABLES", 10)
    coarse = network_optimum(game)
    assert coarse.lower_bound <= whole.social_cost * (1 + 1e-9)
    assert whole.lower_bound <= coarse.social_cost * (1 + 1e-9)
    assert coarse.outcome is Outcome.BOUNDED
