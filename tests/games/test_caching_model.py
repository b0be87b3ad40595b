"""The whole caching model against its definition: tiers, objects, limits on storage, a miss, subsidies, what a leader fixes."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import Phase, example, find, given, settings
from hypothesis import strategies as st

import poagame as pg
from poagame.errors import InvalidInput, TooLarge
from poagame.games.caching import CachingGame
from poagame.games.tiers import Tiers
from poagame.testing.caching import FEATURES, KINDS, caching_games
from tests.caching_oracle import CachingOracle

INF = float("inf")
GAMES = caching_games(3, KINDS, "any", equal_placement=False, features=FEATURES)
FIELDS = ("distance", "placement_cost", "demand", "capacity", "miss_cost", "subsidy", "fixed")
TWO = Tiers(["HBM", "DRAM"], [1.0, 0.25], [0.0, 2.0])
CROWDED = CachingGame(
    [[0.0, 1.0], [3.0, 0.0]],
    [2.0, 1.0],
    [[3.0, 0.0], [1.0, 2.0]],
    TWO,
    [[1, 1], [0, 2]],
    miss_cost=[5.0, 4.0],
    subsidy=[0.5, -1.0],
    fixed=[[-1, 2], [-1, -1]],
)


def some_profiles(game: CachingGame, oracle: CachingOracle, seed: int, most: int = 60) -> list[Any]:
    """Profiles of all that nodes may name, feasible or not: all of them, or as many as drawn."""
    rows = oracle.everything()
    if len(rows) ** game.num_players <= most:
        return list(itertools.product(rows, repeat=game.num_players))
    rng = np.random.default_rng(seed)
    return [tuple(rows[a] for a in rng.integers(0, len(rows), game.num_players)) for _ in range(most)]


def with_choice(s: Any, i: int, k: int, choice: int) -> Any:
    row = choice if not isinstance(s[i], tuple) else (*s[i][:k], choice, *s[i][k + 1 :])
    return (*s[:i], row, *s[i + 1 :])


@settings(max_examples=100)
@given(GAMES, st.integers(0, 1000))
@example(CROWDED, 0)
def test_costs_are_those_of_the_definition(game: CachingGame, seed: int) -> None:
    oracle = CachingOracle.of(game)
    profiles = some_profiles(game, oracle, seed)
    batch = np.array(profiles)
    choice, paid, social, room = (
        np.asarray(f(batch)) for f in (game.choice_costs, game.player_costs, game.social_cost, game.has_room)
    )
    assert choice.shape == (*batch.shape, game.num_tiers + 1)
    for at, s in enumerate(profiles):
        np.testing.assert_allclose(paid[at], [oracle.cost(s, i) for i in range(game.num_players)], rtol=1e-12)
        np.testing.assert_allclose(social[at], oracle.social(s), rtol=1e-12)
        assert room[at].tolist() == [oracle.fits(s[i], i) for i in range(game.num_players)]
        for i, k in itertools.product(range(game.num_players), range(game.num_objects)):
            wanted = [
                oracle.part(with_choice(s, i, k, c), i, k, float(game.subsidy[i])) for c in range(game.num_tiers + 1)
            ]
            found = choice[at, i, k] if game.has_objects else choice[at, i]
            np.testing.assert_allclose(found, wanted, rtol=1e-12)
    one = batch[seed % len(batch)]
    np.testing.assert_array_equal(game.choice_costs(one), choice[seed % len(batch)])
    np.testing.assert_array_equal(game.player_costs(one), paid[seed % len(batch)])
    assert game.social_cost(one) == social[seed % len(batch)]


@settings(max_examples=60)
@given(
    caching_games(3, KINDS, "any", equal_placement=False, features=("tiers", "miss", "subsidy", "capacity", "fixed"))
)
@example(CachingGame([[0.0, 1.0], [1.0, 0.0]], 2.0, 1.0, TWO))
def test_one_object_is_a_finite_game(game: CachingGame) -> None:
    oracle = CachingOracle.of(game)
    assert game.num_actions == game.num_tiers + 1
    found = pg.equilibria(game)
    assert sorted(map(tuple, found.profiles.tolist())) == sorted(oracle.equilibria())
    assert pg.social_optimum(game).social_cost == pytest.approx(oracle.least(), rel=1e-12, abs=1e-12)


@settings(max_examples=60)
@given(caching_games(3, KINDS, "any", equal_placement=False, features=FEATURES))
@example(CROWDED)
def test_numbered_stores_are_the_same_game(game: CachingGame) -> None:
    oracle, view = CachingOracle.of(game), game.numbered()
    assert isinstance(view, pg.games.protocols.FiniteGame)
    rows = [tuple(row) if game.has_objects else row[0] for row in view.stores.tolist()]
    assert rows == sorted(rows)
    for i in range(game.num_players):
        assert [rows[a] for a in np.flatnonzero(view.fits[i])] == sorted(oracle.stores(i))
    if len(rows) ** game.num_players > 3000:
        return
    listed = [tuple(rows[a] for a in s) for s in pg.equilibria(view).profiles]
    assert sorted(listed) == sorted(oracle.equilibria())
    assert pg.social_optimum(view).social_cost == pytest.approx(oracle.least(), rel=1e-12, abs=1e-12)


@settings(max_examples=60)
@given(caching_games(3, KINDS, "any", False, features=("tiers", "miss", "subsidy", "objects", "fixed"), max_objects=3))
def test_objects_without_limits_are_games_apart(game: CachingGame) -> None:
    parts = [
        game.one_object(k)
        for k in range(game.num_objects)
        if (game.demand.reshape(game.num_players, -1)[:, k] > 0).any()
    ]
    if not game.has_objects:
        assert parts == [game]
        return
    rng = np.random.default_rng(0)
    profiles = rng.integers(0, game.num_tiers + 1, (10, *game.demand.shape))
    together = np.asarray(game.player_costs(profiles))
    alone = [np.asarray(game.one_object(k).player_costs(profiles[..., k])) for k in range(game.num_objects)]
    np.testing.assert_allclose(together, sum(alone), rtol=1e-12)
    assert all(not part.has_objects and not part.certified for part in parts)


@settings(max_examples=60)
@given(GAMES)
def test_a_leader_fixes_and_pays(game: CachingGame) -> None:
    oracle = CachingOracle.of(game)
    everything = oracle.profiles()
    chosen = everything[len(everything) // 2]
    whole = game.fix(np.array(chosen))
    assert CachingOracle.of(whole).profiles() == [chosen]
    assert whole.social_cost(np.array(chosen)) == game.social_cost(np.array(chosen))
    free = game.fix(np.full(game.demand.shape, -1))
    assert len(CachingOracle.of(free).profiles()) >= len(everything)
    # a subsidy moves what nodes pay, by what they hold, and not the social cost
    more = np.asarray(game.placement_cost) / 2
    given_ = game.subsidised(more)
    held = np.array(chosen)
    price = np.concatenate([[0.0], np.asarray(game.tiers.price)])[held]
    places = price.sum(axis=-1) if game.has_objects else price
    np.testing.assert_allclose(
        given_.player_costs(held) + (more - game.subsidy) * places, game.player_costs(held), rtol=1e-9, atol=1e-9
    )
    assert given_.social_cost(held) == pytest.approx(game.social_cost(held), rel=1e-12, abs=1e-12)
    assert game.subsidised(0.0).subsidy.tolist() == [0.0] * game.num_players


@settings(max_examples=80)
@given(GAMES)
@example(CROWDED)
def test_repr_is_code_that_rebuilds_the_game(game: CachingGame) -> None:
    again = eval(repr(game), {"CachingGame": CachingGame, "Tiers": Tiers})  # noqa: S307
    assert repr(again) == repr(game)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(again, name), getattr(game, name))
    assert again.tiers.names == game.tiers.names
    for name in ("price", "access"):
        np.testing.assert_array_equal(getattr(again.tiers, name), getattr(game.tiers, name))


@settings(max_examples=40)
@given(caching_games(4, features=FEATURES, demands="any", equal_placement=False), st.sampled_from([1e-150, 1e-9, 1e9]))
def test_no_unit_is_preferred(game: CachingGame, unit: float) -> None:
    other = CachingGame(
        game.distance * unit,
        game.placement_cost * unit,
        game.demand,
        Tiers(game.tiers.names, game.tiers.price, game.tiers.access * unit),
        game.capacity,
        miss_cost=game.miss_cost * unit,
        subsidy=game.subsidy * unit,
        fixed=game.fixed,
    )
    for s in CachingOracle.of(game).profiles()[:20]:
        np.testing.assert_allclose(
            other.player_costs(np.array(s)), game.player_costs(np.array(s)) * unit, rtol=1e-9, atol=1e-12 * unit
        )


def test_a_node_reads_the_nearest_copy_even_if_it_holds_one() -> None:
    """Its own in a slow tier is 5 away, the other's in HBM 1."""
    game = CachingGame([[0.0, 1.0], [1.0, 0.0]], 4.0, [1.0, 1.0], Tiers(["fast", "slow"], [1.0, 0.5], [0.0, 5.0]))
    assert game.player_costs([2, 1]).tolist() == [2.0 + 1.0, 4.0]
    assert game.player_costs([2, 0]).tolist() == [2.0 + 5.0, 6.0]
    assert game.read_cost.tolist() == [[[0.0, 5.0], [1.0, 6.0]], [[1.0, 6.0], [0.0, 5.0]]]


