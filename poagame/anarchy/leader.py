r"""Price of anarchy under a leader that rules a fraction of the nodes: the Stackelberg reading of selfish caching.

A leader (a KV block manager, a router) rules the first ⌊βn⌋ nodes of an order, and all others choose for themselves. With X the optimum of
the whole, :math:`c_i(Y) = w_i \min(m_i, \min_{k \in Y} d_{ik})` and :math:`x_i` what holding a replica costs node i, it does one of these:

- "optimum": it fixes what its nodes hold, as at X;
- "prices": it sets the prices of its nodes such that X is stable. A holder pays :math:`\min(x_i, c_i(X \setminus i))`, so that a replica
  is just worth it while the others of X stand; another node pays :math:`\max(x_i, \max_{k \in X} c_i(\{k\}))` (with a miss for the
  maximum where X is empty), so that even the farthest replica of X is better than its own;
- "firm_prices": a holder pays :math:`\min(x_i, \min_{k \ne i} c_i(\{k\}))`, so that a replica is worth it wherever the others are. With
  β = 1 no other equilibrium is left than X, except for nodes that are indifferent at any price ≥ 0: without demand, or at distance 0 of
  another.

Prices are a millionth of the placement cost on the leader's side of the tie. What it pays is a transfer, and no part of the social cost.
X costs the same with and without the leader, so ratios are over one optimum. With β = 0 the price of anarchy is that of the game.

*More leadership can be worse* (own instances). Others rely on a replica that the leader places, and no longer serve those to whom it is of
little use: a hub that holds only if it is led, for it asks for nothing itself (the example of `led_anarchy`) or has a holder beside it.
Once all holders of X are led the optimum is what is left if the game has no subsidies of its own, so the default order, holders first,
rises at most before. If nodes come first
that hold nothing at X, they can no longer hold where others do not. Prices that make X stable make other placements stable too.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from rich.console import Console
from rich.progress import track

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.anarchy.pure import pure_costs
from poagame.anarchy.report import AnarchyReport, report
from poagame.errors import NoEquilibrium, UndefinedRatio
from poagame.games.caching import CachingGame
from poagame.solvers.optimum import Optimum, social_optimum

Lead = Literal["optimum", "prices", "firm_prices"]

MARGIN = 1e-6
"""By how much of the placement cost prices are on the leader's side of a tie."""


@dataclass(frozen=True, eq=False, slots=True)
class LedCurve:
    """Price of anarchy of a caching game by the fraction of its nodes that a leader rules.

    Attributes
    ----------
    fraction : [B]
        β, as given.
    num_led : [B] int64
        ⌊βn⌋, the nodes ruled: the first ones of `order`.
    poa, poa_low, poa_high : [B]
        Worst equilibrium over the optimum, and the interval that surely holds it; `poa` bounds it from below where not `exact`.
    pos : [B]
        Best equilibrium over the optimum.
    exact : [B] bool
        Whether all equilibria were covered and the optimum is proved.
    spending, least_spending : [B]
        What the leader pays to nodes beyond the game's own subsidies, less what it charges, at the worst and the best equilibrium.
    optimum : Optimum
        Of the whole.
    order : [n] int64
        Nodes, in the order in which the leader takes them.
    lead : str
        What the leader does.
    reports : tuple of AnarchyReport
        Behind each value, with certified equilibria.
    complete : bool
        Whether all fractions asked for are here: an interrupted curve holds those that were done.
    """

    fraction: FloatArray
    num_led: IntArray
    poa: FloatArray
    poa_low: FloatArray
    poa_high: FloatArray
    pos: FloatArray
    exact: np.ndarray
    spending: FloatArray
    least_spending: FloatArray
    optimum: Optimum
    order: IntArray
    lead: Lead
    reports: tuple[AnarchyReport, ...]
    complete: bool

    def __len__(self) -> int:
        """B, the number of fractions."""
        return len(self.fraction)

    def __str__(self) -> str:
        """A table."""
        lines = [f"{'fraction':>8}  {'nodes':>5}  {'poa':>12}  {'pos':>12}  {'spending':>12}"]
        for at in range(len(self)):
            row = (self.fraction[at], self.num_led[at], self.poa[at], self.pos[at], self.spending[at])
            mark = "" if self.exact[at] else "  not exact"
            lines.append("{:>8.4g}  {:>5d}  {:>12.9g}  {:>12.9g}  {:>12.6g}".format(*row) + mark)
        return "\n".join(lines if self.complete else [*lines, "(interrupted)"])


