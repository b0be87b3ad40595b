"""The supported matrix: each Python with the oldest and the newest allowed versions of what poagame needs.

    python -m tests.matrix [--pythons 3.11 3.12 3.13] [--bounds lowest-direct highest] [--keep] [-- pytest arguments]

Needs uv (`pip install uv`), which also finds the Pythons. Each cell is a fresh environment in a temporary folder, in which the README, the
examples of the docstrings and the tests given (a short selection by default) run. Old releases warn of one another: that is no failure.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLD_NEWS = ("DeprecationWarning", "PendingDeprecationWarning", "ImportWarning", "SyntaxWarning")
"""Warnings that old releases give of one another, which are errors elsewhere."""

SELECTION = [
    "README.md",
    "tests/test_import.py",
    "tests/certified",
    "tests/measured",
    "tests/test_cli.py",
    "tests/games",
    "tests/latency",
]


def run(python: str, bound: str, folder: Path, tests: list[str]) -> tuple[bool, str, float]:
    """Whether a cell is green, its last line of output, and seconds."""
    start = time.perf_counter()
    here = folder / f"{python}-{bound}"
    interpreter = here / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = ["uv", "pip", "install", "--quiet", "--python", str(interpreter), "--resolution", bound, f"{ROOT}[test]"]
    steps = (
        ["uv", "venv", "--quiet", "--python", python, str(here)],
        install,
        [
            str(interpreter),
            "-m",
            "pytest",
            "-q",
            "-n",
            "2",
            "-p",
            "no:cacheprovider",
            *(word for kind in OLD_NEWS for word in ("-W", f"ignore::{kind}")),
            *tests,
        ],
    )
    for step in steps:
        done = subprocess.run(step, cwd=ROOT, capture_output=True, text=True, check=False)
        lines = (done.stdout + done.stderr).strip().splitlines()
        if done.returncode:
            return False, "\n".join(lines[-25:]), time.perf_counter() - start
    return True, lines[-1], time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pythons", nargs="+", default=["3.11", "3.12", "3.13"])
    parser.add_argument("--bounds", nargs="+", default=["lowest-direct", "highest"])
    parser.add_argument("tests", nargs="*", default=SELECTION)
    given = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for python in given.pythons:
            for bound in given.bounds:
                green, last, seconds = run(python, bound, Path(folder), given.tests)
                print(f"{python:<6}{bound:<15}{'green' if green else 'RED'}  {seconds:5.0f} s  {last}", flush=True)
                failed |= not green
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
