r"""Is this an equilibrium of caching with side payments? Every deviation of every node, from the definition.

A node that deviates chooses whether it holds a replica (threshold 0 or out of reach), whom it bids to and how much. Bids of others stand.
Bidding to a node that holds a replica anyway buys nothing, and to another one is worth exactly its threshold less what it receives from
others; a node that holds a replica has no use for others. So a node has at most n + 1 deviations that can be best: to hold, to fetch
without bidding, and to make one more node a holder and fetch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame.certificates.nash import RTOL
from poagame.games.caching import CachingGame
from poagame.games.payments import NOBODY, Payments, payment_costs, require_of, require_payments


@dataclass(frozen=True, slots=True)
class PaymentCertificate:
    """How far payments are from an equilibrium.

    Attributes
    ----------
    max_regret : float
        The most that any one node gains by a deviation, in cost units. 0 exactly at an equilibrium.
    player : int
        The node that gains most.
    replicates : bool
        Whether its best deviation holds a replica.
    to, bid : int, float
        Whom it then bids to, −1 for nobody, and how much.
    tolerance : float
        What rounding may explain, relative to what nodes pay and receive.
    """

    max_regret: float
    player: int
    replicates: bool
    to: int
    bid: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the payments are an equilibrium up to `tolerance`."""
        return self.max_regret <= self.tolerance


def certify_payments(game: CachingGame, payments: Payments) -> PaymentCertificate:
    """Certificate of `payments` as a pure equilibrium of `game` with side payments.

    Raises
    ------
    InvalidInput
        If the game has several objects or tiers, limits on storage or a leader, or the payments are of another number of nodes.

    Examples
    --------
    >>> game = CachingGame([[0.0, 1.0], [1.0, 0.0]], placement_cost=3.0, miss_cost=2.5)
    >>> certify_payments(game, Payments([-1, 0], [0.0, 1.0], [1.0, float("inf")])).holds
    True
    >>> found = certify_payments(game, Payments([-1, 0], [0.0, 0.25], [0.25, float("inf")]))  # too little for node 0
    >>> found.max_regret, found.player, found.replicates
    (0.25, 0, False)
    """
    require_payments(game)
    require_of(game, payments)
    n, nodes = game.num_players, np.arange(game.num_players)
    demand = np.asarray(game.demand)
    read = demand[:, None] * np.where(demand[:, None] > 0, np.asarray(game.distance), 0.0)
    miss = demand * np.where(demand > 0, np.asarray(game.miss_cost), 0.0)
    received = payments.received
    # [n, n]: what each other node receives if node i (the row) bids nothing
    without = np.tile(received, (n, 1))
    for i in np.flatnonzero(payments.bid > 0):
        rivals = (payments.to == payments.to[i]) & (nodes != i)
        without[i, payments.to[i]] = payments.bid[rivals].sum()
    stands = without >= payments.threshold
    stands[nodes, nodes] = False
    nearest = np.minimum(miss, np.where(stands, read, np.inf).min(axis=1))
    price = np.where(stands, np.inf, payments.threshold - without)
    price[nodes, nodes] = np.inf
    bought = np.minimum(nearest[:, None], read) + price
    # [n, n + 2]: hold; fetch and bid nothing; make node k hold and fetch
    options = np.concatenate([(np.asarray(game.hold_cost)[:, 0] - received)[:, None], nearest[:, None], bought], axis=1)
    best, choice = options.min(axis=1), options.argmin(axis=1)
    current = payment_costs(game, payments)
    regret = current - best
    player = int(regret.argmax())
    option = int(choice[player])
    sizes = np.concatenate([current, best, received * payments.profile])
    scale = float(np.abs(sizes[np.isfinite(sizes)]).max(initial=0.0))
    to, bid = (option - 2, float(price[player, option - 2])) if option >= 2 else (NOBODY, 0.0)
    return PaymentCertificate(float(regret[player]), player, option == 0, to, bid, RTOL * scale)
