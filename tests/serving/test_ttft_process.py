"""P99 of a poll: the short draws against direct ones, the law against the binomial one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, ks_2samp, kstest, norm

from poagame.errors import InvalidInput
from poagame.serving import ttft_process
from poagame.serving.controller import ttft_p99
from poagame.serving.ttft_process import TtftProcess


def drawn(process: TtftProcess, runs: int, before: int, after: int, seed: int) -> np.ndarray:
    """All requests drawn one by one, and P99 as a simulator tells it to a controller."""
    w, polls = process.window, before + after
    past = np.maximum(0, np.arange(w - 1 + polls) - (w - 1 + before) + 1)
    median = process.median_ms * (1.0 + (process.jump - 1.0) * np.minimum(1.0, past / process.ramp))
    noise = np.random.default_rng(seed).standard_normal((runs, w - 1 + polls, process.requests))
    times = median[:, None] * np.exp(process.noise * noise)
    seen = [times[:, i : i + w].reshape(runs, -1) for i in range(polls)]
    assert ttft_p99(seen[0][0]) == np.quantile(seen[0][0], 0.99, method="inverted_cdf")
    return np.stack([np.quantile(x, 0.99, method="inverted_cdf", axis=1) for x in seen], axis=1)


def alike(first: np.ndarray, second: np.ndarray) -> float:
    result: Any = ks_2samp(first, second)
    return result.pvalue


@pytest.mark.parametrize("n", [1, 2, 50, 99, 100, 101, 250, 1000, 12_300])
def test_law_is_the_binomial_one(n: int) -> None:
    process = TtftProcess(200.0, noise=0.5, rate_rps=n, interval_ms=1000.0)
    assert process.requests == n
    rank = int(np.ceil(np.round(0.99 * n, 9)))
    for threshold in (100.0, 300.0, 600.0, 1500.0):
        below = norm.cdf(np.log(threshold / 400.0) / 0.5)
        assert process.beyond(threshold, jump=2.0) == pytest.approx(binom.cdf(rank - 1, n, below), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(("n", "w"), [(1, 1), (7, 1), (50, 1), (250, 1), (1, 4), (30, 3), (120, 2)])
def test_draws_have_the_law_of_direct_ones(n: int, w: int) -> None:
    process = TtftProcess(200.0, jump=3.0, noise=0.6, rate_rps=n, interval_ms=1000.0, window=w, ramp=2)
    short, direct = process.polls(20_000, 3, 2, 1), drawn(process, 1500, 3, 2, 2)
    for poll in range(5):
        assert alike(short[:, poll], direct[:, poll]) > 1e-3
    for poll in range(4):  # neighbouring polls together
        ratio = np.log(short[:, poll + 1] / short[:, poll]), np.log(direct[:, poll + 1] / direct[:, poll])
        assert np.mean(ratio[0] == 0.0) == pytest.approx(np.mean(ratio[1] == 0.0), abs=0.06)  # the same request
        assert alike(*ratio) > 1e-3


@pytest.mark.parametrize(("n", "w"), [(50, 1), (500, 1), (50, 5)])
def test_draws_have_the_exact_law(n: int, w: int) -> None:
    process = TtftProcess(200.0, noise=0.6, rate_rps=n, interval_ms=1000.0, window=w)
    polls = process.polls(4000, 1, 0, 5)[:, 0]
    law = np.vectorize(lambda x: 1.0 - process.beyond(x))
    assert kstest(polls, law).pvalue > 1e-3


def test_overlapping_windows_depend_and_others_do_not() -> None:
    for window, expected in ((1, 0.0), (4, 0.75)):
        polls = TtftProcess(200.0, noise=0.5, rate_rps=400.0, window=window).polls(3000, 2, 0, 3)
        found = np.corrcoef(np.log(polls).T)[0, 1]
        assert found == pytest.approx(expected, abs=0.08)


def test_without_noise_the_median_is_all_there_is() -> None:
    ramp = TtftProcess(200.0, jump=5.0, noise=0.0, ramp=4)
    assert ramp.polls(2, 2, 6, 0) == pytest.approx(np.tile([200.0, 200, 400, 600, 800, 1000, 1000, 1000], (2, 1)))
    # one interval of three above the rest holds more than one request in a hundred
    wide = TtftProcess(200.0, jump=5.0, noise=0.0, window=3)
    assert wide.polls(1, 2, 2, 0) == pytest.approx(np.array([[200.0, 200, 1000, 1000]]))
    assert [ramp.beyond(x, jump=2.0) for x in (399.9, 400.0, 400.1)] == [1.0, 1.0, 0.0]


@pytest.mark.parametrize("window", [1, 3])
def test_chunks_are_the_runs_in_order(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    process = TtftProcess(200.0, window=window)
    whole = process.polls(10, 5, 2, 4)
    monkeypatch.setattr(ttft_process, "AT_ONCE", 30)
    parts = list(process.chunks(10, 5, 2, 4))
    assert len(parts) > 1
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize(
    "bad",
    [
        {"median_ms": 0.0},
        {"median_ms": "200"},
        {"median_ms": float("nan")},
        {"jump": 0.5},
        {"jump": float("inf")},
        {"noise": -0.1},
        {"noise": float("nan")},
        {"noise": 20.0},
        {"noise": True},
        {"rate_rps": 0.0},
        {"rate_rps": 0.01},
        {"rate_rps": 1e12},
        {"interval_ms": -5000.0},
        {"window": 0},
        {"window": 1.5},
        {"ramp": 0},
        {"ramp": "1"},
    ],
)
def test_bad_processes(bad: Any) -> None:
    with pytest.raises(InvalidInput):
        TtftProcess(**({"median_ms": 200.0} | bad))


def test_bad_calls() -> None:
    process = TtftProcess(200.0)
    given: Any
    for given in ((0, 5, 5), (2, -1, 5), (2, 0, 0), (2, "5", 5), (2, 5, float("nan"))):
        with pytest.raises(InvalidInput):
            process.polls(given[0], given[1], given[2], 0)
    for given in ((0.0,), ("400",), (400.0, 0.0), (float("nan"),)):
        with pytest.raises(InvalidInput):
            process.beyond(*given)
    with pytest.raises(InvalidInput, match="fewer polls"):
        TtftProcess(200.0, rate_rps=10_000.0, window=100).polls(1, 10_000, 0, 0)
