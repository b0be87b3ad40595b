from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

import poagame as pg
from poagame.certificates.logit import certify_logit
from poagame.errors import InvalidInput, NoEquilibrium, TooLarge
from poagame.games.normal_form import NormalFormGame
from poagame.outcome import Outcome
from poagame.solvers.mixed.logit import logit_branch, logit_equilibria, logit_extremes, uniqueness_temperature

LINKS = pg.RoutingGame(pg.latency.Polynomial([0.0, 1.0]), np.zeros((2, 2)))
DIGITS = {0.3: (0.953666, 0.046334), 0.45: (0.762715, 0.237285), 0.49: (0.621491, 0.378509)}


@pytest.mark.parametrize("temperature", sorted(DIGITS))
@pytest.mark.parametrize("num_starts", [0, 5])
def test_the_asymmetric_branch_is_found(temperature: float, num_starts: int) -> None:
    found = logit_equilibria(LINKS, temperature, num_starts)
    assert found.outcome is Outcome.CONVERGED
    assert not found.complete
    assert len(found) == 3
    assert found.strategies[0] == pytest.approx(np.full((2, 2), 0.5), abs=1e-10)
    pairs = sorted(tuple(p[:, 0].round(6)) for p in found.strategies[1:])
    assert pairs == [pytest.approx(pair) for pair in (DIGITS[temperature][::-1], DIGITS[temperature])]
    assert found.stable.tolist() == [False, True, True]
    assert found[0].social_cost > found[2].social_cost


def test_the_threshold_of_uniqueness_is_the_pitchfork() -> None:
    assert uniqueness_temperature(LINKS) == pytest.approx(0.5, rel=1e-12)
    found = logit_equilibria(LINKS, 0.51)
    assert found.complete
    assert found.strategies == pytest.approx(np.full((1, 2, 2), 0.5), abs=1e-12)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_the_pitchfork_is_located(unit: float) -> None:
    game = pg.RoutingGame(pg.latency.Polynomial([0.0, unit]), np.zeros((2, 2)))
    branch = logit_branch(game, [unit * t for t in (0.3, 2.0, 0.51)])
    assert branch.bifurcations / unit == pytest.approx([0.5], abs=1e-6)
    assert branch.temperatures / unit == pytest.approx([2.0, 0.51, 0.3])
    assert branch.strategies == pytest.approx(np.full((3, 2, 2), 0.5), abs=1e-9)


def test_a_branch_without_the_symmetry_has_no_crossing() -> None:
    # c = x against c = x + 0.1: the pitchfork is broken up, and the branch leads to the better link for one player
    game = NormalFormGame([[[2.0, 1.0], [1.1, 2.1]], [[2.0, 1.05], [1.0, 2.05]]])
    branch = logit_branch(game, [1.0, 0.4, 0.2])
    assert branch.bifurcations.size == 0
    assert all(c.holds for c in branch.certificates)
    assert len(logit_equilibria(game, 0.2)) == 3


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.sampled_from([0.3, 1.0, 3.0]))
def test_every_answer_is_a_fixed_point_and_indices_are_odd(seed: int, temperature: float) -> None:
    game = NormalFormGame(np.random.default_rng(seed).normal(size=(2, 3, 3)))
    found = logit_equilibria(game, temperature, num_starts=10)
    assert found.outcome is Outcome.CONVERGED
    for p in found.strategies:
        for i in range(2):  # by the definition
            costs = (game.costs[0] @ p[1]) if i == 0 else (p[0] @ game.costs[1])
            wanted = np.exp(-costs / temperature)
            assert p[i] == pytest.approx(wanted / wanted.sum(), abs=1e-9)
    if found.complete:
        assert len(found) == 1
    if "missing" not in found.note:
        assert len(found) % 2 == 1


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_above_the_threshold_the_response_contracts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    game = NormalFormGame(rng.normal(size=(2, 3, 3)))
    temperature = 1.5 * uniqueness_temperature(game)
    p, q = rng.dirichlet([0.3] * 3, 2), rng.dirichlet([0.3] * 3, 2)

    def response(x):
        weights = np.exp(-game.expected_action_costs(x) / temperature)
        return weights / weights.sum(axis=1, keepdims=True)

    for _ in range(60):
        p, q = response(p), response(q)
    assert np.abs(p - q).max() < 1e-8  # 1.5 ** -60 is 3e-11


def test_equilibria_of_a_potential_game_are_stationary_for_the_free_energy() -> None:
    game = pg.RoutingGame(
        pg.latency.Polynomial([[0.0, 1.0], [0.5, 0.8], [1.0, 0.2]]), [[0.3, 0, 0], [0, 0.2, 0], [0, 0, 0.1]]
    )
    temperature = 0.4

    def free_energy(p: np.ndarray) -> float:
        energy = sum(
            np.prod([p[i, a] for i, a in enumerate(s)]) * game.potential(s)
            for s in itertools.product(range(3), repeat=3)
        )
        return energy + temperature * float((p * np.log(p)).sum())

    found = logit_equilibria(game, temperature, num_starts=3)
    for p in found.strategies:
        for i, a in itertools.product(range(3), range(2)):
            h = 1e-6
            up, down = p.copy(), p.copy()
            up[i, a], up[i, 2] = p[i, a] + h, p[i, 2] - h
            down[i, a], down[i, 2] = p[i, a] - h, p[i, 2] + h
            assert abs(free_energy(up) - free_energy(down)) / (2 * h) < 1e-6


