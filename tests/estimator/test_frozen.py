from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from poagame.errors import MissingColumn, TooLarge
from poagame.estimator import overlap, poa_hat
from poagame.estimator.congestion import latency_table
from poagame.estimator.frozen import frozen_optimum
from poagame.estimator.overlap import optimum_with_overlap, residency
from poagame.estimator.timeline import Timeline, timeline
from poagame.estimator.windows import Segment, split
from poagame.latency import Polynomial
from poagame.measured import RequestTable


def random_table(seed: int, rows: int = 60, *, prefixes: bool = True, blocks: bool = True) -> RequestTable:
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.integers(0, 4, rows)).astype(float)
    frame = pl.DataFrame(
        {
            "request_id": [str(k) for k in range(rows)],
            "phase": np.where(np.arange(rows) < rows // 4, "warm", "steady"),
            "arrival_ms": arrival,
            "latency_ms": rng.integers(1, 30, rows).astype(float),
            "decode_worker": rng.choice(["a", "b", "c"], rows),
            "prefix_group": rng.choice(["p", "q", "r", "s"], rows),
            "overlap_blocks": [None if rng.random() < 0.3 else float(x) for x in rng.integers(0, 9, rows)],
        },
        schema_overrides={"overlap_blocks": pl.Float64},
    )
    dropped = ([] if prefixes else ["prefix_group"]) + ([] if blocks else ["overlap_blocks"])
    return RequestTable.from_frame(frame.drop(dropped))


def overlap_by_definition(table: RequestTable, times: Timeline, request: int, worker: str, opened: float) -> float:
    """o_ij of the request at a position, by the words of the documentation, from the table's own rows."""
    rows = table.collect()  # already in order of arrival
    if "overlap_blocks" in rows.columns and rows["decode_worker"][request] == worker:
        known = rows["overlap_blocks"][request]
        if known is not None:
            return known
    if "prefix_group" not in rows.columns:
        return 0.0
    mine = rows.filter(pl.col("prefix_group") == rows["prefix_group"][request])
    if not mine.filter((pl.col("decode_worker") == worker) & (pl.col("arrival_ms") < opened)).height:
        return 0.0
    if "overlap_blocks" not in rows.columns:
        return 1.0
    return mine.filter(pl.col("overlap_blocks") > 0)["overlap_blocks"].median() or 0.0


def hungarian(segment: Segment, window: int, table: np.ndarray, o: np.ndarray, weight: float) -> float:
    """Least cost on the matrix of requests × replicated slots."""
    row = table[0] if len(table) == 1 else None
    frozen = np.array(
        [(row if row is not None else table[j])[segment.background[window, j]] for j in range(len(segment.workers))]
    )
    costs = np.repeat(frozen[None, :] - weight * o, segment.slots, axis=1)
    i, j = linear_sum_assignment(costs)
    assert len(i) == segment.length
    return float(costs[i, j].sum())


@given(st.integers(0, 10**6), st.sampled_from([None, 1, 2, 4, 7]), st.booleans())
def test_the_optimum_is_scipys_assignment_on_replicated_slots(seed: int, window: int | None, shared: bool) -> None:
    times = timeline(random_table(seed))
    (segment,), _ = split(times, window)
    slopes = [[5.0, 2.0]] if shared else [[5.0, 2.0], [9.0, 0.5], [1.0, 4.0]]
    table = latency_table(Polynomial(slopes), 80)
    optimum = frozen_optimum(segment, table)
    no_overlap = np.zeros((segment.length, len(segment.workers)))
    expected = [hungarian(segment, v, table, no_overlap, 0.0) for v in range(len(segment.members))]
    np.testing.assert_allclose(optimum, expected, rtol=1e-13)


@given(
    st.integers(0, 10**6),
    st.sampled_from([None, 2, 5]),
    st.sampled_from([0.5, 3.0, 40.0]),
    st.sampled_from([(True, True), (True, False), (False, True)]),
)
def test_with_overlap_too(seed: int, window: int | None, weight: float, known: tuple[bool, bool]) -> None:
    requests = random_table(seed, prefixes=known[0], blocks=known[1])
    times = timeline(requests, with_overlap=True)
    (segment,), _ = split(times, window)
    table = latency_table(Polynomial([[5.0, 2.0], [9.0, 0.5], [1.0, 4.0]]), 80)
    optimum, actual = optimum_with_overlap(segment, times, residency(times), table, weight, congested=False)
    for v, members in enumerate(segment.members[:8]):
        opened = times.arrival[members[0]]
        names = [times.workers[w] for w in segment.workers]
        o = np.array([[overlap_by_definition(requests, times, int(i), w, opened) for w in names] for i in members])
        assert optimum[v] == pytest.approx(hungarian(segment, v, table, o, weight), rel=1e-12, abs=1e-9)
        local = np.searchsorted(segment.workers, times.worker[members])
        frozen = table[local, segment.background[v, local]]
        assert actual[v] == pytest.approx((frozen - weight * o[np.arange(len(members)), local]).sum(), abs=1e-9)


def test_a_latency_infinite_on_some_workers_is_avoided_and_infinite_only_where_it_must_be() -> None:
    times = timeline(random_table(3), with_overlap=True)
    (segment,), _ = split(times, 3)
    table = np.full((3, 80), np.inf)
    table[1] = 2.0
    assert np.isinf(frozen_optimum(segment, table)).all()  # one slot a worker, and three requests
    assert np.isinf(optimum_with_overlap(segment, times, residency(times), table, 1.0, congested=False)[0]).all()
    (single,), _ = split(times, 1)
    assert (frozen_optimum(single, table) == 2.0).all()


def test_overlap_that_nothing_tells_of_is_asked_for() -> None:
    with pytest.raises(MissingColumn, match="neither overlap_blocks nor prefix_group"):
        poa_hat(random_table(0, prefixes=False, blocks=False), "frozen", overlap_weight=1.0)


def test_inferred_overlap_is_labelled_as_such() -> None:
    latency = Polynomial([[100.0, 2.0]])
    text = poa_hat(random_table(0, blocks=False), latency=latency, overlap_weight=1.0).definition
    assert "overlap: inferred: 1 for each worker that had served" in text
    text = poa_hat(random_table(0), latency=latency, overlap_weight=1.0).definition
    assert "inferred for the others" in text
    assert "overlap:" not in poa_hat(random_table(0), latency=latency).definition


def test_more_prefix_groups_than_fit_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(overlap, "_MAX_RESIDENCY", 5)
    with pytest.raises(TooLarge, match="3 workers × 4 prefix groups"):
        poa_hat(random_table(0), latency=Polynomial([[1.0]]), overlap_weight=0.1)
