"""The best states of a cluster and the bound below them, against every state of small clusters."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import poagame as pg
from poagame.games.serving_cluster import ServingCluster, operating_point
from poagame.solvers.coupled.best import best_state, latency_bound
from poagame.solvers.coupled.least_decode import least_decode_ms
from tests.coupled_oracle import ITL, least_latency, small_case


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize(("routing", "caching"), [(True, False), (False, True), (True, True)])
def test_the_best_of_all_states_is_found(seed: int, routing: bool, caching: bool) -> None:
    cluster, state = small_case(seed)
    least = least_latency(
        cluster, state.split, None if routing else state.routing, None if caching else state.placement
    )
    found = best_state(cluster, state, routing=routing, caching=caching)
    assert found.latency_ms == pytest.approx(least, rel=1e-9)
    assert operating_point(cluster, found.state).latency_ms == pytest.approx(found.latency_ms, rel=1e-12)
    assert found.lower_bound_ms <= least * (1 + 1e-9)
    assert found.state.split == state.split
    if not routing:
        assert (found.state.routing == state.routing).all()
    if not caching:
        assert (found.state.placement == state.placement).all()


@pytest.mark.parametrize("itl", ITL)
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_no_loads_decode_faster_than_the_bound(itl: object, workers: int) -> None:
    number = 6
    cluster = ServingCluster(workers + 1, [number], itl, 10.0)  # pyright: ignore[reportArgumentType]
    bound = least_decode_ms(cluster, workers)
    loads = [n for n in itertools.product(range(number + 1), repeat=workers) if sum(n) == number]
    for m in range(1, number + 1):
        best = min(sum(n / number * float(cluster.batch_ms(n * m / number)) for n in load) for load in loads)
        assert bound[m - 1] <= best * (1 + 1e-12)
        if itl in ITL[:2] or itl is ITL[3]:  # load × ITL convex: the most even loads attain it
            assert bound[m - 1] == pytest.approx(best, rel=1e-12)


def test_the_bound_is_close_on_measured_times_which_bend_both_ways() -> None:
    measured = pg.latency.Tabulated([4, 8, 16, 32, 64, 128], [6.62, 6.99, 7.31, 7.95, 9.72, 13.21])
    cluster = ServingCluster(3, [13, 13, 13, 13, 12], measured, 128.0, 12.0, 12.0, 1.0, 2)
    for split in cluster.splits:
        found = best_state(cluster, cluster.start(split))
        assert 0 <= found.latency_ms / found.lower_bound_ms - 1 < 1e-3


def test_a_state_that_meets_the_bound_is_proved() -> None:
    cluster = ServingCluster(3, [8, 8], lambda n: 6.0 + 0.1 * n, 128.0, places=1)
    found = best_state(cluster, cluster.start((1, 2)))
    assert found.exact
    assert sorted(np.bincount(found.state.routing).tolist()) == [8, 8]


def test_faster_prefill_may_do_harm_where_decode_thrashes_and_the_bound_knows() -> None:
    # a batch of two or more is slower in all than one alone, so a longer queue at prefill protects decode
    cluster = ServingCluster(2, [3], lambda n: np.where(np.asarray(n) < 2, 1.0, 50.0), 1.0, 1.0, 3.0, 1.0, 1)
    state = cluster.start((1, 1))
    cached = best_state(cluster, state, routing=False, caching=True)
    assert latency_bound(cluster, (1, 1)) <= cached.latency_ms
    assert cached.latency_ms == pytest.approx(least_latency(cluster, (1, 1)), rel=1e-9)
