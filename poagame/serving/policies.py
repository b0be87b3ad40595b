"""Policies beside Dynamo's own: how else a request may be placed, from a coin to the least marginal cost. Decisions see one moment only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.errors import InvalidInput
from poagame.games.checks import finite, whole
from poagame.serving.engine import route_compiled as codes
from poagame.serving.router import DynamoRouter
from poagame.serving.router_1x import DynamoRouter1

_NO_LATENCY = np.zeros(1)
_NOT_FORCED = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Random:
    """Any worker, each as likely."""


@dataclass(frozen=True, slots=True)
class RoundRobin:
    """One worker after the other."""


@dataclass(frozen=True, slots=True)
class PowerOfChoices:
    """The one with the fewest unfinished requests of some drawn at random, with replacement (Mitzenmacher 2001)."""

    choices: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "choices", whole(self.choices, "choices", least=1, most=4096))


@dataclass(frozen=True, slots=True)
class ShortestQueue:
    """The fewest unfinished requests; any of those that tie."""


@dataclass(frozen=True, slots=True)
class LeastWork:
    """The fewest unfinished tokens: of prompts still to prefill, and of the answers of unfinished requests."""


@dataclass(frozen=True, slots=True)
class CacheAffinity:
    """The most blocks of the prompt in its cache, whatever its load; any of those that tie."""


@dataclass(frozen=True, eq=False, slots=True)
class Selfish:
    r"""The paper's Eq. 7 (S) as a policy: :math:`\ell(n_w + 1) - \omega \cdot \text{overlap}_w`, the least or a softmax.

    Parameters
    ----------
    latency_ms : [K]
        ℓ: what a request takes as one of 1, 2, …, K at a worker; linear beyond.
    overlap_weight : float
        ω ≥ 0, ms a block found in the worker's cache.
    temperature : float
        0: the least cost. Else a softmax of costs divided by their range, as Dynamo does.
    """

    latency_ms: FloatArray
    overlap_weight: float = 0.0
    temperature: float = 0.0

    def __post_init__(self) -> None:
        latency = as_floats(self.latency_ms, "latency_ms")
        require(latency.ndim == 1 and latency.size >= 1, f"latency_ms is [K], K ≥ 1; got shape {latency.shape}")
        require(bool((latency >= 0).all()), f"latency_ms must be at least 0; got {latency.min():g}")
        object.__setattr__(self, "latency_ms", latency)
        for name in ("overlap_weight", "temperature"):
            value = finite(getattr(self, name), name)
            require(value >= 0, f"{name} must be at least 0; got {value:g}")
            object.__setattr__(self, name, value)


class MarginalCost(Selfish):
    r"""As `Selfish`, and what a request costs the others there: :math:`\ell(n+1) + n (\ell(n+1) - \ell(n)) - \omega \cdot` overlap."""

    __slots__ = ()


@dataclass(frozen=True, eq=False, slots=True)
class Fixed:
    """Each request at the decode worker that is written down for it, 0 … D − 1."""

    workers: IntArray = field()

    def __post_init__(self) -> None:
        workers = np.asarray(self.workers)
        if workers.ndim != 1 or workers.size == 0 or workers.dtype.kind not in "iu":
            raise InvalidInput(f"workers are whole numbers [N]; got shape {workers.shape} of {workers.dtype}")
        require(bool((workers >= 0).all()), f"workers are numbered from 0; got {workers.min()}")
        object.__setattr__(self, "workers", workers.astype(np.int64))


Policy: TypeAlias = (
    DynamoRouter
    | DynamoRouter1
    | Random
    | RoundRobin
    | PowerOfChoices
    | ShortestQueue
    | LeastWork
    | CacheAffinity
    | Selfish
    | Fixed
)


class Encoded(NamedTuple):
    """A policy as the compiled loop reads it."""

    code: int
    values: FloatArray
    by_count: FloatArray = _NO_LATENCY
    forced: IntArray = _NOT_FORCED


def encode(policy: Policy) -> Encoded:
    """What the compiled loop needs of a policy.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    none = np.zeros(4)
    match policy:
        case DynamoRouter():
            return Encoded(codes.DYNAMO, np.array([policy.overlap_weight, policy.temperature, 0.0, 1.0]))
        case DynamoRouter1():
            values = [policy.overlap_score_credit, policy.temperature, policy.prefill_load_scale, 1.0]
            return Encoded(codes.DYNAMO_1, np.array(values))
        case Random():
            return Encoded(codes.RANDOM, none)
        case RoundRobin():
            return Encoded(codes.ROUND_ROBIN, none)
        case PowerOfChoices():
            return Encoded(codes.POWER_OF_CHOICES, np.array([0.0, 0.0, policy.choices, 0.0]))
        case ShortestQueue():
            return Encoded(codes.SHORTEST_QUEUE, none)
        case LeastWork():
            return Encoded(codes.LEAST_WORK, none)
        case CacheAffinity():
            return Encoded(codes.CACHE_AFFINITY, none)
        case Selfish():
            code = codes.MARGINAL_COST if isinstance(policy, MarginalCost) else codes.SELFISH
            return Encoded(code, np.array([policy.overlap_weight, policy.temperature, 0.0, 1.0]), policy.latency_ms)
        case Fixed():
            return Encoded(codes.ROUND_ROBIN, none, forced=policy.workers)
        case _:
            raise InvalidInput(f"router is a DynamoRouter or another policy of poagame.serving; got {policy!r:.80}")
