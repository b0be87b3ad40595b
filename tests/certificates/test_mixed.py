from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poagame.certificates.correlated import certify_correlated, correlated_bound
from poagame.certificates.mixed import MAX_PROFILES, certify_each_mixed, certify_mixed
from poagame.certificates.nash import certify_nash
from poagame.errors import InvalidInput, TooLarge
from poagame.games.normal_form import NormalFormGame
from poagame.games.protocols import FiniteGame
from poagame.testing.normal_form import normal_form_games

PENNIES = NormalFormGame([[[1.0, -1.0], [-1.0, 1.0]], [[-1.0, 1.0], [1.0, -1.0]]])
CHICKEN = NormalFormGame.from_payoffs([[6.0, 2.0], [7.0, 0.0]], [[6.0, 7.0], [2.0, 0.0]])


def some_strategies(game: NormalFormGame, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.dirichlet(np.ones(game.num_actions), game.num_players) * game.available
    x[x < rng.choice([0.0, 0.3])] = 0.0
    x[x.sum(axis=1) == 0, 0] = 1.0
    return x / x.sum(axis=1, keepdims=True)


@settings(max_examples=80, deadline=None)
@given(normal_form_games(low=-3, high=5), st.integers(0, 2**32 - 1))
def test_mixed_regret_is_that_of_the_contracted_table(game: NormalFormGame, seed: int) -> None:
    x = some_strategies(game, seed)
    expected = game.expected_action_costs(x)
    regret = (x * np.where(game.available, expected, 0.0)).sum(axis=1) - expected.min(axis=1)
    found = certify_mixed(game, x)
    assert found.max_regret == pytest.approx(regret.max(), abs=1e-12)
    assert regret[found.player] == pytest.approx(regret.max(), abs=1e-12)
    assert expected[found.player, found.action] == pytest.approx(expected[found.player].min(), abs=1e-12)


class Unwritten:
    """The same game without its table, so that profiles are looked at one by one."""

    takes_profiles = True

    def __init__(self, game: NormalFormGame) -> None:
        self.num_players, self.num_actions = game.num_players, game.num_actions
        self.action_costs, self.social_cost = game.action_costs, game.social_cost


@settings(max_examples=60, deadline=None)
@given(normal_form_games(max_players=2, low=-3, high=5), st.integers(0, 2**32 - 1), st.booleans())
def test_a_table_of_two_players_is_weighed_as_its_profiles_are(game: NormalFormGame, seed: int, lacking: bool) -> None:
    x = some_strategies(game, seed)
    if lacking:  # also where a player is on an action that it lacks
        x = np.random.default_rng(seed).dirichlet(np.ones(game.num_actions), game.num_players)
    one, other = certify_mixed(game, x), certify_mixed(Unwritten(game), x)
    assert one.max_regret == pytest.approx(other.max_regret, rel=1e-12, abs=1e-12)
    assert one.tolerance == pytest.approx(other.tolerance, rel=1e-12)
    if not np.isfinite(one.max_regret):
        assert not one.holds


@settings(max_examples=60, deadline=None)
@given(normal_form_games(), st.data())
def test_a_pure_profile_has_its_own_certificate_in_all_three_senses(game: NormalFormGame, data: st.DataObject) -> None:
    profile = np.array([data.draw(st.sampled_from(np.flatnonzero(has).tolist())) for has in game.available])
    pure = certify_nash(game, profile)
    mixed = certify_mixed(game, np.eye(game.num_actions)[profile])
    assert mixed.max_regret == pytest.approx(pure.max_regret, abs=1e-12)
    for kind in ("correlated", "coarse"):
        assert certify_correlated(game, profile[None], [1.0], kind).max_regret == pytest.approx(pure.max_regret)


@settings(max_examples=60, deadline=None)
@given(normal_form_games(low=-3, high=5), st.integers(0, 2**32 - 1))
def test_correlated_regret_by_its_definition(game: NormalFormGame, seed: int) -> None:
    rng = np.random.default_rng(seed)
    actions = [np.flatnonzero(has) for has in game.available]
    profiles = np.array([[rng.choice(a) for a in actions] for _ in range(7)])
    p = rng.dirichlet(np.ones(7))
    swap, external = [], []
    for i in range(game.num_players):

        def cost(rule: dict[int, int], i: int = i) -> float:
            total = 0.0
            for s, weight in zip(profiles, p, strict=True):
                t = s.copy()
                t[i] = rule[int(s[i])]
                total += weight * game.costs[(i, *t)]
            return total

        follow = cost({int(a): int(a) for a in actions[i]})
        rules = [
            dict(zip(actions[i], image, strict=True)) for image in itertools.product(actions[i], repeat=len(actions[i]))
        ]
        swap.append(follow - min(map(cost, rules)))
        external.append(follow - min(cost(dict.fromkeys(actions[i], a)) for a in actions[i]))
    assert certify_correlated(game, profiles, p).max_regret == pytest.approx(max(swap), abs=1e-12)
    coarse = certify_correlated(game, profiles, p, "coarse")
    assert coarse.max_regret == pytest.approx(max(0.0, *external), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(normal_form_games(low=-3, high=5), st.sampled_from(["worst", "best"]), st.integers(0, 2**32 - 1))
def test_any_multipliers_bound_every_pure_equilibrium(game: NormalFormGame, objective: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, a = game.num_players, game.num_actions
    coarse = rng.exponential(size=(n, a)) * game.available
    full = rng.exponential(size=(n, a, a)) * game.available[:, None, :]
    profiles = np.array(list(itertools.product(*(np.flatnonzero(has) for has in game.available))))
    social = [game.social_cost(s) for s in profiles if certify_nash(game, s).max_regret == 0]
    for kind, multipliers in (("coarse", coarse), ("correlated", full)):
        bound = correlated_bound(game, multipliers, kind, objective)
        if objective == "worst":
            assert all(c <= bound + 1e-9 for c in social)
        else:
            assert all(c >= bound - 1e-9 for c in social)
    # without multipliers: the dearest or the cheapest profile
    every = game.social[np.isfinite(game.social)]
    wanted = every.max() if objective == "worst" else every.min()
    assert correlated_bound(game, np.zeros((n, a)), "coarse", objective) == wanted


def test_regret_where_costs_cancel_is_held_to_their_size() -> None:
    even = certify_mixed(PENNIES, np.full((2, 2), 0.5))
    assert even.holds
    assert even.tolerance == pytest.approx(1e-9)
    assert not certify_mixed(PENNIES, [[0.5 + 1e-8, 0.5 - 1e-8], [0.5, 0.5]]).holds
    assert not certify_mixed(NormalFormGame(PENNIES.costs * 1e-9), [[0.5 + 1e-8, 0.5 - 1e-8], [0.5, 0.5]]).holds


def test_a_distribution_of_chicken_that_is_coarse_but_not_correlated_or_neither() -> None:
    middle = certify_correlated(CHICKEN, [[0, 0], [0, 1], [1, 0]], [1 / 3] * 3)
    assert middle.holds
    assert middle.max_regret == 0.0
    crash = certify_correlated(CHICKEN, [[1, 1], [0, 0]], [0.5, 0.5], "coarse")
    assert not crash.holds
    # following pays −3 on average, always daring −3.5, always yielding −4
    assert crash.max_regret == pytest.approx(1.0)


class Hot(FiniteGame):
    """A game with infinite costs that no table may hold: being on machine 1 together."""

    num_players = 2
    num_actions = 2

    def action_costs(self, profile):
        other = np.asarray(profile)[::-1]
        return np.array([[1.0, np.inf if o == 1 else 0.5] for o in other])

    def social_cost(self, profile):
        costs = self.action_costs(profile)
        return float(costs[0, profile[0]] + costs[1, profile[1]])


def test_infinite_costs_are_infinite_regrets_and_no_nan() -> None:
    mixed = certify_mixed(Hot(), [[0.5, 0.5], [0.5, 0.5]])
    assert mixed.max_regret == np.inf
    assert not mixed.holds
    assert certify_mixed(Hot(), [[0.0, 1.0], [1.0, 0.0]]).holds
    assert certify_correlated(Hot(), [[0, 1], [1, 0]], [0.5, 0.5]).holds
    assert certify_correlated(Hot(), [[1, 1]], [1.0], "coarse").max_regret == np.inf


def test_many_certificates_at_once_are_those_of_each() -> None:
    x = np.stack([some_strategies(CHICKEN, seed) for seed in range(5)])
    for one, strategies in zip(certify_each_mixed(CHICKEN, x), x, strict=True):
        alone = certify_mixed(CHICKEN, strategies)
        assert one.max_regret == pytest.approx(alone.max_regret, abs=1e-14)
        assert one.player == alone.player


@pytest.mark.parametrize(
    ("strategies", "message"),
    [
        ([[1.0, 0.0]], "shape"),
        ([[0.7, 0.7], [1.0, 0.0]], "sum to 1"),
        ([[1.5, -0.5], [1.0, 0.0]], "nonnegative"),
        ([[np.nan, 1.0], [1.0, 0.0]], "finite"),
    ],
)
def test_what_is_no_mixed_strategy_is_refused(strategies: list[list[float]], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        certify_mixed(CHICKEN, strategies)


@pytest.mark.parametrize(
    ("profiles", "probabilities", "kind", "message"),
    [
        ([[0, 0]], [0.5], "correlated", "sum to 1"),
        ([[0, 0]], [0.5, 0.5], "correlated", "shape"),
        ([0, 0], [1.0], "correlated", "shape"),
        ([[0, 2]], [1.0], "correlated", "actions are"),
        ([[0, 0]], [1.0], "mixed", "kind"),
        ([[0, 0], [0, 1]], [1.5, -0.5], "coarse", "nonnegative"),
    ],
)
def test_what_is_no_distribution_is_refused(profiles, probabilities, kind, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        certify_correlated(CHICKEN, profiles, probabilities, kind)


def test_multipliers_must_fit_the_kind() -> None:
    with pytest.raises(InvalidInput, match="multipliers"):
        correlated_bound(CHICKEN, np.zeros((2, 2)), "correlated", "worst")
    with pytest.raises(InvalidInput, match="objective"):
        correlated_bound(CHICKEN, np.zeros((2, 2)), "coarse", "middle")  # type: ignore[arg-type]


def test_a_support_too_large_names_the_limit() -> None:
    class Many(Hot):
        num_players = 40

    with pytest.raises(TooLarge, match=f"{MAX_PROFILES:,}"):
        certify_mixed(Many(), np.full((40, 2), 0.5))
