r"""How much of a serving cluster's loss is routing, caching and allocation of GPUs.

The layers of a state are changed, subset by subset, to what is best for the whole, :math:`v(S)` being the latency saved:

- routing and caching in S are chosen to minimise latency (`best_state`); outside S they stay as they are, or, where the split
  changes, play an equilibrium for the new split;
- allocation in S means the best of all splits of the budget.

Shapley's value of v shares the loss out; the interaction is the whole less what the layers gain one at a time: negative where one
cure makes another needless. The definition is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from types import MappingProxyType

import numpy as np
import polars as pl

from poagame._arrays import require
from poagame.games.checks import whole
from poagame.games.coupled import LAYERS, CoupledState, Layer
from poagame.games.serving_cluster import ServingCluster, coupled_serving, operating_point
from poagame.solvers.coupled.best import best_state, latency_bound
from poagame.solvers.coupled.dynamics import Response, joint_equilibrium

PARTS = MappingProxyType({"routing": "routing", "caching": "caching", "resource": "allocation"})
"""What the loss of a layer is called."""


@dataclass(frozen=True, eq=False, slots=True)
class Attribution:
    """The loss of a state, by layer; latencies in ms.

    Attributes
    ----------
    latency_ms : float
        At the state.
    best_ms : dict of tuple of layers → float
        Lowest latency found with those layers changed.
    lower_bound_ms : float
        No state of the budget has a lower one.
    share_ms : dict of layer → float
        Shapley values; they sum to the loss, latency_ms less the lowest found.
    interaction_ms : float
        Loss less what the layers gain one at a time.
    """

    latency_ms: float
    best_ms: dict[tuple[Layer, ...], float]
    lower_bound_ms: float
    share_ms: dict[Layer, float]
    interaction_ms: float

    @property
    def loss_ms(self) -> float:
        """What changing all layers saves."""
        return self.latency_ms - self.best_ms[LAYERS]

    @property
    def ratio(self) -> float:
        """Latency over the lowest found: at most the true ratio, and that itself where `exact`."""
        return self.latency_ms / self.best_ms[LAYERS]

    @property
    def ratio_high(self) -> float:
        """Latency over the lower bound: at least the true ratio."""
        return self.latency_ms / self.lower_bound_ms

    @property
    def exact(self) -> bool:
        """Whether the lowest latency found is proved the lowest."""
        return self.ratio_high <= self.ratio * (1.0 + 1e-9)

    def __str__(self) -> str:
        """A table."""
        rows = [(PARTS[name], self.share_ms[name]) for name in LAYERS]
        lines = [f"{name:<11}{value:10.4g} ms" for name, value in rows]
        known = "optimum" if self.exact else "lowest found"
        head = f"latency {self.latency_ms:.4g} ms, {known} {self.best_ms[LAYERS]:.4g} ms, ratio {self.ratio:.4g}"
        return "\n".join([head, *lines, f"(interaction {self.interaction_ms:.4g} ms)"])


def attribute_loss(cluster: ServingCluster, state: CoupledState) -> Attribution:
    """Share the loss of a state out among routing, caching and allocation.

    Examples
    --------
    >>> cluster = ServingCluster(3, [8, 8], itl=lambda n: 6.0 + 0.1 * n, places=1)
    >>> found = attribute_loss(cluster, cluster.start((2, 1)))
    >>> sum(found.share_ms.values()) == found.loss_ms or round(sum(found.share_ms.values()) - found.loss_ms, 9) == 0.0
    True
    """
    require(state.split in cluster.splits, f"{state.name} does not use the budget up; splits are {cluster.splits}")
    now = operating_point(cluster, state).latency_ms
    best: dict[tuple[Layer, ...], float] = {}
    settled = {split: _settled(cluster, state, split) for split in cluster.splits}
    for size in range(len(LAYERS) + 1):
        for subset in combinations(LAYERS, size):
            tried = cluster.splits if "resource" in subset else [state.split]
            changed = [_changed(cluster, settled[split], subset) for split in tried]
            # a larger subset can do all that a smaller one can
            smaller = [best[s] for s in combinations(subset, size - 1)] if size else []
            best[subset] = min([now, *changed, *smaller])
    share: dict[Layer, float] = {name: _shapley(best, name) for name in LAYERS}
    loss = now - best[LAYERS]
    single = sum(now - best[name,] for name in LAYERS)
    bound = min(latency_bound(cluster, split) for split in cluster.splits)
    return Attribution(now, best, min(bound, best[LAYERS]), share, loss - single)


def _settled(cluster: ServingCluster, state: CoupledState, split: tuple[int, int]) -> CoupledState:
    """The state itself at its split; elsewhere what the other layers settle at."""
    if split == state.split:
        return state
    game = coupled_serving(cluster)
    moved = game.at_split(state, split)
    return joint_equilibrium(game, moved, Response(("routing", "caching"), "fixed"), 40).state


def _changed(cluster: ServingCluster, state: CoupledState, subset: tuple[Layer, ...]) -> float:
    """Lowest latency found at the state's split with the subset's routing and caching."""
    routing, caching = "routing" in subset, "caching" in subset
    if not (routing or caching):
        return operating_point(cluster, state).latency_ms
    return best_state(cluster, state, routing=routing, caching=caching).latency_ms


def _shapley(best: dict[tuple[Layer, ...], float], name: Layer) -> float:
    """Mean gain of a layer over all orders in which layers may be changed."""
    others: list[Layer] = [other for other in LAYERS if other != name]
    total = 0.0
    for size in range(len(others) + 1):
        weight = factorial(size) * factorial(len(others) - size) / factorial(len(LAYERS))
        for subset in combinations(others, size):
            with_it: tuple[Layer, ...] = tuple(layer for layer in LAYERS if layer in subset or layer == name)
            total += weight * (best[subset] - best[with_it])
    return total


def attribution_by_load(
    cluster: ServingCluster, split: tuple[int, int], requests: Sequence[int], planner: bool = False
) -> pl.DataFrame:
    """Loss and its shares at the equilibrium of a split, by the number of requests in flight.

    Parameters
    ----------
    cluster : ServingCluster
        Its groups keep their proportions.
    split : (int, int)
        Where the layers start, and stay if `planner` is false, as in the paper's experiments (P).
    requests : sequence of int
        N, each at least the number of groups.
    planner : bool
        Whether a Planner moves the split, too, a worker a step.

    Returns
    -------
    polars.DataFrame
        A row for each N: split, latency, TTFT and decode time in ms, share of requests in prefill, the lowest latency found and the bound,
        shares of the loss in ms, and whether routing and caching are certified at one fixed point.

    Raises
    ------
    InvalidInput
        If requests is empty or a number of it too small, or the split does not use the budget up.
    """
    require(
        np.ndim(requests) == 1 and len(requests) > 0,
        f"requests lists at least one number in flight; got {requests!r:.60}",
    )
    rows: list[dict[str, object]] = []
    weights = np.asarray(cluster.group_sizes) / cluster.num_requests
    for number in requests:
        scaled = _sized(cluster, weights, whole(number, "requests", 1))
        game = coupled_serving(scaled)
        response = Response(planner="step" if planner else "fixed")
        found = joint_equilibrium(game, scaled.start(split), response)
        state = found.state
        point, loss = operating_point(scaled, state), attribute_loss(scaled, state)
        decode = point.latency_ms - point.chain.ttft_ms
        rows.append(
            {
                "requests": scaled.num_requests,
                "split": state.name,
                "latency_ms": point.latency_ms,
                "ttft_ms": point.chain.ttft_ms,
                "decode_ms": decode,
                "in_prefill": point.chain.ttft_ms / point.latency_ms,
                "lowest_ms": loss.best_ms[LAYERS],
                "bound_ms": loss.lower_bound_ms,
                "ratio": loss.ratio,
                **{f"{PARTS[name]}_ms": loss.share_ms[name] for name in LAYERS},
                "interaction_ms": loss.interaction_ms,
                "fixed_point": len(found.states) == 1
                and not set(found.certificates[0].unstable) & {"routing", "caching"},
            }
        )
    return pl.DataFrame(rows)


def _sized(cluster: ServingCluster, weights: np.ndarray, number: int) -> ServingCluster:
    """The cluster with `number` requests, groups in proportion, one of each at least."""
    require(number >= len(weights), f"each of {len(weights)} groups needs a request; got N = {number}")
    sizes = np.maximum(1, np.floor(weights * number).astype(int))
    for k in np.argsort(-(weights * number - sizes), kind="stable")[: max(0, number - int(sizes.sum()))]:
        sizes[k] += 1
    sizes[int(sizes.argmax())] += number - int(sizes.sum())
    fields = {
        name: getattr(cluster, name) for name in cluster.__dataclass_fields__ if name not in ("token_ms", "group_sizes")
    }
    return ServingCluster(group_sizes=sizes.tolist(), **fields)
