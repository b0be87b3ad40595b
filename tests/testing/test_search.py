from __future__ import annotations

import importlib.util
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
    assert "kept" in text
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
    assert found is not None
    assert pg.price_of_anarchy(found.game).poa > 1.2
    assert str(found) == str(found.error)
    assert found.game.num_edges == 2
    assert testing.minimal_counterexample(LINKS, lambda g: testing.assert_poa_at_most(g, 4 / 3), 50) is None


def test_a_law_of_chance_is_refused() -> None:
    calls: list[int] = []

    def law(game: Any) -> None:
        calls.append(1)
        assert len(calls) != 1

    with pytest.raises(Exception, match="depend on chance|[Ff]laky|unreliable|Inconsistent"):
        testing.minimal_counterexample(LINKS, law, 5)


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(__file__).resolve().parents[2] / "examples" / "conjecture.py"
    spec = importlib.util.spec_from_file_location("conjecture", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    worst = module.main(1.5, budget=150)
    assert worst.value > 1.2
    assert "broken: the price of anarchy is at most 1.5 (pure)" in capsys.readouterr().out
