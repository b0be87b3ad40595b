"""Resources charged by tables: against a loop over the definition, congestion games, and the library's verbs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import poagame as pg
from poagame.errors import InvalidInput
from poagame.games.shared_resources import SharedResources
from poagame.latency import Tabulated
from poagame.testing import congestion_games


def by_definition(game: SharedResources, profile: list[int]) -> tuple[list[list[float]], float]:
    """Costs of each action and of all, by counting users one deviation at a time."""

    def users(s: list[int]) -> list[int]:
        return [sum(bool(game.incidence[i, a, r]) for i, a in enumerate(s)) for r in range(len(game.paid))]

    costs = []
    for i in range(game.num_players):
        row = []
        for a in range(game.num_actions):
            after = users([*profile[:i], a, *profile[i + 1 :]])
            mine = np.flatnonzero(game.incidence[i, a])
            row.append(sum(game.paid[r, after[r] - 1] for r in mine) if len(mine) else math.inf)
        costs.append(row)
    total = sum(game.total[r, k - 1] for r, k in enumerate(users(profile)) if k)
    return costs, float(total)


@given(st.data())
def test_costs_by_definition(data: st.DataObject) -> None:
    players, resources = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    size = players * resources
    table = st.lists(st.integers(-5, 5), min_size=size, max_size=size)
    paid, total = (np.array(data.draw(table), float).reshape(resources, players) for _ in range(2))
    action = st.sets(st.integers(0, resources - 1), min_size=1).map(sorted)
    actions = data.draw(st.lists(st.lists(action, min_size=1, max_size=3), min_size=players, max_size=players))
    game = SharedResources(paid, total, actions)
    profiles = np.array(
        data.draw(st.lists(st.tuples(*(st.integers(0, len(row) - 1) for row in actions)), min_size=1, max_size=4))
    )
    costs, social = game.action_costs(profiles), game.social_cost(profiles)
    for k, profile in enumerate(profiles.tolist()):
        wanted, all_pay = by_definition(game, profile)
        np.testing.assert_allclose(costs[k], wanted)
        np.testing.assert_allclose(game.action_costs(profile), wanted)
        assert np.asarray(social)[k] == pytest.approx(all_pay)
    again = eval(repr(game), {"SharedResources": SharedResources})
    np.testing.assert_array_equal(again.action_costs(profiles), costs)


@given(congestion_games(max_players=4, families=("affine", "polynomial", "tabulated")))
def test_a_congestion_game_in_tables(game: pg.CongestionGame) -> None:
    loads = np.arange(1.0, game.num_players + 1)
    paid = np.asarray(game.latencies[0](loads[:, None])).T
    tables = SharedResources(paid, paid * loads, game.actions)
    listed, tabled = pg.equilibria(game), pg.equilibria(tables)
    # the first lists equilibria that differ only in which of several equal players does what once
    assert {tuple(p) for p in listed.profiles.tolist()} <= {tuple(p) for p in tabled.profiles.tolist()}
    assert tabled.count == listed.count
    assert set(tabled.social_costs.round(9)) == set(listed.social_costs.round(9))
    if len({len(row) for row in game.actions}) == 1:
        assert pg.is_exact_potential(tables)


def test_tolls_move_the_equilibrium_and_not_the_cost() -> None:
    """Pigou for two players: a toll of 1 on the second user of the link x makes them part; links cost x and 2."""
    plain = SharedResources([[1.0, 2.0], [2.0, 2.0]], [[1.0, 4.0], [2.0, 4.0]], [[[0], [1]]] * 2)
    tolled = SharedResources([[1.0, 3.0], [2.0, 2.0]], [[1.0, 4.0], [2.0, 4.0]], [[[0], [1]]] * 2)
    assert pg.price_of_anarchy(plain).poa == pytest.approx(4 / 3)
    assert pg.price_of_anarchy(tolled).poa == 1.0
    like = pg.CongestionGame(Tabulated([1.0, 2.0], [[1.0, 2.0], [2.0, 2.0]]), [[[0], [1]]] * 2)
    assert pg.price_of_anarchy(like).poa == pytest.approx(4 / 3)


@pytest.mark.parametrize(
    ("paid", "total", "actions", "message"),
    [
        ([[1.0, 2.0]], [[1.0]], [[[0]], [[0]]], "of one shape"),
        ([1.0, 2.0], [1.0, 2.0], [[[0]], [[0]]], "of one shape"),
        ([[1.0]], [[1.0]], [[[0]], [[0]]], "1 columns"),
        ([[1.0, 2.0]], [[1.0, 2.0]], [[[0]], [[1]]], "names resource 1"),
        ([[1.0, math.nan]], [[1.0, 2.0]], [[[0]], [[0]]], "finite"),
        ([[1.0]], [[1.0]], [[[]]], "has no resource"),
    ],
)
def test_bad_input(paid: Any, total: Any, actions: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        SharedResources(paid, total, actions)


def test_large_games_are_named_briefly() -> None:
    game = SharedResources(np.ones((30, 10)), np.ones((30, 10)), [[[r] for r in range(30)]] * 10)
    assert repr(game) == "<SharedResources of 10 players on 30 resources>"
