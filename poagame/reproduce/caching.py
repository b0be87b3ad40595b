"""Selfish placement of KV blocks: by topology, with payments and leaders, with more storage, and as it gets scarce."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from poagame import bounds
from poagame.anarchy import price_of_anarchy
from poagame.anarchy.leader import led_anarchy
from poagame.anarchy.paradox import more_storage, search_paradox
from poagame.anarchy.payments import payment_anarchy
from poagame.anarchy.pressure import PressureCurve, pressure_curve
from poagame.games import instances, topologies
from poagame.games.caching import CachingGame
from poagame.games.hierarchy import kv_tiers
from poagame.games.tiers import Tiers
from poagame.measured import read_requests
from poagame.measured.blocks import block_demand
from poagame.plotting import plot_curves, plot_placements
from poagame.reproduce.section import Section

SIZES = (4, 9, 16, 25, 36, 64)
FRACTIONS = np.linspace(0.0, 1.0, 9)
PRESSURES = np.array([0.8, 1.0, 1.3, 1.6, 2.0, 2.3, 2.6, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0, 64.0])
GPUS = (2, 4)
"""Nodes and GPUs a node under pressure."""

RECOMPUTED = 96_000.0
"""µs to compute a block of 512 tokens anew: half of a measured TTFT of 1,024 tokens (B200, Llama-3.1-70B, TP4, 4 in flight)."""

TOPOLOGIES: dict[str, Callable[[int], CachingGame]] = {
    "any metric": instances.caching_uniform_worst,
    "cliques, √n of √n": lambda n: bounds.caching_clusters(round(n**0.5), round(n**0.5), 100.0).instance,
    "line": instances.caching_line,
    "ring": instances.caching_ring,
    "grid": lambda n: instances.caching_grid(round(n**0.5)),
    "star": instances.caching_star,
    "complete": instances.caching_complete,
}


def caching_sections(step: Callable[[str], None], trace: Path | None = None) -> list[Section]:
    """Sections of the caching game.

    Parameters
    ----------
    step : callable
        Told what comes next.
    trace : Path, optional
        Requests with block hashes, such as a Mooncake trace: blocks whose demand is then swept over pressure, too.
    """
    return [
        _by_topology(step),
        _placements(step),
        _leaders(step),
        _paradox(step),
        _pressure(step, trace),
    ]


def _by_topology(step: Callable[[str], None]) -> Section:
    rows: list[dict[str, Any]] = []
    for name, make in TOPOLOGIES.items():
        step(f"caching on topologies: {name}")
        for n in SIZES:
            game = make(n)
            found = price_of_anarchy(game)
            rows.append(
                {
                    "topology": name,
                    "nodes": n,
                    "placement_cost": float(game.placement_cost[0]),
                    "poa": found.poa,
                    "poa_high": found.poa_high,
                    "pos": found.pos,
                    "exact": found.exact,
                    "max_regret": found.worst.certificate.max_regret,
                    "known": game.certified.get("poa"),
                }
            )
    frame = pl.DataFrame(rows)
    curves = {name: frame.filter(pl.col("topology") == name)["poa"].to_numpy() for name in TOPOLOGIES}
    return Section(
        "Caching: what topology does",
        [
            "Selfish caching (Chun et al. 2004), one object and unit demands: a node keeps a replica at cost α or "
            "reads the nearest one. Each topology at the placement cost that is worst for it as far as known; all "
            "equilibria and optima **solved**, by bitmasks or integer programmes, and certified.",
            "The paper conjectures 1 on a complete graph and order √n on sparse ones (Remark 2, S). The first holds "
            "for equal demands. Lines grow as √n/2, but cliques joined by slow links reach √n if they are as many "
            "as large, and general metrics n/2: it is not sparsity that costs, it is a slow link to many.",
        ],
        {
            "caching_topologies": (
                "Price of anarchy of selfish caching against nodes, by topology.",
                plot_curves(SIZES, curves, ylabel="PoA [1]", xlabel="nodes [1]", log_value=True),
            )
        },
        {"caching_topologies": ("Prices of anarchy by topology", frame)},
    )


def _placements(step: Callable[[str], None]) -> Section:
    step("caching: equilibrium beside optimum")
    cluster = topologies.two_level(4, 8, intra=1.0, inter=10.0)
    mesh = topologies.random_geometric(24, 0.35, seed=1, hop=1.0)
    unit = float(np.median(mesh.distance))
    games = {
        "cluster": (cluster, CachingGame(cluster.distance, 12.0)),
        "mesh": (mesh, CachingGame(mesh.distance, 1.5 * unit)),
    }
    figures = {}
    for name, (topology, game) in games.items():
        found = price_of_anarchy(game)
        placements = {"worst equilibrium": found.worst.profile, "optimum": found.optimum.profile}
        caption = (
            f"{topology.name}: worst equilibrium and optimum (price of anarchy {found.poa:.4g}, exact: {found.exact})."
        )
        figures[f"caching_{name}"] = (caption, plot_placements(topology, game, placements))
    return Section(
        "Caching: equilibrium beside optimum",
        [
            "Each of 32 GPUs reads one block; α is a little above the cost of reading across nodes. No GPU wants a "
            "second replica, though one a node would save its seven neighbours five times as much as it costs."
        ],
        figures,
    )


def _leaders(step: Callable[[str], None]) -> Section:
    mesh = topologies.random_geometric(12, 0.45, seed=5, hop=1.0)
    games = {
        "star of colocated nodes": instances.caching_uniform_worst(12),
        "two clusters": instances.caching_two_clusters(12, 10.0),
        "cliques, 3 of 4": bounds.caching_clusters(3, 4, 100.0).instance,
        "line": instances.caching_line(12),
        "mesh": CachingGame(mesh.distance, 1.5 * float(np.median(mesh.distance))),
    }
    rows: list[dict[str, Any]] = []
    curves: dict[str, Any] = {}
    for name, game in games.items():
        step(f"caching under a leader: {name}")
        plain, paid = price_of_anarchy(game), payment_anarchy(game)
        led = led_anarchy(game, FRACTIONS)
        curves[name] = led.poa
        half = int(np.argmax(FRACTIONS >= 0.5))
        rows.append(
            {
                "game": name,
                "poa": plain.poa,
                "pos": plain.pos,
                "poa_payments": paid.poa,
                "pos_payments": paid.pos,
                "poa_half_led": led.poa[half],
                "exact": plain.exact and paid.exact and bool(led.exact.all()),
            }
        )
    return Section(
        "Caching: payments and leaders",
        [
            "With side payments some equilibrium is optimal in every game (proved; "
            "`poagame.solvers.caching.payments`), but the worst is no better than without: nobody has to bid.",
            "A leader that fixes the optimum at a fraction of the nodes, those that hold copies first, ends the "
            "loss once it rules all of them; before, more leadership may do harm (`poagame.anarchy.leader` has a "
            "game).",
        ],
        {
            "caching_leader": (
                "Price of anarchy when a leader fixes the optimum at a fraction of 12 nodes, its holders first.",
                plot_curves(
                    FRACTIONS,
                    curves,
                    ylabel="PoA [1]",
                    xlabel="fraction of nodes ruled by the leader [1]",
                    log_load=False,
                ),
            )
        },
        {"caching_leader": ("Prices of anarchy and stability without and with payments", pl.DataFrame(rows))},
    )


def _paradox(step: Callable[[str], None]) -> Section:
    step("caching: the cache paradox")
    rows: list[dict[str, Any]] = []
    for name, make in (("line to a server", instances.cache_paradox), ("2 × 2 cluster", instances.cluster_paradox)):
        change = more_storage(make(False), make(True).capacity)
        for when, found in (("before", change.equilibria_before), ("after", change.equilibria_after)):
            rows.append(
                {
                    "game": name,
                    "cache": when,
                    "equilibria": found.num_equilibria,
                    "best_equilibrium": found.best_cost,
                    "worst_equilibrium": found.worst_cost,
                    "optimum": found.optimum_cost,
                    "poa": found.worst_cost / found.optimum_cost,
                }
            )
    for places in (1, 2):
        found = price_of_anarchy(instances.doubling_cluster(places))
        rows.append(
            {
                "game": "2 × 3 cluster",
                "cache": ("one place each", "two places each")[places - 1],
                "equilibria": None,
                "best_equilibrium": found.best.social_cost,
                "worst_equilibrium": found.worst.social_cost,
                "optimum": found.optimum.social_cost,
                "poa": found.poa,
            }
        )
    searches = []
    for change, games in (("node", 200), ("double", 60)):
        step(f"caching: a search for paradoxes ({change})")
        searches.append(str(search_paradox(change, games=games)))  # pyright: ignore[reportArgumentType] - the literals above
    return Section(
        "Caching: the cache paradox",
        [
            "More storage never raises the optimum, but it may raise **every** equilibrium (after Ma, Yeh and "
            "Huang; these games are ours, all placements looked at). On two NVLink nodes of two GPUs one further "
            "place makes the only equilibrium 1.58 times as dear; on two of three GPUs twice the places of all make it "
            "1.39 times as dear (integer programmes).",
            "A short search on clusters of two nodes of two GPUs and three objects, climbing from random games; "
            "longer ones are in docs/caching.md:\n\n```text\n" + "\n\n".join(searches) + "\n```",
        ],
        {},
        {
            "caching_paradox": (
                "Equilibria before and after one more cache, or twice the places of all",
                pl.DataFrame(rows),
            )
        },
    )


def _pressure(step: Callable[[str], None], trace: Path | None) -> Section:
    cluster = topologies.two_level(*GPUS)
    access = float(kv_tiers().access[0])
    step("caching under pressure: synthetic sessions")
    workloads = {
        "synthetic sessions": instances.caching_sessions(cluster.distance, access=access, miss_cost=RECOMPUTED),
    }
    words = [
        f"{GPUS[0]} nodes of {GPUS[1]} GPUs, NVLink 5 within and InfiniBand NDR across (µs to move a block of 512 "
        "tokens in bf16 to one GPU), a miss computes the block anew (half of the **measured** TTFT of 1,024 tokens "
        "in fp8 on four GPUs: the two are of different deployments). A place costs nothing, but there are few: "
        "pressure is a GPU's working set over its places. Optima are flows on the hierarchy of links, with a bound; "
        "equilibria are those that best response reached from six starts, each certified, so the price of anarchy "
        "is at least what is drawn.",
        "**Synthetic** sessions: each turn reads all blocks of its session so far, on a worker chosen blindly.",
    ]
    if trace is None:
        words.append("`poagame reproduce --trace FILE` repeats this on a trace with block hashes, such as Mooncake's.")
    else:
        step(f"caching under pressure: {trace.name}")
        demand = block_demand(read_requests(trace), GPUS[0] * GPUS[1])
        tier = Tiers(["HBM"], [1.0], [access])
        workloads[trace.name] = CachingGame(cluster.distance, 0.0, demand.demand, tier, miss_cost=RECOMPUTED)
        words.append(
            f"{trace.name}: {demand!r}, requests sent to the GPUs in turn. The trace is real; where requests ran is "
            f"ours."
        )
    figures: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    for k, (name, game) in enumerate(workloads.items()):
        step(f"caching under pressure: {name}")
        found = pressure_curve(game, PRESSURES)
        pooled = found.working_set * game.num_players / int((np.asarray(game.demand) > 0).any(axis=0).sum())
        words.append(_told(name, found, pooled))
        stem = "caching_pressure" if k == 0 else "caching_pressure_trace"
        curves = {"worst equilibrium found": found.worst_ratio, "best equilibrium found": found.best_ratio}
        figures[stem] = (
            f"{name}: equilibria over the optimum against memory pressure; from {pooled:.3g} on the pool of all GPUs is "
            f"too small for all blocks.",
            plot_curves(PRESSURES, curves, ylabel="cost / optimum [1]", xlabel="working set / HBM places of a GPU [1]"),
        )
        tables[stem] = (f"{name}: values behind the figure", _frame(found))
    return Section("Caching under memory pressure", words, figures, tables)


def _told(name: str, found: PressureCurve, pooled: float) -> str:
    """What one curve shows, each phrase from its numbers."""
    proved = (found.optimum_low >= found.optimum_cost * (1.0 - 1e-9)).all()
    words = [f"{name}: the optima are {'exact' if proved else 'not all proved (the table has their bounds)'}."]
    words.append(f"The pool of all GPUs holds all blocks up to pressure {pooled:.3g}.")
    known = np.isfinite(found.worst_ratio)
    if known.any():
        ratio = np.where(known, found.worst_ratio, -np.inf)
        lossless = known & (found.worst_ratio <= 1.0 + 1e-9)
        if lossless[0]:
            last = int(np.argmin(lossless)) - 1 if not lossless.all() else len(lossless) - 1
            words.append(f"No equilibrium found loses anything up to pressure {found.pressure[last]:g}.")
        peak = int(ratio.argmax())
        words.append(f"The largest ratio found is {ratio[peak]:.4g}, at {found.pressure[peak]:g}.")
        if known[-1] and peak < len(ratio) - 1:
            words.append(f"At {found.pressure[-1]:g} it is {ratio[-1]:.4g}.")
    else:
        words.append("Best response reached no equilibrium.")
    lonely = int(np.argmax(found.alone_ratio))
    words.append(
        f"Caches that know of no peers, each keeping what it reads most, cost up to {found.alone_ratio[lonely]:.3g} times the optimum "
        f"(at {found.pressure[lonely]:g})."
    )
    return " ".join(words)


def _frame(found: PressureCurve) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "pressure": found.pressure,
            "places": found.capacity,
            "optimum_us": found.optimum_cost,
            "optimum_bound_us": found.optimum_low,
            "worst_found": found.worst_ratio,
            "best_found": found.best_ratio,
            "no_peers": found.alone_ratio,
            "converged": found.converged,
        }
    )
