r"""A serving cluster as a coupled game: a closed loop of requests with shared prefixes through prefill and decode. The model is ours.

N requests are in flight, in K groups that share a prefix each (the paper's experiments: five prompt templates, C = 1 … 512; P, S).
A decode worker's cache holds `places` prefixes. A request whose prefix its decode worker holds needs only the rest of its prompt
prefilled; if another worker holds it, the prefix is fetched (`transfer_ms`); if nobody does it is prefilled anew (`prefix_ms`). The
links between layers:

- `loads`, `read_ms`, `work`, `decode_times`: from routing and placement to what prefill and decode have to do, in requests and ms;
- `operating_point`: from all of that to the closed chain of `poagame.games.closed_chain`, and so to latency, TTFT and ITL in ms;
- `routing_layer`: overlap from the placement, latency of a batch of those who really decode; the decode leg's weight ω is 0 in
  Dynamo 0.9.0;
- `caching_layer`: demand from the routing;
- `resource_layer`: what a Planner sees at each split of the budget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, require
from poagame.games.attainment.decode import token_times
from poagame.games.caching import CachingGame
from poagame.games.checks import finite, positive, whole
from poagame.games.closed_chain import ClosedChain, closed_chain, even_loads
from poagame.games.coupled import CoupledGame, CoupledState
from poagame.games.protocols import as_profile
from poagame.games.routing import RoutingGame
from poagame.latency import Tabulated
from poagame.latency.base import Latency


@dataclass(frozen=True, slots=True)
class ServingCluster:
    """What a closed-loop cluster serves and with what.

    Parameters
    ----------
    budget : int
        GPUs.
    group_sizes : [K]
        Requests in flight of each group that shares a prefix; N in all.
    itl : Latency or callable
        ms a token by the requests in a worker's batch; must not fall with the batch.
    output_tokens : float
        A request.
    own_ms : float
        Prefill of what a prompt does not share, ms.
    prefix_ms : float
        Prefill of a prefix anew, ms, ≥ 0.
    transfer_ms : float
        Fetching a prefix from another worker's cache, ms, ≥ 0.
    places : int
        Prefixes that a decode worker's cache holds, at least 1.
    overlap_weight : float
        ω ≥ 0: how much routing counts a ms saved.
    ttft_target_ms, itl_target_ms : float
        Service levels, which the Planner looks at.
    gpus_per_worker : (int, int)
        Of prefill and decode.

    Raises
    ------
    InvalidInput
        If a number is out of its range, the budget too small, or itl falls somewhere (`poagame.fit_latency` with family "tabulated"
        makes a table that does not).
    """

    budget: int
    group_sizes: Sequence[int]
    itl: Latency | Callable[[FloatArray], ArrayLike]
    output_tokens: float = 128.0
    own_ms: float = 10.0
    prefix_ms: float = 10.0
    transfer_ms: float = 2.0
    places: int = 2
    overlap_weight: float = 1.0
    ttft_target_ms: float = 500.0
    itl_target_ms: float = 50.0
    gpus_per_worker: tuple[int, int] = (1, 1)
    token_ms: FloatArray = field(init=False, repr=False, compare=False)
    """[N] ms a token in a batch of 1 … N."""

    def __post_init__(self) -> None:
        require(
            np.ndim(self.group_sizes) == 1 and len(self.group_sizes) > 0,
            f"group_sizes lists the requests of at least one group; got {self.group_sizes!r:.60}",
        )
        sizes = tuple(whole(n, "group_sizes", 1) for n in self.group_sizes)
        object.__setattr__(self, "group_sizes", sizes)
        object.__setattr__(self, "budget", whole(self.budget, "budget", 1))
        require(
            np.shape(self.gpus_per_worker) == (2,),
            f"gpus_per_worker is of prefill and decode; got {self.gpus_per_worker!r:.60}",
        )
        size = tuple(whole(n, "gpus_per_worker", 1) for n in self.gpus_per_worker)
        object.__setattr__(self, "gpus_per_worker", size)
        require(
            sum(size) <= self.budget,
            f"a budget of {self.budget} GPUs holds not one worker of each pool ({size[0]} + {size[1]}); give more",
        )
        for name in ("output_tokens", "own_ms", "ttft_target_ms", "itl_target_ms"):
            object.__setattr__(self, name, positive(getattr(self, name), name))
        for name in ("prefix_ms", "transfer_ms", "overlap_weight"):
            value = finite(getattr(self, name), name)
            require(value >= 0, f"{name} must be nonnegative; got {value:g}")
            object.__setattr__(self, name, value)
        object.__setattr__(self, "places", whole(self.places, "places", 1))
        times = token_times(self.itl, max(self.num_requests, 2))
        falls = np.flatnonzero(np.diff(times) < 0)
        require(
            not falls.size,
            f"itl must not fall with the batch; it does after {falls[0] + 1 if falls.size else 0}. "
            "poagame.fit_latency(table, family='tabulated') makes the nearest table that does not",
        )
        object.__setattr__(self, "token_ms", times)

    @property
    def num_requests(self) -> int:
        """N."""
        return int(sum(self.group_sizes))

    @property
    def num_groups(self) -> int:
        """K."""
        return len(self.group_sizes)

    @property
    def group(self) -> IntArray:
        """[N] group of each request."""
        return np.repeat(np.arange(self.num_groups), np.asarray(self.group_sizes))

    @property
    def splits(self) -> list[tuple[int, int]]:
        """All splits that use the budget up: prefill workers from 1, and as many decode workers as then fit."""
        p, d = self.gpus_per_worker
        return [(k, (self.budget - k * p) // d) for k in range(1, (self.budget - d) // p + 1)]

    def batch_ms(self, batch: ArrayLike) -> FloatArray:
        """ms that a request decodes in a batch of that many, 1 at least, whole or not."""
        n = np.arange(1.0, len(self.token_ms) + 1.0)
        return self.output_tokens * np.interp(np.maximum(batch, 1.0), n, self.token_ms)

    def start(self, split: tuple[int, int] | None = None) -> CoupledState:
        """Return the state with empty caches and requests dealt out in turn; at the first split of the budget if none is given."""
        require(
            split is None or np.shape(split) == (2,),
            f"split is (prefill workers, decode workers); got {split!r:.60}",
        )
        p, d = self.splits[0] if split is None else split
        routing = np.arange(self.num_requests) % whole(d, "decode workers", 1)
        return CoupledState((p, d), np.zeros((d, self.num_groups), dtype=np.int64), routing)


def loads(cluster: ServingCluster, state: CoupledState) -> IntArray:
    """[d, K] requests of each group at each decode worker.

    Raises
    ------
    InvalidInput
        If the state is not one of the cluster: of other numbers of requests or groups, with more prefixes than a cache holds, or with
        tiers, of which there is one.
    """
    given, wanted = (len(state.routing), state.placement.shape[1]), (cluster.num_requests, cluster.num_groups)
    require(given == wanted, f"the cluster has {wanted[0]} requests in {wanted[1]} groups; the state has {given}")
    require(
        bool((state.placement <= 1).all()),
        "caches of a serving cluster have one tier, 1, and the state's placement names another",
    )
    most = int((state.placement > 0).sum(axis=1).max())
    require(
        most <= cluster.places, f"a cache holds {cluster.places} prefixes; the state's placement keeps {most} in one"
    )
    count = np.zeros((state.split[1], cluster.num_groups), dtype=np.int64)
    np.add.at(count, (state.routing, cluster.group), 1)
    return count


def read_ms(cluster: ServingCluster, placement: IntArray) -> FloatArray:
    """[d, K] ms it takes to have a group's prefix at a worker: 0 where it is held, else a transfer, else prefill anew."""
    held = placement > 0
    elsewhere = np.any(held, axis=0, keepdims=True)
    far = np.where(elsewhere, min(cluster.transfer_ms, cluster.prefix_ms), cluster.prefix_ms)
    return np.where(held, 0.0, far)


