"""Wardrop equilibria of road networks beside pytraf (gradient projection, compiled Rust) and AequilibraE (link-based).

    python benchmarks/bench_wardrop.py

Sioux Falls and Anaheim are read from the folder `TNTP_DATA`, or `../shared/data/tntp` beside the repository. The third network is
generated: a jittered grid of about 1,000 nodes and 3,000 links with 1,000 zones at them, BPR delays, gravity demand. Every
flow, also the rivals', is certified by `certify_flow`. Rivals that are not installed are named so.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measuring import header, measure, row

from poagame.certificates.flow import certify_flow
from poagame.games.network import NetworkRouting
from poagame.games.tntp import read_tntp
from poagame.solvers.flow.wardrop import wardrop

DATA = Path(os.environ.get("TNTP_DATA", Path(__file__).resolve().parents[2] / "shared" / "data" / "tntp"))
SIDE, SEED = 31, 0


def write_grid(folder: Path) -> None:
    """TNTP files of a city of SIDE × SIDE nodes, each a zone; about 3,000 links one way with some diagonals."""
    rng = np.random.default_rng(SEED)
    number = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    place = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij"), axis=-1).reshape(-1, 2)
    place = place + rng.uniform(-0.3, 0.3, place.shape)
    pairs = np.concatenate(
        [
            np.column_stack([number[:, :-1].ravel(), number[:, 1:].ravel()]),
            np.column_stack([number[:-1].ravel(), number[1:].ravel()]),
        ]
    )
    kept = rng.random(len(pairs)) < 0.8
    kept |= (pairs[:, 0] % SIDE == 0) | (
        pairs[:, 1] - pairs[:, 0] == 1
    )  # rows and the first column stay, so all is connected
    pairs = pairs[kept]
    links = np.concatenate([pairs, pairs[:, ::-1]])
    length = np.linalg.norm(place[links[:, 0]] - place[links[:, 1]], axis=1)
    capacity = rng.choice([900.0, 1800.0, 3600.0], len(links), p=[0.5, 0.35, 0.15])
    time = 2.0 * length * (1.0 + 0.3 * rng.random(len(links)))
    zones = SIDE * SIDE
    size = rng.lognormal(0.0, 1.0, zones)
    apart = np.linalg.norm(place[:, None] - place[None], axis=2)
    gravity = size[:, None] * size[None] * np.exp(-0.25 * apart) * (rng.random((zones, zones)) < 0.15)
    np.fill_diagonal(gravity, 0.0)
    demand = np.round(gravity * (DEMAND / gravity.sum()), 2)
    head = f"<NUMBER OF ZONES> {zones}\n"
    rows = [
        f"\t{u + 1}\t{v + 1}\t{c}\t{d:.6f}\t{t:.6f}\t0.15\t4\t0\t0\t1\t;"
        for (u, v), c, d, t in zip(links, capacity, length, time, strict=True)
    ]
    meta = f"<NUMBER OF NODES> {zones}\n<FIRST THRU NODE> 1\n<NUMBER OF LINKS> {len(rows)}\n<END OF METADATA>\n\n"
    (folder / "Grid_net.tntp").write_text(head + meta + "\n".join(rows) + "\n")
    lines = [head + f"<TOTAL OD FLOW> {demand.sum():.2f}\n<END OF METADATA>\n"]
    for o in range(zones):
        lines.append(f"Origin {o + 1}")
        lines += [f"{d + 1} : {demand[o, d]};" for d in np.flatnonzero(demand[o])]
    (folder / "Grid_trips.tntp").write_text("\n".join(lines) + "\n")


DEMAND = 150_000.0


def files(folder: str, name: str) -> tuple[Path, Path]:
    return Path(folder) / f"{name}_net.tntp", Path(folder) / f"{name}_trips.tntp"


def ours(folder: str, name: str, gap: float) -> Callable[[], Any]:
    game = read_tntp(*files(folder, name))

    def action() -> tuple[np.ndarray, int]:
        found = wardrop(game, rtol=gap)
        return found.load, found.num_steps

    return action


def pytraf(folder: str, name: str, gap: float) -> Callable[[], Any]:
    import pytraf

    net, trips = files(folder, name)
    network = pytraf.Network.from_tntp(str(net))
    demand = pytraf.Demand.from_tntp(network, str(trips))

    def action() -> tuple[np.ndarray, int]:
        found = network.assign(demand, gap=gap, max_iter=2000, threads=1)
        return np.asarray(found.links.flow).reshape(-1), found.iterations

    return action


def aequilibrae(folder: str, name: str, gap: float) -> Callable[[], Any]:
    import pandas as pd
    from aequilibrae.matrix import AequilibraeMatrix
    from aequilibrae.paths import Graph, TrafficAssignment, TrafficClass

    game = read_tntp(*files(folder, name))
    bpr = game.latency
    zones = int(max(game.origin.max(), game.destination.max())) + 1
    table = np.zeros((zones, zones))
    np.add.at(table, (game.origin, game.destination), game.demand)
    links = pd.DataFrame(
        {
            "link_id": np.arange(game.num_edges) + 1,
            "a_node": game.tail + 1,
            "b_node": game.head + 1,
            "direction": 1,
            "capacity": bpr.capacity,
            "free_flow_time": bpr.free_flow_time,
            "b": bpr.b,
            "power": bpr.power,
        }
    )

    def action() -> tuple[np.ndarray, int]:
        graph = Graph()
        graph.network = links
        graph.cost = links["free_flow_time"].to_numpy()
        graph.capacity = links["capacity"].to_numpy()
        graph.free_flow_time = links["free_flow_time"].to_numpy()
        graph.prepare_graph(np.arange(zones) + 1)
        graph.set_graph("free_flow_time")
        graph.set_skimming(["free_flow_time"])
        graph.set_blocked_centroid_flows(game.first_through > 0)
        matrix = AequilibraeMatrix()
        matrix.create_empty(zones=zones, matrix_names=["trips"], memory_only=True)
        matrix.index[:] = np.arange(zones) + 1
        matrix.matrices[:, :, 0] = table
        matrix.computational_view(["trips"])
        assignment = TrafficAssignment()
        assignment.set_classes([TrafficClass("car", graph, matrix)])
        assignment.set_vdf("BPR")
        assignment.set_vdf_parameters({"alpha": "b", "beta": "power"})
        assignment.set_capacity_field("capacity")
        assignment.set_time_field("free_flow_time")
        assignment.set_algorithm("bfw")
        assignment.set_cores(1)
        assignment.max_iter = 10_000
        assignment.rgap_target = gap
        with open(os.devnull, "w") as silence, contextlib.redirect_stderr(silence):  # its progress bars
            assignment.execute(log_specification=False)
        flows = assignment.results()["PCE_tot"].reindex(links["link_id"]).fillna(0.0).to_numpy()
        return flows, assignment.assignment.iter

    return action


def main() -> None:
    if not DATA.is_dir():
        sys.exit(f"the TNTP files are not at {DATA}; set TNTP_DATA to a folder with SiouxFalls_net.tntp and so on")
    header(
        "network", "solver", "asked gap", "median s", "time, poagame = 1", "gap, certified", "steps", "peak MB (before)"
    )
    with tempfile.TemporaryDirectory() as grid:
        write_grid(Path(grid))
        cases: list[tuple[str, str, float, int, list[tuple[Callable[..., Any], float]]]] = [
            ("SiouxFalls", str(DATA), 1e-12, 15, [(pytraf, 1e-12), (aequilibrae, 1e-6)]),
            ("Anaheim", str(DATA), 1e-12, 15, [(pytraf, 1e-12), (aequilibrae, 1e-6)]),
            ("Grid", grid, 1e-10, 1, [(pytraf, 1e-10)]),
        ]
        for name, folder, gap, repeats, rivals in cases:
            game = read_tntp(*files(folder, name))
            size = f"{name}: {game.num_nodes:,} nodes, {game.num_edges:,} links, {game.num_commodities:,} pairs"
            first = None
            for solver, asked in [(ours, gap), *rivals]:
                title = "**poagame**" if solver is ours else solver.__name__
                if solver is not ours and importlib.util.find_spec(solver.__name__) is None:
                    row(size, title, f"{asked:.0e}", "not installed", "", "", "", "")
                    continue
                try:
                    found = measure(solver, folder, name, asked, repeats=repeats if asked < 1e-6 else 1)
                except Exception as error:  # a failure is a row, not the end of the table
                    row(size, title, f"{asked:.0e}", f"failed: {type(error).__name__}: {error!s:.80}", "", "", "", "")
                    continue
                first = first or found
                load, steps = found.answer
                row(
                    size, title, f"{asked:.0e}", found.shown(4), f"{found.median / first.median:.2f}",
                    judged(game, load), steps, f"{found.peak_mb:,.0f} ({found.base_mb:,.0f})",
                )  # fmt: skip


def judged(game: NetworkRouting, load: np.ndarray) -> str:
    proof = certify_flow(game, np.maximum(load, 0.0))
    lost = "" if proof.conservation_error < 1e-9 else f", but loses {proof.conservation_error:.1g} of the demand"
    return f"{proof.relative_gap:.1e}{lost}"


if __name__ == "__main__":
    main()
