"""Equilibria of caching with side payments, against all strategies of a grid from their definition."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from poagame.certificates.payments import certify_payments
from poagame.errors import InvalidInput
from poagame.games.caching import CachingGame
from poagame.games.payments import Payments, payment_costs
from poagame.games.tiers import Tiers
from poagame.solvers.caching.payments import supporting_payments
from tests.payment_oracle import strategies, strategy_costs

INF = math.inf


def random_game(rng: np.random.Generator, nodes: int, most: int = 3) -> CachingGame:
    """Small whole numbers, so that all that matters happens on a grid of whole bids; directed, some nodes out of reach."""
    distance = rng.integers(0, 4, (nodes, nodes)).astype(float)
    distance[rng.random((nodes, nodes)) < 0.15] = INF
    np.fill_diagonal(distance, 0.0)
    demand = rng.integers(0, 3, nodes).astype(float)
    demand[rng.integers(nodes)] += 1.0
    miss = INF if rng.random() < 0.5 else rng.integers(1, 5, nodes).astype(float)
    return CachingGame(distance, rng.integers(0, most + 1, nodes).astype(float), demand, miss_cost=miss)


@pytest.mark.parametrize("seed", range(8))
def test_regret_is_that_of_all_strategies_on_the_grid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    nodes = int(rng.integers(2, 4))
    game = random_game(rng, nodes)
    costs = strategy_costs(game, 3)
    own = [strategies(i, nodes, 3) for i in range(nodes)]
    for at in zip(*(rng.integers(0, len(s), 60) for s in own), strict=True):
        chosen = [own[i][k] for i, k in enumerate(at)]
        payments = Payments(*zip(*chosen, strict=True))
        paid = costs[(slice(None), *at)]
        assert payment_costs(game, payments).tolist() == pytest.approx(paid.tolist(), abs=1e-12)
        best = [costs[(i, *at[:i], slice(None), *at[i + 1 :])].min() for i in range(nodes)]
        regret = max(p - b for p, b in zip(paid, best, strict=True))
        found = certify_payments(game, payments)
        assert found.max_regret == pytest.approx(regret, abs=1e-12)
        assert found.holds == (regret <= 1e-9)
        # the deviation that it names gains what it says
        i = found.player
        to, bid = payments.to.copy(), payments.bid.copy()
        threshold = payments.threshold.copy()
        to[i], bid[i], threshold[i] = found.to, found.bid, 0.0 if found.replicates else INF
        after = payment_costs(game, Payments(to, bid, threshold))[i]
        assert found.max_regret == INF or paid[i] - after == pytest.approx(found.max_regret, abs=1e-12)


def test_each_way_to_gain_is_found() -> None:
    """A line of three unit edges: 0 - 1 - 2, α = 2."""
    game = CachingGame([[0, 1, 2], [1, 0, 1], [2, 1, 0]], 2.0)
    free = Payments([-1, -1, -1], [0, 0, 0], [INF, 0, INF])
    assert certify_payments(game, free).max_regret == 0.0
    bribed = certify_payments(game, Payments([1, -1, -1], [0.5, 0, 0], [INF, 0, INF]))  # pays for what stands anyway
    assert (bribed.max_regret, bribed.player, bribed.replicates, bribed.bid) == (0.5, 0, False, 0.0)
    greedy = certify_payments(game, Payments([1, -1, -1], [1.5, 0, 0], [INF, 1.5, INF]))  # pays more than a replica
    assert (greedy.max_regret, greedy.player, greedy.replicates) == (0.5, 0, True)
    cheap = certify_payments(game, Payments([-1, -1, -1], [0, 0, 0], [0, 0.25, INF]))  # nobody buys it
    assert (cheap.max_regret, cheap.replicates, cheap.to, cheap.bid) == (0.75, False, 1, 0.25)
    assert cheap.player in (0, 2)  # 2 would read from nearer by, 0 without a replica of its own
    idle = certify_payments(game, Payments([-1, 0, 0], [0, 1.5, 1.5], [INF, INF, 0]))  # 0 would earn 1 with a replica
    assert (idle.player, idle.replicates, idle.max_regret) == (0, True, 3.0)


def test_no_unit_is_preferred() -> None:
    game = CachingGame([[0, 1, 2], [1, 0, 1], [2, 1, 0]], 2.5)
    payments = supporting_payments(game, [1, 0, 0])
    assert payments is not None
    for size in (1e-12, 1e12):
        scaled = CachingGame(np.asarray(game.distance) * size, 2.5 * size)
        again = Payments(payments.to, payments.bid * size, payments.threshold * size)
        assert certify_payments(scaled, again).holds
        wrong = certify_payments(scaled, Payments([1, -1, -1], [0.5 * size, 0, 0], [INF, 0, INF]))
        assert not wrong.holds
        assert wrong.max_regret == pytest.approx(0.5 * size)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([-1, 0], [0, 1], [0]), "one entry a node"),
        (([0, 0], [0, 1], [0, 0]), "another node"),
        (([-2, 0], [0, 1], [0, 0]), "another node"),
        (([-1, 2], [0, 1], [0, 0]), "another node"),
        (([-1, 0.5], [0, 1], [0, 0]), "another node"),
        (([-1, 0], [0, -1], [0, 0]), "bid must be >= 0"),
        (([-1, 0], [0, math.nan], [0, 0]), "bid must be finite"),
        (([-1, 0], [0, INF], [0, 0]), "bid must be finite"),
        (([-1, 0], [1, 1], [0, 0]), "bid must be 0 where"),
        (([-1, 0], [0, 1], [0, -1]), "threshold must be >= 0"),
        (([-1, 0], [0, 1], [0, math.nan]), "threshold must be >= 0"),
        (([-1, 0], [0, 1], ["a", 0]), "threshold must be an array"),
        ((["a", 0], [0, 1], [0, 0]), "to must be an array"),
        (([], [], []), "one entry a node"),
        ((-1, 0, 0), "one entry a node"),
    ],
)
def test_bad_payments(arguments: Any, match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        Payments(*arguments)


TWO = [[0.0, 1.0], [1.0, 0.0]]
REFUSED = [
    (CachingGame(TWO, 1.0, [[1.0, 1.0], [1.0, 1.0]]), "one object"),
    (CachingGame(TWO, 1.0, tiers=Tiers(["a", "b"], [1, 0.5], [0, 1])), "one tier"),
    (CachingGame(TWO, 1.0, tiers=Tiers(["a"], [1], [1])), "costs nothing"),
    (CachingGame(TWO, 1.0, capacity=1), "without capacity"),
    (CachingGame(TWO, 1.0, fixed=[1, -1]), "nodes that choose"),
    (CachingGame(TWO, 1.0, subsidy=0.5), "nodes that choose"),
    (None, "a CachingGame"),
]


@pytest.mark.parametrize(("game", "match"), REFUSED)
def test_games_without_payments_are_refused(game: Any, match: str) -> None:
    payments = Payments([-1, -1], [0, 0], [0, 0])
    for call in (certify_payments, payment_costs):
        with pytest.raises(InvalidInput, match=match):
            call(game, payments)
    with pytest.raises(InvalidInput, match=match):
        supporting_payments(game, [1, 0])


@pytest.mark.parametrize("payments", [None, "x", Payments([-1], [0], [0])])
def test_payments_of_another_game_are_refused(payments: Any) -> None:
    with pytest.raises(InvalidInput, match="Payments of 2 nodes"):
        certify_payments(CachingGame(TWO, 1.0), payments)


def test_all_strategies_are_distinct() -> None:
    assert len(strategies(1, 3, 3)) == len(set(strategies(1, 3, 3))) == 7 * 8
    assert set(itertools.chain.from_iterable(strategies(0, 2, 1))) >= {-1, 1, INF}
