"""What a price of anarchy is reported as: values, the interval that surely holds them, and what stands behind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from poagame.bounds.record import PoaBound
from poagame.errors import UndefinedRatio
from poagame.outcome import Outcome
from poagame.solvers.optimum import Optimum

Concept = Literal["pure", "mixed", "correlated", "cce", "logit", "wardrop", "splittable"]


class Certificate(Protocol):
    """Whether an answer is what it claims to be."""

    @property
    def holds(self) -> bool:
        """Whether it is, up to the tolerance that the certificate states."""
        ...


class Solution(Protocol):
    """An equilibrium of some concept."""

    @property
    def social_cost(self) -> float:
        """Its cost to all."""
        ...

    @property
    def certificate(self) -> Certificate:
        """The proof at it."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class AnarchyReport:
    """Price of anarchy and of stability of a game, exact or labelled.

    Attributes
    ----------
    poa, pos : float
        Worst and best equilibrium found of the concept over the optimum. If `exact` is false they are not known to be the
        ratios, which `poa_low` … `pos_high` enclose; mostly `poa` is then the lower bound itself, and `pos` the upper one.
    exact : bool
        Whether all equilibria of the concept were covered and the optimum is proved, up to the tolerances of the solvers.
        If the certificate of `worst` (or `best`) does not hold, its value proves nothing, and the table marks it with "≈".
    poa_low, poa_high, pos_low, pos_high : float
        The values surely lie between: with the gaps of the equilibria and of the optimum as error bars, and infinite or 1
        on the side where equilibria may be missing.
    worst, best : equilibrium records of the concept
        Those behind the values, with their certificates.
    optimum : Optimum
        With its lower bound.
    bound : PoaBound or None
        An analytic bound for the game's class, where the caller gave one.
    concept : str
        "pure", "mixed", "correlated", "cce", "logit", "wardrop" or "splittable".
    note : str
        What was looked at.
    """

    poa: float
    pos: float
    exact: bool
    poa_low: float
    poa_high: float
    pos_low: float
    pos_high: float
    worst: Any
    best: Any
    optimum: Optimum
    bound: PoaBound | None
    concept: Concept
    note: str

    def to_dict(self) -> dict[str, Any]:
        """Numbers and sentences for a table or JSON (no profiles)."""
        measure, worst_error = shortfall(self.worst.certificate)
        return {
            "concept": self.concept,
            "poa": self.poa,
            "pos": self.pos,
            "exact": self.exact,
            "poa_low": self.poa_low,
            "poa_high": self.poa_high,
            "pos_low": self.pos_low,
            "pos_high": self.pos_high,
            "worst_cost": self.worst.social_cost,
            "best_cost": self.best.social_cost,
            "optimum_cost": self.optimum.social_cost,
            "optimum_lower_bound": self.optimum.lower_bound,
            f"worst_{measure.replace(' ', '_')}": worst_error,
            f"best_{measure.replace(' ', '_')}": shortfall(self.best.certificate)[1],
            "bound": None if self.bound is None else self.bound.value,
            "note": self.note,
        }

    def __str__(self) -> str:
        """A table."""
        measure, worst_error = shortfall(self.worst.certificate)
        error = max(worst_error, shortfall(self.best.certificate)[1])
        rows = [
            (
                "price of anarchy",
                f"{self._sign('≥', self.poa_low >= self.poa * (1.0 - 1e-12))} {self.poa:.9g}",
                f"worst equilibrium {self.worst.social_cost:.9g}",
            ),
            (
                "price of stability",
                f"{self._sign('≤', self.pos_high <= self.pos * (1.0 + 1e-12))} {self.pos:.9g}",
                f"best equilibrium {self.best.social_cost:.9g}",
            ),
            ("optimum", f"  {self.optimum.social_cost:.9g}", str(self.optimum.outcome)),
            (measure, f"  {error:.3g}", "of both equilibria"),
        ]
        if self.poa_low * (1.0 + 1e-10) < self.poa_high < np.inf:
            rows.append(("poa between", f"  {self.poa_low:.9g}", f"and {self.poa_high:.9g}"))
        if self.bound is not None:
            rows.append(("bound", f"≤ {self.bound.value:.9g}", f"{self.bound.valid_for} [{self.bound.source}]"))
        concept = "" if self.concept == "pure" else f"{self.concept}: "
        rows.append(("exact" if self.exact else "not exact", "", concept + self.note))
        first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
        return "\n".join(f"{a:<{first}}  {b:<{second}}  {c}".rstrip() for a, b, c in rows)

    def _sign(self, side: str, proved: bool) -> str:
        """What the value is to the ratio: equal to it, on one side of it, or only near."""
        return "=" if self.exact else (side if proved else "≈")


def shortfall(certificate: Certificate) -> tuple[str, float]:
    """What a certificate measures, and by how much the answer misses."""
    for name in ("max_regret", "relative_gap", "residual"):
        value = getattr(certificate, name, None)
        if value is not None:
            return name.replace("_", " "), float(value)
    return "error", float("nan")


@dataclass(frozen=True, eq=False, slots=True)
class Costs:
    """Worst and best equilibrium of one concept, and between which costs the worst and the best of all surely lie."""

    worst: Solution
    best: Solution
    worst_low: float
    worst_high: float
    best_low: float
    best_high: float
    covered: bool
    note: str


def report(
    costs: Costs, optimum: Optimum, concept: Concept, bound: PoaBound | None, dust: float = 0.0
) -> AnarchyReport:
    """Ratios over the optimum, with the side that each one bounds.

    Parameters
    ----------
    costs : Costs
    optimum : Optimum
    concept : str
    bound : PoaBound, optional
    dust : float
        Size below which the optimum may be all rounding.

    Raises
    ------
    UndefinedRatio
        If the optimum is not proved positive, or a cost is infinite.
    """
    if optimum.lower_bound <= dust or optimum.social_cost <= dust:
        raise UndefinedRatio(
            f"the optimum lies between {optimum.lower_bound:g} and {optimum.social_cost:g}, so a ratio over it means nothing; "
            "the game may cost nothing, or its gains outweigh its costs: add a constant cost to each action (overlap_weight of a routing "
            "game and offset of NormalFormGame.from_payoffs move costs)"
        )
    found = (costs.worst.social_cost, costs.best.social_cost, optimum.social_cost)
    if not np.isfinite(found).all():
        raise UndefinedRatio(
            f"worst equilibrium, best equilibrium and optimum cost {found[0]:g}, {found[1]:g} and {found[2]:g}: someone is "
            "stuck beyond a capacity, and no ratio is defined. Raise capacities"
        )
    if optimum.gap > 1e-5 * optimum.social_cost:  # proved against larger numbers than the cost that is left of them
        optimum = replace(optimum, outcome=Outcome.BOUNDED)
    exact = costs.covered and optimum.outcome is Outcome.OPTIMAL
    high, low = optimum.social_cost, min(optimum.lower_bound, optimum.social_cost)
    # no equilibrium costs less than the optimum, whatever rounding says
    poa = max(1.0, costs.worst.social_cost / high)
    pos = max(1.0, costs.best.social_cost / (high if exact else low))
    return AnarchyReport(
        poa,
        pos,
        exact,
        max(1.0, costs.worst_low / high),
        max(1.0, costs.worst_high / low),
        max(1.0, costs.best_low / high),
        max(1.0, costs.best_high / low),
        costs.worst,
        costs.best,
        optimum,
        bound,
        concept,
        costs.note,
    )
