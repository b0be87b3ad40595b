"""The command line: reads, calls, prints; no logic of its own."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from poagame.errors import PoagameError, UnknownFormat

if TYPE_CHECKING:
    from poagame.measured import DecisionTable, RequestTable, SweepTable

app: typer.Typer = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="What selfishness costs in disaggregated LLM serving: exact prices of anarchy, and PoA-hat from measured tables.",
)

_INTERRUPTED = 130

Files = Annotated[
    list[Path], typer.Argument(help="Measured files: requests or router decisions, of any format poagame reads.")
]
Format = Annotated[str | None, typer.Option("--format", help="Read as this format instead of looking at the content.")]
Unit = Annotated[str | None, typer.Option(help="Of the times in poagame's own CSV: ms or s.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first bad row instead of counting it.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"poagame {importlib.metadata.version('poagame')}")
        raise typer.Exit


@app.callback(
    epilog="Start with: poagame estimate my_requests.jsonl. Exit status: 0 done, 2 bad input, 130 interrupted."
)
def _options(
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """What selfishness costs in disaggregated LLM serving: exact prices of anarchy, and PoA-hat from measured tables."""


@app.command("reproduce", epilog="Example: poagame reproduce --html, then open results/report.html in a browser.")
def reproduce_command(
    out: Annotated[Path, typer.Option(help="Folder for report, figures and tables.")] = Path("results"),
    trace: Annotated[
        Path | None,
        typer.Option(help="Requests with block hashes (such as a Mooncake trace) to put under memory pressure."),
    ] = None,
    as_html: Annotated[
        bool, typer.Option("--html", help="Also write report.html: one file, figures and tables inside.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer seeds of the serving simulations: two minutes.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="More seeds and simulated clusters: some fifteen minutes instead of three.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: the paths of what was written.")] = False,
) -> None:
    """Do the main job on the inputs that ship with poagame: fits, exact prices of anarchy, PoA-hat, caching, GPU split, serving."""
    if quick and full:
        raise PoagameError("--quick and --full are two lengths; give one of them")
    _require_plots()
    from poagame.reproduce import reproduce
    from poagame.reproduce.pipeline import NUM_STEPS

    with _progress(NUM_STEPS) as step:
        report = reproduce(out, step, trace, "quick" if quick else "full" if full else "usual")
    report = _as_html(report, as_html)
    figures, tables = sorted(map(str, out.glob("*.svg"))), sorted(map(str, out.glob("*.csv")))
    if as_json:
        _print_json({"report": str(report), "figures": figures, "tables": tables})
    else:
        typer.echo(f"wrote {report} with {len(figures)} figures and {len(tables)} tables")


@app.command(
    "estimate",
    epilog="Examples: poagame estimate profile_export.jsonl --out report --html; poagame estimate C*/profile_export.jsonl --metric ttft_ms",
)
def estimate_command(
    files: Files,
    cost: Annotated[
        str | None, typer.Option(help="frozen, congestion or decision; by default what the file allows.")
    ] = None,
    metric: Annotated[str, typer.Option(help="latency_ms, ttft_ms or itl_ms.")] = "latency_ms",
    stage: Annotated[str, typer.Option(help="Whose worker counts: decode or prefill.")] = "decode",
    window: Annotated[int | None, typer.Option(help="Requests a window; by default one for each worker.")] = None,
    overlap_weight: Annotated[float, typer.Option(help="Worth of a cached block, in the metric's unit.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    format: Format = None,
    unit: Unit = None,
    strict: Strict = False,
    out: Annotated[
        Path | None, typer.Option(help="Also write a report with figures and CSVs into this folder.")
    ] = None,
    as_html: Annotated[
        bool, typer.Option("--html", help="With --out: also report.html, one file, figures and tables inside.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one object a file.")] = False,
) -> None:
    """PoA-hat of your own requests or router decisions, with bootstrap intervals, and the knee."""
    from poagame.estimator import poa_hat
    from poagame.estimator.levels import knee_of_levels, knee_or_reason
    from poagame.measured import DecisionTable

    if as_html and out is None:
        raise PoagameError("--html writes report.html into the folder of --out; give one")
    if out is not None:
        _require_plots()
    options: dict[str, Any] = {
        "metric": metric,
        "stage": stage,
        "window": window,
        "overlap_weight": overlap_weight,
        "seed": seed,
    }
    tables: list[tuple[str, RequestTable | DecisionTable]] = []
    for file in files:
        table = _read(file, format, unit, strict)
        tables.append((str(file), table))
        chosen = cost or ("decision" if isinstance(table, DecisionTable) else "frozen")
        estimate = poa_hat(
            table,
            chosen,  # pyright: ignore[reportArgumentType]
            **options,
        )
        if as_json:
            groups = estimate.by_group.to_dicts()
            found = {
                "file": str(file),
                "cost": estimate.cost,
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
            }
            knee = None if isinstance(table, DecisionTable) else str(knee_or_reason(table, metric))
            shown = {"groups": groups, "definition": estimate.definition, "bad_rows": _bad_rows(table), "knee": knee}
            _print_json({**found, **shown})
        else:
            typer.echo(f"{table}\n\n{estimate}\n")
            if not isinstance(table, DecisionTable):
                knee = knee_or_reason(table, metric)
                typer.echo(f"no knee: {knee}\n" if isinstance(knee, str) else f"{knee}\n")
    requests = [table for _, table in tables if not isinstance(table, DecisionTable)]
    if len(requests) > 1 and not as_json:
        typer.echo(f"all files together: {knee_of_levels(requests, metric)}\n")
    if out is not None:
        from poagame.reproduce import estimate_report

        with _progress(len(tables) + 1) as step:
            report = estimate_report(tables, out, cost=cost, step=step, **options)
        typer.echo(f"wrote {_as_html(report, as_html)}", err=as_json)


@app.command("convert", epilog="Example: poagame convert router_log.jsonl decisions.parquet")
def convert_command(
    source: Annotated[Path, typer.Argument(help="A measured file of any format poagame reads.")],
    target: Annotated[Path, typer.Argument(help="Where to write: .csv or .parquet.")],
    kind: Annotated[
        str | None, typer.Option(help="requests, sweep or decisions; by default what the file holds.")
    ] = None,
    format: Format = None,
    unit: Unit = None,
    strict: Strict = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: what was written, and the rows left out.")
    ] = False,
) -> None:
    """Write a measured file in poagame's own schema."""
    from poagame.measured import write_table

    table = _read(source, format, unit, strict, kind, ("requests", "decisions", "sweep"))
    written = write_table(table, target)
    if as_json:
        _print_json({"target": str(written), "rows": table.collect().height, "bad_rows": _bad_rows(table)})
    else:
        typer.echo(f"{table}\n\nwrote {written}")


