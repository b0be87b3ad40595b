"""The main job: complete, reproducible bit for bit, and its claims held by the numbers it writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from poagame.bounds import robust_poa
from poagame.latency import Polynomial
from poagame.reproduce import reproduce
from poagame.reproduce.b200 import CONCURRENCIES, TOPOLOGIES, frozen_index, routing_game
from poagame.reproduce.section import markdown
from tests import oracles


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results")
    steps: list[str] = []
    report = reproduce(out, steps.append)
    assert report.name == "report.md"
    assert 20 <= len(steps) <= 40
    return out


def test_every_figure_is_vector_and_raster_and_linked(results: Path) -> None:
    report = (results / "report.md").read_text()
    figures = sorted(p.stem for p in results.glob("*.svg"))
    assert figures == sorted(p.stem for p in results.glob("*.png"))
    assert len(figures) >= 12
    for stem in figures:
        assert f"({stem}.svg)" in report
    for table in results.glob("*.csv"):
        assert f"({table.name})" in report
        assert pl.read_csv(table).height > 0


def test_b200_values_are_exact_and_ordered(results: Path) -> None:
    frame = pl.read_csv(results / "b200_poa.csv")
    assert frame.height == 2 * len(CONCURRENCIES) * len(TOPOLOGIES)
    assert frame["exact"].all()
    assert (frame["poa"] >= frame["pos"] - 1e-12).all()
    assert (frame["pos"] >= 1 - 1e-12).all()
    plain = frame.filter(pl.col("overlap") == "none")
    assert (plain["poa"] <= plain["bound_atomic"] + 1e-9).all()
    assert (frame["max_regret_ms"] < 1e-3).all()


def test_recorded_assignment_ratios_are_at_least_one(results: Path) -> None:
    for name in ("recorded_1P_2D", "recorded_1P_5D", "recorded_five_workers"):
        frame = pl.read_csv(results / f"{name}_poa_hat.csv").filter(
            pl.col("estimate") == "congestion, assignment ratio"
        )
        assert frame.height >= 5
        assert (frame["value"] >= 1 - 1e-12).all()
    assert pl.read_csv(results / "grid.csv").height == 32


def test_the_model_of_the_curves_against_brute_force() -> None:
    game = routing_game(Polynomial([[5.0, 1.0]]), 2, 7, 2.0, 0.75)
    oracle = oracles.Oracle(game)
    assert game.num_players == 7
    worst = max(oracle.social(s) for s in oracle.equilibria())
    slots = [s for s in oracle.profiles() if max(s.count(0), s.count(1)) <= 4]
    overlap = np.repeat(game.overlap, game.multiplicity, axis=0)
    frozen = min(sum(6.0 - 0.75 * overlap[i, j] for i, j in enumerate(s)) for s in slots)
    assert frozen_index(game, worst) == pytest.approx(worst / frozen)
    assert robust_poa(Polynomial([[5.0, 1.0]]), 7).value > 1


@pytest.mark.slow
def test_reproduces_bit_for_bit(results: Path, tmp_path: Path) -> None:
    reproduce(tmp_path)
    for path in sorted(results.iterdir()):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_markdown_tables_line_up() -> None:
    lines = markdown(pl.DataFrame({"name": ["a", "b|c"], "value": [1.0, None]}))
    assert len({len(line) for line in lines}) == 1
    assert "b\\|c" in lines[3]
    assert "–" in lines[3]
