r"""Selfish caching with side payments: nodes bid for replicas at other nodes [chun2004]_.

A strategy of node i is a triple :math:`(v_i, b_i, t_i)`: a bid :math:`b_i \ge 0` to node :math:`v_i`, and a threshold
:math:`t_i \ge 0`. With :math:`R_i = \sum_{j: v_j = i} b_j` the bids that i receives, i holds a replica exactly if :math:`R_i \ge t_i`. Bids
are paid to nodes that hold one:

.. math:: C_i = \begin{cases} \alpha_i - R_i & i \in X \\ w_i \min(m_i, \min_{j \in X} d_{ij}) & i \notin X \end{cases}
          \ +\ b_i\, [v_i \in X].

Payments are transfers: the social cost is that of the placement X, as without them.

.. [chun2004] Chun, Chaudhuri, Wee, Barreno, Papadimitriou, Kubiatowicz: Selfish caching in distributed systems: a game-theoretic
   analysis, PODC 2004.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.errors import InvalidInput
from poagame.games.caching import CachingGame

NOBODY = -1
"""In `Payments.to`: the node bids to nobody."""


@dataclass(frozen=True, eq=False, slots=True)
class Payments:
    """What each node bids, to whom, and for how much it holds a replica.

    Parameters
    ----------
    to : [n] int
        The node that each bids to, another one; −1 for nobody.
    bid : [n]
        ≥ 0, in cost units; 0 where `to` is −1.
    threshold : [n]
        ≥ 0: a node holds a replica if it receives at least this much; infinite: it never does.

    Raises
    ------
    InvalidInput
        If the three are no arrays of one length with such entries.

    Examples
    --------
    Node 1 pays node 0 for a replica.

    >>> payments = Payments(to=[-1, 0], bid=[0.0, 2.0], threshold=[2.0, float("inf")])
    >>> payments.received, payments.profile
    (array([2., 0.]), array([1, 0]))
    """

    to: IntArray
    bid: FloatArray
    threshold: FloatArray

    def __init__(self, to: ArrayLike, bid: ArrayLike, threshold: ArrayLike) -> None:
        whom, offered = as_floats(to, "to"), as_floats(bid, "bid")
        try:
            least = np.array(threshold, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"threshold must be an array of numbers; got {threshold!r:.80}") from error
        n = whom.size
        require(
            whom.shape == offered.shape == least.shape == (n,) and n > 0,
            f"to, bid and threshold are [n], one entry a node; got shapes {whom.shape}, {offered.shape} and {least.shape}",
        )
        named = (whom == np.floor(whom)) & (whom >= NOBODY) & (whom < n) & (whom != np.arange(n))
        require(bool(named.all()), f"to holds another node, 0 … {n - 1}, or -1 for nobody; got {whom.tolist()!s:.80}")
        require(bool((offered >= 0).all()), f"bid must be >= 0; the least is {offered.min():g}")
        require(bool((offered[whom == NOBODY] == 0).all()), "bid must be 0 where to is -1: name who is to be paid")
        require(bool((least >= 0).all()), "threshold must be >= 0 (infinite for a node that never holds a replica)")
        object.__setattr__(self, "to", whom.astype(np.int64))
        object.__setattr__(self, "bid", offered)
        object.__setattr__(self, "threshold", least)

    @property
    def received(self) -> FloatArray:
        """[n]: the bids that each node receives, R; paid only if it holds a replica."""
        bidding = self.to >= 0
        return np.bincount(self.to[bidding], self.bid[bidding], minlength=len(self.to)).astype(np.float64)

    @property
    def profile(self) -> IntArray:
        """[n]: the placement that follows, a profile of the game without payments; 1 where a node holds a replica."""
        return (self.received >= self.threshold).astype(np.int64)


def payment_costs(game: CachingGame, payments: Payments) -> FloatArray:
    """[n]: what each node pays, for its replica or its reads and to others, less what it receives.

    Raises
    ------
    InvalidInput
        As `require_payments`.

    Examples
    --------
    >>> game = CachingGame([[0.0, 1.0], [1.0, 0.0]], placement_cost=3.0)
    >>> payment_costs(game, Payments([-1, 0], [0.0, 2.0], [2.0, float("inf")]))
    array([1., 3.])
    """
    require_payments(game)
    require_of(game, payments)
    holds = payments.profile
    paid = np.where(payments.to >= 0, payments.bid * holds[payments.to], 0.0)
    return game.player_costs(holds) + paid - payments.received * holds


def require_of(game: CachingGame, payments: Payments) -> None:
    """Refuse what are no payments of this game's nodes.

    Raises
    ------
    InvalidInput
        If it is no `Payments`, or of another number of nodes.
    """
    n = game.num_players
    require(isinstance(payments, Payments), f"payments are Payments of {n} nodes; got {payments!r:.60}")  # pyright: ignore[reportUnnecessaryIsInstance]
    require(len(payments.to) == n, f"payments are Payments of {n} nodes; got those of {len(payments.to)}")


def require_payments(game: CachingGame) -> None:
    """Refuse games that payments are not defined for here.

    Raises
    ------
    InvalidInput
        If it is no caching game of one object and one tier that costs nothing to read, or has limits on storage, subsidies or a leader.
    """
    require(isinstance(game, CachingGame), f"payments are those of a CachingGame; got {type(game).__name__}")  # pyright: ignore[reportUnnecessaryIsInstance]
    require(
        not game.has_objects, "payments are for one object: without limits on storage call game.one_object(k) for each"
    )
    require(
        game.num_tiers == 1 and float(game.tiers.access[0]) == 0.0,
        "payments are for one tier whose access costs nothing: a bid does not say which tier it pays for",
    )
    require(
        game.capacity is None, "payments are for games without capacity: give a node without room a high placement_cost"
    )
    require(
        game.fixed is None and not (np.asarray(game.subsidy) != 0).any(),
        "payments are between nodes that choose: give a game without fixed choices and subsidies",
    )
