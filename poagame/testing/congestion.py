"""Strategies that draw congestion games; every draw is valid, so nothing is filtered out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from poagame.games.congestion import CongestionGame, Objective
from poagame.latency import Latency
from poagame.testing.draws import action_rows, tenths, used_only
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
        Sizes are drawn from 1 up to these. Players may have different numbers of actions, no action twice;
        every resource is in some action.
    variants : sequence
        "unweighted" players, "weighted" ones (some of equal weight), those with "player_specific" latencies, or "counted" rows of
        several equal players.
    families : sequence
        Families of the latency; all players together stay below every capacity.
    objectives : sequence
        "total", "makespan" or both.
    """
    variant = draw(st.sampled_from(list(variants)))
    objective, most = draw(st.sampled_from(list(objectives))), draw(st.integers(1, max_resources))
    few = draw(st.lists(tenths(1, 30), min_size=1, max_size=2)) if variant == "weighted" else [1.0]
    # a player is one stretch of the draw, so that shrinking can leave it out
    player = st.tuples(action_rows(most, max_actions), st.sampled_from(few), st.booleans())
    rows, weights, alike = zip(*draw(st.lists(player, min_size=1, max_size=max_players)), strict=True)
    multiplicity = None
    if variant == "counted":  # some players are like the one before
        first = [k for k in range(len(rows)) if k == 0 or not alike[k]]
        multiplicity = np.diff([*first, len(rows)]).tolist()
        rows = [rows[k] for k in first]
    actions, resources = used_only(rows)
    capacity = sum(weights) + (3.0 if variant == "weighted" else 1.0)
    latency: Latency | list[Latency]
    if variant == "player_specific":
        one = latencies(resources, families, min_capacity=capacity)
        latency = draw(st.lists(one, min_size=len(rows), max_size=len(rows)))
    else:
        latency = draw(latencies(resources, families, min_capacity=capacity))
    return CongestionGame(latency, actions, weights if variant == "weighted" else None, multiplicity, objective)
