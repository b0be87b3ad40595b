"""Strategies that draw congestion games; every draw is valid, so nothing is filtered out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from poagame.games.congestion import CongestionGame, Objective
from poagame.latency import Latency
from poagame.testing.strategies import FAMILIES, Family, latencies

CongestionVariant = Literal["unweighted", "weighted", "player_specific", "counted"]


@st.composite
def congestion_games(
    draw: DrawFn,
    max_players: int = 5,
    max_actions: int = 3,
    max_resources: int = 4,
    variants: Sequence[CongestionVariant] = ("unweighted",),
    families: Sequence[Family] = FAMILIES,
    objectives: Sequence[Objective] = ("total",),
) -> CongestionGame:
    """Congestion games small enough to enumerate.

    Parameters
    ----------
    max_players, max_actions, max_resources : int
        Sizes are drawn from 1 up to these. Players may have different numbers of actions, and equal ones twice.
    variants : sequence
        "unweighted" players, "weighted" ones (some of equal weight), those with "player_specific" latencies, or "counted" rows of
        several equal players.
    families : sequence
        Families of the latency; all players together stay below every capacity.
    objectives : sequence
        "total", "makespan" or both.
    """
    variant = draw(st.sampled_from(list(variants)))
    players, resources = draw(st.integers(1, max_players)), draw(st.integers(1, max_resources))
    rows, multiplicity = players, None
    if variant == "counted":
        cuts = draw(st.lists(st.booleans(), min_size=players - 1, max_size=players - 1))
        multiplicity = [1]
        for cut in cuts:
            if cut:
                multiplicity.append(1)
            else:
                multiplicity[-1] += 1
        rows = len(multiplicity)
    tenths = st.integers(1, 30).map(lambda n: n / 10)
    few = draw(st.lists(tenths, min_size=1, max_size=2))
    weights = draw(st.lists(st.sampled_from(few), min_size=rows, max_size=rows)) if variant == "weighted" else None
    capacity = players + 1.0 if weights is None else sum(weights) + 3.0
    latency: Latency | list[Latency]
    if variant == "player_specific":
        one = latencies(resources, families, min_capacity=capacity)
        latency = draw(st.lists(one, min_size=rows, max_size=rows))
    else:
        latency = draw(latencies(resources, families, min_capacity=capacity))
    action = st.sets(st.integers(0, resources - 1), min_size=1).map(sorted)
    row = st.lists(action, min_size=1, max_size=max_actions)
    actions = draw(st.lists(row, min_size=rows, max_size=rows))
    return CongestionGame(latency, actions, weights, multiplicity, draw(st.sampled_from(list(objectives))))
