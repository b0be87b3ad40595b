from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from poagame.errors import InvalidInput, MissingColumn
from poagame.estimator.knee import KneeOutcome, find_knee
from poagame.measured import RequestTable, SweepTable, read_requests

DOUBLING = 2.0 ** np.arange(9)
UNEVEN = np.array([1, 2, 4, 8, 16, 32, 64, 96, 128.0])


def broken(x: np.ndarray, knee: float, below: float = 0.01, above: float = 0.5) -> np.ndarray:
    return 10 + below * x + (above - below) * np.maximum(x - knee, 0)


@given(
    loads=st.lists(st.integers(1, 400), min_size=6, max_size=14, unique=True).map(sorted),
    cell=st.integers(0, 100),
    part=st.floats(0, 0.9),
    below=st.floats(0, 2),
    ratio=st.floats(2.5, 100),
)
@example(loads=[1, 2, 4, 8, 16, 32, 64, 96, 128], cell=6, part=0.0, below=0.01, ratio=50.0)
def test_broken_line_is_bracketed_by_its_own_cell(
    loads: list[int], cell: int, part: float, below: float, ratio: float
) -> None:
    x = np.array(loads, dtype=float)
    j = 2 + cell % (len(x) - 3)
    knee = x[j] + part * (x[j + 1] - x[j])
    above = ratio * max(below, 0.01)
    found = find_knee((x, broken(x, knee, below, above)))
    assert found.outcome is KneeOutcome.SEEN
    assert found.low is not None
    assert found.low <= knee < found.high
    # without noise the bracket is the cell, unless the break is as near to its end as the candidates are to each other
    if part < 0.8:
        assert (found.low, found.high) == (x[j], x[j + 1])


def test_bracket_is_where_the_curvature_of_the_aggregate_first_rises() -> None:
    for knee in (16.0, 20.0, 50.0, 100.0):
        found = find_knee((DOUBLING, broken(DOUBLING, knee)))
        raised = np.flatnonzero(found.curvature > 2 * 0.01 * (1 + 1e-9))[0] + 1
        assert (found.low, found.high) == (DOUBLING[raised], DOUBLING[raised + 1])


def test_curvature_is_exact_for_cubic_aggregates() -> None:
    # A = a x + b x² + c x³ has divided difference b + c (x₀ + x₁ + x₂)
    x = UNEVEN
    found = find_knee((x, 3 + 0.2 * x + 0.01 * x**2))
    np.testing.assert_allclose(found.curvature, 2 * (0.2 + 0.01 * (x[:-2] + x[1:-1] + x[2:])), rtol=1e-9)


def test_knee_of_the_grid_of_the_paper() -> None:
    """Flat to 96, explosive at 128: the knee is in (96, 128]."""
    latency = np.where(UNEVEN > 96, 80.0, 10 + 0.01 * UNEVEN)
    found = find_knee((UNEVEN, latency))
    assert (found.low, found.high) == (96, 128)
    assert found.break_load == 96


@pytest.mark.parametrize("capacity", [129.0, 150.0])
def test_saturating_curve_bends_before_its_last_load(capacity: float) -> None:
    found = find_knee((UNEVEN, 5 + 0.02 * UNEVEN + 3 * UNEVEN / (capacity - UNEVEN)))
    assert found.outcome is KneeOutcome.SEEN
    assert (found.low, found.high) == (64, 96)
    assert (np.diff(found.curvature) > 0).all()


def test_closed_loop_knee() -> None:
    """max(idle latency, load / service rate) bends where the two meet."""
    found = find_knee((DOUBLING, np.maximum(10.0, DOUBLING / 8)))
    assert (found.low, found.high) == (64, 128)
    assert found.break_load == pytest.approx(80, rel=0.01)


@given(
    intercept=st.floats(0, 1e4),
    slope=st.floats(0, 100),
    x=st.lists(st.integers(1, 1000), min_size=5, max_size=12, unique=True).map(sorted),
)
def test_straight_line_has_no_knee(intercept: float, slope: float, x: list[int]) -> None:
    loads = np.array(x, dtype=float)
    found = find_knee((loads, intercept + slope * loads))
    assert found.low is None
    assert found.high is None
    assert found.outcome is not KneeOutcome.SEEN
    assert "no knee seen" in str(found)


def test_noise_around_a_line_is_seldom_a_knee() -> None:
    rng = np.random.default_rng(7)
    values = 50 + rng.standard_normal((200, 9))  # level, so that any upward bend at least doubles the slope
    seen = [find_knee((DOUBLING, v), seed=i).outcome for i, v in enumerate(values)]
    assert sum(outcome is KneeOutcome.SEEN for outcome in seen) <= 18  # 5 % of 200 is 10; 18 has probability 0.01


def test_noise_does_not_hide_or_move_a_clear_knee() -> None:
    rng = np.random.default_rng(8)
    for i in range(40):
        found = find_knee((DOUBLING, broken(DOUBLING, 90, 0.1, 2.0) + rng.standard_normal(9)), seed=i)
        assert found.outcome is KneeOutcome.SEEN
        assert found.low <= 90 < found.high  # type: ignore[operator]


