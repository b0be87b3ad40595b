"""How often each worker reads each KV block of a trace: the demand of a caching game.

A request reads the blocks of its prompt (`block_hashes`, equal ids for equal prefixes) on the worker that a router rule sends it to. How
often they are read is the trace's; where, is the rule's, for traces name no workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from poagame._arrays import FloatArray, IntArray, require
from poagame.errors import EmptyTable, InvalidInput, TooLarge
from poagame.measured.tables import RequestTable

Router: TypeAlias = Literal["round_robin", "random", "prefix"]

MAX_ENTRIES = 200_000_000
"""Most workers × blocks of a demand, 1.6 GB."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class BlockDemand:
    """Reads of blocks by workers, the most popular block first; of equally popular ones the first to be read.

    Attributes
    ----------
    demand : [n, K]
        Reads of block k by worker n.
    block_ids : [K]
        The blocks' ids in the trace.
    num_requests : int
        Requests of the trace.
    num_blocks : int
        Different blocks of the trace, K or more.
    num_reads : int
        Reads of all of them.
    reads_kept : float
        Share of the reads that the K blocks carry; 1 if none was left out.
    read_once : float
        Share of the trace's blocks that are read only once, which no cache helps.
    """

    demand: FloatArray
    block_ids: IntArray
    num_requests: int
    num_blocks: int
    num_reads: int
    reads_kept: float
    read_once: float

    @property
    def popularity(self) -> FloatArray:
        """Reads of each block by all workers [K], falling."""
        return self.demand.sum(axis=0)

    def __repr__(self) -> str:
        """Its size and what was left out."""
        workers, blocks = self.demand.shape
        kept = f"{blocks:,} blocks" if blocks == self.num_blocks else f"{blocks:,} of {self.num_blocks:,} blocks"
        return (
            f"<BlockDemand of {workers} workers: {kept} with {self.reads_kept:.1%} of {self.num_reads:,} reads, "
            f"{self.num_requests:,} requests>"
        )


