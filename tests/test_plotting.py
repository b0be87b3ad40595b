from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")

from matplotlib.figure import Figure

import poagame as pg
from poagame import plotting
from poagame.errors import InvalidInput
from poagame.estimator.knee import find_knee
from poagame.games import CachingGame, Tiers, topologies
from poagame.games.attainment import DecodeBatch, PrefillQueue, Quadratic
from poagame.measured.fit import fit_points
from poagame.serving import CurvatureDetector, RegimeDetector, TtftProcess, operating_curve

LOADS = 2.0 ** np.arange(8)
FIT = fit_points(LOADS, 5 + 0.02 * LOADS + 3 * LOADS / (150 - LOADS), metric="itl_ms", unit="ms")
LINE = fit_points(LOADS, 5 + 0.02 * LOADS, metric="itl_ms", unit="ms")
KNEE = find_knee((LOADS, np.maximum(10, LOADS / 2)))
GRID = np.array([[1.0, 1.2], [np.nan, 1.5]])

POOLS = pg.ResourceGame(
    12,
    PrefillQueue(20.0, service_ms=200.0, target_ms=400.0),
    DecodeBatch(20.0, lambda n: 8.0 + 0.25 * n, target_ms=12.0, output_tokens=200.0, max_batch=32),
)
TABLE = pg.NormalFormGame([[[1.0, 3.0], [2.0, 0.5]], [[1.0, 2.0], [3.0, 0.5]]])
DETECTORS = [RegimeDetector(200.0), CurvatureDetector(2.0)]

FIGURES: dict[str, Any] = {
    "fit": lambda: plotting.plot_latency_fit(FIT, title="a fit"),
    "line": lambda: plotting.plot_latency_fit(LINE),
    "table": lambda: plotting.plot_latency_fit(fit_points(LOADS, LOADS, "tabulated")),
    "multiples": lambda: plotting.plot_small_multiples({str(k): FIT for k in range(5)}, columns=3),
    "curves": lambda: plotting.plot_curves(
        LOADS, {"PoA": LOADS, "PoS": (LOADS, LOADS - 1, LOADS + 1)}, ylabel="ratio", references={"1": 1.0}
    ),
    "knee": lambda: plotting.plot_knee(KNEE),
    "no knee": lambda: plotting.plot_knee(find_knee((LOADS, LOADS))),
    "poa hat": lambda: plotting.plot(pg.poa_hat(pg.read_requests(pg.shipped.path("agg5_sweep.requests")))),
    "poa hat by setting": lambda: plotting.plot(
        pg.poa_hat(pg.read_requests(pg.shipped.path("agg5_grid.requests")).where(temperature=0.0))
    ),
    "anarchy curve": lambda: plotting.plot(pg.anarchy_curve(pg.instances.braess(), [1.5, 0.5, 1.0])),
    "led": lambda: plotting.plot(pg.led_anarchy(pg.instances.caching_line(5), [0.0, 0.5, 1.0])),
    "pressure": lambda: plotting.plot(
        pg.pressure_curve(
            CachingGame(topologies.ring(4).distance, 1.0, np.arange(12.0).reshape(4, 3) + 1.0), [1.0, 1.5]
        )
    ),
    "report": lambda: plotting.plot(pg.price_of_anarchy(pg.instances.braess())),
    "generalised set": lambda: plotting.plot(
        pg.generalised_equilibria(pg.ResourceGame(1.0, Quadratic(1.0), Quadratic(0.5), least=0.0))
    ),
    "logit branch": lambda: plotting.plot(pg.logit_branch(TABLE, [5.0, 1.0, 0.2])),
    "attribution": lambda: plotting.plot(attribution()),
    "planner run": lambda: plotting.plot(pg.plan(POOLS, pg.StepPlanner(), start=(2, 10))),
    "stability map": lambda: plotting.plot(
        pg.stability_map(POOLS, delays_s=[0.0, 60.0], gains=[1, 2], swings=[0.0], start=(2, 10))
    ),
    "operating curve": lambda: plotting.plot(
        operating_curve(DETECTORS, TtftProcess(200.0, jump=3.0, noise=0.4, rate_rps=10.0), num_runs=50, before=50)
    ),
    "a fit, by its type": lambda: plotting.plot(FIT),
    "heat map": lambda: plotting.plot_heat_map(
        GRID, [0, 1], ["a", "b"], low=GRID - 0.1, high=GRID + 0.1, value_label="ratio"
    ),
}


def attribution() -> pg.anarchy.Attribution:
    cluster = pg.ServingCluster(3, [8, 8], itl=lambda n: 6.0 + 0.1 * n, places=1)
    return pg.attribute_loss(cluster, cluster.start((2, 1)))