def test_p_values_are_uniform_under_noise_around_a_line() -> None:
    rng = np.random.default_rng(9)
    p = np.array([find_knee((UNEVEN, 50 + rng.standard_normal(9)), seed=i).p_value or np.nan for i in range(200)])
    p = p[np.isfinite(p)]
    # one-sided gains: downward bends have gain 0 and share the largest p; below that p is uniform up to the trimming
    assert 0.02 <= (p <= 0.1).mean() <= 0.2


def test_slight_bend_is_called_slight() -> None:
    found = find_knee((DOUBLING, broken(DOUBLING, 64, 0.1, 0.15)))
    assert found.outcome is KneeOutcome.SLIGHT
    assert found.low is None
    assert found.slope_above == pytest.approx(0.15, rel=1e-3)


def test_low_load_artefact_is_left_out_and_listed() -> None:
    latency = broken(DOUBLING, 40)
    latency[:2] = [200.0, 50.0]
    found = find_knee((DOUBLING, latency))
    assert found.ignored == (1.0, 2.0)
    assert (found.low, found.high) == (32, 64)
    assert len(found.loads) == 9
    assert "loads 1, 2" in str(found)


def test_scale_and_order_do_not_matter() -> None:
    latency = broken(UNEVEN, 70)
    one = find_knee((UNEVEN, latency))
    other = find_knee((UNEVEN[::-1] * 10, latency[::-1] * 1000))
    assert (other.low, other.high) == (one.low * 10, one.high * 10)  # type: ignore[operator]
    assert other.p_value == one.p_value


def test_few_loads() -> None:
    with pytest.raises(InvalidInput, match="at least three distinct loads; got 2"):
        find_knee(([1, 2, 2], [1.0, 2.0, 3.0]))
    found = find_knee(([1, 2, 4], [1.0, 1.0, 9.0]))
    assert found.outcome is KneeOutcome.TOO_FEW
    assert found.curvature.shape == (1,)


@pytest.mark.parametrize(
    ("sweep", "options", "message"),
    [
        ((UNEVEN, -UNEVEN), {}, "must be nonnegative"),
        ((UNEVEN, UNEVEN[:3]), {}, "vectors of one length"),
        ((UNEVEN, UNEVEN * np.nan), {}, "latencies must be finite"),
        ((UNEVEN, UNEVEN), {"level": 0.0}, r"level must be in \(0, 1\)"),
        ((UNEVEN, UNEVEN), {"where": {"series": "s"}}, "filter the arrays"),
        (UNEVEN, {}, "takes a SweepTable, a RequestTable or"),
    ],
)
def test_bad_input(sweep: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        find_knee(sweep, **options)


def test_sweep_table() -> None:
    frame = pl.DataFrame({"series": ["s"] * 9, "concurrency": UNEVEN, "itl_ms": broken(UNEVEN, 70)})
    found = find_knee(SweepTable.from_frame(frame), metric="itl_ms")
    assert (found.low, found.high, found.metric, found.unit) == (64, 96, "itl_ms", "ms")
    with pytest.raises(MissingColumn, match="latency_ms"):
        find_knee(SweepTable.from_frame(frame))


def test_requests_of_several_settings_are_refused() -> None:
    n = 40
    frame = pl.DataFrame(
        {
            "request_id": [str(i) for i in range(n)],
            "concurrency": [1, 2, 4, 8, 16] * 8,
            "latency_ms": [100.0] * n,
            "temperature": [0.0, 1.0] * 20,
        }
    )
    with pytest.raises(InvalidInput, match=r"one curve's.*pooled over temperature: 0.0, 1.0"):
        find_knee(RequestTable.from_frame(frame))
    assert find_knee(RequestTable.from_frame(frame), where={"temperature": 1.0}).low is None


@pytest.mark.parametrize("topology", ["1P2D", "1P5D"])
def test_recorded_disaggregated_sweeps(topology: str, shared_data: Path) -> None:
    """One prefill worker serves a request in 16 ms, so beyond the knee latency grows by 16 ms a request."""
    table = read_requests(shared_data / "dynamo090" / f"dynamo090_{topology}_w1_t0.csv")
    for metric in ("latency_ms", "ttft_ms"):
        found = find_knee(table, metric=metric)
        assert (found.low, found.high) == (32, 64)
        assert found.slope_above == pytest.approx(16, abs=0.5)
    assert found.loads.tolist() == DOUBLING.tolist()
    mean = table.collect().filter(pl.col("concurrency") == 64)["ttft_ms"].mean()
    assert found.latency[6] == pytest.approx(mean, rel=1e-12)
    assert find_knee(table, metric="itl_ms").low is None  # decode never saturates in these runs


def test_recorded_aggregated_sweep_is_straight(shared_data: Path) -> None:
    found = find_knee(read_requests(shared_data / "dynamo090" / "agg5_sweep.requests.csv.gz"))
    assert found.outcome is KneeOutcome.STRAIGHT
    assert found.loads.tolist() == [4, 16, 64, 128, 256]  # the warm phase, at load 8, is left out
    assert any("warm" in note for note in found.notes)
