"""The coupled game: the closed chain, links, responses, orbits one by one and in a batch, and who loses what."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poagame as pg
from poagame._arrays import FloatArray
from poagame.anarchy.attribution import attribute_loss, attribution_by_load
from poagame.batched import coupled_orbits
from poagame.games.closed_chain import closed_chain, even_loads
from poagame.games.coupled import LAYERS, CoupledGame, CoupledState
from poagame.games.serving_cluster import ServingCluster, attainments, coupled_serving, loads, operating_point, work
from poagame.solvers.coupled import Response, joint_equilibrium, orbit, step
from poagame.solvers.coupled.best import best_state, latency_bound


def measured(batch: FloatArray) -> FloatArray:
    """Measured B200 rows, ms a token."""
    return np.interp(batch, [4.0, 8.0, 16.0, 32.0, 64.0, 128.0], [6.62, 6.99, 7.31, 7.95, 9.72, 13.21])


def drawn(
    rng: np.random.Generator, sizes: tuple[int, ...] = (4, 3, 5, 4), budget: int = 5
) -> tuple[ServingCluster, CoupledState]:
    slope = rng.uniform(0.01, 0.3)
    cluster = ServingCluster(
        budget,
        sizes,
        lambda n: 6.0 + slope * n,
        output_tokens=float(rng.integers(5, 60)),
        own_ms=rng.uniform(2, 30),
        prefix_ms=rng.uniform(1, 40),
        transfer_ms=rng.uniform(0.1, 10),
        places=int(rng.integers(1, len(sizes) + 1)),
        overlap_weight=float(rng.choice([0.0, 0.5, 1.0, 3.0])),
        ttft_target_ms=rng.uniform(20, 300),
        itl_target_ms=rng.uniform(6, 8),
    )
    split = cluster.splits[rng.integers(len(cluster.splits))]
    routing = rng.integers(split[1], size=sum(sizes))
    return cluster, CoupledState(split, np.zeros((split[1], len(sizes)), dtype=np.int64), routing)


@settings(max_examples=30)
@given(st.integers(1, 12), st.integers(1, 4), st.floats(0.5, 40.0), st.integers(0, 1000))
def test_the_chain_against_a_dense_generator(number: int, workers: int, service: float, seed: int) -> None:
    times = np.sort(np.random.default_rng(seed).uniform(5.0, 60.0, number))
    rate = np.zeros((number + 1, number + 1))
    for n in range(number):
        rate[n, n + 1] = (number - n) / times[number - n - 1]
        rate[n + 1, n] = min(n + 1, workers) / service
    rate -= np.diag(rate.sum(axis=1))
    law = np.linalg.lstsq(np.vstack([rate.T, np.ones(number + 1)]), np.append(np.zeros(number + 1), 1.0), rcond=None)[0]
    found = closed_chain(workers, service, times)
    assert found.law == pytest.approx(law, abs=1e-10)
    served = sum(law[n] * min(n, workers) / service for n in range(number + 1))
    assert found.throughput == pytest.approx(served, rel=1e-9)
    decode = sum(law[n] * (number - n) for n in range(number + 1)) / served
    assert found.latency_ms == pytest.approx(found.ttft_ms + decode, rel=1e-9)


def test_limits_of_the_chain() -> None:
    """Few requests see an empty station; many saturate it, and their latency is N s / p."""
    assert closed_chain(3, 7.0, [20.0]).latency_ms == pytest.approx(27.0)
    many = closed_chain(2, 10.0, np.full(400, 20.0))
    assert many.latency_ms == pytest.approx(400 * 10.0 / 2, rel=1e-9)


def test_a_simulated_loop() -> None:
    """Exponential prefill at one worker, fixed decode times: throughput of a long event simulation within four standard errors."""
    rng = np.random.default_rng(2)
    number, service, decode = 6, 10.0, 40.0
    ready = sorted([0.0] * number)
    free, ends = 0.0, []
    for _ in range(60_000):
        arrival = ready.pop(0)
        free = max(arrival, free) + rng.exponential(service)
        ends.append(free)
        back = free + decode
        place = next((k for k, t in enumerate(ready) if t > back), len(ready))
        ready.insert(place, back)
    batches = 19_00 / np.diff(np.array(ends)[1900 : 1900 * 31 : 1900])
    exact = closed_chain(1, service, np.full(number, decode)).throughput
    assert abs(batches.mean() - exact) < 4 * batches.std(ddof=1) / np.sqrt(len(batches))


def test_work_by_hand() -> None:
    cluster = ServingCluster(3, [2, 2], measured, own_ms=5.0, prefix_ms=8.0, transfer_ms=1.0, places=1)
    state = CoupledState((1, 2), [[1, 0], [0, 0]], [0, 1, 0, 1])  # type: ignore[arg-type]
    # group 0: one request at its holder, one fetches; group 1: nobody holds it, both are prefilled anew
    service, transfer = work(cluster, loads(cluster, state), state.placement)
    assert (service, transfer) == pytest.approx((5.0 + 8.0 * 2 / 4, 1.0 / 4))
    game = coupled_serving(cluster)
    routing = game.layer("routing", state)
    costs = routing.action_costs(state.routing)
    assert costs[0, 1] - costs[0, 0] == pytest.approx(
        1.0 + float(routing.latency(np.array([1.0, 3.0]))[1] - routing.latency(np.array([2.0, 2.0]))[0])
    )
    caching = game.layer("caching", state)
    assert caching.social_cost(state.placement) == pytest.approx(1 * 1.0 + 2 * 8.0)


def test_attainments_at_the_ends() -> None:
    cluster = ServingCluster(3, [4, 4], measured, own_ms=5.0, prefix_ms=5.0)
    loose = attainments(
        ServingCluster(3, [4, 4], measured, ttft_target_ms=1e9, itl_target_ms=1e9), 1, 10.0, [4, 4], 0.0
    )
    assert loose == pytest.approx((1.0, 1.0))
    never = attainments(
        ServingCluster(3, [4, 4], measured, ttft_target_ms=1.0, itl_target_ms=1.0), 1, 10.0, [4, 4], 0.0
    )
    assert never == pytest.approx((0.0, 0.0))
    assert cluster.batch_ms(0.2) == pytest.approx(cluster.batch_ms(1.0))


def test_joint_equilibria_are_certified_layer_by_layer() -> None:
    rng = np.random.default_rng(1)
    outcomes = set()
    for _ in range(40):
        cluster, start = drawn(rng)
        game = coupled_serving(cluster)
        found = joint_equilibrium(game, start, Response(planner="best"))
        outcomes.add(found.outcome)
        if found.outcome is pg.Outcome.CONVERGED:
            assert len(found.states) == 1
            for name in LAYERS:  # by definition, on the layer's own game
                layer, profile = game.layer(name, found.state), game.profile(name, found.state)
                assert pg.certify_nash(layer, profile).holds
            assert step(game, found.state, Response(planner="best")) == found.state
        assert found.social_cost == pytest.approx(np.mean([game.social_cost(s) for s in found.states]))
    assert pg.Outcome.CONVERGED in outcomes


@pytest.mark.parametrize("planner", ["fixed", "step", "best"])
@pytest.mark.parametrize("delay", [0, 2])
def test_orbits_in_a_batch_are_those_one_by_one(planner: Any, delay: int) -> None:
    rng = np.random.default_rng(7)
    clusters, starts = zip(*[drawn(rng) for _ in range(40)], strict=True)
    batch = coupled_orbits(clusters, starts, 30, planner=planner, delay=delay)
    for b, (cluster, start) in enumerate(zip(clusters, starts, strict=True)):
        one = orbit(coupled_serving(cluster), start, 30, Response(planner=planner, delay={"resource": delay}))
        length = len(one.states)
        assert [s.split for s in one.states] == [tuple(s) for s in batch.split[b, :length].tolist()]
        assert batch.latency_ms[b, :length] == pytest.approx(one.cost, rel=1e-9)
        assert (one.period, one.transient) == (batch.period[b], batch.transient[b])


def test_periods_against_states_played_on() -> None:
    """A late Planner goes round; the cycle found comes back when it is played on, and no shorter one does."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(120):
        cluster, start = drawn(rng)
        game, how = coupled_serving(cluster), Response(delay={"resource": 1})
        path = orbit(game, start, 60, how)
        if path.period > 1:
            found += 1
            states = list(path.states)
            for _ in range(2 * path.period):
                states.append(step(game, states[-1], how, states[:-1]))
            tail = states[path.transient + 1 :]
            for q in range(1, path.period + 1):
                repeats = all(a == b for a, b in zip(tail, tail[q:], strict=False))
                assert repeats == (q == path.period)
    assert found > 0


