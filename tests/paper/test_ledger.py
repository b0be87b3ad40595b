"""The ledger: what it prints, the page in the docs, the command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from poagame import paper
from poagame.errors import InvalidInput
from poagame.paper import Ledger, Standing, check_all, claims
from tests.command import poagame
from tests.paper.counterexamples import is_code

PAGE = Path(__file__).parents[2] / "docs" / "claims.md"
FAST = ["router-two-workers", "potential-static", "pools"]


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return check_all()


def test_the_page_in_the_docs_is_a_fresh_run(ledger: Ledger) -> None:
    """Regenerate it with `poagame claims --markdown > docs/claims.md`."""
    assert PAGE.read_text(encoding="utf-8") == ledger.to_markdown()


def test_counterexamples_are_code(ledger: Ledger) -> None:
    assert sum(is_code(verdict) for verdict in ledger) > 5


@pytest.mark.slow
def test_a_second_run_says_the_same(ledger: Ledger) -> None:
    again = check_all([v.claim.id for v in ledger if not v.claim.id.startswith("knee")])
    for verdict in again:
        first = ledger[verdict.claim.id]
        assert str(first) == str(verdict)
        assert dict(first.figures) == pytest.approx(dict(verdict.figures), rel=1e-9, abs=1e-12)


def test_what_is_decided_today(ledger: Ledger) -> None:
    """A change of the code that turns a verdict must be seen."""
    found = {standing: {v.claim.id for v in ledger if v.verdict is standing} for standing in Standing}
    assert found[Standing.FAILS] == {
        "potential-static",
        "bound-with-overlap",
        "temperature-games",
        "anarchy-at-capacity",
        "routing-loss",
        "caching-complete-tiers",
        "settings-part",
        "controller-simulated",
    }
    assert {
        "variational-unique",
        "caching-complete",
        "caching-line",
        "caching-clusters",
        "caching-transition",
        "router-best-response",
        "pools-saturate-apart",
        "regimes-simulated",
        "settings-agree",
    } <= found[Standing.HOLDS_UNDER]
    assert {"knee-96-128", "growth-past-knee", "controller-gain", "poa-hat-invariance"} <= found[Standing.UNDECIDED]
    assert {
        "router-normalised",
        "router-decode-weight",
        "cache-paradox",
        "cache-paradox-clusters",
        "cache-paradox-double",
        "bound-atomic-affine",
    } <= found[Standing.HOLDS]


def test_ids_are_unique_and_statements_end() -> None:
    ids = [claim.id for claim in claims()]
    assert len(set(ids)) == len(ids)
    assert all(claim.statement.endswith(".") for claim in claims())


def test_nothing_is_presented_without_its_tag(ledger: Ledger) -> None:
    for verdict in ledger:
        assert f"[{verdict.claim.source}]" in str(verdict).replace("\n" + " " * 18, " ")
    assert all(f"| {tag} |" in ledger.to_markdown() for tag in paper.TAGS)


def test_the_table_lines_up() -> None:
    found = check_all(FAST)
    lines = str(found).splitlines()
    at = lines[0].index("rests on")
    assert [line[at - 2 : at] for line in lines[: len(FAST) + 1]] == ["  "] * (len(FAST) + 1)
    assert lines[-1] == "3 claims: 1 holds, 1 fails, 1 undecided"


def test_order_steps_and_lookup() -> None:
    told: list[str] = []
    found = check_all(iter(FAST), told.append)
    assert told == FAST == [v.claim.id for v in found]
    assert found["pools"].verdict is Standing.UNDECIDED
    assert isinstance(found[:1], Ledger)
    assert found[0].claim.id == FAST[0]
    with pytest.raises(InvalidInput, match="did you mean pools"):
        found["pool"]


def test_unknown_claims_name_near_ones() -> None:
    with pytest.raises(InvalidInput, match="did you mean potential-static"):
        check_all(["potential-statics"])


def test_dictionaries_are_json() -> None:
    text = json.dumps(check_all(FAST).to_dicts(), allow_nan=False)
    first, second, third = json.loads(text)
    assert first["figures"]["largest_error"] < 1e-9
    assert second["verdict"] == "fails"
    assert second["counterexample"].startswith("RoutingGame(")
    assert third["decided_by"]


def test_command() -> None:
    done = poagame("claims", "potential-static", "pools")
    assert done.returncode == 0
    assert "2 claims: 1 fails, 1 undecided" in done.stdout
    assert "counterexample  RoutingGame(" in done.stdout
    assert json.loads(poagame("claims", "pools", "--json").stdout)[0]["verdict"] == "undecided"
    assert poagame("claims", "pools", "--markdown").stdout == check_all(["pools"]).to_markdown()


def test_command_errors_are_one_paragraph() -> None:
    for arguments, message in (
        (["potential"], "no claim has the id 'potential'"),
        (["--json", "--markdown"], "give one"),
    ):
        done = poagame("claims", *arguments, ok=False)
        assert done.returncode == 2
        assert message in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_the_figures_need_no_matplotlib() -> None:
    """Claims are checked where the plot extra is not installed."""
    code = "import sys; sys.modules['matplotlib'] = None; from poagame import paper; print(paper.check_all(['pools']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
