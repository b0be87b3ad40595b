from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poagame.errors import FitFailed, InvalidInput, MissingColumn, UndefinedRatio
from poagame.estimator import poa_hat
from poagame.latency import Polynomial, Saturating
from poagame.measured import DecisionTable, RequestTable, fit_latency, read_requests

LINE = Polynomial([[10.0, 1.0]])


def table_of(rows: int = 8, **columns: object) -> RequestTable:
    """Requests a ms apart, alternately on two workers; worker "1" is the slower one."""
    frame = pl.DataFrame(
        {
            "request_id": [str(k) for k in range(rows)],
            "arrival_ms": [float(k) for k in range(rows)],
            "latency_ms": [20.0 if k % 2 else 10.0 for k in range(rows)],
            "decode_worker": [str(k % 2) for k in range(rows)],
        }
    )
    return RequestTable.from_frame(frame.with_columns(**{n: pl.Series(v) for n, v in columns.items()}))  # type: ignore[arg-type]


def test_a_tiny_example_by_hand() -> None:
    # Six requests on workers 0, 1, 0, 1, 0, 0, at 0, 1, …, 5 ms; windows {0, 1}, {2, 3}, {4, 5}.
    # In flight: request 0 on [0, 3), 1 on [1, 9), 2 on [2, 4), 3 on [3, 6), 4 on [4, 9), 5 on [5, 6).
    frame = pl.DataFrame(
        {
            "request_id": list("abcdef"),
            "arrival_ms": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            "latency_ms": [3.0, 8.0, 2.0, 3.0, 5.0, 1.0],
            "decode_worker": ["0", "1", "0", "1", "0", "0"],
        }
    )
    table = RequestTable.from_frame(frame)
    # Loads when they open: (0, 0), (1, 1), (0, 2). ℓ(x) = 10 + x: frozen 20, 22, 22.
    frozen = poa_hat(table, latency=LINE)
    assert frozen.windows["optimum"].to_list() == [20.0, 22.0, 22.0]
    assert frozen.windows["realised"].to_list() == [11.0, 5.0, 6.0]
    assert frozen.windows["opened_ms"].to_list() == [0.0, 2.0, 4.0]
    assert frozen.value == pytest.approx(22 / 64)
    assert frozen.overall["median"].item() == pytest.approx(np.median([11 / 20, 5 / 22, 6 / 22]))
    assert poa_hat(table, latency=LINE, aggregate="median").value == pytest.approx(6 / 22)
    # The game: one on each worker costs 11 + 11, 12 + 12; on (0, 2) both on worker 0 cost 2·12, one each 11 + 13: 24.
    congestion = poa_hat(table, "congestion", latency=LINE)
    assert congestion.windows["optimum"].to_list() == [22.0, 24.0, 24.0]
    assert congestion.windows["assigned"].to_list() == [22.0, 24.0, 24.0]
    assert congestion.value == pytest.approx(22 / 70)
    assert congestion.overall["assignment_ratio"].item() == 1.0


def test_overlap_lowers_the_optimum_until_it_is_undefined() -> None:
    table = table_of(prefix_group=["p"] * 8)
    values = [poa_hat(table, latency=LINE, overlap_weight=w).value for w in (0.0, 5.0, 10.0)]
    assert values[0] is not None
    assert values[0] < values[1] < values[2]  # type: ignore[operator]
    for cost in ("frozen", "congestion"):
        with pytest.raises(UndefinedRatio, match="optimum of the table sums to .*lower overlap_weight"):
            poa_hat(table, cost, latency=LINE, overlap_weight=1000.0)


def test_windows_without_a_positive_optimum_are_counted_and_forbid_the_median() -> None:
    # the first window finds empty caches, the others a resident prefix
    table = table_of(prefix_group=["p"] * 8)
    hat = poa_hat(table, latency=Polynomial([[10.0]]), overlap_weight=10.5)
    assert hat.windows["optimum"].to_list() == pytest.approx([20.0, -1.0, -1.0, -1.0])
    assert hat.windows["ratio"].null_count() == 3
    assert hat.overall["undefined_windows"].item() == 3
    assert hat.value == pytest.approx(120 / 17)
    assert hat.low is None  # some resample holds none of the first window
    assert "undefined_windows" in str(hat)
    with pytest.raises(UndefinedRatio, match="3 of 4 ratios"):
        poa_hat(table, latency=Polynomial([[10.0]]), overlap_weight=10.5, aggregate="median")