def test_a_miss_may_be_cheaper_than_a_copy() -> None:
    game = CachingGame([[0.0, 4.0], [4.0, 0.0]], 9.0, miss_cost=[3.0, INF])
    assert game.player_costs([0, 1]).tolist() == [3.0, 9.0]
    assert game.player_costs([1, 0]).tolist() == [9.0, 4.0]
    assert game.player_costs([0, 0]).tolist() == [3.0, INF]


def test_what_does_not_fit_costs_infinity() -> None:
    game = CachingGame([[0.0, 1.0], [1.0, 0.0]], 1.0, [[1.0, 1.0], [1.0, 1.0]], TWO, [[1, 1], [2, 0]], miss_cost=9.0)
    assert game.has_room([[1, 1], [1, 1]]).tolist() == [False, True]
    assert game.player_costs([[1, 1], [1, 1]]).tolist() == [INF, 2.0]
    assert game.player_costs([[1, 2], [0, 2]]).tolist() == [1.25 + 2.0, INF]
    assert game.social_cost([[1, 2], [0, 2]]) == INF
    assert game.social_cost([[1, 2], [0, 0]]) == 1.25 + 2.0 + 1.0 + 3.0


def test_capacities_for_all_for_tiers_or_for_each_node() -> None:
    for given_, wanted in ((3, [[3, 3], [3, 3]]), ([1, 2], [[1, 2], [1, 2]]), ([[1, 0], [0, 2]], [[1, 0], [0, 2]])):
        game = CachingGame([[0.0, 1.0], [1.0, 0.0]], 1.0, tiers=TWO, capacity=given_, miss_cost=1.0)
        assert game.capacity is not None
        assert game.capacity.tolist() == wanted


