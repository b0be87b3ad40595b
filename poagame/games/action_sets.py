"""Which sets of resources the players choose from, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from poagame._arrays import require
from poagame.errors import InvalidInput, TooLarge

MAX_INCIDENCE = 200_000_000
"""Most entries rows × actions × resources of a game's incidence array (one byte each)."""


def action_sets(actions: Any) -> list[list[tuple[int, ...]]]:
    """`actions` as tuples of resource numbers, a list of them for each row of players.

    Raises
    ------
    InvalidInput
        If a row has no action, an action has no resource or names one twice, or an entry is no resource number.
    TooLarge
        If rows × actions × resources exceeds `MAX_INCIDENCE`.
    """
    try:
        rows = [[tuple(action) for action in row] for row in actions]
    except TypeError as error:
        raise InvalidInput(
            f"actions lists the actions of each player, each an iterable of resource numbers; got {actions!r:.80}"
        ) from error
    require(len(rows) > 0, "actions must hold at least one player")
    for k, row in enumerate(rows):
        require(len(row) > 0, f"row {k} has no action; every player needs at least one")
        for a, action in enumerate(row):
            where = f"action {a} of row {k}"
            require(len(action) > 0, f"{where} has no resource; give an outside option a resource of latency 0")
            require(
                all(isinstance(r, int | np.integer) and not isinstance(r, bool) and r >= 0 for r in action),
                f"{where} must hold resource numbers 0, 1, …; got {action!r:.80}",
            )
            require(len(set(action)) == len(action), f"{where} names a resource twice: {action!r:.80}")
    resources, most = 1 + max(max(action) for row in rows for action in row), max(map(len, rows))
    if len(rows) * most * resources > MAX_INCIDENCE:
        raise TooLarge(
            f"{len(rows)} rows × {most} actions × {resources} resources; the limit is {MAX_INCIDENCE:,}. Number the resources "
            "0, 1, … without gaps, and merge equal players into rows with a multiplicity"
        )
    return rows
