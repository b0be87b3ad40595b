"""price_of_anarchy(game): the one place where equilibria, optimum and bound meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import singledispatch
from types import MappingProxyType
from typing import Any, get_args

from poagame._arrays import require
from poagame.anarchy.pure import pure_costs
from poagame.anarchy.report import AnarchyReport, Concept, Costs, report
from poagame.bounds.record import PoaBound
from poagame.certificates.nash import gain_scale
from poagame.errors import InvalidInput
from poagame.games.caching import CachingGame
from poagame.games.network import NetworkRouting
from poagame.games.protocols import FiniteGame, as_finite
from poagame.games.splittable import SplittableRouting
from poagame.solvers.extremes import Extremes
from poagame.solvers.flow.stochastic import stochastic_wardrop
from poagame.solvers.flow.wardrop import wardrop
from poagame.solvers.mixed.correlated import correlated_extremes
from poagame.solvers.mixed.logit import logit_extremes
from poagame.solvers.mixed.mixed_equilibria import mixed_extremes
from poagame.solvers.optimum import Optimum, social_optimum
from poagame.solvers.splittable import splittable_extremes


def price_of_anarchy(
    game: Any,
    bound: PoaBound | None = None,
    concept: Concept | None = None,
    *,
    temperature: float | None = None,
    rtol: float = 1e-12,
) -> AnarchyReport:
    """Worst and best equilibrium of a concept over the social optimum.

    - "pure": exact for every finite game small enough to enumerate, for static routing games (unit weights, overlap
      alone) of hundreds of requests by their load vectors, for congestion games by a pruned search or an integer
      programme, and for caching games by bitmasks or integer programmes. Beyond, the report is labelled: equilibria
      found bound the price of anarchy from below.
    - "mixed": exact for two players; with more, the worst found, and the worst coarse correlated equilibrium as limit.
    - "correlated", "cce": worst and best (coarse) correlated equilibrium, by linear programmes with dual bounds.
    - "logit": quantal response equilibria at `temperature`; of a network, its stochastic user equilibrium.
    - "wardrop": nonatomic flow on a network; the interval carries the gaps of equilibrium and optimum.
    - "splittable": atomic players that split.

    Parameters
    ----------
    game : FiniteGame, NetworkRouting or SplittableRouting
    bound : PoaBound, optional
        An analytic bound to print beside the values; whether the game is in its class is the caller's word.
    concept : str, optional
        "pure" for a finite game, "wardrop" for a network, "splittable" for players that split, where not given.
    temperature : float, optional
        Of "logit", in cost units.
    rtol : float
        Relative gap of "wardrop".

    Raises
    ------
    UndefinedRatio
        If the optimum is not proved positive (overlap may outweigh latency).
    NoEquilibrium
        If the game is proved to have no pure equilibrium, or none of the concept was found.
    TooLarge
        If the game is too large for the concept; the message names the limit and what to use instead.
    InvalidInput
        If the game has no equilibria of the concept asked for.

    Examples
    --------
    >>> import poagame as pg
    >>> game = pg.RoutingGame(pg.latency.Polynomial([[0.0, 1.0], [2.0, 0.0]]), [[0.0, 0.0], [0.0, 0.0]])
    >>> print(pg.price_of_anarchy(game))
    price of anarchy    = 1.33333333  worst equilibrium 4
    price of stability  = 1           best equilibrium 3
    optimum               3           optimal: the bound meets the cost
    max regret            0           of both equilibria
    exact                             all load vectors of 2 requests of 1 type on 2 workers
    >>> pg.price_of_anarchy(pg.instances.braess()).poa
    1.3333333333333333
    """
    concept = default_concept(game) if concept is None else concept
    require(
        concept in get_args(Concept),
        f"concept is {', '.join(map(repr, get_args(Concept)[:-1]))} or {get_args(Concept)[-1]!r}; got {concept!r}",
    )
    require(bound is None or isinstance(bound, PoaBound), f"bound is a PoaBound of poagame.bounds; got {bound!r:.80}")
    require(
        (temperature is not None) == (concept == "logit"),
        f"temperature belongs to concept='logit', and 'logit' needs one; got concept={concept!r}, temperature={temperature}",
    )
    if concept == "wardrop":
        return _wardrop(_of(game, NetworkRouting, concept), bound, rtol)
    if concept == "splittable":
        extremes = splittable_extremes(_of(game, SplittableRouting, concept))
        return report(_costs(extremes), social_optimum(game), concept, bound)
    if concept == "logit" and isinstance(game, NetworkRouting):
        return report(_stochastic_costs(game, float(temperature or 0.0)), social_optimum(game), concept, bound)
    if concept != "pure" or not isinstance(game, CachingGame):  # whose objects may leave actions without numbers
        game = as_finite(game, f"concept={concept!r}")
    dust = 1e-12 * gain_scale(game) * game.num_players
    if concept == "pure":
        costs, optimum = pure_costs(game)
        return report(costs, _no_worse(optimum, costs), concept, bound, dust)
    extremes = logit_extremes(game, float(temperature or 0.0)) if concept == "logit" else _FINITE[concept](game)
    return report(_costs(extremes), social_optimum(game), concept, bound, dust)


SHARP = 1e-3
"""Relative width of the interval of an equilibrium's cost up to which a ratio counts as known."""

