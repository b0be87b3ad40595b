"""What is asked of a cluster: prompts that share prefixes, and when requests come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, as_floats, require
from poagame.errors import InvalidInput
from poagame.games.checks import Seed, finite, generator, positive, require_instance, whole
from poagame.measured.tables import RequestTable

MOST_TOKENS: Final = 1 << 24
MOST_REQUESTS: Final = 2**31 - 1


@dataclass(frozen=True, eq=False, slots=True)
class Prompts:
    """Requests' prompts and answers, in the order of sending.

    Attributes
    ----------
    input_tokens, output_tokens : [N]
        At least 1.
    pattern : [N]
        Which of the P patterns of shared segments a prompt begins with.
    first_segment : [P + 1]
        Where a pattern's segments begin in `segments`.
    segments : [·]
        Segments of all patterns: runs of tokens that are always used whole, each with all that comes before it.
    segment_tokens : [S]
        Of each segment.
    """

    input_tokens: IntArray
    output_tokens: IntArray
    pattern: IntArray
    first_segment: IntArray
    segments: IntArray
    segment_tokens: IntArray

    def __post_init__(self) -> None:
        sizes = {self.input_tokens.shape, self.output_tokens.shape, self.pattern.shape}
        require(len(sizes) == 1 and self.pattern.ndim == 1, f"lengths and pattern are [N]; got shapes {sorted(sizes)}")
        first = self.first_segment
        require(
            first.ndim == 1
            and first.size >= 2
            and first[0] == 0
            and bool((np.diff(first) >= 0).all())
            and first[-1] == self.segments.size,
            "first_segment rises from 0 to the number of segments of all patterns",
        )
        for name, index, size in (
            ("pattern", self.pattern, first.size - 1),
            ("segments", self.segments, self.segment_tokens.size),
        ):
            require(bool(((index >= 0) & (index < size)).all()), f"{name} numbers from 0 to {size - 1}")
        require(
            bool(
                (self.output_tokens >= 1).all() and (self.input_tokens >= 1).all() and (self.segment_tokens >= 1).all()
            ),
            "a prompt, an answer and a segment have at least one token",
        )
        chain = np.r_[0, np.cumsum(self.segment_tokens[self.segments])]
        shared = (chain[first[1:]] - chain[first[:-1]])[self.pattern]
        longer = np.flatnonzero(shared > self.input_tokens)
        if longer.size:
            raise InvalidInput(
                f"request {longer[0]} has {self.input_tokens[longer[0]]} tokens, and its pattern {shared[longer[0]]}"
            )

    def __len__(self) -> int:
        return self.pattern.size

    @classmethod
    def templates(
        cls,
        num_requests: int,
        *,
        groups: int = 5,
        shared_tokens: int = 0,
        input_tokens: int | ArrayLike = 128,
        output_tokens: int | ArrayLike = 128,
        group: ArrayLike | None = None,
        seed: Seed = 0,
    ) -> Self:
        """Prompts that begin with one of some templates, drawn evenly, or written down in `group` [N].

        Raises
        ------
        InvalidInput
            If numbers are out of their range, or a template is longer than a prompt.

        Examples
        --------
        >>> len(Prompts.templates(100, groups=16, shared_tokens=64))
        100
        """
        count = whole(num_requests, "num_requests", least=1, most=2**31 - 2)
        groups = whole(groups, "groups", least=1, most=1 << 20)
        shared = whole(shared_tokens, "shared_tokens", most=MOST_TOKENS)
        inputs = _tokens(input_tokens, count, "input_tokens")
        outputs = _tokens(output_tokens, count, "output_tokens")
        require(
            shared <= inputs.min(),
            f"shared_tokens are a prompt's first tokens: at most {inputs.min()}, the shortest prompt; got {shared}",
        )
        if group is None:
            pattern = generator(seed).integers(groups, size=count)
        else:
            pattern = _whole_numbers(group, "group")
            require(pattern.shape == (count,), f"group is [N] = ({count},); got shape {pattern.shape}")
            require(
                bool(((pattern >= 0) & (pattern < groups)).all()),
                f"group numbers a template, 0 to {groups - 1}; got {pattern.min()} to {pattern.max()}",
            )
        per_pattern = 1 if shared else 0
        return cls(
            inputs,
            outputs,
            pattern,
            np.arange(groups + 1) * per_pattern,
            np.arange(groups * per_pattern),
            np.full(groups * per_pattern, shared),
        )

    @classmethod
    def from_hashes(
        cls,
        block_hashes: Sequence[Sequence[int]],
        block_tokens: int,
        input_tokens: ArrayLike,
        output_tokens: ArrayLike,
    ) -> Self:
        """Prompts by the ids of their blocks, equal ids for equal prefixes, as in Mooncake's traces (512-token blocks).

        Blocks that one request alone uses, and an incomplete last one, are its own; the others become segments.

        Raises
        ------
        InvalidInput
            If lists and numbers do not go together.
        """
        count = len(block_hashes)
        require(count >= 1, "block_hashes lists the blocks of at least one request; got none")
        size = whole(block_tokens, "block_tokens", least=1, most=MOST_TOKENS)
        inputs = _tokens(input_tokens, count, "input_tokens")
        outputs = _tokens(output_tokens, count, "output_tokens")
        return cls(inputs, outputs, *_segments(_blocks(block_hashes, inputs // size), count, size))


@dataclass(frozen=True, eq=False, slots=True)
class ClosedLoop:
    """Clients that send the next request when the last is answered.

    Parameters
    ----------
    start_ms : [C]
        When each sends its first, in order.
    stop_ms : [C]
        From when on each sends no more; ∞: never.
    think_ms : float
        Between an answer and the next request.
    last_request : [C], optional
        A client sends no request from this number on; requests are numbered from 0 in the order of sending.

    Raises
    ------
    InvalidInput
        If the shapes differ, times are out of order, negative or NaN, or a client stops both by time and by number.
    """

    start_ms: FloatArray
    stop_ms: FloatArray
    think_ms: float = 0.0
    last_request: IntArray | None = None

    def __post_init__(self) -> None:
        start = as_floats(self.start_ms, "start_ms")
        stop = np.array(self.stop_ms, dtype=np.float64)
        require(start.ndim == 1 and start.size >= 1, f"start_ms is [C], C ≥ 1 clients; got shape {start.shape}")
        require(stop.shape == start.shape, f"stop_ms has a time for each client, {start.shape}; got {stop.shape}")
        require(bool((start >= 0).all() and (np.diff(start) >= 0).all()), "start_ms must be at least 0 and in order")
        require(not bool(np.isnan(stop).any()), "stop_ms holds NaN; ∞ means that a client never stops")
        think = finite(self.think_ms, "think_ms")
        require(think >= 0, f"think_ms must be at least 0; got {think:g}")
        if self.last_request is None:
            last = np.full(start.size, MOST_REQUESTS)
        else:
            last = _whole_numbers(self.last_request, "last_request")
            require(
                last.shape == start.shape, f"last_request has a number for each client, {start.shape}; got {last.shape}"
            )
            require(
                bool(((last == MOST_REQUESTS) | np.isinf(stop)).all()),
                "a client stops by time or by number of request, not by both",
            )
        for name, value in (("start_ms", start), ("stop_ms", stop), ("think_ms", think), ("last_request", last)):
            object.__setattr__(self, name, value)

    @property
    def last(self) -> IntArray:
        """[C] `last_request`, or a number that is never reached."""
        assert self.last_request is not None  # __post_init__ fills it
        return self.last_request

    def clients_at(self, sent_ms: FloatArray) -> IntArray:
        """[N] clients that send as each request is sent; times [N] in the order of sending."""
        begun = np.searchsorted(self.start_ms, sent_ms, side="right")
        out_of_time = np.searchsorted(np.sort(self.stop_ms), sent_ms, side="right")
        out_of_turn = np.searchsorted(np.sort(self.last), np.arange(sent_ms.size), side="right")
        return begun - out_of_time - out_of_turn

    @classmethod
    def levels(cls, concurrency: ArrayLike, requests: ArrayLike, apart_ms: float) -> Self:
        """One concurrency after another on the same cluster: at each, so many requests, all clients starting at once.

        Parameters
        ----------
        concurrency, requests : [L]
            Clients and requests of each level.
        apart_ms : float
            From the start of a level to that of the next; longer than a level takes, or levels overlap.

        Raises
        ------
        InvalidInput
            If numbers are not whole and positive, or shapes differ.
        """
        clients, counts = _whole_numbers(concurrency, "concurrency"), _whole_numbers(requests, "requests")
        require(
            clients.ndim == 1 and clients.size >= 1 and clients.shape == counts.shape,
            f"concurrency and requests are [L], L ≥ 1 levels; got shapes {clients.shape} and {counts.shape}",
        )
        require(bool((clients >= 1).all() and (counts >= 1).all()), "a level has at least one client and one request")
        start = np.repeat(positive(apart_ms, "apart_ms") * np.arange(clients.size, dtype=np.float64), clients)
        return cls(start, np.full(start.size, np.inf), 0.0, np.repeat(np.cumsum(counts), clients))

    @classmethod
    def steady(cls, concurrency: int, *, stagger_ms: float = 0.0, think_ms: float = 0.0) -> Self:
        """C clients that begin `stagger_ms` after one another and never stop."""
        clients = whole(concurrency, "concurrency", least=1, most=1 << 20)
        return cls(
            np.arange(clients, dtype=np.float64) * finite(stagger_ms, "stagger_ms"), np.full(clients, np.inf), think_ms
        )

    @classmethod
    def spike(cls, base: int, peak: int, begin_ms: float, end_ms: float) -> Self:
        """`base` clients all the time, `peak` from begin_ms to end_ms."""
        low = whole(base, "base", least=1, most=1 << 20)
        high = whole(peak, "peak", least=low, most=1 << 20)
        begin, end = finite(begin_ms, "begin_ms"), finite(end_ms, "end_ms")
        require(0 <= begin < end, f"a spike begins before it ends, from 0 on; got begin_ms={begin:g}, end_ms={end:g}")
        extra = high - low
        return cls(np.r_[np.zeros(low), np.full(extra, begin)], np.r_[np.full(low, np.inf), np.full(extra, end)])


@dataclass(frozen=True, eq=False, slots=True)
class OpenLoop:
    """Requests that come when they come.

    Parameters
    ----------
    arrival_ms : [N]
        In order, ≥ 0.
    """

    arrival_ms: FloatArray

    def __post_init__(self) -> None:
        arrival = as_floats(self.arrival_ms, "arrival_ms")
        require(arrival.ndim == 1 and arrival.size >= 1, f"arrival_ms is [N], N ≥ 1; got shape {arrival.shape}")
        require(bool((arrival >= 0).all()), f"arrival_ms must be at least 0; got {arrival.min():g}")
        late = np.flatnonzero(np.diff(arrival) < 0)
        require(
            late.size == 0,
            f"arrivals are out of order: entry {late[0] + 1 if late.size else 0} comes before the one above it; "
            "sort the trace by time",
        )
        object.__setattr__(self, "arrival_ms", arrival)

    @classmethod
    def poisson(cls, rate_rps: float, num_requests: int, seed: Seed = 0) -> Self:
        """Arrivals of a Poisson process."""
        rate = positive(rate_rps, "rate_rps")
        count = whole(num_requests, "num_requests", least=1, most=2**31 - 2)
        return cls(np.cumsum(generator(seed).exponential(1000.0 / rate, count)))


Arrivals: TypeAlias = ClosedLoop | OpenLoop


@dataclass(frozen=True, eq=False, slots=True)
class Workload:
    """Prompts, and when they are sent.

    Raises
    ------
    InvalidInput
        If an open loop has not a time for each prompt.

    Examples
    --------
    >>> len(Workload(Prompts.templates(1000), ClosedLoop.steady(64)).prompts)
    1000
    """

    prompts: Prompts
    arrivals: Arrivals

    def __post_init__(self) -> None:
        require_instance(self.prompts, Prompts, "prompts")
        require_instance(self.arrivals, (ClosedLoop, OpenLoop), "arrivals")
        if isinstance(self.arrivals, OpenLoop):
            require(
                self.arrivals.arrival_ms.size == len(self.prompts),
                f"an open loop has a time for each of the {len(self.prompts)} prompts; "
                f"got {self.arrivals.arrival_ms.size}",
            )

    @classmethod
    def replay(cls, table: RequestTable, block_tokens: int = 512, time_scale: float = 1.0) -> Self:
        """The arrivals of a measured table or trace, its lengths, and its block ids where it has them.

        Parameters
        ----------
        table : RequestTable
            With arrival_ms, input_tokens, output_tokens, and block_hashes if prefixes are to be shared.
        block_tokens : int
            Tokens of a block of `block_hashes`; 512 in Mooncake's traces.
        time_scale : float
            Times are multiplied by it: 0.5 doubles the load.

        Raises
        ------
        InvalidInput
            If arrivals are out of order, or the table lacks a column (`MissingColumn`).
        """
        table.require("arrival_ms", "input_tokens", "output_tokens", why="replaying a trace")
        wanted = ["arrival_ms", "input_tokens", "output_tokens"]
        has_blocks = "block_hashes" in table.columns
        frame = table.collect(wanted + (["block_hashes"] if has_blocks else [])).drop_nulls(wanted)
        require(frame.height >= 1, f"{table.source} has no request with a time and lengths")
        scale = positive(time_scale, "time_scale")
        inputs, outputs = frame["input_tokens"].clip(1).to_numpy(), frame["output_tokens"].clip(1).to_numpy()
        hashes = frame["block_hashes"].fill_null([]).to_list() if has_blocks else [[]] * frame.height
        prompts = Prompts.from_hashes(hashes, block_tokens, inputs, outputs)
        arrival = frame["arrival_ms"].to_numpy()
        return cls(prompts, OpenLoop((arrival - min(float(arrival[0]), 0.0)) * scale))


def _blocks(block_hashes: Sequence[Sequence[int]], full: IntArray) -> pl.DataFrame:
    """A row a complete block: request, place in its prompt, dense id."""
    lists = pl.Series("block", block_hashes, dtype=pl.List(pl.Int64))
    lengths = lists.list.len().to_numpy().astype(np.int64)
    blocks = lists.explode(empty_as_null=False).to_numpy() if int(lengths.sum()) else np.zeros(0, dtype=np.int64)
    request = np.repeat(np.arange(lengths.size), lengths)
    place = np.arange(request.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    keep = place < full[request]
    return pl.DataFrame({"request": request[keep], "place": place[keep], "block": blocks[keep]})


def _segments(frame: pl.DataFrame, count: int, size: int) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Runs of blocks that the same requests use become segments: pattern, first_segment, segments, segment_tokens."""
    request, block = frame["request"].to_numpy(), frame["block"].to_numpy()
    _, dense, uses = np.unique(block, return_inverse=True, return_counts=True)
    shared = uses[dense] > 1
    request, dense = request[shared], dense[shared]
    # a block begins a segment unless every request that uses it comes from one block that is used as often
    start = np.r_[True, request[1:] != request[:-1]] if request.size else np.zeros(0, dtype=bool)
    before = np.where(start, -1, np.r_[-1, dense[:-1]]) if request.size else dense
    joins = (before >= 0) & (uses[dense] == uses[np.maximum(before, 0)])
    same = np.full(uses.size, -2)
    if request.size:
        order = np.lexsort((before, dense))
        first = np.r_[True, dense[order][1:] != dense[order][:-1]]
        lowest = before[order][first]
        last = np.r_[first[1:], True]
        same[dense[order][first]] = np.where(lowest == before[order][last], lowest, -1)
    joins &= same[dense] == before
    begins = ~joins
    root = dense[np.maximum.accumulate(np.where(begins, np.arange(dense.size), 0))] if dense.size else dense
    roots, name = np.unique(root, return_inverse=True)
    length = np.zeros(roots.size, dtype=np.int64)
    blocks_seen, where = np.unique(dense, return_index=True)
    np.add.at(length, name[where], 1)
    kept = begins
    per_request = np.bincount(request[kept], minlength=count)
    del blocks_seen
    return (
        np.arange(count),
        np.r_[0, np.cumsum(per_request)],
        name[kept].astype(np.int64),
        length * size,
    )


def _tokens(value: int | ArrayLike, count: int, name: str) -> IntArray:
    array = _whole_numbers(value, name)
    require(array.ndim == 0 or array.shape == (count,), f"{name} is one number or [N] = ({count},); got {array.shape}")
    require(
        bool((array >= 1).all() and (array <= MOST_TOKENS).all()),
        f"{name} must be from 1 to {MOST_TOKENS:,} tokens; got {array.min()} to {array.max()}",
    )
    return np.broadcast_to(array, count).copy()


def _whole_numbers(value: object, name: str) -> IntArray:
    array = np.asarray(value)
    if array.dtype.kind == "f" and bool((np.isfinite(array) & (array == np.floor(array))).all()):
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise InvalidInput(f"{name} must be whole numbers; got {value!r:.60}")
    return array.astype(np.int64)
