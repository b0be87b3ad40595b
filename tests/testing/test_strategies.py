from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import poagame as pg
from poagame import games, latency, testing
from poagame.errors import InvalidInput
from poagame.games import FractionalLoadBalancing
from poagame.games.protocols import FiniteGame

# what printed code refers to
NAMES: dict[str, Any] = {
    **vars(games),
    **vars(latency),
    "inf": np.inf,  # what an action costs that a player lacks
}
ALL_FAMILIES = (*testing.strategies.FAMILIES, "linear", "log_periodic", "composed")

STRATEGIES: dict[str, SearchStrategy[Any]] = {
    "routing": testing.routing_games(
        variants=("static", "symmetric", "arrival_order", "weighted"), families=ALL_FAMILIES
    ),
    "congestion": testing.congestion_games(
        variants=("unweighted", "weighted", "player_specific", "counted"),
        families=ALL_FAMILIES,
        objectives=("total", "makespan"),
    ),
    "cyclic": testing.cyclic_games(weighted=True, families=("linear", "affine", "composed")),
    "caching": testing.caching_games(
        kinds=("metric", "directed", "complete", "any"), demands="any", equal_placement=False
    ),
    "normal form": testing.normal_form_games(),
    "tables": testing.shared_resources(low=-3),
    "load balancing": testing.load_balancing_games(),
    "network": testing.networks(families=ALL_FAMILIES),
    "links": testing.parallel_links(families=ALL_FAMILIES, max_demand=3.0),
    "splittable": testing.splittable_games(families=ALL_FAMILIES),
    "latency": st.integers(1, 3).flatmap(lambda r: testing.latencies(r, ALL_FAMILIES)),
}


def answers(game: Any, rng: np.random.Generator) -> list[Any]:
    """What a game says at a few profiles or loads."""
    if isinstance(game, FiniteGame):
        profiles = rng.integers(0, game.num_actions, (5, game.num_players))
        return [value for s in profiles for value in (game.action_costs(s), game.social_cost(s))]
    if isinstance(game, pg.NetworkRouting):
        loads = game.total_demand * rng.random((5, game.num_edges))
        return [game.edge_cost(loads), game.beckmann(loads), game.demand, game.origin, game.destination]
    if isinstance(game, pg.SplittableRouting | FractionalLoadBalancing):
        x = game.projection(rng.random(np.shape(game.start())))
        return [game.pseudogradient(x), game.social_cost(x)]
    loads = 2.0 * rng.random((5, game.num_resources))
    return [game(loads), game.integral(loads), game.marginal_cost(loads)]


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_the_repr_of_a_drawn_game_rebuilds_it(name: str) -> None:
    @settings(max_examples=15)
    @given(STRATEGIES[name])
    def rebuilt(game: Any) -> None:
        again = eval(repr(game), NAMES)
        assert type(again) is type(game)
        for one, other in zip(*(answers(g, np.random.default_rng(0)) for g in (game, again)), strict=True):
            np.testing.assert_array_equal(one, other)

    rebuilt()


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_nothing_is_filtered_out(name: str) -> None:
    # one rejected draw would fail the health check of a strategy that says it never rejects
    seen = []

    @settings(max_examples=25, phases=[hypothesis.Phase.generate], database=None)
    @given(STRATEGIES[name])
    def count(game: Any) -> None:
        seen.append(repr(game))

    count()
    assert len(seen) >= 25
    # the first draw is the simplest one, to which others shrink: it fits on a line
    assert len(seen[0]) <= 160
    assert not any("00000" in text for text in seen)


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_hypothesis_prints_the_code(name: str) -> None:
    last: list[str] = []

    @settings(database=None, max_examples=5, phases=[hypothesis.Phase.generate], print_blob=False)
    @given(STRATEGIES[name])
    def fails(game: Any) -> None:
        last[:] = [repr(game)]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as error:
        fails()
    assert f"game={last[0]}," in "\n".join(error.value.__notes__)


