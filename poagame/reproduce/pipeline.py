"""The two reports: `poagame reproduce` on the shipped inputs, `poagame estimate` on a user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from poagame.measured import DecisionTable, RequestTable
from poagame.reproduce.b200 import b200_sections
from poagame.reproduce.recorded import decision_section, recorded_sections, request_section
from poagame.reproduce.section import Section, write_report

NUM_STEPS = 30
"""About how many steps `reproduce` announces, for a progress bar."""

_PREFACE = """\
What selfishness costs in disaggregated LLM serving: exact values on measured latency, and PoA-hat of recorded requests. Every figure has
its numbers in a CSV beside it. *Measured*, *simulated* and *modelled* inputs are named as such; what the paper states is tagged (P)."""


def reproduce(out: Path, step: Callable[[str], None] = lambda _: None) -> Path:
    """Write figures, tables and `report.md` of the shipped inputs into the folder `out`; return the report's path.

    Parameters
    ----------
    out : Path
        Made if missing; files of the same names are replaced.
    step : callable
        Told what comes next, for a progress bar.
    """
    sections = [*b200_sections(step), *recorded_sections(step)]
    step("writing the report")
    return write_report(sections, out, "poagame: the main job", _PREFACE)


def estimate_report(
    tables: Sequence[tuple[str, RequestTable | DecisionTable]],
    out: Path,
    *,
    metric: str = "latency_ms",
    overlap_weight: float = 0.0,
    step: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write PoA-hat of a user's own tables, with figures and CSVs, into the folder `out`; return the report's path."""
    sections: list[Section] = []
    for k, (name, table) in enumerate(tables):
        step(f"PoA-hat of {name}")
        stem = f"{k + 1:02d}_{Path(name).name.split('.')[0]}"
        if isinstance(table, DecisionTable):
            sections.append(decision_section(name, table, stem))
        else:
            sections.append(request_section(name, table, stem, metric, overlap_weight))
    step("writing the report")
    return write_report(
        sections, out, "PoA-hat", "PoA-hat of the files given, by three definitions that are not to be compared."
    )
