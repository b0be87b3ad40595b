"""Run a cluster under a workload and a policy; the result is a table like a measured one."""

from __future__ import annotations

import numpy as np
import polars as pl

from poagame._arrays import require
from poagame.errors import InvalidInput
from poagame.games.checks import require_instance, whole
from poagame.measured.tables import RequestTable
from poagame.serving.cluster import Cluster
from poagame.serving.engine.loop_compiled import run
from poagame.serving.engine.state import (
    BEYOND,
    BOTH,
    DECODE,
    FINISHED,
    ITERATIONS,
    PREFILL,
    SENT,
    Given,
    Router,
    State,
    fresh,
)
from poagame.serving.policies import Encoded, Policy, encode
from poagame.serving.router import DynamoRouter
from poagame.serving.workload import ClosedLoop, Workload

_EVERYTHING = 2**62


def simulate(cluster: Cluster, workload: Workload, router: Policy, seed: int = 0) -> RequestTable:
    """Simulate a cluster, request by request and iteration by iteration.

    The table has the columns of measured ones (`poagame.measured.schema`); worker ids are "p0", … and "d0", …, or "a0", … where a worker
    does both. `notes` say that it is simulated, and how many iterations lay beyond the decode table.

    Parameters
    ----------
    cluster : Cluster
    workload : Workload
    router : Policy
        `DynamoRouter` or another; places both legs of a disaggregated deployment: prefill as a request comes, decode as its prefill ends.
    seed : int
        Of ties, softmax and random policies; the same seed gives the same table.

    Raises
    ------
    InvalidInput
        If something is of the wrong kind, prescribed workers do not fit the cluster, or a request is too long for a worker's cache.

    Examples
    --------
    >>> from poagame.serving import ClosedLoop, Cluster, DecodeTime, DynamoRouter, PrefillTime, Prompts, Workload, simulate
    >>> cluster = Cluster(prefill=1, decode=2, prefill_time=PrefillTime.constant(20.0), decode_time=DecodeTime.constant(9.0))
    >>> workload = Workload(Prompts.templates(200, groups=5, shared_tokens=64), ClosedLoop.steady(8))
    >>> table = simulate(cluster, workload, DynamoRouter(), seed=1)
    >>> table.num_rows, round(table.collect()["itl_ms"].mean(), 1)
    (200, 9.0)
    """
    given, state = simulated(cluster, workload, router, seed)
    return as_table(cluster, workload, router, given, state)


def simulated(cluster: Cluster, workload: Workload, router: Policy, seed: int) -> tuple[Given, State]:
    """As `simulate`, but the engine's own arrays, for who makes many runs: a table takes longer than the engine."""
    encoded = encode(router)
    given = compiled(cluster, workload, encoded)
    state = fresh(given, whole(seed, "seed", most=2**64 - 1))
    run(given, state, Router(np.array([encoded.code]), encoded.values), np.inf)
    return given, state


