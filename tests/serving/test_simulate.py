"""Laws that every simulation obeys, and queues whose waits are known in closed form."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from poagame.errors import InvalidInput
from poagame.measured.tables import RequestTable
from poagame.serving import (
    ClosedLoop,
    Cluster,
    DecodeTime,
    DynamoRouter,
    Fixed,
    OpenLoop,
    Policy,
    PowerOfChoices,
    PrefillTime,
    Prompts,
    Random,
    RoundRobin,
    ShortestQueue,
    Workload,
    simulate,
)
from poagame.serving.adaptive import router_of
from poagame.serving.engine.loop_compiled import run
from poagame.serving.engine.state import EVICTED, fresh
from poagame.serving.policies import encode
from poagame.serving.simulate import as_table, compiled, simulated

CLUSTER = Cluster(
    prefill=2,
    decode=3,
    prefill_time=PrefillTime.linear(5.0, 0.1),
    decode_time=DecodeTime([1, 20], [9.0, 15.0]),
    kv_blocks=60,
    most_requests=8,
    prefill_requests=2,
    transfer_ms=1.0,
)
RNG = np.random.default_rng(5)
PROMPTS = Prompts.templates(
    2000,
    groups=12,
    shared_tokens=64,
    input_tokens=RNG.integers(64, 200, 2000),
    output_tokens=RNG.geometric(1 / 40, 2000),
    seed=1,
)
CLOSED = Workload(PROMPTS, ClosedLoop.steady(40))
OPEN = Workload(PROMPTS, OpenLoop.poisson(30.0, 2000, seed=2))


@pytest.mark.parametrize("workload", [CLOSED, OPEN], ids=["closed", "open"])
@pytest.mark.parametrize("cluster", [CLUSTER, replace(CLUSTER, prefill=0, decode=0, aggregated=3)], ids=["2P/3D", "3A"])
def test_every_request_is_served_once_and_in_order(cluster: Cluster, workload: Workload) -> None:
    frame = simulate(cluster, workload, DynamoRouter(1.0, 0.2), seed=4).collect()
    assert sorted(map(int, frame["request_id"])) == list(range(2000))
    assert (frame["ttft_ms"] > 0).all()
    assert (frame["finish_ms"] >= frame["arrival_ms"] + frame["ttft_ms"]).all()
    assert frame["output_tokens"].sum() == PROMPTS.output_tokens.sum()
    assert frame["kv_hit_rate"].is_between(0.0, 1.0).all()
    # the first of n tokens at TTFT, the others one iteration apart at least
    spread = (frame["finish_ms"] - frame["arrival_ms"] - frame["ttft_ms"]).to_numpy()
    assert (spread >= 9.0 * (frame["output_tokens"].to_numpy() - 1) - 1e-6).all()


def most_at_once(begin: np.ndarray, end: np.ndarray) -> int:
    """Intervals that overlap at most; one that ends as another begins does not."""
    times = np.r_[end, begin]
    order = np.argsort(times, kind="stable")
    return int(np.cumsum(np.r_[-np.ones(end.size), np.ones(begin.size)][order]).max())


def test_limits_are_kept() -> None:
    frame = simulate(CLUSTER, CLOSED, RoundRobin()).collect()
    assert most_at_once(frame["arrival_ms"].to_numpy(), frame["finish_ms"].to_numpy()) == 40
    for (_,), part in frame.group_by("decode_worker"):
        first = (part["arrival_ms"] + part["ttft_ms"]).to_numpy()
        assert most_at_once(first, part["finish_ms"].to_numpy()) <= 8
    _, state = simulated(CLUSTER, CLOSED, RoundRobin(), 0)
    assert (state.tree <= 60).all()
    assert (state.pinned == 0).all()
    assert (state.uses == 0).all()
    assert state.counters[EVICTED] > 0
    assert (state.routed == 0).all()
    assert (state.work == 0).all()
    assert (state.waiting_tokens == 0).all()
    assert (state.routed_blocks == 0).all()
    assert (state.live_blocks == 0).all()
    assert (state.context == 0).all()


def test_little() -> None:
    """Mean number in the system = throughput × mean latency, exact for a run that begins and ends empty."""
    frame = simulate(CLUSTER, OPEN, ShortestQueue()).collect()
    begin, end = frame["arrival_ms"].to_numpy(), frame["finish_ms"].to_numpy()
    times = np.r_[begin, end]
    order = np.argsort(times, kind="stable")
    inside = np.cumsum(np.r_[np.ones(begin.size), -np.ones(end.size)][order])[:-1]
    area = float((inside * np.diff(times[order])).sum())
    assert area == pytest.approx(float((end - begin).sum()), rel=1e-9)


def test_seeds_fix_everything_and_matter() -> None:
    first = simulate(CLUSTER, CLOSED, Random(), seed=1).collect()
    assert first.equals(simulate(CLUSTER, CLOSED, Random(), seed=1).collect())
    assert not first.equals(simulate(CLUSTER, CLOSED, Random(), seed=2).collect())


def test_a_paused_run_is_the_same_run() -> None:
    encoded = encode(PowerOfChoices())
    given = compiled(CLUSTER, CLOSED, encoded)
    state = fresh(given, 9)
    for until in [*np.sort(RNG.uniform(0.0, 60_000.0, 300)), np.inf]:
        run(given, state, router_of(encoded), until)
    table = as_table(CLUSTER, CLOSED, PowerOfChoices(), given, state)
    assert table.collect().equals(simulate(CLUSTER, CLOSED, PowerOfChoices(), seed=9).collect())


def test_simulated_tables_pass_for_measured_ones() -> None:
    table = simulate(CLUSTER, OPEN, RoundRobin())
    assert isinstance(table, RequestTable)
    assert table.format == "simulated"
    assert table.bad_rows.count == 0
    assert any("simulated: 2P/3D" in note for note in table.notes)
    beyond = replace(CLUSTER, decode_time=DecodeTime([1, 2], [9.0, 9.5]))
    assert any("extrapolated" in note for note in simulate(beyond, OPEN, RoundRobin()).notes)


# queues

SERVICE_MS = 10.0


def queue(
    servers: int,
    rate_rps: float,
    count: int,
    tokens: np.ndarray,
    seed: int,
    router: Policy,
) -> np.ndarray:
    """Waits in ms of FIFO queues fed by a router: aggregated workers that take one request at a time and make one token."""
    cluster = Cluster(
        aggregated=servers,
        prefill_time=PrefillTime.linear(0.0, SERVICE_MS / 1000.0),
        decode_time=DecodeTime.constant(1e-9),
        prefill_requests=1,
        most_requests=1,
        block_tokens=1 << 20,
    )
    prompts = Prompts.templates(count, groups=1, input_tokens=tokens, output_tokens=1)
    frame = simulate(cluster, Workload(prompts, OpenLoop.poisson(rate_rps, count, seed)), router, seed).collect()
    frame = frame.sort(pl.col("request_id").cast(pl.Int64))
    return frame["ttft_ms"].to_numpy() - SERVICE_MS / 1000.0 * tokens


def mean_and_error(waits: np.ndarray, batches: int = 40) -> tuple[float, float]:
    """Mean and standard error by means of batches, the first one dropped."""
    means = waits[: waits.size // batches * batches].reshape(batches, -1).mean(axis=1)[1:]
    return float(means.mean()), float(means.std(ddof=1) / math.sqrt(means.size))


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
@pytest.mark.parametrize("law", ["exponential", "fixed"])
def test_waits_of_one_server(load: float, law: str) -> None:
    """M/M/1: ρ s / (1 − ρ); M/D/1: half of it (Pollaczek–Khinchine)."""
    count = 400_000
    rng = np.random.default_rng(17)
    tokens = (
        np.maximum(np.rint(rng.exponential(1000.0, count)), 1).astype(int)
        if law == "exponential"
        else np.full(count, 1000)
    )
    waits = queue(1, load * 1000.0 / SERVICE_MS, count, tokens, 3, RoundRobin())
    mean, error = mean_and_error(waits)
    truth = load * SERVICE_MS / (1.0 - load) * (1.0 if law == "exponential" else 0.5)
    assert abs(mean - truth) < 4.0 * error
    assert error < 0.05 * truth


def erlang_c_wait(servers: int, load: float) -> float:
    """Mean wait of M/M/c in units of a service, by the textbook sum."""
    offered = servers * load
    terms = [offered**k / math.factorial(k) for k in range(servers)]
    last = offered**servers / math.factorial(servers) / (1.0 - load)
    return last / (sum(terms) + last) / (servers * (1.0 - load))


@pytest.mark.parametrize("servers", [2, 4])
def test_waits_of_many_servers_lie_where_theory_puts_them(servers: int) -> None:
    """Split at random, c servers are c queues M/M/1; joining the shortest lies between that and the common queue M/M/c."""
    count, load = 300_000, 0.8
    tokens = np.maximum(np.rint(np.random.default_rng(1).exponential(1000.0, count)), 1).astype(int)
    rate = servers * load * 1000.0 / SERVICE_MS
    alone = load * SERVICE_MS / (1.0 - load)
    mean, error = mean_and_error(queue(servers, rate, count, tokens, 5, Random()))
    assert abs(mean - alone) < 4.0 * error
    mean, error = mean_and_error(queue(servers, rate, count, tokens, 5, ShortestQueue()))
    assert erlang_c_wait(servers, load) * SERVICE_MS < mean + 4.0 * error
    assert mean < alone - 4.0 * error


@pytest.mark.parametrize("servers", [1, 3])
def test_a_common_queue(servers: int) -> None:
    """M/M/c itself: a worker that decodes at most c requests at a time, each a number of equal iterations."""
    count, load, iteration, mean_tokens = 60_000, 0.7, 0.5, 200.0
    rng = np.random.default_rng(3)
    outputs = rng.geometric(1.0 / mean_tokens, count)
    cluster = Cluster(
        prefill=1,
        decode=1,
        prefill_time=PrefillTime.constant(0.0),
        decode_time=DecodeTime.constant(iteration),
        most_requests=servers,
    )
    service = iteration * mean_tokens
    arrivals = OpenLoop.poisson(servers * load * 1000.0 / service, count, seed=8)
    prompts = Prompts.templates(count, groups=1, input_tokens=16, output_tokens=outputs)
    frame = (
        simulate(cluster, Workload(prompts, arrivals), RoundRobin()).collect().sort(pl.col("request_id").cast(pl.Int64))
    )
    waits = frame["latency_ms"].to_numpy() - iteration * outputs
    mean, error = mean_and_error(waits)
    truth = erlang_c_wait(servers, load) * service
    # a request waits for the beginning of an iteration too: at most one
    assert truth - 4.0 * error < mean < truth + 2.0 * iteration + 4.0 * error
    assert error < 0.1 * truth


# bad input


def test_what_cannot_be_simulated_is_said() -> None:
    with pytest.raises(InvalidInput, match="cluster is a Cluster"):
        simulate("1P/2D", OPEN, RoundRobin())  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match="workload is a Workload"):
        simulate(CLUSTER, PROMPTS, RoundRobin())  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match="router is a DynamoRouter"):
        simulate(CLUSTER, OPEN, "dynamo")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match="seed"):
        simulate(CLUSTER, OPEN, RoundRobin(), seed=-1)
    with pytest.raises(InvalidInput, match="longest request takes"):
        simulate(replace(CLUSTER, kv_blocks=4), OPEN, RoundRobin())
    with pytest.raises(InvalidInput, match="whole blocks of 48 tokens"):
        simulate(replace(CLUSTER, block_tokens=48), OPEN, RoundRobin())
    with pytest.raises(InvalidInput, match="prescribed for 3 requests; there are 2000"):
        simulate(CLUSTER, OPEN, Fixed(np.zeros(3, dtype=int)))
    with pytest.raises(InvalidInput, match="numbered 0 to 2; got 3"):
        simulate(CLUSTER, OPEN, Fixed(np.full(2000, 3)))
    with pytest.raises(InvalidInput, match="no request was finished"):
        simulate(
            CLUSTER,
            Workload(PROMPTS, ClosedLoop(np.zeros(1), np.full(1, np.inf), 0.0, np.zeros(1, dtype=int))),
            RoundRobin(),
        )
