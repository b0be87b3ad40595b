"""Price of anarchy against demand."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from rich.console import Console
from rich.progress import track

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.anarchy.report import AnarchyReport, report
from poagame.anarchy.verb import wardrop_costs
from poagame.errors import InvalidInput
from poagame.games.network import NetworkRouting
from poagame.solvers.flow.system_optimum import system_optimum
from poagame.solvers.flow.wardrop import wardrop


@dataclass(frozen=True, eq=False, slots=True)
class AnarchyCurve:
    """Price of anarchy of one network at several demands.

    Attributes
    ----------
    demand : [D]
        Total demand, in the order given.
    poa, poa_low, poa_high : [D]
        The value, and the interval that surely holds it.
    equilibrium_cost, optimum_cost : [D]
    relative_gap : [D]
        Of the equilibria.
    num_steps : [D] int64
        Rounds of shortest paths for the equilibrium and the optimum together; few, as each begins with its neighbour's paths.
    complete : bool
        Whether all demands asked for are here: an interrupted curve holds those that were done.
    """

    demand: FloatArray
    poa: FloatArray
    poa_low: FloatArray
    poa_high: FloatArray
    equilibrium_cost: FloatArray
    optimum_cost: FloatArray
    relative_gap: FloatArray
    num_steps: IntArray
    complete: bool

    def __len__(self) -> int:
        """D, the number of demands."""
        return len(self.demand)

    def __str__(self) -> str:
        """A table."""
        lines = [f"{'demand':>14}  {'poa':>12}  {'between':>12}  {'and':>12}  {'gap':>8}"]
        for row in zip(self.demand, self.poa, self.poa_low, self.poa_high, self.relative_gap, strict=True):
            lines.append("{:>14.8g}  {:>12.9g}  {:>12.9g}  {:>12.9g}  {:>8.2g}".format(*row))
        return "\n".join(lines if self.complete else [*lines, "(interrupted)"])


def anarchy_curve(game: NetworkRouting, demands: ArrayLike, rtol: float = 1e-12) -> AnarchyCurve:
    """Price of anarchy of a network with its demand scaled to each of several totals.

    Demands are visited in rising order, and equilibrium and optimum each begin with the paths of the demand before. Ctrl-C
    ends the curve early and keeps what is done.

    Parameters
    ----------
    game : NetworkRouting
        Its commodities keep their shares of the total.
    demands : [D]
        Totals, positive, in any order.
    rtol : float
        Relative gap of equilibria and optima.

    Raises
    ------
    InvalidInput
        If a demand is not positive.
    Infeasible
        If the largest demand does not fit below the capacities: asked before anything is solved.
    UndefinedRatio
        If an optimum is not proved positive.

    Examples
    --------
    >>> import poagame as pg
    >>> curve = pg.anarchy_curve(pg.instances.pigou(1), [0.25, 1.0, 4.0])
    >>> curve.poa.round(9)
    array([1.        , 1.33333333, 1.06666667])
    """
    if not isinstance(game, NetworkRouting):
        raise InvalidInput(f"anarchy_curve scales the demand of a NetworkRouting; got {type(game).__name__}")
    totals = np.atleast_1d(as_floats(demands, "demands"))
    require(totals.ndim == 1 and totals.size > 0, f"demands is a list of totals; got shape {totals.shape}")
    require(bool((totals > 0).all()), f"demands must be positive; the smallest is {totals.min()}")
    order = np.argsort(totals, kind="stable")
    wardrop(game.scaled(float(totals.max())), rtol=0.1, max_steps=1)  # refuses a demand that does not fit
    done: list[tuple[AnarchyReport, int]] = []
    selfish = best = None
    shown = track(
        order, "price of anarchy", console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    )
    complete = True
    try:
        for at in shown:
            here = game.scaled(float(totals[at]))
            selfish = wardrop(here, rtol, selfish)
            optimum, best = system_optimum(here, rtol, best)
            done.append(
                (
                    report(wardrop_costs(selfish), optimum, "wardrop", None),
                    selfish.num_steps + best.num_steps,
                )
            )
    except KeyboardInterrupt:
        complete = False
    kept = np.sort(order[: len(done)])
    rank = np.empty(len(totals), np.int64)
    rank[order] = np.arange(len(totals))
    reports = [done[rank[k]][0] for k in kept]
    return AnarchyCurve(
        totals[kept],
        np.array([r.poa for r in reports]),
        np.array([r.poa_low for r in reports]),
        np.array([r.poa_high for r in reports]),
        np.array([r.worst.social_cost for r in reports]),
        np.array([r.optimum.social_cost for r in reports]),
        np.array([r.worst.certificate.relative_gap for r in reports]),
        np.array([done[rank[k]][1] for k in kept], dtype=np.int64),
        complete,
    )
