from __future__ import annotations

import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from poagame.certificates.mixed import certify_mixed
from poagame.errors import InvalidInput, NoEquilibrium, TooLarge
from poagame.games.normal_form import NormalFormGame
from poagame.games.routing import RoutingGame
from poagame.latency import Polynomial
from poagame.outcome import Outcome
from poagame.solvers.enumeration import equilibria
from poagame.solvers.mixed import correlated, starts
from poagame.solvers.mixed.correlated import correlated_extremes
from poagame.solvers.mixed.mixed_equilibria import MAX_ACTIONS, mixed_equilibria, mixed_extremes
from poagame.testing.normal_form import normal_form_games

from .bimatrix_oracle import extreme_equilibria


def game(first: list[list[float]], second: list[list[float]] | None = None) -> NormalFormGame:
    """Of payoffs; symmetric where one matrix is given."""
    return NormalFormGame.from_payoffs(first, np.transpose(first) if second is None else second)


def keys(strategies: np.ndarray) -> set[tuple[float, ...]]:
    return {tuple((np.round(x, 8) + 0.0).ravel()) for x in strategies}


def expected_keys(of: NormalFormGame) -> set[tuple[float, ...]]:
    first, second = -of.payoffs()
    m, n = first.shape
    out = np.zeros((0, 2, of.num_actions))
    for x, y in extreme_equilibria(first.tolist(), second.tolist()):
        row = np.zeros((1, 2, of.num_actions))
        row[0, 0, :m], row[0, 1, :n] = [float(p) for p in x], [float(q) for q in y]
        out = np.concatenate([out, row])
    return keys(out)


DEGENERATE = {
    # the column player never minds; the row player turns at y = ½: three segments that meet at corners
    "three segments": (game([[1, 1], [0, 2]], [[1, 1], [0, 0]]), 4),
    "all equal": (game([[0, 0], [0, 0]], [[0, 0], [0, 0]]), 4),
    "one player indifferent": (game([[1, 0], [0, 1]], [[0, 0], [0, 0]]), None),
    "unequal supports": (game([[3, 3], [2, 5], [0, 6]], [[3, 3], [2, 6], [3, 1]]), None),
    "duplicate row": (game([[2, 0], [2, 0], [0, 1]], [[1, 0], [1, 0], [0, 2]]), None),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_games_keep_every_extreme_equilibrium(name: str) -> None:
    of, count = DEGENERATE[name]
    found = mixed_equilibria(of)
    assert found.complete
    assert all(c.holds for c in found.certificates)
    assert keys(found.strategies) == expected_keys(of)
    assert len(found) == len(keys(found.strategies))
    assert count is None or len(found) == count


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6])
def test_the_coordination_game_has_one_equilibrium_for_each_set_of_actions(n: int) -> None:
    found = mixed_equilibria(game(np.eye(n).tolist(), np.eye(n).tolist()))
    assert len(found) == 2**n - 1
    assert found.complete
    sizes = (found.strategies[:, 0] > 0).sum(axis=1)
    np.testing.assert_allclose(found.social_costs, -2.0 / sizes, rtol=1e-12)
    np.testing.assert_allclose(found.strategies[0], np.full((2, n), 1 / n), rtol=1e-12)


def test_equilibria_that_nashpy_loses_are_found() -> None:
    # probabilities that floats cannot hold: nashpy compares payoffs of the support with ==
    rng = np.random.default_rng(4)
    nashpy = pytest.importorskip("nashpy")
    lost = 0
    for _ in range(6):
        first, second = rng.integers(-9, 10, (2, 4, 4)).astype(float)
        of = game(first.tolist(), second.tolist())
        truth = expected_keys(of)
        assert keys(mixed_equilibria(of).strategies) == truth
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer = list(nashpy.Game(first, second).support_enumeration())
        lost += len(truth) > len(keys(np.array(peer).reshape(-1, 2, 4)))
    assert lost >= 1


