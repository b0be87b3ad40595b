r"""The Planner of Dynamo 0.9.0: from the requests of the last interval to workers, by profiles of one GPU's throughput.

With n requests of isl tokens in and osl out in Δt seconds, and gpus the GPUs of a worker,

.. math::
    P = \lceil n\,isl / Δt \cdot \min(1, c_P) / prefill\_throughput / gpus_P \rceil, \qquad
    D = \lceil n\,osl / Δt / decode\_throughput(ITL / c_D) / gpus_D \rceil,

both at least `least`; :math:`c` are correction factors, observed over interpolated TTFT and ITL. If that needs more GPUs than the budget,

.. math::
    s = budget / (P\,gpus_P + D\,gpus_D), \qquad P' = \max(least, round(P s)), \qquad
    D' = \max(least, round((budget - P' gpus_P) / gpus_D)),

halves going to the even number. So scaled down it may **still exceed the budget**: of 12 GPUs with workers of 4 it may want P' = 3 and
D' = 1. `poagame.solvers.planner.plan` then cuts decode, or where that does not suffice prefill, as a cluster without the GPUs does.
Nothing in the rule looks at how many requests meet a target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.errors import InvalidInput
from poagame.games.attainment import DecodeBatch
from poagame.games.checks import positive, whole
from poagame.games.resource import ResourceGame
from poagame.solvers.planner.rules import Observation

MOST = 2.0**53
"""Most workers that the formula may want: beyond, floats skip whole numbers."""


def dynamo_workers(
    requests: ArrayLike,
    interval_s: float,
    *,
    isl: ArrayLike,
    osl: ArrayLike,
    prefill_throughput: ArrayLike,
    decode_throughput: ArrayLike,
    prefill_correction: ArrayLike = 1.0,
    gpus_per_worker: tuple[float, float] = (1.0, 1.0),
    budget: float,
    least: int = 1,
) -> IntArray:
    """[..., 2] prefill and decode workers that the rule wants; more than the budget holds, where it rounds up.

    Parameters
    ----------
    requests : [...]
        n ≥ 0, of the interval.
    interval_s : float
        Δt, s.
    isl, osl : [...]
        Tokens in and out of a request, positive.
    prefill_throughput : [...]
        Tokens a second and GPU at that isl.
    decode_throughput : [...]
        Tokens a second and GPU, the most that meets ITL / c_D.
    prefill_correction : [...]
        c_P > 0, which counts only below 1.
    gpus_per_worker : (float, float)
        Of prefill and decode.
    budget : float
        GPUs.
    least : int
        Fewest workers of each pool, at least 1.

    Raises
    ------
    InvalidInput
        If a number is out of its range.

    Examples
    --------
    1,800 requests in 180 s, of 1,000 tokens in and 500 out, want ⌈10,000 / 4,000⌉ and ⌈5,000 / 1,500⌉ workers; of 5 GPUs
    round(3 · 5/7) = 2 and 3.

    >>> rule = dict(isl=1000, osl=500, prefill_throughput=4000, decode_throughput=1500)
    >>> dynamo_workers(1800, 180.0, budget=8, **rule).tolist(), dynamo_workers(1800, 180.0, budget=5, **rule).tolist()
    ([3, 4], [2, 3])
    """
    n = as_floats(requests, "requests")
    require(bool((n >= 0).all()), f"requests must be nonnegative; the smallest is {n.min(initial=0.0):g}")
    span, gpus, low = positive(interval_s, "interval_s"), positive(budget, "budget"), whole(least, "least", 1)
    require(np.shape(gpus_per_worker) == (2,), f"gpus_per_worker is of prefill and decode; got {gpus_per_worker!r:.60}")
    size_p, size_d = (positive(size, "gpus_per_worker") for size in gpus_per_worker)
    tokens_in, tokens_out = _above(isl, "isl"), _above(osl, "osl")
    rate_p, rate_d = _above(prefill_throughput, "prefill_throughput"), _above(decode_throughput, "decode_throughput")
    correction = np.minimum(1.0, _above(prefill_correction, "prefill_correction"))
    wish_p = np.ceil(n * tokens_in / span * correction / rate_p / size_p)
    wish_d = np.ceil(n * tokens_out / span / rate_d / size_d)
    p, d = np.broadcast_arrays(np.maximum(wish_p, low), np.maximum(wish_d, low))
    require(bool((np.maximum(p, d) < MOST).all()), "the rule wants more workers than can be counted; check the units")
    required = p * size_p + d * size_d
    scaled_p = np.maximum(low, np.rint(p * (gpus / required)))
    scaled_d = np.maximum(low, np.rint((gpus - scaled_p * size_p) / size_d))
    over = required > gpus
    return np.stack([np.where(over, scaled_p, p), np.where(over, scaled_d, d)], axis=-1).astype(np.int64)


@dataclass(frozen=True, slots=True)
class DynamoProfile:
    """What one GPU does, as profiled before.

    Parameters
    ----------
    isl, osl : float
        Tokens in and out of a request.
    prefill_throughput : float
        Tokens a second and GPU at isl.
    decode_throughput : callable
        Tokens a second and GPU, the most that meets an ITL in ms (at a context of isl + osl/2).

    Raises
    ------
    InvalidInput
        If a number is not positive, or decode_throughput not callable.
    """

    isl: float
    osl: float
    prefill_throughput: float
    decode_throughput: Callable[[float], float]

    def __post_init__(self) -> None:
        for name in ("isl", "osl", "prefill_throughput"):
            positive(getattr(self, name), name)
        require(
            callable(self.decode_throughput),
            f"decode_throughput is a function of ITL; got {self.decode_throughput!r:.80}",
        )


def profile_of(pools: ResourceGame, worker_rates: FloatArray) -> DynamoProfile:
    """Return the profile that pools with a `DecodeBatch` really have: what they finish at full load, and at the largest batch fast enough.

    As in Dynamo, the smallest batch stands where none is fast enough. Tokens in cancel, so that isl is 1.

    Raises
    ------
    InvalidInput
        If decode is another curve.
    """
    decode = pools.decode
    if not isinstance(decode, DecodeBatch):
        raise InvalidInput(
            "decode has no ITL by batch to make a profile of; give DynamoPlanner(profile=DynamoProfile(…))"
        )
    itl, size = decode.batch_itl, pools.gpus_per_worker

    def throughput(target_ms: float) -> float:
        fast = np.flatnonzero(itl <= target_ms)
        batch = int(fast[-1]) if fast.size else 0
        return float((batch + 1) * 1000.0 / itl[batch] / size[1])

    return DynamoProfile(1.0, decode.output_tokens, float(worker_rates[0]) / size[0], throughput)


@dataclass(frozen=True, slots=True)
class DynamoPlanner:
    """The rule of Dynamo 0.9.0, with the last interval's requests as the forecast of the next.

    Requests are those that come to prefill. Correction factors are held fixed: with the pools' own profile c_D is near 1, and queues make
    c_P more than 1, which the rule cuts to 1.

    Parameters
    ----------
    ttft_ms : float
        Target of TTFT, ms. In 0.9.0 it chooses the prefill engine beforehand and is no part of the rule.
    itl_ms : float
        Target of ITL, ms.
    interval_s : float
        Δt, s.
    profile : DynamoProfile, optional
        That of the pools if not given, see `profile_of`.
    prefill_correction, decode_correction : float
        c_P, c_D > 0.
    least : int
        Fewest workers of each pool.

    Raises
    ------
    InvalidInput
        If a number is out of its range.
    """

    ttft_ms: float = 500.0
    itl_ms: float = 50.0
    interval_s: float = 180.0
    profile: DynamoProfile | None = None
    prefill_correction: float = 1.0
    decode_correction: float = 1.0
    least: int = 1

    def __post_init__(self) -> None:
        for name in ("ttft_ms", "itl_ms", "interval_s", "prefill_correction", "decode_correction"):
            positive(getattr(self, name), name)
        whole(self.least, "least", 1)

    @property
    def cycle(self) -> int:
        """1: the step does not matter."""
        return 1

    def __call__(self, seen: Observation) -> IntArray:
        """[B, 2] workers wanted, perhaps more than the budget holds."""
        profile = self.profile or profile_of(seen.pools, seen.tables.worker_rates)
        return dynamo_workers(
            seen.rates[:, 0] * self.interval_s,
            self.interval_s,
            isl=profile.isl,
            osl=profile.osl,
            prefill_throughput=profile.prefill_throughput,
            decode_throughput=profile.decode_throughput(self.itl_ms / self.decode_correction),
            prefill_correction=self.prefill_correction,
            gpus_per_worker=seen.pools.gpus_per_worker,
            budget=seen.pools.budget,
            least=self.least,
        )


def _above(value: ArrayLike, name: str) -> FloatArray:
    array = as_floats(value, name)
    require(bool((array > 0).all()), f"{name} must be positive; the smallest is {array.min(initial=1.0):g}")
    return array