def test_more_room_than_anybody_needs_is_no_limit() -> None:
    for plenty in (1e300, 2**63, 2**31):
        game = CachingGame([[0.0, 1.0], [1.0, 0.0]], 1.0, tiers=TWO, capacity=plenty)
        assert game.has_room([1, 2]).all()


def test_graphs_with_all_options() -> None:
    graph = nx.path_graph(3)
    options: dict[str, Any] = {"tiers": TWO, "capacity": 2, "miss_cost": 7.0, "subsidy": 0.5, "fixed": [[-1, 2]] * 3}
    game = CachingGame.from_networkx(graph, 2.0, [[1.0, 2.0]] * 3, **options, metric=True)
    plain = CachingGame(game.distance, 2.0, [[1.0, 2.0]] * 3, **options)
    assert repr(game) == repr(plain)
    assert game.distance[0].tolist() == [0.0, 1.0, 2.0]


def test_a_metric_is_checked_where_it_is_claimed() -> None:
    detour = [[0.0, 1.0, 3.0], [1.0, 0.0, 1.0], [3.0, 1.0, 0.0]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CachingGame(detour, 1.0)
        CachingGame(
            [[0.0, 0.1, 0.3], [0.1, 0.0, 0.2], [0.3, 0.2, 0.0]], 1.0, metric=True
        )  # 0.1 + 0.2 > 0.3 by rounding
        CachingGame([[0.0, INF], [INF, 0.0]], 1.0, metric=True)
    with pytest.warns(UserWarning, match="break the triangle inequality: from 0 to 2 it is 3, and 2 by way of 1"):
        CachingGame(detour, 1.0, metric=True)


def test_a_disconnected_graph_needs_a_place_in_each_part_or_a_miss() -> None:
    parts = nx.Graph([(0, 1), (2, 3)])
    assert CachingGame.from_networkx(parts, 1.0).social_cost([1, 0, 0, 1]) == 4.0
    with pytest.raises(InvalidInput, match="node 2 asks for 1 objects and nobody within its reach can hold"):
        CachingGame.from_networkx(parts, 1.0, capacity=[[1], [1], [0], [0]])
    game = CachingGame.from_networkx(parts, 1.0, capacity=[[1], [1], [0], [0]], miss_cost=5.0)
    assert game.social_cost([1, 0, 0, 0]) == 1.0 + 1.0 + 5.0 + 5.0
    with pytest.raises(InvalidInput, match="node 0 asks for 1 objects"):
        CachingGame([[0.0, 1.0], [1.0, 0.0]], 1.0, fixed=[0, 0])
    asks_not = CachingGame.from_networkx(parts, 1.0, [1.0, 1.0, 0.0, 0.0], capacity=[[1], [1], [0], [0]])
    assert asks_not.social_cost([1, 0, 0, 0]) == 2.0


def smallest(condition: Any) -> CachingGame:
    quick = settings(database=None, max_examples=2000, phases=(Phase.generate, Phase.shrink))
    return find(caching_games(3, features=FEATURES, demands="any", equal_placement=False), condition, settings=quick)


@pytest.mark.parametrize("feature", FEATURES)
def test_one_feature_alone_is_drawn(feature: Any) -> None:
    """A strategy of it gives valid games with it, and none with another, but for the miss where storage is scarce."""
    signs = {
        "tiers": lambda g: g.num_tiers == 2,
        "miss": lambda g: np.isfinite(g.miss_cost).any(),
        "subsidy": lambda g: (g.subsidy != 0).any(),
        "objects": lambda g: g.has_objects,
        "capacity": lambda g: g.capacity is not None,
        "fixed": lambda g: g.fixed is not None,
    }
    seen: set[str] = set()

    @settings(max_examples=60, database=None)
    @given(caching_games(3, KINDS, features=(feature,)))
    def look(game: CachingGame) -> None:
        seen.update(name for name, sign in signs.items() if sign(game))

    look()
    assert seen == {feature} | ({"miss"} if feature in ("capacity", "fixed") else set())


def test_draws_shrink_to_games_without_extras() -> None:
    assert (
        repr(smallest(lambda g: g.num_players >= 2))
        == "CachingGame([[0.0, 0.0], [0.0, 0.0]], placement_cost=0.1, demand=0.1)"
    )
    crowded = smallest(lambda g: g.capacity is not None and g.num_players >= 2)
    assert not crowded.has_objects
    assert crowded.num_tiers == 1
    assert crowded.fixed is None
    assert crowded.capacity is not None
    assert crowded.capacity.tolist() == [[1], [1]]
    assert (crowded.subsidy == 0).all()
    tiered = smallest(lambda g: g.num_tiers == 2)
    assert repr(tiered) == (
        "CachingGame([[0.0]], placement_cost=0.1, demand=0.1, tiers=Tiers(('G1', 'G2'), price=[0.0, 0.0], access=[0.0, 0.0]))"
    )
    for feature in ("subsidy", "objects"):
        seen = smallest(lambda g, name=feature: f"{name}=" in repr(g) or (name == "objects" and g.has_objects))
        assert seen.num_players == 1
        assert len(repr(seen)) < 100


UNIT = [[0.0, 1.0], [1.0, 0.0]]
BOTH = [[1.0, 1.0], [1.0, 1.0]]
BAD: list[tuple[str, Any, str]] = [
    ("asymmetric metric", lambda: CachingGame([[0, 1], [2, 0]], 1.0, metric=True), r"symmetric; entry \(0, 1\) is 1.0"),
    ("negative metric", lambda: CachingGame([[0, -1], [-1, 0]], 1.0, metric=True), r">= 0 .*entry \(0, 1\) is -1.0"),
    ("no demand", lambda: CachingGame(UNIT, 1.0, [[0, 0], [0, 0]]), "demand is 0 everywhere"),
    ("demand of no object", lambda: CachingGame(UNIT, 1.0, np.zeros((2, 0))), r"one for each of 2 nodes .*got shape \(2, 0\)"),
    ("demand of other nodes", lambda: CachingGame(UNIT, 1.0, [[1.0, 1.0]]), r"a row of objects each\); got shape \(1, 2\)"),
    ("demand cube", lambda: CachingGame(UNIT, 1.0, np.ones((2, 2, 2))), r"got shape \(2, 2, 2\)"),
    ("demand text", lambda: CachingGame(UNIT, 1.0, "much"), "demand must be numbers; got 'much'"),
    ("demand bool", lambda: CachingGame(UNIT, 1.0, [[True, False]] * 2), "demand must be numbers"),
    ("demand inf", lambda: CachingGame(UNIT, 1.0, [[1.0, INF], [1.0, 1.0]]), r"finite and >= 0; entry \(0, 1\) is inf"),
    ("tiers of names", lambda: CachingGame(UNIT, 1.0, tiers=["HBM"]), r"tiers is a Tiers\(names, price, access\)"),  # type: ignore[arg-type]
    ("tiers bare name", lambda: Tiers("HBM", [1.0], [0.0]), "names is a list of names"),
    ("tiers none", lambda: Tiers([], [], []), "at least one"),
    ("tiers twice", lambda: Tiers(["a", "a"], [1, 1], [0, 0]), "different names"),
    ("tiers number", lambda: Tiers([1], [1], [0]), "different names"),  # type: ignore[list-item]
    ("tiers short", lambda: Tiers(["a", "b"], [1.0], [0.0, 1.0]), r"one number for each of 2 tiers; got shape \(1,\)"),
    ("tiers negative", lambda: Tiers(["a"], [1.0], [-1.0]), "access of tiers must be >= 0"),
    ("tiers NaN", lambda: Tiers(["a"], [np.nan], [0.0]), "price of tiers"),
    ("tiers inf", lambda: Tiers(["a"], [1.0], [INF]), "access of tiers"),
    ("tiers bool", lambda: Tiers(["a"], [True], [0.0]), "price of tiers"),
    ("tiers text", lambda: Tiers(["a"], ["1"], [0.0]), "price of tiers"),
    ("below one block", lambda: CachingGame(UNIT, 1.0, capacity=0), "below one object everywhere"),
    ("half a block", lambda: CachingGame(UNIT, 1.0, capacity=[[0.5], [1]]), r"whole objects, >= 0; entry \(0, 0\) is 0.5"),
    ("negative capacity", lambda: CachingGame(UNIT, 1.0, capacity=-1), "capacity counts whole objects"),
    ("infinite capacity", lambda: CachingGame(UNIT, 1.0, capacity=INF), "capacity counts whole objects"),
    ("NaN capacity", lambda: CachingGame(UNIT, 1.0, capacity=np.nan), "capacity must be numbers"),
    ("bool capacity", lambda: CachingGame(UNIT, 1.0, capacity=True), "capacity must be numbers"),
    ("text capacity", lambda: CachingGame(UNIT, 1.0, capacity="1"), "capacity must be numbers"),
    ("capacity of nodes", lambda: CachingGame(UNIT, 1.0, capacity=[1, 1]), r"one for each of 1 tiers, or \[2, 1\]; got shape \(2,\)"),
    ("too little in all", lambda: CachingGame(UNIT, 1.0, [[1.0, 1.0, 1.0]] * 2, capacity=1), "node 0 asks for 3 objects"),
    ("miss negative", lambda: CachingGame(UNIT, 1.0, miss_cost=-1.0), "miss_cost must be >= 0; it is -1.0"),
    ("miss NaN", lambda: CachingGame(UNIT, 1.0, miss_cost=[1.0, np.nan]), r"miss_cost must be numbers; entry \(1,\) is nan"),
    ("miss text", lambda: CachingGame(UNIT, 1.0, miss_cost="never"), "miss_cost must be numbers"),
    ("miss bool", lambda: CachingGame(UNIT, 1.0, miss_cost=False), "miss_cost must be numbers"),
    ("miss of others", lambda: CachingGame(UNIT, 1.0, miss_cost=[1.0] * 3), r"one for each of 2 nodes; got shape \(3,\)"),
    ("subsidy too large", lambda: CachingGame(UNIT, 1.0, subsidy=[0.0, 1.5]), r"at most the placement cost; entry \(1,\) is 1.5"),
    ("subsidy inf", lambda: CachingGame(UNIT, 1.0, subsidy=-INF), "subsidy must be finite"),
    ("subsidy text", lambda: CachingGame(UNIT, 1.0, subsidy="all"), "subsidy must be numbers"),
    ("subsidised too much", lambda: CachingGame(UNIT, 1.0).subsidised(2.0), "at most the placement cost"),
    ("fixed shape", lambda: CachingGame(UNIT, 1.0, BOTH, fixed=[-1, 1]), r"the shape \(2, 2\) of demand; got shape \(2,\)"),
    ("fixed tier", lambda: CachingGame(UNIT, 1.0, fixed=[-1, 2]), r"-1 where a node chooses, else 0 … 1; entry \(1,\) is 2"),
    ("fixed below", lambda: CachingGame(UNIT, 1.0, fixed=[-2, 1]), "-1 where a node chooses"),
    ("fixed half", lambda: CachingGame(UNIT, 1.0, fixed=[-1, 0.5]), "-1 where a node chooses"),
    ("fixed NaN", lambda: CachingGame(UNIT, 1.0).fix([-1, np.nan]), "fixed must be numbers"),
    ("fixed bool", lambda: CachingGame(UNIT, 1.0, fixed=[True, False]), "fixed must be numbers"),
    ("fixed beyond room", lambda: CachingGame(UNIT, 1.0, BOTH, capacity=1, miss_cost=1.0, fixed=[[1, 1], [-1, -1]]), "more than the"),
    ("fix beyond room", lambda: CachingGame(UNIT, 1.0, BOTH, capacity=1).fix([[1, 1], [-1, -1]]), "more than the"),
    ("fix nobody", lambda: CachingGame(UNIT, 1.0).fix([0, 0]), "nobody within its reach"),
    ("actions of objects", lambda: CachingGame(UNIT, 1.0, BOTH).num_actions, r"makes 2 choices, not one: call game.numbered\(\)"),
    ("action costs of objects", lambda: CachingGame(UNIT, 1.0, BOTH).action_costs([[1, 1], [0, 0]]), "call game.numbered"),
    ("profile shape", lambda: CachingGame(UNIT, 1.0, BOTH).social_cost([1, 0, 1]), r"in the shape \(2, 2\) of demand"),
    ("profile number", lambda: CachingGame(UNIT, 1.0).social_cost(1), r"in the shape \(2,\) of demand"),
    ("profile half", lambda: CachingGame(UNIT, 1.0).social_cost([0.5, 1]), "whole numbers"),
    ("profile NaN", lambda: CachingGame(UNIT, 1.0).social_cost([np.nan, 1]), "NaN or infinity"),
    ("profile text", lambda: CachingGame(UNIT, 1.0).social_cost("ab"), "whole numbers"),
    ("profile tier", lambda: CachingGame(UNIT, 1.0, BOTH).social_cost([[0, 2], [1, 1]]), "actions are 0 … 1"),
    ("object 2", lambda: CachingGame(UNIT, 1.0, BOTH).one_object(2), "objects are 0 … 1; got 2"),
    ("object -1", lambda: CachingGame(UNIT, 1.0, BOTH).one_object(-1), "objects are 0 … 1; got -1"),
    ("object text", lambda: CachingGame(UNIT, 1.0, BOTH).one_object("a"), "objects are 0 … 1; got 'a'"),  # type: ignore[arg-type]
    ("object bool", lambda: CachingGame(UNIT, 1.0, BOTH).one_object(True), "objects are 0 … 1; got True"),
    ("object of limits", lambda: CachingGame(UNIT, 1.0, BOTH, capacity=1).one_object(0), "compete for places"),
    ("strategy features", lambda: caching_games(features=("disk",)).example(), "features are tiers"),  # type: ignore[arg-type]
    ("strategy objects", lambda: caching_games(max_objects=0).example(), "at least one object"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:The `.example")
@pytest.mark.parametrize(("call", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input(call: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()


def test_too_many_stores_to_number() -> None:
    with pytest.raises(TooLarge, match="in more than 4,096 ways"):
        CachingGame(UNIT, 1.0, np.ones((2, 13))).numbered()
    assert len(CachingGame(UNIT, 1.0, np.ones((2, 13)), capacity=1, miss_cost=1.0).numbered().stores) == 14
