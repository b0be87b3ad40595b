"""Small files of every format that poagame reads: what mutations start from."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import numpy as np

from poagame import shipped

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
"""Originals that do not ship; used where they are."""

NFG = b'NFG 1 R "g" { "a" "b" }\n{ { "x" "y" } { "u" "v" } }\n""\n{ { "" 1, 2 } { "" 3/4, 4.5 } { "" -1, 0 } { "" 2, 2 } }\n1 2 3 4\n'
NFG_PAYOFFS = b'NFG 1 D "g" { "a" "b" } { 2 2 }\n\n1 2 3 4 5 6 7 8\n'
NET = (
    b"<NUMBER OF ZONES> 2\n<NUMBER OF NODES> 3\n<FIRST THRU NODE> 1\n<NUMBER OF LINKS> 3\n<END OF METADATA>\n\n"
    b"~ init term capacity length free_flow b power speed toll type ;\n"
    b"1 3 10 1 1 0.15 4 0 0 1 ;\n3 2 10 1 1 0.15 4 0 0 1 ;\n1 2 5 2 3 0.15 4 0 1 1 ;\n"
)
TRIPS = (
    b"<NUMBER OF ZONES> 2\n<TOTAL OD FLOW> 7.0\n<END OF METADATA>\n\nOrigin 1\n1 : 0.0; 2 : 7.0;\nOrigin 2\n1 : 0.0;\n"
)
SCRAPE = (
    b"# TYPE dynamo_frontend_time_to_first_token_seconds histogram\n"
    b'dynamo_frontend_time_to_first_token_seconds_bucket{model="m",le="0.1"} 3\n'
    b'dynamo_frontend_time_to_first_token_seconds_bucket{model="m",le="1"} 9\n'
    b'dynamo_frontend_time_to_first_token_seconds_bucket{model="m",le="+Inf"} 10\n'
    b'dynamo_frontend_time_to_first_token_seconds_sum{model="m"} 4.5\n'
    b'dynamo_frontend_time_to_first_token_seconds_count{model="m"} 10\n'
)
OWN = (
    b"request_id,run,concurrency,arrival_ms,finish_ms,latency_ms,ttft_ms,itl_ms,decode_worker,input_tokens\n"
    b"1,a,2,0,90,90,20,1.5,w1,100\n2,a,2,1,101,100,25,1.5,w2,100\n3,a,2,95,190,95,20,1.5,w1,120\n"
)
SWEEP = b"series,concurrency,itl_ms,ttft_ms,latency_ms,statistic,evidence\ns,1,10,20,300,mean,measured\ns,8,12,40,400,mean,measured\n"
MOONCAKE = b"".join(
    json.dumps({"timestamp": 10 * k, "input_length": 600, "output_length": 5, "hash_ids": [0, k]}).encode() + b"\n"
    for k in range(5)
)
AZURE = b"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8\n"
VLLM = json.dumps(
    {
        "backend": "vllm", "max_concurrency": 2, "request_throughput": 2.0, "duration": 1.5, "completed": 2,
        "mean_ttft_ms": 20.0, "mean_itl_ms": 5.0, "mean_tpot_ms": 5.0, "mean_e2el_ms": 60.0,
        "input_lens": [10, 12], "output_lens": [3, 4], "ttfts": [0.02, 0.03], "itls": [[0.005, 0.004], [0.006, 0.005, 0.004]],
        "errors": ["", ""],
    }
).encode()  # fmt: skip


def corpus(lines: int = 25) -> dict[str, tuple[str, bytes]]:
    """Name → (suffix, bytes): heads of files, `lines` long."""
    found = {
        "own": (".csv", OWN),
        "sweep": (".csv", SWEEP),
        "mooncake": (".jsonl", MOONCAKE),
        "azure": (".csv", AZURE),
        "vllm": (".json", VLLM),
        "nfg": (".nfg", NFG),
        "nfg_payoffs": (".nfg", NFG_PAYOFFS),
        "net": (".tntp", NET),
        "trips": (".tntp", TRIPS),
        "scrape": (".txt", SCRAPE),
        "npz": (".npz", _archive()),
    }
    for name in shipped.names():
        path = shipped.path(name)
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                text = b"".join(file.readline() for _ in range(lines))
            found[name] = (".csv", text)
            found[f"{name}, gzipped"] = (".csv.gz", gzip.compress(text))
    for path in sorted(SHARED.rglob("*")) if SHARED.is_dir() else ():
        if path.suffix in (".csv", ".jsonl", ".json", ".tntp", ".npz") and path.stat().st_size < 5_000_000:
            data = path.read_bytes()
            if path.suffix in (".csv", ".jsonl"):
                data = b"".join(data.splitlines(keepends=True)[:lines])
            if len(data) < 400_000:
                found[path.name] = (path.suffix, data)
    return found


def _archive() -> bytes:
    file = io.BytesIO()
    np.savez(
        file,
        prefill_isl=np.array([10, 100]),
        prefill_ttft_ms=np.array([5.0, 9.0]),
        decode_active_kv_tokens=np.array([1.0, 50.0]),
        decode_context_length=np.array([100.0, 1000.0]),
        decode_itl=np.array([[5.0, 6.0], [7.0, 8.0]]),
    )
    return file.getvalue()