@given(st.integers(0, 10**6))
def test_scaling_the_metric_scales_the_index_and_naming_workers_otherwise_does_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = table_of(40, decode_worker=rng.choice(["0", "1", "2"], 40).tolist())
    rows = table.collect().with_columns(finish_ms=pl.col("arrival_ms") + pl.col("latency_ms"))
    first = poa_hat(RequestTable.from_frame(rows), latency=LINE)
    doubled = poa_hat(RequestTable.from_frame(rows.with_columns(pl.col("latency_ms") * 2.0)), latency=LINE)
    renamed = rows.with_columns(pl.col("decode_worker").replace({"0": "9", "1": "4", "2": "1"}))
    assert doubled.value == pytest.approx(2 * first.value)  # type: ignore[operator]
    assert doubled.low == pytest.approx(2 * first.low)  # type: ignore[operator]
    assert poa_hat(RequestTable.from_frame(renamed), latency=LINE).value == pytest.approx(first.value)
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=seed % 1000)
    assert poa_hat(RequestTable.from_frame(shuffled), latency=LINE).value == pytest.approx(first.value)


def test_groups_are_estimated_apart_and_together() -> None:
    table = table_of(24, concurrency=[1] * 10 + [2] * 13 + [3], phase=["low"] * 24)
    hat = poa_hat(table, latency=LINE)
    assert hat.by_group["concurrency"].to_list() == [1, 2, 3]
    assert hat.by_group["num_windows"].to_list() == [5, 6, 0]  # the last group's one request is no window of 2
    assert hat.by_group["num_requests"].to_list()[:2] == [10, 12]
    assert hat.by_group["num_workers"].to_list()[:2] == [2, 2]
    assert hat.by_group["low"].null_count() == 1
    assert "left out: 2 requests after the last full window" in hat.definition
    sums = hat.windows.group_by("group", maintain_order=True).agg(pl.col("realised", "optimum").sum())
    assert hat.by_group["value"].to_list()[:2] == pytest.approx((sums["realised"] / sums["optimum"]).to_list())
    assert hat.by_group["value"].to_list()[2] is None
    assert hat.value == pytest.approx(sums["realised"].sum() / sums["optimum"].sum())
    longer = poa_hat(table, latency=LINE, window=6)
    assert longer.by_group["value"].null_count() == 1
    assert "1 of 3 groups are shorter than a window" in hat.definition
    assert longer.by_group["num_windows"].to_list() == [1, 2, 0]
    assert "1 of 3 groups are shorter than a window" in longer.definition


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    table = table_of(60, latency_ms=np.random.default_rng(0).random(60) * 50 + 1)
    one, same, other = (poa_hat(table, latency=LINE, seed=s) for s in (1, 1, 2))
    assert (one.low, one.high) == (same.low, same.high)
    assert (one.low, one.high) != (other.low, other.high)
    assert one.low < one.value < one.high  # type: ignore[operator]
    wide = poa_hat(table, latency=LINE, confidence=0.99, seed=1)
    assert wide.low < one.low < one.high < wide.high  # type: ignore[operator]


def test_the_latency_is_fitted_to_the_table_as_fit_latency_does_it() -> None:
    rng = np.random.default_rng(0)
    growing = np.linspace(5.0, 40.0, 300) + rng.random(300)  # later requests are slower, and find more in flight
    table = table_of(300, decode_worker=rng.choice(["0", "1"], 300, p=[0.6, 0.4]), latency_ms=growing)
    fit = fit_latency(table, family="affine", metric="latency_ms")
    assert fit.parameters["slope"] > 0.5
    # what a request finds, for frozen; with itself, for the game
    fitted = poa_hat(table)
    assert fitted.value == pytest.approx(poa_hat(table, latency=fit.latency.preloaded(1)).value, rel=1e-9)
    game = poa_hat(table, "congestion")
    assert game.value == pytest.approx(poa_hat(table, "congestion", latency=fit.latency).value, rel=1e-9)
    assert f"base {fit.parameters['base']:.5g}" in game.definition
    assert "latency: fitted to the table, saturating" in fitted.definition


def test_where_no_fit_is_possible_the_unloaded_median_takes_over_and_says_so() -> None:
    # one request at a time: a single load, so nothing can be fitted
    table = table_of(8, latency_ms=[0.5] * 6 + [0.9] * 2)
    hat = poa_hat(table)
    assert hat.value == pytest.approx((0.5 * 6 + 0.9 * 2) / (8 * 0.5))
    assert "the saturating fit failed (a saturating fit needs" in hat.definition
    assert "in its place the median latency_ms" in hat.definition
    assert poa_hat(table, latency="unloaded").value == hat.value
    assert "asked for: the median" in poa_hat(table, latency="unloaded").definition
    with pytest.raises(FitFailed):
        poa_hat(table, "congestion")