_FINITE: Mapping[str, Callable[[FiniteGame], Extremes[Any]]] = MappingProxyType(
    {
        "mixed": mixed_extremes,
        "correlated": lambda game: correlated_extremes(game, "correlated"),
        "cce": lambda game: correlated_extremes(game, "coarse"),
    }
)


@singledispatch
def default_concept(game: object) -> Concept:
    """Return the concept that a kind of game is asked about unless told otherwise."""
    return "pure"


@default_concept.register
def _(game: NetworkRouting) -> Concept:
    return "wardrop"


@default_concept.register
def _(game: SplittableRouting) -> Concept:
    return "splittable"


def _wardrop(game: NetworkRouting, bound: PoaBound | None, rtol: float) -> AnarchyReport:
    found = wardrop(game, rtol)
    return report(wardrop_costs(found), social_optimum(game), "wardrop", bound)


def wardrop_costs(found: Any) -> Costs:
    """Costs of all Wardrop equilibria, which are equal: between those that the certificate of one leaves open."""
    proof = found.certificate
    note = f"all equilibria cost the same (relative gap {proof.relative_gap:.2g})"
    if not proof.holds:
        note = f"{note}; the solver stopped short of {proof.rtol:.2g}"
    low, high = proof.cost_low, proof.cost_high
    if high - low > SHARP * found.social_cost:
        note = f"{note}; a smaller rtol narrows the interval"
    covered = proof.holds and high - low <= SHARP * found.social_cost
    return Costs(found, found, low, high, low, high, covered, note)


def _stochastic_costs(game: NetworkRouting, temperature: float) -> Costs:
    found = stochastic_wardrop(game, temperature)
    cost, holds = found.social_cost, found.certificate.holds
    note = "the stochastic user equilibrium over all simple paths is one"
    return Costs(found, found, cost, cost, cost, cost, holds, note)


def _costs(extremes: Extremes[Any]) -> Costs:
    # a point that is no equilibrium bounds nothing
    worst = extremes.worst.social_cost if extremes.worst.certificate.holds else extremes.best_limit
    best = extremes.best.social_cost if extremes.best.certificate.holds else extremes.worst_limit
    return Costs(
        extremes.worst,
        extremes.best,
        worst,
        extremes.worst_limit,
        extremes.best_limit,
        best,
        extremes.covered,
        extremes.note,
    )


def _no_worse(optimum: Optimum, costs: Costs) -> Optimum:
    """Take the best equilibrium for the optimum where a heuristic's is dearer."""
    if costs.best.social_cost >= optimum.social_cost:
        return optimum
    profile: Any = costs.best
    return Optimum(profile.profile, costs.best.social_cost, optimum.lower_bound, optimum.outcome)


def _of(game: Any, kind: type, concept: str) -> Any:
    if not isinstance(game, kind):
        raise InvalidInput(f"concept={concept!r} needs a {kind.__name__}; got {type(game).__name__}")
    return game
