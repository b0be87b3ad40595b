"""Selfish caching on hierarchical clusters and with storage tiers: what Remark 2 leaves out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from poagame.anarchy import price_of_anarchy
from poagame.anarchy.growth import GrowthExponent, growth_exponent
from poagame.bounds import caching_clusters
from poagame.games.caching import CachingGame
from poagame.games.instances import caching_hierarchy
from poagame.games.tiers import Tiers
from poagame.paper.record import Claim, Finding, Standing

RATIOS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Cost of a link between cliques over one within."""

GROWTH = {
    "more": ("more cliques of 8", tuple((m, 8) for m in (2, 4, 8, 16, 32, 64, 128)), 0.0),
    "larger": ("two cliques that grow", tuple((2, g) for g in (8, 16, 32, 64, 128, 256, 512)), 1.0),
    "both": ("as many cliques as nodes in each", tuple((k, k) for k in (4, 6, 8, 12, 16, 24, 32)), 0.5),
}
"""Ways in which a cluster grows from 16 to 1,024 nodes: in words, cliques and nodes in each, exponent while ratios are large."""


def fitted(way: str, ratio: float) -> GrowthExponent:
    """Exponent of the exact price of anarchy in the number of nodes."""
    shapes = GROWTH[way][1]
    return growth_exponent([m * g for m, g in shapes], [caching_clusters(m, g, ratio).value for m, g in shapes])


def solved(shapes: Sequence[tuple[int, int]], ratio: float) -> float:
    """Largest relative difference of the formula to solved games of its worst placement cost."""
    off = 0.0
    for m, g in shapes:
        report = price_of_anarchy(caching_hierarchy(m, g, 1.0 / ratio, 1.0))
        off = max(off, abs(report.poa / caching_clusters(m, g, ratio).value - 1.0))
    return off


def at_most_root(
    cliques: int = 2, ratio: float = 1000.0, shapes: Sequence[tuple[int, int]] = ((2, 3), (3, 3), (2, 6))
) -> Finding:
    """Clusters of a few cliques that grow, against √n."""
    sizes = (8, 16, 32, 64, 128, 256, 512)
    values = [caching_clusters(cliques, g, ratio).value for g in sizes]
    fit = growth_exponent([cliques * g for g in sizes], values)
    off = solved(shapes, ratio)
    figures = {"exponent": fit.exponent, "exponent_low": fit.low, "exponent_high": fit.high, "off": off}
    figures |= {f"poa_{cliques * g}": value for g, value in zip(sizes, values, strict=True)}
    text = (
        "m cliques of g nodes, links between them R times as dear as within, unit demands: over all placement costs the price of anarchy "
        "is exactly (1 + (m − 1) g R/(R + g − 1))/m (our proof, at poagame.bounds.caching_clusters; "
        f"{len(shapes)} solved games {'agree' if off <= 1e-9 else 'do not agree'}). With m = {cliques} and R = {ratio:g} it is "
        f"{values[0]:.2f} to {values[-1]:.1f} at n = {cliques * sizes[0]} to {cliques * sizes[-1]}: exponent {fit}, a 95 % interval."
    )
    if off > 1e-9:
        decides = "a formula that agrees with the solved games"
        return Finding(Standing.UNDECIDED, "instances", text, decided_by=decides, figures=figures)
    if fit.low <= 0.5:
        return Finding(Standing.HOLDS, "instances", text, figures=figures)
    text += (
        f" With R growing along, {cliques} cliques have a price of anarchy of order n. It stays below R and below g: at links of fixed "
        "costs it is bounded, and where g is O(√n) so is it. In the counterexample, two cliques of 6, it exceeds √n."
    )
    assumption = "the ratio of link costs is fixed (then it is O(1)), or cliques grow as √n at most"
    small = caching_hierarchy(2, 6, 1.0 / ratio, 1.0)
    return Finding(Standing.HOLDS_UNDER, "theorem", text, assumption, small, figures=figures)


