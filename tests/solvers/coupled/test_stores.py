"""Stores by what they hold together, against all placements."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from poagame.games.coupled import CoupledState
from poagame.games.serving_cluster import ServingCluster, operating_point
from poagame.solvers.coupled.best import best_state
from poagame.solvers.coupled.stores import stores_by_union


@pytest.mark.parametrize("seed", range(8))
def test_each_union_has_its_most_hits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    d, groups, places = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(1, 4))
    count = rng.integers(0, 9, (d, groups))
    stores = [s for s in itertools.product((0, 1), repeat=groups) if sum(s) <= places]
    most: dict[tuple[bool, ...], int] = {}
    for held in itertools.product(stores, repeat=d):
        union = tuple(np.any(held, axis=0).tolist())
        most[union] = max(most.get(union, -1), int((np.array(held) * count).sum()))
    found = stores_by_union(count, places)
    assert (found.sum(axis=2) <= places).all()
    assert {tuple(h.any(axis=0).tolist()): int((h * count).sum()) for h in found} == most
    assert len(found) == len(most)


def test_with_many_groups_no_prefix_for_another_is_better() -> None:
    rng = np.random.default_rng(0)
    cluster = ServingCluster(3, [1] * 14, lambda n: 6.0 + 0.1 * n, 20.0, 10.0, 30.0, 5.0, 3)
    state = CoupledState((1, 2), np.zeros((2, 14), int), rng.integers(0, 2, 14))
    found = best_state(cluster, state, routing=False)
    # each prefix held saves one request its prefill, wherever it is held, and best where it is needed
    assert found.state.placement.sum() == 6
    assert found.state.placement.any(axis=0).sum() == 6
    kept = found.state.placement
    for j, old, new in itertools.product(range(2), range(14), range(14)):
        if kept[j, old] and not kept[j, new]:
            other = kept.copy()
            other[j, [old, new]] = 0, 1
            assert operating_point(cluster, replace(state, placement=other)).latency_ms >= found.latency_ms * (1 - 1e-9)
