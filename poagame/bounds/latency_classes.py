r"""Bounds for the games whose costs are nonnegative combinations of one given latency: what that latency alone allows.

.. [correa2008] Correa, Schulz, Stier-Moses: A geometric approach to the price of anarchy in nonatomic congestion
games, Games and
   Economic Behavior 64 (2008), 457-469.
.. [paccagnan2021] Paccagnan, Chandan, Ferguson, Marden: Optimal taxes in atomic congestion games, ACM TEAC 9 (2021), arXiv 1911.09806.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from poagame._arrays import require
from poagame.bounds.record import PoaBound
from poagame.latency import Latency


def anarchy_value(latency: Latency, max_load: float) -> PoaBound:
    r"""Pigou bound of a latency for nonatomic routing with loads up to `max_load`.

    .. math:: \alpha = \sup_{0 < r \le R}\; \sup_{0 \le x \le r} \frac{r\,\ell(r)}{x\,\ell(x) + (r - x)\,\ell(r)}.

    The supremum over (r, x) is taken on a grid of 401 × 401 points that zooms in on its best one seven times, so the
    value is attained and never too large; a higher peak that falls between the points of the first grid (a table with
    many kinks may have one) would be missed.

    Parameters
    ----------
    latency : Latency
        One resource.
    max_load : float
        R > 0, the largest load that an edge can carry, with a finite latency there.

    Returns
    -------
    PoaBound
        Wardrop equilibria, any network whose edges have this latency (scaled, or constants); attained by the two links
        ℓ and the constant ℓ(r) [correa2008]_.
    """
    require(
        latency.num_resources == 1, f"anarchy_value takes a latency of one resource; this has {latency.num_resources}"
    )
    require(np.isfinite(max_load) and max_load > 0, f"max_load must be positive and finite; got {max_load}")
    require(
        bool(np.isfinite(latency(max_load)).all()),
        f"the latency is infinite at load {max_load}: give a max_load below capacity",
    )

    low, high = np.zeros(2), np.full(2, max_load)  # of (r, x)
    value = 1.0
    for _ in range(7):
        r, x = (np.linspace(low[axis], high[axis], 401) for axis in (0, 1))
        total = r * latency(r)
        # with x > r the quotient says nothing about routing
        saved = np.where(x <= r[:, None], x * (latency(r)[:, None] - latency(x)), 0.0)
        beta = np.divide(saved, total[:, None], out=np.zeros_like(saved), where=total[:, None] > 0)
        at = np.array(np.unravel_index(int(beta.argmax()), beta.shape))
        value = max(value, 1.0 / (1.0 - float(beta[tuple(at)])))
        step = (high - low) / 400
        centre = low + at * step
        low, high = np.maximum(centre - 3 * step, 0.0), np.minimum(centre + 3 * step, max_load)
    return PoaBound(
        value,
        "wardrop",
        f"nonatomic routing, edges of this latency or constant, loads up to {max_load:g}",
        True,
        None,
        "Correa, Schulz, Stier-Moses 2008, Theorem 3.8 [correa2008]; value computed",
    )


def robust_poa(latency: Latency, players: int) -> PoaBound:
    r"""Tight price of anarchy of atomic congestion games of `players` players whose costs are multiples of one latency
    ℓ.

    The linear programme of [paccagnan2021]_ without tolls: maximise ρ over (ρ, ν ≥ 0) with

    .. math:: v\,\ell(v) - \rho\,u\,\ell(u) + \nu\,[\,(u - x)\,\ell(u) - (v - x)\,\ell(u + 1)\,] \ge 0,
              \quad 0 \le u, v \le n,\quad x = \max(0, u + v - n),

    where u players use a resource at the equilibrium, v at the optimum and x at both; the bound is 1/ρ. Nondecreasing
    latency allows this reduced set.

    Parameters
    ----------
    latency : Latency
        One resource.
    players : int
        n ≥ 1. Infinite latency up to load n makes the bound infinite.

    Returns
    -------
    PoaBound
        Pure to coarse correlated equilibria.
    """
    require(latency.num_resources == 1, f"robust_poa takes a latency of one resource; this has {latency.num_resources}")
    whole = np.isfinite(players) and int(players) == players and players >= 1
    require(bool(whole), f"players must be a whole number >= 1; got {players}")
    n = int(players)
    cost = np.zeros(n + 2)
    cost[1 : n + 1] = latency(np.arange(1.0, n + 1))
    valid_for = f"atomic unweighted congestion games of {n} players, resources with multiples of this latency"
    source = "Paccagnan et al. 2021, Theorem 2 [paccagnan2021]; value computed"
    if not np.isfinite(cost).all():
        return PoaBound(float("inf"), "pure to coarse correlated", valid_for, False, None, source)
    require(cost[n] > 0, f"the latency is zero up to load {n}: every profile costs nothing, and no ratio is defined")
    u, v = (a.ravel() for a in np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij"))
    u, v = u[u + v > 0], v[u + v > 0]
    x = np.maximum(0, u + v - n)
    # ρ·u·ℓ(u) − ν·[(u − x)·ℓ(u) − (v − x)·ℓ(u+1)] ≤ v·ℓ(v), each row scaled by its largest entry
    rows = np.stack([u * cost[u], -((u - x) * cost[u] - (v - x) * cost[u + 1])], axis=1)
    right = v * cost[v]
    scale = np.maximum(np.abs(rows).max(axis=1), right)
    keep = scale > 0
    solved = linprog(
        [-1.0, 0.0],
        A_ub=rows[keep] / scale[keep, None],
        b_ub=right[keep] / scale[keep],
        bounds=[(0, None), (0, None)],
        method="highs",
    )
    rho = -float(solved.fun)
    return PoaBound(1.0 / rho if rho > 0 else float("inf"), "pure to coarse correlated", valid_for, True, None, source)
