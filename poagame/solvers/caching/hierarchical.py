r"""The optimum of a caching game with limited storage on a hierarchical topology, exactly, for 100,000s of objects [korupolu1999]_.

Distances are hierarchical (ultrametric) if for each r "within r of each other" groups the nodes: GPUs in a clique, cliques in a pod. What
copies of an object save then adds up over the groups. With levels :math:`d_1 < d_2 < \dots` and the miss after the last,

.. math:: \text{saved} = \sum_{i \text{ holds}} w_i d_1
          + \sum_\ell \sum_{c} [\text{a copy in } c] \sum_{i \in c} w_i (d_{\ell + 1} - d_\ell)

over groups c of level ℓ, each cost counted as no more than a miss. Copies thus flow up a tree, where the first one through each group earns
its share: a flow with concave gains, so that the linear programme has whole solutions. Objects that each node asks for equally are one
class: placing its copies along the circle of its m objects, nodes in the order of the tree, covers :math:`\min(m, \text{copies})` objects
in every group at once.

.. [korupolu1999] Korupolu, Plaxton, Rajaraman: Placement algorithms for hierarchical cooperative caching, SODA 1999.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from poagame._arrays import FloatArray, IntArray, require
from poagame.certificates.hierarchical import HierarchicalGame, hierarchical_lower_bound
from poagame.games.caching import CachingGame
from poagame.outcome import Outcome
from poagame.solvers.optimum import Optimum


def hierarchical_optimum(game: CachingGame) -> Optimum:
    """Placement of least social cost, and the bound of its prices of places, which meets it up to rounding.

    Parameters
    ----------
    game : CachingGame
        With demand [n, K], hierarchical distances, one tier, limited storage, finite miss costs and nothing fixed.

    Raises
    ------
    InvalidInput
        If the game is another; the message says in what.

    Examples
    --------
    >>> game = CachingGame([[0, 1], [1, 0]], 0.0, [[3, 2], [2, 3]], capacity=1, miss_cost=5.0)
    >>> found = hierarchical_optimum(game)
    >>> found.profile.tolist(), found.social_cost, found.lower_bound
    ([[1, 0], [0, 1]], 4.0, 4.0)
    """
    require(isinstance(game, CachingGame), f"game is a CachingGame; got {type(game).__name__}")  # pyright: ignore[reportUnnecessaryIsInstance]
    reason = HierarchicalGame.why_not(game)
    require(reason is None, f"hierarchical_optimum does not solve this game: {reason}; call social_optimum(game)")
    tree = HierarchicalGame.of(game)
    columns, of_object, size = np.unique(game.demand, axis=1, return_inverse=True, return_counts=True)
    of_object = of_object.reshape(-1)
    copies, prices = _flow(tree, columns, size)
    profile = _placed(tree, copies, of_object, size)
    low = hierarchical_lower_bound(game, prices)
    cost = float(game.social_cost(profile))
    met = cost - low <= 1e-9 * max(cost, tree.scale(game))
    return Optimum(profile, cost, min(low, cost), Outcome.OPTIMAL if met else Outcome.BOUNDED)


def _flow(tree: HierarchicalGame, columns: FloatArray, size: IntArray) -> tuple[IntArray, FloatArray]:
    """Copies [n, Q] of each class at each node in an optimum, and a price [n] of a place at each node."""
    nodes, classes = columns.shape
    gains = [tree.own_gain(columns), *tree.group_gains(columns)]
    unit = max(float(np.abs(g).max(initial=0.0)) for g in gains) or 1.0
    each = sp.eye_array(classes)
    of_group = [sp.csr_array((np.ones(nodes), (labels, np.arange(nodes)))) for labels in tree.groups]
    copies_in: Any = sp.kron(sp.vstack(of_group), each) if of_group else sp.csr_array((0, nodes * classes))
    counted: Any = sp.eye_array(copies_in.shape[0])
    places: Any = sp.kron(sp.eye_array(nodes), np.ones((1, classes)))
    # copies that count in a group are at most those there
    limits: Any = sp.block_array([[places, None], [-copies_in, counted]], format="csr") if of_group else places.tocsr()
    found: Any = linprog(
        -np.concatenate([g.ravel() for g in gains]) / unit,
        A_ub=limits,
        b_ub=np.concatenate([tree.capacity, np.zeros(copies_in.shape[0])]),
        bounds=np.stack([np.zeros(limits.shape[1]), np.tile(size, limits.shape[1] // classes)], axis=1),
        method="highs-ds",  # ends in a corner, which is whole
    )
    assert found.status == 0, found.message
    copies = np.round(found.x[: nodes * classes]).astype(np.int64).reshape(nodes, classes)
    return copies, np.maximum(-found.ineqlin.marginals[:nodes] * unit, 0.0)


def _placed(tree: HierarchicalGame, copies: IntArray, of_object: IntArray, size: IntArray) -> IntArray:
    """The profile [n, K] in which each class's copies go once round its objects, nodes in the order of the tree."""
    place = np.empty(len(of_object), dtype=np.int64)  # of each object within its class
    by_class = np.argsort(of_object, kind="stable")
    place[by_class] = np.arange(len(of_object)) - np.repeat(np.cumsum(size) - size, size)
    order = tree.order
    begin = np.zeros_like(copies)
    begin[order[1:]] = np.cumsum(copies[order[:-1]], axis=0)
    since = (place - begin[:, of_object]) % size[of_object]
    return (since < copies[:, of_object]).astype(np.int64)
