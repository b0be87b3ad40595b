"""Strategies that draw latencies and routing games; every draw is valid, so nothing is filtered out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from poagame.games import RoutingGame
from poagame.latency import BPR, MM1, Latency, Polynomial, Saturating, Tabulated

Family = Literal["affine", "polynomial", "bpr", "mm1", "saturating", "tabulated"]
FAMILIES: tuple[Family, ...] = ("affine", "polynomial", "bpr", "mm1", "saturating", "tabulated")
Variant = Literal["static", "symmetric", "arrival_order", "weighted"]


def _tenths(low: int, high: int) -> SearchStrategy[float]:
    """Short decimals, so that counterexamples can be read and ties happen."""
    return st.integers(low, high).map(lambda n: n / 10)


def latencies(
    resources: int = 1, families: Sequence[Family] = FAMILIES, min_capacity: float = 1.0
) -> SearchStrategy[Latency]:
    """Latencies of `resources` resources from the named families.

    Parameters
    ----------
    resources : int
        R ≥ 1.
    families : sequence
        Which families to draw from.
    min_capacity : float
        Loads up to here have finite latency, also in families with a capacity.
    """

    def row(low: int, high: int) -> SearchStrategy[list[float]]:
        return st.lists(_tenths(low, high), min_size=resources, max_size=resources)

    def above() -> SearchStrategy[list[float]]:
        return row(1, 50).map(lambda extra: [min_capacity + e for e in extra])

    def table(points: int) -> SearchStrategy[Latency]:
        steps = st.lists(
            st.lists(_tenths(0, 20), min_size=points, max_size=points), min_size=resources, max_size=resources
        )
        widths = st.lists(_tenths(1, 30), min_size=points, max_size=points)
        return st.builds(lambda w, s: Tabulated(np.cumsum(w) - w[0], np.cumsum(s, axis=1)), widths, steps)

    def polynomial(degree: int) -> SearchStrategy[Latency]:
        coefficients = st.lists(
            st.lists(_tenths(0, 30), min_size=degree + 1, max_size=degree + 1), min_size=resources, max_size=resources
        )
        return st.builds(Polynomial, coefficients)

    makers: dict[Family, Callable[[], SearchStrategy[Latency]]] = {
        "affine": lambda: polynomial(1),
        "polynomial": lambda: st.integers(2, 4).flatmap(polynomial),
        "bpr": lambda: st.builds(BPR, row(0, 30), row(1, 50), row(0, 10), row(0, 40)),
        "mm1": lambda: st.builds(MM1, above()),
        "saturating": lambda: st.builds(Saturating, row(0, 30), row(0, 10), row(0, 20), above()),
        "tabulated": lambda: st.integers(2, 5).flatmap(table),
    }
    return st.one_of([makers[f]() for f in families])


@st.composite
def routing_games(
    draw: DrawFn,
    max_requests: int = 6,
    max_workers: int = 3,
    max_types: int = 3,
    variants: Sequence[Variant] = ("static",),
    families: Sequence[Family] = FAMILIES,
) -> RoutingGame:
    """Routing games small enough to enumerate.

    Parameters
    ----------
    max_requests, max_workers, max_types : int
        Sizes are drawn from 1 up to these.
    variants : sequence
        "static" overlap alone, or with "symmetric" or "arrival_order" affinity, or "weighted" requests.
    families : sequence
        Families of the latency; all requests together stay below every capacity.
    """
    requests, workers = draw(st.integers(1, max_requests)), draw(st.integers(1, max_workers))
    variant = draw(st.sampled_from(list(variants)))
    weights = draw(st.lists(_tenths(1, 30), min_size=requests, max_size=requests)) if variant == "weighted" else None
    total = requests + 1.0 if weights is None else sum(weights) + 3.0
    latency = draw(latencies(workers, families, min_capacity=total))
    row = st.lists(_tenths(0, 30), min_size=workers, max_size=workers)
    rows = draw(st.lists(row, min_size=1, max_size=min(max_types, requests)))
    types = draw(st.lists(st.integers(0, len(rows) - 1), min_size=requests, max_size=requests))
    affinity = None
    if variant in ("symmetric", "arrival_order"):
        entries = st.lists(_tenths(-10, 20), min_size=requests * requests, max_size=requests * requests)
        affinity = np.array(draw(entries)).reshape(requests, requests)
        if variant == "symmetric":
            affinity = np.triu(affinity, 1) + np.triu(affinity, 1).T
    return RoutingGame(
        latency,
        [rows[t] for t in types],
        draw(_tenths(0, 20)),
        affinity,
        "arrival_order" if variant == "arrival_order" else "symmetric",
        weights,
    )
