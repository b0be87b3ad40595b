"""A strategy that draws small games of players that split; every draw is valid, so nothing is filtered out."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from poagame.games.splittable import SplittableRouting
from poagame.testing.draws import action_rows, tenths, used_only
from poagame.testing.strategies import FAMILIES, Family, latencies


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
        Sizes are drawn from 1 up to these; no player has an action twice, and every resource is in some action.
    families : sequence
        Families of the latencies; all demand together stays below every capacity.
    """
    most = draw(st.integers(1, max_resources))
    player = st.tuples(tenths(1, 30), action_rows(most, max_actions))
    demand, rows = zip(*draw(st.lists(player, min_size=1, max_size=max_players)), strict=True)
    actions, resources = used_only(rows)
    return SplittableRouting(draw(latencies(resources, families, sum(demand) + 0.5)), actions, demand)
