"""Strategies that draw small networks with demand; every draw is valid, so nothing is filtered out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from poagame._arrays import require
from poagame.games.network import NetworkRouting
from poagame.latency.stacked import Stacked
from poagame.testing.draws import tenths
from poagame.testing.strategies import FAMILIES, Family, latencies


@st.composite
def networks(
    draw: DrawFn,
    max_nodes: int = 5,
    max_extra_edges: int = 8,
    max_commodities: int = 4,
    families: Sequence[Family] = FAMILIES,
    centroids: bool = True,
    mixed: bool = True,
) -> NetworkRouting:
    """Networks small enough to list their paths: a ring of nodes, further edges (parallel ones and self-loops among them).

    Parameters
    ----------
    max_nodes, max_extra_edges, max_commodities : int
        Sizes are drawn up to these.
    families : sequence
        Families of the latencies; all demand together stays below every capacity.
    centroids : bool
        Whether some nodes may be closed to through traffic.
    mixed : bool
        Whether edges may differ in family.
    """
    through = draw(st.integers(2, max_nodes))
    closed = draw(st.integers(0, 2)) if centroids else 0
    size = closed + through
    ring = [(closed + v, closed + (v + 1) % through) for v in range(through)]
    doors = [pair for c in range(closed) for pair in ((c, closed), (closed + through - 1, c))]
    node = st.integers(0, size - 1)
    extra = draw(st.lists(st.tuples(node, node), max_size=max_extra_edges))
    edges = ring + doors + extra
    trips = draw(st.lists(st.tuples(node, node, tenths(0, 30)), min_size=1, max_size=max_commodities))
    total = sum(amount for _, _, amount in trips)
    if mixed and draw(st.booleans()):
        latency = Stacked.of([draw(latencies(1, families, total + 0.5)) for _ in edges])
    else:
        latency = draw(latencies(len(edges), families, total + 0.5))
    tail, head = np.array(edges).T
    origin, destination, demand = zip(*trips, strict=True)
    return NetworkRouting(latency, tail, head, origin, destination, demand, size, closed)


@st.composite
def parallel_links(
    draw: DrawFn, max_links: int = 4, families: Sequence[Family] = FAMILIES, max_demand: float | None = None
) -> NetworkRouting:
    """Two nodes joined by parallel links, the networks on which worst cases live.

    Parameters
    ----------
    max_links : int
        Links are drawn from 2 up to these.
    families : sequence
        Families of the latencies; the demand stays below every capacity.
    max_demand : float, optional
        The demand is 1 where not given, else drawn from 0.1 up to this.
    """
    require(max_links >= 2, f"parallel links are at least 2; got max_links={max_links}")
    demand = 1.0 if max_demand is None else draw(tenths(1, max(1, int(10 * max_demand))))
    links = draw(st.integers(2, max_links))
    return NetworkRouting.parallel(draw(latencies(links, families, demand + 0.5)), demand)