def grows_with(ratios: Sequence[float] = RATIOS, tolerance: float = 0.15) -> Finding:
    """Fitted exponents of three ways to grow, for several ratios of link costs."""
    fits = {(way, ratio): fitted(way, ratio) for way in GROWTH for ratio in ratios}
    figures: dict[str, float] = {}
    for (way, ratio), fit in fits.items():
        figures |= {
            f"{way}_{ratio:g}": fit.exponent,
            f"{way}_{ratio:g}_low": fit.low,
            f"{way}_{ratio:g}_high": fit.high,
        }
    rows = [
        f"{words}: {', '.join(f'{fits[way, ratio].exponent:.2f} ± {_half(fits[way, ratio]):.2f}' for ratio in ratios)}"
        for way, (words, _, _) in GROWTH.items()
    ]
    text = (
        f"Exponents of the exact price of anarchy in n from 16 to 1,024 with 95 % intervals, links between cliques "
        f"{', '.join(f'{ratio:g}' for ratio in ratios)} times as dear as within: {'; '.join(rows)}."
    )
    far = max(ratios)
    if any(abs(fits[way, far].exponent - wanted) > tolerance for way, (_, _, wanted) in GROWTH.items()):
        decides = (
            f"ratios of link costs beyond {far:g}, at which exponents come near to those of free links within cliques"
        )
        return Finding(Standing.UNDECIDED, "instances", text, decided_by=decides, figures=figures)
    text += (
        " Proof: (1 + (m − 1) h)/m with h = g R/(R + g − 1), which is near g for g far below R and near R for g far above. So it nears "
        "g as m grows; it is about g/2 = n/4 for m = 2, and about g = √n for m = g; and it is below R in any case."
    )
    return Finding(Standing.HOLDS, "theorem", text, figures=figures)


def _half(fit: GrowthExponent) -> float:
    return (fit.high - fit.low) / 2.0


def one_with_tiers(
    nodes: int = 8, price: Sequence[float] = (1.0, 0.2), access: Sequence[float] = (0.0, 0.7), apart: float = 0.05
) -> Finding:
    """A complete graph with a fast and a slow tier, and the same with the fast one alone; equal demands, placement cost 1."""
    distance = apart * (1.0 - np.eye(nodes))
    both = CachingGame(distance, 1.0, tiers=Tiers(["fast", "slow"], price, access))
    alone = CachingGame(distance, 1.0, tiers=Tiers(["fast"], price[:1], access[:1]))
    report, before = price_of_anarchy(both), price_of_anarchy(alone)
    figures = {
        "poa": report.poa,
        "pos": report.pos,
        "poa_alone": before.poa,
        "best": report.best.social_cost,
        "worst_alone": before.worst.social_cost,
    }
    text = (
        f"{nodes} nodes {apart:g} apart, equal demands, placement cost 1; a fast tier at price {price[0]:g} and access {access[0]:g}, a "
        f"slow one at {price[1]:g} and {access[1]:g}: price of anarchy {report.poa:.3f}, of stability {report.pos:.3f}; with the fast "
        f"tier alone {before.poa:.3f}. Equilibria cost {report.best.social_cost:.2f} at least, and {before.worst.social_cost:.2f} at "
        "most without the slow tier."
    )
    if report.poa <= 1.0 + 1e-9:
        return Finding(Standing.HOLDS, "instances", text, figures=figures)
    text += (
        " A node that would hold the fast copy for all does better with a slow one for itself. In general n bounds both the price of "
        "anarchy with tiers and the factor by which a further tier raises the cost of equilibria, and no smaller number does (our "
        "proof, at poagame.bounds.caching_tiers)."
    )
    return Finding(Standing.FAILS, "theorem", text, counterexample=both, figures=figures)


CLAIMS = (
    Claim(
        "caching-clusters",
        "On hierarchical clusters, cliques of nodes joined by slower links, the price of anarchy of selfish caching is O(√n).",
        "Remark 2, of sparse topologies (S), for clusters by a reading of ours (I)",
        at_most_root,
    ),
    Claim(
        "caching-clusters-grow",
        "Selfish caching's price of anarchy on a cluster saturates as cliques are added, grows as n as a few are enlarged and as √n as "
        "both happens, until it meets the ratio of link costs.",
        "our own (I)",
        grows_with,
    ),
    Claim(
        "caching-complete-tiers",
        "On a complete graph selfish caching has price of anarchy 1 with the tiers of the storage hierarchy, too.",
        "Remark 2 (S) and the tiers of Game 2 (P), put together by us (I): its tiers may not be meant",
        one_with_tiers,
    ),
)
