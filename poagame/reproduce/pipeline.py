"""The two reports: `poagame reproduce` on the shipped inputs, `poagame estimate` on a user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from poagame._arrays import require
from poagame.estimator.knee import Knee
from poagame.estimator.levels import knee_of_levels
from poagame.measured import DecisionTable, RequestTable, fit_latency
from poagame.plotting import plot_knee
from poagame.reproduce.b200 import MAIN_SERIES, b200_sections, measured_fits
from poagame.reproduce.caching import caching_sections
from poagame.reproduce.classical import classical_sections
from poagame.reproduce.dynamo import dynamo_sections
from poagame.reproduce.recorded import decision_section, request_section
from poagame.reproduce.referees import referee_sections
from poagame.reproduce.resource import resource_sections
from poagame.reproduce.section import Effort, Section, check_folder, write_report
from poagame.reproduce.serving import serving_sections
from poagame.reproduce.tight import tight_section

NUM_STEPS = 89
"""About how many steps `reproduce` announces, for a progress bar."""

_SEEDS: dict[Effort, int] = {"quick": 4, "usual": 20, "full": 60}

_PREFACE = """\
What selfishness costs in disaggregated LLM serving: exact values on measured latency, and PoA-hat of recorded
requests. Every figure has its numbers in a CSV beside it. Inputs are named *measured*, *simulated* or *modelled*; what
the paper states is tagged (P)."""


def reproduce(
    out: Path, step: Callable[[str], None] = lambda _: None, trace: Path | None = None, effort: Effort = "usual"
) -> Path:
    """Write figures, tables and `report.md` of the shipped inputs into the folder `out`; return the report's path.

    Parameters
    ----------
    out : Path
        Made if missing; files of the same names are replaced.
    step : callable
        Told what comes next, for a progress bar.
    trace : Path, optional
        Requests with block hashes (such as a Mooncake trace), for the section on memory pressure; no such trace ships with poagame.
    effort : {"quick", "usual", "full"}
        Of the serving simulations: 4, 20 or 60 seeds, and 8, 24 or 200 small clusters solved exactly; two, three or some fifteen minutes.

    Raises
    ------
    InvalidInput
        If there is no such effort or no such trace, or `out` cannot be a folder.
    KeyboardInterrupt
        As it came; the sections that were done are written first.
    """
    check_folder(out)
    require(trace is None or trace.is_file(), f"no such file: {trace}; give a trace with block hashes, or none")
    require(effort in _SEEDS, f"effort is one of {', '.join(_SEEDS)}; got {effort!r:.40}")
    sweep, fits = measured_fits(step)
    itl = fit_latency(sweep, "tabulated", metric="itl_ms", where={"series": MAIN_SERIES}).latency
    parts: list[Callable[[], list[Section]]] = [
        lambda: b200_sections(sweep, fits, step),
        lambda: [tight_section(sweep, step)],
        lambda: dynamo_sections(step),
        lambda: classical_sections(fits, step),
        lambda: caching_sections(step, trace),
        lambda: resource_sections(itl, step),
        lambda: serving_sections(step, range(_SEEDS[effort])),
        lambda: referee_sections(step, effort),
    ]
    sections: list[Section] = []
    try:
        for part in parts:
            sections += part()
    except KeyboardInterrupt:
        if sections:
            write_report(
                sections, out, "poagame: the main job", f"**Interrupted: not all sections are here.** {_PREFACE}"
            )
        raise
    step("writing the report")
    return write_report(sections, out, "poagame: the main job", _PREFACE)


def estimate_report(
    tables: Sequence[tuple[str, RequestTable | DecisionTable]],
    out: Path,
    *,
    cost: str | None = None,
    step: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> Path:
    """Write PoA-hat of a user's own tables, with figures and CSVs, into the folder `out`; return the report's path.

    Parameters
    ----------
    tables : sequence of (name, table)
        A section each; requests of several files with one load level each also get their common knee.
    out : Path
        Made if missing.
    cost : str, optional
        The one definition wanted; by default all that a table allows.
    step : callable
        Told what comes next.
    options
        Of `poa_hat`: metric, stage, window, overlap_weight, seed.
    """
    sections: list[Section] = []
    for k, (name, table) in enumerate(tables):
        step(f"PoA-hat of {name}")
        stem = f"{k + 1:02d}_{Path(name).name.split('.')[0]}"
        if isinstance(table, DecisionTable):
            sections.append(decision_section(name, table, stem, options.get("seed", 0)))
        else:
            costs: Any = ("frozen", "congestion") if cost is None else (cost,)
            sections.append(request_section(name, table, stem, costs=costs, **options))
    requests = [table for _, table in tables if isinstance(table, RequestTable)]
    if len(requests) > 1:
        knee = knee_of_levels(requests, options.get("metric", "latency_ms"))
        if isinstance(knee, Knee):
            figure = ("Mean latency of all files by concurrency.", plot_knee(knee))
            sections.append(Section("The knee of all files together", [f"```text\n{knee}\n```"], {"knee": figure}))
    step("writing the report")
    preface = "PoA-hat of the files given, by definitions that are not to be compared with one another."
    return write_report(sections, out, "PoA-hat", preface)