@settings(max_examples=80, deadline=None)
@given(normal_form_games(max_players=2, max_actions=4, low=0, high=3))
def test_all_extreme_equilibria_of_small_games_in_exact_fractions(of: NormalFormGame) -> None:
    found = mixed_equilibria(of)
    assert found.complete
    assert found.outcome is Outcome.CONVERGED
    assert keys(found.strategies) == expected_keys(of)
    assert len(found) == len(keys(found.strategies))
    assert (np.diff(found.social_costs) <= 1e-12).all()


@pytest.mark.parametrize("seed", range(12))
def test_vertices_of_a_degenerate_polyhedron_by_a_row_player_who_never_minds(seed: int) -> None:
    # every vertex of the column player's best-reply polyhedron then shows in the list; equal columns make faces that
    # many vertices share without being neighbours
    second = np.random.default_rng(seed).integers(0, 3, (4, 3))[:, [0, 0, 0, 1, 2]].astype(float)
    of = game(np.zeros((4, 5)).tolist(), second.tolist())
    found = mixed_equilibria(of)
    assert found.complete
    assert keys(found.strategies) == expected_keys(of)
    assert len(found) == len(keys(found.strategies))


@settings(max_examples=40, deadline=None)
@given(normal_form_games(max_players=2, max_actions=3), st.sampled_from([1e-9, 1e9]))
def test_a_change_of_unit_changes_nothing(of: NormalFormGame, unit: float) -> None:
    scaled = mixed_equilibria(NormalFormGame(of.costs * unit))
    found = mixed_equilibria(of)
    assert keys(scaled.strategies) == keys(found.strategies)
    np.testing.assert_allclose(scaled.social_costs, found.social_costs * unit, rtol=1e-9)
    assert all(c.holds for c in scaled.certificates)


def test_an_unplayed_action_of_enormous_cost_hides_no_equilibrium() -> None:
    first = np.array([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1e12, 1e12, 1e12]])
    of = NormalFormGame.from_payoffs(-first, -np.array([[1.0, 2.0, 9.0], [2.0, 1.0, 9.0], [3e12, 1e12, 2e12]]))
    found = mixed_equilibria(of)
    assert len(found) == 1
    np.testing.assert_allclose(found.strategies[0, :, :2], 0.5, rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=12, max_size=12))
@example([1, -1, 0, 0] * 3)
def test_zero_sum_games_have_the_value_of_the_linear_programme(entries: list[int]) -> None:
    payoff = np.array(entries, dtype=float).reshape(3, 4)
    found = mixed_equilibria(game(payoff.tolist(), (-payoff).tolist()))
    # maximise v with payoffᵀ x ≥ v
    solved = linprog(
        [0, 0, 0, -1], np.c_[-payoff.T, np.ones(4)], np.zeros(4), [[1, 1, 1, 0]], [1], [(0, None)] * 3 + [(None, None)]
    )
    for x, y in found.strategies:
        assert x[:3] @ payoff @ y == pytest.approx(-solved.fun, abs=1e-9)


def test_mixed_play_of_two_requests_on_two_equal_workers() -> None:
    # each at random: cost 3/2 each against 1 each; the worst of all equilibria
    found = mixed_extremes(RoutingGame(Polynomial([[0.0, 1.0], [0.0, 1.0]]), np.zeros((2, 2))))
    assert found.covered
    assert found.worst.social_cost == pytest.approx(3.0)
    assert found.best.social_cost == pytest.approx(2.0)
    np.testing.assert_allclose(found.worst.strategies, 0.5)