@dataclass(frozen=True, eq=False, slots=True)
class OperatingPoint:
    """Where a cluster settles at a state; times in ms.

    Attributes
    ----------
    chain : ClosedChain
    service_ms : float
        Mean prefill time of a request.
    share : [d]
        Of requests, by decode worker.
    decode_ms : [N]
        Mean decode time with 1 … N decoding.
    """

    chain: ClosedChain
    service_ms: float
    share: FloatArray
    decode_ms: FloatArray

    @property
    def latency_ms(self) -> float:
        """Mean latency of a request."""
        return self.chain.latency_ms


def work(cluster: ServingCluster, count: IntArray, placement: IntArray) -> tuple[float, float]:
    """Mean prefill and mean transfer of a request, ms, for requests [d, K] at workers with that placement."""
    held = placement > 0
    anew = ~held.any(axis=0) | (cluster.prefix_ms <= cluster.transfer_ms)
    missed = np.where(held, 0, count)
    service = cluster.own_ms + cluster.prefix_ms * float(missed[:, anew].sum()) / cluster.num_requests
    return service, cluster.transfer_ms * float(missed[:, ~anew].sum()) / cluster.num_requests


def decode_times(cluster: ServingCluster, load: ArrayLike, transfer: float) -> FloatArray:
    """[N] mean decode time with 1 … N decoding, spread over workers as `load` [d] is."""
    share = np.asarray(load, dtype=np.float64) / cluster.num_requests
    m = np.arange(1.0, cluster.num_requests + 1.0)
    return cluster.batch_ms(share[:, None] * m).T @ share + transfer


def operating_point(cluster: ServingCluster, state: CoupledState) -> OperatingPoint:
    """The closed chain at a state."""
    count = loads(cluster, state)
    service, transfer = work(cluster, count, state.placement)
    load = count.sum(axis=1)
    times = decode_times(cluster, load, transfer)
    return OperatingPoint(closed_chain(state.split[0], service, times), service, load / cluster.num_requests, times)


