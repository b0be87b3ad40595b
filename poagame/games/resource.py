r"""The prefill/decode resource game Γ_PD: two pools share one budget of GPUs.

Pool i chooses :math:`g_i` GPUs, at least one worker's, with :math:`g_P + g_D \le G`, and pays

.. math:: c_i(g) = 1 - a_i(g_i / s_i) + p_i\, g_i,

with :math:`a_i` its attainment (share of requests that meet TTFT or ITL), :math:`s_i` GPUs a worker and :math:`p_i` a price a GPU. That
the two pools play for a shared budget is the paper's (S), as is that each values service levels; the functions and the price are ours,
since the paper's are not known. What one may choose depends on the other: a generalised Nash game, jointly convex where both attainments
are concave [rosen1965]_ [facchinei2007]_.

With `coupled` decode's requests are those that prefill finishes, so that prefill's choice changes decode's cost, too.

.. [rosen1965] Rosen: Existence and uniqueness of equilibrium points for concave n-person games, Econometrica 33 (1965).
.. [facchinei2007] Facchinei, Kanzow: Generalized Nash equilibrium problems, 4OR 5 (2007).
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Literal, get_args

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.errors import InvalidInput, TooLarge
from poagame.games.attainment.base import Attainment, Curve, LoadedAttainment
from poagame.games.checks import positive, shown
from poagame.games.named import Certified, NamedGame
from poagame.games.protocols import as_profile

Welfare = Literal["sum", "goodput", "min"]

POOLS = ("prefill", "decode")

_FIELDS = ("budget", "prefill", "decode", "welfare", "gpus_per_worker", "price", "least", "coupled")

MAX_SPLITS = 4_000_000
"""Most pairs of worker numbers that `ResourceGame.splits` tabulates."""


class ResourceGame(NamedGame):
    """Prefill and decode choose GPUs from one budget. A `JointlyConvexGame` over [g_P, g_D] where attainments are concave.

    Parameters
    ----------
    budget : float
        G, GPUs in all.
    prefill, decode : Attainment or callable
        Share of requests that meet their target by the number of **workers** (real numbers too); a callable becomes a `Curve`.
    welfare : str
        What all pay: "sum" :math:`c_P + c_D`; "goodput" 1 − a_P a_D, the share of requests that miss a target if the two are independent;
        "min" 1 − min(a_P, a_D). Prices are added to each of them.
    gpus_per_worker : float or (float, float)
        s, GPUs of a prefill and of a decode worker (tensor parallelism).
    price : float or (float, float)
        p ≥ 0, share of attainment that a GPU is worth to whom pays for it.
    least : float or (float, float), optional
        Fewest GPUs of each pool, one worker's if not given.
    coupled : bool
        Whether decode's arrival rate is prefill's throughput; both must then be curves with a rate (`LoadedAttainment`).

    Raises
    ------
    InvalidInput
        If the budget holds not the fewest GPUs of both, a number is out of its range, welfare is none of the three, or curves without a
        rate are coupled.

    Examples
    --------
    >>> from poagame.games.attainment.base import Quadratic
    >>> game = ResourceGame(1.0, Quadratic(1.0), Quadratic(0.5), least=0.0)
    >>> game.player_costs([0.75, 0.25]).tolist(), float(game.social_cost([0.75, 0.25]))
    ([0.0625, 0.0625], 0.125)
    """

    budget: float = eqx.field(static=True)
    prefill: Attainment = eqx.field(static=True)
    decode: Attainment = eqx.field(static=True)
    welfare: Welfare = eqx.field(static=True)
    gpus_per_worker: tuple[float, float] = eqx.field(static=True)
    price: tuple[float, float] = eqx.field(static=True)
    least: tuple[float, float] = eqx.field(static=True)
    coupled: bool = eqx.field(static=True)

    def __init__(
        self,
        budget: float,
        prefill: Any,
        decode: Any,
        welfare: Welfare = "sum",
        *,
        gpus_per_worker: ArrayLike = 1.0,
        price: ArrayLike = 0.0,
        least: ArrayLike | None = None,
        coupled: bool = False,
    ) -> None:
        self.source: str = ""
        self.certified: Certified = type(self).certified
        self.budget = positive(budget, "budget")
        require(
            welfare in get_args(Welfare), f"welfare is {', '.join(map(repr, get_args(Welfare)))}; got {welfare!r:.80}"
        )
        self.welfare = welfare
        self.prefill, self.decode = _curve(prefill, "prefill"), _curve(decode, "decode")
        self.gpus_per_worker = _pair(gpus_per_worker, "gpus_per_worker")
        require(min(self.gpus_per_worker) > 0, f"gpus_per_worker must be positive; got {self.gpus_per_worker}")
        self.price = _pair(price, "price")
        require(min(self.price) >= 0, f"price must be nonnegative; got {self.price}")
        self.least = self.gpus_per_worker if least is None else _pair(least, "least")
        require(min(self.least) >= 0, f"least must be nonnegative; got {self.least}")
        if sum(self.least) > self.budget * (1.0 + 1e-12):
            raise_small(self.budget, self.least)
        require(isinstance(coupled, bool), f"coupled is True or False; got {coupled!r:.80}")
        self.coupled = coupled
        rated = isinstance(self.prefill, LoadedAttainment) and isinstance(self.decode, LoadedAttainment)
        require(
            rated or not coupled,
            "coupled pools need curves with an arrival rate, a throughput and at_rate, such as PrefillQueue and DecodeBatch",
        )

    def attainments(self, x: ArrayLike) -> FloatArray:
        """[..., 2]: share of requests that meet prefill's and decode's target with GPUs x [..., 2]."""
        p, d = self._workers(x)
        return np.stack([self.prefill(p), self._decode(p, d)], axis=-1)

    def player_costs(self, x: ArrayLike) -> FloatArray:
        """[..., 2]: what prefill and decode pay with GPUs x [..., 2], feasible or not."""
        return 1.0 - self.attainments(x) + np.asarray(self.price) * np.asarray(x, dtype=np.float64)

    def social_cost(self, x: ArrayLike) -> Any:
        """What x [..., 2] costs all, by the game's welfare."""
        return self.missed(self.attainments(x)) + (np.asarray(self.price) * np.asarray(x, dtype=np.float64)).sum(
            axis=-1
        )

    def missed(self, share: FloatArray) -> FloatArray:
        """[...]: what attainments [..., 2] leave to be desired, by the game's welfare."""
        if self.welfare == "sum":
            return (1.0 - share).sum(axis=-1)
        return 1.0 - (share.prod(axis=-1) if self.welfare == "goodput" else share.min(axis=-1))

    def pseudogradient(self, x: ArrayLike) -> FloatArray:
        """[..., 2]: change of each pool's cost by a GPU more of its own."""
        p, d = self._workers(x)
        decode = self._decode_at(p) if self.coupled else self.decode
        gain = np.stack([self.prefill.derivative(p), decode.derivative(d)], axis=-1)
        return np.asarray(self.price) - gain / np.asarray(self.gpus_per_worker)

    def projection(self, x: ArrayLike) -> FloatArray:
        """The nearest point of the budget's triangle to x [2].

        Raises
        ------
        InvalidInput
            If x is not two finite numbers.
        """
        point = as_floats(x, "x")
        require(point.shape == (2,), f"x is [2], GPUs of prefill and decode; got shape {point.shape}")
        low = np.asarray(self.least)
        above = point - low
        y = np.maximum(above, 0.0)
        room = max(self.budget - float(low.sum()), 0.0)
        if y.sum() > room:
            first = float(np.clip(0.5 * (room + above[0] - above[1]), 0.0, room))
            y = np.array([first, room - first])
        return low + y

    def start(self) -> FloatArray:
        """[2]: what is left over the fewest, in halves."""
        return np.asarray(self.least) + 0.5 * (self.budget - sum(self.least))

    def splits(self) -> WorkerSplits:
        """Return the game over whole workers, a `FiniteGame`: `equilibria`, `price_of_anarchy`, `social_optimum` solve it."""
        return WorkerSplits(self)

    def with_welfare(self, welfare: Welfare) -> ResourceGame:
        """Return the same pools with another social cost."""
        return self._with(welfare=welfare)

    def scaled(self, load: float) -> ResourceGame:
        """Return the same pools with all arrival rates times `load`; both curves need rates."""
        factor = positive(load, "load")
        p, d = self.prefill, self.decode
        if not (isinstance(p, LoadedAttainment) and isinstance(d, LoadedAttainment)):
            require(False, "loads scale arrival rates, and these curves have none; use PrefillQueue and DecodeBatch")
            raise AssertionError
        return self._with(prefill=p.at_rate(p.arrival_rate * factor), decode=d.at_rate(d.arrival_rate * factor))

    def __repr__(self) -> str:
        """The call that builds it."""
        given = ", ".join(f"{name}={getattr(self, name)!r}" for name in _FIELDS)
        return f"ResourceGame({given})"

    def _with(self, **changes: Any) -> ResourceGame:
        return ResourceGame(**({name: getattr(self, name) for name in _FIELDS} | changes))

    def _workers(self, x: ArrayLike) -> tuple[FloatArray, FloatArray]:
        gpus = as_floats(x, "x")
        require(gpus.ndim >= 1 and gpus.shape[-1] == 2, f"x is [..., 2], GPUs of both pools; got shape {gpus.shape}")
        return gpus[..., 0] / self.gpus_per_worker[0], gpus[..., 1] / self.gpus_per_worker[1]

    def _decode(self, p: FloatArray, d: FloatArray) -> FloatArray:
        if not self.coupled:
            return self.decode(d)
        assert isinstance(self.prefill, LoadedAttainment)
        assert isinstance(self.decode, LoadedAttainment)
        return self.decode.attained(d, np.minimum(self.prefill.throughput(p), self.decode.arrival_rate))

    def _decode_at(self, p: FloatArray) -> Curve:
        return Curve(lambda d: self._decode(p, d))


