"""Symmetric games, games of weighted players and singletons: their answers by definition and by the solvers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import poagame as pg
from poagame.certificates import certify_nash
from poagame.errors import InvalidInput
from poagame.games.congestion import CongestionGame
from poagame.games.instances import (
    four_players,
    identical_servers,
    makespan_related,
    polynomial_worst_case,
    singleton_tree,
    small_players_worst_case,
    symmetric_affine,
    weighted_attained,
    weighted_servers,
)
from poagame.games.instances.singletons import identical_servers_recursion


def assert_solved(game: CongestionGame) -> None:
    """All certified answers from the solvers, exactly."""
    report = pg.price_of_anarchy(game)
    assert report.exact
    assert report.worst.certificate.holds
    assert report.worst.social_cost == pytest.approx(game.certified["equilibrium_cost"], rel=1e-12)
    assert report.optimum.social_cost == pytest.approx(game.certified["optimum_cost"], rel=1e-12)
    assert report.poa == pytest.approx(game.certified["poa"], rel=1e-12)
    if "pos" in game.certified:
        assert report.pos == pytest.approx(game.certified["pos"], rel=1e-12)
    assert game.source


def assert_indifferent(game: CongestionGame, equilibrium: int, optimum: int) -> None:
    """Each player pays as much for its action in the optimum as in the equilibrium, whose costs are those certified."""
    n = game.num_players
    at = [equilibrium] * n
    costs = game.action_costs(at)
    np.testing.assert_allclose(costs[:, optimum], costs[:, equilibrium], rtol=1e-12)
    assert certify_nash(game, at).holds
    assert game.social_cost(at) == pytest.approx(game.certified["equilibrium_cost"], rel=1e-12)
    assert game.social_cost([optimum] * n) == pytest.approx(game.certified["optimum_cost"], rel=1e-12)


@pytest.mark.parametrize("players", [2, 3, 4, 5, 6])
def test_symmetric(players: int) -> None:
    game = symmetric_affine(players)
    assert game.certified["poa"] == pytest.approx((5 * players - 2) / (2 * players + 1), rel=1e-15)
    assert_solved(game)


@pytest.mark.parametrize("players", [3, 7, 12])
def test_symmetric_players_gain_nothing_by_any_of_the_actions(players: int) -> None:
    game = symmetric_affine(players)
    costs = game.action_costs(np.arange(players))
    own = np.diag(costs[:, :players])
    np.testing.assert_allclose(costs[:, players:], own[:, None] * np.ones((1, players)), rtol=1e-13)
    others = costs[:, :players][~np.eye(players, dtype=bool)]
    assert others.min() > own[0] * (1.0 + 1e-9)
    assert game.social_cost(np.arange(players)) == game.certified["equilibrium_cost"]
    assert game.social_cost(players + np.arange(players)) == game.certified["optimum_cost"]


@pytest.mark.parametrize("weight", [0.01, 0.5, 1.0, 1.3, None, 3.0, 1e3])
def test_four_players(weight: float | None) -> None:
    game = four_players(weight)
    assert_indifferent(game, 1, 0)
    assert_solved(game)
    assert game.certified["poa"] <= game.certified["poa_limit"] * (1 + 1e-15)


def test_four_players_are_worst_at_the_golden_ratio() -> None:
    ratios = [four_players(w).certified["poa"] for w in np.linspace(0.1, 5.0, 500)]
    assert max(ratios) <= four_players().certified["poa"] == pytest.approx((3 + 5**0.5) / 2, rel=1e-15)
    assert max(ratios) > four_players().certified["poa"] - 1e-5
    assert four_players(1).certified["poa"] == 2.5


@pytest.mark.parametrize("degree", range(1, 10))
def test_weighted_players_that_attain_their_bound(degree: int) -> None:
    game = weighted_attained(degree)
    assert_indifferent(game, 1, 0)
    phi_power = game.certified["poa"]
    # each resource carries Φ times as much as in the optimum
    selfish, best = game.loads([1] * game.num_players), game.loads([0] * game.num_players)
    np.testing.assert_allclose((selfish / best) ** (degree + 1), phi_power, rtol=1e-12)
    if degree <= 3:
        assert_solved(game)


def test_weighted_players_of_degree_one_are_the_four() -> None:
    small, four = weighted_attained(1), four_players()
    assert sorted(small.weights) == pytest.approx(sorted(four.weights))
    assert small.certified["poa"] == pytest.approx(four.certified["poa"], rel=1e-15)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_trees_solved(levels: int) -> None:
    assert_solved(singleton_tree(levels))


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5, 6])
def test_trees(levels: int) -> None:
    game = singleton_tree(levels)
    assert game.num_players == 2**levels * (levels + 2) - 2
    assert_indifferent(game, 0, 1)
    assert pg.social_optimum(game).social_cost == pytest.approx(game.certified["optimum_cost"], rel=1e-12)
    # 5/2 − ratio = (2 + 3·2^-k q) / (6q − 4), q = (4/3)^k
    q = (4 / 3) ** levels
    assert 2.5 - game.certified["poa"] == pytest.approx((2.0 + 3.0 * 0.5**levels * q) / (6.0 * q - 4.0), rel=1e-12)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_identical_servers_solved(levels: int) -> None:
    game = identical_servers(levels)
    report = pg.price_of_anarchy(game)
    assert report.exact
    assert report.poa == pytest.approx(game.certified["equilibrium_ratio"], rel=1e-12)


@pytest.mark.parametrize("levels", [4, 5, 6])
def test_identical_servers(levels: int) -> None:
    game = identical_servers(levels)
    n = game.num_players
    assert_indifferent(game, 0, 1)
    wanted = identical_servers_recursion()[1]
    selfish, best = (game.loads([action] * n).astype(int) for action in (0, 1))
    assert selfish.max() == levels
    for u, v in zip(selfish, best, strict=True):
        assert v == (wanted[u] if u < levels else 0)
    optimum = pg.social_optimum(game)
    assert optimum.social_cost <= game.certified["optimum_cost"]
    assert game.certified["equilibrium_cost"] / optimum.social_cost < game.certified["poa_limit"]


def test_weighted_servers() -> None:
    assert_solved(weighted_servers())


@pytest.mark.parametrize("machines", [2, 3])
def test_related_machines(machines: int) -> None:
    assert_solved(makespan_related(machines))


def test_degrees_beyond_floats_are_refused_at_once() -> None:
    for build in (
        lambda: polynomial_worst_case(104),
        lambda: polynomial_worst_case(10**6),
        lambda: small_players_worst_case(600, 2),
        lambda: small_players_worst_case(10**6, 1000),
    ):
        with pytest.raises(InvalidInput, match="range of floats"):
            build()
    last = polynomial_worst_case(103)
    assert certify_nash(last, [1] * last.num_players).holds
    last = small_players_worst_case(380, 2)
    assert certify_nash(last, [1, 1]).holds
    assert last.social_cost([1, 1]) / last.social_cost([0, 0]) == pytest.approx(2.0**380, rel=1e-12)


@pytest.mark.parametrize("bad", [0, -1, 1.5, float("nan"), float("inf"), True, "3", None])
@pytest.mark.parametrize(
    "build", [symmetric_affine, singleton_tree, identical_servers, weighted_attained, makespan_related]
)
def test_bad_sizes(build: Any, bad: Any) -> None:
    with pytest.raises(InvalidInput):
        build(bad)


def test_bad_input() -> None:
    for weight in (0.0, -1.0, float("nan"), float("inf"), "1", True):
        with pytest.raises(InvalidInput, match="weight must be positive"):
            four_players(weight)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="at least 2"):
        symmetric_affine(1)
    with pytest.raises(InvalidInput, match="up to 10"):
        weighted_attained(11)
    with pytest.raises(InvalidInput, match="2 or 3"):
        makespan_related(4)
