"""Strategies of the games that have one form only; every draw is valid, so nothing is filtered out."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from poagame.games.load_balancing import FractionalLoadBalancing
from poagame.games.shared_resources import SharedResources
from poagame.testing.draws import action_rows, tenths, used_only


@st.composite
def shared_resources(
    draw: DrawFn, max_players: int = 4, max_actions: int = 3, max_resources: int = 4, low: int = 0, high: int = 9
) -> SharedResources:
    """Resources with whole numbers for what a user pays and what the users cost all, small enough to enumerate.

    Parameters
    ----------
    max_players, max_actions, max_resources : int
        Sizes are drawn from 1 up to these; no player has an action twice, and every resource is in some action.
    low, high : int
        Entries of both tables lie between these; below 0 there are subsidies and shares of a welfare.
    """
    most = draw(st.integers(1, max_resources))
    rows = draw(st.lists(action_rows(most, max_actions), min_size=1, max_size=max_players))
    actions, resources = used_only(rows)
    # drawn last and user by user: a game of fewer players is the same draw cut short
    entries = st.lists(st.tuples(*[st.integers(low, high)] * 2), min_size=resources, max_size=resources)
    tables = draw(st.lists(entries, min_size=len(rows), max_size=len(rows)))
    pays, costs = np.moveaxis(np.array(tables, dtype=np.float64), (0, 1, 2), (2, 1, 0))
    return SharedResources(pays, costs, actions)


@st.composite
def load_balancing_games(draw: DrawFn, max_jobs: int = 4, max_servers: int = 4) -> FractionalLoadBalancing:
    r"""Jobs that split over servers and count half of their own load.

    Laws on the price of anarchy refuse these games, as the library computes no optimum of theirs. What can be asserted is a law on
    `variational_equilibrium(game)`, by `assert_at_most`: its social cost is at most 2 − 1/n times the least
    :math:`\Phi = \sum_j (s_j X_j + X_j^2/2)/\mu_j`, which it attains, and no flow costs less than Φ.

    Parameters
    ----------
    max_jobs, max_servers : int
        Sizes are drawn from 1 up to these.

    Examples
    --------
    >>> import poagame as pg
    >>> from hypothesis import given, settings
    >>> from poagame.testing import assert_at_most
    >>> @settings(deadline=None, max_examples=20)
    ... @given(load_balancing_games())
    ... def test_no_job_gains_much_by_counting_half(game):
    ...     found = pg.variational_equilibrium(game)
    ...     load = found.x.sum(axis=0)
    ...     least = ((game.background * load + load**2 / 2) / game.rate).sum()
    ...     assert_at_most(game, game.social_cost(found.x), (2 - 1 / len(game.size)) * least, "cost is at most 2 - 1/n times Phi", 1e-6)
    >>> test_no_job_gains_much_by_counting_half()
    """
    jobs, servers = draw(st.integers(1, max_jobs)), draw(st.integers(1, max_servers))
    size = draw(st.lists(tenths(1, 30), min_size=jobs, max_size=jobs))
    rate, background = (draw(st.lists(tenths(low, 30), min_size=servers, max_size=servers)) for low in (1, 0))
    return FractionalLoadBalancing(size, rate, background)
