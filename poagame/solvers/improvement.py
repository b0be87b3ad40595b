"""A cycle of selfish moves: the witness that a game has no (generalised) ordinal potential and dynamics may never end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import networkx as nx
import numpy as np

from poagame.certificates.nash import TIE_RTOL, cost_scale
from poagame.errors import InvalidInput, TooLarge
from poagame.games.caching import CachingGame
from poagame.games.protocols import FiniteGame, as_finite, batch_action_costs, num_profiles_exceed

MAX_PROFILES = 200_000
"""Most profiles of a game whose moves are searched for a cycle."""


@dataclass(frozen=True, slots=True)
class ImprovementCycle:
    """A closed walk of unilateral moves, each of which strictly helps the one who moves.

    Attributes
    ----------
    profiles : tuple of profiles
        The profiles in order; the last move leads back to the first. In a caching game of several objects each is a placement: for each
        node what it holds of each object.
    players : tuple of int
        Who moves away from each profile.
    gains : tuple of float
        By how much the mover's cost falls, in cost units.
    """

    profiles: tuple[tuple[Any, ...], ...]
    players: tuple[int, ...]
    gains: tuple[float, ...]

    def __len__(self) -> int:
        """Moves in the cycle."""
        return len(self.profiles)


def improvement_cycle(game: FiniteGame, moves: Literal["best", "better"] = "best") -> ImprovementCycle | None:
    """A cycle of strict best replies (or of any improving moves) of a small game, or None if there is none.

    None is a proof: every profile was looked at, so that with `moves="better"` each improvement path ends in an
    equilibrium (the finite improvement property). Moves of a caching game of several objects are between stores (`game.numbered()`).

    Raises
    ------
    TooLarge
        If the game has more than `MAX_PROFILES` profiles, or nodes can store too many sets of objects.
    """
    if isinstance(game, CachingGame) and game.has_objects:
        numbered = game.numbered()
        cycle = improvement_cycle(numbered, moves)
        if cycle is None:
            return None
        placements = numbered.placement(cycle.profiles).tolist()
        return replace(cycle, profiles=tuple(tuple(map(tuple, placement)) for placement in placements))
    game = as_finite(game, "improvement_cycle")
    players, actions = game.num_players, game.num_actions
    if num_profiles_exceed(game, MAX_PROFILES):
        raise TooLarge(
            f"{actions}^{players} profiles; the search for cycles stops at {MAX_PROFILES:,}. Use a game of fewer players"
        )
    if moves not in ("best", "better"):
        raise InvalidInput(f"moves is 'best' or 'better'; got {moves!r}")
    powers = actions ** np.arange(players - 1, -1, -1)
    index = np.arange(actions**players)
    profiles = index[:, None] // powers % actions
    costs = batch_action_costs(game, profiles)
    current = np.take_along_axis(costs, profiles[:, :, None], axis=2)[:, :, 0]
    tolerance = TIE_RTOL * cost_scale(game, current, costs.min(axis=2))[:, None, None]
    with np.errstate(invalid="ignore"):
        gain = current[:, :, None] - costs
    gain[np.isnan(gain)] = 0.0
    good = gain > tolerance
    if moves == "best":
        good &= costs <= costs.min(axis=2, keepdims=True) + tolerance
    at, player, action = np.nonzero(good)
    target = at + (action - profiles[at, player]) * powers[player]
    graph = nx.DiGraph()
    graph.add_edges_from(zip(at.tolist(), target.tolist(), strict=True))
    try:
        edges = nx.find_cycle(graph)
    except nx.NetworkXNoCycle:
        return None
    steps = [(profiles[a], int(np.flatnonzero(profiles[a] != profiles[b])[0]), profiles[b]) for a, b, *_ in edges]
    return ImprovementCycle(
        tuple(tuple(int(x) for x in before) for before, _, _ in steps),
        tuple(mover for _, mover, _ in steps),
        tuple(
            float(current[before @ powers, mover] - costs[before @ powers, mover, after[mover]])
            for before, mover, after in steps
        ),
    )
