"""Strategies that draw latencies and routing games; every draw is valid, so nothing is filtered out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from poagame._arrays import require
from poagame.games import RoutingGame
from poagame.latency import (
    BPR,
    MM1,
    Latency,
    LogPeriodic,
    MarginalCost,
    Polynomial,
    Preloaded,
    Saturating,
    Scaled,
    Shifted,
    Stacked,
    Sum,
    Tabulated,
)
from poagame.testing.draws import tenths

Family = Literal["linear", "affine", "polynomial", "bpr", "mm1", "saturating", "tabulated", "log_periodic", "composed"]
FAMILIES: tuple[Family, ...] = ("affine", "polynomial", "bpr", "mm1", "saturating", "tabulated")
"""Families drawn from where not told otherwise. Asked for by name: "linear" c·x, "log_periodic", and "composed" ones, which are made of
those of `FAMILIES` by sums, factors, tolls, background load, marginal costs, or one family for each resource."""
CONVEX_TOTAL: tuple[Family, ...] = ("affine", "polynomial", "bpr", "mm1", "saturating")
"""Families whose load × latency is convex, so that their marginal cost is a latency."""
Variant = Literal["static", "symmetric", "arrival_order", "weighted"]


def latencies(
    resources: int = 1, families: Sequence[Family] = FAMILIES, min_capacity: float = 1.0
) -> SearchStrategy[Latency]:
    """Latencies of `resources` resources from the named families.

    Parameters
    ----------
    resources : int
        R ≥ 1.
    families : sequence
        Which families to draw from: those of `FAMILIES`, "linear", "log_periodic", "composed".
    min_capacity : float
        Loads up to here have finite latency, also in families with a capacity.
    """

    def row(low: int, high: int) -> SearchStrategy[list[float]]:
        return st.lists(tenths(low, high), min_size=resources, max_size=resources)

    def above() -> SearchStrategy[list[float]]:
        return row(1, 50).map(lambda extra: [round(min_capacity + e, 9) for e in extra])

    def table(points: int) -> SearchStrategy[Latency]:
        # tenths are summed as whole numbers, so that a table shows short decimals
        rises = st.lists(
            st.lists(st.integers(0, 20), min_size=points, max_size=points), min_size=resources, max_size=resources
        )
        widths = st.lists(st.integers(1, 30), min_size=points, max_size=points)
        return st.builds(lambda w, s: Tabulated((np.cumsum(w) - w[0]) / 10, np.cumsum(s, axis=1) / 10), widths, rises)

    def polynomial(degree: int) -> SearchStrategy[Latency]:
        coefficients = st.lists(
            st.lists(tenths(0, 30), min_size=degree + 1, max_size=degree + 1), min_size=resources, max_size=resources
        )
        return st.builds(Polynomial, coefficients)

    def log_periodic(degree: list[float]) -> SearchStrategy[Latency]:
        # amplitudes are parts of the largest one at which the latency does not fall
        most = np.floor(100 * np.array(degree) / np.hypot(degree, 1.0)) / 100
        return st.builds(
            lambda part, phase: LogPeriodic(degree, [round(m * p, 9) for m, p in zip(most, part, strict=True)], phase),
            row(0, 10),
            row(0, 62),
        )

    def composed() -> SearchStrategy[Latency]:
        simple = latencies(resources, FAMILIES, min_capacity)
        options: list[SearchStrategy[Latency]] = [
            st.builds(Sum, simple, simple),
            st.builds(Scaled, simple, row(0, 30)),
            st.builds(Shifted, simple, row(0, 30)),
            st.builds(Preloaded, latencies(resources, FAMILIES, min_capacity + 2.0), row(0, 20)),
            st.builds(MarginalCost, latencies(resources, CONVEX_TOTAL, min_capacity)),
        ]
        if resources > 1:
            one = latencies(1, FAMILIES, min_capacity)
            options.append(st.lists(one, min_size=resources, max_size=resources).map(Stacked.of))
        return st.one_of(options)

    readable = st.one_of(st.integers(1, 4).map(float), tenths(0, 30))
    makers: dict[Family, Callable[[], SearchStrategy[Latency]]] = {
        "linear": lambda: st.lists(readable, min_size=resources, max_size=resources).map(
            lambda slopes: Polynomial([[0.0, c] for c in slopes])
        ),
        "affine": lambda: polynomial(1),
        "polynomial": lambda: st.integers(2, 4).flatmap(polynomial),
        "bpr": lambda: st.builds(BPR, row(0, 30), row(1, 50), row(0, 10), row(0, 40)),
        "mm1": lambda: st.builds(MM1, above()),
        "saturating": lambda: st.builds(Saturating, row(0, 30), row(0, 10), row(0, 20), above()),
        "tabulated": lambda: st.integers(2, 5).flatmap(table),
        "log_periodic": lambda: row(1, 40).flatmap(log_periodic),
        "composed": composed,
    }
    require(len(families) > 0, f"name at least one family of latencies; there are {', '.join(makers)}")
    for family in families:
        require(family in makers, f"families of latencies are {', '.join(makers)}; got {family!r}")
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
    variant, workers = draw(st.sampled_from(list(variants))), draw(st.integers(1, max_workers))
    omega = draw(tenths(0, 20))
    row = st.lists(tenths(0, 30), min_size=workers, max_size=workers)
    rows = draw(st.lists(row, min_size=1, max_size=max_types))
    weight = tenths(1, 30) if variant == "weighted" else st.just(1.0)
    request = st.tuples(st.integers(0, len(rows) - 1), weight)
    types, weights = zip(*draw(st.lists(request, min_size=1, max_size=max_requests)), strict=True)
    room = sum(weights) + (3.0 if variant == "weighted" else 1.0)
    latency, affinity = draw(latencies(workers, families, min_capacity=room)), None
    if variant in ("symmetric", "arrival_order"):
        # below the diagonal, row by row, and last: a game of fewer requests is the same draw cut short
        affinity = np.zeros((len(types), len(types)))
        for i in range(len(types)):
            affinity[i, :i] = draw(st.lists(tenths(-10, 20), min_size=i, max_size=i))
        if variant == "symmetric":
            affinity += affinity.T
    return RoutingGame(
        latency,
        [rows[t] for t in types],
        omega,
        affinity,
        "arrival_order" if variant == "arrival_order" else "symmetric",
        weights if variant == "weighted" else None,
    )
