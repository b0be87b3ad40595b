"""One file a format; `FORMATS` lists them in the order in which detection asks."""

from __future__ import annotations

from typing import Final

from poagame.measured.readers import (
    aiconfigurator,
    aiperf,
    bench_serving,
    dynamo_log,
    guidellm,
    own,
    planner,
    recorded,
    traces,
)
from poagame.measured.readers.base import Format

FORMATS: Final[tuple[Format, ...]] = (
    aiperf.FORMAT,
    dynamo_log.FORMAT,
    *recorded.FORMATS,
    *bench_serving.FORMATS,
    guidellm.FORMAT,
    *aiconfigurator.FORMATS,
    *planner.FORMATS,
    *traces.FORMATS,
    *own.FORMATS,
)

__all__ = ["FORMATS", "Format"]
