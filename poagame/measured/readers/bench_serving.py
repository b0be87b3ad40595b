"""SGLang's `bench_serving` (JSONL) and vLLM's `bench serve` (JSON): an object a run, a list a metric.

Lists are in seconds and aggregates in milliseconds. The lists are there only if details were asked for; the aggregates
always are, so a file of either tool is also a sweep with one row a run.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from poagame.errors import InvalidInput
from poagame.measured.checks import REASON, ROW
from poagame.measured.readers.base import Format, Raw, Source

_LISTS = ("input_lens", "output_lens", "ttfts", "itls")
_CUT = "the line is cut off or no JSON"


def _runs(source: Source) -> tuple[list[dict[str, Any]], list[int]]:
    """The runs of the file, and the numbers of the lines that are not JSON (a file written to its end has none)."""
    if "\n" not in source.start.decode("utf-8", errors="replace").rstrip() or isinstance(source.json, dict):
        text = source.whole().decode("utf-8", errors="replace")
        try:
            return [json.loads(text)], []  # one object, on one line or on many
        except ValueError:
            pass
        runs: list[dict[str, Any]] = []
        broken: list[int] = []
        for number, line in enumerate(text.splitlines(), 1):
            try:
                runs += [json.loads(line)] if line.strip() else []
            except ValueError:
                broken.append(number)
        return runs, broken
    return [source.json], []


def _requests(source: Source) -> Raw:
    runs, broken = _runs(source)
    lacking = [name for name in _LISTS if any(name not in run for run in runs)]
    if lacking:
        raise InvalidInput(
            f"{source.name} holds aggregates only (no {', '.join(lacking)}): use read_sweep, or record the requests "
            "with --output-details (SGLang) or --save-result --save-detailed (vLLM)"
        )
    tables = [_of_run(source, run, str(number)) for number, run in enumerate(runs)]
    return Raw(
        _with_broken(pl.concat(tables, how="diagonal"), broken),
        (
            "latency_ms is ttft plus all gaps between chunks; itl_ms is that sum of gaps over output_tokens − 1",
            *([] if "start_times" in runs[0] else ["when a request was sent is unknown, this tool does not record it"]),
        ),
    )


def _of_run(source: Source, run: dict[str, Any], name: str) -> pl.DataFrame:
    lists = {key: run[key] for key in (*_LISTS, "errors", "start_times") if key in run}
    lengths = {key: len(value) for key, value in lists.items()}
    if len(set(lengths.values())) != 1:
        raise InvalidInput(f"{source.name}: the lists of run {name} differ in length ({lengths}); write the file again")
    seconds = pl.DataFrame(
        lists, schema_overrides={"itls": pl.List(pl.Float64), "errors": pl.String, "ttfts": pl.Float64}
    )
    gaps, tokens = pl.col("itls").list.sum() * 1e3, pl.col("output_lens").cast(pl.Int64)
    error = pl.col("errors") if "errors" in lists else pl.lit(None, dtype=pl.String)
    nothing = pl.when((tokens == 0) & (gaps == 0)).then(pl.lit("no token came back"))
    ttft = pl.col("ttfts") * 1e3
    level = run.get("max_concurrency")
    table = seconds.select(
        request_id=pl.int_range(pl.len()).cast(pl.String),
        run=pl.lit(name),
        concurrency=pl.lit(level, dtype=pl.Int64),
        ttft_ms=ttft,
        itl_ms=pl.when(tokens > 1).then(gaps / (tokens - 1)),
        latency_ms=ttft + gaps,
        input_tokens="input_lens",
        output_tokens=tokens,
        error=pl.coalesce(pl.when(error != "").then(error), nothing),
        **({"start": pl.col("start_times")} if "start_times" in lists else {}),
    )
    if "start_times" in lists:
        arrival = (pl.col("start") - pl.col("start").min()) * 1e3
        table = table.with_columns(arrival_ms=arrival, finish_ms=arrival + pl.col("latency_ms")).drop("start")
    return table


def _with_broken(table: pl.DataFrame, broken: list[int]) -> pl.LazyFrame:
    marked = pl.DataFrame({REASON: [_CUT] * len(broken)}, schema={REASON: pl.String})
    return pl.concat([table, marked], how="diagonal").with_row_index(ROW, offset=1).lazy()


def _sweep(source: Source) -> Raw:
    runs, broken = _runs(source)
    rows = [
        {
            "series": " ".join(
                str(part) for part in (run.get("backend"), run.get("model_id"), run.get("dataset_name")) if part
            ),
            "model": run.get("model_id"),
            "backend": run.get("backend"),
            "isl": round(run["total_input_tokens"] / run["completed"]) if run.get("completed") else None,
            "osl": round(run["total_output_tokens"] / run["completed"]) if run.get("completed") else None,
            "concurrency": run.get("max_concurrency") or run.get("concurrency"),
            "ttft_ms": run.get("mean_ttft_ms"),
            "itl_ms": run.get("mean_tpot_ms"),
            "latency_ms": run.get("mean_e2e_latency_ms", run.get("mean_e2el_ms")),
            "throughput_rps": run.get("request_throughput"),
            "statistic": "mean",
            "evidence": "unknown",
        }
        for run in runs
    ]
    return Raw(
        _with_broken(pl.DataFrame(rows, infer_schema_length=None), broken),
        ("itl_ms is the tool's mean TPOT; isl and osl are means over the finished requests",),
    )


FORMATS = (
    Format(
        "sglang",
        "SGLang's bench_serving (JSONL)",
        lambda source: {"total_output_tokens_retokenized", "mean_ttft_ms"} <= source.keys,
        {"requests": _requests, "sweep": _sweep},
    ),
    Format(
        "vllm",
        "vLLM's bench serve (JSON)",
        lambda source: {"tokenizer_id", "request_throughput"} <= source.keys,
        {"requests": _requests, "sweep": _sweep},
    ),
)