def test_the_unloaded_median_is_of_the_groups_requests_at_its_lowest_load_alone() -> None:
    # both workers are idle for requests 0 and 1 of the first group, and busy with one request for the rest of it;
    # in the second group, long after, for 8 and 9
    latency = [4.0, 7.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0, 100.0, 200.0, 9.0, 9.0]
    arrival = [0.0, 1.0, 2.0, 3.0, 10.0, 11.0, 12.0, 13.0, 1000.0, 1001.0, 1002.0, 1003.0]
    hat = poa_hat(
        table_of(12, latency_ms=latency, arrival_ms=arrival, concurrency=[2] * 8 + [4] * 4), latency="unloaded"
    )
    assert hat.windows["optimum"].to_list() == pytest.approx([2 * 5.5] * 4 + [2 * 150.0] * 2)


def test_a_fitted_capacity_below_what_the_game_needs_gives_way_to_a_polynomial_and_says_so() -> None:
    # loads up to 9 on one worker, with a latency that explodes right above them
    law = Saturating([10.0], [0.0], [0.5], [9.01])
    load = np.tile(np.arange(1, 10), 30)
    arrival = np.arange(len(load)) // 9 * 1000.0 + np.arange(len(load)) % 9 * 0.1
    table = table_of(
        len(load),
        arrival_ms=arrival,
        latency_ms=np.asarray(law(load[:, None])).ravel(),
        decode_worker=["0"] * len(load),
    )
    hat = poa_hat(table, "congestion", window=6)
    assert "fitted to the table, quadratic, as the saturating fit has its capacity at 9.01" in hat.definition
    assert "latency: fitted to the table, saturating:" in poa_hat(table, window=6).definition


def test_a_latency_a_worker_follows_the_order_of_ids() -> None:
    table = table_of(8, latency_ms=[0.5] * 8)  # nobody in flight when a window opens
    hat = poa_hat(table, latency=Polynomial([[1.0], [3.0]]), window=3)
    assert hat.windows["optimum"].to_list() == [1 + 1 + 3, 1 + 1 + 3]  # two slots a worker
    with pytest.raises(InvalidInput, match="latency has 3 resources, and a group shows 2 workers"):
        poa_hat(table, latency=Polynomial([[1.0]] * 3))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cost": "hungarian"}, "cost must be one of 'frozen', 'congestion', 'decision'; got 'hungarian'"),
        ({"cost": "decision"}, "needs a table of decisions"),
        ({"aggregate": "mean"}, "'ratio_of_sums', 'median'"),
        ({"overlap_weight": -1.0}, "overlap_weight must be finite and nonnegative"),
        ({"overlap_weight": float("nan")}, "overlap_weight must be finite and nonnegative"),
        ({"confidence": 2.0}, "confidence must lie strictly between 0 and 1"),
        ({"num_resamples": 0}, "num_resamples must be an integer"),
        ({"window": 9}, "window of 9 requests is longer than every group: the largest holds 8"),
        ({"latency": "flat"}, "latency must be a Latency, 'unloaded', or None"),
        ({"cost": "congestion", "latency": "unloaded"}, "needs cost='frozen'"),
        ({"latency": Saturating([1.0], [1.0], [1.0], [0.5])}, "past its capacity"),
    ],
)
def test_bad_arguments_are_refused_with_what_is_wanted(options, said) -> None:
    # loads of up to ten requests in flight
    with pytest.raises(InvalidInput, match=said.replace("(", "\\(")):
        poa_hat(table_of(), **({"latency": LINE} | options))


def test_decisions_are_no_requests() -> None:
    frame = pl.DataFrame({"decision": [0], "worker": ["1"], "logit": [1.0], "selected": [True]})
    with pytest.raises(InvalidInput, match="cost='frozen' needs a table of requests"):
        poa_hat(DecisionTable.from_frame(frame))