def test_one_player_and_lacking_actions() -> None:
    game = NormalFormGame.from_payoffs([[3.0, 0.0, 1.0], [5.0, 1.0, 0.0]], [[3.0, 5.0, 0.0], [0.0, 1.0, 0.0]])
    found = logit_equilibria(game, 0.5)
    assert (found.strategies[:, ~game.available] == 0).all()
    assert found.outcome is Outcome.CONVERGED
    alone = logit_equilibria(NormalFormGame([[0.0, 1.0]]), 0.5)
    assert alone.complete
    assert alone.strategies[0, 0, 0] == pytest.approx(1 / (1 + np.exp(-2)), rel=1e-12)


def test_digits_by_another_road() -> None:
    # p = sigma((1 - 2q)/tau), q = sigma((1 - 2p)/tau), by bisection
    def sigma(t: float) -> float:
        return 1 / (1 + np.exp(-t))

    p = brentq(lambda p: p - sigma((1 - 2 * sigma((1 - 2 * p) / 0.45)) / 0.45), 0.6, 0.99)
    assert logit_equilibria(LINKS, 0.45).strategies[:, 0, 0].max() == pytest.approx(p, abs=1e-10)


def test_extremes_are_proved_only_where_unique() -> None:
    above = logit_extremes(LINKS, 0.6)
    assert above.covered
    assert above.worst.social_cost == above.worst_limit == pytest.approx(3.0)
    below = logit_extremes(LINKS, 0.3)
    assert not below.covered
    assert below.best_limit <= below.best.social_cost < below.worst.social_cost <= below.worst_limit


def test_the_residual_by_hand() -> None:
    # player 0 faces costs 1.6 and 1.4, player 1 equal ones
    response = 1 / (1 + np.exp(0.2 / 0.3))
    found = certify_logit(LINKS, [[0.5, 0.5], [0.6, 0.4]], 0.3)
    assert found.residual == pytest.approx(0.5 - response, rel=1e-12)
    assert certify_logit(LINKS, [[0.5, 0.5], [0.5 + 1e-3, 0.5 - 1e-3]], 30.0).residual == pytest.approx(1e-3)


def test_the_certificate_refuses_what_is_none() -> None:
    assert not certify_logit(LINKS, [[0.5, 0.5], [0.6, 0.4]], 0.3).holds
    assert certify_logit(LINKS, [[0.5, 0.5], [0.5, 0.5]], 0.3).holds
    for bad in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InvalidInput, match="temperature"):
            certify_logit(LINKS, [[0.5, 0.5]] * 2, bad)
        with pytest.raises(InvalidInput, match="temperature"):
            logit_equilibria(LINKS, bad)
    with pytest.raises(InvalidInput, match="at least one"):
        logit_branch(LINKS, [])
    with pytest.raises(TooLarge):
        logit_equilibria(pg.RoutingGame(pg.latency.Polynomial([0.0, 1.0]), np.zeros((40, 2))), 1.0)


def test_points_that_are_not_certified_are_no_extremes() -> None:
    # at this temperature all that the search ends at has a residual near 1
    game = NormalFormGame([[[2.0, 1, 1], [4, 4, 2], [1, 4, 1]], [[1.0, 2, 2], [2, 2, 1], [3, 3, 3]]])
    with pytest.raises(NoEquilibrium, match=r"least residual .* Raise the temperature"):
        logit_extremes(game, 1e-13, num_starts=0)
    assert all(c.holds for c in logit_equilibria(game, 0.1).certificates)


@pytest.mark.parametrize(
    "call",
    [
        lambda: logit_branch(LINKS, "ab"),
        lambda: logit_branch(LINKS, [[1.0]]),
        lambda: logit_branch(LINKS, [1.0, np.nan]),
        lambda: logit_branch(5, [1.0]),
        lambda: logit_equilibria(LINKS, "a"),
        lambda: logit_equilibria(LINKS, 1.0, num_starts=1.5),
        lambda: logit_equilibria(LINKS, 1.0, seed=-1),
        lambda: logit_equilibria(pg.instances.braess(), 1.0),
        lambda: certify_logit(LINKS, "ab", 1.0),
        lambda: certify_logit(LINKS, [[0.5, 0.5], [1.0]], 1.0),
        lambda: certify_logit(LINKS, [[0.5, 0.5]] * 2, "a"),
    ],
)
def test_bad_input(call) -> None:
    with pytest.raises(InvalidInput):
        call()


def test_one_temperature_and_what_is_printed() -> None:
    branch = logit_branch(LINKS, 0.3)
    assert branch.temperatures.tolist() == [0.3]
    assert "other branches cross at 0.5" in str(branch)
    found = logit_equilibria(LINKS, 0.3, seed=np.random.default_rng(0))
    assert str(found).startswith("3 logit equilibria; converged")
    assert str(found[0]).startswith("a logit equilibrium, unstable (social cost 3, residual ")
