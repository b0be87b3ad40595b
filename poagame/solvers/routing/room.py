"""Can the workers hold all requests below their capacities? Asked before any solving."""

from __future__ import annotations

import numpy as np

from poagame._arrays import Array
from poagame.errors import InvalidInput
from poagame.games.routing import RoutingGame
from poagame.latency import Latency


def check_room(game: RoutingGame) -> None:
    """Refuse a game whose requests cannot all be below the capacities of its workers.

    Of weighted requests the total is checked, not whether the single weights can be packed.

    Raises
    ------
    InvalidInput
        With the load that there is and the load that there is room for.
    """
    total = None if game.request_weight is None else game.weights.sum(keepdims=True)
    check_room_of(game.latency, game.num_players, game.num_actions, total)


def check_room_of(latency: Latency, requests: int, workers: int, total_weight: Array | None = None) -> None:
    """Refuse games whose requests cannot all be below the capacities of their workers.

    Parameters
    ----------
    latency : Latency
        Of G·W resources, game after game.
    requests, workers : int
    total_weight : [G], optional
        Total load of each game; `requests` where not given. With it only the total is checked, not whether single
        weights can be packed.
    """
    games = latency.num_resources // workers
    total = np.full(games, float(requests)) if total_weight is None else np.asarray(total_weight, dtype=np.float64)
    if np.isfinite(latency(np.repeat(total, workers))).all():
        return
    # room of each worker in whole requests, or in 2^-40 of the total weight and rounded up, by bisection
    most = requests if total_weight is None else 1 << 40
    unit = np.repeat(total / most, workers)
    low, high = np.zeros(len(unit), np.int64), np.full(len(unit), most + 1)
    while (high - low > 1).any():
        middle = (low + high) // 2
        fits = np.isfinite(latency(middle * unit))
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    room = (low + (total_weight is not None)).reshape(games, workers).sum(axis=1)
    short = np.flatnonzero(room < most)
    if len(short):
        g = int(short[0])
        which = f"game {g}: " if games > 1 else ""
        raise InvalidInput(
            f"{which}a total load of {total[g]:g} does not fit: the workers hold {room[g] * unit[g * workers]:g} below "
            "their capacities together; raise capacities, or take fewer requests"
        )
