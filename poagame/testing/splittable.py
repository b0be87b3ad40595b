"""A strategy that draws small games of players that split; every draw is valid, so nothing is filtered out."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from poagame.games.splittable import SplittableRouting
from poagame.testing.strategies import FAMILIES, Family, _tenths, latencies


@st.composite
def splittable_games(
    draw: DrawFn,
    max_players: int = 4,
    max_resources: int = 4,
    max_actions: int = 4,
    families: Sequence[Family] = FAMILIES,
) -> SplittableRouting:
    """Games of players that split, small enough for a general solver of convex programmes.

    Parameters
    ----------
    max_players, max_resources, max_actions : int
        Sizes are drawn from 1 up to these.
    families : sequence
        Families of the latencies; all demand together stays below every capacity.
    """
    players, resources = draw(st.integers(1, max_players)), draw(st.integers(1, max_resources))
    demand = draw(st.lists(_tenths(1, 30), min_size=players, max_size=players))
    action = st.sets(st.integers(0, resources - 1), min_size=1).map(sorted)
    row = st.lists(action, min_size=1, max_size=max_actions)
    actions = draw(st.lists(row, min_size=players, max_size=players))
    return SplittableRouting(draw(latencies(resources, families, sum(demand) + 0.5)), actions, demand)
