"""What the strategies of games have in common: short decimals, and lists of different actions."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy


def tenths(low: int, high: int) -> SearchStrategy[float]:
    """Short decimals low/10 … high/10, so that counterexamples can be read and ties happen."""
    return st.integers(low, high).map(lambda n: n / 10)


def action_rows(resources: int, max_actions: int) -> SearchStrategy[list[list[int]]]:
    """The actions of one player: 1 to `max_actions` different sets of resources, each in rising order."""
    action = st.sets(st.integers(0, resources - 1), min_size=1).map(sorted)
    return st.lists(action, min_size=1, max_size=max_actions, unique_by=tuple)


def used_only(rows: Iterable[list[list[int]]]) -> tuple[list[list[list[int]]], int]:
    """The rows with the resources that nobody uses left out and the others numbered anew, and how many are left."""
    kept = list(rows)
    number = {r: k for k, r in enumerate(sorted({r for row in kept for action in row for r in action}))}
    return [[[number[r] for r in action] for action in row] for row in kept], len(number)
