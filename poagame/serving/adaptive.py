"""A controller in the loop: the simulation pauses at every poll, the controller looks, and the router is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, TypeVar, runtime_checkable

import numpy as np
import polars as pl

from poagame._arrays import FloatArray, require
from poagame.games.checks import positive, whole
from poagame.measured.tables import RequestTable
from poagame.serving.cluster import Cluster
from poagame.serving.controller import ttft_p99
from poagame.serving.engine.loop_compiled import run
from poagame.serving.engine.state import Router, fresh
from poagame.serving.policies import Encoded, Policy, encode
from poagame.serving.simulate import as_table, compiled
from poagame.serving.workload import Workload

S = TypeVar("S")

MOST_POLLS: Final = 50_000


@runtime_checkable
class Controller(Protocol[S]):
    """What decides, poll by poll, how requests are routed: `AdaptiveController`, or a user's own."""

    def start(self) -> S:
        """State before the first poll."""
        ...

    def observe(self, state: S, observation: float, /) -> S:
        """State after a poll of TTFT P99 in ms; NaN if no first token came since the last."""
        ...

    def policy(self, state: S, /) -> Policy:
        """How requests are routed from now on."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Adapted:
    """A run under a controller.

    Attributes
    ----------
    requests : RequestTable
    polls : polars.DataFrame
        A row a poll: time_ms, ttft_p99_ms (null if no first token came), policy (as text, in force from then on).
    """

    requests: RequestTable
    polls: pl.DataFrame


def simulate_adaptive(
    cluster: Cluster, workload: Workload, controller: Controller[S], seed: int = 0, poll_ms: float = 5000.0
) -> Adapted:
    """Simulate a cluster whose router is told by a controller.

    A poll sees the P99 of TTFT of the requests whose first token came since the last poll, as a frontend's histogram would. The paper's
    controller polls every 5 s (A).

    Parameters
    ----------
    controller : Controller
        `AdaptiveController`, or anything with its `start`, `observe` and `policy`.
    seed : int
        As in `simulate`.
    poll_ms : float
        From poll to poll.

    Raises
    ------
    InvalidInput
        As `simulate`; or if poll_ms is not positive or so small that there would be over 50,000 polls.

    Examples
    --------
    >>> from poagame.serving import AdaptiveController, ClosedLoop, Cluster, DecodeTime, PrefillTime, Prompts, RegimeDetector, Workload
    >>> cluster = Cluster(
    ...     prefill=1, decode=2, prefill_time=PrefillTime.constant(20.0), decode_time=DecodeTime.constant(9.0), prefill_requests=1
    ... )
    >>> workload = Workload(Prompts.templates(3000), ClosedLoop.spike(4, 256, 20_000.0, 50_000.0))
    >>> adapted = simulate_adaptive(cluster, workload, AdaptiveController(RegimeDetector(60.0)))
    >>> adapted.polls["policy"].n_unique()
    3
    """
    step = positive(poll_ms, "poll_ms")
    control = controller.start()
    policy = controller.policy(control)
    encoded = encode(policy)
    given = compiled(cluster, workload, encoded)
    state = fresh(given, whole(seed, "seed", most=2**64 - 1))
    rows: list[tuple[float, float, str]] = []
    ahead = 0.0
    while np.isfinite(ahead):
        require(len(rows) < MOST_POLLS, f"poll_ms = {step:g} makes more than {MOST_POLLS:,} polls; poll less often")
        since, until = step * len(rows), step * (len(rows) + 1)
        ahead = run(given, state, router_of(encoded), until)
        seen = ttft_p99(_first_tokens(state.sent, state.first, since, until))
        control = controller.observe(control, seen)
        policy = controller.policy(control)
        encoded = encode(policy)
        given = given._replace(by_count=encoded.by_count, forced=encoded.forced)
        rows.append((until, seen, str(policy)))
    polls = pl.DataFrame(
        rows, schema={"time_ms": pl.Float64, "ttft_p99_ms": pl.Float64, "policy": pl.String}, orient="row"
    )
    return Adapted(
        as_table(cluster, workload, controller, given, state), polls.with_columns(pl.col("ttft_p99_ms").fill_nan(None))
    )


def router_of(encoded: Encoded) -> Router:
    """A policy as the engine takes it."""
    return Router(np.array([encoded.code]), encoded.values)


def _first_tokens(sent: FloatArray, first: FloatArray, since: float, until: float) -> FloatArray:
    """TTFT of the requests whose first token came after `since` and no later than `until`."""
    came = (first > since) & (first <= until)
    return (first - sent)[came]
