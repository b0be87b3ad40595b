from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poagame.errors import InvalidInput
from poagame.estimator import poa_hat
from poagame.estimator.congestion import congestion_optimum, latency_table, require_convex
from poagame.estimator.overlap import optimum_with_overlap, residency
from poagame.estimator.timeline import timeline
from poagame.estimator.windows import split
from poagame.latency import MM1, Latency, Polynomial, Saturating, Tabulated
from poagame.measured import RequestTable

LATENCIES: list[Latency] = [
    Polynomial([[5.0, 2.0]]),
    Polynomial([[5.0, 2.0, 0.3], [9.0, 0.5, 0.0], [1.0, 0.0, 1.0]]),
    Saturating([5.0] * 3, [1.0] * 3, [4.0] * 3, [40.0, 50.0, 60.0]),
    MM1([40.0, 60.0, 50.0]),
    Tabulated([0.0, 10.0, 30.0], [5.0, 10.0, 60.0]),
]


def random_table(seed: int, rows: int = 40) -> RequestTable:
    rng = np.random.default_rng(seed)
    return RequestTable.from_frame(
        pl.DataFrame(
            {
                "request_id": [str(k) for k in range(rows)],
                "arrival_ms": np.cumsum(rng.integers(0, 4, rows)).astype(float),
                "latency_ms": rng.integers(1, 25, rows).astype(float),
                "decode_worker": [*"abc", *rng.choice(["a", "b", "c"], rows - 3)],
                "prefix_group": rng.choice(["p", "q", "r"], rows),
            }
        )
    )


def by_all_assignments(latency: Latency, background: np.ndarray, overlap: np.ndarray, weight: float) -> float:
    """Least social cost of the game with preloaded latencies, over every profile."""
    game = latency.preloaded(background.astype(float))
    requests, workers = overlap.shape
    best = np.inf
    for profile in itertools.product(range(workers), repeat=requests):
        load = np.bincount(profile, minlength=workers).astype(float)
        own = np.asarray(game(load))
        used = load > 0
        cost = (load[used] * own[used]).sum() - weight * overlap[np.arange(requests), profile].sum()
        best = min(best, float(cost))
    return best


@given(st.integers(0, 10**6), st.sampled_from(LATENCIES), st.integers(1, 5))
def test_the_optimum_is_the_best_of_all_assignments_and_the_actual_one_is_never_better(
    seed: int, latency: Latency, window: int
) -> None:
    times = timeline(random_table(seed))
    (segment,), _ = split(times, window)
    optimum, actual = congestion_optimum(segment, times, latency_table(latency, 80))
    nothing = np.zeros((window, 3))
    for v in range(0, len(segment.members), 3):
        background = segment.background[v]
        assert optimum[v] == pytest.approx(by_all_assignments(latency, background, nothing, 0.0), rel=1e-12)
        load = np.bincount(times.worker[segment.members[v]], minlength=3).astype(float)
        own = np.asarray(latency.preloaded(background.astype(float))(load))
        assert actual[v] == pytest.approx((load * own).sum(), rel=1e-12)
    assert (actual >= optimum).all()


@given(st.integers(0, 10**6), st.sampled_from(LATENCIES), st.integers(1, 5), st.sampled_from([0.7, 5.0, 60.0]))
def test_with_overlap_too(seed: int, latency: Latency, window: int, weight: float) -> None:
    times = timeline(random_table(seed), with_overlap=True)
    (segment,), _ = split(times, window)
    optimum, actual = optimum_with_overlap(
        segment, times, residency(times), latency_table(latency, 80), weight, congested=True
    )
    assert times.prefix is not None
    for v in range(0, len(segment.members), 4):
        members = segment.members[v]
        earlier = times.arrival < times.arrival[members[0]]
        overlap = np.array(
            [
                [float((earlier & (times.worker == j) & (times.prefix == times.prefix[i])).any()) for j in range(3)]
                for i in members
            ]
        )
        background = segment.background[v]
        best = by_all_assignments(latency, background, overlap, weight)
        assert optimum[v] == pytest.approx(best, rel=1e-12, abs=1e-9)
        local = times.worker[members]
        load = np.bincount(local, minlength=3).astype(float)
        paid = (load * np.asarray(latency.preloaded(background.astype(float))(load))).sum()
        assert actual[v] == pytest.approx(paid - weight * overlap[np.arange(window), local].sum(), abs=1e-9)
    assert (actual >= optimum).all()


@given(st.integers(0, 10**6), st.integers(1, 9), st.sampled_from([0.0, 0.5]))
def test_the_assignment_ratio_is_at_least_one_and_one_where_the_router_fills_the_least_load(
    seed: int, window: int, weight: float
) -> None:
    latency = Polynomial([[500.0, 1.0, 0.1]])
    hat = poa_hat(random_table(seed), "congestion", latency=latency, window=window, overlap_weight=weight)
    assert hat.overall["assignment_ratio"].item() >= 1.0
    assert (hat.windows["assigned"] >= hat.windows["optimum"]).all()
    assert hat.value == pytest.approx(hat.windows["realised"].sum() / hat.windows["optimum"].sum())
    alternating = RequestTable.from_frame(
        pl.DataFrame(
            {"request_id": [str(k) for k in range(12)], "arrival_ms": [1.0 * k for k in range(12)]}
        ).with_columns(
            latency_ms=pl.lit(40.0),
            decode_worker=pl.Series([str(k % 3) for k in range(12)]),
            prefix_group=pl.Series(["p"] * 12),
        )
    )
    even = poa_hat(alternating, "congestion", latency=latency, overlap_weight=0.0)
    assert even.overall["assignment_ratio"].item() == 1.0


def test_a_latency_whose_product_with_load_is_not_convex_is_refused() -> None:
    steps = Tabulated([0.0, 1.0, 2.0, 3.0, 90.0], [1.0, 1.0, 9.0, 9.0, 9.0])
    with pytest.raises(InvalidInput, match="not convex"):
        poa_hat(random_table(0), "congestion", latency=steps)
    poa_hat(random_table(0), "frozen", latency=steps)


@given(st.integers(0, 10**6), st.integers(2, 6))
def test_convexity_is_judged_as_by_all_second_differences(seed: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    table = np.cumsum(rng.choice([0.0, 0.1, 1.0, 3.0], 8, p=[0.1, 0.3, 0.5, 0.1]))[None, :] + 1.0
    convex = True
    for b in range(8):
        total = [x * table[0, b + x] for x in range(length + 1) if b + x < 8]
        convex &= bool((np.diff(total, 2) >= -1e-9).all())
    if convex:
        require_convex(table, length)
    else:
        with pytest.raises(InvalidInput, match="not convex"):
            require_convex(table, length)


def test_an_assignment_beyond_capacity_is_refused_with_its_remedy() -> None:
    with pytest.raises(InvalidInput, match="past its capacity"):
        poa_hat(random_table(0), "congestion", latency=Saturating([5.0], [1.0], [1.0], [3.5]), window=5)
