"""Strategies that draw games in normal form; every draw is valid, so nothing is filtered out."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from poagame._arrays import require
from poagame.games.normal_form import NormalFormGame


@st.composite
def normal_form_games(
    draw: DrawFn,
    min_players: int = 2,
    max_players: int = 3,
    max_actions: int = 3,
    low: int = 1,
    high: int = 6,
    equal_actions: bool = False,
) -> NormalFormGame:
    """Games in normal form with whole costs, so that ties and degenerate games are common and exact.

    Parameters
    ----------
    min_players, max_players : int
        Players are drawn between these.
    max_actions : int
        Each player has 1 up to this many actions.
    low, high : int
        Costs lie between these; the default makes every ratio of social costs defined.
    equal_actions : bool
        Whether all players have the same number of actions; otherwise some lack the last ones.
    """
    require(1 <= min_players <= max_players, f"players are 1 ≤ min ≤ max; got {min_players} and {max_players}")
    players = draw(st.integers(min_players, max_players))
    shape = [draw(st.integers(1, max_actions))] * players
    if not equal_actions:
        shape = [draw(st.integers(1, max_actions)) for _ in range(players)]
    size = players * int(np.prod(shape))
    entries = draw(st.lists(st.integers(low, high), min_size=size, max_size=size))
    costs = np.array(entries, dtype=np.float64).reshape(players, *shape)
    return NormalFormGame.from_payoffs(*(-costs))
