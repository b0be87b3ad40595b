"""Classical games: known answers solved again, price of anarchy against demand, and equilibria under noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from poagame.anarchy import AnarchyCurve, anarchy_curve, price_of_anarchy
from poagame.games import instances
from poagame.games.congestion import CongestionGame
from poagame.games.network import NetworkRouting
from poagame.latency import Polynomial
from poagame.latency.stacked import Stacked
from poagame.measured.fit import LatencyFit
from poagame.plotting import plot_curves
from poagame.reproduce.section import Section
from poagame.solvers.flow.stochastic import stochastic_wardrop
from poagame.solvers.mixed.logit import logit_branch

NUM_DEMANDS = 101
FLEET = ("TP1", "TP2", "TP4", "TP8")
"""Replicas of one engine, one of each width, that share the load in the curve on measured latency."""

_SERIES = "b200_sxm meta-llama/Llama-3.1-70B trtllm fp8 {} agg 1024/1024"

INSTANCES: dict[str, Callable[[], Any]] = {
    "Pigou, degree 1": lambda: instances.pigou(1),
    "Pigou, degree 4": lambda: instances.pigou(4),
    "monomials 1 and 4": lambda: instances.monomial_pigou(1, 4),
    "M/M/1 at 80 %": lambda: instances.mm1_pigou(0.8),
    "BPR, loaded to 2": lambda: instances.bpr_pigou(2.0),
    "Braess": instances.braess,
    "Cohen–Kelly (10, 20.9)": lambda: instances.cohen_kelly(10.0, 20.9),
    "two queues, λ = 4": lambda: instances.two_queues(4.0),
    "affine, 3 players": instances.affine_atomic_worst_case,
    "degree 2, 4 players": lambda: instances.polynomial_worst_case(2),
    "affine, weighted, 10 players": lambda: instances.weighted_worst_case(1, 10),
    "symmetric affine, 2 players": instances.symmetric_affine,
    "singletons, 8 players": lambda: instances.symmetric_singletons(8),
    "makespan, 3 machines": lambda: instances.makespan_identical(3),
    "splittable affine, 5 players": lambda: instances.splittable_affine(5),
}


def classical_sections(fits: dict[str, LatencyFit], step: Callable[[str], None]) -> list[Section]:
    """Certified answers, curves against demand, curves against temperature.

    Parameters
    ----------
    fits : series → fit
        Fitted end-to-end latencies of the measured series.
    step : callable
        Told what comes next.
    """
    step("classical games with known answers")
    answers = _answers()
    step("price of anarchy against demand")
    against_demand = _against_demand({width: fits[_SERIES.format(width)] for width in FLEET})
    step("equilibria under noise")
    return [answers, against_demand, _against_temperature()]


def _answers() -> Section:
    rows: list[dict[str, object]] = []
    for name, make in INSTANCES.items():
        game = make()
        report = price_of_anarchy(game)
        rows.append(
            {
                "game": name,
                "concept": report.concept,
                "poa_known": game.certified["poa"],
                "poa_solved": report.poa,
                "difference": report.poa - game.certified["poa"],
                "poa_low": report.poa_low,
                "poa_high": report.poa_high,
                "exact": report.exact,
                "source": game.source,
            }
        )
    frame = pl.DataFrame(rows)
    worst = float(np.abs(frame["difference"].to_numpy()).max())
    return Section(
        "Classical games",
        [
            "Games whose price of anarchy is known in closed form, solved by the general solvers. Each equilibrium is "
            f"certified; the largest difference from a known value is {worst:.1g}. `poa_low` and `poa_high` carry the gaps "
            "of the flows: a relative gap ε leaves about √ε of the equilibrium's cost open, and rounding alone about 1e-7."
        ],
        {},
        {"classical_games": ("Known and solved prices of anarchy", frame)},
    )


def _against_demand(fleet: dict[str, LatencyFit]) -> Section:
    wide = np.geomspace(1e-2, 1e3, NUM_DEMANDS)
    polynomial = {
        "1 + x and 2 + x²": anarchy_curve(instances.slow_convergence(), wide),
        "Braess": anarchy_curve(instances.braess(), wide),
        "Pigou 1 and x": anarchy_curve(instances.pigou(1), wide),
        "unsettled (x and two that swing)": anarchy_curve(instances.unsettled_links(1, 3), wide),
    }
    queues = np.linspace(0.0, 5.0, NUM_DEMANDS + 1)[1:-1]
    two = anarchy_curve(instances.two_queues(1.0), queues)
    measured = NetworkRouting.parallel(Stacked.of([fit.latency for fit in fleet.values()]), 1.0)
    top = sum(float(fit.load.max()) for fit in fleet.values())
    loads = np.geomspace(2.0, top, NUM_DEMANDS)
    mixed = anarchy_curve(measured, loads)
    rows = [_frame(name, curve) for name, curve in {**polynomial, "queues 4 and 1": two, "B200 fleet": mixed}.items()]
    peak = int(mixed.poa.argmax())
    return Section(
        "Price of anarchy against demand",
        [
            "In light and in heavy traffic the price of anarchy of polynomial networks tends to 1 (Colini-Baldeschi et al. 2020), "
            "but not always fast (1 + x and 2 + x²: like one over the square root of demand), and on links that swing with the "
            "logarithm of demand it never settles. Each point starts from its neighbour's paths; bands are the error bars of the gaps.",
            f"**A mixed fleet.** One replica each of {', '.join(fleet)} (fp8, 1024/1024, **measured** B200 latencies, each "
            "fitted on its own) shares C concurrent requests that choose selfishly. Largest price of anarchy: "
            f"{mixed.poa[peak]:.6g} at C = {mixed.demand[peak]:.3g}. The nonatomic model is ours, and says nothing beyond "
            "the measured loads.",
        ],
        {
            "classical_demand": (
                "Price of anarchy against total demand, four networks.",
                plot_curves(
                    wide, {n: _band(c) for n, c in polynomial.items()}, ylabel="PoA [1]", xlabel="total demand [1]"
                ),
            ),
            "classical_queues": (
                "Two M/M/1 queues of rates 4 and 1: no anarchy until the optimum uses the slow one, most where the equilibrium "
                "first does.",
                plot_curves(queues, {"PoA": _band(two)}, ylabel="PoA [1]", xlabel="arrival rate [1/s]", log_load=False),
            ),
            "classical_fleet": (
                "A mixed fleet on measured B200 latency: price of anarchy of selfish routing between replicas.",
                plot_curves(loads, {"PoA": _band(mixed)}, ylabel="PoA [1]"),
            ),
        },
        {"classical_curves": ("Values behind the curves", pl.concat(rows))},
    )


def _against_temperature() -> Section:
    heat = np.geomspace(0.01, 100.0, NUM_DEMANDS)
    games = {"Pigou": instances.pigou(1), "Braess": instances.braess()}
    ratios = {
        name: np.array([stochastic_wardrop(game, float(t)).social_cost for t in heat]) / game.certified["optimum_cost"]
        for name, game in games.items()
    }
    cool = np.linspace(0.3, 0.7, NUM_DEMANDS)
    branch = logit_branch(CongestionGame(Polynomial([[0.0, 1.0]] * 2), [[[0], [1]]], multiplicity=[2]), cool.tolist())
    fork = branch.bifurcations
    return Section(
        "Equilibria under noise",
        [
            "Users who choose by a logit rule at temperature τ: on Pigou's links and on Braess's network noise helps, since it "
            "breaks the rush to the better link (towards 1 and 28/27 as τ grows).",
            "Two atomic players on two equal links: above τ = ½ both mix evenly; below, that equilibrium loses to two asymmetric "
            f"ones. The solver finds the fork at τ = {', '.join(f'{t:.6f}' for t in fork) or 'none'}.",
        ],
        {
            "classical_noise": (
                "Stochastic user equilibrium over the optimum, against temperature.",
                plot_curves(heat, ratios, ylabel="cost / optimum [1]", xlabel="temperature [cost units]"),
            ),
        },
        {"classical_noise": ("Values behind the figure", pl.DataFrame({"temperature": heat, **ratios}))},
    )


def _band(curve: AnarchyCurve) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return curve.poa, curve.poa_low, curve.poa_high


def _frame(name: str, curve: AnarchyCurve) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "network": [name] * len(curve),
            "demand": curve.demand,
            "poa": curve.poa,
            "poa_low": curve.poa_low,
            "poa_high": curve.poa_high,
            "equilibrium_cost": curve.equilibrium_cost,
            "optimum_cost": curve.optimum_cost,
            "relative_gap": curve.relative_gap,
            "rounds": curve.num_steps,
        }
    )
