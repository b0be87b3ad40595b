r"""What replicas on lines, rings and grids of unit edges cost when all nodes ask for one unit.

On a line or a ring of unit edges the nodes that a replica serves follow each other, and m of them cost it at least
:math:`\lfloor m^2/4 \rfloor`, which a replica in their middle attains. That is convex in m, so k replicas cost least with cells of sizes
⌊n/k⌋ and ⌈n/k⌉; and the sum over the cells is convex in k, so bisection finds the best k.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poagame.errors import TooLarge
from poagame.games.checks import whole

MAX_SETS = 16
"""Most nodes of a grid whose optimum is found by a look at all 2^n placements."""

MAX_SIDE = 10_000
"""Most nodes on the shorter side of a grid whose lattices are tried one by one (half a second)."""


@dataclass(frozen=True, slots=True)
class PlacedFarOff:
    """One replica where it serves worst, at a placement cost equal to the diameter: the worst equilibrium of a uniform topology.

    Attributes
    ----------
    placement_cost : int
        The diameter, so that no node gains by a replica of its own.
    equilibrium_cost : int
        Of the one replica.
    optimum_cost : int
        The least of all placements; for `grid_costs`, of replicas in the middles of a lattice of blocks.
    """

    placement_cost: int
    equilibrium_cost: int
    optimum_cost: int

    @property
    def ratio(self) -> float:
        """Equilibrium over optimum, also beyond the range of floats."""
        return self.equilibrium_cost / self.optimum_cost


def line_costs(nodes: int) -> PlacedFarOff:
    """Costs of `caching_line`, of any length."""
    n = whole(nodes, "nodes", 2)
    return PlacedFarOff(n - 1, (n - 1) * (n + 2) // 2, _least_in_cells(n, n - 1))


def ring_costs(nodes: int) -> PlacedFarOff:
    """Costs of `caching_ring`, of any length."""
    n = whole(nodes, "nodes", 3)
    return PlacedFarOff(n // 2, n // 2 + n * n // 4, _least_in_cells(n, n // 2))


def grid_costs(rows: int, columns: int | None = None) -> PlacedFarOff:
    """Costs of `caching_grid`, of any size, beside the best lattice of blocks instead of the optimum.

    With rows in p parts and columns in q, replicas in the middles of the blocks pay α p q, and the distances add up by rows and columns.

    Raises
    ------
    InvalidInput
        If rows or columns are no whole numbers of at least 1, or there is one node.
    TooLarge
        If the shorter side has more than `MAX_SIDE` nodes.
    """
    height = whole(rows, "rows", 1)
    width = height if columns is None else whole(columns, "columns", 1)
    height, width = sorted((height, width))
    whole(height * width, "nodes of a grid", 2)
    if height > MAX_SIDE:
        raise TooLarge(
            f"a grid of {height:,} × {width:,} nodes; lattices are tried up to {MAX_SIDE:,} nodes on the shorter side"
        )
    cost, n = height + width - 2, height * width

    def lattice(p: int) -> int:
        # for p parts of the rows, columns are a line whose replicas cost p α and whose nodes weigh `height`
        q = _best_cells(width, lambda saved: height * saved <= p * cost)
        return cost * p * q + width * _in_cells(height, p) + height * _in_cells(width, q)

    return PlacedFarOff(cost, cost + n * cost // 2, min(lattice(p) for p in range(1, height + 1)))


def least_cost(distance: NDArray[np.int64], placement_cost: int) -> int:
    """Least social cost of all 2^n placements, from the nearest replica of each node in each of them."""
    n = len(distance)
    nearest = np.full((1 << n, n), distance.max() + 1)
    for j in range(n):
        nearest[1 << j : 2 << j] = np.minimum(nearest[: 1 << j], distance[:, j])
    replicas = np.array([held.bit_count() for held in range(1 << n)])
    return int((placement_cost * replicas + nearest.sum(axis=1))[1:].min())


def _in_cells(nodes: int, cells: int) -> int:
    """Σ ⌊m²/4⌋ over cells of sizes as equal as they can be."""
    size, larger = divmod(nodes, cells)
    return larger * ((size + 1) ** 2 // 4) + (cells - larger) * (size**2 // 4)


def _best_cells(nodes: int, enough: Callable[[int], bool]) -> int:
    """Fewest cells such that what one more would save is no longer worth it; savings fall with the number."""
    low, high = 1, nodes
    while low < high:
        cells = (low + high) // 2
        if enough(_in_cells(nodes, cells) - _in_cells(nodes, cells + 1)):
            high = cells
        else:
            low = cells + 1
    return low


def _least_in_cells(nodes: int, placement_cost: int) -> int:
    cells = _best_cells(nodes, lambda saved: saved <= placement_cost)
    return placement_cost * cells + _in_cells(nodes, cells)
