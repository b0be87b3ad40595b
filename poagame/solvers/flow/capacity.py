r"""Flow strictly below all capacities, or the proof that there is none.

For powers p that grow, the flow of least :math:`\sum_e \frac{c_e}{p+1} (x_e/c_e)^{p+1}` nears the one of least largest utilisation. Its
edge prices :math:`w_e = (x_e/c_e)^p` bound that from below: each unit of commodity k pays at least its distance, so
:math:`\sum_k d_k\,\mathrm{dist}_k(w) \le \sum_e w_e x_e < \sum_e w_e c_e` for any flow below capacity.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import numpy as np

from poagame._arrays import Array, FloatArray
from poagame.errors import Infeasible
from poagame.latency import Latency
from poagame.solvers.flow.path_flows import PathFlows, Pricing

POWERS = (4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0)

PROVED = 1.0 - 1e-14
"""Part of the capacities that must be needed for a proof that demands do not fit: all, up to rounding."""

Search = Callable[[Latency, Pricing, PathFlows, float, int], tuple[PathFlows, int]]


class Pressure(Latency):
    """(x/c)^p: 0 on edges without capacity (c infinite), infinite on edges with none left (c = 0)."""

    capacity: Array
    power: float = eqx.field(static=True)

    @property
    def num_resources(self) -> int:
        """R, the number of resources."""
        return self.capacity.shape[-1]

    def value(self, load: Array) -> Array:
        """(x/c)^p."""
        return self._power(load, self.power)

    def derivative(self, load: Array) -> Array:
        """p (x/c)^(p−1) / c."""
        return self.power * self._power(load, self.power - 1.0) / np.where(self.capacity > 0, self.capacity, 1.0)

    def primitive(self, load: Array) -> Array:
        """x (x/c)^p / (p+1)."""
        return load * self.value(load) / (self.power + 1.0)

    def _power(self, load: Array, power: float) -> Array:
        open_ = self.capacity > 0
        with np.errstate(over="ignore"):
            return np.where(open_, (load / np.where(open_, self.capacity, 1.0)) ** power, np.inf)


def capacities(latency: Latency, most: float) -> FloatArray:
    """[E]: the load from which each latency is infinite, infinite where `most` is still below it."""
    low, high = np.zeros(latency.num_resources), np.full(latency.num_resources, most * (1.0 + 1e-9))
    bounded = ~np.isfinite(latency.value(high))
    if not bounded.any():
        return np.full(low.shape, np.inf)
    for _ in range(80):
        middle = 0.5 * (low + high)
        inside = np.isfinite(latency.value(middle))
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return np.where(bounded, low, np.inf)


def strictly_feasible(room: FloatArray, pricing: Pricing, flows: PathFlows, search: Search) -> PathFlows:
    """Path flows whose loads stay below `room` [E], from any flows; `search` minimises a Beckmann function.

    Raises
    ------
    Infeasible
        If there are none, which is proved, or none is found; the message tells which.
    """
    least_use, use = 0.0, np.inf
    for power in POWERS:
        use = _utilisation(pricing.loads(flows), room)
        # scaled by the present utilisation, no power overflows
        pressure = Pressure(np.where(np.isfinite(room), room * use, np.inf), power)
        # the narrower the room that is left, the more exact
        flows, _ = search(pressure, pricing, flows, min(1e-2 / power, max(0.1 * abs(1.0 - least_use), 1e-14)), 100)
        load = pricing.loads(flows)
        use = _utilisation(load, room)
        if use < 1.0:
            return flows
        price = pressure.value(load)
        _, distance = pricing.extended(flows, price, 0.0)
        priced = (price > 0) & (room > 0)
        least_use = max(least_use, float(pricing.demand @ distance) / float(price[priced] @ room[priced]))
        if least_use >= PROVED:
            raise Infeasible(
                f"the demands do not fit below the capacities: the fullest edges need at least {least_use:.10g} of theirs; "
                "lower the demand or raise capacities"
            )
    raise Infeasible(
        f"the demands are too close to the capacities to tell whether they fit: the fullest edges need at least {least_use:.12g} "
        f"of theirs, and no flow was found that needs less than {use:.12g}; lower the demand or raise capacities"
    )


def _utilisation(load: FloatArray, room: FloatArray) -> float:
    return float(np.where(load > 0, load / np.where(room > 0, room, 1e-300), 0.0).max())
