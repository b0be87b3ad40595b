from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from poagame.errors import EmptyTable, FitFailed, InvalidInput, MissingColumn
from poagame.latency import Polynomial, Saturating, Tabulated
from poagame.measured import RequestTable, SweepTable, read_sweep
from poagame.measured.fit import fit_latency, fit_points
from poagame.measured.points import found_in_flight, request_points

LOADS = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 96.0, 128.0])
B200 = np.array([6.62, 6.99, 7.31, 7.95, 9.72, 13.21])  # TP4 trtllm fp8 1024/1024 at 4 … 128, two decimals


def saturating(x: Any, base: float, slope: float, strain: float, capacity: float) -> Any:
    return base + slope * x + strain * x / (capacity - x)


def design(x: np.ndarray, capacity: float) -> np.ndarray:
    return np.stack([np.ones_like(x), x, x / (capacity - x)], axis=1)


# --- recovery ---------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    base=st.floats(1, 100),
    slope=st.floats(0, 2),
    strain=st.floats(0.5, 50),
    headroom=st.floats(0.01, 1.5),
)
@example(base=5.0, slope=0.02, strain=3.0, headroom=22 / 128)
def test_saturating_parameters_come_back_from_exact_points(
    base: float, slope: float, strain: float, headroom: float
) -> None:
    capacity = 128 * (1 + headroom)
    fit = fit_points(LOADS, saturating(LOADS, base, slope, strain, capacity))
    assert isinstance(fit.latency, Saturating)
    assert fit.parameters["capacity"] == pytest.approx(capacity, rel=1e-5)
    assert fit.parameters["base"] == pytest.approx(base, rel=1e-4)
    assert fit.parameters["strain"] == pytest.approx(strain, rel=1e-3)
    assert fit.parameters["slope"] == pytest.approx(slope, rel=1e-3, abs=1e-4)
    np.testing.assert_allclose(fit.fitted, fit.observed, rtol=1e-7)


def test_errors_and_intervals_cover_the_truth_under_noise() -> None:
    truth = {"base": 5.0, "slope": 0.02, "strain": 3.0, "capacity": 150.0}
    rng = np.random.default_rng(20261123)
    x = np.repeat(LOADS, 3)
    scores, inside = [], []
    for _ in range(60):
        fit = fit_points(x, saturating(x, **truth) + 0.1 * rng.standard_normal(len(x)))
        scores.append([(fit.parameters[k] - v) / fit.standard_errors[k] for k, v in truth.items()])  # type: ignore[operator]
        low, high = fit.capacity_interval or (math.nan, math.nan)
        inside.append(low <= truth["capacity"] <= high)
    assert np.sqrt((np.array(scores) ** 2).mean(axis=0)) == pytest.approx(np.ones(4), abs=0.3)
    assert np.mean(inside) >= 0.88


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_polynomial_coefficients_come_back(degree: int) -> None:
    coefficients = np.array([3.0, 0.5, 0.01, 2e-4])[: degree + 1]
    fit = fit_points(LOADS, np.polyval(coefficients[::-1], LOADS), "polynomial", degree=degree)
    np.testing.assert_allclose(list(fit.parameters.values()), coefficients, rtol=1e-9)
    assert list(fit.parameters) == ["base", "slope", "c2", "c3"][: degree + 1]


# --- optimality, by independent code ----------------------------------------------------------------------------------


def assert_kkt(columns: np.ndarray, coefficients: np.ndarray, y: np.ndarray, weight: np.ndarray) -> None:
    """Stationarity, sign and complementarity of nonnegative least squares, per unit of column, up to rounding of y."""
    residuals = y - columns @ coefficients
    gradient = columns.T @ (weight * residuals)
    size = 1e-8 * np.sqrt((weight * residuals**2).sum()) + 1e-12 * np.sqrt((weight * y**2).sum())
    tolerance = size * np.linalg.norm(columns * np.sqrt(weight)[:, None], axis=0)
    assert (coefficients >= 0).all()
    assert (gradient <= tolerance).all()
    assert (np.abs(gradient[coefficients > 0]) <= tolerance[coefficients > 0]).all()


