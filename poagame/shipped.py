"""Input files that come with the package: measured and recorded tables, gzipped, with their origin in NOTICE.

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

_SUFFIX: Final = ".csv.gz"


def names() -> tuple[str, ...]:
    """List the shipped files, sorted, without their suffix `.csv.gz`."""
    found = (entry.name for entry in _folder().iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))


def path(name: str) -> Path:
    """Path of a shipped file, for `read_requests`, `read_sweep` or `read_decisions`.

    Raises
    ------
    InvalidInput
        If no file of that name (one of `names()`) is shipped.
    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise InvalidInput(f"no shipped file is named {name!r}{hint} There are: {', '.join(known)}")
    return _folder() / f"{name}{_SUFFIX}"


def _folder() -> Path:
    folder = files("poagame") / "data"
    if not isinstance(folder, Path):
        raise InvalidInput("poagame runs from a zip archive, so its data files have no path; install it as a package")
    return folder
