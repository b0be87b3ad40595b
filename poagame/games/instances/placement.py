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


def worst_on_line(nodes: int) -> PlacedFarOff:
    r"""Worst equilibrium over optimum on a line of unit edges, over all equilibria of all placement costs.

    A placement is an equilibrium for α between the farthest node that it covers and the nearest two replicas, whole numbers. There its
    ratio is a line in α over a concave function, largest at an end: whole α ≤ n − 1 are enough. At α = c ends of 0 … c nodes lie beyond
    the outer replicas, gaps are c … 2c + 1 wide, and :math:`e (e + 1)/2` and :math:`\lfloor g^2/4 \rfloor` are what they cost. Both are
    discretely convex, so of all ends and gaps that add up to n − 1 those are dearest of which one at most is strictly within its limits.

    Raises
    ------
    InvalidInput
        If nodes is no whole number of at least 2.
    """
    n = whole(nodes, "nodes", 2)
    worst = line_costs(n)
    for cost in range(n - 2, 0, -1):
        optimum = _least_in_cells(n, cost)
        if n * cost <= worst.ratio * optimum:  # nobody pays more than α at an equilibrium
            continue
        here = PlacedFarOff(cost, _dearest_packing(n, cost), optimum)
        worst = max(worst, here, key=lambda costs: costs.ratio)
    return worst


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


def _dearest_packing(nodes: int, cost: int) -> int:
    """Most that replicas `cost` apart, with everybody within `cost`, cost on a line; 0 if there are none such."""
    dearest, replicas = 0, 1
    while (room := nodes - 1 - (replicas - 1) * cost) >= 0:
        for ends in range(min(2, room // cost) + 1):  # how many of the two are as long as they can be
            wide = min(replicas - 1, (room - ends * cost) // (cost + 1))
            rest = room - ends * cost - wide * (cost + 1)
            narrow = replicas - 1 - wide
            total = replicas * cost + ends * cost * (cost + 1) // 2 + wide * ((2 * cost + 1) ** 2 // 4)
            total += narrow * (cost * cost // 4)
            if narrow:
                dearest = max(dearest, total - cost * cost // 4 + (cost + rest) ** 2 // 4)
            if rest == 0 or (ends < 2 and rest <= cost):
                dearest = max(dearest, total + rest * (rest + 1) // 2)
        replicas += 1
    return dearest


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
