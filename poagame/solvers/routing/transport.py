r"""Exact integer assignment of typed requests to workers whose slots have rising prices.

.. math:: \min_x \sum_j \sum_{s < n_j} p_{js} + \sum_{kj} c_{kj} x_{kj}, \qquad
          n_j = \sum_k x_{kj},\quad \sum_j x_{kj} = m_k,\quad x \in \mathbb{Z}_{\ge 0}.

With slot prices nondecreasing in s this is a minimum-cost flow with convex arc costs, solved by successive shortest
paths with node potentials [ahuja1993]_: a unit of type k enters a worker, may displace a unit of another type to a
further worker, and so on until a free slot takes the last one. Types, not requests, are the nodes, so equal requests
cost no memory. Many requests are first assigned in bundles of 4^q, then what the bundles got wrong is taken back and
assigned anew in smaller ones (scaling). The potentials that remain are optimal dual prices, from which
`poagame.certificates` proves the answer.

.. [ahuja1993] Ahuja, Magnanti, Orlin: Network Flows, 1993, section 9.7 (successive shortest paths), chapter 14 (convex
   costs).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from poagame._arrays import FloatArray, IntArray, require
from poagame.solvers.routing.transport_flow import assign_flow


@dataclass(frozen=True, eq=False, slots=True)
class Assignment:
    """An optimal assignment with its dual prices.

    Attributes
    ----------
    flow : [K, W] int64
        Units of each type on each worker.
    prices : [K]
        Optimal dual price of one unit of each type: Σ_k m_k π_k + Σ_js min(0, p_js − max_k(π_k − c_kj)) equals the
        cost.
    cost : float
        Value of the objective at `flow`.
    """

    flow: IntArray
    prices: FloatArray
    cost: float

    @property
    def loads(self) -> IntArray:
        """Units on each worker [W]."""
        return self.flow.sum(axis=0)


def assign(slot_costs: FloatArray, type_costs: FloatArray, counts: IntArray) -> Assignment:
    """Assign `counts[k]` units of each type k to workers at least total cost.

    Parameters
    ----------
    slot_costs : [W, S]
        Price of slot s of worker j, nondecreasing along s; infinite where there is no slot.
    type_costs : [K, W]
        What a unit of type k pays on worker j besides.
    counts : [K]
        Units of each type.

    Raises
    ------
    InvalidInput
        If slot prices decrease, or the finite slots are fewer than the units.

    Examples
    --------
    >>> import numpy as np
    >>> a = assign(np.array([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]), np.array([[0.0, -5.0]]), np.array([2]))
    >>> a.flow, a.cost
    (array([[0, 2]]), -4.0)
    """
    slots = np.ascontiguousarray(slot_costs, dtype=np.float64)
    costs = np.ascontiguousarray(type_costs, dtype=np.float64)
    units = np.ascontiguousarray(counts, dtype=np.int64)
    (types, workers), total = costs.shape, int(units.sum())
    require(slots.ndim == 2 and len(slots) == workers, f"slot_costs must be [{workers}, S]; got {slots.shape}")
    require(
        units.shape == (types,) and bool((units >= 0).all()),
        f"counts must be {types} nonnegative integers; got {units}",
    )
    require(not np.isnan(slots).any(), "slot_costs must not be NaN")
    require(bool(np.isfinite(costs).all()), "type_costs must be finite")
    require(bool((slots[:, 1:] >= slots[:, :-1]).all()), "slot_costs must not decrease along a worker's slots")
    available = int(np.isfinite(slots).sum())
    require(
        available >= total, f"{total} requests do not fit: the workers have {available} slots of finite cost together"
    )
    flow = np.zeros((types, workers), np.int64)
    prices = np.zeros(types)
    assign_flow(slots, costs, units, flow, prices)
    loads = flow.sum(axis=0)
    used = np.arange(slots.shape[1])[None, :] < loads[:, None]
    return Assignment(flow, prices, float(slots[used].sum() + (costs * flow).sum()))
