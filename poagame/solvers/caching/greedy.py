r"""An equilibrium of a caching game without limits by one pass over the nodes.

Let :math:`m_i = \min_t (\text{paid}_{it} + w_i a_t)` be the least cost of an own copy, at access :math:`a_i`, and
:math:`\rho_i = m_i / w_i` the reading cost from which on it is worth while. Nodes in the order of :math:`\rho_i + a_i` place a copy
unless one within :math:`\rho_i` (or a miss) serves them already.

Whoever holds nothing is served within its threshold. Of two holders j, placed first, and i, the later one was not served by j:
:math:`d_{ij} + a_j > \rho_i`; and with symmetric distances j is not served by i either,
:math:`d_{ji} + a_i > \rho_i + a_i - a_j \ge \rho_j`. So it is an equilibrium: our extension of the greedy construction of [chun2004]_ to
any demands, prices, tiers and misses. What a leader has fixed is placed first and never wants to move.

.. [chun2004] Chun, Chaudhuri, Wee, Barreno, Papadimitriou, Kubiatowicz: Selfish caching in distributed systems: a game-theoretic
   analysis, PODC 2004.
"""

from __future__ import annotations

import numpy as np

from poagame._arrays import require
from poagame.certificates.nash import certify_nash
from poagame.games.caching import CachingGame
from poagame.outcome import Outcome
from poagame.solvers.best_response import Equilibrium
from poagame.solvers.caching import convergence_compiled as compiled
from poagame.solvers.caching.dynamics import empty, tables_of
from poagame.solvers.caching.dynamics_compiled import copies_of


def greedy_equilibrium(game: CachingGame) -> Equilibrium:
    """Place copies in the order of the reading cost from which on they pay.

    Returns
    -------
    Equilibrium
        CONVERGED wherever distances are symmetric. With directed ones the pass may miss, and NO_EQUILIBRIUM_FOUND says so;
        `num_steps` counts the copies placed.

    Raises
    ------
    InvalidInput
        If `game` is no caching game, or storage is limited: a pure equilibrium may then not exist.

    Examples
    --------
    >>> found = greedy_equilibrium(CachingGame([[0.0, 1.0], [1.0, 0.0]], placement_cost=3.0, demand=[1.0, 4.0]))
    >>> found.profile, found.certificate.holds
    (array([0, 1]), True)
    """
    require(isinstance(game, CachingGame), f"greedy_equilibrium is of a CachingGame; got {type(game).__name__}")
    tables = tables_of(game)
    require(
        not tables.limited,
        "objects compete for places where capacity is given, and a pure equilibrium may not exist: use equilibrium(game), or "
        "acyclic_equilibrium(game) where there is no request loop",
    )
    demand = tables.demand[:, :, None]
    cost = np.where(tables.capacity[:, None] > 0, tables.paid[:, None] + demand * tables.access, np.inf)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        key = cost.min(axis=2) / tables.demand + tables.access[cost.argmin(axis=2)]
    order = np.argsort(np.where(np.isnan(key), np.inf, key), axis=0, kind="stable")
    held = empty(tables)
    placed = int(compiled.place_greedily(tables, copies_of(held), order))
    profile = np.ascontiguousarray(held.T).astype(np.int64).reshape(game.demand.shape)
    certificate = certify_nash(game, profile)
    outcome = Outcome.CONVERGED if certificate.holds else Outcome.NO_EQUILIBRIUM_FOUND
    return Equilibrium(profile, float(game.social_cost(profile)), certificate, outcome, placed)
