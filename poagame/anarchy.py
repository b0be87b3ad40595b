"""price_of_anarchy(game): the one place where equilibria, optimum and bound meet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np

from poagame._arrays import IntArray
from poagame.bounds.record import PoaBound
from poagame.certificates import certify_nash
from poagame.certificates.nash import gain_scale
from poagame.errors import NoEquilibrium, TooLarge, UndefinedRatio
from poagame.games.protocols import FiniteGame
from poagame.games.routing import RoutingGame
from poagame.outcome import Outcome
from poagame.solvers.best_response import BestResponse, Equilibrium, equilibrium
from poagame.solvers.enumeration import census
from poagame.solvers.load_vectors import extreme_equilibria, typed_problem
from poagame.solvers.optimum import Optimum, social_optimum
from poagame.solvers.room import check_room

NUM_STARTS = 20
"""Starts of best response where not all equilibria can be known."""


@dataclass(frozen=True, eq=False, slots=True)
class AnarchyReport:
    """Price of anarchy and of stability of a game, exact or labelled.

    Attributes
    ----------
    poa, pos : float
        Worst and best pure equilibrium over the optimum. If `exact` is false, `poa` is a lower bound on the price of
        anarchy and `pos` an upper bound on the price of stability.
    exact : bool
        Whether all pure equilibria were covered and the optimum is proved.
    poa_limit, pos_limit : float
        The other side of each where not exact: `poa` ≤ price of anarchy ≤ `poa_limit` (infinite where equilibria may
        be missing), and `pos_limit` ≤ price of stability ≤ `pos`. Equal to the values where exact.
    worst, best : Equilibrium
        The equilibria behind the values, with their certificates.
    optimum : Optimum
        With its lower bound.
    bound : PoaBound or None
        An analytic bound for the game's class, where the caller gave one.
    note : str
        What was looked at.
    """

    poa: float
    pos: float
    exact: bool
    poa_limit: float
    pos_limit: float
    worst: Equilibrium
    best: Equilibrium
    optimum: Optimum
    bound: PoaBound | None
    note: str

    def to_dict(self) -> dict[str, Any]:
        """Numbers and sentences for a table or JSON (no profiles)."""
        return {
            "poa": self.poa,
            "pos": self.pos,
            "exact": self.exact,
            "poa_limit": self.poa_limit,
            "pos_limit": self.pos_limit,
            "worst_cost": self.worst.social_cost,
            "best_cost": self.best.social_cost,
            "optimum_cost": self.optimum.social_cost,
            "optimum_lower_bound": self.optimum.lower_bound,
            "worst_max_regret": self.worst.certificate.max_regret,
            "best_max_regret": self.best.certificate.max_regret,
            "bound": None if self.bound is None else self.bound.value,
            "note": self.note,
        }

    def __str__(self) -> str:
        """A table."""
        sign = "=" if self.exact else "≥"
        rows = [
            ("price of anarchy", f"{sign} {self.poa:.9g}", f"worst equilibrium {self.worst.social_cost:.9g}"),
            (
                "price of stability",
                f"{'=' if self.exact else '≤'} {self.pos:.9g}",
                f"best equilibrium {self.best.social_cost:.9g}",
            ),
            ("optimum", f"  {self.optimum.social_cost:.9g}", str(self.optimum.outcome)),
            (
                "max regret",
                f"  {max(self.worst.certificate.max_regret, self.best.certificate.max_regret):.3g}",
                "of both equilibria",
            ),
        ]
        if self.bound is not None:
            rows.append(("bound", f"≤ {self.bound.value:.9g}", f"{self.bound.valid_for} [{self.bound.source}]"))
        rows.append(("exact" if self.exact else "not exact", "", self.note))
        first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
        return "\n".join(f"{a:<{first}}  {b:<{second}}  {c}".rstrip() for a, b, c in rows)


@singledispatch
def price_of_anarchy(game: FiniteGame, bound: PoaBound | None = None) -> AnarchyReport:
    """Worst and best pure Nash equilibrium over the social optimum.

    Exact for every finite game small enough to enumerate, and for static routing games (unit weights, overlap alone)
    of hundreds of requests by their load vectors. Beyond, the report is labelled: equilibria found from several starts
    bound the price of anarchy from below and the price of stability from above.

    Parameters
    ----------
    game : FiniteGame
        The game.
    bound : PoaBound, optional
        An analytic bound to print beside the values; whether the game is in its class is the caller's word.

    Raises
    ------
    UndefinedRatio
        If the optimum is not proved positive (overlap may outweigh latency).
    NoEquilibrium
        If the game is proved to have no pure equilibrium, or none was found.

    Examples
    --------
    >>> import poagame as pg
    >>> game = pg.RoutingGame(pg.latency.Polynomial([[0.0, 1.0], [2.0, 0.0]]), [[0.0, 0.0], [0.0, 0.0]])
    >>> print(pg.price_of_anarchy(game))
    price of anarchy    = 1.33333333  worst equilibrium 4
    price of stability  = 1           best equilibrium 3
    optimum               3           optimal: the lower bound meets the cost
    max regret            0           of both equilibria
    exact                             all load vectors of 2 requests of 1 type on 2 workers
    """
    found = census(game)
    optimum = Optimum(found.optimum, found.optimum_cost, found.optimum_cost, Outcome.OPTIMAL)
    if found.worst is None or found.best is None:
        raise NoEquilibrium(
            f"the game has no pure equilibrium: all {game.num_actions}^{game.num_players} profiles were looked at. "
            "improvement_cycle(game) shows a cycle of best replies"
        )
    profiles = game.num_actions**game.num_players
    return _report(game, found.worst, found.best, optimum, f"all {profiles:,} profiles", covered=True, bound=bound)


@price_of_anarchy.register
def _(game: RoutingGame, bound: PoaBound | None = None) -> AnarchyReport:
    check_room(game)
    if not game.is_static:
        try:
            return price_of_anarchy.dispatch(object)(game, bound)
        except TooLarge:
            return _from_starts(game, bound)
    problem = typed_problem(game)
    optimum = social_optimum(game)
    try:
        extremes = extreme_equilibria(problem)
    except TooLarge:
        return _from_starts(game, bound)
    kinds = f"{len(problem.counts)} type{'s' if len(problem.counts) > 1 else ''}"
    note = f"all load vectors of {game.num_players} requests of {kinds} on {game.num_actions} workers"
    worst, best = problem.profile(extremes.worst), problem.profile(extremes.best)
    return _report(game, worst, best, optimum, note, covered=True, bound=bound)


def _from_starts(game: RoutingGame, bound: PoaBound | None) -> AnarchyReport:
    rng = np.random.default_rng(0)
    starts = [None, *rng.integers(0, game.num_actions, (NUM_STARTS - 1, game.num_players))]
    found = [equilibrium(game, BestResponse(), start) for start in starts]
    found = [e for e in found if e.outcome is Outcome.CONVERGED]
    if not found:
        raise NoEquilibrium(f"best response from {NUM_STARTS} starts reached no equilibrium; the game may have none")
    costs = [e.social_cost for e in found]
    note = f"equilibria of best response from {NUM_STARTS} starts ({len(found)} converged); others may exist"
    worst, best = found[int(np.argmax(costs))].profile, found[int(np.argmin(costs))].profile
    return _report(game, worst, best, social_optimum(game), note, covered=False, bound=bound)


def _report(
    game: FiniteGame,
    worst: IntArray,
    best: IntArray,
    optimum: Optimum,
    note: str,
    *,
    covered: bool,
    bound: PoaBound | None,
) -> AnarchyReport:
    # a difference of large latencies and gains may be all rounding
    dust = 1e-12 * gain_scale(game) * game.num_players
    if optimum.lower_bound <= dust or optimum.social_cost <= dust:
        why = "overlap may outweigh latency: lower overlap_weight, or add the constant cost of serving a request to it"
        raise UndefinedRatio(
            f"the optimum lies between {optimum.lower_bound:g} and {optimum.social_cost:g}, so a ratio over it means "
            f"nothing; {why if isinstance(game, RoutingGame) and gain_scale(game) else 'the game may cost nothing'}"
        )
    high, low = (_as_equilibrium(game, profile) for profile in (worst, best))
    costs = (high.social_cost, low.social_cost, optimum.social_cost)
    if not np.isfinite(costs).all():
        raise UndefinedRatio(
            f"worst equilibrium, best equilibrium and optimum cost {costs[0]:g}, {costs[1]:g} and {costs[2]:g}: some request is "
            "stuck on a worker beyond its capacity, and no ratio is defined. Raise capacities"
        )
    if low.social_cost < optimum.social_cost:  # a heuristic optimum that an equilibrium beats
        optimum = replace(optimum, profile=low.profile, social_cost=low.social_cost)
    if optimum.gap > 1e-5 * optimum.social_cost:  # proved against larger numbers than the cost that is left of them
        optimum = replace(optimum, outcome=Outcome.BOUNDED)
    proved = optimum.outcome is Outcome.OPTIMAL
    blurred = game.num_players * max(high.certificate.max_regret, low.certificate.max_regret)
    if not (high.certificate.holds and low.certificate.holds) or blurred > 1e-6 * optimum.social_cost:
        covered, note = False, f"{note}; but the regret of a profile found there is not small against the optimum"
    poa = high.social_cost / optimum.social_cost
    poa_limit = poa if covered and proved else (high.social_cost / optimum.lower_bound if covered else float("inf"))
    pos = low.social_cost / (optimum.social_cost if proved else optimum.lower_bound)
    pos_limit = pos if covered and proved else (low.social_cost / optimum.social_cost if covered else 1.0)
    return AnarchyReport(poa, pos, covered and proved, poa_limit, pos_limit, high, low, optimum, bound, note)


def _as_equilibrium(game: FiniteGame, profile: IntArray) -> Equilibrium:
    certificate = certify_nash(game, profile)
    outcome = Outcome.CONVERGED if certificate.holds else Outcome.NO_EQUILIBRIUM_FOUND
    return Equilibrium(profile, float(game.social_cost(profile)), certificate, outcome, 0)
