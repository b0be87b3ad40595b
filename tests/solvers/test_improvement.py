"""Improvement cycles: a witness that can be walked, and none where there is a potential."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import poagame as pg
from poagame.errors import TooLarge
from poagame.games import RoutingGame
from poagame.latency import Polynomial
from poagame.testing import routing_games
from tests import oracles

CYCLING = RoutingGame(
    Polynomial([[1.0, 2.0], [1.0, 2.0]]),
    [[2.0, 1.0], [0.0, 0.0], [1.0, 0.0]],
    1.0,
    [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 3.0, 0.0]],
    "arrival_order",
)


def test_arrival_order_affinity_lets_best_replies_cycle() -> None:
    cycle = pg.improvement_cycle(CYCLING)
    assert cycle is not None
    for k, (before, mover, gain) in enumerate(zip(cycle.profiles, cycle.players, cycle.gains, strict=True)):
        after = cycle.profiles[(k + 1) % len(cycle)]
        assert [i for i in range(3) if before[i] != after[i]] == [mover]
        now = oracles.request_cost(CYCLING, before, mover)
        assert now - oracles.request_cost(CYCLING, after, mover) == pytest.approx(gain)
        assert gain > 0
        others = [oracles.request_cost(CYCLING, (*before[:mover], j, *before[mover + 1 :]), mover) for j in range(2)]
        assert oracles.request_cost(CYCLING, after, mover) == pytest.approx(min(others))


@settings(max_examples=50)
@given(routing_games(max_requests=4, variants=("static", "symmetric")))
def test_no_improvement_cycle_where_there_is_an_exact_potential(game: RoutingGame) -> None:
    assert pg.improvement_cycle(game, moves="better") is None


def test_refusals() -> None:
    with pytest.raises(TooLarge, match="200,000"):
        pg.improvement_cycle(RoutingGame(Polynomial([[0.0, 1.0]]), np.zeros((40, 2))))
    with pytest.raises(ValueError, match="'best' or 'better'"):
        pg.improvement_cycle(CYCLING, moves="any")  # type: ignore[arg-type]
