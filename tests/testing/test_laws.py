from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.errors import FailedHealthCheck, Unsatisfiable

import poagame as pg
from poagame import testing
from poagame.bounds.record import PoaBound
from poagame.errors import InvalidInput, NoEquilibrium, TooLarge, UndefinedRatio
from poagame.testing import LawBroken, Undecided

LINKS = pg.CongestionGame(pg.latency.Polynomial([[0.0, 1.0], [2.0, 0.0]]), [[[0], [1]]] * 2)
NOTHING = pg.CongestionGame(pg.latency.Polynomial([[0.0, 0.0]]), [[[0]], [[0]]])
PENNIES = pg.NormalFormGame([[[1.0, 2.0], [2.0, 1.0]], [[2.0, 1.0], [1.0, 2.0]]])


def bound(value: float = 2.5, **changes: Any) -> PoaBound:
    return PoaBound(
        **(
            {"value": value, "kind": "pure", "valid_for": "all", "tight": False, "source": "us", "name": "ours"}
            | changes
        )
    )


def test_a_nash_equilibrium_is_one_and_its_neighbour_not() -> None:
    assert testing.assert_nash(LINKS, [0, 0]).holds  # a tie: 2 on either link
    with pytest.raises(LawBroken) as error:
        testing.assert_nash(LINKS, [1, 1])
    text = str(error.value)
    assert "player 0 gains 1 by action 0" in text
    assert repr(LINKS) in text
    assert "1 {1}    2     0 {0}           1" in text


@given(testing.congestion_games(variants=("unweighted", "weighted")), st.data())
def test_assert_nash_agrees_with_every_deviation(game: pg.CongestionGame, data: st.DataObject) -> None:
    rows = game.available[game.row_of]
    s = np.array([data.draw(st.integers(0, int(row.sum()) - 1)) for row in rows])
    gains = []
    for i, a in itertools.product(range(game.num_players), range(game.num_actions)):
        moved = s.copy()
        moved[i] = a
        gains.append(game.player_costs(s)[i] - game.player_costs(moved)[i])
    largest = max(gains)
    if largest > 1e-6:
        with pytest.raises(LawBroken, match="gains"):
            testing.assert_nash(game, s)
    elif largest <= 0:
        testing.assert_nash(game, s)


def test_wardrop_flows() -> None:
    game = pg.instances.braess()
    assert testing.assert_wardrop(game, pg.wardrop(game).load).holds
    with pytest.raises(LawBroken, match=r"(?s)relative gap.*0 -> 1  0.5"):
        testing.assert_wardrop(game, pg.social_optimum(game).profile)
    with pytest.raises(LawBroken, match="conservation error"):
        testing.assert_wardrop(game, 0.5 * pg.wardrop(game).load)
    with pytest.raises(InvalidInput, match="NetworkRouting"):
        testing.assert_wardrop(LINKS, [1.0])  # type: ignore[arg-type]


@given(testing.normal_form_games())
def test_an_optimum_is_optimal_and_every_dearer_profile_not(game: pg.NormalFormGame) -> None:
    costs = np.where(np.isfinite(game.social), game.social, np.inf)
    least = np.unravel_index(int(costs.argmin()), costs.shape)
    testing.assert_optimal(game, least)
    finite = np.where(np.isfinite(costs), costs, -np.inf)
    most = np.unravel_index(int(finite.argmax()), costs.shape)
    if finite[most] > costs[least]:
        with pytest.raises(LawBroken, match="another one"):
            testing.assert_optimal(game, most)


def test_the_law_on_the_price_of_anarchy_breaks_just_below_it() -> None:
    for game, poa in ((pg.instances.affine_atomic_worst_case(), 2.5), (pg.instances.braess(), 4 / 3), (LINKS, 4 / 3)):
        assert testing.assert_poa_at_most(game, poa).exact
        with pytest.raises(LawBroken, match="the price of anarchy is at most"):
            testing.assert_poa_at_most(game, poa * (1 - 1e-6))
        # rounding is no counterexample
        testing.assert_poa_at_most(game, poa * (1 - 1e-11))


def test_the_law_on_the_price_of_stability_looks_at_the_best_equilibrium() -> None:
    testing.assert_pos_at_most(LINKS, 1.0)
    dilemma = pg.NormalFormGame([[[2.0, 5.0], [1.0, 4.0]], [[2.0, 1.0], [5.0, 4.0]]])
    with pytest.raises(LawBroken, match=r"price of stability is at most 1.5 \(pure\)\n2 > 1.5"):
        testing.assert_pos_at_most(dilemma, 1.5)