def attainments(
    cluster: ServingCluster, prefill: int, service: float, load: ArrayLike, transfer: float
) -> tuple[float, float]:
    """Shares of requests with TTFT and with ITL in time, at a split with that mean prefill time and those loads [d].

    An arriving request sees the chain of N − 1 requests (arrival theorem). One that finds n at p workers waits max(n − p + 1, 0)/p prefill
    times, and then takes one. Tokens are in time if those of the batch of its worker are.
    """
    times = decode_times(cluster, load, transfer)
    number = cluster.num_requests
    share = np.asarray(load, dtype=np.float64) / number
    law = closed_chain(prefill, service, times[:-1]).law if number > 1 else np.ones(1)
    found = np.arange(number)
    wait = np.maximum(found - prefill + 1, 0) / prefill * service + service
    whole_law = closed_chain(prefill, service, times).law
    decoding = np.arange(number, -1, -1)
    token: FloatArray = cluster.batch_ms(share[:, None] * decoding) / cluster.output_tokens
    busy = whole_law * decoding
    fast = share @ (token <= cluster.itl_target_ms)
    # weighted by those who decode, as each token of theirs is one
    itl = float(busy @ fast / busy.sum()) if busy.sum() > 0 else 1.0
    return float(law[wait <= cluster.ttft_target_ms].sum()), itl


class PlannerChoice(eqx.Module):
    """One player, the Planner, chooses among the splits of a budget. A `FiniteGame`; action k is the k-th split."""

    splits: tuple[tuple[int, int], ...] = eqx.field(static=True)
    cost: FloatArray

    takes_profiles: ClassVar[bool] = True

    @property
    def num_players(self) -> int:
        """1."""
        return 1

    @property
    def num_actions(self) -> int:
        """Splits."""
        return len(self.splits)

    def action_costs(self, profile: ArrayLike) -> FloatArray:
        """[..., 1, A]: what each split costs."""
        shape = as_profile(self, profile).shape[:-1]
        return np.broadcast_to(self.cost, (*shape, 1, len(self.cost))).copy()

    def social_cost(self, profile: ArrayLike) -> Any:
        """Cost of the split chosen."""
        cost = self.cost[as_profile(self, profile)[..., 0]]
        return float(cost) if cost.ndim == 0 else cost

    def split_of(self, profile: ArrayLike) -> tuple[int, int]:
        """Workers of a profile [1]."""
        return self.splits[int(as_profile(self, profile)[0])]

    def profile_of(self, split: tuple[int, int]) -> IntArray:
        """[1]: the profile of a split."""
        require(split in self.splits, f"{split[0]}P/{split[1]}D does not use the budget up; splits are {self.splits}")
        return np.array([self.splits.index(split)])


def routing_layer(cluster: ServingCluster, state: CoupledState) -> RoutingGame:
    """Requests choose workers: decode time in a batch of those who then decode, less ω times the ms that overlap saves.

    The batch of n requests at a worker is n · E[m]/N, as only m of all N decode at a time.
    """
    decoding = operating_point(cluster, state).chain.decoding / cluster.num_requests
    n = np.arange(1.0, max(cluster.num_requests, 2) + 1.0)
    latency = Tabulated(n, cluster.batch_ms(n * decoding)).replicated(state.split[1])
    saved = cluster.prefix_ms - read_ms(cluster, state.placement)
    return RoutingGame(latency, saved.T[cluster.group], overlap_weight=cluster.overlap_weight)


def caching_layer(cluster: ServingCluster, state: CoupledState) -> CachingGame:
    """Workers keep prefixes: demand is the requests of each group that come to them, places are free but few."""
    d = state.split[1]
    distance = np.full((d, d), cluster.transfer_ms) * (1.0 - np.eye(d))
    count = loads(cluster, state).astype(np.float64)
    return CachingGame(distance, 0.0, count, capacity=cluster.places, miss_cost=cluster.prefix_ms)


def resource_layer(cluster: ServingCluster, state: CoupledState) -> PlannerChoice:
    """The Planner minimises 1 less the smaller attainment; at other numbers of decode workers it expects even loads."""
    service, transfer = work(cluster, loads(cluster, state), state.placement)
    now = loads(cluster, state).sum(axis=1)
    cost: list[float] = []
    for p, d in cluster.splits:
        load = now if d == state.split[1] else even_loads(cluster.num_requests, d)
        cost.append(1.0 - min(attainments(cluster, p, service, load, transfer)))
    # shares are sums of many terms: what differs by less than this is equal
    return PlannerChoice(tuple(cluster.splits), np.round(np.array(cost, dtype=np.float64), 12))


def coupled_serving(cluster: ServingCluster) -> CoupledGame:
    """Return the coupled game of a cluster; its social cost is the mean latency of a request, ms.

    Examples
    --------
    >>> cluster = ServingCluster(3, [4, 4], itl=lambda n: 6.0 + 0.1 * n)
    >>> game = coupled_serving(cluster)
    >>> round(game.social_cost(cluster.start((1, 2))), 1)
    841.9
    """
    return CoupledGame(
        resource=lambda state: resource_layer(cluster, state),
        caching=lambda state: caching_layer(cluster, state),
        routing=lambda state: routing_layer(cluster, state),
        social_cost=lambda state: operating_point(cluster, state).latency_ms,
    )
