from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from poagame.errors import InvalidInput, TooLarge
from poagame.serving import (
    ClosedLoop,
    Cluster,
    DecodeTime,
    Fixed,
    OpenLoop,
    PrefillTime,
    Prompts,
    RoundRobin,
    Workload,
    simulate,
)
from poagame.serving.truth import Truth, truth

CLUSTER = Cluster(
    prefill=1,
    decode=3,
    prefill_time=PrefillTime.constant(7.0),
    decode_time=DecodeTime([1, 6], [10.0, 25.0]),
    most_requests=2,
)
OUTPUTS = [12, 3, 30, 8]
WORKLOAD = Workload(Prompts.templates(4, output_tokens=OUTPUTS), OpenLoop(np.array([0.0, 5.0, 9.0, 60.0])))


def test_every_assignment_is_that_of_a_fixed_policy() -> None:
    found = truth(CLUSTER, WORKLOAD)
    assert found.latency_ms.shape == (81, 4)
    for workers in product(range(3), repeat=4):
        frame = simulate(CLUSTER, WORKLOAD, Fixed(np.array(workers))).collect().sort("request_id")
        np.testing.assert_allclose(found.latency_ms[found.index(np.array(workers))], frame["latency_ms"].to_numpy())


def test_equilibria_and_prices_by_their_definition() -> None:
    """Plain Python over all assignments and deviations, on drawn tables that no cluster made."""
    rng = np.random.default_rng(4)
    without = 0
    for _ in range(60):
        workers, count = int(rng.integers(2, 4)), int(rng.integers(2, 5))
        found = Truth(rng.integers(1, 9, (workers**count, count)).astype(float), workers)
        stable = []
        for a in product(range(workers), repeat=count):
            here = found.latency_ms[found.index(np.array(a))]
            worse = True
            for i, w in product(range(count), range(workers)):
                other = found.latency_ms[found.index(np.array([*a[:i], w, *a[i + 1 :]]))]
                worse &= bool(other[i] >= here[i])
            if worse:
                stable.append(found.index(np.array(a)))
        assert sorted(stable) == found.equilibria().tolist()
        if not stable:
            without += 1
            assert found.anarchy() is None
            continue
        totals = found.latency_ms.sum(axis=1)
        assert found.anarchy() == pytest.approx(
            (totals[stable].max() / totals.min(), totals[stable].min() / totals.min())
        )
    assert without > 0


def test_descent_ends_where_no_move_helps() -> None:
    rng = np.random.default_rng(5)
    found = Truth(rng.uniform(1.0, 2.0, (3**5, 5)), 3)
    total = found.total_ms
    for start in product(range(3), repeat=5):
        end = found.descend(np.array(start))
        assert total[end] <= total[found.index(np.array(start))]
        digits = [end // 3**i % 3 for i in range(5)]
        for i, w in product(range(5), range(3)):
            assert total[found.index(np.array([*digits[:i], w, *digits[i + 1 :]]))] >= total[end]


def test_what_cannot_be_enumerated_is_said() -> None:
    with pytest.raises(InvalidInput, match="OpenLoop"):
        truth(CLUSTER, Workload(Prompts.templates(3), ClosedLoop.steady(2)))
    with pytest.raises(TooLarge, match="assignments"):
        truth(CLUSTER, Workload(Prompts.templates(12), OpenLoop(np.arange(12.0))))
    with pytest.raises(InvalidInput, match="cluster is a Cluster"):
        truth(RoundRobin(), WORKLOAD)  # pyright: ignore[reportArgumentType]
