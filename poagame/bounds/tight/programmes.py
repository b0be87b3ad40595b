r"""The linear programmes over triplets, one for each way in which tolls or shares may be set.

With A = u b(u), C = v b(v) and D = (u − x) f(u) − (v − x) f(u + 1), the rows of costs read :math:`A\rho - D\nu \le C`, and the objective is
the largest ρ. Those of welfare, A = w(u) and C = w(v), are their mirror image :math:`-A\mu + D\lambda \le -C` with the least μ.
"""

from __future__ import annotations

import numpy as np

from poagame._arrays import FloatArray, IntArray
from poagame.bounds.tight.cutting_planes import Programme
from poagame.bounds.tight.rows import Triplets


def given_prices(triplets: Triplets, basis: FloatArray, perceived: FloatArray) -> Programme:
    """Unknowns (ρ, ν): players perceive ν times what `perceived` [m, n] says."""
    spent, due = triplets.equilibrium_costs(basis), triplets.optimum_costs(basis)
    return _of_two(triplets, spent, -triplets.slopes(perceived), due, 1.0)


def given_shares(triplets: Triplets, welfare: FloatArray, shares: FloatArray) -> Programme:
    """Unknowns (μ, λ): players take λ times what `shares` [m, n] says."""
    reached, best = triplets.equilibrium_values(welfare), triplets.optimum_values(welfare)
    return _of_two(triplets, -reached, triplets.slopes(shares), -best, -1.0)


def constant_tolls(triplets: Triplets, basis: FloatArray) -> Programme:
    """Unknowns (ρ, ν, τ_1 … τ_m): players perceive ν b_j + τ_j, whatever the load."""
    m = len(basis)
    spent, slope = triplets.equilibrium_costs(basis), triplets.slopes(basis)
    extra = np.broadcast_to(triplets.slopes(np.ones((1, basis.shape[1]))), slope.shape)
    values = np.stack([spent.ravel(), -slope.ravel(), -extra.ravel()], axis=1)
    own = np.repeat(np.arange(m), len(triplets.u))
    columns = np.stack([np.zeros_like(own), np.ones_like(own), 2 + own], axis=1)
    return Programme(
        np.eye(1, m + 2)[0],
        np.zeros(m + 2),
        np.full(m + 2, np.inf),
        columns,
        values,
        triplets.optimum_costs(basis).ravel(),
        own,
        _few(triplets, m),
        np.concatenate([[1.0, 1.0], basis[:, 0] + 1.0]),
    )


def optimal_tolls(triplets: Triplets, basis: FloatArray) -> Programme:
    """Unknowns (ρ, f(1) … f(n)) for one latency [1, n]: what users perceive is free."""
    spent, due = triplets.equilibrium_costs(basis)[0], triplets.optimum_costs(basis)[0]
    return _of_table(triplets, spent, -1.0, due, 1.0, basis[0])


def chosen_shares(triplets: Triplets, welfare: FloatArray) -> Programme:
    """Unknowns (μ, f(1) … f(n)) for one welfare [1, n]: what users take is free."""
    reached, best = triplets.equilibrium_values(welfare)[0], triplets.optimum_values(welfare)[0]
    return _of_table(triplets, -reached, 1.0, -best, -1.0, welfare[0])


def _of_two(
    triplets: Triplets,
    first: FloatArray,
    second: FloatArray,
    right: FloatArray,
    gain: float,
) -> Programme:
    values = np.stack([first.ravel(), second.ravel()], axis=1)
    m = len(first)
    return Programme(
        np.array([gain, 0.0]),
        np.zeros(2),
        np.full(2, np.inf),
        np.broadcast_to([0, 1], values.shape),
        values,
        right.ravel(),
        np.repeat(np.arange(m), len(triplets.u)),
        _few(triplets, m),
        np.ones(2),
    )


def _of_table(
    triplets: Triplets,
    first: FloatArray,
    sign: float,
    right: FloatArray,
    gain: float,
    size: FloatArray,
) -> Programme:
    u, v, x, n = triplets.u, triplets.v, triplets.x, len(size)
    # f(0) and f(n + 1) do not occur: their entries are 0, and point at f(1) and f(n)
    stay, move = np.where(u > 0, u - x, 0.0), np.where(u < n, v - x, 0.0)
    return Programme(
        np.array([gain] + [0.0] * n),
        np.array([0.0] + [-np.inf] * n),
        np.full(n + 1, np.inf),
        np.stack([np.zeros_like(u), np.maximum(u, 1), np.minimum(u + 1, n)], axis=1),
        np.stack([first, sign * stay, -sign * move], axis=1),
        right,
        u,
        np.flatnonzero((v <= 1) | (u == v)),
        np.concatenate([[1.0], np.where(size > 0, size, 1.0)]),
    )


def _few(triplets: Triplets, m: int) -> IntArray:
    """Rows of small u and v, and those of u = v, which say ρ ≤ 1, of every latency."""
    small = np.flatnonzero((triplets.u + triplets.v <= 3) | (triplets.u == triplets.v))
    return (small + len(triplets.u) * np.arange(m)[:, None]).ravel()
