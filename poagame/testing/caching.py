"""A strategy that draws small caching games; every draw is valid, so nothing is filtered out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from poagame._arrays import require
from poagame.games.caching import CachingGame
from poagame.testing.draws import tenths

CachingKind = Literal["metric", "directed", "complete", "any"]
Demands = Literal["equal", "any"]
KINDS: tuple[CachingKind, ...] = ("metric", "directed", "complete", "any")


@st.composite
def caching_games(
    draw: DrawFn,
    max_nodes: int = 5,
    kinds: Sequence[CachingKind] = ("metric",),
    demands: Demands = "equal",
    equal_placement: bool = True,
    min_nodes: int = 1,
) -> CachingGame:
    """Caching games small enough to enumerate.

    Parameters
    ----------
    max_nodes, min_nodes : int
        Nodes are drawn between these.
    kinds : sequence
        Distances: "metric" (lengths of shortest paths, so that nodes may lie at distance 0), "directed" ones likewise, "complete" (all
        equal), or "any" (directed, no triangle inequality, some nodes out of reach).
    demands : "equal" or "any"
        Unit demands, or tenths from 0.1 to 3.
    equal_placement : bool
        Whether all nodes have one placement cost.
    """
    require(1 <= min_nodes <= max_nodes, f"nodes are 1 <= min <= max; got {min_nodes} and {max_nodes}")
    require(demands in ("equal", "any"), f"demands are 'equal' or 'any'; got {demands!r}")
    require(len(kinds) > 0 and set(kinds) <= set(KINDS), f"kinds of distances are {', '.join(KINDS)}; got {kinds!r}")
    kind = draw(st.sampled_from(list(kinds)))
    n = draw(st.integers(min_nodes, max_nodes))
    distance = draw(_distances(n, kind))
    cost, costs = tenths(1, 60), st.lists(tenths(1, 60), min_size=n, max_size=n)
    placement = draw(cost if equal_placement else costs)
    asked = 1.0 if demands == "equal" else draw(st.lists(tenths(1, 30), min_size=n, max_size=n))
    return CachingGame(distance, placement, asked)


@st.composite
def _distances(draw: DrawFn, nodes: int, kind: CachingKind) -> np.ndarray:
    """[n, n], in tenths of whole numbers so that ties are exact."""
    tenths = np.zeros((nodes, nodes))
    if kind == "complete":
        tenths[:] = draw(st.integers(1, 60))
    elif kind == "metric":
        upper = np.triu_indices(nodes, 1)
        tenths[upper] = draw(st.lists(st.integers(0, 60), min_size=len(upper[0]), max_size=len(upper[0])))
        tenths += tenths.T
    else:
        out = [np.inf] if kind == "any" else []
        entry = st.one_of(st.integers(0, 60), *(st.just(far) for far in out))
        size = nodes * (nodes - 1)
        tenths[~np.eye(nodes, dtype=bool)] = draw(st.lists(entry, min_size=size, max_size=size))
    np.fill_diagonal(tenths, 0.0)
    if kind in ("metric", "directed"):
        for via in range(nodes):
            tenths = np.minimum(tenths, tenths[:, via, None] + tenths[via])
    return tenths / 10
