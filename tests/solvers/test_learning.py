from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poagame as pg
from poagame.certificates.correlated import certify_correlated
from poagame.errors import InvalidInput, TooLarge, UndefinedRatio
from poagame.games.congestion import CongestionGame
from poagame.games.normal_form import NormalFormGame
from poagame.outcome import Outcome
from poagame.solvers.learning import (
    empirical_ratio,
    log_linear_learning,
    multiplicative_weights,
    regret_bound,
    regret_matching,
)
from poagame.solvers.optimum import Optimum, social_optimum
from poagame.testing import routing_games

LINKS = pg.RoutingGame(pg.latency.Polynomial([0.0, 1.0]), np.zeros((2, 2)))
LEARNERS = {
    "hedge": lambda game, steps, seed: multiplicative_weights(game, steps, seed=seed),
    "matching": lambda game, steps, seed: regret_matching(game, steps, seed=seed),
    "log-linear": lambda game, steps, seed: log_linear_learning(game, 0.5, steps, seed=seed),
}


@pytest.mark.parametrize("learner", sorted(LEARNERS))
@settings(max_examples=10)
@given(routing_games(variants=("static", "symmetric", "arrival_order", "weighted")), st.integers(0, 99))
def test_the_play_is_a_coarse_correlated_equilibrium_up_to_its_regret(
    learner: str, game: pg.RoutingGame, seed: int
) -> None:
    play = LEARNERS[learner](game, 40, seed)
    assert play.probabilities.sum() == pytest.approx(1.0)
    certificate = certify_correlated(game, play.profiles, play.probabilities, kind="coarse")
    size = 1.0 + np.abs(play.social_cost) + float(play.cost_range.max())
    assert play.max_regret == pytest.approx(certificate.max_regret, abs=1e-10 * size)
    wanted = sum(share * game.social_cost(s) for share, s in zip(play.probabilities, play.profiles, strict=True))
    assert play.social_cost == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    assert (play.outcome is Outcome.CONVERGED) == certificate.holds
    again = LEARNERS[learner](game, 40, seed)
    assert np.array_equal(play.profiles, again.profiles)
    assert np.array_equal(play.strategies, again.strategies)


@pytest.mark.parametrize("rate", [None, 0.05, 1.0])
@settings(max_examples=15)
@given(st.integers(0, 10_000), st.sampled_from([1e-9, 1.0, 1e9]), st.sampled_from([1, 7, 200]))
def test_the_bound_on_regret_is_a_theorem(rate: float | None, seed: int, unit: float, steps: int) -> None:
    game = NormalFormGame(unit * np.random.default_rng(seed).normal(size=(3, 4, 4, 4)))
    eta = None if rate is None else rate / unit
    play = multiplicative_weights(game, steps, rate=eta, seed=seed)
    assert (play.expected_regret <= regret_bound(play.cost_range, 4, steps, eta) * (1 + 1e-9)).all()
    match = regret_matching(game, steps, seed=seed)
    assert (match.expected_regret <= match.cost_range * np.sqrt(4 / steps) * (1 + 1e-9)).all()


