r"""The inequalities that hold for every congestion game, one for each way in which n players can use a resource.

Of the n players a use a resource in the equilibrium alone, b in the optimum alone and x in both; with u = a + x and v = b + x,

.. math:: v\,b(v) - \rho\,u\,b(u) + \nu\,[\,(u - x)\,f(u) - (v - x)\,f(u + 1)\,] \ge 0 .

The left side is linear in x, so x = max(0, u + v − n) and x = min(u, v) stand for all; where f does not decrease, the first alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame._arrays import FloatArray, IntArray
from poagame.bounds.tight.worst_case import Witness, scaled


@dataclass(frozen=True, eq=False, slots=True)
class Triplets:
    """Rows (u, v, x) that stand for all triplets of n players.

    Attributes
    ----------
    u, v, x : [T]
        Users in the equilibrium, in the optimum and in both.
    """

    u: IntArray
    v: IntArray
    x: IntArray

    @classmethod
    def of(cls, players: int, *, both_ends: bool) -> Triplets:
        """All (u, v) with the least x, and with the largest too where `both_ends`."""
        u, v = (side.ravel() for side in np.meshgrid(np.arange(players + 1), np.arange(players + 1), indexing="ij"))
        u, v = u[u + v > 0], v[u + v > 0]
        x = np.maximum(0, u + v - players)
        if both_ends:
            most = np.minimum(u, v)
            more = most > x
            u, v, x = np.concatenate([u, u[more]]), np.concatenate([v, v[more]]), np.concatenate([x, most[more]])
        return cls(u.astype(np.int64), v.astype(np.int64), x.astype(np.int64))

    def witnesses(self, latencies: IntArray, rows: IntArray, prices: FloatArray) -> tuple[Witness, ...]:
        """The game that rows of some latencies make at some dual prices; a row that is named twice counts with both prices."""
        together: dict[tuple[int, int], float] = {}
        for j, t, price in zip(latencies.tolist(), rows.tolist(), prices.tolist(), strict=True):
            together[j, t] = together.get((j, t), 0.0) + price
        u, v, x = (side.tolist() for side in (self.u, self.v, self.x))
        return scaled(Witness(j, u[t] - x[t], x[t], v[t] - x[t], price) for (j, t), price in together.items())

    def equilibrium_costs(self, basis: FloatArray) -> FloatArray:
        """[m, T]: u·b(u)."""
        return self.u * _at(basis, self.u)

    def optimum_costs(self, basis: FloatArray) -> FloatArray:
        """[m, T]: v·b(v)."""
        return self.v * _at(basis, self.v)

    def equilibrium_values(self, welfare: FloatArray) -> FloatArray:
        """[m, T]: w(u)."""
        return _at(welfare, self.u)

    def optimum_values(self, welfare: FloatArray) -> FloatArray:
        """[m, T]: w(v)."""
        return _at(welfare, self.v)

    def slopes(self, perceived: FloatArray) -> FloatArray:
        """[m, T]: (u − x) f(u) − (v − x) f(u + 1), what the players would save by going to the optimum's resources."""
        return (self.u - self.x) * _at(perceived, self.u) - (self.v - self.x) * _at(perceived, self.u + 1)


def _at(table: FloatArray, users: IntArray) -> FloatArray:
    """[m, T] values of a table [m, n] over 1 … n, and 0 outside."""
    padded = np.pad(table, ((0, 0), (1, 1)))
    return padded[:, users]
