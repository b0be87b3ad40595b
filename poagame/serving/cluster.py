"""A cluster to simulate: its workers, how fast they are, what they remember."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from poagame._arrays import require
from poagame.errors import InvalidInput
from poagame.games.checks import finite, require_instance, whole
from poagame.serving.timing import DecodeTime, PrefillTime

Engine: TypeAlias = Literal["batched", "mock"]
Eviction: TypeAlias = Literal["lru", "frequency"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Prefill and decode workers, or workers that do both.

    An iteration of a worker prefills waiting prompts, FIFO, up to `most_tokens`, and makes one token for each request of its batch.

    Parameters
    ----------
    prefill, decode : int
        Workers of a disaggregated deployment, at least one of each; or 0 of both and
    aggregated : int
        workers that do both.
    prefill_time, decode_time : PrefillTime, DecodeTime
        Of an iteration. One that does both takes the sum.
    block_tokens : int
        Tokens of a KV block.
    kv_blocks : int, optional
        Blocks that a worker's cache holds; none: without end. Room for the whole answer is kept from the beginning, so nothing is
        preempted (real engines admit more and preempt).
    transfer_ms, transfer_block_ms : float
        A KV transfer from prefill to decode takes this, and this a block that the decode worker does not hold; links are not contended.
    most_requests : int, optional
        That a worker decodes at once.
    prefill_requests : int, optional
        That an iteration of a prefill worker may begin; 1: one prompt after another.
    most_tokens : int, optional
        Prompt tokens of an iteration; longer prompts go in chunks.
    engine : str
        "batched": an iteration's tokens come when it ends, and what it prefills decodes from the next on. "mock": as Dynamo 0.9.0's mock
        engine was seen to do: tokens come as an iteration begins, what is prefilled decodes in the same iteration, on prefill workers
        too, and an iteration's prefill time is the sum of its prompts' times.
    eviction : str
        "lru", or "frequency": of the blocks not in use, those whose counter was below 2 when they fell out of use go first (Dynamo's KVBM
        counter starts at 1, doubles with a hit and decays, and from 2 on a block may be promoted; P). Among equals the least recently used
        goes first, and the counter is not looked at again while a block waits (ours).
    half_life_ms : float
        In which that counter halves; ∞ for "lru".

    Raises
    ------
    InvalidInput
        If there is no worker of a kind that is needed, or a number is out of its range.

    Examples
    --------
    >>> cluster = Cluster(
    ...     prefill=1, decode=2, prefill_time=PrefillTime.constant(20.0), decode_time=DecodeTime.constant(9.0)
    ... )
    >>> cluster.topology
    '1P/2D'
    """

    prefill_time: PrefillTime
    decode_time: DecodeTime
    prefill: int = 0
    decode: int = 0
    aggregated: int = 0
    block_tokens: int = 16
    kv_blocks: int | None = None
    transfer_ms: float = 0.0
    transfer_block_ms: float = 0.0
    most_requests: int | None = None
    prefill_requests: int | None = None
    most_tokens: int | None = None
    engine: Engine = "batched"
    eviction: Eviction = "lru"
    half_life_ms: float = float("inf")

    def __post_init__(self) -> None:
        for name in ("prefill", "decode", "aggregated"):
            object.__setattr__(self, name, whole(getattr(self, name), name, most=4096))
        if self.aggregated:
            require(
                self.prefill == self.decode == 0,
                "workers are aggregated or disaggregated; got "
                f"prefill={self.prefill}, decode={self.decode} and aggregated={self.aggregated}",
            )
        else:
            require(
                self.prefill >= 1 and self.decode >= 1,
                f"a disaggregated cluster has prefill ≥ 1 and decode ≥ 1 workers; got {self.prefill} and {self.decode} "
                "(aggregated=n for workers that do both)",
            )
        object.__setattr__(self, "block_tokens", whole(self.block_tokens, "block_tokens", least=1, most=1 << 20))
        for name in ("kv_blocks", "most_requests", "prefill_requests", "most_tokens"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, whole(value, name, least=1, most=2**31 - 1))
        for name in ("transfer_ms", "transfer_block_ms"):
            value = finite(getattr(self, name), name)
            require(value >= 0, f"{name} must be at least 0; got {value:g}")
            object.__setattr__(self, name, value)
        for name, kinds in (("engine", get_args(Engine)), ("eviction", get_args(Eviction))):
            value = getattr(self, name)
            require(value in kinds, f"{name} is {' or '.join(map(repr, kinds))}; got {value!r:.40}")
        try:
            life = float(self.half_life_ms)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"half_life_ms is a number; got {self.half_life_ms!r:.40}") from error
        require(life > 0, f"half_life_ms must be positive; got {life:g}")
        for name, kind in (("prefill_time", PrefillTime), ("decode_time", DecodeTime)):
            require_instance(getattr(self, name), kind, name)

    @property
    def num_workers(self) -> int:
        """Workers of all kinds."""
        return self.prefill + self.decode + self.aggregated

    @property
    def num_decoders(self) -> int:
        """Workers that decode."""
        return self.decode + self.aggregated

    @property
    def topology(self) -> str:
        """As in "1P/2D"; "5A" where workers do both."""
        return f"{self.aggregated}A" if self.aggregated else f"{self.prefill}P/{self.decode}D"