noisy = st.lists(st.tuples(st.integers(0, 5000).map(lambda k: k / 100), st.floats(0.1, 10)), min_size=9, max_size=9)


@given(noisy)
def test_polynomial_fit_satisfies_kkt(rows: list[tuple[float, float]]) -> None:
    y, w = np.array(rows).T
    fit = fit_points(LOADS, y, "polynomial", w, degree=3)
    powers = LOADS[:, None] ** np.arange(4)
    assert_kkt(powers, np.array(list(fit.parameters.values())), y, w)


@settings(max_examples=40)
@given(noisy)
@example([(float(y), 1.0) for y in saturating(LOADS, 5, 0.02, 3, 150)])
def test_saturating_fit_satisfies_kkt_and_no_capacity_is_better(rows: list[tuple[float, float]]) -> None:
    y, w = np.array(rows).T
    fit = fit_points(LOADS, y, weights=w, confidence=0)
    p = fit.parameters
    squares = float((w * fit.residuals**2).sum())
    if math.isinf(p["capacity"]):
        columns = np.stack([np.ones_like(LOADS), LOADS], axis=1)
        assert_kkt(columns, np.array([p["base"], p["slope"]]), y, w)
    else:
        assert_kkt(design(LOADS, p["capacity"]), np.array([p["base"], p["slope"], p["strain"]]), y, w)
    for capacity in 128 * (1 + np.geomspace(1.1e-3, 900, 25)):  # an independent grid
        given_capacity = fit_points(LOADS, y, weights=w, capacity=float(capacity))
        assert squares <= (w * given_capacity.residuals**2).sum() * (1 + 1e-6) + 1e-12 * (w * y * y).sum()


def test_capacity_is_stationary() -> None:
    y = saturating(LOADS, 5, 0.02, 3, 150) * (1 + 0.01 * np.random.default_rng(0).standard_normal(9))
    fit = fit_points(LOADS, y)
    p = fit.parameters
    slope_in_capacity = p["strain"] * LOADS / (p["capacity"] - LOADS) ** 2
    scale = np.linalg.norm(slope_in_capacity) * np.linalg.norm(fit.residuals)
    assert abs(slope_in_capacity @ fit.residuals) < 1e-5 * scale


@pytest.mark.parametrize("weighted", [False, True])
def test_agrees_with_curve_fit_where_no_bound_acts(weighted: bool) -> None:
    rng = np.random.default_rng(1)
    sigma = 0.02 * saturating(LOADS, 5, 0.05, 3, 150) if weighted else np.ones(9)
    y = saturating(LOADS, 5, 0.05, 3, 150) + 0.05 * sigma / sigma.mean() * rng.standard_normal(9)
    fit = fit_points(LOADS, y, weights=1 / sigma**2)
    best, covariance = curve_fit(saturating, LOADS, y, p0=(5, 0.05, 3, 150), sigma=sigma, xtol=1e-14, ftol=1e-14)
    assert fit.at_bound == ()
    np.testing.assert_allclose(list(fit.parameters.values()), best, rtol=1e-5)
    np.testing.assert_allclose(
        np.array(list(fit.standard_errors.values()), dtype=float), np.sqrt(np.diag(covariance)), rtol=1e-3
    )


def test_line_agrees_with_textbook_formulas() -> None:
    x, y = np.array([4, 8, 16, 32, 64, 128.0]), B200
    fit = fit_points(x, y, "affine")
    centred = x - x.mean()
    slope = centred @ y / (centred @ centred)
    residuals = y - y.mean() - slope * centred
    noise = residuals @ residuals / 4
    assert fit.parameters["slope"] == pytest.approx(slope, rel=1e-12)
    assert fit.standard_errors["slope"] == pytest.approx(math.sqrt(noise / (centred @ centred)), rel=1e-9)
    assert fit.standard_errors["base"] == pytest.approx(
        math.sqrt(noise * (1 / 6 + x.mean() ** 2 / (centred @ centred))), rel=1e-9
    )
    assert fit.r_squared == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2, rel=1e-9)


