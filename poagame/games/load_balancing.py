"""Jobs that split over servers and count half of their own load."""

from __future__ import annotations

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, require
from poagame.games.named import NamedGame
from poagame.games.simplex import project_to_simplices


class FractionalLoadBalancing(NamedGame):
    r"""Jobs split over servers and wait for the load of others and half of their own.

    Job i of size :math:`d_i` pays :math:`\sum_j \frac{x_{ij}}{\mu_j}\big(s_j + \sum_{k \ne i} x_{kj} + \tfrac12
    x_{ij}\big)`. Its marginal cost is
    :math:`(s_j + X_j)/\mu_j`, the same for all jobs: the equilibria are the flows whose loads X minimise
    :math:`\Phi = \sum_j (s_j X_j + X_j^2/2)/\mu_j`. The social cost lies between Φ and (2 − 1/n) Φ, so the price of anarchy is at most
    2 − 1/n. A `JointlyConvexGame` over flows [N, M].

    Parameters
    ----------
    size : [N]
        d > 0.
    rate : [M]
        μ > 0.
    background : [M], optional
        s ≥ 0; 0 where not given.

    Raises
    ------
    InvalidInput
        If sizes or rates are not positive, or the background is negative.
    """

    size: FloatArray = eqx.field(converter=lambda v: np.atleast_1d(np.asarray(v, dtype=np.float64)))
    rate: FloatArray = eqx.field(converter=lambda v: np.atleast_1d(np.asarray(v, dtype=np.float64)))
    background: FloatArray = eqx.field(default=0.0, converter=lambda v: np.atleast_1d(np.asarray(v, dtype=np.float64)))

    def __check_init__(self) -> None:
        for name in ("size", "rate"):
            value = getattr(self, name)
            require(
                value.ndim == 1 and bool((value > 0).all() and np.isfinite(value).all()),
                f"{name} must be positive numbers",
            )
        require(self.background.shape in ((1,), self.rate.shape), f"background must be [{self.rate.size}]")
        require(
            bool((self.background >= 0).all() and np.isfinite(self.background).all()), "background must be nonnegative"
        )

    def pseudogradient(self, x: ArrayLike) -> FloatArray:
        """[N, M]: (s_j + X_j) / μ_j, for every job alike."""
        flow = np.asarray(x, dtype=np.float64)
        return np.broadcast_to((self.background + flow.sum(axis=0)) / self.rate, flow.shape).copy()

    def projection(self, x: ArrayLike) -> FloatArray:
        """The nearest flows of the given sizes."""
        return project_to_simplices(x, self.size)

    def player_costs(self, x: ArrayLike) -> FloatArray:
        """[N]: what each job pays."""
        flow = np.asarray(x, dtype=np.float64)
        return (flow * (self.background + flow.sum(axis=0) - 0.5 * flow) / self.rate).sum(axis=1)

    def social_cost(self, x: ArrayLike) -> float:
        """Sum of what the jobs pay."""
        return float(self.player_costs(x).sum())

    def start(self) -> FloatArray:
        """Every job spread evenly."""
        return np.broadcast_to(self.size[:, None] / self.rate.size, (self.size.size, self.rate.size)).copy()

    def __repr__(self) -> str:
        """Code that rebuilds the game, for games small enough to read."""
        if self.size.size + self.rate.size > 200:
            return f"<FractionalLoadBalancing of {self.size.size} jobs on {self.rate.size} servers>"
        parts = ", ".join(str(np.asarray(v).tolist()) for v in (self.size, self.rate, self.background))
        return f"FractionalLoadBalancing({parts})"
