"""Are these flows an equilibrium of players that split, and how far off? Frank–Wolfe gaps bound each player's regret."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.certificates.variational import certify_variational
from poagame.games.splittable import SplittableRouting
from poagame.latency.convexity import total_cost_is_convex

RTOL = 1e-8
"""Regret that a certificate tolerates, relative to what all players pay at marginal costs."""


@dataclass(frozen=True, slots=True)
class SplittableCertificate:
    """How far flows are from an equilibrium of players that split.

    Attributes
    ----------
    max_regret : float
        No player can lower its cost by more, whatever flow it turns to; infinite where that is not proved, because some
        load × latency is not known to be convex.
    player : int
        The player with the largest bound.
    first_order : float
        The largest Frank–Wolfe gap: what a player would save if marginal costs stayed. Equal to `max_regret` where that is finite.
    infeasibility : float
        Largest violation of x ≥ 0 and of a demand, relative to the demand.
    residual : float
        Natural residual of the variational inequality, without a unit.
    tolerance : float
        What `max_regret` may be, in cost units: `RTOL` × the largest total of flow × marginal cost that a player pays.
    """

    max_regret: float
    player: int
    first_order: float
    infeasibility: float
    residual: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the flows are feasible and nobody gains more than `tolerance`."""
        return self.max_regret <= self.tolerance and self.infeasibility <= 1e-12


def certify_splittable(game: SplittableRouting, x: ArrayLike) -> SplittableCertificate:
    r"""Certificate of flows x [N, A] as an equilibrium.

    Where every :math:`x \mapsto x\,\ell_r(b + x)` is convex, so is a player's own cost, and its gradient F_i bounds its best reply from
    below: the regret is at most :math:`\sum_a x_{ia} F_{ia} - d_i \min_a F_{ia}`.

    Raises
    ------
    InvalidInput
        If x has another shape, or holds NaN or infinite entries.
    """
    flow = as_floats(x, "x")
    require(flow.shape == game.available.shape, f"flows have shape [N, A] = {game.available.shape}; got {flow.shape}")
    demand = np.asarray(game.demand)
    off = np.maximum((-flow).max(axis=1), np.abs(flow.sum(axis=1) - demand))
    off = np.maximum(off, np.where(game.available, 0.0, np.abs(flow)).max(axis=1))
    infeasibility = float((off / demand).max())
    flow = np.maximum(flow, 0.0)
    marginal = np.where(game.available, game.pseudogradient(flow), np.inf)
    gaps, paid = frank_wolfe_gaps(flow, marginal, demand)
    player = int(gaps.argmax())
    first_order = float(max(gaps[player], 0.0))
    proved = bool(total_cost_is_convex(game.latency)[game.resource].all())
    residual = certify_variational(game, flow).residual
    tolerance = RTOL * float(paid.max()) if np.isfinite(paid).all() else 0.0
    return SplittableCertificate(
        first_order if proved else np.inf, player, first_order, infeasibility, residual, tolerance
    )


def frank_wolfe_gaps(flow: FloatArray, marginal: FloatArray, demand: FloatArray) -> tuple[FloatArray, FloatArray]:
    """[N] Σ_a x F − d min F and [N] Σ_a x F, for flows and marginal costs [N, A] (infinite for lacking actions)."""
    used = flow > 0
    paid = (flow * np.where(used, marginal, 0.0)).sum(axis=1)
    least = marginal.min(axis=1)
    # summed as excesses: exactly 0 at an exact equilibrium, and no cancellation near one
    excess = np.where(used, marginal, 0.0) - np.where(used, np.where(np.isfinite(least), least, 0.0)[:, None], 0.0)
    gaps = (flow * excess).sum(axis=1)
    return np.where(np.isfinite(least), gaps, np.inf), paid