def test_the_bound_and_the_best_state_by_all_states() -> None:
    """Three requests of two groups on two decode workers: all routings and all placements."""
    rng = np.random.default_rng(4)
    for _ in range(15):
        cluster, _ = drawn(rng, (2, 1), 3)
        split = (1, 2)
        stores = [(0, 0), (1, 0), (0, 1)] + ([(1, 1)] if cluster.places > 1 else [])
        least = min(
            operating_point(cluster, CoupledState(split, np.array(held), np.array(routing))).latency_ms
            for held in product(stores, repeat=2)
            for routing in product(range(2), repeat=3)
        )
        found = best_state(cluster, cluster.start(split))
        assert latency_bound(cluster, split) <= least * (1 + 1e-12)
        assert found.latency_ms == pytest.approx(least, rel=1e-9)
        assert operating_point(cluster, found.state).latency_ms == pytest.approx(found.latency_ms, rel=1e-12)


def test_attribution_adds_up() -> None:
    rng = np.random.default_rng(3)
    for _ in range(6):
        cluster, start = drawn(rng, (3, 2), 4)
        loss = attribute_loss(cluster, start)
        assert sum(loss.share_ms.values()) == pytest.approx(loss.loss_ms, abs=1e-9)
        assert loss.best_ms[()] == pytest.approx(loss.latency_ms)
        for size in range(1, 4):
            for subset in combinations(LAYERS, size):
                for less in combinations(subset, size - 1):
                    assert loss.best_ms[subset] <= loss.best_ms[less] + 1e-9
        assert loss.lower_bound_ms <= loss.best_ms[LAYERS] + 1e-9
        assert loss.ratio_high >= loss.ratio - 1e-12
        single = sum(loss.latency_ms - loss.best_ms[name,] for name in LAYERS)
        assert loss.interaction_ms == pytest.approx(loss.loss_ms - single, abs=1e-9)


