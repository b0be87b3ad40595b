r"""Where no node's copies matter to itself in the end, each takes its best store after those it depends on, and nobody ever regrets it.

Node i **depends on** j if for some object that both ask for and both may choose, a copy of j's would be of use to i: cheaper to read
than a miss and, where i has room for all it asks for, cheaper than an own copy. Copies that are of no use to i leave its best store one,
and nobody takes what it does not ask for. Without a directed loop of dependence nodes take their best stores in reverse topological
order. [ma2020]_ prove this for games without a *mixed request loop*, a directed loop each edge of which is traversed by some request;
requests also traverse edges to copies of no use, so that our condition excludes fewer games.

.. [ma2020] Ma, Yeh, Huang: Selfish caching games on directed graphs, arXiv 2012.14148.
"""

from __future__ import annotations

import numpy as np

from poagame._arrays import IntArray, require
from poagame.certificates.nash import certify_nash
from poagame.games.caching import CachingGame
from poagame.outcome import Outcome
from poagame.solvers.best_response import BestResponse, Equilibrium
from poagame.solvers.caching import dynamics_compiled as compiled
from poagame.solvers.caching.dynamics import empty, tables_of


def request_loop(game: CachingGame) -> list[int] | None:
    """Nodes that depend on each other in a circle, each on the next and the last on the first; None proves a pure equilibrium.

    Raises
    ------
    InvalidInput
        If `game` is no caching game.

    Examples
    --------
    Two nodes with a place each, and an origin: the first reads from the second, never the other way round.

    >>> line = CachingGame([[0.0, 1.0], [float("inf"), 0.0]], 0.0, [[3, 2], [2, 3]], capacity=1, miss_cost=5.0)
    >>> request_loop(line) is None
    True
    >>> request_loop(CachingGame([[0.0, 1.0], [1.0, 0.0]], 0.0, [[3, 2], [2, 3]], capacity=1, miss_cost=5.0))
    [0, 1]
    """
    require(isinstance(game, CachingGame), f"request_loop is of a CachingGame; got {type(game).__name__}")
    return _order(_depends(tables_of(game)))[1]


def acyclic_equilibrium(game: CachingGame) -> Equilibrium:
    """The equilibrium in which each node takes its best store after the nodes that it depends on.

    Returns
    -------
    Equilibrium
        `num_steps` counts the nodes that hold anything beyond what is fixed.

    Raises
    ------
    InvalidInput
        If `game` is no caching game, or has a request loop.
    """
    require(isinstance(game, CachingGame), f"acyclic_equilibrium is of a CachingGame; got {type(game).__name__}")
    tables = tables_of(game)
    order, loop = _order(_depends(tables))
    require(
        loop is None,
        f"nodes {loop} depend on each other in a circle, so that a pure equilibrium may not exist: use equilibrium(game), or "
        "equilibria(game.numbered()) for a small game",
    )
    copies = compiled.copies_of(empty(tables))
    objects = tables.demand.shape[1]
    changed = np.zeros(objects, dtype=np.bool_)
    rtol = BestResponse().rtol
    steps = compiled.play_round(tables, copies, order, np.arange(objects), rtol, len(order), changed)
    profile = np.ascontiguousarray(copies.held.T).astype(np.int64).reshape(game.demand.shape)
    certificate = certify_nash(game, profile)
    outcome = Outcome.CONVERGED if certificate.holds else Outcome.NO_EQUILIBRIUM_FOUND
    return Equilibrium(profile, float(game.social_cost(profile)), certificate, outcome, int(steps))


def _order(depends: np.ndarray) -> tuple[IntArray, list[int] | None]:
    """Nodes after all those that they depend on, and a circle if that leaves any."""
    left = np.ones(len(depends), dtype=bool)
    waits = depends.sum(axis=1)
    order: list[IntArray] = []
    while (ready := np.flatnonzero(left & (waits == 0))).size:
        order.append(ready)
        left[ready] = False
        waits = waits - depends[:, ready].sum(axis=1)
    if left.any():  # each of these waits for another of them: a walk meets itself
        walk = [int(left.argmax())]
        while walk[-1] not in walk[:-1]:
            walk.append(int((depends[walk[-1]] & left).argmax()))
        return np.zeros(0, np.int64), walk[walk.index(walk[-1]) : -1]
    return np.concatenate(order), None


def _depends(tables: compiled.Tables) -> np.ndarray:
    """[n, n] bool: whether i depends on j."""
    asked = tables.demand > 0
    chooses = asked & (tables.fixed < 0)
    room = np.where(chooses.sum(axis=1)[:, None] <= tables.capacity, np.inf, 0.0)
    demand = np.where(asked, tables.demand, 1.0)[:, :, None]
    own = tables.paid[:, None] + demand * tables.access
    # of tiers with room for all: what the best of them costs bounds what is worth reading
    least = np.where(room[:, None] > 0, own, np.inf).min(axis=2)
    use = np.where(chooses, np.minimum(least / demand[:, :, 0], tables.miss[:, None]), -np.inf)
    nearest = np.where(tables.capacity > 0, tables.access, np.inf).min(axis=1)
    return np.asarray(compiled.of_use(tables.distance + nearest, use, chooses))
