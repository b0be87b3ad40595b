r"""Gambit's `.nfg` files of games in strategic form: read and written without Gambit.

    NFG 1 R "title" { "Player 1" "Player 2" } { 2 2 }
    "an optional comment"
    1 1   0 3/2   2.5 0   1e-1 -1

After the players come the numbers of their strategies, or the strategies' names in braces. Then follows, at each profile
with the first player's strategy running fastest, either the payoff of every player, or the number of an outcome in a list
of outcomes `{ { "name" 1, 1 } … }` (0: all earn nothing).
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np

from poagame._arrays import FloatArray, require
from poagame.errors import InvalidInput, TooLarge, UnknownFormat
from poagame.games.normal_form import MAX_ENTRIES, NormalFormGame

_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([{}])|([^\s{}",]+)|(,)|(\S))', re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:\d+/\d+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")


def read_nfg(path: str | Path, offset: float = 0.0) -> NormalFormGame:
    """Read a Gambit `.nfg` file; cost = `offset` − payoff, as `NormalFormGame.from_payoffs` has it.

    Both versions are read, payoffs and outcomes; numbers may be whole, decimal or rational such as 1/3 (rounded once, to
    float64). A title becomes the `source` of the game; names of players, strategies and outcomes are not kept.

    Parameters
    ----------
    path : str or Path
    offset : float

    Raises
    ------
    UnknownFormat
        If the file does not begin with "NFG 1".
    InvalidInput
        If anything else in it is wrong, with line and column.
    TooLarge
        If the table, with all players given the most strategies of any, has more than `MAX_ENTRIES` entries.
    """
    text = Path(path).read_text(encoding="utf-8-sig", errors="replace")  # no name has to be text; no number is harmed
    parser = _Parser(text, str(path))
    if parser.word() != "NFG" or parser.word() != "1":
        raise UnknownFormat(f"{path}: a Gambit strategic game begins with 'NFG 1 R'; got {text[:20]!r}")
    if parser.word() not in ("R", "D"):
        parser.fail("the kind of numbers, R or D")
    title = parser.name()
    parser.open()
    players = 0
    while not parser.closes():
        parser.name()
        players += 1
    if not players:
        parser.fail("at least one player", last=True)
    shape = _strategies(parser, players)
    most = max(shape)
    if math.log(players) + players * math.log(most) > math.log(MAX_ENTRIES):
        raise TooLarge(
            f"{path}: {players} players with up to {most} strategies; the table's limit is {MAX_ENTRIES:,} entries"
        )
    if parser.kind() == "name":
        parser.name()
    profiles = int(np.prod(shape))
    if parser.kind() == "brace":
        flat = _outcomes(parser, players, profiles)
    else:
        flat = np.array([parser.number() for _ in range(profiles * players)]).reshape(profiles, players)
    if parser.kind() != "end":
        parser.fail(f"the end of the file after {profiles} profiles")
    payoffs = [flat[:, i].reshape(shape, order="F") for i in range(players)]
    game = NormalFormGame.from_payoffs(*payoffs, offset=offset)
    return game.named(title) if title else game


def write_nfg(game: NormalFormGame, path: str | Path, title: str = "") -> None:
    """Write a game as a Gambit `.nfg` file in its payoff version, payoff = −cost, in digits that read back exactly.

    Actions that a player lacks are left out, so actions after them move up.

    Parameters
    ----------
    game : NormalFormGame
    path : str or Path
    title : str
        The game's `source` where not given.

    Raises
    ------
    InvalidInput
        If the social cost is not the sum of the players' costs: the format has no place for it.
    """
    usual = np.where(np.isfinite(game.social), game.costs.sum(axis=0), np.inf)
    require(
        np.array_equal(usual, game.social),
        "a .nfg file holds the players' payoffs only, and the social cost of this game is not the sum of their costs",
    )
    payoffs = game.payoffs() + 0.0
    players, *shape = payoffs.shape
    names = " ".join(_quoted(f"Player {i + 1}") for i in range(players))
    lines = [f"NFG 1 R {_quoted(title or game.source)} {{ {names} }} {{ {' '.join(map(str, shape))} }}", ""]
    rows = np.stack([table.ravel(order="F") for table in payoffs], axis=1)
    lines += [" ".join(_digits(value) for value in row) for row in rows.tolist()]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _strategies(parser: _Parser, players: int) -> tuple[int, ...]:
    """Numbers of strategies, given as numbers or by names."""
    parser.open()
    shape: list[int] = []
    while not parser.closes():
        if parser.kind() == "brace":
            parser.open()
            count = 0
            while not parser.closes():
                parser.name()
                count += 1
        else:
            count = parser.whole()
        if count < 1:
            parser.fail("at least one strategy for each player", last=True)
        shape.append(count)
    if len(shape) != players:
        parser.fail(f"strategies of {players} players, not of {len(shape)}", last=True)
    return tuple(shape)


def _outcomes(parser: _Parser, players: int, profiles: int) -> FloatArray:
    """Payoffs [profiles, players] of the outcome version."""
    parser.open()
    outcomes = [[0.0] * players]
    while not parser.closes():
        parser.open()
        if parser.kind() == "name":
            parser.name()
        row: list[float] = []
        while not parser.closes():
            row.append(parser.number())
        if len(row) != players:
            parser.fail(f"payoffs of {players} players in an outcome, not of {len(row)}", last=True)
        outcomes.append(row)
    index: list[int] = []
    for _ in range(profiles):
        index.append(parser.whole())
        if index[-1] >= len(outcomes):
            parser.fail(f"the number of one of {len(outcomes) - 1} outcomes, or 0", last=True)
    return np.array(outcomes)[index]


class _Parser:
    """Tokens of a file one by one, each with its place."""

    def __init__(self, text: str, path: str) -> None:
        self.text, self.path = text, path
        self.at, self.begin, self.token = 0, 0, ""
        self._next: tuple[str, str, int, int] | None = None

    def kind(self) -> str:
        """What comes next: name, brace, word, or end."""
        return self._peek()[0]

    def word(self) -> str:
        return self._take() if self.kind() == "word" else ""

    def name(self) -> str:
        if self.kind() != "name":
            self.fail("a name in double quotes")
        return re.sub(r"\\(.)", r"\1", self._take()[1:-1], flags=re.DOTALL)

    def open(self) -> None:
        if self._peek()[1] != "{":
            self.fail("'{'")
        self._take()

    def closes(self) -> bool:
        if self.kind() == "end":
            self.fail("'}'")
        if self._peek()[1] == "}":
            self._take()
            return True
        return False

    def number(self) -> float:
        token = self._peek()[1]
        if self.kind() != "word" or not _NUMBER.fullmatch(token):
            self.fail("a payoff such as 2, -0.5, 1e-3 or 1/3")
        if "/" in token and int(token.split("/")[1]) == 0:
            self.fail("a fraction whose denominator is not 0")
        try:
            value = float(Fraction(token)) if "/" in token else float(token)
        except OverflowError:
            value = np.inf
        if not np.isfinite(value):
            self.fail("a payoff that a float64 can hold")
        self._take()
        return value

    def whole(self) -> int:
        token = self._peek()[1]
        if self.kind() != "word" or not re.fullmatch(r"\d{1,9}", token):
            self.fail("a whole number")
        return int(self._take())

    def fail(self, wanted: str, last: bool = False) -> None:
        """Raise, saying what is wanted at the next token (or was at the last one), and what is there."""
        begin, found = (self.begin, self.token) if last else (self._peek()[2], self._peek()[1] or "the end of the file")
        line = self.text.count("\n", 0, begin) + 1
        column = begin - (self.text.rfind("\n", 0, begin) + 1) + 1
        raise InvalidInput(f"{self.path}, line {line}, column {column}: {wanted} should be here; got {found[:40]}")

    def _peek(self) -> tuple[str, str, int, int]:
        if self._next is None:
            self._next = self._scan(self.at)
        return self._next

    def _scan(self, at: int) -> tuple[str, str, int, int]:
        while match := _TOKEN.match(self.text, at):
            if match.lastindex == 4:  # commas between payoffs mean nothing
                at = match.end()
                continue
            kind = {1: "name", 2: "brace", 3: "word", 5: "other"}[match.lastindex or 5]
            return kind, match[match.lastindex or 5], match.start(match.lastindex or 5), match.end()
        return "end", "", len(self.text), len(self.text)

    def _take(self) -> str:
        _, self.token, self.begin, self.at = self._peek()
        self._next = None
        return self.token


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _digits(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
