"""The resource game and the three games coupled: generalised equilibria, splits by load, Planners, and whose loss it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from poagame.anarchy.attribution import attribution_by_load
from poagame.anarchy.splits import WELFARES, resource_anarchy, split_map
from poagame.batched.coupled import coupled_orbits
from poagame.games.attainment import DecodeBatch, PrefillQueue, Quadratic
from poagame.games.resource import ResourceGame
from poagame.games.serving_cluster import ServingCluster
from poagame.latency import Latency
from poagame.plotting import plot_curves, plot_generalised, plot_heat_map, plot_shares, plot_split_map
from poagame.reproduce.section import Section
from poagame.solvers.planner import StepPlanner, stability_map
from poagame.solvers.resource import generalised_equilibria
from poagame.solvers.variational import variational_equilibrium

GPUS, TP = 24, 4
"""Budget and GPUs a worker."""

SERVICE_MS, TTFT_MS, ITL_MS, TOKENS = 192.18, 500.0, 10.0, 1024.0
"""Prefill of 1,024 tokens (measured TTFT, B200, Llama-3.1-70B, fp8, TP4, 4 in flight), targets, tokens a request."""

LOADS = np.linspace(0.5, 18.0, 36)
"""Requests a second."""

BUSY = 12.0
"""Load of the Planner, requests a second: both pools have work."""
REQUESTS = (16, 64, 128, 192, 256)
"""In flight, of the coupled cluster."""

DELAYS_S, GAINS = (0.0, 30.0, 60.0, 120.0, 240.0), (1, 2, 3)
SWINGS = (0.0, 0.2, 0.4)
"""Of a sine load, as shares of its mean."""


def resource_sections(itl: Latency, step: Callable[[str], None]) -> list[Section]:
    """Sections of the resource game and of the coupled games.

    Parameters
    ----------
    itl : Latency
        Measured ms a token by the requests in a batch.
    step : callable
        Told what comes next.
    """
    return [_interval(step), *_splits(itl, step), _attribution(itl, step)]


def serving_pools(itl: Latency, rate: float = 1.0) -> ResourceGame:
    """24 GPUs in workers of four, at `rate` requests a second; the times of `SERVICE_MS` and the measured ITL."""
    prefill = PrefillQueue(rate, SERVICE_MS, TTFT_MS)
    return ResourceGame(
        GPUS, prefill, DecodeBatch(rate, itl, ITL_MS, TOKENS, max_batch=128), "goodput", gpus_per_worker=TP
    )


def _interval(step: Callable[[str], None]) -> Section:
    step("resource game: generalised equilibria")
    game = ResourceGame(1.0, Quadratic(1.0), Quadratic(0.5), least=0.0)
    found, chosen = generalised_equilibria(game), variational_equilibrium(game)
    t = np.linspace(0.0, 1.0, 201)
    cost = game.player_costs(np.stack([t, 1.0 - t], axis=-1))
    curves = {"prefill pays": cost[:, 0], "decode pays": cost[:, 1], "both pay": cost.sum(axis=1)}
    rows: list[dict[str, Any]] = []
    for welfare in WELFARES:
        loss = resource_anarchy(game.with_welfare(welfare))
        rows.append(
            {
                "welfare": welfare,
                "worst": loss.poa,
                "best": loss.pos,
                "variational": loss.variational,
                "optimum": loss.optimum.social_cost,
            }
        )
    return Section(
        "Resource game: one budget, many equilibria",
        [
            "Prefill and decode share one GPU; they pay (x − 1)² and (x − ½)². Every split from (½, ½) to (1, 0) is "
            "a generalised equilibrium, as whoever has the GPU keeps it; one is variational, where a GPU more is "
            "worth the same to both (Prop 1, S; the game is a textbook's, not the paper's).",
        ],
        {
            "resource_interval": (
                f"Costs along the budget line; equilibria {found}, the variational one ({chosen.x[0]:.4g}, {chosen.x[1]:.4g}).",
                plot_generalised(t, curves, found.intervals[0], {"variational": float(chosen.x[0])}, ylabel="cost [1]"),
            )
        },
        {"resource_interval": ("Cost of equilibria over the best split", pl.DataFrame(rows))},
    )


def _splits(itl: Latency, step: Callable[[str], None]) -> list[Section]:
    step("resource game: splits by load")
    game = serving_pools(itl)
    found = split_map(game, LOADS)
    frame = pl.DataFrame(
        {"requests_per_s": LOADS}
        | {f"best_{w}": found.best_split(w) for w in WELFARES}
        | {f"poa_{w}": found.poa[:, m] for m, w in enumerate(WELFARES)}
        | {"equilibria": found.equilibrium.sum(axis=(1, 2))}
    )
    told = _runs(found.best_split("goodput"), LOADS)
    step("resource game: a Planner and its delay")
    stable = stability_map(game.scaled(BUSY), StepPlanner, DELAYS_S, GAINS, SWINGS)
    rows = [f"{d:g}" for d in stable.delays_s]
    figure = plot_heat_map(
        stable.period[:, :, 0].astype(float),
        rows,
        [f"{g:g}" for g in stable.gains],
        row_label="delay [s]",
        column_label="workers moved a step",
        value_label="period [intervals], 0: settled",
    )
    swinging = plot_heat_map(
        stable.excess_missed[:, 0, :] / 1000.0,
        rows,
        [f"{s:g}" for s in stable.swings],
        row_label="delay [s]",
        column_label="swing of the load [share of its mean]",
        value_label="missed beyond the best split [1,000 requests in 2 h]",
    )
    paragraphs = [
        f"{GPUS} GPUs in workers of {TP}: prefill is a queue with fixed service times ({SERVICE_MS:g} ms for 1,024 "
        f"tokens) and a TTFT target of {TTFT_MS:g} ms, decode a batch whose ITL is **measured** (B200, "
        f"Llama-3.1-70B, aggregated serving) against {ITL_MS:g} ms, {TOKENS:g} tokens a request. How these become "
        "shares of requests in time is ours. Whatever uses the budget up is a generalised equilibrium of pools that "
        "always want more, so equilibria say little; what changes with load is the best split.",
        f"Best for goodput, by requests a second: {told}. Ties go to the fewest prefill workers.",
    ]
    return [
        Section(
            "Resource game: which split at which load",
            paragraphs,
            {
                "resource_splits": (
                    "Prefill workers of the best split for each welfare, and of all equilibria, by load.",
                    plot_split_map(found, xlabel="load [requests/s]"),
                )
            },
            {"resource_splits": ("Best splits and price of anarchy by load", frame)},
        ),
        Section(
            "Resource game: a Planner with delay",
            [
                "A Planner moves workers every 30 s (S) towards the pool that meets its target less often, if the two differ "
                "by more than 0.05 (ours), and sees what happened some time ago. With delay it overshoots, and from then on swings.",
            ],
            {
                "resource_stability": ("Period of the split under a constant load, by delay and step.", figure),
                "resource_swing": (
                    "Requests missed beyond those that the best split of each moment would miss, one worker a step, by delay and swing.",
                    swinging,
                ),
            },
            {
                "resource_stability": (
                    "Planner by delay and step",
                    pl.DataFrame(
                        {
                            "delay_s": np.repeat(stable.delays_s, len(GAINS) * len(SWINGS)),
                            "workers_a_step": np.tile(np.repeat(stable.gains, len(SWINGS)), len(DELAYS_S)),
                            "swing": np.tile(stable.swings, len(DELAYS_S) * len(GAINS)),
                            "period": stable.period.ravel(),
                            "excess_missed": stable.excess_missed.ravel(),
                        }
                    ),
                )
            },
        ),
    ]


def _attribution(itl: Latency, step: Callable[[str], None]) -> Section:
    frames = []
    for split in ((1, 2), (2, 1), (1, 5), (2, 4), (3, 3)):
        step(f"coupled games: whose loss at {split[0]}P/{split[1]}D")
        cluster = coupled_cluster(itl, sum(split))
        frames.append(attribution_by_load(cluster, split, REQUESTS))
    every = pl.concat(frames)
    deep = every.filter(pl.col("split") == "1P/5D")
    shares = {name: deep[f"{name}_ms"].to_numpy() for name in ("allocation", "routing", "caching")}
    ratios = {
        name: every.filter(pl.col("split") == name)["ratio"].to_numpy()
        for name in every["split"].unique(maintain_order=True)
    }
    step("coupled games: orbits")
    cluster = coupled_cluster(itl, 6)
    starts = [cluster.start(s) for s in cluster.splits]
    periods = [coupled_orbits([cluster] * len(starts), starts, 100, delay=delay).period for delay in (0, 1, 3)]
    last = deep.row(-1, named=True)
    return Section(
        "Coupled games: routing, caching, allocation",
        [
            "A closed loop of five groups of requests with a shared prefix each (the paper's templates, S): "
            "prefill, decode at the **measured** ITL, caches of two prefixes a decode worker; splits are held "
            "fixed, as in the paper's runs (P), and requests and caches settle. The model is ours: prefill 13 ms "
            "for 128 tokens (**modelled**), half of it for the prefix. Each layer is then changed to what is best "
            "for all; Shapley values share the loss out.",
            f"At 1P/5D with {last['requests']} in flight a request spends {100 * last['in_prefill']:.0f} % of its "
            f"time at prefill, and {last['allocation_ms']:.0f} of {last['latency_ms'] - last['lowest_ms']:.0f} ms "
            "lost are the split's: in deep saturation it is prefill's exhaustion that costs, as the paper says of "
            "its own runs (P), and no router of decode workers could help.",
            f"A Planner that moves one worker a step, from all {len(starts)} splits: {_ends(periods)}.",
        ],
        {
            "coupled_attribution": (
                "1P/5D held fixed: what routing, caching and the split cost, by requests in flight.",
                plot_shares(
                    deep["requests"].to_numpy(), shares, xlabel="requests in flight", ylabel="loss of mean latency [ms]"
                ),
            ),
            "coupled_ratio": (
                "Latency over the lowest found among all splits of the same budget, by requests in flight.",
                plot_curves(REQUESTS, ratios, ylabel="latency / lowest [1]", xlabel="requests in flight"),
            ),
        },
        {"coupled_attribution": ("Loss by split and load", every)},
    )


def coupled_cluster(itl: Latency, budget: int) -> ServingCluster:
    """Five groups on a budget of workers; the times of the report."""
    return ServingCluster(budget, [2] * 5, itl, places=2, own_ms=6.5, prefix_ms=6.5, transfer_ms=1.0)


def _ends(periods: list[np.ndarray]) -> str:
    told = [
        f"{int((p == 1).sum())} settle and {int((p > 1).sum())} cycle if it sees {d} steps late"
        for p, d in zip(periods, (0, 1, 3), strict=True)
    ]
    return ", ".join(told)


def _runs(names: list[str], loads: np.ndarray) -> str:
    """Names in a row as ranges of loads."""
    cuts = [0, *(k for k in range(1, len(names)) if names[k] != names[k - 1]), len(names)]
    return ", ".join(f"{names[a]} {loads[a]:.3g} to {loads[b - 1]:.3g}" for a, b in zip(cuts, cuts[1:], strict=False))
