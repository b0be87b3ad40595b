"""Caching as on serving clusters: a place too many, against all placements; sessions, against a walk through their turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import poagame as pg
from poagame.errors import InvalidInput
from poagame.games import instances
from poagame.games.caching import CachingGame
from tests.stores_oracle import StoresOracle

APART = np.array([[0.0, 2.0, 5.0], [2.0, 0.0, 5.0], [5.0, 5.0, 0.0]])

KEPT = {False: (1, None, 0, 2), True: (1, 2, 0, 1)}
"""Object that each GPU keeps in the only equilibrium."""


@pytest.mark.parametrize(("with_cache", "cost", "optimum"), [(False, 134.0, 134.0), (True, 212.0, 123.0)])
def test_a_place_too_many_on_a_cluster(with_cache: bool, cost: float, optimum: float) -> None:
    game = instances.cluster_paradox(with_cache)
    oracle = StoresOracle(game)
    (at,) = oracle.equilibria()
    assert oracle.profile(at).tolist() == [[int(k == kept) for k in range(3)] for kept in KEPT[with_cache]]
    # strictly: any other store would cost its node more
    for i, table in enumerate(oracle.cost):
        own = table[(*at[:i], slice(None), *at[i + 1 :])]
        assert (np.delete(own, at[i]) > own[at[i]]).all()
    answers = game.certified
    assert oracle.social[tuple(at)] == answers["equilibrium_cost"] == cost
    assert oracle.social.min() == answers["optimum_cost"] == optimum
    report = pg.price_of_anarchy(game.numbered())
    assert report.exact
    assert report.poa == report.pos == pytest.approx(answers["poa"], rel=1e-12)
    assert report.poa == pytest.approx(cost / optimum, rel=1e-12)
    assert answers["pos"] == answers["poa"]


def test_why_the_place_harms() -> None:
    """GPU 1 keeps object 2; GPU 3 then reads it across for 11, not 17, and keeps object 1: GPU 2 loses its neighbour's copy."""
    without = instances.cluster_paradox(False)
    before, after = (np.array([[int(k == kept) for k in range(3)] for kept in KEPT[had]]) for had in (False, True))
    old, new = without.player_costs(before), instances.cluster_paradox(True).player_costs(after)
    assert old.tolist() == [0.0, 3.0 + 11.0, 10.0 * 1.0, 10.0 * 11.0]
    assert new[2] - old[2] == 10.0 * (11 - 1)
    assert new[3] < old[3]
    assert (new.sum(), old.sum()) == (212.0, 134.0)


def walked(turns: Any, at: Any, added: Any, workers: int) -> list[list[int]]:
    """Reads by worker and block, turn by turn: each reads the common block, all earlier ones of its session, and its own."""
    blocks = 1 + sum(added)
    reads = [[0] * blocks for _ in range(workers)]
    turn, block = 0, 1
    for length in turns:
        history = [0]
        for _ in range(length):
            history += range(block, block + added[turn])
            block += added[turn]
            for each in history:
                reads[at[turn]][each] += 1
            turn += 1
    assert (turn, block) == (len(at), blocks)
    return reads


@pytest.mark.parametrize("seed", [0, 1, 7])
@pytest.mark.parametrize(
    ("sessions", "mean_turns", "most_blocks"), [(1, 1.0, 1), (5, 1.0, 4), (9, 3.0, 2), (40, 6.5, 8)]
)
def test_each_turn_reads_its_session_so_far(sessions: int, mean_turns: float, most_blocks: int, seed: int) -> None:
    sizes: dict[str, Any] = {"sessions": sessions, "mean_turns": mean_turns, "most_blocks": most_blocks}
    game = instances.caching_sessions(APART, **sizes, seed=seed)
    # the draws of the docstring: turns, then where each goes, then what each adds
    rng = np.random.default_rng(seed)
    turns = (1 + rng.poisson(mean_turns - 1.0, sessions)).tolist()
    at = rng.integers(3, size=sum(turns)).tolist()
    added = rng.integers(1, most_blocks + 1, size=sum(turns)).tolist()
    assert game.demand.tolist() == walked(turns, at, added, 3)
    assert game.demand[:, 0].sum() == sum(turns)
    again = instances.caching_sessions(APART, **sizes, seed=np.random.default_rng(seed))
    assert again.demand.tolist() == game.demand.tolist()


def test_sessions_are_as_asked_for() -> None:
    """Numbers of turns, blocks and requests of a large draw are near their means, and all arguments reach the game."""
    game = instances.caching_sessions(
        APART, sessions=4000, mean_turns=2.5, most_blocks=5, capacity=7, access=0.25, miss_cost=80.0, seed=3
    )
    demand = np.asarray(game.demand)
    turns = demand[:, 0].sum()
    assert turns == pytest.approx(4000 * 2.5, rel=0.03)
    assert game.num_objects - 1 == pytest.approx(turns * 3.0, rel=0.03)
    assert demand[:, 0] == pytest.approx(np.full(3, turns / 3), rel=0.05)
    assert (demand.sum(axis=0) > 0).all()
    assert np.asarray(game.capacity).tolist() == [[7]] * 3
    assert game.tiers.access.tolist() == [0.25]
    assert np.asarray(game.miss_cost).tolist() == [80.0] * 3
    assert (np.asarray(game.placement_cost) == 0).all()
    assert np.asarray(game.distance).tolist() == APART.tolist()
    assert instances.caching_sessions(APART, sessions=2).capacity is None


BAD: dict[str, tuple[Callable[[], CachingGame], str]] = {
    "no bool": (lambda: instances.cluster_paradox(1), "with_cache is True or False; got 1"),  # type: ignore[arg-type]
    "no session": (lambda: instances.caching_sessions(APART, sessions=0), "sessions must be at least 1"),
    "half a session": (lambda: instances.caching_sessions(APART, sessions=2.5), "sessions must be a whole number"),  # type: ignore[arg-type]
    "no turn": (lambda: instances.caching_sessions(APART, mean_turns=0.5), "at least 1: a session has a turn; got 0.5"),
    "NaN turns": (lambda: instances.caching_sessions(APART, mean_turns=np.nan), "mean_turns must be positive"),
    "endless": (lambda: instances.caching_sessions(APART, mean_turns=np.inf), "mean_turns must be positive"),
    "no block": (lambda: instances.caching_sessions(APART, most_blocks=0), "most_blocks must be at least 1"),
    "text": (lambda: instances.caching_sessions(APART, most_blocks="8"), "most_blocks must be a whole number"),  # type: ignore[arg-type]
    "free reads": (lambda: instances.caching_sessions(APART, access=0.0), "access must be positive"),
    "free misses": (lambda: instances.caching_sessions(APART, miss_cost=-1.0), "miss_cost must be positive"),
    "no miss": (lambda: instances.caching_sessions(APART, miss_cost=np.inf), "miss_cost must be positive"),
    "seed": (lambda: instances.caching_sessions(APART, seed=-1), "seed is a whole number"),
    "no place": (lambda: instances.caching_sessions(APART, capacity=0), "capacity"),
    "not square": (lambda: instances.caching_sessions([[0.0, 1.0]]), "distance"),
    "no matrix": (lambda: instances.caching_sessions(3.0), "distance"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises(InvalidInput, match=message):
        call()
