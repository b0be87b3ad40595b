"""The cheapest copy that each reader reaches, for many placements of one object at once."""

from __future__ import annotations

import math

import numpy as np

from poagame._arrays import FloatArray, IntArray

SETS = 256
"""Placements of a block of nodes that share a table: many placements are looked up, a block of nodes at a time."""


def nearest_copy(read_cost: FloatArray, placement: IntArray) -> FloatArray:
    """[M, n]: the least cost of reading from another node, infinite without a copy within reach.

    Parameters
    ----------
    read_cost : [n, n, T]
        Of reader i, holder j and the tier of its copy; a reader's own copy is not counted, whatever the diagonal says.
    placement : [M, n] of 0 … T
        What each node holds: 0 nothing, t a copy in tier t.
    """
    nodes, tiers = read_cost.shape[1:]
    size = max(1, int(math.log(SETS) / math.log(tiers + 1) + 1e-9))
    # [n, T + 1, n]: holder, what it holds, reader
    costs = np.concatenate([np.full((1, nodes, nodes), np.inf), read_cost.transpose(2, 1, 0)]).transpose(1, 0, 2).copy()
    costs[np.arange(nodes), :, np.arange(nodes)] = np.inf
    if len(placement) < SETS:
        return np.stack([_of_one(costs, held) for held in placement]) if len(placement) else np.zeros(placement.shape)
    nearest = np.full(placement.shape, np.inf)
    for begin in range(0, nodes, size):
        block = costs[begin : begin + size]
        table = block[0]
        for holder in block[1:]:  # the first node's digit varies fastest
            table = np.minimum(table[None], holder[:, None]).reshape(-1, nodes)
        held = placement[:, begin : begin + size] @ (tiers + 1) ** np.arange(len(block))
        np.minimum(nearest, table[held], out=nearest)
    return nearest


def _of_one(costs: FloatArray, held: IntArray) -> FloatArray:
    holders = np.flatnonzero(held)
    return costs[holders, held[holders]].min(axis=0, initial=np.inf)
