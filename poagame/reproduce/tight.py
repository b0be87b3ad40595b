"""The tight price of anarchy that the measured B200 latency allows, beside the exact one of games that have it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from poagame.anarchy import price_of_anarchy
from poagame.bounds import TightPoa, tight_poa
from poagame.certificates import certify_nash
from poagame.games import RoutingGame
from poagame.latency import Latency
from poagame.measured import SweepTable, fit_latency
from poagame.plotting import plot_curves
from poagame.reproduce.b200 import MAIN_SERIES
from poagame.reproduce.section import Section

REQUESTS = (2, 4, 8, 16, 32, 64, 128)
SOLVED = 8
"""Most requests at which the worst game is solved whole; beyond, its equilibrium is certified and its ratio evaluated."""


def tight_section(sweep: SweepTable, step: Callable[[str], None]) -> Section:
    """Bounds by linear programme for the saturating and the tabulated fit, without and with tolls."""
    found = {
        family: fit_latency(sweep, family, metric="latency_ms", where={"series": MAIN_SERIES})
        for family in ("saturating", "tabulated")
    }
    fits: dict[str, Latency] = {family: fit.latency for family, fit in found.items()}
    straight = not np.isfinite(found["saturating"].parameters["capacity"])
    rows: list[dict[str, object]] = []
    for family, latency in fits.items():
        for n in REQUESTS:
            step(f"tight bound of the {family} fit for {n} requests")
            rows.append(_row(family, latency, n))
    frame = pl.DataFrame(rows)
    loads = np.array(REQUESTS)
    curves = {
        f"{name}, {family}": 100 * (frame.filter(pl.col("family") == family)[column].to_numpy() - 1)
        for family in fits
        for column, name in (("bound", "no tolls"), ("bound_optimal_tolls", "optimal tolls"))
    }
    top = frame.filter((pl.col("family") == "saturating") & (pl.col("requests") == max(REQUESTS)))
    return Section(
        "The tight bound of the measured latency",
        [
            "The largest price of anarchy of *any* congestion game of n requests whose resources have multiples of the fitted latency of "
            f"{MAIN_SERIES} (linear programme of Paccagnan et al.; its dual is a game that attains it). Up to {SOLVED} requests that "
            "game is **solved**: worst equilibrium and optimum of all profiles. Beyond, its equilibrium is certified by its regret and its "
            "ratio evaluated from its costs; that no game is worse is the programme's proof.",
            f"At n = {max(REQUESTS)} on the saturating fit the tight bound is {top['bound'][0]:.6g}, with optimal load-dependent tolls "
            f"{top['bound_optimal_tolls'][0]:.6g}, with marginal-cost tolls {top['bound_marginal_cost'][0]:.6g}; on parallel identical "
            f"workers the exact price of anarchy is {top['poa_parallel'][0]:.6g}. What could go wrong on this latency in a game of general "
            "shape does not go wrong in routing to identical workers.",
            (
                "The saturating family is fitted by a straight line on this series (no capacity is identified), so its bound is that of an "
                "affine latency with a large constant; the table keeps the kinks of the measured points. "
                if straight
                else ""
            )
            + "Below 4 requests a worker the fit is extrapolated.",
        ],
        {
            "b200_tight": (
                "Tight price of anarchy of congestion games on the fitted B200 latency, without and with optimal tolls.",
                plot_curves(loads, curves, ylabel="(worst equilibrium / optimum − 1) [%]", xlabel="requests [1]"),
            )
        },
        {"b200_tight": ("Values behind the figure", frame)},
    )


def _row(family: str, latency: Latency, requests: int) -> dict[str, object]:
    bound = tight_poa(latency, requests)
    parallel = RoutingGame(latency.replicated(2), np.zeros((1, 2)), multiplicity=[requests])
    attained, regret = _attained(bound)
    return {
        "family": family,
        "requests": requests,
        "bound": bound.value,
        "attained_by_worst_game": attained,
        "worst_game_solved": requests <= SOLVED,
        "max_regret": regret,
        "lambda": bound.smoothness.lam,
        "mu": bound.smoothness.mu,
        "bound_optimal_tolls": tight_poa(latency, requests, "optimal").value,
        "bound_constant_tolls": tight_poa(latency, requests, "constant").value,
        "bound_marginal_cost": tight_poa(latency, requests, "marginal_cost").value,
        "poa_parallel": price_of_anarchy(parallel).poa,
    }


def _attained(bound: TightPoa) -> tuple[float, float]:
    """Price of anarchy of the worst game (its certified equilibrium over the other profile where it is too large to solve), and regret."""
    game = bound.instance
    if bound.players <= SOLVED:
        report = price_of_anarchy(game)
        return report.poa, report.worst.certificate.max_regret
    worst, best = np.ones(bound.players, np.int64), np.zeros(bound.players, np.int64)
    return game.social_cost(worst) / game.social_cost(best), certify_nash(game, worst).max_regret
