"""Laws on the price of anarchy and of stability of a game, broken only by what is proved."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from poagame._arrays import require
from poagame.anarchy import AnarchyReport, price_of_anarchy
from poagame.anarchy.report import Concept
from poagame.anarchy.verb import default_concept
from poagame.bounds.record import PoaBound
from poagame.errors import InvalidInput, NoEquilibrium, UndefinedRatio
from poagame.games.protocols import JointlyConvexGame
from poagame.games.splittable import SplittableRouting
from poagame.testing.broken import Undecided, beside_optimum, broken, checked_rtol, no_evidence, steer

Measure = Literal["price of anarchy", "price of stability"]


def assert_poa_at_most(
    game: Any, bound: float | PoaBound, concept: Concept | None = None, rtol: float = 1e-9
) -> AnarchyReport:
    """Law: the worst equilibrium costs at most `bound` times the optimum. Steers towards a high price of anarchy.

    The law is broken only by what is proved: `poa_low` of the report exceeds the bound by more than `rtol`.

    Parameters
    ----------
    game : FiniteGame, NetworkRouting or SplittableRouting
    bound : float or PoaBound
        A number ≥ 1, or an analytic bound on the price of anarchy that covers the concept. Whether the game is in the bound's class is
        the caller's word: that is what the test is about.
    concept : str, optional
        As in `price_of_anarchy`: "pure", "wardrop" or "splittable", by the kind of game, where not given.
    rtol : float
        Excess that rounding may explain.

    Returns
    -------
    AnarchyReport
        That keeps the law: its `poa`, if exact, or else its `poa_high` is at most the bound, up to `rtol`.

    Raises
    ------
    LawBroken
        With the ratio, the game as code, and the worst equilibrium beside the optimum.
    UndefinedRatio, NoEquilibrium
        If the game has no ratio (it costs nothing, say) or no equilibrium; inside a Hypothesis test the example is rejected.
    Undecided
        If the bound lies between `poa_low` and `poa` (exact) or `poa_high`; inside a Hypothesis test the example is rejected.
    InvalidInput
        If the bound is no finite number ≥ 1, is a lower bound, is not on the price of anarchy, or does not cover the concept; if the
        concept is "logit" or the game of a kind without one; or if `rtol` is not in [0, 1).
    TooLarge
        As `price_of_anarchy`.

    Examples
    --------
    >>> import poagame as pg
    >>> links = pg.CongestionGame(pg.latency.Polynomial([[0.0, 1.0], [2.0, 0.0]]), [[[0], [1]], [[0], [1]]])
    >>> assert_poa_at_most(links, 1.3)
    Traceback (most recent call last):
        ...
    poagame.testing.broken.LawBroken: broken: the price of anarchy is at most 1.3 (pure)
    1.333333333 > 1.3
    <BLANKLINE>
    CongestionGame(Polynomial(coefficients=[[0.0, 1.0], [2.0, 0.0]]), actions=[[[0], [1]], [[0], [1]]])
    <BLANKLINE>
    player  equilibrium  pays  best deviation  would pay  optimum  pays
    0       0 {0}        2     1 {1}           2          0 {0}    1
    1       0 {0}        2     1 {1}           2          1 {1}    2
    all                  4                                         3
    """
    return _at_most(game, bound, concept, rtol, "price of anarchy")


def assert_pos_at_most(
    game: Any, bound: float | PoaBound, concept: Concept | None = None, rtol: float = 1e-9
) -> AnarchyReport:
    """Law: the best equilibrium costs at most `bound` times the optimum; else as `assert_poa_at_most`.

    A `PoaBound` on the price of stability or of anarchy will do, as the latter is never smaller.
    """
    return _at_most(game, bound, concept, rtol, "price of stability")


def _at_most(
    game: Any, bound: float | PoaBound, concept: Concept | None, rtol: float, measure: Measure
) -> AnarchyReport:
    concept = concept_of(game, concept)
    limit = limit_of(bound, concept, measure)
    rtol = checked_rtol(rtol)
    try:
        found = price_of_anarchy(game, concept=concept)
    except (UndefinedRatio, NoEquilibrium) as error:
        no_evidence(error)
    anarchy = measure == "price of anarchy"
    low, value, high = (
        (found.poa_low, found.poa, found.poa_high) if anarchy else (found.pos_low, found.pos, found.pos_high)
    )
    law = f"the {measure} is at most {limit:.10g} ({concept})"
    steer(low, measure)
    if low > limit * (1.0 + rtol):
        table = beside_optimum(game, found.worst if anarchy else found.best, found.optimum)
        proved = "" if low >= value * (1.0 - 1e-9) else f" (proved: at least {low:.10g})"
        raise broken(law, f"{value:.10g} > {limit:.10g}{proved}", game, table)
    # an exact ratio is the value; its interval only says how far rounding could have moved it
    if (value if found.exact else high) > limit * (1.0 + rtol):
        no_evidence(
            Undecided(
                f"{law}: it is known to lie between {low:.10g} and {high:.10g} ({found.note}). Test smaller games, or another concept"
            )
        )
    return found


def concept_of(game: Any, concept: Concept | None) -> Concept:
    """The concept asked for, or that of the kind of game, if a ratio of costs by it can be had without further parameters.

    Raises
    ------
    InvalidInput
        If it is "logit", which needs a temperature; or if the game has no price of anarchy in this library.
    """
    require(
        concept != "logit",
        "concept='logit' needs a temperature, which these laws do not take; write the ratio yourself: assert_at_most(game, "
        "price_of_anarchy(game, concept='logit', temperature=t).poa_low, bound, 'the law'), or give search_worst such a measure",
    )
    priced = isinstance(game, SplittableRouting) or not isinstance(game, JointlyConvexGame)
    require(
        priced,
        f"price_of_anarchy knows no optimum of {type(game).__name__}, whose players choose real vectors; compare "
        "variational_equilibrium(game) with a cost that you know, by assert_at_most(game, cost, limit, 'the law')",
    )
    return default_concept(game) if concept is None else concept


def limit_of(bound: float | PoaBound, concept: Concept, measure: Measure) -> float:
    """The number behind a bound that says something about this measure of this concept."""
    if isinstance(bound, PoaBound):
        name = bound.name or "the bound"
        require(
            bound.side == "upper", f"{name} is a lower bound, which no game breaks by costing less; give an upper bound"
        )
        fits = bound.measure in ("price of anarchy", measure)
        require(fits, f"{name} bounds the {bound.measure}, not the {measure}")
        require(
            bound.covers(concept),
            f"{name} is proved for {bound.kind} equilibria, which do not cover concept={concept!r}; give the bound's number to test "
            "whether it holds there all the same",
        )
        number = bound.value
    elif isinstance(bound, int | float | np.integer | np.floating) and not isinstance(bound, bool):
        number = float(bound)
    else:
        raise InvalidInput(f"bound is a number or a PoaBound of poagame.bounds; got {bound!r:.80}")
    require(1.0 <= number < np.inf, f"a bound on a ratio of costs is a finite number >= 1; got {number}")
    return number