Topology = Annotated[str, typer.Option(help="Workers, as in 1P/5D, or 5A for workers that do both.")]
Engine = Annotated[
    str, typer.Option(help="mock: one prompt after another, as Dynamo's mock engine; batched: all that wait.")
]


@app.command(
    "simulate",
    epilog="Example: poagame simulate --topology 1P/2D --concurrency 128 --out requests.csv, then poagame estimate requests.csv",
)
def simulate_command(
    topology: Topology = "1P/5D",
    concurrency: Annotated[int, typer.Option(help="Clients of the closed loop.")] = 64,
    requests: Annotated[int, typer.Option(help="Requests in all.")] = 1000,
    temperature: Annotated[float, typer.Option(help="τ of Dynamo's router.")] = 0.0,
    overlap_weight: Annotated[float, typer.Option(help="ω of Dynamo's router.")] = 1.0,
    engine: Engine = "mock",
    seed: Annotated[int, typer.Option(help="Of ties and softmax.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Write the requests: .csv or .parquet, as `poagame estimate` reads them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: mean, P50 and P99 of each time.")] = False,
) -> None:
    """Simulate a serving cluster, 70B on B200 as Dynamo's mock engine times it: a table of requests like a measured one."""
    from poagame.measured import write_table
    from poagame.serving import ClosedLoop, DynamoRouter, Workload, simulate
    from poagame.serving.experiments import cluster_of, paper_prompts

    cluster = cluster_of(topology, engine)  # pyright: ignore[reportArgumentType]  # checked by Cluster
    workload = Workload(paper_prompts(requests, seed), ClosedLoop.steady(concurrency))
    table = simulate(cluster, workload, DynamoRouter(overlap_weight, temperature), seed)
    frame = table.collect()
    times = {name: frame[name].drop_nulls() for name in ("ttft_ms", "itl_ms", "latency_ms")}
    found = {name: {"mean": t.mean(), "p50": t.quantile(0.5), "p99": t.quantile(0.99)} for name, t in times.items()}
    if as_json:
        _print_json({"topology": topology, "requests": frame.height, **found})
    else:
        typer.echo(f"{table}\n")
        for name, numbers in found.items():
            typer.echo(f"{name:<11} " + "  ".join(f"{which} {value:10.2f}" for which, value in numbers.items()))
    if out is not None:
        typer.echo(f"wrote {write_table(table, out)}", err=as_json)


