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
from poagame.testing.broken import beside_optimum

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
    with pytest.raises(LawBroken, match=r"player  (strategy|flow)|profile  +probability") as error:
        testing.assert_poa_at_most(game, 1.01, concept)
    *_, before, last = (line.split() for line in str(error.value).splitlines())
    report = pg.price_of_anarchy(game, concept=concept)
    worst, least = report.worst.social_cost, report.optimum.social_cost
    if concept in ("correlated", "cce"):  # what each pays in the mean, and at the optimum
        assert [before[0], last[0]] == ["mean", "optimum"]
        for *_, one, other, total in (before, last):
            assert float(one) + float(other) == pytest.approx(float(total), rel=1e-5)
        totals = before[-1], last[-1]
    else:
        totals = last[1], last[2]
        assert last[0] == "all"
    assert [float(v) for v in totals] == pytest.approx([worst, least], rel=1e-5)


def test_tables_of_play_by_chance_show_the_mean_cost_of_each() -> None:
    for concept, row in (("correlated", -2), ("mixed", -1)):
        report = pg.price_of_anarchy(PENNIES, concept=concept)  # 3 to all, whatever is played
        lines = [line.split() for line in beside_optimum(PENNIES, report.worst, report.optimum).splitlines()]
        if concept == "correlated":
            assert lines[row] == ["mean", "1", "1.5", "1.5", "3"]
        else:
            assert lines[row] == ["all", "3", "3"]
            assert [line[3] for line in lines[1:3]] == ["1.5", "1.5"]


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
    for useless in (float("nan"), float("inf"), -float("inf")):
        with pytest.raises(InvalidInput, match="must be finite where all pay finite costs"):
            testing.assert_exact_potential(game, lambda s, value=useless: value)
    with pytest.raises(LawBroken, match="potential by 0"):  # as large a constant as may be hides no change
        testing.assert_exact_potential(game, lambda s: 1e10)
    testing.assert_exact_potential(game, lambda s: game.potential(s) + 1e3)
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
    testing.assert_at_most(LINKS, -float("inf"), -float("inf"), "mine")
    for value in (5.0, float("inf")):
        with pytest.raises(LawBroken, match="> -inf"):
            testing.assert_at_most(LINKS, value, -float("inf"), "mine")
    for side in (float("nan"), "2", None, True):
        with pytest.raises(InvalidInput, match="NaN"):
            testing.assert_at_most(LINKS, side, 1.0, "mine")  # type: ignore[arg-type]


@pytest.mark.parametrize("rtol", [float("nan"), float("inf"), 1.0, 1e9, -1e-9, "1e-9", None, True])
@pytest.mark.parametrize(
    "law",
    [
        lambda rtol: testing.assert_at_most(LINKS, 2.0, 1.0, "mine", rtol),
        lambda rtol: testing.assert_optimal(LINKS, [1, 1], rtol),
        lambda rtol: testing.assert_smooth(LINKS, 0.1, 0.1, rtol),
        lambda rtol: testing.assert_exact_potential(PENNIES, rtol=rtol),
        lambda rtol: testing.assert_exact_potential(PENNIES, lambda _: 0.0, rtol),
        lambda rtol: testing.assert_wardrop(pg.instances.braess(), np.zeros(5), rtol),
        lambda rtol: testing.assert_poa_at_most(LINKS, 1.0, rtol=rtol),
    ],
)
def test_a_tolerance_that_lets_everything_pass_is_refused(law: Callable[[Any], object], rtol: Any) -> None:
    with pytest.raises(InvalidInput, match="rtol must be a number of at least 0 and below 1"):
        law(rtol)
    with pytest.raises(LawBroken):
        law(1e-9)


def test_games_that_cost_infinity_everywhere_keep_no_law() -> None:
    full = pg.CongestionGame(pg.latency.MM1([1.0]), [[[0]], [[0]]])  # both beyond the capacity, whatever they do
    with pytest.raises(Undecided, match="smoothness says nothing"):
        testing.assert_smooth(full, 1.0, 0.5)
    with pytest.raises(Undecided, match="no move"):
        testing.assert_exact_potential(full, lambda s: 0.0)
    with pytest.raises(InvalidInput, match="undefined; raise capacities"):
        testing.assert_exact_potential(full)
    # one finite profile, and no way from it
    alone = pg.CongestionGame(pg.latency.MM1([1.1, 0.5]), [[[0], [1]]])
    with pytest.raises(Undecided, match="no move"):
        testing.assert_exact_potential(alone, lambda s: 0.0)
    # moves among finite profiles count, and only they
    some = pg.CongestionGame(pg.latency.MM1([2.5, 1.2]), [[[0], [1]], [[0], [1]]])
    testing.assert_exact_potential(some, some.potential)
    with pytest.raises(LawBroken, match="potential by 0"):
        testing.assert_exact_potential(some, lambda s: 0.0)
    testing.assert_exact_potential(pg.NormalFormGame([[1.0]]), lambda s: 0.0)  # nobody can move: nothing to break


@given(testing.normal_form_games())
def test_actions_that_players_lack_are_no_moves(game: pg.NormalFormGame) -> None:
    # brute force over the moves that there are
    broken = False
    for s in itertools.product(*(np.flatnonzero(own) for own in game.available)):
        for i, j in itertools.combinations(range(game.num_players), 2):
            for a, b in itertools.product(np.flatnonzero(game.available[i]), np.flatnonzero(game.available[j])):
                at, total = np.array(s), 0.0
                for mover, to in ((i, a), (j, b), (i, s[i]), (j, s[j])):
                    costs = game.action_costs(at)[mover]
                    total += costs[to] - costs[at[mover]]
                    at[mover] = to
                broken |= abs(total) > 1e-9
    if broken:
        with pytest.raises(LawBroken, match="four-cycle"):
            testing.assert_exact_potential(game)
    else:
        testing.assert_exact_potential(game)


def test_the_four_cycle_names_actions_as_the_game_does() -> None:
    inf = float("inf")  # player 0 lacks its first action
    game = pg.NormalFormGame([[[inf, inf, inf], [1, 2, 3], [2, 1, 3]], [[inf, inf, inf], [2, 1, 3], [1, 2, 3]]])
    cycle = pg.potential_violation(game)
    assert cycle is not None
    assert cycle.start[0] == 1
    assert cycle.actions[0] == 2
    with pytest.raises(LawBroken, match=r"(?s)add to [^0].*\[1, 0\]"):
        testing.assert_exact_potential(game)


def test_what_laws_on_the_price_of_anarchy_cannot_take_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="concept='logit' needs a temperature, which these laws do not take"):
        testing.assert_poa_at_most(LINKS, 2.0, "logit")
    with pytest.raises(InvalidInput, match=r"no optimum of FractionalLoadBalancing.*variational_equilibrium"):
        testing.assert_poa_at_most(pg.games.FractionalLoadBalancing([1.0], [1.0]), 2.0)
    for welfare in (pg.bounds.naor(0.5, 3.0), pg.bounds.edelson_hildebrand(0.6, 4.0)):
        with pytest.raises(InvalidInput, match="bounds the welfare ratio, not the price of anarchy"):
            testing.assert_poa_at_most(LINKS, welfare, "wardrop" if welfare.kind == "wardrop" else "pure")
