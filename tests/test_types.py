"""The types that a user's checker sees: complete, and of use in strict mode."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "poagame"

USER = """\
import numpy as np
from numpy.typing import NDArray

import poagame as pg

game = pg.RoutingGame(pg.latency.Polynomial([[0.0, 1.0]]).replicated(2), np.zeros((3, 2)))
report = pg.price_of_anarchy(game)
poa: float = report.poa
exact: bool = report.exact
bound: float = pg.bounds.atomic_affine().value
load: NDArray[np.float64] = pg.wardrop(pg.instances.braess()).load
table = pg.read_requests("requests.csv", unit="ms")
low: float | None = pg.poa_hat(table, cost="frozen").low
verdict: str = str(pg.paper.check_all(["pools"])[0].verdict)
wrong: str = report.poa
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder beside which poagame is installed as a wheel would leave it, next to what it needs."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "site").mkdir()
    for installed in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if installed.suffix != ".pth" and not installed.name.startswith("poagame"):
            (folder / "site" / installed.name).symlink_to(installed)
    shutil.copytree(PACKAGE, folder / "site" / "poagame", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "analysis").mkdir()
    (folder / "analysis" / "mine.py").write_text(USER, encoding="utf-8")
    (folder / "analysis" / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', encoding="utf-8")
    return folder


def pyright(project: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(project / "site")}
    done = subprocess.run(
        command, cwd=project / "analysis", capture_output=True, text=True, check=False, env=environment
    )
    return json.loads(done.stdout)


def test_public_types_are_complete(project: Path) -> None:
    found = pyright(project, "--verifytypes", "poagame", "--ignoreexternal")["typeCompleteness"]
    assert found["exportedSymbolCounts"]["withKnownType"] > 4000
    assert found["completenessScore"] >= 0.99


def test_a_strict_project_sees_them(project: Path) -> None:
    (only,) = pyright(project, "mine.py")["generalDiagnostics"]
    assert only["range"]["start"]["line"] == len(USER.splitlines()) - 1
    assert '"float" is not assignable to "str"' in only["message"]
