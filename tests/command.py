"""The command line, called in this process: a process of its own would import JAX each time."""

from __future__ import annotations

import contextlib
import io
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from poagame.cli import main


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def poagame(*arguments: str | Path, ok: bool = True) -> Done:
    out, err, code = io.StringIO(), io.StringIO(), 0
    argv = mock.patch.object(sys, "argv", ["poagame", *map(str, arguments)])
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), argv:
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        except Exception:  # what --debug lets through
            traceback.print_exc(file=err)
            code = 1
    assert (code == 0) == ok, err.getvalue()
    return Done(code, out.getvalue(), err.getvalue())