@given(st.lists(st.tuples(st.integers(0, 6), st.floats(0, 20), st.floats(0.1, 5)), min_size=2, max_size=14))
def test_table_is_the_isotonic_regression(rows: list[tuple[int, float, float]]) -> None:
    x, y, w = np.array(rows, dtype=float).T
    loads = np.unique(x)
    if len(loads) < 2:
        with pytest.raises(FitFailed):
            fit_points(x, y, "tabulated", w)
        return
    fit = fit_points(x, y, "tabulated", w)
    assert isinstance(fit.latency, Tabulated)

    def mean(a: int, b: int) -> float:
        inside = (x >= loads[a]) & (x <= loads[b])
        return float(w[inside] @ y[inside] / w[inside].sum())

    n = len(loads)  # the max-min formula of isotonic regression
    expected = [max(min(mean(a, b) for b in range(i, n)) for a in range(i + 1)) for i in range(n)]
    np.testing.assert_allclose(fit.latency(loads), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(fit.latency.load[0], loads)


# --- what is not identified -------------------------------------------------------------------------------------------


def test_straight_points_show_no_capacity() -> None:
    fit = fit_points(LOADS, 5 + 0.3 * LOADS)
    assert isinstance(fit.latency, Polynomial)
    assert fit.parameters == pytest.approx({"base": 5.0, "slope": 0.3, "strain": 0.0, "capacity": math.inf})
    assert fit.standard_errors["capacity"] is None
    assert fit.at_bound == ("strain", "capacity")
    assert "no capacity is identified by loads up to 128" in fit.notes[0]
    assert np.isfinite(fit.latency(1e6)).all()


def test_concave_points_show_no_capacity() -> None:
    assert isinstance(fit_points(LOADS, np.sqrt(LOADS)).latency, Polynomial)


def test_one_raised_load_gives_the_lower_edge_and_says_so() -> None:
    fit = fit_points([4, 8, 16, 32, 64, 128], [1, 1, 1, 1, 1, 9])
    assert fit.at_bound == ("slope", "capacity")
    assert fit.parameters["capacity"] == pytest.approx(128.128)
    assert fit.standard_errors["capacity"] is None
    assert any("lower edge" in note and "only that load shows" in note for note in fit.notes)
    assert fit.capacity_interval is not None
    assert fit.capacity_interval[0] == 128


def test_four_loads_leave_nothing_to_check_a_capacity_by() -> None:
    x = LOADS[-4:]
    y = saturating(x, 5, 0.02, 3, 150)
    assert "four points" in fit_points(x, y).notes[0]
    free = fit_points(x, y, confidence=0)
    assert free.parameters["capacity"] == pytest.approx(150, rel=1e-4)
    assert set(free.standard_errors.values()) == {None}
    assert "no error can be given" in free.notes[-1]


def test_known_capacity_is_kept() -> None:
    fit = fit_points(LOADS, saturating(LOADS, 5, 0.02, 3, 150), capacity=150)
    np.testing.assert_allclose(list(fit.parameters.values()), [5, 0.02, 3, 150], rtol=1e-9)
    assert fit.standard_errors["capacity"] is None
    assert fit.standard_errors["strain"] is not None
    assert "was given" in fit.notes[0]


def test_constant_points() -> None:
    fit = fit_points(LOADS, np.full(9, 2.0))
    assert fit.r_squared is None
    assert fit.parameters["base"] == pytest.approx(2)
    assert fit.parameters["slope"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"capacity": 128.0},
            InvalidInput,
            "capacity must be finite and above every load; got 128, .* largest load is 128",
        ),
        ({"capacity": 200.0, "family": "affine"}, InvalidInput, "capacity= belongs to the saturating family"),
        ({"family": "cubic"}, InvalidInput, "family must be one of saturating, affine.*'cubic'"),
        ({"family": "polynomial", "degree": -1}, InvalidInput, "degree must be a nonnegative integer"),
        ({"confidence": 1.0}, InvalidInput, r"confidence must be in \[0, 1\)"),
        ({"weights": np.zeros(9)}, InvalidInput, "weights must be positive"),
        ({"weights": [1.0]}, InvalidInput, "vectors of one length"),
        ({"latency": -LOADS}, InvalidInput, "latency must be nonnegative"),
        ({"latency": np.where(LOADS > 100, np.nan, 1.0)}, InvalidInput, r"latency must be finite; entry \(8,\)"),
        ({"load": LOADS - 2}, InvalidInput, "load must be nonnegative"),
        ({"load": np.repeat([1.0, 2, 3], 3)}, FitFailed, "saturating fit needs at least 4 distinct loads; got 3"),
        ({"family": "polynomial", "degree": 9}, FitFailed, "at least 10 distinct loads"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fit_points(**({"load": LOADS, "latency": np.ones(9)} | arguments))


# --- tables -----------------------------------------------------------------------------------------------------------


def sweep(**columns: Any) -> SweepTable:
    return SweepTable.from_frame(pl.DataFrame(columns))


def test_sweep_of_several_series_lists_them() -> None:
    table = sweep(
        series=["one", "two"] * 3, concurrency=[1.0, 1, 2, 2, 4, 4], itl_ms=[10.0, 20, 11, 21, 13, 23], tp=[1, 2] * 3
    )
    with pytest.raises(InvalidInput, match=r"(?s)holds 2 series here.*\n  one\n  two"):
        fit_latency(table, "affine")
    for where in ({"series": "two"}, {"tp": 2}, pl.col("tp") > 1):
        fit = fit_latency(table, "affine", where=where)
        np.testing.assert_allclose(list(fit.parameters.values()), [19, 1], rtol=1e-9)
        assert (fit.metric, fit.unit) == ("itl_ms", "ms")
    with pytest.raises(EmptyTable, match="look at where="):
        fit_latency(table, where={"series": "three"})
    with pytest.raises(InvalidInput, match="tp holds Int64"):
        fit_latency(table, where={"tp": "two"})
    with pytest.raises(MissingColumn, match="latency_ms"):
        fit_latency(table, metric="latency_ms", where={"tp": 2})
    with pytest.raises(InvalidInput, match="metric must be one of"):
        fit_latency(table, metric="p99")
    with pytest.raises(InvalidInput, match=r"fit_points\(load, latency\)"):
        fit_latency(np.ones(3))  # type: ignore[arg-type]


def test_weights_of_a_sweep_are_an_expression() -> None:
    x, y = np.array([4, 8, 16, 32, 64, 128.0]), B200
    table = sweep(series=["s"] * 6, concurrency=x, itl_ms=y)
    fit = fit_latency(table, "affine", weights=1 / pl.col("itl_ms") ** 2)
    expected = np.polyfit(x, y, 1, w=1 / y)
    np.testing.assert_allclose(list(fit.parameters.values()), expected[::-1], rtol=1e-9)


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 20), st.integers(0, 6)),
        min_size=1,
        max_size=25,
    )
)
@example([(0, 3, 4), (0, 3, 4), (0, 7, 1), (0, 7, 0)])  # simultaneous, finishing on arrival, of no duration
def test_found_in_flight_is_the_count(rows: list[tuple[int, int, int]]) -> None:
    group, arrival, stay = np.array(rows).T
    finish = arrival + stay
    expected = [
        sum(group[k] == group[i] and arrival[k] < arrival[i] < finish[k] for k in range(len(rows)))
        for i in range(len(rows))
    ]
    np.testing.assert_array_equal(found_in_flight(group, arrival.astype(float), finish.astype(float)), expected)


