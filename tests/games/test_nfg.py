from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poagame.errors import InvalidInput, TooLarge, UnknownFormat
from poagame.games.nfg import read_nfg, write_nfg
from poagame.games.normal_form import NormalFormGame
from poagame.testing.normal_form import normal_form_games


@pytest.fixture
def file(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "game.nfg"
        path.write_text(text, encoding="utf-8")
        return path

    return write


# a 3 × 2 game in which payoffs tell where they stand: player 1's strategy runs fastest
FIRST = [[11, 12], [21, 22], [31, 32]]
SECOND = [[0.5, -2], [1 / 3, 1e-3], [0, 4]]
PAYOFFS = "11 1/2 21 1/3 31 0 12 -2. 22 1e-3 32 +4"
OUTCOMES = '{ { "a" 11, 1/2 } { "" 21 1/3 } { 31, 0 } { "b \\"c\\"" 12 -2 } { "" 22 .001 } { "" 32 4 } { "spare" 9 9 } } 1 2 3 4 5 6'
HEADS = {
    "counts": 'NFG 1 R "title" { "one" "two" } { 3 2 }',
    "names": 'NFG 1 D "title" { "one" "two }" } { { "x" "y" "z" } { "{" "\\"" } }',
    "comment": 'NFG 1 R "title" { "one" "two" }\n{ 3 2 }\n"a comment, 3 { words }"\n',
    "several lines": 'NFG 1 R\r\n"title"\r\n{\t"one"\n"two"}\n{3 2}',
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("body", [PAYOFFS, OUTCOMES, PAYOFFS.replace(" ", ",\n")])
def test_every_version_of_the_format_reads_as_the_same_game(file, head: str, body: str) -> None:
    game = read_nfg(file(f"{HEADS[head]}\n{body}\n"))
    first, second = game.payoffs()
    assert first.tolist() == FIRST
    assert second.tolist() == SECOND
    assert game.source == "title"


def test_outcome_zero_pays_nothing(file) -> None:
    game = read_nfg(file('NFG 1 R "" { "a" "b" } { 2 1 } { { "win" 3 -3 } } 0 1'), offset=5.0)
    assert game.costs[0, :, 0].tolist() == [5.0, 2.0]
    assert game.costs[1, 0].tolist() == [5.0, np.inf]
    assert game.source == ""


def test_three_players_in_the_order_of_the_format(file) -> None:
    payoffs = " ".join(f"{100 * a + 10 * b + c} 0 {c}" for c in range(2) for b in range(3) for a in range(2))
    game = read_nfg(file(f'NFG 1 R "" {{ "a" "b" "c" }} {{ 2 3 2 }} {payoffs}'))
    first, _, third = game.payoffs()
    for a, b, c in np.ndindex(2, 3, 2):
        assert first[a, b, c] == 100 * a + 10 * b + c
        assert third[a, b, c] == c


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    normal_form_games(min_players=1, max_players=4, low=-5, high=5),
    st.floats(1e-300, 1e200),
    st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12),
)
def test_what_is_written_reads_back_bit_for_bit(tmp_path: Path, game: NormalFormGame, unit: float, title: str) -> None:
    path = tmp_path / "game.nfg"
    scaled = NormalFormGame(game.costs * unit)
    write_nfg(scaled, path, title)
    back = read_nfg(path)
    assert np.array_equal(back.costs, scaled.costs)
    assert np.array_equal(back.available, scaled.available)
    assert back.source == title


def test_a_social_cost_of_its_own_is_not_lost_in_silence(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="social cost"):
        write_nfg(NormalFormGame(np.ones((2, 2, 2)), social=np.ones((2, 2))), tmp_path / "game.nfg")


HEAD = 'NFG 1 R "t" { "a" "b" } { 2 2 }\n'
NONSENSE = {
    "too few payoffs": (HEAD + "1 2 3", "line 2, column 6", "end of the file"),
    "too many payoffs": (HEAD + "1 1 1 1 1 1 1 1 7", "line 2, column 17", "end of the file after 4 profiles"),
    "a word": (HEAD + "1 1 1 one 1 1 1 1", "line 2, column 7", "a payoff"),
    "nan": (HEAD + "1 1 nan 1 1 1 1 1", "line 2, column 5", "a payoff"),
    "overflow": (HEAD + "1 1 1e999 1 1 1 1 1", "line 2, column 5", "float64"),
    "zero denominator": (HEAD + "1 1 1/0 1 1 1 1 1", "line 2, column 5", "denominator"),
    "no outcome of that number": (HEAD + '{ { "w" 1 1 } } 1 1 2 0', "line 2, column 21", "1 outcomes"),
    "outcome of three payoffs": (HEAD + '{ { "w" 1 1 1 } } 1 1 1 0', "line 2, column 15", "2 players"),
    "negative outcome": (HEAD + '{ { "w" 1 1 } } 1 1 -1 0', "line 2, column 21", "whole number"),
    "strategies of one player": ('NFG 1 R "t" { "a" "b" } { 2 } 1 1', "line 1, column 29", "2 players"),
    "no strategy": ('NFG 1 R "t" { "a" "b" } { 2 0 } 1 1', "line 1, column 29", "at least one strategy"),
    "no player": ('NFG 1 R "t" { } { }', "line 1, column 15", "at least one player"),
    "unquoted player": ('NFG 1 R "t" { a "b" } { 2 2 }', "line 1, column 15", "double quotes"),
    "unclosed brace": ('NFG 1 R "t" { "a" "b"', "line 1, column 22", "'}'"),
    "unclosed quote": ('NFG 1 R "t', "line 1, column 9", "double quotes"),
    "kind of numbers": ('NFG 1 Q "t" { "a" } { 1 } 1', "line 1, column 9", "R or D"),
    "names and no end": ('NFG 1 R "t" { "a" } { { "x" "y" ', "line 1, column 33", "'}'"),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_refused_at_its_place(file, name: str) -> None:
    text, place, wanted = NONSENSE[name]
    with pytest.raises(InvalidInput, match=f"{place}: ") as caught:
        read_nfg(file(text))
    assert wanted in str(caught.value)


def test_other_files_are_no_strategic_games(file) -> None:
    for text in ("", 'EFG 2 R "tree" { "a" }', "a,b\n1,2\n", "NFG 2 R"):
        with pytest.raises(UnknownFormat, match="NFG 1 R"):
            read_nfg(file(text))


def test_a_table_too_large_is_refused_before_it_is_read(file) -> None:
    players = " ".join('"p"' for _ in range(30))
    with pytest.raises(TooLarge, match="30 players"):
        read_nfg(file(f'NFG 1 R "" {{ {players} }} {{ {"2 " * 30} }} 1'))
