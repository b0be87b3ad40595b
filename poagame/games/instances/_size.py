"""Sizes of games, looked at before they are built."""

from __future__ import annotations

from poagame.errors import TooLarge
from poagame.games.action_sets import MAX_INCIDENCE


def fits(rows: int, actions: int, resources: int) -> bool:
    """Whether a game of so many rows of players, actions and resources can be held."""
    return rows * actions * resources <= MAX_INCIDENCE


def check_size(rows: int, actions: int, resources: int) -> None:
    """Refuse a game that cannot be held.

    Raises
    ------
    TooLarge
        If rows × actions × resources exceeds `MAX_INCIDENCE`.
    """
    if not fits(rows, actions, resources):
        raise TooLarge(
            f"the game has {rows:,} rows of players, {actions:,} actions and {resources:,} resources, and their product is beyond "
            f"{MAX_INCIDENCE:,}; ask for a smaller one"
        )
