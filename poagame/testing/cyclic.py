"""Congestion games that look the same from every position of a ring, the shape of most worst cases of the literature."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from poagame._arrays import require
from poagame.games.congestion import CongestionGame
from poagame.latency.stacked import Stacked
from poagame.testing.draws import tenths
from poagame.testing.strategies import Family, latencies


@st.composite
def cyclic_games(
    draw: DrawFn,
    max_positions: int = 4,
    max_player_kinds: int = 2,
    max_resource_kinds: int = 2,
    max_resources: int = 3,
    weighted: bool = False,
    families: Sequence[Family] = ("linear",),
) -> CongestionGame:
    """Congestion games with a rotation: on each of P positions of a ring one player and one resource of every kind.

    A kind of player has two actions, each a set of resources named by kind and by distance along the ring; its player on the next
    position uses the next resources. In such games all players of a kind pay alike when they play alike, so a random one has an
    equilibrium and an optimum of very different cost far more often than an unstructured game, whose worst cases a search seldom meets:
    a worst case of any congestion game can be made cyclic.

    Parameters
    ----------
    max_positions : int
        P is drawn from 2 up to this.
    max_player_kinds, max_resource_kinds : int
        Kinds are drawn from 1 up to these; there are P times as many players and resources.
    max_resources : int
        Most resources of an action.
    weighted : bool
        Whether kinds of players have weights, 1 to 4 or tenths up to 3; otherwise all weigh 1.
    families : sequence
        Families of the latency of each kind of resource; all players together stay below every capacity.
    """
    require(max_positions >= 2, f"a ring has at least 2 positions; got max_positions={max_positions}")
    positions = draw(st.integers(2, max_positions))
    kinds, classes = draw(st.integers(1, max_player_kinds)), draw(st.integers(1, max_resource_kinds))
    one = st.one_of(st.integers(1, 4).map(float), tenths(1, 30))
    weights = draw(st.lists(one, min_size=kinds, max_size=kinds)) if weighted else [1.0] * kinds
    room = positions * sum(weights) + 1.0
    of_kind = draw(st.lists(latencies(1, families, min_capacity=room), min_size=classes, max_size=classes))
    spot = st.tuples(st.integers(0, classes - 1), st.integers(0, positions - 1))
    action = st.sets(spot, min_size=1, max_size=min(max_resources, positions * classes))
    pattern = draw(st.lists(st.tuples(action, action), min_size=kinds, max_size=kinds))
    actions = [
        [sorted(c * positions + (at + shift) % positions for c, shift in chosen) for chosen in pair]
        for pair in pattern
        for at in range(positions)
    ]
    latency = Stacked.of([of_kind[c] for c in range(classes) for _ in range(positions)])
    return CongestionGame(latency, actions, [w for w in weights for _ in range(positions)] if weighted else None)
