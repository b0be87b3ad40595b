"""A strategy that draws small caching games; every draw is valid, so nothing is filtered out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from poagame._arrays import require
from poagame.games.caching import CachingGame
from poagame.games.tiers import Tiers
from poagame.testing.draws import tenths

CachingKind = Literal["metric", "directed", "complete", "any"]
Demands = Literal["equal", "any"]
Feature = Literal["tiers", "miss", "subsidy", "objects", "capacity", "fixed"]
KINDS: tuple[CachingKind, ...] = ("metric", "directed", "complete", "any")
FEATURES: tuple[Feature, ...] = ("tiers", "miss", "subsidy", "objects", "capacity", "fixed")


@st.composite
def caching_games(
    draw: DrawFn,
    max_nodes: int = 5,
    kinds: Sequence[CachingKind] = ("metric",),
    demands: Demands = "equal",
    equal_placement: bool = True,
    min_nodes: int = 1,
    features: Sequence[Feature] = (),
    max_objects: int = 2,
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
        Unit demands, or tenths from 0.1 to 3; of several objects also 0.
    equal_placement : bool
        Whether all nodes have one placement cost.
    features : sequence
        What a game may have beyond the classical one, each drawn or not: "tiers" (one or two, with prices and accesses of their own),
        "miss" (a finite miss cost), "subsidy" (also negative), "objects" (demand [n, K]), "capacity" (0 to 2 objects in each tier),
        "fixed" (choices of a leader). Where storage is limited or a leader forbids some, a miss is finite, so that nobody is without a way.
    max_objects : int
        Most objects, K.
    """
    require(1 <= min_nodes <= max_nodes, f"nodes are 1 <= min <= max; got {min_nodes} and {max_nodes}")
    require(demands in ("equal", "any"), f"demands are 'equal' or 'any'; got {demands!r}")
    require(len(kinds) > 0 and set(kinds) <= set(KINDS), f"kinds of distances are {', '.join(KINDS)}; got {kinds!r}")
    require(set(features) <= set(FEATURES), f"features are {', '.join(FEATURES)}; got {features!r}")
    require(max_objects >= 1, f"games have at least one object; got max_objects={max_objects}")
    has = {feature for feature in FEATURES if feature in features and draw(st.booleans())}

    def extra(feature: Feature, values: SearchStrategy[Any], without: Any = None) -> Any:
        # drawn also where the game goes without, so that leaving it out shrinks the game and shifts no other draw
        drawn = draw(values) if feature in features else without
        return drawn if feature in has else without

    # what does not hang on the number of nodes comes first, so that a game of fewer nodes is the same draw cut short
    tiers, objects = extra("tiers", _tiers()), extra("objects", st.integers(1, max_objects))
    kind = draw(st.sampled_from(list(kinds)))
    n = draw(st.integers(min_nodes, max_nodes))
    distance = draw(_distances(n, kind))
    cost, costs = tenths(1, 60), st.lists(tenths(1, 60), min_size=n, max_size=n)
    placement = draw(cost if equal_placement else costs)
    tenfold = np.rint(np.broadcast_to(placement, (n,)) * 10).astype(int).tolist()
    subsidy = extra("subsidy", st.tuples(*(tenths(-20, most) for most in tenfold)), 0.0)
    shape, slots = (n,) if objects is None else (n, objects), 1 if tiers is None else len(tiers)
    fixed = extra("fixed", _whole(shape, -1, slots, first=-1))
    capacity = extra("capacity", _whole((n, slots), 0, 2, first=1))
    if capacity is not None:
        capacity[0, 0] += not capacity.any()  # somebody can hold something
        if fixed is not None:  # what is fixed has room
            held = fixed.reshape(n, -1)
            capacity = np.maximum(capacity, np.stack([(held == t + 1).sum(axis=1) for t in range(slots)], axis=1))
    scarce = capacity is not None or (fixed is not None and bool((fixed == 0).any()))
    misses = (
        draw(st.lists(tenths(0, 60), min_size=n, max_size=n)) if set(features) & {"miss", "capacity", "fixed"} else []
    )
    miss = misses if scarce or "miss" in has else np.inf
    demand = draw(_demand(shape, demands))
    return CachingGame(distance, placement, demand, tiers, capacity, miss_cost=miss, subsidy=subsidy, fixed=fixed)


def _tiers() -> SearchStrategy[Tiers]:
    """One or two, of any price and access."""

    def of(rows: list[tuple[float, float]]) -> Tiers:
        return Tiers([f"G{k + 1}" for k in range(len(rows))], *zip(*rows, strict=True))

    return st.lists(st.tuples(tenths(0, 20), tenths(0, 20)), min_size=1, max_size=2).map(of)


@st.composite
def _demand(draw: DrawFn, shape: tuple[int, ...], demands: Demands) -> np.ndarray:
    if demands == "equal":
        return np.ones(shape)
    size, least = math.prod(shape), 1 if len(shape) == 1 else 0
    asked = np.array(draw(st.lists(tenths(least, 30), min_size=size, max_size=size))).reshape(shape)
    asked.flat[0] += not asked.any()  # somebody asks for something
    return asked


@st.composite
def _whole(draw: DrawFn, shape: tuple[int, ...], low: int, high: int, first: int) -> np.ndarray:
    """Whole numbers that shrink to `first`."""
    size = math.prod(shape)
    values = st.sampled_from([first, *(v for v in range(low, high + 1) if v != first)])
    return np.array(draw(st.lists(values, min_size=size, max_size=size))).reshape(shape)


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