class WorkerSplits(eqx.Module):
    """A resource game over whole workers: action a of a pool is a + 1 workers. A `FiniteGame` of two players.

    A pool that asks for more than the budget leaves pays infinity, so equilibria are the generalised ones of whole workers. Costs are told
    apart to 1e-12 of all requests: what differs by less is rounding.
    """

    game: ResourceGame = eqx.field(static=True)

    takes_profiles: ClassVar[bool] = True
    finite_only: ClassVar[bool] = True

    def __check_init__(self) -> None:
        for k, pool in enumerate(POOLS):
            size, low = self.game.gpus_per_worker[k], self.game.least[k]
            require(low <= size * (1 + 1e-12), f"whole workers: the fewest GPUs of {pool} are one worker's, {size:g}")
        if sum(self.game.gpus_per_worker) > self.game.budget * (1.0 + 1e-12):
            raise_small(self.game.budget, self.game.gpus_per_worker)
        if self.num_actions**2 > MAX_SPLITS:
            raise TooLarge(
                f"{self.num_actions:,} numbers of workers a pool are more than {MAX_SPLITS:,} splits; "
                "use variational_equilibrium(game), or larger workers"
            )

    @property
    def num_players(self) -> int:
        """2: prefill and decode."""
        return 2

    @property
    def num_actions(self) -> int:
        """Most workers that either pool may have beside one of the other."""
        budget, (p, d) = self.game.budget * (1.0 + 1e-12), self.game.gpus_per_worker
        return max(int((budget - d) // p), int((budget - p) // d))

    @cached_property
    def table(self) -> tuple[FloatArray, FloatArray]:
        """[2, A, A] player costs and [A, A] social cost by workers less one; infinite over the budget."""
        x = self.gpus(np.stack(np.meshgrid(*[np.arange(self.num_actions)] * 2, indexing="ij"), axis=-1))
        fits = x.sum(axis=-1) <= self.game.budget * (1.0 + 1e-12)
        own = np.where(fits, np.moveaxis(told_apart(self.game.player_costs(x)), -1, 0), np.inf)
        return own, np.where(fits, told_apart(self.game.social_cost(x)), np.inf)

    def gpus(self, profile: ArrayLike) -> FloatArray:
        """[..., 2] GPUs of a profile."""
        return (np.asarray(profile) + 1) * np.asarray(self.game.gpus_per_worker)

    def split_of(self, profile: ArrayLike) -> tuple[int, int]:
        """Prefill and decode workers of a profile [2]."""
        p, d = (as_profile(self, profile) + 1).tolist()
        return p, d

    def profile_of(self, split: tuple[int, int]) -> IntArray:
        """[2]: the profile with so many prefill and decode workers."""
        return as_profile(self, np.array(split) - 1)

    def workers(self, profile: ArrayLike) -> str:
        """A profile [2] as the paper writes it, such as "1P/2D"."""
        p, d = self.split_of(profile)
        return f"{p}P/{d}D"

    def action_costs(self, profile: ArrayLike) -> FloatArray:
        """[..., 2, A]: what each pool would pay for each number of workers."""
        s = as_profile(self, profile)
        own, _ = self.table
        return np.stack([own[0].T[s[..., 1]], own[1][s[..., 0]]], axis=-2)

    def social_cost(self, profile: ArrayLike) -> Any:
        """Cost to all of a profile [..., 2]."""
        s = as_profile(self, profile)
        cost = self.table[1][s[..., 0], s[..., 1]]
        return float(cost) if cost.ndim == 0 else cost


def told_apart(cost: ArrayLike) -> FloatArray:
    """Costs to 12 digits: 1 less a share is known no better."""
    return np.round(np.asarray(cost, dtype=np.float64), 12)


def raise_small(budget: float, least: tuple[float, float]) -> None:
    """Refuse a budget without room for both pools."""
    require(
        False,
        f"a budget of {budget:g} GPUs holds not one prefill worker and one decode worker ({least[0]:g} + {least[1]:g} GPUs); "
        "give more, or smaller workers",
    )


def _curve(value: Any, name: str) -> Attainment:
    if isinstance(value, Attainment):
        return value
    require(callable(value), f"{name} is an attainment curve or a function of workers; got {value!r:.80}")
    return Curve(value)


def _pair(value: ArrayLike, name: str) -> tuple[float, float]:
    if np.asarray(value).dtype == bool:
        raise InvalidInput(f"{name} is a number or one a pool; got {shown(value)}")
    array = as_floats(value, name)
    require(array.shape in ((), (1,), (2,)), f"{name} is a number or one a pool; got shape {array.shape}")
    first, second = np.broadcast_to(array, (2,)).tolist()
    return first, second
