"""Imports point down: the layers of the package, held."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import poagame

ROOT = Path(poagame.__file__).parent
BASE = {"errors", "_arrays", "_compiled", "outcome"}
CORE = BASE | {"latency", "games"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "outcome": set(),
    "_compiled": set(),
    "_arrays": {"errors"},
    "latency": BASE,
    "games": BASE | {"latency"},
    "certificates": CORE,
    "solvers": CORE | {"certificates"},
    "bounds": CORE | {"certificates"},
    "batched": CORE | {"certificates", "solvers"},
    "anarchy": CORE | {"certificates", "solvers", "bounds"},
    "measured": BASE | {"latency"},
    "estimator": CORE | {"measured", "certificates", "solvers"},
    "serving": CORE | {"measured", "certificates", "solvers", "estimator", "shipped"},
    "shipped": BASE,
    "plotting": CORE | {"measured", "estimator", "anarchy", "solvers", "bounds", "certificates", "serving"},
    "testing": CORE | {"measured", "certificates", "solvers", "bounds", "anarchy"},
    "reproduce": CORE
    | {
        "measured",
        "estimator",
        "anarchy",
        "solvers",
        "bounds",
        "certificates",
        "shipped",
        "plotting",
        "batched",
        "serving",
        "paper",
    },
    "paper": CORE
    | {"measured", "estimator", "anarchy", "solvers", "bounds", "certificates", "shipped", "batched", "serving"},
    "cli": BASE | {"measured", "estimator", "reproduce", "plotting", "paper", "bounds", "serving"},
}


def imports_of(path: Path) -> set[str]:
    """Top-level modules of poagame that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"poagame.{a.name}" for a in node.names] if node.module == "poagame" else [node.module]
        found |= {name.split(".")[1] for name in names if name.startswith("poagame.")}
    return found


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    part = path.relative_to(ROOT).parts[0].removesuffix(".py")
    if part == "__init__":
        return
    assert imports_of(path) - {part} <= ALLOWED[part]


def test_certificates_import_no_solver() -> None:
    for path in (ROOT / "certificates").glob("*.py"):
        assert "solvers" not in imports_of(path)
