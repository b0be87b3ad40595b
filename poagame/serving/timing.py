r"""How long an iteration of a worker takes: prefill by tokens, decode by load and context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, as_floats, require
from poagame.errors import InvalidInput
from poagame.games.checks import finite, positive
from poagame.measured.readers.base import Source

Load: TypeAlias = Literal["tokens", "batch"]


@dataclass(frozen=True, eq=False, slots=True)
class PrefillTime:
    """Time of prefilling new tokens: linear between points and beyond the last two, never below 0.

    Parameters
    ----------
    tokens : [K]
        Increasing, ≥ 0.
    ms : [K]
        ≥ 0.

    Raises
    ------
    InvalidInput
        If there is no point, tokens do not increase, or a number is negative or not finite.

    Examples
    --------
    >>> PrefillTime.linear(base_ms=10.0, token_ms=0.02).at(100.0)
    12.0
    """

    tokens: FloatArray
    ms: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", _axis(self.tokens, "tokens"))
        object.__setattr__(self, "ms", _times(self.ms, self.tokens.shape))

    @classmethod
    def constant(cls, ms: float) -> Self:
        """The same for every prompt."""
        return cls(np.zeros(1), np.array([finite(ms, "ms")]))

    @classmethod
    def linear(cls, base_ms: float, token_ms: float) -> Self:
        """base_ms + token_ms · tokens."""
        base, slope = finite(base_ms, "base_ms"), finite(token_ms, "token_ms")
        return cls(np.array([0.0, 1000.0]), base + slope * np.array([0.0, 1000.0]))

    def plus(self, ms: float) -> PrefillTime:
        """`ms` longer everywhere."""
        return PrefillTime(self.tokens, self.ms + finite(ms, "ms"))

    def at(self, tokens: float) -> float:
        """Time of `tokens` new tokens in ms."""
        tokens = finite(tokens, "tokens")
        if self.ms.size == 1:
            return float(self.ms[0])
        cell = int(np.clip(np.searchsorted(self.tokens, tokens) - 1, 0, self.ms.size - 2))
        share = (tokens - self.tokens[cell]) / (self.tokens[cell + 1] - self.tokens[cell])
        return max(float((1.0 - share) * self.ms[cell] + share * self.ms[cell + 1]), 0.0)


@dataclass(frozen=True, eq=False, slots=True)
class DecodeTime:
    """Time of a decode iteration, one token for every request of the batch: bilinear in load and mean context, linear beyond.

    Parameters
    ----------
    load : [L]
        Increasing: tokens of the KV blocks in use (shared prefixes once; of a prompt prefilled in chunks all of it), or requests in the
        batch, as `by` says.
    ms : [L, M] or [L]
        ≥ 0; [L]: whatever the context.
    context : [M], optional
        Mean tokens of a request's context, increasing.
    by : str
        "tokens" or "batch".

    Raises
    ------
    InvalidInput
        If there is no point, an axis does not increase, shapes differ, or a number is negative or not finite.

    Examples
    --------
    >>> DecodeTime([1, 2, 4], [9.0, 9.2, 10.0], by="batch").at(3)
    9.6
    """

    load: FloatArray
    ms: FloatArray
    context: FloatArray
    by: Load

    def __init__(self, load: ArrayLike, ms: ArrayLike, context: ArrayLike = (0.0,), by: Load = "batch") -> None:
        require(by in get_args(Load), f"by is {', '.join(map(repr, get_args(Load)))}; got {by!r:.40}")
        loads, contexts = _axis(load, "load"), _axis(context, "context")
        times = as_floats(ms, "ms")
        if times.ndim == 1 and contexts.size == 1:
            times = times[:, None]
        object.__setattr__(self, "load", loads)
        object.__setattr__(self, "context", contexts)
        object.__setattr__(self, "ms", _times(times, (loads.size, contexts.size)))
        object.__setattr__(self, "by", by)

    @classmethod
    def constant(cls, ms: float) -> Self:
        """The same for every batch."""
        return cls([1.0], [positive(ms, "ms")])

    def plus(self, ms: float) -> DecodeTime:
        """`ms` longer everywhere."""
        return DecodeTime(self.load, self.ms + finite(ms, "ms"), self.context, self.by)

    def at(self, load: float, context: float = 0.0) -> float:
        """Time of an iteration in ms."""
        row, down = _cell(self.load, finite(load, "load"))
        column, across = _cell(self.context, finite(context, "context"))
        rows = [row, min(row + 1, self.load.size - 1)]
        columns = [column, min(column + 1, self.context.size - 1)]
        corner = self.ms[np.ix_(rows, columns)]
        return max(float(np.array([1 - down, down]) @ corner @ np.array([1 - across, across])), 0.0)


def mocker_times(path: str | PathLike[str]) -> tuple[PrefillTime, DecodeTime]:
    """Read the timing of Dynamo's mock engine from its .npz file.

    Raises
    ------
    InvalidInput
        If the file is no such archive or lacks an array.
    """
    names = ("prefill_isl", "prefill_ttft_ms", "decode_active_kv_tokens", "decode_context_length", "decode_itl")
    path = Path(path)
    source = Source(path)
    if not source.members:
        raise InvalidInput(f"{path.name} is no timing archive of Dynamo's mock engine (.npz with {', '.join(names)})")
    archive = source.arrays()
    missing = [name for name in names if name not in archive]
    require(not missing, f"{path.name} lacks {', '.join(missing)}; it has {', '.join(archive)}")
    isl, ttft, tokens, context, itl = (archive[name] for name in names)
    return PrefillTime(isl, ttft), DecodeTime(tokens, itl, context, by="tokens")


def _axis(values: ArrayLike, name: str) -> FloatArray:
    axis = as_floats(values, name)
    require(axis.ndim == 1 and axis.size >= 1, f"{name} is a list of numbers; got shape {axis.shape}")
    require(bool((axis >= 0).all()), f"{name} must be at least 0; got {axis.min():g}")
    require(bool((np.diff(axis) > 0).all()), f"{name} must increase from point to point")
    return axis


def _times(values: ArrayLike, shape: Sequence[int]) -> FloatArray:
    times = as_floats(values, "ms")
    require(times.shape == tuple(shape), f"ms has a number for each point, shape {tuple(shape)}; got {times.shape}")
    require(bool((times >= 0).all()), f"ms must be at least 0; got {times.min():g}")
    return times


def _cell(axis: FloatArray, value: float) -> tuple[int, float]:
    if axis.size == 1:
        return 0, 0.0
    cell = int(np.clip(np.searchsorted(axis, value) - 1, 0, axis.size - 2))
    return cell, float((value - axis[cell]) / (axis[cell + 1] - axis[cell]))
