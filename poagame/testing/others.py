"""Strategies of the games that have one form only; every draw is valid, so nothing is filtered out."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from poagame.games.load_balancing import FractionalLoadBalancing
from poagame.games.shared_resources import SharedResources
from poagame.testing.strategies import _tenths


@st.composite
def shared_resources(
    draw: DrawFn, max_players: int = 4, max_actions: int = 3, max_resources: int = 4, low: int = 0, high: int = 9
) -> SharedResources:
    """Resources with whole numbers for what a user pays and what the users cost all, small enough to enumerate.

    Parameters
    ----------
    max_players, max_actions, max_resources : int
        Sizes are drawn from 1 up to these.
    low, high : int
        Entries of both tables lie between these; below 0 there are subsidies and shares of a welfare.
    """
    players, resources = draw(st.integers(1, max_players)), draw(st.integers(1, max_resources))
    row = st.lists(st.integers(low, high), min_size=players, max_size=players)
    table = st.lists(row, min_size=resources, max_size=resources)
    action = st.sets(st.integers(0, resources - 1), min_size=1).map(sorted)
    actions = st.lists(st.lists(action, min_size=1, max_size=max_actions), min_size=players, max_size=players)
    return SharedResources(draw(table), draw(table), draw(actions))


@st.composite
def load_balancing_games(draw: DrawFn, max_jobs: int = 4, max_servers: int = 4) -> FractionalLoadBalancing:
    """Jobs that split over servers and count half of their own load.

    Parameters
    ----------
    max_jobs, max_servers : int
        Sizes are drawn from 1 up to these.
    """
    jobs, servers = draw(st.integers(1, max_jobs)), draw(st.integers(1, max_servers))
    size = draw(st.lists(_tenths(1, 30), min_size=jobs, max_size=jobs))
    rate, background = (draw(st.lists(_tenths(low, 30), min_size=servers, max_size=servers)) for low in (1, 0))
    return FractionalLoadBalancing(size, rate, background)
