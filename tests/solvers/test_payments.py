"""Which placements side payments can bring about: against all strategies of small games, linear programmes, and the theorems."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.optimize import linprog

import poagame as pg
from poagame.anarchy.payments import payment_anarchy
from poagame.bounds import caching as bounds
from poagame.certificates.payments import certify_payments
from poagame.errors import InvalidInput, TooLarge, UndefinedRatio
from poagame.games.caching import CachingGame
from poagame.solvers.caching.payments import (
    payment_equilibria,
    payment_equilibrium,
    payment_extremes,
    supporting_payments,
)
from poagame.testing.caching import KINDS, caching_games
from tests.certificates.test_payments import random_game
from tests.payment_oracle import equilibrium_placements

INF = float("inf")


def placements(game: CachingGame) -> set[tuple[int, ...]]:
    return set(map(tuple, payment_equilibria(game).profiles.tolist()))


@pytest.mark.parametrize("seed", range(12))
def test_placements_are_those_of_all_strategies_on_a_grid(seed: int) -> None:
    """Costs are whole numbers, so what supports a placement can be taken whole, and the grid has every best deviation."""
    rng = np.random.default_rng(100 + seed)
    game = random_game(rng, 2 + seed % 2)
    assert placements(game) == equilibrium_placements(game, 3)


def supported(game: CachingGame, held: tuple[int, ...]) -> bool:
    """By a linear programme for each choice of whom to bid to: bids at which no deviation of the definition gains."""
    n = game.num_players
    cost, w = np.asarray(game.placement_cost), np.asarray(game.demand)
    miss = [w[j] * game.miss_cost[j] if w[j] > 0 else 0.0 for j in range(n)]
    holders = [i for i in range(n) if held[i]]
    outside = [j for j in range(n) if not held[j]]

    def read(j: int, among: list[int]) -> float:
        return min([miss[j], *(w[j] * game.distance[j][k] if w[j] > 0 else 0.0 for k in among if k != j)])

    if any(read(j, holders) > cost[j] + 1e-9 for j in outside):
        return False
    choices = [[k for k in holders if k != j] or [-1] for j in outside]
    for to in itertools.product(*choices):
        # a bid is lost if its holder stands without it; thresholds are what is received, so that none does
        high = [
            max(0.0, min(cost[j], read(j, [k for k in holders if k != v])) - read(j, holders)) if v >= 0 else 0.0
            for j, v in zip(outside, to, strict=True)
        ]
        rows = [[-float(v == i) for v in to] for i in holders]
        needs = [read(i, [k for k in holders if k != i]) - cost[i] + 1e-9 for i in holders]
        finite = [k for k, need in enumerate(needs) if np.isfinite(need)]
        if not outside:
            if all(need >= 0 for need in needs):
                return True
            continue
        if not finite:
            return True
        a, b = np.array([rows[k] for k in finite]), np.array([needs[k] for k in finite])
        found = linprog(np.zeros(len(outside)), A_ub=a, b_ub=b, bounds=[(0.0, h) for h in high])
        if found.status == 0:
            return True
    return False


@settings(max_examples=40)
@given(caching_games(4, KINDS, "any", equal_placement=False))
def test_placements_are_those_for_which_a_programme_finds_bids(game: CachingGame) -> None:
    wanted = {s for s in itertools.product((0, 1), repeat=game.num_players) if supported(game, s)}
    assert placements(game) == wanted


@settings(max_examples=200)
@given(caching_games(6, KINDS, "any", equal_placement=False))
def test_selfish_equilibria_and_optima_are_supported(game: CachingGame) -> None:
    among = placements(game)
    assert {tuple(p) for p in pg.equilibria(game).profiles.tolist()} <= among
    every = np.array(list(itertools.product((0, 1), repeat=game.num_players)))
    social = np.asarray(game.social_cost(every))
    assert {tuple(p) for p in every[social <= social.min()].tolist()} <= among
    found = payment_extremes(game)
    assert found.best.social_cost == pytest.approx(found.optimum.social_cost, rel=1e-12)
    assert found.optimum.social_cost == pytest.approx(social.min(), rel=1e-12)
    assert found.num_supported == len(among)
    assert found.worst.social_cost == pytest.approx(max(game.social_cost(list(s)) for s in among), rel=1e-12)
    assert found.worst.social_cost <= np.asarray(game.placement_cost).sum() * (1 + 1e-9)


@settings(max_examples=100)
@given(caching_games(5, KINDS, "any", equal_placement=False))
def test_what_supports_a_placement_is_certified_and_frugal(game: CachingGame) -> None:
    among = placements(game)
    for s in itertools.product((0, 1), repeat=game.num_players):
        payments = supporting_payments(game, s)
        assert (payments is not None) == (s in among)
        if payments is None:
            assert payment_equilibrium(game, s) is None
            continue
        assert tuple(payments.profile.tolist()) == s
        assert certify_payments(game, payments).holds
        without = np.array([game.action_costs(s)[i, 0] for i in range(game.num_players)])
        gap = np.where(np.array(s) > 0, np.maximum(0.0, np.asarray(game.placement_cost) - without), 0.0)
        assert payments.received.tolist() == pytest.approx(gap.tolist(), abs=1e-9)


@settings(max_examples=150)
@given(caching_games(6, ("metric",), min_nodes=2))
def test_unit_demands_in_a_metric_stay_below_half_the_nodes(game: CachingGame) -> None:
    assert payment_anarchy(game).poa <= bounds.caching_uniform(game.num_players).value * (1 + 1e-9)


@pytest.mark.parametrize("nodes", [2, 3, 5, 9])
def test_half_the_nodes_is_attained(nodes: int) -> None:
    assert payment_anarchy(pg.instances.caching_uniform_worst(nodes)).poa == nodes / 2


def test_directed_cycles_have_equilibria_only_with_payments() -> None:
    game = CachingGame([[0, 1, 9], [9, 0, 1], [1, 9, 0]], 2.0)
    assert len(pg.equilibria(game)) == 0
    report = payment_anarchy(game)
    assert report.exact
    assert report.pos == 1.0
    # two replicas, and the third node reads from the one next to it
    assert report.optimum.social_cost == 5.0


def test_payments_can_make_the_worst_equilibrium_worse() -> None:
    """Ring of six, α = 2.25: two neighbours hold, each paid by those behind it, and nobody is paid enough on the far side."""
    at = np.arange(6)
    along = np.abs(at[:, None] - at)
    game = CachingGame(np.minimum(along, 6 - along), 2.25)
    assert pg.price_of_anarchy(game).poa == 1.0
    report = payment_anarchy(game, bounds.caching_payment())
    assert report.poa == pytest.approx(10.5 / 8.5)
    assert report.worst.social_cost == 10.5
    assert report.worst.certificate.holds
    assert "bound" in str(report)


def test_two_clusters_need_payments() -> None:
    game = pg.instances.caching_two_clusters(12, 10.0)
    report = payment_anarchy(game)
    assert report.exact
    assert (report.pos, report.optimum.social_cost) == (1.0, 20.0)
    assert pg.price_of_anarchy(game).pos == pytest.approx(game.certified["pos"]) != 1.0


def test_beyond_enumeration_bounds_are_labelled(monkeypatch: pytest.MonkeyPatch) -> None:
    game = pg.instances.caching_two_clusters(8, 10.0)
    exact = payment_anarchy(game)
    monkeypatch.setattr("poagame.anarchy.payments.MAX_NODES", 7)
    report = payment_anarchy(game)
    assert not report.exact
    assert report.poa == report.poa_low <= exact.poa <= report.poa_high == 80.0 / 20.0
    assert report.pos == report.pos_low == report.pos_high == 1.0
    cycle = CachingGame(np.array([[0, 1, 9], [9, 0, 1], [1, 9, 0]]), 2.0)  # no equilibrium without payments
    monkeypatch.setattr("poagame.anarchy.payments.MAX_NODES", 2)
    assert payment_anarchy(cycle).pos == 1.0


def test_too_large_and_undefined() -> None:
    large = pg.instances.caching_line(21)
    for call in (payment_equilibria, payment_extremes):
        with pytest.raises(TooLarge, match="21 nodes"):
            call(large)
    assert supporting_payments(large, np.arange(21) == 10) is not None
    with pytest.raises(TooLarge, match="100,000"):
        payment_equilibria(CachingGame(np.zeros((17, 17)), 0.0))
    with pytest.raises(UndefinedRatio):
        payment_anarchy(CachingGame([[0.0, 1.0], [1.0, 0.0]], 0.0))


@pytest.mark.parametrize("profile", [[1], [[1, 0]], [2, 0], [0.5, 0], ["x", 0]])
def test_bad_profiles(profile: Any) -> None:
    with pytest.raises(InvalidInput):
        supporting_payments(CachingGame([[0.0, 1.0], [1.0, 0.0]], 1.0), profile)


def test_nothing_held_is_supported_only_where_missing_is_cheap() -> None:
    assert supporting_payments(CachingGame([[0.0, 1.0], [1.0, 0.0]], 3.0), [0, 0]) is None
    cheap = CachingGame([[0.0, 1.0], [1.0, 0.0]], 3.0, miss_cost=2.0)
    assert placements(cheap) == {(0, 0), (1, 0), (0, 1)}
    # a replica saves its node a miss of 2 and the other one 1 of its 2: together less than it costs
    free = CachingGame([[0.0, 1.0], [1.0, 0.0]], 4.0, miss_cost=2.0)
    assert placements(free) == {(0, 0)}
    nobody = supporting_payments(cheap, [0, 0])
    assert nobody is not None
    assert nobody.threshold.tolist() == [INF, INF]