@pytest.mark.parametrize("concept", ["mixed", "correlated", "cce", "splittable"])
def test_other_concepts_break_with_a_table_of_their_own(concept: Any) -> None:
    game: Any = LINKS
    if concept == "splittable":
        game = pg.SplittableRouting(pg.latency.Polynomial([[0.0, 1.0], [1.0, 0.0]]), [[[0], [1]]] * 2, [0.5, 0.5])
    with pytest.raises(LawBroken, match=r"player  (strategy|flow)|profile  +probability"):
        testing.assert_poa_at_most(game, 1.01, concept)


@pytest.mark.parametrize(
    ("given_bound", "concept", "message"),
    [
        (bound(side="lower"), None, "lower bound"),
        (bound(measure="price of stability"), None, "bounds the price of stability, not the price of anarchy"),
        (bound(kind="wardrop"), None, "wardrop equilibria, which do not cover concept='pure'"),
        (bound(kind="pure"), "cce", "pure equilibria, which do not cover concept='cce'"),
        (float("nan"), None, "finite number >= 1"),
        (float("inf"), None, "finite number >= 1"),
        (0.5, None, "finite number >= 1; got 0.5"),
        (True, None, "bound is a number or a PoaBound"),
        ("2.5", None, "bound is a number or a PoaBound"),
    ],
)
def test_bounds_that_say_nothing_are_refused(given_bound: Any, concept: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        testing.assert_poa_at_most(LINKS, given_bound, concept)


def test_bounds_of_wider_equilibria_and_of_anarchy_for_stability_will_do() -> None:
    testing.assert_poa_at_most(LINKS, bound(kind="coarse correlated"), "mixed")
    testing.assert_pos_at_most(LINKS, bound())
    testing.assert_pos_at_most(LINKS, bound(measure="price of stability"))
    with pytest.raises(LawBroken):
        testing.assert_poa_at_most(LINKS, bound(1.2))


def test_no_ratio_is_no_counterexample_and_no_silence() -> None:
    for game, error in ((NOTHING, UndefinedRatio), (PENNIES, NoEquilibrium)):
        with pytest.raises(error):
            testing.assert_poa_at_most(game, 1.0)

        @settings(max_examples=20, database=None)
        @given(st.just(game))
        def all_rejected(drawn: Any) -> None:
            testing.assert_poa_at_most(drawn, 1.0)

        with pytest.raises((Unsatisfiable, FailedHealthCheck)):
            all_rejected()


def test_only_the_proved_side_of_a_labelled_report_counts() -> None:
    # three players, mixed: the worst found is a lower bound, coarse correlated equilibria the limit
    game = pg.NormalFormGame(
        [
            [[[5, 6], [1, 1]], [[3, 4], [5, 3]]],
            [[[1, 2], [3, 3]], [[6, 3], [4, 4]]],
            [[[1, 5], [1, 1]], [[4, 2], [3, 4]]],
        ]
    )
    report = pg.price_of_anarchy(game, concept="mixed")
    assert not report.exact
    assert report.poa_low < report.poa_high
    with pytest.raises(LawBroken):
        testing.assert_poa_at_most(game, 0.5 * (1.0 + report.poa_low), "mixed")
    with pytest.raises(Undecided, match="between"):
        testing.assert_poa_at_most(game, 0.5 * (report.poa_low + report.poa_high), "mixed")
    testing.assert_poa_at_most(game, report.poa_high, "mixed")


def smooth_by_hand(game: Any, weights: np.ndarray, lam: float, mu: float) -> bool:
    """Smoothness by its definition, one pair and one player at a time."""
    profiles = [np.array(p) for p in itertools.product(range(game.num_actions), repeat=game.num_players)]
    profiles = [p for p in profiles if np.isfinite(game.social_cost(p))]
    for s, other in itertools.product(profiles, repeat=2):
        left = 0.0
        for i in range(game.num_players):
            moved = s.copy()
            moved[i] = other[i]
            left += weights[i] * game.player_costs(moved)[i]
        if left > lam * game.social_cost(other) + mu * game.social_cost(s) + 1e-7:
            return False
    return True


@settings(max_examples=40)
@given(
    testing.congestion_games(3, 2, 3, ("unweighted", "weighted"), ("affine", "polynomial")),
    st.integers(4, 12),
    st.integers(-2, 6),
)
def test_smoothness_is_the_definition(game: pg.CongestionGame, lam: int, mu: int) -> None:
    if smooth_by_hand(game, game.weights, lam / 6 + 1e-4, mu / 6):
        testing.assert_smooth(game, lam / 6 + 1e-4, mu / 6)
    else:
        with pytest.raises(LawBroken, match="-smooth"):
            testing.assert_smooth(game, lam / 6 + 1e-4, mu / 6)


@given(testing.congestion_games(4, 2, 4, families=("affine",)))
@example(pg.instances.affine_atomic_worst_case())
def test_affine_games_are_five_thirds_one_third_smooth(game: pg.CongestionGame) -> None:
    testing.assert_smooth(game, 5 / 3, 1 / 3)


def test_smoothness_parameters_are_sharp_and_checked() -> None:
    game = pg.instances.affine_atomic_worst_case()
    with pytest.raises(LawBroken, match=r"(?s)at s = .* and s\* = .*-?"):
        testing.assert_smooth(game, 5 / 3 - 1e-3, 1 / 3)
    with pytest.raises(InvalidInput, match="finite"):
        testing.assert_smooth(game, float("nan"), 0.5)
    with pytest.raises(TooLarge, match="pairs"):
        testing.assert_smooth(pg.CongestionGame(pg.latency.Polynomial([[0.0, 1.0]] * 2), [[[0], [1]]] * 13), 2.0, 0.5)
    dear = pg.NormalFormGame([[[1.0]], [[1.0]]], social=[[3.0]])
    with pytest.raises(InvalidInput, match="exceeds the sum"):
        testing.assert_smooth(dear, 2.0, 0.5)


@given(testing.routing_games(max_requests=4, variants=("static", "symmetric")))
def test_the_potential_of_routing_games_is_exact(game: pg.RoutingGame) -> None:
    testing.assert_exact_potential(game)
    testing.assert_exact_potential(game, game.potential)


def test_wrong_potentials_are_found() -> None:
    game = pg.instances.affine_atomic_worst_case()
    testing.assert_exact_potential(game, game.potential)
    with pytest.raises(LawBroken, match="its cost changes by .*, the potential by"):
        testing.assert_exact_potential(game, lambda s: float(game.social_cost(s)))
    with pytest.raises(LawBroken, match="potential by"):
        testing.assert_exact_potential(game, lambda s: game.potential(s) + 1e-3 * (s[0] == 1))
    with pytest.raises(InvalidInput, match="NaN"):
        testing.assert_exact_potential(game, lambda s: float("nan"))
    with pytest.raises(LawBroken) as error:
        testing.assert_exact_potential(PENNIES)
    lines = str(error.value).splitlines()
    changes = [float(line.split()[-1]) for line in lines if line.startswith("[")]
    assert len(changes) == 4
    assert f"add to {sum(changes):g}," in lines[1]


def test_laws_steer_inside_hypothesis_only() -> None:
    told: list[tuple[float, str]] = []
    kept = hypothesis.target

    def listen(value: float, *, label: str = "") -> float:
        told.append((value, label))
        return kept(value, label=label)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hypothesis, "target", listen)
        testing.assert_poa_at_most(LINKS, 2.0)
        assert told == []

        @settings(max_examples=1, database=None)
        @given(st.just(LINKS))
        def inside(game: Any) -> None:
            testing.assert_poa_at_most(game, 2.0)
            testing.assert_poa_at_most(game, 1.5)  # a second law of one name does no harm
            testing.assert_smooth(game, 5 / 3, 1 / 3)

        inside()
    assert (pytest.approx(4 / 3), "price of anarchy") == told[0]
    assert {label for _, label in told} == {"price of anarchy", "smoothness"}


@pytest.mark.parametrize("law", [lambda g: testing.assert_nash(g, [0, 0]), testing.assert_exact_potential])
def test_laws_of_finite_games_refuse_others(law: Callable[[Any], object]) -> None:
    with pytest.raises(InvalidInput, match="finite game"):
        law(pg.instances.pigou(1))


def test_a_law_of_ones_own() -> None:
    testing.assert_at_most(LINKS, 1.0, 1.0 - 1e-12, "rounding")
    testing.assert_at_most(LINKS, 1.0, float("inf"), "anything")
    for value in (2.0, float("inf")):
        with pytest.raises(LawBroken, match="broken: mine\n.* > 1\n"):
            testing.assert_at_most(LINKS, value, 1.0, "mine")
    with pytest.raises(InvalidInput, match="NaN"):
        testing.assert_at_most(LINKS, float("nan"), 1.0, "mine")
