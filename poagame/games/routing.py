r"""Γ_R, the routing game: requests choose workers, congestion on the one side and cache overlap on the other.

Request i on worker j pays

.. math:: c_{ij}(s) = \ell_j(L_j) - \omega\,\Big(o_{ij} + \sum_{k \ne i,\; s_k = j} e_{ik}\Big), \qquad L_j = \sum_{k:\,s_k = j} w_k,

with latency ℓ, overlap o (prefix blocks of i that worker j holds), overlap weight ω ≥ 0 in latency units a block, and
pairwise affinity e (what i gains from sharing a worker with k). The social cost is :math:`\sum_i w_i\,c_i`: for unit
weights the sum of the requests' costs, and with weights the total over the load, as in weighted congestion games.

The paper (Eq. 7) has the congestion and the overlap term; weights and affinity are ours. With overlap alone this is a
congestion game with player-specific constants, so it has an exact potential [facchini1997]_; symmetric affinity keeps
it, affinity that counts only earlier arrivals does not.

.. [facchini1997] Facchini, van Megen, Borm, Tijs: Congestion models and weighted Bayesian potential games, Theory and Decision 42 (1997).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import Array, FloatArray, IntArray, as_floats, require
from poagame.errors import InvalidInput, NoPotential
from poagame.games.protocols import as_profile
from poagame.latency import Latency, Polynomial

AffinityKind = Literal["symmetric", "arrival_order"]


@dataclass(frozen=True, eq=False, slots=True)
class RequestTypes:
    """Requests grouped by what tells them apart.

    Attributes
    ----------
    overlap : [K, W]
        Overlap of each type.
    counts : [K]
        Requests of each type.
    type_of : [N]
        Type of each request.
    """

    overlap: FloatArray
    counts: IntArray
    type_of: IntArray


class RoutingGame(eqx.Module):
    """Requests choose workers; see the module's docstring for the costs.

    Parameters
    ----------
    latency : Latency
        Latency of each of the W workers as a function of its load; a latency of one resource serves all workers.
    overlap : [N, W]
        Cached prefix blocks of request i on worker j, finite, any sign.
    overlap_weight : float
        ω ≥ 0, latency units a block.
    affinity : [N, N], optional
        Gain of request i from each other request on its worker. The diagonal is ignored.
    affinity_kind : "symmetric" or "arrival_order"
        Symmetric affinity must be a symmetric matrix. In arrival order only k < i count: who came first warmed the
        cache.
    request_weight : [N], optional
        Positive load of each request; 1 where not given.
    multiplicity : [N], optional
        Row i of `overlap` stands for this many equal requests (players are numbered row by row); for games with many
        requests of few types. Not together with affinity or weights.

    Raises
    ------
    InvalidInput
        If shapes disagree or an entry is not finite, ω is negative, weights are not positive, or affinity is not
        symmetric although it is called so.

    Examples
    --------
    >>> import poagame as pg
    >>> game = pg.RoutingGame(pg.latency.Polynomial([[0.0, 1.0], [2.0, 0.0]]), [[0.0, 0.0], [0.0, 0.0]])
    >>> game.social_cost([0, 0]), game.social_cost([0, 1])
    (4.0, 3.0)
    """

    takes_profiles: ClassVar[bool] = True

    latency: Latency
    overlap: Array
    overlap_weight: Array
    affinity: Array | None
    request_weight: Array | None
    affinity_kind: AffinityKind = eqx.field(static=True)
    multiplicity: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        latency: Latency,
        overlap: ArrayLike,
        overlap_weight: float = 1.0,
        affinity: ArrayLike | None = None,
        affinity_kind: AffinityKind = "symmetric",
        request_weight: ArrayLike | None = None,
        multiplicity: ArrayLike | None = None,
    ) -> None:
        require(isinstance(latency, Latency), f"latency must be a poagame latency; got {type(latency).__name__}")
        rows = as_floats(overlap, "overlap")
        require(rows.ndim == 2 and rows.size > 0, f"overlap must be [requests, workers]; got shape {rows.shape}")
        requests, workers = rows.shape
        if latency.num_resources == 1 and workers > 1:
            latency = latency.replicated(workers)
        require(
            latency.num_resources == workers,
            f"latency has {latency.num_resources} resources but overlap has {workers} workers (columns); give "
            "one latency each",
        )
        omega = as_floats(overlap_weight, "overlap_weight")
        require(omega.ndim == 0 and float(omega) >= 0, f"overlap_weight must be one number >= 0; got {overlap_weight}")
        require(
            affinity_kind in ("symmetric", "arrival_order"),
            f"affinity_kind is 'symmetric' or 'arrival_order'; got {affinity_kind!r}",
        )
        if affinity is not None:
            e = as_floats(affinity, "affinity")
            require(e.shape == (requests, requests), f"affinity must be [{requests}, {requests}]; got {e.shape}")
            if affinity_kind == "symmetric":
                require(
                    bool((e == e.T).all()),
                    "affinity is called symmetric but is not; use (a + a.T) / 2, or affinity_kind='arrival_order'",
                )
            affinity = np.tril(e, -1) if affinity_kind == "arrival_order" else e * (1.0 - np.eye(requests))
        if request_weight is not None:
            w = as_floats(request_weight, "request_weight")
            require(w.shape == (requests,), f"request_weight must be [{requests}]; got {w.shape}")
            require(bool((w > 0).all()), f"request weights must be positive; the smallest is {w.min()}")
            request_weight = None if (w == 1).all() else w
        if multiplicity is not None:
            copies = np.asarray(multiplicity)
            require(
                copies.shape == (requests,) and np.issubdtype(copies.dtype, np.integer) and bool((copies >= 1).all()),
                f"multiplicity must be {requests} whole numbers >= 1, one for each row of overlap; got "
                f"{multiplicity!r:.80}",
            )
            require(
                affinity is None and request_weight is None,
                "multiplicity goes with static overlap alone: write the rows out where requests have "
                "affinity or weights",
            )
            multiplicity = tuple(int(c) for c in copies)
        self.latency = latency
        self.overlap = rows
        self.overlap_weight = omega
        self.affinity = affinity
        self.affinity_kind = affinity_kind
        self.request_weight = request_weight
        self.multiplicity = multiplicity

    @property
    def num_players(self) -> int:
        """N, the number of requests."""
        return self.overlap.shape[-2] if self.multiplicity is None else sum(self.multiplicity)

    @property
    def num_actions(self) -> int:
        """W, the number of workers."""
        return self.overlap.shape[-1]

    @property
    def weights(self) -> FloatArray:
        """Load of each request [N]."""
        return np.ones(self.num_players) if self.request_weight is None else np.asarray(self.request_weight)

    @property
    def is_static(self) -> bool:
        """Whether requests differ by their overlap alone: unit weights, no affinity."""
        return self.affinity is None and self.request_weight is None

    def types(self) -> RequestTypes:
        """Requests with equal overlap rows, grouped (static games only)."""
        if not self.is_static:
            raise InvalidInput("requests form types only where they have unit weights and no affinity")
        if self.multiplicity is not None:
            counts = np.array(self.multiplicity, dtype=np.int64)
            return RequestTypes(np.asarray(self.overlap), counts, np.repeat(np.arange(len(counts)), counts))
        rows, inverse, counts = np.unique(self.overlap, axis=0, return_inverse=True, return_counts=True)
        return RequestTypes(rows, counts.astype(np.int64), inverse.reshape(-1).astype(np.int64))

    def loads(self, profile: ArrayLike) -> FloatArray:
        """Load of each worker [..., W]."""
        s = as_profile(self, profile)
        flat = s.reshape(-1, s.shape[-1])
        at = flat + self.num_actions * np.arange(len(flat))[:, None]
        weights = np.broadcast_to(self.weights, flat.shape)
        total: FloatArray = np.bincount(at.ravel(), weights.ravel(), minlength=len(flat) * self.num_actions).astype(
            np.float64
        )
        return total.reshape(*s.shape[:-1], self.num_actions)

    def request_costs(self, profile: ArrayLike) -> FloatArray:
        """What each request pays [..., N]."""
        s = as_profile(self, profile)
        latency = np.take_along_axis(self.latency(self.loads(s)), s, axis=-1)
        row = (
            np.arange(self.num_players)
            if self.multiplicity is None
            else np.repeat(np.arange(len(self.overlap)), self.multiplicity)
        )
        gain = self.overlap[row, s]
        if self.affinity is not None:
            gain = gain + np.einsum("ik,...ik->...i", self.affinity, s[..., :, None] == s[..., None, :])
        return latency - self.overlap_weight * gain

    def action_costs(self, profile: ArrayLike) -> FloatArray:
        """What each request would pay on each worker, the others fixed [..., N, W]."""
        s = as_profile(self, profile)
        on = s[..., :, None] == np.arange(self.num_actions)
        weight = self.weights[:, None]
        loads = self.loads(s)[..., None, :] + np.where(on, 0.0, weight)
        gain = self.overlap if self.multiplicity is None else np.repeat(self.overlap, self.multiplicity, axis=0)
        if self.affinity is not None:
            gain = gain + self.affinity @ on.astype(np.float64)
        return self.latency(loads) - self.overlap_weight * gain

    def social_cost(self, profile: ArrayLike) -> float | FloatArray:
        """Σ_i w_i c_i, a number for one profile and [...] for many."""
        total = (self.weights * self.request_costs(profile)).sum(axis=-1)
        return float(total) if np.ndim(total) == 0 else total

    def potential(self, profile: ArrayLike) -> float:
        r"""Exact potential of one profile: its change is what a deviating request gains or loses.

        For requests of one weight w (Rosenthal's sum, plus the player-specific constants and half of the symmetric
        affinity)

        .. math:: \Phi(s) = \sum_j \sum_{m=1}^{n_j} \ell_j(m w) - \omega \sum_i \Big(o_{i,s_i} + \tfrac12 \sum_{k:\,s_k = s_i} e_{ik}\Big).

        For different weights and affine latencies a + b x without affinity, the *weighted* potential
        :math:`\sum_j [a_j L_j + \tfrac{b_j}{2}(L_j^2 + \sum_{i \in j} w_i^2)] - \omega \sum_i w_i o_{i,s_i}`, whose change is w_i
        times that of the request's cost.

        Raises
        ------
        NoPotential
            For arrival-order affinity, and for different weights beyond the case above.
        """
        s = as_profile(self, profile)
        require(s.ndim == 1, "potential takes one profile")
        w, omega = self.weights, float(self.overlap_weight)
        if self.affinity is not None and self.affinity_kind == "arrival_order":
            raise NoPotential(
                "affinity by arrival order is one-sided: what a request gains from an earlier one, that one "
                "does not gain from it, so "
                "the game has no exact potential in general; potential_violation(game) gives a four-cycle, "
                "improvement_cycle(game) a "
                "cycle of best replies where there is one"
            )
        rows = self.overlap if self.multiplicity is None else np.repeat(self.overlap, self.multiplicity, axis=0)
        overlap = rows[np.arange(len(s)), s]
        if (w == w[0]).all():
            counts = np.bincount(s, minlength=self.num_actions)
            steps = np.arange(1, counts.max() + 1)[:, None]
            latency = np.where(steps <= counts, self.latency(steps * w[0]), 0.0).sum()
            pairs = 0.0 if self.affinity is None else float((self.affinity * (s[:, None] == s[None, :])).sum())
            return float(latency - omega * (overlap.sum() + 0.5 * pairs))
        if (
            self.affinity is None
            and isinstance(self.latency, Polynomial)
            and not self.latency.coefficients[:, 2:].any()
        ):
            loads, squares = self.loads(s), np.bincount(s, w * w, minlength=self.num_actions)
            a = self.latency.coefficients[:, 0]
            b = self.latency.coefficients[:, 1] if self.latency.coefficients.shape[1] > 1 else np.zeros_like(a)
            return float((a * loads + 0.5 * b * (loads**2 + squares)).sum() - omega * (w * overlap).sum())
        raise NoPotential(
            "requests of different weights have a (weighted) potential here only for affine Polynomial "
            "latencies without affinity"
        )

    def __repr__(self) -> str:
        """Code that rebuilds the game, for games small enough to read."""
        if self.overlap.size > 200:
            return f"<RoutingGame of {self.num_players} requests on {self.num_actions} workers, {type(self.latency).__name__}>"
        parts = [
            repr(self.latency),
            f"overlap={np.asarray(self.overlap).tolist()}",
            f"overlap_weight={float(self.overlap_weight)!r}",
        ]
        if self.affinity is not None:
            parts += [f"affinity={np.asarray(self.affinity).tolist()}", f"affinity_kind={self.affinity_kind!r}"]
        if self.request_weight is not None:
            parts.append(f"request_weight={np.asarray(self.request_weight).tolist()}")
        if self.multiplicity is not None:
            parts.append(f"multiplicity={list(self.multiplicity)}")
        return f"RoutingGame({', '.join(parts)})"

    def _repr_pretty_(self, p: Any, cycle: bool) -> None:
        """What IPython and Hypothesis print: the code, not the fields of a data class."""
        p.text(repr(self))
