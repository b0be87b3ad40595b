"""Certificates against plain restatements: regret, dual bounds for any prices, four-cycles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import poagame as pg
from poagame.certificates import certify_nash, is_exact_potential, potential_violation, regret, routing_lower_bound
from poagame.certificates.duality import load_price_lower_bound
from poagame.errors import InvalidInput, TooLarge
from poagame.games import RoutingGame
from poagame.latency import MM1, Polynomial
from poagame.testing import routing_games
from tests import oracles

VARIANTS = ("static", "symmetric", "arrival_order", "weighted")


def some_profile(game: RoutingGame, seed: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng(seed).integers(0, game.num_actions, game.num_players).tolist())


@given(routing_games(variants=VARIANTS), st.integers(0, 99))
def test_regret_is_the_best_lone_move(game: RoutingGame, seed: int) -> None:
    s = some_profile(game, seed)
    expected = oracles.Oracle(game).regret(s)
    certificate = certify_nash(game, s)
    assert certificate.max_regret == pytest.approx(expected, abs=1e-9)
    assert regret(game, s).max() == pytest.approx(expected, abs=1e-9)
    i, j = certificate.player, certificate.action
    moved = (*s[:i], j, *s[i + 1 :])
    gain = oracles.request_cost(game, s, i) - oracles.request_cost(game, moved, i)
    assert gain == pytest.approx(expected, abs=1e-9)


def test_infinite_costs_have_infinite_or_no_regret() -> None:
    escape = RoutingGame(MM1([1.5, 9.0]), np.zeros((2, 2)))
    assert certify_nash(escape, [0, 0]).max_regret == np.inf
    trapped = RoutingGame(MM1([1.5, 0.5]), np.zeros((2, 2)))
    assert certify_nash(trapped, [0, 0]).max_regret == 0.0
    assert not np.isnan(regret(trapped, [0, 0])).any()


@given(routing_games(), st.integers(0, 99))
def test_type_prices_bound_every_profile_from_below(game: RoutingGame, seed: int) -> None:
    """Weak duality: any prices whatever give a lower bound."""
    prices = np.random.default_rng(seed).uniform(-5, 15, len(game.types().counts))
    least = oracles.least_social_cost(game)
    assert routing_lower_bound(game, prices) <= least + 1e-9
    assert routing_lower_bound(game, prices, max_load=1) <= least + 1e-9


@given(routing_games(max_requests=5, variants=VARIANTS), st.integers(0, 99))
def test_load_prices_bound_every_profile_from_below(game: RoutingGame, seed: int) -> None:
    prices = np.random.default_rng(seed).uniform(-2, 10, game.num_actions)
    assert load_price_lower_bound(game, prices) <= oracles.least_social_cost(game) + 1e-9


@given(routing_games(max_requests=4, variants=("static", "symmetric")))
def test_static_overlap_and_symmetric_affinity_have_an_exact_potential(game: RoutingGame) -> None:
    assert is_exact_potential(game)


ARRIVAL_ORDER = RoutingGame(
    Polynomial([[0.0, 1.0], [0.0, 1.0]]), np.zeros((2, 2)), 1.0, [[0.0, 0.0], [3.0, 0.0]], "arrival_order"
)


@dataclass(frozen=True)
class Multiplicative:
    """Player-specific multiplicative latencies: player i pays factor[i, j] × load of j. A test's own game, to use the protocol."""

    factor: np.ndarray

    @property
    def num_players(self) -> int:
        return len(self.factor)

    @property
    def num_actions(self) -> int:
        return self.factor.shape[1]

    def action_costs(self, profile: np.ndarray) -> np.ndarray:
        on = np.asarray(profile)[:, None] == np.arange(self.num_actions)
        return self.factor * (on.sum(axis=0) - on + 1.0)

    def social_cost(self, profile: np.ndarray) -> float:
        s = np.asarray(profile)
        return float(self.action_costs(s)[np.arange(len(s)), s].sum())


@pytest.mark.parametrize(
    "game", [ARRIVAL_ORDER, Multiplicative(np.array([[1.0, 2.0], [3.0, 1.0]]))], ids=["arrival order", "multiplicative"]
)
def test_a_four_cycle_shows_that_there_is_no_exact_potential(game: RoutingGame | Multiplicative) -> None:
    """Arrival-order affinity and player-specific multiplicative latencies: the witness is checked by walking around it."""
    witness = potential_violation(game)
    assert witness is not None
    assert not is_exact_potential(game)
    (i, j), (a, b) = witness.players, witness.actions
    corners = [list(witness.start) for _ in range(4)]
    corners[1][i], corners[2][i], corners[2][j], corners[3][j] = a, a, b, b

    def cost(profile: list[int], player: int) -> float:
        return float(game.action_costs(np.array(profile))[player, profile[player]])

    around = [
        (corners[0], corners[1], i),
        (corners[1], corners[2], j),
        (corners[2], corners[3], i),
        (corners[3], corners[0], j),
    ]
    total = sum(cost(after, player) - cost(before, player) for before, after, player in around)
    assert total == pytest.approx(witness.total)
    assert abs(total) > 0.5


@given(routing_games(max_requests=3, variants=("arrival_order",)))
@example(ARRIVAL_ORDER)
def test_four_cycles_decide_exactly_when_a_potential_can_be_built(game: RoutingGame) -> None:
    """Independent: cost differences summed along several orders of moves agree for all profiles iff there is a potential."""
    n = game.num_players

    oracle = oracles.Oracle(game)

    def integrated(profile: tuple[int, ...], order: list[int]) -> float:
        now, total = [0] * n, 0.0
        for i in order:
            before = oracle.cost(tuple(now), i)
            now[i] = profile[i]
            total += oracle.cost(tuple(now), i) - before
        return total

    orders = [list(range(n)), list(range(n))[::-1], [*range(1, n), 0]]
    same = all(
        integrated(s, orders[0]) == pytest.approx(integrated(s, o), abs=1e-7)
        for s in oracle.profiles()
        for o in orders[1:]
    )
    assert is_exact_potential(game) == same


def test_too_large_games_are_refused_by_name() -> None:
    with pytest.raises(TooLarge, match=r"A\^N"):
        is_exact_potential(RoutingGame(Polynomial([[0.0, 1.0]]), np.zeros((40, 3))))
    with pytest.raises(InvalidInput, match="one profile"):
        certify_nash(RoutingGame(Polynomial([[0.0, 1.0]]), np.zeros((2, 3))), [[0, 1], [1, 1]])
    assert pg.regret is regret
