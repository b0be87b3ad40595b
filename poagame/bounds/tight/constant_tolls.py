r"""Tolls that do not depend on the load, chosen for the least price of anarchy of several latencies at once.

Unknown are ρ, ν and one :math:`\tau_j \ge 0` a latency, with :math:`A\rho \le C + D\nu + (u - v)\,\tau_j` in every row. At a given ν each
latency is a programme of two unknowns (ρ, τ_j) of its own; the least of their values is a concave, piecewise linear function of ν, and each
evaluation gives a line above it. Those lines make a programme of two unknowns (ρ, ν); where it peaks the function is evaluated next,
until it is as high.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame._arrays import FloatArray, IntArray
from poagame.bounds.tight.rows import Triplets
from poagame.bounds.tight.two_unknowns import Vertex, highest

_EPSILON = 16.0 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False, slots=True)
class ConstantTolls:
    """The best tolls.

    Attributes
    ----------
    rho, nu : float
    tolls : [m]
        τ_j ≥ 0.
    latencies, rows : [k]
        The active rows: of which latency, and which of its rows.
    prices : [k]
        Their dual prices > 0.
    """

    rho: float
    nu: float
    tolls: FloatArray
    latencies: IntArray
    rows: IntArray
    prices: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class _Line:
    """ρ ≤ (c + d ν)/a, as a sum of rows of one latency."""

    a: float
    c: float
    d: float
    latency: int
    rows: IntArray
    prices: FloatArray


def choose_constant_tolls(triplets: Triplets, basis: FloatArray) -> ConstantTolls:
    """The best tolls for latencies [m, n], none of which is 0 at any load."""
    spent, due, slope = triplets.equilibrium_costs(basis), triplets.optimum_costs(basis), triplets.slopes(basis)
    gain = (triplets.u - triplets.v).astype(np.float64)

    def at(nu: float) -> list[Vertex]:
        left = due + nu * slope
        # at the largest ν some row is used up, and rounding must not make it a contradiction
        left = np.where(np.abs(left) <= _EPSILON * (due + np.abs(nu * slope)), 0.0, left)
        return [highest(spent[j], gain, left[j]) for j in range(len(basis))]

    lines = [_ceiling(triplets, due, slope)]
    nu = 0.0
    while True:
        found = at(nu)
        worst = int(np.argmin([one.rho for one in found]))
        one = found[worst]
        c, d = (float(one.prices @ table[worst, one.rows]) for table in (due, slope))
        lines.append(_Line(1.0, c, d, worst, one.rows, one.prices))
        peak = highest(*(np.array([getattr(line, name) for line in lines]) for name in ("a", "d", "c")))
        if peak.rho <= one.rho + _EPSILON * (abs(one.rho) + abs(d) * nu) or peak.nu == nu:
            break
        nu = peak.nu
    chosen = [(lines[k], price) for k, price in zip(peak.rows, peak.prices, strict=True)]
    return ConstantTolls(
        one.rho,
        nu,
        np.array([each.nu for each in found]),
        np.concatenate([np.full(len(line.rows), line.latency) for line, _ in chosen]),
        np.concatenate([line.rows for line, _ in chosen]),
        np.concatenate([price * line.prices for line, price in chosen]),
    )


def _ceiling(triplets: Triplets, due: FloatArray, slope: FloatArray) -> _Line:
    """The largest ν at which nobody is kept from a resource that nobody uses: C + D ν ≥ 0 for u = 0, whatever the tolls."""
    idle = np.flatnonzero(triplets.u == 0)
    j, k = np.unravel_index(int((due[:, idle] / -slope[:, idle]).argmin()), (len(due), len(idle)))
    row = int(idle[k])
    return _Line(0.0, float(due[j, row]), float(slope[j, row]), int(j), np.array([row]), np.array([1.0]))