@settings(max_examples=40, deadline=None)
@given(normal_form_games(max_players=2, max_actions=3, low=0, high=4), st.integers(0, 2**32 - 1))
def test_no_equilibrium_is_worse_or_better_than_the_extremes(of: NormalFormGame, seed: int) -> None:
    found = mixed_equilibria(of)
    worst, best = found.social_costs[0], found.social_costs[-1]
    pure = equilibria(of)
    assert (pure.social_costs <= worst + 1e-9).all()
    assert (pure.social_costs >= best - 1e-9).all()
    # exchanging within a maximal Nash subset: a mixture of equilibria that share one side is an equilibrium
    rng = np.random.default_rng(seed)
    for x, y in found.strategies:
        partners = np.array([b for a, b in found.strategies if np.array_equal(a, x)])
        mixture = rng.dirichlet(np.ones(len(partners))) @ partners
        joint = np.stack([x, mixture / mixture.sum()])
        assert certify_mixed(of, joint).holds
        assert best - 1e-9 <= of.expected_social_cost(joint) <= worst + 1e-9
        assert certify_mixed(of, np.stack([x, y])).holds


def test_doubtful_ties_are_not_called_complete() -> None:
    assert mixed_equilibria(game([[1.0, 1.0], [1.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]])).complete
    for step in (1e-9, 1e-11):
        found = mixed_equilibria(game([[1.0, 1.0], [1.0 + step, 0.0]], [[1.0, 1.0 + step], [1.0, 0.0]]))
        assert not found.complete
        assert "counts as a tie" in found.note


def test_three_players_on_two_equal_workers() -> None:
    of = NormalFormGame.of(RoutingGame(Polynomial([[0.0, 1.0], [0.0, 1.0]]), np.zeros((3, 2))))
    found = mixed_equilibria(of, num_starts=40)
    assert not found.complete
    assert found.outcome is Outcome.CONVERGED
    half = np.abs(found.strategies - 0.5).max(axis=(1, 2)) < 1e-6
    assert half.sum() == 1
    # two on one worker each and one who mixes as it likes: a continuum, of which the search finds some
    extremes = mixed_extremes(of, num_starts=40)
    assert extremes.worst.social_cost == pytest.approx(6.0)
    assert extremes.best.social_cost == pytest.approx(5.0)
    assert extremes.worst_limit >= 6.0 - 1e-9
    # which are the worst and the best coarse correlated equilibrium as well
    assert extremes.covered
    assert "coarse correlated" in extremes.note


def test_three_players_whose_only_equilibrium_is_irrational() -> None:
    # Nash (1951) showed that three players may need irrational probabilities; here x² enters: i's indifference holds at the
    # product of the others' probabilities ½
    costs = np.zeros((3, 2, 2, 2))
    for i in range(3):
        others = [j for j in range(3) if j != i]
        for s in np.ndindex(2, 2, 2):
            both = s[others[0]] == 0 and s[others[1]] == 0
            costs[i][s] = 1.0 if (s[i] == 0 and both) else (0.5 if s[i] == 1 else 0.0)
    found = mixed_equilibria(NormalFormGame(costs), num_starts=40)
    symmetric = np.full((3, 2), [np.sqrt(0.5), 1 - np.sqrt(0.5)])
    assert (np.abs(found.strategies - symmetric).max(axis=(1, 2)) < 1e-9).sum() == 1
    assert all(c.holds for c in found.certificates)


def test_one_player_mixes_over_its_cheapest_actions() -> None:
    found = mixed_equilibria(NormalFormGame([[2.0, 1.0, 1.0]]))
    assert found.complete
    assert keys(found.strategies) == {(0, 1, 0), (0, 0, 1)}