def test_deep_saturation_is_prefill_exhaustion_in_this_model() -> None:
    """A fixed 1P/5D past its knee: nearly all of the loss is the split, and requests wait for prefill."""
    cluster = ServingCluster(6, [2] * 5, measured, places=2, prefix_ms=6.5, own_ms=6.5, transfer_ms=1.0)
    table = attribution_by_load(cluster, (1, 5), [40, 256])
    few, many = table.rows(named=True)
    assert few["ratio"] < 1.01
    assert many["ratio"] > 1.2
    assert many["allocation_ms"] > 0.95 * (many["latency_ms"] - many["lowest_ms"])
    assert many["in_prefill"] > 0.3
    assert few["fixed_point"]


def test_small_clusters_have_all_they_need() -> None:
    for cluster in (ServingCluster(2, [1], measured), ServingCluster(3, [1, 1, 1], measured, places=3, prefix_ms=0.0)):
        game = coupled_serving(cluster)
        found = joint_equilibrium(game, cluster.start())
        assert np.isfinite(found.social_cost)
        assert np.isfinite(attribute_loss(cluster, found.state).loss_ms)
    assert even_loads(7, 3).tolist() == [3, 2, 2]


def test_layers_can_be_replaced() -> None:
    """A split game of pools instead of a Planner: two players, certified as such, and fixed."""
    cluster = ServingCluster(4, [3, 3], measured)
    game = coupled_serving(cluster)
    pools = pg.ResourceGame(4, lambda c: 1 - np.exp(-c), lambda c: 1 - np.exp(-c))
    other = CoupledGame(lambda _: pools.splits(), game.caching, game.routing, game.social_cost)
    found = joint_equilibrium(other, cluster.start((2, 2)), Response(planner="fixed"))
    assert found.certificates[0].resource.holds
    with pytest.raises(pg.InvalidInput, match="one player"):
        joint_equilibrium(other, cluster.start((2, 2)))


CLUSTER = ServingCluster(3, [2, 2], measured)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: ServingCluster(1, [1], measured), "holds not one worker of each pool"),
        (lambda: ServingCluster(3, [], measured), "at least one group"),
        (lambda: ServingCluster(3, [0], measured), "group_sizes"),
        (lambda: ServingCluster(3, [4], lambda n: 9.0 - n), "itl must"),
        (lambda: ServingCluster(3, [4], measured, places=0), "places"),
        (lambda: ServingCluster(3, [4], measured, transfer_ms=-1.0), "transfer_ms"),
        (lambda: ServingCluster(3, [4], measured, ttft_target_ms=0.0), "ttft_target_ms"),
        (lambda: CoupledState((1, 2), np.zeros((1, 2), int), np.zeros(4, int)), "placement is"),
        (lambda: CoupledState((1, 0), np.zeros((0, 2), int), np.zeros(4, int)), "workers of a split"),
        (lambda: CoupledState((1, 2), np.zeros((2, 2), int), np.array([0, 2])), "routing names"),
        (lambda: CoupledState((1, 2), np.zeros((2, 2)), np.array([0, 1])), "whole numbers"),  # type: ignore[arg-type]
        (lambda: Response(order=("cache",)), "layers are"),  # type: ignore[arg-type]
        (lambda: Response(planner="fast"), "planner is"),  # type: ignore[arg-type]
        (lambda: Response(delay={"routing": -1}), "delay"),
        (lambda: Response(order=("routing", "routing")), "once a step"),
        (lambda: orbit(coupled_serving(CLUSTER), CLUSTER.start(), 0), "num_steps"),
        (lambda: orbit(coupled_serving(CLUSTER), None), "CoupledState"),  # type: ignore[arg-type]
        (lambda: attribute_loss(CLUSTER, CLUSTER.start((1, 1))), "use the budget up"),
        (lambda: coupled_orbits([CLUSTER], []), "1 clusters and 0 starts"),
        (lambda: coupled_orbits([CLUSTER], [CLUSTER.start((1, 1))]), "one of the splits"),
        (lambda: coupled_orbits([CLUSTER], [CLUSTER.start()], delay=[0, 1]), "one a cluster"),
        (lambda: coupled_orbits([CLUSTER], [CLUSTER.start()], planner=["step"]), "planner is"),  # type: ignore[arg-type]
        (lambda: CoupledGame(None, None, None, None), "function of the state"),  # type: ignore[arg-type]
        (lambda: attribution_by_load(CLUSTER, (1, 2), [1]), "each of 2 groups"),
        (lambda: closed_chain(0, 1.0, [1.0]), "prefill_workers"),
    ],
)
def test_what_is_refused(call: Any, match: str) -> None:
    with pytest.raises(pg.InvalidInput, match=match):
        call()
