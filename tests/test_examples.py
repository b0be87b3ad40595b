"""The examples run, end with their own checks, and leave their figures."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SMALLER = {"hundred_thousand_games": {"games": 4000}}


@pytest.mark.parametrize(
    "name", sorted(p.stem for p in EXAMPLES.glob("*.py") if p.stem not in ("tntp_curve", "conjecture"))
)
def test_it_runs_checks_itself_and_draws(name: str, tmp_path: Path) -> None:
    load(name).main(figure=str(tmp_path / "figure.svg"), **SMALLER.get(name, {}))
    assert "</svg>" in (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert len((EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 60


def test_tntp_curve(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(shared_data / "tntp" / f"SiouxFalls_{kind}.tntp") for kind in ("net", "trips")]
    curve = load("tntp_curve").main(*files, str(tmp_path / "curve.svg"))
    assert (tmp_path / "curve.svg").stat().st_size > 1000
    assert "1.0397" in capsys.readouterr().out
    # light and heavy traffic
    assert curve.poa[0] == pytest.approx(1.0, abs=1e-6)
    assert curve.poa[-1] == pytest.approx(1.0, abs=1e-3)
    assert 1.04 < curve.poa.max() < 1.05
    assert 0.8 < curve.demand[np.argmax(curve.poa)] / curve.demand[15] < 1.1


def test_the_conjecture_breaks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    worst = load("conjecture").main(1.25, str(tmp_path / "figure.svg"), budget=150)
    assert worst.value > 1.25
    assert "broken: the price of anarchy is at most 1.25 (wardrop)" in capsys.readouterr().out
