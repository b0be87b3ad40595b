"""Measured tables: requests, sweeps over load and router decisions, read from the files that tools write."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from poagame.measured.checks import BadRowReport
from poagame.measured.convert import write_table
from poagame.measured.detect import detect_format, read_decisions, read_requests, read_sweep
from poagame.measured.schema import WORKER_REMEDY
from poagame.measured.tables import DecisionTable, RequestTable, SweepTable

if TYPE_CHECKING:
    from poagame.measured.fit import LatencyFit, fit_latency

__all__ = [
    "WORKER_REMEDY",
    "BadRowReport",
    "DecisionTable",
    "LatencyFit",
    "RequestTable",
    "SweepTable",
    "detect_format",
    "fit_latency",
    "read_decisions",
    "read_requests",
    "read_sweep",
    "write_table",
]


def __getattr__(name: str) -> Any:
    # Reading a table needs no SciPy and no JAX, so the fits are loaded when they are asked for.
    if name in ("LatencyFit", "fit_latency"):
        return getattr(importlib.import_module("poagame.measured.fit"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
