"""The certificate of stores against all stores of the definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import poagame as pg
from poagame.certificates import placement
from poagame.certificates.placement import best_store
from poagame.errors import InvalidInput
from poagame.games.caching import CachingGame
from tests.stores_oracle import INF, StoresOracle, random_game


@pytest.mark.parametrize("chunk", [1, 4_000_000])
def test_regret_is_what_the_best_of_all_stores_saves(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(placement, "CHUNK", chunk)
    rng = np.random.default_rng(chunk)
    gained = 0
    for _ in range(150):
        game = random_game(rng)
        oracle = StoresOracle(game)
        at = tuple(int(rng.integers(len(s))) for s in oracle.stores)
        profile, wanted = oracle.profile(at), oracle.regret(at)
        assert pg.regret(game, profile).tolist() == pytest.approx(wanted, rel=1e-9, abs=1e-9)
        proof = pg.certify_nash(game, profile)
        assert proof.max_regret == pytest.approx(max(wanted), rel=1e-9, abs=1e-9)
        assert proof.holds == (max(wanted) < 1e-6)
        if not proof.holds:
            gained += 1
            assert wanted[proof.player] == pytest.approx(max(wanted))
            assert 0 <= proof.action < game.num_objects
    assert gained > 50


def test_action_is_the_object_whose_change_saves_most() -> None:
    game = CachingGame([[0.0, 1.0], [1.0, 0.0]], 2.0, [[1.0, 5.0, 9.0], [0.0, 0.0, 0.0]], miss_cost=3.0)
    proof = pg.certify_nash(game, [[1, 0, 0], [0, 0, 0]])
    assert (proof.player, proof.action) == (0, 2)
    assert proof.max_regret == (15.0 - 2.0) + (27.0 - 2.0)
    assert pg.certify_nash(game, [[1, 1, 1], [0, 0, 0]]).max_regret == 0.0
    assert pg.certify_nash(game, [[1, 1, 1], [0, 0, 0]]).action == -1
    swap = CachingGame([[0.0]], 0.0, [[1.0, 5.0, 9.0]], capacity=1, miss_cost=3.0)
    proof = pg.certify_nash(swap, [[1, 0, 0]])
    assert (proof.max_regret, proof.action) == (27.0 - 3.0, 2)


def test_too_full_and_out_of_reach_cost_infinity() -> None:
    game = CachingGame([[0.0, 1.0], [1.0, 0.0]], 1.0, [[2.0, 1.0], [1.0, 2.0]], capacity=1)
    full = CachingGame([[0.0, 1.0], [1.0, 0.0]], 1.0, [[2.0, 1.0], [1.0, 2.0]], capacity=1, miss_cost=5.0)
    assert pg.regret(full, [[1, 1], [0, 0]]).tolist() == [INF, 1.0]
    assert pg.certify_nash(game, [[1, 0], [0, 1]]).holds
    alone = pg.regret(game, [[0, 0], [0, 0]])
    assert alone.tolist() == [
        INF,
        INF,
    ]  # whatever one node stores, it is left without the other object: no equilibrium is that dear


@pytest.mark.parametrize("tiers", [1, 2, 3])
def test_best_store_is_the_best_of_all(tiers: int) -> None:
    rng = np.random.default_rng(tiers)
    infeasible = 0
    for _ in range(150):
        costs = rng.integers(0, 12, (4, tiers + 1)).astype(float)
        costs[rng.random(costs.shape) < 0.25] = INF
        capacity = rng.integers(0, 3, tiers)
        totals = [
            sum(costs[k, a] for k, a in enumerate(store))
            for store in itertools.product(range(tiers + 1), repeat=4)
            if all(store.count(t + 1) <= capacity[t] for t in range(tiers))
        ]
        store = best_store(costs, capacity)
        if store is None:
            infeasible += 1
            assert min(totals) == INF
        else:
            assert all((store == t + 1).sum() <= capacity[t] for t in range(tiers))
            assert costs[np.arange(4), store].sum() == min(totals) < INF
    assert 0 < infeasible < 150


def test_certificates_scale_with_the_unit() -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        game = random_game(rng, limited=True, whole=False)
        profile = StoresOracle(game).profile([0] * game.num_players)
        proof = pg.certify_nash(game, profile)
        for unit in (2.0**-60, 2.0**60):
            scaled = CachingGame(
                game.distance * unit,
                game.placement_cost * unit,
                game.demand,
                pg.Tiers(game.tiers.names, game.tiers.price, game.tiers.access * unit),
                game.capacity,
                miss_cost=game.miss_cost * unit,
                subsidy=game.subsidy * unit,
                fixed=game.fixed,
            )
            other = pg.certify_nash(scaled, profile)
            assert other.max_regret == proof.max_regret * unit
            assert other.tolerance == proof.tolerance * unit


def test_profiles_that_are_none() -> None:
    game = CachingGame([[0.0, 1.0], [1.0, 0.0]], 1.0, [[2.0, 1.0], [1.0, 2.0]])
    for verb in (pg.certify_nash, pg.regret):
        with pytest.raises(InvalidInput, match="one profile, in the shape"):
            verb(game, np.zeros((3, 2, 2)))
        with pytest.raises(InvalidInput, match="in the shape"):
            verb(game, [0, 1])
        with pytest.raises(InvalidInput, match="NaN"):
            verb(game, [[np.nan, 0.0], [0.0, 0.0]])
