r"""Which placements side payments can bring about, and at what bids; the game is that of `poagame.games.payments`.

Let :math:`c_j(Y) = w_j \min(m_j, \min_{k \in Y} d_{jk})` be what node j pays to read from Y.

*Theorem* (own proof). X is the placement of a pure equilibrium with payments exactly if

1. :math:`c_j(X) \le \alpha_j` for every j outside X, and
2. :math:`c_i(X \setminus i) + \sum_{j \notin X} \max\{0, \min(c_j(X \setminus i), \alpha_j) - c_j(X)\} \ge \alpha_i` for every i in X.

*Necessary.* A node outside X could hold a replica, bid nothing and pay at most :math:`\alpha_j`; at X it pays at least :math:`c_j(X)`.
A holder has no use for others, so it pays no bid. What j outside X pays to i in X is at most :math:`\alpha_j - c_j(X)`, for j could hold
and not bid; and if it withdraws its bid, X or X∖i is what it reads from, so it is at most :math:`c_j(X \setminus i) - c_j(X)`. So what i
receives is at most the sum in 2, and i, which could let go of its replica and pay :math:`c_i(X \setminus i)`, holds it only if
:math:`\alpha_i - R_i \le c_i(X \setminus i)`.

*Sufficient.* Let holders bid nothing, and the others bid to their nearest holder i the same fraction of their terms in 2, such that i
receives :math:`R_i = \max(0, \alpha_i - c_i(X \setminus i))`. Holders' thresholds are what they receive; others' are out of reach (above
the largest placement cost is enough). A bidder that lowers or moves its bid loses its holder and pays :math:`c_j(X \setminus i)` or more,
as bids to other holders buy nothing and those to others are too dear; one that holds pays :math:`\alpha_j`. A node without a bid has 1. A
holder without its replica pays :math:`c_i(X \setminus i)`, and has no use for a bid with it. (Only a node that i is nearest to, all others
farther, has a term above 0, so no node needs to bid to two.) ∎

*Every equilibrium without payments is one with them*: 2 holds without the sum.

*Every optimum is one*, whatever the distances, demands, placement and miss costs. Adding j to an optimum X saves nothing:
:math:`c_j(X) \le \alpha_j`. Taking i away from it and adding all j with :math:`c_j(X \setminus i) > \alpha_j` changes the cost by at most
:math:`-\alpha_i + c_i(X \setminus i) + \sum_{j \notin X} [\min(c_j(X \setminus i), \alpha_j) - c_j(X)]`, which is then not negative, and no
term of the sum is: that is 2. So the price of stability with payments is 1 [chun2004]_, and an equilibrium always exists, also on directed
distances, where without payments there may be none.

*No equilibrium costs more than* :math:`\sum_i \alpha_i`, for no node pays more than its own placement cost and payments cancel. With one
placement cost the price of anarchy is at most n, as without payments.

*Unit demands, one placement cost, a metric: at most n/2, as without payments* (own proof). Let α = 1, :math:`e_j = d_{jo}`, and X hold k
replicas. With k = 1, or an optimum of two replicas or more, the proof of `bounds.caching_uniform` stands. Otherwise {o} is the optimum, at
:math:`1 + \sum_j e_j`. If o is in X, then :math:`c_j(X \setminus x) \le e_j` for x ≠ o, and 2 says that x and those it serves have
:math:`\sum e \ge 1`: the optimum costs at least k ≥ 2, and X at most n. If not, let y be the holder nearest to o. A node j that x ≠ y
serves bids at most :math:`(e_j + e_y) - (e_x - e_j) \le 2 e_j`, so 2 says :math:`e_x + e_y + 2 \sum_j e_j \ge 1` over those. Summed over
all x ≠ y, with :math:`(k - 1) e_y \le \sum_{x \ne y} e_x`, the optimum costs at least :math:`1 + (k - 1)/2 + e_y`. From 2 on, n is at most
n/2 times as much. Below, k = 2 and :math:`e_y < 1/2`; and n is at least 4, for with n = 3 the one node outside X is o itself, which bids x
at most :math:`e_y - e_x \le 0`, so :math:`e_x + e_y \ge 1` puts the optimum at 2. All others reach y, so X costs at most
:math:`2 + (n - 2) e_y + s` with s the sum of their e. As :math:`e_x + s \ge 1/2` and :math:`e_x \ge e_y`, the ratio is at most
:math:`(5/2 + (n - 3) e_y)/(3/2 + e_y)`, which is monotone: 5/3 and (n + 2)/4 at the ends, both at most n/2. ∎

.. [chun2004] Chun, Chaudhuri, Wee, Barreno, Papadimitriou, Kubiatowicz: Selfish caching in distributed systems: a game-theoretic
   analysis, PODC 2004.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, require
from poagame.certificates.nash import TIE_RTOL
from poagame.certificates.payments import PaymentCertificate, certify_payments
from poagame.errors import TooLarge
from poagame.games.caching import CachingGame
from poagame.games.payments import NOBODY, Payments, require_payments
from poagame.outcome import Outcome
from poagame.solvers.enumeration import MAX_LISTED, Equilibria
from poagame.solvers.optimum import Optimum

MAX_NODES = 20
"""Most nodes whose 2^n placements are looked at (seconds)."""

CHUNK = 1 << 16
"""Placements that are looked at together."""


@dataclass(frozen=True, eq=False, slots=True)
class PaymentEquilibrium:
    """An equilibrium with payments.

    Attributes
    ----------
    profile : [n] int64
        Its placement, 1 where a node holds a replica.
    payments : Payments
        Strategies that bring it about; others may.
    social_cost : float
    certificate : PaymentCertificate
    """

    profile: IntArray
    payments: Payments
    social_cost: float
    certificate: PaymentCertificate


@dataclass(frozen=True, eq=False, slots=True)
class PaymentExtremes:
    """Worst and best equilibrium with payments, the optimum, and how many of all placements payments can bring about."""

    worst: PaymentEquilibrium
    best: PaymentEquilibrium
    optimum: Optimum
    num_supported: int


@dataclass(frozen=True, eq=False, slots=True)
class _Offers:
    """For placements [M, n]: c(X without the node), the nearest holder, and the most that a node outside would pay it."""

    fetch: FloatArray
    nearest: IntArray
    most: FloatArray


def supporting_payments(game: CachingGame, profile: ArrayLike) -> Payments | None:
    """Payments of which `profile` [n] is the placement at an equilibrium, or None where there are none.

    Each holder receives just what makes its replica worth while, from the nodes that it is nearest to, in proportion to what they would
    pay at most.

    Raises
    ------
    InvalidInput
        If it is no profile of the game, or the game has several objects or tiers, limits on storage or a leader.

    Examples
    --------
    Of two clusters of four nodes each, no equilibrium without payments has two replicas. With payments, nodes 1 to 3 pay node 0:

    >>> import poagame as pg
    >>> game = pg.instances.caching_two_clusters(8, placement_cost=10.0)
    >>> payments = supporting_payments(game, [1, 0, 0, 0, 1, 0, 0, 0])
    >>> payments.received.round(9).tolist(), payments.bid[1:4].round(9).tolist()
    ([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], [0.333333333, 0.333333333, 0.333333333])
    >>> supporting_payments(game, [1, 1, 0, 0, 0, 0, 0, 0]) is None
    True
    """
    require_payments(game)
    s = game.as_profile(profile)
    require(s.ndim == 1, f"payments are for one profile [n]; got shape {s.shape}")
    held = s[None] > 0
    offers = _offers(game, held)
    if not bool(_supported(game, held, offers)[0]):
        return None
    fetch, nearest, most = offers.fetch[0], offers.nearest[0], offers.most[0]
    n = game.num_players
    offered = np.bincount(nearest, most, minlength=n)
    needed = np.where(held[0], np.maximum(0.0, np.asarray(game.hold_cost)[:, 0] - fetch), 0.0)
    share = np.minimum(1.0, np.divide(needed, offered, out=np.zeros(n), where=offered > 0))
    bid = most * share[nearest]
    to = np.where(bid > 0, nearest, NOBODY)
    threshold = np.where(held[0], 0.0, np.inf)
    received = Payments(to, bid, threshold).received
    return Payments(to, bid, np.where(held[0], received, np.inf))


def payment_equilibria(game: CachingGame) -> Equilibria:
    """All placements that are the outcome of an equilibrium with payments, the dearest first.

    Raises
    ------
    TooLarge
        If the game has more than `MAX_NODES` nodes, or more than 100,000 placements would be listed.
    InvalidInput
        If the game has several objects or tiers, limits on storage or a leader.

    Examples
    --------
    >>> import poagame as pg
    >>> found = payment_equilibria(pg.instances.caching_two_clusters(4, placement_cost=4.0))
    >>> found.social_costs  # one replica, or one in each cluster
    array([10., 10., 10., 10.,  8.,  8.,  8.,  8.])
    """
    listed = [(held[yes], social[yes]) for held, social, yes in _all_placements(game)]
    if sum(len(social) for _, social in listed) > MAX_LISTED:
        raise TooLarge(f"more than {MAX_LISTED:,} placements; payment_anarchy(game) needs no list of them")
    profiles = np.concatenate([held for held, _ in listed]).astype(np.int64)
    social = np.concatenate([costs for _, costs in listed])
    order = np.lexsort((*profiles.T[::-1], -social))
    return Equilibria(profiles[order], social[order], (1,) * len(order), Outcome.CONVERGED)


def payment_extremes(game: CachingGame) -> PaymentExtremes:
    """Worst and best equilibrium with payments, and the optimum, by looking at every placement.

    Raises
    ------
    TooLarge
        If the game has more than `MAX_NODES` nodes.
    InvalidInput
        If the game has several objects or tiers, limits on storage or a leader.
    """
    number = 0
    ends: dict[str, tuple[float, np.ndarray]] = {}

    def keep(name: str, cost: float, held: np.ndarray, sign: float) -> None:
        if name not in ends or sign * cost < sign * ends[name][0]:
            ends[name] = (cost, held.copy())

    for held, social, supported in _all_placements(game):
        keep("optimum", float(social.min()), held[social.argmin()], 1.0)
        at = np.flatnonzero(supported)
        number += at.size
        if at.size:
            high, low = at[social[at].argmax()], at[social[at].argmin()]
            keep("worst", float(social[high]), held[high], -1.0)
            keep("best", float(social[low]), held[low], 1.0)
    profile = ends["optimum"][1].astype(np.int64)
    cost = float(game.social_cost(profile))
    worst, best = (payment_equilibrium(game, ends[name][1]) for name in ("worst", "best"))
    assert worst is not None
    assert best is not None
    return PaymentExtremes(worst, best, Optimum(profile, cost, cost, Outcome.OPTIMAL), number)


def payment_equilibrium(game: CachingGame, profile: ArrayLike) -> PaymentEquilibrium | None:
    """Return an equilibrium with payments with this placement [n], certified, or None where there is none.

    Raises
    ------
    InvalidInput
        As `supporting_payments`.
    """
    payments = supporting_payments(game, profile)
    if payments is None:
        return None
    placement = payments.profile
    return PaymentEquilibrium(placement, payments, float(game.social_cost(placement)), certify_payments(game, payments))


def _all_placements(game: CachingGame) -> Iterator[tuple[np.ndarray, FloatArray, np.ndarray]]:
    """Placements [M, n], their costs [M], and whether payments can bring them about [M], chunk by chunk."""
    require_payments(game)
    n = game.num_players
    if n > MAX_NODES:
        raise TooLarge(
            f"{n} nodes have 2^{n} placements, and up to {MAX_NODES} nodes are enumerated; payment_anarchy(game) gives bounds beyond, and "
            "supporting_payments(game, profile) is for any size"
        )
    hold = np.asarray(game.hold_cost)[:, 0]
    for begin in range(0, 1 << n, CHUNK):
        held = (np.arange(begin, min(begin + CHUNK, 1 << n))[:, None] >> np.arange(n) & 1).astype(bool)
        offers = _offers(game, held)
        yield held, np.where(held, hold, offers.fetch).sum(axis=1), _supported(game, held, offers)


def _offers(game: CachingGame, held: np.ndarray) -> _Offers:
    n, rows = game.num_players, np.arange(len(held))
    hold = np.asarray(game.hold_cost)[:, 0]
    fetch, most = np.empty(held.shape), np.zeros(held.shape)
    nearest = np.zeros(held.shape, dtype=np.int64)
    for j in range(n):
        asked = float(np.asarray(game.demand)[j])
        read = asked * np.asarray(game.distance)[j] if asked > 0 else np.zeros(n)
        miss = asked * float(np.asarray(game.miss_cost)[j]) if asked > 0 else 0.0
        order = np.argsort(read, kind="stable")
        order = order[order != j]
        # a last column for the miss
        costs = np.append(np.minimum(read[order], miss), miss)
        has = np.concatenate([held[:, order], np.ones((len(held), 1), dtype=bool)], axis=1)
        first = has.argmax(axis=1)
        has[rows, first] = first == n - 1
        fetch[:, j] = costs[first]
        nearest[:, j] = np.append(order, j)[first]
        pays = ~held[:, j] & (fetch[:, j] < hold[j])
        saves = np.minimum(costs[has.argmax(axis=1)], hold[j])
        most[pays, j] = (saves[pays] - fetch[pays, j]).clip(min=0.0)
    return _Offers(fetch, nearest, most)


def _supported(game: CachingGame, held: np.ndarray, offers: _Offers) -> np.ndarray:
    """[M]: whether 1 and 2 of the theorem hold, ties by `TIE_RTOL`."""
    hold, rows = np.asarray(game.hold_cost)[:, 0], np.arange(len(held))
    offered = np.zeros(held.shape)
    for j in range(game.num_players):
        offered[rows, offers.nearest[:, j]] += offers.most[:, j]
    content = offers.fetch <= hold * (1.0 + TIE_RTOL)
    worth = offers.fetch + offered >= hold * (1.0 - TIE_RTOL)
    return np.asarray(np.where(held, worth, content).all(axis=1))