def test_regret_falls_in_a_game_without_pure_equilibrium() -> None:
    pennies = NormalFormGame([[[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
    for learn in (multiplicative_weights, regret_matching):
        play = learn(pennies, 1500, seed=1)
        assert play.max_regret < 0.06
        joint = np.zeros((2, 2))
        joint[tuple(play.profiles.T)] = play.probabilities
        assert joint.sum(axis=1) == pytest.approx([0.5, 0.5], abs=0.12)


def test_replicas_are_pooled() -> None:
    one, many = multiplicative_weights(LINKS, 50, seed=3), multiplicative_weights(LINKS, 50, seed=3, replicas=20)
    assert one.strategies.shape == (1, 2, 2)
    assert many.strategies.shape == (20, 2, 2)
    certificate = certify_correlated(LINKS, many.profiles, many.probabilities, kind="coarse")
    assert many.max_regret == pytest.approx(certificate.max_regret, abs=1e-12)


def test_the_stationary_law_of_log_linear_learning() -> None:
    game = pg.RoutingGame(pg.latency.Polynomial([[0.0, 1.0], [0.3, 0.7]]), [[0.2, 0.0], [0.0, 0.0], [0.0, 0.1]])
    tau, profiles = 0.6, list(itertools.product(range(2), repeat=3))
    law = np.exp(-np.array([game.potential(s) for s in profiles]) / tau)
    law /= law.sum()
    # the chain of single revisions, written out, keeps the law
    chain = np.zeros((8, 8))
    for m, s in enumerate(profiles):
        costs = game.action_costs(s)
        for i in range(3):
            chance = np.exp(-costs[i] / tau) / np.exp(-costs[i] / tau).sum()
            for a in range(2):
                chain[m, profiles.index((*s[:i], a, *s[i + 1 :]))] += chance[a] / 3
    assert law @ chain == pytest.approx(law, abs=1e-14)
    # the learner draws from that chain: the shares of what follows profile m, over many replicas of one step
    for m in (0, 5):
        play = log_linear_learning(game, tau, 1, seed=7, replicas=20_000, start=profiles[m])
        seen = np.zeros(8)
        seen[[profiles.index(tuple(s)) for s in play.profiles]] = play.probabilities
        used = chain[m] > 0
        assert (seen[~used] == 0).all()
        assert (
            20_000 * ((seen - chain[m])[used] ** 2 / chain[m][used]).sum() < 20.5
        )  # chi-square, 3 degrees: p about 1e-4
    # and its long run has the law
    play = log_linear_learning(game, tau, 100, seed=11, replicas=2_000)
    seen = np.zeros(8)
    seen[[profiles.index(tuple(s)) for s in play.profiles]] = play.probabilities
    assert seen == pytest.approx(law, abs=0.01)


def test_actions_that_a_player_lacks_are_never_played() -> None:
    game = CongestionGame(pg.latency.Polynomial([0.0, 1.0]), [[[0]], [[0], [1], [2]]])
    for learner in LEARNERS.values():
        play = learner(game, 200, 0)
        assert (play.profiles[:, 0] == 0).all()
        assert np.isfinite(play.average_regret).all()
    lacking = NormalFormGame([[[np.inf, np.inf], [1.0, 2.0]], [[np.inf, np.inf], [3.0, 1.0]]])
    for learner in LEARNERS.values():
        assert (learner(lacking, 50, 0).profiles[:, 0] == 1).all()


def test_infinite_costs_are_refused() -> None:
    game = pg.RoutingGame(pg.latency.MM1([2.5, 2.5]), np.zeros((4, 2)))
    for learner in LEARNERS.values():
        with pytest.raises(InvalidInput, match="finite costs"):
            learner(game, 300, 0)


def test_the_ratio_of_a_play_to_the_optimum() -> None:
    play = multiplicative_weights(LINKS, 500, seed=2)
    ratio = empirical_ratio(play, social_optimum(LINKS))
    assert ratio == play.social_cost / 2.0
    assert 1.0 <= ratio <= 2.0
    with pytest.raises(UndefinedRatio, match="positive"):
        empirical_ratio(play, Optimum(np.zeros(2, np.int64), 0.0, 0.0, Outcome.OPTIMAL))


def test_large_games_need_no_table() -> None:
    game = pg.RoutingGame(pg.latency.Polynomial([0.0, 1.0]), np.zeros((60, 5)))
    play = multiplicative_weights(game, 100, seed=0)
    assert (play.expected_regret <= regret_bound(play.cost_range, 5, 100)).all()
    with pytest.raises(TooLarge, match="limit"):
        multiplicative_weights(game, 10_000_000)


@pytest.mark.parametrize(
    "bad",
    [
        {"num_steps": 0},
        {"num_steps": "a"},
        {"num_steps": 2.5},
        {"num_steps": 5, "rate": -1.0},
        {"num_steps": 5, "rate": "a"},
        {"num_steps": 5, "seed": -1},
        {"num_steps": 5, "seed": "a"},
        {"num_steps": 5, "replicas": 1.5},
    ],
)
def test_bad_parameters(bad) -> None:
    with pytest.raises(InvalidInput):
        multiplicative_weights(LINKS, **bad)
    with pytest.raises(InvalidInput, match="temperature"):
        log_linear_learning(LINKS, 0.0, 5)
    with pytest.raises(InvalidInput, match="num_steps"):
        regret_bound([1.0], 2, 0)
    with pytest.raises(InvalidInput, match="wardrop"):
        regret_matching(pg.instances.braess(), 5)


def test_a_generator_is_a_seed_and_whole_floats_are_whole() -> None:
    for learn in (multiplicative_weights, regret_matching):
        plain = learn(LINKS, 20, seed=3)
        drawn = learn(LINKS, 20.0, seed=np.random.default_rng(3))
        assert np.array_equal(plain.profiles, drawn.profiles)
        assert np.array_equal(plain.probabilities, drawn.probabilities)
    assert str(plain).startswith("20 steps: ")