def block_demand(
    requests: RequestTable,
    workers: int,
    router: Router | ArrayLike = "round_robin",
    *,
    most_blocks: int | None = None,
    prefix_blocks: int | None = None,
    seed: int | np.random.Generator = 0,
) -> BlockDemand:
    """Count how often each worker reads each block of the requests' prompts.

    Parameters
    ----------
    requests : RequestTable
        With `block_hashes`, such as a Mooncake trace. A request without blocks, shorter than one, reads nothing.
    workers : int
        n ≥ 1.
    router : {"round_robin", "random", "prefix"} or [requests] of int
        Who serves a request, in the table's order: each worker in turn; any at random; the same for all requests that begin alike, where
        each new beginning goes to the next worker in turn; or the workers' numbers, 0 to n − 1.
    most_blocks : int, optional
        Keep only so many blocks, the most popular ones; `reads_kept` says what they carry.
    prefix_blocks : int, optional
        For "prefix": how many leading blocks make a beginning. By default one more than all requests share (a system prompt), so that
        they do not all go to one worker.
    seed : int or numpy.random.Generator
        For "random"; the same seed gives the same workers.

    Raises
    ------
    InvalidInput
        If `requests` is no such table, a request's blocks are unknown, a number is out of its domain, or workers' numbers are not one for
        each request.
    MissingColumn
        If the table has no block hashes.
    EmptyTable
        If no request has a block.
    TooLarge
        If workers × blocks exceed `MAX_ENTRIES`.

    Examples
    --------
    >>> import polars as pl
    >>> table = RequestTable.from_frame(
    ...     pl.DataFrame({"request_id": ["a", "b", "c"], "arrival_ms": [0.0, 1.0, 2.0], "block_hashes": [[7, 8], [7, 9], [7, 8]]})
    ... )
    >>> found = block_demand(table, 2)
    >>> found.block_ids.tolist(), found.demand.tolist()
    ([7, 8, 9], [[2.0, 2.0, 0.0], [1.0, 0.0, 1.0]])
    >>> block_demand(table, 2, "prefix").demand.tolist()
    [[2.0, 2.0, 0.0], [1.0, 0.0, 1.0]]
    >>> block_demand(table, 2, [1, 1, 1], most_blocks=1)
    <BlockDemand of 2 workers: 1 of 3 blocks with 50.0% of 6 reads, 3 requests>
    """
    require(isinstance(requests, RequestTable), f"requests is a RequestTable (read_requests); got {requests!r:.60}")
    n = _whole(workers, "workers")
    most = None if most_blocks is None else _whole(most_blocks, "most_blocks")
    requests.require("block_hashes", why="the blocks that requests read")
    hashes = requests.collect(["block_hashes"])["block_hashes"]
    read, length = _reads(hashes)
    worker = _routed(router, n, read, length, prefix_blocks, seed)

    ids, first, rank, count = np.unique(read, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((first, -count))[:most]
    if n * len(order) > MAX_ENTRIES:
        raise TooLarge(
            f"{n:,} workers × {len(order):,} blocks exceed {MAX_ENTRIES:,}; "
            + (
                f"keep the most popular blocks with most_blocks={MAX_ENTRIES // n} or less"
                if n <= MAX_ENTRIES
                else "give fewer workers"
            )
        )
    column = np.full(len(ids), -1)
    column[order] = np.arange(len(order))
    at = column[rank]
    cell = np.repeat(worker, length)[at >= 0] * len(order) + at[at >= 0]
    demand = np.bincount(cell, minlength=n * len(order)).reshape(n, -1).astype(np.float64)
    return BlockDemand(
        demand=demand,
        block_ids=ids[order],
        num_requests=len(length),
        num_blocks=len(ids),
        num_reads=len(read),
        reads_kept=float(count[order].sum() / len(read)),
        read_once=float((count == 1).mean()),
    )


def _reads(hashes: pl.Series) -> tuple[IntArray, IntArray]:
    """Blocks read, request after request, and how many each request reads."""
    unknown = hashes.is_null() | hashes.list.eval(pl.element().is_null()).list.any().fill_null(False)
    if unknown.any():
        row = unknown.arg_max()
        raise InvalidInput(
            f"{unknown.sum():,} of {len(hashes):,} requests have unknown block_hashes, the first is number {row}: give "
            "all blocks ([] for none), or leave these requests out of the table"
        )
    length = hashes.list.len().to_numpy().astype(np.int64)
    if not length.any():
        raise EmptyTable(f"none of {len(length):,} requests has a block; give a trace with block_hashes of its prompts")
    # polars before 2 explodes an empty list to a null
    return hashes.filter(hashes.list.len() > 0).explode().to_numpy().astype(np.int64), length


def _routed(
    router: Router | ArrayLike,
    workers: int,
    read: IntArray,
    length: IntArray,
    prefix_blocks: int | None,
    seed: int | np.random.Generator,
) -> IntArray:
    """Worker of each request."""
    require(
        prefix_blocks is None or (isinstance(router, str) and router == "prefix"),
        'prefix_blocks is for router="prefix"; leave it out',
    )
    if not isinstance(router, str):
        return _given(router, workers, len(length))
    if router == "round_robin":
        return np.arange(len(length)) % workers
    if router == "random":
        return _generator(seed).integers(workers, size=len(length))
    require(router == "prefix", f"router is one of {', '.join(get_args(Router))}, or workers' numbers; got {router!r}")
    some = length > 0
    begin, long = (np.cumsum(length) - length)[some], length[some]
    depth = _shared(read, begin, long) + 1 if prefix_blocks is None else _whole(prefix_blocks, "prefix_blocks")
    # an id stands for all that comes before it, so one block tells a beginning
    _, first, beginning = np.unique(read[begin + np.minimum(depth, long) - 1], return_index=True, return_inverse=True)
    turn = np.empty(len(first), dtype=np.int64)
    turn[np.argsort(first)] = np.arange(len(first))
    worker = np.zeros(len(length), dtype=np.int64)  # of requests that read nothing it does not matter
    worker[some] = turn[beginning] % workers
    return worker


def _shared(read: IntArray, begin: IntArray, length: IntArray) -> int:
    """How many leading blocks all requests share."""
    depth, most = 0, int(length.min())
    while depth < most and (read[begin + depth] == read[begin[0] + depth]).all():
        depth += 1
    return depth


def _given(router: ArrayLike, workers: int, requests: int) -> IntArray:
    try:
        given = np.asarray(router)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"router is a rule, or a worker's number for each request; got {router!r:.60}") from error
    require(
        given.dtype.kind in "iu" and given.shape == (requests,),
        f"router must be a rule ({', '.join(get_args(Router))}) or a whole number for each of {requests:,} requests; got "
        f"shape {given.shape} of {given.dtype}",
    )
    require(
        bool(given.min() >= 0 and given.max() < workers),
        f"workers are numbered 0 to {workers - 1}; router has {given.min()} to {given.max()}",
    )
    return given.astype(np.int64)


def _generator(seed: int | np.random.Generator) -> np.random.Generator:
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool) and seed >= 0
    if not whole and not isinstance(seed, np.random.Generator):
        raise InvalidInput(f"seed is a whole number of at least 0 or a numpy.random.Generator; got {seed!r:.60}")
    return np.random.default_rng(seed)


def _whole(value: object, name: str) -> int:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise InvalidInput(f"{name} must be a whole number of at least 1; got {value!r:.60}")
    return int(value)
