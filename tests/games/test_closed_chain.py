"""The closed loop of prefill and decode, against dense algebra, simulation, closed forms and the arrival theorem."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import pytest

import poagame as pg
from poagame.games.closed_chain import closed_chain, even_loads
from tests.coupled_oracle import dense_latency, dense_law, simulated_latency


@pytest.mark.parametrize("seed", range(20))
def test_the_law_is_that_of_the_generator(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, s, z = int(rng.integers(1, 5)), rng.uniform(0.5, 20), rng.uniform(1, 300, rng.integers(1, 14))
    chain = closed_chain(p, s, z)
    np.testing.assert_allclose(chain.law, dense_law(p, s, z), atol=1e-11)
    assert chain.latency_ms == pytest.approx(dense_latency(p, s, z), rel=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_what_an_arrival_finds_is_the_chain_of_the_others(seed: int) -> None:
    # the arrival theorem and Little's law are two ways to the same TTFT
    rng = np.random.default_rng(seed)
    number, p, s = int(rng.integers(2, 30)), int(rng.integers(1, 5)), rng.uniform(0.5, 20)
    z = rng.uniform(1, 300, number)
    found = np.arange(number)
    wait = np.maximum(found - p + 1, 0) / p * s + s
    assert closed_chain(p, s, z).ttft_ms == pytest.approx(float(closed_chain(p, s, z[:-1]).law @ wait), rel=1e-10)


def test_a_simulation_agrees() -> None:
    z = [30.0, 32.0, 35.0, 40.0, 50.0, 65.0]
    assert simulated_latency(2, 12.0, z, 60_000, 7) == pytest.approx(closed_chain(2, 12.0, z).latency_ms, rel=0.02)


def test_nobody_waits_where_each_has_a_worker() -> None:
    # all alike and no queue: the number at prefill is binomial
    number, s, z = 9, 10.0, 40.0
    chain = closed_chain(number, s, [z] * number)
    share = s / (s + z)
    binomial = [comb(number, n) * share**n * (1 - share) ** (number - n) for n in range(number + 1)]
    np.testing.assert_allclose(chain.law, binomial, rtol=1e-10)
    assert (chain.latency_ms, chain.ttft_ms) == (pytest.approx(s + z), pytest.approx(s))


def test_one_worker_and_many_requests_are_a_loss_system_seen_from_decode() -> None:
    # decode of constant times behind a prefill that never idles is Erlang's M/M/N/N: P(nobody at prefill) is his loss formula
    number, s, z = 12, 10.0, 80.0
    load, loss = z / s, 1.0
    for k in range(1, number + 1):
        loss = load * loss / (k + load * loss)
    assert float(closed_chain(1, s, [z] * number).law[0]) == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize("p", [1, 3])
def test_in_saturation_prefill_alone_sets_the_throughput(p: int) -> None:
    chain = closed_chain(p, 12.0, [900.0] * 3000)
    assert chain.throughput == pytest.approx(p / 12.0, rel=1e-12)
    assert np.isfinite(chain.law).all()


def test_numbers_at_both_stations_are_all_requests() -> None:
    chain = closed_chain(2, 7.0, np.linspace(50, 90, 40))
    assert chain.decoding + chain.ttft_ms * chain.throughput == pytest.approx(40.0)


def test_even_loads() -> None:
    assert even_loads(7, 3).tolist() == [3, 2, 2]
    assert even_loads(1, 3).tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("p", "s", "z"),
    [
        (0, 1.0, [1.0]),
        (1, 0.0, [1.0]),
        (1, 1.0, []),
        (1, 1.0, [0.0]),
        (1, 1.0, [np.nan]),
        (True, 1.0, [1.0]),
        (1, "a", [1.0]),
    ],
)
def test_refused(p: Any, s: Any, z: Any) -> None:
    with pytest.raises(pg.errors.InvalidInput):
        closed_chain(p, s, z)