def led_anarchy(
    game: CachingGame, fractions: ArrayLike, lead: Lead = "optimum", order: ArrayLike | None = None
) -> LedCurve:
    r"""Price of anarchy of a caching game of which a leader rules a fraction of the nodes; see the module for what it does.

    Exact where `price_of_anarchy` is. Ctrl-C ends the curve early and keeps what is done.

    Parameters
    ----------
    game : CachingGame
        For prices of one object and one tier.
    fractions : [B]
        β in 0 … 1, in any order.
    lead : "optimum", "prices" or "firm_prices"
    order : [n] int, optional
        All nodes, those that the leader takes first in front. Where not given: the holders of the optimum, those first whose replicas
        save most, then the others, those first that pay most at the optimum; ties by number.

    Raises
    ------
    InvalidInput
        If fractions are not in 0 … 1, the order does not name each node once, or prices are asked for with objects or tiers.
    NoEquilibrium
        If the nodes that choose are proved to have no pure equilibrium at some fraction; the message names it.
    UndefinedRatio
        If the optimum costs nothing, or a node that the leader keeps from holding can be out of everybody's reach.
    TooLarge
        As `price_of_anarchy`.

    Examples
    --------
    A leader of one node in eight, which holds the replica, is enough where one replica is best:

    >>> import poagame as pg
    >>> curve = led_anarchy(pg.instances.caching_uniform_worst(8), [0.0, 0.125, 1.0])
    >>> curve.poa
    array([4., 1., 1.])

    More of it can be worse. Node 0 is a hub without requests, 6 from each of four nodes and 9 from three that are together; a replica costs
    10. Without a leader one of the three and each of the four hold one. With a replica at the hub nobody holds another.

    >>> from_hub = np.array([0.0, 6.0, 6.0, 6.0, 6.0, 9.0, 9.0, 9.0])
    >>> distance = np.where(np.eye(8) > 0, 0.0, from_hub + from_hub[:, None])
    >>> distance[5:, 5:] = 0.0
    >>> game = CachingGame(distance, 10.0, [0, 1, 1, 1, 1, 1, 1, 1])
    >>> print(led_anarchy(game, [0.0, 0.125, 0.25]))
    fraction  nodes           poa           pos      spending
           0      0    1.13636364    1.13636364             0
       0.125      1    1.38636364    1.38636364             0
        0.25      2             1             1             0
    """
    require(isinstance(game, CachingGame), f"led_anarchy is for a CachingGame; got {type(game).__name__}")  # pyright: ignore[reportUnnecessaryIsInstance]
    beta = np.atleast_1d(as_floats(fractions, "fractions"))
    require(beta.ndim == 1 and beta.size > 0, f"fractions is a list of numbers in 0 … 1; got shape {beta.shape}")
    require(
        bool(((beta >= 0) & (beta <= 1)).all()), f"fractions must lie in 0 … 1; got {beta.min():g} … {beta.max():g}"
    )
    require(lead in get_args(Lead), f"lead is {', '.join(map(repr, get_args(Lead)))}; got {lead!r:.80}")
    if lead != "optimum":
        require(
            not game.has_objects and game.num_tiers == 1,
            "prices are of one object in one tier: call game.one_object(k) for each, or lead='optimum'",
        )
    n = game.num_players
    optimum = social_optimum(game)
    row = leading_order(game, optimum.profile) if order is None else _given_order(order, n)
    counts = np.floor(beta * n + 1e-9).astype(np.int64)
    done: dict[int, tuple[AnarchyReport, float, float]] = {}
    shown = track(
        [int(k) for k in dict.fromkeys(counts.tolist())],
        "price of anarchy under a leader",
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    complete = True
    try:
        for count in shown:
            led = led_game(game, optimum.profile, row[:count], lead)
            try:
                costs, _ = pure_costs(led)
                found = report(costs, optimum, "pure", None)
            except (NoEquilibrium, UndefinedRatio) as error:
                raise type(error)(f"with {count} of {n} nodes led: {error}") from error
            done[count] = (found, _spent(game, led, found.worst.profile), _spent(game, led, found.best.profile))
    except KeyboardInterrupt:
        complete = False
    kept = np.array([k for k in range(len(counts)) if int(counts[k]) in done], dtype=np.int64)
    rows = [done[int(counts[k])] for k in kept]
    reports = tuple(found for found, _, _ in rows)
    return LedCurve(
        beta[kept],
        counts[kept],
        _column([r.poa for r in reports]),
        _column([r.poa_low for r in reports]),
        _column([r.poa_high for r in reports]),
        _column([r.pos for r in reports]),
        np.array([r.exact for r in reports], dtype=bool),
        _column([spent for _, spent, _ in rows]),
        _column([spent for _, _, spent in rows]),
        optimum,
        row,
        lead,
        reports,
        complete,
    )


def led_game(game: CachingGame, optimum: ArrayLike, led: ArrayLike, lead: Lead = "optimum") -> CachingGame:
    """Return the game that is left to the nodes that choose when a leader rules the nodes `led`.

    Parameters
    ----------
    game : CachingGame
    optimum : profile
        What the leader aims at.
    led : [M] int
        The nodes that it rules.
    lead : "optimum", "prices" or "firm_prices"
        See the module; prices are of one object in one tier.

    Raises
    ------
    InvalidInput
        If `led` names a node that there is not, or the lead is unknown.
    """
    nodes = as_floats(led, "led")
    inside = (nodes >= 0) & (nodes < game.num_players) & (nodes == np.floor(nodes))
    require(bool(inside.all()), f"led names nodes 0 … {game.num_players - 1}; got {nodes.tolist()!s:.80}")
    require(lead in get_args(Lead), f"lead is {', '.join(map(repr, get_args(Lead)))}; got {lead!r:.80}")
    s, rule = game.as_profile(optimum), np.zeros(game.num_players, dtype=bool)
    rule[nodes.astype(np.int64)] = True
    if lead == "optimum":
        free = np.full(s.shape, -1) if game.fixed is None else np.asarray(game.fixed)
        return game.fix(np.where(rule[:, None] if game.has_objects else rule, s, free))
    price, cost = float(game.tiers.price[0]), np.asarray(game.placement_cost)
    if price == 0:
        return game  # places are free, and no subsidy moves what they cost
    demand, miss, own = np.asarray(game.demand), np.asarray(game.miss_cost), float(game.tiers.access[0])
    held, others = s > 0, ~np.eye(game.num_players, dtype=bool)

    def worth(read: FloatArray) -> FloatArray:
        """What a replica saves its node that would else read at `read` for each unit."""
        saved = np.maximum(0.0, np.minimum(read, miss) - own)
        return demand * np.where(demand > 0, saved, 0.0)

    read = game.read_cost[:, :, 0]
    counts = others & held if lead == "prices" else others
    rival = np.where(counts, read, np.inf).min(axis=1)
    # with no copy to read a node that stays out misses
    farthest = np.where(held & np.isfinite(read), read, 0.0).max(axis=1) if held.any() else np.full(len(held), np.inf)
    paid = np.asarray(game.paid_cost)[:, 0]
    low = np.minimum(paid, np.maximum(0.0, worth(rival) - MARGIN * cost))
    high = np.maximum(paid, worth(farthest) + MARGIN * cost)
    wanted = np.where(held, low, high)
    return game.subsidised(np.where(rule, np.minimum(cost, cost - wanted / price), game.subsidy))


def leading_order(game: CachingGame, optimum: ArrayLike) -> IntArray:
    """[n]: nodes in the order in which a leader takes them unless told otherwise, see `led_anarchy`."""
    s = game.as_profile(optimum)
    holds = (s > 0).any(axis=1) if game.has_objects else s > 0
    saves = np.zeros(game.num_players)
    base = float(game.social_cost(s))
    for i in np.flatnonzero(holds):
        without = s.copy()
        without[i] = 0
        saves[i] = float(game.social_cost(without)) - base
    return np.lexsort((-game.player_costs(s), -saves, ~holds)).astype(np.int64)


def _given_order(order: ArrayLike, nodes: int) -> IntArray:
    given = as_floats(order, "order")
    require(
        given.shape == (nodes,) and np.array_equal(np.sort(given), np.arange(nodes)),
        f"order names each of the nodes 0 … {nodes - 1} once; got {given.tolist()!s:.80}",
    )
    return given.astype(np.int64)


def _spent(game: CachingGame, led: CachingGame, profile: IntArray) -> float:
    """What the leader's own prices cost it at a profile."""
    if game.has_objects or game.num_tiers > 1:
        return 0.0
    granted = (np.asarray(led.subsidy) - np.asarray(game.subsidy)) * float(game.tiers.price[0])
    return float(granted[profile > 0].sum())


def _column(values: Sequence[float]) -> FloatArray:
    return np.array(values, dtype=np.float64)
