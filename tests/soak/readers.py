"""Mutated files: a reader gives a table or a `PoagameError`, and nothing else."""

from __future__ import annotations

import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import poagame as pg
from poagame.errors import PoagameError
from poagame.serving import mocker_times, parse
from tests.soak.corpus import NET, TRIPS, corpus
from tests.soak.mutations import mutate


def _table(verb: Callable[[Path], Any]) -> Callable[[Path], Any]:
    return lambda path: verb(path).collect()


def _readers(suffix: str, net: Path, trips: Path) -> list[Callable[[Path], Any]]:
    if suffix == ".nfg":
        return [pg.read_nfg]
    if suffix == ".tntp":
        return [lambda path: pg.read_tntp(path, trips), lambda path: pg.read_tntp(net, path)]
    if suffix == ".txt":
        return [lambda path: parse(path.read_text(encoding="utf-8", errors="replace"))]
    if suffix == ".npz":
        return [_table(pg.read_sweep), mocker_times]
    return [_table(pg.read_requests), _table(pg.read_sweep), _table(pg.read_decisions)]


def _reads(read: Callable[[Path], Any], path: Path) -> bool:
    try:
        read(path)
    except PoagameError:
        return False
    return True


def soak_readers(cases: int, seed: int, keep: Path | None = None) -> tuple[Counter[str], list[str]]:
    """Outcomes by kind, and a report a crash; the crashing files go to `keep`."""
    rng = np.random.default_rng(seed)
    files = list(corpus().items())
    fitting: dict[str, list[int]] = {}
    outcomes: Counter[str] = Counter()
    crashes: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        net, trips = Path(folder) / "net.tntp", Path(folder) / "trips.tntp"
        net.write_bytes(NET)
        trips.write_bytes(TRIPS)
        for name, (suffix, data) in files:
            path = Path(folder) / f"whole{suffix}"
            path.write_bytes(data)
            fitting[name] = [k for k, read in enumerate(_readers(suffix, net, trips)) if _reads(read, path)]
        for case in range(cases):
            name, (suffix, data) = files[int(rng.integers(len(files)))]
            harmed = mutate(data, rng)
            path = Path(folder) / f"case{suffix}"
            path.write_bytes(harmed)
            readers = _readers(suffix, net, trips)
            able = fitting[name] if fitting[name] and rng.random() < 0.9 else range(len(readers))
            try:
                readers[able[int(rng.integers(len(able)))]](path)
                outcomes["read"] += 1
            except PoagameError as error:
                outcomes[type(error).__name__] += 1
            except Exception as error:
                outcomes["CRASH"] += 1
                last = traceback.extract_tb(error.__traceback__)
                ours = next((f for f in reversed(last) if "poagame" in f.filename), last[-1])
                crashes.append(
                    f"{name}, case {case}: {type(error).__name__}: {str(error)[:200]} ({Path(ours.filename).name}:{ours.lineno})"
                )
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{case}{suffix}").write_bytes(harmed)
    return outcomes, crashes
