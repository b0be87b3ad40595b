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
    from poagame.measured.blocks import BlockDemand, block_demand
    from poagame.measured.fit import LatencyFit, fit_latency

__all__ = [
    "WORKER_REMEDY",
    "BadRowReport",
    "BlockDemand",
    "DecisionTable",
    "LatencyFit",
    "RequestTable",
    "SweepTable",
    "block_demand",
    "detect_format",
    "fit_latency",
    "read_decisions",
    "read_requests",
    "read_sweep",
    "write_table",
]

_LATER = {"BlockDemand": "blocks", "LatencyFit": "fit", "block_demand": "blocks", "fit_latency": "fit"}


def __getattr__(name: str) -> Any:
    # Reading a table needs no SciPy and no JAX, so what does is loaded when it is asked for.
    if name in _LATER:
        return getattr(importlib.import_module(f"poagame.measured.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
