from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poagame.errors import Infeasible, InvalidInput, TooLarge
from poagame.games.load_balancing import FractionalLoadBalancing
from poagame.games.network import NetworkRouting
from poagame.games.protocols import JointlyConvexGame
from poagame.games.splittable import SplittableRouting
from poagame.latency import MM1, Polynomial
from poagame.testing.splittable import splittable_games

SMOOTH = ("affine", "polynomial", "mm1", "saturating")


def drawn_flow(game: SplittableRouting, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = np.where(game.available, rng.exponential(size=game.available.shape), 0.0)
    return x * (np.asarray(game.demand) / x.sum(axis=1))[:, None]


@settings(max_examples=25)
@given(splittable_games(), st.integers(0, 99))
def test_costs_as_they_are_defined(game: SplittableRouting, seed: int) -> None:
    x, total = drawn_flow(game, seed), 0.0
    load = np.zeros(game.num_resources)
    for i, row in enumerate(game.actions):
        for a, action in enumerate(row):
            load[action] += x[i, a]
    assert game.loads(x) == pytest.approx(load, rel=1e-12)
    for i, row in enumerate(game.actions):
        paid = sum(x[i, a] * float(game.latency(load)[action].sum()) for a, action in enumerate(row))
        assert game.player_costs(x)[i] == pytest.approx(paid, rel=1e-12)
        total += paid
    assert game.social_cost(x) == pytest.approx(total, rel=1e-12)


@settings(max_examples=25)
@given(splittable_games(families=SMOOTH), st.integers(0, 99))
def test_pseudogradient_is_the_gradient_of_own_cost(game: SplittableRouting, seed: int) -> None:
    x = drawn_flow(game, seed)
    force, h = game.pseudogradient(x), 1e-5
    for i in range(game.num_players):
        for a in np.flatnonzero(game.available[i] & (x[i] > 2 * h)):
            up, down = x.copy(), x.copy()
            up[i, a] += h
            down[i, a] -= h
            slope = (game.player_costs(up)[i] - game.player_costs(down)[i]) / (2 * h)
            assert slope == pytest.approx(force[i, a], rel=1e-5, abs=1e-6)


@settings(max_examples=25)
@given(splittable_games())
def test_games_are_jointly_convex_games_with_a_feasible_start(game: SplittableRouting) -> None:
    assert isinstance(game, JointlyConvexGame)
    x = game.start()
    assert x.sum(axis=1) == pytest.approx(np.asarray(game.demand), rel=1e-14)
    assert (x[~game.available] == 0).all()
    assert game.projection(x) == pytest.approx(x, abs=1e-12)
    rebuilt = eval(repr(game), {"SplittableRouting": SplittableRouting, **vars(__import__("poagame.latency").latency)})
    assert rebuilt.social_cost(x) == game.social_cost(x)


def braess(first_through: int = 0) -> NetworkRouting:
    tail, head = [0, 0, 1, 2, 1, 1], [1, 2, 3, 3, 2, 1]
    latency = Polynomial([[0, 1], [1, 0], [1, 0], [0, 1], [0, 0], [0, 0]])
    return NetworkRouting(latency, tail, head, [0, 1, 0], [3, 3, 3], [1.0, 2.0, 0.0], first_through=first_through)


def test_each_commodity_with_demand_is_a_player_over_its_simple_paths() -> None:
    game = SplittableRouting.from_network(braess())
    assert game.num_players == 2
    assert sorted(game.actions[0]) == [[0, 2], [0, 4, 3], [1, 3]]
    assert sorted(game.actions[1]) == [[2], [4, 3]]
    assert np.asarray(game.demand).tolist() == [1.0, 2.0]


def test_nodes_below_first_through_are_not_passed() -> None:
    game = SplittableRouting.from_network(braess(first_through=2))
    assert game.actions[0] == [[1, 3]]
    assert sorted(game.actions[1]) == [[2], [4, 3]]  # it may begin at node 1


def test_too_many_paths() -> None:
    with pytest.raises(TooLarge, match="more than 2 simple paths"):
        SplittableRouting.from_network(braess(), max_paths=2)


def test_a_start_below_tight_capacities_is_found() -> None:
    game = SplittableRouting(MM1([1.0, 10.0, 10.0]), [[[0], [1]], [[0], [2]], [[1], [2]]], [9.0, 5.0, 5.0])
    assert np.isfinite(game.pseudogradient(game.start())).all()
    with pytest.raises(Infeasible, match="capacities"):
        SplittableRouting(MM1([1.0, 2.0]), [[[0], [1]]], [3.5]).start()


LINKS = Polynomial([[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("actions", "demand", "message"),
    [
        ([], [], "at least one player"),
        ([[]], [1.0], "no action"),
        ([[[]]], [1.0], "no resource"),
        ([[[2]]], [1.0], "names resource 2"),
        ([[[0, 0]]], [1.0], "twice"),
        ([[[0]]], [0.0], "must be positive"),
        ([[[0]]], [np.nan], "finite"),
        ([[[0]]], [1.0, 2.0], "one number for each of 1"),
    ],
)
def test_bad_input(actions, demand, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        SplittableRouting(LINKS, actions, demand)


def test_flows_of_another_shape() -> None:
    game = SplittableRouting(LINKS, [[[0], [1]]], [1.0])
    with pytest.raises(InvalidInput, match="shape"):
        game.loads([0.5, 0.5])


def test_half_of_the_own_load_counts_in_model_a() -> None:
    game = FractionalLoadBalancing([1.0, 2.0], [1.0, 4.0], [0.5, 0.0])
    x = np.array([[0.25, 0.75], [1.5, 0.5]])
    h = 1e-6
    for i in range(2):
        for j in range(2):
            up, down = x.copy(), x.copy()
            up[i, j] += h
            down[i, j] -= h
            slope = (game.player_costs(up)[i] - game.player_costs(down)[i]) / (2 * h)
            assert slope == pytest.approx(game.pseudogradient(x)[i, j], rel=1e-8)
    with pytest.raises(InvalidInput):
        FractionalLoadBalancing([0.0], [1.0])
