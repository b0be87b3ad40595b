"""The frozen index of a game: what `poa_hat(cost="frozen")` would make of one batch of requests whose latency is known."""

from __future__ import annotations

import numpy as np

from poagame.games.routing import RoutingGame
from poagame.solvers.routing.transport import assign


def frozen_index(game: RoutingGame, realised: float) -> float:
    """Realised cost over an assignment on latencies frozen at what a lone request sees, ℓ(1), with ⌈C/W⌉ slots a worker."""
    types = game.types()
    slots = -(-game.num_players // game.num_actions)
    frozen = np.repeat(np.asarray(game.latency(1.0))[:, None], slots, axis=1)
    return realised / assign(frozen, -float(game.overlap_weight) * types.overlap, types.counts).cost
