from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

import poagame as pg
from poagame import testing
from poagame.errors import InvalidInput, UndefinedRatio
from poagame.testing import search_worst

LINKS = testing.parallel_links(2, ["affine"])
NOTHING = pg.CongestionGame(pg.latency.Polynomial([[0.0, 0.0]]), [[[0]], [[0]]])


def test_the_search_climbs_to_pigou() -> None:
    found = search_worst(LINKS, 250, bound=4 / 3)
    again = search_worst(LINKS, 250, bound=4 / 3)
    assert (repr(found.game), found.value, found.num_games) == (repr(again.game), again.value, again.num_games)
    assert found.value == pg.price_of_anarchy(found.game).poa_low
    assert 1.29 < found.value <= 4 / 3 + 1e-9
    assert found.share == pytest.approx(found.value * 0.75)
    assert found.complete
    assert found.num_games <= 300
    assert 0 < sum(found.no_ratio.values()) < found.num_games
    text = str(found)
    assert repr(found.game) in text
    assert "not broken" in text
    assert "no ratio: " in text
    assert "equilibrium" in text


def test_climbing_beats_chance() -> None:
    # the same number of games, each drawn afresh
    best = 1.0

    def measure(game: Any) -> float:
        return pg.price_of_anarchy(game).poa_low

    climbed = sum(search_worst(testing.parallel_links(3, ["affine"]), 150, seed=s).value for s in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hypothesis.target", lambda *_, **__: None)
        chance = sum(search_worst(testing.parallel_links(3, ["affine"]), 150, seed=s).value for s in range(2))
    assert climbed > chance >= 2 * best
    assert search_worst(LINKS, 50, measure=measure).report is None


def test_a_broken_bound_says_so() -> None:
    found = search_worst(LINKS, 100, bound=1.1)
    assert found.share is not None
    assert found.share > 1
    assert "BROKEN" in str(found)


def test_a_poa_bound_is_compared_where_it_covers() -> None:
    pigou = pg.bounds.anarchy_value(pg.latency.Polynomial([[0.0, 1.0]]), 1.0)
    found = search_worst(LINKS, 60, bound=pigou)
    assert found.bound == pytest.approx(4 / 3)
    with pytest.raises(InvalidInput, match="do not cover"):
        search_worst(testing.congestion_games(3), 5, bound=pigou)


def test_among_equally_bad_games_the_shorter_one_is_kept() -> None:
    found = search_worst(st.integers(0, 10_000), 100, measure=lambda _: 1.0)
    assert len(repr(found.game)) == 1


def test_an_interrupted_search_keeps_the_worst_so_far() -> None:
    seen: list[float] = []

    def measure(value: int) -> float:
        if len(seen) == 20:
            raise KeyboardInterrupt
        seen.append(float(value))
        return float(value)

    found = search_worst(st.integers(0, 10**6), 100, measure=measure)
    assert not found.complete
    assert found.value == max(seen)
    assert "(interrupted)" in str(found)


def test_an_infinite_worst_case_is_not_traded_for_a_shorter_game() -> None:
    once: list[int] = []

    def measure(number: int) -> float:
        if number > 500 and not once:
            once.append(number)
        return float("inf") if once == [number] else 1.0

    found = search_worst(st.integers(0, 1000), 200, measure=measure, bound=2.0)
    assert (found.game, found.value, found.share) == (once[0], float("inf"), float("inf"))


def test_an_interrupt_before_the_first_ratio_is_an_interrupt() -> None:
    def measure(_: Any) -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search_worst(LINKS, 10, measure=measure)


def test_a_bound_is_compared_with_every_kind_of_game() -> None:
    mixed = st.one_of(LINKS, testing.congestion_games(2))
    with pytest.raises(InvalidInput, match="do not cover concept='pure'"):
        search_worst(mixed, 60, bound=pg.bounds.anarchy_value(pg.latency.Polynomial([[0.0, 1.0]]), 1.0))


@pytest.mark.parametrize("strategy", [st.nothing(), st.integers().filter(lambda _: False)])
def test_strategies_that_draw_nothing_are_refused(strategy: st.SearchStrategy[Any]) -> None:
    with pytest.raises(InvalidInput, match="draws no game"):
        search_worst(strategy, 20)
    with pytest.raises(InvalidInput, match="draws no game"):
        testing.minimal_counterexample(strategy, print, 20)


def test_games_without_a_ratio_are_counted_or_refused() -> None:
    with pytest.raises(UndefinedRatio, match="none of 1 games has a ratio"):
        search_worst(st.just(NOTHING), 10)
    with pytest.raises(UndefinedRatio, match="said nothing about any"):
        testing.minimal_counterexample(st.just(NOTHING), lambda g: testing.assert_poa_at_most(g, 1.0), 10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: search_worst([LINKS], 5), "Hypothesis strategy"),  # type: ignore[arg-type]
        (lambda: search_worst(LINKS, 0), "budget must be at least 1"),
        (lambda: search_worst(LINKS, 2.5), "whole number"),  # type: ignore[arg-type]
        (lambda: search_worst(LINKS, 5, bound=0.5), "finite number >= 1"),
        (lambda: search_worst(LINKS, 5, measure=lambda _: float("nan")), "measure is NaN"),
        (lambda: search_worst(LINKS, 5, measure=lambda _: 1.0, concept="pure"), "one of the two"),
        (lambda: search_worst(LINKS, 5, measure=lambda _: 1.0, bound=float("nan")), "bound must be positive"),
        (lambda: search_worst(LINKS, 5, measure=lambda _: 1.0, bound=0.0), "bound must be positive"),
        (lambda: search_worst(LINKS, 5, measure=lambda _: 1.0, bound=-1.0), "bound must be positive"),
        (lambda: search_worst(LINKS, 5, concept="logit"), "needs a temperature"),
        (lambda: testing.minimal_counterexample(LINKS, print, -1), "budget must be at least 1"),
    ],
)
def test_bad_questions(call: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()


def test_the_smallest_counterexample_is_small_and_breaks_the_law() -> None:
    def law(game: Any) -> None:
        testing.assert_poa_at_most(game, 1.2)

    found = testing.minimal_counterexample(LINKS, law)
    assert found.found
    assert found.complete
    assert pg.price_of_anarchy(found.game).poa > 1.2
    assert str(found) == str(found.error)
    assert found.game.num_edges == 2


def test_a_law_that_is_mostly_mute_says_so() -> None:
    none = testing.minimal_counterexample(LINKS, lambda g: testing.assert_poa_at_most(g, 4 / 3), 50)
    assert (none.found, none.game, none.error, none.complete) == (False, None, None, True)
    assert 0 < none.num_silent < none.num_games

    def one_in_ten(number: int) -> None:
        if number % 10:
            raise testing.Undecided("nothing")

    mute = testing.minimal_counterexample(st.integers(0, 10_000), one_in_ten, 100)
    assert mute.num_silent > 50
    assert f"among {mute.num_games} games, about {mute.num_silent} of which the law said nothing" in str(mute)


@pytest.mark.parametrize("after", [0, 10])
def test_an_interrupted_search_for_a_counterexample_keeps_what_it_has(after: int) -> None:
    calls: list[int] = []

    def law(number: int) -> None:
        calls.append(number)
        if len(calls) == 20:
            raise KeyboardInterrupt
        assert not (after and len(calls) >= after and number > 10)

    found = testing.minimal_counterexample(st.integers(0, 10**6), law, 100)
    assert not found.complete
    assert found.num_games == 20
    assert found.found == (after > 0)
    assert ("stopped early" if after else "(interrupted)") in str(found)


def test_shrinking_ends() -> None:
    def law(number: int) -> None:
        assert number < 10**9

    numbers = st.integers(0, 10**15)
    assert testing.minimal_counterexample(numbers, law, 100).game == 10**9
    for name in ("MOST_SHRUNK", "SHRINKING"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(f"poagame.testing.counterexample.{name}", 0)
            cut = testing.minimal_counterexample(numbers, law, 100)
        assert cut.found
        assert not cut.complete
        assert cut.num_games < 100
        assert cut.game >= 10**9


def test_a_law_of_chance_is_refused() -> None:
    calls: list[int] = []

    def law(game: Any) -> None:
        calls.append(1)
        assert len(calls) != 1

    with pytest.raises(InvalidInput, match="must not depend on chance"):
        testing.minimal_counterexample(LINKS, law, 5)


EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "conjecture.py"


def test_the_example_refuses_bad_words_in_one_line() -> None:
    done = subprocess.run([sys.executable, EXAMPLE, "abc"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the factor is a number >= 1; got abc" in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr


def test_without_hypothesis_the_kit_says_what_to_install() -> None:
    code = "import sys; sys.modules['hypothesis'] = None; import poagame; poagame.testing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError: poagame.testing needs Hypothesis" in done.stderr
    assert "pip install 'poagame[testing]'" in done.stderr
