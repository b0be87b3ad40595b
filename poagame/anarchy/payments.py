"""Price of anarchy and of stability of selfish caching with side payments."""

from __future__ import annotations

from typing import Any

import numpy as np

from poagame._arrays import require
from poagame.anarchy.pure import pure_costs
from poagame.anarchy.report import AnarchyReport, Costs, report
from poagame.bounds.record import PoaBound
from poagame.errors import NoEquilibrium
from poagame.games.caching import CachingGame
from poagame.games.payments import require_payments
from poagame.solvers.caching.payments import MAX_NODES, PaymentEquilibrium, payment_equilibrium, payment_extremes
from poagame.solvers.optimum import Optimum, social_optimum


def payment_anarchy(game: CachingGame, bound: PoaBound | None = None) -> AnarchyReport:
    r"""Worst and best pure equilibrium of caching with side payments, over the optimum.

    Exact up to `MAX_NODES` nodes, by all placements. Beyond, every equilibrium *without* payments and every optimum is one with them
    (`poagame.solvers.caching.payments` has the proofs): the worst known of these bounds the price of anarchy from below, and the sum of
    all placement costs, more than which no equilibrium costs, from above.

    Parameters
    ----------
    game : CachingGame
        One object, one tier, no limits on storage, no leader.
    bound : PoaBound, optional
        An analytic bound to print beside the values; whether the game is in its class is the caller's word.

    Returns
    -------
    AnarchyReport
        Its `worst` and `best` are `PaymentEquilibrium`: placements with the bids and thresholds that bring them about, certified. The
        price of stability is 1.

    Raises
    ------
    UndefinedRatio
        If the optimum costs nothing.
    TooLarge
        If the game is too large for its optimum to be found or bounded.
    InvalidInput
        If payments are not defined for the game.

    Examples
    --------
    Payments help the best equilibrium, and do not rule out the worst.

    >>> import poagame as pg
    >>> game = pg.instances.caching_two_clusters(8, placement_cost=10.0)
    >>> print(payment_anarchy(game))
    price of anarchy    = 2.3  worst equilibrium 46
    price of stability  = 1    best equilibrium 20
    optimum               20   optimal: the bound meets the cost
    max regret            0    of both equilibria
    exact                      with payments, all 256 placements
    >>> pg.price_of_anarchy(game).pos
    2.3
    """
    require_payments(game)
    require(bound is None or isinstance(bound, PoaBound), f"bound is a PoaBound of poagame.bounds; got {bound!r:.80}")
    if game.num_players > MAX_NODES:
        return report(*_bounded(game), "pure", bound)
    found = payment_extremes(game)
    worst, best = found.worst.social_cost, found.best.social_cost
    note = f"with payments, all {2**game.num_players:,} placements"
    sure = found.worst.certificate.holds and found.best.certificate.holds
    costs = Costs(found.worst, found.best, worst, worst, best, best, sure, note)
    return report(costs, found.optimum, "pure", bound)


def _bounded(game: CachingGame) -> tuple[Costs, Optimum]:
    known: list[PaymentEquilibrium] = []
    solutions: list[Any]
    try:
        selfish, optimum = pure_costs(game)
        solutions = [selfish.worst, selfish.best, optimum]
    except NoEquilibrium:
        optimum = social_optimum(game)
        solutions = [optimum]
    for solution in solutions:
        found = payment_equilibrium(game, solution.profile)
        if found is not None and found.certificate.holds:
            known.append(found)
    if not known:
        raise NoEquilibrium(
            "no equilibrium with payments was found, though there is one: the optimum, which is not proved at this size"
        )
    worst, best = max(known, key=_cost), min(known, key=_cost)
    most = float(np.asarray(game.hold_cost).sum())
    note = "with payments, equilibria without them and the best placement found; others may exist"
    low = min(optimum.lower_bound, best.social_cost)
    return Costs(
        worst, best, worst.social_cost, max(most, worst.social_cost), low, best.social_cost, False, note
    ), optimum


def _cost(equilibrium: PaymentEquilibrium) -> float:
    return equilibrium.social_cost