@app.command(
    "sweep",
    epilog="Example: poagame sweep --topology 5A --temperature 0,0.3,0.7,1 --overlap-weight 0,0.5,1,2 --out grid.csv",
)
def sweep_command(
    topology: Topology = "1P/5D",
    concurrency: Annotated[str, typer.Option(help="Clients, separated by commas.")] = "1,4,16,64,128,256",
    temperature: Annotated[str, typer.Option(help="Values of τ, separated by commas.")] = "0",
    overlap_weight: Annotated[str, typer.Option(help="Values of ω, separated by commas.")] = "1",
    seeds: Annotated[int, typer.Option(help="Runs of each setting.")] = 20,
    engine: Engine = "mock",
    out: Annotated[Path | None, typer.Option(help="Write a row a run here, as CSV.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: a list, one object a setting.")] = False,
) -> None:
    """Simulate every combination of loads and router settings, with several seeds each; print means over seeds."""
    import polars as pl

    from poagame.serving import ClosedLoop, DynamoRouter, Workload
    from poagame.serving.experiments import cluster_of, paper_prompts
    from poagame.serving.sweep import Cell, sweep

    cluster = cluster_of(topology, engine)  # pyright: ignore[reportArgumentType]  # checked by Cluster
    cells = [
        Cell(
            cluster,
            Workload(paper_prompts(9 * int(clients), int(clients)), ClosedLoop.steady(int(clients))),
            DynamoRouter(weight, heat),
            {"concurrency": int(clients), "temperature": heat, "overlap_weight": weight},
            skip=int(clients),
        )
        for clients in _numbers(concurrency, "--concurrency")
        for heat in _numbers(temperature, "--temperature")
        for weight in _numbers(overlap_weight, "--overlap-weight")
    ]
    rows: list[pl.DataFrame] = []
    try:
        with _progress(len(cells)) as step:
            for cell in cells:
                step(", ".join(f"{name} {value:g}" for name, value in cell.labels.items()))
                rows.append(sweep([cell], range(seeds)))
    except KeyboardInterrupt:
        if not rows:
            raise
        typer.echo(f"interrupted: {len(rows)} of {len(cells)} settings are done, and kept", err=True)
    frame = pl.concat(rows)
    if out is not None:
        frame.write_csv(out)
    shown = ["ttft_mean_ms", "ttft_p99_ms", "itl_mean_ms", "latency_mean_ms", "latency_p99_ms", "throughput_rps"]
    names = list(cells[0].labels)
    means = frame.group_by(names, maintain_order=True).agg(pl.col(shown).mean())
    if as_json:
        _print_json(means.to_dicts())
    else:
        typer.echo("  ".join(f"{name:>14}" for name in (*names, *shown)))
        for row in means.iter_rows():
            typer.echo("  ".join(f"{value:14.4g}" for value in row))
    if out is not None:
        typer.echo(f"wrote {out}: {frame.height} runs", err=as_json)
    if len(rows) < len(cells):
        raise typer.Exit(_INTERRUPTED)


