"""The main job: complete, reproducible bit for bit, and its claims held by the numbers it writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from poagame.bounds import tight_poa
from poagame.estimator.frozen_game import frozen_index
from poagame.latency import Polynomial
from poagame.reproduce import reproduce
from poagame.reproduce.b200 import CONCURRENCIES, TOPOLOGIES, routing_game
from poagame.reproduce.pipeline import NUM_STEPS
from poagame.reproduce.section import markdown
from tests import oracles


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results")
    steps: list[str] = []
    report = reproduce(out, steps.append, effort="quick")
    assert report.name == "report.md"
    assert len(steps) == NUM_STEPS
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


def test_the_tight_bound_is_attained_and_above_all_games(results: Path) -> None:
    frame = pl.read_csv(results / "b200_tight.csv")
    assert frame["bound"].to_numpy() == pytest.approx(frame["attained_by_worst_game"].to_numpy(), rel=1e-9)
    assert (frame["poa_parallel"] <= frame["bound"] + 1e-9).all()
    assert (frame["bound_optimal_tolls"] <= frame["bound_constant_tolls"] + 1e-9).all()
    assert (frame["bound_constant_tolls"] <= frame["bound"] + 1e-9).all()
    assert frame["worst_game_solved"].sum() == 6


def test_sections_say_what_is_simulated_and_where_the_queue_is(results: Path) -> None:
    sections = (results / "report.md").read_text().split("\n## ")[1:]
    recorded = [s for s in sections if "Dynamo" in s or "dynamo" in s]
    assert len(recorded) >= 7
    assert all("simulated engine" in s or "decisions are the router's" in s for s in recorded)
    assert sum("The queue is at the one prefill worker" in s for s in sections) == 2
    assert "**measured**" in sections[0]


def test_inter_token_latency_leaves_the_decode_choice_nothing_to_lose(results: Path) -> None:
    for name in ("recorded_1P_2D_itl", "recorded_1P_5D_itl"):
        frame = pl.read_csv(results / f"{name}_poa_hat.csv").filter(
            pl.col("estimate") == "congestion, assignment ratio"
        )
        assert frame.height >= 5
        np.testing.assert_allclose(frame["value"].to_numpy(), 1.0, atol=2e-3)


def test_the_grid_has_sixteen_cells_and_regret_grows_with_temperature(results: Path) -> None:
    assert pl.read_csv(results / "grid.csv").height == 32
    regret = pl.read_csv(results / "grid_regret.csv")
    assert regret.height == 16
    by_heat = (
        regret.group_by("temperature").agg(pl.col("mean_regret").mean()).sort("temperature")["mean_regret"].to_list()
    )
    assert by_heat[0] == 0
    assert by_heat == sorted(by_heat)


def test_the_model_of_the_curves_against_brute_force() -> None:
    game = routing_game(Polynomial([[5.0, 1.0]]), 2, 7, 2.0, 0.75)
    oracle = oracles.Oracle(game)
    assert game.num_players == 7
    worst = max(oracle.social(s) for s in oracle.equilibria())
    slots = [s for s in oracle.profiles() if max(s.count(0), s.count(1)) <= 4]
    overlap = np.repeat(game.overlap, game.multiplicity, axis=0)
    frozen = min(sum(6.0 - 0.75 * overlap[i, j] for i, j in enumerate(s)) for s in slots)
    assert frozen_index(game, worst) == pytest.approx(worst / frozen)
    assert tight_poa(Polynomial([[5.0, 1.0]]), 7).value > 1


@pytest.mark.slow
def test_reproduces_bit_for_bit(results: Path, tmp_path: Path) -> None:
    reproduce(tmp_path, effort="quick")
    for path in sorted(results.iterdir()):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_markdown_tables_line_up() -> None:
    lines = markdown(pl.DataFrame({"name": ["a", "b|c"], "value": [1.0, None]}))
    assert len({len(line) for line in lines}) == 1
    assert "b\\|c" in lines[3]
    assert "–" in lines[3]