@pytest.mark.parametrize("name", FIGURES)
def test_every_axis_says_what_it_shows_and_files_are_reproducible(name: str, tmp_path: Path) -> None:
    figure = FIGURES[name]()
    assert isinstance(figure, Figure)
    one = plotting.save(figure, tmp_path / "one.svg").read_bytes()
    two = plotting.save(FIGURES[name](), tmp_path / "two.svg").read_bytes()
    assert one == two
    assert b"<dc:date>" not in one
    if name != "multiples":
        for ax in figure.axes:
            assert ax.get_ylabel()
        assert any(ax.get_xlabel() for ax in figure.axes)


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for ax in figure.axes if (legend := ax.get_legend()) for text in legend.get_texts()]


def test_a_fit_shows_its_points_curve_and_capacity() -> None:
    (ax,) = plotting.plot_latency_fit(FIT).axes
    curve, points, capacity = ax.get_lines()
    np.testing.assert_array_equal(points.get_xydata(), np.stack([FIT.load, FIT.observed], axis=1))
    x, y = curve.get_data()
    np.testing.assert_array_equal(y, FIT.latency(np.asarray(x)[:, None])[:, 0])
    assert capacity.get_xdata()[0] == FIT.parameters["capacity"]
    assert ax.get_ylabel() == "inter-token latency [ms]"
    assert "line (no capacity identified), R² = 1.000" in labels(plotting.plot_latency_fit(LINE))


def test_curves_draw_the_values_given() -> None:
    (ax,) = FIGURES["curves"]().axes
    np.testing.assert_array_equal(ax.get_lines()[0].get_ydata(), LOADS)
    assert labels(ax.figure) == ["PoA", "PoS", "1"]
    band = ax.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (LOADS.min() - 1, LOADS.max() + 1)
    with pytest.raises(InvalidInput, match=r"curve 'PoA' has shape \(3,\)"):
        plotting.plot_curves(LOADS, {"PoA": [1, 2, 3]}, ylabel="ratio")
    with pytest.raises(InvalidInput, match="got 2 entries"):
        plotting.plot_curves(LOADS, {"PoA": (LOADS, LOADS)}, ylabel="ratio")  # type: ignore[dict-item]


def test_knee_figure_marks_the_bracket_or_says_there_is_none() -> None:
    assert f"knee in ({KNEE.low:g}, {KNEE.high:g}]" in labels(plotting.plot_knee(KNEE))
    assert FIGURES["no knee"]().axes[0].get_title("left") == "no knee seen"


def test_heat_map_writes_value_and_interval_and_leaves_unknown_cells() -> None:
    texts = [t.get_text() for t in FIGURES["heat map"]().axes[0].texts]
    assert texts == ["1.00\n[0.900, 1.10]", "1.20\n[1.10, 1.30]", "–", "1.50\n[1.40, 1.60]"]
    with pytest.raises(InvalidInput, match="rows and columns name"):
        plotting.plot_heat_map(GRID, [0], ["a", "b"], value_label="ratio")
    with pytest.raises(InvalidInput, match="both low= and high="):
        plotting.plot_heat_map(GRID, [0, 1], ["a", "b"], low=GRID, value_label="ratio")


def test_drawing_changes_no_global_setting() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    for make in FIGURES.values():
        make()
    assert dict(mpl.rcParams) == before


def test_importing_poagame_loads_no_matplotlib() -> None:
    code = "import sys, poagame, poagame.measured.fit; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def placements(profile: Any, cost: float = 12.0) -> Figure:
    topology = topologies.two_level(2, 3, intra=1.0, inter=10.0)
    game = CachingGame(topology.distance, cost, tiers=Tiers(["HBM", "DRAM"], [1.0, 0.5], [0.0, 1.0]))
    return plotting.plot_placements(topology, game, {"one": profile, "two": [1, 0, 0, 2, 0, 0]})


