"""The columns of the three tables: name, type, unit, meaning, and what to record to obtain one that is missing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

import polars as pl

Kind: TypeAlias = Literal["requests", "sweep", "decisions"]


class Column(NamedTuple):
    """One column of a table: its polars type, unit ("" if it has none), meaning, and the smallest value allowed."""

    dtype: pl.DataType
    unit: str
    meaning: str
    low: float | None = None


_TEXT, _INT, _FLOAT, _BOOL = pl.String(), pl.Int64(), pl.Float64(), pl.Boolean()

REQUEST_COLUMNS: Final[Mapping[str, Column]] = MappingProxyType(
    {
        "request_id": Column(_TEXT, "", "the request, unique within a run"),
        "run": Column(_TEXT, "", "one server's life under one setting"),
        "phase": Column(_TEXT, "", "part of a run, such as warm or profiling"),
        "topology": Column(_TEXT, "", 'workers by role: "1P/2D", or "5A" where a worker does both'),
        "concurrency": Column(_INT, "requests", "clients that the load generator kept busy", 1),
        "overlap_weight": Column(_FLOAT, "", "the router's weight of prefill blocks", 0),
        "temperature": Column(_FLOAT, "", "the router's softmax temperature", 0),
        "prefix_group": Column(_TEXT, "", "requests of one group share a prompt prefix"),
        "arrival_ms": Column(_FLOAT, "ms", "when the request was sent, since the first one of the file"),
        "finish_ms": Column(_FLOAT, "ms", "when its last token came, on the same clock"),
        "ttft_ms": Column(_FLOAT, "ms", "time to first token", 0),
        "itl_ms": Column(_FLOAT, "ms", "mean time between output tokens", 0),
        "latency_ms": Column(_FLOAT, "ms", "from sending to the last token", 0),
        "input_tokens": Column(_INT, "tokens", "prompt length", 0),
        "output_tokens": Column(_INT, "tokens", "tokens generated", 0),
        "prefill_worker": Column(_TEXT, "", "id of the server worker that ran the prefill"),
        "decode_worker": Column(_TEXT, "", "id of the server worker that decoded"),
        "kv_hit_rate": Column(_FLOAT, "", "share of the prompt's blocks found in the cache", 0),
        "overlap_blocks": Column(_FLOAT, "blocks", "prompt blocks found in the chosen worker's cache", 0),
        "error": Column(_TEXT, "", "why the request failed; null where it did not"),
        "block_hashes": Column(pl.List(pl.Int64()), "", "ids of the prompt's blocks, equal ids for equal prefixes"),
    }
)

SWEEP_COLUMNS: Final[Mapping[str, Column]] = MappingProxyType(
    {
        "series": Column(_TEXT, "", "what stays the same along one curve"),
        "system": Column(_TEXT, "", "the accelerator"),
        "model": Column(_TEXT, "", "the model served"),
        "backend": Column(_TEXT, "", "the inference engine"),
        "precision": Column(_TEXT, "", "number format of the weights"),
        "topology": Column(_TEXT, "", "workers by role"),
        "tp": Column(_INT, "GPUs", "tensor-parallel size", 1),
        "isl": Column(_INT, "tokens", "input sequence length", 0),
        "osl": Column(_INT, "tokens", "output sequence length", 0),
        "concurrency": Column(_FLOAT, "requests", "the load", 0),
        "ttft_ms": Column(_FLOAT, "ms", "time to first token", 0),
        "itl_ms": Column(_FLOAT, "ms", "time between output tokens", 0),
        "latency_ms": Column(_FLOAT, "ms", "from sending to the last token", 0),
        "throughput_rps": Column(_FLOAT, "requests/s", "requests finished a second", 0),
        "statistic": Column(_TEXT, "", 'what the latencies are: "mean", "p50", … or "unknown"'),
        "evidence": Column(_TEXT, "", '"measured", "modelled", "simulated" or "unknown"'),
        "context_length": Column(_FLOAT, "tokens", "mean context while decoding", 0),
        "kv_usage": Column(_FLOAT, "", "share of the KV cache in use", 0),
    }
)

DECISION_COLUMNS: Final[Mapping[str, Column]] = MappingProxyType(
    {
        "run": Column(_TEXT, "", "one server's life under one setting"),
        "decision": Column(_INT, "", "number of the decision within its run, in the router's order", 0),
        "time_ms": Column(_FLOAT, "ms", "when it was taken, since the first one of the file"),
        "phase": Column(_TEXT, "", '"prefill", "decode", "aggregated", or "prefill_or_agg" where the log cannot tell'),
        "worker": Column(_TEXT, "", "id of the candidate worker"),
        "overlap_weight": Column(_FLOAT, "", "the router's weight of prefill blocks", 0),
        "temperature": Column(_FLOAT, "", "the router's softmax temperature, null where unknown", 0),
        "cached_blocks": Column(_FLOAT, "blocks", "prompt blocks in the candidate's cache", 0),
        "prefill_blocks": Column(_FLOAT, "blocks", "prefill work the candidate would hold", 0),
        "decode_blocks": Column(_FLOAT, "blocks", "active blocks the candidate would hold", 0),
        "logit": Column(_FLOAT, "blocks", "the router's cost of the candidate, lower is better"),
        "selected": Column(_BOOL, "", "whether the router chose the candidate"),
    }
)

COLUMNS: Final[Mapping[Kind, Mapping[str, Column]]] = MappingProxyType(
    {"requests": REQUEST_COLUMNS, "sweep": SWEEP_COLUMNS, "decisions": DECISION_COLUMNS}
)
REQUIRED: Final[Mapping[Kind, tuple[str, ...]]] = MappingProxyType(
    {
        "requests": ("request_id",),
        "sweep": ("series",),
        "decisions": ("decision", "worker", "logit", "selected"),
    }
)
WORKER_COLUMNS: Final = ("prefill_worker", "decode_worker", "worker")
METRICS: Final = ("ttft_ms", "itl_ms", "latency_ms")

WORKER_REMEDY: Final = (
    '1. ask Dynamo for them in every request: "nvext": {"extra_fields": ["worker_id", "timing"]} '
    '(aiperf: --extra-inputs \'{"nvext": {"extra_fields": ["worker_id", "timing"]}}\')\n'
    "2. keep the answers: aiperf profile … --export-level raw, and leave profile_export_raw.jsonl beside "
    "profile_export.jsonl"
)
"""The two lines that a user needs in order to record which server worker served a request."""

_CLOCK_REMEDY = "record when each request was sent and finished (aiperf, guidellm and vLLM write it)"
REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "prefill_worker": WORKER_REMEDY,
        "decode_worker": WORKER_REMEDY,
        "kv_hit_rate": WORKER_REMEDY,
        "overlap_blocks": "read the router's log (read_decisions), or add the column yourself",
        "arrival_ms": _CLOCK_REMEDY,
        "finish_ms": _CLOCK_REMEDY,
        "prefix_group": "add a column prefix_group that names the prompt template of each request",
        "concurrency": "add a column concurrency, or read one file a load level",
        "ttft_ms": "let the load generator stream the answers, so that it sees the first token",
        "itl_ms": "let the load generator stream the answers, so that it sees every token",
    }
)
"""What a user does to obtain a column that a table lacks."""
