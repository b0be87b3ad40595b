"""The price of anarchy itself, beside the two other programs that give it.

    python benchmarks/bench_peers.py

(a) Best and worst mixed equilibrium of a bimatrix game by social cost: OpenSpiel's `mip_nash` for either objective, with HiGHS.
(b) Wardrop flow and optimum of small networks: the R package PoA, asked in the form of its manual. It minimises over flows
within a box by BOBYQA, timed inside R; its error is that of the ratio. The networks are Pigou's, Braess's and the manual's own.

Answers are compared first. A rival that is not installed has a row that says so.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from measuring import Measured, header, measure, row

import poagame as pg

REPEATS = 5


def tables(size: int) -> np.ndarray:
    return np.random.default_rng(size).random((2, size, size))


def ours_mixed(size: int) -> Callable[[], tuple[float, float]]:
    game = pg.NormalFormGame(tables(size))

    def action() -> tuple[float, float]:
        report = pg.price_of_anarchy(game, concept="mixed")
        assert report.best is not None
        assert report.worst is not None
        return report.best.social_cost, report.worst.social_cost

    return action


@contextmanager
def silent() -> Generator[None]:
    """Keep what compiled code prints out of the table."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def open_spiel(size: int) -> Callable[[], tuple[float, float]]:
    import pyspiel
    from open_spiel.python.algorithms.mip_nash import mip_nash

    costs = tables(size)
    game = pyspiel.create_matrix_game(-costs[0], -costs[1])

    def one(objective: str) -> float:
        with silent():
            row_mix, column_mix = mip_nash(game, objective, solver="HIGHS")
        return float(row_mix @ costs.sum(0) @ column_mix)

    return lambda: (one("MAX_SOCIAL_WELFARE"), one("MIN_SOCIAL_WELFARE"))


@dataclass(frozen=True)
class Network:
    """Links as rows (tail, head, constant, slope, square) and trips as (origin, destination, demand); the same as rows of R's tibble."""

    links: list[tuple[int, int, float, float, float]]
    trips: list[tuple[int, int, float]]
    r_costs: str
    r_flows: str
    r_limits: str


NETWORKS = {
    "Pigou": Network(
        [(0, 1, 0.0, 1.0, 0.0), (0, 1, 1.0, 0.0, 0.0)],
        [(0, 1, 1.0)],
        "function(x){x}, function(x){1}",
        "function(a){a}, function(a){1-a}",
        "c(1)",
    ),
    "Braess": Network(
        [
            (0, 1, 0.0, 1.0, 0.0),
            (1, 3, 1.0, 0.0, 0.0),
            (0, 2, 1.0, 0.0, 0.0),
            (2, 3, 0.0, 1.0, 0.0),
            (1, 2, 0.0, 0.0, 0.0),
        ],
        [(0, 3, 1.0)],
        "function(x){x}, function(x){1}, function(x){1}, function(x){x}, function(x){0}",
        "function(p,q){1-q}, function(p,q){p}, function(p,q){q}, function(p,q){1-p}, function(p,q){1-p-q}",
        "c(1, 1)",
    ),
    "two players of its manual": Network(
        [
            (0, 2, 0.0, 0.0, 0.0),
            (1, 2, 0.0, 0.0, 0.0),
            (0, 3, 0.0, 0.0, 1.0),
            (1, 3, 0.0, 1.5, 0.0),
            (2, 3, 0.0, 1.0, 0.0),
        ],
        [(0, 3, 0.5), (1, 3, 0.5)],
        "function(x){0}, function(x){0}, function(x){x^2}, function(x){1.5*x}, function(x){x}",
        "function(a,b){0.5-a}, function(a,b){0.5-b}, function(a,b){a}, function(a,b){b}, function(a,b){1-a-b}",
        "c(0.5, 0.5)",
    ),
}


def ours_wardrop(name: str) -> Callable[[], float]:
    network = NETWORKS[name]
    tail, head, *terms = zip(*network.links, strict=True)
    origin, destination, demand = zip(*network.trips, strict=True)
    latency = pg.latency.Polynomial(np.transpose(terms))
    game = pg.NetworkRouting(latency, tail, head, origin, destination, demand)
    return lambda: pg.price_of_anarchy(game).poa


def in_r(name: str) -> Measured | None:
    """The ratio and its seconds by the R package, or None where R or the package is missing."""
    if shutil.which("Rscript") is None:
        return None
    network = NETWORKS[name]
    script = f"""
    suppressPackageStartupMessages({{library(PoA); library(tibble)}})
    net <- tibble(cost = c({network.r_costs}), flow = c({network.r_flows}))
    once <- function() system.time(found <<- PriceOfAnarchy(net, {network.r_limits}))[["elapsed"]]
    invisible(once())
    cat(found$PoA, gc()[2, 6] + gc()[1, 6], replicate({REPEATS}, once()), sep = "\\n")
    """
    done = subprocess.run(["Rscript", "--vanilla", "-e", script], capture_output=True, text=True)
    if done.returncode:
        return None
    ratio, peak, *seconds = map(float, done.stdout.split())
    return Measured(seconds, peak, peak, ratio)


def main() -> None:
    header("task", "size", "median s", "time, first row = 1", "peak MB", "best and worst cost, or ratio")
    for size in (6, 8, 10, 12):
        what = f"{size} × {size}"
        ours = measure(ours_mixed, size, repeats=REPEATS)
        line('`price_of_anarchy(game, concept="mixed")`', what, ours, ours, "{:.6f}, {:.6f}".format(*ours.answer))
        if importlib.util.find_spec("pyspiel") is None:
            row("rival: OpenSpiel `mip_nash`, best and worst", what, "not installed", "", "", "")
            continue
        rival = measure(open_spiel, size, repeats=3)
        if not np.allclose(rival.answer, ours.answer, rtol=1e-5, atol=1e-6):
            raise AssertionError(f"OpenSpiel finds {rival.answer}, we {ours.answer}")
        line("rival: OpenSpiel `mip_nash`, best and worst", what, rival, ours, "the same to 1e-5")
    for name in NETWORKS:
        ours = measure(ours_wardrop, name, repeats=REPEATS)
        line("`price_of_anarchy(network)`", name, ours, ours, f"{ours.answer:.9f}")
        rival_in_r = in_r(name)
        if rival_in_r is None:
            row("rival: CRAN's PoA 1.2.1", name, "not installed", "", "", "")
            continue
        if abs(rival_in_r.answer - ours.answer) > 1e-3:
            raise AssertionError(f"PoA finds {rival_in_r.answer}, we {ours.answer}")
        error = abs(rival_in_r.answer - ours.answer)
        line("rival: CRAN's PoA 1.2.1", name, rival_in_r, ours, f"off by {error:.0e}")


def line(task: str, size: str, found: Measured, first: Measured, answer: str) -> None:
    row(task, size, found.shown(4), f"{found.median / first.median:,.1f}×", f"{found.peak_mb:,.0f}", answer)


if __name__ == "__main__":
    main()
