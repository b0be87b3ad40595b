"""The command line as a person uses it."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from poagame import shipped
from tests.command import poagame


def test_help_names_the_commands_in_a_process_of_its_own() -> None:
    command = [sys.executable, "-c", "from poagame.cli import main; main()", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for command in ("reproduce", "estimate", "convert", "bounds", "claims"):
        assert command in text


def test_estimate_prints_a_table_and_writes_a_report(tmp_path: Path) -> None:
    done = poagame("estimate", shipped.path("agg5_sweep.requests"), "--out", tmp_path / "report")
    assert "PoA-hat (frozen) =" in done.stdout
    assert "definition: frozen" in done.stdout
    report = (tmp_path / "report" / "report.md").read_text()
    assert "assignment ratio" in report
    assert list((tmp_path / "report").glob("*.svg"))


def test_the_report_answers_what_was_asked(tmp_path: Path) -> None:
    """Options given on the command line hold in the report too, and bad rows are in both."""
    rows = pl.read_csv(shipped.path("agg5_sweep.requests"), infer_schema=False).filter(pl.col("phase") != "warm")
    broken = rows.with_columns(error=pl.when(pl.int_range(pl.len()) % 10 == 0).then(pl.lit("timeout")))
    path = tmp_path / "with_errors.csv"
    broken.write_csv(path)
    done = poagame("estimate", path, "--window", "20", "--cost", "congestion", "--seed", "5", "--out", tmp_path / "out")
    report = (tmp_path / "out" / "report.md").read_text()
    for text in (done.stdout, report):
        assert "window: 20 consecutive requests" in " ".join(text.split())
        assert "seed 5" in text
        assert "request failed" in text
    assert "definition: frozen" not in report


def test_files_of_one_level_each_have_a_common_knee(tmp_path: Path) -> None:
    rows = pl.read_csv(shipped.path("dynamo090_1P2D_w1_t0"), infer_schema=False)
    files = []
    for level in ("8", "16", "32", "64", "128", "256"):
        files.append(tmp_path / f"c{level}.csv")
        rows.filter(pl.col("concurrency") == level).write_csv(files[-1])
    assert "all files together: knee seen" in poagame("estimate", *files).stdout


def test_seconds_are_told_apart_by_the_unit(tmp_path: Path) -> None:
    path = tmp_path / "seconds.csv"
    rows = {"request_id": ["a", "b", "c", "d"], "arrival_ms": [0.0, 1, 2, 3], "decode_worker": ["1", "2", "1", "2"]}
    pl.DataFrame(rows | {"latency_ms": [3.0, 4, 5, 6], "finish_ms": [3.0, 5, 7, 9]}).write_csv(path)
    assert "--unit s" in poagame("estimate", path, ok=False).stderr
    assert "PoA-hat (frozen)" in poagame("estimate", path, "--unit", "s").stdout


def test_a_file_cut_short_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(shipped.path("agg5_sweep.requests").read_bytes()[:20000])
    done = poagame("estimate", path, ok=False)
    assert "cut short or damaged" in done.stderr
    assert "Traceback" not in done.stderr


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
    told = json.loads(poagame("convert", target, tmp_path / "requests.csv", "--json").stdout)
    assert told == {"target": str(tmp_path / "requests.csv"), "rows": 1034, "bad_rows": {"count": 0, "reasons": {}}}


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


def test_bounds_as_a_table_and_one_by_one() -> None:
    assert "nonatomic_polynomial(degree=2)" in poagame("bounds").stdout
    assert "value      47.81863378" in poagame("bounds", "weighted_polynomial", "degree=3").stdout
    lists = poagame("bounds", "bell_stidham", "service_rates=[4,1]", "arrival_rate=3", "--json").stdout
    assert [row["value"] for row in json.loads(lists)] == [pytest.approx(1.2)]
    endless = poagame("bounds", "bpr", "load_ratio=inf", "--csv").stdout
    assert endless.splitlines()[1].startswith("nonatomic,bpr(load_ratio=inf),2.1505")
    assert poagame("bounds", "mm1", "--markdown").stdout.startswith("## Nonatomic")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bounds", "mm2"], "did you mean mm1"),
        (["bounds", "mm1", "utilisation=1"], "below 1"),
        (["bounds", "mm1", "rho=0.5"], "mm1(utilisation)"),
        (["bounds", "mm1", "foo=3"], "has no argument 'foo'"),
        (["bounds", "mm1", "utilisation=0.5", "utilisation=0.6"], "utilisation is given twice"),
        (["bounds", "mm1", "utilisation=nan"], "got nan"),
        (["bounds", "nonatomic_polynomial", "degree=x"], "degree must be a number; got 'x'"),
        (["bounds", "mm1", "utilisation"], "key=value"),
        (["bounds", "--json", "--csv"], "three formats"),
        (["claims", "prop9"], "no claim"),
    ],
)
def test_bounds_and_claims_refuse_in_a_paragraph(arguments: list[str], message: str) -> None:
    done = poagame(*arguments, ok=False)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_claims_by_name() -> None:
    known = ["router-two-workers", "potential-static"]
    assert [row["id"] for row in json.loads(poagame("claims", "--json", *known).stdout)] == known
    assert known[0] in poagame("claims", known[0]).stdout


def test_simulate_writes_what_estimate_reads(tmp_path: Path) -> None:
    target = tmp_path / "requests.csv"
    result = poagame("simulate", "--topology", "1P/2D", "--concurrency", "8", "--requests", "120", "--out", str(target))
    assert "120 rows of requests from simulation" in result.stdout
    assert "ttft_ms" in result.stdout
    assert "PoA-hat" in poagame("estimate", target, "--unit", "ms").stdout


def test_sweep_prints_a_row_a_setting(tmp_path: Path) -> None:
    target = tmp_path / "sweep.csv"
    result = poagame(
        "sweep",
        "--topology",
        "3A",
        "--concurrency",
        "2,8",
        "--temperature",
        "0,0.7",
        "--seeds",
        "2",
        "--out",
        str(target),
    )
    assert len(result.stdout.strip().splitlines()) == 1 + 4 + 1
    assert len(target.read_text().splitlines()) == 1 + 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["simulate", "--topology", "1P"], 'written as in "1P/5D"'),
        (["simulate", "--topology", "1P/0D"], "decode ≥ 1"),
        (["simulate", "--engine", "real"], "engine is"),
        (["simulate", "--concurrency", "0"], "concurrency must be at least 1"),
        (["sweep", "--temperature", "hot"], "--temperature takes numbers"),
        (["sweep", "--concurrency", "2", "--seeds", "0"], "at least one cell and one seed"),
    ],
)
def test_simulations_that_cannot_be(arguments: list[str], message: str) -> None:
    result = poagame(*arguments, ok=False)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_version_and_json(tmp_path: Path) -> None:
    import poagame as pg

    assert poagame("--version").stdout == f"poagame {pg.__version__}\n"
    found = json.loads(poagame("simulate", "--concurrency", "4", "--requests", "40", "--json").stdout)
    assert found["requests"] == 40
    assert found["ttft_ms"]["p50"] <= found["ttft_ms"]["p99"]
    rows = json.loads(poagame("sweep", "--concurrency", "2,4", "--seeds", "2", "--json").stdout)
    assert [row["concurrency"] for row in rows] == [2, 4]
    assert poagame("reproduce", "--quick", "--full", ok=False).stderr.count("\n") == 1


def test_an_interrupted_sweep_keeps_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("poagame.serving.sweep")  # the package has the function under this name

    calls = []
    original = module.sweep

    def interrupted(*arguments: Any) -> pl.DataFrame:
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        return original(*arguments)

    monkeypatch.setattr(module, "sweep", interrupted)
    target = tmp_path / "rows.csv"
    done = poagame("sweep", "--concurrency", "2,4,8", "--seeds", "2", "--out", target, ok=False)
    assert done.returncode == 130
    assert "1 of 3 settings are done" in done.stderr
    assert pl.read_csv(target)["concurrency"].to_list() == [2, 2]


def test_an_interrupted_report_has_the_sections_that_are_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from poagame.reproduce import pipeline
    from poagame.reproduce.section import Section

    def stop(*_: Any) -> list[Section]:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "b200_sections", lambda *_: [Section("First", ["Words."])])
    monkeypatch.setattr(pipeline, "tight_section", stop)
    done = poagame("reproduce", "--out", tmp_path, ok=False)
    assert done.returncode == 130
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "Interrupted" in report
    assert "## First" in report


def test_a_report_tells_machines_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(out: Path, *_: Any) -> Path:
        for name in ("a.svg", "a.csv", "report.md"):
            (out / name).write_text("# Report\n", encoding="utf-8")
        return out / "report.md"

    monkeypatch.setattr(importlib.import_module("poagame.reproduce"), "reproduce", write)
    told = json.loads(poagame("reproduce", "--out", tmp_path, "--json").stdout)
    assert told == {
        "report": str(tmp_path / "report.md"),
        "figures": [str(tmp_path / "a.svg")],
        "tables": [str(tmp_path / "a.csv")],
    }


def test_an_interrupted_check_prints_the_verdicts_that_are_in(monkeypatch: pytest.MonkeyPatch) -> None:
    from poagame import paper

    original = paper.check_all

    def check(ids: list[str], step: Any) -> Any:
        if ids == ["pools"]:
            raise KeyboardInterrupt
        return original(ids, step)

    monkeypatch.setattr(paper, "check_all", check)
    done = poagame("claims", "router-two-workers", "pools", ok=False)
    assert done.returncode == 130
    assert "1 claims: 1 holds" in done.stdout
    assert "1 of 2 claims" in done.stderr
