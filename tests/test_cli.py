"""The command line as a person uses it, in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from poagame import shipped


def poagame(*arguments: str | Path, ok: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from poagame.cli import main; main()", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == ok, done.stderr
    return done


def test_help_names_the_commands() -> None:
    text = poagame("--help").stdout
    for command in ("reproduce", "estimate", "convert"):
        assert command in text


def test_estimate_prints_a_table_and_writes_a_report(tmp_path: Path) -> None:
    done = poagame("estimate", shipped.path("agg5_sweep.requests"), "--out", tmp_path / "report")
    assert "PoA-hat (frozen) =" in done.stdout
    assert "definition: frozen" in done.stdout
    report = (tmp_path / "report" / "report.md").read_text()
    assert "assignment ratio" in report
    assert list((tmp_path / "report").glob("*.svg"))


def test_estimate_of_decisions_as_json() -> None:
    found = json.loads(poagame("estimate", shipped.path("dynamo090_1P2D_w1_t0_decisions"), "--json").stdout)
    assert found["cost"] == "decision"
    assert {row["phase"] for row in found["groups"]} >= {"decode"}
    assert all(row["mean_regret"] == 0 for row in found["groups"])


def test_convert_and_read_back(tmp_path: Path) -> None:
    target = tmp_path / "requests.parquet"
    poagame("convert", shipped.path("dynamo090_1P5D_w1_t0"), target)
    assert pl.read_parquet(target).height == 1034
    again = poagame("estimate", target, "--cost", "congestion").stdout
    assert "PoA-hat (congestion)" in again


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("<html><body>404</body></html>", "format"),
        ("a,b\n1,2\n", "format|column"),
        ("\x00\x01\x02", "format|text"),
    ],
)
def test_nonsense_is_one_paragraph_and_status_2(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "nonsense.csv"
    path.write_text(content)
    done = poagame("estimate", path, ok=False)
    assert done.returncode == 2
    assert done.stderr.startswith("poagame: ")
    assert "Traceback" not in done.stderr
    assert re.search(message, done.stderr)


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("")
    assert "Traceback" in poagame("--debug", "estimate", path, ok=False).stderr


def test_a_missing_file_and_a_bad_option_are_told() -> None:
    assert "nowhere.csv" in poagame("estimate", "nowhere.csv", ok=False).stderr
    wrong = poagame("estimate", shipped.path("agg5_sweep.requests"), "--cost", "true", ok=False)
    assert "'frozen', 'congestion', 'decision'" in wrong.stderr