def test_the_text_is_a_table_that_lines_up_above_the_definition() -> None:
    table = table_of(24, run=["long name of a run"] * 12 + ["b"] * 12, concurrency=[1] * 12 + [1000] * 12)
    hat = poa_hat(table, "congestion", latency=LINE)
    head, _, *lines = str(hat).splitlines()
    assert head.startswith(f"PoA-hat (congestion) = {hat.value:.4g}, [")
    rows = lines[: lines.index("")]
    assert len(rows) == 3
    column = rows[0].index("concurrency") + len("concurrency")
    assert rows[1][:column].endswith("1,000")
    assert rows[2][:column].endswith("    1")
    assert len({len(row) for row in rows}) == 1
    for said in ("definition: congestion", "reading:", "latency: given", "window: 2 consecutive", "load:", "bootstrap"):
        assert said in hat.definition
    assert "index" in poa_hat(table, latency=LINE).definition


def test_real_requests_of_one_prefill_and_two_or_five_decode_workers(shared_data: Path) -> None:
    for name, workers in (("dynamo090_1P2D_w1_t0.csv", 2), ("dynamo090_1P5D_w1_t0.csv", 5)):
        table = read_requests(shared_data / "dynamo090" / name)
        hat = poa_hat(table)
        assert hat.by_group["concurrency"].to_list() == [1, 2, 4, 8, 16, 32, 64, 128, 256]
        assert hat.by_group["num_workers"].max() == workers
        asked = hat.by_group["num_requests"].sum()
        assert asked <= table.num_rows
        assert f"left out: {table.num_rows - asked} requests" in hat.definition
        game = poa_hat(table, "congestion")
        assert (game.by_group["assignment_ratio"] >= 1.0).all()
        assert 0.5 < game.value < 2.0  # type: ignore[operator]  # its own latencies, fitted: near 1
        # unloaded, at C = 1, a request costs what requests cost: about 1.23 s
        alone = poa_hat(table, latency="unloaded").by_group.filter(pl.col("concurrency") == 1)
        assert alone["value"].item() == pytest.approx(1.0, abs=0.05)


def test_loads_of_a_real_run_agree_with_its_closed_loop(shared_data: Path) -> None:
    """With C clients there are never more than C requests in flight; the warm ones are left out."""
    table = read_requests(shared_data / "dynamo090" / "agg5_sweep.requests.csv.gz")
    one = poa_hat(table, latency=Polynomial([[1.0, 1.0]]), group_by=["concurrency"], window=1)
    assert '40 requests of phase "warm"' in one.definition
    # ℓ(x) = 1 + x and a window of one request: the optimum is the least load of the five workers
    top = one.windows.join(one.by_group.select("group", "concurrency"), on="group")
    assert (top["optimum"] - 1.0 <= (top["concurrency"] - 1) / 5).all()
    assert top.filter(pl.col("concurrency") == 256)["optimum"].max() >= 40


def test_ttft_and_the_prefill_stage(shared_data: Path) -> None:
    table = read_requests(shared_data / "dynamo090" / "disagg_4p2d.requests.csv.gz")
    prefill = poa_hat(table, metric="ttft_ms", stage="prefill", latency="unloaded")
    decode = poa_hat(table, metric="itl_ms", latency="unloaded")
    assert prefill.by_group["num_workers"].to_list() == [4] * prefill.by_group.height
    assert decode.by_group["num_workers"].to_list() == [2] * decode.by_group.height
    assert "Σ realised ttft_ms" in prefill.definition


def test_a_load_generators_table_without_server_workers_is_refused_with_the_remedy(shared_data: Path) -> None:
    table = read_requests(shared_data / "load_generators" / "guidellm_benchmarks.json")
    with pytest.raises(MissingColumn, match="--export-level raw"):
        poa_hat(table)


def test_the_agg5_pressure_run_with_overlap_inferred_from_templates(shared_data: Path) -> None:
    table = read_requests(shared_data / "dynamo090" / "agg5_pressure.requests.csv.gz")
    plain = poa_hat(table, "congestion")
    credit = poa_hat(table, "congestion", overlap_weight=5.0)
    assert credit.value > plain.value  # type: ignore[operator]
    assert (credit.by_group["assignment_ratio"] >= 1.0).all()
    assert "overlap: inferred" in credit.definition


def test_a_compressed_file_gives_what_its_plain_text_gives(shared_data: Path, tmp_path: Path) -> None:
    packed = shared_data / "dynamo090" / "agg5_sweep.requests.csv.gz"
    plain = tmp_path / "requests.csv"
    plain.write_bytes(gzip.decompress(packed.read_bytes()))
    assert poa_hat(read_requests(plain)).value == poa_hat(read_requests(packed)).value
