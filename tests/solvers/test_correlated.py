from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poagame.certificates.correlated import certify_correlated
from poagame.errors import InvalidInput, TooLarge
from poagame.games.normal_form import NormalFormGame
from poagame.outcome import Outcome
from poagame.solvers.enumeration import equilibria
from poagame.solvers.mixed.correlated import correlated_equilibrium, correlated_extremes
from poagame.solvers.mixed.mixed_equilibria import mixed_equilibria, mixed_extremes
from poagame.testing.normal_form import normal_form_games

CHICKEN = NormalFormGame.from_payoffs([[6.0, 2.0], [7.0, 0.0]], [[6.0, 7.0], [2.0, 0.0]])


def product(strategies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Profiles and probabilities of independent mixed play."""
    shape = (strategies.shape[1],) * len(strategies)
    profiles = np.array(list(np.ndindex(shape)))
    p = np.prod([strategies[i][profiles[:, i]] for i in range(len(strategies))], axis=0)
    return profiles[p > 0], p[p > 0]


def test_chicken_of_aumann() -> None:
    # Aumann (1974): ½ on (yield, yield), ¼ on each pure equilibrium; 5¼ each, beyond every mixed equilibrium's 4⅔
    found = correlated_extremes(CHICKEN)
    assert found.covered
    assert found.best.social_cost == pytest.approx(-10.5, abs=1e-9)
    weights = {tuple(map(int, s)): p for s, p in zip(found.best.profiles, found.best.probabilities, strict=True)}
    assert weights == pytest.approx({(0, 0): 0.5, (0, 1): 0.25, (1, 0): 0.25})
    assert -mixed_equilibria(CHICKEN).social_costs[-1] == pytest.approx(28 / 3)
    # worst: crash as often as incentives bear. By hand: x on (yield, yield), y on each of the others, z on the crash;
    # x ≤ 2y and z ≤ y/2, total 1, so y = 2/5, z = 1/5: payoff 0.8·9
    assert found.worst.social_cost == pytest.approx(-7.2, abs=1e-9)


def test_coarse_correlated_play_of_prisoners_is_defection_only() -> None:
    dilemma = NormalFormGame([[[1.0, 3.0], [0.0, 2.0]], [[1.0, 0.0], [3.0, 2.0]]])
    for kind in ("correlated", "coarse"):
        found = correlated_equilibrium(dilemma, kind, "best")
        assert found.profiles.tolist() == [[1, 1]]
        assert found.bound == pytest.approx(4.0)


def test_coarse_play_of_rock_paper_scissors_beats_correlated_play() -> None:
    # a win earns 2, a tie ½ (Moulin and Vial 1978): even mixing is the only correlated equilibrium, 5/6 each; all
    # profiles without a tie at random are a coarse one, 1 each, for a fixed action earns 5/6
    win = np.array([[0.5, 0.0, 2.0], [2.0, 0.5, 0.0], [0.0, 2.0, 0.5]])
    of = NormalFormGame.from_payoffs(win, win.T)
    correlated, coarse = correlated_extremes(of), correlated_extremes(of, "coarse")
    assert correlated.worst.social_cost == pytest.approx(-5 / 3)
    assert correlated.best.social_cost == pytest.approx(-5 / 3)
    assert coarse.worst.social_cost == pytest.approx(-5 / 3)
    assert coarse.best.social_cost == pytest.approx(-2.0)


@settings(max_examples=40, deadline=None)
@given(normal_form_games(max_actions=3), st.sampled_from(["correlated", "coarse"]), st.sampled_from(["worst", "best"]))
def test_the_same_programme_in_cvxpy(game: NormalFormGame, kind: str, objective: str) -> None:
    payoffs = -game.payoffs()  # costs over the actions that there are
    p = cp.Variable(payoffs[0].size, nonneg=True)
    constraints = [cp.sum(p) == 1]
    for i in range(game.num_players):
        table = np.moveaxis(payoffs[i], i, 0)
        index = np.moveaxis(np.arange(payoffs[0].size).reshape(payoffs[0].shape), i, 0)
        actions = range(len(table))
        for a in actions:
            gains = [(table[r] - table[a]).ravel() @ p[index[r].ravel()] for r in actions]
            constraints += [sum(gains) <= 0] if kind == "coarse" else [gain <= 0 for gain in gains]
    social = game.social[np.isfinite(game.social)] @ p
    problem = cp.Problem(cp.Maximize(social) if objective == "worst" else cp.Minimize(social), constraints)
    problem.solve(solver=cp.SCIPY)
    found = correlated_equilibrium(game, kind, objective)
    assert found.social_cost == pytest.approx(problem.value, rel=1e-6)
    assert found.bound == pytest.approx(problem.value, rel=1e-6)
    assert found.certificate.holds
    assert found.outcome is Outcome.OPTIMAL


@settings(max_examples=30, deadline=None)
@given(normal_form_games(max_actions=3))
def test_concepts_are_nested(game: NormalFormGame) -> None:
    """Pure ⊆ mixed ⊆ correlated ⊆ coarse correlated."""
    starts = 3 if game.num_players > 2 else 0
    mixed = mixed_equilibria(game, num_starts=starts)
    correlated, coarse = correlated_extremes(game), correlated_extremes(game, "coarse")
    for x in mixed.strategies:
        profiles, p = product(x)
        assert certify_correlated(game, profiles, p).holds
    for found in (correlated.worst, correlated.best):
        assert certify_correlated(game, found.profiles, found.probabilities, "coarse").holds
    pure = equilibria(game).social_costs
    chain = [[coarse.best_limit, correlated.best_limit], [correlated.worst_limit, coarse.worst_limit]]
    if len(mixed):
        chain = [[*chain[0], mixed.social_costs[-1]], [mixed.social_costs[0], *chain[1]]]
    if len(pure):
        chain = [[*chain[0], pure[-1]], [pure[0], *chain[1]]]
    for sequence in chain:
        assert (np.diff(sequence) >= -1e-7).all()


@settings(max_examples=30, deadline=None)
@given(normal_form_games(max_players=2, max_actions=3), st.integers(0, 2**32 - 1))
def test_mixtures_of_nash_equilibria_are_correlated_equilibria(game: NormalFormGame, seed: int) -> None:
    found = mixed_equilibria(game)
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(found)))
    parts = [product(x) for x in found.strategies]
    profiles = np.concatenate([profiles for profiles, _ in parts])
    p = np.concatenate([w * q for w, (_, q) in zip(weights, parts, strict=True)])
    assert certify_correlated(game, profiles, p / p.sum()).holds
    extremes = correlated_extremes(game)
    cost = p @ game.social_cost(profiles)
    assert extremes.best_limit - 1e-7 <= cost <= extremes.worst_limit + 1e-7


@pytest.mark.parametrize("unit", [1e-9, 1e9])
@pytest.mark.parametrize("kind", ["correlated", "coarse"])
def test_a_change_of_unit_changes_the_unit_only(unit: float, kind: str) -> None:
    rng = np.random.default_rng(1)
    costs = rng.uniform(1, 2, (3, 3, 3, 3))
    for objective in ("worst", "best"):
        plain = correlated_equilibrium(NormalFormGame(costs), kind, objective)
        scaled = correlated_equilibrium(NormalFormGame(costs * unit), kind, objective)
        assert scaled.social_cost == pytest.approx(unit * plain.social_cost, rel=1e-9)
        assert scaled.outcome is plain.outcome is Outcome.OPTIMAL


def test_a_player_whose_costs_are_a_million_times_larger_is_held_to_them_too() -> None:
    rng = np.random.default_rng(2)
    costs = rng.uniform(1, 2, (2, 4, 4)) * np.array([1.0, 1e6])[:, None, None]
    found = correlated_extremes(NormalFormGame(costs))
    assert found.covered
    assert found.worst.certificate.holds


def test_a_game_in_which_nothing_matters() -> None:
    found = correlated_extremes(NormalFormGame(np.ones((2, 2, 2))), "coarse")
    assert found.covered
    assert found.worst.social_cost == found.best.social_cost == 2.0


def test_differences_of_rounding_alone_constrain_nothing() -> None:
    # 0.1 + 0.2 and 0.3 are one cost, so every distribution is an equilibrium, also the dearest
    own = np.array([[0.1 + 0.2, 0.1 + 0.2], [0.3, 0.3]])
    of = NormalFormGame(np.stack([own, own.T]), social=[[4.0, 3.0], [2.0, 1.0]])
    for kind in ("correlated", "coarse"):
        found = correlated_extremes(of, kind)
        assert found.covered
        assert found.worst.social_cost == pytest.approx(4.0)
        assert found.best.social_cost == pytest.approx(1.0)


def test_limits_of_three_players_come_from_coarse_play() -> None:
    """Found mixed equilibria are proved the extremes exactly where they meet the coarse correlated ones."""
    proved = []
    for seed in (5, 6, 7):
        of = NormalFormGame(np.random.default_rng(seed).uniform(1, 2, (3, 2, 2, 2)))
        found, coarse = mixed_extremes(of, num_starts=10), correlated_extremes(of, "coarse")
        assert found.worst_limit == pytest.approx(coarse.worst.social_cost, rel=1e-7)
        assert found.best_limit == pytest.approx(coarse.best.social_cost, rel=1e-7)
        gaps = (coarse.worst.social_cost - found.worst.social_cost, found.best.social_cost - coarse.best.social_cost)
        assert found.covered == (max(gaps) < 1e-6)
        proved.append(found.covered)
    assert set(proved) == {True, False}


def test_what_is_too_large_or_unknown_is_refused_before_any_work() -> None:
    with pytest.raises(TooLarge, match="no-regret"):
        correlated_equilibrium(NormalFormGame(np.ones((2, 400, 400))))
    with pytest.raises(InvalidInput, match="kind"):
        correlated_equilibrium(CHICKEN, "mixed")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="objective"):
        correlated_equilibrium(CHICKEN, "coarse", "middle")  # type: ignore[arg-type]