@app.command("claims", epilog="Examples: poagame claims; poagame claims potential-static")
def claims_command(
    ids: Annotated[list[str] | None, typer.Argument(help="Claims to check; all where none is named.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: a list, one object a claim.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a page with the evidence of each claim.")
    ] = False,
) -> None:
    """Check the paper's claims, each with a verdict: holds, fails, holds under an assumption, or undecided."""
    if as_json and as_markdown:
        raise PoagameError("--json and --markdown are two formats; give one of them")
    from poagame.paper import Ledger, Verdict, check_all
    from poagame.paper.ledger import select

    chosen, verdicts = select(ids or None), list[Verdict]()
    try:
        with _progress(len(chosen)) as step:
            for claim in chosen:
                verdicts += check_all([claim.id], step)
    except KeyboardInterrupt:
        typer.echo(f"interrupted: {len(verdicts)} of {len(chosen)} claims are checked", err=True)
    ledger = Ledger(verdicts)
    if as_json:
        _print_json(ledger.to_dicts())
    elif as_markdown:
        typer.echo(ledger.to_markdown(), nl=False)
    else:
        typer.echo("\n\n".join([str(ledger), *(map(str, ledger) if ids else ())]))
    if len(verdicts) < len(chosen):
        raise typer.Exit(_INTERRUPTED)


@app.command("bounds", epilog="Examples: poagame bounds; poagame bounds atomic_polynomial degree=3")
def bounds_command(
    name: Annotated[
        str | None, typer.Argument(help="One result, by the name in the table; all where none is named.")
    ] = None,
    arguments: Annotated[list[str] | None, typer.Argument(help="Its arguments, as degree=3.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: a list, one object a bound.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print tables with classes and sources.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
) -> None:
    """Print the catalogue of analytic price-of-anarchy results; or one of them, at arguments of your own."""
    from poagame.bounds import catalogue
    from poagame.bounds.table import select

    if as_json + as_markdown + as_csv > 1:
        raise PoagameError("--json, --markdown and --csv are three formats; give one of them")
    table = catalogue() if name is None else select(name, arguments or [])
    if as_json:
        _print_json(table.to_dicts())
    elif as_markdown:
        typer.echo(table.to_markdown(), nl=False)
    elif as_csv:
        typer.echo(table.to_csv(), nl=False)
    else:
        typer.echo(str(table) if name is None else "\n\n".join(row.describe() for row in table.rows))


def _read(
    file: Path,
    format: str | None,
    unit: str | None,
    strict: bool,
    kind: str | None = None,
    kinds: tuple[str, ...] = ("requests", "decisions"),
) -> Any:
    """Read a file as the first kind of table that its format holds."""
    from poagame.measured import read_decisions, read_requests, read_sweep

    readers: dict[str, Callable[..., RequestTable | DecisionTable | SweepTable]] = {
        "requests": read_requests,
        "decisions": read_decisions,
        "sweep": read_sweep,
    }
    if kind is not None and kind not in readers:
        raise UnknownFormat(f"kind is one of {', '.join(readers)}; got {kind!r}")
    errors: list[PoagameError] = []
    for name in (kind,) if kind else kinds:
        try:
            return readers[name](file, format, strict=strict, unit=unit)
        except UnknownFormat as error:
            errors.append(error)
    raise errors[0]


def _print_json(value: object) -> None:
    """One line of strict JSON: no NaN, no infinity."""
    typer.echo(json.dumps(value, allow_nan=False))


def _bad_rows(table: RequestTable | DecisionTable | SweepTable) -> dict[str, Any]:
    return {"count": table.bad_rows.count, "reasons": dict(table.bad_rows.reasons)}


def _numbers(text: str, option: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise PoagameError(f"{option} takes numbers separated by commas, as in 1,4,16; got {text!r:.40}") from error


def _as_html(report: Path, wanted: bool) -> Path:
    """`report`, or the HTML file made of it."""
    if not wanted:
        return report
    from poagame.reproduce.html import write_html

    return write_html(report)


def _require_plots() -> None:
    """Refuse before any work where matplotlib is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        raise PoagameError("figures need matplotlib, which is not installed: pip install 'poagame[plot]'")


@contextmanager
def _progress(total: int) -> Generator[Callable[[str], None]]:
    """A progress bar on a terminal; nothing elsewhere."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("starting", total=total)

        def step(what: str) -> None:
            bar.update(task, description=what, advance=1)

        yield step


def main() -> None:
    """Run the command line: an error of poagame's is one paragraph and exit status 2, without traceback unless `--debug`."""
    if "--debug" in sys.argv:
        app(prog_name="poagame")
        return
    try:
        app(prog_name="poagame")
    except (PoagameError, OSError, EOFError) as error:
        typer.echo(f"poagame: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("poagame: interrupted", err=True)
        sys.exit(_INTERRUPTED)