def test_a_placement_shows_holders_by_tier_and_who_reads_whom(tmp_path: Path) -> None:
    figure = placements([1, 0, 0, 0, 0, 0])
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["one: cost 44", "two: cost 25"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["no copy", "copy in HBM", "copy in DRAM"]
    arrows = [[a for a in ax.texts if a.get_text() == ""] for ax in figure.axes]
    assert [len(a) for a in arrows] == [5, 4]  # who holds a copy reads its own
    assert [collection.get_offsets().shape[0] for collection in figure.axes[1].collections[1:]] == [4, 1, 1]
    one = plotting.save(figure, tmp_path / "one.svg").read_bytes()
    assert one == plotting.save(placements([1, 0, 0, 0, 0, 0]), tmp_path / "two.svg").read_bytes()


def test_placements_of_another_game_are_refused() -> None:
    topology = topologies.line(3)
    game = CachingGame(topology.distance, 1.0, [[1.0, 2.0]] * 3)
    with pytest.raises(InvalidInput, match="at least one placement"):
        plotting.plot_placements(topology, game, {})
    with pytest.raises(InvalidInput, match="the topology has 4 nodes and the game 3"):
        plotting.plot_placements(topologies.line(4), game, {"one": np.zeros((3, 2))})
    with pytest.raises(InvalidInput, match="one profile"):
        plotting.plot_placements(topology, game, {"one": np.zeros((5, 3, 2))})
    with pytest.raises(InvalidInput, match="object_number must be at most 1; got 2"):
        plotting.plot_placements(topology, game, {"one": np.zeros((3, 2))}, object_number=2)
    figure = plotting.plot_placements(topology, game, {"one": [[1, 0], [0, 0], [0, 1]]}, object_number=1)
    assert figure.axes[0].get_title(loc="left") == f"one: cost {game.social_cost([[1, 0], [0, 0], [0, 1]]):.5g}"


@pytest.mark.parametrize(
    "topology",
    [topologies.line(1), topologies.line(12), topologies.grid(9, 1), topologies.two_level(2, 1), topologies.star(6)],
    ids=lambda t: t.name,
)
@pytest.mark.parametrize("panels", [1, 2])
def test_titles_legend_and_marks_of_placements_are_whole(topology: Any, panels: int, caplog: Any) -> None:
    tiers = Tiers([f"tier {t}" for t in range(1, 5)], [1.0] * 4, [1.0, 2.0, 3.0, 4.0])
    game = CachingGame(topology.distance, 1.0, tiers=tiers)
    held = np.arange(topology.num_nodes) % 5
    held[0] = 1
    shown = {f"A title of many words that does not fit into one line {k}": held for k in range(panels)}
    figure = plotting.plot_placements(topology, game, shown, title="above all")
    figure.draw_without_rendering()
    assert not caplog.records
    whole = figure.bbox
    above: list[Any] = [getattr(ax, "_left_title") for ax in figure.axes]  # noqa: B009 - matplotlib shows it no other way
    boxes = [text.get_window_extent() for text in above]
    boxes += [figure.legends[0].get_window_extent(), figure._suptitle.get_window_extent()]  # type: ignore[attr-defined]
    for i, box in enumerate(boxes):
        assert (np.array(box.min) >= np.array(whole.min) - 1).all()
        assert (np.array(box.max) <= np.array(whole.max) + 1).all()
        assert not any(box.overlaps(other) for other in boxes[:i])
    for ax in figure.axes:
        at = ax.transData.transform(topology.position)
        radius = 0.5 * np.sqrt(90.0) * figure.dpi / 72
        assert (at - radius >= np.array(ax.bbox.min) - 1).all()
        assert (at + radius <= np.array(ax.bbox.max) + 1).all()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"placements": [[1, 0, 0]]}, "placements is a dict"),
        ({"topology": "line"}, "topology is one of"),
        ({"object_number": "a"}, "object_number must be a whole number"),
        ({"object_number": 0.5}, "object_number must be a whole number"),
    ],
)
def test_bad_input_of_placements(change: dict[str, Any], match: str) -> None:
    topology = topologies.line(3)
    given: dict[str, Any] = {
        "topology": topology,
        "game": CachingGame(topology.distance, 1.0),
        "placements": {"one": [1, 0, 0]},
    }
    with pytest.raises(InvalidInput, match=match):
        plotting.plot_placements(**(given | change))


def test_results_without_a_figure_are_told() -> None:
    with pytest.raises(InvalidInput, match="figures of AnarchyCurve"):
        plotting.plot(3.0)
    decisions = pg.poa_hat(
        pg.read_decisions(pg.shipped.path("agg5_grid.decisions")), cost="decision", group_by=["temperature"]
    )
    with pytest.raises(InvalidInput, match="16 settings that differ in temperature, overlap_weight"):
        plotting.plot(pg.poa_hat(pg.read_requests(pg.shipped.path("agg5_grid.requests"))))
    with pytest.raises(InvalidInput, match="no load levels"):
        plotting.plot(decisions)


def test_figures_of_records_show_the_records() -> None:
    found = attribution()
    bars = plotting.plot(found).axes[0].patches
    assert sum(bar.get_width() for bar in bars) == pytest.approx(found.loss_ms)  # pyright: ignore[reportAttributeAccessIssue]
    run = pg.plan(POOLS, pg.StepPlanner(), startup_s=30.0, start=(2, 10))
    lines = plotting.plot(run).axes[0].get_lines()
    for k, pool in enumerate(("prefill", "decode")):
        drawn = {str(line.get_label()): np.asarray(line.get_ydata()) for line in lines}
        np.testing.assert_array_equal(drawn[f"{pool}, serving"], run.serving[:, k])
        np.testing.assert_array_equal(drawn[f"{pool}, ordered"], run.splits[:, k])
    report = pg.price_of_anarchy(pg.instances.braess())
    texts = [text.get_text() for text in plotting.plot(report).axes[0].texts]
    assert texts == ["optimum: 1.5", "best equilibrium: 2", "worst equilibrium: 2"]


def test_whole_numbers_of_a_map_stay_whole() -> None:
    texts = [
        text.get_text() for text in plotting.plot_heat_map([[0.0, 10.0]], ["a"], [1, 2], value_label="n").axes[0].texts
    ]
    assert texts == ["0", "10"]
    texts = [
        text.get_text() for text in plotting.plot_heat_map([[0.5, 10.0]], ["a"], [1, 2], value_label="n").axes[0].texts
    ]
    assert texts == ["0.500", "10.0"]
