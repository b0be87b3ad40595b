"""Attainment curves against closed forms, exact recursions, dense chains and a simulated queue."""

from __future__ import annotations

from fractions import Fraction
from heapq import heappop, heappush
from math import exp
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poagame as pg
from poagame._arrays import FloatArray
from poagame.games.attainment import (
    Attainment,
    Curve,
    DecodeBatch,
    Exponential,
    LoadedAttainment,
    PrefillQueue,
    Quadratic,
    deterministic_wait,
    erlang_c,
    exponential_wait,
    shape,
)
from poagame.games.attainment.waiting import Service

MEASURED_LOAD = np.array([4.0, 8.0, 16.0, 32.0, 64.0, 128.0])
MEASURED_ITL = np.array([6.62, 6.99, 7.31, 7.95, 9.72, 13.21])


def itl(batch: FloatArray) -> FloatArray:
    return np.interp(batch, MEASURED_LOAD, MEASURED_ITL)


def erlang_by_recursion(workers: int, load: Fraction) -> Fraction:
    """B_0 = 1, B_c = a B / (c + a B), in exact fractions; then C."""
    blocked = Fraction(1)
    for c in range(1, workers + 1):
        blocked = load * blocked / (c + load * blocked)
    return workers * blocked / (workers - load * (1 - blocked))


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 10, 40])
@pytest.mark.parametrize("share", [Fraction(1, 100), Fraction(1, 2), Fraction(9, 10), Fraction(999, 1000)])
def test_erlang_against_exact_fractions(workers: int, share: Fraction) -> None:
    load = share * workers
    assert float(erlang_c(workers, float(load))) == pytest.approx(float(erlang_by_recursion(workers, load)), rel=1e-11)


def test_erlang_tabulated() -> None:
    """C(1, ρ) = ρ; C(2, 1) = 1/3; C(3, 2) = 4/9; and at the edge of stability all wait."""
    assert erlang_c([1.0, 2.0, 3.0], [0.7, 1.0, 2.0]) == pytest.approx([0.7, 1 / 3, 4 / 9], rel=1e-13)
    assert erlang_c([2.0, 2.0, 0.0], [2.0, 5.0, 0.0]).tolist() == [1.0, 1.0, 1.0]


@given(st.floats(0.01, 60.0), st.floats(0.0, 0.999))
def test_erlang_between_whole_numbers_lies_between(workers: float, share: float) -> None:
    load = share * workers
    below, above = np.floor(workers), np.ceil(workers)
    value = float(erlang_c(workers, load))
    assert float(erlang_c(above, load)) * (1 - 1e-9) <= value <= float(erlang_c(below, load)) * (1 + 1e-9)


@pytest.mark.parametrize("spare", [1.0, 300.0, 5e4])
def test_erlang_of_many_workers(spare: float) -> None:
    """The recursion of 1/B, of positive terms; C is then small or near 1."""
    workers, load = 100_000, 100_000 - spare
    inverse = 1.0
    for c in range(1, workers + 1):
        inverse = min(1.0 + c / load * inverse, 1e300)
    expected = workers / inverse / (spare + load / inverse)
    assert float(erlang_c(workers, load)) == pytest.approx(expected, rel=1e-9, abs=1e-290)


