"""Named atomic games: the digits of the literature, and the same answers from the library's solvers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import poagame as pg
import poagame.solvers  # noqa: F401  registrations
from poagame.certificates import certify_nash
from poagame.errors import InvalidInput
from poagame.games.congestion import CongestionGame
from poagame.games.instances import atomic, symmetric_affine
from poagame.solvers.congestion.programme import pure_extremes
from poagame.solvers.congestion.search import extreme_pure_equilibria

# ruff: noqa: PT006
GAMES: list[tuple[str, Callable[[], CongestionGame], float | None]] = [
    ("affine", atomic.affine_atomic_worst_case, 2.5),
    ("quadratic", lambda: atomic.polynomial_worst_case(2), 9.58333333333),
    ("quadratic, 6 players", lambda: atomic.polynomial_worst_case(2, 6), 9.58333333333),
    ("cubic", lambda: atomic.polynomial_worst_case(3), 41.5357142857),
    ("quartic", lambda: atomic.polynomial_worst_case(4), 267.643203883),
    ("quintic", lambda: atomic.polynomial_worst_case(5), 1513.56951027),
    ("sextic", lambda: atomic.polynomial_worst_case(6), 12345.1982759),
    ("affine, 2 players", lambda: atomic.small_players_worst_case(1, 2), 2.0),
    ("quadratic, 2 players", lambda: atomic.small_players_worst_case(2, 2), 4.0),
    ("quadratic, 3 players", lambda: atomic.small_players_worst_case(2, 3), 9.0),
    ("quartic, 2 players", lambda: atomic.small_players_worst_case(4, 2), 16.0),
    ("quartic, 3 players", lambda: atomic.small_players_worst_case(4, 3), 81.0),
    ("quartic, 4 players", lambda: atomic.small_players_worst_case(4, 4), 256.0),
    ("weighted affine, 10 players", lambda: atomic.weighted_worst_case(1, 10), 2.253423),
    ("weighted quadratic, 5 players", lambda: atomic.weighted_worst_case(2, 5), None),
    ("symmetric", symmetric_affine, 1.6),
    ("stability (3, 8)", lambda: atomic.price_of_stability(3, 8), None),
    ("stability (10, 27)", lambda: atomic.price_of_stability(10, 27), 1.565059),
    ("best replies cycle", atomic.best_reply_cycle, 11 / 7),
    ("singletons, 2", lambda: atomic.symmetric_singletons(2), 4 / 3),
    ("singletons, 3", lambda: atomic.symmetric_singletons(3), 1.285714),
    ("singletons, 12", lambda: atomic.symmetric_singletons(12), 4 / 3),
    ("makespan, 2 machines", lambda: atomic.makespan_identical(2), 4 / 3),
    ("makespan, 3 machines", lambda: atomic.makespan_identical(3), 1.5),
    ("makespan, 4 machines", lambda: atomic.makespan_identical(4), 1.6),
    ("related machines", atomic.makespan_related, 1.618034),
    ("one job a machine", lambda: atomic.makespan_mixed(5), 1.0),
]


@pytest.mark.parametrize("name, build, digits", GAMES, ids=[name for name, _, _ in GAMES])
def test_the_solvers_find_the_certified_answers(
    name: str, build: Callable[[], CongestionGame], digits: float | None
) -> None:
    game = build()
    answers = game.certified
    assert game.source
    if digits is not None:
        assert answers["poa"] == pytest.approx(digits, rel=1e-6)
    found, optimum = pure_extremes(game), pg.social_optimum(game)
    assert found.covered
    assert optimum.outcome is pg.Outcome.OPTIMAL
    assert certify_nash(game, found.worst).holds
    assert certify_nash(game, found.best).holds
    assert found.worst_cost == pytest.approx(answers["equilibrium_cost"], rel=1e-12)
    assert optimum.social_cost == pytest.approx(answers["optimum_cost"], rel=1e-12)
    assert found.worst_cost / optimum.social_cost == pytest.approx(answers["poa"], rel=1e-12)
    if "pos" in answers:
        assert found.best_cost / optimum.social_cost == pytest.approx(answers["pos"], rel=1e-12)
    assert answers["poa"] <= answers.get("poa_limit", float("inf")) * (1 + 1e-15)


@pytest.mark.parametrize(
    ("degree", "digits"), [(7, 98733.6948117), (8, 802602.543399), (9, 10540285.9806), (10, 88562706.0538)]
)
def test_high_degrees_by_their_certificates(degree: int, digits: float) -> None:
    game = atomic.polynomial_worst_case(degree)
    n = game.num_players
    assert game.certified["poa"] == pytest.approx(digits, rel=1e-11)
    assert certify_nash(game, [1] * n).holds
    assert game.social_cost([1] * n) / game.social_cost([0] * n) == pytest.approx(digits, rel=1e-11)


@pytest.mark.parametrize(("players", "digits"), [(10, 2.253423), (100, 2.576348), (1000, 2.613805)])
def test_the_weighted_chain_tends_to_its_limit(players: int, digits: float) -> None:
    game = atomic.weighted_worst_case(1, players)
    assert certify_nash(game, [0] * players).holds
    # the tolerance is relative to the dearest player's cost: here each player's own ratio of staying to leaving
    costs = game.action_costs([0] * players)
    np.testing.assert_allclose(costs[:, 1] / costs[:, 0], 1.0, rtol=1e-9)
    worst, least = game.social_cost([0] * players), game.social_cost([1] * players)
    assert worst / least == pytest.approx(digits, abs=1e-6)
    answers = [game.certified[name] for name in ("poa", "equilibrium_cost", "optimum_cost")]
    assert answers == pytest.approx([worst / least, worst, least], rel=1e-9)
    assert game.certified["poa_limit"] == pytest.approx(2.61803398875, rel=1e-11)


def test_a_weighted_chain_beyond_the_range_of_floats_is_refused() -> None:
    with pytest.raises(InvalidInput, match="range of floats"):
        atomic.weighted_worst_case(2, 1000)


@pytest.mark.parametrize(
    ("degree", "phi_power"),
    [
        (1, 2.61803398875),
        (2, 9.90926833899),
        (3, 47.8186337840),
        (4, 276.992792629),
        (6, 14098.7796865),
        (10, 120180802.658),
    ],
)
def test_weighted_limits(degree: int, phi_power: float) -> None:
    assert atomic.weighted_worst_case(degree, 2).certified["poa_limit"] == pytest.approx(phi_power, rel=1e-11)


def test_the_price_of_stability_tends_to_its_limit() -> None:
    k, n = 100, 273
    e = atomic.DOMINANCE
    ratio = (2 * (n + k) ** 2 + n * (n - 1)) / (2 * k**2 + n * (2 * k + n + 1 + e) + n * (n - 1))
    assert ratio == pytest.approx(1.576130, abs=1e-6)
    assert atomic.price_of_stability(2, 3).certified["pos_limit"] == pytest.approx(1.577350269, abs=1e-9)


def test_the_price_of_stability_is_solved_by_few_nodes() -> None:
    found = extreme_pure_equilibria(atomic.price_of_stability(10, 27))
    assert found.num_nodes < 1000  # of 2^27 profiles
    assert found.worst is not None
    assert found.worst.tolist() == [1] * 27 + [0] * 10


def test_best_replies_cycle() -> None:
    game = atomic.best_reply_cycle()
    walk = [(2, 0, 0), (2, 2, 0), (2, 2, 1), (1, 2, 1), (1, 0, 1), (1, 0, 0), (2, 0, 0)]
    for s, t in zip(walk, walk[1:], strict=False):
        mover = next(i for i in range(3) if s[i] != t[i])
        costs = game.action_costs(s)[mover]
        assert costs[t[mover]] < min(c for a, c in enumerate(costs) if a != t[mover])
    assert {tuple(p) for p in pg.equilibria(game).profiles.tolist()} == {(1, 2, 0), (2, 0, 1)}
    assert pg.improvement_cycle(game) is not None


@pytest.mark.parametrize(
    ("machines", "digits"),
    [(2, 1.5), (3, 1.888889), (4, 2.125), (5, 2.2864), (8, 2.597233), (10, 2.748689), (16, 3.078247), (32, 3.532941)],
)
def test_expected_makespan_of_the_uniform_strategies(machines: int, digits: float) -> None:
    assert atomic.makespan_mixed(machines).certified["mixed_equilibrium_cost"] == pytest.approx(digits, abs=1e-6)


def test_sizes_outside_a_family_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 3 players; small_players"):
        atomic.polynomial_worst_case(1, 2)
    with pytest.raises(InvalidInput, match="for 2 … 2 players"):
        atomic.small_players_worst_case(1, 3)
    with pytest.raises(InvalidInput, match="degree must be at least 1"):
        atomic.polynomial_worst_case(0)
    with pytest.raises(InvalidInput, match="machines must be at least 2"):
        atomic.makespan_identical(1)
    for build in (
        lambda: atomic.polynomial_worst_case(1.5),
        lambda: atomic.polynomial_worst_case(1, "a"),
        lambda: atomic.small_players_worst_case(2, 2.5),
        lambda: atomic.weighted_worst_case(1, 2.5),
        lambda: atomic.price_of_stability(0.5),
        lambda: atomic.symmetric_singletons(1.5),
        lambda: atomic.makespan_identical(2.5),
        lambda: atomic.makespan_mixed("a"),
    ):
        with pytest.raises(InvalidInput, match="whole number"):
            build()
    with pytest.raises(InvalidInput, match="active must be at least 2"):
        atomic.price_of_stability(3, 1)