def compiled(cluster: Cluster, workload: Workload, encoded: Encoded) -> Given:
    """What the compiled loop is given."""
    require_instance(cluster, Cluster, "cluster")
    require_instance(workload, Workload, "workload")
    prompts, arrivals = workload.prompts, workload.arrivals
    if cluster.aggregated:
        role = np.full(cluster.aggregated, BOTH)
    else:
        role = np.r_[np.full(cluster.prefill, PREFILL), np.full(cluster.decode, DECODE)]
    shared = prompts.segment_tokens % cluster.block_tokens
    if shared.any():
        raise InvalidInput(
            f"shared prefixes consist of whole blocks of {cluster.block_tokens} tokens; "
            f"one has {prompts.segment_tokens[np.flatnonzero(shared)[0]]}"
        )
    if cluster.kv_blocks is not None:
        longest = int((-(-(prompts.input_tokens + prompts.output_tokens) // cluster.block_tokens)).max())
        require(
            longest <= cluster.kv_blocks,
            f"the longest request takes {longest} blocks of {cluster.block_tokens} tokens, a worker's cache has kv_blocks="
            f"{cluster.kv_blocks}",
        )
    if encoded.forced.size:
        require(
            encoded.forced.size == len(prompts),
            f"workers are prescribed for {encoded.forced.size} requests; there are {len(prompts)}",
        )
        require(
            int(encoded.forced.max()) < cluster.num_decoders,
            f"workers are numbered 0 to {cluster.num_decoders - 1}; got {encoded.forced.max()}",
        )
    closed = isinstance(arrivals, ClosedLoop)
    none = np.zeros(0)
    batch_limit = _limit(cluster.most_requests)
    return Given(
        role=role.astype(np.int64),
        capacity=np.full(role.size, cluster.kv_blocks or 0, dtype=np.int64),
        most_requests=np.where(role == PREFILL, _limit(cluster.prefill_requests), batch_limit),
        most_tokens=np.full(role.size, _limit(cluster.most_tokens)),
        mock=cluster.engine == "mock",
        admission=cluster.eviction == "frequency",
        half_life=float(cluster.half_life_ms),
        block_tokens=cluster.block_tokens,
        prefill_tokens=cluster.prefill_time.tokens,
        prefill_ms=cluster.prefill_time.ms,
        sum_prefill=cluster.engine == "mock",
        decode_load=cluster.decode_time.load,
        decode_context=cluster.decode_time.context,
        decode_ms=cluster.decode_time.ms,
        by_batch=cluster.decode_time.by == "batch",
        transfer_ms=cluster.transfer_ms,
        block_ms=cluster.transfer_block_ms,
        pattern=prompts.pattern.astype(np.int32),
        first_segment=prompts.first_segment.astype(np.int64),
        segments=prompts.segments.astype(np.int32),
        blocks=(prompts.segment_tokens // cluster.block_tokens).astype(np.int32),
        input_tokens=prompts.input_tokens.astype(np.int32),
        output_tokens=prompts.output_tokens.astype(np.int32),
        arrival=none if closed else arrivals.arrival_ms,
        client_start=arrivals.start_ms if closed else none,
        client_stop=arrivals.stop_ms if closed else none,
        client_last=arrivals.last if closed else np.zeros(0, dtype=np.int64),
        think_ms=arrivals.think_ms if closed else 0.0,
        forced=encoded.forced,
        by_count=encoded.by_count,
    )


def as_table(cluster: Cluster, workload: Workload, router: object, given: Given, state: State) -> RequestTable:
    """The finished requests as a table; `router`, a policy or what commanded it, is named in its notes."""
    done = np.flatnonzero(np.isfinite(state.done))
    require(done.size > 0, "no request was finished: no client sent one before it stopped")
    sent, first, finish = state.sent[done], state.first[done], state.done[done]
    outputs = given.output_tokens[done].astype(np.int64)
    inputs = given.input_tokens[done].astype(np.int64)
    itl = np.divide(finish - first, outputs - 1, out=np.full(done.size, np.nan), where=outputs > 1)
    first_decoder = cluster.prefill
    letter = "a" if cluster.aggregated else "d"
    decoders = pl.Series([f"{letter}{index}" for index in range(cluster.num_decoders)])
    prefillers = decoders if cluster.aggregated else pl.Series([f"p{index}" for index in range(cluster.prefill)])
    found = state.found[done].astype(np.float64)
    columns: dict[str, pl.Series | np.ndarray | pl.Expr] = {
        "request_id": pl.Series(done).cast(pl.String),
        "prefix_group": pl.Series(given.pattern[done]).cast(pl.String),
        "arrival_ms": sent,
        "finish_ms": finish,
        "ttft_ms": first - sent,
        "itl_ms": pl.Series(itl).fill_nan(None),
        "latency_ms": finish - sent,
        "input_tokens": inputs,
        "output_tokens": outputs,
        "prefill_worker": prefillers.gather(state.prefiller[done]),
        "decode_worker": decoders.gather(state.decoder[done] - first_decoder),
        "kv_hit_rate": np.minimum(found * cluster.block_tokens / inputs, 1.0),
        "overlap_blocks": found,
    }
    frame = pl.DataFrame(columns).with_columns(topology=pl.lit(cluster.topology))
    if isinstance(workload.arrivals, ClosedLoop):
        frame = frame.with_columns(concurrency=pl.Series(workload.arrivals.clients_at(state.sent)[done]))
    if isinstance(router, DynamoRouter):
        frame = frame.with_columns(overlap_weight=pl.lit(router.overlap_weight), temperature=pl.lit(router.temperature))
    notes = [f"simulated: {cluster.topology}, {router}"]
    beyond, iterations = int(state.counters[BEYOND]), int(state.counters[ITERATIONS])
    if beyond:
        notes.append(
            f"{beyond / iterations:.1%} of iterations were beyond the decode table "
            f"(load {given.decode_load[-1]:g}, context {given.decode_context[-1]:g}): their times are extrapolated"
        )
    unfinished = int(state.counters[SENT]) - int(state.counters[FINISHED])
    if unfinished:
        notes.append(f"{unfinished} requests were unfinished when the simulation was stopped, and are left out")
    return RequestTable.from_frame(frame, source="simulation", format="simulated", notes=notes, unit="ms")


def _limit(value: int | None) -> int:
    return _EVERYTHING if value is None else value