@pytest.mark.parametrize(
    ("workers", "load"), [(0.3, 0.1), (0.3, 0.299), (2.5, 1.0), (7.25, 6.0), (29.9, 25.0), (30.1, 25.0), (300.5, 280.0)]
)
def test_erlang_between_whole_numbers_by_its_integral(workers: float, load: float) -> None:
    """1/B = a ∫ e^{−au} (1 + u)^c du [jagers1986], by the trapezoidal rule after u = e^x."""
    x = np.linspace(-40.0, 9.0, 400_001)
    u = np.exp(x)
    inverse = load * float(np.exp(workers * np.log1p(u) - load * u + x).sum()) * (x[1] - x[0])
    expected = workers / inverse / (workers - load * (1 - 1 / inverse))
    assert float(erlang_c(workers, load)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("service", ["deterministic", "exponential"])
def test_a_simulated_line(service: Service) -> None:
    """Three workers by the recursion of Kiefer and Wolfowitz; 40 batches give the error bar."""
    rng = np.random.default_rng(3)
    number, load, wait = 120_000, 2.5, 0.7
    arrival = np.cumsum(rng.exponential(1.0 / load, number))
    length = np.ones(number) if service == "deterministic" else rng.exponential(1.0, number)
    free, inside = [0.0, 0.0, 0.0], np.zeros(number)
    for i in range(number):
        k = free.index(min(free))
        begin = max(arrival[i], free[k])
        inside[i] = begin - arrival[i] <= wait
        free[k] = begin + length[i]
    batches = inside[2_000 : 2_000 + 40 * 2_900].reshape(40, -1).mean(axis=1)
    share = PrefillQueue(load, 1000.0, 1000.0 * (1.0 + wait), service)(3.0)
    assert abs(float(share) - batches.mean()) < 4.0 * batches.std(ddof=1) / np.sqrt(40)


def test_one_exponential_server_in_closed_form() -> None:
    """1 − ρ e^{−(1−ρ)t}."""
    assert exponential_wait(1.0, 0.6, 2.0) == pytest.approx(1 - 0.6 * exp(-0.8), rel=1e-12)


def dense_batches(decode: DecodeBatch, workers: float, size: int = 900) -> float:
    """The birth–death generator of one worker, solved densely, arrivals seeing averages."""
    up = decode.arrival_rate / 1000.0 / workers
    batch = np.minimum(np.arange(1.0, size), decode.max_batch)
    down = batch / decode.output_tokens / itl(batch)
    rate = np.zeros((size, size))
    for n in range(size - 1):
        rate[n, n + 1] = up
        rate[n + 1, n] = down[n]
    rate -= np.diag(rate.sum(axis=1))
    law = np.linalg.lstsq(np.vstack([rate.T / up, np.ones(size)]), np.append(np.zeros(size), 1.0), rcond=None)[0]
    found = np.minimum(np.arange(size) + 1, decode.max_batch)
    return float(law[itl(found.astype(np.float64)) <= decode.target_ms].sum())


@pytest.mark.parametrize(
    ("rate", "workers", "batch"), [(40.0, 1.0, 128), (40.0, 2.5, 128), (20.0, 1.3, 16), (20.0, 1.3, 12)]
)
def test_batches_against_a_dense_chain(rate: float, workers: float, batch: int) -> None:
    decode = DecodeBatch(rate, itl, 8.5, 100.0, batch)
    assert float(decode(workers)) == pytest.approx(dense_batches(decode, workers), abs=1e-8)


@settings(max_examples=40)
@given(st.floats(0.1, 60.0), st.floats(0.05, 8.0), st.floats(6.0, 14.0))
def test_more_workers_and_fewer_requests_are_better(rate: float, workers: float, target: float) -> None:
    decode = DecodeBatch(rate, itl, target, 100.0, 128)
    prefill = PrefillQueue(rate, 50.0, 40.0 + 20.0 * target)
    for curve in (decode, prefill):
        assert isinstance(curve, LoadedAttainment)
        share = curve(np.array([0.0, workers, 1.3 * workers, 40.0]))
        assert ((share >= 0) & (share <= 1 + 1e-12)).all()
        assert (np.diff(share) >= -1e-9).all()
        assert float(curve.attained(workers, 0.7 * rate)) >= float(share[1]) - 1e-9
        assert float(curve.throughput(workers)) <= rate


@settings(max_examples=40)
@given(st.floats(0.05, 12.0), st.sampled_from(["deterministic", "exponential"]))
def test_derivatives(workers: float, service: Service) -> None:
    h = 1e-6
    decode = DecodeBatch(25.0, itl, 9.0, 100.0, 128)
    assert float(decode.derivative(workers)) == pytest.approx(
        float(decode(workers + h) - decode(workers - h)) / (2 * h), rel=1e-4, abs=1e-7
    )
    prefill = PrefillQueue(30.0, 100.0, 250.0, service)
    if abs(workers - 3.0) > 1e-3:
        ahead = float(prefill(workers + 1e-4) - prefill(workers - 1e-4)) / 2e-4
        assert float(prefill.derivative(workers)) == pytest.approx(ahead, rel=2e-3, abs=1e-4)


def test_the_cubic_goes_through_the_exact_values() -> None:
    prefill = PrefillQueue(10.0, 200.0, 400.0)
    whole = np.arange(3, 8)
    assert prefill(whole) == pytest.approx([deterministic_wait(int(c), 2.0, 1.0) for c in whole], abs=1e-12)
    share = prefill(np.linspace(2.0, 9.0, 400))
    assert (np.diff(share) >= -1e-12).all()


@pytest.mark.parametrize("curve", [PrefillQueue(0.0, 100.0, 200.0), DecodeBatch(0.0, itl, 9.0, 100.0)])
def test_without_requests_all_are_in_time(curve: Any) -> None:
    """Of a pool with workers."""
    assert curve([0.0, 1.0, 5.0]).tolist() == [0.0, 1.0, 1.0]


def test_extremes_are_finite() -> None:
    for curve in (
        PrefillQueue(1e9, 100.0, 200.0, "exponential"),
        DecodeBatch(1e9, itl, 9.0, 100.0),
        PrefillQueue(5.0, 100.0, 200.0),
    ):
        share = curve([0.0, 1e-9, 1.0, 1e6, 1e12])
        assert np.isfinite(share).all()
        assert np.isfinite(curve.derivative([0.0, 1e-9, 1.0, 1e6])).all()
        assert share[0] == 0.0
    assert float(PrefillQueue(1.0, 100.0, 50.0)(5.0)) == 0.0  # a prompt takes longer than the target
    assert float(PrefillQueue(1e6, 100.0, 200.0)(1e6)) == 1.0
    with pytest.raises(pg.TooLarge, match="exponential"):
        PrefillQueue(1.2e6, 100.0, 200.0)(120_100.0)


@settings(max_examples=60)
@given(
    st.floats(0.01, 90.0),
    st.floats(0.0, 3.0),
    st.floats(0.0, 1.0),
    st.floats(0.1, 1.0),
    st.sampled_from(["deterministic", "exponential"]),
)
def test_queues_between_whole_numbers_of_workers(
    rate: float, patience: float, above: float, part: float, service: Service
) -> None:
    """0 to the load; then it rises with the workers and falls with the rate, also between whole numbers, where the cubic is ours."""
    prefill = PrefillQueue(rate, 100.0, 100.0 * (1.0 + patience), service)
    load = 0.1 * rate
    assert prefill([0.3 * load, 0.999 * load, load]).tolist() == [0.0, 0.0, 0.0]
    assert prefill(load * (1 + 1e-9)) < 1e-6
    workers = np.sort(np.append(load + above * np.arange(60) / 5.0, np.arange(15)))
    share = prefill(workers)
    assert (np.diff(share) >= -1e-12).all()
    assert (prefill.attained(workers, part * rate) >= share - 1e-12).all()


def test_a_value_does_not_depend_on_what_else_is_asked_for() -> None:
    prefill, workers = PrefillQueue(27.0, 100.0, 150.0), np.linspace(2.0, 40.0, 77)
    assert prefill(workers).tolist() == [float(prefill(c)) for c in workers]


def test_waiting_in_batches_does_not_matter_to_those_in_time_by_itl() -> None:
    """If a full batch is fast enough all requests are, while workers keep up: a jump, with slope 0 on both sides."""
    decode = DecodeBatch(10.0, itl, 14.0, 100.0, 128)
    edge = 10.0 / float(decode.throughput(1e-3)) * 1e-3
    assert decode([0.999 * edge, 1.001 * edge]).tolist() == [0.0, 1.0]
    assert decode.derivative([0.999 * edge, 1.001 * edge, edge * (1 + 1e-11)]).tolist() == [0.0, 0.0, 0.0]


def test_batches_that_are_slow_when_small() -> None:
    """Then fewer requests may be served worse; the chain is that of any itl."""
    decode = DecodeBatch(4.0, lambda n: np.where(n < 3, 12.0, 8.0 + 0.01 * n), 9.0, 100.0, 64)
    share = decode([0.5, 1.0, 4.0, 100.0])
    assert share[1] > share[2] > share[3] > 0
    assert decode.derivative(4.0) < 0
    h = 1e-5
    assert float(decode.derivative(4.0)) == pytest.approx(float(decode(4.0 + h) - decode(4.0 - h)) / (2 * h), rel=1e-6)


@pytest.mark.parametrize("kind", ["same", "two lengths"])
def test_batches_do_not_feel_how_lengths_are_spread(kind: str) -> None:
    """Simulated in the time in which each request has made as many tokens: exponential lengths are nowhere assumed."""
    rng, number, mean = np.random.default_rng(5), 60_000, 100.0
    decode = DecodeBatch(40.0, itl, 8.5, mean, 128)
    tokens = np.full(number, mean) if kind == "same" else rng.choice([20.0, 500.0], number, p=[5 / 6, 1 / 6])
    assert tokens.mean() == pytest.approx(mean, rel=0.02)
    speed, ends, made, good = 1.0 / decode.batch_itl, list[float](), 0.0, np.zeros(number)
    for i, gap in enumerate(rng.exponential(1000.0 / 40.0, number)):
        left = gap
        while ends and (ends[0] - made) / speed[len(ends) - 1] <= left:
            left -= (ends[0] - made) / speed[len(ends) - 1]
            made = heappop(ends)
        made += left * speed[len(ends) - 1] if ends else 0.0
        heappush(ends, made + tokens[i])
        good[i] = decode.batch_itl[len(ends) - 1] <= 8.5
    batches = good[2_000 : 2_000 + 40 * 1_450].reshape(40, -1).mean(axis=1)
    assert abs(float(decode(1.0)) - batches.mean()) < 4.0 * batches.std(ddof=1) / np.sqrt(40)


def test_service_levels_are_not_concave_in_general() -> None:
    found = shape(PrefillQueue(10.0, 200.0, 400.0), 1.0, 8.0, 701)
    assert not found.is_concave
    assert found.convex[0][0] < 2.0 < found.convex[0][1]  # the load is two workers, where the curve turns up
    assert found.rise_at == pytest.approx(2.0)
    assert found.rise == pytest.approx(float(PrefillQueue(10.0, 200.0, 400.0).derivative(2.0)), rel=0.05)
    assert shape(PrefillQueue(10.0, 200.0, 400.0), 3.0, 8.0).is_concave
    assert shape(Exponential(2.0), 0.0, 9.0).is_concave
    assert str(found).startswith("not concave from 1.9")
    decode = shape(DecodeBatch(25.0, itl, 9.0, 100.0, 128), 0.3, 4.0)
    assert not decode.is_concave
    assert decode.rise > 0


def test_profiles() -> None:
    lengths, times = [100.0, 2135.0, 4170.0], [19.0, 95.2, 162.3]
    assert PrefillQueue.from_profile(lengths, times, 2135, 1.0, 500.0).service_ms == 95.2
    with pytest.raises(pg.InvalidInput, match="NaN|finite"):
        PrefillQueue.from_profile(lengths, [19.0, np.nan, 162.3], 1000, 1.0, 500.0)
    with pytest.raises(pg.InvalidInput, match="profile that length"):
        PrefillQueue.from_profile(lengths, times, 9000, 1.0, 500.0)
    with pytest.raises(pg.InvalidInput, match="rise strictly"):
        PrefillQueue.from_profile(lengths[::-1], times, 1000, 1.0, 500.0)


def test_a_number_is_a_curve_of_no_slope() -> None:
    curve = Curve(lambda workers: 0.5)  # type: ignore[arg-type,return-value]
    assert curve([1.0, 2.0]).tolist() == [0.5, 0.5]
    assert curve.derivative([1.0, 2.0]).tolist() == [0.0, 0.0]


def test_the_slope_of_a_queue_is_that_of_its_cubic() -> None:
    """At one worker the cubic of this queue turns from steep to flat at once, which a difference across it would blur."""
    queue = PrefillQueue(0.873, 224.3, 1900.8)
    assert queue.derivative(1.0) == pytest.approx(float(queue.derivative(1.0 + 1e-9)), rel=1e-6)
    load = 0.873 * 0.2243
    assert queue.derivative([0.5 * load, 80.0]).tolist() == [0.0, 0.0]
    ahead = (queue(load + 1e-7) - queue(load)) / 1e-7
    assert queue.derivative(load) == pytest.approx(float(ahead), rel=1e-4)


def test_a_fitted_latency_of_measured_rows() -> None:
    fitted = pg.latency.Tabulated(MEASURED_LOAD, MEASURED_ITL)
    assert DecodeBatch(30.0, fitted, 9.0, 100.0, 128)(2.0) == pytest.approx(
        float(DecodeBatch(30.0, itl, 9.0, 100.0, 128)(2.0))
    )


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: PrefillQueue(-1.0, 100.0, 200.0), "arrival_rate"),
        (lambda: PrefillQueue("x", 100.0, 200.0), "arrival_rate"),  # type: ignore[arg-type]
        (lambda: PrefillQueue(1.0, 0.0, 200.0), "service_ms"),
        (lambda: PrefillQueue(1.0, 100.0, -5.0), "target_ms"),
        (lambda: PrefillQueue(1.0, 100.0, 200.0, "gamma"), "service is"),  # type: ignore[arg-type]
        (lambda: PrefillQueue(1.0, 100.0, 200.0)([-1.0]), "nonnegative"),
        (lambda: PrefillQueue(1.0, 100.0, 200.0)([np.nan]), "workers"),
        (lambda: DecodeBatch(1.0, lambda n: n * 0.0, 9.0, 100.0), "batch of 1 it is 0"),
        (lambda: DecodeBatch(1.0, lambda n: np.where(n > 7, np.inf, 1.0), 9.0, 100.0, 8), "itl"),
        (lambda: DecodeBatch(1.0, 5.0, 9.0, 100.0), "itl is a latency"),  # type: ignore[arg-type]
        (lambda: DecodeBatch(1.0, itl, 0.0, 100.0), "target_ms"),
        (lambda: DecodeBatch(1.0, itl, 9.0, 100.0, 0), "max_batch"),
        (lambda: DecodeBatch(1.0, pg.latency.Polynomial([[1.0], [2.0]]), 9.0, 100.0), "2 resources"),
        (lambda: Curve(3.0), "function must be callable"),  # type: ignore[arg-type]
        (lambda: Curve(lambda c: c * np.nan)([1.0, 2.0]), "attainment curve must be finite"),
        (lambda: Curve(lambda c: np.where(c > 1.0, np.inf, 0.5)).derivative(1.0), "attainment curve must be finite"),
        (lambda: Curve(lambda c: "half")(1.0), "array of numbers"),  # type: ignore[arg-type,return-value]
        (lambda: Curve(lambda c: np.zeros(3))([1.0, 2.0]), "each number of workers"),
        (lambda: Curve(np.sqrt, lambda c: np.ones(2)).derivative(1.0), "slope of an attainment curve"),
        (lambda: DecodeBatch(1.0, lambda n: [1.0, 2.0], 9.0, 100.0, 8), "each of 8 batches"),
        (lambda: PrefillQueue(1.0, 100.0, 200.0).derivative(-1.0), "nonnegative"),
        (lambda: Quadratic(np.inf), "target"),
        (lambda: Exponential(0.0), "scale"),
        (lambda: shape(Exponential(1.0), 2.0, 1.0), "low is below high"),
        (lambda: DecodeBatch(1.0, itl, 9.0, 1e300), "range of floats"),
        (lambda: DecodeBatch(1.0, itl, 9.0, 100.0).throughput(-1.0), "nonnegative"),
        (lambda: PrefillQueue(1.0, 100.0, 200.0).throughput(-1.0), "nonnegative"),
        (lambda: PrefillQueue(1.0, 100.0, 200.0).attained(1.0, -1.0), "nonnegative"),
        (lambda: erlang_c(-1.0, 0.5), "workers must be nonnegative"),
        (lambda: exponential_wait(1.0, 0.5, np.nan), "wait"),
        (lambda: exponential_wait(1.0, 0.5, -1.0), "wait must be nonnegative"),
    ],
)
def test_what_is_refused(make: Any, match: str) -> None:
    with pytest.raises(pg.InvalidInput, match=match):
        make()


def test_the_kinds_of_curve() -> None:
    assert isinstance(Exponential(1.0), Attainment)
    assert not isinstance(Exponential(1.0), LoadedAttainment)
    assert Exponential(2.0).derivative(1.0) == pytest.approx(float(Curve(Exponential(2.0)).derivative(1.0)), rel=1e-8)
