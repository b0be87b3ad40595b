"""Input files that come with the package: measured and recorded tables, gzipped, and a timing archive, with their origin in NOTICE.

Examples
--------
>>> from poagame import shipped
>>> "measured_b200_llama31_70b" in shipped.names()
True
>>> shipped.path("measured_b200_llama31_70b").name
'measured_b200_llama31_70b.csv.gz'
"""

from __future__ import annotations

import difflib
from importlib.resources import files
from pathlib import Path
from typing import Final

from poagame.errors import InvalidInput

__all__ = ["names", "path"]

_SUFFIXES: Final = (".csv.gz", ".npz")


def names() -> tuple[str, ...]:
    """List the shipped files, sorted, without their suffix `.csv.gz` or `.npz`."""
    return tuple(sorted(_files()))


def path(name: str) -> Path:
    """Path of a shipped file, for `read_requests`, `read_sweep`, `read_decisions` or `mocker_times`.

    Raises
    ------
    InvalidInput
        If no file of that name (one of `names()`) is shipped.
    """
    known = _files()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise InvalidInput(f"no shipped file is named {name!r}{hint} There are: {', '.join(sorted(known))}")
    return known[name]


def _files() -> dict[str, Path]:
    found = [(entry, suffix) for entry in _folder().iterdir() for suffix in _SUFFIXES if entry.name.endswith(suffix)]
    return {entry.name.removesuffix(suffix): entry for entry, suffix in found}


def _folder() -> Path:
    folder = files("poagame") / "data"
    if not isinstance(folder, Path):
        raise InvalidInput("poagame runs from a zip archive, so its data files have no path; install it as a package")
    return folder