def test_games_too_large_say_what_else_to_do() -> None:
    with pytest.raises(TooLarge, match="lemke_howson"):
        mixed_equilibria(NormalFormGame(np.ones((2, MAX_ACTIONS // 2 + 1, MAX_ACTIONS // 2 + 1))))
    with pytest.raises(TooLarge, match="vertices"):
        mixed_equilibria(game(np.eye(16).tolist(), np.eye(16).tolist()))
    with pytest.raises(InvalidInput, match="num_starts"):
        mixed_equilibria(NormalFormGame(np.ones((2, 2, 2))), num_starts=-1)


def test_a_search_without_starts_that_finds_nothing_says_so() -> None:
    pennies = np.zeros((3, 2, 2, 2))
    pennies[0], pennies[1] = (
        np.array([[1.0, 0.0], [0.0, 1.0]])[:, :, None],
        np.array([[0.0, 1.0], [1.0, 0.0]])[:, :, None],
    )
    of = NormalFormGame(pennies)
    assert mixed_equilibria(of, num_starts=0).outcome is Outcome.NO_EQUILIBRIUM_FOUND
    with pytest.raises(NoEquilibrium, match="more starts"):
        mixed_extremes(of, num_starts=0)


def test_the_oracle_itself_knows_the_textbook_game() -> None:
    # von Stengel (2007), figure 2.3: three equilibria
    found = extreme_equilibria([[-3, -3], [-2, -5], [0, -6]], [[-3, -2], [-2, -6], [-3, -1]])
    third = Fraction(1, 3)
    assert found == {
        ((1, 0, 0), (1, 0)),
        ((Fraction(4, 5), Fraction(1, 5), 0), (2 * third, third)),
        ((0, third, 2 * third), (third, 2 * third)),
    }


def test_a_game_too_large_for_the_limits_is_labelled(monkeypatch: pytest.MonkeyPatch) -> None:
    of = NormalFormGame(np.random.default_rng(0).random((3, 4, 4, 4)) + 0.1)
    exact = correlated_extremes(of, "coarse")
    monkeypatch.setattr(correlated, "MAX_PROFILES", 10)
    found = mixed_extremes(of, num_starts=3)
    assert not found.covered
    assert (found.worst_limit, found.best_limit) == (of.social.max(), of.social.min())
    assert found.best_limit <= exact.best_limit <= found.best.social_cost
    assert found.worst.social_cost <= exact.worst_limit <= found.worst_limit
    assert "64 profiles" in found.note


def test_the_search_ends_with_its_time_limit() -> None:
    of = NormalFormGame(np.random.default_rng(0).random((3, 2, 2, 2)))
    assert "from 0 random starts of 9, cut off after 0 s" in mixed_equilibria(of, num_starts=9, time_limit=0.0).note
    assert "from 9 random starts;" in mixed_equilibria(of, num_starts=9).note


def test_an_interrupted_search_keeps_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(starts, "_zero", interrupt)
    of = NormalFormGame.of(RoutingGame(Polynomial([[0.0, 1.0], [0.0, 1.0]]), np.zeros((3, 2))))
    found = mixed_equilibria(of)
    assert len(found) == 6  # the pure ones
    assert "interrupted" in found.note


def test_limits_that_are_met_prove_the_extremes() -> None:
    # a dominant action for each: one coarse correlated equilibrium, which is pure
    costs = np.zeros((3, 2, 2, 2))
    for s in np.ndindex(2, 2, 2):
        costs[(slice(None), *s)] = np.array(s) + 1.0
    found = mixed_extremes(NormalFormGame(costs), num_starts=2)
    assert found.covered
    assert found.worst.social_cost == found.best.social_cost == 3.0
    assert "coarse correlated" in found.note


@pytest.mark.parametrize(
    "call",
    [
        lambda of: mixed_equilibria(of, num_starts=1.5),
        lambda of: mixed_equilibria(of, seed="a"),
        lambda of: mixed_equilibria(of, time_limit=-1.0),
        lambda _: mixed_equilibria(5),
        lambda _: mixed_extremes("game"),
    ],
)
def test_bad_input(call) -> None:
    with pytest.raises(InvalidInput):
        call(NormalFormGame(np.ones((3, 2, 2, 2))))


def test_what_is_printed() -> None:
    found = mixed_equilibria(game([[1, 0], [0, 1]], [[1, 0], [0, 1]]))
    assert str(found).startswith("3 mixed equilibria (complete): all extreme equilibria")
    assert str(found[0]).endswith("4 actions played by 2 players)")