def requests(n: int = 400, **more: Any) -> RequestTable:
    rng = np.random.default_rng(5)
    latency = rng.uniform(50, 300, n)
    columns = {
        "request_id": [str(i) for i in range(n)],
        "run": np.where(np.arange(n) < n // 2, "a", "b"),
        "arrival_ms": rng.uniform(0, 2000, n).round(2),
        "latency_ms": latency,
        "itl_ms": rng.uniform(5, 20, n),
        "prefill_worker": rng.choice(["9007199254740993", "9007199254740995"], n),
        "decode_worker": rng.choice(["9007199254740993", "9007199254740995"], n),
    }
    return RequestTable.from_frame(pl.DataFrame(columns | more))


def test_requests_pooled_by_load_fit_as_the_single_requests() -> None:
    table = requests()
    rows = table.collect()
    load = np.zeros(rows.height)
    for i, me in enumerate(rows.iter_rows(named=True)):
        load[i] = 1 + sum(
            o["run"] == me["run"]
            and o["decode_worker"] == me["decode_worker"]
            and o["arrival_ms"] < me["arrival_ms"] < o["arrival_ms"] + o["latency_ms"]
            for o in rows.iter_rows(named=True)
        )
    fit = fit_latency(table, "affine", metric="latency_ms")
    slope, base = np.polyfit(load, rows["latency_ms"], 1)
    single = np.maximum([base, slope], 0) if slope > 0 else np.array([rows["latency_ms"].mean(), 0.0])
    np.testing.assert_allclose(list(fit.parameters.values()), single, rtol=1e-9)
    np.testing.assert_array_equal(fit.load, np.unique(load))
    np.testing.assert_array_equal(fit.weight, np.unique(load, return_counts=True)[1])
    assert any("decode_worker" in note for note in fit.notes)
    assert any("pooled over run: a, b" in note for note in fit.notes)


def test_warm_requests_count_as_load_but_are_not_fitted() -> None:
    phase = np.where(np.arange(400) % 2, "warm", "main")
    table = requests(phase=phase)
    with_warm = request_points(table, metric="itl_ms", load="in_flight", where=pl.col("phase").is_not_null())
    without = request_points(table, metric="itl_ms", load="in_flight")
    assert with_warm.weight.sum() == 400
    assert without.weight.sum() == 200
    alone = RequestTable.from_frame(table.collect().filter(pl.col("phase") == "main"))
    there = request_points(alone, metric="itl_ms", load="in_flight")
    assert np.average(without.load, weights=without.weight) > 1.5 * np.average(there.load, weights=there.weight)
    assert any('200 requests of phase "warm" left out' in note for note in without.notes)


def test_requests_of_unknown_worker_say_how_to_record_it() -> None:
    table = RequestTable.from_frame(requests().collect().drop("decode_worker"))
    with pytest.raises(MissingColumn, match=r"(?s)decode_worker.*the load on each worker.*nvext"):
        fit_latency(table)


def test_requests_without_times_or_workers_in_some_rows_are_counted() -> None:
    worker = [None, "1", *["2"] * 398]
    fit = fit_latency(requests(decode_worker=worker), "affine")
    assert any("1 requests without arrival, finish or decode_worker" in note for note in fit.notes)
    assert fit.weight.sum() == 399


# --- real files -------------------------------------------------------------------------------------------------------


def test_measured_b200(shared_data: Path) -> None:
    table = read_sweep(shared_data / "measured" / "measured_b200_llama31_70b.csv")
    where = {"backend": "trtllm", "precision": "fp8", "tp": 4, "isl": 1024, "osl": 1024}
    fit = fit_latency(table, where=where)
    np.testing.assert_array_equal(fit.load, [4, 8, 16, 32, 64, 128])
    np.testing.assert_allclose(fit.observed, B200, atol=0.005)
    # These rows show no capacity: the straight line is not rejected.
    assert fit.parameters["capacity"] == math.inf
    assert fit.parameters["slope"] == pytest.approx(0.0525, abs=5e-4)
    assert fit.parameters["base"] == pytest.approx(6.43, abs=0.01)
    assert np.abs(fit.residuals / fit.observed).max() < 0.03
    assert "least squares alone would put it at" in fit.notes[-1]


def test_str_reads_as_a_report() -> None:
    text = str(fit_points(LOADS, 5 + 0.3 * LOADS, metric="itl_ms", unit="ms"))
    assert text.startswith("saturating fit of itl_ms [ms] to 9 points, R² = 1.0000\n  base     5 ±")
    assert "capacity inf at its bound" in text