SMALLEST: dict[str, tuple[SearchStrategy[Any], Callable[[Any], object], Callable[[Any], bool]]] = {
    "requests in order of arrival": (
        testing.routing_games(variants=["arrival_order"]),
        testing.assert_exact_potential,
        lambda game: game.num_players == 2,
    ),
    "weighted requests": (
        testing.routing_games(variants=["weighted"]),
        testing.assert_exact_potential,
        lambda game: game.num_players == 2,
    ),
    "weighted players": (
        testing.congestion_games(variants=["weighted"], families=["affine"]),
        testing.assert_exact_potential,
        lambda game: game.num_players == game.num_actions == 2,
    ),
    "tables": (
        testing.shared_resources(),
        lambda game: testing.assert_poa_at_most(game, 2.0),
        lambda game: game.num_players <= 3 and game.num_actions == 2,
    ),
    "normal form": (
        testing.normal_form_games(),
        testing.assert_exact_potential,
        lambda game: game.costs.shape == (2, 2, 2) and game.costs.sum() == 9.0,
    ),
}


@pytest.mark.parametrize("name", list(SMALLEST))
def test_counterexamples_shrink(name: str) -> None:
    games, law, small = SMALLEST[name]
    found = testing.minimal_counterexample(games, law)
    assert found.found
    assert found.complete
    assert small(found.game), found


@given(
    st.one_of(
        testing.congestion_games(variants=("unweighted", "counted")),
        testing.splittable_games(),
        testing.shared_resources(),
    )
)
def test_no_player_has_an_action_twice_and_every_resource_is_used(game: Any) -> None:
    again = eval(repr(game), NAMES)  # the actions as printed
    rows = ast.literal_eval(re.findall(r"actions=(\[.*?\]\]\])", repr(again))[0])
    for row in rows:
        assert len({tuple(action) for action in row}) == len(row)
    assert {r for row in rows for action in row for r in action} == set(
        range(len(getattr(game, "total", [])) or game.num_resources)
    )


@given(testing.latencies(2, ALL_FAMILIES, min_capacity=3.0))
def test_latencies_are_finite_and_rise_up_to_the_load_promised(drawn: pg.latency.Latency) -> None:
    loads = np.linspace(0.0, 3.0, 13)[:, None]
    values = drawn(loads)
    assert np.isfinite(values).all()
    assert (np.diff(values, axis=0) >= -1e-9 * (1.0 + np.abs(values[1:]))).all()


@given(testing.cyclic_games(max_positions=4, weighted=True))
def test_rotating_a_cyclic_game_changes_nothing(game: pg.CongestionGame) -> None:
    positions = [p for p in range(2, 5) if game.num_players % p == 0 and game.num_resources % p == 0]
    profiles = np.random.default_rng(0).integers(0, 2, (4, game.num_players))
    rotations = []
    for p in positions:
        turned = np.roll(profiles.reshape(4, -1, p), 1, axis=2).reshape(4, -1)
        rotations.append(np.allclose(game.social_cost(turned), game.social_cost(profiles)))
    assert any(rotations)


@given(testing.request_tables(), st.data())
def test_request_tables_have_a_poa_hat(table: pg.measured.RequestTable, data: st.DataObject) -> None:
    assert table.bad_rows.count == 0
    assert table.notes == ()
    line = pg.latency.Polynomial([[10.0, 1.0]])
    for cost in ("frozen", "congestion"):
        found = pg.poa_hat(table, cost, latency=line, num_resamples=20)
        assert found.value is not None
        assert found.value > 0
        if cost == "congestion":
            assert (found.by_group["assignment_ratio"] >= 1.0 - 1e-12).all()
    rows = table.collect()
    workers = rows["decode_worker"].n_unique()
    assert (rows.group_by("concurrency").len()["len"] >= workers).all()


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: testing.latencies(1, ()), "at least one family"),
        (lambda: testing.latencies(1, ("cubic",)), "families of latencies are .*got 'cubic'"),  # type: ignore[arg-type]
        (lambda: testing.parallel_links(1).example(), "at least 2"),
        (lambda: testing.cyclic_games(max_positions=1).example(), "at least 2 positions"),
        (lambda: testing.request_tables(5, 4).example(), "1 ≤ min ≤ max"),
    ],
)
@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_bad_sizes_are_refused(draw: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        draw()
