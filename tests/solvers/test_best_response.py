"""Best responses of one game: the potential falls, brute force agrees, cycles and bad input are named."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poagame.errors import InvalidInput
from poagame.games.routing import RoutingGame
from poagame.latency import MM1, Polynomial, Saturating
from poagame.outcome import Outcome
from poagame.solvers.best_response import BestResponse, equilibrium

ORDERS = ("round_robin", "random", "most_regret")


class Plain:
    """A routing game seen through the narrow protocol alone."""

    def __init__(self, game: RoutingGame) -> None:
        self.game = game
        self.num_players, self.num_actions = game.num_players, game.num_actions

    def action_costs(self, profile):
        return self.game.action_costs(profile)

    def social_cost(self, profile):
        return self.game.social_cost(profile)


def random_game(seed: int, kind: str = "static", requests: int | None = None, workers: int = 3) -> RoutingGame:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7)) if requests is None else requests
    if kind == "saturating":
        latency = Saturating(*rng.uniform(0.1, 2.0, (3, workers)), rng.uniform(n / workers + 1.0, n + 2.0, workers))
    else:
        latency = Polynomial(rng.uniform(0.0, 2.0, (workers, 2)))
    affinity, weight, affinity_kind = None, None, "symmetric"
    if kind == "affinity":
        affinity = rng.uniform(-1.0, 2.0, (n, n))
        affinity = affinity + affinity.T
    if kind == "arrival_order":
        affinity, affinity_kind = rng.uniform(-1.0, 2.0, (n, n)), "arrival_order"
    if kind == "weighted":
        weight = rng.uniform(0.5, 3.0, n)
    return RoutingGame(latency, rng.uniform(0.0, 4.0, (n, workers)), 0.7, affinity, affinity_kind, weight)


def is_equilibrium(game: RoutingGame, profile: tuple[int, ...]) -> bool:
    """From the definition of the costs, one request and one worker at a time."""
    w = [1.0] * len(profile) if game.request_weight is None else list(game.request_weight)
    e = game.affinity

    def cost(s: tuple[int, ...], i: int) -> float:
        load = np.zeros(game.num_actions)
        for k, worker in enumerate(s):
            load[worker] += w[k]
        shared = 0.0 if e is None else sum(e[i, k] for k in range(len(s)) if k != i and s[k] == s[i])
        return float(game.latency(load)[s[i]] - game.overlap_weight * (game.overlap[i, s[i]] + shared))

    return all(
        cost(profile, i) <= cost((*profile[:i], j, *profile[i + 1 :]), i) + 1e-8
        for i in range(len(profile))
        for j in range(game.num_actions)
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["static", "affinity", "weighted", "saturating"])
@settings(max_examples=12)
@given(seed=st.integers(0, 10_000))
def test_ends_at_an_equilibrium_by_brute_force(kind: str, order: str, seed: int) -> None:
    game = random_game(seed, kind)
    for start in (None, np.zeros(game.num_players)):
        end = equilibrium(game, BestResponse(order), start)
        assert end.outcome is Outcome.CONVERGED
        assert end.certificate.holds
        assert is_equilibrium(game, tuple(end.profile))
        assert end.social_cost == game.social_cost(end.profile)
    assert end.profile.dtype == np.int64


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["static", "affinity", "weighted"])
def test_each_step_is_one_move_that_lowers_the_potential(kind: str, order: str) -> None:
    game = random_game(5, kind, requests=6)
    before = np.zeros(6, np.int64)
    total = equilibrium(game, BestResponse(order), before).num_steps
    assert total >= 3
    for steps in range(1, total + 1):
        end = equilibrium(game, BestResponse(order, max_steps=steps), np.zeros(6))
        assert end.num_steps == steps
        (mover,) = np.flatnonzero(end.profile != before)
        change = game.request_costs(end.profile)[mover] - game.request_costs(before)[mover]
        assert change < 0.0
        weight = game.weights[mover] if kind == "weighted" else 1.0
        assert game.potential(end.profile) - game.potential(before) == pytest.approx(weight * change, abs=1e-9)
        before = end.profile
    assert end.outcome is Outcome.CONVERGED


@pytest.mark.parametrize("order", ["round_robin", "most_regret"])
@pytest.mark.parametrize("kind", ["static", "affinity", "weighted", "arrival_order"])
@settings(max_examples=12)
@given(seed=st.integers(0, 10_000))
def test_compiled_and_generic_dynamics_make_the_same_moves(kind: str, order: str, seed: int) -> None:
    game = random_game(seed, kind)
    start = np.random.default_rng(seed).integers(0, 3, game.num_players)
    fast, plain = (equilibrium(g, BestResponse(order, max_steps=200), start) for g in (game, Plain(game)))
    np.testing.assert_array_equal(fast.profile, plain.profile)
    assert (fast.num_steps, fast.outcome) == (plain.num_steps, plain.outcome)


@pytest.mark.parametrize("order", ["round_robin", "most_regret"])
@pytest.mark.parametrize("start", [None, 0, 2])
def test_multiplicity_is_shorthand_for_written_out_rows(order: str, start: int | None) -> None:
    rng = np.random.default_rng(3)
    counts = [1, 40, 3, 17]  # the second row fills more than one block of seats
    overlap, latency = rng.uniform(0.0, 6.0, (4, 3)), Polynomial(rng.uniform(0.1, 1.0, (3, 2)))
    short = RoutingGame(latency, overlap, multiplicity=counts)
    long = RoutingGame(latency, np.repeat(overlap, counts, axis=0))
    begin = None if start is None else np.full(61, start)
    a, b = (equilibrium(g, BestResponse(order), begin) for g in (short, long))
    np.testing.assert_array_equal(a.profile, b.profile)
    assert a.num_steps == b.num_steps
    assert a.outcome is b.outcome is Outcome.CONVERGED


def test_arrival_is_sequential() -> None:
    game = random_game(11, "affinity", requests=6)
    arrived = equilibrium(game, BestResponse(max_steps=0)).profile
    for i in range(6):
        rest = RoutingGame(game.latency, game.overlap[: i + 1], game.overlap_weight, game.affinity[: i + 1, : i + 1])
        assert arrived[i] == rest.action_costs(arrived[: i + 1])[i].argmin()


@pytest.mark.parametrize(
    "game", [random_game(1, requests=6), Plain(random_game(1, requests=6))], ids=["compiled", "generic"]
)
def test_a_seed_decides_the_random_order(game) -> None:
    ends = [
        equilibrium(game, BestResponse("random", max_steps=2, seed=s), np.zeros(6)).profile
        for s in (0, 0, *range(1, 9))
    ]
    np.testing.assert_array_equal(ends[0], ends[1])
    assert any((end != ends[0]).any() for end in ends[2:])


def test_bits_do_not_depend_on_the_jax_setting_and_none_changes() -> None:
    game = random_game(7, "weighted", requests=6)
    before = dict(jax.config.values)
    ends = []
    for setting in (False, True):
        with jax.enable_x64(setting):
            ends.append(equilibrium(game, BestResponse("random"), np.zeros(6)))
            assert jax.config.jax_enable_x64 is setting
    assert ends[0].profile.tobytes() == ends[1].profile.tobytes()
    assert ends[0].social_cost.hex() == ends[1].social_cost.hex()
    assert dict(jax.config.values) == before


# no pure equilibrium: requests that came first do not care for who follows them, those who follow do
RESTLESS = RoutingGame(
    Polynomial([[3.0, 2.0], [0.0, 3.0], [2.0, 0.0]]),
    [[2.0, 2.0, 0.0], [3.0, 2.0, 1.0], [0.0, 0.0, 3.0]],
    affinity=[[0.0, 0.0, 0.0], [6.0, 0.0, 0.0], [1.0, 5.0, 0.0]],
    affinity_kind="arrival_order",
)


@pytest.mark.parametrize("game", [RESTLESS, Plain(RESTLESS)], ids=["compiled", "generic"])
def test_dynamics_without_an_equilibrium_end_honestly(game) -> None:
    assert not any(is_equilibrium(RESTLESS, s) for s in itertools.product(range(3), repeat=3))
    for order in ("round_robin", "most_regret"):
        end = equilibrium(game, BestResponse(order))
        assert end.outcome is Outcome.CYCLE_FOUND
        assert end.certificate.max_regret > 0.5
        assert end.num_steps < 100
    end = equilibrium(game, BestResponse("random", max_steps=50))
    assert end.outcome is Outcome.MAX_STEPS_REACHED
    assert end.num_steps == 50
    assert "max_steps" in str(end)


def test_a_coarse_tolerance_does_not_pass_for_convergence() -> None:
    game = random_game(5, requests=6)
    end = equilibrium(game, BestResponse(rtol=100.0), np.zeros(6))
    assert end.num_steps == 0
    assert end.outcome is Outcome.NO_EQUILIBRIUM_FOUND


def test_infinite_costs_are_left_behind_and_never_become_nan() -> None:
    game = RoutingGame(MM1([3.0, 2.5]), np.zeros((4, 2)))  # room for exactly 2 + 2
    for solver in map(BestResponse, ORDERS):
        for start in (None, np.zeros(4)):
            end = equilibrium(game, solver, start)
            np.testing.assert_array_equal(game.loads(end.profile), [2.0, 2.0])
            assert end.social_cost == pytest.approx(2 / (3 - 2) + 2 / (2.5 - 2))


def test_requests_that_cannot_fit_are_refused_before_solving() -> None:
    with pytest.raises(InvalidInput, match=r"load of 5 does not fit: the workers hold 4 below"):
        equilibrium(RoutingGame(MM1([3.0, 2.5]), np.zeros((5, 2))))
    with pytest.raises(InvalidInput, match=r"load of 6 does not fit: the workers hold 5.5 below"):
        equilibrium(RoutingGame(MM1([3.0, 2.5]), np.zeros((4, 2)), request_weight=[1.0, 1.5, 1.5, 2.0]))
    fits = equilibrium(RoutingGame(MM1([3.0, 2.5]), np.zeros((3, 2)), request_weight=[2.0, 1.5, 0.5]))
    assert fits.outcome is Outcome.CONVERGED
    assert np.isfinite(fits.social_cost)


@pytest.mark.parametrize("start", [[0, 0], [[0] * 6], [0.5] + [0] * 5, [3] + [0] * 5, [-1] + [0] * 5])
def test_a_start_that_is_no_profile_is_refused(start) -> None:
    with pytest.raises(InvalidInput, match="profile"):
        equilibrium(random_game(1, requests=6), start=start)


@pytest.mark.parametrize(
    "bad", [{"order": "shuffled"}, {"max_steps": -1}, {"rtol": 0.0}, {"rtol": np.nan}, {"seed": -1}]
)
def test_solvers_are_checked(bad: dict) -> None:
    with pytest.raises(InvalidInput, match=next(iter(bad))):
        BestResponse(**bad)


def test_nan_costs_of_a_users_game_are_refused() -> None:
    game = Plain(random_game(1, requests=6))
    game.action_costs = lambda profile: np.full((6, 3), np.nan)  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(InvalidInput, match="NaN"):
        equilibrium(game)
    game.action_costs = lambda profile: np.zeros((6, 2))  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(InvalidInput, match="shape"):
        equilibrium(game)


def test_one_worker_and_one_request() -> None:
    end = equilibrium(RoutingGame(Polynomial([[0.0, 1.0]]), [[0.0]] * 3))
    assert (end.outcome, end.social_cost) == (Outcome.CONVERGED, 9.0)
    assert equilibrium(random_game(2, requests=1)).outcome is Outcome.CONVERGED


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"seed": np.random.default_rng(0)}, "draw one with"),
        ({"seed": "a"}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"max_steps": "a"}, "max_steps"),
        ({"rtol": "a"}, "rtol"),
    ],
)
def test_parameters_of_another_kind(bad, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        BestResponse(**bad)
